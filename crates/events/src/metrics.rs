//! What EventBridge tells CloudWatch, by the minute.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>. Metrics of the default bus's rules name the rule only, those of
//! other buses the bus too.

use pontoon_core::metric::Dimensions;
use pontoon_core::{MetricBook, Scope, Timestamp, Unit};

use crate::state::bus::DEFAULT;

const NAMESPACE: &str = "AWS/Events";

/// The running minute's metrics of all scopes.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) book: MetricBook,
}

/// Whose metrics: a rule's, and through it its bus's and the account's.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Account and region.
    pub scope: Scope,
    /// Bus.
    pub bus: &'a str,
    /// Rule.
    pub rule: &'a str,
}

impl Metrics {
    /// Counts something of a bus, and of the account.
    pub fn bus(&mut self, now: Timestamp, (scope, bus): (Scope, &str), name: &'static str, value: f64) {
        self.add(now, scope, name, Vec::new(), value);
        self.add(now, scope, name, vec![("EventBusName".into(), bus.to_owned())], value);
    }

    /// Counts something of the account alone.
    pub fn account(&mut self, now: Timestamp, scope: Scope, name: &'static str, value: f64) {
        self.add(now, scope, name, Vec::new(), value);
    }

    /// Counts something of a rule.
    pub fn rule(&mut self, now: Timestamp, series: Series<'_>, name: &'static str) {
        self.add(now, series.scope, name, series.dimensions(), 1.0);
    }

    /// Counts something of a rule, and of the account.
    pub fn rule_and_account(&mut self, now: Timestamp, series: Series<'_>, name: &'static str) {
        self.rule(now, series, name);
        self.account(now, series.scope, name, 1.0);
    }

    /// How long something of a rule took, milliseconds.
    pub fn latency(&mut self, now: Timestamp, series: Series<'_>, name: &'static str, millis: f64) {
        let of = (NAMESPACE, name, Unit::Milliseconds);
        self.book.add(now, series.scope, of, series.dimensions(), millis);
    }

    fn add(&mut self, now: Timestamp, scope: Scope, name: &'static str, dimensions: Dimensions, value: f64) {
        self.book.add(now, scope, (NAMESPACE, name, Unit::Count), dimensions, value);
    }
}

impl Series<'_> {
    fn dimensions(&self) -> Dimensions {
        let rule = ("RuleName".into(), self.rule.to_owned());
        if self.bus == DEFAULT {
            vec![rule]
        } else {
            vec![("EventBusName".into(), self.bus.to_owned()), rule]
        }
    }
}
