//! Where a rule sends what it matches.

use std::sync::Arc;

use pontoon_core::{Destination, RetryPolicy};
use serde::{Deserialize, Serialize};

use super::api_destination::HttpTarget;
use super::input::{Input, InputRecord};

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

impl TargetRecord {
    /// Whether it is an API destination, which is called over HTTP.
    #[must_use]
    pub fn is_api_destination(&self) -> bool {
        matches!(Destination::of(&self.arn), Ok(Destination::Api(..)))
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
