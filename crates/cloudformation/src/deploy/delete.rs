//! Deleting resources of the stack, and things that it has let go of.

use super::{Deployment, records};
use crate::state::operation::{Action, OperationKind, TaskState};
use crate::state::stack::Before;
use crate::state::{Instance, ResourceStatus};
use crate::template::RemovalPolicy;

impl Deployment<'_, '_> {
    pub(super) fn begin_delete(&mut self, index: usize) {
        let task = self.task(index);
        task.state = TaskState::Running;
        let logical = task.logical.clone();
        let rolling_back = self.operation().kind == OperationKind::Create;
        let retain_none = self.stack.retain_except_on_create;
        let named = self.operation().retain.contains(&logical);
        let resource = self.resource(&logical);
        let policy = resource.deletion_policy;
        let Some(live) = resource.live.clone() else { return self.nothing_to_delete(index, &logical) };
        if named || retains(policy, rolling_back, retain_none) {
            return self.skip(index, &logical, &live);
        }
        let physical_id = live.physical_id.as_deref();
        self.set_status(
            &logical,
            ResourceStatus::DeleteInProgress,
            None,
            physical_id,
            Some(live.properties.clone()),
        );
        self.next_call(index);
    }

    fn nothing_to_delete(&mut self, index: usize, logical: &str) {
        self.task(index).state = TaskState::Done;
        // A resource whose creation failed is reported as deleted too; one that is gone already is not.
        if self.resource(logical).status != ResourceStatus::DeleteComplete {
            self.set_status(logical, ResourceStatus::DeleteComplete, None, None, None);
        }
        self.save(index);
    }

    fn skip(&mut self, index: usize, logical: &str, live: &Instance) {
        self.task(index).state = TaskState::Done;
        let (physical_id, properties) = (live.physical_id.as_deref(), Some(live.properties.clone()));
        self.set_status(logical, ResourceStatus::DeleteSkipped, None, physical_id, properties);
        self.resource(logical).live = None;
        self.save(index);
    }

    pub(super) fn begin_discard(&mut self, index: usize, leftover: usize) {
        let task = self.task(index);
        task.state = TaskState::Running;
        let logical = task.logical.clone();
        let retain_none = self.stack.retain_except_on_create;
        let rolling_back = self.operation().phase == crate::state::operation::Phase::RollbackCleanup;
        let leftover = self.operation().leftovers[leftover].clone();
        let status = if retains(leftover.policy, rolling_back, retain_none) {
            self.task(index).state = TaskState::Done;
            ResourceStatus::DeleteSkipped
        } else {
            ResourceStatus::DeleteInProgress
        };
        let physical_id = leftover.instance.physical_id.as_deref();
        let properties = Some(leftover.instance.properties.clone());
        self.record_event(&logical, &leftover.kind, status, None, physical_id, properties);
        if status == ResourceStatus::DeleteSkipped {
            self.save(index);
        } else {
            self.next_call(index);
        }
    }

    pub(super) fn complete_delete(&mut self, index: usize) {
        let task = self.task(index);
        let (logical, action) = (task.logical.clone(), task.action);
        if let Action::Discard(leftover) = action {
            let leftover = self.operation().leftovers[leftover].clone();
            let physical_id = leftover.instance.physical_id.as_deref();
            let properties = Some(leftover.instance.properties.clone());
            let status = ResourceStatus::DeleteComplete;
            self.record_event(&logical, &leftover.kind, status, None, physical_id, properties);
            return self.save(index);
        }
        let live = self.resource(&logical).live.take().unwrap_or_default();
        let physical_id = live.physical_id.as_deref();
        self.set_status(
            &logical,
            ResourceStatus::DeleteComplete,
            None,
            physical_id,
            Some(live.properties.clone()),
        );
        self.resource(&logical).before = Some(Before::Absent);
        records::put_resource(self.step, self.stack, &logical);
        self.save(index);
    }
}

/// Whether a policy keeps a thing. A rollback deletes what the operation created, unless it is to be
/// kept whatever happens.
fn retains(policy: RemovalPolicy, rolling_back: bool, retain_none: bool) -> bool {
    match policy {
        RemovalPolicy::Delete => false,
        RemovalPolicy::Retain => !(rolling_back && retain_none),
        RemovalPolicy::RetainExceptOnCreate => !rolling_back,
    }
}
