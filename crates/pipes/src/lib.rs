//! EventBridge Pipes, as Pontoon runs it: from a queue through filters and an enrichment to a target.
//!
//! What it is: pipes from SQS queues with filters, batches and windows, enrichment by functions and API destinations, input transformation, and queues,
//! topics, functions, buses, log groups and API destinations as targets, with partial failures, and logs. What it is not: other sources, enrichments, targets and
//! destinations of logs, and encryption with own keys are refused by name.
//!
//! Invariant: a message is deleted from its queue only after a filter let it through to nobody, the enrichment returned nothing, or the target took it. Whatever
//! else happens it shows up again when its visibility timeout ends, and in the end in the queue's dead-letter queue.
//! Invariant: nothing of what is under way is persisted; after a restart the queue shows its messages again.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the user guide of EventBridge Pipes.

mod error;
mod metrics;
mod ops;
mod records;
mod run;
mod service;
mod state;
mod wiring;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pontoon_core::policy::ServiceRoles;
use pontoon_core::{MetricBook, Scope, Step, Timestamp};

use run::Execution;
use state::pipe::Pipe;

pub use error::Error;

/// The principal that assumes the roles of pipes.
pub(crate) const PRINCIPAL: &str = "pipes.amazonaws.com";

/// A pipe, by account, region and name.
pub(crate) type Key = (Scope, String);

/// The pipes of all accounts and regions.
pub struct Pipes {
    roles: ServiceRoles,
    pipes: BTreeMap<Key, Pipe>,
    /// Pipes whose state changes by itself, and when pipes have something else to do of themselves.
    timers: BTreeSet<(Timestamp, Key)>,
    /// Batches on their way.
    executions: HashMap<u64, Execution>,
    next_execution: u64,
    book: MetricBook,
}

impl Pipes {
    /// No pipes yet. `roles` tells of the roles that they act in.
    #[must_use]
    pub fn new(roles: ServiceRoles) -> Self {
        Self {
            roles,
            pipes: BTreeMap::new(),
            timers: BTreeSet::new(),
            executions: HashMap::new(),
            next_execution: 1,
            book: MetricBook::default(),
        }
    }

    /// Keeps a pipe as it is to be, in memory and in the store.
    fn keep(&mut self, step: &mut Step<'_>, key: &Key, pipe: Pipe) {
        records::put(step, key, &pipe.record);
        self.forget_timer(key);
        self.pipes.insert(key.clone(), pipe);
        self.set_timer(key);
    }

    /// Removes a pipe from memory and from the store.
    fn remove(&mut self, step: &mut Step<'_>, key: &Key) {
        records::delete(step, key);
        self.forget_timer(key);
        self.pipes.remove(key);
    }

    fn forget_timer(&mut self, key: &Key) {
        if let Some(at) = self.pipes.get_mut(key).and_then(|pipe| pipe.timer.take()) {
            self.timers.remove(&(at, key.clone()));
        }
    }

    fn set_timer(&mut self, key: &Key) {
        self.forget_timer(key);
        if let Some(pipe) = self.pipes.get_mut(key) {
            pipe.timer = pipe.due();
            self.timers.extend(pipe.timer.map(|at| (at, key.clone())));
        }
    }
}

impl std::fmt::Debug for Pipes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pipes: {}", self.pipes.len())
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
