//! EventBridge, as Pontoon runs it: buses, rules and their targets.
//!
//! What it is: events are matched against all rules of their bus at once ([`pontoon_pattern::RuleSet`]) and delivered to queues, topics, functions, buses
//! and log groups by the operations that the public API calls, with retries, dead letters and the reasons. Scheduled rules fire by the engine's clock.
//! Archives keep events in the store, and replays give them to their bus again.
//! API destinations are called over HTTP, with what their connections authorize them with, for rules and for pipes.
//! Buses tell what happens on them in logs, which CloudWatch Logs delivers.
//! What it is not: partner sources, global endpoints and encryption with own keys are refused.
//!
//! Invariant: an event that is acknowledged is at its targets, waits in the outbox, is in a dead-letter queue, or its loss is in its trace.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the user guide of Amazon EventBridge, and the recordings in `events/`.

mod archives;
mod deliver;
mod destinations;
mod error;
mod explain;
mod invocations;
mod journal;
mod metrics;
mod ops;
mod publish;
mod records;
mod replays;
mod service;
pub mod state;
mod validation;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pontoon_core::policy::IdentityPolicies;
use pontoon_core::{Access, Arn, HashMap, Outbox, Scope, ServiceId, Space, Step, Timestamp};

use crate::archives::Archives;
use crate::deliver::Delivery;
use crate::destinations::Destinations;
use crate::invocations::Invocations;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::records::BusRecord;
use crate::replays::Replays;
use crate::state::bus::{Bus, DEFAULT, Rule};
use crate::state::kept::Kept;

pub use crate::error::Error;

/// The principal in whose name EventBridge calls other services.
pub(crate) const PRINCIPAL: &str = "events.amazonaws.com";

/// Tells what a role may do, by its ARN; `None` if there is no such role.
pub type Roles = Arc<dyn Fn(&str) -> Option<Arc<IdentityPolicies>> + Send + Sync>;

/// The buses of all accounts and regions.
pub struct Events {
    roles: Roles,
    buses: HashMap<Scope, BTreeMap<String, Bus>>,
    outbox: Outbox<Delivery>,
    kept: Kept,
    metrics: Metrics,
    /// When scheduled rules fire next: instant, scope, rule of the default bus.
    schedules: BTreeSet<(Timestamp, Scope, Arc<str>)>,
    archives: Archives,
    replays: Replays,
    destinations: Destinations,
    invocations: Invocations,
    journal: Journal,
    /// Ids of the requests under way whose events have been validated.
    passing: BTreeSet<Arc<str>>,
}

impl Events {
    /// No buses but the default ones yet. `roles` tells what the roles of targets may do.
    #[must_use]
    pub fn new(roles: Roles) -> Self {
        Self {
            roles,
            buses: HashMap::default(),
            outbox: Outbox::new(ServiceId::Events),
            kept: Kept::default(),
            metrics: Metrics::default(),
            schedules: BTreeSet::new(),
            archives: Archives::default(),
            replays: Replays::default(),
            destinations: Destinations::default(),
            invocations: Invocations::default(),
            journal: Journal::default(),
            passing: BTreeSet::new(),
        }
    }

    /// The bus that a name or an ARN means: its scope and its name. It need not exist.
    fn locate(step: &Step<'_>, bus: Option<&str>) -> Result<(Scope, String), Error> {
        let bus = bus.unwrap_or(DEFAULT);
        if !bus.starts_with("arn:") {
            return Ok((step.scope, bus.to_owned()));
        }
        let malformed = || Error::parameter("EventBusName", "Provided Arn is not in correct format.");
        let arn = Arn::parse(bus).filter(|arn| arn.service == "events").ok_or_else(malformed)?;
        let name = arn.resource.strip_prefix("event-bus/").ok_or_else(malformed)?;
        Ok((arn.scope().ok_or_else(malformed)?, name.to_owned()))
    }

    /// A bus, if there is one; the default bus always is.
    fn bus_mut(&mut self, now: Timestamp, scope: Scope, name: &str) -> Option<&mut Bus> {
        let buses = self.buses.entry(scope).or_default();
        if name == DEFAULT && !buses.contains_key(DEFAULT) {
            buses.insert(DEFAULT.to_owned(), Bus::new(scope, DEFAULT, BusRecord::new(now)));
        }
        buses.get_mut(name)
    }

    /// The bus that a name or an ARN means, after the caller's right to `action` on it was checked.
    fn open(
        &mut self,
        step: &mut Step<'_>,
        bus: Option<&str>,
        action: &'static str,
    ) -> Result<(Scope, String, &mut Bus), Error> {
        let (scope, name) = Self::locate(step, bus)?;
        let found = self.bus_mut(step.now, scope, &name).ok_or_else(|| Error::NoBus(name.clone()))?;
        let access = Access { action, resource: &found.arn, policy: found.policy.as_ref(), context: &[] };
        step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))?;
        Ok((scope, name, found))
    }

    /// The bus of a rule that need not exist, after the caller's right to `action` on the rule was checked.
    fn open_for_rule(
        &mut self,
        step: &mut Step<'_>,
        bus: Option<&str>,
        rule: &str,
        action: &'static str,
    ) -> Result<(Scope, String, &mut Bus), Error> {
        let (scope, name) = Self::locate(step, bus)?;
        let bus = self.bus_mut(step.now, scope, &name).ok_or_else(|| Error::NoBus(name.clone()))?;
        let (arn, policy) = (state::bus::rule_arn(scope, &name, rule), bus.policy.as_ref());
        let access = Access { action, resource: &arn, policy, context: &[] };
        step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))?;
        Ok((scope, name, bus))
    }

    /// A rule of a bus, after the caller's right to `action` on it was checked.
    fn open_rule(
        &mut self,
        step: &mut Step<'_>,
        bus: Option<&str>,
        rule: &str,
        action: &'static str,
    ) -> Result<(Scope, String, &mut Rule), Error> {
        let (scope, name, bus) = self.open_for_rule(step, bus, rule, action)?;
        match bus.rules.get_mut(rule) {
            Some(rule) => Ok((scope, name, rule)),
            None => Err(Error::NoRule { rule: rule.to_owned(), bus: name }),
        }
    }

    /// Writes a bus as it is.
    fn write_bus(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        if let Some(bus) = self.buses.get(&scope).and_then(|buses| buses.get(name)) {
            step.put(Space::Config, records::bus_key(scope, name), records::to_json(&bus.record));
        }
    }

    /// Puts a rule in place, writes it, and sees to its schedule.
    fn put_rule(&mut self, step: &mut Step<'_>, (scope, bus): (Scope, &str), name: &Arc<str>, rule: Rule) {
        step.put(Space::Config, records::rule_key(scope, bus, name), records::to_json(&rule.record));
        self.unschedule(scope, bus, name);
        let next_fire = rule.next_fire();
        if let Some(found) = self.bus_mut(step.now, scope, bus) {
            found.put(name, rule);
        }
        self.schedules.extend(next_fire.map(|at| (at, scope, Arc::clone(name))));
    }

    fn unschedule(&mut self, scope: Scope, bus: &str, name: &str) {
        let rule = self.buses.get(&scope).and_then(|buses| buses.get(bus)?.rules.get(name));
        if let Some(at) = rule.and_then(Rule::next_fire) {
            self.schedules.remove(&(at, scope, Arc::from(name)));
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
