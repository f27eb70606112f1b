//! Deployments: a stack's operation carried out, step by step.
//!
//! An operation is a row of phases ([`crate::state::operation::Phase`]), a phase a graph of tasks, a task
//! the calls of one resource. [`Deployment::run`] begins every task that can begin, [`Deployment::settled`]
//! takes an answer and makes the next call, and whichever ends the last task of a phase begins the next.
//! Calls of independent resources are under way together.
//!
//! Invariant: a change of a resource's record is in the same batch as the call that it records.

mod apply;
mod calls;
mod delete;
mod finish;
mod notify;
pub(crate) mod plan;
mod preflight;
mod start;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pontoon_core::policy::IdentityPolicies;
use pontoon_core::step::Step;
use pontoon_core::{Account, Caller, Principal, Scope, Timestamp};

use crate::records::{self, Event};
use crate::resources::ResourceType;
use crate::state::operation::{Phase, RequesterPrincipal, Task};
use crate::state::stack::Resource;
use crate::state::{Operation, ResourceStatus, Stack, StackStatus, Stacks};
use crate::template::resolve::{Pseudo, Resolved, Scope as TemplateScope, Surroundings, no_export};
use crate::template::{Error, Map, Template, Value};

pub(crate) use calls::Token;
pub(crate) use preflight::{Prepared, check_types, prepare};
pub(crate) use start::{continue_rollback, start_create, start_delete, start_update};

/// The type that a stack has as a resource of itself, in events.
pub const STACK_TYPE: &str = "AWS::CloudFormation::Stack";

/// A template with what its expressions are resolved in.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The template.
    pub template: Template,
    /// The stack's pseudo parameters.
    pub pseudo: Pseudo,
}

impl Compiled {
    /// Reads a stack's template again.
    pub(crate) fn of(step: &Step<'_>, stack: &Stack) -> Result<Self, Error> {
        let text = records::template(step, stack, stack.settings.template)
            .ok_or_else(|| Error::new("the stack's template is missing from the store"))?;
        Ok(Self { template: Template::parse(&text)?, pseudo: pseudo(step.scope, stack) })
    }
}

/// The pseudo parameters of a stack.
pub(crate) fn pseudo(scope: Scope, stack: &Stack) -> Pseudo {
    Pseudo {
        account_id: scope.account.to_string(),
        region: scope.region.to_string(),
        partition: "aws".to_owned(),
        url_suffix: "amazonaws.com".to_owned(),
        stack_name: stack.name.clone(),
        stack_id: stack.id.clone(),
        notification_arns: stack.settings.notification_arns.clone(),
    }
}

/// A deployment at work: one stack, taken out of the others for the time of one step.
pub(crate) struct Deployment<'d, 'a> {
    /// The step.
    pub step: &'d mut Step<'a>,
    /// The stack; it has an operation.
    pub stack: &'d mut Stack,
    /// The other stacks of the scope.
    pub others: &'d Stacks,
    /// The stack's template.
    pub compiled: Arc<Compiled>,
    /// The policies of the user or role in whose name calls are made.
    pub identity: Option<Arc<IdentityPolicies>>,
    /// How many more tasks may begin within this command.
    pub budget: &'d mut usize,
}

/// How many tasks may begin within one command, so that a large stack does not hold up everybody else.
pub(crate) const TASKS_PER_COMMAND: usize = 16;

/// What a template sees of a stack: the resources that exist, and other stacks' exports.
pub(crate) struct Live<'l> {
    pub scope: Scope,
    pub stack: &'l Stack,
    pub others: &'l Stacks,
}

impl Surroundings for Live<'_> {
    fn reference(&self, resource: &str) -> Result<Resolved, Error> {
        let live = self.stack.resources.get(resource).and_then(|resource| resource.live.as_ref());
        let physical_id = live.and_then(|instance| instance.physical_id.as_deref());
        Ok(physical_id.map_or(Resolved::Unknown, |id| Resolved::Value(id.into())))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<Resolved, Error> {
        let Some(found) = self.stack.resources.get(resource) else { return Ok(Resolved::Unknown) };
        let Some(instance) = &found.live else { return Ok(Resolved::Unknown) };
        let value = ResourceType::find(&found.kind)
            .and_then(|resource_type| resource_type.attribute(self.scope, instance, attribute));
        value.map(Resolved::Value).ok_or_else(|| {
            Error::function(format_args!(
                "resource {resource} does not support attribute type {attribute} in Fn::GetAtt"
            ))
        })
    }

    fn import(&self, name: &str) -> Result<Resolved, Error> {
        self.others.export(name).map(|value| Resolved::Value(value.into())).ok_or_else(|| no_export(name))
    }
}

impl Deployment<'_, '_> {
    /// Begins every task that can begin, and the next phase when there is nothing left to do in this one.
    pub(crate) fn run(&mut self) {
        while let Some(operation) = &self.stack.operation {
            let ready = if operation.is_stopping() { Vec::new() } else { operation.ready() };
            if !ready.is_empty() {
                for index in ready {
                    if *self.budget == 0 {
                        return;
                    }
                    *self.budget -= 1;
                    self.begin(index);
                }
            } else if operation.is_running() {
                self.cancel_if_stopping();
                if self.stack.operation.as_ref().is_some_and(Operation::is_running) {
                    return;
                }
            } else {
                self.end_phase();
            }
        }
    }

    /// The operation under way.
    ///
    /// # Panics
    /// If there is none: deployments are only made of stacks with an operation, and end with it.
    pub(crate) fn operation(&mut self) -> &mut Operation {
        self.stack.operation.as_mut().unwrap_or_else(|| panic!("a deployment has an operation until it ends"))
    }

    fn task(&mut self, index: usize) -> &mut Task {
        &mut self.operation().tasks[index]
    }

    /// The resource of a task.
    ///
    /// # Panics
    /// If it is gone: entries of resources stay until the phase that deals with them has ended.
    fn resource(&mut self, logical: &str) -> &mut Resource {
        let found = self.stack.resources.get_mut(logical);
        found.unwrap_or_else(|| panic!("a task's resource stays in the stack while the task runs"))
    }

    fn save(&mut self, index: usize) {
        let logical = self.task(index).logical.clone();
        records::put_task(self.step, self.stack, index);
        if self.stack.resources.contains_key(&logical) {
            records::put_resource(self.step, self.stack, &logical);
        }
    }

    /// Resolves something in the template.
    fn with_scope<T>(
        &self,
        resolve: impl FnOnce(&TemplateScope<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let live = Live { scope: self.step.scope, stack: self.stack, others: self.others };
        let compiled = Arc::clone(&self.compiled);
        let scope =
            TemplateScope::new(&compiled.template, &self.stack.settings.parameters, &compiled.pseudo, &live)?;
        resolve(&scope)
    }

    /// Gives the stack a status and records the event.
    fn set_stack_status(&mut self, status: StackStatus, reason: Option<String>) {
        set_stack_status(self.step, self.stack, status, reason);
    }

    /// Gives a resource a status and records the event.
    fn set_status(
        &mut self,
        logical: &str,
        status: ResourceStatus,
        reason: Option<String>,
        physical_id: Option<&str>,
        properties: Option<Map>,
    ) {
        let now = self.step.now;
        let resource = self.resource(logical);
        resource.status = status;
        resource.reason.clone_from(&reason);
        resource.since = now;
        let kind = resource.kind.clone();
        self.record_event(logical, &kind, status, reason, physical_id, properties);
    }

    fn record_event(
        &mut self,
        logical: &str,
        kind: &str,
        status: ResourceStatus,
        reason: Option<String>,
        physical_id: Option<&str>,
        properties: Option<Map>,
    ) {
        // What cleans up after an update tells less (recordings `test_change_set_*`).
        let deletes = matches!(
            status,
            ResourceStatus::DeleteInProgress | ResourceStatus::DeleteComplete | ResourceStatus::DeleteFailed
        );
        let cleans_up = deletes && self.operation().phase == Phase::Cleanup;
        let properties = properties.filter(|_| !cleans_up);
        let id = if cleans_up {
            format!("{logical}-{}", self.step.ids.uuid())
        } else {
            format!("{logical}-{}-{}", status.name(), self.step.now.iso_millis())
        };
        let event = Event {
            id,
            at: self.step.now,
            logical: logical.to_owned(),
            physical_id: physical_id.unwrap_or_default().to_owned(),
            kind: kind.to_owned(),
            status: status.name().to_owned(),
            reason,
            properties,
            token: self.stack.operation.as_ref().and_then(|operation| operation.token.clone()),
        };
        records::put_event(self.step, self.stack, &event);
        notify::publish(self.step, self.stack, &event);
        notify::tell_bus(self.step, self.stack, &event);
    }
}

/// Gives a stack a status, and records the event and the stack.
pub(crate) fn set_stack_status(
    step: &mut Step<'_>,
    stack: &mut Stack,
    status: StackStatus,
    reason: Option<String>,
) {
    stack.status = status;
    stack.status_reason.clone_from(&reason);
    let event = Event {
        id: step.ids.uuid(),
        at: step.now,
        logical: stack.name.clone(),
        physical_id: stack.id.clone(),
        kind: STACK_TYPE.to_owned(),
        status: status.name().to_owned(),
        reason,
        properties: None,
        token: stack.operation.as_ref().and_then(|operation| operation.token.clone()),
    };
    records::put_event(step, stack, &event);
    notify::publish(step, stack, &event);
    notify::tell_bus(step, stack, &event);
    records::put_stack(step, stack);
}

/// The caller of an operation's hops: whoever asked for it, or the role that was given.
pub(crate) fn hop_caller(step: &mut Step<'_>, stack: &Stack) -> Caller {
    let account = step.scope.account;
    let requester = stack.operation.as_ref().map(|operation| &operation.requester);
    let principal = match requester.map(|requester| &requester.principal) {
        Some(RequesterPrincipal::User(arn)) => Principal::User(arn.as_str().into()),
        Some(RequesterPrincipal::Role(arn, session)) => {
            Principal::Role { arn: arn.as_str().into(), session: session.as_str().into() }
        }
        Some(RequesterPrincipal::Account(name)) => {
            Principal::Account(name.parse::<Account>().unwrap_or(account))
        }
        None => Principal::Account(account),
    };
    Caller {
        principal,
        account,
        source_arn: None,
        identity: None,
        request_id: step.ids.uuid().into(),
        endpoint: requester.map_or("", |requester| &requester.endpoint).into(),
        traces: None,
        depth: step.caller.depth.saturating_add(1),
        origin: None,
    }
}

/// Text that is shown for a value in a message.
fn shown(value: &Value) -> String {
    value.scalar_text().unwrap_or_else(|| value.to_json())
}

/// When a deployment next has something to do of itself: tasks that were left for the next command, a call
/// to make again, or its time limit.
pub(crate) fn next_due(stack: &Stack, now: Timestamp) -> Option<Timestamp> {
    let operation = stack.operation.as_ref()?;
    if !operation.is_stopping() && !operation.ready().is_empty() {
        return Some(now);
    }
    let deadline = deadline(stack);
    match (operation.next_due(), deadline) {
        (Some(due), Some(deadline)) => Some(due.min(deadline)),
        (due, deadline) => due.or(deadline),
    }
}

/// When a creation has taken too long.
pub(crate) fn deadline(stack: &Stack) -> Option<Timestamp> {
    use crate::state::operation::{OperationKind, Phase};
    let operation = stack.operation.as_ref()?;
    let creating = operation.kind == OperationKind::Create && operation.phase == Phase::Forward;
    let minutes = stack.timeout_minutes.filter(|_| creating)?;
    Some(operation.began_at.after(std::time::Duration::from_secs(u64::from(minutes) * 60)))
}
