//! Traces: an event's way from service to service, and why it went so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The id of a trace: that of the event (or, for what did not begin with an event, the message) whose way it is. A UUID's 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceId(pub [u8; 16]);

/// The traces that a request continues: one for most, several for a batch that a function handles, none for a request from outside. Cheap to clone.
pub type TraceIds = Option<Arc<[TraceId]>>;

/// How a hop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceOutcome {
    /// It arrived.
    Delivered,
    /// It failed, and is tried again.
    Retrying,
    /// It failed for good.
    Failed,
    /// It was moved to a dead-letter queue.
    DeadLettered,
    /// Nothing was to be done (a filter did not match, a rule was disabled).
    Skipped,
}

/// One record of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// When, milliseconds since the epoch.
    pub at_millis: i64,
    /// What happened, in a word or two: `PutEvents`, `rule matched`, `SendMessage`, `received`, `Invoke`, `UpdateItem`.
    pub what: String,
    /// ARN or name of what it came from; empty for the outside.
    pub from: String,
    /// ARN or name of what it went to.
    pub to: String,
    /// Which attempt, from one.
    pub attempt: u32,
    /// How it went.
    pub outcome: TraceOutcome,
    /// Why, in a sentence; the error's code and message if it failed; what a policy would have denied and the statement that would allow it.
    pub reason: Option<String>,
    /// How long it took, milliseconds, where that is known.
    pub duration_ms: Option<f64>,
}

/// A record and the traces that it belongs to.
#[derive(Clone, Debug)]
pub struct TraceNote {
    /// The traces; nothing is recorded if `None`.
    pub traces: TraceIds,
    /// What happened.
    pub record: TraceRecord,
}

impl TraceRecord {
    /// A record of something that arrived at the first attempt.
    #[must_use]
    pub fn delivered(
        at: Timestamp,
        what: impl Into<String>,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Self {
        Self {
            at_millis: at.millis(),
            what: what.into(),
            from: from.into(),
            to: to.into(),
            attempt: 1,
            outcome: TraceOutcome::Delivered,
            reason: None,
            duration_ms: None,
        }
    }

    /// The same record with another outcome and why.
    #[must_use]
    pub fn with_outcome(self, outcome: TraceOutcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: Some(reason.into()), ..self }
    }
}

/// The traces of one id.
#[must_use]
pub fn one(id: TraceId) -> TraceIds {
    Some(Arc::from([id]))
}

/// The attribute by which SQS tells AWS's own pollers (event source mappings) which traces a message continues: ids joined by commas. Given only to
/// hops that ask for it (calls on behalf of a resource, with a source ARN), never to clients.
pub const TRACES_ATTRIBUTE: &str = "pontoon:traces";
