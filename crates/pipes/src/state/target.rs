//! Where pipes lead.

use std::collections::BTreeMap;

use pontoon_core::{Arn, Scope};
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

/// What a target's ARN names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A queue by name.
    Queue(Scope, String),
    /// A topic.
    Topic(Scope),
    /// A function by name, and its version or alias.
    Function(Scope, String, Option<String>),
    /// An event bus.
    Bus(Scope),
    /// A log group by name.
    LogGroup(Scope, String),
    /// An API destination.
    Api(Scope),
}

/// Why an ARN is not a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDestination {
    /// It is no ARN, or lacks a part.
    Malformed,
    /// AWS leads there, Pontoon does not.
    Unsupported(String),
}

impl Destination {
    /// Reads a target's ARN.
    ///
    /// # Errors
    /// If it is malformed, or names something that Pontoon does not lead to.
    pub fn of(text: &str) -> Result<Self, NoDestination> {
        let arn = Arn::parse(text).ok_or(NoDestination::Malformed)?;
        let (resource, scope) = (arn.resource, || arn.scope().ok_or(NoDestination::Malformed));
        match arn.service {
            "sqs" => Ok(Self::Queue(scope()?, resource.to_owned())),
            "sns" => Ok(Self::Topic(scope()?)),
            "lambda" => {
                let (name, qualifier) = arn.function().ok_or(NoDestination::Malformed)?;
                Ok(Self::Function(scope()?, name.to_owned(), qualifier.map(str::to_owned)))
            }
            "events" if resource.starts_with("event-bus/") => scope().map(Self::Bus),
            "events" if resource.starts_with("api-destination/") => scope().map(Self::Api),
            "logs" => {
                let name = arn.log_group().ok_or(NoDestination::Malformed)?;
                Ok(Self::LogGroup(scope()?, name.to_owned()))
            }
            service => Err(NoDestination::Unsupported(format!("pipes to the service {service}"))),
        }
    }

    /// How many events it takes at once ("Batching and concurrency" in the user guide); `None` for as many as fit.
    #[must_use]
    pub fn batch_max(&self) -> Option<usize> {
        match self {
            Self::Queue(..) | Self::Topic(_) | Self::Bus(_) => Some(10),
            Self::LogGroup(..) => Some(10_000),
            Self::Api(_) => Some(1),
            Self::Function(..) => None,
        }
    }
}
