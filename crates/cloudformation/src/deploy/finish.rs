//! What follows when a phase has ended.

use std::collections::BTreeMap;

use super::start::{delete_tasks, end_operation, replace_tasks, restore_tasks};
use super::{Deployment, records};
use crate::state::change_set::ExecutionStatus;
use crate::state::operation::{Action, Doing, Leftover, Operation, OperationKind, Phase};
use crate::state::stack::{Before, OnFailure, OutputValue};
use crate::state::{ResourceStatus, StackStatus};
use crate::template::{Error, export_error};

impl Deployment<'_, '_> {
    /// Ends the phase, no task of which is running or can begin.
    pub(super) fn end_phase(&mut self) {
        let operation = self.operation();
        match operation.phase {
            Phase::Forward => self.end_forward(),
            Phase::Cleanup => self.end_update(StackStatus::UpdateComplete),
            Phase::Rollback => self.end_rollback(),
            Phase::RollbackCleanup => self.end_update(StackStatus::UpdateRollbackComplete),
            Phase::Delete => self.end_delete(),
        }
    }

    fn end_forward(&mut self) {
        if !self.operation().is_stopping() {
            match self.outputs() {
                Ok(outputs) => return self.succeed(outputs),
                Err(error) => self.operation().abort = Some(error.message().to_owned()),
            }
        }
        let reason = self.failure_reason();
        let operation = self.operation();
        match (operation.kind, operation.disable_rollback) {
            (OperationKind::Update, true) => {
                self.set_stack_status(StackStatus::UpdateFailed, Some(reason));
                self.forget_changes();
                self.mark_change_set(ExecutionStatus::ExecuteFailed);
                end_operation(self.step, self.stack);
            }
            (OperationKind::Update, false) => self.begin_rollback(reason),
            _ => self.fail_creation(reason),
        }
    }

    fn fail_creation(&mut self, reason: String) {
        self.mark_change_set(ExecutionStatus::ExecuteFailed);
        if self.operation().disable_rollback || self.stack.on_failure == OnFailure::DoNothing {
            self.set_stack_status(StackStatus::CreateFailed, Some(reason));
            self.forget_changes();
            return end_operation(self.step, self.stack);
        }
        let deletes = self.stack.on_failure == OnFailure::Delete;
        let status = if deletes { StackStatus::DeleteInProgress } else { StackStatus::RollbackInProgress };
        self.stack.deleted_at = Some(self.step.now);
        self.set_stack_status(status, Some(reason));
        let operation = self.operation();
        operation.phase = Phase::Delete;
        operation.failed.clear();
        operation.abort = None;
        let tasks = delete_tasks(self.stack);
        replace_tasks(self.step, self.stack, tasks);
        records::put_stack(self.step, self.stack);
    }

    /// Why the operation failed, in the words of the stack's event.
    fn failure_reason(&mut self) -> String {
        let creating = self.operation().kind == OperationKind::Create;
        let operation = self.operation();
        if let Some(abort) = &operation.abort {
            return format!("{abort}. Rollback requested by user.").replace("..", ".");
        }
        let mut reason = String::new();
        for doing in [Doing::Create, Doing::Update, Doing::Delete] {
            let failed = operation.failed.iter().filter(|failed| failed.doing == doing);
            let names: Vec<&str> = failed.map(|failed| failed.logical.as_str()).collect();
            if !names.is_empty() {
                let (verb, names) = (doing.verb(), names.join(", "));
                reason.push_str(&format!("The following resource(s) failed to {verb}: [{names}]. "));
            }
        }
        if creating && !operation.disable_rollback && operation.phase == Phase::Forward {
            reason.push_str("Rollback requested by user.");
        }
        reason
    }

    /// Resolves the outputs, now that everything that they refer to exists.
    fn outputs(&mut self) -> Result<Vec<OutputValue>, Error> {
        let outputs = self.with_scope(|scope| {
            let mut outputs = Vec::new();
            for (key, output) in scope.active_outputs() {
                let known = |text: Option<String>| {
                    text.ok_or_else(|| Error::function(format_args!("output {key} cannot be resolved")))
                };
                let export = match &output.export {
                    Some(name) => Some(known(scope.output_text(name)?)?),
                    None => None,
                };
                if export.as_deref().is_some_and(|name| !is_export_name(name)) {
                    return Err(export_error(key));
                }
                outputs.push(OutputValue {
                    key: key.to_owned(),
                    value: known(scope.output_text(&output.value)?)?,
                    description: output.description.clone(),
                    export,
                });
            }
            Ok(outputs)
        })?;
        self.check_exports(&outputs)?;
        Ok(outputs)
    }

    /// Exports are unique in an account and region, and stay while they are imported.
    fn check_exports(&self, outputs: &[OutputValue]) -> Result<(), Error> {
        for name in outputs.iter().filter_map(|output| output.export.as_deref()) {
            let owner = self.others.exports().find(|(_, export, _)| *export == name);
            if let Some((owner, ..)) = owner {
                return Err(Error::new(format!(
                    "Export with name {name} is already exported by stack {}",
                    owner.name
                )));
            }
        }
        for before in &self.stack.outputs {
            let Some(name) = &before.export else { continue };
            let users = self.others.importers(name);
            if users.is_empty() {
                continue;
            }
            let kept = outputs.iter().find(|output| output.export.as_ref() == Some(name));
            let users = users.join(" and ");
            match kept {
                None => {
                    return Err(Error::new(format!(
                        "Cannot delete export {name} as it is in use by {users}"
                    )));
                }
                Some(output) if output.value != before.value => {
                    return Err(Error::new(format!(
                        "Cannot update export {name} as it is in use by {users}"
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn succeed(&mut self, outputs: Vec<OutputValue>) {
        self.stack.outputs = outputs;
        if self.operation().kind == OperationKind::Create {
            self.set_stack_status(StackStatus::CreateComplete, None);
            self.forget_changes();
            self.mark_change_set(ExecutionStatus::ExecuteComplete);
            return end_operation(self.step, self.stack);
        }
        let leftovers = self.superseded();
        let template_names = self.compiled.template.resources.clone();
        let active: Vec<String> = self
            .with_scope(|scope| Ok(scope.active_resources().map(|(name, _)| name.to_owned()).collect()))
            .unwrap_or_else(|_| template_names.keys().cloned().collect());
        self.remove_entries(|logical| !active.iter().any(|name| name == logical));
        self.begin_discarding(Phase::Cleanup, leftovers);
        self.set_stack_status(StackStatus::UpdateCompleteCleanupInProgress, None);
    }

    /// What the update has replaced or removed.
    fn superseded(&mut self) -> Vec<Leftover> {
        let tasks = &self.operation().tasks;
        let kept: std::collections::BTreeSet<String> =
            tasks.iter().map(|task| task.logical.clone()).collect();
        let mut leftovers = Vec::new();
        for (logical, resource) in &self.stack.resources {
            let removed = !kept.contains(logical);
            let (instance, depends_on, policy) = match &resource.before {
                _ if removed => {
                    (resource.live.clone(), resource.depends_on.clone(), resource.deletion_policy)
                }
                Some(Before::Existing { instance, depends_on, .. })
                    if is_replaced(resource.live.as_ref(), instance) =>
                {
                    (Some((**instance).clone()), depends_on.clone(), resource.update_replace_policy)
                }
                _ => continue,
            };
            if let Some(instance) = instance.filter(|instance| instance.physical_id.is_some()) {
                let (logical, kind) = (logical.clone(), resource.kind.clone());
                leftovers.push(Leftover { logical, kind, instance, depends_on, policy });
            }
        }
        leftovers
    }

    fn begin_discarding(&mut self, phase: Phase, leftovers: Vec<Leftover>) {
        let things: Vec<_> = leftovers
            .iter()
            .enumerate()
            .map(|(index, leftover)| {
                (leftover.logical.as_str(), &leftover.depends_on, Action::Discard(index))
            })
            .collect();
        let tasks = Operation::deletions(&things);
        let operation = self.operation();
        operation.phase = phase;
        operation.failed.clear();
        operation.abort = None;
        operation.leftovers = leftovers;
        replace_tasks(self.step, self.stack, tasks);
    }

    /// Ends an update, either way. What could not be deleted is left behind, as its events say.
    fn end_update(&mut self, status: StackStatus) {
        self.set_stack_status(status, None);
        self.forget_changes();
        let execution = if status == StackStatus::UpdateComplete {
            ExecutionStatus::ExecuteComplete
        } else {
            ExecutionStatus::ExecuteFailed
        };
        self.mark_change_set(execution);
        self.stack.imports = self.imports();
        end_operation(self.step, self.stack);
    }

    fn imports(&mut self) -> std::collections::BTreeSet<String> {
        let compiled = super::Compiled::of(self.step, self.stack).map(std::sync::Arc::new);
        if let Ok(compiled) = compiled {
            self.compiled = compiled;
        }
        let stack: &_ = self.stack;
        super::preflight::imports(self.step.scope, stack, self.others, &self.compiled)
    }

    fn begin_rollback(&mut self, reason: String) {
        self.set_stack_status(StackStatus::UpdateRollbackInProgress, Some(reason));
        if let Some(previous) = self.operation().previous.clone() {
            self.stack.settings = previous;
        }
        let tasks = restore_tasks(self.stack);
        let operation = self.operation();
        operation.phase = Phase::Rollback;
        operation.failed.clear();
        operation.abort = None;
        replace_tasks(self.step, self.stack, tasks);
        records::put_stack(self.step, self.stack);
    }

    fn end_rollback(&mut self) {
        if !self.operation().failed.is_empty() {
            let reason = self.failure_reason();
            self.set_stack_status(StackStatus::UpdateRollbackFailed, Some(reason));
            self.mark_change_set(ExecutionStatus::ExecuteFailed);
            return end_operation(self.step, self.stack);
        }
        let mut leftovers = Vec::new();
        let mut gone = Vec::new();
        let mut returned = Vec::new();
        for (logical, resource) in &mut self.stack.resources {
            let kind = resource.kind.clone();
            let mut discard = |instance: Option<crate::state::Instance>, depends_on| {
                if let Some(instance) = instance.filter(|instance| instance.physical_id.is_some()) {
                    let (logical, kind, policy) = (logical.clone(), kind.clone(), resource.deletion_policy);
                    leftovers.push(Leftover { logical, kind, instance, depends_on, policy });
                }
            };
            match resource.before.clone() {
                Some(Before::Absent) => {
                    discard(resource.live.take(), resource.depends_on.clone());
                    gone.push(logical.clone());
                }
                Some(Before::Existing { instance, status, depends_on, deletion_policy }) => {
                    // A replacement that failed halfway is still pending.
                    discard(resource.pending.take(), resource.depends_on.clone());
                    if is_replaced(resource.live.as_ref(), &instance) {
                        discard(resource.live.replace(*instance), resource.depends_on.clone());
                        returned.push(logical.clone());
                    } else if resource.status == ResourceStatus::UpdateFailed {
                        returned.push(logical.clone());
                    }
                    if resource.status != ResourceStatus::UpdateComplete {
                        resource.status = status;
                    }
                    resource.depends_on = depends_on;
                    resource.deletion_policy = deletion_policy;
                }
                None => {}
            }
        }
        for logical in returned {
            let live = self.resource(&logical).live.clone().unwrap_or_default();
            let (physical_id, properties) = (live.physical_id.as_deref(), Some(live.properties.clone()));
            self.set_status(&logical, ResourceStatus::UpdateComplete, None, physical_id, properties);
        }
        self.remove_entries(|logical| gone.iter().any(|name| name == logical));
        self.begin_discarding(Phase::RollbackCleanup, leftovers);
        self.set_stack_status(StackStatus::UpdateRollbackCompleteCleanupInProgress, None);
    }

    fn end_delete(&mut self) {
        let creating =
            self.operation().kind == OperationKind::Create && self.stack.on_failure != OnFailure::Delete;
        if let Some(reason) = self.operation().abort.take() {
            self.set_stack_status(StackStatus::DeleteFailed, Some(reason));
        } else if !self.operation().failed.is_empty() {
            let reason = self.failure_reason();
            let status = if creating { StackStatus::RollbackFailed } else { StackStatus::DeleteFailed };
            self.set_stack_status(status, Some(reason));
        } else if creating {
            // It counts as updated then (recording `test_handle_existing_log_group`).
            self.stack.updated_at = Some(self.step.now);
            self.set_stack_status(StackStatus::RollbackComplete, None);
        } else {
            self.stack.outputs.clear();
            self.stack.imports.clear();
            // Those that were executed can be looked at as long as the stack can (recording `test_name_conflicts` of change sets).
            let (executed, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
                std::mem::take(&mut self.stack.change_sets)
                    .into_iter()
                    .partition(|(_, change_set)| change_set.was_executed());
            self.stack.change_sets = executed;
            for id in gone.into_keys() {
                records::delete_change_set(self.step, self.stack, &id);
            }
            self.set_stack_status(StackStatus::DeleteComplete, None);
        }
        self.forget_changes();
        end_operation(self.step, self.stack);
    }

    fn remove_entries(&mut self, is_gone: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.stack.resources.keys().filter(|name| is_gone(name)).cloned().collect();
        for logical in gone {
            self.stack.resources.shift_remove(&logical);
            records::put_resource(self.step, self.stack, &logical);
        }
    }

    /// What resources were before, or were to become, matters no more.
    fn forget_changes(&mut self) {
        let names: Vec<String> = self.stack.resources.keys().cloned().collect();
        for logical in names {
            let resource = self.resource(&logical);
            if resource.before.take().is_some() | resource.pending.take().is_some() {
                records::put_resource(self.step, self.stack, &logical);
            }
        }
    }

    fn mark_change_set(&mut self, execution: ExecutionStatus) {
        let Some(id) = self.stack.change_set_id.clone() else { return };
        let Some(change_set) = self.stack.change_sets.get_mut(&id) else { return };
        if change_set.execution == ExecutionStatus::ExecuteInProgress {
            change_set.execution = execution;
            let change_set = change_set.clone();
            records::put_change_set(self.step, self.stack, &change_set);
        }
    }
}

/// Whether a resource stands for another thing than before.
fn is_replaced(live: Option<&crate::state::Instance>, before: &crate::state::Instance) -> bool {
    live.is_some_and(|live| live.physical_id != before.physical_id)
}

fn is_export_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, ':' | '-'))
}
