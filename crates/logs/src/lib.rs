//! CloudWatch Logs, as Pontoon runs it: log groups and streams, and searching what is in them.
//!
//! What it is: events that are durable before `PutLogEvents` is answered, kept in order of time, read from snapshots beside the engine, searched with
//! AWS's filter patterns, and gone when their retention ends. Events in the embedded metric format become metrics. What other services tell in vended
//! logs goes where the account's deliveries lead. What it is not: Insights, metric filters, subscriptions, exports and log classes other than
//! `STANDARD`; those are refused by name.
//!
//! Invariant: memory holds groups and streams, never events; it does not grow with what is logged.
//! Invariant: an event whose retention has ended is not read any more, whether it has been removed from the store yet or not.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the user guide of CloudWatch Logs, and the recordings in `logs/`.

mod background;
mod deliveries;
mod error;
mod metrics;
mod ops;
mod parts;
mod records;
mod service;
pub mod state;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use pontoon_core::policy::Document;
use pontoon_core::{MetricBook, Scope, Space, Step, Timestamp};

use background::Sweep;
use deliveries::Deliveries;
pub use error::Error;
use records::{GroupRecord, PolicyRecord, StreamRecord};
pub use state::filter::{FilterPattern, InvalidPattern};

/// The log groups of all accounts and regions.
#[derive(Default)]
pub struct Logs {
    regions: HashMap<Scope, Region>,
    /// When which group next has events to remove.
    expiries: BTreeSet<(Timestamp, Scope, Arc<str>)>,
    /// What was deleted and is still in the store.
    sweeps: VecDeque<Sweep>,
    /// When the next slice of `sweeps` is removed.
    sweep_at: Option<Timestamp>,
    book: MetricBook,
}

/// What one account has in one region.
#[derive(Default)]
pub(crate) struct Region {
    groups: BTreeMap<Arc<str>, Group>,
    policies: BTreeMap<String, PolicyRecord>,
    /// The statements of all `policies`.
    policy: Document,
    deliveries: Deliveries,
}

/// A log group.
pub(crate) struct Group {
    scope: Scope,
    name: Arc<str>,
    record: GroupRecord,
    streams: BTreeMap<Arc<str>, StreamRecord>,
    /// The streams' names by number, shared with reads.
    names: Arc<HashMap<u64, Arc<str>>>,
    /// The sequence number of the next event.
    sequence: u64,
    /// No event has a smaller timestamp; `None` if there are no events.
    oldest: Option<u64>,
    /// What `Logs::expiries` holds for it.
    expiry: Option<Timestamp>,
    /// Expired events are not removed before this, so that it is done in batches.
    expiry_pause: Timestamp,
}

impl Logs {
    fn group(&self, scope: Scope, name: &str) -> Result<&Group, Error> {
        self.regions.get(&scope).and_then(|region| region.groups.get(name)).ok_or(Error::GroupNotFound)
    }

    fn group_mut(&mut self, scope: Scope, name: &str) -> Result<&mut Group, Error> {
        let region = self.regions.get_mut(&scope).ok_or(Error::GroupNotFound)?;
        region.groups.get_mut(name).ok_or(Error::GroupNotFound)
    }

    /// The groups of a scope by name.
    fn groups(&self, scope: Scope) -> impl Iterator<Item = &Group> {
        self.regions.get(&scope).into_iter().flat_map(|region| region.groups.values())
    }
}

impl Region {
    /// Brings `policy` up to date with `policies`.
    fn join_policies(&mut self) {
        let parsed: Vec<Document> =
            self.policies.values().filter_map(|policy| Document::parse(&policy.document).ok()).collect();
        self.policy = Document::joined(parsed);
    }
}

impl Group {
    fn new(scope: Scope, name: Arc<str>, record: GroupRecord) -> Self {
        let sequence = record.sequence_floor;
        Self {
            scope,
            name,
            record,
            streams: BTreeMap::new(),
            names: Arc::default(),
            sequence,
            oldest: None,
            expiry: None,
            expiry_pause: Timestamp::EPOCH,
        }
    }

    /// The ARN without the `:*` that permissions need.
    fn arn(&self) -> String {
        self.scope.arn("logs", format_args!("log-group:{}", self.name))
    }

    fn stream_arn(&self, stream: &str) -> String {
        format!("{}:log-stream:{stream}", self.arn())
    }

    fn stream(&self, name: &str) -> Result<&StreamRecord, Error> {
        self.streams.get(name).ok_or(Error::StreamNotFound)
    }

    fn add_stream(&mut self, stream: StreamRecord) {
        let name: Arc<str> = stream.name.as_str().into();
        self.sequence = self.sequence.max(stream.sequence_end);
        Arc::make_mut(&mut self.names).insert(stream.number, Arc::clone(&name));
        self.streams.insert(name, stream);
    }

    fn remove_stream(&mut self, name: &str) -> Option<StreamRecord> {
        let stream = self.streams.remove(name)?;
        Arc::make_mut(&mut self.names).remove(&stream.number);
        Some(stream)
    }

    fn stored_bytes(&self) -> u64 {
        self.streams.values().map(|stream| stream.stored_bytes).sum()
    }

    /// The smallest timestamp that is still kept, milliseconds.
    fn kept_from(&self, now: Timestamp) -> u64 {
        let kept = self.record.retention().map_or(Timestamp::EPOCH, |retention| now.before(retention));
        u64::try_from(kept.millis()).unwrap_or(0)
    }

    fn write(&self, step: &mut Step<'_>) {
        step.put(Space::Config, records::group_key(self.scope, &self.name), records::to_json(&self.record));
    }

    fn write_stream(&self, step: &mut Step<'_>, stream: &StreamRecord) {
        let key = records::stream_key(self.record.number, stream.number);
        step.put(Space::Log, key, records::to_json(stream));
    }
}
