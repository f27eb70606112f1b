//! Pipes at work: checks and states, polls, and batches on their way.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html>

mod execution;
mod journal;
mod target;

use std::sync::Arc;

use pontoon_api::sqs;
use pontoon_core::policy::Assuming;
use pontoon_core::shape::Request;
use pontoon_core::trace::TRACES_ATTRIBUTE;
use pontoon_core::{
    ApiError, Arn, Hop, PolicyMode, Scope, ServiceId, Settled, Step, Ticket, TraceIds, TraceNote,
    TraceOutcome, TraceRecord,
};
use pontoon_source::{Held, PollWish, held};

pub(crate) use execution::Execution;

use crate::state::pipe::{Pipe, State};
use crate::{Key, PRINCIPAL, Pipes};

/// How many entries a batch request of SQS takes.
const ENTRIES_MAX: usize = 10;

/// What a hop's outcome is handed back with.
pub(crate) enum Token {
    /// The check of a pipe, by its serial number: whether its queue is there.
    Checked(Key, u64),
    /// A poll of a pipe with this serial number, with its own number and the queue.
    Polled(Key, u64, u64, String),
    /// The enrichment of an execution.
    Enriched(u64),
    /// The target of an execution.
    Sent(u64),
    /// What an execution of a pipe told of itself.
    Logged(Key),
}

/// A call in a pipe's role.
pub(crate) struct Call {
    to: Scope,
    request: Box<dyn Request>,
    /// What is called, for the trace.
    resource: Arc<str>,
    traces: TraceIds,
    traced: bool,
    token: Option<Token>,
}

/// Takes back a pipe's poll that waits. Returns what was gathered, which is to be shown again.
pub(crate) fn stop_polling(step: &mut Step<'_>, key: &Key, pipe: &mut Pipe) -> Vec<Held> {
    let own = key.clone();
    step.withdraw(ServiceId::Pipes, move |token| matches!(token, Token::Polled(of, ..) if *of == own));
    pipe.poller.stop()
}

impl Pipes {
    /// ARN of a pipe.
    pub(crate) fn arn((scope, name): &Key) -> String {
        scope.arn("pipes", format_args!("pipe/{name}"))
    }

    /// Calls another service in the role of a pipe.
    ///
    /// # Errors
    /// If policies are enforced and the role cannot be assumed.
    pub(crate) fn hop(
        &self,
        step: &mut Step<'_>,
        key: &Key,
        role_arn: &str,
        call: Call,
    ) -> Result<(), ApiError> {
        let Call { to, request, resource, traces, traced, token } = call;
        let (arn, role) = (Self::arn(key), (self.roles)(role_arn));
        step.scope = key.0;
        let assuming = Assuming {
            service: PRINCIPAL,
            role: role_arn,
            source_arn: &arn,
            resource: &arn,
            session: &key.1,
        };
        if let Some(denial) = assuming.denied(step, role.as_ref()) {
            if step.settings().policies == PolicyMode::Enforce {
                return Err(ApiError::client("AccessDeniedException", denial.message).with_status(403));
            }
            if traced {
                let record = TraceRecord::delivered(step.now, "AssumeRole", PRINCIPAL, role_arn);
                let why = format!("AWS would have denied this: {}", denial.message);
                let record = TraceRecord { reason: Some(why), ..record };
                step.note(TraceNote { traces: traces.clone(), record });
            }
        }
        let caller = assuming.caller(step, role.as_ref(), traces);
        let ticket =
            token.map(|token| Ticket { owner: ServiceId::Pipes, scope: key.0, token: Box::new(token) });
        step.hop(Hop { to, caller, request, resource, attempt: 1, traced, ticket });
        Ok(())
    }

    /// Takes up how a hop of ours ended.
    pub(crate) fn hop_ended(&mut self, step: &mut Step<'_>, token: Token, outcome: Settled) {
        match token {
            Token::Checked(key, serial) => self.checked(step, &key, serial, outcome.err()),
            Token::Polled(key, serial, number, queue) => {
                self.polled(step, &key, (serial, number, &queue), outcome);
            }
            Token::Enriched(id) => self.enriched(step, id, outcome),
            Token::Sent(id) => self.sent(step, id, outcome),
            Token::Logged(key) => self.journal_written(&key, outcome),
        }
    }

    /// Does what a pipe has to do of itself.
    pub(crate) fn go_on(&mut self, step: &mut Step<'_>, key: &Key) {
        let Some(pipe) = self.pipes.get_mut(key) else { return };
        match pipe.record.state {
            State::Creating | State::Updating | State::Starting => self.check(step, key),
            State::Stopping if pipe.poller.under_way() == 0 => {
                self.become_state(step, key, State::Stopped, None)
            }
            State::Deleting if pipe.poller.under_way() == 0 => self.remove(step, key),
            _ => self.advance(step, key),
        }
        self.set_timer(key);
    }

    /// Asks whether the queue is there and may be read.
    fn check(&mut self, step: &mut Step<'_>, key: &Key) {
        let Some(pipe) = self.pipes.get_mut(key) else { return };
        pipe.is_checking = true;
        let (serial, role) = (pipe.record.serial, pipe.record.role_arn.clone());
        let Some(to) = pipe.queue().map(|(scope, _)| scope) else { return };
        let input = sqs::GetQueueAttributesInput { queue_url: queue_url(step, pipe), ..Default::default() };
        let call = Call {
            to,
            request: Box::new(sqs::Request::GetQueueAttributes(input)),
            resource: pipe.record.source.as_str().into(),
            traces: None,
            traced: false,
            token: Some(Token::Checked(key.clone(), serial)),
        };
        if let Err(error) = self.hop(step, key, &role, call) {
            self.checked(step, key, serial, Some(error));
        }
    }

    fn checked(&mut self, step: &mut Step<'_>, key: &Key, serial: u64, error: Option<ApiError>) {
        let Some(pipe) = self.pipes.get_mut(key).filter(|pipe| pipe.record.serial == serial) else { return };
        pipe.is_checking = false;
        let (state, wanted) = (pipe.record.state, pipe.record.is_wanted);
        if !matches!(state, State::Creating | State::Updating | State::Starting) {
            return;
        }
        match error {
            Some(error) => self.become_state(step, key, state.failed(), Some(error.message)),
            None if wanted => self.become_state(step, key, State::Running, None),
            None => self.become_state(step, key, State::Stopped, None),
        }
    }

    fn become_state(&mut self, step: &mut Step<'_>, key: &Key, state: State, reason: Option<String>) {
        let Some(mut pipe) = self.pipes.remove(key) else { return };
        if let Some(at) = pipe.timer.take() {
            self.timers.remove(&(at, key.clone()));
        }
        pipe.record.state = state;
        pipe.record.reason = reason;
        self.keep(step, key, pipe);
        self.advance(step, key);
    }

    /// Does everything that a running pipe can do now: hands out batches, polls, and sets its timer.
    pub(crate) fn advance(&mut self, step: &mut Step<'_>, key: &Key) {
        step.scope = key.0;
        while let Some(batch) = self.next_batch(step, key) {
            self.execute(step, key, batch);
        }
        let wish = self.pipes.get_mut(key).and_then(|pipe| pipe.poller.poll(pipe.pace(), step.now));
        if let Some(wish) = wish {
            self.poll(step, key, wish);
        }
        self.set_timer(key);
    }

    fn next_batch(&mut self, step: &Step<'_>, key: &Key) -> Option<Vec<Held>> {
        let pipe = self.pipes.get_mut(key)?;
        pipe.poller.take_batch(pipe.pace(), step.now)
    }

    fn poll(&mut self, step: &mut Step<'_>, key: &Key, wish: PollWish) {
        let Some(pipe) = self.pipes.get(key) else { return };
        let Some((to, _)) = pipe.queue() else { return };
        let (serial, source, role) =
            (pipe.record.serial, pipe.record.source.clone(), pipe.record.role_arn.clone());
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let input = sqs::ReceiveMessageInput {
            queue_url: queue_url(step, pipe),
            message_system_attribute_names: names(&["All", TRACES_ATTRIBUTE]),
            message_attribute_names: names(&["All"]),
            max_number_of_messages: i32::try_from(wish.messages_max).ok(),
            wait_time_seconds: i32::try_from(wish.wait_secs).ok(),
            ..Default::default()
        };
        let call = Call {
            to,
            request: Box::new(sqs::Request::ReceiveMessage(input)),
            resource: source.as_str().into(),
            traces: None,
            traced: false,
            token: Some(Token::Polled(key.clone(), serial, wish.number, source)),
        };
        if let Err(error) = self.hop(step, key, &role, call) {
            self.poll_failed(step, key, wish.number, error);
        }
    }

    /// A poll failed; it is made again later. The reason is shown until then.
    fn poll_failed(&mut self, step: &mut Step<'_>, key: &Key, number: u64, error: ApiError) {
        if let Some(pipe) = self.pipes.get_mut(key) {
            pipe.record.reason = Some(error.message);
            pipe.poller.poll_failed(number, step.now);
        }
    }

    /// A poll has ended. What nobody waits for any more is shown again at once.
    fn polled(
        &mut self,
        step: &mut Step<'_>,
        key: &Key,
        (serial, number, queue): (u64, u64, &str),
        outcome: Settled,
    ) {
        let is_current = self.pipes.get(key).is_some_and(|pipe| pipe.record.serial == serial);
        let output = outcome.map(|output| output.into_any().downcast::<sqs::ReceiveMessageOutput>());
        match output {
            Ok(Ok(output)) => {
                let messages = output.messages.unwrap_or_default();
                let window_secs = self.pipes.get(key).and_then(|pipe| pipe.record.window_secs).unwrap_or(0);
                let arrived: Vec<_> =
                    messages.into_iter().map(|message| held(message, queue, window_secs)).collect();
                self.messages_arrived(step, key, (is_current, number, queue), arrived);
            }
            Err(error) if is_current => self.poll_failed(step, key, number, error),
            // The pipe is gone, or another by now.
            _ => {}
        }
        self.advance(step, key);
    }

    fn messages_arrived(
        &mut self,
        step: &mut Step<'_>,
        key: &Key,
        (is_current, number, queue): (bool, u64, &str),
        arrived: Vec<(Held, serde_json::Value)>,
    ) {
        let Some(pipe) = self.pipes.get_mut(key) else {
            // They show up again when their visibility timeout ends: there is no role left to show them again at once.
            return;
        };
        if !is_current || pipe.record.state != State::Running {
            let (role, arrived) = (pipe.record.role_arn.clone(), arrived.into_iter().map(|(held, _)| held));
            let arrived: Vec<Held> = arrived.collect();
            self.release_messages(step, key, (queue, &role), &arrived);
            return;
        }
        pipe.record.reason = None;
        let role = pipe.record.role_arn.clone();
        let (passed, filtered): (Vec<_>, Vec<_>) =
            arrived.into_iter().partition(|(_, record)| pipe.filters.pass(record));
        let passed = passed.into_iter().map(|(held, _)| held).collect();
        let given_back = pipe.poller.received(number, passed, pipe.pace(), step.now);
        for (held, _) in filtered.iter().filter(|(held, _)| held.traces.is_some()) {
            let record = TraceRecord::delivered(step.now, "filter", queue, Self::arn(key)).with_outcome(
                TraceOutcome::Skipped,
                "The message matches no filter of the pipe and was deleted.",
            );
            step.note(TraceNote { traces: held.traces.clone(), record });
        }
        let filtered: Vec<Held> = filtered.into_iter().map(|(held, _)| held).collect();
        self.delete_messages(step, key, (queue, &role), &filtered);
        self.release_messages(step, key, (queue, &role), &given_back);
    }

    /// Deletes messages for good.
    fn delete_messages(&self, step: &mut Step<'_>, key: &Key, of: (&str, &str), messages: &[Held]) {
        for chunk in messages.chunks(ENTRIES_MAX) {
            let entry = |(index, held): (usize, &Held)| sqs::DeleteMessageBatchRequestEntry {
                id: index.to_string(),
                receipt_handle: held.receipt_handle.clone(),
            };
            let entries = chunk.iter().enumerate().map(entry).collect();
            let input = sqs::DeleteMessageBatchInput { queue_url: url_of(step, of.0), entries };
            self.queue_hop(step, key, of, sqs::Request::DeleteMessageBatch(input));
        }
    }

    /// Shows messages again at once that go nowhere.
    pub(crate) fn release_messages(
        &self,
        step: &mut Step<'_>,
        key: &Key,
        of: (&str, &str),
        messages: &[Held],
    ) {
        for chunk in messages.chunks(ENTRIES_MAX) {
            let entry = |(index, held): (usize, &Held)| sqs::ChangeMessageVisibilityBatchRequestEntry {
                id: index.to_string(),
                receipt_handle: held.receipt_handle.clone(),
                visibility_timeout: Some(0),
            };
            let entries = chunk.iter().enumerate().map(entry).collect();
            let input = sqs::ChangeMessageVisibilityBatchInput { queue_url: url_of(step, of.0), entries };
            self.queue_hop(step, key, of, sqs::Request::ChangeMessageVisibilityBatch(input));
        }
    }

    fn queue_hop(&self, step: &mut Step<'_>, key: &Key, (queue, role): (&str, &str), request: sqs::Request) {
        let Some(to) = Arn::parse(queue).and_then(|arn| arn.scope()) else { return };
        let (request, resource) = (Box::new(request), queue.into());
        let call = Call { to, request, resource, traces: None, traced: false, token: None };
        // Where the role cannot be assumed the messages show up again when their visibility timeout ends.
        drop(self.hop(step, key, role, call));
    }
}

fn queue_url(step: &Step<'_>, pipe: &Pipe) -> String {
    url_of(step, &pipe.record.source)
}

fn url_of(step: &Step<'_>, queue_arn: &str) -> String {
    let arn = Arn::parse(queue_arn);
    let place = arn.map(|arn| format!("{}/{}/{}", step.settings().endpoint, arn.account, arn.resource));
    place.unwrap_or_default()
}
