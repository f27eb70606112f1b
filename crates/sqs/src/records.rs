//! What SQS persists, and how it is read at start.
//!
//! - [`Space::Config`] `sqs\0q` + scope + queue name: the queue ([`QueueRecord`], JSON).
//! - [`Space::Config`] `sqs\0t` + scope + task id: a move task (JSON).
//! - [`Space::Config`] `sqs\0d` + scope + queue name: when a queue of that name was deleted (8 bytes).
//! - [`Space::Config`] `sqs\0s` + queue number: records of messages below a number (8 bytes) that nobody sees any more and that are yet to be removed.
//! - [`Space::Queue`] queue number + `c` + message number: a message's content, written once.
//! - [`Space::Queue`] queue number + `d` + message number: what a message sent to a FIFO queue was deduplicated by, for five minutes.
//! - [`Space::Queue`] queue number + `r` + attempt id: what a receive that can be repeated gave, for five minutes.
//! - [`Space::Queue`] queue number + `s` + message number: what its receives changed ([`Receives`]), absent before the first.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use pontoon_core::{Direction, KeyRange, LoadError, Scope, Space, StoreRead, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Recent;
use crate::state::attempts::Attempt;
use crate::state::attributes::Attributes;
use crate::state::deduplication::Sent;
use crate::state::message::Header;
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
    /// Last purged, milliseconds.
    #[serde(default)]
    pub purged_millis: Option<i64>,
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

/// Key of what is left of a queue.
#[must_use]
pub fn sweep_key(queue: u64) -> Vec<u8> {
    let mut key = b"sqs\0s".to_vec();
    key.extend_from_slice(&queue.to_be_bytes());
    key
}

/// All that there is of messages of a queue with numbers below this.
pub fn spans(queue: u64, below: u64) -> impl Iterator<Item = KeyRange> {
    let of = move |kind| KeyRange::between(message_key(queue, kind, 0), message_key(queue, kind, below));
    [b'c', b'd', b's'].into_iter().map(of)
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

/// Key of what a message was deduplicated by.
#[must_use]
pub fn sent_key(queue: u64, message: u64) -> Vec<u8> {
    message_key(queue, b'd', message)
}

/// Key of what a receive gave.
#[must_use]
pub fn attempt_key(queue: u64, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + id.len());
    key.extend_from_slice(&queue.to_be_bytes());
    key.push(b'r');
    key.extend_from_slice(id.as_bytes());
    key
}

/// A send as a FIFO queue remembers it: instant, message id, and the key that it is found by.
#[must_use]
pub fn encode_sent(key: &str, sent: &Sent) -> Bytes {
    let mut bytes = Vec::with_capacity(24 + key.len());
    bytes.extend_from_slice(&sent.at.millis().to_be_bytes());
    bytes.extend_from_slice(&sent.id);
    bytes.extend_from_slice(key.as_bytes());
    bytes.into()
}

fn decode_sent(number: u64, bytes: &[u8]) -> Option<(&str, Sent)> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (id, key) = rest.split_first_chunk::<16>()?;
    let sent = Sent { at: Timestamp::from_millis(i64::from_be_bytes(*at)), id: *id, number };
    Some((std::str::from_utf8(key).ok()?, sent))
}

/// What a receive gave: instant, end of its visibility timeout, and number and receive count of each message.
#[must_use]
pub fn encode_attempt(attempt: &Attempt) -> Bytes {
    let mut bytes = Vec::with_capacity(16 + 12 * attempt.messages.len());
    bytes.extend_from_slice(&attempt.at.millis().to_be_bytes());
    bytes.extend_from_slice(&attempt.due.millis().to_be_bytes());
    for (number, receive) in &attempt.messages {
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&receive.to_be_bytes());
    }
    bytes.into()
}

fn decode_attempt(bytes: &[u8]) -> Option<Attempt> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (due, mut rest) = rest.split_first_chunk::<8>()?;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (number, after) = rest.split_first_chunk::<8>()?;
        let (receive, after) = after.split_first_chunk::<4>()?;
        messages.push((u64::from_be_bytes(*number), u32::from_be_bytes(*receive)));
        rest = after;
    }
    let instant = |bytes: &[u8; 8]| Timestamp::from_millis(i64::from_be_bytes(*bytes));
    Some(Attempt { at: instant(at), due: instant(due), messages })
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
    /// What is left of purged and deleted queues: by queue number, the number that its records to be removed are below.
    pub sweeps: BTreeMap<u64, u64>,
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
    let whole_number =
        |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| "its number is cut");
    if *kind == b's' {
        loaded.sweeps.insert(whole_number(rest)?, whole_number(value)?);
        return Ok(());
    }
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

/// Reads the messages of a queue with numbers from `from` on in their order, and hands each over. Contents stay in the store.
///
/// # Errors
/// If a record cannot be read.
pub fn load_messages(
    store: &dyn StoreRead,
    queue: u64,
    from: u64,
    insert: &mut dyn FnMut(u64, &Header<'_>, Message),
) -> Result<(), LoadError> {
    let mut received = HashMap::new();
    scan(store, queue, b's', &mut |key, value| {
        received.insert(number(key)?, Receives::decode(value)?);
        Some(())
    })?;
    scan(store, queue, b'c', &mut |key, value| {
        let number = number(key)?;
        if number < from {
            return Some(());
        }
        let header = Header::decode(value)?;
        insert(number, &header, message(&header, received.get(&number)));
        Some(())
    })
}

/// Reads what a FIFO queue remembers of its last five minutes.
///
/// # Errors
/// If a record cannot be read.
pub fn load_recent(store: &dyn StoreRead, queue: u64, recent: &mut Recent) -> Result<(), LoadError> {
    scan(store, queue, b'd', &mut |key, value| {
        let (key, sent) = decode_sent(number(key)?, value)?;
        recent.sends.remember(key, sent);
        Some(())
    })?;
    let mut attempts = Vec::new();
    scan(store, queue, b'r', &mut |key, value| {
        attempts.push((std::str::from_utf8(key).ok()?.to_owned(), decode_attempt(value)?));
        Some(())
    })?;
    attempts.sort_by_key(|(_, attempt)| attempt.at);
    attempts.into_iter().for_each(|(id, attempt)| recent.attempts.remember(&id, attempt));
    Ok(())
}

/// Reads one record: what follows its kind in the key, and the value; `None` if it cannot.
type ReadRecord<'a> = dyn FnMut(&[u8], &[u8]) -> Option<()> + 'a;

/// Reads the records of one kind of a queue.
fn scan(store: &dyn StoreRead, queue: u64, kind: u8, read: &mut ReadRecord<'_>) -> Result<(), LoadError> {
    let mut prefix = queue.to_be_bytes().to_vec();
    prefix.push(kind);
    let mut bad = false;
    store.scan(Space::Queue, &KeyRange::prefix(&prefix), Direction::Ascending, &mut |key, value| {
        bad = read(&key[9..], value).is_none();
        if bad { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if bad {
        return Err(LoadError::new(format!("a message of the queue with number {queue} cannot be read")));
    }
    Ok(())
}

fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// The messages from a number on.
#[must_use]
pub fn content_range(queue: u64, from: u64) -> KeyRange {
    KeyRange {
        start: Bound::Included(content_key(queue, from)),
        ..KeyRange::prefix(&content_key(queue, 0)[..9])
    }
}

/// A message that was never received, by its key and content; visible if it was never delayed.
#[must_use]
pub fn unreceived(key: &[u8], content: &[u8]) -> Option<(u64, Message)> {
    Some((number(key.get(9..)?)?, message(&Header::decode(content)?, None)))
}

fn message(header: &Header<'_>, receives: Option<&Receives>) -> Message {
    Message {
        sent_at: header.sent_at,
        due: receives.map_or(header.visible_at, |receives| receives.due),
        first_received: receives.map(|receives| receives.first),
        last_received: receives.map(|receives| receives.last),
        receive_count: receives.map_or(header.carried_receives, |receives| receives.count),
        carried_receives: header.carried_receives,
        place: match receives {
            // Whoever looks first makes visible what is due.
            Some(_) => Place::InFlight,
            None if header.visible_at > header.sent_at || header.group.is_some() => Place::Delayed,
            None => Place::Visible,
        },
        group: None,
        content: None,
    }
}
