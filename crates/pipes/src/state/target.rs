//! Where pipes lead.

use std::collections::BTreeMap;

use pontoon_core::{Destination, NoDestination};
use serde::{Deserialize, Serialize};

/// A target as it is kept. Parameters that are JSON paths stand for what they lead to in each event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// ARN of what is called.
    pub arn: String,
    /// What it is given, if not the event.
    pub template: Option<String>,
    /// Functions: `REQUEST_RESPONSE` or `FIRE_AND_FORGET`, as far as given.
    pub invocation_type: Option<String>,
    /// Queues.
    pub queue: Option<QueueParameters>,
    /// Buses.
    pub bus: Option<BusParameters>,
    /// Log groups.
    pub log: Option<LogParameters>,
    /// API destinations.
    #[serde(default)]
    pub http: Option<HttpRecord>,
}

/// What is added to the requests of an API destination. Headers go out as they are; of the others JSON paths stand for what they lead to in each event
/// ("Dynamic path parameters" in the user guide).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRecord {
    /// Values of the wildcards in the URL's path, in order.
    pub path: Option<Vec<String>>,
    /// Headers.
    pub headers: Option<BTreeMap<String, String>>,
    /// Query parameters.
    pub query: Option<BTreeMap<String, String>>,
}

/// Parameters of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueParameters {
    /// Message group.
    pub group: Option<String>,
    /// Deduplication id.
    pub deduplication: Option<String>,
}

/// Parameters of a bus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusParameters {
    /// Detail type.
    pub detail_type: Option<String>,
    /// Source.
    pub source: Option<String>,
    /// Resources.
    pub resources: Option<Vec<String>>,
    /// A path to the time.
    pub time: Option<String>,
}

/// Parameters of a log group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogParameters {
    /// Stream.
    pub stream: Option<String>,
    /// A path to the time, milliseconds or ISO 8601.
    pub timestamp: Option<String>,
}

/// Reads the ARN of an enrichment or a target.
///
/// # Errors
/// If it is malformed, or names nothing that pipes lead to.
pub fn destination(arn: &str) -> Result<Destination, NoDestination<'_>> {
    match Destination::of(arn)? {
        Destination::Discoverer(_) => Err(NoDestination::Other("schemas")),
        destination => Ok(destination),
    }
}

/// How many events a stage takes at once ("Batching and concurrency" in the user guide); `None` for as many as fit.
#[must_use]
pub fn batch_max(destination: &Destination) -> Option<usize> {
    match destination {
        Destination::Queue(..) | Destination::Topic(_) | Destination::Bus(..) => Some(10),
        Destination::LogGroup(..) => Some(10_000),
        Destination::Api(..) => Some(1),
        Destination::Function(..) | Destination::Discoverer(_) => None,
    }
}
