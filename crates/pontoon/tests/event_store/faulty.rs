//! A store that misbehaves on request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use pontoon::event_store::{
    Appended, Direction, EventStore, Expected, Filter, MemoryEventStore, Page, Position, Recorded, Snapshot,
    SnapshotStore, StoreError, StreamId,
};
use pontoon::{Envelope, RawPayload};

use super::deposit;

/// What happens at an append.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Somebody else appends first.
    Rival,
    /// It is done, and the reply is lost.
    LostReply,
    /// It is lost.
    LostRequest,
}

/// A store in memory whose next appends meet these faults.
#[derive(Clone)]
pub struct FaultyStore {
    pub inner: MemoryEventStore,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    /// How many events were read from streams.
    pub read: Arc<Mutex<usize>>,
}

impl FaultyStore {
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults = Arc::new(Mutex::new(faults.into_iter().collect()));
        Self { inner: MemoryEventStore::new(), faults, read: Arc::default() }
    }
}

impl EventStore for FaultyStore {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<Envelope<RawPayload>>,
    ) -> Result<Appended, StoreError> {
        let fault = self.faults.lock().unwrap().pop_front();
        let lost = || Err(StoreError::Unavailable { operation: "appending", source: "cut off".into() });
        match fault {
            Some(Fault::Rival) => {
                self.inner.append(stream, Expected::Any, vec![deposit(1)]).await?;
                self.inner.append(stream, expected, events).await
            }
            Some(Fault::LostReply) => {
                self.inner.append(stream, expected, events).await?;
                lost()
            }
            Some(Fault::LostRequest) => lost(),
            None => self.inner.append(stream, expected, events).await,
        }
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let events = self.inner.read(stream, from, direction, limit).await?;
        *self.read.lock().unwrap() += events.len();
        Ok(events)
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<Page, StoreError> {
        self.inner.read_all(after, filter, limit).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.inner.wait(after).await
    }
}

impl SnapshotStore for FaultyStore {
    async fn load_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load_snapshot(stream).await
    }

    async fn save_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.inner.save_snapshot(stream, snapshot).await
    }

    async fn delete_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.inner.delete_snapshot(stream).await
    }
}
