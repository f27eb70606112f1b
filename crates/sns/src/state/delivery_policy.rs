//! Delivery policies: how http and https endpoints are tried again, how fast they are called, and with which content type.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html>; the forms in which they are given back are recorded
//! (test_topic_delivery_policy_crud, test_subscribe_external_http_endpoint_content_type).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::filter::json_fault;
use super::schedule::{Backoff, Schedule};

/// The content type of deliveries where no policy names one.
pub const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";

/// Content types that a policy may name, parameters aside.
const CONTENT_TYPES: [&str; 14] = [
    "application/atom+xml",
    "application/json",
    "application/octet-stream",
    "application/soap+xml",
    "application/vnd.oasis.opendocument.formula",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
    "application/x-amz-json-1.0",
];

/// Longest wait and most retries that a policy may ask for.
const WAIT_SECS_MAX: u32 = 3600;
const RETRIES_MAX: u32 = 100;

/// How deliveries are tried again. What is absent is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryRules {
    /// Shortest wait, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_delay_target: Option<u32>,
    /// Longest wait, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay_target: Option<u32>,
    /// Retries in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_retries: Option<u32>,
    /// How many of them, the last, wait longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_max_delay_retries: Option<u32>,
    /// How many of them, the first, do not wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_no_delay_retries: Option<u32>,
    /// How many of them, after those, wait shortest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_min_delay_retries: Option<u32>,
    /// How the waits of the rest grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_function: Option<Backoff>,
}

impl RetryRules {
    /// Every field with its default filled in.
    #[must_use]
    pub fn effective(&self) -> Self {
        Self {
            min_delay_target: Some(self.min_delay_target.unwrap_or(20)),
            max_delay_target: Some(self.max_delay_target.unwrap_or(20)),
            num_retries: Some(self.num_retries.unwrap_or(3)),
            num_max_delay_retries: Some(self.num_max_delay_retries.unwrap_or(0)),
            num_no_delay_retries: Some(self.num_no_delay_retries.unwrap_or(0)),
            num_min_delay_retries: Some(self.num_min_delay_retries.unwrap_or(0)),
            backoff_function: Some(self.backoff_function.unwrap_or_default()),
        }
    }

    fn check(&self) -> Result<(), String> {
        let all = self.effective();
        let number = |value: Option<u32>| value.unwrap_or_default();
        let (min, max) = (number(all.min_delay_target), number(all.max_delay_target));
        if !(1..=WAIT_SECS_MAX).contains(&min) || !(1..=WAIT_SECS_MAX).contains(&max) {
            return Err(format!("minDelayTarget and maxDelayTarget must be between 1 and {WAIT_SECS_MAX}"));
        }
        if min > max {
            return Err("minDelayTarget must not be greater than maxDelayTarget".to_owned());
        }
        if number(all.num_retries) > RETRIES_MAX {
            return Err(format!("numRetries must be between 0 and {RETRIES_MAX}"));
        }
        let phases = [all.num_no_delay_retries, all.num_min_delay_retries, all.num_max_delay_retries];
        let in_phases: u64 = phases.into_iter().map(|phase| u64::from(number(phase))).sum();
        if in_phases > u64::from(number(all.num_retries)) {
            return Err("numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries must not be more than numRetries together".to_owned());
        }
        Ok(())
    }

    /// The retries that these rules ask for.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let all = self.effective();
        let number = |value: Option<u32>| value.unwrap_or_default();
        let (no_delay, min_delay) = (number(all.num_no_delay_retries), number(all.num_min_delay_retries));
        let max_delay = number(all.num_max_delay_retries);
        let phased = no_delay.saturating_add(min_delay).saturating_add(max_delay);
        Schedule {
            no_delay,
            min_delay,
            backoff: number(all.num_retries).saturating_sub(phased),
            max_delay,
            wait_min_secs: number(all.min_delay_target),
            wait_max_secs: number(all.max_delay_target),
            function: all.backoff_function.unwrap_or_default(),
        }
    }
}

/// How fast an endpoint is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Throttle {
    /// Calls a second at most; at least one.
    pub max_receives_per_second: u32,
}

/// What requests carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRules {
    /// The `Content-Type` header of notifications.
    pub header_content_type: String,
}

impl RequestRules {
    fn check(&self) -> Result<(), String> {
        let kind = self.header_content_type.split(';').next().unwrap_or_default().trim();
        let is_header = self.header_content_type.bytes().all(|byte| (b' '..0x7f).contains(&byte));
        if is_header && CONTENT_TYPES.contains(&kind.to_ascii_lowercase().as_str()) {
            return Ok(());
        }
        Err(format!("headerContentType [{}] is not supported", self.header_content_type))
    }
}

/// A topic's delivery policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPolicy {
    /// For its http and https subscriptions.
    pub http: TopicHttp,
}

/// The one part of a topic's delivery policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TopicHttp {
    /// Retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_healthy_retry_policy: Option<RetryRules>,
    /// Whether the subscriptions' own policies do not count.
    pub disable_subscription_overrides: bool,
    /// Speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_throttle_policy: Option<Throttle>,
    /// Request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_request_policy: Option<RequestRules>,
}

impl TopicPolicy {
    /// Reads a topic's policy.
    ///
    /// # Errors
    /// The reason why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = read(text)?;
        check(
            &policy.http.default_healthy_retry_policy,
            policy.http.default_throttle_policy,
            &policy.http.default_request_policy,
        )?;
        Ok(policy)
    }

    /// As `EffectiveDeliveryPolicy` tells it.
    #[must_use]
    pub fn effective(&self) -> Self {
        let http = &self.http;
        let request = || RequestRules { header_content_type: CONTENT_TYPE.to_owned() };
        Self {
            http: TopicHttp {
                default_healthy_retry_policy: Some(
                    http.default_healthy_retry_policy.clone().unwrap_or_default().effective(),
                ),
                disable_subscription_overrides: http.disable_subscription_overrides,
                default_throttle_policy: http.default_throttle_policy,
                default_request_policy: Some(http.default_request_policy.clone().unwrap_or_else(request)),
            },
        }
    }
}

/// A subscription's delivery policy. Absent parts are told as nulls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SubscriptionPolicy {
    /// Retries.
    pub healthy_retry_policy: Option<RetryRules>,
    /// Never set: AWS has no more than the name of it.
    pub sickly_retry_policy: Option<RetryRules>,
    /// Speed.
    pub throttle_policy: Option<Throttle>,
    /// Request.
    pub request_policy: Option<RequestRules>,
    /// Never true.
    pub guaranteed: bool,
}

impl SubscriptionPolicy {
    /// Reads a subscription's policy.
    ///
    /// # Errors
    /// The reason why it is none, or what of it is not supported.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = read(text)?;
        if policy.sickly_retry_policy.is_some() {
            return Err("sicklyRetryPolicy is not supported".to_owned());
        }
        if policy.guaranteed {
            return Err("guaranteed is not supported".to_owned());
        }
        check(&policy.healthy_retry_policy, policy.throttle_policy, &policy.request_policy)?;
        Ok(policy)
    }

    /// What counts for a subscription: its own policy, unless the topic's does not let it, over the topic's, over the defaults.
    #[must_use]
    pub fn effective(own: Option<&Self>, topic: Option<&TopicPolicy>) -> Self {
        let topic = topic.cloned().unwrap_or_default().effective().http;
        let own = own.filter(|_| !topic.disable_subscription_overrides).cloned().unwrap_or_default();
        Self {
            healthy_retry_policy: own
                .healthy_retry_policy
                .map(|rules| rules.effective())
                .or(topic.default_healthy_retry_policy),
            sickly_retry_policy: None,
            throttle_policy: own.throttle_policy.or(topic.default_throttle_policy),
            request_policy: own.request_policy.or(topic.default_request_policy),
            guaranteed: false,
        }
    }

    /// The retries.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        self.healthy_retry_policy.clone().unwrap_or_default().schedule()
    }

    /// The content type of notifications.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.request_policy.as_ref().map_or(CONTENT_TYPE, |request| &request.header_content_type)
    }
}

/// A policy as AWS gives it back.
#[must_use]
pub fn to_text(policy: &impl Serialize) -> String {
    let text = serde_json::to_string(policy);
    assert!(text.is_ok(), "a policy is plain data, which always has a JSON form: {:?}", text.err());
    text.unwrap_or_default()
}

/// What is not JSON is refused as it is in the other policies (test_validate_set_sub_attributes).
fn read<P: DeserializeOwned>(text: &str) -> Result<P, String> {
    pontoon_pattern::check_json(text).map_err(|error| json_fault(&error))?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn check(
    retries: &Option<RetryRules>,
    throttle: Option<Throttle>,
    request: &Option<RequestRules>,
) -> Result<(), String> {
    retries.as_ref().map_or(Ok(()), RetryRules::check)?;
    if throttle.is_some_and(|throttle| throttle.max_receives_per_second == 0) {
        return Err("maxReceivesPerSecond must be at least 1".to_owned());
    }
    request.as_ref().map_or(Ok(()), RequestRules::check)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;

    #[test]
    fn a_topic_without_a_policy_tells_the_recorded_defaults() {
        assert_eq!(to_text(&TopicPolicy::default().effective()), DEFAULTS);
    }

    /// test_topic_delivery_policy_crud
    #[test]
    fn a_topics_policy_is_told_as_recorded() {
        let set = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1}}}"#;
        let policy = TopicPolicy::parse(set).unwrap();
        assert_eq!(
            to_text(&policy),
            r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1},"disableSubscriptionOverrides":false}}"#
        );
        let effective = to_text(&policy.effective());
        assert_eq!(
            effective,
            DEFAULTS.replace(
                r#":20,"maxDelayTarget":20,"numRetries":3"#,
                r#":5,"maxDelayTarget":6,"numRetries":1"#
            )
        );
    }

    /// test_subscribe_external_http_endpoint_content_type
    #[test]
    fn a_subscriptions_policy_is_told_as_recorded() {
        let own = SubscriptionPolicy::parse(r#"{"requestPolicy":{"headerContentType":"text/csv"}}"#).unwrap();
        assert_eq!(
            to_text(&own),
            r#"{"healthyRetryPolicy":null,"sicklyRetryPolicy":null,"throttlePolicy":null,"requestPolicy":{"headerContentType":"text/csv"},"guaranteed":false}"#
        );
        assert_eq!(
            to_text(&SubscriptionPolicy::effective(Some(&own), None)),
            r#"{"healthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"sicklyRetryPolicy":null,"throttlePolicy":null,"requestPolicy":{"headerContentType":"text/csv"},"guaranteed":false}"#
        );
    }

    #[test]
    fn a_topic_can_forbid_its_subscriptions_policies_of_their_own() {
        let topic = TopicPolicy::parse(
            r#"{"http":{"disableSubscriptionOverrides":true,"defaultHealthyRetryPolicy":{"numRetries":7}}}"#,
        )
        .unwrap();
        let own = SubscriptionPolicy::parse(r#"{"healthyRetryPolicy":{"numRetries":1}}"#).unwrap();
        assert_eq!(SubscriptionPolicy::effective(Some(&own), Some(&topic)).schedule().retries(), 7);
        assert_eq!(SubscriptionPolicy::effective(Some(&own), None).schedule().retries(), 1);
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"http":{"unknown":1}}"#,
            r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":30}}}"#,
            r#"{"http":{"defaultHealthyRetryPolicy":{"maxDelayTarget":3601}}}"#,
            r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}"#,
            r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":-1}}}"#,
            r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":2,"numNoDelayRetries":3}}}"#,
            r#"{"http":{"defaultHealthyRetryPolicy":{"backoffFunction":"random"}}}"#,
            r#"{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":0}}}"#,
            r#"{"http":{"defaultRequestPolicy":{"headerContentType":"text/plain\r\nX: y"}}}"#,
        ] {
            assert!(TopicPolicy::parse(text).is_err(), "{text}");
        }
        for text in [r#"{"sicklyRetryPolicy":{}}"#, r#"{"guaranteed":true}"#, r#"{"http":{}}"#] {
            assert!(SubscriptionPolicy::parse(text).is_err(), "{text}");
        }
    }
}
