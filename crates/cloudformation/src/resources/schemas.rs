//! Schema registries, schemas, discoverers and registries' policies.

use pontoon_api::schemas::SERVICE;

use super::{Call, Context, Lifecycle, Value, json_text, object, tags, text};
use crate::state::Instance;

const ABSENT: &[&str] = &["NotFoundException"];

/// The calls that bring a thing's tags up to date.
fn tag_calls(context: &Context<'_>, old: &Instance) -> Vec<Call> {
    let (set, gone) = tags::changes(context, old);
    let arn = || ("ResourceArn", text(context.physical_id()));
    let mut calls = Vec::new();
    if let Some(set) = tags::as_map(&set) {
        calls.push(Call::new(&SERVICE, "TagResource", object([arn(), ("Tags", Some(set))])));
    }
    if !gone.is_empty() {
        let input = object([arn(), ("TagKeys", Some(Value::List(gone)))]);
        calls.push(Call::new(&SERVICE, "UntagResource", input));
    }
    calls
}

fn described(context: &Context<'_>, old: &Instance) -> Option<Value> {
    let given = context.property("Description").cloned();
    given.or_else(|| old.properties.contains_key("Description").then(|| "".into()))
}

/// `AWS::EventSchemas::Registry`.
pub(super) struct Registry;

impl Lifecycle for Registry {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let input = object([
            ("RegistryName", text(context.name())),
            ("Description", context.property("Description").cloned()),
            ("Tags", tags::map(context)),
        ]);
        Ok(vec![Call::new(&SERVICE, "CreateRegistry", input).identified("RegistryArn")])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let input =
            object([("RegistryName", text(context.name())), ("Description", described(context, old))]);
        let update = Call::new(&SERVICE, "UpdateRegistry", input);
        Ok([update].into_iter().chain(tag_calls(context, old)).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("RegistryName", text(context.name()))]);
        vec![Call::new(&SERVICE, "DeleteRegistry", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "RegistryArn" => text(context.physical_id()),
            "RegistryName" => text(context.name()),
            _ => None,
        }
    }
}

/// `AWS::EventSchemas::Schema`.
pub(super) struct Schema;

impl Schema {
    fn named(context: &Context<'_>) -> [(&'static str, Option<Value>); 2] {
        let registry = context.text("RegistryName").unwrap_or_default();
        [("RegistryName", text(registry)), ("SchemaName", text(context.name()))]
    }

    fn put(
        context: &Context<'_>,
        operation: &'static str,
        description: Option<Value>,
        tags: Option<Value>,
    ) -> Call {
        let [registry, name] = Self::named(context);
        let property = |name: &'static str| (name, context.property(name).cloned());
        let input = object([
            registry,
            name,
            property("Content"),
            property("Type"),
            ("Description", description),
            ("Tags", tags),
        ]);
        Call::new(&SERVICE, operation, input)
            .identified("SchemaArn")
            .learn("SchemaVersion", "SchemaVersion")
            .learn("LastModified", "LastModified")
            .learn("VersionCreatedDate", "VersionCreatedDate")
    }
}

impl Lifecycle for Schema {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let description = context.property("Description").cloned();
        Ok(vec![Self::put(context, "CreateSchema", description, tags::map(context))])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let update = Self::put(context, "UpdateSchema", described(context, old), None);
        Ok([update].into_iter().chain(tag_calls(context, old)).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![Call::new(&SERVICE, "DeleteSchema", object(Self::named(context))).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "SchemaArn" => text(context.physical_id()),
            "SchemaName" => text(context.name()),
            "SchemaVersion" | "LastModified" | "VersionCreatedDate" => context.learnt(name).map(Value::from),
            _ => None,
        }
    }
}

/// `AWS::EventSchemas::Discoverer`.
pub(super) struct Discoverer;

impl Discoverer {
    /// The id, which is the last part of the ARN.
    fn id<'c>(context: &'c Context<'_>) -> &'c str {
        context.physical_id().rsplit('/').next().unwrap_or_default()
    }
}

impl Lifecycle for Discoverer {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let property = |name: &'static str| (name, context.property(name).cloned());
        let input = object([
            property("SourceArn"),
            property("Description"),
            property("CrossAccount"),
            ("Tags", tags::map(context)),
        ]);
        let create = Call::new(&SERVICE, "CreateDiscoverer", input);
        Ok(vec![create.identified("DiscovererArn").learn("State", "State")])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let cross_account = context.property("CrossAccount").cloned().unwrap_or(Value::Bool(true));
        let input = object([
            ("DiscovererId", text(Self::id(context))),
            ("Description", described(context, old)),
            ("CrossAccount", Some(cross_account)),
        ]);
        let update = Call::new(&SERVICE, "UpdateDiscoverer", input);
        Ok([update].into_iter().chain(tag_calls(context, old)).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("DiscovererId", text(Self::id(context)))]);
        vec![Call::new(&SERVICE, "DeleteDiscoverer", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "DiscovererArn" => text(context.physical_id()),
            "DiscovererId" => text(Self::id(context)),
            "State" => context.learnt(name).map(Value::from),
            "CrossAccount" => context.property(name).cloned().or(Some(Value::Bool(true))),
            _ => None,
        }
    }
}

/// `AWS::EventSchemas::RegistryPolicy`.
pub(super) struct RegistryPolicy;

impl RegistryPolicy {
    fn put(context: &Context<'_>) -> Call {
        let registry = context.text("RegistryName").unwrap_or_default();
        let input = object([
            ("RegistryName", text(registry)),
            ("Policy", context.property("Policy").map(json_text)),
            ("RevisionId", context.property("RevisionId").cloned()),
        ]);
        Call::new(&SERVICE, "PutResourcePolicy", input).named(registry)
    }
}

impl Lifecycle for RegistryPolicy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        Ok(vec![Self::put(context)])
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        Ok(vec![Self::put(context)])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("RegistryName", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteResourcePolicy", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        if name == "Id" { text(context.physical_id()) } else { None }
    }
}
