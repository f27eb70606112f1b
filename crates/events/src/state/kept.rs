//! The latest events, kept so that it can be said why a rule did not match one.
//!
//! [`Space::Event`], `k` + number in the order of their coming + event id: the event ([`KeptEvent`]). Stacks' events are in that space too.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use bytes::{Buf, BufMut};
use pontoon_core::{Direction, HashMap, KeyRange, LoadError, Space, Step, StoreError, StoreRead, TraceId};

/// Events kept at most; the oldest make room.
pub const EVENTS_MAX: usize = 10_000;
/// Bytes of events kept at most.
pub const BYTES_MAX: u64 = 64 << 20;
/// Buses of one event that are noted.
pub const BUSES_MAX: usize = 20;

/// What the keys of kept events begin with.
const PREFIX: &[u8] = b"k";

/// An event as its buses received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// ARNs of the buses, in the order in which it came to them; at most [`BUSES_MAX`].
    pub buses: Vec<String>,
    /// When it came first, milliseconds.
    pub at_millis: i64,
    /// The event, JSON.
    pub event: String,
}

/// The event as it is stored: its time, its buses behind their lengths, and the rest is the event as it is, because to quote it would cost more than
/// to match it.
fn encode<'b>(at_millis: i64, buses: impl ExactSizeIterator<Item = &'b str>, event: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(event.len() + 128);
    bytes.put_i64(at_millis);
    bytes.put_u8(buses.len() as u8);
    for bus in buses {
        bytes.put_u32(bus.len() as u32);
        bytes.extend_from_slice(bus.as_bytes());
    }
    bytes.extend_from_slice(event.as_bytes());
    bytes
}

impl KeptEvent {
    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let at_millis = bytes.try_get_i64().ok()?;
        let mut buses = Vec::new();
        for _ in 0..bytes.try_get_u8().ok()? {
            let len = bytes.try_get_u32().ok()? as usize;
            let (bus, rest) = bytes.split_at_checked(len)?;
            buses.push(String::from_utf8(bus.to_vec()).ok()?);
            bytes = rest;
        }
        Some(Self { buses, at_millis, event: String::from_utf8(bytes.to_vec()).ok()? })
    }
}

/// Every event that is kept, in the order in which they came.
///
/// # Errors
/// If the store fails.
pub fn all(store: &dyn StoreRead) -> Result<Vec<KeptEvent>, StoreError> {
    let mut kept = Vec::new();
    store.scan(Space::Event, &KeyRange::prefix(PREFIX), Direction::Ascending, &mut |_, value| {
        kept.extend(KeptEvent::decode(value));
        ControlFlow::Continue(())
    })?;
    Ok(kept)
}

/// Which events are kept, in the order in which they came.
#[derive(Debug, Default)]
pub struct Kept {
    order: VecDeque<([u8; 16], u64)>,
    numbers: HashMap<[u8; 16], u64>,
    /// The number of the oldest.
    first: u64,
    bytes: u64,
}

fn event_key(number: u64, id: [u8; 16]) -> Vec<u8> {
    let mut key = Vec::with_capacity(PREFIX.len() + 24);
    key.extend_from_slice(PREFIX);
    key.put_u64(number);
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
        store.scan(Space::Event, &KeyRange::prefix(PREFIX), Direction::Ascending, &mut |key, value| {
            let of_event = key[PREFIX.len()..].split_first_chunk();
            let id = of_event.and_then(|(_, id)| id.try_into().ok());
            let (Some((number, _)), Some(id)) = (of_event, id) else {
                malformed = true;
                return ControlFlow::Break(());
            };
            let number = u64::from_be_bytes(*number);
            if kept.order.is_empty() {
                kept.first = number;
            }
            kept.order.push_back((id, value.len() as u64));
            kept.numbers.insert(id, number);
            kept.bytes += value.len() as u64;
            ControlFlow::Continue(())
        })?;
        if malformed {
            Err(LoadError::new("the event space holds a key that is no event's"))
        } else {
            Ok(kept)
        }
    }

    /// The event with this id, if it is still kept.
    ///
    /// # Errors
    /// If the store fails.
    pub fn read(&self, store: &dyn StoreRead, id: TraceId) -> Result<Option<KeptEvent>, StoreError> {
        let Some(number) = self.numbers.get(&id.0) else { return Ok(None) };
        Ok(store.get(Space::Event, &event_key(*number, id.0))?.and_then(|bytes| KeptEvent::decode(&bytes)))
    }

    /// Keeps an event that came to the bus with this ARN, and lets go of the oldest beyond the limits.
    pub fn keep(&mut self, step: &mut Step<'_>, id: [u8; 16], bus: &str, event: &str) {
        let bytes = encode(step.now.millis(), [bus].into_iter(), event);
        let size = bytes.len() as u64;
        let number = self.first + self.order.len() as u64;
        step.put(Space::Event, event_key(number, id), bytes);
        self.order.push_back((id, size));
        self.numbers.insert(id, number);
        self.bytes += size;
        while self.order.len() > EVENTS_MAX || (self.bytes > BYTES_MAX && self.order.len() > 1) {
            let Some((oldest, size)) = self.order.pop_front() else { return };
            step.delete(Space::Event, event_key(self.first, oldest));
            self.numbers.remove(&oldest);
            self.first += 1;
            self.bytes -= size;
        }
    }

    /// Notes that a kept event came to a further bus.
    pub fn came_on(&mut self, step: &mut Step<'_>, id: [u8; 16], bus: &str) {
        let Some(&number) = self.numbers.get(&id) else { return };
        let kept = step.get(Space::Event, &event_key(number, id));
        let Some(kept) = kept.and_then(|bytes| KeptEvent::decode(&bytes)) else {
            return;
        };
        if kept.buses.len() < BUSES_MAX && !kept.buses.iter().any(|known| known == bus) {
            let buses: Vec<&str> = kept.buses.iter().map(String::as_str).chain([bus]).collect();
            let bytes = encode(kept.at_millis, buses.into_iter(), &kept.event);
            self.resize(number, bytes.len() as u64);
            step.put(Space::Event, event_key(number, id), bytes);
        }
    }

    /// Accounts for a kept event that is stored anew.
    fn resize(&mut self, number: u64, size: u64) {
        if let Some((_, counted)) = self.order.get_mut((number - self.first) as usize) {
            self.bytes = self.bytes - *counted + size;
            *counted = size;
        }
    }
}
