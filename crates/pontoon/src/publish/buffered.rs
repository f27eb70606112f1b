//! A buffer before a publisher, for paths that cannot wait for the network.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Destination, PublishError, Published, Publisher};
use crate::envelope::{Envelope, RawPayload};
use crate::event::DomainEvent;

/// How many events are taken into one round of calls.
const ROUND_MAX: usize = 100;

enum Request {
    Event(Box<Envelope<RawPayload>>, oneshot::Sender<Result<Published, PublishError>>),
    Flush(oneshot::Sender<()>),
}

/// Takes events at once and publishes them in the background, several to a call. Its queue is bounded: when it is full, [`publish`](Self::publish)
/// waits and [`try_publish`](Self::try_publish) refuses, so that a slow destination slows its publishers instead of filling the memory.
///
/// Call [`shutdown`](Self::shutdown) before the program ends; what is in the queue of a buffer that is dropped is published still if the runtime
/// lives on.
///
/// ```no_run
/// use pontoon::publish::{Buffered, Destination, Publisher};
/// use std::time::Duration;
/// # use pontoon::DomainEvent;
/// # async fn example<D: Destination, E: DomainEvent>(publisher: Publisher<D>, order_created: E) -> Result<(), pontoon::publish::PublishError> {
/// let buffer = Buffered::new(publisher, 10_000, Duration::from_millis(5));
/// let receipt = buffer.publish(order_created).await?;
/// // Whoever wants to know waits for it.
/// let published = receipt.outcome().await?;
/// buffer.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Buffered {
    requests: mpsc::Sender<Request>,
    task: tokio::task::JoinHandle<()>,
}

/// The outcome to come of an event in the buffer. Dropping it does not take the event back.
///
/// ```no_run
/// # async fn example(receipt: pontoon::publish::Receipt) {
/// if let Err(error) = receipt.outcome().await {
///     eprintln!("{error}");
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use = "an event that is not published is told of here only"]
pub struct Receipt(oneshot::Receiver<Result<Published, PublishError>>);

impl Receipt {
    /// Waits until the event is published, or is not.
    ///
    /// # Errors
    /// [`PublishError`]; [`PublishError::Closed`] if the runtime ended before.
    ///
    /// ```no_run
    /// # async fn example(receipt: pontoon::publish::Receipt) -> Result<(), pontoon::publish::PublishError> {
    /// let published = receipt.outcome().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn outcome(self) -> Result<Published, PublishError> {
        self.0.await.unwrap_or(Err(PublishError::Closed))
    }
}

impl Buffered {
    /// A buffer of at most `capacity` events (at least one). The first event in an empty buffer waits up to `linger` for others to share its call.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// ```no_run
    /// # use pontoon::publish::{Buffered, Destination, Publisher};
    /// # fn example<D: Destination>(publisher: Publisher<D>) {
    /// let buffer = Buffered::new(publisher, 10_000, std::time::Duration::from_millis(5));
    /// # }
    /// ```
    pub fn new<D: Destination>(publisher: Publisher<D>, capacity: usize, linger: Duration) -> Self {
        let (requests, waiting) = mpsc::channel(capacity.max(1));
        Self { requests, task: tokio::spawn(work(publisher, waiting, linger)) }
    }

    /// Puts an event into the buffer, and waits while it is full. The event is made now: it has the time and the cause of the caller.
    ///
    /// # Errors
    /// If it cannot be written as JSON. What happens to it later is in its [`Receipt`].
    ///
    /// ```no_run
    /// # use pontoon::{DomainEvent, publish::{Buffered, PublishError}};
    /// # async fn example<E: DomainEvent>(buffer: Buffered, order_created: E) -> Result<(), PublishError> {
    /// let receipt = buffer.publish(order_created).await?;
    /// # drop(receipt);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish<T: DomainEvent>(&self, event: T) -> Result<Receipt, PublishError> {
        let (request, receipt) = request(event)?;
        self.requests.send(request).await.map_err(|_| PublishError::Closed)?;
        Ok(receipt)
    }

    /// Puts an event into the buffer if there is room.
    ///
    /// # Errors
    /// [`PublishError::Full`] if there is none.
    ///
    /// ```no_run
    /// # use pontoon::{DomainEvent, publish::{Buffered, PublishError}};
    /// # fn example<E: DomainEvent>(buffer: Buffered, order_created: E) {
    /// if let Err(PublishError::Full) = buffer.try_publish(order_created) {
    ///     eprintln!("too many orders");
    /// }
    /// # }
    /// ```
    pub fn try_publish<T: DomainEvent>(&self, event: T) -> Result<Receipt, PublishError> {
        let (request, receipt) = request(event)?;
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })?;
        Ok(receipt)
    }

    /// Waits until everything put in before has its outcome.
    ///
    /// ```no_run
    /// # async fn example(buffer: pontoon::publish::Buffered) {
    /// buffer.flush().await;
    /// # }
    /// ```
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        // If the work has ended there is nothing left to wait for.
        if self.requests.send(Request::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// Takes no more events and waits until those put in have their outcome.
    ///
    /// ```no_run
    /// # async fn example(buffer: pontoon::publish::Buffered) {
    /// buffer.shutdown().await;
    /// # }
    /// ```
    pub async fn shutdown(self) {
        drop(self.requests);
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

fn request<T: DomainEvent>(event: T) -> Result<(Request, Receipt), PublishError> {
    let event = Envelope::new(event).encode()?;
    let (done, receipt) = oneshot::channel();
    Ok((Request::Event(Box::new(event), done), Receipt(receipt)))
}

/// Publishes round after round, one at a time, so that order is kept where the destination keeps it.
async fn work<D: Destination>(
    publisher: Publisher<D>,
    mut waiting: mpsc::Receiver<Request>,
    linger: Duration,
) {
    let mut requests = Vec::new();
    while waiting.recv_many(&mut requests, ROUND_MAX).await > 0 {
        let until = Instant::now() + linger;
        while requests.len() < ROUND_MAX
            && !requests.iter().any(|request| matches!(request, Request::Flush(_)))
        {
            let room = ROUND_MAX - requests.len();
            match timeout_at(until, waiting.recv_many(&mut requests, room)).await {
                Ok(received) if received > 0 => {}
                _ => break,
            }
        }
        let (mut events, mut receipts, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
        for request in requests.drain(..) {
            match request {
                Request::Event(event, receipt) => {
                    events.push(*event);
                    receipts.push(receipt);
                }
                Request::Flush(done) => flushes.push(done),
            }
        }
        for (receipt, outcome) in receipts.into_iter().zip(publisher.publish_encoded(events).await) {
            // Nobody has to wait for it.
            let _ = receipt.send(outcome);
        }
        for done in flushes {
            let _ = done.send(());
        }
    }
}
