//! Receiving: taking visible messages, moving exhausted ones to the dead-letter queue, waiting when there are none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::sqs::{
    Message as Received, MessageAttributeValue, ReceiveMessageInput, ReceiveMessageOutput,
};
use pontoon_core::trace::TRACES_ATTRIBUTE;
use pontoon_core::{Principal, Reply, Scope, Space, Step, TraceNote, TraceOutcome, TraceRecord};

use super::Answer;
use crate::state::fifo::Round;
use crate::state::message::{AttributeValue, Content, attributes_md5};
use crate::state::queue::{Message, Place, Taken};
use crate::state::receipt::Receipt;
use crate::state::waiters::Waiter;
use crate::{Error, Poll, Queue, Selection, Sqs, records};

/// How many messages past their retention one step removes at most.
const EXPIRED_AT_ONCE: usize = 1_000;
/// How many messages one receive moves to the dead-letter queue at most; it then ends with what it has, and who waits goes on in a further step.
const BURIED_AT_ONCE: usize = 1_000;

/// The system attributes that a receive may ask for.
const SYSTEM: [&str; 10] = [
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

pub fn receive(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: ReceiveMessageInput,
) -> Answer<ReceiveMessageOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:ReceiveMessage")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    let wait_secs = wait_secs(queue, input.wait_time_seconds)?;
    let poll = poll_of(queue, step, input)?;
    queue.messages.advance(step.now);
    // Long polls wait for room instead.
    if wait_secs == 0 && !queue.is_fifo() && queue.messages.is_full() {
        return Err(Error::OverLimit);
    }
    if let Some(numbers) = queue.repeated(step, &poll) {
        let messages = numbers.into_iter().map(|number| queue.shape(step, number, &poll)).collect();
        sqs.reschedule(scope, &name);
        return Ok(output(messages).into());
    }
    sqs.active(step.now, (scope, &name));
    let mut messages = sqs.take(step, (scope, &name), &poll);
    if !sqs.fed.is_empty() {
        sqs.serve_fed(step);
        // A queue can be its own dead-letter queue, if by way of others.
        if messages.is_empty() && sqs.queue(scope, &name).is_some_and(|queue| !queue.has_more) {
            messages = sqs.take(step, (scope, &name), &poll);
            sqs.serve_fed(step);
        }
    }
    if !messages.is_empty() || wait_secs == 0 {
        if let Some(queue) = sqs.queue_mut(scope, &name) {
            queue.counters.received(messages.len());
        }
        sqs.reschedule(scope, &name);
        return Ok(output(messages).into());
    }
    let park = step.park();
    let deadline = step.now.after(Duration::from_secs(wait_secs));
    if let Some(queue) = sqs.queue_mut(scope, &name) {
        queue.waiters.wait(Waiter { park, deadline, poll: Arc::new(poll) });
    }
    sqs.parked.insert(park, (scope, name.clone()));
    sqs.reschedule(scope, &name);
    Ok(Reply::Parked(park))
}

fn output(messages: Vec<Received>) -> ReceiveMessageOutput {
    ReceiveMessageOutput { messages: (!messages.is_empty()).then_some(messages) }
}

fn wait_secs(queue: &Queue, asked: Option<i32>) -> Result<u64, Error> {
    match asked {
        None => Ok(u64::from(queue.record.attributes.receive_wait_secs)),
        Some(secs) => u64::try_from(secs).ok().filter(|secs| *secs <= 20).ok_or_else(|| {
            Error::InvalidParameterValue(format!(
                "Value {secs} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
            ))
        }),
    }
}

fn poll_of(queue: &Queue, step: &Step<'_>, input: ReceiveMessageInput) -> Result<Poll, Error> {
    let max = input.max_number_of_messages.unwrap_or(1);
    let max = usize::try_from(max).ok().filter(|max| (1..=10).contains(max)).ok_or_else(|| {
        Error::InvalidParameterValue(format!(
            "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        ))
    })?;
    let visibility = match input.visibility_timeout {
        None => queue.record.attributes.visibility_timeout_secs,
        Some(secs) => super::delete::visibility_secs(secs)?,
    };
    let mut system = input.message_system_attribute_names.unwrap_or_default();
    system.extend(input.attribute_names.unwrap_or_default());
    // Only a service's own call, made on behalf of a resource, carries that resource's ARN.
    let trusted = step.caller.source_arn.is_some();
    let with_traces = trusted && system.iter().any(|name| name == TRACES_ATTRIBUTE);
    system.retain(|name| !(trusted && name == TRACES_ATTRIBUTE));
    if let Some(unknown) = system.iter().find(|name| !SYSTEM.contains(&name.as_str())) {
        return Err(Error::InvalidAttributeName(format!("Unknown Attribute {unknown}.")));
    }
    if let Some(attempt) = input.receive_request_attempt_id.as_deref() {
        super::carried::check_id("ReceiveRequestAttemptId", Some(attempt))?;
        if !queue.is_fifo() {
            return Err(super::fifo::wrong_type(attempt, "ReceiveRequestAttemptId"));
        }
    }
    let wanted = input.message_attribute_names.unwrap_or_default();
    let all = |names: &[String]| names.iter().any(|name| matches!(name.as_str(), "All" | "*" | ".*"));
    Ok(Poll {
        max,
        visibility: Duration::from_secs(u64::from(visibility)),
        attributes: if all(&system) { Selection::All } else { Selection::Some(system) },
        message_attributes: if all(&wanted) { Selection::All } else { Selection::Some(wanted) },
        with_traces,
        attempt: input.receive_request_attempt_id,
        by: match (&step.caller.source_arn, &step.caller.principal) {
            (Some(arn), _) => arn.to_string(),
            (None, Principal::Service(service)) => (*service).to_owned(),
            (None, _) => "consumer".to_owned(),
        },
    })
}

/// A message on its way to the dead-letter queue.
struct DeadLetter {
    content: Content,
    message: Message,
    receives_max: u32,
}

impl Sqs {
    /// Receives up to `poll.max` visible messages; those that were received too often move to the dead-letter queue instead.
    fn take(&mut self, step: &mut Step<'_>, (scope, name): (Scope, &str), poll: &Poll) -> Vec<Received> {
        let redrive = self.queue(scope, name).and_then(|queue| queue.record.attributes.redrive.clone());
        // Without a dead-letter queue to go to, messages stay and are received on.
        let redrive = redrive.filter(|redrive| self.by_arn(&redrive.dead_letter_arn).is_some());
        let receives_max = redrive.as_ref().map(|redrive| redrive.receives_max);
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        let (mut round, mut numbers) = (Round::default(), Vec::new());
        let Some(queue) = self.queue_mut(scope, name) else { return received };
        queue.messages.advance(step.now);
        queue.has_more = false;
        while received.len() < poll.max {
            if dead.len() >= BURIED_AT_ONCE {
                queue.has_more = true;
                break;
            }
            queue.hold_next(step, round);
            match queue.messages.take(&mut round, step.now, poll.visibility, receives_max) {
                Some(Taken::Received(number)) => {
                    queue.write_receives_of(step, number);
                    received.push(queue.shape(step, number, poll));
                    numbers.push(number);
                }
                Some(Taken::Exhausted(number)) => {
                    let content = queue.content(step, number);
                    if let Some(message) = queue.messages.get(number).cloned() {
                        dead.push(DeadLetter { content, message, receives_max: receives_max.unwrap_or(0) });
                    }
                    queue.remove(step, number);
                }
                None => break,
            }
        }
        queue.remember_received(step, poll, &numbers);
        let source = queue.arn.to_string();
        if let Some(redrive) = redrive {
            self.bury(step, &source, &redrive.dead_letter_arn, dead);
        }
        received
    }

    /// Puts exhausted messages into the dead-letter queue. Their ids, attributes, first send and receive count stay, but in a FIFO queue the send, from
    /// which retention counts (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>). Who waits
    /// there is served later in this step, not from here: queues can be each other's dead-letter queue.
    fn bury(&mut self, step: &mut Step<'_>, source: &str, target: &str, dead: Vec<DeadLetter>) {
        if dead.is_empty() {
            return;
        }
        let Some(queue) = self.by_arn(target) else { return };
        let (scope, name, fifo) = (queue.scope, queue.name.clone(), queue.is_fifo());
        for DeadLetter { mut content, message, receives_max } in dead {
            let reason =
                format!("received {} times; the redrive policy allows {receives_max}", message.receive_count);
            step.note(TraceNote {
                traces: content.traces.clone(),
                record: TraceRecord::delivered(step.now, "dead-lettered", source, target)
                    .with_outcome(TraceOutcome::DeadLettered, reason),
            });
            content.dead_letter_source = Some(source.to_owned());
            content.carried_receives = message.receive_count;
            content.visible_at = step.now;
            if fifo {
                content.sent_at = step.now;
            }
            self.put_moved(step, (scope, &name), &content, message.first_received);
        }
        self.fed.push((scope, name));
    }

    /// Adds a message that came from another queue, visible at once.
    pub(crate) fn put_moved(
        &mut self,
        step: &mut Step<'_>,
        (scope, name): (Scope, &str),
        content: &Content,
        first_received: Option<pontoon_core::Timestamp>,
    ) {
        let Some(queue) = self.queue_mut(scope, name) else { return };
        let number = queue.number_message(step);
        step.put(Space::Queue, records::content_key(queue.record.number, number), content.encode());
        let message = Message {
            sent_at: content.sent_at,
            arrived_at: step.now,
            due: step.now,
            first_received,
            last_received: None,
            receive_count: content.carried_receives,
            carried_receives: content.carried_receives,
            place: Place::Visible,
            group: None,
            content: None,
        };
        if content.carried_receives > 0 {
            queue.write_receives(step, number, &message);
        }
        queue.enter(step, number, content.group.as_deref(), message);
        self.active(step.now, (scope, name));
        self.reschedule(scope, name);
    }

    /// Hands visible messages to the long polls that wait, the longest first; then likewise at the dead-letter queues that got messages by it.
    pub(crate) fn serve(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        self.serve_one(step, scope, name);
        self.serve_fed(step);
    }

    /// Ends: every message that moves on has been received by somebody who waited, and nobody begins to wait meanwhile.
    fn serve_fed(&mut self, step: &mut Step<'_>) {
        while let Some((scope, name)) = self.fed.pop() {
            self.serve_one(step, scope, &name);
        }
    }

    fn serve_one(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        loop {
            let Some(queue) = self.queue_mut(scope, name) else { return };
            queue.messages.advance(step.now);
            if queue.messages.peek(Round::default()).is_none() {
                break;
            }
            let Some(poll) = queue.waiters.first().map(|waiter| Arc::clone(&waiter.poll)) else { break };
            let messages = self.take(step, (scope, name), &poll);
            if messages.is_empty() {
                break;
            }
            let Some(queue) = self.queue_mut(scope, name) else { return };
            queue.counters.received(messages.len());
            if let Some(waiter) = queue.waiters.take_first() {
                self.parked.remove(&waiter.park);
                step.unpark(waiter.park, Ok(Box::new(output(messages))));
            }
        }
        self.reschedule(scope, name);
    }

    /// Does what is due for a queue: serves waiters, ends those whose time is over, and removes messages past their retention.
    pub(crate) fn wake(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        let Some(queue) = self.queue_mut(scope, name) else { return };
        queue.forget_recent(step);
        queue.messages.advance(step.now);
        if !queue.expire(step) {
            // The rest goes in further steps, before anybody receives.
            self.reschedule(scope, name);
            return;
        }
        self.serve(step, scope, name);
        while let Some(queue) = self.queue_mut(scope, name)
            && let Some(waiter) = queue.waiters.take_overdue(step.now)
        {
            queue.counters.received(0);
            self.parked.remove(&waiter.park);
            step.unpark(waiter.park, Ok(Box::new(output(Vec::new()))));
        }
        self.reschedule(scope, name);
    }
}

impl Queue {
    /// Removes messages past their retention; whether all of them, or only as many as one step may.
    fn expire(&mut self, step: &mut Step<'_>) -> bool {
        let kept_since = step.now.before(self.retention());
        for _ in 0..EXPIRED_AT_ONCE {
            let Some((since, number)) = self.messages.oldest() else { return true };
            if since > kept_since {
                return true;
            }
            let is_exact = self.messages.get(number).is_some();
            self.hold(step, number);
            if is_exact {
                self.remove(step, number);
            }
        }
        false
    }

    /// A received message as its receiver asked for it; notes the receive in the message's traces.
    fn shape(&self, step: &mut Step<'_>, number: u64, poll: &Poll) -> Received {
        let content = self.content(step, number);
        let (count, first) = self.messages.get(number).map_or((1, step.now), |message| {
            (message.receive_count, message.first_received.unwrap_or(step.now))
        });
        if content.traces.is_some() {
            let mut record = TraceRecord::delivered(step.now, "ReceiveMessage", &*self.arn, &*poll.by);
            record.attempt = count;
            step.note(TraceNote { traces: content.traces.clone(), record });
        }
        let receipt = Receipt { queue: self.record.number, message: number, receive: count };
        let chosen: Vec<_> =
            content.attributes.iter().filter(|a| poll.message_attributes.holds(&a.name)).collect();
        let message_attributes: BTreeMap<String, MessageAttributeValue> =
            chosen.iter().map(|attribute| (attribute.name.clone(), wire_attribute(attribute))).collect();
        let mut attributes = system_attributes(&content, count, first, poll);
        if self.is_fifo() && poll.attributes.holds("SequenceNumber") {
            attributes.insert("SequenceNumber".to_owned(), super::fifo::sequence_number(number));
        }
        Received {
            message_id: Some(pontoon_core::ids::format_uuid(content.id)),
            receipt_handle: Some(receipt.encode()),
            md5_of_body: Some(content.body_md5_hex()),
            md5_of_message_attributes: attributes_md5(chosen.iter().copied()),
            attributes: (!attributes.is_empty()).then_some(attributes),
            message_attributes: (!message_attributes.is_empty()).then_some(message_attributes),
            body: Some(content.body),
        }
    }
}

fn wire_attribute(attribute: &crate::state::message::Attribute) -> MessageAttributeValue {
    let mut value = MessageAttributeValue { data_type: attribute.data_type.clone(), ..Default::default() };
    match &attribute.value {
        AttributeValue::Text(text) => value.string_value = Some(text.clone()),
        AttributeValue::Binary(bytes) => value.binary_value = Some(bytes.clone()),
    }
    value
}

fn system_attributes(
    content: &Content,
    count: u32,
    first: pontoon_core::Timestamp,
    poll: &Poll,
) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    if poll.attributes != Selection::Some(Vec::new()) {
        let known = [
            ("SenderId", Some(content.sender.clone())),
            ("SentTimestamp", Some(content.sent_at.millis().to_string())),
            ("ApproximateReceiveCount", Some(count.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(first.millis().to_string())),
            ("MessageGroupId", content.group.clone()),
            ("MessageDeduplicationId", content.deduplication_id.clone()),
            ("AWSTraceHeader", content.trace_header.clone()),
            ("DeadLetterQueueSourceArn", content.dead_letter_source.clone()),
        ];
        let chosen = known.into_iter().filter(|(name, _)| poll.attributes.holds(name));
        attributes.extend(chosen.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    if poll.with_traces
        && let Some(traces) = &content.traces
    {
        let ids: Vec<String> = traces.iter().map(|id| pontoon_core::ids::format_uuid(id.0)).collect();
        attributes.insert(TRACES_ATTRIBUTE.to_owned(), ids.join(","));
    }
    attributes
}
