//! What targets are asked, and which events they failed.

use std::any::Any;

use pontoon_api::invocation::InvokeApiDestinationInput;
use pontoon_api::{events, lambda, logs, sns, sqs};
use pontoon_core::shape::{Output, Request};
use pontoon_core::{ApiError, Destination, Scope, Step, Timestamp};
use pontoon_source::{Held, reported};
use serde_json::Value;

use crate::Key;
use crate::state::event::Event;
use crate::state::pipe::PipeRecord;
use crate::state::target::{BusParameters, HttpRecord, LogParameters, TargetRecord, batch_max, destination};

/// Which messages of a batch failed, and why.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// None.
    None,
    /// These, by their places in the batch.
    Some(Vec<usize>, ApiError),
    /// All.
    All(ApiError),
}

impl Failed {
    /// Why all failed.
    pub(super) fn why_all(&self) -> Option<&ApiError> {
        if let Self::All(why) = self { Some(why) } else { None }
    }
}

/// The one call that takes all events to the target.
pub(super) fn request(
    step: &Step<'_>,
    key: &Key,
    pipe: &PipeRecord,
    events: &[Event],
    inputs: Vec<String>,
) -> Result<(Scope, Box<dyn Request>), ApiError> {
    let target = &pipe.target;
    Ok(match destination_of(&target.arn, inputs.len())? {
        Destination::Queue(to, name) => {
            let queue_url = format!("{}/{}/{name}", step.settings().endpoint, to.account);
            let entries = events.iter().zip(inputs).enumerate();
            let entries = entries.map(|(at, (event, body))| queue_entry(target, at, event, body)).collect();
            (to, Box::new(sqs::Request::SendMessageBatch(sqs::SendMessageBatchInput { queue_url, entries })))
        }
        Destination::Topic(to) => {
            let entry = |(at, message): (usize, String)| sns::PublishBatchRequestEntry {
                id: at.to_string(),
                message,
                ..Default::default()
            };
            let entries = inputs.into_iter().enumerate().map(entry).collect();
            let input = sns::PublishBatchInput {
                topic_arn: target.arn.clone(),
                publish_batch_request_entries: entries,
            };
            (to, Box::new(sns::Request::PublishBatch(input)))
        }
        Destination::Function(to, function_name, qualifier) => {
            let payload = format!("[{}]", inputs.join(","));
            let waits = target.invocation_type.as_deref() != Some("FIRE_AND_FORGET");
            let input = lambda::InvokeInput {
                function_name,
                qualifier,
                invocation_type: Some(if waits { "RequestResponse" } else { "Event" }.to_owned()),
                payload: Some(payload.into()),
                ..Default::default()
            };
            (to, Box::new(lambda::Request::Invoke(input)))
        }
        Destination::Bus(to, _) => {
            let parameters = target.bus.clone().unwrap_or_default();
            let entries = events.iter().zip(inputs);
            let entries =
                entries.map(|(event, detail)| bus_entry(key, pipe, &parameters, event, detail)).collect();
            (
                to,
                Box::new(events::Request::PutEvents(events::PutEventsInput {
                    entries,
                    ..Default::default()
                })),
            )
        }
        Destination::Api(to, ..) => {
            (to, Box::new(invocation(&target.arn, target.http.as_ref(), events, inputs)))
        }
        Destination::LogGroup(to, log_group_name) => {
            let parameters = target.log.clone().unwrap_or_default();
            (to, Box::new(log_request(step.now, log_group_name, parameters, events, inputs)))
        }
        Destination::Discoverer(_) => unreachable!("no pipe leads there"),
    })
}

/// Where a stage leads that takes so many events at once.
pub(super) fn destination_of(arn: &str, events: usize) -> Result<Destination, ApiError> {
    let Ok(destination) = destination(arn) else {
        unreachable!("only stages with a destination are put");
    };
    match batch_max(&destination).filter(|max| events > *max) {
        Some(max) => {
            let message = format!("{arn} takes {max} at once and not {events} events.");
            Err(ApiError::client("ValidationException", message))
        }
        None => Ok(destination),
    }
}

/// The call of an API destination with a batch, which has one event.
pub(super) fn invocation(
    arn: &str,
    http: Option<&HttpRecord>,
    events: &[Event],
    inputs: Vec<String>,
) -> InvokeApiDestinationInput {
    let value = |value: &String| events.first().and_then(|event| event.parameter(value)).unwrap_or_default();
    let parameters = http.map(|http| events::HttpParameters {
        path_parameter_values: http.path.as_ref().map(|path| path.iter().map(value).collect()),
        header_parameters: http.headers.clone(),
        query_string_parameters: http
            .query
            .as_ref()
            .map(|query| query.iter().map(|(name, text)| (name.clone(), value(text))).collect()),
    });
    InvokeApiDestinationInput {
        arn: arn.to_owned(),
        parameters: parameters.unwrap_or_default(),
        body: inputs.into_iter().next().unwrap_or_default(),
    }
}

fn queue_entry(
    target: &TargetRecord,
    at: usize,
    event: &Event,
    body: String,
) -> sqs::SendMessageBatchRequestEntry {
    let parameters = target.queue.clone().unwrap_or_default();
    let parameter = |parameter: Option<String>| parameter.and_then(|parameter| event.parameter(&parameter));
    sqs::SendMessageBatchRequestEntry {
        id: at.to_string(),
        message_body: body,
        message_group_id: parameter(parameters.group),
        message_deduplication_id: parameter(parameters.deduplication),
        ..Default::default()
    }
}

fn bus_entry(
    (_, name): &Key,
    pipe: &PipeRecord,
    parameters: &BusParameters,
    event: &Event,
    detail: String,
) -> events::PutEventsRequestEntry {
    let parameter = |parameter: &Option<String>| parameter.as_deref().and_then(|text| event.parameter(text));
    let resources = parameters
        .resources
        .as_ref()
        .map(|resources| resources.iter().filter_map(|resource| event.parameter(resource)).collect());
    let time = parameter(&parameters.time).and_then(|text| instant(&text));
    events::PutEventsRequestEntry {
        event_bus_name: Some(pipe.target.arn.clone()),
        detail_type: parameter(&parameters.detail_type).or_else(|| Some("Event from aws:sqs".to_owned())),
        source: parameter(&parameters.source).or_else(|| Some(format!("Pipe {name}"))),
        resources,
        time,
        detail: Some(detail),
        ..Default::default()
    }
}

fn log_request(
    now: Timestamp,
    log_group_name: String,
    parameters: LogParameters,
    events: &[Event],
    inputs: Vec<String>,
) -> logs::Request {
    let time = |event: &Event| {
        let given = parameters.timestamp.as_deref().and_then(|parameter| event.parameter(parameter));
        given.and_then(|text| instant(&text)).unwrap_or(now).millis()
    };
    let event = |(event, message): (&Event, String)| logs::InputLogEvent { timestamp: time(event), message };
    let mut log_events: Vec<logs::InputLogEvent> = events.iter().zip(inputs).map(event).collect();
    log_events.sort_by_key(|event| event.timestamp);
    logs::Request::PutLogEvents(logs::PutLogEventsInput {
        log_group_name,
        // Nothing is looked up in it (user guide, "Dynamic path parameters").
        log_stream_name: parameters.stream.unwrap_or_default(),
        log_events,
        ..Default::default()
    })
}

/// An instant in milliseconds since the epoch or in ISO 8601.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_millis).or_else(|| Timestamp::parse_iso(text))
}

/// What of a batch the target failed. Events are the messages in their order unless an enrichment made others of them: then a failure of one is one of all,
/// except by functions, which name messages.
pub(super) fn failed_in(output: Box<dyn Output>, messages: &[Held], is_enriched: bool) -> Failed {
    let any: Box<dyn Any> = output.into_any();
    let any = match any.downcast::<lambda::InvokeOutput>() {
        Ok(output) => return failed_by_function(&output, messages),
        Err(any) => any,
    };
    let failed = places_in(any.as_ref());
    let places: Vec<usize> = failed.iter().map(|(at, _)| *at).collect();
    match failed.into_iter().next() {
        None => Failed::None,
        Some((_, why)) if is_enriched || places.len() >= messages.len() => Failed::All(why),
        Some((_, why)) => Failed::Some(places, why),
    }
}

/// The places of the events that a batch operation failed, and why.
pub(super) fn places_in(output: &dyn Any) -> Vec<(usize, ApiError)> {
    let failed = |id: &str, code: &str, message: Option<&str>| {
        Some((id.parse().ok()?, ApiError::client(code.to_owned(), message.unwrap_or_default())))
    };
    if let Some(output) = output.downcast_ref::<sqs::SendMessageBatchOutput>() {
        let entries = output.failed.iter();
        return entries
            .filter_map(|entry| failed(&entry.id, &entry.code, entry.message.as_deref()))
            .collect();
    }
    if let Some(output) = output.downcast_ref::<sns::PublishBatchOutput>() {
        let entries = output.failed.iter().flatten();
        return entries
            .filter_map(|entry| failed(&entry.id, &entry.code, entry.message.as_deref()))
            .collect();
    }
    if let Some(output) = output.downcast_ref::<events::PutEventsOutput>() {
        let entries = output.entries.iter().flatten().enumerate();
        return entries
            .filter_map(|(at, entry)| {
                let message = entry.error_message.clone().unwrap_or_default();
                Some((at, ApiError::client(entry.error_code.clone()?, message)))
            })
            .collect();
    }
    // Events that are too old or too new for a log group would not be taken another time either.
    Vec::new()
}

/// A function fails all if it fails, and those that it names as `batchItemFailures`; what else it returns means nothing.
fn failed_by_function(output: &lambda::InvokeOutput, messages: &[Held]) -> Failed {
    let payload = output.payload.as_deref().unwrap_or_default();
    if let Some(kind) = &output.function_error {
        return Failed::All(function_error(kind, payload));
    }
    let reports = serde_json::from_slice::<Value>(payload)
        .is_ok_and(|response| response.get("batchItemFailures").is_some());
    if !reports {
        return Failed::None;
    }
    let Some(ids) = reported(messages, payload) else {
        let message = "The batchItemFailures that the target returned are malformed.";
        return Failed::All(ApiError::client("ValidationException", message));
    };
    let places: Vec<usize> =
        (0..messages.len()).filter(|at| ids.contains(messages[*at].message_id.as_str())).collect();
    match places.len() {
        0 => Failed::None,
        count if count == messages.len() => Failed::All(by_name("The target failed every event.")),
        _ => Failed::Some(places, by_name("The target failed the event.")),
    }
}

/// Of what a function names in `batchItemFailures` it does not say why.
fn by_name(message: &str) -> ApiError {
    ApiError::client("BatchItemFailure", message)
}

/// The error that a function answered with.
pub(super) fn function_error(kind: &str, payload: &[u8]) -> ApiError {
    ApiError::server(kind.to_owned(), String::from_utf8_lossy(payload).into_owned())
}
