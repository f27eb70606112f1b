//! Reading and changing a subscription's attributes.

use std::collections::BTreeMap;

use pontoon_api::sns::*;
use pontoon_core::{Arn, Scope, Step};

use super::subscribe::{FILTER_POLICIES_MAX, refusal};
use super::{Answer, authorize_subscription};
use crate::state::delivery_policy::{SubscriptionPolicy, to_text};
use crate::state::subscription::Status;
use crate::{Error, Sns};

/// Scope and resource of the subscription that an ARN names, which must exist, and the caller's right to `action` on it.
fn open(sns: &Sns, step: &mut Step<'_>, arn: &str, action: &'static str) -> Result<(Scope, String), Error> {
    let elements = arn.split(':').count();
    if elements < 6 {
        return Err(Error::invalid(format_args!(
            "SubscriptionArn Reason: An ARN must have at least 6 elements, not {elements}"
        )));
    }
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "sns" && arn.resource.contains(':'));
    let found = parsed.and_then(|arn| Some((arn.scope()?, arn.resource.to_owned())));
    let found = found.filter(|(scope, _)| scope.region == step.scope.region);
    let (scope, resource) = found.ok_or_else(|| Error::invalid("SubscriptionArn"))?;
    let subscription = sns.subscription(scope, &resource).filter(|one| one.record.status != Status::Ended);
    let subscription = subscription.ok_or(Error::NO_SUBSCRIPTION)?;
    authorize_subscription(step, action, (scope, subscription))?;
    Ok((scope, resource))
}

pub fn get(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &GetSubscriptionAttributesInput,
) -> Answer<GetSubscriptionAttributesOutput> {
    let (scope, resource) = open(sns, step, &input.subscription_arn, "sns:GetSubscriptionAttributes")?;
    let subscription = sns.subscription(scope, &resource).ok_or(Error::NO_SUBSCRIPTION)?;
    let record = &subscription.record;
    let fixed = [
        ("SubscriptionArn", subscription.arn.to_string()),
        ("TopicArn", record.topic.to_string()),
        ("Protocol", record.protocol.as_str().to_owned()),
        ("Endpoint", record.endpoint.to_string()),
        ("Owner", record.owner.clone()),
        ("SubscriptionPrincipal", record.principal.clone()),
        ("PendingConfirmation", (record.status == Status::Pending).to_string()),
        ("ConfirmationWasAuthenticated", record.authenticated.to_string()),
    ];
    let mut texts: BTreeMap<String, String> = fixed
        .into_iter()
        .chain(record.settings.texts())
        .map(|(name, text)| (name.to_owned(), text))
        .collect();
    if record.protocol.is_http() {
        let topic =
            sns.topic_of_subscription(record).and_then(|topic| topic.record.attributes.delivery.as_ref());
        let effective = SubscriptionPolicy::effective(record.settings.delivery.as_ref(), topic);
        texts.insert("EffectiveDeliveryPolicy".to_owned(), to_text(&effective));
    }
    Ok(GetSubscriptionAttributesOutput { attributes: Some(texts) }.into())
}

pub fn set(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &SetSubscriptionAttributesInput,
) -> Answer<SetSubscriptionAttributesOutput> {
    let (scope, resource) = open(sns, step, &input.subscription_arn, "sns:SetSubscriptionAttributes")?;
    let subscription = sns.subscription(scope, &resource).ok_or(Error::NO_SUBSCRIPTION)?;
    let mut settings = subscription.record.settings.clone();
    let value = input.attribute_value.as_deref().unwrap_or_default();
    settings
        .set(subscription.record.protocol, &input.attribute_name, value)
        .map_err(|fault| refusal(fault, ""))?;
    let filter = settings.compile().map_err(|fault| refusal(fault, ""))?;
    if filter.is_none() {
        settings.filter = None;
    }
    let is_first = settings.filter.is_some() && subscription.record.settings.filter.is_none();
    let filter_policies =
        sns.topic_of_subscription(&subscription.record).map_or(0, |topic| topic.filter_policies);
    if is_first && filter_policies >= FILTER_POLICIES_MAX {
        return Err(Error::FilterPolicyLimitExceeded);
    }
    if !settings.raw {
        sns.prepare_signing(step);
    }
    sns.change(step, scope, &resource, |subscription| {
        subscription.record.settings = settings;
        subscription.filter = filter;
    });
    Ok(SetSubscriptionAttributesOutput {}.into())
}
