//! EventBridge Scheduler, as Pontoon runs it: schedules in groups, and what they call when they are due.
//!
//! What it is: schedules of all three kinds, in time zones, with start, end and flexible windows, that call queues, topics, functions and buses, or any
//! other operation of the services that Pontoon has, with retries and dead letters. What it is not: templated targets of other services, and
//! encryption with own keys, are refused by name.
//!
//! Invariant: a due time fires once. The firing, its delivery in the outbox and the schedule's next due time are one batch.
//! Invariant: what has fired arrives, waits in the outbox, is in a dead-letter queue, or its loss is in its trace.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the user guide of EventBridge Scheduler, and the recordings in `scheduler/`.

mod deliver;
mod error;
mod fire;
mod metrics;
mod ops;
mod records;
mod service;
mod state;
mod wiring;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use pontoon_core::policy::ServiceRoles;
use pontoon_core::{MetricBook, Outbox, Scope, ServiceId, Step, Timestamp};

use deliver::Delivery;
use state::group::Group;
use state::schedule::Schedule;
use state::tokens::Tokens;

pub use error::Error;

/// The principal that assumes the roles of schedules.
pub(crate) const PRINCIPAL: &str = "scheduler.amazonaws.com";

/// The group that every account has in every region.
pub(crate) const DEFAULT: &str = "default";

/// A schedule: whose, its group and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    scope: Scope,
    group: Arc<str>,
    name: Arc<str>,
}

/// The schedules of all accounts and regions.
pub struct Scheduler {
    roles: ServiceRoles,
    /// Groups that were made; the default group is there without.
    groups: BTreeMap<(Scope, String), Group>,
    schedules: BTreeMap<Key, Schedule>,
    /// How many schedules each scope has.
    counts: HashMap<Scope, usize>,
    /// When schedules fire next.
    due: BTreeSet<(Timestamp, Key)>,
    outbox: Outbox<Delivery>,
    /// Groups whose schedules are being deleted, a slice at a time.
    emptying: BTreeSet<(Scope, String)>,
    tokens: Tokens,
    book: MetricBook,
}

impl Scheduler {
    /// No schedules yet. `roles` tells of the roles that they act in.
    #[must_use]
    pub fn new(roles: ServiceRoles) -> Self {
        Self {
            roles,
            groups: BTreeMap::new(),
            schedules: BTreeMap::new(),
            counts: HashMap::new(),
            due: BTreeSet::new(),
            outbox: Outbox::new(ServiceId::Scheduler),
            emptying: BTreeSet::new(),
            tokens: Tokens::default(),
            book: MetricBook::default(),
        }
    }

    /// Keeps a schedule as it is to be, in memory and in the store.
    fn keep(&mut self, step: &mut Step<'_>, key: &Key, schedule: Schedule) {
        records::put_schedule(step, key, &schedule.record);
        self.insert(key, schedule);
    }

    fn insert(&mut self, key: &Key, schedule: Schedule) {
        let fires = schedule.fires();
        match self.schedules.insert(key.clone(), schedule) {
            Some(before) => {
                self.unplan(key, &before);
            }
            None => *self.counts.entry(key.scope).or_default() += 1,
        }
        self.due.extend(fires.map(|at| (at, key.clone())));
    }

    fn unplan(&mut self, key: &Key, schedule: &Schedule) {
        if let Some(at) = schedule.fires() {
            self.due.remove(&(at, key.clone()));
        }
    }

    /// Removes a schedule from memory and from the store.
    fn remove(&mut self, step: &mut Step<'_>, key: &Key) {
        if let Some(schedule) = self.schedules.remove(key) {
            self.unplan(key, &schedule);
            records::delete_schedule(step, key);
            if let Some(count) = self.counts.get_mut(&key.scope) {
                *count -= 1;
            }
        }
    }

    /// The schedules of a group, in the order of their names.
    fn of_group(&self, scope: Scope, group: &str) -> impl Iterator<Item = (&Key, &Schedule)> {
        let group: Arc<str> = group.into();
        let from = Key { scope, group: Arc::clone(&group), name: "".into() };
        self.schedules.range(from..).take_while(move |(key, _)| key.scope == scope && key.group == group)
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scheduler of {} schedules", self.schedules.len())
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
