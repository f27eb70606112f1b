//! What Scheduler tells CloudWatch, by the minute: of each group, and of the account as a whole.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html>. `InvocationThrottleCount` is never published, because nothing
//! throttles schedules here; nor are the counts by error code. What the running minute has counted is lost in a crash: metrics are observations, not
//! acknowledged writes.

use pontoon_core::{Scope, Timestamp, Unit};

use crate::Scheduler;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Attempts to call a target.
    Attempts,
    /// Attempts that failed.
    TargetErrors,
    /// Attempts that failed because the target throttled.
    TargetThrottled,
    /// Firings that were given up.
    Dropped,
    /// Firings that went to their dead-letter queue.
    DeadLettered,
    /// Those whose input was cut to fit into a message.
    Truncated,
    /// Firings that their dead-letter queue did not take.
    NotDeadLettered,
}

impl Count {
    const fn name(self) -> &'static str {
        match self {
            Self::Attempts => "InvocationAttemptCount",
            Self::TargetErrors => "TargetErrorCount",
            Self::TargetThrottled => "TargetErrorThrottledCount",
            Self::Dropped => "InvocationDroppedCount",
            Self::DeadLettered => "InvocationsSentToDeadLetterCount",
            Self::Truncated => "InvocationsSentToDeadLetterCount_Truncated_MessageSizeExceeded",
            Self::NotDeadLettered => "InvocationsFailedToBeSentToDeadLetterCount",
        }
    }
}

impl Scheduler {
    /// Counts what happened to a schedule of a group.
    pub(crate) fn count(&mut self, now: Timestamp, (scope, group): (Scope, &str), what: Count) {
        let metric = ("AWS/Scheduler", what.name(), Unit::Count);
        for dimensions in [Vec::new(), vec![("ScheduleGroup".into(), group.to_owned())]] {
            self.book.add(now, scope, metric, dimensions, 1.0);
        }
    }
}
