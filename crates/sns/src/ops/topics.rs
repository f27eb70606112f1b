//! Topics as such: create, delete.

use std::time::Duration;

use pontoon_api::sns::*;
use pontoon_core::{Space, Step};

use super::{Answer, authorize, tags};
use crate::records::{self, TopicRecord};
use crate::state::attributes::Attributes;
use crate::state::subscription::Status;
use crate::{Error, Sns, Topic};

/// How many topics an account may have in a region.
const TOPICS_MAX: usize = 100_000;
/// How long the subscriptions of a deleted topic can still be looked at (test_delete_subscriptions_on_delete_topic shows that they can be).
const ORPHANED_FOR: Duration = Duration::from_secs(48 * 3600);

pub fn create(sns: &mut Sns, step: &mut Step<'_>, input: CreateTopicInput) -> Answer<CreateTopicOutput> {
    let CreateTopicInput { name, attributes: given, tags, data_protection_policy } = input;
    let given = given.unwrap_or_default();
    let is_fifo = given.get("FifoTopic").is_some_and(|value| value == "true");
    check_name(&name, is_fifo)?;
    if is_fifo {
        return Err(Error::Unsupported("FIFO topics".to_owned()));
    }
    if data_protection_policy.is_some() {
        return Err(Error::Unsupported("data protection policies".to_owned()));
    }
    let tags = tags::of(tags.unwrap_or_default())?;
    let arn = step.scope.arn("sns", &name);
    authorize(step, "sns:CreateTopic", &arn)?;
    let attributes = Attributes::of(&given)?;
    if let Some(topic) = sns.topic(step.scope, &name) {
        let differ = |what: &str| {
            Err(Error::invalid(format_args!(
                "{what} Reason: Topic already exists with different {}",
                what.to_lowercase()
            )))
        };
        if !topic.record.attributes.agree_with(&given, &attributes) {
            return differ("Attributes");
        }
        if tags.iter().any(|(key, value)| topic.record.tags.get(key) != Some(value)) {
            return differ("Tags");
        }
        return Ok(CreateTopicOutput { topic_arn: Some(arn) }.into());
    }
    let topics = sns.topics.entry(step.scope).or_default();
    if topics.len() >= TOPICS_MAX {
        return Err(Error::TopicLimitExceeded);
    }
    let record = TopicRecord {
        number: step.ids.u64(),
        attributes,
        tags,
        subscriptions_deleted: 0,
        next_subscription: 1,
    };
    let topic = Topic::new(step.scope, &name, record);
    topic.write(step);
    topics.insert(name, topic);
    Ok(CreateTopicOutput { topic_arn: Some(arn) }.into())
}

/// 1 to 256 letters, digits, hyphens and underscores, and `.fifo` behind FIFO topics' (test_create_topic_name_constraints).
fn check_name(name: &str, is_fifo: bool) -> Result<(), Error> {
    let stem = name.strip_suffix(".fifo");
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let stem = match (stem, is_fifo) {
        (Some(stem), true) => stem,
        (None, false) => name,
        _ => "",
    };
    let fits = !stem.is_empty() && name.len() <= 256 && stem.chars().all(valid);
    if fits { Ok(()) } else { Err(Error::invalid("Topic Name")) }
}

pub fn delete(sns: &mut Sns, step: &mut Step<'_>, input: &DeleteTopicInput) -> Answer<DeleteTopicOutput> {
    let topic = match sns.open(step, ("TopicArn", &input.topic_arn), "sns:DeleteTopic") {
        Ok(topic) => topic,
        // test_delete_topic_idempotency
        Err(error) if error == Error::NO_TOPIC => return Ok(DeleteTopicOutput {}.into()),
        Err(error) => return Err(error),
    };
    let (scope, name) = (topic.scope, topic.name.to_string());
    let number = topic.record.number;
    let prefix = format!("{name}:");
    let subscriptions = sns.subscriptions.entry(scope).or_default();
    let mut orphans = Vec::new();
    for (resource, subscription) in
        subscriptions.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix))
    {
        if subscription.record.topic_number == number {
            orphans.push((resource.clone(), subscription.record.status));
        }
    }
    sns.topics.entry(scope).or_default().remove(&name);
    step.delete(Space::Config, records::topic_key(scope, &name));
    let expires = step.now.after(ORPHANED_FOR).millis();
    for (resource, status) in orphans {
        if status == Status::Confirmed {
            sns.change(step, scope, &resource, |orphan| {
                orphan.record.token = None;
                orphan.record.expires_millis = Some(expires);
            });
        } else {
            sns.forget(step, scope, &resource);
        }
    }
    Ok(DeleteTopicOutput {}.into())
}
