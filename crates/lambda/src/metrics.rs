//! What Lambda tells CloudWatch, once a minute: by function, by function and qualifier, and over all functions.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>

use std::borrow::Cow;

use pontoon_core::metric::Dimensions;
use pontoon_core::{Step, Unit};

use crate::Lambda;
use crate::state::concurrency::FunctionKey;

/// The metrics of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Each invocation that ran: 1.
    Invocations,
    /// Each invocation: 1 if it failed, else 0.
    Errors,
    /// Each invocation asked for: 1 if it was throttled, else 0.
    Throttles,
    /// Milliseconds, without initialization.
    Duration,
    /// How many are under way, at the start of each.
    ConcurrentExecutions,
    /// Events accepted for asynchronous invocation.
    AsyncEventsReceived,
    /// Milliseconds between an event's acceptance and an attempt.
    AsyncEventAge,
    /// Events given up without a success.
    AsyncEventsDropped,
    /// Dead letters that could not be sent.
    DeadLetterErrors,
    /// Outcomes that could not be sent to their destination.
    DestinationDeliveryFailures,
}

impl Metric {
    fn name_and_unit(self) -> (&'static str, Unit) {
        match self {
            Self::Invocations => ("Invocations", Unit::Count),
            Self::Errors => ("Errors", Unit::Count),
            Self::Throttles => ("Throttles", Unit::Count),
            Self::Duration => ("Duration", Unit::Milliseconds),
            Self::ConcurrentExecutions => ("ConcurrentExecutions", Unit::Count),
            Self::AsyncEventsReceived => ("AsyncEventsReceived", Unit::Count),
            Self::AsyncEventAge => ("AsyncEventAge", Unit::Milliseconds),
            Self::AsyncEventsDropped => ("AsyncEventsDropped", Unit::Count),
            Self::DeadLetterErrors => ("DeadLetterErrors", Unit::Count),
            Self::DestinationDeliveryFailures => ("DestinationDeliveryFailures", Unit::Count),
        }
    }
}

const NAMESPACE: &str = "AWS/Lambda";

impl Lambda {
    /// Adds one observation of a function, invoked with `qualifier`.
    pub(crate) fn measure(
        &mut self,
        step: &Step<'_>,
        (scope, name): &FunctionKey,
        qualifier: Option<&str>,
        metric: Metric,
        value: f64,
    ) {
        let resource = match qualifier {
            Some(qualifier) => format!("{name}:{qualifier}"),
            None => name.clone(),
        };
        let function = || (Cow::Borrowed("FunctionName"), name.clone());
        let views: [Dimensions; 3] =
            [vec![], vec![function()], vec![function(), (Cow::Borrowed("Resource"), resource)]];
        let (metric, unit) = metric.name_and_unit();
        for dimensions in views {
            self.book.add(step.now, *scope, (NAMESPACE, metric, unit), dimensions, value);
        }
    }

    /// Hands the minute that has ended to CloudWatch.
    pub(crate) fn publish_metrics(&mut self, step: &mut Step<'_>) {
        for (scope, datum) in self.book.close() {
            step.scope = scope;
            step.metric(datum);
        }
    }
}
