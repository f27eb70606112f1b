//! Where outcomes of asynchronous invocations go: dead-letter queues and topics, and success and failure destinations.

use std::collections::BTreeMap;

use pontoon_api::{events, lambda, sns, sqs};
use pontoon_core::work::FunctionResult;
use pontoon_core::{Arn, Request, Scope, Step};
use serde_json::json;

use super::asynchronous::{AsyncEvent, Condition};
use super::{FunctionHop, Token};
use crate::Lambda;
use crate::state::name::{LATEST, function_arn, qualified_arn};

/// How an asynchronous invocation ended.
pub(crate) struct Outcome<'o> {
    pub(crate) event: &'o AsyncEvent,
    pub(crate) condition: Condition,
    /// How many times the function was invoked.
    pub(crate) attempts: u32,
    /// What the last attempt gave; none if there was none, or it was throttled.
    pub(crate) response: Option<Response<'o>>,
}

/// What the last attempt gave.
#[derive(Clone, Copy)]
pub(crate) struct Response<'o> {
    pub(crate) executed_version: &'o str,
    pub(crate) result: &'o FunctionResult,
}

impl Outcome<'_> {
    /// The record that goes to destinations (recordings `TestLambdaDestinationSqs`, `test_reserved_concurrency`). Request and response go in as they are.
    fn record(&self, step: &Step<'_>) -> String {
        let event = self.event;
        let arn =
            qualified_arn(step.scope, &event.function, Some(event.qualifier.as_deref().unwrap_or(LATEST)));
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut record = format!(
            r#"{{"version":"1.0","timestamp":"{}","requestContext":{{"requestId":{},"functionArn":{},"condition":"{}","approximateInvokeCount":{}}},"requestPayload":{}"#,
            step.now.iso_millis(),
            quoted(&event.request_id),
            quoted(&arn),
            self.condition.as_str(),
            self.attempts,
            event.payload
        );
        if let Some(Response { executed_version, result }) = self.response {
            let mut context = json!({ "statusCode": 200, "executedVersion": executed_version });
            if let Some(error) = result.function_error {
                context["functionError"] = error.into();
            }
            record.push_str(&format!(
                r#","responseContext":{context},"responsePayload":{}"#,
                json_text(&result.payload)
            ));
        }
        record.push('}');
        record
    }
}

/// A payload as JSON text: itself if it is JSON, else a string of it.
fn json_text(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => text.to_owned(),
        _ => serde_json::Value::from(String::from_utf8_lossy(payload)).to_string(),
    }
}

/// What can receive an outcome, by its ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue,
    Topic,
    Function,
    Bus,
}

/// Reads the ARN of a destination or dead-letter target; `None` if it is neither queue, topic, function nor bus.
pub(crate) fn kind_of(arn: &str) -> Option<(Kind, Scope)> {
    let parsed = Arn::parse(arn)?;
    let kind = match parsed.service {
        "sqs" => Kind::Queue,
        "sns" => Kind::Topic,
        "lambda" if parsed.resource.starts_with("function:") => Kind::Function,
        "events" if parsed.resource.starts_with("event-bus/") => Kind::Bus,
        _ => return None,
    };
    Some((kind, parsed.scope()?))
}

/// The URL of a queue, given its ARN's parts.
pub(crate) fn queue_url(endpoint: &str, scope: Scope, name: &str) -> String {
    format!("{endpoint}/{}/{name}", scope.account)
}

impl Lambda {
    /// Sends an outcome to its destination, if the function has one for it.
    pub(crate) fn send_outcome(&mut self, step: &mut Step<'_>, outcome: &Outcome<'_>) {
        let (on_success, on_failure) = self.destinations(step, outcome.event);
        let arn = if outcome.condition == Condition::Success { on_success } else { on_failure };
        let Some(arn) = arn else { return };
        let Some((kind, to)) = kind_of(&arn) else { return };
        let record = outcome.record(step);
        let name = Arn::parse(&arn).map(|arn| arn.resource.to_owned()).unwrap_or_default();
        let request: Box<dyn Request> = match kind {
            Kind::Queue => Box::new(sqs::Request::SendMessage(sqs::SendMessageInput {
                queue_url: queue_url(&step.settings().endpoint, to, &name),
                message_body: record,
                ..sqs::SendMessageInput::default()
            })),
            Kind::Topic => Box::new(sns::Request::Publish(sns::PublishInput {
                topic_arn: Some(arn.clone()),
                message: record,
                ..sns::PublishInput::default()
            })),
            Kind::Function => Box::new(lambda::Request::Invoke(lambda::InvokeInput {
                function_name: arn.clone(),
                invocation_type: Some("Event".to_owned()),
                payload: Some(record.into()),
                ..lambda::InvokeInput::default()
            })),
            Kind::Bus => Box::new(result_event(step.scope, &arn, outcome, record)),
        };
        let key = (step.scope, outcome.event.function.clone());
        self.send(step, outcome.event, to, request, (arn, Token::Destination(key)));
    }

    /// Sends the event to the function's dead-letter queue or topic; whether it has one.
    ///
    /// The attributes are those of <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html> (recording `test_dead_letter_queue`).
    pub(crate) fn send_dead_letter(
        &mut self,
        step: &mut Step<'_>,
        outcome: &Outcome<'_>,
        reason: &str,
    ) -> bool {
        let event = outcome.event;
        let key = (step.scope, event.function.clone());
        let version =
            self.functions.get(&key).and_then(|function| function.resolve(event.qualifier.as_deref(), 1.0));
        let Some(arn) = version.and_then(|resolved| resolved.version.settings.dead_letter_arn.clone()) else {
            return false;
        };
        let Some((kind, to)) = kind_of(&arn) else { return false };
        let code = if outcome.response.is_some() { "200" } else { "429" };
        let attributes = [
            ("RequestID", "String", event.request_id.as_str()),
            ("ErrorCode", "Number", code),
            ("ErrorMessage", "String", reason),
        ];
        // An attribute must not be empty.
        let attributes = attributes.into_iter().filter(|(_, _, value)| !value.is_empty());
        let request: Box<dyn Request> = match kind {
            Kind::Topic => Box::new(sns::Request::Publish(sns::PublishInput {
                topic_arn: Some(arn.clone()),
                message: event.payload.clone(),
                message_attributes: Some(attributes.map(sns_attribute).collect()),
                ..sns::PublishInput::default()
            })),
            _ => Box::new(sqs::Request::SendMessage(sqs::SendMessageInput {
                queue_url: queue_url(
                    &step.settings().endpoint,
                    to,
                    Arn::parse(&arn).map(|arn| arn.resource).unwrap_or_default(),
                ),
                message_body: event.payload.clone(),
                message_attributes: Some(attributes.map(sqs_attribute).collect::<BTreeMap<_, _>>()),
                ..sqs::SendMessageInput::default()
            })),
        };
        self.send(step, event, to, request, (arn, Token::DeadLetter(key)));
        true
    }

    fn send(
        &self,
        step: &mut Step<'_>,
        event: &AsyncEvent,
        to: Scope,
        request: Box<dyn Request>,
        (arn, token): (String, Token),
    ) {
        let key = (step.scope, event.function.clone());
        let call = FunctionHop {
            to,
            role: self.role_of(&key, event.qualifier.as_deref()),
            source_arn: function_arn(step.scope, &event.function),
            request,
            resource: arn.into(),
            traces: event.traces(),
            traced: true,
            token: Some(token),
        };
        self.hop(step, call);
    }
}

fn sqs_attribute((name, data_type, value): (&str, &str, &str)) -> (String, sqs::MessageAttributeValue) {
    let attribute = sqs::MessageAttributeValue {
        data_type: data_type.to_owned(),
        string_value: Some(value.to_owned()),
        ..sqs::MessageAttributeValue::default()
    };
    (name.to_owned(), attribute)
}

fn sns_attribute((name, data_type, value): (&str, &str, &str)) -> (String, sns::MessageAttributeValue) {
    let attribute = sns::MessageAttributeValue {
        data_type: data_type.to_owned(),
        string_value: Some(value.to_owned()),
        ..sns::MessageAttributeValue::default()
    };
    (name.to_owned(), attribute)
}

/// The event that a bus gets (recording `test_invoke_lambda_eventbridge`).
fn result_event(scope: Scope, bus: &str, outcome: &Outcome<'_>, record: String) -> events::Request {
    let word = if outcome.condition == Condition::Success { "Success" } else { "Failure" };
    let qualifier = outcome.event.qualifier.as_deref().unwrap_or(LATEST);
    let entry = events::PutEventsRequestEntry {
        source: Some("lambda".to_owned()),
        detail_type: Some(format!("Lambda Function Invocation Result - {word}")),
        resources: Some(vec![bus.to_owned(), qualified_arn(scope, &outcome.event.function, Some(qualifier))]),
        detail: Some(record),
        event_bus_name: Some(bus.to_owned()),
        ..events::PutEventsRequestEntry::default()
    };
    events::Request::PutEvents(events::PutEventsInput {
        entries: vec![entry],
        ..events::PutEventsInput::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_by_their_arn() {
        for (arn, kind) in [
            ("arn:aws:sqs:us-east-1:000000000000:q", Some(Kind::Queue)),
            ("arn:aws:sns:us-east-1:000000000000:t", Some(Kind::Topic)),
            ("arn:aws:lambda:us-east-1:000000000000:function:f", Some(Kind::Function)),
            ("arn:aws:events:us-east-1:000000000000:event-bus/b", Some(Kind::Bus)),
            ("arn:aws:iam:us-east-1:000000000000:role/r", None),
            ("arn:aws:s3:::b", None),
        ] {
            assert_eq!(kind_of(arn).map(|(kind, _)| kind), kind, "{arn}");
        }
    }

    #[test]
    fn payloads_that_are_no_json_become_strings() {
        assert_eq!(json_text(br#"{"b":1,"a":2}"#), r#"{"b":1,"a":2}"#);
        assert_eq!(json_text(b"plain \"text\""), r#""plain \"text\"""#);
        assert_eq!(json_text(b""), r#""""#);
    }
}
