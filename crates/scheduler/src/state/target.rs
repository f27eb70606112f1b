//! What a schedule calls.

use std::sync::Arc;

use pontoon_api::SERVICES;
use pontoon_core::{Arn, Destination as Named, NoDestination as Unnamed, OperationSchema, RetryPolicy};
use serde::{Deserialize, Serialize};

use super::document::capitalized;

/// Attempts after the first, unless the schedule says otherwise.
pub const RETRIES_DEFAULT: u32 = 185;
/// Age in seconds until which an invocation is tried, unless the schedule says otherwise.
pub const AGE_SECS_DEFAULT: u32 = 86_400;

/// What operations that are not called begin with: they only read (user guide, "Using universal targets").
const READS: &[&str] = &[
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "transactGet",
    "adminGet",
    "adminList",
    "testMigration",
    "retrieve",
    "testConnection",
    "translateDocument",
    "isAuthorized",
    "invokeModel",
];

/// A target as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// ARN of what is called.
    pub arn: String,
    /// Role in which it is called.
    pub role_arn: String,
    /// What it is given; `None` for a notification.
    pub input: Option<String>,
    /// Message group, for queues.
    pub message_group: Option<String>,
    /// Whether parameters for queues were given at all.
    pub has_queue_parameters: bool,
    /// Detail type and source, for buses.
    pub event: Option<(String, String)>,
    /// ARN of the dead-letter queue.
    pub dead_letter: Option<String>,
    /// Attempts after the first.
    pub retries_max: u32,
    /// Age in seconds until which it is tried.
    pub age_secs_max: u32,
}

/// What a target's ARN names.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A queue, a topic, a function or a bus: a templated target.
    Resource(Named),
    /// An operation of a service that Pontoon has: a universal target.
    Operation(&'static OperationSchema),
}

/// Why an ARN is not a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDestination {
    /// It is no ARN, or lacks a part.
    Malformed,
    /// A universal target that AWS refuses too: an operation that reads.
    Reads {
        /// `sqs`
        service: String,
        /// `receiveMessage`
        action: String,
    },
    /// A universal target whose service, which Pontoon has, knows no such operation.
    Unknown {
        /// `sqs`
        service: String,
        /// `sendMassage`
        action: String,
    },
    /// AWS calls this, Pontoon does not.
    Unsupported(String),
}

impl Destination {
    /// Reads a target's ARN.
    ///
    /// # Errors
    /// If it is malformed, or names something that cannot be called.
    pub fn of(text: &str) -> Result<Self, NoDestination> {
        let arn = Arn::parse(text).ok_or(NoDestination::Malformed)?;
        if arn.service == "scheduler" {
            let operation = arn.resource.strip_prefix("aws-sdk:").and_then(|rest| rest.split_once(':'));
            let (service, action) = operation.ok_or(NoDestination::Malformed)?;
            return universal(service, action).map(Self::Operation);
        }
        match Named::of(text) {
            Ok(named @ (Named::Queue(..) | Named::Topic(_) | Named::Function(..) | Named::Bus(..))) => {
                Ok(Self::Resource(named))
            }
            Err(Unnamed::Malformed) => Err(NoDestination::Malformed),
            Ok(_) | Err(Unnamed::Other(_)) => {
                Err(NoDestination::Unsupported(format!("schedules' targets of the service {}", arn.service)))
            }
        }
    }
}

/// The operation of a universal target. Services go by the names that SDKs give them, in lower case; operations begin with a small letter.
fn universal(service: &str, action: &str) -> Result<&'static OperationSchema, NoDestination> {
    let named = |title: &str| {
        let letters = title.bytes().filter(|byte| *byte != b' ').map(|byte| byte.to_ascii_lowercase());
        letters.eq(service.bytes())
    };
    if READS.iter().any(|prefix| action.starts_with(prefix)) {
        return Err(NoDestination::Reads { service: service.to_owned(), action: action.to_owned() });
    }
    let Some(schema) = SERVICES.iter().find(|schema| named(schema.title)) else {
        return Err(NoDestination::Unsupported(format!("schedules' targets of the service {service}")));
    };
    let name = capitalized(action);
    if let Some(operation) = schema.operations.iter().find(|operation| operation.name == name) {
        return Ok(operation);
    }
    if schema.unsupported.contains(&name.as_str()) {
        return Err(NoDestination::Unsupported(format!("{}:{name}", schema.title)));
    }
    Err(NoDestination::Unknown { service: service.to_owned(), action: action.to_owned() })
}

impl TargetRecord {
    /// When an invocation is tried again, and for how long: exponential backoff with jitter, at most ten minutes apart. AWS does not publish its
    /// intervals; with these, 185 retries fill its 24 hours. `late_secs` is how long after it should have fired it did.
    #[must_use]
    pub fn retry_policy(&self, late_ms: u64) -> RetryPolicy {
        RetryPolicy {
            retries_max: self.retries_max,
            age_max_ms: (u64::from(self.age_secs_max) * 1000).saturating_sub(late_ms),
            wait_ms: 1_000,
            factor_percent: 200,
            wait_max_ms: 600_000,
            jitter_percent: 50,
        }
    }

    /// What is called; it was checked when the schedule was put.
    ///
    /// # Panics
    /// If it was not.
    #[must_use]
    pub fn destination(&self) -> Destination {
        let Ok(destination) = Destination::of(&self.arn) else {
            unreachable!("only targets with a destination are put");
        };
        destination
    }
}

/// The resource that a call goes to, for its trace.
#[must_use]
pub fn resource(target: &TargetRecord) -> Arc<str> {
    target.arn.as_str().into()
}

#[cfg(test)]
mod tests {
    use pontoon_core::Scope;

    use super::*;

    fn check(arn: &str, expected: &str) {
        let found = match Destination::of(arn) {
            Ok(Destination::Resource(named)) => format!("{named:?}"),
            Ok(destination) => format!("{destination:?}"),
            Err(error) => format!("{error:?}"),
        };
        assert!(found.starts_with(expected), "{arn}: {found}");
    }

    #[test]
    fn arns_name_destinations() {
        let here = |service: &str, resource: &str| Scope::default().arn(service, resource);
        check(&here("sqs", "q.fifo"), "Queue(");
        check(&here("sns", "t"), "Topic(");
        check(&here("lambda", "function:f:live"), "Function(");
        check(&here("events", "event-bus/b"), "Bus(");
        check("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Operation(sqs:SendMessage)");
        check("arn:aws:scheduler:::aws-sdk:cloudwatchlogs:createLogGroup", "Operation(logs:CreateLogGroup)");
        check("arn:aws:scheduler:::aws-sdk:eventbridge:putEvents", "Operation(events:PutEvents)");
        check("arn:aws:scheduler:::aws-sdk:dynamodb:putItem", "Operation(dynamodb:PutItem)");
        check("arn:aws:scheduler:::aws-sdk:sqs:receiveMessage", "Reads");
        check("arn:aws:scheduler:::aws-sdk:sqs:sendMassage", "Unknown");
        check("arn:aws:scheduler:::aws-sdk:sqs:SendMessageÄ", "Unknown");
        check("arn:aws:scheduler:::aws-sdk:ec2:startInstances", "Unsupported");
        check("arn:aws:scheduler:::aws-sdk:sqs", "Malformed");
        check(&here("events", "rule/r"), "Unsupported");
        check(&here("states", "stateMachine:m"), "Unsupported");
        check("arn:aws:sqs:::q", "Malformed");
        check("q", "Malformed");
    }
}
