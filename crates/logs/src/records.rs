//! What CloudWatch Logs persists, and how it is read at start.
//!
//! - [`Space::Config`] `logs\0g` + scope + name: a log group ([`GroupRecord`], JSON).
//! - [`Space::Config`] `logs\0p` + scope + name: a resource policy ([`PolicyRecord`], JSON).
//! - [`Space::Config`] `logs\0s` + scope + name: a delivery source ([`SourceRecord`], JSON).
//! - [`Space::Config`] `logs\0t` + scope + name: a delivery destination ([`DestinationRecord`], JSON).
//! - [`Space::Config`] `logs\0d` + scope + id: a delivery ([`DeliveryRecord`], JSON).
//! - [`Space::Config`] `logs\0x` + scope + number in decimal: a deleted log group whose events are still to be removed.
//! - [`Space::Log`] group number + `e` + position: an event ([`Event`]), in order of time over the whole group.
//! - [`Space::Log`] group number + `i` + stream number + position: the index of a stream's events, empty.
//! - [`Space::Log`] group number + `m` + stream number: a log stream ([`StreamRecord`], JSON).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::{Direction, KeyRange, LoadError, Scope, ServiceId, Space, StoreError, StoreRead, records};
use serde::{Deserialize, Serialize};

use crate::state::position::Position;
use crate::state::retention::DAY;

/// A log group without its streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Number that its events are stored under; never used again.
    pub number: u64,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Days that events are kept; `None` for ever.
    pub retention_days: Option<u32>,
    /// ARN of the KMS key that was named; told back only.
    pub kms_key_id: Option<String>,
    /// Whether it refuses to be deleted.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// No event of a deleted stream has this sequence number or a higher one.
    pub sequence_floor: u64,
}

impl GroupRecord {
    /// How long events are kept.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        self.retention_days.map(|days| DAY * days)
    }
}

/// A log stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// Number that its events are indexed under; never used again in its group.
    pub number: u64,
    /// Name.
    pub name: String,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Smallest timestamp of its events, milliseconds.
    pub first_event_millis: Option<i64>,
    /// Largest timestamp that an event of it ever had, milliseconds.
    pub last_event_millis: Option<i64>,
    /// When an event last came, milliseconds.
    pub last_ingestion_millis: Option<i64>,
    /// Bytes of its events, 26 for each beside its message.
    pub stored_bytes: u64,
    /// One past the sequence number of the event that came last.
    pub sequence_end: u64,
    /// Deleted, with events still to be removed.
    pub deleted: bool,
}

/// A resource policy of the account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The document as it was put.
    pub document: String,
    /// Put, milliseconds.
    pub updated_millis: i64,
}

/// A delivery source: one type of a resource's logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// ARN of the resource.
    pub resource_arn: String,
    /// The type.
    pub log_type: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A delivery destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationRecord {
    /// `CWL` or `S3`.
    pub kind: String,
    /// ARN of the log group or the bucket.
    pub resource_arn: String,
    /// Format of the records, as far as given.
    pub output_format: Option<String>,
    /// Who else may deliver to it: a policy, JSON as it was put.
    pub policy: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A delivery: what leads from a source to a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// Name of the source.
    pub source: String,
    /// ARN of the destination, which may be another account's.
    pub destination_arn: String,
    /// Kind of the destination.
    pub kind: String,
    /// Fields of the records, in their order.
    pub fields: Vec<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// An event as it is stored, its message borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'m> {
    /// The stream's number.
    pub stream: u64,
    /// When it came, milliseconds.
    pub ingested_millis: i64,
    /// Message.
    pub message: &'m str,
}

/// Bytes that an event counts for beside its message ("PutLogEvents" of the API reference).
pub const EVENT_OVERHEAD_BYTES: usize = 26;

const EVENT: u8 = b'e';
const INDEX: u8 = b'i';
const STREAM: u8 = b'm';
/// Group number, kind, position.
const EVENT_KEY_BYTES: usize = 8 + 1 + 16;

impl<'m> Event<'m> {
    /// What it counts for.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        (self.message.len() + EVENT_OVERHEAD_BYTES) as u64
    }

    /// The form in the store: stream, ingestion time, message.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let mut bytes = Vec::with_capacity(16 + self.message.len());
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.ingested_millis.to_be_bytes());
        bytes.extend_from_slice(self.message.as_bytes());
        bytes.into()
    }

    /// Reads the form in the store; `None` if it is not one.
    #[must_use]
    pub fn decode(bytes: &'m [u8]) -> Option<Self> {
        let (stream, rest) = bytes.split_first_chunk::<8>()?;
        let (ingested, message) = rest.split_first_chunk::<8>()?;
        Some(Self {
            stream: u64::from_be_bytes(*stream),
            ingested_millis: i64::from_be_bytes(*ingested),
            message: std::str::from_utf8(message).ok()?,
        })
    }
}

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Logs, kind, scope, name)
}

/// Key of a log group.
#[must_use]
pub fn group_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b'g', scope, name)
}

/// Key of a resource policy.
#[must_use]
pub fn policy_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b'p', scope, name)
}

/// Key of a delivery source.
#[must_use]
pub fn source_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b's', scope, name)
}

/// Key of a delivery destination.
#[must_use]
pub fn destination_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b't', scope, name)
}

/// Key of a delivery.
#[must_use]
pub fn delivery_key(scope: Scope, id: &str) -> Vec<u8> {
    config_key(b'd', scope, id)
}

/// Key of a deleted log group.
#[must_use]
pub fn deleted_key(scope: Scope, number: u64) -> Vec<u8> {
    config_key(b'x', scope, &number.to_string())
}

fn log_key(group: u64, kind: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + 1 + 8 + 16);
    key.extend_from_slice(&group.to_be_bytes());
    key.push(kind);
    key
}

/// Everything that is stored of a log group's streams and events.
#[must_use]
pub fn group_range(group: u64) -> KeyRange {
    KeyRange::prefix(&group.to_be_bytes())
}

/// Key of a stream.
#[must_use]
pub fn stream_key(group: u64, stream: u64) -> Vec<u8> {
    let mut key = log_key(group, STREAM);
    key.extend_from_slice(&stream.to_be_bytes());
    key
}

/// Key of an event.
#[must_use]
pub fn event_key(group: u64, position: Position) -> Vec<u8> {
    let mut key = log_key(group, EVENT);
    key.extend_from_slice(&position.to_bytes());
    key
}

/// The events of a group from one place up to another.
#[must_use]
pub fn event_range(group: u64, from: Position, to: Position) -> KeyRange {
    KeyRange::between(event_key(group, from), event_key(group, to))
}

/// Where an event stands, by its key or by that in its stream's index: both end with it.
#[must_use]
pub fn position_of(key: &[u8]) -> Option<Position> {
    key.last_chunk::<16>().filter(|_| key.len() >= EVENT_KEY_BYTES).map(|bytes| Position::from_bytes(*bytes))
}

/// Key of an event in its stream's index.
#[must_use]
pub fn index_key(group: u64, stream: u64, position: Position) -> Vec<u8> {
    let mut key = log_key(group, INDEX);
    key.extend_from_slice(&stream.to_be_bytes());
    key.extend_from_slice(&position.to_bytes());
    key
}

/// The index of a stream.
#[must_use]
pub fn index_range(group: u64, stream: u64, from: Position, to: Position) -> KeyRange {
    KeyRange::between(index_key(group, stream, from), index_key(group, stream, to))
}

/// The whole index of a stream.
#[must_use]
pub fn whole_index(group: u64, stream: u64) -> KeyRange {
    let mut key = log_key(group, INDEX);
    key.extend_from_slice(&stream.to_be_bytes());
    KeyRange::prefix(&key)
}

pub use pontoon_core::records::to_json;

/// What is persisted beside streams and events.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Log groups by scope and name.
    pub groups: Vec<(Scope, String, GroupRecord)>,
    /// Resource policies by scope and name.
    pub policies: Vec<(Scope, String, PolicyRecord)>,
    /// Delivery sources by scope and name.
    pub sources: Vec<(Scope, String, SourceRecord)>,
    /// Delivery destinations by scope and name.
    pub destinations: Vec<(Scope, String, DestinationRecord)>,
    /// Deliveries by scope and id.
    pub deliveries: Vec<(Scope, String, DeliveryRecord)>,
    /// Deleted log groups by scope and number.
    pub deleted: Vec<(Scope, u64)>,
}

/// Reads everything but streams and events.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    records::load(store, ServiceId::Logs, |key, value| load_one(&mut loaded, key, value))?;
    Ok(loaded)
}

fn load_one(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    let (kind, scope, name) = records::split_key(key)?;
    match kind {
        b'g' => loaded.groups.push((scope, name, records::of_json(value)?)),
        b'p' => loaded.policies.push((scope, name, records::of_json(value)?)),
        b's' => loaded.sources.push((scope, name, records::of_json(value)?)),
        b't' => loaded.destinations.push((scope, name, records::of_json(value)?)),
        b'd' => loaded.deliveries.push((scope, name, records::of_json(value)?)),
        b'x' => loaded.deleted.push((scope, name.parse().map_err(|_| "its key has no number")?)),
        _ => return Err("its key is of no known kind".to_owned()),
    }
    Ok(())
}

/// Reads the streams of a log group, deleted ones included.
///
/// # Errors
/// If a record cannot be read.
pub fn load_streams(store: &dyn StoreRead, group: u64) -> Result<Vec<StreamRecord>, LoadError> {
    let mut streams = Vec::new();
    let mut bad = None;
    let range = KeyRange::prefix(&log_key(group, STREAM));
    store.scan(Space::Log, &range, Direction::Ascending, &mut |_, value| {
        match serde_json::from_slice(value) {
            Ok(stream) => streams.push(stream),
            Err(why) => bad = Some(LoadError::new(format!("a log stream cannot be read: {why}"))),
        }
        if bad.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    bad.map_or(Ok(streams), Err)
}

/// The timestamp of a log group's oldest event, milliseconds.
///
/// # Errors
/// If the machine fails the store.
pub fn load_oldest(store: &dyn StoreRead, group: u64) -> Result<Option<u64>, StoreError> {
    let mut oldest = None;
    let range = KeyRange::prefix(&log_key(group, EVENT));
    store.scan(Space::Log, &range, Direction::Ascending, &mut |key, _| {
        oldest = position_of(key).map(|position| position.timestamp);
        ControlFlow::Break(())
    })?;
    Ok(oldest)
}
