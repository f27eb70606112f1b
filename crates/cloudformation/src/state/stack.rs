//! A stack and the resources that it holds.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChangeSet, Operation};
use crate::template::parameters::ParameterValues;
use crate::template::{Map, RemovalPolicy, Value};

/// Serialises instants as milliseconds.
pub mod millis {
    use pontoon_core::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        instant.millis().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_millis)
    }

    /// The same for an instant that may be absent.
    pub mod option {
        use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp};

        pub(crate) fn serialize<S: Serializer>(
            instant: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            instant.map(Timestamp::millis).serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            Option::<i64>::deserialize(deserializer).map(|millis| millis.map(Timestamp::from_millis))
        }
    }
}

macro_rules! statuses {
    ($(#[$docs:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// The name on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

statuses! {
    /// Where a stack stands.
    StackStatus {
        /// Made by a change set that has not been executed.
        ReviewInProgress = "REVIEW_IN_PROGRESS",
        /// Its resources are being created.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Creation failed and was left as it was.
        CreateFailed = "CREATE_FAILED",
        /// Every resource exists.
        CreateComplete = "CREATE_COMPLETE",
        /// Creation failed; what was created is being deleted.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// Something that was created could not be deleted.
        RollbackFailed = "ROLLBACK_FAILED",
        /// Creation failed and nothing is left of it.
        RollbackComplete = "ROLLBACK_COMPLETE",
        /// Its resources are being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// Something could not be deleted.
        DeleteFailed = "DELETE_FAILED",
        /// It is gone.
        DeleteComplete = "DELETE_COMPLETE",
        /// Its resources are being changed.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        /// The update succeeded; what it replaced or removed is being deleted.
        UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        /// The update is done.
        UpdateComplete = "UPDATE_COMPLETE",
        /// The update failed and was left as it was.
        UpdateFailed = "UPDATE_FAILED",
        /// The update failed; what it changed is being changed back.
        UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
        /// Something could not be changed back.
        UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED",
        /// Everything is as before; what the failed update created is being deleted.
        UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        /// Everything is as before the failed update.
        UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE",
    }
}

impl StackStatus {
    /// Whether an operation is under way.
    #[must_use]
    pub fn in_progress(self) -> bool {
        self.name().ends_with("_IN_PROGRESS")
    }

    /// Whether a change set or an update may change the stack. A stack whose creation was rolled back can only be deleted.
    #[must_use]
    pub fn can_be_updated(self) -> bool {
        matches!(
            self,
            Self::CreateComplete
                | Self::UpdateComplete
                | Self::UpdateRollbackComplete
                | Self::UpdateFailed
                | Self::CreateFailed
        )
    }
}

statuses! {
    /// Where a resource stands.
    ResourceStatus {
        /// It is being created.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// It could not be created.
        CreateFailed = "CREATE_FAILED",
        /// It exists.
        CreateComplete = "CREATE_COMPLETE",
        /// It is being changed or replaced.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        /// It could not be changed.
        UpdateFailed = "UPDATE_FAILED",
        /// It was changed.
        UpdateComplete = "UPDATE_COMPLETE",
        /// It is being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// It could not be deleted.
        DeleteFailed = "DELETE_FAILED",
        /// It is gone.
        DeleteComplete = "DELETE_COMPLETE",
        /// It was left as it is, by its policy.
        DeleteSkipped = "DELETE_SKIPPED",
    }
}

/// What a failed creation does to what it has created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFailure {
    /// Deletes it and keeps the stack for a look at why.
    #[default]
    Rollback,
    /// Leaves it.
    DoNothing,
    /// Deletes it and the stack.
    Delete,
}

/// What an update changes of a stack, and its rollback changes back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Number of the template's text among the stack's templates.
    pub template: u64,
    /// The template's description.
    pub description: Option<String>,
    /// The parameters' values.
    pub parameters: ParameterValues,
    /// Tags of the stack, which its resources get too.
    pub tags: IndexMap<String, String>,
    /// Capabilities acknowledged by the last request.
    pub capabilities: Vec<String>,
    /// Topics that hear the stack's events.
    pub notification_arns: Vec<String>,
    /// The role in whose name resources are handled.
    pub role_arn: Option<String>,
}

/// A stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// ARN.
    pub id: String,
    /// Name.
    pub name: String,
    /// Where it stands.
    pub status: StackStatus,
    /// Why.
    pub status_reason: Option<String>,
    /// When it was created.
    #[serde(with = "millis")]
    pub created_at: Timestamp,
    /// When it was last updated.
    #[serde(with = "millis::option")]
    pub updated_at: Option<Timestamp>,
    /// When its deletion, or the rollback of its creation, began.
    #[serde(with = "millis::option")]
    pub deleted_at: Option<Timestamp>,
    /// What the last request said.
    pub settings: Settings,
    /// What a failed creation does.
    pub on_failure: OnFailure,
    /// Whether `RetainExceptOnCreate` is the policy of every resource of this creation.
    pub retain_except_on_create: bool,
    /// How long a creation may take before it fails.
    pub timeout_minutes: Option<u32>,
    /// Whether DeleteStack is refused.
    pub termination_protection: bool,
    /// The change set that was last executed.
    pub change_set_id: Option<String>,
    /// Outputs of the last successful operation.
    pub outputs: Vec<OutputValue>,
    /// Names of the exports that the stack's template imports.
    pub imports: BTreeSet<String>,
    /// The resources by logical name; kept beside the stack's own record.
    #[serde(skip)]
    pub resources: IndexMap<String, Resource>,
    /// Change sets by id; kept beside the stack's own record.
    #[serde(skip)]
    pub change_sets: BTreeMap<String, ChangeSet>,
    /// What is under way.
    pub operation: Option<Operation>,
    /// How many templates the stack has had; the next one's number.
    pub templates: u64,
    /// How many events the stack has had; the next one's number. Counted from the events themselves.
    #[serde(skip)]
    pub events: u64,
    /// The token of the last request that began an operation, and what it began.
    pub client_token: Option<String>,
}

impl Stack {
    /// The part of the ARN after the name, a UUID: what the stack's records are kept under.
    #[must_use]
    pub fn uuid(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// The value of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputValue {
    /// Its name in the template.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its description.
    pub description: Option<String>,
    /// The name that it is exported under.
    pub export: Option<String>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its place among the stack's resources, which is that of the template.
    pub position: usize,
    /// Its type.
    pub kind: String,
    /// Where it stands.
    pub status: ResourceStatus,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    #[serde(with = "millis")]
    pub since: Timestamp,
    /// The thing itself; absent before it is created, and where creating it failed before anything was made.
    pub live: Option<Instance>,
    /// What it was when the operation under way began; absent while the operation has not touched it.
    pub before: Option<Before>,
    /// What it is being made into.
    pub pending: Option<Instance>,
    /// The resources that it depends on.
    pub depends_on: BTreeSet<String>,
    /// What deleting it does.
    pub deletion_policy: RemovalPolicy,
    /// What replacing it does.
    pub update_replace_policy: RemovalPolicy,
}

/// What a resource was before the operation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Before {
    /// It did not exist.
    Absent,
    /// It was this, with these dependencies and policies.
    Existing {
        /// The thing.
        instance: Box<Instance>,
        /// Its status.
        status: ResourceStatus,
        /// What it depended on.
        depends_on: BTreeSet<String>,
        /// What deleting it would have done.
        deletion_policy: RemovalPolicy,
    },
}

/// A thing that a resource stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Instance {
    /// What names it, once it is made: a URL, an ARN, a name.
    pub physical_id: Option<String>,
    /// The name that was made up for it, where the template gives none.
    pub name: String,
    /// The properties that it has, as its schema types them.
    pub properties: Map,
    /// What was learnt when it was made: what `Fn::GetAtt` gives, and what its deletion needs.
    pub attributes: Map,
    /// The stack's tags when it was made or last changed.
    pub stack_tags: IndexMap<String, String>,
}

impl Instance {
    /// A property that is text.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Value::as_str)
    }
}
