//! How much of all queues' messages is held in memory, counted where messages come and go.
//!
//! A message is held while it is in flight, and beside those as many as there is room for. All others are at rest: memory has their numbers alone, and
//! everything else is read from the store when it is their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What may be held at most, beside what is in flight, of which a queue has a limit of its own. Beyond it contents, and then messages as a whole, are only
/// in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Contents of all messages, bytes.
    pub content_bytes: usize,
    /// Messages of all queues, about 200 bytes each without their contents.
    pub messages: usize,
    /// Messages at rest that one record of the index tells of.
    pub page_messages: u64,
    /// Messages of one queue that may be in flight at once, standard or FIFO; AWS's 120,000 by default.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>,
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html>
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { content_bytes: 64 << 20, messages: 1 << 18, page_messages: 256, in_flight: 120_000 }
    }
}

#[derive(Debug, Default)]
struct Held {
    content_bytes: AtomicUsize,
    messages: AtomicUsize,
}

/// The limits and what is held; the queues of a service share one.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    limits: Limits,
    held: Arc<Held>,
}

impl Budget {
    /// Nothing held yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, held: Arc::default() }
    }

    /// What may be held at most.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a content may be held.
    #[must_use]
    pub fn has_room_for_content(&self) -> bool {
        self.held.content_bytes.load(Ordering::Relaxed) < self.limits.content_bytes
    }

    /// Whether one more message may be held.
    #[must_use]
    pub fn has_room_for_message(&self) -> bool {
        self.held.messages.load(Ordering::Relaxed) < self.limits.messages
    }

    /// Counts a message, with this much content.
    pub fn take(&self, content_bytes: usize) {
        self.held.messages.fetch_add(1, Ordering::Relaxed);
        self.held.content_bytes.fetch_add(content_bytes, Ordering::Relaxed);
    }

    /// Counts a message less.
    pub fn give(&self, content_bytes: usize) {
        self.held.messages.fetch_sub(1, Ordering::Relaxed);
        self.held.content_bytes.fetch_sub(content_bytes, Ordering::Relaxed);
    }
}
