//! Where a rule sends what it matches.

use std::sync::Arc;

use pontoon_core::{Arn, RetryPolicy, Scope};
use serde::{Deserialize, Serialize};

use super::api_destination::HttpTarget;
use super::input::{Input, InputRecord};
use crate::destinations::named;

/// Attempts after the first, unless the target says otherwise.
pub const RETRIES_DEFAULT: u32 = 185;
/// Age of an event in seconds until which delivery is tried, unless the target says otherwise.
pub const AGE_SECS_DEFAULT: u32 = 86_400;

/// A target as it was configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Id, unique within the rule.
    pub id: String,
    /// ARN of what is called.
    pub arn: String,
    /// Role in whose name it is called.
    pub role_arn: Option<String>,
    /// What it is given.
    pub input: InputRecord,
    /// Message group, for queues.
    pub message_group: Option<String>,
    /// Whether queue parameters were given at all.
    pub has_queue_parameters: bool,
    /// ARN of the dead-letter queue.
    pub dead_letter: Option<String>,
    /// Retry policy, as far as given.
    pub retries_max: Option<u32>,
    /// Maximum age in seconds, as far as given.
    pub age_secs_max: Option<u32>,
    /// What is added to requests, for API destinations.
    #[serde(default)]
    pub http: Option<HttpTarget>,
}

/// A target ready to be delivered to.
#[derive(Debug, Clone)]
pub struct Target {
    /// As it was configured.
    pub record: Arc<TargetRecord>,
    /// How its input is made.
    pub input: Input,
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
    /// An event bus by name.
    Bus(Scope, String),
    /// A log group by name.
    LogGroup(Scope, String),
    /// An API destination by name and id.
    Api(Scope, String, String),
    /// A discoverer of the schema registry, which only that service targets.
    Discoverer(Scope),
}

/// Why an ARN is not a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDestination {
    /// It is no ARN, or lacks a part.
    Malformed,
    /// AWS delivers to this, Pontoon does not.
    Unsupported(String),
}

impl Destination {
    /// Reads a target's ARN.
    ///
    /// # Errors
    /// If it is malformed, or names something that Pontoon does not deliver to.
    pub fn of(text: &str) -> Result<Self, NoDestination> {
        let arn = Arn::parse(text).ok_or(NoDestination::Malformed)?;
        let resource = arn.resource;
        let scope = || arn.scope().ok_or(NoDestination::Malformed);
        match arn.service {
            "sqs" => Ok(Self::Queue(scope()?, resource.to_owned())),
            "sns" => Ok(Self::Topic(scope()?)),
            "lambda" => {
                let (name, qualifier) = arn.function().ok_or(NoDestination::Malformed)?;
                Ok(Self::Function(scope()?, name.to_owned(), qualifier.map(str::to_owned)))
            }
            "events" => match resource.strip_prefix("event-bus/") {
                Some(name) => Ok(Self::Bus(scope()?, name.to_owned())),
                None if resource.starts_with("api-destination/") => {
                    let (scope, name, id) = named(text, "api-destination").ok_or(NoDestination::Malformed)?;
                    Ok(Self::Api(scope, name.to_owned(), id.to_owned()))
                }
                None => Err(NoDestination::Unsupported(format!("targets of the kind of {text}"))),
            },
            "logs" => {
                let name = arn.log_group().ok_or(NoDestination::Malformed)?;
                Ok(Self::LogGroup(scope()?, name.to_owned()))
            }
            "schemas" if resource.starts_with("discoverer/") => Ok(Self::Discoverer(scope()?)),
            service => Err(NoDestination::Unsupported(format!("targets of the service {service}"))),
        }
    }
}

impl TargetRecord {
    /// Whether it is an API destination, which is called over HTTP.
    #[must_use]
    pub fn is_api_destination(&self) -> bool {
        named(&self.arn, "api-destination").is_some()
    }

    /// When delivery is tried again, and for how long: exponential backoff with jitter, at most ten minutes apart.
    /// AWS does not publish its intervals; with these, 185 retries fill its 24 hours.
    #[must_use]
    pub fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries_max: self.retries_max.unwrap_or(RETRIES_DEFAULT),
            age_max_ms: u64::from(self.age_secs_max.unwrap_or(AGE_SECS_DEFAULT)) * 1000,
            wait_ms: 1_000,
            factor_percent: 200,
            wait_max_ms: 600_000,
            jitter_percent: 50,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, NoDestination};

    #[test]
    fn arns_name_destinations() {
        let scope = pontoon_core::Scope::default();
        let here = |service: &str, resource: &str| Destination::of(&scope.arn(service, resource));
        assert_eq!(here("sqs", "q"), Ok(Destination::Queue(scope, "q".into())));
        assert_eq!(here("sns", "t"), Ok(Destination::Topic(scope)));
        assert_eq!(
            here("lambda", "function:f:live"),
            Ok(Destination::Function(scope, "f".into(), Some("live".into())))
        );
        assert_eq!(here("events", "event-bus/b"), Ok(Destination::Bus(scope, "b".into())));
        assert_eq!(
            here("logs", "log-group:/aws/events/x:*"),
            Ok(Destination::LogGroup(scope, "/aws/events/x".into()))
        );
        assert!(matches!(here("kinesis", "stream/s"), Err(NoDestination::Unsupported(_))));
        assert_eq!(
            here("events", "api-destination/d/1"),
            Ok(Destination::Api(scope, "d".into(), "1".into()))
        );
        assert_eq!(here("events", "api-destination/d"), Err(NoDestination::Malformed));
        assert!(matches!(here("events", "rule/r"), Err(NoDestination::Unsupported(_))));
        assert_eq!(Destination::of("arn:aws:sqs:::q"), Err(NoDestination::Malformed));
        assert_eq!(Destination::of("q"), Err(NoDestination::Malformed));
    }
}
