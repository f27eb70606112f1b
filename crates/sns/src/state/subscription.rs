//! A subscription: who receives a topic's messages, which of them, and how.

use std::sync::Arc;

use pontoon_core::{Account, Arn};
use serde::{Deserialize, Serialize};

use super::delivery_policy::SubscriptionPolicy;
use super::filter::{Filter, FilterFault, FilterScope, json_fault};

/// How an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// A queue.
    Sqs,
    /// A function.
    Lambda,
    /// A web server.
    Http,
    /// A web server over TLS.
    Https,
}

/// Protocols that AWS has and Pontoon has not.
const UNSUPPORTED: [&str; 5] = ["email", "email-json", "sms", "application", "firehose"];

/// Why a protocol is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolFault {
    /// AWS has it and Pontoon has not.
    Unsupported,
    /// AWS does not have it.
    Unknown,
}

impl Protocol {
    /// Reads AWS's spelling.
    ///
    /// # Errors
    /// If it is none of the supported ones.
    pub fn parse(text: &str) -> Result<Self, ProtocolFault> {
        let all = [Self::Sqs, Self::Lambda, Self::Http, Self::Https];
        let known = all.into_iter().find(|protocol| protocol.as_str() == text);
        known.ok_or(if UNSUPPORTED.contains(&text) {
            ProtocolFault::Unsupported
        } else {
            ProtocolFault::Unknown
        })
    }

    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Lambda => "lambda",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Whether endpoints are called over HTTP.
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether the text is an endpoint of this protocol.
    ///
    /// # Errors
    /// The reason why not, in AWS's words.
    pub fn check_endpoint(self, endpoint: &str) -> Result<(), &'static str> {
        let arn_of = |service: &str| {
            Arn::parse(endpoint).is_some_and(|arn| arn.service == service && arn.scope().is_some())
        };
        match self {
            // test_subscribe_to_sqs_with_queue_url
            Self::Sqs if !arn_of("sqs") => Err("SQS endpoint ARN"),
            Self::Sqs if endpoint.ends_with(".fifo") => Err(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
            ),
            Self::Lambda if !arn_of("lambda") || !endpoint.contains(":function:") => {
                Err("Lambda endpoint ARN")
            }
            Self::Http | Self::Https => {
                let scheme = if self == Self::Http { "http" } else { "https" };
                let url = endpoint.parse::<http::Uri>().ok();
                let fits = url.is_some_and(|url| {
                    url.scheme_str() == Some(scheme) && url.host().is_some_and(|host| !host.is_empty())
                });
                if fits { Ok(()) } else { Err("Endpoint must match the specified protocol") }
            }
            Self::Sqs | Self::Lambda => Ok(()),
        }
    }
}

/// Whether a subscription receives messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The endpoint has not confirmed it yet.
    Pending,
    /// It receives.
    Confirmed,
    /// It has ended, and the endpoint may still take it up again with the token that it was sent.
    Ended,
}

/// What a client can set of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether the message alone is delivered, without an envelope.
    pub raw: bool,
    /// The filter policy's text.
    pub filter: Option<String>,
    /// What the filter policy looks at.
    pub filter_scope: FilterScope,
    /// The redrive policy's text.
    pub redrive: Option<String>,
    /// How an http or https endpoint is delivered to.
    pub delivery: Option<SubscriptionPolicy>,
}

/// Why an attribute is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such attribute.
    Unknown,
    /// AWS has it and Pontoon has not; its name.
    Unsupported(&'static str),
    /// In AWS's words, behind `Invalid parameter: `.
    Reason(String),
}

impl Settings {
    /// Changes one attribute of a subscription of this protocol.
    ///
    /// # Errors
    /// If its name is unknown, its value is out of its range, or Pontoon does not support it.
    pub fn set(&mut self, protocol: Protocol, name: &str, value: &str) -> Result<(), Fault> {
        let reason = |why: String| Fault::Reason(format!("{name}: {why}"));
        match name {
            // test_validate_set_sub_attributes
            "RawMessageDelivery" => {
                self.raw = match value.to_ascii_lowercase().as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(reason(format!("Invalid value [{value}]. Must be true or false."))),
                };
                if self.raw && protocol == Protocol::Lambda {
                    return Err(Fault::Reason(
                        "Delivery protocol [lambda] does not support raw message delivery.".to_owned(),
                    ));
                }
            }
            "FilterPolicy" => self.filter = (!value.is_empty()).then(|| value.to_owned()),
            "FilterPolicyScope" => {
                let unknown = || {
                    reason(format!(
                        "Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                    ))
                };
                self.filter_scope = FilterScope::parse(value).ok_or_else(unknown)?;
            }
            "RedrivePolicy" if value.is_empty() => self.redrive = None,
            "RedrivePolicy" => {
                dead_letter_queue(value).map_err(reason)?;
                self.redrive = Some(value.to_owned());
            }
            "DeliveryPolicy" if value.is_empty() => self.delivery = None,
            "DeliveryPolicy" if !protocol.is_http() => {
                return Err(reason("Delivery policies can only be set for HTTP/S endpoints".to_owned()));
            }
            "DeliveryPolicy" => self.delivery = Some(SubscriptionPolicy::parse(value).map_err(reason)?),
            "SubscriptionRoleArn" => {
                return Err(Fault::Unsupported(
                    "the attribute SubscriptionRoleArn, which Firehose subscriptions have",
                ));
            }
            "ReplayPolicy" => {
                return Err(Fault::Unsupported(
                    "the attribute ReplayPolicy, which FIFO topics' subscriptions have",
                ));
            }
            _ => return Err(Fault::Unknown),
        }
        Ok(())
    }

    /// The compiled filter policy; policy and scope together, because what one allows the other may not.
    ///
    /// # Errors
    /// Where AWS refuses it.
    pub fn compile(&self) -> Result<Option<Filter>, Fault> {
        let Some(text) = &self.filter else { return Ok(None) };
        Filter::parse(text, self.filter_scope).map_err(|fault| match fault {
            // test_sub_filter_policy_nested_property
            FilterFault::Nested => Fault::Reason(
                "Filter policy scope MessageAttributes does not support nested filter policy".to_owned(),
            ),
            FilterFault::Reason(why) => Fault::Reason(format!("FilterPolicy: {why}")),
        })
    }

    /// The queue for what cannot be delivered.
    #[must_use]
    pub fn dead_letter_queue(&self) -> Option<String> {
        dead_letter_queue(self.redrive.as_deref()?).ok()
    }

    /// The redrive policy's queue, and everything that was set, in AWS's names.
    #[must_use]
    pub fn texts(&self) -> Vec<(&'static str, String)> {
        let mut texts = vec![("RawMessageDelivery", self.raw.to_string())];
        if let Some(filter) = &self.filter {
            texts.push(("FilterPolicy", filter.clone()));
            texts.push(("FilterPolicyScope", self.filter_scope.as_str().to_owned()));
        }
        texts.extend(self.redrive.clone().map(|text| ("RedrivePolicy", text)));
        texts.extend(
            self.delivery.as_ref().map(|policy| ("DeliveryPolicy", super::delivery_policy::to_text(policy))),
        );
        texts
    }
}

/// The queue that a redrive policy names.
fn dead_letter_queue(policy: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Redrive {
        #[serde(default)]
        dead_letter_target_arn: String,
    }
    pontoon_pattern::check_json(policy).map_err(|error| json_fault(&error))?;
    let redrive: Redrive = serde_json::from_str(policy).map_err(|error| error.to_string())?;
    let arn = redrive.dead_letter_target_arn;
    let fits = Arn::parse(&arn).is_some_and(|arn| arn.service == "sqs" && arn.scope().is_some())
        && !arn.ends_with(".fifo");
    if fits { Ok(arn) } else { Err("deadLetterTargetArn is an invalid arn".to_owned()) }
}

/// What is stored of a subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    /// The topic's ARN.
    pub topic: Arc<str>,
    /// Which topic of that name: a later one is another.
    pub topic_number: u64,
    /// Position among the topic's subscriptions: later ones have greater numbers.
    pub number: u64,
    /// Protocol.
    pub protocol: Protocol,
    /// Endpoint.
    pub endpoint: Arc<str>,
    /// The account that subscribed.
    pub owner: String,
    /// ARN of who subscribed.
    pub principal: String,
    /// Whether it receives.
    pub status: Status,
    /// Whether whoever confirmed it was authenticated: true where no confirmation was needed.
    pub authenticated: bool,
    /// Whether only an authenticated caller may end it.
    pub guarded: bool,
    /// What confirms it, if anything does.
    pub token: Option<String>,
    /// When it goes of itself, milliseconds.
    pub expires_millis: Option<i64>,
    /// What the client set.
    pub settings: Settings,
}

impl SubscriptionRecord {
    /// The account that subscribed.
    #[must_use]
    pub fn owner(&self) -> Option<Account> {
        self.owner.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(protocol: Protocol, name: &str, value: &str) -> String {
        match Settings::default().set(protocol, name, value).unwrap_err() {
            Fault::Unknown => "unknown".to_owned(),
            Fault::Unsupported(what) => what.to_owned(),
            Fault::Reason(reason) => reason,
        }
    }

    /// test_validate_set_sub_attributes, test_set_subscription_filter_policy_scope
    #[test]
    fn attributes_are_refused_as_recorded() {
        let sqs = Protocol::Sqs;
        assert_eq!(refusal(sqs, "fake", "x"), "unknown");
        assert_eq!(
            refusal(sqs, "RawMessageDelivery", "test-ValUe"),
            "RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false."
        );
        assert_eq!(
            refusal(sqs, "RawMessageDelivery", ""),
            "RawMessageDelivery: Invalid value []. Must be true or false."
        );
        assert_eq!(
            refusal(sqs, "FilterPolicyScope", "RandomValue"),
            "FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes"
        );
        for fake in [r#"{"deadLetterTargetArn":"fake-arn"}"#, "{}"] {
            assert_eq!(
                refusal(sqs, "RedrivePolicy", fake),
                "RedrivePolicy: deadLetterTargetArn is an invalid arn"
            );
        }
        assert_eq!(
            refusal(sqs, "RedrivePolicy", "{invalidjson}"),
            "RedrivePolicy: failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]"
        );
        assert!(
            refusal(Protocol::Http, "DeliveryPolicy", "{invalidjson}")
                .starts_with("DeliveryPolicy: failed to parse JSON. Unexpected character ('i' (code 105))")
        );
        assert!(refusal(Protocol::Lambda, "RawMessageDelivery", "true").contains("[lambda]"));
        assert!(refusal(sqs, "DeliveryPolicy", "{}").contains("HTTP/S"));
        assert!(refusal(sqs, "ReplayPolicy", "{}").contains("ReplayPolicy"));
    }

    #[test]
    fn endpoints_must_fit_their_protocol() {
        for (protocol, endpoint, fits) in [
            (Protocol::Sqs, "arn:aws:sqs:us-east-1:000000000000:q", true),
            (Protocol::Sqs, "http://127.0.0.1:4566/000000000000/q", false),
            (Protocol::Sqs, "arn:aws:sqs:us-east-1:000000000000:q.fifo", false),
            (Protocol::Lambda, "arn:aws:lambda:us-east-1:000000000000:function:f:alias", true),
            (Protocol::Lambda, "arn:aws:sqs:us-east-1:000000000000:q", false),
            (Protocol::Http, "http://127.0.0.1:8080/path?x=y", true),
            (Protocol::Http, "https://127.0.0.1/", false),
            (Protocol::Http, "http://", false),
            (Protocol::Http, "http://a b", false),
            (Protocol::Https, "https://user:secret@example.com", true),
        ] {
            assert_eq!(protocol.check_endpoint(endpoint).is_ok(), fits, "{endpoint}");
        }
    }

    #[test]
    fn protocols_are_known_unsupported_or_unknown() {
        assert_eq!(Protocol::parse("https"), Ok(Protocol::Https));
        assert_eq!(Protocol::parse("email"), Err(ProtocolFault::Unsupported));
        assert_eq!(Protocol::parse("test-protocol"), Err(ProtocolFault::Unknown));
    }
}
