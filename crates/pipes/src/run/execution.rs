//! A batch on its way: through the enrichment to the target, and what becomes of its messages.

use std::collections::HashSet;

use pontoon_api::invocation::InvokeApiDestinationOutput;
use pontoon_api::lambda;
use pontoon_core::shape::{Output, Request};
use pontoon_core::{
    ApiError, Destination, Scope, Settled, Step, Timestamp, TraceIds, TraceNote, TraceOutcome, TraceRecord,
};
use pontoon_source::{Held, traces_of_all};

use super::journal::Journal;
use super::target::{Failed, destination_of, failed_in, function_error, invocation};
use super::{Call, Token};
use crate::metrics::Metric;
use crate::state::event::Event;
use crate::state::log::Content;
use crate::state::pipe::PipeRecord;
use crate::state::template::Context;
use crate::{Key, Pipes};

/// A batch on its way. At each stage it goes on by the pipe as it is then.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) key: Key,
    messages: Vec<Held>,
    pub(super) events: Vec<Event>,
    /// Whether the events are what an enrichment made of the messages.
    is_enriched: bool,
    begun: Timestamp,
    stage_begun: Timestamp,
    pub(super) journal: Journal,
}

impl Execution {
    fn traces(&self) -> TraceIds {
        traces_of_all(&self.messages)
    }
}

impl Pipes {
    /// Begins with a batch.
    pub(super) fn execute(&mut self, step: &mut Step<'_>, key: &Key, messages: Vec<Held>) {
        self.tell(step.now, key, Metric::Invocations, 1.0);
        self.tell(step.now, key, Metric::EventCount, messages.len() as f64);
        for held in &messages {
            self.tell(step.now, key, Metric::EventSize, held.record.len() as f64);
        }
        let events = messages.iter().map(Event::of_message).collect();
        let (begun, id) = (step.now, self.next_execution);
        self.next_execution += 1;
        let execution = Execution {
            key: key.clone(),
            messages,
            events,
            is_enriched: false,
            begun,
            stage_begun: begun,
            journal: Journal::default(),
        };
        self.executions.insert(id, execution);
        self.tell_concurrency(step.now, key);
        self.journal(step, id, "EXECUTION_STARTED", events_of);
        if self.pipes.get(key).is_some_and(|pipe| pipe.record.enrichment.is_some()) {
            self.enrich(step, id);
        } else {
            self.send(step, id);
        }
    }

    /// Enters a stage: its inputs are the events, each by the template if there is one.
    fn enter(&mut self, step: &mut Step<'_>, id: u64, stage: Stage) -> Vec<String> {
        self.journal(step, id, stage.entered(), nothing);
        let (inputs, is_made) = self.inputs(step, id, stage);
        if is_made {
            let (started, succeeded) = stage.transformation();
            self.journal(step, id, started, nothing);
            self.journal(step, id, succeeded, |_, has_data| {
                Content::of_events(has_data, inputs.iter().map(String::as_str))
            });
        }
        self.journal(step, id, stage.invocation(), nothing);
        inputs
    }

    /// The inputs of a stage, and whether a template made them.
    fn inputs(&self, step: &Step<'_>, id: u64, stage: Stage) -> (Vec<String>, bool) {
        let Some(execution) = self.executions.get(&id) else { return (Vec::new(), false) };
        let Some(pipe) = self.pipes.get(&execution.key) else { return (Vec::new(), false) };
        let template = match stage {
            Stage::Enrichment => &pipe.enrichment_template,
            Stage::Target => &pipe.target_template,
        };
        let (arn, now) = (Self::arn(&execution.key), step.now.iso_millis());
        let context = Context {
            pipe_arn: &arn,
            pipe_name: &execution.key.1,
            source_arn: &pipe.record.source,
            enrichment_arn: pipe.record.enrichment.as_deref().unwrap_or_default(),
            target_arn: &pipe.record.target.arn,
            ingestion_time: &now,
        };
        let fill = |event: &Event| match template {
            Some(template) => template.fill(event, context),
            None => event.text.clone(),
        };
        (execution.events.iter().map(fill).collect(), template.is_some())
    }

    fn enrich(&mut self, step: &mut Step<'_>, id: u64) {
        let inputs = self.enter(step, id, Stage::Enrichment);
        let told = self.tells_data(id).then(|| inputs.clone());
        let Some(execution) = self.executions.get(&id) else { return };
        let Some(pipe) = self.pipes.get(&execution.key) else { return };
        let resource = pipe.record.enrichment.as_deref().unwrap_or_default().into();
        let request = enrichment(&pipe.record, &execution.events, inputs);
        let (key, role, traces) = (execution.key.clone(), pipe.record.role_arn.clone(), execution.traces());
        let asked = request.and_then(|(to, request)| {
            if let Some(inputs) = told {
                self.journal_request(id, request.as_ref(), &inputs);
            }
            let token = Some(Token::Enriched(id));
            self.hop(step, &key, &role, Call { to, request, resource, traces, traced: true, token })
        });
        if let Err(error) = asked {
            self.enriched(step, id, Err(error));
        }
    }

    /// The enrichment has answered.
    pub(super) fn enriched(&mut self, step: &mut Step<'_>, id: u64, outcome: Settled) {
        let Some(execution) = self.executions.get_mut(&id) else { return };
        let took = step.now.since(std::mem::replace(&mut execution.stage_begun, step.now)).as_secs_f64();
        let key = execution.key.clone();
        let response = self.response_told(id, &outcome);
        let events = outcome.and_then(|output| enriched_to(output.as_ref()));
        self.journal_enriched(step, id, (response, &events));
        self.tell(step.now, &key, Metric::EnrichmentStageDuration, took * 1000.0);
        self.tell(step.now, &key, Metric::EnrichmentStageFailed, f64::from(u8::from(events.is_err())));
        match events {
            Err(error) => {
                let message = format!("The enrichment failed: {}", error.message);
                self.end(step, id, Failed::All(ApiError { message, ..error }));
            }
            Ok(events) if events.is_empty() => {
                self.tell(step.now, &key, Metric::TargetStageSkipped, 1.0);
                self.journal(step, id, "TARGET_STAGE_SKIPPED", nothing);
                self.end(step, id, Failed::None);
            }
            Ok(events) => {
                if let Some(execution) = self.executions.get_mut(&id) {
                    (execution.events, execution.is_enriched) = (events, true);
                }
                self.send(step, id);
            }
        }
    }

    fn send(&mut self, step: &mut Step<'_>, id: u64) {
        let inputs = self.enter(step, id, Stage::Target);
        let told = self.tells_data(id).then(|| inputs.clone());
        let Some(execution) = self.executions.get(&id) else { return };
        let Some(pipe) = self.pipes.get(&execution.key) else { return };
        let (key, role, traces) = (execution.key.clone(), pipe.record.role_arn.clone(), execution.traces());
        let resource = pipe.record.target.arn.as_str().into();
        let request = super::target::request(step, &key, &pipe.record, &execution.events, inputs);
        let sent = request.and_then(|(to, request)| {
            if let Some(inputs) = told {
                self.journal_request(id, request.as_ref(), &inputs);
            }
            let token = Some(Token::Sent(id));
            self.hop(step, &key, &role, Call { to, request, resource, traces, traced: true, token })
        });
        if let Err(error) = sent {
            self.sent(step, id, Err(error));
        }
    }

    /// The target has answered.
    pub(super) fn sent(&mut self, step: &mut Step<'_>, id: u64, outcome: Settled) {
        let Some(execution) = self.executions.get(&id) else { return };
        let key = execution.key.clone();
        let response = self.response_told(id, &outcome);
        let failed = match outcome {
            Ok(output) => failed_in(output, &execution.messages, execution.is_enriched),
            Err(error) => Failed::All(error),
        };
        let took = step.now.since(execution.stage_begun).as_secs_f64() * 1000.0;
        let flag = |is: bool| f64::from(u8::from(is));
        self.tell(step.now, &key, Metric::TargetStageDuration, took);
        self.tell(step.now, &key, Metric::TargetStageFailed, flag(matches!(failed, Failed::All(_))));
        let partially = matches!(failed, Failed::Some(..));
        self.tell(step.now, &key, Metric::TargetStagePartiallyFailed, flag(partially));
        self.journal_sent(step, id, &failed, response);
        self.end(step, id, failed);
    }

    /// An execution has ended. What succeeded is deleted; the rest shows up again when its visibility timeout ends.
    fn end(&mut self, step: &mut Step<'_>, id: u64, failed: Failed) {
        self.journal(step, id, ended(&failed), |_, _| match &failed {
            Failed::None => Content::default(),
            Failed::Some(_, error) | Failed::All(error) => Content::of_error(error, ""),
        });
        let Some(execution) = self.executions.remove(&id) else { return };
        let Execution { key, messages, begun, journal, .. } = execution;
        self.write_journal(step, &key, journal);
        let flag = |is: bool| f64::from(u8::from(is));
        self.tell(step.now, &key, Metric::Duration, step.now.since(begun).as_secs_f64() * 1000.0);
        self.tell(step.now, &key, Metric::ExecutionFailed, flag(matches!(failed, Failed::All(_))));
        self.tell(step.now, &key, Metric::ExecutionPartiallyFailed, flag(matches!(failed, Failed::Some(..))));
        self.tell(
            step.now,
            &key,
            Metric::ExecutionThrottled,
            flag(failed.why_all().is_some_and(is_throttled)),
        );
        self.tell(step.now, &key, Metric::ExecutionTimeout, flag(failed.why_all().is_some_and(is_timeout)));
        let (lost, why): (HashSet<usize>, String) = match &failed {
            Failed::None => (HashSet::new(), String::new()),
            Failed::All(why) => ((0..messages.len()).collect(), why.to_string()),
            Failed::Some(positions, why) => (positions.iter().copied().collect(), why.to_string()),
        };
        let note = |step: &mut Step<'_>, held: &Held| {
            let why = format!("{why}; the message shows up again in its queue");
            let record = TraceRecord::delivered(step.now, "pipe", Self::arn(&key), held.message_id.as_str());
            let record = record.with_outcome(TraceOutcome::Retrying, why);
            step.note(TraceNote { traces: held.traces.clone(), record });
        };
        messages
            .iter()
            .enumerate()
            .filter(|(at, _)| lost.contains(at))
            .for_each(|(_, held)| note(step, held));
        let succeeded = messages.iter().enumerate().filter(|(at, _)| !lost.contains(at));
        let succeeded: Vec<Held> = succeeded.map(|(_, held)| held.clone()).collect();
        let Some(pipe) = self.pipes.get_mut(&key) else { return };
        let (source, role) = (pipe.record.source.clone(), pipe.record.role_arn.clone());
        pipe.poller.ended();
        self.delete_messages(step, &key, (&source, &role), &succeeded);
        self.go_on(step, &key);
    }
}

/// The two stages of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Enrichment,
    Target,
}

impl Stage {
    const fn entered(self) -> &'static str {
        match self {
            Self::Enrichment => "ENRICHMENT_STAGE_ENTERED",
            Self::Target => "TARGET_STAGE_ENTERED",
        }
    }

    /// Begun, and done.
    const fn transformation(self) -> (&'static str, &'static str) {
        match self {
            Self::Enrichment => ("ENRICHMENT_TRANSFORMATION_STARTED", "ENRICHMENT_TRANSFORMATION_SUCCEEDED"),
            Self::Target => ("TARGET_TRANSFORMATION_STARTED", "TARGET_TRANSFORMATION_SUCCEEDED"),
        }
    }

    const fn invocation(self) -> &'static str {
        match self {
            Self::Enrichment => "ENRICHMENT_INVOCATION_STARTED",
            Self::Target => "TARGET_INVOCATION_STARTED",
        }
    }
}

/// What a step says that is only told of.
fn nothing(_: &Execution, _: bool) -> Content {
    Content::default()
}

/// The events of an execution, if they are wanted.
pub(super) fn events_of(execution: &Execution, are_wanted: bool) -> Content {
    Content::of_events(are_wanted, execution.events.iter().map(|event| event.text.as_str()))
}

/// The last step of an execution.
fn ended(failed: &Failed) -> &'static str {
    match failed {
        Failed::None => "EXECUTION_SUCCEEDED",
        Failed::Some(..) => "EXECUTION_PARTIALLY_FAILED",
        Failed::All(error) if is_throttled(error) => "EXECUTION_THROTTLED",
        Failed::All(error) if is_timeout(error) => "EXECUTION_TIMEOUT",
        Failed::All(_) => "EXECUTION_FAILED",
    }
}

/// The one call that takes all events to the enrichment.
fn enrichment(
    pipe: &PipeRecord,
    events: &[Event],
    inputs: Vec<String>,
) -> Result<(Scope, Box<dyn Request>), ApiError> {
    let arn = pipe.enrichment.as_deref().unwrap_or_default();
    match destination_of(arn, inputs.len())? {
        Destination::Function(to, function_name, qualifier) => {
            let request = lambda::Request::Invoke(lambda::InvokeInput {
                function_name,
                qualifier,
                payload: Some(format!("[{}]", inputs.join(",")).into()),
                ..Default::default()
            });
            Ok((to, Box::new(request)))
        }
        Destination::Api(to, ..) => {
            Ok((to, Box::new(invocation(arn, pipe.enrichment_http.as_ref(), events, inputs))))
        }
        _ => unreachable!("only functions and API destinations enrich"),
    }
}

/// What an enrichment answered.
fn enriched_to(output: &dyn Output) -> Result<Vec<Event>, ApiError> {
    let any = output.as_any();
    if let Some(output) = any.downcast_ref::<InvokeApiDestinationOutput>() {
        return Ok(Event::of_enrichment(&output.body));
    }
    let output = any.downcast_ref::<lambda::InvokeOutput>();
    let payload = output.and_then(|output| output.payload.as_deref()).unwrap_or_default();
    match output.and_then(|output| output.function_error.as_deref()) {
        Some(kind) => Err(function_error(kind, payload)),
        None => Ok(Event::of_enrichment(payload)),
    }
}

/// Whether something was called more often than it takes.
fn is_throttled(error: &ApiError) -> bool {
    error.status == 429 || error.code.contains("Throttl") || error.code.contains("TooManyRequests")
}

/// Whether something did not answer in time.
fn is_timeout(error: &ApiError) -> bool {
    error.code == "Timeout"
}
