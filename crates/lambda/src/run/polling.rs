//! Event source mappings at work: polls, filters, batches, and what the function says of them.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

use std::collections::HashSet;

use bytes::Bytes;
use pontoon_api::sqs;
use pontoon_core::trace::TRACES_ATTRIBUTE;
use pontoon_core::work::FunctionResult;
use pontoon_core::{Arn, Scope, Settled, Step, TraceNote, TraceOutcome, TraceRecord};
use pontoon_source::{Held, Pace, PollWish, held, reported, traces_of_all};
use serde_json::Value;

use super::destination::queue_url;
use super::{Batch, Begin, FunctionHop, FunctionRole, Purpose, Token};
use crate::{Lambda, MappingKey};

/// How many entries a batch request of SQS takes.
const ENTRIES_MAX: usize = 10;

/// Where a queue is, by its ARN: scope and name.
fn queue(arn: &str) -> Option<(Scope, &str)> {
    let arn = Arn::parse(arn)?;
    Some((arn.scope()?, arn.resource))
}

impl Lambda {
    /// Does everything that a mapping can do now: hands out batches, polls, and sets its timer.
    pub(crate) fn advance_mapping(&mut self, step: &mut Step<'_>, key: &MappingKey) {
        let here = std::mem::replace(&mut step.scope, key.0);
        while let Some((function, batch)) = self.next_batch(step, key) {
            self.invoke_batch(step, key, function, batch);
        }
        if let Some(wish) = self.next_poll(step, key) {
            self.poll(step, key, wish);
        }
        self.set_timer(key);
        step.scope = here;
    }

    /// How the mapping may go on now: not at all without a function or room for another invocation.
    fn pace(&self, key: &MappingKey) -> Option<Pace> {
        let mapping = self.mappings.get(key)?;
        let function = (key.0, mapping.config.function.clone());
        let room = self.functions.contains_key(&function) && self.check_concurrency(&function).is_ok();
        let mut pace = mapping.config.pace();
        pace.concurrency = pace.concurrency.min(mapping.poller.under_way() + u32::from(room));
        Some(pace)
    }

    fn next_batch(&mut self, step: &Step<'_>, key: &MappingKey) -> Option<(String, Vec<Held>)> {
        let pace = self.pace(key)?;
        let mapping = self.mappings.get_mut(key)?;
        let batch = mapping.poller.take_batch(pace, step.now)?;
        Some((mapping.config.function.clone(), batch))
    }

    fn next_poll(&mut self, step: &Step<'_>, key: &MappingKey) -> Option<PollWish> {
        let pace = self.pace(key)?;
        self.mappings.get_mut(key)?.poller.poll(pace, step.now)
    }

    fn set_timer(&mut self, key: &MappingKey) {
        let Some(pace) = self.pace(key) else { return };
        let Some(mapping) = self.mappings.get_mut(key) else { return };
        let due = mapping.poller.due(pace);
        if due == mapping.timer {
            return;
        }
        if let Some(at) = mapping.timer.take() {
            self.timers.remove(&(at, key.clone()));
        }
        mapping.timer = due;
        self.timers.extend(due.map(|at| (at, key.clone())));
    }

    fn poll(&mut self, step: &mut Step<'_>, key: &MappingKey, wish: PollWish) {
        let Some(mapping) = self.mappings.get(key) else { return };
        let arn = mapping.config.queue_arn.clone();
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let input = sqs::ReceiveMessageInput {
            queue_url: url_of(step, &arn),
            message_system_attribute_names: names(&["All", TRACES_ATTRIBUTE]),
            message_attribute_names: names(&["All"]),
            max_number_of_messages: i32::try_from(wish.messages_max).ok(),
            wait_time_seconds: i32::try_from(wish.wait_secs).ok(),
            ..sqs::ReceiveMessageInput::default()
        };
        let token = Token::Polled(key.clone(), wish.number, arn.clone());
        let role = self.mapping_role(key);
        self.queue_hop(step, (key, &role), &arn, sqs::Request::ReceiveMessage(input), Some(token));
    }

    /// A poll of the queue has ended.
    pub(crate) fn polled(
        &mut self,
        step: &mut Step<'_>,
        key: &MappingKey,
        (number, queue_arn): (u64, &str),
        outcome: Settled,
    ) {
        let outcome = outcome.map(|output| output.into_any().downcast::<sqs::ReceiveMessageOutput>());
        match (outcome, self.mappings.get_mut(key)) {
            (Ok(Ok(output)), mapping) => {
                if let Some(mapping) = mapping {
                    mapping.config.problem = None;
                }
                let messages = output.messages.unwrap_or_default();
                self.messages_arrived(step, key, (number, queue_arn), messages);
            }
            (Err(error), Some(mapping)) => {
                mapping.config.problem = Some(format!("PROBLEM: {}", error.message));
                mapping.poller.poll_failed(number, step.now);
            }
            (Ok(Err(_)), Some(mapping)) => mapping.poller.poll_failed(number, step.now),
            (_, None) => {}
        }
        self.advance_mapping(step, key);
    }

    /// Filters what a poll gave, and gathers what passes. What nobody waits for any more is shown again at once.
    fn messages_arrived(
        &mut self,
        step: &mut Step<'_>,
        key: &MappingKey,
        (number, queue_arn): (u64, &str),
        messages: Vec<sqs::Message>,
    ) {
        let window_secs = self.mappings.get(key).map_or(0, |mapping| mapping.config.window_secs);
        let arrived: Vec<(Held, Value)> =
            messages.into_iter().map(|message| held(message, queue_arn, window_secs)).collect();
        let pace = self.pace(key);
        let (Some(mapping), Some(pace)) = (self.mappings.get_mut(key), pace) else {
            let held: Vec<Held> = arrived.into_iter().map(|(held, _)| held).collect();
            self.release_messages(step, key, queue_arn, &held);
            return;
        };
        let (passed, filtered): (Vec<_>, Vec<_>) =
            arrived.into_iter().partition(|(_, record)| mapping.filters.pass(record));
        let passed = passed.into_iter().map(|(held, _)| held).collect();
        let given_up = mapping.poller.received(number, passed, pace, step.now);
        for (held, _) in filtered.iter().filter(|(held, _)| held.traces.is_some()) {
            let record = TraceRecord::delivered(step.now, "filter", queue_arn, mapping_arn(key))
                .with_outcome(
                    TraceOutcome::Skipped,
                    "The message matches no filter of the event source mapping and was deleted.",
                );
            step.note(TraceNote { traces: held.traces.clone(), record });
        }
        self.delete_messages(step, key, queue_arn, filtered.iter().map(|(held, _)| held));
        self.release_messages(step, key, queue_arn, &given_up);
    }

    /// Begins the invocation of a batch.
    fn invoke_batch(&mut self, step: &mut Step<'_>, key: &MappingKey, function: String, batch: Vec<Held>) {
        let Some(config) = self.mappings.get(key).map(|mapping| &mapping.config) else { return };
        let (qualifier, queue_arn, reports_failures) =
            (config.qualifier.clone(), config.queue_arn.clone(), config.reports_failures);
        let draw = step.ids.below(1_000_000) as f64 / 1_000_000.0;
        let function = (key.0, function);
        let spec = self.functions.get(&function).and_then(|found| {
            found.resolve(qualifier.as_deref(), draw).map(|resolved| found.spec(function.0, resolved))
        });
        let Some(spec) = spec else {
            // The version or alias is gone: the messages show up again, and in the end in the dead-letter queue.
            self.mapping_batch_over(key);
            return;
        };
        let records: Vec<&str> = batch.iter().map(|held| held.record.as_str()).collect();
        let payload = format!(r#"{{"Records":[{}]}}"#, records.join(","));
        let begin = Begin {
            function,
            qualifier,
            spec,
            request_id: step.ids.uuid(),
            payload: Bytes::from(payload),
            client_context: None,
            traces: traces_of_all(&batch),
            purpose: Purpose::Batch(Batch {
                mapping: key.clone(),
                queue_arn,
                reports_failures,
                messages: batch,
            }),
        };
        self.begin(step, begin);
    }

    fn mapping_batch_over(&mut self, key: &MappingKey) {
        if let Some(mapping) = self.mappings.get_mut(key) {
            mapping.poller.ended();
        }
    }

    /// The function has ended with a batch. What succeeded is deleted; the rest shows up again when its visibility timeout ends.
    pub(crate) fn batch_ended(
        &mut self,
        step: &mut Step<'_>,
        key: &MappingKey,
        (queue_arn, reports_failures): (&str, bool),
        batch: &[Held],
        result: &FunctionResult,
    ) {
        let failed = failed_messages(reports_failures, batch, result);
        let succeeded = batch.iter().filter(|held| !failed.contains(held.message_id.as_str()));
        self.delete_messages(step, key, queue_arn, succeeded);
        self.mapping_batch_over(key);
        self.advance_mapping(step, key);
    }

    /// In whose name the mapping calls its queue.
    fn mapping_role(&self, key: &MappingKey) -> FunctionRole {
        match self.mappings.get(key).map(|mapping| &mapping.config) {
            Some(config) => self.role_of(&(key.0, config.function.clone()), config.qualifier.as_deref()),
            None => FunctionRole { arn: String::new(), function: String::new() },
        }
    }

    fn queue_hop(
        &self,
        step: &mut Step<'_>,
        (key, role): (&MappingKey, &FunctionRole),
        queue_arn: &str,
        request: sqs::Request,
        token: Option<Token>,
    ) {
        let Some((to, _)) = queue(queue_arn) else { return };
        let call = FunctionHop {
            to,
            role: role.clone(),
            source_arn: mapping_arn(key),
            request: Box::new(request),
            resource: queue_arn.into(),
            traces: None,
            traced: false,
            token,
        };
        self.hop(step, call);
    }

    fn delete_messages<'h>(
        &self,
        step: &mut Step<'_>,
        key: &MappingKey,
        queue_arn: &str,
        messages: impl Iterator<Item = &'h Held>,
    ) {
        let entry = |(index, held): (usize, &Held)| sqs::DeleteMessageBatchRequestEntry {
            id: index.to_string(),
            receipt_handle: held.receipt_handle.clone(),
        };
        let entries: Vec<_> = messages.enumerate().map(entry).collect();
        let role = self.mapping_role(key);
        for entries in entries.chunks(ENTRIES_MAX) {
            let input = sqs::DeleteMessageBatchInput {
                queue_url: url_of(step, queue_arn),
                entries: entries.to_vec(),
            };
            let request = sqs::Request::DeleteMessageBatch(input);
            self.queue_hop(step, (key, &role), queue_arn, request, None);
        }
    }

    /// Shows messages again at once that no function will get.
    pub(crate) fn release_messages(
        &self,
        step: &mut Step<'_>,
        key: &MappingKey,
        queue_arn: &str,
        messages: &[Held],
    ) {
        let role = self.mapping_role(key);
        for chunk in messages.chunks(ENTRIES_MAX) {
            let entry = |(index, held): (usize, &Held)| sqs::ChangeMessageVisibilityBatchRequestEntry {
                id: index.to_string(),
                receipt_handle: held.receipt_handle.clone(),
                visibility_timeout: Some(0),
            };
            let input = sqs::ChangeMessageVisibilityBatchInput {
                queue_url: url_of(step, queue_arn),
                entries: chunk.iter().enumerate().map(entry).collect(),
            };
            let request = sqs::Request::ChangeMessageVisibilityBatch(input);
            self.queue_hop(step, (key, &role), queue_arn, request, None);
        }
    }
}

fn url_of(step: &Step<'_>, queue_arn: &str) -> String {
    queue(queue_arn)
        .map(|(scope, name)| queue_url(&step.settings().endpoint, scope, name))
        .unwrap_or_default()
}

/// The mapping's ARN.
pub(crate) fn mapping_arn((scope, uuid): &MappingKey) -> String {
    scope.arn("lambda", format_args!("event-source-mapping:{uuid}"))
}

/// The ids of the messages that the function failed: none, some that it reports, or all. A report with an unknown id, or that is none, fails all.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
fn failed_messages<'h>(reports: bool, batch: &'h [Held], result: &FunctionResult) -> HashSet<&'h str> {
    let all = || batch.iter().map(|held| held.message_id.as_str()).collect();
    if result.function_error.is_some() {
        return all();
    }
    if !reports {
        return HashSet::new();
    }
    reported(batch, &result.payload).unwrap_or_else(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> Held {
        Held { message_id: id.to_owned(), receipt_handle: String::new(), record: String::new(), traces: None }
    }

    fn result(payload: &str, failed: bool) -> FunctionResult {
        FunctionResult {
            payload: Bytes::from(payload.to_owned()),
            function_error: failed.then_some("Unhandled"),
            ..FunctionResult::default()
        }
    }

    #[test]
    fn partial_batch_responses_fail_what_they_name_and_everything_if_malformed() {
        let batch = [named("1"), named("2")];
        for (payload, failed) in [
            ("null", vec![]),
            ("", vec![]),
            ("{}", vec![]),
            (r#"{"batchItemFailures":null}"#, vec![]),
            (r#"{"batchItemFailures":[]}"#, vec![]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#, vec!["2"]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#, vec!["1", "2"]),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, vec!["1", "2"]),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, vec!["1", "2"]),
            (r#"{"batchItemFailures":[{"foo":"notvalid"}]}"#, vec!["1", "2"]),
            (r#"{"batchItemFailures":"x"}"#, vec!["1", "2"]),
            (r#""text""#, vec!["1", "2"]),
            ("not json", vec!["1", "2"]),
        ] {
            let mut got: Vec<_> =
                failed_messages(true, &batch, &result(payload, false)).into_iter().collect();
            got.sort_unstable();
            assert_eq!(got, failed, "{payload}");
        }
        assert!(failed_messages(false, &batch, &result("anything", false)).is_empty());
        assert_eq!(failed_messages(false, &batch, &result("{}", true)).len(), 2);
    }
}
