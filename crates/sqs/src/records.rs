//! What SQS persists, and how it is read at start.
//!
//! - [`Space::Config`] `sqs\0q` + scope + queue name: the queue ([`QueueRecord`], JSON).
//! - [`Space::Config`] `sqs\0t` + scope + task id: a move task (JSON).
//! - [`Space::Config`] `sqs\0d` + scope + queue name: when a queue of that name was deleted (8 bytes).
//! - [`Space::Config`] `sqs\0s` + queue number: records of messages below a number (8 bytes) that nobody sees any more and that are yet to be removed.
//! - [`Space::Queue`] queue number + `c` + message number: a message's content, written once.
//! - [`Space::Queue`] queue number + `i` + message number: a page of the [`index`], of messages from this number on.
//! - [`Space::Queue`] queue number + `d` + message number: what a message sent to a FIFO queue was deduplicated by, for five minutes.
//! - [`Space::Queue`] queue number + `r` + attempt id: what a receive that can be repeated gave, for five minutes.
//! - [`Space::Queue`] queue number + `s` + message number: what its receives changed ([`Receives`]), absent before the first.
//!
//! [`Space::Config`]: pontoon_core::Space::Config
//! [`Space::Queue`]: pontoon_core::Space::Queue
//! [`index`]: crate::state::index

mod load;

use std::collections::BTreeMap;

use bytes::Bytes;
use pontoon_core::{KeyRange, Scope, ServiceId, Timestamp, records};
use serde::{Deserialize, Serialize};

pub use load::{Loaded, load, load_messages, load_recent};

use crate::state::attempts::Attempt;
use crate::state::attributes::Attributes;
use crate::state::deduplication::Sent;
use crate::state::message::Header;
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

/// Key of a queue.
#[must_use]
pub fn queue_key(scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Sqs, b'q', scope, name)
}

/// Key of a move task.
#[must_use]
pub fn task_key(scope: Scope, id: &str) -> Vec<u8> {
    records::key(ServiceId::Sqs, b't', scope, id)
}

/// Key of what is left of a queue.
#[must_use]
pub fn sweep_key(queue: u64) -> Vec<u8> {
    [&records::prefix(ServiceId::Sqs)[..], b"s", &queue.to_be_bytes()].concat()
}

/// All that there is of messages of a queue with numbers below this.
pub fn spans(queue: u64, below: u64) -> impl Iterator<Item = KeyRange> {
    let of = move |kind| KeyRange::between(message_key(queue, kind, 0), message_key(queue, kind, below));
    [b'c', b'd', b'i', b's'].into_iter().map(of)
}

/// Key of a deleted queue's name.
#[must_use]
pub fn deleted_key(scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Sqs, b'd', scope, name)
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

/// Key of the page of the index that tells of messages from this one on.
#[must_use]
pub fn page_key(queue: u64, first: u64) -> Vec<u8> {
    message_key(queue, b'i', first)
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

/// The keys of sends with numbers from `from` on.
#[must_use]
pub fn sent_range(queue: u64, from: u64) -> KeyRange {
    KeyRange::between(sent_key(queue, from), sent_key(queue, u64::MAX))
}

/// Reads a send with its key in the store: what it is found by, and the send.
#[must_use]
pub fn read_sent<'a>(key: &[u8], bytes: &'a [u8]) -> Option<(&'a str, Sent)> {
    decode_sent(key.get(9..)?.try_into().ok().map(u64::from_be_bytes)?, bytes)
}

/// Reads a send: what it is found by, and the send. `None` if it is not one.
#[must_use]
pub fn decode_sent(number: u64, bytes: &[u8]) -> Option<(&str, Sent)> {
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

/// A message at rest, read from the store.
#[derive(Debug)]
pub struct Resting {
    /// What is known of it.
    pub message: Message,
    /// Its group's name.
    pub group: Option<String>,
    /// Its content.
    pub content: Bytes,
}

/// Reads a message at rest with `read`; `None` if the store does not have it. `received` says whether it has a record of its receives.
pub fn read_resting(
    queue: u64,
    number: u64,
    received: bool,
    read: impl Fn(&[u8]) -> Option<Bytes>,
) -> Option<Resting> {
    let content = read(&content_key(queue, number))?;
    let header = Header::decode(&content)?;
    let receives = match received {
        true => Some(Receives::decode(&read(&receives_key(queue, number))?)?),
        false => None,
    };
    let (message, group) = (message(&header, receives.as_ref()), header.group.map(str::to_owned));
    Some(Resting { message, group, content })
}

fn message(header: &Header<'_>, receives: Option<&Receives>) -> Message {
    Message {
        sent_at: header.sent_at,
        // A dead letter is visible from its arrival on.
        arrived_at: if header.carried_receives > 0 { header.visible_at } else { header.sent_at },
        due: receives.map_or(header.visible_at, |receives| receives.due),
        first_received: receives.map(|receives| receives.first),
        last_received: receives.map(|receives| receives.last),
        receive_count: receives.map_or(header.carried_receives, |receives| receives.count),
        carried_receives: header.carried_receives,
        place: match receives {
            // Whoever looks first makes visible what is due.
            Some(receives) if receives.count > header.carried_receives => Place::InFlight,
            // A dead letter is older than its arrival, from which on it is visible.
            None if header.visible_at > header.sent_at && header.carried_receives == 0 => Place::Delayed,
            _ => Place::Visible,
        },
        group: None,
        content: None,
    }
}
