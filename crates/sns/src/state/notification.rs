//! What an endpoint receives: the signed envelope, a function's event, or the message alone.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>, and for functions
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>.

use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::message::{Attribute, AttributeValue};

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A message was published.
    Notification,
    /// Somebody subscribed the endpoint.
    SubscriptionConfirmation,
    /// Somebody unsubscribed the endpoint.
    UnsubscribeConfirmation,
}

impl Kind {
    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// A signature and where the certificate is that it can be checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// 1 (SHA-1) or 2 (SHA-256).
    pub version: u8,
    /// In base64.
    pub value: Arc<str>,
    /// Where the certificate is served.
    pub cert_url: Arc<str>,
}

/// A message on its way to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Why it is sent.
    pub kind: Kind,
    /// The message's id, a UUID.
    pub message_id: Arc<str>,
    /// The topic's ARN.
    pub topic: Arc<str>,
    /// Subject.
    pub subject: Option<Arc<str>>,
    /// The text.
    pub message: Arc<str>,
    /// When it was published, `2026-01-31T12:34:56.789Z`.
    pub timestamp: Arc<str>,
    /// What confirms the subscription; absent in notifications.
    pub token: Option<String>,
    /// Where an endpoint ends its subscription, or confirms it.
    pub url: String,
    /// Absent where only the message itself is delivered.
    pub signature: Option<Signature>,
    /// The message's attributes.
    pub attributes: Arc<[Attribute]>,
    /// The message's group.
    pub group: Option<Arc<str>>,
    /// The publisher's `X-Amzn-Trace-Id`, which queues are sent (test_publish_sqs_from_sns_with_xray_propagation).
    #[serde(default)]
    pub trace_header: Option<Arc<str>>,
}

impl Notification {
    fn url_name(&self) -> &'static str {
        if self.kind == Kind::Notification { "UnsubscribeURL" } else { "SubscribeURL" }
    }

    /// What is signed: names and values on lines of their own, by name ("Verifying the signatures of Amazon SNS messages").
    #[must_use]
    pub fn string_to_sign(&self) -> String {
        let url = (self.kind != Kind::Notification).then_some(self.url.as_str());
        let fields = [
            ("Message", Some(&*self.message)),
            ("MessageId", Some(&*self.message_id)),
            ("Subject", self.subject.as_deref()),
            ("SubscribeURL", url),
            ("Timestamp", Some(&*self.timestamp)),
            ("Token", self.token.as_deref()),
            ("TopicArn", Some(&*self.topic)),
            ("Type", Some(self.kind.as_str())),
        ];
        let mut text = String::with_capacity(self.message.len() + 256);
        for (name, value) in fields {
            if let Some(value) = value {
                text.extend([name, "\n", value, "\n"]);
            }
        }
        text
    }

    /// The envelope, with AWS's order of keys and its white space.
    #[must_use]
    pub fn envelope(&self) -> String {
        let mut lines = vec![("Type", quoted(self.kind.as_str())), ("MessageId", quoted(&self.message_id))];
        lines.extend(self.token.as_deref().map(|token| ("Token", quoted(token))));
        lines.push(("TopicArn", quoted(&self.topic)));
        lines.extend(self.subject.as_deref().map(|subject| ("Subject", quoted(subject))));
        lines.push(("Message", quoted(&self.message)));
        if self.kind != Kind::Notification {
            lines.push((self.url_name(), quoted(&self.url)));
        }
        lines.push(("Timestamp", quoted(&self.timestamp)));
        if let Some(Signature { version, value, cert_url }) = &self.signature {
            lines.push(("SignatureVersion", format!("\"{version}\"")));
            lines.push(("Signature", quoted(value)));
            lines.push(("SigningCertURL", quoted(cert_url)));
        }
        if self.kind == Kind::Notification {
            lines.push((self.url_name(), quoted(&self.url)));
        }
        if !self.attributes.is_empty() {
            let attributes: Vec<String> = self
                .attributes
                .iter()
                .map(|one| format!("    {} : {}", quoted(&one.name), attribute_json(one)))
                .collect();
            lines.push(("MessageAttributes", format!("{{\n{}\n  }}", attributes.join(",\n"))));
        }
        let lines: Vec<String> =
            lines.iter().map(|(name, value)| format!("  \"{name}\" : {value}")).collect();
        format!("{{\n{}\n}}", lines.join(",\n"))
    }

    /// The event of a function that is subscribed under this ARN.
    #[must_use]
    pub fn function_event(&self, subscription: &str) -> String {
        let mut event = format!(
            "{{\"Records\":[{{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"EventSubscriptionArn\":{},\"Sns\":{{",
            quoted(subscription)
        );
        let subject = self.subject.as_deref().map_or_else(|| "null".to_owned(), quoted);
        let mut fields = vec![
            ("Type", quoted(self.kind.as_str())),
            ("MessageId", quoted(&self.message_id)),
            ("TopicArn", quoted(&self.topic)),
            ("Subject", subject),
            ("Message", quoted(&self.message)),
            ("Timestamp", quoted(&self.timestamp)),
        ];
        if let Some(Signature { value, cert_url, .. }) = &self.signature {
            // Functions are told 1 whichever it is (test_publish_lambda_verify_signature).
            fields.push(("SignatureVersion", "\"1\"".to_owned()));
            fields.push(("Signature", quoted(value)));
            fields.push(("SigningCertUrl", quoted(cert_url)));
        }
        fields.push(("UnsubscribeUrl", quoted(&self.url)));
        let attributes: Vec<String> = self
            .attributes
            .iter()
            .map(|one| format!("{}:{}", quoted(&one.name), attribute_json(one)))
            .collect();
        fields.push(("MessageAttributes", format!("{{{}}}", attributes.join(","))));
        for (at, (name, value)) in fields.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let written = write!(event, "{comma}\"{name}\":{value}");
            assert!(written.is_ok(), "writing to a string does not fail");
        }
        event.push_str("}}]}");
        event
    }
}

fn attribute_json(attribute: &Attribute) -> String {
    let value = match &attribute.value {
        AttributeValue::Text(text) => quoted(text),
        AttributeValue::Binary(bytes) => quoted(&STANDARD.encode(bytes)),
    };
    format!("{{\"Type\":{},\"Value\":{value}}}", quoted(&attribute.data_type))
}

/// A text as JSON spells it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification() -> Notification {
        Notification {
            kind: Kind::Notification,
            message_id: "id".into(),
            topic: "arn:aws:sns:us-east-1:000000000000:t".into(),
            subject: None,
            message: "line \"one\"\nö".into(),
            timestamp: "2026-01-31T12:34:56.789Z".into(),
            token: None,
            url: "http://e/?Action=Unsubscribe&SubscriptionArn=s".to_owned(),
            signature: Some(Signature {
                version: 1,
                value: "c2ln".into(),
                cert_url: "http://e/c.pem".into(),
            }),
            attributes: Arc::from([
                Attribute {
                    name: "a".to_owned(),
                    data_type: "Number".to_owned(),
                    value: AttributeValue::Text("1".to_owned()),
                },
                Attribute {
                    name: "b".to_owned(),
                    data_type: "Binary".to_owned(),
                    value: AttributeValue::Binary(vec![2, 3, 4].into()),
                },
            ]),
            group: None,
            trace_header: None,
        }
    }

    #[test]
    fn an_envelope_is_laid_out_as_aws_does() {
        let expected = r#"{
  "Type" : "Notification",
  "MessageId" : "id",
  "TopicArn" : "arn:aws:sns:us-east-1:000000000000:t",
  "Message" : "line \"one\"\nö",
  "Timestamp" : "2026-01-31T12:34:56.789Z",
  "SignatureVersion" : "1",
  "Signature" : "c2ln",
  "SigningCertURL" : "http://e/c.pem",
  "UnsubscribeURL" : "http://e/?Action=Unsubscribe&SubscriptionArn=s",
  "MessageAttributes" : {
    "a" : {"Type":"Number","Value":"1"},
    "b" : {"Type":"Binary","Value":"AgME"}
  }
}"#;
        assert_eq!(notification().envelope(), expected);
    }

    #[test]
    fn a_confirmation_tells_where_to_confirm() {
        let confirmation = Notification {
            kind: Kind::SubscriptionConfirmation,
            token: Some("t0".to_owned()),
            url: "http://e/confirm".to_owned(),
            attributes: Arc::from([]),
            message: "m".into(),
            ..notification()
        };
        let keys: Vec<String> = confirmation
            .envelope()
            .lines()
            .filter_map(|line| Some(line.trim().split_once("\" : ")?.0.trim_start_matches('"').to_owned()))
            .collect();
        assert_eq!(
            keys,
            [
                "Type",
                "MessageId",
                "Token",
                "TopicArn",
                "Message",
                "SubscribeURL",
                "Timestamp",
                "SignatureVersion",
                "Signature",
                "SigningCertURL"
            ]
        );
        assert_eq!(
            confirmation.string_to_sign(),
            "Message\nm\nMessageId\nid\nSubscribeURL\nhttp://e/confirm\nTimestamp\n2026-01-31T12:34:56.789Z\nToken\nt0\nTopicArn\narn:aws:sns:us-east-1:000000000000:t\nType\nSubscriptionConfirmation\n"
        );
    }

    #[test]
    fn what_is_signed_of_a_notification_has_its_subject_only_if_there_is_one() {
        let mut one = notification();
        assert!(!one.string_to_sign().contains("Subject\n"));
        one.subject = Some("s".into());
        assert!(one.string_to_sign().contains("\nSubject\ns\nTimestamp\n"));
        assert!(!one.string_to_sign().contains("URL"));
    }

    /// test_python_lambda_subscribe_sns_topic, test_sns_topic_as_lambda_dead_letter_queue
    #[test]
    fn a_functions_event_has_the_recorded_fields() {
        let event: serde_json::Value = serde_json::from_str(&notification().function_event("arn:s")).unwrap();
        let record = &event["Records"][0];
        assert_eq!(
            (&record["EventSource"], &record["EventSubscriptionArn"]),
            (&"aws:sns".into(), &"arn:s".into())
        );
        let sns = record["Sns"].as_object().unwrap();
        assert!(sns["Subject"].is_null());
        assert_eq!(sns["MessageAttributes"]["b"]["Value"], "AgME");
        let mut names: Vec<&String> = sns.keys().collect();
        names.sort();
        assert_eq!(
            names,
            [
                "Message",
                "MessageAttributes",
                "MessageId",
                "Signature",
                "SignatureVersion",
                "SigningCertUrl",
                "Subject",
                "Timestamp",
                "TopicArn",
                "Type",
                "UnsubscribeUrl"
            ]
        );
    }
}
