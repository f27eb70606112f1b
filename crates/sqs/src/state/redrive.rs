//! The policies of dead-letter queues: where a queue's messages go, and which queues' messages a dead-letter queue takes. Read from text as AWS does.
//!
//! Codes and messages are those that AWS gave Terraform and Ansible (`is not a valid JSON map`, and `maxReceiveCount` missing from an empty policy)
//! and CloudFormation (`in an unsupported format`, with its typographic apostrophe, for sources that are no list); the others are those that two
//! projects have found independently of each other.

use pontoon_core::Arn;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;

/// How many queues a redrive allow policy names at most.
const SOURCES_MAX: usize = 10;

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// ARN of the dead-letter queue.
    pub dead_letter_arn: String,
    /// How often a message is received before it is moved, 1 to 1,000.
    pub receives_max: u32,
}

impl Redrive {
    /// Reads the attribute `RedrivePolicy`.
    ///
    /// # Errors
    /// AWS's for a policy that is not one.
    pub fn parse(policy: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| invalid("RedrivePolicy", policy, reason);
        let map = map(policy)
            .ok_or_else(|| malformed("RedrivePolicy", "Redrive policy is not a valid JSON map."))?;
        let attribute = |name: &str| {
            let missing =
                || invalid(&format!("Redrive policy does not contain mandatory attribute: {name}."));
            map.get(name).ok_or_else(missing)
        };
        let (receives, arn) = (attribute("maxReceiveCount")?, attribute("deadLetterTargetArn")?);
        if map.len() > 2 {
            return Err(invalid(
                "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
            ));
        }
        let text = receives.as_str().map_or_else(|| receives.to_string(), str::to_owned);
        let receives_max = text.parse().ok().filter(|count| (1..=1_000).contains(count)).ok_or_else(|| {
            invalid(&format!(
                "Invalid value for maxReceiveCount: {text}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;
        let named = arn.as_str().and_then(|text| Some((text, Arn::parse(text)?)));
        match named {
            Some((text, arn)) if arn.service == "sqs" && arn.scope().is_some() => {
                Ok(Self { dead_letter_arn: text.to_owned(), receives_max })
            }
            Some((_, arn)) if arn.service != "sqs" => {
                Err(invalid("Only SQS queues are valid resources for deadLetterTargetArn."))
            }
            _ => Err(invalid("Invalid value for deadLetterTargetArn.")),
        }
    }
}

/// Which queues may name this one as their dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedriveAllow {
    /// Any queue of the account and region; the default.
    All,
    /// None.
    None,
    /// These, at most ten.
    Queues(Vec<String>),
}

impl RedriveAllow {
    /// Reads the attribute `RedriveAllowPolicy`.
    ///
    /// DEVIATION: a source that is no queue's ARN is refused as another unsupported format, so that a name in place of an ARN does not silently allow
    /// nobody; what AWS answers to it is not known.
    ///
    /// # Errors
    /// AWS's for a policy that is not one.
    pub fn parse(policy: &str) -> Result<Self, Error> {
        let unsupported = || {
            let reason =
                "Amazon SQS can't create the redrive allow policy, as it\u{2019}s in an unsupported format.";
            malformed("RedriveAllowPolicy", reason)
        };
        let invalid = |reason: &str| {
            let reason = format!("Amazon SQS can't create the redrive allow policy. {reason}");
            invalid("RedriveAllowPolicy", policy, &reason)
        };
        let mut map = map(policy).ok_or_else(unsupported)?;
        let permission = map.remove("redrivePermission");
        let sources =
            map.remove("sourceQueueArns").map(|sources| queue_arns(sources).ok_or_else(unsupported));
        if !map.is_empty() {
            return Err(unsupported());
        }
        let sources = sources.transpose()?;
        match (permission.as_ref().and_then(Value::as_str), sources) {
            (Some("allowAll"), None) => Ok(Self::All),
            (Some("denyAll"), None) => Ok(Self::None),
            (Some("allowAll" | "denyAll"), Some(_)) => Err(invalid(
                "To specify one or more source queue ARNs, you must set redrivePermission to byQueue.",
            )),
            (Some("byQueue"), Some(sources)) if sources.len() > SOURCES_MAX => {
                Err(invalid("The maximum number of source queue ARNs you can specify is 10."))
            }
            (Some("byQueue"), Some(sources)) if !sources.is_empty() => Ok(Self::Queues(sources)),
            (Some("byQueue"), _) => Err(invalid(
                "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.",
            )),
            _ => Err(unsupported()),
        }
    }
}

/// The ARNs of queues in a list of nothing else.
fn queue_arns(list: Value) -> Option<Vec<String>> {
    let Value::Array(arns) = list else { return None };
    let is_queue = |arn: &&str| Arn::parse(arn).is_some_and(|arn| arn.service == "sqs");
    arns.iter().map(|arn| arn.as_str().filter(is_queue).map(str::to_owned)).collect()
}

fn map(policy: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(policy) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

/// The error for a value that cannot be read at all.
fn malformed(attribute: &str, reason: &str) -> Error {
    Error::InvalidAttributeValue(format!("Invalid value for the parameter {attribute}. Reason: {reason}"))
}

/// The error for a value that can be read and is not allowed.
fn invalid(attribute: &str, value: &str, reason: &str) -> Error {
    Error::InvalidParameterValue(format!(
        "Value {value} for parameter {attribute} is invalid. Reason: {reason}"
    ))
}
