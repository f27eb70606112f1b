//! Confirming subscriptions, and ending them.

use std::sync::Arc;

use pontoon_api::sns::*;
use pontoon_core::{Arn, Step};

use super::subscribe::ask_to_confirm;
use super::{Answer, authorize_subscription};
use crate::state::notification::Kind;
use crate::state::subscription::Status;
use crate::{Error, Sns};

/// Fewer hexadecimal digits than this, or other characters, are no token of ours or AWS's (test_sns_confirm_subscription_wrong_token tells the two refusals
/// apart).
const TOKEN_DIGITS_MIN: usize = 5;

/// The token says which subscription is meant; of the topic only the region must agree (test_subscribe_external_http_endpoint).
///
/// The request comes unsigned, from whoever received the token, so the region that it is addressed to says nothing.
pub fn confirm(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &ConfirmSubscriptionInput,
) -> Answer<ConfirmSubscriptionOutput> {
    let guarded = match input.authenticate_on_unsubscribe.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Error::invalid("AuthenticateOnUnsubscribe")),
    };
    let region = Arn::parse(&input.topic_arn).filter(|arn| arn.service == "sns").and_then(|arn| arn.scope());
    let Some(region) = region.map(|scope| scope.region) else { return Err(Error::invalid("Topic")) };
    if input.token.len() < TOKEN_DIGITS_MIN || !input.token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::InvalidParameter("Invalid token".to_owned()));
    }
    let Some((scope, resource)) = sns.tokens.get(&input.token).cloned() else {
        return Err(Error::invalid("Token"));
    };
    if scope.region != region {
        return Err(Error::invalid("Topic"));
    }
    let Some(subscription) = sns.subscription(scope, &resource) else { return Err(Error::invalid("Token")) };
    let record = &subscription.record;
    let topic = sns.topic_of_subscription(record).ok_or(Error::NO_TOPIC)?;
    let now_there = topic
        .by_endpoint
        .get(&(record.protocol, Arc::clone(&record.endpoint)))
        .filter(|one| **one != resource);
    if let Some(other) = now_there.and_then(|other| sns.subscription(scope, other)) {
        // The endpoint was subscribed anew after this one had ended; it is never subscribed twice.
        let output = ConfirmSubscriptionOutput { subscription_arn: Some(other.arn.to_string()) };
        step.scope = scope;
        sns.forget(step, scope, &resource);
        return Ok(output.into());
    }
    let output = ConfirmSubscriptionOutput { subscription_arn: Some(subscription.arn.to_string()) };
    if subscription.record.status != Status::Confirmed {
        step.scope = scope;
        sns.change(step, scope, &resource, |subscription| {
            let record = &mut subscription.record;
            record.status = Status::Confirmed;
            record.expires_millis = None;
            record.guarded = guarded;
            record.authenticated = guarded;
        });
    }
    Ok(output.into())
}

/// The request may come unsigned from the `UnsubscribeURL` of a message, so the ARN says which region is meant.
pub fn unsubscribe(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &UnsubscribeInput,
) -> Answer<UnsubscribeOutput> {
    // test_unsubscribe_wrong_arn_format
    let arn = &input.subscription_arn;
    if arn.is_empty() {
        return Err(Error::invalid("SubscriptionArn Reason: no value for required parameter"));
    }
    let elements = arn.split(':').count();
    if elements < 6 {
        return Err(Error::invalid(format_args!(
            "SubscriptionArn Reason: An ARN must have at least 6 elements, not {elements}"
        )));
    }
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "sns" && arn.resource.contains(':'));
    let found = parsed.and_then(|arn| Some((arn.scope()?, arn.resource)));
    let Some((scope, resource)) = found else { return Err(Error::invalid("SubscriptionId")) };
    let Some(subscription) = sns.subscription(scope, resource) else {
        return Ok(UnsubscribeOutput {}.into());
    };
    let record = &subscription.record;
    if record.status == Status::Ended {
        return Ok(UnsubscribeOutput {}.into());
    }
    // Unless its confirmation said otherwise, whoever has a message may end the subscription that it came by.
    if record.guarded || !record.protocol.is_http() {
        authorize_subscription(step, "sns:Unsubscribe", (scope, subscription))?;
    }
    step.scope = scope;
    // DEVIATION: AWS sends no farewell where the subscription's owner ends it; who an unsigned caller is cannot be told here.
    let restorable = record.protocol.is_http() && record.status == Status::Confirmed && !record.guarded;
    if let Some(topic) = sns.topic_of_subscription(record).map(|topic| topic.name.to_string())
        && let Some(topic) = sns.topic_mut(scope, &topic)
    {
        topic.record.subscriptions_deleted += 1;
        topic.write(step);
    }
    if restorable {
        sns.change(step, scope, resource, |subscription| subscription.record.status = Status::Ended);
        ask_to_confirm(sns, step, scope, resource, Kind::UnsubscribeConfirmation);
    } else {
        sns.forget(step, scope, resource);
    }
    Ok(UnsubscribeOutput {}.into())
}
