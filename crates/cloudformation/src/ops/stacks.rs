//! Creating, deleting and protecting stacks.

use std::collections::BTreeMap;

use pontoon_api::cloudformation::*;
use pontoon_core::{Scope, Step};

use super::{
    Answer, capabilities, change_sets, check_resource_types, check_rollback_configuration, on_failure,
    source, tags,
};
use crate::deploy::{self, Prepared};
use crate::state::operation::{OperationKind, Phase, TaskState};
use crate::state::stack::{OnFailure, Settings};
use crate::state::{Stack, StackStatus, Stacks};
use crate::{CloudFormation, Error, records};

/// The longest name of a stack in characters.
const NAME_CHARS_MAX: usize = 128;
/// How long a deleted stack can still be described by its id, in days (DescribeStacks in the API reference).
const DELETED_DAYS_MAX: u64 = 90;

pub(super) fn create(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    mut input: CreateStackInput,
) -> Answer<CreateStackOutput> {
    check_name(&input.stack_name)?;
    refuse_stack_policy(input.stack_policy_body.as_ref(), input.stack_policy_url.as_ref())?;
    check_rollback_configuration(input.rollback_configuration.as_ref())?;
    if let Some(url) = input.template_url.take() {
        source::check_single(input.template_body.as_ref(), None)?;
        return cloudformation.fetch(step, &url, Request::CreateStack(input));
    }
    let on_failure = on_failure(input.on_failure.as_deref(), input.disable_rollback)?;
    let text = cloudformation.template_text(step, input.template_body.take(), false, None)?;
    let existing = cloudformation.state.stacks(step.scope).find(&input.stack_name);
    if let Some(existing) = existing {
        if input.client_request_token.is_some() && existing.client_token == input.client_request_token {
            return Ok(CreateStackOutput { stack_id: Some(existing.id.clone()), operation_id: None }.into());
        }
        // A stack that a change set is to create exists in name only, and this request creates it
        // (recording test_create_while_in_review).
        if existing.status != StackStatus::ReviewInProgress {
            return Err(Error::AlreadyExists(input.stack_name));
        }
    }
    let mut stack = existing.cloned().unwrap_or_else(|| new_stack(step, &input.stack_name));
    cloudformation.check_role(step, &stack.id, input.role_arn.as_deref())?;
    stack.settings = Settings {
        tags: tags(input.tags.take())?,
        capabilities: input.capabilities.take().unwrap_or_default(),
        notification_arns: input.notification_arns.take().unwrap_or_default(),
        role_arn: input.role_arn.take(),
        ..Settings::default()
    };
    stack.created_at = step.now;
    stack.on_failure = on_failure;
    stack.retain_except_on_create = input.retain_except_on_create == Some(true);
    stack.timeout_minutes = input.timeout_in_minutes.and_then(|minutes| u32::try_from(minutes).ok());
    stack.termination_protection = input.enable_termination_protection == Some(true);
    let given = super::parameters(input.parameters.take(), None)?;
    let prepared = cloudformation.prepare(step.scope, &stack, &text, &given)?;
    check_resource_types(&prepared.template, input.resource_types.as_deref())?;
    capabilities::check(&prepared.template, &stack.settings.capabilities)?;
    settle(&mut stack.settings, &prepared);
    stack.settings.template = records::put_template(step, &mut stack, &text);
    let caller = cloudformation.caller(step);
    let disable_rollback = on_failure == OnFailure::DoNothing;
    change_sets::make_obsolete(step, &mut stack);
    deploy::start_create(step, &caller, &mut stack, &prepared, disable_rollback, input.client_request_token);
    let stack_id = Some(stack.id.clone());
    cloudformation.activate(step, &caller, stack);
    Ok(CreateStackOutput { stack_id, operation_id: None }.into())
}

/// Takes over into a stack's settings what was read from its template.
pub(super) fn settle(settings: &mut Settings, prepared: &Prepared) {
    settings.description.clone_from(&prepared.template.description);
    settings.parameters.clone_from(&prepared.parameters);
}

/// A stack of this name, of which nothing exists yet.
pub(super) fn new_stack(step: &mut Step<'_>, name: &str) -> Stack {
    let uuid = step.ids.uuid();
    Stack {
        id: step.scope.arn("cloudformation", format_args!("stack/{name}/{uuid}")),
        name: name.to_owned(),
        status: StackStatus::ReviewInProgress,
        status_reason: None,
        created_at: step.now,
        updated_at: None,
        deleted_at: None,
        settings: Settings::default(),
        on_failure: OnFailure::Rollback,
        retain_except_on_create: false,
        timeout_minutes: None,
        termination_protection: false,
        change_set_id: None,
        outputs: Vec::new(),
        imports: Default::default(),
        resources: Default::default(),
        change_sets: Default::default(),
        operation: None,
        templates: 0,
        events: 0,
        client_token: None,
    }
}

/// Names are letters, digits and hyphens, a letter first (recording test_stack_name_creation).
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let fits = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    let broken = if !(starts && fits) {
        "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    } else if name.len() > NAME_CHARS_MAX {
        "Member must have length less than or equal to 128"
    } else {
        return Ok(());
    };
    Err(Error::validation(format!(
        "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: {broken}"
    )))
}

pub(super) fn refuse_stack_policy(body: Option<&String>, url: Option<&String>) -> Result<(), Error> {
    match (body, url) {
        (Some(_), Some(_)) => {
            Err(Error::validation("You cannot specify both StackPolicyURL and StackPolicyBody"))
        }
        (None, None) => Ok(()),
        _ => Err(Error::unsupported("stack policies")),
    }
}

impl CloudFormation {
    pub(super) fn prepare(
        &mut self,
        scope: Scope,
        stack: &Stack,
        text: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<Prepared, Error> {
        let others: &Stacks = self.state.stacks(scope);
        Ok(deploy::prepare(scope, stack, &deploy::pseudo(scope, stack), others, text, given)?)
    }
}

pub(super) fn delete(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: DeleteStackInput,
) -> Answer<DeleteStackOutput> {
    let done = || Ok(DeleteStackOutput {}.into());
    if input.deletion_mode.as_deref() == Some("FORCE_DELETE_STACK") {
        return Err(Error::unsupported("the deletion mode FORCE_DELETE_STACK"));
    }
    let stacks = cloudformation.state.stacks(step.scope);
    // Deleting what does not exist, or no longer does, succeeds.
    let Some(stack) = stacks.find(&input.stack_name) else { return done() };
    if matches!(stack.status, StackStatus::DeleteComplete | StackStatus::DeleteInProgress) {
        return done();
    }
    if stack.termination_protection {
        return Err(Error::validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    let creating = stack.operation.as_ref().is_some_and(|operation| operation.kind == OperationKind::Create);
    if stack.operation.is_some() && !creating {
        return Err(Error::validation(format!(
            "Stack [{}] cannot be deleted while in status {}",
            stack.id,
            stack.status.name()
        )));
    }
    let retain = input.retain_resources.unwrap_or_default();
    if !retain.is_empty() && stack.status != StackStatus::DeleteFailed {
        return Err(Error::validation(format!(
            "Invalid operation on stack [{}]. RetainResources can be specified only for a stack in the DELETE_FAILED state.",
            stack.id
        )));
    }
    let in_use = export_in_use(stacks, stack);
    let mut stack = stack.clone();
    let role_arn = input.role_arn.or_else(|| stack.settings.role_arn.clone());
    cloudformation.check_role(step, &stack.id, role_arn.as_deref())?;
    give_up_creation(&mut stack);
    let caller = cloudformation.caller(step);
    forget_old(cloudformation, step);
    deploy::start_delete(
        step,
        &caller,
        &mut stack,
        role_arn.as_deref(),
        retain,
        in_use,
        input.client_request_token,
    );
    cloudformation.activate(step, &caller, stack);
    done()
}

/// Why a stack cannot go: another imports what it exports.
fn export_in_use(stacks: &Stacks, stack: &Stack) -> Option<String> {
    let exports = stack.outputs.iter().filter_map(|output| output.export.as_deref());
    exports.into_iter().find_map(|export| {
        let importers = stacks.importers(export).join(" and ");
        let message =
            format!("Delete canceled. Cannot delete export {export} as it is in use by {importers}.");
        (!importers.is_empty()).then_some(message)
    })
}

/// A creation that is deleted while it is under way leaves what it has made so far.
fn give_up_creation(stack: &mut Stack) {
    for resource in stack.resources.values_mut() {
        if let Some(pending) = resource.pending.take().filter(|pending| pending.physical_id.is_some()) {
            resource.live = Some(pending);
        }
    }
    if let Some(operation) = &mut stack.operation {
        operation.phase = Phase::Delete;
        for task in &mut operation.tasks {
            task.state = TaskState::Failed;
        }
    }
}

/// Stacks that were deleted long ago are forgotten, so that memory does not grow with what is gone.
fn forget_old(cloudformation: &mut CloudFormation, step: &mut Step<'_>) {
    let age = std::time::Duration::from_secs(DELETED_DAYS_MAX * 24 * 60 * 60);
    let limit = step.now.before(age);
    let stacks = cloudformation.state.stacks(step.scope);
    let is_old = |stack: &&Stack| {
        stack.status == StackStatus::DeleteComplete && stack.deleted_at.is_some_and(|deleted| deleted < limit)
    };
    let old: Vec<String> = stacks.iter().filter(is_old).map(|stack| stack.id.clone()).collect();
    for id in old {
        if let Some(stack) = stacks.take(&id) {
            records::forget_stack(step, &stack);
        }
    }
}

pub(super) fn protect(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: UpdateTerminationProtectionInput,
) -> Answer<UpdateTerminationProtectionOutput> {
    let stacks = cloudformation.state.stacks(step.scope);
    let found = stacks.find(&input.stack_name).filter(|stack| stack.status != StackStatus::DeleteComplete);
    let id = found.map(|stack| stack.id.clone()).ok_or_else(|| Error::no_stack(&input.stack_name))?;
    if let Some(stack) = stacks.by_id_mut(&id) {
        stack.termination_protection = input.enable_termination_protection;
        records::put_stack(step, stack);
    }
    Ok(UpdateTerminationProtectionOutput { stack_id: Some(id) }.into())
}

pub(super) fn get_policy(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: GetStackPolicyInput,
) -> Answer<GetStackPolicyOutput> {
    match cloudformation.state.stacks(step.scope).find(&input.stack_name) {
        // No stack has one, because setting one is refused.
        Some(_) => Ok(GetStackPolicyOutput { stack_policy_body: None }.into()),
        None => Err(Error::no_stack(&input.stack_name)),
    }
}
