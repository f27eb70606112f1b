//! Asynchronous invocations: accepted into the outbox, attempted, retried, given up.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::work::{FunctionResult, FunctionSpec};
use pontoon_core::{
    GivenUp, Step, Timestamp, TraceId, TraceIds, TraceNote, TraceOutcome, TraceRecord, Verdict,
};
use serde::{Deserialize, Serialize};

use super::{Begin, Purpose};
use crate::Lambda;
use crate::metrics::Metric;
use crate::run::destination::{Outcome, Response};
use crate::state::concurrency::FunctionKey;
use crate::state::name::{LATEST, qualified_arn};

/// An event for a function, as the outbox keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AsyncEvent {
    pub(crate) function: String,
    /// Version or alias that the caller named.
    pub(crate) qualifier: Option<String>,
    /// Stays the same over all attempts, as on AWS (recording `test_request_id_async_invoke_with_retry`).
    pub(crate) request_id: String,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) client_context: Option<String>,
    pub(crate) traces: Vec<TraceId>,
}

impl AsyncEvent {
    pub(crate) fn traces(&self) -> TraceIds {
        (!self.traces.is_empty()).then(|| Arc::from(self.traces.as_slice()))
    }
}

/// Why an event is given up, as `condition` in the record that goes to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
}

impl Condition {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
        }
    }
}

/// Events that wait because their function may not have more invocations under way. They are in the outbox too; a restart makes them due at once.
#[derive(Debug, Default)]
pub(crate) struct Throttled {
    by_function: HashMap<FunctionKey, BTreeSet<u64>>,
    waiting: BTreeMap<u64, (FunctionKey, Timestamp)>,
    expiries: BTreeSet<(Timestamp, u64)>,
}

impl Throttled {
    fn insert(&mut self, id: u64, function: FunctionKey, expires: Timestamp) {
        self.by_function.entry(function.clone()).or_default().insert(id);
        self.waiting.insert(id, (function, expires));
        self.expiries.insert((expires, id));
    }

    fn remove(&mut self, id: u64) {
        if let Some((function, expires)) = self.waiting.remove(&id) {
            self.expiries.remove(&(expires, id));
            if let Some(ids) = self.by_function.get_mut(&function) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_function.remove(&function);
                }
            }
        }
    }

    /// The oldest event that waits for the function.
    pub(crate) fn take_for(&mut self, function: &FunctionKey) -> Option<u64> {
        let id = *self.by_function.get(function)?.first()?;
        self.remove(id);
        Some(id)
    }

    /// When the first event becomes too old.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// An event that has become too old.
    pub(crate) fn take_expired(&mut self, now: Timestamp) -> Option<u64> {
        let (_, id) = *self.expiries.first().filter(|(at, _)| *at <= now)?;
        self.remove(id);
        Some(id)
    }
}

impl Lambda {
    /// Accepts an event: it is in the outbox when the step is durable, and attempted at once.
    pub(crate) fn accept(&mut self, step: &mut Step<'_>, function: &FunctionKey, event: &AsyncEvent) {
        let named = event.qualifier.as_deref();
        let policy = self.invoke_config(function, named).retry_policy();
        self.measure(step, function, named, Metric::AsyncEventsReceived, 1.0);
        let here = std::mem::replace(&mut step.scope, function.0);
        let now = step.now;
        self.outbox.add(step, policy, now, 0, event);
        step.scope = here;
    }

    fn invoke_config(
        &self,
        function: &FunctionKey,
        qualifier: Option<&str>,
    ) -> crate::state::invoke_config::InvokeConfig {
        let configs = self.functions.get(function).map(|function| &function.invoke_configs);
        configs.and_then(|configs| configs.get(qualifier.unwrap_or(LATEST))).cloned().unwrap_or_default()
    }

    /// Tries an event whose attempt is due.
    pub(crate) fn attempt(&mut self, step: &mut Step<'_>, id: u64) {
        let (Some(event), Some(progress)) = (self.outbox.content(step, id), self.outbox.progress(id)) else {
            return;
        };
        let progress = progress.clone();
        step.scope = progress.scope();
        let key = (step.scope, event.function.clone());
        let named = event.qualifier.as_deref();
        let draw = step.ids.below(1_000_000) as f64 / 1_000_000.0;
        let Some(function) = self.functions.get(&key) else {
            // The function was deleted: AWS drops its events.
            self.outbox.done(step, id);
            return;
        };
        if function.reserved_concurrency == Some(0) {
            self.give_up(step, id, Condition::ZeroReservedConcurrency);
            return;
        }
        let Some(resolved) = function.resolve(named, draw) else {
            self.outbox.done(step, id);
            return;
        };
        let spec = function.spec(key.0, resolved);
        let accepted = Timestamp::from_millis(progress.created_millis);
        if self.check_concurrency(&key).is_err() {
            self.measure(step, &key, named, Metric::Throttles, 1.0);
            let expires = accepted.after(Duration::from_millis(progress.policy.age_max_ms));
            self.throttled.insert(id, key, expires.max(step.now.after(Duration::from_millis(1))));
            return;
        }
        let age = step.now.since(accepted).as_millis() as f64;
        self.measure(step, &key, named, Metric::AsyncEventAge, age);
        let begin = Begin {
            function: key,
            spec,
            request_id: event.request_id.clone(),
            traces: event.traces(),
            payload: Bytes::from(event.payload),
            client_context: event.client_context,
            qualifier: event.qualifier,
            purpose: Purpose::Delivery(id),
        };
        self.begin(step, begin);
    }

    /// An event that waited for concurrency has become too old.
    pub(crate) fn expire(&mut self, step: &mut Step<'_>, id: u64) {
        if let Some(progress) = self.outbox.progress(id) {
            step.scope = progress.scope();
            self.give_up(step, id, Condition::EventAgeExceeded);
        }
    }

    /// Gives up an event that no process ever got, or not again.
    fn give_up(&mut self, step: &mut Step<'_>, id: u64, condition: Condition) {
        let Some(event) = self.outbox.content(step, id) else { return };
        let Some(progress) = self.outbox.done(step, id) else { return };
        let outcome = Outcome { event: &event, condition, attempts: progress.attempts, response: None };
        self.dropped(step, &outcome, progress.last_error.as_deref().unwrap_or("Rate Exceeded."));
    }

    /// An attempt has ended.
    pub(crate) fn delivery_ended(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        spec: &FunctionSpec,
        result: &FunctionResult,
    ) {
        let response = Some(Response { executed_version: &spec.version, result });
        if result.function_error.is_none() {
            let Some(event) = self.outbox.content(step, id) else { return };
            let Some(progress) = self.outbox.done(step, id) else { return };
            let outcome = Outcome {
                event: &event,
                condition: Condition::Success,
                attempts: progress.attempts + 1,
                response,
            };
            self.send_outcome(step, &outcome);
            return;
        }
        let reason = error_message(&result.payload);
        match self.outbox.failed(step, id, &reason, true) {
            Some(Verdict::Again(at)) => {
                let Some(event) = self.outbox.content(step, id) else { return };
                let why = format!("{reason}; it is tried again at {at}");
                note(step, &event, TraceOutcome::Retrying, why);
            }
            Some(Verdict::Over(why, progress, event)) => {
                let condition = match why {
                    GivenUp::MaximumEventAge => Condition::EventAgeExceeded,
                    GivenUp::MaximumRetryAttempts | GivenUp::NotRetryable => Condition::RetriesExhausted,
                };
                let outcome = Outcome { event: &event, condition, attempts: progress.attempts, response };
                self.dropped(step, &outcome, &reason);
            }
            None => {}
        }
    }

    /// An event is over without success: dead letter, failure destination, metric and trace.
    fn dropped(&mut self, step: &mut Step<'_>, outcome: &Outcome<'_>, reason: &str) {
        let key = (step.scope, outcome.event.function.clone());
        self.measure(step, &key, outcome.event.qualifier.as_deref(), Metric::AsyncEventsDropped, 1.0);
        let dead_lettered = self.send_dead_letter(step, outcome, reason);
        self.send_outcome(step, outcome);
        let trace = if dead_lettered { TraceOutcome::DeadLettered } else { TraceOutcome::Failed };
        note(step, outcome.event, trace, format!("{}: {reason}", outcome.condition.as_str()));
    }

    /// Where outcomes of the event's function go: success, failure.
    pub(crate) fn destinations(
        &self,
        step: &Step<'_>,
        event: &AsyncEvent,
    ) -> (Option<String>, Option<String>) {
        let config = self.invoke_config(&(step.scope, event.function.clone()), event.qualifier.as_deref());
        (config.on_success, config.on_failure)
    }
}

fn note(step: &mut Step<'_>, event: &AsyncEvent, outcome: TraceOutcome, reason: String) {
    let arn = qualified_arn(step.scope, &event.function, event.qualifier.as_deref());
    let record = TraceRecord::delivered(step.now, "Invoke", "", arn).with_outcome(outcome, reason);
    step.note(TraceNote { traces: event.traces(), record });
}

/// `errorMessage` of an error document, at most a kilobyte of it; the whole document if it has none.
pub(crate) fn error_message(payload: &[u8]) -> String {
    let parsed = serde_json::from_slice::<serde_json::Value>(payload).ok();
    let message = parsed.as_ref().and_then(|document| document.get("errorMessage")?.as_str());
    let text = message.map_or_else(|| String::from_utf8_lossy(payload).into_owned(), str::to_owned);
    let end = text.floor_char_boundary(text.len().min(1024));
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use pontoon_core::Scope;

    use super::*;

    #[test]
    fn throttled_events_leave_in_order_by_room_or_by_age() {
        let key = |name: &str| (Scope::default(), name.to_owned());
        let mut throttled = Throttled::default();
        for (id, name, expires) in [(1, "f", 30), (2, "g", 10), (3, "f", 20)] {
            throttled.insert(id, key(name), Timestamp::from_secs(expires));
        }
        assert_eq!(throttled.next_expiry(), Some(Timestamp::from_secs(10)));
        assert_eq!(throttled.take_expired(Timestamp::from_secs(9)), None);
        assert_eq!(throttled.take_expired(Timestamp::from_secs(10)), Some(2));
        assert_eq!(throttled.take_for(&key("g")), None);
        assert_eq!((throttled.take_for(&key("f")), throttled.take_for(&key("f"))), (Some(1), Some(3)));
        assert_eq!(throttled.next_expiry(), None);
    }

    #[test]
    fn error_messages_are_cut_at_a_character() {
        assert_eq!(error_message(br#"{"errorMessage":"boom","errorType":"E"}"#), "boom");
        assert_eq!(error_message(b"plain"), "plain");
        let long = format!(r#"{{"errorMessage":"{}"}}"#, "é".repeat(1000));
        assert_eq!(error_message(long.as_bytes()).len(), 1024);
    }
}
