//! Looking at stacks, their events and their resources.

use pontoon_api::cloudformation as api;
use pontoon_api::cloudformation::*;
use pontoon_core::Step;

use super::{Answer, page, page_start, tag_list};
use crate::state::stack::{OnFailure, OutputValue};
use crate::state::{Resource, Stack, StackStatus};
use crate::template::{Map, Template, Value};
use crate::{CloudFormation, Error, records};

const NOT_CHECKED: &str = "NOT_CHECKED";

pub(super) fn stacks(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DescribeStacksInput,
) -> Answer<DescribeStacksOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    if let Some(name) = input.stack_name.filter(|name| !name.is_empty()) {
        let stack = stacks.find(&name).ok_or_else(|| Error::no_stack_with_id(&name))?;
        return Ok(DescribeStacksOutput { stacks: Some(vec![shown(stack)]), next_token: None }.into());
    }
    let start = page_start(input.next_token.as_deref())?;
    let live = stacks.iter().filter(|stack| stack.status != StackStatus::DeleteComplete);
    let (stacks, next_token) = page(newest_first(live).into_iter().map(shown), start);
    Ok(DescribeStacksOutput { stacks: Some(stacks), next_token }.into())
}

fn newest_first<'s>(stacks: impl Iterator<Item = &'s Stack>) -> Vec<&'s Stack> {
    let mut stacks: Vec<&Stack> = stacks.collect();
    stacks.sort_by(|left, right| (right.created_at, &left.id).cmp(&(left.created_at, &right.id)));
    stacks
}

/// A stack as DescribeStacks shows it. Members are present or absent as in the recordings.
fn shown(stack: &Stack) -> api::Stack {
    let is_deleted = stack.status == StackStatus::DeleteComplete;
    let settings = &stack.settings;
    let parameters = settings.parameters.iter().map(|(key, value)| Parameter {
        parameter_key: Some(key.clone()),
        parameter_value: Some(value.shown().to_owned()),
        ..Parameter::default()
    });
    let parameters: Vec<Parameter> = parameters.collect();
    let outputs: Vec<Output> = stack.outputs.iter().map(shown_output).collect();
    api::Stack {
        stack_id: Some(stack.id.clone()),
        stack_name: stack.name.clone(),
        change_set_id: stack.change_set_id.clone().filter(|_| !is_deleted),
        description: settings.description.clone(),
        parameters: (!parameters.is_empty()).then_some(parameters),
        creation_time: stack.created_at,
        deletion_time: stack.deleted_at,
        last_updated_time: stack.updated_at,
        rollback_configuration: Some(RollbackConfiguration::default()),
        stack_status: stack.status.name().to_owned(),
        stack_status_reason: stack.status_reason.clone(),
        disable_rollback: Some(stack.on_failure == OnFailure::DoNothing),
        notification_arns: Some(settings.notification_arns.clone()),
        timeout_in_minutes: stack.timeout_minutes.and_then(|minutes| i32::try_from(minutes).ok()),
        capabilities: (!settings.capabilities.is_empty()).then(|| settings.capabilities.clone()),
        outputs: (!outputs.is_empty()).then_some(outputs),
        role_arn: settings.role_arn.clone(),
        tags: Some(tag_list(&settings.tags)),
        enable_termination_protection: (!is_deleted).then_some(stack.termination_protection),
        drift_information: Some(StackDriftInformation {
            stack_drift_status: NOT_CHECKED.to_owned(),
            last_check_timestamp: None,
        }),
        retain_except_on_create: stack.retain_except_on_create.then_some(true),
        ..api::Stack::default()
    }
}

fn shown_output(output: &OutputValue) -> Output {
    Output {
        output_key: Some(output.key.clone()),
        output_value: Some(output.value.clone()),
        description: output.description.clone(),
        export_name: output.export.clone(),
    }
}

pub(super) fn list(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ListStacksInput,
) -> Answer<ListStacksOutput> {
    let start = page_start(input.next_token.as_deref())?;
    let wanted = input.stack_status_filter.unwrap_or_default();
    let stacks = cloudformation.state.stacks(step.scope).iter();
    let stacks =
        stacks.filter(|stack| wanted.is_empty() || wanted.iter().any(|status| status == stack.status.name()));
    let summaries = newest_first(stacks).into_iter().map(|stack| StackSummary {
        stack_id: Some(stack.id.clone()),
        stack_name: stack.name.clone(),
        template_description: stack.settings.description.clone(),
        creation_time: stack.created_at,
        last_updated_time: stack.updated_at,
        deletion_time: stack.deleted_at,
        stack_status: stack.status.name().to_owned(),
        stack_status_reason: stack.status_reason.clone(),
        drift_information: Some(StackDriftInformationSummary {
            stack_drift_status: NOT_CHECKED.to_owned(),
            last_check_timestamp: None,
        }),
        ..StackSummary::default()
    });
    let (summaries, next_token) = page(summaries, start);
    Ok(ListStacksOutput { stack_summaries: Some(summaries), next_token }.into())
}

pub(super) fn events(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DescribeStackEventsInput,
) -> Answer<DescribeStackEventsOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let stack = stacks.find(&input.stack_name).ok_or_else(|| Error::no_stack(&input.stack_name))?;
    // A token is the number of the next event, so that pages do not shift when events are added.
    let newest = match input.next_token.as_deref() {
        None => stack.events.saturating_sub(1),
        Some(token) => token.parse().map_err(|_| Error::validation("The specified NextToken is invalid."))?,
    };
    let mut found = records::events(step, stack, newest, super::PAGE);
    if stack.events == 0 {
        found.clear();
    }
    let next = newest.checked_sub(found.len() as u64).filter(|_| found.len() == super::PAGE);
    let events = found.into_iter().map(|event| StackEvent {
        stack_id: stack.id.clone(),
        event_id: event.id,
        stack_name: stack.name.clone(),
        logical_resource_id: Some(event.logical),
        physical_resource_id: Some(event.physical_id),
        resource_type: Some(event.kind),
        timestamp: event.at,
        resource_status: Some(event.status),
        resource_status_reason: event.reason,
        resource_properties: event.properties.map(|properties| Value::Map(properties).to_json()),
        client_request_token: event.token,
        ..StackEvent::default()
    });
    let stack_events = Some(events.collect());
    Ok(DescribeStackEventsOutput { stack_events, next_token: next.map(|number| number.to_string()) }.into())
}

/// Whether a resource is there to be seen: it, or the attempt to make it, is part of the stack.
fn is_listed(resource: &Resource) -> bool {
    resource.live.is_some()
        || resource.pending.is_some()
        || resource.reason.is_some()
        || !resource.status.name().starts_with("CREATE")
}

fn physical_id(resource: &Resource) -> Option<String> {
    let instance = resource.live.as_ref().or(resource.pending.as_ref());
    instance.and_then(|instance| instance.physical_id.clone())
}

fn shown_resource(stack: &Stack, logical: &str, resource: &Resource) -> StackResource {
    StackResource {
        stack_name: Some(stack.name.clone()),
        stack_id: Some(stack.id.clone()),
        logical_resource_id: logical.to_owned(),
        physical_resource_id: physical_id(resource),
        resource_type: resource.kind.clone(),
        timestamp: resource.since,
        resource_status: resource.status.name().to_owned(),
        resource_status_reason: resource.reason.clone(),
        drift_information: Some(StackResourceDriftInformation {
            stack_resource_drift_status: NOT_CHECKED.to_owned(),
            last_check_timestamp: None,
        }),
        ..StackResource::default()
    }
}

pub(super) fn resources(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DescribeStackResourcesInput,
) -> Answer<DescribeStackResourcesOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let stack = match (&input.stack_name, &input.physical_resource_id) {
        (Some(name), None) => stacks.find(name).ok_or_else(|| Error::no_stack_with_id(name))?,
        (None, Some(id)) => {
            let owns = |stack: &&Stack| {
                stack.resources.values().any(|resource| physical_id(resource).as_deref() == Some(id))
            };
            stacks
                .iter()
                .find(owns)
                .ok_or_else(|| Error::validation(format!("Stack for {id} does not exist")))?
        }
        _ => {
            return Err(Error::validation(
                "Exactly one of StackName and PhysicalResourceId must be specified.",
            ));
        }
    };
    let wanted = |logical: &str| input.logical_resource_id.as_deref().is_none_or(|wanted| wanted == logical);
    let mut resources: Vec<StackResource> = stack
        .resources
        .iter()
        .filter(|(logical, resource)| wanted(logical) && is_listed(resource))
        .map(|(logical, resource)| shown_resource(stack, logical, resource))
        .collect();
    if let Some(logical) = input.logical_resource_id.filter(|_| resources.is_empty()) {
        return Err(Error::validation(format!("Resource {logical} does not exist for stack {}", stack.name)));
    }
    // By name (recordings `TestCfnLambdaIntegrations`).
    resources.sort_by(|one, other| one.logical_resource_id.cmp(&other.logical_resource_id));
    Ok(DescribeStackResourcesOutput { stack_resources: Some(resources) }.into())
}

pub(super) fn resource(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DescribeStackResourceInput,
) -> Answer<DescribeStackResourceOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let stack = stacks
        .find(&input.stack_name)
        .ok_or_else(|| Error::validation(format!("Stack '{}' does not exist", input.stack_name)))?;
    let logical = &input.logical_resource_id;
    let resource = stack.resources.get(logical).filter(|resource| is_listed(resource)).ok_or_else(|| {
        Error::validation(format!("Resource {logical} does not exist for stack {}", input.stack_name))
    })?;
    let template = records::template(step, stack, stack.settings.template).map(|text| Template::parse(&text));
    let metadata = match template {
        Some(Ok(template)) => template.resources.get(logical).and_then(|declared| declared.metadata.clone()),
        _ => None,
    };
    let shown = shown_resource(stack, logical, resource);
    let detail = StackResourceDetail {
        stack_name: shown.stack_name,
        stack_id: shown.stack_id,
        logical_resource_id: shown.logical_resource_id,
        physical_resource_id: shown.physical_resource_id,
        resource_type: shown.resource_type,
        last_updated_timestamp: shown.timestamp,
        resource_status: shown.resource_status,
        resource_status_reason: shown.resource_status_reason,
        metadata: Some(metadata.unwrap_or(Value::Map(Map::new())).to_json()),
        drift_information: shown.drift_information,
        ..StackResourceDetail::default()
    };
    Ok(DescribeStackResourceOutput { stack_resource_detail: Some(detail) }.into())
}

pub(super) fn list_resources(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ListStackResourcesInput,
) -> Answer<ListStackResourcesOutput> {
    let start = page_start(input.next_token.as_deref())?;
    let stacks = cloudformation.state.stacks(step.scope);
    let stack = stacks.find(&input.stack_name).ok_or_else(|| Error::no_stack_with_id(&input.stack_name))?;
    let listed = stack.resources.iter().filter(|(_, resource)| is_listed(resource));
    let summaries = listed.map(|(logical, resource)| StackResourceSummary {
        logical_resource_id: logical.clone(),
        physical_resource_id: physical_id(resource),
        resource_type: resource.kind.clone(),
        last_updated_timestamp: resource.since,
        resource_status: resource.status.name().to_owned(),
        resource_status_reason: resource.reason.clone(),
        drift_information: Some(StackResourceDriftInformationSummary {
            stack_resource_drift_status: NOT_CHECKED.to_owned(),
            last_check_timestamp: None,
        }),
        ..StackResourceSummary::default()
    });
    let (summaries, next_token) = page(summaries, start);
    Ok(ListStackResourcesOutput { stack_resource_summaries: Some(summaries), next_token }.into())
}
