//! Publishing: to an event bus, a topic or a queue, in as few calls as their limits allow, with failed events tried again.
//!
//! ```no_run
//! use pontoon::publish::{EventBus, Publisher};
//! use pontoon::{DomainEvent, aws};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
//! #[event(source = "order-service")]
//! struct OrderCreated { order_id: String, amount: f64 }
//!
//! # async fn example() -> Result<(), pontoon::publish::PublishError> {
//! let client = aws_sdk_eventbridge::Client::new(&aws::config().await);
//! let publisher = Publisher::new(EventBus::new(client, "my-event-bus"));
//! let published = publisher.publish(OrderCreated { order_id: "123".into(), amount: 99.99 }).await?;
//! println!("{} is EventBridge's {}", published.event_id, published.message_id);
//! # Ok(())
//! # }
//! ```

mod batch;
mod buffered;
mod destination;
#[cfg(feature = "eventbridge")]
mod event_bus;
#[cfg(any(feature = "sns", feature = "sqs"))]
mod message;
#[cfg(feature = "sqs")]
mod queue;
mod retry;
#[cfg(feature = "sns")]
mod topic;

use std::sync::Arc;

use tracing::{Instrument as _, field};

pub use buffered::{Buffered, Receipt};
pub use destination::{Destination, Entry, Limits, Refusal};
#[cfg(feature = "eventbridge")]
pub use event_bus::EventBus;
#[cfg(feature = "sqs")]
pub use queue::Queue;
pub use retry::RetryPolicy;
#[cfg(feature = "sns")]
pub use topic::Topic;

use crate::claim::{ClaimError, ClaimStore, Claims};
use crate::envelope::{Envelope, EventId, RawPayload};
use crate::event::DomainEvent;
use crate::schema::{EventSchemas, Invalid};

/// An event that its destination has accepted.
///
/// ```
/// # use pontoon::publish::Published;
/// let published = Published { event_id: "018f".into(), message_id: "2ff6".into() };
/// assert_ne!(published.event_id.as_str(), published.message_id);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The event's own id, which its consumers see.
    pub event_id: EventId,
    /// The id that the service gave: EventBridge's event id, the message id of SNS or SQS.
    pub message_id: String,
}

/// Why an event was not published.
///
/// ```
/// use pontoon::publish::PublishError;
/// let error = PublishError::TooLarge { bytes: 2_000_000, bytes_max: 1_048_576 };
/// assert!(!error.is_transient());
/// assert_eq!(error.to_string(), "the event has 2000000 bytes, the destination takes 1048576: keep payloads elsewhere with a claim check");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The payload cannot be written as JSON.
    #[error("the payload cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// The event breaks its schema.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The event is larger than the destination takes, and the publisher has no claim check.
    #[error(
        "the event has {bytes} bytes, the destination takes {bytes_max}: keep payloads elsewhere with a claim check"
    )]
    TooLarge {
        /// The event's size, counted as the service counts.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Keeping the payload elsewhere failed.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The service refused it, for a reason that trying again does not cure.
    #[error("{0}")]
    Refused(Refusal),
    /// The service did not take it in the time given. It may have taken it without saying so: consumers must bear the same event twice.
    #[error("not published after {attempts} attempts: {last}")]
    TimedOut {
        /// How many times it was sent.
        attempts: u32,
        /// What came back the last time.
        last: Refusal,
    },
    /// An event before it in the same group was not published, and it must not overtake that one.
    #[error("not sent, because an event before it in group {group:?} was not published")]
    Held {
        /// The group of a FIFO queue or topic.
        group: String,
    },
    /// The buffered publisher has been shut down.
    #[error("the publisher has been shut down")]
    Closed,
    /// The buffered publisher's queue is full.
    #[error("the publisher's queue is full")]
    Full,
}

impl PublishError {
    /// Whether the same call may succeed later.
    ///
    /// ```
    /// assert!(pontoon::publish::PublishError::Full.is_transient());
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Held { .. } | Self::Full => true,
            Self::Claim(error) => error.is_transient(),
            Self::Encode(_) | Self::Invalid(_) | Self::TooLarge { .. } | Self::Refused(_) | Self::Closed => {
                false
            }
        }
    }
}

/// Publishes events to one destination. Cloning is cheap; clones share everything.
///
/// ```
/// use pontoon::publish::{Destination, Publisher};
/// fn publisher<D: Destination>(destination: D) -> Publisher<D> {
///     Publisher::new(destination).calls_at_once(8)
/// }
/// ```
pub struct Publisher<D> {
    destination: Arc<D>,
    retry: RetryPolicy,
    calls_at_once: usize,
    schemas: Option<Arc<EventSchemas>>,
    claims: Option<Claims>,
}

impl<D> Clone for Publisher<D> {
    fn clone(&self) -> Self {
        Self {
            destination: Arc::clone(&self.destination),
            retry: self.retry,
            calls_at_once: self.calls_at_once,
            schemas: self.schemas.clone(),
            claims: self.claims.clone(),
        }
    }
}

impl<D: Destination> Publisher<D> {
    /// A publisher that tries for 30 seconds at most, with up to four calls at once.
    ///
    /// ```no_run
    /// # use pontoon::publish::{EventBus, Publisher};
    /// # fn example(client: aws_sdk_eventbridge::Client) {
    /// let publisher = Publisher::new(EventBus::new(client, "my-event-bus"));
    /// # }
    /// ```
    pub fn new(destination: D) -> Self {
        Self {
            destination: Arc::new(destination),
            retry: RetryPolicy::default(),
            calls_at_once: 4,
            schemas: None,
            claims: None,
        }
    }

    /// How failed events are tried again, and for how long.
    ///
    /// ```
    /// # use pontoon::publish::{Destination, Publisher, RetryPolicy};
    /// # fn example<D: Destination>(publisher: Publisher<D>) -> Publisher<D> {
    /// publisher.retry(RetryPolicy { give_up_after: std::time::Duration::from_secs(5), ..RetryPolicy::default() })
    /// # }
    /// ```
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// How many calls one [`publish_all`](Self::publish_all) has under way at once, at least one. Groups of a FIFO destination have one.
    ///
    /// ```
    /// # use pontoon::publish::{Destination, Publisher};
    /// # fn example<D: Destination>(publisher: Publisher<D>) -> Publisher<D> {
    /// publisher.calls_at_once(1)
    /// # }
    /// ```
    #[must_use]
    pub fn calls_at_once(self, calls: usize) -> Self {
        Self { calls_at_once: calls.max(1), ..self }
    }

    /// Holds events to these schemas before they are sent.
    ///
    /// ```
    /// # use pontoon::publish::{Destination, Publisher};
    /// use pontoon::schema::{EventSchemas, SchemaError, Validator};
    /// # fn example<D: Destination>(publisher: Publisher<D>) -> Result<Publisher<D>, SchemaError> {
    /// Ok(publisher.validate(EventSchemas::of_events(Validator::from_file("schema/order-event.json")?)))
    /// # }
    /// ```
    #[must_use]
    pub fn validate(self, schemas: EventSchemas) -> Self {
        Self { schemas: Some(Arc::new(schemas)), ..self }
    }

    /// Keeps payloads in `store` that would make an event larger than `bytes_max`, or than the destination takes. Consumers get them back with
    /// [`Redeem`](crate::middleware::Redeem).
    ///
    /// ```
    /// # use pontoon::publish::{Destination, Publisher};
    /// use pontoon::claim::MemoryClaims;
    /// # fn example<D: Destination>(publisher: Publisher<D>) -> Publisher<D> {
    /// // Within what an SNS topic behind the bus takes.
    /// publisher.claim_check(MemoryClaims::default(), 200 * 1024)
    /// # }
    /// ```
    #[must_use]
    pub fn claim_check(self, store: impl ClaimStore, bytes_max: usize) -> Self {
        Self { claims: Some(Claims::new(store).above(bytes_max)), ..self }
    }

    /// Publishes one event, as [`Envelope::new`] makes it.
    ///
    /// # Errors
    /// [`PublishError`].
    ///
    /// ```no_run
    /// # use pontoon::{DomainEvent, publish::{Destination, Publisher, PublishError}};
    /// # async fn example<D: Destination, E: DomainEvent>(publisher: Publisher<D>, order_created: E) -> Result<(), PublishError> {
    /// let published = publisher.publish(order_created).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish<T: DomainEvent>(&self, event: T) -> Result<Published, PublishError> {
        self.publish_envelope(&Envelope::new(event)).await
    }

    /// Publishes an event whose envelope is made.
    ///
    /// # Errors
    /// [`PublishError`].
    ///
    /// ```no_run
    /// # use pontoon::{DomainEvent, Envelope, publish::{Destination, Publisher, PublishError}};
    /// # async fn example<D: Destination, E: DomainEvent>(publisher: Publisher<D>, order_created: E) -> Result<(), PublishError> {
    /// let envelope = Envelope { tenant: Some("acme".into()), ..Envelope::new(order_created) };
    /// publisher.publish_envelope(&envelope).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish_envelope<T: DomainEvent>(
        &self,
        event: &Envelope<T>,
    ) -> Result<Published, PublishError> {
        let event = event.encode()?;
        // One result for each event.
        self.publish_encoded([event]).await.pop().unwrap_or(Err(PublishError::Closed))
    }

    /// Publishes events, each with its own outcome, in the order given.
    ///
    /// ```no_run
    /// # use pontoon::{DomainEvent, publish::{Destination, Publisher}};
    /// # async fn example<D: Destination, E: DomainEvent>(publisher: Publisher<D>, events: Vec<E>) {
    /// for outcome in publisher.publish_all(events).await {
    ///     match outcome {
    ///         Ok(published) => println!("{}", published.event_id),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn publish_all<T: DomainEvent>(
        &self,
        events: impl IntoIterator<Item = T>,
    ) -> Vec<Result<Published, PublishError>> {
        let encoded =
            events.into_iter().map(|event| Envelope::new(event).encode().map_err(PublishError::Encode));
        self.publish_prepared(encoded.collect()).await
    }

    /// Publishes events that are written as JSON already, such as those of an event store: as they are.
    ///
    /// ```no_run
    /// # use pontoon::{Envelope, RawPayload, publish::{Destination, Publisher}};
    /// # async fn example<D: Destination>(publisher: Publisher<D>, stored: Vec<Envelope<RawPayload>>) {
    /// let outcomes = publisher.publish_encoded(stored).await;
    /// # }
    /// ```
    pub async fn publish_encoded(
        &self,
        events: impl IntoIterator<Item = Envelope<RawPayload>>,
    ) -> Vec<Result<Published, PublishError>> {
        self.publish_prepared(events.into_iter().map(Ok).collect()).await
    }

    async fn publish_prepared(
        &self,
        events: Vec<Result<Envelope<RawPayload>, PublishError>>,
    ) -> Vec<Result<Published, PublishError>> {
        let span = tracing::info_span!(
            "publish",
            events = events.len(),
            refused = field::Empty,
            otel.kind = field::Empty
        );
        #[cfg(feature = "otel")]
        span.record("otel.kind", "producer");
        let outcomes = self.send(events).instrument(span.clone()).await;
        span.record("refused", outcomes.iter().filter(|outcome| outcome.is_err()).count());
        outcomes
    }

    async fn send(
        &self,
        events: Vec<Result<Envelope<RawPayload>, PublishError>>,
    ) -> Vec<Result<Published, PublishError>> {
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            entries.push(match event {
                Ok(event) => self.prepare(event).await,
                Err(error) => Err(error),
            });
        }
        batch::send_all(self.destination.as_ref(), &self.retry, self.calls_at_once, entries).await
    }

    /// The entry of one event, held to its schema and to the destination's limit.
    async fn prepare(&self, event: Envelope<RawPayload>) -> Result<Entry, PublishError> {
        if let Some(schemas) = &self.schemas {
            schemas.check(&event)?;
        }
        let bytes_max = self.destination.limits().entry_bytes_max;
        let Some(claims) = &self.claims else {
            return within(self.destination.entry(event), bytes_max);
        };
        let entry = self.destination.entry(event.clone());
        if entry.bytes <= bytes_max.min(claims.bytes_max()) {
            return Ok(entry);
        }
        within(self.destination.entry(claims.check_in(event).await?), bytes_max)
    }
}

fn within(entry: Entry, bytes_max: usize) -> Result<Entry, PublishError> {
    if entry.bytes > bytes_max {
        return Err(PublishError::TooLarge { bytes: entry.bytes, bytes_max });
    }
    Ok(entry)
}
