//! Change sets: what would change, worked out before it does.

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::stack::{OnFailure, Settings, millis};
use crate::template::Map;

/// A change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// ARN.
    pub id: String,
    /// Name.
    pub name: String,
    /// What the client wrote about it.
    pub description: Option<String>,
    /// When it was made.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// Whether it creates the stack.
    pub creates: bool,
    /// Whether it was made or came to nothing.
    pub status: ChangeSetStatus,
    /// Why it came to nothing.
    pub status_reason: Option<String>,
    /// Whether it can be executed.
    pub execution: ExecutionStatus,
    /// What the stack's settings are to be.
    pub settings: Settings,
    /// What a failure is to do, if the client said.
    pub on_failure: Option<OnFailure>,
    /// What would change, by name.
    pub changes: Vec<ResourceChange>,
}

impl ResourceChange {
    /// Whether anything changes for certain, rather than perhaps because of another resource.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.action != ChangeAction::Modify || self.details.iter().any(|detail| !detail.possible)
    }
}

impl ChangeSet {
    /// Whether it was executed, to whatever end.
    #[must_use]
    pub fn was_executed(&self) -> bool {
        matches!(self.execution, ExecutionStatus::ExecuteComplete | ExecutionStatus::ExecuteFailed)
    }
}

/// Whether a change set was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeSetStatus {
    /// It was.
    CreateComplete,
    /// It holds no changes, or cannot be made.
    Failed,
}

/// Whether a change set can be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutionStatus {
    /// It holds nothing to execute.
    Unavailable,
    /// It can.
    Available,
    /// It is being executed.
    ExecuteInProgress,
    /// It was executed.
    ExecuteComplete,
    /// Executing it failed.
    ExecuteFailed,
    /// Another change set of the stack was executed since.
    Obsolete,
}

impl ExecutionStatus {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "UNAVAILABLE",
            Self::Available => "AVAILABLE",
            Self::ExecuteInProgress => "EXECUTE_IN_PROGRESS",
            Self::ExecuteComplete => "EXECUTE_COMPLETE",
            Self::ExecuteFailed => "EXECUTE_FAILED",
            Self::Obsolete => "OBSOLETE",
        }
    }
}

/// What would become of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Its logical name.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// What names the thing, if there is one.
    pub physical_id: Option<String>,
    /// What.
    pub action: ChangeAction,
    /// What becomes of the old thing, where that is not its deletion.
    pub policy_action: Option<String>,
    /// Whether a new thing is made, for modifications.
    pub replacement: Option<Replacement>,
    /// Why, property by property.
    pub details: Vec<ChangeDetail>,
    /// The properties before.
    pub before: Option<Map>,
    /// The properties after, as far as they are known.
    pub after: Option<Map>,
}

/// What would become of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeAction {
    /// It would be created.
    Add,
    /// It would be changed or replaced.
    Modify,
    /// It would be deleted.
    Remove,
}

impl ChangeAction {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Modify => "Modify",
            Self::Remove => "Remove",
        }
    }
}

/// Whether a modification makes a new thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Replacement {
    /// It does.
    True,
    /// It does not.
    False,
    /// It depends on a value that is not known yet.
    Conditional,
}

impl Replacement {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Conditional => "Conditional",
        }
    }
}

/// Why a resource would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeDetail {
    /// `Properties` or `Tags`.
    pub attribute: String,
    /// The property; absent for tags.
    pub name: Option<String>,
    /// Whether a change of it makes a new thing: `Never`, `Conditionally`, `Always`.
    pub requires_recreation: String,
    /// Whether the new value is known: `Static` or `Dynamic`.
    pub evaluation: String,
    /// Where the change comes from.
    pub source: String,
    /// The parameter or resource that it comes from.
    pub causing_entity: Option<String>,
    /// Whether it is told only because a resource changes whose attribute is used, though the attribute stays as far as is known.
    #[serde(default)]
    pub possible: bool,
}
