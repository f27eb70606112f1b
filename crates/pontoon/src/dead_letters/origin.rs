//! Where a dead letter comes from, as told by what it carries.

use std::fmt;

use serde::Deserialize;

/// What EventBridge and its scheduler attach to a dead letter (user guide, "Using dead-letter queues"; scheduler user guide, "Configuring a dead-letter
/// queue"). They attach nothing to a message that a target gets.
pub(super) const ATTACHED_BY_EVENTBRIDGE: [&str; 10] = [
    "RULE_ARN",
    "TARGET_ARN",
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "EXHAUSTED_RETRY_CONDITION",
    "RETRY_ATTEMPTS",
    "EXECUTION_ID",
    "SCHEDULE_ARN",
    "SCHEDULED_TIME",
    "IS_PAYLOAD_TRUNCATED",
];

/// Where a dead letter comes from. AWS's services tell more or less of it: SQS and EventBridge say it all, SNS names the topic but not the
/// subscription, Lambda's dead-letter queues do not name the function.
///
/// ```
/// use pontoon::dead_letters::DeadLetterOrigin;
/// let rule = DeadLetterOrigin::Target {
///     by: "arn:aws:events:eu-central-1:123456789012:rule/orders/paid".into(),
///     target: "arn:aws:sqs:eu-central-1:123456789012:shipping".into(),
/// };
/// assert_eq!(rule.queue(), Some("arn:aws:sqs:eu-central-1:123456789012:shipping"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadLetterOrigin {
    /// The queue with this ARN, in which it was received too often or failed for good.
    Queue(String),
    /// A rule or schedule, which did not get it to its target.
    Target {
        /// ARN of the rule or schedule.
        by: String,
        /// ARN of the target.
        target: String,
    },
    /// A subscription of the topic with this ARN; SNS does not say which.
    Topic(String),
    /// A Lambda function that failed; only destinations tell which.
    Function(Option<String>),
    /// Nothing tells.
    Unknown,
}

impl DeadLetterOrigin {
    /// From the queue that SQS or a handler's host names, the message's attributes and its body.
    pub(super) fn new<'a>(
        queue: Option<String>,
        attribute: impl Fn(&str) -> Option<&'a str>,
        body: &str,
    ) -> Self {
        if let Some(queue) = queue {
            return Self::Queue(queue);
        }
        if let Some(target) = attribute("TARGET_ARN") {
            let by = attribute("RULE_ARN").or_else(|| attribute("SCHEDULE_ARN")).unwrap_or_default();
            return Self::Target { by: by.to_owned(), target: target.to_owned() };
        }
        if attribute("RequestID").is_some() && attribute("ErrorCode").is_some() {
            return Self::Function(None);
        }
        let marks: Marks = serde_json::from_str(body).unwrap_or_default();
        match marks {
            Marks { r#type: Some(kind), topic: Some(topic), .. } if kind == "Notification" => {
                Self::Topic(topic)
            }
            Marks { request_context: Some(context), .. } => Self::Function(Some(context.function)),
            _ => Self::Unknown,
        }
    }

    /// ARN of the queue that it is to be sent back to, if it came from or did not get to one.
    ///
    /// ```
    /// assert_eq!(pontoon::dead_letters::DeadLetterOrigin::Unknown.queue(), None);
    /// ```
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        match self {
            Self::Queue(arn) => Some(arn),
            Self::Target { target, .. } => Some(target).filter(|arn| is_queue(arn)).map(String::as_str),
            Self::Topic(_) | Self::Function(_) | Self::Unknown => None,
        }
    }
}

fn is_queue(arn: &str) -> bool {
    arn.split(':').nth(2) == Some("sqs")
}

/// In words, for people who have to say where it is to go.
impl fmt::Display for DeadLetterOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(arn) => f.write_str(arn),
            Self::Target { by, target } if is_queue(target) => write!(f, "{target}, the target of {by}"),
            Self::Target { by, target } => write!(f, "{target}, the target of {by}, which is no queue"),
            Self::Topic(arn) => write!(f, "a subscription of {arn}; SNS does not tell which"),
            Self::Function(Some(arn)) => write!(f, "the function {arn}, which is no queue"),
            Self::Function(None) => f.write_str("a Lambda function; Lambda does not tell which"),
            Self::Unknown => f.write_str("unknown; nothing in the message tells"),
        }
    }
}

/// What bodies say that services wrote.
#[derive(Default, Deserialize)]
struct Marks {
    #[serde(rename = "Type")]
    r#type: Option<String>,
    #[serde(rename = "TopicArn")]
    topic: Option<String>,
    /// Of the record that Lambda sends to a destination.
    #[serde(rename = "requestContext")]
    request_context: Option<RequestContext>,
}

#[derive(Deserialize)]
struct RequestContext {
    #[serde(rename = "functionArn")]
    function: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_letter_carries_tells_where_it_comes_from() {
        let notification = r#"{"Type":"Notification","TopicArn":"arn:aws:sns:r:1:t","Message":"m"}"#;
        let record = r#"{"version":"1.0","requestContext":{"functionArn":"arn:aws:lambda:r:1:function:f","condition":"RetriesExhausted"},"requestPayload":{}}"#;
        let target = |arn: &'static str| vec![("RULE_ARN", "rule"), ("TARGET_ARN", arn)];
        for (queue, attributes, body, words, to) in [
            (
                Some("arn:aws:sqs:r:1:q"),
                target("arn:aws:sqs:r:1:other"),
                "",
                "arn:aws:sqs:r:1:q",
                Some("arn:aws:sqs:r:1:q"),
            ),
            (
                None,
                target("arn:aws:sqs:r:1:q"),
                "{}",
                "arn:aws:sqs:r:1:q, the target of rule",
                Some("arn:aws:sqs:r:1:q"),
            ),
            (
                None,
                target("arn:aws:sns:r:1:t"),
                notification,
                "arn:aws:sns:r:1:t, the target of rule, which is no queue",
                None,
            ),
            (
                None,
                vec![("SCHEDULE_ARN", "schedule"), ("TARGET_ARN", "arn:aws:sqs:r:1:q")],
                "",
                "arn:aws:sqs:r:1:q, the target of schedule",
                Some("arn:aws:sqs:r:1:q"),
            ),
            (
                None,
                vec![],
                notification,
                "a subscription of arn:aws:sns:r:1:t; SNS does not tell which",
                None,
            ),
            (
                None,
                vec![("RequestID", "1"), ("ErrorCode", "200")],
                "{}",
                "a Lambda function; Lambda does not tell which",
                None,
            ),
            (None, vec![], record, "the function arn:aws:lambda:r:1:function:f, which is no queue", None),
            (None, vec![], "[1]", "unknown; nothing in the message tells", None),
            (None, vec![], r#"{"Type":1}"#, "unknown; nothing in the message tells", None),
        ] {
            let attribute =
                |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            let origin = DeadLetterOrigin::new(queue.map(str::to_owned), attribute, body);
            assert_eq!((origin.to_string().as_str(), origin.queue()), (words, to), "{body}");
        }
    }
}
