//! Publishing messages, one or a batch.

use std::sync::Arc;

use pontoon_api::sns::*;
use pontoon_core::ids::format_uuid;
use pontoon_core::{Scope, Step, TraceId, TraceIds, TraceNote, TraceOutcome, TraceRecord, trace};

use super::Answer;
use super::message::{Draft, compose};
use super::subscribe::signature;
use crate::deliver::Delivery;
use crate::metrics::Counted;
use crate::state::filter::Rejection;
use crate::state::message::{MESSAGE_BYTES_MAX, Message};
use crate::state::notification::{Kind, Notification, Signature};
use crate::state::phone::is_number;
use crate::state::subscription::Status;
use crate::{Error, Sns, Subscription};

/// How many entries a batch may have.
const ENTRIES_MAX: usize = 10;
/// How long a batch entry's id may be.
const ENTRY_ID_MAX: usize = 80;

pub fn publish(sns: &mut Sns, step: &mut Step<'_>, input: PublishInput) -> Answer<PublishOutput> {
    let PublishInput { topic_arn, target_arn, phone_number, .. } = &input;
    if let Some(number) = phone_number {
        // test_publish_wrong_phone_format
        return Err(if is_number(number) {
            Error::Unsupported("text messages, which PhoneNumber asks for".to_owned())
        } else {
            Error::invalid(format_args!("PhoneNumber Reason: {number} is not valid to publish to"))
        });
    }
    let (parameter, arn) = match (topic_arn, target_arn) {
        (Some(arn), _) => ("TopicArn", arn.clone()),
        (None, Some(arn)) if arn.contains(":endpoint/") => {
            // test_publish_non_existent_target: there are none, since no platform applications are supported.
            return Err(Error::invalid("TargetArn Reason: No endpoint found for the target arn specified"));
        }
        (None, Some(arn)) => ("TargetArn", arn.clone()),
        (None, None) => {
            return Err(Error::invalid("TopicArn or TargetArn Reason: no value for required parameter"));
        }
    };
    let draft = Draft {
        message: input.message,
        subject: input.subject,
        structure: input.message_structure,
        attributes: input.message_attributes.unwrap_or_default(),
        deduplication_id: input.message_deduplication_id,
        group_id: input.message_group_id,
    };
    let message = compose(draft)?;
    let topic = sns.open(step, (parameter, &arn), "sns:Publish")?;
    let topic = (topic.scope, topic.name.to_string());
    let message_id = fan_out(sns, step, (topic.0, &topic.1), &message);
    Ok(PublishOutput { message_id: Some(message_id), sequence_number: None }.into())
}

pub fn publish_batch(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: PublishBatchInput,
) -> Answer<PublishBatchOutput> {
    let PublishBatchInput { topic_arn, publish_batch_request_entries: entries } = input;
    let topic = sns.open(step, ("TopicArn", &topic_arn), "sns:Publish")?;
    let topic = (topic.scope, topic.name.to_string());
    check_ids(&entries)?;
    // test_publish_batch_exceptions, test_empty_or_wrong_message_attributes: what is wrong with one entry refuses the batch.
    let mut messages = Vec::with_capacity(entries.len());
    let mut bytes = 0_usize;
    for entry in entries {
        bytes += entry.message.len()
            + entry.message_attributes.iter().flatten().map(attribute_bytes).sum::<usize>();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(Error::BatchRequestTooLong);
        }
        let draft = Draft {
            message: entry.message,
            subject: entry.subject,
            structure: entry.message_structure,
            attributes: entry.message_attributes.unwrap_or_default(),
            deduplication_id: entry.message_deduplication_id,
            group_id: entry.message_group_id,
        };
        messages.push((entry.id, compose(draft)?));
    }
    let mut successful = Vec::with_capacity(messages.len());
    for (id, message) in messages {
        let message_id = fan_out(sns, step, (topic.0, &topic.1), &message);
        successful.push(PublishBatchResultEntry {
            id: Some(id),
            message_id: Some(message_id),
            sequence_number: None,
        });
    }
    Ok(PublishBatchOutput { successful: Some(successful), failed: Some(Vec::new()) }.into())
}

fn attribute_bytes((name, value): (&String, &MessageAttributeValue)) -> usize {
    let text = value.string_value.as_ref().map_or(0, String::len);
    name.len() + value.data_type.len() + text + value.binary_value.as_ref().map_or(0, bytes::Bytes::len)
}

/// test_publish_batch_exceptions, test_publish_batch_invalid_entry_id
fn check_ids(entries: &[PublishBatchRequestEntry]) -> Result<(), Error> {
    match entries.len() {
        0 => return Err(Error::EmptyBatchRequest),
        count if count > ENTRIES_MAX => return Err(Error::TooManyEntriesInBatchRequest),
        _ => {}
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for (at, PublishBatchRequestEntry { id, .. }) in entries.iter().enumerate() {
        let invalid = |why: &str| {
            Err(Error::InvalidBatchEntryId(format!(
                "The Id of a batch entry in the batch request {why}: {id}"
            )))
        };
        if id.chars().count() > ENTRY_ID_MAX {
            return invalid("is too long");
        }
        if id.is_empty() || !id.chars().all(valid) {
            return invalid("contains an impermissible character");
        }
        if entries[..at].iter().any(|earlier| earlier.id == *id) {
            return Err(Error::BatchEntryIdsNotDistinct);
        }
    }
    Ok(())
}

/// Sends a message to every confirmed subscription whose filter policy it passes. Returns its id.
fn fan_out(sns: &mut Sns, step: &mut Step<'_>, topic: (Scope, &str), message: &Message) -> String {
    let id = step.ids.uuid_bytes();
    let message_id = format_uuid(id);
    let traces = step.caller.traces.clone().or_else(|| {
        let record = TraceRecord::delivered(step.now, "Publish", "", topic.0.arn("sns", topic.1));
        let traces = trace::one(TraceId(id));
        step.note(TraceNote { traces: traces.clone(), record });
        traces
    });
    sns.count(step, topic, Counted::Published);
    sns.published_size(step, topic, message.bytes);
    let Sorted { accepted, rejected } = sort(sns, topic, message);
    for (endpoint, why) in rejected {
        let record =
            TraceRecord::delivered(step.now, "filtered out", topic.0.arn("sns", topic.1), &*endpoint);
        let record = record.with_outcome(TraceOutcome::Skipped, why.reason());
        step.note(TraceNote { traces: traces.clone(), record });
        sns.filtered_out(step, topic, &why);
    }
    let published =
        Published { message_id: message_id.as_str().into(), timestamp: step.now.iso_millis().into(), traces };
    for delivery in sns.deliveries(step, topic, message, &published, &accepted) {
        sns.send(step, delivery);
    }
    message_id
}

/// What all the notifications of a message share beside the message.
struct Published {
    message_id: Arc<str>,
    timestamp: Arc<str>,
    traces: TraceIds,
}

/// The subscriptions of a topic, by whether a message is for them.
struct Sorted {
    /// Resources of those that receive it.
    accepted: Vec<String>,
    /// Endpoints of those that do not, and why.
    rejected: Vec<(Arc<str>, Rejection)>,
}

fn sort(sns: &Sns, (scope, name): (Scope, &str), message: &Message) -> Sorted {
    let mut sorted = Sorted { accepted: Vec::new(), rejected: Vec::new() };
    let resources = sns.topic(scope, name).into_iter().flat_map(|topic| topic.subscriptions.values());
    for resource in resources {
        let Some(Subscription { record, filter, .. }) = sns.subscription(scope, resource) else { continue };
        if record.status != Status::Confirmed {
            continue;
        }
        let body = message.body.of(record.protocol.as_str());
        match filter.as_ref().map_or(Ok(()), |filter| filter.judge(&message.attributes, body)) {
            Ok(()) => sorted.accepted.push(resource.clone()),
            Err(why) => sorted.rejected.push((Arc::clone(&record.endpoint), why)),
        }
    }
    sorted
}

impl Sns {
    /// A delivery for each of the subscriptions. Texts that several of them get are signed once.
    fn deliveries(
        &mut self,
        step: &mut Step<'_>,
        (scope, name): (Scope, &str),
        message: &Message,
        published: &Published,
        accepted: &[String],
    ) -> Vec<Delivery> {
        let Some(topic) = self.topic(scope, name) else { return Vec::new() };
        let (arn, version) = (Arc::clone(&topic.arn), topic.record.attributes.signature_version.unwrap_or(1));
        let is_raw = |sns: &Self, resource: &String| {
            sns.subscription(scope, resource).is_some_and(|one| one.record.settings.raw)
        };
        if accepted.iter().any(|resource| !is_raw(self, resource)) {
            self.prepare_signing(step);
        }
        let endpoint = &step.caller.endpoint;
        let trace_header = step.caller.origin.as_ref().and_then(|origin| origin.trace_header.clone());
        let mut signed: Vec<(Arc<str>, Option<Signature>)> = Vec::new();
        let mut deliveries = Vec::with_capacity(accepted.len());
        for resource in accepted {
            let Some(Subscription { arn: subscription, record, .. }) = self.subscription(scope, resource)
            else {
                continue;
            };
            let text = message.body.of(record.protocol.as_str());
            let mut notification = Notification {
                kind: Kind::Notification,
                message_id: Arc::clone(&published.message_id),
                topic: Arc::clone(&arn),
                subject: message.subject.clone(),
                message: Arc::clone(text),
                timestamp: Arc::clone(&published.timestamp),
                token: None,
                url: format!("{endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription}"),
                signature: None,
                attributes: Arc::clone(&message.attributes),
                group: message.group.clone(),
                trace_header: trace_header.clone(),
            };
            if !record.settings.raw {
                let known =
                    signed.iter().find(|(other, _)| Arc::ptr_eq(other, text)).map(|(_, made)| made.clone());
                notification.signature = known.unwrap_or_else(|| {
                    let made = signature(self, version, endpoint, &notification);
                    signed.push((Arc::clone(text), made.clone()));
                    made
                });
            }
            deliveries.push(Delivery {
                subscription: Arc::clone(subscription),
                protocol: record.protocol,
                endpoint: Arc::clone(&record.endpoint),
                raw: record.settings.raw,
                notification,
                traces: published.traces.clone(),
            });
        }
        deliveries
    }
}
