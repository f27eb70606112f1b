//! Why an event store refused or failed.

use super::{Expected, StreamId};

/// A cause from another library, such as the SDK.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation of an event store failed.
///
/// ```
/// use pontoon::event_store::{Expected, StoreError, StreamId};
/// let stream = StreamId::new("order-123").unwrap();
/// let error = StoreError::Conflict { stream, expected: Expected::Exact(4), actual: 5 };
/// assert_eq!(error.to_string(), "order-123 is at version 5, expected was version 4");
/// assert!(!error.is_transient());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The stream is not as expected: another append came first. Read it and decide again.
    #[error("{stream} is at version {actual}, expected was {expected}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the append expected.
        expected: Expected,
        /// The version that it has; 0 if it has no events.
        actual: u64,
    },
    /// The name cannot be a stream's.
    #[error("the stream name {name:?} {reason}")]
    InvalidStream {
        /// Its beginning.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An append without events.
    #[error("there are no events to append")]
    NothingToAppend,
    /// More events than one atomic append can take. Append them in parts, if they need not be atomic.
    #[error("{count} events in one append, at most {max} are possible")]
    TooManyEvents {
        /// How many came.
        count: usize,
        /// How many are possible: [`EVENTS_PER_APPEND_MAX`](super::EVENTS_PER_APPEND_MAX).
        max: usize,
    },
    /// An event that the store cannot take.
    #[error("the event {id} {reason}")]
    InvalidEvent {
        /// The event's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An append, an event or a snapshot has more bytes than the store takes.
    #[error("{what} has {bytes} bytes, at most {max} are possible")]
    TooLarge {
        /// What it is, with its id or stream.
        what: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The store did not answer, or was overloaded, to the end of the retries. Of an append, the outcome is unknown; see
    /// [`EventStore`](super::EventStore) on repeating it.
    #[error("{operation} failed: {source}")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// What the service or the network said.
        source: Cause,
    },
    /// The service refuses the request and will again: a missing table or permission, most often.
    #[error("{operation} was refused: {source}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// What the service said.
        source: Cause,
    },
    /// Something in the store is not what the store writes.
    #[error("damaged: {what}")]
    Damaged {
        /// What, and where.
        what: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    ///
    /// ```
    /// assert!(!pontoon::event_store::StoreError::NothingToAppend.is_transient());
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
