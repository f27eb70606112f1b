//! Aggregates: what decides whether something may happen, from what has happened.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event_store::{
    Appended, Direction, EventStore, Expected, Recorded, Snapshot, SnapshotStore, StoreError, StreamId,
};
use crate::{DecodeError, DomainEvent, Envelope};

/// How many events are read at once.
const PAGE: usize = 1000;

/// Something whose state follows from its events and that decides on commands: an order, an account.
///
/// Both functions are pure, so a rule is tested without a store: evolve a default with what has happened, decide, look at the events.
///
/// ```
/// use pontoon::aggregate::Aggregate;
/// use pontoon::DomainEvent;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service", prefix = "Order")]
/// enum OrderEvent {
///     Created { amount: f64 },
///     Cancelled,
/// }
///
/// enum OrderCommand {
///     Create { amount: f64 },
///     Cancel,
/// }
///
/// #[derive(Default)]
/// struct Order { exists: bool, is_cancelled: bool }
///
/// impl Aggregate for Order {
///     const KIND: &'static str = "order";
///     type Event = OrderEvent;
///     type Command = OrderCommand;
///     type Error = &'static str;
///
///     fn decide(&self, command: &OrderCommand) -> Result<Vec<OrderEvent>, &'static str> {
///         match command {
///             OrderCommand::Create { .. } if self.exists => Err("it exists already"),
///             OrderCommand::Create { amount } => Ok(vec![OrderEvent::Created { amount: *amount }]),
///             OrderCommand::Cancel if !self.exists => Err("there is no such order"),
///             OrderCommand::Cancel if self.is_cancelled => Ok(vec![]),
///             OrderCommand::Cancel => Ok(vec![OrderEvent::Cancelled]),
///         }
///     }
///
///     fn evolve(&mut self, event: &OrderEvent) {
///         match event {
///             OrderEvent::Created { .. } => self.exists = true,
///             OrderEvent::Cancelled => self.is_cancelled = true,
///         }
///     }
/// }
///
/// let mut order = Order::default();
/// assert_eq!(order.decide(&OrderCommand::Cancel), Err("there is no such order"));
/// order.evolve(&OrderEvent::Created { amount: 5.0 });
/// assert_eq!(order.decide(&OrderCommand::Cancel), Ok(vec![OrderEvent::Cancelled]));
/// ```
pub trait Aggregate: Default + Send + Sync {
    /// What its streams' names begin with: the stream of the order 123 is `order-123`.
    const KIND: &'static str;
    /// What happens to it.
    type Event: DomainEvent;
    /// What is asked of it.
    type Command: Send + Sync;
    /// Why it refuses.
    type Error: Send;

    /// The events that a command leads to in this state; none if there is nothing to do.
    ///
    /// # Errors
    /// If the command may not be done in this state.
    ///
    /// ```
    /// # use pontoon::aggregate::Aggregate;
    /// fn may<A: Aggregate>(state: &A, command: &A::Command) -> bool {
    ///     state.decide(command).is_ok()
    /// }
    /// ```
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// Takes in what has happened. It cannot fail: it has happened.
    ///
    /// ```
    /// # use pontoon::aggregate::Aggregate;
    /// fn replay<A: Aggregate>(events: &[A::Event]) -> A {
    ///     let mut state = A::default();
    ///     events.iter().for_each(|event| state.evolve(event));
    ///     state
    /// }
    /// ```
    fn evolve(&mut self, event: &Self::Event);
}

/// Why a command was not done.
///
/// ```
/// use pontoon::aggregate::CommandError;
/// let error: CommandError<&str> = CommandError::Refused("there is no such order");
/// assert_eq!(error.to_string(), "there is no such order");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CommandError<E> {
    /// The aggregate refused it.
    Refused(E),
    /// Others changed the aggregate each time, to the end of the tries.
    Conflict {
        /// Its stream.
        stream: StreamId,
        /// How often it was tried.
        tries: u32,
    },
    /// The store failed.
    Store(StoreError),
    /// An event of its stream is none of its events.
    Decode {
        /// The stream.
        stream: StreamId,
        /// The event's version there.
        version: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A new event or the state cannot be written as JSON.
    Encode(serde_json::Error),
}

impl<E: fmt::Display> fmt::Display for CommandError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Conflict { stream, tries } => {
                write!(f, "{stream} was changed by others {tries} times in a row")
            }
            Self::Store(error) => error.fmt(f),
            Self::Decode { stream, version, source } => write!(f, "event {version} of {stream}: {source}"),
            Self::Encode(error) => write!(f, "cannot be written as JSON: {error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CommandError<E> {}

impl<E> From<StoreError> for CommandError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An aggregate as its events made it.
///
/// ```
/// use pontoon::aggregate::Loaded;
/// let loaded = Loaded { state: 5, version: 3 };
/// assert_eq!(loaded.version, 3);
/// ```
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// Its state.
    pub state: A,
    /// The version of the last event in it; 0 if there is none.
    pub version: u64,
}

/// What a command led to.
///
/// ```
/// use pontoon::aggregate::Done;
/// let done: Done<(), ()> = Done { state: (), events: vec![], appended: None };
/// assert!(done.appended.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Done<A, E> {
    /// The state after it.
    pub state: A,
    /// The new events, as they were appended.
    pub events: Vec<Envelope<E>>,
    /// Where the last of them is; nothing if there was nothing to do.
    pub appended: Option<Appended>,
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type LoadSnapshot<A, S> =
    for<'a> fn(&'a S, &'a StreamId, u32) -> Pending<'a, Result<Option<Loaded<A>>, StoreError>>;
type SaveSnapshot<A, S> =
    for<'a> fn(&'a S, &'a StreamId, u32, u64, &'a A) -> Pending<'a, Result<(), StoreError>>;

/// How snapshots are taken. What they need of the aggregate and the store is bound in the functions, so that a repository without snapshots
/// does not need it.
struct Snapshots<A, S> {
    every: u64,
    schema: u32,
    load: LoadSnapshot<A, S>,
    save: SaveSnapshot<A, S>,
}

/// The snapshot of a stream, if there is one of that form that can be read.
fn load_snapshot<'a, A, S>(
    store: &'a S,
    stream: &'a StreamId,
    schema: u32,
) -> Pending<'a, Result<Option<Loaded<A>>, StoreError>>
where
    A: Aggregate + DeserializeOwned,
    S: SnapshotStore,
{
    Box::pin(async move {
        let snapshot = store.load_snapshot(stream).await?.filter(|snapshot| snapshot.schema == schema);
        let Some(snapshot) = snapshot else { return Ok(None) };
        match serde_json::from_str(snapshot.state.get()) {
            Ok(state) => Ok(Some(Loaded { state, version: snapshot.version })),
            Err(error) => {
                tracing::warn!(%stream, %error, "a snapshot cannot be read; all events are read instead");
                Ok(None)
            }
        }
    })
}

fn save_snapshot<'a, A, S>(
    store: &'a S,
    stream: &'a StreamId,
    schema: u32,
    version: u64,
    state: &'a A,
) -> Pending<'a, Result<(), StoreError>>
where
    A: Aggregate + Serialize,
    S: SnapshotStore,
{
    Box::pin(async move {
        match serde_json::value::to_raw_value(state) {
            Ok(state) => store.save_snapshot(stream, Snapshot { version, schema, state }).await,
            Err(error) => {
                Err(StoreError::Damaged { what: format!("the state of {stream}, which is no JSON: {error}") })
            }
        }
    })
}

/// Keeps aggregates of one kind in an event store: loads them, does commands, and tries again when somebody else was faster.
///
/// ```
/// # use pontoon::aggregate::{Aggregate, Repository};
/// # use pontoon::event_store::MemoryEventStore;
/// # use pontoon::DomainEvent;
/// # #[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "shop")]
/// # struct ItemSold { count: u64 }
/// #[derive(Debug, Default)]
/// struct Stock { sold: u64 }
///
/// struct Sell(u64);
///
/// impl Aggregate for Stock {
///     const KIND: &'static str = "stock";
///     type Event = ItemSold;
///     type Command = Sell;
///     type Error = &'static str;
///
///     fn decide(&self, Sell(count): &Sell) -> Result<Vec<ItemSold>, &'static str> {
///         if self.sold + count > 10 { Err("sold out") } else { Ok(vec![ItemSold { count: *count }]) }
///     }
///
///     fn evolve(&mut self, event: &ItemSold) {
///         self.sold += event.count;
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let stock = Repository::<Stock, _>::new(MemoryEventStore::new());
/// stock.execute("tea", &Sell(7)).await?;
/// assert_eq!(stock.execute("tea", &Sell(4)).await.unwrap_err().to_string(), "sold out");
/// assert_eq!(stock.load("tea").await?.state.sold, 7);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Repository<A, S> {
    store: S,
    tries: u32,
    snapshots: Option<Snapshots<A, S>>,
    kind: PhantomData<fn() -> A>,
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// The aggregates of this kind in `store`.
    ///
    /// ```no_run
    /// # use pontoon::aggregate::{Aggregate, Repository};
    /// # fn example<Order: Aggregate>(store: pontoon::event_store::MemoryEventStore) {
    /// let orders = Repository::<Order, _>::new(store);
    /// # }
    /// ```
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, tries: 10, snapshots: None, kind: PhantomData }
    }

    /// How often a command is tried, 10 times if not set, when others change the aggregate meanwhile.
    ///
    /// # Panics
    /// If it is 0.
    ///
    /// ```no_run
    /// # use pontoon::aggregate::{Aggregate, Repository};
    /// # fn example<Order: Aggregate>(store: pontoon::event_store::MemoryEventStore) {
    /// let orders = Repository::<Order, _>::new(store).tries(3);
    /// # }
    /// ```
    #[must_use]
    pub fn tries(self, tries: u32) -> Self {
        assert!(tries > 0, "a command must be tried at least once");
        Self { tries, ..self }
    }

    /// Keeps a snapshot of the state whenever another `every` events have come together, so that only later events are read. `schema` is the
    /// version of the state's own form: raise it with every change of the struct or of `evolve`, and older snapshots are ignored.
    ///
    /// # Panics
    /// If `every` is 0.
    ///
    /// ```no_run
    /// # use pontoon::aggregate::{Aggregate, Repository};
    /// # fn example<Order: Aggregate + serde::Serialize + serde::de::DeserializeOwned>(store: pontoon::event_store::MemoryEventStore) {
    /// let orders = Repository::<Order, _>::new(store).snapshots(100, 1);
    /// # }
    /// ```
    #[must_use]
    pub fn snapshots(self, every: u64, schema: u32) -> Self
    where
        A: Serialize + DeserializeOwned,
        S: SnapshotStore,
    {
        assert!(every > 0, "a snapshot is taken every so many events, not every 0");
        let snapshots = Snapshots { every, schema, load: load_snapshot::<A, S>, save: save_snapshot::<A, S> };
        Self { snapshots: Some(snapshots), ..self }
    }

    /// The stream of the aggregate `id`.
    ///
    /// # Errors
    /// [`StoreError::InvalidStream`] if the id is too long.
    ///
    /// ```no_run
    /// # use pontoon::aggregate::{Aggregate, Repository};
    /// # fn example<Order: Aggregate>(orders: Repository<Order, pontoon::event_store::MemoryEventStore>) {
    /// assert_eq!(orders.stream("123").unwrap().as_str(), "order-123");
    /// # }
    /// ```
    pub fn stream(&self, id: &str) -> Result<StreamId, StoreError> {
        StreamId::new(format!("{}-{id}", A::KIND))
    }

    /// The aggregate `id` as it is now; one without events is the default, at version 0.
    ///
    /// # Errors
    /// [`CommandError::Store`] and [`CommandError::Decode`].
    ///
    /// ```no_run
    /// # use pontoon::aggregate::*;
    /// # async fn example<Order: Aggregate>(orders: Repository<Order, pontoon::event_store::MemoryEventStore>) -> Result<(), CommandError<Order::Error>> {
    /// let order = orders.load("123").await?;
    /// println!("{} events", order.version);
    /// # Ok(()) }
    /// ```
    pub async fn load(&self, id: &str) -> Result<Loaded<A>, CommandError<A::Error>> {
        self.load_stream(&self.stream(id)?).await
    }

    /// Does a command: loads the aggregate, lets it decide, appends the events. If others appended meanwhile, it starts again, so the aggregate
    /// decides more than once, each time on the newest state.
    ///
    /// # Errors
    /// [`CommandError`]. After [`StoreError::Unavailable`] nobody knows whether it was done.
    ///
    /// ```no_run
    /// # use pontoon::aggregate::*;
    /// # async fn example<Order: Aggregate>(orders: Repository<Order, pontoon::event_store::MemoryEventStore>, cancel: Order::Command)
    /// # -> Result<(), CommandError<Order::Error>> {
    /// let done = orders.execute("123", &cancel).await?;
    /// println!("{} new events", done.events.len());
    /// # Ok(()) }
    /// ```
    pub async fn execute(
        &self,
        id: &str,
        command: &A::Command,
    ) -> Result<Done<A, A::Event>, CommandError<A::Error>> {
        self.update(id, |state| state.decide(command)).await
    }

    /// The same for a decision that is no command of the aggregate: one that needs something from outside, say.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    ///
    /// ```no_run
    /// # use pontoon::aggregate::*;
    /// # async fn example<Order: Aggregate>(orders: Repository<Order, pontoon::event_store::MemoryEventStore>)
    /// # -> Result<(), CommandError<Order::Error>> {
    /// let done = orders.update("123", |order| Ok(vec![/* what the order and the exchange rate of today lead to */])).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update<E>(
        &self,
        id: &str,
        decide: impl Fn(&A) -> Result<Vec<A::Event>, E> + Send + Sync,
    ) -> Result<Done<A, A::Event>, CommandError<E>> {
        let stream = self.stream(id)?;
        for attempt in 0..self.tries {
            let Loaded { mut state, version } = self.load_stream(&stream).await?;
            let events = decide(&state).map_err(CommandError::Refused)?;
            if events.is_empty() {
                return Ok(Done { state, events: Vec::new(), appended: None });
            }
            let events: Vec<_> = events.into_iter().map(Envelope::new).collect();
            match self.append(&stream, version, &events).await {
                Ok(appended) => {
                    events.iter().for_each(|event| state.evolve(&event.payload));
                    self.keep(&stream, version, appended.version, &state).await;
                    return Ok(Done { state, events, appended: Some(appended) });
                }
                Err(CommandError::Store(StoreError::Conflict { actual, .. })) => {
                    tracing::debug!(%stream, version, actual, "somebody was faster; deciding again");
                    let longest = Duration::from_millis(5).saturating_mul(1 << attempt.min(6));
                    tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(CommandError::Conflict { stream, tries: self.tries })
    }

    async fn append<E>(
        &self,
        stream: &StreamId,
        version: u64,
        events: &[Envelope<A::Event>],
    ) -> Result<Appended, CommandError<E>> {
        let events: Vec<_> =
            events.iter().map(Envelope::encode).collect::<Result<_, _>>().map_err(CommandError::Encode)?;
        match self.store.append(stream, Expected::Exact(version), events.clone()).await {
            // The outcome is unknown, and the same events at the same version are appended once.
            Err(error) if error.is_transient() => {
                tracing::debug!(%stream, %error, "repeating an append");
                Ok(self.store.append(stream, Expected::Exact(version), events).await?)
            }
            result => Ok(result?),
        }
    }

    async fn load_stream<E>(&self, stream: &StreamId) -> Result<Loaded<A>, CommandError<E>> {
        let snapshot = match &self.snapshots {
            Some(snapshots) => (snapshots.load)(&self.store, stream, snapshots.schema).await?,
            None => None,
        };
        let mut loaded = snapshot.unwrap_or_else(|| Loaded { state: A::default(), version: 0 });
        loop {
            let page = self.store.read(stream, loaded.version + 1, Direction::Forward, PAGE).await?;
            for recorded in &page {
                loaded.state.evolve(&decode(recorded)?);
                loaded.version = recorded.version;
            }
            if page.len() < PAGE {
                return Ok(loaded);
            }
        }
    }

    /// Keeps a snapshot if one is due. Without it the aggregate is as right, only slower to load.
    async fn keep(&self, stream: &StreamId, before: u64, version: u64, state: &A) {
        let Some(snapshots) = &self.snapshots else { return };
        if version / snapshots.every == before / snapshots.every {
            return;
        }
        if let Err(error) = (snapshots.save)(&self.store, stream, snapshots.schema, version, state).await {
            tracing::warn!(%stream, %error, "no snapshot was kept");
        }
    }
}

impl<A, S: fmt::Debug> fmt::Debug for Repository<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("store", &self.store).finish_non_exhaustive()
    }
}

fn decode<T: DomainEvent, E>(recorded: &Recorded) -> Result<T, CommandError<E>> {
    let event = &recorded.event;
    T::decode_version(&event.event_type, event.version, event.payload.as_raw()).map_err(|source| {
        CommandError::Decode { stream: recorded.stream.clone(), version: recorded.version, source }
    })
}
