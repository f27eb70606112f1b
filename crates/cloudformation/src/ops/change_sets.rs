//! Change sets: made, looked at, executed and deleted.

use pontoon_api::cloudformation::*;
use pontoon_core::Step;

use super::{
    Answer, capabilities, check_resource_types, check_rollback_configuration, on_failure, page, page_start,
    source, stacks, tag_list, tags, updates,
};
use crate::deploy::{self, Compiled, Prepared, plan, set_stack_status};
use crate::state::change_set::{
    ChangeDetail, ChangeSet, ChangeSetStatus, ExecutionStatus, ResourceChange as Planned,
};
use crate::state::stack::Settings;
use crate::state::{Stack, StackStatus, Stacks};
use crate::template::{Map, Value};
use crate::{CloudFormation, Error, records};

const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

pub(super) fn create(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    mut input: CreateChangeSetInput,
) -> Answer<CreateChangeSetOutput> {
    refuse_unsupported(&input)?;
    check_rollback_configuration(input.rollback_configuration.as_ref())?;
    if let Some(url) = input.template_url.take() {
        source::check_single(input.template_body.as_ref(), input.use_previous_template)?;
        return cloudformation.fetch(step, &url, Request::CreateChangeSet(input));
    }
    let creates = match input.change_set_type.as_deref() {
        Some("CREATE") => true,
        Some("IMPORT") => return Err(Error::unsupported("change sets of type IMPORT")),
        _ => false,
    };
    let mut stack = stack_for(cloudformation, step, &input, creates)?;
    let use_previous = input.use_previous_template == Some(true);
    let text = cloudformation.template_text(step, input.template_body.take(), use_previous, Some(&stack))?;
    let settings = settings(cloudformation, step, &mut input, &stack)?;
    let given = super::parameters(input.parameters.take(), Some(&stack))?;
    let prepared = cloudformation.prepare(step.scope, &stack, &text, &given)?;
    check_resource_types(&prepared.template, input.resource_types.as_deref())?;
    capabilities::check(&prepared.template, &settings.capabilities)?;
    let others = cloudformation.state.stacks(step.scope);
    let compiled = Compiled::of(step, &stack).ok();
    let plan = plan::plan(step.scope, &stack, others, compiled.as_ref(), &prepared, &settings.tags)?;
    let on_failure = match input.on_stack_failure.as_deref() {
        None => None,
        given => Some(on_failure(given, None)?),
    };
    let is_new = stack.events == 0;
    let mut change_set = ChangeSet {
        id: step
            .scope
            .arn("cloudformation", format_args!("changeSet/{}/{}", input.change_set_name, step.ids.uuid())),
        name: input.change_set_name,
        description: input.description,
        created_at: step.now,
        creates,
        status: ChangeSetStatus::CreateComplete,
        status_reason: None,
        execution: ExecutionStatus::Available,
        settings,
        on_failure,
        changes: plan.changes,
    };
    if change_set.changes.is_empty() && !plan.outputs_change && !creates && prepared.abort.is_none() {
        change_set.status = ChangeSetStatus::Failed;
        change_set.status_reason = Some(NO_CHANGES.to_owned());
        change_set.execution = ExecutionStatus::Unavailable;
    }
    stacks::settle(&mut change_set.settings, &prepared);
    change_set.settings.template = records::put_template(step, &mut stack, &text);
    if is_new {
        let reason = Some("User Initiated".to_owned());
        set_stack_status(step, &mut stack, StackStatus::ReviewInProgress, reason);
    }
    let output = CreateChangeSetOutput { id: Some(change_set.id.clone()), stack_id: Some(stack.id.clone()) };
    records::put_change_set(step, &stack, &change_set);
    stack.change_sets.insert(change_set.id.clone(), change_set);
    records::put_stack(step, &stack);
    cloudformation.state.stacks(step.scope).insert(stack);
    Ok(output.into())
}

fn refuse_unsupported(input: &CreateChangeSetInput) -> Result<(), Error> {
    if input.include_nested_stacks == Some(true) {
        return Err(Error::unsupported("change sets with nested stacks"));
    }
    if input.import_existing_resources == Some(true) || input.resources_to_import.is_some() {
        return Err(Error::unsupported("importing resources"));
    }
    if input.deployment_mode.is_some() {
        return Err(Error::unsupported("DeploymentMode of change sets"));
    }
    Ok(())
}

/// The stack that a change set is for: one that exists, or a new one that waits for it.
fn stack_for(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: &CreateChangeSetInput,
    creates: bool,
) -> Result<Stack, Error> {
    let name = &input.stack_name;
    let found = cloudformation.state.stacks(step.scope).find(name);
    if let Some(stack) = found {
        let taken = |other: &ChangeSet| other.name == input.change_set_name && !other.was_executed();
        // The name of one that was executed is free again (recordings `test_change_set_*`, whose two have the same).
        if stack.change_sets.values().any(taken) {
            return Err(Error::validation(format!("ChangeSet [{}] already exists", input.change_set_name)));
        }
    }
    match (found, creates) {
        (Some(stack), true) if stack.status == StackStatus::ReviewInProgress => Ok(stack.clone()),
        (Some(_), true) => Err(Error::validation(format!(
            "Stack [{name}] already exists and cannot be created again with the changeSet [{}].",
            input.change_set_name
        ))),
        (Some(stack), false) => {
            updates::check_updatable(stack)?;
            Ok(stack.clone())
        }
        (None, false) => Err(Error::no_stack(name)),
        (None, true) if name.starts_with("arn:") => Err(Error::no_stack(name)),
        (None, true) => {
            stacks::check_name(name)?;
            Ok(stacks::new_stack(step, name))
        }
    }
}

fn settings(
    cloudformation: &CloudFormation,
    step: &mut Step<'_>,
    input: &mut CreateChangeSetInput,
    stack: &Stack,
) -> Result<Settings, Error> {
    let role_arn = input.role_arn.take().or_else(|| stack.settings.role_arn.clone());
    cloudformation.check_role(step, &stack.id, role_arn.as_deref())?;
    let previous = &stack.settings;
    Ok(Settings {
        template: previous.template,
        tags: match input.tags.take() {
            None => previous.tags.clone(),
            given => tags(given)?,
        },
        capabilities: input.capabilities.take().unwrap_or_default(),
        notification_arns: input
            .notification_arns
            .take()
            .unwrap_or_else(|| previous.notification_arns.clone()),
        role_arn,
        ..Settings::default()
    })
}

/// The change set that a request names: by ARN, or by name and stack.
pub(super) fn find<'s>(
    stacks: &'s Stacks,
    name: &str,
    stack_name: Option<&str>,
) -> Result<(&'s Stack, &'s ChangeSet), Error> {
    let missing = || Error::ChangeSetNotFound(name.to_owned());
    if name.starts_with("arn:") {
        let holder = stacks.iter().find_map(|stack| Some((stack, stack.change_sets.get(name)?)));
        return holder.ok_or_else(missing);
    }
    let Some(stack_name) = stack_name else {
        return Err(Error::validation(
            "StackName must be specified if ChangeSetName is not specified as an ARN.",
        ));
    };
    let stack = stacks.find(stack_name).ok_or_else(|| Error::no_stack(stack_name))?;
    let named = stack.change_sets.values().filter(|change_set| change_set.name == name);
    let change_set = named.min_by_key(|change_set| change_set.was_executed());
    change_set.map(|change_set| (stack, change_set)).ok_or_else(missing)
}

pub(super) fn describe(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DescribeChangeSetInput,
) -> Answer<DescribeChangeSetOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let (stack, change_set) = find(stacks, &input.change_set_name, input.stack_name.as_deref())?;
    let start = page_start(input.next_token.as_deref())?;
    let with_values = input.include_property_values == Some(true);
    // With values, what stays is seen to stay (recordings `test_change_set_fn_get_attr`).
    let changes = change_set.changes.iter().filter(|change| !with_values || change.is_certain());
    let (changes, next_token) = page(changes.map(|change| shown_change(change, with_values)), start);
    let parameters = change_set.settings.parameters.iter().map(|(key, value)| Parameter {
        parameter_key: Some(key.clone()),
        parameter_value: Some(value.shown().to_owned()),
        ..Parameter::default()
    });
    let parameters: Vec<Parameter> = parameters.collect();
    Ok(DescribeChangeSetOutput {
        change_set_name: Some(change_set.name.clone()),
        change_set_id: Some(change_set.id.clone()),
        stack_id: Some(stack.id.clone()),
        stack_name: Some(stack.name.clone()),
        description: change_set.description.clone(),
        parameters: (!parameters.is_empty()).then_some(parameters),
        creation_time: Some(change_set.created_at),
        execution_status: Some(change_set.execution.name().to_owned()),
        status: Some(status(change_set).to_owned()),
        status_reason: change_set.status_reason.clone(),
        notification_arns: Some(change_set.settings.notification_arns.clone()),
        rollback_configuration: Some(RollbackConfiguration::default()),
        capabilities: Some(change_set.settings.capabilities.clone()),
        tags: (!change_set.settings.tags.is_empty()).then(|| tag_list(&change_set.settings.tags)),
        changes: Some(changes),
        next_token,
        include_nested_stacks: Some(false),
        ..DescribeChangeSetOutput::default()
    }
    .into())
}

fn status(change_set: &ChangeSet) -> &'static str {
    match change_set.status {
        ChangeSetStatus::CreateComplete => "CREATE_COMPLETE",
        ChangeSetStatus::Failed => "FAILED",
    }
}

/// A change as DescribeChangeSet shows it; with property values it says more (recordings
/// `test_change_set_*`, scenarios ending in `prop-values`).
fn shown_change(change: &Planned, with_values: bool) -> Change {
    let mut scope: Vec<String> = Vec::new();
    for detail in &change.details {
        if !scope.contains(&detail.attribute) {
            scope.push(detail.attribute.clone());
        }
    }
    let context = |properties: Option<&Map>| {
        let properties = Value::Map(properties?.clone());
        let context = Map::from_iter([("Properties".to_owned(), properties)]);
        with_values.then(|| Value::Map(context).to_json())
    };
    Change {
        r#type: Some("Resource".to_owned()),
        hook_invocation_count: None,
        resource_change: Some(ResourceChange {
            policy_action: change.policy_action.clone(),
            action: Some(change.action.name().to_owned()),
            logical_resource_id: Some(change.logical.clone()),
            physical_resource_id: change.physical_id.clone(),
            resource_type: Some(change.kind.clone()),
            replacement: change.replacement.map(|replacement| replacement.name().to_owned()),
            scope: Some(scope),
            details: Some(shown_details(change, with_values)),
            before_context: context(change.before.as_ref()),
            after_context: context(change.after.as_ref()),
            ..ResourceChange::default()
        }),
    }
}

fn shown_details(change: &Planned, with_values: bool) -> Vec<ResourceChangeDetail> {
    let mut details = change.details.clone();
    if with_values {
        details.retain(|detail| !detail.possible);
        // Seen with values, what comes from a resource may come from the template as well.
        let of_resources = details.iter().filter(|detail| detail.source.starts_with("Resource"));
        let also_written = of_resources.map(|detail| ChangeDetail {
            source: "DirectModification".to_owned(),
            evaluation: "Dynamic".to_owned(),
            causing_entity: None,
            ..detail.clone()
        });
        details.extend(also_written.collect::<Vec<_>>());
    }
    let value = |properties: Option<&Map>, name: &str| {
        let found = properties.and_then(|properties| properties.get(name));
        found.map(|value| value.scalar_text().unwrap_or_else(|| value.to_json()))
    };
    let shown = details.into_iter().map(|detail| {
        let named = detail.name.as_deref().filter(|_| with_values);
        let before = named.and_then(|name| value(change.before.as_ref(), name));
        let after = named.and_then(|name| value(change.after.as_ref(), name));
        let kind = match (&before, &after) {
            (None, Some(_)) => "Add",
            (Some(_), None) => "Remove",
            _ => "Modify",
        };
        ResourceChangeDetail {
            target: Some(ResourceTargetDefinition {
                path: named.map(|name| format!("/Properties/{name}")),
                attribute_change_type: named.map(|_| kind.to_owned()),
                attribute: Some(detail.attribute),
                name: detail.name,
                requires_recreation: Some(detail.requires_recreation),
                before_value: before,
                after_value: after,
                ..ResourceTargetDefinition::default()
            }),
            evaluation: Some(detail.evaluation),
            change_source: Some(detail.source),
            causing_entity: detail.causing_entity,
        }
    });
    shown.collect()
}

pub(super) fn execute(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ExecuteChangeSetInput,
) -> Answer<ExecuteChangeSetOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let (stack, change_set) = find(stacks, &input.change_set_name, input.stack_name.as_deref())?;
    if change_set.execution != ExecutionStatus::Available {
        let (id, what) = (&change_set.id, change_set.execution.name());
        return Err(Error::InvalidChangeSetStatus(if change_set.status == ChangeSetStatus::Failed {
            format!("ChangeSet [{id}] cannot be executed in its current status of [FAILED]")
        } else {
            format!("ChangeSet [{id}] cannot be executed in its current execution status of [{what}]")
        }));
    }
    if stack.status != StackStatus::ReviewInProgress {
        updates::check_updatable(stack)?;
    }
    let (mut stack, mut change_set) = (stack.clone(), change_set.clone());
    cloudformation.check_role(step, &stack.id, change_set.settings.role_arn.as_deref())?;
    let on_failure = match (change_set.on_failure, input.disable_rollback) {
        (Some(given), None) => given,
        (_, given) => on_failure(None, given)?,
    };
    let prepared = prepare_again(cloudformation, step, &stack, &change_set)?;
    change_set.execution = ExecutionStatus::ExecuteInProgress;
    stack.change_set_id = Some(change_set.id.clone());
    records::put_change_set(step, &stack, &change_set);
    retire_others(step, &mut stack, &change_set);
    let settings = change_set.settings.clone();
    stack.retain_except_on_create = input.retain_except_on_create == Some(true);
    let caller = cloudformation.caller(step);
    let disable_rollback = on_failure == crate::state::stack::OnFailure::DoNothing;
    let token = input.client_request_token;
    // What a stack of a change set was created at is when its change set was made; it counts as updated.
    stack.updated_at = Some(step.now);
    if stack.status == StackStatus::ReviewInProgress {
        stack.on_failure = on_failure;
        stack.settings = settings;
        deploy::start_create(step, &caller, &mut stack, &prepared, disable_rollback, token);
    } else {
        deploy::start_update(step, &caller, &mut stack, settings, &prepared, disable_rollback, token);
    }
    stack.change_sets.insert(change_set.id.clone(), change_set);
    records::put_stack(step, &stack);
    cloudformation.activate(step, &caller, stack);
    Ok(ExecuteChangeSetOutput {}.into())
}

/// Checks a change set's template again: what it imports may be gone by now.
fn prepare_again(
    cloudformation: &mut CloudFormation,
    step: &Step<'_>,
    stack: &Stack,
    change_set: &ChangeSet,
) -> Result<Prepared, Error> {
    let text = records::template(step, stack, change_set.settings.template)
        .ok_or_else(|| Error::ChangeSetNotFound(change_set.name.clone()))?;
    let parameters = change_set.settings.parameters.iter();
    let given = parameters.map(|(name, value)| (name.clone(), value.text.clone())).collect();
    cloudformation.prepare(step.scope, stack, &text, &given)
}

/// Executing one change set makes the others of the stack obsolete; AWS deletes them.
fn retire_others(step: &mut Step<'_>, stack: &mut Stack, executed: &ChangeSet) {
    let others: Vec<String> = stack.change_sets.keys().filter(|id| **id != executed.id).cloned().collect();
    for id in others {
        records::delete_change_set(step, stack, &id);
        stack.change_sets.remove(&id);
    }
}

/// What changes a stack by itself leaves the change sets that were made for it before without use (recording `test_create_while_in_review`).
pub(super) fn make_obsolete(step: &mut Step<'_>, stack: &mut Stack) {
    let mut change_sets = std::mem::take(&mut stack.change_sets);
    for change_set in change_sets.values_mut() {
        if change_set.execution == ExecutionStatus::Available {
            change_set.execution = ExecutionStatus::Obsolete;
            records::put_change_set(step, stack, change_set);
        }
    }
    stack.change_sets = change_sets;
}

pub(super) fn delete(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DeleteChangeSetInput,
) -> Answer<DeleteChangeSetOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let (stack_id, id) = match find(stacks, &input.change_set_name, input.stack_name.as_deref()) {
        Ok((stack, change_set)) => {
            if change_set.execution == ExecutionStatus::ExecuteInProgress {
                return Err(Error::InvalidChangeSetStatus(format!(
                    "ChangeSet [{}] cannot be deleted in its current execution status of [EXECUTE_IN_PROGRESS]",
                    change_set.id
                )));
            }
            (stack.id.clone(), change_set.id.clone())
        }
        // Deleting one that does not exist succeeds.
        Err(Error::ChangeSetNotFound(_)) => return Ok(DeleteChangeSetOutput {}.into()),
        Err(error) => return Err(error),
    };
    if let Some(stack) = stacks.by_id_mut(&stack_id) {
        stack.change_sets.remove(&id);
        records::delete_change_set(step, stack, &id);
    }
    Ok(DeleteChangeSetOutput {}.into())
}

pub(super) fn list(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ListChangeSetsInput,
) -> Answer<ListChangeSetsOutput> {
    let start = page_start(input.next_token.as_deref())?;
    let stacks = cloudformation.state.stacks(step.scope);
    let stack = stacks.find(&input.stack_name).ok_or_else(|| Error::no_stack(&input.stack_name))?;
    let summaries = stack.change_sets.values().map(|change_set| ChangeSetSummary {
        stack_id: Some(stack.id.clone()),
        stack_name: Some(stack.name.clone()),
        change_set_id: Some(change_set.id.clone()),
        change_set_name: Some(change_set.name.clone()),
        execution_status: Some(change_set.execution.name().to_owned()),
        status: Some(status(change_set).to_owned()),
        status_reason: change_set.status_reason.clone(),
        creation_time: Some(change_set.created_at),
        description: change_set.description.clone(),
        include_nested_stacks: Some(false),
        ..ChangeSetSummary::default()
    });
    let (summaries, next_token) = page(summaries, start);
    Ok(ListChangeSetsOutput { summaries: Some(summaries), next_token }.into())
}
