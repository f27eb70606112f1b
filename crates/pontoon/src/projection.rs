//! Projections: what is built from events to be read, and the reader that keeps it up to date.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::event_store::{
    Checkpoint, CheckpointError, CheckpointStore, EventStore, Filter, Position, Recorded, StoreError,
};

/// How many events are read at once; after each of these the checkpoint is saved.
const PAGE: usize = 256;

/// Something built from events to be read: a table of orders by customer, a count of sales by day.
///
/// A [`Projector`] gives it the events in the total order. After a crash it gives some again, those since the last checkpoint; so
/// [`apply`](Self::apply) must do the same when it is given an event again. Two ways lead there: writes that set what follows from the event
/// (`SET status = paid`), and a read model that keeps the position of the last event it took in and ignores those up to it.
///
/// ```
/// use pontoon::event_store::{Filter, Position, Recorded};
/// use pontoon::projection::Projection;
///
/// /// Counts orders, and notes up to where.
/// #[derive(Default)]
/// struct OrderCount { count: u64, up_to: Position }
///
/// impl Projection for OrderCount {
///     type Error = std::convert::Infallible;
///
///     fn name(&self) -> &str {
///         "order-count"
///     }
///
///     fn filter(&self) -> Filter {
///         Filter::all().types(["OrderCreated"])
///     }
///
///     async fn apply(&mut self, event: &Recorded) -> Result<(), Self::Error> {
///         if event.position > self.up_to {
///             self.count += 1;
///             self.up_to = event.position;
///         }
///         Ok(())
///     }
///
///     async fn clear(&mut self) -> Result<(), Self::Error> {
///         *self = Self::default();
///         Ok(())
///     }
/// }
/// ```
pub trait Projection: Send {
    /// Why it cannot take in an event.
    type Error: Send;

    /// Its name, under which the checkpoint is kept. A projection under a new name begins at the first event.
    ///
    /// ```
    /// # fn example(projection: &impl pontoon::projection::Projection) {
    /// println!("{}", projection.name());
    /// # }
    /// ```
    fn name(&self) -> &str;

    /// Which events it wants; all if not said.
    ///
    /// ```
    /// # fn example(projection: &impl pontoon::projection::Projection) {
    /// println!("{:?}", projection.filter());
    /// # }
    /// ```
    fn filter(&self) -> Filter {
        Filter::all()
    }

    /// Takes in an event. It may be one that it took in before.
    ///
    /// # Errors
    /// If it cannot; the projector stops there, and begins with the same event the next time.
    ///
    /// ```no_run
    /// # async fn example<P: pontoon::projection::Projection>(projection: &mut P, event: &pontoon::event_store::Recorded) -> Result<(), P::Error> {
    /// projection.apply(event).await
    /// # }
    /// ```
    fn apply(&mut self, event: &Recorded) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether the same may succeed a little later, so that [`Projector::run`] tries it again instead of stopping; never, if not said.
    ///
    /// ```
    /// # fn example<P: pontoon::projection::Projection>(projection: &P, error: &P::Error) -> bool {
    /// projection.is_transient(error)
    /// # }
    /// ```
    fn is_transient(&self, error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// Makes what it took in durable, if [`apply`](Self::apply) did not; called before each checkpoint.
    ///
    /// # Errors
    /// If it cannot; the checkpoint is then not saved.
    ///
    /// ```no_run
    /// # async fn example<P: pontoon::projection::Projection>(projection: &mut P) -> Result<(), P::Error> {
    /// projection.flush().await
    /// # }
    /// ```
    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async { Ok(()) }
    }

    /// Throws away everything that was built, for a rebuild from the first event.
    ///
    /// # Errors
    /// If it cannot.
    ///
    /// ```no_run
    /// # async fn example<P: pontoon::projection::Projection>(projection: &mut P) -> Result<(), P::Error> {
    /// projection.clear().await
    /// # }
    /// ```
    fn clear(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why a projector stopped.
///
/// ```
/// use pontoon::projection::ProjectorError;
/// let error: ProjectorError<&str> = ProjectorError::Projection("the table is full");
/// assert_eq!(error.to_string(), "the table is full");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProjectorError<E> {
    /// The projection could not take in an event, or not clear or flush.
    Projection(E),
    /// The store failed.
    Store(StoreError),
    /// A second projector runs under the same name.
    Moved(CheckpointError),
}

impl<E: fmt::Display> fmt::Display for ProjectorError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Projection(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Moved(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ProjectorError<E> {}

impl<E> From<StoreError> for ProjectorError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E> From<CheckpointError> for ProjectorError<E> {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Store(error) => Self::Store(error),
            moved @ CheckpointError::Moved { .. } => Self::Moved(moved),
        }
    }
}

/// Keeps a [`Projection`] up to date with a store: at least once, in order, without skipping, from a checkpoint.
///
/// ```
/// # use pontoon::event_store::*;
/// # use pontoon::projection::{Projection, Projector};
/// # use pontoon::{DomainEvent, Envelope};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// # #[derive(Default)]
/// # struct OrderCount { count: u64, up_to: Position }
/// # impl Projection for OrderCount {
/// #     type Error = std::convert::Infallible;
/// #     fn name(&self) -> &str { "order-count" }
/// #     async fn apply(&mut self, event: &Recorded) -> Result<(), Self::Error> {
/// #         if event.position > self.up_to { self.count += 1; self.up_to = event.position; }
/// #         Ok(())
/// #     }
/// #     async fn clear(&mut self) -> Result<(), Self::Error> { *self = Self::default(); Ok(()) }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryEventStore::new();
/// let created = Envelope::new(OrderCreated { amount: 5.0 }).encode()?;
/// store.append(&StreamId::new("order-123")?, Expected::NoStream, vec![created]).await?;
///
/// // The store keeps the checkpoint, too.
/// let mut projector = Projector::new(store.clone(), store, OrderCount::default());
/// projector.catch_up().await?;
/// assert_eq!(projector.projection().count, 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Projector<S, C, P> {
    store: S,
    checkpoints: C,
    projection: P,
    /// As it is stored. Nothing until it was loaded.
    checkpoint: Option<Option<Checkpoint>>,
}

impl<S: EventStore, C: CheckpointStore, P: Projection> Projector<S, C, P> {
    /// Keeps `projection` up to date with `store`, with its checkpoint in `checkpoints`, which may be the same.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::projection::*;
    /// # fn example(store: MemoryEventStore, projection: impl Projection) {
    /// let projector = Projector::new(store.clone(), store, projection);
    /// # }
    /// ```
    #[must_use]
    pub fn new(store: S, checkpoints: C, projection: P) -> Self {
        Self { store, checkpoints, projection, checkpoint: None }
    }

    /// The projection.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::projection::*;
    /// # fn example<P: Projection>(projector: &Projector<MemoryEventStore, MemoryEventStore, P>) {
    /// println!("{}", projector.projection().name());
    /// # }
    /// ```
    #[must_use]
    pub fn projection(&self) -> &P {
        &self.projection
    }

    pub(crate) fn projection_mut(&mut self) -> &mut P {
        &mut self.projection
    }

    /// Takes in all events up to the end, and tells up to where that is: at least the position of every append that returned before this
    /// call.
    ///
    /// # Errors
    /// [`ProjectorError`]; what was taken in before the last checkpoint stays, and it can be called again.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::projection::*;
    /// # async fn example<P: Projection>(mut projector: Projector<MemoryEventStore, MemoryEventStore, P>) -> Result<(), ProjectorError<P::Error>> {
    /// let position = projector.catch_up().await?;
    /// # Ok(()) }
    /// ```
    pub async fn catch_up(&mut self) -> Result<Position, ProjectorError<P::Error>> {
        loop {
            let (position, is_end) = self.step().await?;
            if is_end {
                return Ok(position);
            }
        }
    }

    /// Keeps the projection up to date until `shutdown` is there, and then ends after the events at hand and their checkpoint. While the store is
    /// out of reach, or the projection's failure is transient, it tries again with growing pauses.
    ///
    /// # Errors
    /// [`ProjectorError`], but for what is tried again.
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::projection::*;
    /// # async fn example<P: Projection>(mut projector: Projector<MemoryEventStore, MemoryEventStore, P>, shutdown: impl Future<Output = ()>)
    /// # -> Result<(), ProjectorError<P::Error>> {
    /// projector.run(shutdown).await?;
    /// # Ok(()) }
    /// ```
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), ProjectorError<P::Error>> {
        tokio::pin!(shutdown);
        let mut failures = 0;
        loop {
            let next = match self.step().await {
                Ok((_, false)) => Next::AtOnce,
                Ok((position, true)) => Next::WithNews(position),
                Err(error) if self.is_transient(&error) => Next::After(pause(failures)),
                Err(error) => return Err(error),
            };
            failures = if matches!(next, Next::After(_)) { failures + 1 } else { 0 };
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                () = self.until(next) => {}
            }
        }
    }

    /// Throws away what was built and builds it again from the first event, up to the end. If this process dies meanwhile, the next one
    /// that calls anything here goes on with it.
    ///
    /// # Errors
    /// [`ProjectorError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::MemoryEventStore;
    /// # use pontoon::projection::*;
    /// # async fn example<P: Projection>(mut projector: Projector<MemoryEventStore, MemoryEventStore, P>) -> Result<(), ProjectorError<P::Error>> {
    /// projector.rebuild().await?;
    /// # Ok(()) }
    /// ```
    pub async fn rebuild(&mut self) -> Result<Position, ProjectorError<P::Error>> {
        if self.checkpoint.is_none() {
            self.checkpoint = Some(self.checkpoints.load_checkpoint(self.projection.name()).await?);
        }
        self.save(Checkpoint { position: Position::START, is_resetting: true }).await?;
        self.catch_up().await
    }

    /// Takes in the next events, up to [`PAGE`], and saves the checkpoint behind them. Tells where that is, and whether it is the end.
    async fn step(&mut self) -> Result<(Position, bool), ProjectorError<P::Error>> {
        let known = self.resume().await?;
        let page = self.store.read_all(known, &self.projection.filter(), PAGE).await?;
        let mut done = known;
        for event in &page.events {
            if let Err(error) = self.projection.apply(event).await {
                // What went well is not done again.
                if done != known && self.projection.flush().await.is_ok() {
                    self.save(Checkpoint::at(done)).await?;
                }
                return Err(ProjectorError::Projection(error));
            }
            done = event.position;
        }
        if page.next != known {
            self.projection.flush().await.map_err(ProjectorError::Projection)?;
            self.save(Checkpoint::at(page.next)).await?;
        }
        Ok((page.next, page.is_end))
    }

    /// Where to go on, after clearing if a rebuild has begun.
    async fn resume(&mut self) -> Result<Position, ProjectorError<P::Error>> {
        let known = match self.checkpoint {
            Some(known) => known,
            None => {
                let known = self.checkpoints.load_checkpoint(self.projection.name()).await?;
                *self.checkpoint.insert(known)
            }
        };
        let known = known.unwrap_or_default();
        if known.is_resetting {
            self.projection.clear().await.map_err(ProjectorError::Projection)?;
            self.save(Checkpoint::at(known.position)).await?;
        }
        Ok(known.position)
    }

    async fn save(&mut self, new: Checkpoint) -> Result<(), ProjectorError<P::Error>> {
        // Until it is known what became of it, the checkpoint is loaded anew.
        let known = self.checkpoint.take().flatten();
        self.checkpoints.save_checkpoint(self.projection.name(), known, new).await?;
        self.checkpoint = Some(Some(new));
        Ok(())
    }

    fn is_transient(&self, error: &ProjectorError<P::Error>) -> bool {
        match error {
            ProjectorError::Projection(error) => self.projection.is_transient(error),
            ProjectorError::Store(error) => error.is_transient(),
            ProjectorError::Moved(_) => false,
        }
    }

    async fn until(&self, next: Next) {
        match next {
            Next::AtOnce => {}
            Next::After(pause) => tokio::time::sleep(pause).await,
            Next::WithNews(position) => {
                if let Err(error) = self.store.wait(position).await {
                    tracing::debug!(%error, "cannot wait for events; looking again soon");
                    tokio::time::sleep(pause(0)).await;
                }
            }
        }
    }
}

/// When to look for events again.
enum Next {
    AtOnce,
    /// When there may be some behind this position.
    WithNews(Position),
    /// After a failure.
    After(Duration),
}

/// A random pause that grows with the failures in a row, up to ten seconds.
fn pause(failures: u32) -> Duration {
    let longest =
        Duration::from_millis(100).saturating_mul(1 << failures.min(8)).min(Duration::from_secs(10));
    longest / 2 + (longest / 2).mul_f64(fastrand::f64())
}
