//! Resource types: how each is made, changed and deleted through the public API of its service.
//!
//! A type is a table ([`crate::schema`]) and a [`Lifecycle`]: pure functions from properties to the calls
//! to make. The calls are worked out anew for each step from what is persisted, so a restart in the
//! middle of a resource goes on with the call that was next.

mod call;
mod cloudwatch;
mod dynamodb;
mod events;
mod iam;
mod lambda;
mod logs;
mod pipes;
mod s3;
mod scheduler;
mod schemas;
mod sns;
mod sqs;
mod tags;

use std::sync::LazyLock;

use pontoon_core::{Ids, Scope};

pub use call::{Call, Ended, Expectation, Failure, Gift, Progress};

use crate::schema::ResourceSchema;
use indexmap::IndexMap;

use crate::state::{Instance, Stack};
use crate::template::{Map, Value};

/// A resource type.
pub struct ResourceType {
    /// Its table.
    pub schema: ResourceSchema,
    /// The property that names the thing, and how CloudFormation makes up a name for it.
    pub naming: Naming,
    /// Its calls.
    pub lifecycle: &'static dyn Lifecycle,
}

impl std::fmt::Debug for ResourceType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.schema.kind)
    }
}

/// How a thing is named.
#[derive(Debug, Clone, Copy)]
pub struct Naming {
    /// The property that gives the name; empty where none does.
    pub property: &'static str,
    /// The longest name in characters.
    pub chars_max: usize,
    /// Whether names are lower-case.
    pub lower_case: bool,
}

/// What the calls of a resource are worked out from.
#[derive(Debug)]
pub struct Context<'a> {
    /// The stack's account and region.
    pub scope: Scope,
    /// The thing as it is to be: its properties are those wanted, its name and physical id what is known.
    pub instance: &'a Instance,
}

impl Context<'_> {
    /// The name of the thing: from its property or made up.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.instance.name
    }

    /// What names the thing once it is made, and before that its name.
    #[must_use]
    pub fn physical_id(&self) -> &str {
        self.instance.physical_id.as_deref().unwrap_or(&self.instance.name)
    }

    /// A wanted property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.instance.properties.get(name)
    }

    /// A wanted property that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.instance.text(name)
    }

    /// Something learnt from an earlier call.
    #[must_use]
    pub fn learnt(&self, name: &str) -> Option<&str> {
        self.instance.attributes.get(name).and_then(Value::as_str)
    }
}

/// The calls of a resource type. The list for one resource and one purpose must not change in length or
/// order with what its own calls give.
pub trait Lifecycle: Sync {
    /// The calls that make a thing with the wanted properties.
    ///
    /// # Errors
    /// Properties that no call can express; the reason with which the resource fails.
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String>;

    /// The calls that change the thing from `old` to the wanted properties.
    ///
    /// # Errors
    /// As for [`Lifecycle::create`].
    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String>;

    /// The calls that delete the thing. It being gone already is no failure.
    fn delete(&self, context: &Context<'_>) -> Vec<Call>;

    /// Whether the change of a property, `old` to `new`, needs a new thing although the table does not say so.
    fn replaces(&self, _property: &str, _old: Option<&Value>, _new: Option<&Value>) -> bool {
        false
    }

    /// An attribute that was not learnt from a call.
    fn attribute(&self, _context: &Context<'_>, _name: &str) -> Option<Value> {
        None
    }
}

impl ResourceType {
    /// The type of this name, if it is supported.
    #[must_use]
    pub fn find(kind: &str) -> Option<&'static Self> {
        TYPES.iter().find(|resource_type| resource_type.schema.kind == kind)
    }

    /// The supported types.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        TYPES.iter()
    }

    /// Whether the change of a property needs a new thing.
    #[must_use]
    pub fn replaces(&self, property: &str, old: Option<&Value>, new: Option<&Value>) -> bool {
        self.schema.create_only.iter().any(|name| name == property)
            || self.lifecycle.replaces(property, old, new)
    }

    /// The tags that a thing has because of its stack: the stack's own, and where CloudFormation sets
    /// them, those that say where it belongs (recording `lambda_/event_source_mapping/test_cfn_resource`).
    #[must_use]
    pub fn stack_tags(
        &self,
        stack: &Stack,
        tags: &IndexMap<String, String>,
        logical: &str,
    ) -> IndexMap<String, String> {
        if !self.schema.has_property("Tags") {
            return IndexMap::new();
        }
        let mut tags = tags.clone();
        if self.schema.system_tags {
            let own = [("stack-name", &*stack.name), ("stack-id", &*stack.id), ("logical-id", logical)];
            tags.extend(own.map(|(key, value)| (format!("aws:cloudformation:{key}"), value.to_owned())));
        }
        tags
    }

    /// What `Fn::GetAtt` gives; `None` for an attribute that the type does not have.
    #[must_use]
    pub fn attribute(&self, scope: Scope, instance: &Instance, name: &str) -> Option<Value> {
        if !self.schema.has_attribute(name) {
            return None;
        }
        let context = Context { scope, instance };
        let learnt = instance.attributes.get(name).cloned();
        // A thing that exists has all its attributes; one that the service left out is empty.
        let written = || instance.properties.get(name).filter(|_| self.schema.gives_property(name)).cloned();
        let attribute = learnt.or_else(|| self.lifecycle.attribute(&context, name)).or_else(written);
        attribute.or_else(|| Some(Value::from("")))
    }

    /// The name of a thing to be made: the one that the properties give, or one made up from the stack's
    /// and the resource's names.
    #[must_use]
    pub fn name(&self, properties: &Map, stack: &str, logical: &str, ids: &mut Ids) -> String {
        if let Some(name) = properties.get(self.naming.property).and_then(Value::as_str) {
            return name.to_owned();
        }
        let fifo = if properties.get("FifoQueue").or_else(|| properties.get("FifoTopic"))
            == Some(&Value::Bool(true))
        {
            ".fifo"
        } else {
            ""
        };
        self.naming.make_up(stack, logical, fifo, ids)
    }
}

impl Naming {
    const RANDOM_CHARS: usize = 12;

    /// `stack-Logical-aB3dE5gH7jK9`, the stack's and the resource's names cut where it would be too long.
    fn make_up(self, stack: &str, logical: &str, suffix: &str, ids: &mut Ids) -> String {
        const SET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let random: String =
            (0..Self::RANDOM_CHARS).map(|_| char::from(SET[ids.below(SET.len() as u64) as usize])).collect();
        let room = self.chars_max.saturating_sub(Self::RANDOM_CHARS + 2 + suffix.len());
        let logical_chars = logical.len().min(room.saturating_sub(stack.len()).max(room / 2));
        let stack_chars = stack.len().min(room - logical_chars);
        // Both names are ASCII, so that characters are bytes.
        let name = format!("{}-{}-{random}{suffix}", &stack[..stack_chars], &logical[..logical_chars]);
        if self.lower_case { name.to_lowercase() } else { name }
    }
}

static TYPES: LazyLock<Vec<ResourceType>> = LazyLock::new(|| {
    macro_rules! types {
        ($($file:literal, $property:literal, $chars_max:literal, $lifecycle:expr;)*) => {
            vec![$(ResourceType {
                schema: serde_json::from_str(include_str!(concat!("../../schemas/", $file, ".json")))
                    .unwrap_or_else(|error| panic!("schemas/{}.json is part of the program and must be well-formed: {error}", $file)),
                naming: Naming { property: $property, chars_max: $chars_max, lower_case: $file == "S3.Bucket" },
                lifecycle: &$lifecycle,
            },)*]
        };
    }
    types! {
        "CloudWatch.Alarm", "AlarmName", 255, cloudwatch::Alarm;
        "DynamoDB.Table", "TableName", 255, dynamodb::Table;
        "EventSchemas.Discoverer", "", 128, schemas::Discoverer;
        "EventSchemas.Registry", "RegistryName", 64, schemas::Registry;
        "EventSchemas.RegistryPolicy", "", 128, schemas::RegistryPolicy;
        "EventSchemas.Schema", "SchemaName", 385, schemas::Schema;
        "Events.ApiDestination", "Name", 64, events::ApiDestination;
        "Events.Archive", "ArchiveName", 48, events::Archive;
        "Events.Connection", "Name", 64, events::Connection;
        "Events.EventBus", "Name", 256, events::EventBus;
        "Events.EventBusPolicy", "StatementId", 64, events::EventBusPolicy;
        "Events.Rule", "Name", 64, events::Rule;
        "IAM.ManagedPolicy", "ManagedPolicyName", 128, iam::ManagedPolicy;
        "IAM.Policy", "", 128, iam::Policy;
        "IAM.Role", "RoleName", 64, iam::Role;
        "Lambda.EventInvokeConfig", "", 128, lambda::EventInvokeConfig;
        "Lambda.EventSourceMapping", "", 128, lambda::EventSourceMapping;
        "Lambda.Function", "FunctionName", 64, lambda::Function;
        "Lambda.Permission", "", 100, lambda::Permission;
        "Logs.Delivery", "", 64, logs::Delivery;
        "Logs.DeliveryDestination", "Name", 60, logs::DeliveryDestination;
        "Logs.DeliverySource", "Name", 60, logs::DeliverySource;
        "Logs.LogGroup", "LogGroupName", 512, logs::LogGroup;
        "Logs.LogStream", "LogStreamName", 512, logs::LogStream;
        "Pipes.Pipe", "Name", 64, pipes::Pipe;
        "S3.Bucket", "BucketName", 63, s3::Bucket;
        "S3.BucketPolicy", "", 128, s3::BucketPolicy;
        "Scheduler.Schedule", "Name", 64, scheduler::Schedule;
        "Scheduler.ScheduleGroup", "Name", 64, scheduler::ScheduleGroup;
        "SNS.Subscription", "", 128, sns::Subscription;
        "SNS.Topic", "TopicName", 256, sns::Topic;
        "SNS.TopicPolicy", "", 128, sns::TopicPolicy;
        "SQS.Queue", "QueueName", 80, sqs::Queue;
        "SQS.QueuePolicy", "", 128, sqs::QueuePolicy;
    }
});

/// A map of the members that have values.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    Value::Map(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// Text as a value.
fn text(text: impl Into<String>) -> Option<Value> {
    Some(Value::String(text.into()))
}

/// A policy or pattern as the JSON text that APIs take, given as an object or as text.
fn json_text(value: &Value) -> Value {
    match value {
        Value::Map(_) | Value::List(_) => Value::String(value.to_json()),
        other => Value::String(other.scalar_text().unwrap_or_default()),
    }
}

/// The properties without some.
fn without(properties: &Map, names: &[&str]) -> Map {
    properties
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
