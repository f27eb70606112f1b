//! Updating stacks, and giving updates up.

use pontoon_api::cloudformation::*;
use pontoon_core::Step;

use super::{
    Answer, capabilities, change_sets, check_resource_types, check_rollback_configuration, source, stacks,
    tags,
};
use crate::deploy::{self, plan};
use crate::state::operation::{OperationKind, Phase};
use crate::state::stack::Settings;
use crate::state::{Stack, StackStatus};
use crate::{CloudFormation, Error, records};

pub(super) fn update(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    mut input: UpdateStackInput,
) -> Answer<UpdateStackOutput> {
    stacks::refuse_stack_policy(input.stack_policy_body.as_ref(), input.stack_policy_url.as_ref())?;
    stacks::refuse_stack_policy(
        input.stack_policy_during_update_body.as_ref(),
        input.stack_policy_during_update_url.as_ref(),
    )?;
    check_rollback_configuration(input.rollback_configuration.as_ref())?;
    if let Some(url) = input.template_url.take() {
        source::check_single(input.template_body.as_ref(), input.use_previous_template)?;
        return cloudformation.fetch(step, &url, Request::UpdateStack(input));
    }
    let found = cloudformation.state.stacks(step.scope).find(&input.stack_name);
    let mut stack = found.cloned().ok_or_else(|| Error::no_stack(&input.stack_name))?;
    if input.client_request_token.is_some() && stack.client_token == input.client_request_token {
        return Ok(UpdateStackOutput { stack_id: Some(stack.id), operation_id: None }.into());
    }
    check_updatable(&stack)?;
    let use_previous = input.use_previous_template == Some(true);
    let text = cloudformation.template_text(step, input.template_body.take(), use_previous, Some(&stack))?;
    let role_arn = input.role_arn.take().or_else(|| stack.settings.role_arn.clone());
    cloudformation.check_role(step, &stack.id, role_arn.as_deref())?;
    let mut settings = Settings {
        template: stack.settings.template,
        capabilities: input.capabilities.take().unwrap_or_default(),
        role_arn,
        ..stack.settings.clone()
    };
    if input.tags.is_some() {
        settings.tags = tags(input.tags.take())?;
    }
    if let Some(arns) = input.notification_arns.take() {
        settings.notification_arns = arns;
    }
    let given = super::parameters(input.parameters.take(), Some(&stack))?;
    let prepared = cloudformation.prepare(step.scope, &stack, &text, &given)?;
    check_resource_types(&prepared.template, input.resource_types.as_deref())?;
    capabilities::check(&prepared.template, &settings.capabilities)?;
    let others = cloudformation.state.stacks(step.scope);
    let plan = plan::plan(step.scope, &stack, others, None, &prepared, &settings.tags)?;
    let unfinished = matches!(stack.status, StackStatus::CreateFailed | StackStatus::UpdateFailed);
    if plan.changes.is_empty() && !plan.outputs_change && prepared.abort.is_none() && !unfinished {
        return Err(Error::validation("No updates are to be performed."));
    }
    stacks::settle(&mut settings, &prepared);
    if !use_previous {
        settings.template = records::put_template(step, &mut stack, &text);
    }
    change_sets::make_obsolete(step, &mut stack);
    let caller = cloudformation.caller(step);
    let disable_rollback = input.disable_rollback == Some(true);
    deploy::start_update(
        step,
        &caller,
        &mut stack,
        settings,
        &prepared,
        disable_rollback,
        input.client_request_token,
    );
    let stack_id = Some(stack.id.clone());
    cloudformation.activate(step, &caller, stack);
    Ok(UpdateStackOutput { stack_id, operation_id: None }.into())
}

/// Whether an update may begin.
pub(super) fn check_updatable(stack: &Stack) -> Result<(), Error> {
    if stack.status.can_be_updated() {
        return Ok(());
    }
    Err(Error::validation(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id,
        stack.status.name()
    )))
}

pub(super) fn cancel(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: CancelUpdateStackInput,
) -> Answer<CancelUpdateStackOutput> {
    let found = cloudformation.state.stacks(step.scope).find(&input.stack_name);
    let stack = found.ok_or_else(|| Error::no_stack(&input.stack_name))?;
    if stack.status != StackStatus::UpdateInProgress {
        return Err(Error::validation("CancelUpdateStack cannot be called from current stack status"));
    }
    let id = stack.id.clone();
    cloudformation.deploy(step, &id, |deployment| {
        deployment.operation().abort = Some("Update cancelled".to_owned());
    });
    Ok(CancelUpdateStackOutput {}.into())
}

pub(super) fn continue_rollback(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ContinueUpdateRollbackInput,
) -> Answer<ContinueUpdateRollbackOutput> {
    let found = cloudformation.state.stacks(step.scope).find(&input.stack_name);
    let mut stack = found.cloned().ok_or_else(|| Error::no_stack(&input.stack_name))?;
    if stack.status != StackStatus::UpdateRollbackFailed {
        return Err(Error::validation(format!(
            "Stack:{} is in {} state and can not continue rollback.",
            stack.id,
            stack.status.name()
        )));
    }
    let role_arn = input.role_arn.or_else(|| stack.settings.role_arn.clone());
    cloudformation.check_role(step, &stack.id, role_arn.as_deref())?;
    let skipped = input.resources_to_skip.unwrap_or_default();
    if let Some(unknown) = skipped.iter().find(|name| !stack.resources.contains_key(*name)) {
        return Err(Error::validation(format!("Resource {unknown} does not exist for stack {}", stack.name)));
    }
    let caller = cloudformation.caller(step);
    deploy::continue_rollback(
        step,
        &caller,
        &mut stack,
        role_arn.as_deref(),
        &skipped,
        input.client_request_token,
    );
    debug_assert!(stack.operation.as_ref().is_some_and(|operation| {
        operation.kind == OperationKind::Update && operation.phase == Phase::Rollback
    }));
    cloudformation.activate(step, &caller, stack);
    Ok(ContinueUpdateRollbackOutput {}.into())
}
