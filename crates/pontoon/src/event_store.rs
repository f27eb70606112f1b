//! Event sourcing: streams of events, appended atomically at an expected version, read by stream or all in one total order.
//!
//! [`EventStore`] is the interface; [`MemoryEventStore`] keeps events in the process, for tests, and
//! [`DynamoDbEventStore`] in one DynamoDB table. Both pass the same test suite.
//!
//! ```
//! use pontoon::event_store::{Direction, EventStore, Expected, Filter, MemoryEventStore, Position, StreamId};
//! use pontoon::{DomainEvent, Envelope};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
//! #[event(source = "order-service", prefix = "Order")]
//! enum OrderEvent {
//!     Created { amount: f64 },
//!     Cancelled,
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryEventStore::new();
//! let order = StreamId::new("order-123")?;
//! let created = Envelope::new(OrderEvent::Created { amount: 99.99 }).encode()?;
//! let appended = store.append(&order, Expected::NoStream, vec![created]).await?;
//! let cancelled = Envelope::new(OrderEvent::Cancelled).encode()?;
//! store.append(&order, Expected::Exact(appended.version), vec![cancelled]).await?;
//!
//! let events = store.read(&order, 1, Direction::Forward, 100).await?;
//! assert_eq!(events[1].decode::<OrderEvent>()?.payload, OrderEvent::Cancelled);
//! let all = store.read_all(Position::START, &Filter::all(), 100).await?;
//! assert_eq!(all.events.len(), 2);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! How the total order comes about on DynamoDB, and why no reader skips an event, is told in `docs/event-store.md`.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DecodeError, DomainEvent, Envelope, RawPayload};

mod checkpoint;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod error;
mod limits;
mod memory;
mod snapshot;
mod subscription;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointStore};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDbEventStore;
pub use error::StoreError;
pub use limits::{APPEND_BYTES_MAX, EVENT_BYTES_MAX, EVENTS_PER_APPEND_MAX, STREAM_ID_BYTES_MAX};
pub use memory::MemoryEventStore;
pub use snapshot::{Snapshot, SnapshotStore};
pub use subscription::Subscription;

/// The name of a stream: the events of one aggregate, one process, one anything that changes under one rule.
///
/// From 1 to [`STREAM_ID_BYTES_MAX`] bytes; names that begin with `$` are the store's own. By habit it is the kind and the id, as in `order-123`,
/// so that [`Filter::stream_prefix`] selects all of a kind. Cloning is cheap.
///
/// ```
/// use pontoon::event_store::StreamId;
/// assert_eq!(StreamId::new("order-123").unwrap().as_str(), "order-123");
/// assert!(StreamId::new("").is_err());
/// assert!(StreamId::new("$slots").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Arc<str>);

impl StreamId {
    /// The stream of that name.
    ///
    /// # Errors
    /// [`StoreError::InvalidStream`].
    ///
    /// ```
    /// assert!(pontoon::event_store::StreamId::new("order-123").is_ok());
    /// ```
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, StoreError> {
        let name = name.into();
        let reason = match name.len() {
            0 => "is empty",
            _ if name.starts_with('$') => "begins with $, as the store's own do",
            length if length > STREAM_ID_BYTES_MAX => "is longer than 1024 bytes",
            _ => return Ok(Self(name)),
        };
        Err(StoreError::InvalidStream { name: name.chars().take(64).collect(), reason })
    }

    /// The name.
    ///
    /// ```
    /// assert_eq!(pontoon::event_store::StreamId::new("order-123").unwrap().as_str(), "order-123");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StreamId {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        Self::new(name)
    }
}

/// What an append expects of its stream. The versions of a stream's events are 1, 2, 3 and so on; a stream without events has version 0.
///
/// ```
/// use pontoon::event_store::Expected;
/// assert!(Expected::Exact(2).holds(2));
/// assert!(!Expected::StreamExists.holds(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the events go to the end, wherever that is.
    Any,
    /// There are no events in it yet.
    NoStream,
    /// There is at least one event in it.
    StreamExists,
    /// Its last event has this version; 0 says the same as [`NoStream`](Self::NoStream).
    Exact(u64),
}

impl Expected {
    /// Whether a stream of this version is as expected.
    ///
    /// ```
    /// assert!(pontoon::event_store::Expected::NoStream.holds(0));
    /// ```
    #[must_use]
    pub fn holds(self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => version == 0,
            Self::StreamExists => version > 0,
            Self::Exact(expected) => version == expected,
        }
    }

    /// The one version that is expected, if it is one. Only such an append can tell its own repetition from a conflict.
    pub(crate) fn exact(self) -> Option<u64> {
        match self {
            Self::NoStream => Some(0),
            Self::Exact(version) => Some(version),
            Self::Any | Self::StreamExists => None,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::StreamExists => f.write_str("an existing stream"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}

/// Bits of a position that number the events within one append.
const INDEX_BITS: u32 = 7;
const INDEX_MAX: u64 = (1 << INDEX_BITS) - 1;

/// A place in the total order of all events of a store. Positions grow along the order and never change; they are not contiguous.
///
/// It is a number below 2^53, which survives JSON and JavaScript, and may be kept as one.
///
/// ```
/// use pontoon::event_store::Position;
/// let later = Position::from(129);
/// assert!(Position::START < later);
/// assert_eq!(u64::from(later), 129);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event.
    ///
    /// ```
    /// use pontoon::event_store::Position;
    /// assert_eq!(Position::START, Position::default());
    /// ```
    pub const START: Self = Self(0);

    /// Of the event numbered `index` in the append that took `slot`.
    pub(crate) fn new(slot: u64, index: usize) -> Self {
        assert!(index as u64 <= INDEX_MAX, "an append has at most {INDEX_MAX} events");
        Self((slot << INDEX_BITS) | index as u64)
    }

    /// Behind every event of the append that took `slot`.
    #[cfg(any(feature = "dynamodb", test))]
    pub(crate) fn end_of(slot: u64) -> Self {
        Self((slot << INDEX_BITS) | INDEX_MAX)
    }

    /// The slot of the append that it lies in.
    pub(crate) fn slot(self) -> u64 {
        self.0 >> INDEX_BITS
    }

    /// The first slot that may have events behind this position.
    #[cfg(any(feature = "dynamodb", test))]
    pub(crate) fn next_slot(self) -> u64 {
        if self.0 & INDEX_MAX == INDEX_MAX || self == Self::START { self.slot() + 1 } else { self.slot() }
    }
}

impl From<u64> for Position {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Position> for u64 {
    fn from(position: Position) -> Self {
        position.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as it was stored, and where.
///
/// ```
/// # use pontoon::event_store::{EventStore, Expected, MemoryEventStore, StreamId};
/// # use pontoon::{DomainEvent, Envelope};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let (store, order) = (MemoryEventStore::new(), StreamId::new("order-123").unwrap());
/// # let created = Envelope::new(OrderCreated { amount: 5.0 }).encode().unwrap();
/// # store.append(&order, Expected::Any, vec![created]).await.unwrap();
/// # let recorded = store.read_last(&order).await.unwrap().unwrap();
/// assert_eq!((recorded.stream.as_str(), recorded.version), ("order-123", 1));
/// assert_eq!(recorded.decode::<OrderCreated>().unwrap().payload.amount, 5.0);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its stream.
    pub stream: StreamId,
    /// Its number in the stream, from 1, without gaps.
    pub version: u64,
    /// Its place among all events of the store.
    pub position: Position,
    /// The event, exactly as it was appended.
    pub event: Arc<Envelope<RawPayload>>,
}

impl Recorded {
    /// The event with its payload as a Rust type; upcasters are applied, as on receipt.
    ///
    /// # Errors
    /// [`DecodeError`], if it is another event or its payload does not fit.
    ///
    /// ```no_run
    /// # fn example<E: pontoon::DomainEvent>(recorded: &pontoon::event_store::Recorded) -> Result<(), pontoon::DecodeError> {
    /// let event: pontoon::Envelope<E> = recorded.decode()?;
    /// # Ok(()) }
    /// ```
    pub fn decode<T: DomainEvent>(&self) -> Result<Envelope<T>, DecodeError> {
        Envelope::clone(&self.event).decode()
    }
}

/// What was appended.
///
/// ```
/// use pontoon::event_store::{Appended, Position};
/// let appended = Appended { version: 3, position: Position::from(130) };
/// assert_eq!(appended.version, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version now: that of the last event appended.
    pub version: u64,
    /// The position of the last event appended. A reader of all events that has come this far has seen it.
    pub position: Position,
}

/// Which way a stream is read.
///
/// ```
/// use pontoon::event_store::Direction;
/// assert_ne!(Direction::Forward, Direction::Backward);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From older to newer.
    Forward,
    /// From newer to older.
    Backward,
}

/// Which of all events are wanted: by type, by the beginning of the stream's name, or both.
///
/// ```
/// use pontoon::event_store::Filter;
/// let created = Filter::all().types(["OrderCreated"]).stream_prefix("order-");
/// assert_ne!(created, Filter::all());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    types: Option<Vec<String>>,
    stream_prefix: String,
}

impl Filter {
    /// Every event.
    ///
    /// ```
    /// assert_eq!(pontoon::event_store::Filter::all(), pontoon::event_store::Filter::default());
    /// ```
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The events that `T` stands for.
    ///
    /// ```
    /// # use pontoon::DomainEvent;
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// use pontoon::event_store::Filter;
    /// assert_eq!(Filter::events::<OrderCreated>(), Filter::all().types(["OrderCreated"]));
    /// ```
    #[must_use]
    pub fn events<T: DomainEvent>() -> Self {
        Self::all().types(T::TYPES.iter().map(|kind| kind.name))
    }

    /// Of those, only events of these types.
    ///
    /// ```
    /// let orders = pontoon::event_store::Filter::all().types(["OrderCreated", "OrderCancelled"]);
    /// ```
    #[must_use]
    pub fn types<S: Into<String>>(mut self, types: impl IntoIterator<Item = S>) -> Self {
        self.types = Some(types.into_iter().map(Into::into).collect());
        self
    }

    /// Of those, only events of streams whose names begin so.
    ///
    /// ```
    /// let orders = pontoon::event_store::Filter::all().stream_prefix("order-");
    /// ```
    #[must_use]
    pub fn stream_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.stream_prefix = prefix.into();
        self
    }

    pub(crate) fn wants_stream(&self, stream: &str) -> bool {
        stream.starts_with(&self.stream_prefix)
    }

    pub(crate) fn wants_type(&self, event_type: &str) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|wanted| wanted == event_type))
    }
}

/// A stretch of all events.
///
/// ```
/// use pontoon::event_store::{Page, Position};
/// let page = Page { events: Vec::new(), next: Position::START, is_end: true };
/// assert!(page.is_end);
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    /// The events, in the total order. May be empty before the end is reached, where a filter left nothing.
    pub events: Vec<Recorded>,
    /// Read on from here. It is behind the events of this page and behind those that the filter left out.
    pub next: Position,
    /// Whether the end was reached: every event whose append had returned before this call is in this page or before it.
    pub is_end: bool,
}

/// Streams of events. Cheap to clone: clones are the same store.
///
/// What every implementation promises:
///
/// - An append is atomic: all its events or none, at consecutive versions of one stream and consecutive positions, and readers see all or none.
/// - Nothing stored ever changes, and nothing vanishes.
/// - The total order of [`read_all`](Self::read_all) agrees with each stream's order, and with time: if an append returned before another
///   began, its events come first.
/// - No event ever appears before a position that a reader was already sent past: who reads on from [`Page::next`] misses none.
/// - An append that is repeated with the same event ids and the same [`Expected::Exact`] or [`Expected::NoStream`] succeeds and appends nothing
///   again. So one whose outcome is unknown can be repeated. ([`Expected::Any`] and [`Expected::StreamExists`] append again.)
///
/// ```
/// use pontoon::event_store::{EventStore, StoreError, StreamId};
///
/// /// How many events a stream has.
/// async fn count(store: &impl EventStore, stream: &StreamId) -> Result<u64, StoreError> {
///     Ok(store.read_last(stream).await?.map_or(0, |last| last.version))
/// }
/// ```
pub trait EventStore: Clone + Send + Sync + 'static {
    /// Adds `events`, 1 to [`EVENTS_PER_APPEND_MAX`], to the end of `stream`, if it is as expected.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not as expected; [`StoreError::NothingToAppend`], [`StoreError::TooManyEvents`],
    /// [`StoreError::InvalidEvent`] and [`StoreError::TooLarge`] if the store cannot take these events at all; [`StoreError::Unavailable`] if
    /// the outcome is unknown.
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore, event: pontoon::Envelope<pontoon::RawPayload>) -> Result<(), StoreError> {
    /// let order = StreamId::new("order-123")?;
    /// match store.append(&order, Expected::Exact(4), vec![event]).await {
    ///     Ok(appended) => assert_eq!(appended.version, 5),
    ///     Err(StoreError::Conflict { actual, .. }) => println!("somebody was faster: it is at {actual}"),
    ///     Err(other) => return Err(other),
    /// }
    /// # Ok(()) }
    /// ```
    fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<Envelope<RawPayload>>,
    ) -> impl Future<Output = Result<Appended, StoreError>> + Send;

    /// The events of a stream from the version `from` on (included), at most `limit`. Forward from 1 is the beginning; backward from [`u64::MAX`]
    /// is the end. Fewer than `limit` events mean that the stream ends there.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore) -> Result<(), StoreError> {
    /// let latest_ten = store.read(&StreamId::new("order-123")?, u64::MAX, Direction::Backward, 10).await?;
    /// # Ok(()) }
    /// ```
    fn read(
        &self,
        stream: &StreamId,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Recorded>, StoreError>> + Send;

    /// The events of all streams behind `after`, at most `limit` (at least 1), in the total order.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore) -> Result<(), StoreError> {
    /// let mut position = Position::START;
    /// loop {
    ///     let page = store.read_all(position, &Filter::all(), 500).await?;
    ///     for event in &page.events {
    ///         println!("{} {} {}", event.position, event.stream, event.event.event_type);
    ///     }
    ///     position = page.next;
    ///     if page.is_end {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Waits until there may be events behind `after`. It may return early, never late: at most about a poll's interval after the append.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore, seen: Position) -> Result<(), StoreError> {
    /// store.wait(seen).await?;
    /// let news = store.read_all(seen, &Filter::all(), 100).await?;
    /// # Ok(()) }
    /// ```
    fn wait(&self, after: Position) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The events behind `after` as they come, without end.
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore) -> Result<(), StoreError> {
    /// let mut news = store.subscribe(Position::START, Filter::all().stream_prefix("order-"));
    /// loop {
    ///     let event = news.next().await?;
    ///     println!("{} has {}", event.stream, event.event.event_type);
    /// }
    /// # }
    /// ```
    fn subscribe(&self, after: Position, filter: Filter) -> Subscription<Self> {
        Subscription::new(self.clone(), after, filter)
    }

    /// The last event of a stream, if it has any.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl EventStore) -> Result<(), StoreError> {
    /// let version = store.read_last(&StreamId::new("order-123")?).await?.map_or(0, |last| last.version);
    /// # Ok(()) }
    /// ```
    fn read_last(
        &self,
        stream: &StreamId,
    ) -> impl Future<Output = Result<Option<Recorded>, StoreError>> + Send {
        async move { Ok(self.read(stream, u64::MAX, Direction::Backward, 1).await?.pop()) }
    }
}
