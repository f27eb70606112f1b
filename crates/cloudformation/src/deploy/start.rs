//! Beginning operations on stacks.

use pontoon_core::step::Step;
use pontoon_core::{Account, Caller, Principal};

use super::{Prepared, set_stack_status};
use crate::state::operation::{Action, Operation, OperationKind, Phase, Requester, RequesterPrincipal, Task};
use crate::state::stack::{Before, Settings};
use crate::state::{Stack, StackStatus};
use crate::template::graph::Dependencies;
use crate::{SESSION, records};

const BY_USER: &str = "User Initiated";

/// In whose name a stack's calls are made: the caller's, or that of the role that was given.
fn requester(caller: &Caller, role_arn: Option<&str>) -> Requester {
    let account = |account: Account| RequesterPrincipal::Account(account.to_string());
    let principal = match (role_arn, &caller.principal) {
        (Some(role), _) => RequesterPrincipal::Role(role.to_owned(), SESSION.to_owned()),
        (None, Principal::Account(id)) => account(*id),
        (None, Principal::User(arn)) => RequesterPrincipal::User(arn.to_string()),
        (None, Principal::Role { arn, session }) => {
            RequesterPrincipal::Role(arn.to_string(), session.to_string())
        }
        (None, Principal::Service(_)) => account(caller.account),
    };
    Requester { principal, endpoint: caller.endpoint.to_string() }
}

fn operation(
    step: &Step<'_>,
    caller: &Caller,
    kind: OperationKind,
    phase: Phase,
    role_arn: Option<&str>,
) -> Operation {
    Operation {
        kind,
        phase,
        began_at: step.now,
        requester: requester(caller, role_arn),
        previous: None,
        abort: None,
        disable_rollback: false,
        failed: Vec::new(),
        retain: Default::default(),
        leftovers: Vec::new(),
        tasks: Vec::new(),
        token: None,
    }
}

/// The tasks that make the template's resources, each after those that it depends on.
fn apply_tasks(dependencies: &Dependencies) -> Vec<Task> {
    let place = |name: &String| dependencies.get_index_of(name);
    let tasks = dependencies.iter().map(|(logical, needed)| {
        let mut task = Task::new(logical.clone(), Action::Apply);
        task.after = needed.iter().filter_map(place).collect();
        task
    });
    tasks.collect()
}

fn save_tasks(step: &mut Step<'_>, stack: &Stack) {
    let count = stack.operation.as_ref().map_or(0, |operation| operation.tasks.len());
    for index in 0..count {
        records::put_task(step, stack, index);
    }
}

/// Begins to create a stack whose settings are set.
pub(crate) fn start_create(
    step: &mut Step<'_>,
    caller: &Caller,
    stack: &mut Stack,
    prepared: &Prepared,
    disable_rollback: bool,
    token: Option<String>,
) {
    let role = stack.settings.role_arn.clone();
    let mut operation = operation(step, caller, OperationKind::Create, Phase::Forward, role.as_deref());
    operation.disable_rollback = disable_rollback;
    operation.abort.clone_from(&prepared.abort);
    operation.tasks = apply_tasks(&prepared.dependencies);
    operation.token.clone_from(&token);
    stack.operation = Some(operation);
    stack.client_token = token;
    stack.imports.clone_from(&prepared.imports);
    set_stack_status(step, stack, StackStatus::CreateInProgress, Some(BY_USER.to_owned()));
    save_tasks(step, stack);
}

/// Begins to update a stack to new settings.
pub(crate) fn start_update(
    step: &mut Step<'_>,
    caller: &Caller,
    stack: &mut Stack,
    settings: Settings,
    prepared: &Prepared,
    disable_rollback: bool,
    token: Option<String>,
) {
    let mut operation =
        operation(step, caller, OperationKind::Update, Phase::Forward, settings.role_arn.as_deref());
    operation.disable_rollback = disable_rollback;
    operation.abort.clone_from(&prepared.abort);
    operation.tasks = apply_tasks(&prepared.dependencies);
    operation.token.clone_from(&token);
    operation.previous = Some(std::mem::replace(&mut stack.settings, settings));
    stack.operation = Some(operation);
    stack.client_token = token;
    stack.updated_at = Some(step.now);
    stack.imports.extend(prepared.imports.iter().cloned());
    for resource in stack.resources.values_mut() {
        resource.before = None;
        resource.pending = None;
    }
    set_stack_status(step, stack, StackStatus::UpdateInProgress, Some(BY_USER.to_owned()));
    save_tasks(step, stack);
}

/// Begins to delete a stack. `in_use` says which of its exports others import: then it fails at once.
pub(crate) fn start_delete(
    step: &mut Step<'_>,
    caller: &Caller,
    stack: &mut Stack,
    role_arn: Option<&str>,
    retain: Vec<String>,
    in_use: Option<String>,
    token: Option<String>,
) {
    let mut operation = operation(step, caller, OperationKind::Delete, Phase::Delete, role_arn);
    operation.abort = in_use;
    operation.retain = retain.into_iter().collect();
    operation.tasks = delete_tasks(stack);
    operation.token.clone_from(&token);
    stack.operation = Some(operation);
    stack.client_token = token;
    stack.deleted_at = Some(step.now);
    set_stack_status(step, stack, StackStatus::DeleteInProgress, Some(BY_USER.to_owned()));
    save_tasks(step, stack);
}

/// The tasks that delete every resource, each after those that depend on it.
pub(super) fn delete_tasks(stack: &Stack) -> Vec<Task> {
    let things: Vec<_> = stack
        .resources
        .iter()
        .map(|(logical, resource)| (logical.as_str(), &resource.depends_on, Action::Delete))
        .collect();
    Operation::deletions(&things)
}

/// Writes the tasks of a phase that begins, and removes those of the one that has ended.
pub(super) fn replace_tasks(step: &mut Step<'_>, stack: &mut Stack, tasks: Vec<Task>) {
    let Some(operation) = &mut stack.operation else { return };
    let before = operation.tasks.len();
    let after = tasks.len();
    operation.tasks = tasks;
    for index in 0..before.max(after) {
        records::put_task(step, stack, index);
    }
}

/// Removes the operation and its tasks.
pub(super) fn end_operation(step: &mut Step<'_>, stack: &mut Stack) {
    replace_tasks(step, stack, Vec::new());
    stack.operation = None;
    records::put_stack(step, stack);
}

/// Begins to change back what a failed rollback could not. The skipped resources are taken to be as they
/// were, whatever they are.
pub(crate) fn continue_rollback(
    step: &mut Step<'_>,
    caller: &Caller,
    stack: &mut Stack,
    role_arn: Option<&str>,
    skipped: &[String],
    token: Option<String>,
) {
    for logical in skipped {
        if let Some(resource) = stack.resources.get_mut(logical)
            && let Some(Before::Existing { instance, .. }) = &resource.before
        {
            resource.live = Some((**instance).clone());
            records::put_resource(step, stack, logical);
        }
    }
    let mut operation = operation(step, caller, OperationKind::Update, Phase::Rollback, role_arn);
    operation.tasks = restore_tasks(stack);
    operation.token.clone_from(&token);
    stack.operation = Some(operation);
    stack.client_token = token;
    let reason = Some(BY_USER.to_owned());
    set_stack_status(step, stack, StackStatus::UpdateRollbackInProgress, reason);
    save_tasks(step, stack);
}

/// The tasks that change back what an update has changed in place, each after those that it depended on.
pub(super) fn restore_tasks(stack: &Stack) -> Vec<Task> {
    let mut restored = Vec::new();
    for (logical, resource) in &stack.resources {
        let Some(Before::Existing { instance, depends_on, .. }) = &resource.before else { continue };
        let in_place = resource.live.as_ref().is_some_and(|live| live.physical_id == instance.physical_id);
        if in_place && resource.live.as_ref() != Some(&**instance) {
            restored.push((logical, depends_on));
        }
    }
    let place = |name: &String| restored.iter().position(|(other, _)| *other == name);
    let tasks = restored.iter().map(|(logical, depends_on)| {
        let mut task = Task::new((*logical).clone(), Action::Restore);
        task.after = depends_on.iter().filter_map(place).collect();
        task
    });
    tasks.collect()
}
