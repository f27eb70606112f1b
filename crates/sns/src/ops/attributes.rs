//! Reading and changing a topic's attributes.

use pontoon_api::sns::*;
use pontoon_core::Step;

use super::Answer;
use crate::state::subscription::Status;
use crate::{Error, Sns};

pub fn get(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &GetTopicAttributesInput,
) -> Answer<GetTopicAttributesOutput> {
    let topic = sns.open(step, ("TopicArn", &input.topic_arn), "sns:GetTopicAttributes")?;
    let mut texts = topic.record.attributes.texts(topic.scope, &topic.arn);
    let deleted = topic.record.subscriptions_deleted;
    let (scope, resources): (_, Vec<String>) = (topic.scope, topic.subscriptions.values().cloned().collect());
    let statuses =
        resources.iter().filter_map(|resource| Some(sns.subscription(scope, resource)?.record.status));
    let (confirmed, pending): (Vec<_>, Vec<_>) = statuses.partition(|status| *status == Status::Confirmed);
    let counts = [
        ("SubscriptionsConfirmed", confirmed.len() as u64),
        ("SubscriptionsPending", pending.len() as u64),
        ("SubscriptionsDeleted", deleted),
    ];
    texts.extend(counts.map(|(name, count)| (name.to_owned(), count.to_string())));
    Ok(GetTopicAttributesOutput { attributes: Some(texts) }.into())
}

pub fn set(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &SetTopicAttributesInput,
) -> Answer<SetTopicAttributesOutput> {
    let topic = sns.open(step, ("TopicArn", &input.topic_arn), "sns:SetTopicAttributes")?;
    if input.attribute_name == "FifoTopic" {
        // A topic is made so (test_topic_get_attributes_with_fifo_false).
        return Err(Error::invalid("AttributeName"));
    }
    let mut record = topic.record.clone();
    record.attributes.set(&input.attribute_name, input.attribute_value.as_deref().unwrap_or_default())?;
    topic.set(step, record);
    Ok(SetTopicAttributesOutput {}.into())
}
