//! Pipes are made, changed and shown.

use pontoon_api::pipes::*;
use pontoon_core::{Step, Timestamp};

use super::states::{desired, shown};
use super::{Answer, authorize, check, tags};
use crate::run::stop_polling;
use crate::state::log::LogRecord;
use crate::state::pipe::{PipeRecord, State};
use crate::state::target::TargetRecord;
use crate::{Error, Pipes};

/// Pipes of an account in a region (AWS's quota).
const PIPES_MAX: usize = 1_000;

pub fn create(pipes: &mut Pipes, step: &mut Step<'_>, input: CreatePipeInput) -> Answer<CreatePipeOutput> {
    let key = (step.scope, input.name);
    authorize(step, "pipes:CreatePipe", &key)?;
    check::source(&input.source)?;
    check::key(input.kms_key_identifier.as_deref())?;
    let tags = tags::merged(Default::default(), input.tags.unwrap_or_default())?;
    let mut record = PipeRecord {
        serial: step.ids.u64(),
        description: input.description,
        is_wanted: input.desired_state.as_deref() != Some("STOPPED"),
        state: State::Creating,
        reason: None,
        source: input.source,
        batch_size: None,
        window_secs: None,
        filters: None,
        enrichment: None,
        enrichment_template: None,
        enrichment_http: None,
        target: check::target(input.target, input.target_parameters.unwrap_or_default())?,
        log: input.log_configuration.map(check::log).transpose()?,
        role_arn: input.role_arn,
        tags,
        created_millis: step.now.millis(),
        modified_millis: step.now.millis(),
    };
    check::source_parameters(&mut record, input.source_parameters.unwrap_or_default())?;
    check::enrichment(&mut record, input.enrichment.unwrap_or_default())?;
    check::enrichment_parameters(&mut record, input.enrichment_parameters.unwrap_or_default());
    let pipe = check::pipe(record)?;
    if pipes.pipes.contains_key(&key) {
        return Err(Error::Exists(key.1));
    }
    let of_scope = pipes.pipes.range((key.0, String::new())..).take_while(|((of, _), _)| *of == key.0);
    if of_scope.count() >= PIPES_MAX {
        return Err(Error::QuotaExceeded(key.1));
    }
    let output = shown!(CreatePipeOutput, &key, &pipe.record);
    pipes.keep(step, &key, pipe);
    Ok(output)
}

/// Changes what is given. Parameters of source, enrichment and target are replaced as a whole.
pub fn update(pipes: &mut Pipes, step: &mut Step<'_>, input: UpdatePipeInput) -> Answer<UpdatePipeOutput> {
    let key = (step.scope, input.name);
    authorize(step, "pipes:UpdatePipe", &key)?;
    let Some(before) = pipes.pipes.get(&key).map(|pipe| pipe.record.clone()) else {
        return Err(Error::NotFound(key.1));
    };
    if before.state.is_passing() {
        return Err(Error::State { name: key.1, state: before.state.name() });
    }
    check::key(input.kms_key_identifier.as_deref())?;
    let mut record = PipeRecord {
        serial: step.ids.u64(),
        state: State::Updating,
        reason: None,
        role_arn: input.role_arn,
        modified_millis: step.now.millis(),
        description: input.description.or_else(|| before.description.clone()),
        is_wanted: input.desired_state.map_or(before.is_wanted, |state| state == "RUNNING"),
        ..before.clone()
    };
    if let Some(given) = input.source_parameters {
        check::source_parameters(&mut record, check::of_update(given)?)?;
    }
    if let Some(arn) = input.enrichment {
        check::enrichment(&mut record, arn)?;
    }
    if let Some(given) = input.enrichment_parameters {
        check::enrichment_parameters(&mut record, given);
    }
    if let Some(given) = input.log_configuration {
        record.log = Some(check::log(given)?);
    }
    record.target = match (input.target, input.target_parameters) {
        (None, None) => record.target,
        (target, parameters) => {
            check::target(target.unwrap_or(record.target.arn), parameters.unwrap_or_default())?
        }
    };
    let mut pipe = check::pipe(record)?;
    let given_back = match pipes.pipes.get_mut(&key) {
        Some(old) => {
            let given_back = stop_polling(step, &key, old);
            // What is on its way ends as it began, and is still counted.
            pipe.poller = std::mem::take(&mut old.poller);
            given_back
        }
        None => Vec::new(),
    };
    let output = shown!(UpdatePipeOutput, &key, &pipe.record);
    pipes.keep(step, &key, pipe);
    pipes.release_messages(step, &key, (&before.source, &before.role_arn), &given_back);
    Ok(output)
}

pub fn describe(
    pipes: &mut Pipes,
    step: &mut Step<'_>,
    input: DescribePipeInput,
) -> Answer<DescribePipeOutput> {
    let key = (step.scope, input.name);
    authorize(step, "pipes:DescribePipe", &key)?;
    let Some(pipe) = pipes.pipes.get(&key) else { return Err(Error::NotFound(key.1)) };
    let record = &pipe.record;
    let output = DescribePipeOutput {
        arn: Some(Pipes::arn(&key)),
        description: record.description.clone(),
        desired_state: Some(desired(record).to_owned()),
        current_state: Some(record.state.name().to_owned()),
        state_reason: record.reason.clone(),
        source: Some(record.source.clone()),
        source_parameters: Some(source_parameters(record)),
        enrichment: record.enrichment.clone(),
        enrichment_parameters: enrichment_parameters(record),
        target: Some(record.target.arn.clone()),
        target_parameters: target_parameters(&record.target),
        role_arn: Some(record.role_arn.clone()),
        tags: Some(record.tags.clone()),
        creation_time: Some(Timestamp::from_millis(record.created_millis)),
        last_modified_time: Some(Timestamp::from_millis(record.modified_millis)),
        log_configuration: record.log.as_ref().map(log_configuration),
        kms_key_identifier: None,
        name: Some(key.1),
    };
    Ok(output.into())
}

fn source_parameters(record: &PipeRecord) -> PipeSourceParameters {
    let number = |value: u32| i32::try_from(value).ok();
    let filter = |pattern: &String| Filter { pattern: Some(pattern.clone()) };
    PipeSourceParameters {
        filter_criteria: record
            .filters
            .as_ref()
            .map(|filters| FilterCriteria { filters: Some(filters.iter().map(filter).collect()) }),
        sqs_queue_parameters: Some(PipeSourceSqsQueueParameters {
            batch_size: number(record.batch_size()),
            maximum_batching_window_in_seconds: record.window_secs.and_then(number),
        }),
        ..Default::default()
    }
}

fn log_configuration(log: &LogRecord) -> PipeLogConfiguration {
    let destination = |arn: &String| CloudwatchLogsLogDestination { log_group_arn: Some(arn.clone()) };
    PipeLogConfiguration {
        cloudwatch_logs_log_destination: log.group_arn.as_ref().map(destination),
        level: Some(log.level.name().to_owned()),
        include_execution_data: log.data.clone(),
        ..Default::default()
    }
}

fn enrichment_parameters(record: &PipeRecord) -> Option<PipeEnrichmentParameters> {
    let parameters = PipeEnrichmentParameters {
        input_template: record.enrichment_template.clone(),
        http_parameters: record.enrichment_http.clone().map(|http| PipeEnrichmentHttpParameters {
            path_parameter_values: http.path,
            header_parameters: http.headers,
            query_string_parameters: http.query,
        }),
    };
    (parameters != PipeEnrichmentParameters::default()).then_some(parameters)
}

fn target_parameters(target: &TargetRecord) -> Option<PipeTargetParameters> {
    let function = target.invocation_type.clone();
    let parameters = PipeTargetParameters {
        input_template: target.template.clone(),
        lambda_function_parameters: function
            .map(|kind| PipeTargetLambdaFunctionParameters { invocation_type: Some(kind) }),
        sqs_queue_parameters: target.queue.clone().map(|queue| PipeTargetSqsQueueParameters {
            message_group_id: queue.group,
            message_deduplication_id: queue.deduplication,
        }),
        event_bridge_event_bus_parameters: target.bus.clone().map(|bus| {
            PipeTargetEventBridgeEventBusParameters {
                endpoint_id: None,
                detail_type: bus.detail_type,
                source: bus.source,
                resources: bus.resources,
                time: bus.time,
            }
        }),
        cloud_watch_logs_parameters: target.log.clone().map(|log| PipeTargetCloudWatchLogsParameters {
            log_stream_name: log.stream,
            timestamp: log.timestamp,
        }),
        http_parameters: target.http.clone().map(|http| PipeTargetHttpParameters {
            path_parameter_values: http.path,
            header_parameters: http.headers,
            query_string_parameters: http.query,
        }),
        ..Default::default()
    };
    (parameters != PipeTargetParameters::default()).then_some(parameters)
}
