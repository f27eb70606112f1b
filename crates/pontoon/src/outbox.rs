//! The event store as its own outbox: what was appended is published, exactly as stored.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::event_store::{CheckpointStore, EventStore, Filter, Position, Recorded, StreamId};
use crate::projection::{Projection, Projector, ProjectorError};
use crate::publish::{Destination, Publisher};
use crate::{Envelope, RawPayload};

/// Where events are published to: a bus, a topic, a queue. Every [`Publisher`] is one.
///
/// ```
/// use pontoon::outbox::{EventSink, SinkError};
/// use pontoon::{Envelope, RawPayload};
///
/// #[derive(Default)]
/// struct Printer;
///
/// impl EventSink for Printer {
///     async fn send(&self, events: &[&Envelope<RawPayload>]) -> Vec<Result<(), SinkError>> {
///         events.iter().map(|event| { println!("{} {}", event.event_type, event.payload.get()); Ok(()) }).collect()
///     }
/// }
/// ```
pub trait EventSink: Send + Sync {
    /// Sends events, in as many requests as it takes; no two of them are of the same stream. Gives one result for each of them, in the
    /// same order.
    ///
    /// ```no_run
    /// # use pontoon::{Envelope, RawPayload};
    /// # async fn example(sink: impl pontoon::outbox::EventSink, event: Envelope<RawPayload>) {
    /// let results = sink.send(&[&event]).await;
    /// # }
    /// ```
    fn send(
        &self,
        events: &[&Envelope<RawPayload>],
    ) -> impl Future<Output = Vec<Result<(), SinkError>>> + Send;
}

impl<T: EventSink + ?Sized> EventSink for Arc<T> {
    fn send(
        &self,
        events: &[&Envelope<RawPayload>],
    ) -> impl Future<Output = Vec<Result<(), SinkError>>> + Send {
        T::send(self, events)
    }
}

/// A publisher sends events as they are stored, to its bus, topic or queue.
impl<D: Destination> EventSink for Publisher<D> {
    async fn send(&self, events: &[&Envelope<RawPayload>]) -> Vec<Result<(), SinkError>> {
        let events: Vec<_> = events.iter().copied().cloned().collect();
        let results = self.publish_encoded(events).await.into_iter();
        results
            .map(|result| match result {
                Ok(_) => Ok(()),
                Err(error) if error.is_transient() => Err(SinkError::Later(error.into())),
                Err(error) => Err(SinkError::Refused(error.into())),
            })
            .collect()
    }
}

/// Why an event was not sent.
///
/// ```
/// use pontoon::outbox::SinkError;
/// assert!(SinkError::Later("throttled".into()).to_string().contains("throttled"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// It may succeed later.
    #[error("not sent yet: {0}")]
    Later(Box<dyn std::error::Error + Send + Sync>),
    /// It never will, such as an event that is too large.
    #[error("refused: {0}")]
    Refused(Box<dyn std::error::Error + Send + Sync>),
}

/// Why an outbox stopped.
///
/// ```
/// use pontoon::event_store::Position;
/// use pontoon::outbox::{OutboxError, SinkError};
/// let error = OutboxError { event: "0199".into(), position: Position::from(129), source: SinkError::Refused("too large".into()) };
/// assert_eq!(error.to_string(), "the event 0199 at position 129 was not published: refused: too large");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the event {event} at position {position} was not published: {source}")]
pub struct OutboxError {
    /// The event's id.
    pub event: String,
    /// Where it is.
    pub position: Position,
    /// What the sink said.
    pub source: SinkError,
}

type OnRefused = Box<dyn Fn(&Recorded, &SinkError) + Send + Sync>;

/// Publishes what is appended to a store, exactly as stored, in order per stream, resuming after a crash.
///
/// An event goes out after the sink has accepted the one before it in its stream; events of different streams go out together. So the more
/// streams, the more events a request has. After a crash the events since the last checkpoint go out again, with the same ids, and so do those
/// whose reply was lost: at least once, as with everything on AWS.
///
/// Run one for each bus. Of two under one name, one finds out and stops; until then events may go out twice.
///
/// ```
/// # use pontoon::event_store::*;
/// # use pontoon::outbox::{EventSink, Outbox, SinkError};
/// # use pontoon::{DomainEvent, Envelope, RawPayload};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// # struct Printer;
/// # impl EventSink for Printer {
/// #     async fn send(&self, events: &[&Envelope<RawPayload>]) -> Vec<Result<(), SinkError>> {
/// #         events.iter().map(|_| Ok(())).collect()
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryEventStore::new();
/// let created = Envelope::new(OrderCreated { amount: 5.0 }).encode()?;
/// let appended = store.append(&StreamId::new("order-123")?, Expected::NoStream, vec![created]).await?;
///
/// let mut outbox = Outbox::new("to-the-bus", store.clone(), store, Printer);
/// assert!(outbox.publish_pending().await? >= appended.position);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Outbox<S, C, K> {
    projector: Projector<S, C, Publishing<K>>,
}

impl<S: EventStore, C: CheckpointStore, K: EventSink> Outbox<S, C, K> {
    /// Publishes the events of `store` to `sink`, with its checkpoint under `name` in `checkpoints`, which may be the same store.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::outbox::*;
    /// # fn example(store: MemoryEventStore, sink: impl EventSink) {
    /// let outbox = Outbox::new("to-the-bus", store.clone(), store, sink);
    /// # }
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, store: S, checkpoints: C, sink: K) -> Self {
        let publishing = Publishing {
            name: format!("outbox/{}", name.into()),
            filter: Filter::all(),
            sink,
            on_refused: None,
            waiting: BTreeMap::new(),
            sent: HashSet::new(),
        };
        Self { projector: Projector::new(store, checkpoints, publishing) }
    }

    /// Publishes these events only.
    ///
    /// ```no_run
    /// # use pontoon::event_store::{Filter, MemoryEventStore};
    /// # use pontoon::outbox::*;
    /// # fn example(outbox: Outbox<MemoryEventStore, MemoryEventStore, impl EventSink>) {
    /// let outbox = outbox.filter(Filter::all().stream_prefix("order-"));
    /// # }
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.projector.projection_mut().filter = filter;
        self
    }

    /// Hands events that the sink refuses for good to `handle`, and goes on with the next. If not set, the outbox stops at such an event.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::outbox::*;
    /// # fn example(outbox: Outbox<MemoryEventStore, MemoryEventStore, impl EventSink>) {
    /// let outbox = outbox.skip_refused(|event, reason| eprintln!("{} is left out: {reason}", event.event.id));
    /// # }
    /// ```
    #[must_use]
    pub fn skip_refused(mut self, handle: impl Fn(&Recorded, &SinkError) + Send + Sync + 'static) -> Self {
        self.projector.projection_mut().on_refused = Some(Box::new(handle));
        self
    }

    /// Publishes everything up to the end, and tells up to where that is.
    ///
    /// # Errors
    /// [`ProjectorError`]. What was published before stays so, and it can be called again.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::outbox::*;
    /// # async fn example(mut outbox: Outbox<MemoryEventStore, MemoryEventStore, impl EventSink>) -> Result<(), Box<dyn std::error::Error>> {
    /// outbox.publish_pending().await?;
    /// # Ok(()) }
    /// ```
    pub async fn publish_pending(&mut self) -> Result<Position, ProjectorError<OutboxError>> {
        self.projector.catch_up().await
    }

    /// Publishes events as they are appended until `shutdown` is there; what fails but may succeed later is tried again, with growing pauses.
    ///
    /// # Errors
    /// [`ProjectorError`]: an event that the sink refuses for good, unless [`skip_refused`](Self::skip_refused) is set; a second outbox of
    /// this name; a store that refuses.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::outbox::*;
    /// # async fn example(mut outbox: Outbox<MemoryEventStore, MemoryEventStore, impl EventSink>, shutdown: impl Future<Output = ()>)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// outbox.run(shutdown).await?;
    /// # Ok(()) }
    /// ```
    pub async fn run(
        &mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ProjectorError<OutboxError>> {
        self.projector.run(shutdown).await
    }
}

impl<S: fmt::Debug, C: fmt::Debug, K> fmt::Debug for Outbox<S, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("projector", &self.projector).finish()
    }
}

/// The projection of a store onto a bus: takes events in until a checkpoint is due, and sends them then.
struct Publishing<K> {
    name: String,
    filter: Filter,
    sink: K,
    on_refused: Option<OnRefused>,
    /// By stream, in the stream's order.
    waiting: BTreeMap<StreamId, VecDeque<Recorded>>,
    /// Sent since the last checkpoint, and not to be sent again if what is behind it is.
    sent: HashSet<Position>,
}

impl<K> fmt::Debug for Publishing<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing")
            .field("name", &self.name)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl<K: EventSink> Publishing<K> {
    /// Sends the first waiting event of each stream. A stream whose event is not accepted keeps it.
    async fn send_round(&mut self) -> Result<(), OutboxError> {
        let mut round: Vec<Recorded> =
            self.waiting.values().filter_map(|events| events.front().cloned()).collect();
        round.sort_by_key(|event| event.position);
        let events: Vec<&Envelope<RawPayload>> = round.iter().map(|event| &*event.event).collect();
        let mut results = self.sink.send(&events).await.into_iter();
        let mut failure = None;
        for event in round {
            // A sink that gives too few results has not said that it sent the rest.
            let result =
                results.next().unwrap_or_else(|| Err(SinkError::Later("the sink gave no result".into())));
            let source = match (result, &self.on_refused) {
                (Ok(()), _) => None,
                (Err(error @ SinkError::Refused(_)), Some(handle)) => {
                    handle(&event, &error);
                    None
                }
                (Err(error), _) => Some(error),
            };
            match source {
                None => self.accept(&event),
                Some(source) => {
                    failure.get_or_insert(OutboxError {
                        event: event.event.id.to_string(),
                        position: event.position,
                        source,
                    });
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn accept(&mut self, event: &Recorded) {
        self.sent.insert(event.position);
        if let Some(events) = self.waiting.get_mut(&event.stream) {
            events.pop_front();
            if events.is_empty() {
                self.waiting.remove(&event.stream);
            }
        }
    }
}

impl<K: EventSink> Projection for Publishing<K> {
    type Error = OutboxError;

    fn name(&self) -> &str {
        &self.name
    }

    fn filter(&self) -> Filter {
        self.filter.clone()
    }

    fn is_transient(&self, error: &OutboxError) -> bool {
        matches!(error.source, SinkError::Later(_))
    }

    async fn apply(&mut self, event: &Recorded) -> Result<(), OutboxError> {
        if self.sent.contains(&event.position) {
            return Ok(());
        }
        let waiting = self.waiting.entry(event.stream.clone()).or_default();
        // It waits already if the call that took it in was dropped.
        if waiting.back().is_none_or(|last| last.position < event.position) {
            waiting.push_back(event.clone());
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), OutboxError> {
        while !self.waiting.is_empty() {
            if let Err(error) = self.send_round().await {
                // They are read again, and those that were sent are known.
                self.waiting.clear();
                return Err(error);
            }
        }
        self.sent.clear();
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), OutboxError> {
        self.waiting.clear();
        self.sent.clear();
        Ok(())
    }
}
