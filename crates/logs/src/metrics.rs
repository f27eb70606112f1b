//! What CloudWatch Logs tells CloudWatch: what came in, by log group and in all, and what was wrong with embedded metrics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>

use pontoon_core::{Scope, Step, Timestamp, Unit};

use crate::Logs;
use crate::state::emf::Fault;

const NAMESPACE: &str = "AWS/Logs";

impl Logs {
    /// Counts the events that one call brought.
    pub(crate) fn count_incoming(
        &mut self,
        now: Timestamp,
        scope: Scope,
        group: &str,
        events: usize,
        bytes: u64,
    ) {
        for dimensions in [vec![], vec![("LogGroupName".into(), group.to_owned())]] {
            let count = (NAMESPACE, "IncomingLogEvents", Unit::None);
            self.book.add(now, scope, count, dimensions.clone(), events as f64);
            let size = (NAMESPACE, "IncomingBytes", Unit::Bytes);
            self.book.add(now, scope, size, dimensions, bytes as f64);
        }
    }

    /// Counts an event whose embedded metrics could not be taken.
    pub(crate) fn count_emf_fault(&mut self, now: Timestamp, scope: Scope, group: &str, fault: Fault) {
        let name = match fault {
            Fault::Parsing => "EMFParsingErrors",
            Fault::Validation => "EMFValidationErrors",
        };
        let dimensions = vec![("LogGroupName".into(), group.to_owned())];
        self.book.add(now, scope, (NAMESPACE, name, Unit::None), dimensions, 1.0);
    }

    /// Ends the minute and publishes it.
    pub(crate) fn end_minute(&mut self, step: &mut Step<'_>) {
        for (scope, datum) in self.book.close() {
            step.scope = scope;
            step.metric(datum);
        }
    }
}
