//! The latest events, kept so that it can be said why a rule did not match one.
//!
//! - [`Space::Event`] `k` + event id: the event ([`KeptEvent`], JSON).
//! - [`Space::Event`] `o` + number + event id: its size, for the order in which events make room.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use pontoon_core::{Direction, KeyRange, LoadError, Scope, Space, Step, StoreError, StoreRead, TraceId};
use serde::{Deserialize, Serialize};

/// Events kept at most; the oldest make room.
pub const EVENTS_MAX: usize = 10_000;
/// Bytes of events kept at most.
pub const BYTES_MAX: u64 = 64 << 20;

/// An event as a bus received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Account of the bus.
    pub account: String,
    /// Region of the bus.
    pub region: String,
    /// Name of the bus.
    pub bus: String,
    /// When, milliseconds.
    pub at_millis: i64,
    /// The event, JSON.
    pub event: String,
}

impl KeptEvent {
    /// Account and region of the bus.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        Some(Scope { account: self.account.parse().ok()?, region: self.region.parse().ok()? })
    }

    /// The event with this id as the first bus received it, if it is still kept. Other buses on its way got the same.
    ///
    /// # Errors
    /// If the store fails.
    pub fn read(store: &dyn StoreRead, id: TraceId) -> Result<Option<Self>, StoreError> {
        Ok(store.get(Space::Event, &event_key(id.0))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
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

    /// Keeps an event, and lets go of the oldest beyond the limits.
    pub fn keep(&mut self, step: &mut Step<'_>, id: [u8; 16], (scope, bus): (Scope, &str), event: &str) {
        let record = KeptEvent {
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            bus: bus.to_owned(),
            at_millis: step.now.millis(),
            event: event.to_owned(),
        };
        let bytes = crate::records::to_json(&record);
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
}
