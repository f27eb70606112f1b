//! Reading and changing a queue's attributes.

use std::collections::BTreeMap;

use pontoon_api::sqs::*;
use pontoon_core::Step;

use super::{Answer, queues};
use crate::{Error, Queue, Sqs};

/// Every attribute name that a request may ask for, those of FIFO queues included, which other queues do not have.
const NAMES: [&str; 22] = [
    "All",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

pub fn get(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: GetQueueAttributesInput,
) -> Answer<GetQueueAttributesOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:GetQueueAttributes")?;
    let asked = input.attribute_names.unwrap_or_default();
    if let Some(unknown) = asked.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(Error::InvalidAttributeName(format!("Unknown Attribute {unknown}.")));
    }
    queue.messages.advance(step.now);
    let all = asked.iter().any(|name| name == "All");
    let found: BTreeMap<String, String> = texts(queue)
        .into_iter()
        .filter(|(name, _)| all || asked.iter().any(|wanted| wanted == name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(GetQueueAttributesOutput { attributes: (!found.is_empty()).then_some(found) }.into())
}

fn texts(queue: &Queue) -> Vec<(&'static str, String)> {
    let counts = queue.messages.counts();
    let mut texts = queue.record.attributes.texts();
    texts.extend([
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("CreatedTimestamp", queue.record.created_millis.div_euclid(1000).to_string()),
        ("LastModifiedTimestamp", queue.record.modified_millis.div_euclid(1000).to_string()),
        ("QueueArn", queue.arn.to_string()),
    ]);
    texts
}

pub fn set(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: &SetQueueAttributesInput,
) -> Answer<SetQueueAttributesOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:SetQueueAttributes")?;
    let (scope, name, arn) = (queue.scope, queue.name.clone(), queue.arn.clone());
    let changed = queue.record.attributes.with(&input.attributes)?;
    if input.attributes.contains_key("RedrivePolicy") {
        queues::check_redrive(sqs, scope, &arn, &changed)?;
    }
    let queue = sqs.queue_mut(scope, &name).ok_or(Error::QueueDoesNotExist)?;
    queue.policy =
        changed.policy.as_deref().and_then(|text| pontoon_core::policy::Document::parse(text).ok());
    queue.record.attributes = changed;
    queue.record.modified_millis = step.now.millis();
    queue.write(step);
    // A shorter retention may end for messages at once, and a redrive policy that changed may free some.
    sqs.wake(step, scope, &name);
    Ok(SetQueueAttributesOutput {}.into())
}
