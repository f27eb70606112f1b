//! What is under way on a stack: phases of tasks, each task one resource.
//!
//! Invariant: tasks, resources and the calls that they make are written in the same atomic batch, so
//! what a restart finds is what the other services hold. A task that was waiting for an answer makes
//! its call again.

use std::collections::BTreeSet;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::stack::{Instance, Settings, millis};
use crate::template::RemovalPolicy;

/// An operation on a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// What was asked for.
    pub kind: OperationKind,
    /// How far it is.
    pub phase: Phase,
    /// When it began.
    #[serde(with = "millis")]
    pub began_at: Timestamp,
    /// In whose name the other services are called.
    pub requester: Requester,
    /// What the stack's settings were before; for rolling an update back.
    pub previous: Option<Settings>,
    /// What is wrong with the template as a whole, found once the operation had begun.
    pub abort: Option<String>,
    /// Whether a failure is left as it is.
    pub disable_rollback: bool,
    /// Names of resources that could not be created, changed or deleted, in the order in which they failed.
    pub failed: Vec<Failed>,
    /// Logical names that a deletion leaves alone.
    pub retain: BTreeSet<String>,
    /// What the cleanup has to delete.
    pub leftovers: Vec<Leftover>,
    /// The tasks of the phase; kept beside the stack's own record.
    #[serde(skip)]
    pub tasks: Vec<Task>,
    /// The client's token, which its events carry.
    pub token: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind {
    /// Create the stack.
    Create,
    /// Update the stack.
    Update,
    /// Delete the stack.
    Delete,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Resources are created and changed.
    Forward,
    /// What a successful update replaced or removed is deleted.
    Cleanup,
    /// A failed update's changes are undone.
    Rollback,
    /// What a failed update created is deleted.
    RollbackCleanup,
    /// Everything is deleted: a deletion, or the rollback of a creation.
    Delete,
}

/// In whose name an operation calls other services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Who.
    pub principal: RequesterPrincipal,
    /// Where the client reached us, for URLs in answers.
    pub endpoint: String,
}

/// Who asked, or the role that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequesterPrincipal {
    /// The account itself.
    Account(String),
    /// A user.
    User(String),
    /// A role and its session.
    Role(String, String),
}

/// A resource that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its logical name.
    pub logical: String,
    /// What was being done to it.
    pub doing: Doing,
}

/// What was being done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Doing {
    /// Creating it.
    Create,
    /// Changing it.
    Update,
    /// Deleting it.
    Delete,
}

impl Doing {
    /// The verb in the stack's reason.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A thing that no resource of the stack stands for any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// The logical name that it had.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// The thing.
    pub instance: Instance,
    /// What it depended on.
    pub depends_on: BTreeSet<String>,
    /// What is to become of it.
    pub policy: RemovalPolicy,
}

/// What is to be done for one resource in a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The resource.
    pub logical: String,
    /// What.
    pub action: Action,
    /// Tasks that must have ended before.
    pub after: Vec<usize>,
    /// How far it is.
    pub state: TaskState,
    /// How many of its calls have succeeded.
    pub calls: usize,
    /// How often the present call has been made.
    pub attempts: u32,
    /// When to make the present call again, if it is not being made.
    #[serde(with = "millis::option")]
    pub due_at: Option<Timestamp>,
    /// What applying the resource came down to, once that is known.
    pub doing: Option<Change>,
}

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Make the resource what the template says.
    Apply,
    /// Make the resource what it was before.
    Restore,
    /// Delete the resource.
    Delete,
    /// Delete the leftover of this index.
    Discard(usize),
}

/// What applying a resource came down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It did not exist.
    Create,
    /// It is changed in place.
    Update,
    /// A new one is created beside it.
    Replace,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskState {
    /// It waits for others.
    Waiting,
    /// Its calls are being made.
    Running,
    /// It is done.
    Done,
    /// It could not be done.
    Failed,
}

impl Task {
    /// A task that has not begun.
    #[must_use]
    pub fn new(logical: String, action: Action) -> Self {
        Self {
            logical,
            action,
            after: Vec::new(),
            state: TaskState::Waiting,
            calls: 0,
            attempts: 0,
            due_at: None,
            doing: None,
        }
    }

    /// Whether it has ended, either way.
    #[must_use]
    pub fn ended(&self) -> bool {
        matches!(self.state, TaskState::Done | TaskState::Failed)
    }
}

impl Operation {
    /// The tasks that can begin: those whose predecessors have ended well. What a thing depends on is
    /// left alone while the thing could not be deleted.
    #[must_use]
    pub fn ready(&self) -> Vec<usize> {
        let passed = |index: &usize| self.tasks[*index].state == TaskState::Done;
        let waiting = self.tasks.iter().enumerate().filter(|(_, task)| task.state == TaskState::Waiting);
        waiting.filter(|(_, task)| task.after.iter().all(passed)).map(|(index, _)| index).collect()
    }

    /// Whether no further task may begin: the template is wrong, or something could not be created or
    /// changed. A rollback or deletion does what it can.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.abort.is_some() || self.phase == Phase::Forward && !self.failed.is_empty()
    }

    /// Whether any task's calls are being made or to be made again.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.tasks.iter().any(|task| task.state == TaskState::Running)
    }

    /// The earliest call that is to be made again.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.tasks.iter().filter(|task| task.state == TaskState::Running).filter_map(|task| task.due_at).min()
    }

    /// Tasks for deleting things in the order opposite to that of creating them. `things` are logical
    /// names, what each depends on, and what is to be done.
    #[must_use]
    pub fn deletions(things: &[(&str, &BTreeSet<String>, Action)]) -> Vec<Task> {
        things
            .iter()
            .map(|(logical, _, action)| {
                let mut task = Task::new((*logical).to_owned(), *action);
                let dependents = things
                    .iter()
                    .enumerate()
                    .filter(|(_, (other, depends_on, _))| other != logical && depends_on.contains(*logical));
                task.after = dependents.map(|(index, _)| index).collect();
                task
            })
            .collect()
    }
}
