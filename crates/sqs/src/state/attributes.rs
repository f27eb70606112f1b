//! A queue's attributes: reading them from text as AWS does, and their defaults.

use std::collections::BTreeMap;

use pontoon_core::policy::Document;
use serde::{Deserialize, Serialize};

use super::redrive::{Redrive, RedriveAllow};
use crate::error::Error;

/// What messages of a FIFO queue are deduplicated within.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeduplicationScope {
    /// The whole queue; the default.
    #[default]
    Queue,
    /// Their message group.
    MessageGroup,
}

/// The attributes of FIFO queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FifoAttributes {
    /// Whether a message without a deduplication id gets its body's hash for one.
    pub content_based: bool,
    /// What messages are deduplicated within.
    pub scope: DeduplicationScope,
    /// Whether AWS's limit of throughput counts for each group: `perMessageGroupId`. Nothing limits throughput here.
    pub limit_per_group: bool,
}

/// The attributes that a client can set. Texts are kept as given where AWS gives them back so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attributes {
    /// 0 to 43,200; default 30.
    pub visibility_timeout_secs: u32,
    /// 60 to 1,209,600; default 345,600 (four days).
    pub retention_secs: u32,
    /// 0 to 900; default 0.
    pub delay_secs: u32,
    /// 1,024 to 1,048,576; default 1,048,576.
    pub message_bytes_max: u32,
    /// 0 to 20; default 0.
    pub receive_wait_secs: u32,
    /// The access policy, JSON.
    pub policy: Option<String>,
    /// The redrive policy.
    pub redrive: Option<Redrive>,
    /// The redrive policy's text.
    pub redrive_text: Option<String>,
    /// The redrive allow policy.
    pub redrive_allow: Option<RedriveAllow>,
    /// The redrive allow policy's text.
    pub redrive_allow_text: Option<String>,
    /// Key id of server-side encryption; metadata only.
    pub kms_key: Option<String>,
    /// 60 to 86,400; metadata only.
    pub kms_reuse_secs: Option<u32>,
    /// Whether SQS's own encryption is on; metadata only. Default true.
    pub managed_sse: bool,
    /// Those of FIFO queues; `None` for standard queues.
    #[serde(default)]
    pub fifo: Option<FifoAttributes>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility_timeout_secs: 30,
            retention_secs: 345_600,
            delay_secs: 0,
            message_bytes_max: 1_048_576,
            receive_wait_secs: 0,
            policy: None,
            redrive: None,
            redrive_text: None,
            redrive_allow: None,
            redrive_allow_text: None,
            kms_key: None,
            kms_reuse_secs: None,
            managed_sse: true,
            fifo: None,
        }
    }
}

impl Attributes {
    /// What a queue has before anything is set.
    #[must_use]
    pub fn of_type(fifo: bool) -> Self {
        Self { fifo: fifo.then(FifoAttributes::default), ..Self::default() }
    }

    /// Changes what `given` names.
    ///
    /// # Errors
    /// If a name is unknown or a value is out of its range; nothing has changed then.
    pub fn with(&self, given: &BTreeMap<String, String>) -> Result<Self, Error> {
        let on = |value: &String| value.eq_ignore_ascii_case("true");
        if given.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty())
            && given.get("SqsManagedSseEnabled").is_some_and(on)
        {
            // sqs/test_sqs: test_sse_kms_and_sqs_are_mutually_exclusive
            return Err(Error::InvalidAttributeName(
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.".to_owned(),
            ));
        }
        let mut changed = self.clone();
        for (name, value) in given {
            changed.set(name, value)?;
        }
        let limited = |fifo: &FifoAttributes| fifo.limit_per_group && fifo.scope == DeduplicationScope::Queue;
        if changed.fifo.as_ref().is_some_and(limited) {
            return Err(Error::InvalidAttributeValue(
                "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId is allowed only when DeduplicationScope is messageGroup.".to_owned(),
            ));
        }
        Ok(changed)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let invalid = || Error::InvalidAttributeValue(format!("Invalid value for the parameter {name}."));
        let number = |low: u32, high: u32| -> Result<u32, Error> {
            value.parse().ok().filter(|n| (low..=high).contains(n)).ok_or_else(invalid)
        };
        match name {
            "VisibilityTimeout" => self.visibility_timeout_secs = number(0, 43_200)?,
            "MessageRetentionPeriod" => self.retention_secs = number(60, 1_209_600)?,
            "DelaySeconds" => self.delay_secs = number(0, 900)?,
            "MaximumMessageSize" => self.message_bytes_max = number(1_024, 1_048_576)?,
            "ReceiveMessageWaitTimeSeconds" => self.receive_wait_secs = number(0, 20)?,
            "Policy" => self.set_policy(value)?,
            "RedrivePolicy" => self.set_redrive(value)?,
            "RedriveAllowPolicy" => self.set_redrive_allow(value)?,
            "KmsMasterKeyId" => {
                self.kms_key = (!value.is_empty()).then(|| value.to_owned());
                self.managed_sse &= self.kms_key.is_none();
            }
            "KmsDataKeyReusePeriodSeconds" if value.is_empty() => self.kms_reuse_secs = None,
            "KmsDataKeyReusePeriodSeconds" => self.kms_reuse_secs = Some(number(60, 86_400)?),
            "SqsManagedSseEnabled" => {
                self.managed_sse = match value.to_ascii_lowercase().as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(invalid()),
                };
                if self.managed_sse {
                    self.kms_key = None;
                    self.kms_reuse_secs = None;
                }
            }
            "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
                self.set_fifo(name, value)?;
            }
            _ => return Err(Error::InvalidAttributeName(format!("Unknown Attribute {name}."))),
        }
        Ok(())
    }

    fn set_fifo(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let invalid = |reason: &str| {
            Error::InvalidAttributeValue(format!("Invalid value for the parameter {name}.{reason}"))
        };
        let Some(fifo) = &mut self.fifo else {
            return Err(Error::InvalidAttributeName(match name {
                "FifoQueue" | "ContentBasedDeduplication" => format!("Unknown Attribute {name}."),
                // sqs/test_sqs: test_create_standard_queue_with_fifo_attribute_raises_error
                _ => format!("You can specify the {name} only when FifoQueue is set to true."),
            }));
        };
        let truth = match value.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        match (name, value) {
            ("FifoQueue", _) => match truth {
                Some(true) => {}
                // sqs/test_sqs: test_set_unsupported_attribute_fifo
                Some(false) => return Err(invalid(" Reason: Modifying queue type is not supported.")),
                None => return Err(invalid("")),
            },
            ("ContentBasedDeduplication", _) => fifo.content_based = truth.ok_or_else(|| invalid(""))?,
            ("DeduplicationScope", "queue") => fifo.scope = DeduplicationScope::Queue,
            ("DeduplicationScope", "messageGroup") => fifo.scope = DeduplicationScope::MessageGroup,
            ("FifoThroughputLimit", "perQueue") => fifo.limit_per_group = false,
            ("FifoThroughputLimit", "perMessageGroupId") => fifo.limit_per_group = true,
            _ => return Err(invalid("")),
        }
        Ok(())
    }

    fn set_policy(&mut self, value: &str) -> Result<(), Error> {
        if value.is_empty() {
            self.policy = None;
            return Ok(());
        }
        Document::parse(value).map_err(|_| {
            Error::InvalidAttributeValue("Invalid value for the parameter Policy.".to_owned())
        })?;
        self.policy = Some(value.to_owned());
        Ok(())
    }

    fn set_redrive(&mut self, value: &str) -> Result<(), Error> {
        self.redrive = if value.is_empty() { None } else { Some(Redrive::parse(value)?) };
        self.redrive_text = self.redrive.is_some().then(|| value.to_owned());
        Ok(())
    }

    fn set_redrive_allow(&mut self, value: &str) -> Result<(), Error> {
        self.redrive_allow = if value.is_empty() { None } else { Some(RedriveAllow::parse(value)?) };
        self.redrive_allow_text = self.redrive_allow.is_some().then(|| value.to_owned());
        Ok(())
    }

    /// The attributes as `GetQueueAttributes` gives them, in AWS's names.
    #[must_use]
    pub fn texts(&self) -> Vec<(&'static str, String)> {
        let mut texts = vec![
            ("VisibilityTimeout", self.visibility_timeout_secs.to_string()),
            ("MessageRetentionPeriod", self.retention_secs.to_string()),
            ("DelaySeconds", self.delay_secs.to_string()),
            ("MaximumMessageSize", self.message_bytes_max.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.receive_wait_secs.to_string()),
            ("SqsManagedSseEnabled", self.managed_sse.to_string()),
        ];
        if let Some(FifoAttributes { content_based, scope, limit_per_group }) = self.fifo {
            let per_group = scope == DeduplicationScope::MessageGroup;
            texts.extend([
                ("FifoQueue", true.to_string()),
                ("ContentBasedDeduplication", content_based.to_string()),
                ("DeduplicationScope", if per_group { "messageGroup" } else { "queue" }.to_owned()),
                (
                    "FifoThroughputLimit",
                    if limit_per_group { "perMessageGroupId" } else { "perQueue" }.to_owned(),
                ),
            ]);
        }
        texts.extend(self.policy.clone().map(|text| ("Policy", text)));
        texts.extend(self.redrive_text.clone().map(|text| ("RedrivePolicy", text)));
        texts.extend(self.redrive_allow_text.clone().map(|text| ("RedriveAllowPolicy", text)));
        if let Some(key) = &self.kms_key {
            texts.push(("KmsMasterKeyId", key.clone()));
            texts.push(("KmsDataKeyReusePeriodSeconds", self.kms_reuse_secs.unwrap_or(300).to_string()));
        }
        texts
    }

    /// The first attribute of `given` whose value differs from this queue's: what `CreateQueue` on an existing name complains of.
    ///
    /// # Errors
    /// As [`Attributes::with`].
    pub fn first_difference(&self, given: &BTreeMap<String, String>) -> Result<Option<String>, Error> {
        let other = Self::of_type(self.fifo.is_some()).with(given)?;
        let (mine, theirs) = (self.texts(), other.texts());
        let of = |texts: &[(&str, String)], name: &str| {
            texts.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone())
        };
        Ok(given.keys().find(|name| of(&mine, name) != of(&theirs, name)).cloned())
    }
}
