//! The table's items.
//!
//! | item | `stream` | `version` | other attributes |
//! |---|---|---|---|
//! | event | the stream | its version | `position`, `rest`, `id`, `type`, `event` |
//! | counter of slots | `$slots` | 0 | `last` |
//! | entry of the log | `$log/` and the slot's window | the slot | `at`, and unless it is void `of`, `first`, `count`, `types` |
//! | snapshot | `$snapshot/` and the stream | 0 | `at`, `schema`, `state` |
//! | checkpoint | `$checkpoint/` and the name | 0 | `position`, `resetting` |

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::event_store::{Filter, Position, Recorded, StoreError, StreamId};
use crate::{Envelope, RawPayload};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const STREAM: &str = "stream";
pub(super) const VERSION: &str = "version";
pub(super) const POSITION: &str = "position";
/// How many events of the same append follow.
const REST: &str = "rest";
const ID: &str = "id";
const TYPE: &str = "type";
pub(super) const EVENT: &str = "event";
pub(super) const LAST: &str = "last";
const OF: &str = "of";
const FIRST: &str = "first";
const COUNT: &str = "count";
const TYPES: &str = "types";
pub(super) const AT: &str = "at";
pub(super) const SCHEMA: &str = "schema";
pub(super) const STATE: &str = "state";
pub(super) const RESETTING: &str = "resetting";

/// Slots whose entries share a partition. Few enough that one partition's throughput is no limit, many enough that a reader needs few queries.
pub(super) const WINDOW: u64 = 256;

pub(super) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The key of an item of the store's own.
pub(super) fn own_key(partition: impl Into<String>, version: u64) -> Item {
    Item::from([(STREAM.to_owned(), string(partition)), (VERSION.to_owned(), number(version))])
}

pub(super) fn event_key(stream: &StreamId, version: u64) -> Item {
    own_key(stream.as_str(), version)
}

pub(super) fn counter_key() -> Item {
    own_key("$slots", 0)
}

/// The partition that has the log's entry of that slot.
pub(super) fn log_partition(slot: u64) -> String {
    format!("$log/{}", slot / WINDOW)
}

pub(super) fn snapshot_key(stream: &StreamId) -> Item {
    own_key(format!("$snapshot/{stream}"), 0)
}

pub(super) fn checkpoint_key(name: &str) -> Item {
    own_key(format!("$checkpoint/{name}"), 0)
}

/// The events of one append, encoded, and where they go.
pub(super) struct Batch<'a> {
    pub(super) stream: &'a StreamId,
    pub(super) events: &'a [Envelope<RawPayload>],
    pub(super) texts: &'a [String],
}

impl Batch<'_> {
    /// The item of the event numbered `index`.
    pub(super) fn event(&self, index: usize, version: u64, slot: u64) -> Item {
        let event = &self.events[index];
        let mut item = event_key(self.stream, version);
        item.insert(POSITION.to_owned(), number(Position::new(slot, index).into()));
        item.insert(REST.to_owned(), number((self.events.len() - index - 1) as u64));
        item.insert(ID.to_owned(), string(event.id.as_str()));
        item.insert(TYPE.to_owned(), string(event.event_type.as_ref()));
        item.insert(EVENT.to_owned(), string(self.texts[index].as_str()));
        item
    }

    /// The log's entry for all of them.
    pub(super) fn entry(&self, first: u64, slot: u64) -> Item {
        let mut types: Vec<String> = self.events.iter().map(|event| event.event_type.to_string()).collect();
        types.sort_unstable();
        types.dedup();
        let mut item = own_key(log_partition(slot), slot);
        item.insert(OF.to_owned(), string(self.stream.as_str()));
        item.insert(FIRST.to_owned(), number(first));
        item.insert(COUNT.to_owned(), number(self.events.len() as u64));
        item.insert(TYPES.to_owned(), AttributeValue::Ss(types));
        item.insert(AT.to_owned(), number(now_millis()));
        item
    }
}

/// An entry that says that there will never be an append in this slot.
pub(super) fn void_entry(slot: u64) -> Item {
    let mut item = own_key(log_partition(slot), slot);
    item.insert(AT.to_owned(), number(now_millis()));
    item
}

fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// An entry of the log.
pub(super) struct Entry {
    pub(super) slot: u64,
    at_millis: u64,
    /// Nothing if it is void.
    pub(super) append: Option<Append>,
}

/// Which events an append wrote.
pub(super) struct Append {
    pub(super) stream: StreamId,
    pub(super) first: u64,
    pub(super) count: u64,
    types: Vec<String>,
}

impl Append {
    /// Whether any of its events may be wanted.
    pub(super) fn may_match(&self, filter: &Filter) -> bool {
        filter.wants_stream(self.stream.as_str()) && self.types.iter().any(|kind| filter.wants_type(kind))
    }
}

impl Entry {
    /// Whether it was written longer ago than that, by the clock of who wrote it.
    pub(super) fn is_older_than(&self, age: Duration) -> bool {
        Duration::from_millis(now_millis().saturating_sub(self.at_millis)) > age
    }
}

/// Reads the attributes of one item, which it takes apart.
struct Reader(Item);

impl Reader {
    fn damaged(&self, attribute: &str) -> StoreError {
        let part = |name| self.0.get(name).map(|value| format!("{value:?}")).unwrap_or_default();
        let what = format!("the attribute {attribute:?} of the item {} {}", part(STREAM), part(VERSION));
        StoreError::Damaged { what }
    }

    fn number(&self, attribute: &str) -> Result<u64, StoreError> {
        let value = self.0.get(attribute).and_then(|value| value.as_n().ok());
        value.and_then(|text| text.parse().ok()).ok_or_else(|| self.damaged(attribute))
    }

    fn string(&mut self, attribute: &str) -> Result<String, StoreError> {
        match self.0.remove(attribute) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(self.damaged(attribute)),
        }
    }
}

/// An event as it is read from its item, with the number of events of its append that follow it.
pub(super) struct StoredEvent {
    pub(super) recorded: Recorded,
    pub(super) rest: u64,
}

/// The event of an item of `stream`.
pub(super) fn read_event(stream: &StreamId, item: Item) -> Result<StoredEvent, StoreError> {
    let mut reader = Reader(item);
    let text = reader.string(EVENT)?;
    let event: Envelope<RawPayload> = serde_json::from_str(&text).map_err(|_| reader.damaged(EVENT))?;
    let recorded = Recorded {
        stream: stream.clone(),
        version: reader.number(VERSION)?,
        position: reader.number(POSITION)?.into(),
        event: Arc::new(event),
    };
    Ok(StoredEvent { recorded, rest: reader.number(REST)? })
}

/// The log's entry of an item.
pub(super) fn read_entry(item: Item) -> Result<Entry, StoreError> {
    let mut reader = Reader(item);
    let (slot, at_millis) = (reader.number(VERSION)?, reader.number(AT)?);
    if !reader.0.contains_key(OF) {
        return Ok(Entry { slot, at_millis, append: None });
    }
    let stream = StreamId::new(reader.string(OF)?)?;
    let types = match reader.0.remove(TYPES) {
        Some(AttributeValue::Ss(types)) => types,
        _ => return Err(reader.damaged(TYPES)),
    };
    let (first, count) = (reader.number(FIRST)?, reader.number(COUNT)?);
    Ok(Entry { slot, at_millis, append: Some(Append { stream, first, count, types }) })
}

/// The number that an attribute of an item has.
pub(super) fn read_number(item: &Item, attribute: &str) -> Option<u64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}
