//! Subscribing an endpoint to a topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::sns::{SubscribeInput, SubscribeOutput};
use pontoon_core::{Arn, Principal, Scope, Space, Step};

use super::Answer;
use crate::deliver::Delivery;
use crate::records;
use crate::state::filter::Filter;
use crate::state::notification::{Kind, Notification, Signature};
use crate::state::phone::is_number;
use crate::state::subscription::{Fault, Protocol, ProtocolFault, Settings, Status, SubscriptionRecord};
use crate::{Error, Sns, Subscription, topic_of};

/// How many subscriptions a topic may have.
///
/// DEVIATION: AWS has 12,500,000. A batch of ten messages reaches this many and their dead-letter queues within one command of the engine.
const SUBSCRIPTIONS_MAX: usize = 5_000;
/// How many of them may have a filter policy.
pub const FILTER_POLICIES_MAX: usize = 200;
/// How long an endpoint may take to confirm.
pub const TOKEN_VALID_FOR: Duration = Duration::from_secs(48 * 3600);
/// Length of a token, hexadecimal digits.
const TOKEN_DIGITS: usize = 256;

pub fn subscribe(sns: &mut Sns, step: &mut Step<'_>, input: SubscribeInput) -> Answer<SubscribeOutput> {
    let SubscribeInput { topic_arn, protocol, endpoint, attributes, return_subscription_arn } = input;
    let asks_arn = return_subscription_arn.unwrap_or_default();
    let caller = step.scope.account;
    let (scope, name) = topic_of(step.scope, "TopicArn", &topic_arn)?;
    let (protocol, endpoint) = check_endpoint(&protocol, endpoint)?;
    let topic = sns.topic(scope, &name).ok_or(Error::NO_TOPIC)?;
    step.scope = scope;
    topic.authorize(
        step,
        "sns:Subscribe",
        &[("sns:Protocol", protocol.as_str()), ("sns:Endpoint", &endpoint)],
    )?;
    let given = attributes.unwrap_or_default();
    let (settings, filter) = settings_of(protocol, &given)?;
    let same = topic.by_endpoint.get(&(protocol, Arc::from(endpoint.as_str()))).cloned();
    if let Some((resource, subscription)) =
        same.and_then(|one| Some((one.clone(), sns.subscription(scope, &one)?)))
    {
        if !agree(&subscription.record.settings, &given, &settings) {
            return Err(Error::invalid(
                "Attributes Reason: Subscription already exists with different attributes",
            ));
        }
        let output = output_of(subscription, asks_arn);
        if subscription.record.status == Status::Pending {
            ask_to_confirm(sns, step, scope, &resource, Kind::SubscriptionConfirmation);
        }
        return Ok(output.into());
    }
    if topic.subscriptions.len() >= SUBSCRIPTIONS_MAX {
        return Err(Error::SubscriptionLimitExceeded);
    }
    if settings.filter.is_some() && topic.filter_policies >= FILTER_POLICIES_MAX {
        return Err(Error::FilterPolicyLimitExceeded);
    }
    let needs_confirmation = match protocol {
        Protocol::Http | Protocol::Https => true,
        // A queue of the subscriber's own account need not be asked; a function's own policy says who may call it.
        Protocol::Sqs => {
            Arn::parse(&endpoint).and_then(|arn| arn.scope()).map(|scope| scope.account) != Some(caller)
        }
        Protocol::Lambda => false,
    };
    let record = SubscriptionRecord {
        topic: Arc::clone(&topic.arn),
        topic_number: topic.record.number,
        number: topic.record.next_subscription,
        protocol,
        endpoint: endpoint.into(),
        owner: caller.to_string(),
        principal: principal_arn(step),
        status: if needs_confirmation { Status::Pending } else { Status::Confirmed },
        authenticated: !needs_confirmation,
        guarded: false,
        token: None,
        expires_millis: None,
        settings,
    };
    let output = add(sns, step, (scope, &name), (record, filter), asks_arn);
    Ok(output.into())
}

fn add(
    sns: &mut Sns,
    step: &mut Step<'_>,
    (scope, name): (Scope, &str),
    (record, filter): (SubscriptionRecord, Option<Filter>),
    asks_arn: bool,
) -> SubscribeOutput {
    let resource = format!("{name}:{}", step.ids.uuid());
    if let Some(topic) = sns.topic_mut(scope, name) {
        topic.record.next_subscription += 1;
        topic.write(step);
    }
    if !record.settings.raw {
        sns.prepare_signing(step);
    }
    step.put(Space::Config, records::subscription_key(scope, &resource), records::to_json(&record));
    let is_pending = record.status == Status::Pending;
    let subscription = Subscription::new(scope, &resource, record, filter);
    let output = output_of(&subscription, asks_arn);
    sns.index(scope, &resource, subscription);
    if is_pending {
        ask_to_confirm(sns, step, scope, &resource, Kind::SubscriptionConfirmation);
    }
    output
}

fn output_of(subscription: &Subscription, asks_arn: bool) -> SubscribeOutput {
    let hidden = subscription.record.status == Status::Pending && !asks_arn;
    let arn = if hidden { "pending confirmation".to_owned() } else { subscription.arn.to_string() };
    SubscribeOutput { subscription_arn: Some(arn) }
}

fn check_endpoint(protocol: &str, endpoint: Option<String>) -> Result<(Protocol, String), Error> {
    let named = endpoint.as_deref().unwrap_or_default();
    let parsed = Protocol::parse(protocol).map_err(|fault| match fault {
        // test_subscribe_invalid_sms
        ProtocolFault::Unsupported if protocol == "sms" && !is_number(named) => {
            Error::InvalidParameter(format!("Invalid SMS endpoint: {named}"))
        }
        ProtocolFault::Unsupported => {
            Error::Unsupported(format!("subscriptions with the protocol {protocol}"))
        }
        // test_subscribe_with_invalid_protocol
        ProtocolFault::Unknown => {
            Error::invalid(format_args!("Amazon SNS does not support this protocol string: {protocol}"))
        }
    })?;
    let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty());
    let endpoint =
        endpoint.ok_or_else(|| Error::invalid("Endpoint Reason: no value for required parameter"))?;
    parsed.check_endpoint(&endpoint).map_err(Error::invalid)?;
    Ok((parsed, endpoint))
}

/// The settings that a subscription is made with, and the filter policy among them.
fn settings_of(
    protocol: Protocol,
    given: &BTreeMap<String, String>,
) -> Result<(Settings, Option<Filter>), Error> {
    let place = "Attributes Reason: ";
    let mut settings = Settings::default();
    for (name, value) in given {
        settings.set(protocol, name, value).map_err(|fault| refusal(fault, place))?;
    }
    let filter = settings.compile().map_err(|fault| refusal(fault, place))?;
    if filter.is_none() {
        settings.filter = None;
    }
    Ok((settings, filter))
}

/// How AWS words a refused attribute; `place` comes before the reason.
pub fn refusal(fault: Fault, place: &str) -> Error {
    match fault {
        Fault::Unknown => Error::invalid("AttributeName"),
        Fault::Unsupported(what) => Error::Unsupported(what.to_owned()),
        Fault::Reason(reason) => Error::invalid(format_args!("{place}{reason}")),
    }
}

/// Whether a subscription has every attribute that was given again (test_subscribe_idempotency).
fn agree(settings: &Settings, given: &BTreeMap<String, String>, wanted: &Settings) -> bool {
    given.keys().all(|name| match name.as_str() {
        "RawMessageDelivery" => settings.raw == wanted.raw,
        "FilterPolicy" => settings.filter == wanted.filter,
        "FilterPolicyScope" => settings.filter_scope == wanted.filter_scope,
        "RedrivePolicy" => settings.redrive == wanted.redrive,
        "DeliveryPolicy" => settings.delivery == wanted.delivery,
        _ => true,
    })
}

/// `SubscriptionPrincipal`: who subscribed.
fn principal_arn(step: &Step<'_>) -> String {
    match &step.caller.principal {
        Principal::Account(account) => format!("arn:aws:iam::{account}:root"),
        Principal::User(arn) | Principal::Role { arn, .. } => arn.to_string(),
        Principal::Service(name) => (*name).to_owned(),
    }
}

/// Gives a subscription a new token and sends it to its endpoint, which takes the subscription up with it, or up again.
pub fn ask_to_confirm(sns: &mut Sns, step: &mut Step<'_>, scope: Scope, resource: &str, kind: Kind) {
    let token = step.ids.secret_hex(TOKEN_DIGITS);
    let expires = step.now.after(TOKEN_VALID_FOR).millis();
    sns.change(step, scope, resource, |subscription| {
        subscription.record.token = Some(token.clone());
        subscription.record.expires_millis = Some(expires);
    });
    sns.prepare_signing(step);
    let Some(subscription) = sns.subscription(scope, resource) else { return };
    let (record, arn) = (&subscription.record, &subscription.arn);
    let message = match kind {
        Kind::UnsubscribeConfirmation => format!(
            "You have chosen to deactivate subscription {arn}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        ),
        Kind::SubscriptionConfirmation | Kind::Notification => format!(
            "You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit the SubscribeURL included in this message.",
            record.topic
        ),
    };
    let endpoint = &step.caller.endpoint;
    let mut notification = Notification {
        kind,
        message_id: step.ids.uuid().into(),
        topic: Arc::clone(&record.topic),
        subject: None,
        message: message.into(),
        timestamp: step.now.iso_millis().into(),
        url: format!("{endpoint}/?Action=ConfirmSubscription&TopicArn={}&Token={token}", record.topic),
        token: Some(token),
        signature: None,
        attributes: Arc::from([]),
        group: None,
        trace_header: None,
    };
    let version =
        sns.topic_of_subscription(record).and_then(|topic| topic.record.attributes.signature_version);
    notification.signature = signature(sns, version.unwrap_or(1), endpoint, &notification);
    let delivery = Delivery {
        subscription: Arc::clone(arn),
        protocol: record.protocol,
        endpoint: Arc::clone(&record.endpoint),
        raw: false,
        notification,
        traces: None,
    };
    sns.send(step, delivery);
}

/// Signs a notification with the key, which must have been made.
pub fn signature(sns: &Sns, version: u8, endpoint: &str, notification: &Notification) -> Option<Signature> {
    let value = sns.signing.sign(version, &notification.string_to_sign())?;
    let cert_url = format!("{endpoint}{}", sns.signing.path()?);
    Some(Signature { version, value: value.into(), cert_url: cert_url.into() })
}
