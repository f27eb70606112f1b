//! What Pipes tells CloudWatch, by the minute, of each pipe.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-monitoring.html>. What counts failures is told as zero too. Executions that were
//! throttled or timed out have failed as well. What the running minute has counted is lost in a crash: metrics are observations, not acknowledged writes.

use pontoon_core::{Timestamp, Unit};

use crate::{Key, Pipes};

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Executions.
    Invocations,
    /// Events of an execution.
    EventCount,
    /// Bytes of an event.
    EventSize,
    /// How long an execution took.
    Duration,
    /// Whether an execution failed.
    ExecutionFailed,
    /// Whether a part of an execution failed.
    ExecutionPartiallyFailed,
    /// Whether an execution failed because a stage takes no more for now.
    ExecutionThrottled,
    /// Whether an execution failed because a stage did not answer in time.
    ExecutionTimeout,
    /// How long the enrichment took.
    EnrichmentStageDuration,
    /// Whether the enrichment failed.
    EnrichmentStageFailed,
    /// How long the target took.
    TargetStageDuration,
    /// Whether the target failed.
    TargetStageFailed,
    /// Whether the target failed some events.
    TargetStagePartiallyFailed,
    /// Whether the target was not called.
    TargetStageSkipped,
}

impl Metric {
    const fn told(self) -> (&'static str, Unit) {
        match self {
            Self::Invocations => ("Invocations", Unit::None),
            Self::EventCount => ("EventCount", Unit::None),
            Self::EventSize => ("EventSize", Unit::Bytes),
            Self::Duration => ("Duration", Unit::Milliseconds),
            Self::ExecutionFailed => ("ExecutionFailed", Unit::None),
            Self::ExecutionPartiallyFailed => ("ExecutionPartiallyFailed", Unit::None),
            Self::ExecutionThrottled => ("ExecutionThrottled", Unit::None),
            Self::ExecutionTimeout => ("ExecutionTimeout", Unit::None),
            Self::EnrichmentStageDuration => ("EnrichmentStageDuration", Unit::Milliseconds),
            Self::EnrichmentStageFailed => ("EnrichmentStageFailed", Unit::None),
            Self::TargetStageDuration => ("TargetStageDuration", Unit::Milliseconds),
            Self::TargetStageFailed => ("TargetStageFailed", Unit::None),
            Self::TargetStagePartiallyFailed => ("TargetStagePartiallyFailed", Unit::None),
            Self::TargetStageSkipped => ("TargetStageSkipped", Unit::Count),
        }
    }
}

impl Pipes {
    /// Tells something of a pipe.
    pub(crate) fn tell(&mut self, now: Timestamp, (scope, name): &Key, metric: Metric, value: f64) {
        let (what, unit) = metric.told();
        let dimensions = vec![("PipeName".into(), name.clone())];
        self.book.add(now, *scope, ("AWS/Pipes", what, unit), dimensions, value);
    }

    /// Tells how many executions of the account are under way.
    pub(crate) fn tell_concurrency(&mut self, now: Timestamp, (scope, _): &Key) {
        let under_way = self.executions.values().filter(|execution| execution.key.0 == *scope).count();
        let dimensions = vec![("AwsAccountId".into(), scope.account.to_string())];
        self.book.add(now, *scope, ("AWS/Pipes", "Concurrency", Unit::None), dimensions, under_way as f64);
    }
}
