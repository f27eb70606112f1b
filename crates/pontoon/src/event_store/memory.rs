//! The event store in the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::limits;
use super::{
    Appended, Checkpoint, CheckpointError, CheckpointStore, Direction, EventStore, Expected, Filter, Page,
    Position, Recorded, Snapshot, SnapshotStore, StoreError, StreamId,
};
use crate::{Envelope, RawPayload};

/// An event store in memory, gone with its last clone: for tests, and for what need not last.
///
/// It has the same limits as the one on DynamoDB and passes the same tests.
///
/// ```
/// use pontoon::event_store::{EventStore, MemoryEventStore, StreamId};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryEventStore::new();
/// assert!(store.read_last(&StreamId::new("order-123").unwrap()).await.unwrap().is_none());
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct MemoryEventStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The slot of the last append, for those who wait.
    last_slot: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<StreamId, Vec<Recorded>>,
    all: Vec<Recorded>,
    snapshots: HashMap<StreamId, Snapshot>,
    checkpoints: HashMap<String, Checkpoint>,
}

impl Default for MemoryEventStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryEventStore {
    /// An empty store.
    ///
    /// ```
    /// let store = pontoon::event_store::MemoryEventStore::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), last_slot: watch::Sender::new(0) }) }
    }

    /// No change of the state can panic half-way, so it is whole even if somebody panicked while holding it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_now(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<Envelope<RawPayload>>,
    ) -> Result<Appended, StoreError> {
        limits::encode(&events)?;
        let mut state = self.state();
        let State { streams, all, .. } = &mut *state;
        let present = streams.get(stream).map_or(&[][..], Vec::as_slice);
        let actual = present.len() as u64;
        if !expected.holds(actual) {
            return repeated(present, expected, &events).ok_or_else(|| StoreError::Conflict {
                stream: stream.clone(),
                expected,
                actual,
            });
        }
        let slot = all.last().map_or(0, |last| last.position.slot()) + 1;
        let records = events.into_iter().enumerate().map(|(index, event)| Recorded {
            stream: stream.clone(),
            version: actual + 1 + index as u64,
            position: Position::new(slot, index),
            event: Arc::new(event),
        });
        let first = all.len();
        all.extend(records);
        let new = &all[first..];
        streams.entry(stream.clone()).or_default().extend_from_slice(new);
        let last = &new[new.len() - 1];
        let appended = Appended { version: last.version, position: last.position };
        drop(state);
        self.shared.last_slot.send_replace(slot);
        Ok(appended)
    }

    fn read_now(&self, stream: &StreamId, from: u64, direction: Direction, limit: usize) -> Vec<Recorded> {
        let state = self.state();
        let events = state.streams.get(stream).map_or(&[][..], Vec::as_slice);
        match direction {
            Direction::Forward => {
                let skipped = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
                events.iter().skip(skipped).take(limit).cloned().collect()
            }
            Direction::Backward => {
                let kept = usize::try_from(from).unwrap_or(usize::MAX).min(events.len());
                events[..kept].iter().rev().take(limit).cloned().collect()
            }
        }
    }

    fn read_all_now(&self, after: Position, filter: &Filter, limit: usize) -> Page {
        let state = self.state();
        let first = state.all.partition_point(|event| event.position <= after);
        let mut events = Vec::new();
        for event in &state.all[first..] {
            if filter.wants_stream(event.stream.as_str()) && filter.wants_type(&event.event.event_type) {
                events.push(event.clone());
                if events.len() == limit.max(1) {
                    return Page { next: event.position, events, is_end: false };
                }
            }
        }
        let next = state.all.last().map_or(after, |last| last.position.max(after));
        Page { events, next, is_end: true }
    }
}

/// What an append gave that is repeated here, if it is: the same events stand at the versions that they would have got.
fn repeated(present: &[Recorded], expected: Expected, events: &[Envelope<RawPayload>]) -> Option<Appended> {
    let first = usize::try_from(expected.exact()?).ok()?;
    let stored = present.get(first..first.checked_add(events.len())?)?;
    let last = stored.last()?;
    let same = stored.iter().zip(events).all(|(stored, event)| stored.event.id == event.id);
    same.then_some(Appended { version: last.version, position: last.position })
}

impl EventStore for MemoryEventStore {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<Envelope<RawPayload>>,
    ) -> Result<Appended, StoreError> {
        self.append_now(stream, expected, events)
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.read_now(stream, from, direction, limit))
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, StoreError> {
        Ok(self.read_all_now(after, filter, limit))
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        let mut last_slot = self.shared.last_slot.subscribe();
        let is_behind = |_: &u64| self.state().all.last().is_some_and(|last| last.position > after);
        // The sender is this store's own, so it is not gone.
        let _ = last_slot.wait_for(is_behind).await;
        Ok(())
    }
}

impl SnapshotStore for MemoryEventStore {
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.state().snapshots.get(stream).cloned())
    }

    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        snapshot.check(stream)?;
        let mut state = self.state();
        let newer = state.snapshots.get(stream).is_some_and(|present| !snapshot.replaces(present));
        if !newer {
            state.snapshots.insert(stream.clone(), snapshot);
        }
        Ok(())
    }

    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.state().snapshots.remove(stream);
        Ok(())
    }
}

impl CheckpointStore for MemoryEventStore {
    async fn load_checkpoint(&self, name: &str) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.state().checkpoints.get(name).copied())
    }

    async fn save_checkpoint(
        &self,
        name: &str,
        known: Option<Checkpoint>,
        new: Checkpoint,
    ) -> Result<(), CheckpointError> {
        let mut state = self.state();
        if state.checkpoints.get(name).copied() != known {
            return Err(CheckpointError::Moved { name: name.to_owned() });
        }
        state.checkpoints.insert(name.to_owned(), new);
        Ok(())
    }
}
