//! A topic's attributes: reading them from text, their defaults, and the policy that AWS gives every topic.

use std::collections::BTreeMap;

use pontoon_core::Scope;
use pontoon_core::policy::Document;
use serde::{Deserialize, Serialize};

use super::delivery_policy::{TopicPolicy, to_text};
use crate::Error;

/// How long a display name may be, characters.
const DISPLAY_NAME_CHARS_MAX: usize = 100;

/// The attributes that a client can set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Display name, for text messages and mails.
    pub display_name: String,
    /// The access policy, if it is not the default one.
    pub policy: Option<String>,
    /// How http and https subscriptions are delivered to.
    pub delivery: Option<TopicPolicy>,
    /// Key of server-side encryption; metadata only.
    pub kms_key: Option<String>,
    /// 1 or 2; 1 where nobody set it.
    pub signature_version: Option<u8>,
    /// `PassThrough` or `Active`; metadata only.
    pub tracing: Option<String>,
}

/// Attributes by which AWS logs deliveries; named to be refused.
const FEEDBACK_OF: [&str; 5] = ["Application", "Firehose", "HTTP", "Lambda", "SQS"];
/// Attributes that only FIFO topics have.
const FIFO_ONLY: [&str; 4] =
    ["FifoTopic", "ContentBasedDeduplication", "ArchivePolicy", "FifoThroughputScope"];

impl Attributes {
    /// Changes one attribute.
    ///
    /// # Errors
    /// If its name is unknown, its value is out of its range, or Pontoon does not support it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let invalid = |reason: &str| Error::invalid(format_args!("{name} Reason: {reason}"));
        match name {
            "DisplayName" => {
                if value.chars().count() > DISPLAY_NAME_CHARS_MAX || value.chars().any(char::is_control) {
                    return Err(Error::invalid("DisplayName"));
                }
                value.clone_into(&mut self.display_name);
            }
            "Policy" => {
                Document::parse(value)
                    .map_err(|reason| Error::invalid(format_args!("Policy Error: {reason}")))?;
                self.policy = Some(value.to_owned());
            }
            "DeliveryPolicy" if value.is_empty() => self.delivery = None,
            "DeliveryPolicy" => {
                let policy = TopicPolicy::parse(value);
                self.delivery =
                    Some(policy.map_err(|reason| Error::invalid(format_args!("DeliveryPolicy: {reason}")))?);
            }
            "KmsMasterKeyId" => self.kms_key = (!value.is_empty()).then(|| value.to_owned()),
            "SignatureVersion" => {
                let version = value.parse().ok().filter(|version| (1..=2).contains(version));
                self.signature_version = Some(version.ok_or_else(|| Error::invalid("SignatureVersion"))?);
            }
            "TracingConfig" if matches!(value, "PassThrough" | "Active") => {
                self.tracing = Some(value.to_owned())
            }
            "TracingConfig" => return Err(Error::invalid("TracingConfig")),
            "FifoTopic" if value == "false" => {}
            _ if FIFO_ONLY.contains(&name) => {
                return Err(Error::Unsupported(format!(
                    "FIFO topics, which alone have the attribute {name}"
                )));
            }
            _ if is_feedback(name) => {
                return Err(invalid("Pontoon does not support delivery status logging."));
            }
            _ => return Err(Error::invalid("AttributeName")),
        }
        Ok(())
    }

    /// All that is given, over the defaults.
    ///
    /// # Errors
    /// As [`Attributes::set`].
    pub fn of(given: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut attributes = Self::default();
        for (name, value) in given {
            attributes.set(name, value)?;
        }
        Ok(attributes)
    }

    /// Whether everything that `given` names has the same value here.
    #[must_use]
    pub fn agree_with(&self, given: &BTreeMap<String, String>, wanted: &Self) -> bool {
        given.keys().all(|name| match name.as_str() {
            "DisplayName" => self.display_name == wanted.display_name,
            "Policy" => self.policy == wanted.policy,
            "DeliveryPolicy" => self.delivery == wanted.delivery,
            "KmsMasterKeyId" => self.kms_key == wanted.kms_key,
            "SignatureVersion" => self.signature_version == wanted.signature_version,
            "TracingConfig" => self.tracing == wanted.tracing,
            _ => true,
        })
    }

    /// The attributes as `GetTopicAttributes` gives them, in AWS's names.
    #[must_use]
    pub fn texts(&self, scope: Scope, arn: &str) -> BTreeMap<String, String> {
        let effective = self.delivery.clone().unwrap_or_default().effective();
        let mut texts = BTreeMap::from([
            ("TopicArn".to_owned(), arn.to_owned()),
            ("Owner".to_owned(), scope.account.to_string()),
            ("DisplayName".to_owned(), self.display_name.clone()),
            ("Policy".to_owned(), self.policy.clone().unwrap_or_else(|| default_policy(scope, arn))),
            ("EffectiveDeliveryPolicy".to_owned(), to_text(&effective)),
        ]);
        let optional = [
            ("DeliveryPolicy", self.delivery.as_ref().map(to_text)),
            ("KmsMasterKeyId", self.kms_key.clone()),
            ("SignatureVersion", self.signature_version.map(|version| version.to_string())),
            ("TracingConfig", self.tracing.clone()),
        ];
        texts.extend(optional.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))));
        texts
    }
}

/// `SQSSuccessFeedbackRoleArn`, `…FailureFeedbackRoleArn`, `…SuccessFeedbackSampleRate`.
fn is_feedback(name: &str) -> bool {
    FEEDBACK_OF.iter().any(|protocol| {
        let rest = name.strip_prefix(protocol);
        matches!(
            rest,
            Some("SuccessFeedbackRoleArn" | "FailureFeedbackRoleArn" | "SuccessFeedbackSampleRate")
        )
    })
}

/// The policy of a topic that was given none: the owner's account may do everything (test_create_topic_test_arn).
#[must_use]
pub fn default_policy(scope: Scope, arn: &str) -> String {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    let actions: Vec<String> = actions.iter().map(|action| format!("\"SNS:{action}\"")).collect();
    format!(
        "{{\"Version\":\"2008-10-17\",\"Id\":\"__default_policy_ID\",\"Statement\":[{{\"Sid\":\"__default_statement_ID\",\
         \"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"*\"}},\"Action\":[{}],\"Resource\":\"{arn}\",\
         \"Condition\":{{\"StringEquals\":{{\"AWS:SourceOwner\":\"{}\"}}}}}}]}}",
        actions.join(","),
        scope.account
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_is_the_recorded_one() {
        let policy = default_policy(Scope::default(), "arn:t");
        assert!(Document::parse(&policy).is_ok());
        let value: serde_json::Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(value["Statement"][0]["Condition"]["StringEquals"]["AWS:SourceOwner"], "000000000000");
        assert_eq!(value["Statement"][0]["Action"].as_array().unwrap().len(), 8);
    }

    #[test]
    fn what_is_not_supported_or_not_known_is_refused_by_name() {
        let set = |name: &str, value: &str| Attributes::default().set(name, value);
        assert_eq!(set("fake", "x"), Err(Error::invalid("AttributeName")));
        assert_eq!(set("TracingConfig", "Sometimes"), Err(Error::invalid("TracingConfig")));
        assert_eq!(set("SignatureVersion", "3"), Err(Error::invalid("SignatureVersion")));
        assert!(matches!(set("FifoTopic", "true"), Err(Error::Unsupported(_))));
        assert!(matches!(set("ContentBasedDeduplication", "true"), Err(Error::Unsupported(_))));
        assert!(
            matches!(set("SQSSuccessFeedbackRoleArn", "arn"), Err(Error::InvalidParameter(m)) if m.contains("delivery status logging"))
        );
        assert!(matches!(set("Policy", "{"), Err(Error::InvalidParameter(_))));
        assert!(matches!(set("DisplayName", &"x".repeat(101)), Err(Error::InvalidParameter(_))));
    }

    #[test]
    fn only_what_was_set_is_told_beside_the_defaults() {
        let texts = Attributes::default().texts(Scope::default(), "arn:t");
        assert_eq!(
            texts.keys().collect::<Vec<_>>(),
            ["DisplayName", "EffectiveDeliveryPolicy", "Owner", "Policy", "TopicArn"]
        );
        let given = BTreeMap::from([
            ("SignatureVersion".to_owned(), "2".to_owned()),
            ("DisplayName".to_owned(), "n".to_owned()),
        ]);
        let attributes = Attributes::of(&given).unwrap();
        assert_eq!(attributes.texts(Scope::default(), "arn:t")["SignatureVersion"], "2");
        assert!(attributes.agree_with(&given, &Attributes::of(&given).unwrap()));
        assert!(!Attributes::default().agree_with(&given, &attributes));
    }
}
