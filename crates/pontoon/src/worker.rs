//! Handlers as a worker: a process that polls a queue, on containers and bare machines.

mod deletes;
mod lane;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::Service;

use crate::aws::failure::words;
use crate::handler::{Backoff, BoxError, Delivery, Handling};
use crate::queue::Queue;
use deletes::Deletes;
use lane::Lane;

/// The most messages that SQS hands out at once.
const BATCH_MAX: usize = 10;
/// The shortest visibility that a heartbeat can keep up.
const VISIBILITY_MIN: Duration = Duration::from_secs(2);
/// How long a failed poll waits before the next.
const POLL_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// Polls a queue and handles its messages, as many at once as [`Handling::concurrency`] says.
///
/// - While a message is handled its visibility is renewed, so that nobody else gets it however long that takes (SQS ends it after twelve hours).
/// - A message that was handled is deleted. One that failed comes back as the backoff says; one that failed for good goes to the queue's dead-letter
///   queue, if it has one, with the reason.
/// - Of a FIFO queue, groups are handled side by side and each in order; behind a failed message its group waits.
/// - Told to stop, it takes no more messages, gives back those that no handler has begun, and waits for the rest.
///
/// ```no_run
/// use pontoon::handler::Router;
/// use pontoon::worker::Worker;
///
/// # async fn with(router: Router, config: &aws_config::SdkConfig) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let sqs = aws_sdk_sqs::Client::new(config);
/// let worker = Worker::new(sqs, "https://sqs.eu-central-1.amazonaws.com/123456789012/orders", router);
/// worker.run(pontoon::worker::interrupted()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Worker<S> {
    handling: Handling<S>,
    client: Client,
    url: String,
    visibility: Option<Duration>,
    drain: Duration,
}

/// What became of the messages that a worker took.
///
/// ```
/// assert_eq!(pontoon::worker::Worked::default().handled, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Handled, and deleted.
    pub handled: usize,
    /// Failed, to come back later.
    pub failed: usize,
    /// Failed for good, and moved to the dead-letter queue.
    pub buried: usize,
    /// Given back unhandled, behind a failed one of their group.
    pub skipped: usize,
}

impl std::ops::AddAssign for Worked {
    fn add_assign(&mut self, other: Self) {
        self.handled += other.handled;
        self.failed += other.failed;
        self.buried += other.buried;
        self.skipped += other.skipped;
    }
}

/// Resolves when the process is told to end: by an interrupt from the keyboard, or by SIGTERM, as container hosts send it.
///
/// ```no_run
/// # async fn with(worker: pontoon::worker::Worker<pontoon::handler::Router>) {
/// worker.run(pontoon::worker::interrupted()).await.unwrap();
/// # }
/// ```
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Where signals cannot be listened to, the process ends by them; there is nothing to resolve.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl<S> Worker<S> {
    /// A worker that handles the messages of the queue with this URL with a router.
    ///
    /// ```
    /// # fn with(sqs: aws_sdk_sqs::Client) {
    /// use pontoon::handler::Router;
    /// use pontoon::worker::Worker;
    /// let worker = Worker::new(sqs, "http://127.0.0.1:4566/000000000000/orders", Router::new());
    /// # }
    /// ```
    pub fn new(client: Client, queue_url: impl Into<String>, service: S) -> Self {
        Self::with(client, queue_url, Handling::new(service))
    }

    /// A worker that handles the messages as it is told.
    ///
    /// ```
    /// # fn with(sqs: aws_sdk_sqs::Client) {
    /// use pontoon::handler::{Handling, Router};
    /// use pontoon::worker::Worker;
    /// let handling = Handling::new(Router::new()).concurrency(50);
    /// let worker = Worker::with(sqs, "http://127.0.0.1:4566/000000000000/orders", handling);
    /// # }
    /// ```
    pub fn with(client: Client, queue_url: impl Into<String>, handling: Handling<S>) -> Self {
        let (url, drain) = (queue_url.into(), Duration::from_secs(25));
        Self { handling, client, url, visibility: None, drain }
    }

    /// For how long messages are hidden at first, and again at each renewal: the queue's own visibility timeout if nothing is said, two seconds at
    /// least. The longer, the longer a crashed worker's messages wait.
    ///
    /// ```
    /// # fn with(worker: pontoon::worker::Worker<pontoon::handler::Router>) {
    /// let worker = worker.visibility(std::time::Duration::from_secs(60));
    /// # }
    /// ```
    #[must_use]
    pub fn visibility(self, visibility: Duration) -> Self {
        Self { visibility: Some(visibility), ..self }
    }

    /// How long handlers have to end when the worker is told to stop: 25 seconds, within the half minute that container hosts give.
    ///
    /// ```
    /// # fn with(worker: pontoon::worker::Worker<pontoon::handler::Router>) {
    /// let worker = worker.drain(std::time::Duration::from_secs(5));
    /// # }
    /// ```
    #[must_use]
    pub fn drain(self, drain: Duration) -> Self {
        Self { drain, ..self }
    }
}

impl<S> Worker<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Polls until `stop` resolves, then drains.
    ///
    /// # Errors
    /// If the queue cannot be looked up, or is gone. Failures that pass (throttling, an outage) are waited out.
    ///
    /// ```no_run
    /// # async fn with(worker: pontoon::worker::Worker<pontoon::handler::Router>) {
    /// worker.run(tokio::time::sleep(std::time::Duration::from_secs(3600))).await.unwrap();
    /// # }
    /// ```
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<Worked, BoxError> {
        let taker = Arc::new(Taker::new(self).await?);
        let slots = Arc::new(Semaphore::new(self.handling.concurrency_of()));
        let mut lanes = JoinSet::new();
        let mut worked = Worked::default();
        let mut failures = 0;
        let mut stop = std::pin::pin!(stop);
        let polled = 'polling: loop {
            // One poll goes on while handlers end: given up, it would leave messages hidden that were on their way here.
            let mut receiving = std::pin::pin!(taker.receive(&slots));
            let received = loop {
                tokio::select! {
                    biased;
                    () = &mut stop => break 'polling Ok(()),
                    Some(lane) = lanes.join_next() => worked += lane.unwrap_or_default(),
                    received = &mut receiving => break received,
                }
            };
            match received {
                Ok((messages, slots)) => {
                    failures = 0;
                    taker.begin(messages, slots, &mut lanes);
                }
                Err(Poll::Over(error)) => break Err(error),
                Err(Poll::Failed(reason)) => {
                    failures += 1;
                    tracing::warn!(reason, "the queue cannot be polled");
                    tokio::select! {
                        () = &mut stop => break Ok(()),
                        () = tokio::time::sleep(POLL_BACKOFF.delay(failures)) => {}
                    }
                }
            }
        };
        taker.stop();
        let drained = tokio::time::timeout(self.drain, async {
            while let Some(lane) = lanes.join_next().await {
                worked += lane.unwrap_or_default();
            }
        });
        if drained.await.is_err() {
            tracing::warn!(messages = lanes.len(), "handlers did not end in time; their messages come back");
            lanes.shutdown().await;
        }
        taker.deletes.flush().await;
        self.handling.flush_metrics().await;
        polled.map(|()| worked)
    }

    /// Handles what is visible in the queue now, until nothing is: for tests, and for jobs that run now and then.
    ///
    /// # Errors
    /// If the queue cannot be looked up or polled.
    ///
    /// ```
    /// # async fn with(worker: pontoon::worker::Worker<pontoon::handler::Router>) {
    /// let worked = worker.work_off().await.unwrap();
    /// assert_eq!(worked.failed, 0);
    /// # }
    /// ```
    pub async fn work_off(&self) -> Result<Worked, BoxError> {
        let taker = Arc::new(Taker::new(self).await?);
        let slots = Arc::new(Semaphore::new(self.handling.concurrency_of()));
        let mut worked = Worked::default();
        loop {
            let messages = taker.poll(BATCH_MAX, Duration::ZERO).await?;
            if messages.is_empty() {
                self.handling.flush_metrics().await;
                return Ok(worked);
            }
            let mut lanes = JoinSet::new();
            let permits = (0..messages.len()).map(|_| None).collect();
            taker.begin_limited(messages, permits, Some(&slots), &mut lanes);
            while let Some(lane) = lanes.join_next().await {
                worked += lane.unwrap_or_default();
            }
            taker.deletes.flush().await;
        }
    }
}

/// Why a poll gave nothing.
enum Poll {
    /// It may give something later.
    Failed(String),
    /// It never will.
    Over(BoxError),
}

impl From<Poll> for BoxError {
    fn from(poll: Poll) -> Self {
        match poll {
            Poll::Failed(reason) => reason.into(),
            Poll::Over(error) => error,
        }
    }
}

/// Takes messages from the queue and begins to handle them.
struct Taker<S> {
    handling: Handling<S>,
    client: Client,
    queue: Arc<Queue>,
    visibility: Duration,
    deletes: Deletes,
    stopping: Arc<std::sync::atomic::AtomicBool>,
}

impl<S> Taker<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn new(worker: &Worker<S>) -> Result<Self, BoxError> {
        let queue = Arc::new(Queue::look_up(&worker.client, &worker.url).await?);
        let visibility = worker.visibility.unwrap_or(queue.visibility).max(VISIBILITY_MIN);
        Ok(Self {
            handling: worker.handling.clone(),
            client: worker.client.clone(),
            deletes: Deletes::start(worker.client.clone(), queue.url.clone()),
            queue,
            visibility,
            stopping: Arc::default(),
        })
    }

    /// No handler begins any more.
    fn stop(&self) {
        self.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Waits for a free slot, then for messages; each comes with its slot.
    async fn receive(
        &self,
        slots: &Arc<Semaphore>,
    ) -> Result<(Vec<Message>, Vec<Option<OwnedSemaphorePermit>>), Poll> {
        let first = Arc::clone(slots).acquire_owned().await.map_err(|error| Poll::Over(error.into()))?;
        let mut permits = vec![Some(first)];
        while permits.len() < BATCH_MAX
            && let Ok(permit) = Arc::clone(slots).try_acquire_owned()
        {
            permits.push(Some(permit));
        }
        let messages = self.poll(permits.len(), Duration::from_secs(20)).await?;
        permits.truncate(messages.len());
        Ok((messages, permits))
    }

    async fn poll(&self, messages_max: usize, wait: Duration) -> Result<Vec<Message>, Poll> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.queue.url)
            .max_number_of_messages(messages_max as i32)
            .wait_time_seconds(wait.as_secs() as i32)
            .visibility_timeout(self.visibility.as_secs() as i32)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        match received {
            Ok(received) => Ok(received.messages.unwrap_or_default()),
            Err(error)
                if error.as_service_error().is_some_and(ReceiveMessageError::is_queue_does_not_exist) =>
            {
                Err(Poll::Over(format!("the queue {} does not exist any more", self.queue.url).into()))
            }
            Err(error) => Err(Poll::Failed(words(&error))),
        }
    }

    fn begin(
        self: &Arc<Self>,
        messages: Vec<Message>,
        slots: Vec<Option<OwnedSemaphorePermit>>,
        lanes: &mut JoinSet<Worked>,
    ) {
        self.begin_limited(messages, slots, None, lanes);
    }

    /// Begins a task for each lane of messages. Messages without a slot of their own wait for one of `limit`.
    fn begin_limited(
        self: &Arc<Self>,
        messages: Vec<Message>,
        slots: Vec<Option<OwnedSemaphorePermit>>,
        limit: Option<&Arc<Semaphore>>,
        lanes: &mut JoinSet<Worked>,
    ) {
        let order = if self.queue.is_fifo() {
            self.handling.fifo_lanes()
        } else {
            crate::handler::batch::Lanes::Each
        };
        for lane in Lane::sort(messages, slots, order) {
            let (taker, limit) = (Arc::clone(self), limit.cloned());
            lanes.spawn(async move {
                let _limit = match limit {
                    Some(limit) => limit.acquire_owned().await.ok(),
                    None => None,
                };
                lane.work(&taker).await
            });
        }
    }
}
