//! Making a task's calls one after another, and taking their answers.

use std::time::Duration;

use pontoon_core::{Caller, Hop, ServiceId, Settled, Ticket};

use super::{Deployment, hop_caller, records};
use crate::resources::{Call, Context, Ended, Gift, ResourceType};
use crate::state::operation::{Action, Change, Doing, Failed, Task, TaskState};
use crate::state::{Instance, ResourceStatus};
use crate::template::Value;

/// How often a call is made before its resource has failed to become ready.
const ATTEMPTS_MAX: u32 = 120;
/// How long the first retry waits; each later one waits twice as long, up to the last.
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LAST_DELAY: Duration = Duration::from_secs(5);

/// What a call's answer comes back with: which call of which stack it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub stack: String,
    pub task: usize,
    pub logical: String,
    pub call: usize,
    pub attempts: u32,
}

impl Deployment<'_, '_> {
    /// Makes the next call of a running task, or ends it when it has made them all.
    pub(super) fn next_call(&mut self, index: usize) {
        match self.calls(index) {
            Err(reason) => self.fail(index, reason),
            Ok(calls) => {
                let next = self.task(index).calls;
                match calls.into_iter().nth(next) {
                    Some(call) => self.make(index, &call),
                    None => self.complete(index),
                }
            }
        }
    }

    fn make(&mut self, index: usize, call: &Call) {
        let request = match call.request() {
            Ok(request) => request,
            Err(failure) => {
                let token = self.step.ids.uuid();
                return self.fail(index, failure.reason(&token));
            }
        };
        let caller = Caller { identity: self.identity.clone(), ..hop_caller(self.step, self.stack) };
        let scope = self.step.scope;
        let stack = self.stack.id.clone();
        let task = self.task(index);
        task.due_at = None;
        let token = Token {
            stack,
            task: index,
            logical: task.logical.clone(),
            call: task.calls,
            attempts: task.attempts,
        };
        let hop = Hop {
            to: scope,
            caller,
            request,
            resource: task.logical.as_str().into(),
            attempt: task.attempts + 1,
            traced: false,
            ticket: Some(Ticket { owner: ServiceId::CloudFormation, scope, token: Box::new(token) }),
        };
        self.save(index);
        self.step.hop(hop);
    }

    /// Takes the answer to a call. One that is no longer waited for is dropped.
    pub(crate) fn settled(&mut self, token: &Token, outcome: &Settled) {
        let Some(task) = self.stack.operation.as_ref().and_then(|operation| operation.tasks.get(token.task))
        else {
            return;
        };
        let awaited = task.state == TaskState::Running
            && task.due_at.is_none()
            && task.logical == token.logical
            && (task.calls, task.attempts) == (token.call, token.attempts);
        if !awaited {
            return;
        }
        let index = token.task;
        let call = match self.calls(index).map(|calls| calls.into_iter().nth(token.call)) {
            Ok(Some(call)) => call,
            Ok(None) => return,
            Err(reason) => return self.fail(index, reason),
        };
        match call.end(outcome) {
            Ended::Well(output) => {
                self.take_gifts(index, &call, output.as_ref());
                let task = self.task(index);
                task.calls += 1;
                task.attempts = 0;
                let unfinished = self.calls(index).is_ok_and(|calls| calls.len() > token.call + 1);
                if unfinished && self.operation().is_stopping() {
                    self.cancel(index);
                } else {
                    self.next_call(index);
                }
            }
            Ended::Again(why) => self.try_again(index, &why),
            Ended::Badly(failure) => {
                let token = self.step.ids.uuid();
                self.fail(index, failure.reason(&token));
            }
        }
    }

    fn try_again(&mut self, index: usize, why: &str) {
        let now = self.step.now;
        let task = self.task(index);
        task.attempts += 1;
        if task.attempts >= ATTEMPTS_MAX {
            let failure =
                crate::resources::Failure { message: why.to_owned(), handler_code: "NotStabilized" };
            let token = self.step.ids.uuid();
            return self.fail(index, failure.reason(&token));
        }
        let delay = FIRST_DELAY.saturating_mul(1 << (task.attempts - 1).min(10)).min(LAST_DELAY);
        task.due_at = Some(now.after(delay));
        self.save(index);
    }

    /// Makes the calls again whose time has come.
    pub(crate) fn retry_due(&mut self) {
        let now = self.step.now;
        let is_due = |due: Option<pontoon_core::Timestamp>| due.is_some_and(|due| due <= now);
        let running = self.operation().tasks.iter().enumerate();
        let due: Vec<usize> = running
            .filter(|(_, task)| task.state == TaskState::Running && is_due(task.due_at))
            .map(|(index, _)| index)
            .collect();
        for index in due {
            self.next_call(index);
        }
    }

    /// After a restart: calls that were waiting for an answer are made again at once.
    pub(crate) fn resume(&mut self) {
        let now = self.step.now;
        for task in &mut self.operation().tasks {
            if task.state == TaskState::Running && task.due_at.is_none() {
                task.due_at = Some(now);
            }
        }
    }

    /// The calls of a task, worked out from the resource's record.
    fn calls(&mut self, index: usize) -> Result<Vec<Call>, String> {
        let scope = self.step.scope;
        let task = self.task(index);
        let (action, doing, logical) = (task.action, task.doing, task.logical.clone());
        if let Action::Discard(leftover) = action {
            let leftover = &self.operation().leftovers[leftover];
            let resource_type = find(&leftover.kind)?;
            return Ok(resource_type.lifecycle.delete(&Context { scope, instance: &leftover.instance }));
        }
        let resource = self.resource(&logical);
        let lifecycle = find(&resource.kind)?.lifecycle;
        let none = Instance::default();
        let live = resource.live.as_ref().unwrap_or(&none);
        let pending = resource.pending.as_ref().unwrap_or(&none);
        match (action, doing) {
            (Action::Delete, _) => Ok(lifecycle.delete(&Context { scope, instance: live })),
            (_, Some(Change::Update)) => lifecycle.update(&Context { scope, instance: pending }, live),
            _ => lifecycle.create(&Context { scope, instance: pending }),
        }
    }

    fn take_gifts(&mut self, index: usize, call: &Call, output: Option<&Value>) {
        let task = self.task(index);
        if call.gifts.is_empty() || !matches!(task.action, Action::Apply | Action::Restore) {
            return;
        }
        let (logical, doing) = (task.logical.clone(), task.doing);
        let Some(pending) = &mut self.resource(&logical).pending else { return };
        let was_made = pending.physical_id.is_some();
        for gift in &call.gifts {
            match gift {
                Gift::Named(name) => pending.physical_id = Some(name.clone()),
                Gift::PhysicalId(path) => {
                    let found = output.and_then(|output| at_path(output, path)).and_then(Value::scalar_text);
                    // A made thing keeps its id even if the service answered without it.
                    pending.physical_id = found.or(pending.physical_id.take());
                }
                Gift::Attribute(name, path) => {
                    if let Some(found) = output.and_then(|output| at_path(output, path)) {
                        pending.attributes.insert(name.clone(), found.clone());
                    }
                }
            }
        }
        let (physical_id, properties) = (pending.physical_id.clone(), pending.properties.clone());
        if !was_made && physical_id.is_some() {
            let status = if doing == Some(Change::Replace) {
                ResourceStatus::UpdateInProgress
            } else {
                ResourceStatus::CreateInProgress
            };
            let reason = Some("Resource creation Initiated".to_owned());
            self.set_status(&logical, status, reason, physical_id.as_deref(), Some(properties));
        }
    }

    /// Ends a task badly.
    pub(super) fn fail(&mut self, index: usize, reason: String) {
        let task = self.task(index);
        task.state = TaskState::Failed;
        task.due_at = None;
        let (logical, action, change) = (task.logical.clone(), task.action, task.doing);
        let doing = match (action, change) {
            (Action::Delete | Action::Discard(_), _) => Doing::Delete,
            (_, Some(Change::Update | Change::Replace)) => Doing::Update,
            _ => Doing::Create,
        };
        self.operation().failed.push(Failed { logical: logical.clone(), doing });
        records::put_stack(self.step, self.stack);
        if let Action::Discard(leftover) = action {
            let leftover = self.operation().leftovers[leftover].clone();
            let physical_id = leftover.instance.physical_id.as_deref();
            self.record_event(
                &logical,
                &leftover.kind,
                ResourceStatus::DeleteFailed,
                Some(reason),
                physical_id,
                Some(leftover.instance.properties.clone()),
            );
            return self.save(index);
        }
        let resource = self.resource(&logical);
        let shown = match doing {
            Doing::Delete => resource.live.clone(),
            _ => resource.pending.clone().or_else(|| resource.live.clone()),
        };
        match (doing, change) {
            // What was made of a thing belongs to the stack, for the rollback to delete.
            (Doing::Create, _) => {
                resource.live = resource.pending.take().filter(|made| made.physical_id.is_some())
            }
            // What could not be changed back still has to be.
            (Doing::Update, _) if action == Action::Restore => resource.pending = None,
            // Nobody knows how far it came; the rollback changes everything back.
            (Doing::Update, Some(Change::Update)) => resource.live = resource.pending.take(),
            _ => {}
        }
        let status = match doing {
            Doing::Create => ResourceStatus::CreateFailed,
            Doing::Update => ResourceStatus::UpdateFailed,
            Doing::Delete => ResourceStatus::DeleteFailed,
        };
        let shown = shown.unwrap_or_default();
        self.set_status(&logical, status, Some(reason), shown.physical_id.as_deref(), Some(shown.properties));
        self.save(index);
    }

    /// Once something has failed, or the time is up, nothing is tried again. A call that is being made is
    /// still waited for: what it makes belongs to the stack.
    pub(super) fn cancel_if_stopping(&mut self) {
        let now = self.step.now;
        let late = super::deadline(self.stack).is_some_and(|deadline| deadline <= now);
        let operation = self.operation();
        if !late && !operation.is_stopping() {
            return;
        }
        let retrying = |task: &Task| task.state == TaskState::Running && task.due_at.is_some();
        let tasks = operation.tasks.iter().enumerate();
        let waiting: Vec<usize> = tasks.filter(|(_, task)| retrying(task)).map(|(index, _)| index).collect();
        for index in waiting {
            self.cancel(index);
        }
    }

    fn cancel(&mut self, index: usize) {
        let what = match self.task(index).doing {
            None | Some(Change::Create) => "creation",
            Some(Change::Update | Change::Replace) => "update",
        };
        self.fail(index, format!("Resource {what} cancelled"));
    }
}

fn find(kind: &str) -> Result<&'static ResourceType, String> {
    ResourceType::find(kind).ok_or_else(|| format!("Resource type {kind} is not supported."))
}

/// The value at a path of member names with dots between them.
fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}
