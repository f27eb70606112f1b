//! What SQS persists, and how it is read at start.
//!
//! - [`Space::Config`] `sqs\0q` + scope + queue name: the queue ([`QueueRecord`], JSON).
//! - [`Space::Config`] `sqs\0t` + scope + task id: a move task (JSON).
//! - [`Space::Config`] `sqs\0d` + scope + queue name: when a queue of that name was deleted (8 bytes).
//! - [`Space::Queue`] queue number + `c` + message number: a message's content, written once.
//! - [`Space::Queue`] queue number + `s` + message number: what its receives changed ([`Receives`]), absent before the first.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use pontoon_core::{Direction, KeyRange, LoadError, Scope, Space, StoreRead, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::attributes::Attributes;
use crate::state::message::Content;
use crate::state::move_task::MoveTask;
use crate::state::queue::{Message, Place};

/// A queue without its messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueueRecord {
    /// Number that its messages are stored under; never used again.
    pub number: u64,
    /// Messages are numbered below this; a restart goes on from here, so that no number is used again though its message be gone.
    #[serde(default)]
    pub numbers_below: u64,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Attributes last changed, milliseconds.
    pub modified_millis: i64,
    /// Attributes.
    pub attributes: Attributes,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// What a message's receives changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receives {
    /// How often it was received.
    pub count: u32,
    /// When first.
    pub first: Timestamp,
    /// When it becomes visible again.
    pub due: Timestamp,
    /// When last.
    pub last: Timestamp,
}

impl Receives {
    /// The form in the store.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let mut bytes = Vec::with_capacity(28);
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(&self.first.millis().to_be_bytes());
        bytes.extend_from_slice(&self.due.millis().to_be_bytes());
        bytes.extend_from_slice(&self.last.millis().to_be_bytes());
        bytes.into()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (due, rest) = rest.split_first_chunk::<8>()?;
        // Records of older versions end here.
        let last = rest.split_first_chunk::<8>().map_or(first, |(last, _)| last);
        let instant = |bytes: &[u8; 8]| Timestamp::from_millis(i64::from_be_bytes(*bytes));
        Some(Self {
            count: u32::from_be_bytes(*count),
            first: instant(first),
            due: instant(due),
            last: instant(last),
        })
    }
}

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    let mut key = b"sqs\0".to_vec();
    key.push(kind);
    key.extend_from_slice(&scope.key());
    key.extend_from_slice(name.as_bytes());
    key
}

/// Key of a queue.
#[must_use]
pub fn queue_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b'q', scope, name)
}

/// Key of a move task.
#[must_use]
pub fn task_key(scope: Scope, id: &str) -> Vec<u8> {
    config_key(b't', scope, id)
}

/// Key of a deleted queue's name.
#[must_use]
pub fn deleted_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b'd', scope, name)
}

fn message_key(queue: u64, kind: u8, message: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.extend_from_slice(&queue.to_be_bytes());
    key.push(kind);
    key.extend_from_slice(&message.to_be_bytes());
    key
}

/// Key of a message's content.
#[must_use]
pub fn content_key(queue: u64, message: u64) -> Vec<u8> {
    message_key(queue, b'c', message)
}

/// Key of what a message's receives changed.
#[must_use]
pub fn receives_key(queue: u64, message: u64) -> Vec<u8> {
    message_key(queue, b's', message)
}

/// A plain record as JSON.
#[must_use]
pub fn to_json(record: &impl Serialize) -> Vec<u8> {
    let bytes = serde_json::to_vec(record);
    assert!(bytes.is_ok(), "records are plain data, which always has a JSON form: {:?}", bytes.err());
    bytes.unwrap_or_default()
}

/// Everything that is persisted but the messages.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Queues by scope and name.
    pub queues: Vec<(Scope, String, QueueRecord)>,
    /// Move tasks.
    pub tasks: Vec<(Scope, MoveTask)>,
    /// Names of deleted queues and when.
    pub deleted: Vec<(Scope, String, Timestamp)>,
}

/// Reads everything but the messages.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    let mut bad = None;
    store.scan(Space::Config, &KeyRange::prefix(b"sqs\0"), Direction::Ascending, &mut |key, value| {
        match load_one(&mut loaded, &key[4..], value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                bad = Some(LoadError::new(format!("a record of SQS cannot be read: {why}")));
                ControlFlow::Break(())
            }
        }
    })?;
    bad.map_or(Ok(loaded), Err)
}

fn load_one(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    let (kind, rest) = key.split_first().ok_or("its key is cut")?;
    let (scope, name) = Scope::split_key(rest).ok_or("its key names no scope")?;
    let name = String::from_utf8(name.to_vec()).map_err(|_| "its key is not text")?;
    let json = |error: serde_json::Error| error.to_string();
    match kind {
        b'q' => loaded.queues.push((scope, name, serde_json::from_slice(value).map_err(json)?)),
        b't' => loaded.tasks.push((scope, serde_json::from_slice(value).map_err(json)?)),
        b'd' => {
            let millis = i64::from_be_bytes(value.try_into().map_err(|_| "its instant is cut")?);
            loaded.deleted.push((scope, name, Timestamp::from_millis(millis)));
        }
        _ => return Err("its key is of no known kind".to_owned()),
    }
    Ok(())
}

/// Reads the messages of a queue, by number. Contents stay in the store.
///
/// # Errors
/// If a record cannot be read.
pub fn load_messages(store: &dyn StoreRead, queue: u64) -> Result<BTreeMap<u64, Message>, LoadError> {
    let mut messages = BTreeMap::new();
    let mut bad = false;
    let range = KeyRange::prefix(&queue.to_be_bytes());
    store.scan(Space::Queue, &range, Direction::Ascending, &mut |key, value| {
        let number = key.get(9..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
        let read = match (key.get(8), number) {
            (Some(b'c'), Some(number)) => Content::decode(value).map(|content| {
                messages.insert(number, unreceived(&content));
            }),
            (Some(b's'), Some(number)) => Receives::decode(value).map(|receives| {
                if let Some(message) = messages.get_mut(&number) {
                    received(message, receives);
                }
            }),
            _ => None,
        };
        bad = read.is_none();
        if bad { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if bad {
        return Err(LoadError::new(format!("a message of the queue with number {queue} cannot be read")));
    }
    Ok(messages)
}

fn unreceived(content: &Content) -> Message {
    Message {
        sent_at: content.sent_at,
        due: content.visible_at,
        first_received: None,
        last_received: None,
        receive_count: content.carried_receives,
        carried_receives: content.carried_receives,
        // Whoever looks first makes visible what is due.
        place: Place::Delayed,
        content: None,
    }
}

fn received(message: &mut Message, receives: Receives) {
    message.receive_count = receives.count;
    message.first_received = Some(receives.first);
    message.last_received = Some(receives.last);
    message.due = receives.due;
    message.place = Place::InFlight;
}
