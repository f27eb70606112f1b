//! Tables.

use pontoon_api::dynamodb::SERVICE;

use super::{Call, Context, Expectation, Lifecycle, Progress, Value, object, tags, text};
use crate::state::Instance;
use crate::template::Map;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// Properties that are members of CreateTable and UpdateTable under the same names.
const SETTINGS: [&str; 5] =
    ["BillingMode", "DeletionProtectionEnabled", "OnDemandThroughput", "ProvisionedThroughput", "TableClass"];

/// `AWS::DynamoDB::Table`.
pub(super) struct Table;

impl Table {
    /// Members whose shape differs from that of their property.
    fn reshaped(properties: &Map) -> Result<Map, String> {
        let mut members = Map::new();
        if let Some(stream) = properties.get("StreamSpecification") {
            if stream.get("ResourcePolicy").is_some() {
                return Err("Pontoon does not support ResourcePolicy of StreamSpecification".to_owned());
            }
            members.insert(
                "StreamSpecification".to_owned(),
                Self::stream(stream.get("StreamViewType").cloned()),
            );
        }
        if let Some(encryption) = properties.get("SSESpecification") {
            let specification = object([
                ("Enabled", encryption.get("SSEEnabled").cloned()),
                ("SSEType", encryption.get("SSEType").cloned()),
                ("KMSMasterKeyId", encryption.get("KMSMasterKeyId").cloned()),
            ]);
            members.insert("SSESpecification".to_owned(), specification);
        }
        let recovery = properties.get("PointInTimeRecoverySpecification");
        let enabled = recovery.and_then(|recovery| recovery.get("PointInTimeRecoveryEnabled"));
        if enabled == Some(&Value::Bool(true)) {
            return Err("Pontoon does not support PointInTimeRecoveryEnabled of a table".to_owned());
        }
        Ok(members)
    }

    fn stream(view: Option<Value>) -> Value {
        object([("StreamEnabled", Some(Value::Bool(view.is_some()))), ("StreamViewType", view)])
    }

    fn wait(context: &Context<'_>) -> Call {
        let is_active = |output: &Value| {
            let status =
                output.get("Table").and_then(|table| table.get("TableStatus")).and_then(Value::as_str);
            if status == Some("ACTIVE") { Progress::Done } else { Progress::Pending }
        };
        Call::new(&SERVICE, "DescribeTable", object([("TableName", text(context.name()))]))
            .expect(Expectation::Output(is_active))
            .learn("Arn", "Table.TableArn")
            .learn("StreamArn", "Table.LatestStreamArn")
    }

    fn time_to_live(context: &Context<'_>, specification: Value) -> Call {
        let input =
            object([("TableName", text(context.name())), ("TimeToLiveSpecification", Some(specification))]);
        Call::new(&SERVICE, "UpdateTimeToLive", input)
    }
}

impl Lifecycle for Table {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let properties = &context.instance.properties;
        let mut input = Self::reshaped(properties)?;
        input.insert("TableName".to_owned(), context.name().into());
        let same = ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"];
        for name in same.iter().chain(&SETTINGS) {
            input.extend(properties.get(*name).map(|value| ((*name).to_owned(), value.clone())));
        }
        input.extend(tags::list(context).map(|tags| ("Tags".to_owned(), tags)));
        let mut calls = vec![
            Call::new(&SERVICE, "CreateTable", Value::Map(input))
                .named(context.name())
                .learn("Arn", "TableDescription.TableArn"),
            Self::wait(context),
        ];
        if let Some(specification) = properties.get("TimeToLiveSpecification")
            && specification.get("Enabled") == Some(&Value::Bool(true))
        {
            calls.push(Self::time_to_live(context, specification.clone()));
        }
        Ok(calls)
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let (new, before) = (&context.instance.properties, &old.properties);
        if new.get("GlobalSecondaryIndexes") != before.get("GlobalSecondaryIndexes") {
            return Err("Pontoon does not support changing GlobalSecondaryIndexes of a table".to_owned());
        }
        let (members, old_members) = (Self::reshaped(new)?, Self::reshaped(before)?);
        let mut input = Map::new();
        for name in SETTINGS.iter().filter(|name| new.get(**name) != before.get(**name)) {
            input.extend(new.get(*name).map(|value| ((*name).to_owned(), value.clone())));
        }
        input.extend(
            members
                .iter()
                .filter(|(name, value)| old_members.get(*name) != Some(*value))
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if old_members.contains_key("StreamSpecification") && !members.contains_key("StreamSpecification") {
            input.insert("StreamSpecification".to_owned(), Self::stream(None));
        }
        if before.contains_key("DeletionProtectionEnabled") && !new.contains_key("DeletionProtectionEnabled")
        {
            input.insert("DeletionProtectionEnabled".to_owned(), Value::Bool(false));
        }
        let mut calls = Vec::new();
        if !input.is_empty() {
            input.insert("TableName".to_owned(), context.name().into());
            calls.push(Call::new(&SERVICE, "UpdateTable", Value::Map(input)));
            calls.push(Self::wait(context));
        }
        let (ttl, old_ttl) = (new.get("TimeToLiveSpecification"), before.get("TimeToLiveSpecification"));
        if ttl != old_ttl {
            let off = old_ttl.map(|old| {
                object([
                    ("AttributeName", old.get("AttributeName").cloned()),
                    ("Enabled", Some(Value::Bool(false))),
                ])
            });
            calls
                .extend(ttl.cloned().or(off).map(|specification| Self::time_to_live(context, specification)));
        }
        let (set, gone) = tags::changes(context, old);
        let arn = || text(context.learnt("Arn").unwrap_or_default());
        if let Some(set) = tags::pairs(&set, "Key", "Value") {
            calls.push(Call::new(
                &SERVICE,
                "TagResource",
                object([("ResourceArn", arn()), ("Tags", Some(set))]),
            ));
        }
        if !gone.is_empty() {
            let input = object([("ResourceArn", arn()), ("TagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagResource", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let table = || object([("TableName", text(context.physical_id()))]);
        vec![
            Call::new(&SERVICE, "DeleteTable", table()).or(ABSENT),
            Call::new(&SERVICE, "DescribeTable", table()).expect(Expectation::Gone(ABSENT)),
        ]
    }

    fn replaces(&self, property: &str, _old: Option<&Value>, _new: Option<&Value>) -> bool {
        // The attributes that a table defines are those of its keys, so they change with these.
        matches!(property, "KeySchema" | "LocalSecondaryIndexes" | "AttributeDefinitions")
    }
}
