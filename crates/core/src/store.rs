//! What the engine needs of a store: ordered keys, snapshot reads, atomic batches, and a sequence number that a reply can wait for.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;

/// Independent key spaces, because their write patterns differ: a backend gives each a tree of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// Format version, engine counters.
    Meta = 0,
    /// Resources and their attributes: small, rarely written, all loaded at start. Keys begin with the service's name and a zero byte.
    Config = 1,
    /// Queue messages: written once, updated a few times, deleted.
    Queue = 2,
    /// Table items.
    Table = 3,
    /// Log events.
    Log = 4,
    /// Events kept by buses and archives.
    Event = 5,
    /// Metric data.
    Metric = 6,
    /// Traces of events' ways.
    Trace = 7,
    /// Deliveries that have not settled yet. Keys begin with the service's name and a zero byte.
    Outbox = 8,
    /// Function code and objects: large values.
    Blob = 9,
}

impl Space {
    /// All spaces, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Meta,
        Self::Config,
        Self::Queue,
        Self::Table,
        Self::Log,
        Self::Event,
        Self::Metric,
        Self::Trace,
        Self::Outbox,
        Self::Blob,
    ];

    /// A short name, for directories and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Config => "config",
            Self::Queue => "queue",
            Self::Table => "table",
            Self::Log => "log",
            Self::Event => "event",
            Self::Metric => "metric",
            Self::Trace => "trace",
            Self::Outbox => "outbox",
            Self::Blob => "blob",
        }
    }
}

/// A place in the order of batches: a reply that waits for it waits until its writes are on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub u64);

/// Writes that take effect together or not at all. The last write to a key wins.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    writes: BTreeMap<(Space, Vec<u8>), Option<Bytes>>,
}

impl Batch {
    /// No writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.writes.insert((space, key.into()), Some(value.into()));
    }

    /// Removes a key; removing an absent one is no error.
    pub fn delete(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.writes.insert((space, key.into()), None);
    }

    /// What this batch says of a key: `None` nothing, `Some(None)` that it is gone.
    #[must_use]
    pub fn get(&self, space: Space, key: &[u8]) -> Option<Option<&Bytes>> {
        if self.writes.is_empty() {
            return None;
        }
        self.writes.get(&(space, key.to_vec())).map(Option::as_ref)
    }

    /// The writes within a range of keys, in order.
    pub fn range<'a>(
        &'a self,
        space: Space,
        range: &KeyRange,
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a Bytes>)> {
        let start = match &range.start {
            Bound::Included(key) => Bound::Included((space, key.clone())),
            Bound::Excluded(key) => Bound::Excluded((space, key.clone())),
            Bound::Unbounded => Bound::Included((space, Vec::new())),
        };
        let range = range.clone();
        self.writes
            .range((start, Bound::Unbounded))
            .take_while(move |((s, key), _)| *s == space && range.ends_after(key))
            .map(|((_, key), value)| (key.as_slice(), value.as_ref()))
    }

    /// All writes, by space and key.
    pub fn iter(&self) -> impl Iterator<Item = (Space, &[u8], Option<&Bytes>)> {
        self.writes.iter().map(|((space, key), value)| (*space, key.as_slice(), value.as_ref()))
    }

    /// Takes the batch apart, in order of space and key.
    pub fn into_writes(self) -> impl Iterator<Item = (Space, Vec<u8>, Option<Bytes>)> {
        self.writes.into_iter().map(|((space, key), value)| (space, key, value))
    }

    /// Adds the writes of a later batch, which win.
    pub fn append(&mut self, mut later: Self) {
        if self.writes.is_empty() {
            *self = later;
        } else if later.writes.len() < self.writes.len() / 4 {
            // Merging rebuilds the whole map, which a command of many small steps would pay for each of them.
            self.writes.extend(later.writes);
        } else {
            self.writes.append(&mut later.writes);
        }
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// How many keys are written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }
}

/// A range of keys within a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// Where it starts.
    pub start: Bound<Vec<u8>>,
    /// Where it ends.
    pub end: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: Bound::Included(prefix.to_vec()), end: after_prefix(prefix) }
    }

    /// From `start` up to but without `end`.
    #[must_use]
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: Bound::Included(start.into()), end: Bound::Excluded(end.into()) }
    }

    /// Whether the key lies before the range's end.
    #[must_use]
    pub fn ends_after(&self, key: &[u8]) -> bool {
        match &self.end {
            Bound::Included(end) => key <= end.as_slice(),
            Bound::Excluded(end) => key < end.as_slice(),
            Bound::Unbounded => true,
        }
    }

    /// Whether no key can lie in it (its start is not before its end).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start >= end,
        }
    }
}

/// The bound just behind the last key that begins with `prefix`.
fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return Bound::Excluded(end);
        }
        end.pop();
    }
    Bound::Unbounded
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key.
    Ascending,
    /// From the largest key.
    Descending,
}

/// The machine failed the store: a read, write or sync did not work, or a directory is not what it should be. Fatal while running.
#[derive(Debug)]
pub struct StoreError {
    /// What failed, with the path, and what the operator can do.
    pub message: String,
}

impl StoreError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

/// Reads. A [`Store`] reads its present state (every applied batch); a snapshot reads the state when it was taken.
pub trait StoreRead: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// If the machine fails the store.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Visits the range in order until `visit` breaks. The visitor must not call the store.
    ///
    /// # Errors
    /// If the machine fails the store.
    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// A durable ordered map with group commit. Batches are applied one after another by one writer; any thread may read or sync.
pub trait Store: StoreRead {
    /// Applies a batch atomically: visible to reads at once, durable when [`Store::sync`] has returned a sequence number that is not below the one
    /// returned here. A crash keeps a prefix of the applied batches, each whole.
    ///
    /// # Errors
    /// If the machine fails the store; it must not be written again.
    fn apply(&self, batch: Batch) -> Result<Seq, StoreError>;

    /// Makes everything applied before the call durable and returns the last sequence number that is. Blocks; called by one thread in a loop.
    ///
    /// # Errors
    /// If the machine fails the store; nothing about unsynced batches is known then.
    fn sync(&self) -> Result<Seq, StoreError>;

    /// Whether [`Store::apply`] alone makes a batch as durable as it gets (the memory store), so that replies need not wait.
    fn is_volatile(&self) -> bool;

    /// The present state, frozen. Cheap; holders keep it for one request.
    fn snapshot(&self) -> Box<dyn StoreRead>;

    /// Removes every key of every space, durably.
    ///
    /// # Errors
    /// If the machine fails the store.
    fn clear(&self) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_ends_behind_the_last_key_with_the_prefix() {
        let range = KeyRange::prefix(&[1, 0xff]);
        assert!(range.ends_after(&[1, 0xff, 0xff]));
        assert!(!range.ends_after(&[2]));
        assert_eq!(KeyRange::prefix(&[0xff]).end, Bound::Unbounded);
    }

    #[test]
    fn the_last_write_to_a_key_wins() {
        let mut batch = Batch::new();
        batch.put(Space::Queue, *b"k", Bytes::from_static(b"1"));
        let mut later = Batch::new();
        later.delete(Space::Queue, *b"k");
        batch.append(later);
        assert_eq!(batch.get(Space::Queue, b"k"), Some(None));
        assert_eq!(batch.get(Space::Table, b"k"), None);
        assert_eq!(batch.range(Space::Queue, &KeyRange::all()).count(), 1);
    }
}
