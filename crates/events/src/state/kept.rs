//! The latest events, kept so that it can be said why a rule did not match one.
//!
//! - [`Space::Event`] `k` + event id: the event ([`KeptEvent`]): what is known of it as a line of JSON, and the event itself.
//! - [`Space::Event`] `o` + number + event id: its size, for the order in which events make room.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use pontoon_core::{Direction, KeyRange, LoadError, Space, Step, StoreError, StoreRead, TraceId};
use serde::{Deserialize, Serialize};

/// Events kept at most; the oldest make room.
pub const EVENTS_MAX: usize = 10_000;
/// Bytes of events kept at most.
pub const BYTES_MAX: u64 = 64 << 20;
/// Buses of one event that are noted.
pub const BUSES_MAX: usize = 20;

/// An event as its buses received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// ARNs of the buses, in the order in which it came to them.
    pub buses: Vec<String>,
    /// When it came first, milliseconds.
    pub at_millis: i64,
    /// The event, JSON. It is stored as it is, because to quote it would cost more than to match it.
    #[serde(skip)]
    pub event: String,
}

impl KeptEvent {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = crate::records::to_json(self);
        bytes.reserve_exact(self.event.len() + 1);
        bytes.push(b'\n');
        bytes.extend_from_slice(self.event.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, event) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        Some(Self { event: event.to_owned(), ..serde_json::from_str(head).ok()? })
    }

    /// The event with this id, if it is still kept.
    ///
    /// # Errors
    /// If the store fails.
    pub fn read(store: &dyn StoreRead, id: TraceId) -> Result<Option<Self>, StoreError> {
        Ok(store.get(Space::Event, &event_key(id.0))?.and_then(|bytes| Self::decode(&bytes)))
    }
}

/// Every event that is kept, in the order in which they came.
///
/// # Errors
/// If the store fails.
pub fn all(store: &dyn StoreRead) -> Result<Vec<KeptEvent>, StoreError> {
    let mut ids = Vec::new();
    store.scan(Space::Event, &KeyRange::prefix(b"o"), Direction::Ascending, &mut |key, _| {
        ids.extend(key.get(9..).and_then(|id| id.try_into().ok()).map(TraceId));
        ControlFlow::Continue(())
    })?;
    ids.into_iter().filter_map(|id| KeptEvent::read(store, id).transpose()).collect()
}

/// Which events are kept, in the order in which they came.
#[derive(Debug, Default)]
pub struct Kept {
    order: VecDeque<([u8; 16], u64)>,
    first: u64,
    bytes: u64,
}

fn event_key(id: [u8; 16]) -> Vec<u8> {
    let mut key = vec![b'k'];
    key.extend_from_slice(&id);
    key
}

fn order_key(number: u64, id: [u8; 16]) -> Vec<u8> {
    let mut key = vec![b'o'];
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(&id);
    key
}

impl Kept {
    /// What the store holds.
    ///
    /// # Errors
    /// If a key is malformed or the store fails.
    pub fn load(store: &dyn StoreRead) -> Result<Self, LoadError> {
        let mut kept = Self::default();
        let mut malformed = false;
        store.scan(Space::Event, &KeyRange::prefix(b"o"), Direction::Ascending, &mut |key, value| {
            let number = key.get(1..9).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
            let id = key.get(9..).and_then(|id| id.try_into().ok());
            let size = value[..].try_into().ok().map(u64::from_be_bytes);
            let (Some(number), Some(id), Some(size)) = (number, id, size) else {
                malformed = true;
                return ControlFlow::Break(());
            };
            if kept.order.is_empty() {
                kept.first = number;
            }
            kept.order.push_back((id, size));
            kept.bytes += size;
            ControlFlow::Continue(())
        })?;
        if malformed {
            Err(LoadError::new("the event space holds a key that is no event's"))
        } else {
            Ok(kept)
        }
    }

    /// Keeps an event that came to the bus with this ARN, and lets go of the oldest beyond the limits.
    pub fn keep(&mut self, step: &mut Step<'_>, id: [u8; 16], bus: &str, event: &str) {
        let record =
            KeptEvent { buses: vec![bus.to_owned()], at_millis: step.now.millis(), event: event.to_owned() };
        let bytes = record.encode();
        let size = bytes.len() as u64;
        let number = self.first + self.order.len() as u64;
        step.put(Space::Event, event_key(id), bytes);
        step.put(Space::Event, order_key(number, id), size.to_be_bytes().to_vec());
        self.order.push_back((id, size));
        self.bytes += size;
        while self.order.len() > EVENTS_MAX || (self.bytes > BYTES_MAX && self.order.len() > 1) {
            let Some((oldest, size)) = self.order.pop_front() else { return };
            step.delete(Space::Event, order_key(self.first, oldest));
            step.delete(Space::Event, event_key(oldest));
            self.first += 1;
            self.bytes -= size;
        }
    }

    /// Notes that a kept event came to a further bus.
    pub fn came_on(&self, step: &mut Step<'_>, id: [u8; 16], bus: &str) {
        let kept = step.get(Space::Event, &event_key(id));
        let Some(mut kept) = kept.and_then(|bytes| KeptEvent::decode(&bytes)) else {
            return;
        };
        if kept.buses.len() < BUSES_MAX && !kept.buses.iter().any(|known| known == bus) {
            kept.buses.push(bus.to_owned());
            step.put(Space::Event, event_key(id), kept.encode());
        }
    }
}
