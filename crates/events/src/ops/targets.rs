//! Targets of rules.

use std::sync::Arc;

use pontoon_api::events::*;
use pontoon_core::{Destination, NoDestination, PolicyMode, Step};

use super::Answer;
use super::page::page;
use super::rules::{insists, refuse_managed};
use crate::state::api_destination::HttpTarget;
use crate::state::bus::Rule as BusRule;
use crate::state::input::InputRecord;
use crate::state::target::{Target as BusTarget, TargetRecord};
use crate::{Error, Events};

/// Targets of a rule (user guide, quotas).
const TARGETS_MAX: usize = 5;

pub fn put(events: &mut Events, step: &mut Step<'_>, input: PutTargetsInput) -> Answer<PutTargetsOutput> {
    let bus = input.event_bus_name.as_deref();
    let found = events.open_rule(step, bus, &input.rule, "events:PutTargets")?;
    refuse_managed(Some(found.2), &input.rule, insists(step.caller, None))?;
    let (scope, bus_name, mut rule) = (found.0, found.1, found.2.clone());
    let is_managed = rule.record.managed_by.is_some();
    for target in input.targets {
        check_role(events, step, target.role_arn.as_deref())?;
        let target = checked(target, is_managed)?;
        match rule.targets.iter_mut().find(|before| before.record.id == target.record.id) {
            Some(before) => *before = target,
            None => rule.targets.push(target),
        }
    }
    if rule.targets.len() > TARGETS_MAX {
        return Err(Error::LimitExceeded);
    }
    rule.record.targets = records_of(&rule);
    events.put_rule(step, (scope, &bus_name), &Arc::from(input.rule.as_str()), rule);
    Ok(PutTargetsOutput { failed_entry_count: Some(0), failed_entries: Some(Vec::new()) }.into())
}

/// Checks that a role is there to be assumed. Only where policies are enforced: otherwise rules work without one.
fn check_role(events: &Events, step: &Step<'_>, arn: Option<&str>) -> Result<(), Error> {
    let is_enforced = step.settings().policies == PolicyMode::Enforce;
    match arn.filter(|arn| is_enforced && (events.roles)(arn).is_none()) {
        Some(arn) => Err(Error::Validation(format!(
            "Provided role '{arn}' cannot be assumed by principal 'events.amazonaws.com'."
        ))),
        None => Ok(()),
    }
}

fn records_of(rule: &BusRule) -> Vec<Arc<TargetRecord>> {
    rule.targets.iter().map(|target| Arc::clone(&target.record)).collect()
}

/// A target as it is kept, once everything about it can be honoured.
fn checked(target: Target, is_managed: bool) -> Result<BusTarget, Error> {
    refuse_parameters(&target)?;
    let Target { id, arn, role_arn, input, input_path, input_transformer, sqs_parameters, .. } = target;
    let destination = Destination::of(&arn).map_err(|refusal| match refusal {
        NoDestination::Malformed => Error::Validation(format!(
            "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
        )),
        NoDestination::Other("events") => Error::Unsupported(format!("targets of the kind of {arn}")),
        NoDestination::Other(service) => Error::Unsupported(format!("targets of the service {service}")),
    })?;
    let input = match (input, input_path, input_transformer) {
        (None, None, None) => InputRecord::Whole,
        (Some(constant), None, None) => InputRecord::Constant(constant),
        (None, Some(path), None) => InputRecord::Path(path),
        (None, None, Some(transformer)) => InputRecord::Transformer {
            paths: transformer.input_paths_map.unwrap_or_default(),
            template: transformer.input_template,
        },
        _ => {
            return Err(Error::Validation(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
            )));
        }
    };
    if matches!(destination, Destination::Discoverer(_)) && !is_managed {
        return Err(Error::Unsupported("targets of the service schemas; create a discoverer".into()));
    }
    let is_api = matches!(destination, Destination::Api(..));
    if is_api && role_arn.is_none() {
        return Err(Error::Validation(format!("RoleArn is required for target {arn}.")));
    }
    let http = target.http_parameters.map(|parameters| http_target(&id, is_api, parameters)).transpose()?;
    let is_bus = matches!(destination, Destination::Bus(..));
    if is_bus && input != InputRecord::Whole {
        return Err(Error::Unsupported("an input other than the event for event bus targets".into()));
    }
    let is_fifo = matches!(&destination, Destination::Queue(_, name) if name.ends_with(".fifo"));
    if is_fifo && sqs_parameters.is_none() {
        return Err(Error::Validation(format!(
            "Parameter(s) SqsParameters must be specified for target: {id}."
        )));
    }
    let compiled = input.compile().map_err(|fault| Error::input(&id, fault))?;
    let dead_letter = target.dead_letter_config.and_then(|config| config.arn);
    check_dead_letter(dead_letter.as_deref())?;
    // The model has held both to their ranges.
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let record = TargetRecord {
        id,
        arn,
        role_arn,
        input,
        has_queue_parameters: sqs_parameters.is_some(),
        message_group: sqs_parameters.and_then(|parameters| parameters.message_group_id),
        dead_letter,
        retries_max: number(target.retry_policy.as_ref().and_then(|policy| policy.maximum_retry_attempts)),
        age_secs_max: number(
            target.retry_policy.as_ref().and_then(|policy| policy.maximum_event_age_in_seconds),
        ),
        http,
    };
    Ok(BusTarget { record: Arc::new(record), input: compiled })
}

/// Headers that a target may not set (user guide, "EventBridge targets for Amazon API Gateway").
const FORBIDDEN_HEADERS: [&str; 14] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "max-forwards",
    "te",
    "transfer-encoding",
    "trailer",
    "upgrade",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "range",
];

fn http_target(id: &str, is_api: bool, parameters: HttpParameters) -> Result<HttpTarget, Error> {
    if !is_api {
        return Err(Error::Unsupported("HttpParameters of a target that is no API destination".into()));
    }
    let HttpParameters { path_parameter_values, header_parameters, query_string_parameters } = parameters;
    let headers = header_parameters.unwrap_or_default();
    let is_forbidden = |name: &&String| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-amz") || FORBIDDEN_HEADERS.contains(&name.as_str())
    };
    if let Some(name) = headers.keys().find(is_forbidden) {
        return Err(Error::Validation(format!("Header {name} is not permitted for target {id}.")));
    }
    let path = path_parameter_values.unwrap_or_default();
    Ok(HttpTarget { path, headers, query: query_string_parameters.unwrap_or_default() })
}

/// Checks that a dead-letter queue is a standard queue.
pub fn check_dead_letter(arn: Option<&str>) -> Result<(), Error> {
    match arn.map(Destination::of) {
        None => Ok(()),
        Some(Ok(Destination::Queue(_, name))) if !name.ends_with(".fifo") => Ok(()),
        Some(_) => Err(Error::parameter("DeadLetterConfig", "The Arn is not that of a standard SQS queue.")),
    }
}

/// Parameters of targets that Pontoon does not deliver to.
fn refuse_parameters(target: &Target) -> Result<(), Error> {
    let given = [
        ("KinesisParameters", target.kinesis_parameters.is_some()),
        ("RunCommandParameters", target.run_command_parameters.is_some()),
        ("EcsParameters", target.ecs_parameters.is_some()),
        ("BatchParameters", target.batch_parameters.is_some()),
        ("RedshiftDataParameters", target.redshift_data_parameters.is_some()),
        ("SageMakerPipelineParameters", target.sage_maker_pipeline_parameters.is_some()),
        ("AppSyncParameters", target.app_sync_parameters.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::Unsupported(format!("{name} of a target"))),
        None => Ok(()),
    }
}

pub fn remove(
    events: &mut Events,
    step: &mut Step<'_>,
    input: RemoveTargetsInput,
) -> Answer<RemoveTargetsOutput> {
    let bus = input.event_bus_name.as_deref();
    let found = events.open_rule(step, bus, &input.rule, "events:RemoveTargets")?;
    refuse_managed(Some(found.2), &input.rule, insists(step.caller, input.force))?;
    let (scope, bus_name, mut rule) = (found.0, found.1, found.2.clone());
    let mut failed = Vec::new();
    for id in input.ids {
        if rule.record.archive.is_some() && id == input.rule {
            rule.record.archive = None;
            continue;
        }
        let before = rule.targets.len();
        rule.targets.retain(|target| target.record.id != id);
        if rule.targets.len() == before {
            failed.push(RemoveTargetsResultEntry {
                error_code: Some("ResourceNotFoundException".to_owned()),
                error_message: Some(format!(
                    "Rule '{}' does not have a target with the Id '{id}'.",
                    input.rule
                )),
                target_id: Some(id),
            });
        }
    }
    rule.record.targets = records_of(&rule);
    events.put_rule(step, (scope, &bus_name), &Arc::from(input.rule.as_str()), rule);
    let failed_entry_count = i32::try_from(failed.len()).ok();
    Ok(RemoveTargetsOutput { failed_entry_count, failed_entries: Some(failed) }.into())
}

pub fn list(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListTargetsByRuleInput,
) -> Answer<ListTargetsByRuleOutput> {
    let bus = input.event_bus_name.as_deref();
    let (scope, _, rule) = events.open_rule(step, bus, &input.rule, "events:ListTargetsByRule")?;
    if let Some(archive) = rule.record.archive.clone() {
        let targets = vec![events.archive_target(scope, &archive)];
        return Ok(ListTargetsByRuleOutput { targets: Some(targets), next_token: None }.into());
    }
    // There are so few targets that their place is key enough.
    let numbered = rule.targets.iter().enumerate();
    let (found, next_token) =
        page(numbered, |(number, _)| format!("{number:04}"), input.next_token.as_deref(), input.limit)?;
    let targets = found.into_iter().map(|(_, target)| shown(&target.record)).collect();
    Ok(ListTargetsByRuleOutput { targets: Some(targets), next_token }.into())
}

fn shown(record: &TargetRecord) -> Target {
    let signed = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let mut target = Target {
        id: record.id.clone(),
        arn: record.arn.clone(),
        role_arn: record.role_arn.clone(),
        sqs_parameters: record
            .has_queue_parameters
            .then(|| SqsParameters { message_group_id: record.message_group.clone() }),
        dead_letter_config: record.dead_letter.clone().map(|arn| DeadLetterConfig { arn: Some(arn) }),
        ..Default::default()
    };
    if let Some(HttpTarget { path, headers, query }) = record.http.clone() {
        target.http_parameters = Some(HttpParameters {
            path_parameter_values: (!path.is_empty()).then_some(path),
            header_parameters: (!headers.is_empty()).then_some(headers),
            query_string_parameters: (!query.is_empty()).then_some(query),
        });
    }
    if record.retries_max.is_some() || record.age_secs_max.is_some() {
        target.retry_policy = Some(RetryPolicy {
            maximum_retry_attempts: signed(record.retries_max),
            maximum_event_age_in_seconds: signed(record.age_secs_max),
        });
    }
    match &record.input {
        InputRecord::Whole => {}
        InputRecord::Constant(text) => target.input = Some(text.clone()),
        InputRecord::Path(path) => target.input_path = Some(path.clone()),
        InputRecord::Transformer { paths, template } => {
            target.input_transformer = Some(InputTransformer {
                input_paths_map: (!paths.is_empty()).then(|| paths.clone()),
                input_template: template.clone(),
            });
        }
    }
    target
}
