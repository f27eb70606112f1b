//! Lists, by pages of a hundred.

use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_api::sns::{
    ListSubscriptionsByTopicInput, ListSubscriptionsByTopicOutput, ListSubscriptionsInput,
    ListSubscriptionsOutput, ListTopicsInput, ListTopicsOutput, Subscription as Listed, Topic as ListedTopic,
};
use pontoon_core::Step;

use super::{Answer, authorize};
use crate::state::subscription::Status;
use crate::{Error, Sns, Subscription};

/// How many entries a page has at most.
const PAGE_MAX: usize = 100;

pub fn topics(sns: &mut Sns, step: &mut Step<'_>, input: &ListTopicsInput) -> Answer<ListTopicsOutput> {
    authorize(step, "sns:ListTopics", &step.scope.arn("sns", "*"))?;
    let after = position(input.next_token.as_deref())?;
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let topics = sns.topics.get(&step.scope);
    let rest = topics.into_iter().flat_map(|topics| topics.range((start.clone(), Bound::Unbounded)));
    let (page, next_token) = page(rest, |(name, _)| (*name).clone());
    let topics = page.into_iter().map(|(_, topic)| ListedTopic { topic_arn: Some(topic.arn.to_string()) });
    Ok(ListTopicsOutput { topics: Some(topics.collect()), next_token }.into())
}

pub fn subscriptions(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &ListSubscriptionsInput,
) -> Answer<ListSubscriptionsOutput> {
    authorize(step, "sns:ListSubscriptions", &step.scope.arn("sns", "*"))?;
    let after = position(input.next_token.as_deref())?.unwrap_or_default();
    // Those that the account made, whosever the topics are.
    let in_region = sns.subscriptions.iter().filter(|(scope, _)| scope.region == step.scope.region);
    let mut owned: Vec<&Subscription> = in_region
        .flat_map(|(_, subscriptions)| subscriptions.values())
        .filter(|one| one.record.status != Status::Ended && one.record.owner() == Some(step.scope.account))
        .filter(|one| *one.arn > *after)
        .collect();
    owned.sort_by(|a, b| a.arn.cmp(&b.arn));
    let (page, next_token) = page(owned.into_iter(), |one| one.arn.to_string());
    Ok(ListSubscriptionsOutput { subscriptions: Some(page.into_iter().map(listed).collect()), next_token }
        .into())
}

pub fn subscriptions_by_topic(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &ListSubscriptionsByTopicInput,
) -> Answer<ListSubscriptionsByTopicOutput> {
    let topic = sns.open(step, ("TopicArn", &input.topic_arn), "sns:ListSubscriptionsByTopic")?;
    let after = match position(input.next_token.as_deref())? {
        Some(text) => text.parse().map_err(|_| Error::invalid("NextToken"))?,
        None => 0,
    };
    let (scope, rest): (_, Vec<(u64, String)>) = (
        topic.scope,
        topic
            .subscriptions
            .range((Bound::Excluded(after), Bound::Unbounded))
            .take(PAGE_MAX + 1)
            .map(|(number, resource)| (*number, resource.clone()))
            .collect(),
    );
    let (page, next_token) = page(rest.into_iter(), |(number, _)| number.to_string());
    let listed = page.iter().filter_map(|(_, resource)| Some(listed(sns.subscription(scope, resource)?)));
    Ok(ListSubscriptionsByTopicOutput { subscriptions: Some(listed.collect()), next_token }.into())
}

fn listed(subscription: &Subscription) -> Listed {
    let record = &subscription.record;
    let arn = match record.status {
        Status::Pending => "PendingConfirmation".to_owned(),
        Status::Confirmed | Status::Ended => subscription.arn.to_string(),
    };
    Listed {
        subscription_arn: Some(arn),
        owner: Some(record.owner.clone()),
        protocol: Some(record.protocol.as_str().to_owned()),
        endpoint: Some(record.endpoint.to_string()),
        topic_arn: Some(record.topic.to_string()),
    }
}

/// What a token says the last page ended with.
fn position(token: Option<&str>) -> Result<Option<String>, Error> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let text = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| Error::invalid("NextToken"))
}

/// The first page of what is left, and the token of the next: what this one ends with, in base64.
fn page<T>(rest: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let mut page: Vec<T> = rest.take(PAGE_MAX + 1).collect();
    let more = page.len() > PAGE_MAX;
    page.truncate(PAGE_MAX);
    let next = more.then(|| page.last().map(|last| STANDARD.encode(key(last)))).flatten();
    (page, next)
}
