//! Bringing notifications to their endpoints, again where that fails, and to dead-letter queues where it fails for good.
//!
//! Queues and functions are called by hops in the same command as the publish; what fails there for a reason that may pass goes to the outbox. Web
//! servers are called through the outbox from the first attempt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_api::{lambda, sqs};
use pontoon_core::work::{HttpCall, HttpResult, QUOTED_ANSWER_BYTES_MAX};
use pontoon_core::{
    ApiError, Arn, Dispatch, Hop, Request, RetryPolicy, Scope, ServiceId, Step, Ticket, Timestamp, TraceIds,
    TraceNote, TraceOutcome, TraceRecord, Verdict, Work,
};
use serde::{Deserialize, Serialize};

use crate::Sns;
use crate::metrics::Counted;
use crate::state::delivery_policy::{CONTENT_TYPE, SubscriptionPolicy};
use crate::state::message::{Attribute, AttributeValue};
use crate::state::notification::{Kind, Notification};
use crate::state::schedule::Schedule;
use crate::state::subscription::{Protocol, Status};

/// In whose name SNS calls queues and functions.
const PRINCIPAL: &str = "sns.amazonaws.com";
/// How long a web server may take to answer, as AWS gives it.
const HTTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How many requests to web servers are made at once; further deliveries wait for one of them to end.
const HTTP_UNDER_WAY_MAX: usize = 256;
/// How much of an answer's body a reason quotes, characters.
const QUOTED_CHARS_MAX: usize = 200;

/// A notification that must arrive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// ARN of the subscription.
    pub subscription: Arc<str>,
    /// How its endpoint is reached.
    pub protocol: Protocol,
    /// Its endpoint.
    pub endpoint: Arc<str>,
    /// Whether the message alone is delivered; never a confirmation.
    pub raw: bool,
    /// What is delivered.
    pub notification: Notification,
    /// The message's traces.
    pub traces: TraceIds,
}

/// What a hop's outcome is for.
pub(crate) enum Awaited {
    /// A delivery, with its number in the outbox if it has one.
    Delivery(Box<Delivery>, Option<u64>),
    /// The way of a delivery that was given up to its dead-letter queue.
    DeadLetter {
        /// The delivery's topic, by scope and name.
        topic: (Scope, String),
        /// The dead-letter queue.
        queue: String,
        /// Why the delivery was given up.
        reason: String,
        /// The message's traces.
        traces: TraceIds,
    },
}

impl Delivery {
    /// Scope and name of its topic.
    fn topic(&self) -> (Scope, String) {
        let arn = Arn::parse(&self.notification.topic);
        let found = arn.and_then(|arn| Some((arn.scope()?, arn.resource.to_owned())));
        assert!(found.is_some(), "a delivery names its topic by the ARN that SNS made for it");
        found.unwrap_or_default()
    }

    fn is_notification(&self) -> bool {
        self.notification.kind == Kind::Notification
    }

    /// The message as a queue, or a web server's body, gets it.
    fn body(&self) -> String {
        if self.raw { self.notification.message.to_string() } else { self.notification.envelope() }
    }
}

impl Sns {
    /// Delivers, or begins to.
    pub(crate) fn send(&mut self, step: &mut Step<'_>, delivery: Delivery) {
        if delivery.protocol.is_http() {
            let schedule = self.schedule_of(&delivery);
            self.outbox.add(step, policy_of(&schedule), step.now, 0, &delivery);
        } else {
            make_hop(step, delivery, None, 1);
        }
    }

    /// The retries that a delivery has.
    fn schedule_of(&self, delivery: &Delivery) -> Schedule {
        if delivery.protocol.is_http() { self.http_policy(delivery).schedule() } else { Schedule::MANAGED }
    }

    /// What the delivery policies of subscription and topic say together.
    fn http_policy(&self, delivery: &Delivery) -> SubscriptionPolicy {
        let subscription = self.subscription_by_arn(&delivery.subscription).map(|one| &one.record);
        let topic = subscription.and_then(|record| self.topic_of_subscription(record));
        SubscriptionPolicy::effective(
            subscription.and_then(|record| record.settings.delivery.as_ref()),
            topic.and_then(|topic| topic.record.attributes.delivery.as_ref()),
        )
    }

    /// When a delivery of the outbox is next due, unless as many are under way as may be.
    pub(crate) fn next_delivery(&self) -> Option<Timestamp> {
        self.outbox.next_due().filter(|_| self.http_under_way < HTTP_UNDER_WAY_MAX)
    }

    /// Makes the next attempt that is due.
    pub(crate) fn try_next(&mut self, step: &mut Step<'_>) {
        let Some(id) = self.outbox.take_due(step.now) else { return };
        let Some(delivery) = self.outbox.content(step, id) else { return };
        step.scope = delivery.topic().0;
        let status = self.subscription_by_arn(&delivery.subscription).map(|one| one.record.status);
        if status.is_none() || status == Some(Status::Ended) && delivery.is_notification() {
            // Ended meanwhile: nobody wants it any more.
            self.outbox.done(step, id);
            self.slotted.remove(&id);
            return;
        }
        let attempt = self.outbox.progress(id).map_or(1, |progress| progress.attempts + 1);
        if delivery.protocol.is_http() {
            self.call_endpoint(step, id, &delivery);
        } else {
            make_hop(step, delivery, Some(id), attempt);
        }
    }

    fn call_endpoint(&mut self, step: &mut Step<'_>, id: u64, delivery: &Delivery) {
        let policy = self.http_policy(delivery);
        let has_its_turn = self.slotted.remove(&id);
        if let Some(throttle) = policy.throttle_policy
            && !has_its_turn
            && let Some(slot) =
                self.take_slot(step.now, &delivery.subscription, throttle.max_receives_per_second)
        {
            self.slotted.insert(id);
            self.outbox.postpone(id, slot);
            return;
        }
        let call = http_call(delivery, policy.content_type());
        self.http_under_way += 1;
        let work = Work::Http(Box::new(call));
        step.dispatch(Dispatch { owner: ServiceId::Sns, scope: step.scope, token: id, work });
    }

    /// Takes the next turn at a throttled endpoint; `None` if that is now.
    fn take_slot(&mut self, now: Timestamp, subscription: &str, per_second: u32) -> Option<Timestamp> {
        let arn = Arn::parse(subscription)?;
        let subscription = self.subscription_mut(arn.scope()?, arn.resource)?;
        let slot = subscription.next_slot.max(now);
        subscription.next_slot =
            slot.after(Duration::from_millis(u64::from(1000_u32.div_ceil(per_second.max(1)))));
        (slot > now).then_some(slot)
    }

    /// A hop ended, with its error if it failed.
    pub(crate) fn hop_ended(&mut self, step: &mut Step<'_>, awaited: Awaited, error: Option<ApiError>) {
        let (delivery, id) = match awaited {
            Awaited::Delivery(delivery, id) => (*delivery, id),
            Awaited::DeadLetter { topic, queue, reason, traces } => {
                self.dead_letter_ended(step, (topic.0, &topic.1), (&queue, &reason), traces, error);
                return;
            }
        };
        let Some(error) = error else {
            if let Some(id) = id {
                self.outbox.done(step, id);
            }
            self.arrived(step, &delivery);
            return;
        };
        let reason = error.to_string();
        match (id, error.is_retryable()) {
            (Some(id), retryable) => self.attempt_failed(step, id, &reason, retryable),
            (None, true) => {
                let at = step.now.after(Schedule::MANAGED.wait(1));
                self.outbox.add(step, policy_of(&Schedule::MANAGED), at, 1, &delivery);
            }
            (None, false) => self.give_up(step, delivery, &reason),
        }
    }

    /// A request to a web server ended.
    pub(crate) fn http_ended(&mut self, step: &mut Step<'_>, id: u64, result: &HttpResult) {
        let Some(delivery) = self.outbox.content(step, id) else { return };
        step.scope = delivery.topic().0;
        let attempt = self.outbox.progress(id).map_or(1, |progress| progress.attempts + 1);
        let mut record = TraceRecord::delivered(
            step.now,
            "POST",
            &*delivery.notification.topic,
            without_secret(&delivery.endpoint),
        );
        record.attempt = attempt;
        record.duration_ms = Some(result.duration_ms);
        let (failure, retryable) = match &result.answer {
            Ok((200..=299, _)) => (None, false),
            // Server errors and 429 may pass; every other status will not change ("Amazon SNS message delivery retries").
            Ok((status, body)) => (Some(answered(*status, body)), *status == 429 || *status >= 500),
            Err(reason) => (Some(reason.clone()), true),
        };
        let Some(reason) = failure else {
            self.outbox.done(step, id);
            step.note(TraceNote { traces: delivery.traces.clone(), record });
            self.arrived(step, &delivery);
            return;
        };
        let again = retryable
            && attempt <= self.outbox.progress(id).map_or(0, |progress| progress.policy.retries_max);
        let outcome = if again { TraceOutcome::Retrying } else { TraceOutcome::Failed };
        step.note(TraceNote {
            traces: delivery.traces.clone(),
            record: record.with_outcome(outcome, &*reason),
        });
        self.attempt_failed(step, id, &reason, retryable);
    }

    fn arrived(&mut self, step: &Step<'_>, delivery: &Delivery) {
        if delivery.is_notification() {
            let (scope, name) = delivery.topic();
            self.count(step, (scope, &name), Counted::Delivered);
        }
    }

    fn attempt_failed(&mut self, step: &mut Step<'_>, id: u64, reason: &str, retryable: bool) {
        let Some(delivery) = self.outbox.content(step, id) else { return };
        let attempts = self.outbox.progress(id).map_or(0, |progress| progress.attempts);
        let wait = self.schedule_of(&delivery).wait(attempts + 1);
        match self.outbox.failed_after(step, id, reason, retryable, wait) {
            Some(Verdict::Over(_, _, delivery)) => self.give_up(step, delivery, reason),
            Some(Verdict::Again(_)) | None => {}
        }
    }

    /// A delivery is over without having arrived: it goes to its subscription's dead-letter queue, if there is one.
    fn give_up(&mut self, step: &mut Step<'_>, delivery: Delivery, reason: &str) {
        if !delivery.is_notification() {
            return;
        }
        let (scope, name) = delivery.topic();
        self.count(step, (scope, &name), Counted::Failed);
        let subscription = self.subscription_by_arn(&delivery.subscription);
        let Some(queue) = subscription.and_then(|one| one.record.settings.dead_letter_queue()) else {
            return;
        };
        let awaited = Awaited::DeadLetter {
            topic: (scope, name),
            queue: queue.clone(),
            reason: reason.to_owned(),
            traces: delivery.traces.clone(),
        };
        let traces = delivery.traces.clone();
        hop_to_queue(step, &queue, &delivery, traces, 1, awaited);
    }

    fn dead_letter_ended(
        &mut self,
        step: &mut Step<'_>,
        topic: (Scope, &str),
        (queue, reason): (&str, &str),
        traces: TraceIds,
        error: Option<ApiError>,
    ) {
        let record = TraceRecord::delivered(step.now, "dead letter", topic.0.arn("sns", topic.1), queue);
        let record = match &error {
            None => record.with_outcome(TraceOutcome::DeadLettered, reason),
            Some(error) => record.with_outcome(TraceOutcome::Failed, format!("{reason}, and then: {error}")),
        };
        step.note(TraceNote { traces, record });
        self.count(step, topic, if error.is_none() { Counted::Redriven } else { Counted::RedriveFailed });
    }
}

/// What the outbox is told of a schedule: how many retries there are. The waits are told with each failure.
fn policy_of(schedule: &Schedule) -> RetryPolicy {
    RetryPolicy {
        retries_max: schedule.retries(),
        age_max_ms: u64::MAX,
        wait_ms: 0,
        factor_percent: 100,
        wait_max_ms: 0,
        jitter_percent: 0,
    }
}

/// Calls the queue or function of a delivery.
fn make_hop(step: &mut Step<'_>, delivery: Delivery, id: Option<u64>, attempt: u32) {
    let (endpoint, traces) = (Arc::clone(&delivery.endpoint), delivery.traces.clone());
    if delivery.protocol == Protocol::Sqs {
        let copy = delivery.clone();
        hop_to_queue(step, &endpoint, &copy, traces, attempt, Awaited::Delivery(Box::new(delivery), id));
        return;
    }
    let event = delivery.notification.function_event(&delivery.subscription);
    let input = lambda::InvokeInput {
        function_name: endpoint.to_string(),
        invocation_type: Some("Event".to_owned()),
        payload: Some(event.into()),
        ..lambda::InvokeInput::default()
    };
    let source = Arc::clone(&delivery.notification.topic);
    let awaited = Awaited::Delivery(Box::new(delivery), id);
    let request = Box::new(lambda::Request::Invoke(input));
    hop(step, (&endpoint, request), &source, traces, attempt, awaited);
}

/// Sends the message of a delivery to a queue: the subscribed one or its dead-letter queue.
fn hop_to_queue(
    step: &mut Step<'_>,
    queue: &str,
    delivery: &Delivery,
    traces: TraceIds,
    attempt: u32,
    awaited: Awaited,
) {
    let (account, name) = Arn::parse(queue).map(|arn| (arn.account, arn.resource)).unwrap_or_default();
    let notification = &delivery.notification;
    let attributes: BTreeMap<String, sqs::MessageAttributeValue> = if delivery.raw {
        notification.attributes.iter().map(queue_attribute).collect()
    } else {
        BTreeMap::new()
    };
    let system = notification.trace_header.as_ref().map(|header| {
        let value = sqs::MessageSystemAttributeValue {
            data_type: "String".to_owned(),
            string_value: Some(header.to_string()),
            ..Default::default()
        };
        BTreeMap::from([("AWSTraceHeader".to_owned(), value)])
    });
    let input = sqs::SendMessageInput {
        queue_url: format!("{}/{account}/{name}", step.settings().endpoint),
        message_body: delivery.body(),
        message_attributes: (!attributes.is_empty()).then_some(attributes),
        message_system_attributes: system,
        message_group_id: notification.group.as_ref().map(ToString::to_string),
        ..sqs::SendMessageInput::default()
    };
    let request = Box::new(sqs::Request::SendMessage(input));
    hop(step, (queue, request), &notification.topic, traces, attempt, awaited);
}

fn queue_attribute(attribute: &Attribute) -> (String, sqs::MessageAttributeValue) {
    let mut value =
        sqs::MessageAttributeValue { data_type: attribute.data_type.clone(), ..Default::default() };
    match &attribute.value {
        AttributeValue::Text(text) => value.string_value = Some(text.clone()),
        AttributeValue::Binary(bytes) => value.binary_value = Some(bytes.clone()),
    }
    (attribute.name.clone(), value)
}

fn hop(
    step: &mut Step<'_>,
    (target, request): (&str, Box<dyn Request>),
    topic: &str,
    traces: TraceIds,
    attempt: u32,
    awaited: Awaited,
) {
    let caller = step.hop_caller(PRINCIPAL, topic, traces);
    let to = Arn::parse(target).and_then(|arn| arn.scope()).unwrap_or(step.scope);
    let ticket = Ticket { owner: ServiceId::Sns, scope: step.scope, token: Box::new(awaited) };
    step.hop(Hop {
        to,
        caller,
        request,
        resource: target.into(),
        attempt,
        traced: true,
        ticket: Some(ticket),
    });
}

/// The request to a web server, with the headers of test_subscribe_external_http_endpoint.
fn http_call(delivery: &Delivery, content_type: &str) -> HttpCall {
    let notification = &delivery.notification;
    let mut headers = vec![
        ("x-amz-sns-message-type", notification.kind.as_str().to_owned()),
        ("x-amz-sns-message-id", notification.message_id.to_string()),
        ("x-amz-sns-topic-arn", notification.topic.to_string()),
    ];
    if notification.kind != Kind::SubscriptionConfirmation {
        headers.push(("x-amz-sns-subscription-arn", delivery.subscription.to_string()));
    }
    if delivery.raw {
        headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
    }
    // What the policy says counts for notifications; confirmations come as AWS's own text.
    let content_type = if delivery.is_notification() { content_type } else { CONTENT_TYPE };
    headers.push(("Content-Type", content_type.to_owned()));
    headers.push(("User-Agent", "Amazon Simple Notification Service Agent".to_owned()));
    headers.push(("Accept-Encoding", "gzip,deflate".to_owned()));
    let (url, user) = split_user(&delivery.endpoint);
    headers.extend(user.map(|user| ("Authorization", format!("Basic {}", STANDARD.encode(user)))));
    HttpCall {
        method: "POST",
        url,
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: delivery.body().into(),
        timeout: HTTP_TIMEOUT,
        answer_bytes_max: QUOTED_ANSWER_BYTES_MAX,
    }
}

/// An endpoint's URL without the user and password in it, and those.
fn split_user(endpoint: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = endpoint.split_once("://") else { return (endpoint.to_owned(), None) };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority].rsplit_once('@') {
        Some((user, host)) => (format!("{scheme}://{host}{}", &rest[authority..]), Some(user.to_owned())),
        None => (endpoint.to_owned(), None),
    }
}

fn without_secret(endpoint: &str) -> String {
    split_user(endpoint).0
}

fn answered(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let shown: String = text.trim().chars().take(QUOTED_CHARS_MAX).collect();
    if shown.is_empty() {
        format!("The endpoint answered {status}.")
    } else {
        format!("The endpoint answered {status}: {shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::split_user;

    #[test]
    fn a_password_in_an_url_is_a_header_and_never_in_the_url() {
        for (endpoint, url, user) in [
            ("http://u:p@h:1/x?y=a@b", "http://h:1/x?y=a@b", Some("u:p")),
            ("https://h/x@y", "https://h/x@y", None),
            ("https://u@h", "https://h", Some("u")),
        ] {
            assert_eq!(split_user(endpoint), (url.to_owned(), user.map(str::to_owned)), "{endpoint}");
        }
    }
}
