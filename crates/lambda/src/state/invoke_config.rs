//! How asynchronous invocations are retried, and where their outcomes go.

use pontoon_core::RetryPolicy;
use serde::{Deserialize, Serialize};

/// The default and largest number of retries.
pub(crate) const RETRIES_MAX: u32 = 2;
/// The default and largest age of an event, in seconds: six hours.
pub(crate) const EVENT_AGE_SECS_MAX: u32 = 21_600;

/// What PutFunctionEventInvokeConfig sets; `None` where the default holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InvokeConfig {
    pub(crate) retries: Option<u32>,
    pub(crate) event_age_secs: Option<u32>,
    /// ARN that successful outcomes are sent to.
    pub(crate) on_success: Option<String>,
    /// ARN that outcomes given up are sent to.
    pub(crate) on_failure: Option<String>,
    pub(crate) modified_millis: i64,
}

impl InvokeConfig {
    /// The policy by which an event is retried: a minute after the first failure, two after the second.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries_max: self.retries.unwrap_or(RETRIES_MAX),
            age_max_ms: u64::from(self.event_age_secs.unwrap_or(EVENT_AGE_SECS_MAX)) * 1000,
            wait_ms: 60_000,
            factor_percent: 200,
            wait_max_ms: 120_000,
            jitter_percent: 0,
        }
    }
}
