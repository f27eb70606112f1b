//! CreateEventSourceMapping and its family, for SQS queues (recordings `event_source_mapping/test_lambda_integration_sqs`,
//! `TestLambdaEventSourceMappings`).

use std::collections::BTreeMap;

use pontoon_api::{lambda as api, sqs};
use pontoon_core::{Arn, Output, ParkId, Reply, Scope, ServiceId, Settled, Step, Timestamp};
use pontoon_source::{Filters, Poller};

use super::Answer;
use super::paging::page;
use super::tags;
use crate::error::Error;
use crate::run::destination::queue_url;
use crate::run::polling::mapping_arn;
use crate::run::{FunctionHop, Token};
use crate::state::mapping::{BATCH_DEFAULT, BATCH_WITHOUT_WINDOW_MAX, FILTERS_MAX, MappingConfig};
use crate::state::name::{FunctionRef, qualified_arn};
use crate::{Lambda, Mapping, MappingKey, records};

/// How many mappings a list shows at most.
const LIST_MAX: usize = 100;

/// A CreateEventSourceMapping that waits to hear of its queue.
pub(crate) struct MappingWait {
    park: ParkId,
    config: MappingConfig,
}

fn shown(key: &MappingKey, config: &MappingConfig, state: &str) -> api::EventSourceMappingConfiguration {
    let number = |value: u32| i32::try_from(value).ok();
    let response_types = config.reports_failures.then(|| "ReportBatchItemFailures".to_owned());
    api::EventSourceMappingConfiguration {
        uuid: Some(config.uuid.clone()),
        batch_size: number(config.batch_size),
        maximum_batching_window_in_seconds: number(config.window_secs),
        event_source_arn: Some(config.queue_arn.clone()),
        filter_criteria: config.filters.as_ref().map(|patterns| api::FilterCriteria {
            filters: Some(patterns.iter().map(|text| api::Filter { pattern: Some(text.clone()) }).collect()),
        }),
        function_arn: Some(qualified_arn(key.0, &config.function, config.qualifier.as_deref())),
        last_modified: Some(Timestamp::from_millis(config.modified_millis)),
        last_processing_result: config.problem.clone(),
        state: Some(state.to_owned()),
        state_transition_reason: Some("USER_INITIATED".to_owned()),
        function_response_types: Some(response_types.into_iter().collect()),
        scaling_config: config
            .max_concurrency
            .map(|max| api::ScalingConfig { maximum_concurrency: number(max) }),
        event_source_mapping_arn: Some(mapping_arn(key)),
        ..api::EventSourceMappingConfiguration::default()
    }
}

fn state_of(config: &MappingConfig) -> &'static str {
    if config.enabled { "Enabled" } else { "Disabled" }
}

/// What an update says of the state (recording `test_fifo_message_group_parallelism`).
fn transition(was_enabled: bool, enabled: bool) -> &'static str {
    match (was_enabled, enabled) {
        (false, true) => "Enabling",
        (true, false) => "Disabling",
        _ => "Updating",
    }
}

/// What both CreateEventSourceMapping and UpdateEventSourceMapping set.
struct Tuning {
    batch_size: Option<i32>,
    window_secs: Option<i32>,
    filters: Option<api::FilterCriteria>,
    response_types: Option<Vec<String>>,
    scaling: Option<api::ScalingConfig>,
}

fn patterns(criteria: api::FilterCriteria) -> Result<Option<Vec<String>>, Error> {
    let filters = criteria.filters.unwrap_or_default();
    if filters.len() > FILTERS_MAX {
        return Err(Error::InvalidParameter(format!(
            "An event source mapping can have at most {FILTERS_MAX} filters."
        )));
    }
    let invalid = || Error::InvalidParameter("Invalid filter pattern definition.".to_owned());
    let patterns: Option<Vec<String>> = filters.into_iter().map(|filter| filter.pattern).collect();
    let patterns = patterns.ok_or_else(invalid)?;
    Filters::parse(&patterns).map_err(|_| invalid())?;
    Ok(Some(patterns).filter(|patterns| !patterns.is_empty()))
}

impl Tuning {
    /// The configuration with what is set; what is not stays.
    fn apply(self, mut config: MappingConfig) -> Result<MappingConfig, Error> {
        let positive = |value: i32| u32::try_from(value).unwrap_or(0);
        config.batch_size = self.batch_size.map_or(config.batch_size, positive);
        config.window_secs = self.window_secs.map_or(config.window_secs, positive);
        if let Some(criteria) = self.filters {
            config.filters = patterns(criteria)?;
        }
        if let Some(types) = self.response_types {
            config.reports_failures = types.iter().any(|kind| kind == "ReportBatchItemFailures");
        }
        if let Some(scaling) = self.scaling {
            config.max_concurrency = scaling.maximum_concurrency.map(positive);
        }
        if config.queue_arn.ends_with(".fifo") && config.window_secs > 0 {
            return Err(Error::InvalidParameter(
                "Batching window is not supported for FIFO queues".to_owned(),
            ));
        }
        if config.batch_size > BATCH_WITHOUT_WINDOW_MAX && config.window_secs == 0 {
            return Err(Error::InvalidParameter(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10".to_owned(),
            ));
        }
        Ok(config)
    }
}

/// The options of other event sources, and those that Pontoon does not honour.
fn refuse_foreign(input: &api::CreateEventSourceMappingInput) -> Result<(), Error> {
    if input.destination_config.is_some() {
        return Err(Error::InvalidParameter(
            "Unsupported DestinationConfig parameter for given event source mapping type.".to_owned(),
        ));
    }
    let stream_only = [
        (
            "StartingPosition",
            input.starting_position.is_some() || input.starting_position_timestamp.is_some(),
        ),
        ("ParallelizationFactor", input.parallelization_factor.is_some()),
        ("MaximumRecordAgeInSeconds", input.maximum_record_age_in_seconds.is_some()),
        ("BisectBatchOnFunctionError", input.bisect_batch_on_function_error.is_some()),
        ("MaximumRetryAttempts", input.maximum_retry_attempts.is_some()),
        ("TumblingWindowInSeconds", input.tumbling_window_in_seconds.is_some()),
        ("Topics", input.topics.is_some()),
        ("Queues", input.queues.is_some()),
        ("SourceAccessConfigurations", input.source_access_configurations.is_some()),
        ("SelfManagedEventSource", input.self_managed_event_source.is_some()),
        ("AmazonManagedKafkaEventSourceConfig", input.amazon_managed_kafka_event_source_config.is_some()),
        ("SelfManagedKafkaEventSourceConfig", input.self_managed_kafka_event_source_config.is_some()),
        ("DocumentDBEventSourceConfig", input.document_db_event_source_config.is_some()),
    ];
    if let Some((name, _)) = stream_only.iter().find(|(_, used)| *used) {
        return Err(Error::InvalidParameter(format!(
            "Unsupported {name} parameter for given event source mapping type."
        )));
    }
    let unsupported = [
        ("encryption of filters (KMSKeyArn)", input.kms_key_arn.is_some()),
        ("MetricsConfig of event source mappings", input.metrics_config.is_some()),
        ("LoggingConfig of event source mappings", input.logging_config.is_some()),
        ("ProvisionedPollerConfig of event source mappings", input.provisioned_poller_config.is_some()),
    ];
    match unsupported.iter().find(|(_, used)| *used) {
        Some((what, _)) => Err(Error::unsupported(*what)),
        None => Ok(()),
    }
}

/// The queue that an ARN names, and its region and account.
fn queue_of(arn: Option<&str>) -> Result<(String, Scope), Error> {
    let unrecognized = || Error::InvalidParameter("Unrecognized event source.".to_owned());
    let arn = arn.ok_or_else(unrecognized)?;
    let parsed = Arn::parse(arn).ok_or_else(unrecognized)?;
    match (parsed.service, parsed.scope()) {
        ("sqs", Some(scope)) => Ok((arn.to_owned(), scope)),
        ("dynamodb" | "kinesis" | "kafka" | "mq" | "rds", _) => {
            Err(Error::unsupported(format!("event source mappings from {}", parsed.service)))
        }
        _ => Err(unrecognized()),
    }
}

pub(super) fn create_event_source_mapping(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::CreateEventSourceMappingInput,
) -> Answer<api::CreateEventSourceMappingOutput> {
    let (queue_arn, queue) = queue_of(input.event_source_arn.as_deref())?;
    let named = lambda.open(step, "lambda:CreateEventSourceMapping", &input.function_name, None)?;
    refuse_foreign(&input)?;
    lambda.check_mapped_function(&named)?;
    let tags = tags::merged(BTreeMap::new(), input.tags.unwrap_or_default())?;
    let fresh = MappingConfig {
        uuid: step.ids.uuid(),
        queue_arn,
        function: named.name.clone(),
        qualifier: named.qualifier.clone(),
        enabled: input.enabled.unwrap_or(true),
        batch_size: BATCH_DEFAULT,
        window_secs: 0,
        reports_failures: false,
        max_concurrency: None,
        filters: None,
        tags,
        modified_millis: step.now.millis(),
        problem: None,
    };
    let tuning = Tuning {
        batch_size: input.batch_size,
        window_secs: input.maximum_batching_window_in_seconds,
        filters: input.filter_criteria,
        response_types: input.function_response_types,
        scaling: input.scaling_config,
    };
    let config = tuning.apply(fresh)?;
    if queue.region != step.scope.region {
        return Err(Error::InvalidParameter(format!(
            "The event source must be in the region of the function, {}.",
            step.scope.region
        )));
    }
    lambda.check_duplicate(step.scope, &config)?;
    let park = step.park();
    lambda.ask_queue(step, queue, MappingWait { park, config });
    Ok(Reply::Parked(park))
}

impl Lambda {
    fn check_mapped_function(&self, named: &FunctionRef) -> Result<(), Error> {
        let function = self.functions.get(&named.key());
        match function.and_then(|function| function.resolve(named.qualifier.as_deref(), 1.0)) {
            Some(_) => Ok(()),
            None => Err(Error::InvalidParameter("Function does not exist".to_owned())),
        }
    }

    fn check_duplicate(&self, scope: Scope, config: &MappingConfig) -> Result<(), Error> {
        let same = |((theirs, _), mapping): &(&MappingKey, &Mapping)| {
            let other = &mapping.config;
            *theirs == scope
                && other.queue_arn == config.queue_arn
                && other.function == config.function
                && other.qualifier == config.qualifier
        };
        match self.mappings.iter().find(same) {
            None => Ok(()),
            Some((_, other)) => Err(Error::Conflict(format!(
                "An event source mapping with SQS arn (\" {} \") and function (\" {} \") already exists. Please update or delete the existing mapping with UUID {}",
                config.queue_arn, config.function, other.config.uuid
            ))),
        }
    }

    /// Asks for the queue's visibility timeout, and thereby whether the queue is there.
    fn ask_queue(&self, step: &mut Step<'_>, queue: Scope, wait: MappingWait) {
        let name = Arn::parse(&wait.config.queue_arn).map(|arn| arn.resource).unwrap_or_default();
        let input = sqs::GetQueueAttributesInput {
            queue_url: queue_url(&step.settings().endpoint, queue, name),
            attribute_names: Some(vec!["VisibilityTimeout".to_owned()]),
        };
        let call = FunctionHop {
            to: queue,
            role: self.role_of(&(step.scope, wait.config.function.clone()), wait.config.qualifier.as_deref()),
            source_arn: mapping_arn(&(step.scope, wait.config.uuid.clone())),
            request: Box::new(sqs::Request::GetQueueAttributes(input)),
            resource: wait.config.queue_arn.as_str().into(),
            traces: None,
            traced: false,
            token: Some(Token::Queue(Box::new(wait))),
        };
        self.hop(step, call);
    }

    /// The queue of a new mapping has answered.
    pub(crate) fn queue_checked(&mut self, step: &mut Step<'_>, wait: MappingWait, outcome: Settled) {
        let MappingWait { park, config } = wait;
        let answer = self.check_queue(step.scope, &config, outcome).map(|()| self.add_mapping(step, config));
        let settled = answer.map(|shown| Box::new(shown) as Box<dyn Output>).map_err(Into::into);
        step.unpark(park, settled);
    }

    fn check_queue(&self, scope: Scope, config: &MappingConfig, outcome: Settled) -> Result<(), Error> {
        let output = outcome.map_err(|error| {
            if error.status == 403 || error.code.contains("AccessDenied") {
                return Error::InvalidParameter(
                    "The function execution role does not have permissions to call ReceiveMessage on SQS"
                        .to_owned(),
                );
            }
            let code = error.query_code.unwrap_or(&error.code).to_owned();
            Error::InvalidParameter(format!(
                "Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {}",
                error.message
            ))
        })?;
        let attributes =
            output.into_any().downcast::<sqs::GetQueueAttributesOutput>().ok().and_then(|out| out.attributes);
        let visibility = attributes.and_then(|all| all.get("VisibilityTimeout")?.parse::<u32>().ok());
        let function = self.functions.get(&(scope, config.function.clone()));
        let version = function.and_then(|function| function.resolve(config.qualifier.as_deref(), 1.0));
        let timeout = version.map_or(0, |resolved| resolved.version.settings.timeout_secs);
        match visibility {
            Some(visibility) if visibility < timeout => Err(Error::InvalidParameter(format!(
                "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
            ))),
            _ => Ok(()),
        }
    }

    fn add_mapping(
        &mut self,
        step: &mut Step<'_>,
        config: MappingConfig,
    ) -> api::EventSourceMappingConfiguration {
        let key = (step.scope, config.uuid.clone());
        records::put_mapping(step, key.0, &config);
        let answer = shown(&key, &config, if config.enabled { "Creating" } else { "Disabled" });
        // The patterns were compiled before; what cannot happen filters everything out rather than nothing.
        let filters = Filters::parse(config.filters.as_deref().unwrap_or_default());
        assert!(filters.is_ok(), "the patterns have been checked");
        let mapping =
            Mapping { filters: filters.unwrap_or_default(), poller: Poller::default(), timer: None, config };
        self.mappings.insert(key.clone(), mapping);
        self.advance_mapping(step, &key);
        answer
    }

    fn mapping(&self, step: &Step<'_>, uuid: &str) -> Result<(MappingKey, &Mapping), Error> {
        let key = (step.scope, uuid.to_owned());
        let mapping = self.mappings.get(&key);
        let mapping = mapping
            .ok_or_else(|| Error::NotFound("The resource you requested does not exist.".to_owned()))?;
        Ok((key, mapping))
    }

    /// Gives up what the mapping has polled, whose messages are shown again at once, and takes back the poll that waits.
    fn stop_mapping(&mut self, step: &mut Step<'_>, key: &MappingKey) {
        let Some(mapping) = self.mappings.get_mut(key) else { return };
        let held = mapping.poller.stop();
        let own = key.clone();
        step.withdraw(ServiceId::Lambda, move |token| matches!(token, Token::Polled(of, ..) if *of == own));
        let queue_arn = mapping.config.queue_arn.clone();
        if let Some(at) = mapping.timer.take() {
            self.timers.remove(&(at, key.clone()));
        }
        self.release_messages(step, key, &queue_arn, &held);
    }
}

pub(super) fn get_event_source_mapping(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetEventSourceMappingInput,
) -> Answer<api::GetEventSourceMappingOutput> {
    let (key, mapping) = lambda.mapping(step, &input.uuid)?;
    Ok(Reply::Ready(shown(&key, &mapping.config, state_of(&mapping.config))))
}

pub(super) fn list_event_source_mappings(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::ListEventSourceMappingsInput,
) -> Answer<api::ListEventSourceMappingsOutput> {
    let named =
        input.function_name.as_deref().map(|name| FunctionRef::parse(step.scope, name, None)).transpose()?;
    if let Some(named) = &named {
        lambda.function(named)?;
    }
    let scope = step.scope;
    let wanted = |config: &MappingConfig| {
        let of_function = named.as_ref().is_none_or(|named| {
            config.function == named.name
                && (named.qualifier.is_none() || config.qualifier == named.qualifier)
        });
        of_function && input.event_source_arn.as_ref().is_none_or(|arn| *arn == config.queue_arn)
    };
    let own =
        lambda.mappings.iter().filter(|((theirs, _), mapping)| *theirs == scope && wanted(&mapping.config));
    let entries =
        own.map(|(key, mapping)| (key.1.clone(), shown(key, &mapping.config, state_of(&mapping.config))));
    let (mappings, next_marker) = page(entries, input.marker.as_deref(), input.max_items, LIST_MAX);
    Ok(Reply::Ready(api::ListEventSourceMappingsOutput {
        next_marker,
        event_source_mappings: Some(mappings),
    }))
}

pub(super) fn update_event_source_mapping(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::UpdateEventSourceMappingInput,
) -> Answer<api::UpdateEventSourceMappingOutput> {
    let (key, mapping) = lambda.mapping(step, &input.uuid)?;
    let mut config = mapping.config.clone();
    refuse_foreign(&api::CreateEventSourceMappingInput {
        destination_config: input.destination_config,
        parallelization_factor: input.parallelization_factor,
        maximum_record_age_in_seconds: input.maximum_record_age_in_seconds,
        bisect_batch_on_function_error: input.bisect_batch_on_function_error,
        maximum_retry_attempts: input.maximum_retry_attempts,
        tumbling_window_in_seconds: input.tumbling_window_in_seconds,
        source_access_configurations: input.source_access_configurations,
        amazon_managed_kafka_event_source_config: input.amazon_managed_kafka_event_source_config,
        self_managed_kafka_event_source_config: input.self_managed_kafka_event_source_config,
        document_db_event_source_config: input.document_db_event_source_config,
        kms_key_arn: input.kms_key_arn,
        metrics_config: input.metrics_config,
        logging_config: input.logging_config,
        provisioned_poller_config: input.provisioned_poller_config,
        ..api::CreateEventSourceMappingInput::default()
    })?;
    if let Some(name) = &input.function_name {
        let named = lambda.open(step, "lambda:UpdateEventSourceMapping", name, None)?;
        lambda.check_mapped_function(&named)?;
        (config.function, config.qualifier) = (named.name, named.qualifier);
    }
    let was_enabled = config.enabled;
    config.enabled = input.enabled.unwrap_or(config.enabled);
    config.modified_millis = step.now.millis();
    let tuning = Tuning {
        batch_size: input.batch_size,
        window_secs: input.maximum_batching_window_in_seconds,
        filters: input.filter_criteria,
        response_types: input.function_response_types,
        scaling: input.scaling_config,
    };
    let config = tuning.apply(config)?;
    let filters = Filters::parse(config.filters.as_deref().unwrap_or_default());
    let filters =
        filters.map_err(|_| Error::InvalidParameter("Invalid filter pattern definition.".to_owned()))?;
    let answer = shown(&key, &config, transition(was_enabled, config.enabled));
    records::put_mapping(step, key.0, &config);
    // What was gathered is handed on under the new configuration, and the poll goes on: giving a message back would count its receive.
    if !config.enabled {
        lambda.stop_mapping(step, &key);
    }
    if let Some(mapping) = lambda.mappings.get_mut(&key) {
        mapping.filters = filters;
        mapping.config = config;
    }
    lambda.advance_mapping(step, &key);
    Ok(Reply::Ready(answer))
}

pub(super) fn delete_event_source_mapping(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::DeleteEventSourceMappingInput,
) -> Answer<api::DeleteEventSourceMappingOutput> {
    let (key, mapping) = lambda.mapping(step, &input.uuid)?;
    let answer = shown(&key, &mapping.config, "Deleting");
    records::delete_mapping(step, key.0, &key.1);
    lambda.stop_mapping(step, &key);
    lambda.mappings.remove(&key);
    Ok(Reply::Ready(answer))
}
