//! CloudWatch, as Pontoon runs it: metrics, and alarms on them.
//!
//! What it is: data of any resolution with their values, so that percentiles are exact as long as a minute has at most 150 distinct ones; every
//! statistic, metric math, and alarms that are evaluated by the engine's clock and act through the operations that the public API has. The other services'
//! own metrics arrive through [`pontoon_core::Service::measured`] and are kept like any other. What it is not: no dashboards, no anomaly detection, no
//! metric streams, no composite alarms; they are refused.
//!
//! Invariant: data are in the store and nowhere else; in memory are the names of metrics and the alarms.
//! Invariant: an operation fails before it changes anything.
//! Invariant: alarms see a minute only after every service has published it, because they are evaluated [`EVALUATION_DELAY`] after its end.
//!
//! It follows the API reference and the user guide of Amazon CloudWatch, and the recordings in `cloudwatch/`.

mod actions;
mod data;
mod documents;
mod error;
mod evaluate;
mod history;
mod ops;
mod query;
mod records;
mod regions;
mod retention;
mod service;
pub mod state;
#[cfg(test)]
mod tests;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::{Access, Principal, Scope, Space, Step, Timestamp};

pub use error::Error;
use state::alarm::Alarm;
use state::metric::Metrics;

/// How long after the end of a period alarms are evaluated. Services publish a minute at its very end, and AWS too evaluates some seconds later.
pub const EVALUATION_DELAY: Duration = Duration::from_secs(5);

/// How many alarms an account may have in a region: AWS's quota.
pub const ALARMS_MAX: usize = 5000;

/// An alarm and when it is next evaluated.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) alarm: Alarm,
    pub(crate) due: Timestamp,
}

/// What happens of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// An alarm is evaluated.
    Alarm(Scope, Arc<str>),
    /// The old data of the metric with this number are rolled up.
    RollUp(u64),
}

/// The metrics and alarms of all accounts and regions.
#[derive(Debug, Default)]
pub struct CloudWatch {
    pub(crate) metrics: Metrics,
    pub(crate) alarms: BTreeMap<Scope, BTreeMap<Arc<str>, Watched>>,
    pub(crate) due: BTreeSet<(Timestamp, Wake)>,
    /// Tells items of history apart that belong to the same millisecond.
    pub(crate) history_number: u32,
}

impl CloudWatch {
    pub(crate) fn alarm(&self, scope: Scope, name: &str) -> Option<&Alarm> {
        Some(&self.alarms.get(&scope)?.get(name)?.alarm)
    }

    pub(crate) fn alarm_mut(&mut self, scope: Scope, name: &str) -> Option<&mut Alarm> {
        Some(&mut self.alarms.get_mut(&scope)?.get_mut(name)?.alarm)
    }

    /// The alarms of a scope in the order of their names.
    pub(crate) fn alarms(&self, scope: Scope) -> impl Iterator<Item = &Alarm> {
        self.alarms.get(&scope).into_iter().flat_map(BTreeMap::values).map(|watched| &watched.alarm)
    }

    /// Sets when an alarm is next evaluated.
    pub(crate) fn schedule(&mut self, scope: Scope, name: &str, due: Timestamp) {
        let Some(alarms) = self.alarms.get_mut(&scope) else { return };
        let Some(key) = alarms.get_key_value(name).map(|(key, _)| Arc::clone(key)) else { return };
        if let Some(watched) = alarms.get_mut(name) {
            self.due.remove(&(watched.due, Wake::Alarm(scope, Arc::clone(&key))));
            watched.due = due;
            self.due.insert((due, Wake::Alarm(scope, key)));
        }
    }

    /// Stores an alarm as it is now.
    pub(crate) fn write_alarm(&self, step: &mut Step<'_>, scope: Scope, name: &str) {
        if let Some(alarm) = self.alarm(scope, name) {
            step.put(Space::Config, records::alarm_key(scope, name), records::to_json(alarm));
        }
    }

    /// Adds an alarm, or replaces the one of its name, and has it evaluated soon.
    pub(crate) fn put_alarm(&mut self, step: &mut Step<'_>, scope: Scope, alarm: Alarm) {
        let name: Arc<str> = alarm.definition.name.as_str().into();
        let alarms = self.alarms.entry(scope).or_default();
        let due = alarms.get(&name).map_or(Timestamp::EPOCH, |watched| watched.due);
        alarms.insert(Arc::clone(&name), Watched { alarm, due });
        self.write_alarm(step, scope, &name);
        self.schedule_soon(scope, &name, step.now);
    }

    /// Forgets an alarm.
    pub(crate) fn remove_alarm(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) -> Option<Alarm> {
        let (key, watched) = self.alarms.get_mut(&scope)?.remove_entry(name)?;
        self.due.remove(&(watched.due, Wake::Alarm(scope, key)));
        step.delete(Space::Config, records::alarm_key(scope, name));
        Some(watched.alarm)
    }
}

/// Who publishes the metrics that are embedded in log events. Whoever may write the events needs no further leave.
const LOGS: &str = "logs.amazonaws.com";

/// Checks the caller's right to `action` on `resource`.
pub(crate) fn allow(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    if step.caller.principal == Principal::Service(LOGS) {
        return Ok(());
    }
    let access = Access { action, resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

/// An alarm's ARN.
pub(crate) fn alarm_arn(scope: Scope, name: &str) -> String {
    scope.arn("cloudwatch", format_args!("alarm:{name}"))
}
