//! Lambda, as Pontoon runs it: functions from zip archives or local directories, invoked at once, asynchronously or from queues.
//!
//! What it is: functions with versions, aliases, permissions, tags and concurrency; asynchronous invocations that survive restarts, with retries,
//! dead-letter queues and destinations; event source mappings from SQS with batching windows, filters and partial batch responses; logs in CloudWatch
//! Logs and metrics in `AWS/Lambda`. What it is not: layers, container images, VPCs, code signing, function URLs, provisioned concurrency, response
//! streaming to clients and mappings from streams are refused by name.
//!
//! The service decides what runs; the processes are the host's (see `pontoon_host::functions`). A package in the bucket
//! [`LOCAL_DIRECTORY_BUCKET`] is a directory of the machine, named by the key, and is run in place.
//!
//! Invariant: an accepted asynchronous invocation is in the outbox until it succeeded or was given up, and what became of it is written in the same
//! batch as its removal.
//! Invariant: a message is deleted from its queue only after the function that got it succeeded, or after a filter let it through to nobody.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the developer guide of AWS Lambda, and the recordings in `lambda_/`.

mod error;
mod metrics;
mod ops;
mod records;
mod run;
mod runtimes;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod wiring;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use pontoon_core::policy::IdentityPolicies;
use pontoon_core::{MetricBook, Outbox, Scope, ServiceId, Timestamp};
use pontoon_source::{Filters, Poller};

use run::Running;
use run::asynchronous::{AsyncEvent, Throttled};
use run::downloads::Downloads;
use run::logs::KnownStreams;
use state::concurrency::{Concurrency, FunctionKey};
use state::function::Function;
use state::mapping::MappingConfig;

pub use error::{Error, Throttle};
pub use runtimes::runtime_version_arn;
pub use state::code::LOCAL_DIRECTORY_BUCKET;

/// A mapping, by scope and UUID.
pub(crate) type MappingKey = (Scope, String);

/// An event source mapping with what it has under way.
#[derive(Debug)]
pub(crate) struct Mapping {
    config: MappingConfig,
    filters: Filters,
    poller: Poller,
    /// What `Lambda::timers` holds for it.
    timer: Option<Timestamp>,
}

/// Tells what a role may do, by its ARN; `None` if there is no such role.
pub type Roles = Arc<dyn Fn(&str) -> Option<Arc<IdentityPolicies>> + Send + Sync>;

/// The functions of all accounts and regions, and what they have under way.
pub struct Lambda {
    roles: Roles,
    functions: BTreeMap<FunctionKey, Function>,
    mappings: BTreeMap<MappingKey, Mapping>,
    outbox: Outbox<AsyncEvent>,
    /// Asynchronous invocations that wait for concurrency.
    throttled: Throttled,
    running: HashMap<u64, Running>,
    next_token: u64,
    concurrency: Concurrency,
    /// Reserved concurrency by function name, for each scope.
    reserved: HashMap<Scope, HashMap<String, u32>>,
    /// When mappings have something to do of themselves.
    timers: BTreeSet<(Timestamp, MappingKey)>,
    book: MetricBook,
    streams: KnownStreams,
    downloads: Downloads,
}

impl Lambda {
    /// No functions yet. `roles` tells what their execution roles may do.
    #[must_use]
    pub fn new(roles: Roles) -> Self {
        Self {
            roles,
            functions: BTreeMap::new(),
            mappings: BTreeMap::new(),
            outbox: Outbox::new(ServiceId::Lambda),
            throttled: Throttled::default(),
            running: HashMap::new(),
            next_token: 1,
            concurrency: Concurrency::default(),
            reserved: HashMap::new(),
            timers: BTreeSet::new(),
            book: MetricBook::default(),
            streams: KnownStreams::default(),
            downloads: Downloads::default(),
        }
    }
}
