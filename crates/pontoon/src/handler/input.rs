//! What Lambda hands a function, taken apart into events.

mod dynamodb;

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch::{Item, Lanes};
use super::{Context, Delivery, HandleError, Origin};
use crate::envelope::{Envelope, EventId, RawPayload};
use crate::event::EventType;
use crate::forms::FormError;

/// Why what a function was invoked with is no events.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pontoon::function::Function;
/// use pontoon::handler::Router;
///
/// let error = Function::new(Router::new()).invoke(r#"{"Records":[{"eventSource":"aws:s3"}]}"#, None).await.unwrap_err();
/// assert_eq!(error.to_string(), "records of \"aws:s3\" are not supported: SQS, SNS and DynamoDB streams are");
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It is not JSON, or a record lacks something.
    #[error("the invocation's event: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Records of another service.
    #[error("records of {0:?} are not supported: SQS, SNS and DynamoDB streams are")]
    UnsupportedSource(String),
    /// A single event that is none.
    #[error("the invocation's event: {0}")]
    NoEvent(#[from] FormError),
}

/// What a function was invoked with.
pub(crate) struct Input {
    /// How the answer names records that failed; `None` for what comes alone and has no partial answers.
    pub(crate) records: Option<Vec<RecordId>>,
    pub(crate) items: Vec<Item>,
    pub(crate) source: Source,
}

/// A record as its source knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordId {
    /// What a partial answer names: the message's id, or the stream record's sequence number.
    pub(crate) identifier: String,
    /// SQS only.
    pub(crate) receipt: String,
    /// As it came; dead letters are made of it.
    pub(crate) body: String,
    pub(crate) attempt: u32,
    pub(crate) group: Option<String>,
    pub(crate) attributes: HashMap<String, MessageAttribute>,
}

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Queue { arn: String, fifo: bool },
    Stream,
    Alone,
}

impl Input {
    /// Takes an invocation's event apart. `assumed` is the type of queue messages that do not say theirs.
    pub(crate) fn parse(
        event: &str,
        assumed: Option<&EventType>,
        deadline: Option<Instant>,
    ) -> Result<Self, InputError> {
        let shape: Shape<'_> = serde_json::from_str(event)?;
        let Some(records) = shape.records else { return Ok(Self::alone(event, deadline)?) };
        let first =
            records.first().map(|record| serde_json::from_str::<Sourced<'_>>(record.get())).transpose()?;
        let source = first.map(|first| first.source.into_owned()).unwrap_or_default();
        match source.as_str() {
            "aws:sqs" | "" => Self::of_queue(&records, assumed, deadline),
            "aws:sns" => Self::of_topic(&records, deadline),
            "aws:dynamodb" => Self::of_stream(&records, deadline),
            _ => Err(InputError::UnsupportedSource(source)),
        }
    }

    fn of_queue(
        records: &[&RawValue],
        assumed: Option<&EventType>,
        deadline: Option<Instant>,
    ) -> Result<Self, InputError> {
        let (mut ids, mut items, mut queue) = (Vec::new(), Vec::new(), String::new());
        for record in records {
            let message: QueueMessage = serde_json::from_str(record.get())?;
            queue.clone_from(&message.event_source_arn);
            let sent = Sent {
                message_id: message.message_id,
                body: message.body,
                system: message.attributes,
                attributes: texts(&message.message_attributes),
                queue_arn: message.event_source_arn,
            };
            let group = sent.system.get("MessageGroupId").cloned();
            ids.push(RecordId {
                identifier: sent.message_id.clone(),
                receipt: message.receipt_handle,
                body: sent.body.clone(),
                attempt: sent.attempt(),
                group: group.clone(),
                attributes: message.message_attributes,
            });
            items.push(Item { group, delivery: sent.delivery(assumed, deadline) });
        }
        let fifo = queue.ends_with(".fifo");
        Ok(Self { records: Some(ids), items, source: Source::Queue { arn: queue, fifo } })
    }

    fn of_topic(records: &[&RawValue], deadline: Option<Instant>) -> Result<Self, InputError> {
        let mut items = Vec::new();
        for record in records {
            let TopicRecord { sns } = serde_json::from_str(record.get())?;
            let delivery = Envelope::from_message(&sns.message).map_err(HandleError::permanent);
            let context = Context {
                origin: Origin::Topic { arn: sns.topic_arn },
                sent_at: sns.timestamp.parse().ok(),
                attributes: sns
                    .message_attributes
                    .into_iter()
                    .map(|(name, attribute)| (name, attribute.value))
                    .collect(),
                deadline,
                ..Context::new(sns.message_id)
            };
            items.push(Item {
                group: None,
                delivery: delivery.map(|envelope| Delivery { envelope, context }),
            });
        }
        Ok(Self { records: None, items, source: Source::Alone })
    }

    fn of_stream(records: &[&RawValue], deadline: Option<Instant>) -> Result<Self, InputError> {
        let (mut ids, mut items) = (Vec::new(), Vec::new());
        for record in records {
            let change: dynamodb::Change = serde_json::from_str(record.get())?;
            let identifier = change.sequence_number().to_owned();
            ids.push(RecordId {
                identifier,
                body: record.get().to_owned(),
                attempt: 1,
                ..RecordId::default()
            });
            items.push(Item { group: None, delivery: Ok(change.delivery(deadline)) });
        }
        Ok(Self { records: Some(ids), items, source: Source::Stream })
    }

    fn alone(event: &str, deadline: Option<Instant>) -> Result<Self, FormError> {
        let by_rule =
            serde_json::from_str::<RuleEvent<'_>>(event).is_ok_and(|event| event.detail_type.is_some());
        let envelope =
            if by_rule { Envelope::from_event_bridge(event)? } else { Envelope::from_message(event)? };
        let origin = if by_rule { Origin::Rule } else { Origin::Direct };
        let context =
            Context { origin, sent_at: Some(envelope.time), deadline, ..Context::new(envelope.id.as_str()) };
        let items = vec![Item { group: None, delivery: Ok(Delivery { envelope, context }) }];
        Ok(Self { records: None, items, source: Source::Alone })
    }

    /// Which of them wait for which, where FIFO queues have `fifo`.
    pub(crate) fn lanes(&self, fifo: Lanes) -> Lanes {
        match &self.source {
            Source::Queue { fifo: true, .. } => fifo,
            Source::Queue { .. } | Source::Alone => Lanes::Each,
            // A shard is retried from its first failure on, so that nothing behind that is to be handled.
            Source::Stream => Lanes::One,
        }
    }
}

/// A message as a queue hands it out, to a function or a worker.
pub(crate) struct Sent {
    pub(crate) message_id: String,
    pub(crate) body: String,
    /// `ApproximateReceiveCount` and the like.
    pub(crate) system: HashMap<String, String>,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) queue_arn: String,
}

impl Sent {
    pub(crate) fn attempt(&self) -> u32 {
        self.system.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    fn sent_at(&self) -> Option<Timestamp> {
        let millis = self.system.get("SentTimestamp")?.parse().ok()?;
        Timestamp::from_millisecond(millis).ok()
    }

    pub(crate) fn delivery(
        self,
        assumed: Option<&EventType>,
        deadline: Option<Instant>,
    ) -> Result<Delivery, HandleError> {
        let sent_at = self.sent_at();
        let attempt = self.attempt();
        let mut envelope = match (Envelope::from_message(&self.body), assumed) {
            (Err(FormError::Unrecognized), Some(kind)) => bare(&self, kind, sent_at)?,
            (read, _) => read.map_err(HandleError::permanent)?,
        };
        if envelope.trace.is_none() {
            envelope.trace = self.system.get("AWSTraceHeader").cloned();
        }
        let context = Context {
            message_id: self.message_id,
            attempt,
            origin: Origin::Queue { arn: self.queue_arn },
            group: self.system.get("MessageGroupId").cloned(),
            sent_at,
            attributes: self.attributes,
            deadline,
        };
        Ok(Delivery { envelope, context })
    }
}

/// The event that a body is taken for which does not say which it is.
fn bare(sent: &Sent, kind: &EventType, at: Option<Timestamp>) -> Result<Envelope<RawPayload>, HandleError> {
    let payload: RawPayload = serde_json::from_str(&sent.body).map_err(HandleError::permanent)?;
    let (id, at) = (EventId::from(sent.message_id.as_str()), at.unwrap_or_else(Timestamp::now));
    Ok(Envelope::bare(id, kind.name, kind.source, at, payload))
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(rename = "Records", borrow)]
    records: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Sourced<'a> {
    #[serde(rename = "eventSource", alias = "EventSource", borrow)]
    source: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RuleEvent<'a> {
    #[serde(rename = "detail-type", borrow)]
    detail_type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueMessage {
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
    #[serde(default)]
    message_attributes: HashMap<String, MessageAttribute>,
    #[serde(rename = "eventSourceARN", default)]
    event_source_arn: String,
}

/// A message's attribute, as Lambda spells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageAttribute {
    pub(crate) data_type: String,
    pub(crate) string_value: Option<String>,
    /// Base64.
    pub(crate) binary_value: Option<String>,
}

fn texts(attributes: &HashMap<String, MessageAttribute>) -> HashMap<String, String> {
    let text =
        |(name, value): (&String, &MessageAttribute)| Some((name.clone(), value.string_value.clone()?));
    attributes.iter().filter_map(text).collect()
}

#[derive(Deserialize)]
struct TopicRecord {
    #[serde(rename = "Sns")]
    sns: TopicMessage,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TopicMessage {
    message_id: String,
    message: String,
    #[serde(default)]
    topic_arn: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    message_attributes: HashMap<String, TopicAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TopicAttribute {
    value: String,
}
