//! Where events go: what an event bus, a topic and a queue have in common.

use std::fmt;
use std::future::Future;

use crate::envelope::{Envelope, RawPayload};

/// What a service answered instead of taking events.
///
/// ```
/// use pontoon::publish::Refusal;
/// let refusal = Refusal { code: "ThrottlingException".into(), message: "Rate exceeded".into(), is_transient: true };
/// assert_eq!(refusal.to_string(), "ThrottlingException: Rate exceeded");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The service's error code; `Timeout`, `NotSent` or `UnreadableResponse` where it did not come to one.
    pub code: String,
    /// In words.
    pub message: String,
    /// Whether the same may succeed later: throttling, faults of the service or of the network.
    pub is_transient: bool,
}

impl Refusal {
    /// Of a request that could not be made.
    #[cfg(any(feature = "sns", feature = "sqs"))]
    pub(super) fn unsent(error: impl fmt::Display) -> Self {
        Self { code: "NotSent".to_owned(), message: error.to_string(), is_transient: false }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

/// What a destination takes.
///
/// ```
/// use pontoon::publish::Limits;
/// let of_event_bridge = Limits { entries_max: 10, call_bytes_max: 1_048_576, entry_bytes_max: 1_048_576 };
/// # drop(of_event_bridge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events in one call.
    pub entries_max: usize,
    /// Bytes of all events in one call, counted as the service counts.
    pub call_bytes_max: usize,
    /// Bytes of one event; not above those of a call.
    pub entry_bytes_max: usize,
}

/// One event in the form of its destination.
///
/// ```
/// use pontoon::publish::Entry;
/// fn group(entry: &Entry) -> &str { entry.group.as_deref().unwrap_or("none") }
/// ```
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is known of the event beside its payload.
    pub event: Envelope<()>,
    /// What is sent.
    pub body: String,
    /// Its size, counted as the service counts.
    pub bytes: usize,
    /// The group whose order is kept, for FIFO queues and topics.
    pub group: Option<String>,
}

/// A place to publish to: [`EventBus`](super::EventBus), [`Topic`](super::Topic), [`Queue`](super::Queue), or your own.
///
/// ```
/// use std::sync::Mutex;
/// use pontoon::publish::{Destination, Entry, Limits, Publisher, Refusal};
/// use pontoon::{DomainEvent, Envelope, RawPayload};
///
/// /// Keeps what is published, for tests.
/// #[derive(Default)]
/// struct Recorder(Mutex<Vec<String>>);
///
/// impl Destination for Recorder {
///     fn limits(&self) -> Limits {
///         Limits { entries_max: 10, call_bytes_max: 1_048_576, entry_bytes_max: 1_048_576 }
///     }
///
///     fn entry(&self, event: Envelope<RawPayload>) -> Entry {
///         let body = event.to_detail();
///         Entry { bytes: body.len(), body, group: None, event: event.map(|_| ()) }
///     }
///
///     async fn send(&self, entries: &[Entry]) -> Result<Vec<Result<String, Refusal>>, Refusal> {
///         let mut recorded = self.0.lock().unwrap();
///         recorded.extend(entries.iter().map(|entry| entry.body.clone()));
///         Ok(entries.iter().map(|entry| Ok(entry.event.id.to_string())).collect())
///     }
/// }
///
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let publisher = Publisher::new(Recorder::default());
/// let published = publisher.publish(OrderCreated { amount: 99.99 }).await.unwrap();
/// assert_eq!(published.message_id, published.event_id.as_str());
/// # });
/// ```
pub trait Destination: Send + Sync + 'static {
    /// What one call and one event may have.
    fn limits(&self) -> Limits;

    /// The event in the form that it travels in.
    fn entry(&self, event: Envelope<RawPayload>) -> Entry;

    /// One call: for each entry, in their order, the id that the service gave it or why it refused it; or why the whole call failed.
    fn send(
        &self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<Vec<Result<String, Refusal>>, Refusal>> + Send;
}
