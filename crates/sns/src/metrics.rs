//! What SNS tells CloudWatch: every minute, of each topic in which something happened.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html>

use pontoon_core::{Scope, Step, Unit};

use crate::Sns;
use crate::state::filter::Rejection;

/// What is counted once each time it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// A message was published.
    Published,
    /// A notification arrived.
    Delivered,
    /// A notification was given up.
    Failed,
    /// What was given up arrived in the dead-letter queue.
    Redriven,
    /// What was given up did not arrive in the dead-letter queue.
    RedriveFailed,
}

impl Counted {
    const fn name(self) -> &'static str {
        match self {
            Self::Published => "NumberOfMessagesPublished",
            Self::Delivered => "NumberOfNotificationsDelivered",
            Self::Failed => "NumberOfNotificationsFailed",
            Self::Redriven => "NumberOfNotificationsRedrivenToDlq",
            Self::RedriveFailed => "NumberOfNotificationsFailedToRedriveToDlq",
        }
    }
}

impl Sns {
    fn measure(
        &mut self,
        step: &Step<'_>,
        (scope, topic): (Scope, &str),
        name: &'static str,
        unit: Unit,
        value: f64,
    ) {
        let dimensions = vec![("TopicName".into(), topic.to_owned())];
        self.metrics.add(step.now, scope, ("AWS/SNS", name, unit), dimensions, value);
    }

    /// Counts one occurrence for a topic, by scope and name.
    pub(crate) fn count(&mut self, step: &Step<'_>, topic: (Scope, &str), what: Counted) {
        self.measure(step, topic, what.name(), Unit::Count, 1.0);
    }

    /// Notes how large a published message is.
    pub(crate) fn published_size(&mut self, step: &Step<'_>, topic: (Scope, &str), bytes: usize) {
        self.measure(step, topic, "PublishSize", Unit::Bytes, bytes as f64);
    }

    /// Counts a message that a filter policy kept from a subscription, in all and by its reason.
    pub(crate) fn filtered_out(&mut self, step: &Step<'_>, topic: (Scope, &str), why: &Rejection) {
        let by_reason = match why {
            Rejection::NoAttributes => "NumberOfNotificationsFilteredOut-NoMessageAttributes",
            Rejection::InvalidAttributes(_) => "NumberOfNotificationsFilteredOut-InvalidAttributes",
            Rejection::InvalidBody(_) => "NumberOfNotificationsFilteredOut-InvalidMessageBody",
            Rejection::Attributes(_) => "NumberOfNotificationsFilteredOut-MessageAttributes",
            Rejection::Body(_) => "NumberOfNotificationsFilteredOut-MessageBody",
        };
        for name in ["NumberOfNotificationsFilteredOut", by_reason] {
            self.measure(step, topic, name, Unit::Count, 1.0);
        }
    }

    /// Ends the minute: publishes what it gathered.
    pub(crate) fn end_minute(&mut self, step: &mut Step<'_>) {
        for (scope, datum) in self.metrics.close() {
            step.scope = scope;
            step.metric(datum);
        }
    }
}
