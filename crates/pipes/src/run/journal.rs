//! What an execution tells of itself: records are gathered until it ends, and then written to the pipe's log group at once.
//!
//! AWS writes them through its log delivery, which adds the permission that it needs to the log group's policy by itself; here they are written in the
//! account's own name. The stream is Pontoon's choice: one with the pipe's name.

use std::any::Any;

use pontoon_api::invocation::{InvokeApiDestinationInput, InvokeApiDestinationOutput};
use pontoon_api::{lambda, logs};
use pontoon_core::shape::{Output, Request};
use pontoon_core::{ApiError, Arn, Hop, Principal, ServiceId, Settled, Step, Ticket, Timestamp};
use serde_json::{Value, json};

use super::Token;
use super::execution::{Execution, events_of};
use super::target::{Failed, places_in};
use crate::state::event::Event;
use crate::state::log::{Content, LogRecord, list, record};
use crate::{Key, PRINCIPAL, Pipes};

/// Bytes of a PutLogEvents; CloudWatch Logs counts 26 for every event beside its message.
const REQUEST_BYTES_MAX: usize = 1_048_576;
const EVENT_BYTES: usize = 26;

/// The records of an execution.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// `None` as long as nothing is told.
    execution_id: Option<String>,
    records: Vec<(Timestamp, String)>,
    /// What the stage under way was asked, if that is told.
    request: Option<String>,
}

impl Pipes {
    fn log_of(&self, execution: &Execution) -> Option<&LogRecord> {
        self.pipes.get(&execution.key)?.record.log.as_ref()
    }

    /// Tells a step of an execution, if the pipe wants that told. `content` is handed whether it wants the events told too.
    pub(super) fn journal(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        what: &str,
        content: impl FnOnce(&Execution, bool) -> Content,
    ) {
        let Some(execution) = self.executions.get(&id) else { return };
        let Some(log) = self.log_of(execution).filter(|log| log.tells(what)) else { return };
        let has_data = log.has_data();
        let mut content = content(execution, has_data);
        if what.contains("_INVOCATION_") && !what.ends_with("_STARTED") {
            content.request.clone_from(&execution.journal.request);
        }
        let arn = Self::arn(&execution.key);
        let Some(execution) = self.executions.get_mut(&id) else { return };
        let journal = &mut execution.journal;
        let execution_id = journal.execution_id.get_or_insert_with(|| step.ids.uuid());
        let told = record((execution_id, &arn), step.now, what, content);
        journal.records.push((step.now, told));
    }

    /// Whether what the stages of an execution are asked and answer is told.
    pub(super) fn tells_data(&self, id: u64) -> bool {
        let log = self.executions.get(&id).and_then(|execution| self.log_of(execution));
        log.is_some_and(|log| log.group_arn.is_some() && log.has_data())
    }

    /// What a stage answered, if that is told.
    pub(super) fn response_told(&self, id: u64, outcome: &Settled) -> Option<String> {
        let output = outcome.as_ref().ok().filter(|_| self.tells_data(id))?;
        Some(answered(output.as_ref()))
    }

    /// Keeps what a stage is asked until it has answered.
    pub(super) fn journal_request(&mut self, id: u64, request: &dyn Request, inputs: &[String]) {
        if let Some(execution) = self.executions.get_mut(&id) {
            execution.journal.request = Some(asked(request, inputs));
        }
    }

    /// Tells what the enrichment made of a batch.
    pub(super) fn journal_enriched(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        (response, events): (Option<String>, &Result<Vec<Event>, ApiError>),
    ) {
        let Some(execution) = self.executions.get(&id) else { return };
        let enrichment = self.pipes.get(&execution.key).and_then(|pipe| pipe.record.enrichment.clone());
        match events {
            Ok(events) => {
                let invoked = Content { response, ..Content::default() };
                self.journal(step, id, "ENRICHMENT_INVOCATION_SUCCEEDED", |_, _| invoked);
                let texts = events.iter().map(|event| event.text.as_str());
                self.journal(step, id, "ENRICHMENT_STAGE_SUCCEEDED", |_, has_data| {
                    Content::of_events(has_data, texts)
                });
            }
            Err(error) => {
                let content = Content::of_error(error, enrichment.as_deref().unwrap_or_default());
                let invoked = Content { response, ..content.clone() };
                self.journal(step, id, "ENRICHMENT_INVOCATION_FAILED", |_, _| invoked);
                self.journal(step, id, "ENRICHMENT_STAGE_FAILED", |_, _| content);
            }
        }
    }

    /// Tells how the target took a batch.
    pub(super) fn journal_sent(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        failed: &Failed,
        response: Option<String>,
    ) {
        let (outcome, error) = match failed {
            Failed::None => ("SUCCEEDED", None),
            Failed::Some(_, error) => ("PARTIALLY_FAILED", Some(error)),
            Failed::All(error) => ("FAILED", Some(error)),
        };
        let Some(execution) = self.executions.get(&id) else { return };
        let target = self.pipes.get(&execution.key).map(|pipe| pipe.record.target.arn.clone());
        let target = target.unwrap_or_default();
        let content = error.map(|error| Content::of_error(error, &target)).unwrap_or_default();
        let invoked = Content { response, ..content.clone() };
        self.journal(step, id, &format!("TARGET_INVOCATION_{outcome}"), |_, _| invoked);
        self.journal(step, id, &format!("TARGET_STAGE_{outcome}"), |execution, has_data| match error {
            None => events_of(execution, has_data),
            Some(_) => content,
        });
    }

    /// Writes what an execution told.
    pub(super) fn write_journal(&self, step: &mut Step<'_>, key: &Key, journal: Journal) {
        let log = self.pipes.get(key).and_then(|pipe| pipe.record.log.as_ref());
        let Some(arn) = log.and_then(|log| log.group_arn.clone()) else { return };
        if journal.records.is_empty() {
            return;
        }
        let place = Arn::parse(&arn).and_then(|arn| Some((arn.scope()?, arn.log_group()?.to_owned())));
        let Some((to, group)) = place else { return };
        let hop = |step: &mut Step<'_>, request: logs::Request, ticket| {
            let mut caller = step.hop_caller(PRINCIPAL, &Self::arn(key), None);
            caller.principal = Principal::Account(key.0.account);
            let (request, resource) = (Box::new(request), arn.as_str().into());
            step.hop(Hop { to, caller, request, resource, attempt: 1, traced: false, ticket });
        };
        step.scope = key.0;
        let stream = || key.1.clone();
        // It is there already but for the first time, which is no fault.
        let create = logs::CreateLogStreamInput { log_group_name: group.clone(), log_stream_name: stream() };
        hop(step, logs::Request::CreateLogStream(create), None);
        for log_events in requests(journal.records) {
            let input = logs::PutLogEventsInput {
                log_group_name: group.clone(),
                log_stream_name: stream(),
                log_events,
                ..Default::default()
            };
            let token = Box::new(Token::Logged(key.clone()));
            let ticket = Ticket { owner: ServiceId::Pipes, scope: key.0, token };
            hop(step, logs::Request::PutLogEvents(input), Some(ticket));
        }
    }

    /// What was told is in the log group, or the pipe shows why not.
    pub(super) fn journal_written(&mut self, key: &Key, outcome: Settled) {
        if let (Err(error), Some(pipe)) = (outcome, self.pipes.get_mut(key)) {
            pipe.record.reason = Some(format!("The logs of the pipe are lost: {}", error.message));
        }
    }
}

/// Records as events, in as many requests as they need.
fn requests(records: Vec<(Timestamp, String)>) -> Vec<Vec<logs::InputLogEvent>> {
    let mut requests: Vec<Vec<logs::InputLogEvent>> = vec![Vec::new()];
    let mut bytes = 0;
    for (at, message) in records {
        bytes += message.len() + EVENT_BYTES;
        if bytes > REQUEST_BYTES_MAX {
            bytes = message.len() + EVENT_BYTES;
            requests.push(Vec::new());
        }
        let event = logs::InputLogEvent { timestamp: at.millis(), message };
        if let Some(last) = requests.last_mut() {
            last.push(event);
        }
    }
    requests
}

/// A request as it is told: that of an API destination with what is added to its own, of others the action and the events.
fn asked(request: &dyn Request, inputs: &[String]) -> String {
    let any: &dyn Any = request;
    let told = match any.downcast_ref::<InvokeApiDestinationInput>() {
        Some(InvokeApiDestinationInput { arn, parameters, body }) => json!({
            "apiDestination": arn,
            "pathParameterValues": parameters.path_parameter_values,
            "headerParameters": parameters.header_parameters,
            "queryStringParameters": parameters.query_string_parameters,
            "body": body,
        }),
        None => {
            let events: Value =
                serde_json::from_str(&list(inputs.iter().map(String::as_str))).unwrap_or_default();
            json!({ "action": request.operation().name, "events": events })
        }
    };
    told.to_string()
}

/// An answer as it is told: what functions and API destinations returned, and of others what failed.
fn answered(output: &dyn Output) -> String {
    let any = output.as_any();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = if let Some(output) = any.downcast_ref::<InvokeApiDestinationOutput>() {
        json!({ "statusCode": output.status, "body": text(&output.body) })
    } else if let Some(output) = any.downcast_ref::<lambda::InvokeOutput>() {
        let payload = output.payload.as_deref().map(text);
        json!({ "statusCode": output.status_code, "functionError": output.function_error, "payload": payload })
    } else {
        let failed = places_in(any)
            .into_iter()
            .map(|(at, error)| json!({ "event": at, "code": error.code, "message": error.message }));
        json!({ "failed": failed.collect::<Vec<Value>>() })
    };
    told.to_string()
}
