//! Deliveries: attempts, what is tried again, and dead letters.
//!
//! Every firing goes through the outbox, so that none is lost whatever its target does meanwhile. Follows "Configuring a schedule's dead-letter queue" of
//! the user guide. What is retried: throttling and faults of the target. What cannot pass (missing permissions or resources, bad input) is not.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::{events, lambda, sns, sqs};
use pontoon_core::policy::{Assuming, Denial};
use pontoon_core::shape::Request;
use pontoon_core::trace::one;
use pontoon_core::{
    ApiError, Arn, Caller, Destination as Named, GivenUp, Hop, OperationSchema, PolicyMode, Scope, ServiceId,
    Settled, Step, Ticket, Timestamp, TraceId, TraceNote, TraceOutcome, TraceRecord, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::metrics::Count;
use crate::state::document::DocumentReader;
use crate::state::input::Firing;
use crate::state::target::{Destination, TargetRecord, resource};
use crate::{Key, PRINCIPAL, Scheduler};

/// Firings that may wait; what fires beyond them is given up at once, so that memory has a bound.
const WAITING_MAX: usize = 1_000_000;
/// How many bytes of an input a dead letter has; the rest of a message is left for its attributes.
const DEAD_LETTER_BYTES_MAX: usize = 1_000_000;
/// How many characters of an error's message a dead letter has.
const ERROR_CHARS_MAX: usize = 4_096;

/// One firing on its way to the schedule's target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// Group of the schedule.
    pub group: Arc<str>,
    /// Name of the schedule.
    pub name: Arc<str>,
    /// Which schedule of that name.
    pub serial: u64,
    /// ARN of the schedule, which also says whose it is.
    pub arn: Arc<str>,
    /// The target as it was when the schedule fired.
    pub target: Arc<TargetRecord>,
    /// Id of the firing, which is that of its trace.
    pub id: [u8; 16],
    /// When it was due, milliseconds.
    pub scheduled_millis: i64,
    /// How much later than planned it fired, milliseconds.
    pub late_millis: u64,
}

/// What a hop's outcome is handed back with.
enum Token {
    /// An attempt, by its number in the outbox.
    Attempt(u64),
    /// The dead letter of a delivery, and whether its input was cut.
    DeadLetter(Box<Delivery>, bool),
}

impl Delivery {
    /// Account and region of the schedule.
    fn scope(&self) -> Scope {
        Arn::parse(&self.arn).and_then(|arn| arn.scope()).unwrap_or_default()
    }

    fn key(&self) -> Key {
        Key { scope: self.scope(), group: Arc::clone(&self.group), name: Arc::clone(&self.name) }
    }

    fn firing(&self, attempt: u32) -> Firing<'_> {
        let scheduled = Timestamp::from_millis(self.scheduled_millis);
        Firing { scope: self.scope(), arn: &self.arn, scheduled, id: self.id, attempt }
    }

    /// What the target is given at an attempt.
    fn input(&self, attempt: u32) -> String {
        let firing = self.firing(attempt);
        self.target.input.as_ref().map_or_else(|| firing.notification(), |input| firing.fill(input))
    }

    /// The call of an attempt: to whom, and with what.
    fn request(&self, endpoint: &str, attempt: u32) -> Result<(Scope, Box<dyn Request>), ApiError> {
        let (target, input) = (&self.target, self.input(attempt));
        let named = match target.destination() {
            Destination::Resource(named) => named,
            Destination::Operation(operation) => return Ok((self.scope(), universal(operation, &input)?)),
        };
        Ok(match named {
            Named::Queue(scope, name) => {
                let request = sqs::SendMessageInput {
                    queue_url: format!("{endpoint}/{}/{name}", scope.account),
                    message_body: input,
                    message_group_id: target.message_group.clone(),
                    ..Default::default()
                };
                (scope, Box::new(sqs::Request::SendMessage(request)))
            }
            Named::Topic(scope) => {
                let topic_arn = Some(target.arn.clone());
                let request = sns::PublishInput { topic_arn, message: input, ..Default::default() };
                (scope, Box::new(sns::Request::Publish(request)))
            }
            Named::Function(scope, function_name, qualifier) => {
                let request = lambda::InvokeInput {
                    function_name,
                    qualifier,
                    invocation_type: Some("Event".to_owned()),
                    payload: Some(input.into()),
                    ..Default::default()
                };
                (scope, Box::new(lambda::Request::Invoke(request)))
            }
            Named::Bus(scope, _) => {
                let (detail_type, source) = target.event.clone().unzip();
                let entry = events::PutEventsRequestEntry {
                    event_bus_name: Some(target.arn.clone()),
                    detail_type,
                    source,
                    detail: Some(input),
                    ..Default::default()
                };
                let request = events::PutEventsInput { entries: vec![entry], ..Default::default() };
                (scope, Box::new(events::Request::PutEvents(request)))
            }
            Named::LogGroup(..) | Named::Api(..) | Named::Discoverer(_) => {
                unreachable!("no schedule leads there")
            }
        })
    }
}

/// The input of a universal target as the operation's own, checked against the model as one off the wire is.
fn universal(operation: &'static OperationSchema, input: &str) -> Result<Box<dyn Request>, ApiError> {
    let invalid = |why: String| ApiError::client("ValidationException", why);
    let document = serde_json::from_str(input).map_err(|error| invalid(error.to_string()))?;
    let (request, violations) = (operation.decode)(&mut DocumentReader(&document))
        .map_err(|error| invalid(error.message.into_owned()))?;
    if violations.is_empty() { Ok(request) } else { Err(invalid(violations.message())) }
}

impl Scheduler {
    /// Accepts a firing: it is attempted at once, unless it is too late already.
    pub(crate) fn accept(&mut self, step: &mut Step<'_>, delivery: Delivery) {
        step.scope = delivery.scope();
        let age_max_ms = u64::from(delivery.target.age_secs_max) * 1000;
        if delivery.late_millis > age_max_ms {
            let error = ApiError::client(
                "EventTooOld",
                "The due time was missed for longer than an event may be old.",
            );
            self.give_up(step, &delivery, GivenUp::MaximumEventAge, 0, &error);
        } else if self.outbox.len() >= WAITING_MAX {
            let error =
                ApiError::server("TooManyInvocations", "Too many invocations wait to be tried again.");
            self.give_up(step, &delivery, GivenUp::NotRetryable, 0, &error);
        } else {
            let policy = delivery.target.retry_policy(delivery.late_millis);
            let now = step.now;
            self.outbox.add(step, policy, now, 0, &delivery);
        }
    }

    /// Makes the attempt that is due first.
    pub(crate) fn attempt_due(&mut self, step: &mut Step<'_>) {
        let Some(id) = self.outbox.take_due(step.now) else { return };
        let Some(progress) = self.outbox.progress(id).cloned() else { return };
        let Some(delivery) = self.outbox.content(step, id) else { return };
        step.scope = delivery.scope();
        let oldest = Timestamp::from_millis(progress.created_millis)
            .after(Duration::from_millis(progress.policy.age_max_ms));
        if progress.attempts > 0 && step.now > oldest {
            // It was to be tried again while nothing ran.
            self.outbox.done(step, id);
            let error = remembered(progress.last_error.as_deref().unwrap_or_default());
            self.give_up(step, &delivery, GivenUp::MaximumEventAge, progress.attempts - 1, &error);
            return;
        }
        self.count(step.now, (step.scope, &delivery.group), Count::Attempts);
        match self.call(step, &delivery, progress.attempts + 1) {
            Ok(hop) => send(step, hop, delivery.scope(), Token::Attempt(id)),
            Err(error) => self.attempt_failed(step, id, &delivery, &error),
        }
    }

    /// An attempt as a hop whose outcome nobody waits for yet.
    ///
    /// # Errors
    /// Why there is none: the role cannot be assumed, or the input is no input of the operation.
    fn call(&self, step: &mut Step<'_>, delivery: &Delivery, attempt: u32) -> Result<Hop, ApiError> {
        let (to, request) = delivery.request(&step.settings().endpoint.clone(), attempt)?;
        let (caller, denial) = self.assume(step, delivery);
        if let Some(denial) = denial {
            if step.settings().policies == PolicyMode::Enforce {
                return Err(ApiError::client("AccessDeniedException", denial.message).with_status(403));
            }
            let why = format!("AWS would have denied this: {}", denial.message);
            let record =
                TraceRecord::delivered(step.now, "AssumeRole", PRINCIPAL, &*delivery.target.role_arn);
            let record = TraceRecord { reason: Some(why), ..record };
            step.note(TraceNote { traces: one(TraceId(delivery.id)), record });
        }
        let resource = resource(&delivery.target);
        Ok(Hop { to, caller, request, resource, attempt, traced: true, ticket: None })
    }

    /// Who calls the target or the dead-letter queue, and why the role cannot be assumed, if so. The assumption's source is the schedule's group ("Confused
    /// deputy prevention" in the user guide).
    fn assume(&self, step: &mut Step<'_>, delivery: &Delivery) -> (Caller, Option<Denial>) {
        let role = (self.roles)(&delivery.target.role_arn);
        let group = group_arn(delivery.scope(), &delivery.group);
        let assuming = Assuming {
            service: PRINCIPAL,
            role: &delivery.target.role_arn,
            source_arn: &group,
            resource: &delivery.arn,
            session: &delivery.name,
        };
        let denial = assuming.denied(step, role.as_ref());
        (assuming.caller(step, role.as_ref(), one(TraceId(delivery.id))), denial)
    }

    /// Takes up how a hop of ours ended.
    pub(crate) fn hop_settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        let Ok(token) = token.downcast::<Token>() else {
            unreachable!("the host hands back the tokens that it was given");
        };
        let error = failure_of(outcome);
        match *token {
            Token::Attempt(id) => {
                let Some(delivery) = self.outbox.content(step, id) else { return };
                match error {
                    None => {
                        self.outbox.done(step, id);
                        self.ended(step, &delivery);
                    }
                    Some(error) => self.attempt_failed(step, id, &delivery, &error),
                }
            }
            Token::DeadLetter(delivery, is_cut) => self.dead_lettered(step, &delivery, is_cut, error),
        }
    }

    fn attempt_failed(&mut self, step: &mut Step<'_>, id: u64, delivery: &Delivery, error: &ApiError) {
        let of = (delivery.scope(), &*delivery.group);
        self.count(step.now, of, Count::TargetErrors);
        if is_throttling(error) {
            self.count(step.now, of, Count::TargetThrottled);
        }
        match self.outbox.failed(step, id, &error.to_string(), error.is_retryable()) {
            Some(Verdict::Again(at)) => {
                let attempts = self.outbox.progress(id).map_or(1, |progress| progress.attempts);
                let why = format!("{error}; tried again at {}", at.iso_millis());
                step.note_attempt(
                    TraceId(delivery.id),
                    &delivery.arn,
                    ("retry", &delivery.target.arn, attempts),
                    (TraceOutcome::Retrying, why),
                );
            }
            Some(Verdict::Over(why, progress, delivery)) => {
                self.give_up(step, &delivery, why, progress.attempts.saturating_sub(1), error);
            }
            None => {}
        }
    }

    /// A firing comes to nothing: it goes to the dead-letter queue, if there is one.
    fn give_up(
        &mut self,
        step: &mut Step<'_>,
        delivery: &Delivery,
        why: GivenUp,
        retries: u32,
        error: &ApiError,
    ) {
        self.count(step.now, (delivery.scope(), &delivery.group), Count::Dropped);
        match &delivery.target.dead_letter {
            Some(queue) => self.bury(step, delivery, queue, (why, retries, error)),
            None => {
                let why = format!("Given up after {retries} retries, without a dead-letter queue: {error}");
                step.note_attempt(
                    TraceId(delivery.id),
                    &delivery.arn,
                    ("given up", &delivery.target.arn, retries + 1),
                    (TraceOutcome::Failed, why),
                );
            }
        }
        self.ended(step, delivery);
    }

    fn bury(
        &mut self,
        step: &mut Step<'_>,
        delivery: &Delivery,
        queue: &str,
        (why, retries, error): (GivenUp, u32, &ApiError),
    ) {
        let Ok(Named::Queue(to, name)) = Named::of(queue) else {
            unreachable!("only queues are put as dead-letter queues");
        };
        let mut body = delivery.input(retries + 1);
        let is_cut = body.len() > DEAD_LETTER_BYTES_MAX;
        body.truncate(body.floor_char_boundary(DEAD_LETTER_BYTES_MAX));
        let request = sqs::Request::SendMessage(sqs::SendMessageInput {
            queue_url: format!("{}/{}/{name}", step.settings().endpoint, to.account),
            message_body: body,
            message_attributes: Some(dead_letter_attributes(delivery, why, retries, (error, is_cut))),
            ..Default::default()
        });
        step.scope = delivery.scope();
        let (caller, denial) = self.assume(step, delivery);
        let token = Token::DeadLetter(Box::new(delivery.clone()), is_cut);
        if let Some(denial) = denial.filter(|_| step.settings().policies == PolicyMode::Enforce) {
            let error = ApiError::client("AccessDeniedException", denial.message);
            return self.dead_lettered(step, delivery, is_cut, Some(error));
        }
        let resource = queue.into();
        let hop =
            Hop { to, caller, request: Box::new(request), resource, attempt: 1, traced: true, ticket: None };
        send(step, hop, delivery.scope(), token);
    }

    fn dead_lettered(
        &mut self,
        step: &mut Step<'_>,
        delivery: &Delivery,
        is_cut: bool,
        error: Option<ApiError>,
    ) {
        let of = (delivery.scope(), &*delivery.group);
        self.count(step.now, of, if error.is_none() { Count::DeadLettered } else { Count::NotDeadLettered });
        if error.is_none() && is_cut {
            self.count(step.now, of, Count::Truncated);
        }
        let queue = delivery.target.dead_letter.clone().unwrap_or_default();
        let outcome = match error {
            None => (TraceOutcome::DeadLettered, "The event is in the dead-letter queue.".to_owned()),
            Some(error) => (TraceOutcome::Failed, format!("The event is lost: {error}")),
        };
        step.note_attempt(TraceId(delivery.id), &delivery.arn, ("dead letter", &queue, 1), outcome);
    }

    /// A firing has ended, well or not. A schedule that is to go after its last one goes.
    fn ended(&mut self, step: &mut Step<'_>, delivery: &Delivery) {
        let key = delivery.key();
        let found = self.schedules.get(&key).filter(|schedule| schedule.record.serial == delivery.serial);
        let Some(mut schedule) = found.cloned() else { return };
        let record = &mut schedule.record;
        record.under_way = record.under_way.saturating_sub(1);
        let is_complete = record.enabled && record.due.is_none() && record.under_way == 0;
        if is_complete && record.delete_after_completion {
            self.remove(step, &key);
            let what = "ActionAfterCompletion".to_owned() + ": the schedule was deleted.";
            step.note_attempt(
                TraceId(delivery.id),
                &delivery.arn,
                ("complete", &delivery.arn, 1),
                (TraceOutcome::Delivered, what),
            );
        } else {
            self.keep(step, &key, schedule);
        }
    }
}

/// ARN of a group.
pub(crate) fn group_arn(scope: Scope, group: &str) -> String {
    scope.arn("scheduler", format_args!("schedule-group/{group}"))
}

/// Makes a hop, to hear of its outcome with `token`.
fn send(step: &mut Step<'_>, mut hop: Hop, scope: Scope, token: Token) {
    hop.ticket = Some(Ticket { owner: ServiceId::Scheduler, scope, token: Box::new(token) });
    step.hop(hop);
}

/// An error as the outbox remembers it: its code and its message.
fn remembered(text: &str) -> ApiError {
    let (code, message) = text.split_once(": ").unwrap_or(("InternalFailure", text));
    ApiError::client(code.to_owned(), message)
}

fn is_throttling(error: &ApiError) -> bool {
    error.status == 429 || error.code.contains("Throttl") || error.code.contains("TooManyRequests")
}

/// Why a hop failed, if it did. A bus may accept the call and refuse the entry.
fn failure_of(outcome: Settled) -> Option<ApiError> {
    let output = match outcome {
        Ok(output) => output,
        Err(error) => return Some(error),
    };
    let output: Box<dyn Any> = output.into_any();
    let output = output.downcast::<events::PutEventsOutput>().ok()?;
    let refused = output.entries.unwrap_or_default().into_iter().find(|entry| entry.error_code.is_some())?;
    Some(ApiError::client(refused.error_code?, refused.error_message.unwrap_or_default()))
}

/// The attributes of a dead letter, as the user guide's example has them.
fn dead_letter_attributes(
    delivery: &Delivery,
    why: GivenUp,
    retries: u32,
    (error, is_cut): (&ApiError, bool),
) -> BTreeMap<String, sqs::MessageAttributeValue> {
    let firing = delivery.firing(1);
    let exhausted = match why {
        GivenUp::MaximumRetryAttempts => Some("MaximumRetryAttempts"),
        GivenUp::MaximumEventAge => Some("MaximumEventAgeInSeconds"),
        GivenUp::NotRetryable => None,
    };
    let message: String = error.message.chars().take(ERROR_CHARS_MAX).collect();
    let code = error.query_code.map_or_else(|| error.code.to_string(), str::to_owned);
    let attributes = [
        ("ERROR_MESSAGE", Some(if message.is_empty() { code.clone() } else { message })),
        ("ERROR_CODE", Some(code)),
        ("EXECUTION_ID", Some(firing.execution_id())),
        ("EXHAUSTED_RETRY_CONDITION", exhausted.map(str::to_owned)),
        ("IS_PAYLOAD_TRUNCATED", Some(is_cut.to_string())),
        ("RETRY_ATTEMPTS", Some(retries.to_string())),
        ("SCHEDULED_TIME", Some(firing.scheduled.iso_secs())),
        ("SCHEDULE_ARN", Some(delivery.arn.to_string())),
        ("TARGET_ARN", Some(delivery.target.arn.clone())),
    ];
    let attribute = |text: String| sqs::MessageAttributeValue {
        string_value: Some(text),
        data_type: "String".to_owned(),
        ..Default::default()
    };
    let given = attributes.into_iter().filter_map(|(name, text)| Some((name.to_owned(), attribute(text?))));
    given.collect()
}
