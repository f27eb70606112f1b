//! All events as they come.

use std::collections::VecDeque;

use super::{EventStore, Filter, Position, Recorded, StoreError};

/// How many events are read ahead at once.
const READ_AHEAD: usize = 256;

/// The events of a store as they come; made by [`EventStore::subscribe`].
///
/// First come the events that are there already, then the new ones. Dropping it ends it; to go on another time, keep
/// [`position`](Self::position).
///
/// ```
/// # use pontoon::{DomainEvent, Envelope};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// use pontoon::event_store::{EventStore, Expected, Filter, MemoryEventStore, Position, StreamId};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryEventStore::new();
/// let mut news = store.subscribe(Position::START, Filter::all());
/// let created = Envelope::new(OrderCreated { amount: 5.0 }).encode()?;
/// store.append(&StreamId::new("order-123")?, Expected::NoStream, vec![created]).await?;
/// assert_eq!(news.next().await?.version, 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Subscription<S> {
    store: S,
    filter: Filter,
    /// Behind the last event given.
    position: Position,
    /// Behind the last event read.
    read_to: Position,
    read_ahead: VecDeque<Recorded>,
}

impl<S: EventStore> Subscription<S> {
    pub(crate) fn new(store: S, after: Position, filter: Filter) -> Self {
        Self { store, filter, position: after, read_to: after, read_ahead: VecDeque::new() }
    }

    /// The next event, for which it waits if need be. Dropping the future loses nothing, and after an error it can be called again.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore) -> Result<(), StoreError> {
    /// let event = store.subscribe(Position::START, Filter::all()).next().await?;
    /// # Ok(()) }
    /// ```
    pub async fn next(&mut self) -> Result<Recorded, StoreError> {
        loop {
            if let Some(event) = self.read_ahead.pop_front() {
                self.position = event.position;
                return Ok(event);
            }
            let page = self.store.read_all(self.read_to, &self.filter, READ_AHEAD).await?;
            self.read_to = page.next;
            self.read_ahead.extend(page.events);
            if self.read_ahead.is_empty() {
                // Whatever the filter left out need not be read again.
                self.position = self.read_to;
                if page.is_end {
                    self.store.wait(self.read_to).await?;
                }
            }
        }
    }

    /// Where to go on: a subscription from here gives what this one has not given yet.
    ///
    /// ```
    /// use pontoon::event_store::{EventStore, Filter, MemoryEventStore, Position};
    /// let news = MemoryEventStore::new().subscribe(Position::START, Filter::all());
    /// assert_eq!(news.position(), Position::START);
    /// ```
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }
}
