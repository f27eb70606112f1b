//! Deliveries: attempts, what is tried again, and dead letters.
//!
//! The first attempt is made in the step that accepts the event, so that an acknowledged event is at its targets. Only what has to be tried again goes
//! to the outbox. Follows "How EventBridge retries delivering events" and "Using dead-letter queues to process undelivered events" of the user guide.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::{events, lambda, logs, schemas, sns, sqs};
use pontoon_core::json::{JsonPath, unquoted};
use pontoon_core::policy::IdentityPolicies;
use pontoon_core::shape::Request;
use pontoon_core::trace::one;
use pontoon_core::work::HttpResult;
use pontoon_core::{
    ApiError, Arn, Caller, Destination, Fault, GivenUp, Hop, Principal, Scope, ServiceId, Settled, Step,
    Ticket, Timestamp, TraceId, TraceOutcome, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::journal::Attempt;
use crate::metrics::{Count, Measure, Series};
use crate::ops::put_events::Relayed;
use crate::state::api_destination::RetryAfter;
use crate::state::log::Told;
use crate::state::target::TargetRecord;
use crate::{Events, PRINCIPAL, Roles};

/// Deliveries that may wait to be tried again; what fails beyond them is given up at once, so that memory has a bound.
const WAITING_MAX: usize = 1_000_000;

/// One event on its way to one target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// Bus of the rule.
    pub bus: Arc<str>,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// ARN of the rule, which also says whose it is.
    pub rule_arn: Arc<str>,
    /// The target as it was when the event came.
    pub target: Arc<TargetRecord>,
    /// Id of the event, which is that of its trace.
    pub event_id: [u8; 16],
    /// The event, JSON.
    pub event: Arc<str>,
    /// What the target is given, if not the event.
    pub input: Option<String>,
    /// When the event was accepted, milliseconds.
    pub accepted_millis: i64,
    /// How many hops led to the bus.
    pub depth: u8,
    /// X-Ray header that was put with the event; queues and buses pass it on.
    pub trace_header: Option<Arc<str>>,
    /// The id by which the log of the bus tells of it, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<[u8; 16]>,
}

/// What a hop's outcome is handed back with.
enum Token {
    /// The first attempt, of a delivery that is not in the outbox.
    First(Box<Delivery>),
    /// A later attempt, by its number in the outbox.
    Again(u64),
    /// The dead letter of a delivery, of which this many attempts were made, the last with this error.
    DeadLetter(Box<Delivery>, u32, ApiError),
}

/// Whom EventBridge acts as when it calls a target.
pub(crate) struct Acting {
    principal: Principal,
    identity: Option<Arc<IdentityPolicies>>,
}

/// What is asked of another service.
struct Asked {
    to: Scope,
    request: Box<dyn Request>,
    resource: Arc<str>,
}

impl Delivery {
    /// Account and region of the rule.
    pub fn scope(&self) -> Scope {
        Arn::parse(&self.rule_arn).and_then(|arn| arn.scope()).unwrap_or_default()
    }

    pub(crate) fn series(&self) -> Series {
        Series { scope: self.scope(), bus: Some(Arc::clone(&self.bus)), rule: Some(Arc::clone(&self.rule)) }
    }

    pub(crate) fn input(&self) -> &str {
        self.input.as_deref().unwrap_or(&self.event)
    }

    /// The service itself, or whom it acts as.
    pub(crate) fn caller(&self, step: &mut Step<'_>, acting: Option<Acting>) -> Caller {
        step.scope = self.scope();
        let mut caller = step.hop_caller(PRINCIPAL, &self.rule_arn, one(TraceId(self.event_id)));
        caller.depth = self.depth.saturating_add(1);
        if let Some(Acting { principal, identity }) = acting {
            caller.principal = principal;
            caller.identity = identity;
        }
        caller
    }

    /// In whose name the target is called if not the service's own: its role's, or for a bus without one the account's. A role that is not in IAM may
    /// do nothing.
    pub(crate) fn acting(&self, roles: &Roles, destination: &Destination) -> Option<Acting> {
        match (self.target.role_arn.as_deref(), destination) {
            (Some(arn), _) => Some(Acting {
                principal: Principal::Role { arn: arn.into(), session: Arc::clone(&self.rule) },
                identity: roles(arn),
            }),
            (None, Destination::Bus(..)) => {
                Some(Acting { principal: Principal::Account(self.scope().account), identity: None })
            }
            (None, _) => None,
        }
    }

    fn ask(&self, endpoint: &str, destination: &Destination) -> Asked {
        let resource: Arc<str> = self.target.arn.as_str().into();
        match destination {
            Destination::Queue(scope, name) => Asked {
                to: *scope,
                request: Box::new(sqs::Request::SendMessage(sqs::SendMessageInput {
                    queue_url: format!("{endpoint}/{}/{name}", scope.account),
                    message_body: self.input().to_owned(),
                    message_group_id: self.target.message_group.clone(),
                    message_system_attributes: self.trace_header.as_deref().map(trace_attribute),
                    ..Default::default()
                })),
                resource,
            },
            Destination::Topic(scope) => Asked {
                to: *scope,
                request: Box::new(sns::Request::Publish(sns::PublishInput {
                    topic_arn: Some(self.target.arn.clone()),
                    message: self.input().to_owned(),
                    ..Default::default()
                })),
                resource,
            },
            Destination::Function(scope, name, qualifier) => Asked {
                to: *scope,
                request: Box::new(lambda::Request::Invoke(lambda::InvokeInput {
                    function_name: name.clone(),
                    qualifier: qualifier.clone(),
                    invocation_type: Some("Event".to_owned()),
                    payload: Some(self.input().to_owned().into()),
                    ..Default::default()
                })),
                resource,
            },
            Destination::Bus(scope, _) => Asked {
                to: *scope,
                request: Box::new(events::Request::PutEvents(events::PutEventsInput {
                    entries: vec![Relayed::entry(self, *scope)],
                    ..Default::default()
                })),
                resource,
            },
            Destination::Api(..) => unreachable!("API destinations are called by work, not by hops"),
            Destination::Discoverer(scope) => Asked {
                to: *scope,
                request: Box::new(schemas::Request::GetDiscoveredSchema(schemas::GetDiscoveredSchemaInput {
                    r#type: "OpenApi3".to_owned(),
                    events: vec![self.event.to_string()],
                })),
                resource,
            },
            Destination::LogGroup(scope, group) => {
                let (timestamp, message) = self.log_event();
                Asked {
                    to: *scope,
                    request: Box::new(logs::Request::PutLogEvents(logs::PutLogEventsInput {
                        log_group_name: group.clone(),
                        log_stream_name: self.log_stream(),
                        log_events: vec![logs::InputLogEvent { timestamp, message }],
                        ..Default::default()
                    })),
                    resource,
                }
            }
        }
    }

    /// A stream for each rule and day.
    fn log_stream(&self) -> String {
        let day = Timestamp::from_millis(self.accepted_millis).iso_secs();
        format!("{}/{}", day.get(..10).unwrap_or_default().replace('-', "/"), self.rule)
    }

    /// A template for a log group gives `timestamp` and `message`; whatever else is the message itself.
    fn log_event(&self) -> (i64, String) {
        let part = |name: &str| JsonPath::parse(name).ok()?.value(self.input.as_deref()?);
        let timestamp = part("$.timestamp").and_then(|value| {
            let text = unquoted(&value).unwrap_or(value);
            text.parse().ok().or_else(|| Timestamp::parse_iso(&text).map(Timestamp::millis))
        });
        match (timestamp, part("$.message")) {
            (Some(timestamp), Some(message)) => (timestamp, unquoted(&message).unwrap_or(message)),
            _ => (self.accepted_millis, self.input().to_owned()),
        }
    }
}

impl Events {
    /// Makes the first attempt, within the step that accepted the event.
    pub(crate) fn attempt_first(&mut self, step: &mut Step<'_>, delivery: Delivery) {
        let first = Attempt { count: 1, ..Attempt::default() };
        self.tell(step.now, &delivery, Told::InvocationStart, &first);
        if let Some(error) = third_account(&delivery) {
            self.give_up(step, &delivery, GivenUp::NotRetryable, 0, &error);
            return;
        }
        if delivery.target.is_api_destination() {
            self.post_first(step, &delivery);
            return;
        }
        self.metrics.count(step.now, &delivery.series(), &[Count::Created, Count::Attempts]);
        self.tell(step.now, &delivery, Told::AttemptStart, &first);
        let hop = attempt(&self.roles, step, &delivery, 1);
        send(step, hop, delivery.scope(), Token::First(Box::new(delivery)));
    }

    /// Accepts a delivery to an API destination, whose first attempt is made at once.
    fn post_first(&mut self, step: &mut Step<'_>, delivery: &Delivery) {
        self.metrics.count(step.now, &delivery.series(), &[Count::Created]);
        if self.outbox.len() >= WAITING_MAX {
            let error = ApiError::client("LimitExceeded", "Too many deliveries wait already.");
            self.give_up(step, delivery, GivenUp::NotRetryable, 0, &error);
            return;
        }
        step.scope = delivery.scope();
        self.outbox.add(step, delivery.target.retry_policy(), step.now, 0, delivery);
    }

    /// Makes the attempt that is due first.
    pub(crate) fn attempt_due(&mut self, step: &mut Step<'_>) {
        let Some(id) = self.outbox.take_due(step.now) else { return };
        let failed = self.outbox.progress(id).map_or(0, |progress| progress.attempts);
        let Some(delivery) = self.outbox.content(step, id) else { return };
        if delivery.target.is_api_destination() {
            self.call_destination(step, id, &delivery);
            return;
        }
        self.metrics.count(step.now, &delivery.series(), &[Count::Attempts, Count::RetryAttempts]);
        let again = Attempt { count: failed + 1, ..Attempt::default() };
        self.tell(step.now, &delivery, Told::AttemptStart, &again);
        let hop = attempt(&self.roles, step, &delivery, failed + 1);
        send(step, hop, delivery.scope(), Token::Again(id));
    }

    /// Takes up how a hop of ours ended.
    pub(crate) fn hop_settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        let Ok(token) = token.downcast::<Token>() else {
            unreachable!("the host hands back the tokens that it was given");
        };
        let error = failure_of(outcome);
        match *token {
            Token::First(delivery) => {
                self.took(step.now, &delivery, &[Measure::Start, Measure::Complete]);
                match error {
                    None => self.delivered(step, &delivery, (1, None)),
                    Some(error) => self.first_failed(step, &delivery, &error),
                }
            }
            Token::Again(id) => {
                let Some(delivery) = self.outbox.content(step, id) else { return };
                match error {
                    None => {
                        let failed = self.outbox.done(step, id).map_or(0, |progress| progress.attempts);
                        self.delivered(step, &delivery, (failed + 1, None));
                    }
                    Some(error) => self.attempt_failed(step, id, &error, None),
                }
            }
            Token::DeadLetter(delivery, attempts, why) => {
                let is_kept = error.is_none();
                let count = if is_kept { Count::DeadLettered } else { Count::NotDeadLettered };
                self.metrics.count(step.now, &delivery.series(), &[count]);
                let told = if is_kept { Told::InvocationDlq } else { Told::InvocationFailure };
                let end = Attempt { count: attempts, error: Some(&why), answer: None };
                self.tell(step.now, &delivery, told, &end);
                let queue = delivery.target.dead_letter.clone().unwrap_or_default();
                let outcome = match error {
                    None => (TraceOutcome::DeadLettered, "The event is in the dead-letter queue.".to_owned()),
                    Some(error) => (TraceOutcome::Failed, format!("The event is lost: {error}")),
                };
                step.note_attempt(
                    TraceId(delivery.event_id),
                    &delivery.rule_arn,
                    ("dead letter", &queue, 1),
                    outcome,
                );
            }
        }
    }

    /// The target took it at this attempt, from one; an API destination with this answer.
    pub(crate) fn delivered(
        &mut self,
        step: &mut Step<'_>,
        delivery: &Delivery,
        (count, answer): (u32, Option<&HttpResult>),
    ) {
        let attempt = Attempt { count, error: None, answer };
        self.tell(step.now, delivery, Told::AttemptSuccess, &attempt);
        self.tell(step.now, delivery, Told::InvocationSuccess, &attempt);
        let series = delivery.series();
        self.metrics.count(step.now, &series, &[Count::SuccessfulAttempts, Count::Invocations]);
        self.took(step.now, delivery, &[Measure::Success]);
    }

    /// Notes how long it is since the event was accepted.
    pub(crate) fn took(&mut self, now: Timestamp, delivery: &Delivery, measures: &[Measure]) {
        let took = now.since(Timestamp::from_millis(delivery.accepted_millis)).as_millis();
        let millis = u64::try_from(took).unwrap_or(u64::MAX);
        self.metrics.measure(now, &delivery.series(), measures, millis);
    }

    fn first_failed(&mut self, step: &mut Step<'_>, delivery: &Delivery, error: &ApiError) {
        let policy = delivery.target.retry_policy();
        let attempt = Attempt { count: 1, error: Some(error), answer: None };
        self.tell_failure(step.now, delivery, &attempt, error.is_retryable());
        if !error.is_retryable() {
            self.give_up(step, delivery, GivenUp::NotRetryable, 1, error);
            return;
        }
        if policy.retries_max == 0 {
            self.give_up(step, delivery, GivenUp::MaximumRetryAttempts, 1, error);
            return;
        }
        if self.outbox.len() >= WAITING_MAX {
            self.give_up(step, delivery, GivenUp::NotRetryable, 1, error);
            return;
        }
        let jitter = step.ids.below(policy.wait_ms * u64::from(policy.jitter_percent) / 100 + 1);
        let at = step.now.after(Duration::from_millis(policy.wait_ms - jitter));
        step.scope = delivery.scope();
        self.outbox.add(step, policy, at, 1, delivery);
        self.retrying(step, delivery, 1, at, error);
    }

    /// An attempt of a delivery in the outbox failed, at an API destination with this answer. The longer wait counts: its policy's, or the one that its
    /// target asked for.
    pub(crate) fn attempt_failed(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        error: &ApiError,
        answer: Option<&HttpResult>,
    ) {
        let asked = answer.and_then(|answer| answer.retry_after.as_deref());
        let asked = asked.and_then(|text| RetryAfter::parse(text, step.now));
        let Some(progress) = self.outbox.progress(id) else { return };
        let (policy, retry) = (progress.policy, progress.attempts + 1);
        let wait = policy.wait(retry, step);
        let (wait, retryable) = match asked {
            None => (wait, error.is_retryable()),
            Some(RetryAfter::Wait(asked)) => (wait.max(asked), error.is_retryable()),
            Some(RetryAfter::Never) => (wait, false),
        };
        match self.outbox.failed_after(step, id, &error.to_string(), retryable, wait) {
            Some(Verdict::Again(at)) => {
                let attempts = self.outbox.progress(id).map_or(1, |progress| progress.attempts);
                if let Some(delivery) = self.outbox.content(step, id) {
                    let attempt = Attempt { count: attempts, error: Some(error), answer };
                    self.tell_failure(step.now, &delivery, &attempt, true);
                    self.retrying(step, &delivery, attempts, at, error);
                }
            }
            Some(Verdict::Over(why, progress, delivery)) => {
                let attempt = Attempt { count: progress.attempts, error: Some(error), answer };
                self.tell_failure(step.now, &delivery, &attempt, why != GivenUp::NotRetryable);
                self.give_up(step, &delivery, why, progress.attempts, error);
            }
            None => {}
        }
    }

    fn retrying(
        &mut self,
        step: &mut Step<'_>,
        delivery: &Delivery,
        attempt: u32,
        at: Timestamp,
        error: &ApiError,
    ) {
        let why = format!("{error}; tried again at {}", at.iso_millis());
        step.note_attempt(
            TraceId(delivery.event_id),
            &delivery.rule_arn,
            ("retry", &delivery.target.arn, attempt),
            (TraceOutcome::Retrying, why),
        );
    }

    fn give_up(
        &mut self,
        step: &mut Step<'_>,
        delivery: &Delivery,
        why: GivenUp,
        attempts: u32,
        error: &ApiError,
    ) {
        let retries = attempts.saturating_sub(1);
        // What was stopped because it went in a circle is told apart (user guide, DeadLetterInvocations).
        let is_circle = error.code == "LoopDetected";
        let counts: &[Count] =
            if is_circle { &[Count::Circles] } else { &[Count::Invocations, Count::Failed] };
        self.metrics.count(step.now, &delivery.series(), counts);
        let Some(queue) = &delivery.target.dead_letter else {
            let end = Attempt { count: attempts, error: Some(error), answer: None };
            self.tell(step.now, delivery, Told::InvocationFailure, &end);
            let why = format!("Given up after {retries} retries, without a dead-letter queue: {error}");
            step.note_attempt(
                TraceId(delivery.event_id),
                &delivery.rule_arn,
                ("given up", &delivery.target.arn, retries + 1),
                (TraceOutcome::Failed, why),
            );
            return;
        };
        let Ok(Destination::Queue(to, name)) = Destination::of(queue) else {
            unreachable!("only queues are put as dead-letter queues");
        };
        let request = sqs::Request::SendMessage(sqs::SendMessageInput {
            queue_url: format!("{}/{}/{name}", step.settings().endpoint, to.account),
            message_body: delivery.event.to_string(),
            message_attributes: Some(dead_letter_attributes(delivery, why, retries, error)),
            ..Default::default()
        });
        let caller = delivery.caller(step, None);
        let resource = queue.as_str().into();
        let hop =
            Hop { to, caller, request: Box::new(request), resource, attempt: 1, traced: true, ticket: None };
        send(
            step,
            hop,
            delivery.scope(),
            Token::DeadLetter(Box::new(delivery.clone()), attempts, error.clone()),
        );
    }
}

/// An attempt as a hop whose outcome nobody waits for yet.
fn attempt(roles: &Roles, step: &mut Step<'_>, delivery: &Delivery, attempt: u32) -> Hop {
    let Ok(destination) = Destination::of(&delivery.target.arn) else {
        unreachable!("only targets with a destination are put");
    };
    if let Destination::LogGroup(to, group) = &destination {
        let request = logs::Request::CreateLogStream(logs::CreateLogStreamInput {
            log_group_name: group.clone(),
            log_stream_name: delivery.log_stream(),
        });
        let caller = delivery.caller(step, delivery.acting(roles, &destination));
        let (to, resource) = (*to, delivery.target.arn.as_str().into());
        step.hop(Hop {
            to,
            caller,
            request: Box::new(request),
            resource,
            attempt,
            traced: false,
            ticket: None,
        });
    }
    let Asked { to, request, resource } = delivery.ask(&step.settings().endpoint.clone(), &destination);
    let caller = delivery.caller(step, delivery.acting(roles, &destination));
    Hop { to, caller, request, resource, attempt, traced: true, ticket: None }
}

/// Makes a hop, to hear of its outcome with `token`.
fn send(step: &mut Step<'_>, mut hop: Hop, scope: Scope, token: Token) {
    hop.ticket = Some(Ticket { owner: ServiceId::Events, scope, token: Box::new(token) });
    step.hop(hop);
}

/// An event that came from another account is not sent on to a third (user guide, "Sending and receiving events between accounts").
fn third_account(delivery: &Delivery) -> Option<ApiError> {
    let Ok(Destination::Bus(to, _)) = Destination::of(&delivery.target.arn) else { return None };
    let origin = JsonPath::parse("$.account").ok()?.value(&delivery.event)?;
    let came_from_elsewhere = origin.trim_matches('"') != delivery.scope().account.as_str();
    let goes_elsewhere = to.account != delivery.scope().account;
    (came_from_elsewhere && goes_elsewhere).then(|| {
        ApiError::client(
            "ThirdAccountHopDetected",
            "An event from another account is not sent on to a third.",
        )
    })
}

/// Why a hop failed, if it did. A bus may accept the call and refuse the entry.
fn failure_of(outcome: Settled) -> Option<ApiError> {
    let output = match outcome {
        Ok(output) => output,
        Err(error) => return Some(error),
    };
    let output: Box<dyn Any> = output.into_any();
    let output = output.downcast::<events::PutEventsOutput>().ok()?;
    let entry = output.entries.unwrap_or_default().into_iter().next()?;
    let code = entry.error_code?;
    Some(ApiError::client(code, entry.error_message.unwrap_or_default()))
}

fn trace_attribute(header: &str) -> BTreeMap<String, sqs::MessageSystemAttributeValue> {
    let value = sqs::MessageSystemAttributeValue {
        string_value: Some(header.to_owned()),
        data_type: "String".to_owned(),
        ..Default::default()
    };
    BTreeMap::from([("AWSTraceHeader".to_owned(), value)])
}

fn dead_letter_attributes(
    delivery: &Delivery,
    why: GivenUp,
    retries: u32,
    error: &ApiError,
) -> BTreeMap<String, sqs::MessageAttributeValue> {
    let mut attributes = BTreeMap::new();
    let mut add = |name: &str, value: String| {
        let value = sqs::MessageAttributeValue {
            string_value: Some(value),
            data_type: "String".to_owned(),
            ..Default::default()
        };
        attributes.insert(name.to_owned(), value);
    };
    add("RULE_ARN", delivery.rule_arn.to_string());
    add("TARGET_ARN", delivery.target.arn.clone());
    add("ERROR_CODE", error_code(error).to_owned());
    add("ERROR_MESSAGE", error.message.clone());
    match why {
        GivenUp::MaximumRetryAttempts => add("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts".to_owned()),
        GivenUp::MaximumEventAge => add("EXHAUSTED_RETRY_CONDITION", "MaximumEventAgeInSeconds".to_owned()),
        GivenUp::NotRetryable => {}
    }
    add("RETRY_ATTEMPTS", retries.to_string());
    attributes
}

/// EventBridge's own name for what went wrong; the names are those of the user guide ("Using dead-letter queues").
pub(crate) fn error_code(error: &ApiError) -> &'static str {
    let has = |parts: &[&str]| parts.iter().any(|part| error.code.contains(part));
    if has(&["AccessDenied", "Authorization", "NotAuthorized"]) {
        "NO_PERMISSIONS"
    } else if error.code == "Timeout" {
        "TIMEOUT"
    } else if error.code == "ConnectionFailure" {
        "CONNECTION_FAILURE"
    } else if has(&["NotFound", "DoesNotExist", "NonExistent"]) {
        "NO_RESOURCE"
    } else if error.status == 429 || has(&["Throttl", "TooManyRequests"]) {
        "THROTTLING"
    } else if error.code == "ThirdAccountHopDetected" {
        "THIRD_ACCOUNT_HOP_DETECTED"
    } else if error.fault == Fault::Server {
        "ERROR_FROM_TARGET"
    } else if has(&["Invalid", "Validation"]) {
        "INVALID_PARAMETER"
    } else {
        "SDK_CLIENT_ERROR"
    }
}
