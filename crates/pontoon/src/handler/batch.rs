//! A batch of events, handled side by side where their order allows.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::Service;

use super::attend::{Handled, attend};
use super::{Backoff, BoxError, Delivery, HandleError};
use crate::event::{DomainEvent, EventType};
use crate::metrics::{MetricSink, record_handled};

/// How many events of a batch are handled at once unless said otherwise.
const CONCURRENCY: usize = 10;

/// What a failure in a FIFO queue holds up.
///
/// ```
/// use pontoon::handler::{FailedGroup, Handling, Router};
/// let handling = Handling::new(Router::new()).failed_group(FailedGroup::HoldsUpBatch);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedGroup {
    /// The rest of its message group: other groups go on, and each group stays in order.
    #[default]
    HoldsUpItself,
    /// The rest of the batch, in which everything is then handled one after another.
    HoldsUpBatch,
}

/// A router, with or without middleware around it, and how hosts handle events with it.
///
/// ```
/// use std::time::Duration;
/// use pontoon::handler::{Backoff, Handling, Router};
///
/// let handling = Handling::new(Router::new())
///     .concurrency(4)
///     .backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(60)));
/// ```
#[derive(Clone)]
pub struct Handling<S> {
    service: S,
    concurrency: usize,
    failed_group: FailedGroup,
    backoff: Backoff,
    assumed: Option<&'static EventType>,
    observers: Vec<Observer>,
    metrics: Option<Arc<dyn MetricSink>>,
}

type Attended<'a> = Pin<Box<dyn Future<Output = (Handled, Result<(), HandleError>)> + Send + 'a>>;
type Observer = Arc<dyn Fn(&Handled) + Send + Sync>;

impl<S> Handling<S> {
    /// Handles events with `service`, usually a [`Router`](super::Router): ten at once, backing off from five seconds to fifteen minutes.
    ///
    /// ```
    /// use pontoon::handler::{Handling, Router};
    /// let handling = Handling::new(Router::new());
    /// ```
    pub fn new(service: S) -> Self {
        Self {
            service,
            concurrency: CONCURRENCY,
            failed_group: FailedGroup::default(),
            backoff: Backoff::default(),
            assumed: None,
            observers: Vec::new(),
            metrics: None,
        }
    }

    /// Handles at most `events` at once, at least one. A Lambda function counts per invocation, a worker over all.
    ///
    /// ```
    /// use pontoon::handler::{Handling, Router};
    /// let one_by_one = Handling::new(Router::new()).concurrency(1);
    /// ```
    #[must_use]
    pub fn concurrency(self, events: usize) -> Self {
        Self { concurrency: events.max(1), ..self }
    }

    /// Decides what a failure in a FIFO queue holds up.
    ///
    /// ```
    /// use pontoon::handler::{FailedGroup, Handling, Router};
    /// let handling = Handling::new(Router::new()).failed_group(FailedGroup::HoldsUpBatch);
    /// ```
    #[must_use]
    pub fn failed_group(self, failed_group: FailedGroup) -> Self {
        Self { failed_group, ..self }
    }

    /// Decides how long failed events wait that do not say so themselves.
    ///
    /// ```
    /// use pontoon::handler::{Backoff, Handling, Router};
    /// let handling = Handling::new(Router::new()).backoff(Backoff::default());
    /// ```
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Takes bodies that do not say which event they are for payloads of `T`'s first type: what reaches a queue through a rule with
    /// `InputPath: $.detail` from a publisher who writes no metadata. The message's id is then the event's.
    ///
    /// ```
    /// # use pontoon::DomainEvent;
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// use pontoon::handler::{Handling, Router};
    /// let handling = Handling::new(Router::new()).assume::<OrderCreated>();
    /// ```
    #[must_use]
    pub fn assume<T: DomainEvent>(self) -> Self {
        Self { assumed: T::TYPES.first(), ..self }
    }

    /// Measures every event handled; see [`metrics`](crate::metrics) for what. A function flushes `sink` with each invocation, a worker when it ends.
    ///
    /// ```
    /// use pontoon::handler::{Handling, Router};
    /// use pontoon::metrics::Emf;
    /// let handling = Handling::new(Router::new()).metrics(Emf::stdout("Orders"));
    /// ```
    #[must_use]
    pub fn metrics(self, sink: impl MetricSink) -> Self {
        Self { metrics: Some(Arc::new(sink)), ..self }
    }

    /// Tells `observer` of every event handled.
    ///
    /// ```
    /// use pontoon::handler::{Handling, Router};
    /// let handling = Handling::new(Router::new()).observe(|handled| println!("{handled:?}"));
    /// ```
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(&Handled) + Send + Sync + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    pub(crate) fn assumed(&self) -> Option<&'static EventType> {
        self.assumed
    }

    pub(crate) fn backoff_of(&self) -> Backoff {
        self.backoff
    }

    pub(crate) fn concurrency_of(&self) -> usize {
        self.concurrency
    }

    /// Sends what was measured; a failure is told in the log.
    pub(crate) async fn flush_metrics(&self) {
        if let Some(sink) = &self.metrics
            && let Err(reason) = sink.flush().await
        {
            tracing::warn!(%reason, "metrics are not sent");
        }
    }

    /// In which lanes the events of a FIFO queue are handled.
    pub(crate) fn fifo_lanes(&self) -> Lanes {
        match self.failed_group {
            FailedGroup::HoldsUpItself => Lanes::Groups,
            FailedGroup::HoldsUpBatch => Lanes::One,
        }
    }
}

/// Which events of a batch wait for which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lanes {
    /// None for any.
    Each,
    /// Those of a group for one another.
    Groups,
    /// Each for the one before it.
    One,
}

/// One event of a batch, or why it is none.
pub(crate) struct Item {
    pub(crate) group: Option<String>,
    pub(crate) delivery: Result<Delivery, HandleError>,
}

/// What became of an event of a batch.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It was handled.
    Done,
    /// Its handler failed.
    Failed(HandleError),
    /// It was not handled, because one before it failed.
    Skipped,
}

impl<S> Handling<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Handles one event.
    pub(crate) async fn handle(&self, delivery: Result<Delivery, HandleError>) -> Result<(), HandleError> {
        let (handled, outcome) = self.attended(delivery?).await;
        self.observers.iter().for_each(|observer| observer(&handled));
        if let Some(sink) = &self.metrics {
            record_handled(sink.as_ref(), &handled);
        }
        outcome
    }

    /// Of one type whatever the stack of layers is: nested types as deep as theirs are more than the compiler takes.
    fn attended(&self, delivery: Delivery) -> Attended<'_> {
        Box::pin(attend(self.service.clone(), delivery))
    }

    /// Handles a batch; the verdicts are in the order of the items. A lane ends at its first failure that is not `final`.
    pub(crate) async fn handle_batch(&self, items: Vec<Item>, lanes: Lanes) -> Vec<Verdict> {
        let count = items.len();
        let slots = Arc::new(Semaphore::new(self.concurrency));
        let mut tasks = JoinSet::new();
        for lane in in_lanes(items, lanes) {
            let (handling, slots) = (self.clone(), Arc::clone(&slots));
            tasks.spawn(async move {
                let failed = AtomicBool::new(false);
                let mut verdicts = Vec::with_capacity(lane.len());
                for (at, item) in lane {
                    if failed.load(Ordering::Relaxed) {
                        verdicts.push((at, Verdict::Skipped));
                        continue;
                    }
                    // The semaphore is never closed, so that an error would only mean to go on without a slot.
                    let _slot = slots.acquire().await;
                    verdicts.push((at, handling.judge(item, &failed).await));
                }
                verdicts
            });
        }
        let mut verdicts: Vec<Option<Verdict>> = (0..count).map(|_| None).collect();
        while let Some(lane) = tasks.join_next().await {
            for (at, verdict) in lane.unwrap_or_default() {
                verdicts[at] = Some(verdict);
            }
        }
        // A task that was lost has told nothing, so whatever it handled is to be handled again.
        let lost = || Verdict::Failed(HandleError::transient("the task that handled it was lost"));
        verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(lost)).collect()
    }

    async fn judge(&self, item: Item, failed: &AtomicBool) -> Verdict {
        match self.handle(item.delivery).await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                Verdict::Failed(error)
            }
        }
    }
}

/// The items with their places, by lane.
fn in_lanes(items: Vec<Item>, lanes: Lanes) -> Vec<Vec<(usize, Item)>> {
    let mut of_group: HashMap<String, usize> = HashMap::new();
    let mut sorted: Vec<Vec<(usize, Item)>> = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let lane = match (lanes, &item.group) {
            (Lanes::Groups, Some(group)) => *of_group.entry(group.clone()).or_insert(sorted.len()),
            (Lanes::One, _) => 0,
            (Lanes::Each | Lanes::Groups, _) => sorted.len(),
        };
        if lane == sorted.len() {
            sorted.push(Vec::new());
        }
        sorted[lane].push((at, item));
    }
    sorted
}
