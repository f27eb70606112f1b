//! What pipes are checked for beyond the model. AWS's messages about these are not published; these are in own words, with AWS's code.

use pontoon_api::pipes as api;
use pontoon_core::{Arn, Destination, LogLevel, NoDestination};

use crate::Error;
use crate::state::log::LogRecord;
use crate::state::pipe::{Pipe, PipeRecord, Unreadable};
use crate::state::target::{
    BusParameters, HttpRecord, LogParameters, QueueParameters, TargetRecord, batch_max, destination,
};

/// The largest batch without a batching window.
const BATCH_WITHOUT_WINDOW_MAX: u32 = 10;

fn unsupported(what: impl Into<String>) -> Error {
    Error::Unsupported(what.into())
}

/// The first of some parameters that was given and that Pontoon does not support.
fn refuse(of: &str, given: &[(&str, bool)]) -> Result<(), Error> {
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(unsupported(format!("{of} with {name}"))),
        None => Ok(()),
    }
}

/// The ARN of a source.
pub fn source(arn: &str) -> Result<(), Error> {
    if arn.starts_with("smk://") {
        return Err(unsupported("pipes from Apache Kafka"));
    }
    match Arn::parse(arn) {
        Some(parsed) if parsed.service == "sqs" && parsed.scope().is_some() => Ok(()),
        Some(parsed) if parsed.service == "dynamodb" => Err(unsupported("pipes from DynamoDB streams")),
        Some(parsed) if parsed.service != "sqs" => {
            Err(unsupported(format!("pipes from the service {}", parsed.service)))
        }
        _ => Err(Error::Validation(format!("Source {arn} is not the ARN of a queue."))),
    }
}

/// Refuses the parameters of sources other than queues, in the structures of CreatePipe and UpdatePipe, which name them alike.
macro_rules! refuse_sources {
    ($given:ident) => {
        refuse(
            "pipes",
            &[
                ("KinesisStreamParameters", $given.kinesis_stream_parameters.is_some()),
                ("DynamoDBStreamParameters", $given.dynamo_db_stream_parameters.is_some()),
                ("ActiveMQBrokerParameters", $given.active_mq_broker_parameters.is_some()),
                ("RabbitMQBrokerParameters", $given.rabbit_mq_broker_parameters.is_some()),
                ("ManagedStreamingKafkaParameters", $given.managed_streaming_kafka_parameters.is_some()),
                ("SelfManagedKafkaParameters", $given.self_managed_kafka_parameters.is_some()),
            ],
        )
    };
}

/// Sets what CreatePipe and UpdatePipe say of the source; their structures are the same for queues.
pub fn source_parameters(record: &mut PipeRecord, given: api::PipeSourceParameters) -> Result<(), Error> {
    refuse_sources!(given)?;
    if let Some(criteria) = given.filter_criteria {
        let filters = criteria.filters.unwrap_or_default().into_iter();
        record.filters = Some(filters.map(|filter| filter.pattern.unwrap_or_default()).collect());
    }
    if let Some(queue) = given.sqs_queue_parameters {
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
        record.batch_size = number(queue.batch_size);
        record.window_secs = number(queue.maximum_batching_window_in_seconds);
    }
    Ok(())
}

/// The same for UpdatePipe's structure.
pub fn of_update(given: api::UpdatePipeSourceParameters) -> Result<api::PipeSourceParameters, Error> {
    refuse_sources!(given)?;
    let queue = given.sqs_queue_parameters.map(|queue| api::PipeSourceSqsQueueParameters {
        batch_size: queue.batch_size,
        maximum_batching_window_in_seconds: queue.maximum_batching_window_in_seconds,
    });
    Ok(api::PipeSourceParameters {
        filter_criteria: given.filter_criteria,
        sqs_queue_parameters: queue,
        ..Default::default()
    })
}

/// Sets the enrichment: none for an empty ARN.
pub fn enrichment(record: &mut PipeRecord, arn: String) -> Result<(), Error> {
    if arn.is_empty() {
        (record.enrichment, record.enrichment_template, record.enrichment_http) = (None, None, None);
        return Ok(());
    }
    match destination(&arn) {
        Ok(Destination::Function(..) | Destination::Api(..)) => {
            record.enrichment = Some(arn);
            Ok(())
        }
        Err(NoDestination::Malformed) => Err(Error::Validation(format!("Enrichment {arn} is malformed."))),
        Ok(_) => Err(Error::Validation(format!("{arn} cannot enrich."))),
        Err(NoDestination::Other(service)) => {
            Err(unsupported(format!("pipes to the service {service}, as enrichment")))
        }
    }
}

/// Sets the parameters of the enrichment.
pub fn enrichment_parameters(record: &mut PipeRecord, given: api::PipeEnrichmentParameters) {
    record.enrichment_template = given.input_template.filter(|template| !template.is_empty());
    record.enrichment_http = given.http_parameters.map(|http| HttpRecord {
        path: http.path_parameter_values,
        headers: http.header_parameters,
        query: http.query_string_parameters,
    });
}

/// A target with its parameters.
pub fn target(arn: String, given: api::PipeTargetParameters) -> Result<TargetRecord, Error> {
    let destination = destination(&arn).map_err(|why| match why {
        NoDestination::Malformed => Error::Validation(format!("Target {arn} is malformed.")),
        NoDestination::Other(service) => unsupported(format!("pipes to the service {service}")),
    })?;
    refuse(
        "pipes' targets",
        &[
            ("StepFunctionStateMachineParameters", given.step_function_state_machine_parameters.is_some()),
            ("KinesisStreamParameters", given.kinesis_stream_parameters.is_some()),
            ("EcsTaskParameters", given.ecs_task_parameters.is_some()),
            ("BatchJobParameters", given.batch_job_parameters.is_some()),
            ("RedshiftDataParameters", given.redshift_data_parameters.is_some()),
            ("SageMakerPipelineParameters", given.sage_maker_pipeline_parameters.is_some()),
            ("TimestreamParameters", given.timestream_parameters.is_some()),
        ],
    )?;
    let function = matches!(destination, Destination::Function(..));
    let queue = matches!(destination, Destination::Queue(..));
    let bus = matches!(destination, Destination::Bus(..));
    let log = matches!(destination, Destination::LogGroup(..));
    let api = matches!(destination, Destination::Api(..));
    for (name, was_given, fits) in [
        ("LambdaFunctionParameters", given.lambda_function_parameters.is_some(), function),
        ("SqsQueueParameters", given.sqs_queue_parameters.is_some(), queue),
        ("EventBridgeEventBusParameters", given.event_bridge_event_bus_parameters.is_some(), bus),
        ("CloudWatchLogsParameters", given.cloud_watch_logs_parameters.is_some(), log),
        ("HttpParameters", given.http_parameters.is_some(), api),
    ] {
        if was_given && !fits {
            return Err(Error::Validation(format!("{name} do not go with the target {arn}.")));
        }
    }
    let log = given.cloud_watch_logs_parameters;
    if matches!(destination, Destination::LogGroup(..))
        && log.as_ref().is_none_or(|log| log.log_stream_name.is_none())
    {
        return Err(Error::Validation("LogStreamName must be set for a target in CloudWatch Logs.".into()));
    }
    let bus = given.event_bridge_event_bus_parameters;
    refuse("pipes' targets", &[("EndpointId", bus.as_ref().is_some_and(|bus| bus.endpoint_id.is_some()))])?;
    Ok(TargetRecord {
        arn,
        template: given.input_template.filter(|template| !template.is_empty()),
        invocation_type: given.lambda_function_parameters.and_then(|function| function.invocation_type),
        queue: given.sqs_queue_parameters.map(|queue| QueueParameters {
            group: queue.message_group_id,
            deduplication: queue.message_deduplication_id,
        }),
        bus: bus.map(|bus| BusParameters {
            detail_type: bus.detail_type,
            source: bus.source,
            resources: bus.resources,
            time: bus.time,
        }),
        log: log.map(|log| LogParameters { stream: log.log_stream_name, timestamp: log.timestamp }),
        http: given.http_parameters.map(|http| HttpRecord {
            path: http.path_parameter_values,
            headers: http.header_parameters,
            query: http.query_string_parameters,
        }),
    })
}

/// Refuses a key of one's own.
pub fn key(key: Option<&str>) -> Result<(), Error> {
    match key {
        Some(key) if !key.is_empty() => {
            Err(unsupported("encryption of pipes with own keys (KmsKeyIdentifier)"))
        }
        _ => Ok(()),
    }
}

/// Where a pipe tells what it does.
pub fn log(given: api::PipeLogConfigurationParameters) -> Result<LogRecord, Error> {
    refuse(
        "logs of pipes",
        &[
            ("S3LogDestination", given.s3_log_destination.is_some()),
            ("FirehoseLogDestination", given.firehose_log_destination.is_some()),
        ],
    )?;
    // The model has held it to these.
    let level = LogLevel::of(&given.level).unwrap_or(LogLevel::Off);
    let group_arn = given.cloudwatch_logs_log_destination.map(|destination| destination.log_group_arn);
    if level != LogLevel::Off && group_arn.is_none() {
        return Err(Error::Validation("LogConfiguration has a Level but no log destination.".into()));
    }
    Ok(LogRecord { level, group_arn, data: given.include_execution_data })
}

/// A pipe whose parts fit together.
pub fn pipe(record: PipeRecord) -> Result<Pipe, Error> {
    let size = record.batch_size();
    if size > BATCH_WITHOUT_WINDOW_MAX && record.window_secs.unwrap_or(0) == 0 {
        return Err(Error::Validation(format!(
            "MaximumBatchingWindowInSeconds must be at least 1 when BatchSize is greater than {BATCH_WITHOUT_WINDOW_MAX}."
        )));
    }
    for (what, arn) in [("enrichment", record.enrichment.as_deref()), ("target", Some(&*record.target.arn))] {
        let stage = arn.and_then(|arn| destination(arn).ok());
        let takes = stage.as_ref().and_then(batch_max);
        if let Some(max) = takes.filter(|max| size as usize > *max) {
            return Err(Error::Validation(format!(
                "BatchSize {size} is more than the {max} that the {what} takes."
            )));
        }
    }
    let enriches = record.enrichment.as_deref().unwrap_or_default();
    if record.enrichment_http.is_some() && !matches!(destination(enriches), Ok(Destination::Api(..))) {
        return Err(Error::Validation(format!("HttpParameters do not go with the enrichment {enriches}.")));
    }
    Pipe::new(record).map_err(|why| {
        Error::Validation(match why {
            Unreadable::Filter(why) => format!("A filter of FilterCriteria is not a valid pattern. {why}"),
            Unreadable::Variable(name) => format!("InputTemplate has an invalid variable <{name}>."),
        })
    })
}
