//! Log groups, and the deliveries of other services' logs.

use pontoon_api::logs::SERVICE;

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Value, json_text, object, tags, text};
use crate::state::Instance;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

fn tag_calls(context: &Context<'_>, old: &Instance, arn: &str) -> Vec<Call> {
    let (set, gone) = tags::changes(context, old);
    let mut calls = Vec::new();
    let arn = || text(arn);
    if let Some(set) = tags::as_map(&set) {
        let input = object([("resourceArn", arn()), ("tags", Some(set))]);
        calls.push(Call::new(&SERVICE, "TagResource", input));
    }
    if !gone.is_empty() {
        let input = object([("resourceArn", arn()), ("tagKeys", Some(Value::List(gone)))]);
        calls.push(Call::new(&SERVICE, "UntagResource", input));
    }
    calls
}

/// `AWS::Logs::LogGroup`.
pub(super) struct LogGroup;

impl LogGroup {
    fn put_retention(context: &Context<'_>) -> Option<Call> {
        let days = context.property("RetentionInDays")?.clone();
        let input = object([("logGroupName", text(context.name())), ("retentionInDays", Some(days))]);
        Some(Call::new(&SERVICE, "PutRetentionPolicy", input))
    }

    /// The ARN that tags are kept under, without the `:*` of the attribute.
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("logs", format_args!("log-group:{}", context.name()))
    }
}

impl Lifecycle for LogGroup {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let input = object([
            ("logGroupName", text(context.name())),
            ("kmsKeyId", context.property("KmsKeyId").cloned()),
            ("logGroupClass", context.property("LogGroupClass").cloned()),
            ("deletionProtectionEnabled", context.property("DeletionProtectionEnabled").cloned()),
            ("tags", tags::map(context)),
        ]);
        let create = Call::new(&SERVICE, "CreateLogGroup", input).named(context.name());
        Ok([create].into_iter().chain(Self::put_retention(context)).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let fixed = ["KmsKeyId", "LogGroupClass", "DeletionProtectionEnabled"];
        if let Some(name) = fixed.iter().find(|name| context.property(name) != old.properties.get(**name)) {
            return Err(format!("Pontoon does not support changing {name} of a log group"));
        }
        let mut calls = Vec::new();
        if context.property("RetentionInDays") != old.properties.get("RetentionInDays") {
            calls.push(Self::put_retention(context).unwrap_or_else(|| {
                Call::new(&SERVICE, "DeleteRetentionPolicy", object([("logGroupName", text(context.name()))]))
            }));
        }
        calls.extend(tag_calls(context, old, &Self::arn(context)));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("logGroupName", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteLogGroup", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Arn").then(|| format!("{}:*", Self::arn(context)).into())
    }
}

/// `AWS::Logs::LogStream`.
pub(super) struct LogStream;

impl LogStream {
    fn named(context: &Context<'_>, name: &str) -> Value {
        object([("logGroupName", context.property("LogGroupName").cloned()), ("logStreamName", text(name))])
    }
}

impl Lifecycle for LogStream {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        Ok(vec![Call::new(&SERVICE, "CreateLogStream", Self::named(context, name)).named(name)])
    }

    fn update(&self, _context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        // Every property of a stream needs a new one.
        Ok(Vec::new())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![Call::new(&SERVICE, "DeleteLogStream", Self::named(context, context.physical_id())).or(ABSENT)]
    }
}

/// `AWS::Logs::DeliverySource`.
pub(super) struct DeliverySource;

impl DeliverySource {
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("logs", format_args!("delivery-source:{}", context.name()))
    }

    /// Puts the source, with the tags that a new one has.
    fn put(context: &Context<'_>, tags: Option<Value>) -> Call {
        let input = object([
            ("name", text(context.name())),
            ("resourceArn", context.property("ResourceArn").cloned()),
            ("logType", context.property("LogType").cloned()),
            ("tags", tags),
        ]);
        Call::new(&SERVICE, "PutDeliverySource", input)
    }
}

impl Lifecycle for DeliverySource {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        let taken = Expectation::Absence(ABSENT, identifier("AWS::Logs::DeliverySource", name));
        Ok(vec![
            Call::new(&SERVICE, "GetDeliverySource", object([("name", text(name))])).expect(taken),
            Self::put(context, tags::map(context)).named(name).learn("Service", "deliverySource.service"),
        ])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let changes = ["ResourceArn", "LogType"];
        let is_changed = changes.iter().any(|name| context.property(name) != old.properties.get(*name));
        let put = is_changed.then(|| Self::put(context, None));
        Ok(put.into_iter().chain(tag_calls(context, old, &Self::arn(context))).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("name", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteDeliverySource", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "Arn" => text(Self::arn(context)),
            "ResourceArns" => {
                Some(Value::List(context.property("ResourceArn").cloned().into_iter().collect()))
            }
            _ => None,
        }
    }
}

/// `AWS::Logs::DeliveryDestination`.
pub(super) struct DeliveryDestination;

impl DeliveryDestination {
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("logs", format_args!("delivery-destination:{}", context.name()))
    }

    fn put_policy(context: &Context<'_>) -> Option<Call> {
        let policy = context.property("DeliveryDestinationPolicy")?.get("DeliveryDestinationPolicy")?;
        let input = object([
            ("deliveryDestinationName", text(context.name())),
            ("deliveryDestinationPolicy", Some(json_text(policy))),
        ]);
        Some(Call::new(&SERVICE, "PutDeliveryDestinationPolicy", input))
    }
}

impl Lifecycle for DeliveryDestination {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        let taken = Expectation::Absence(ABSENT, identifier("AWS::Logs::DeliveryDestination", name));
        let configuration = context
            .property("DestinationResourceArn")
            .map(|arn| object([("destinationResourceArn", Some(arn.clone()))]));
        let input = object([
            ("name", text(name)),
            ("outputFormat", context.property("OutputFormat").cloned()),
            ("deliveryDestinationConfiguration", configuration),
            ("deliveryDestinationType", context.property("DeliveryDestinationType").cloned()),
            ("tags", tags::map(context)),
        ]);
        let put = Call::new(&SERVICE, "PutDeliveryDestination", input).named(name);
        let get = Call::new(&SERVICE, "GetDeliveryDestination", object([("name", text(name))])).expect(taken);
        Ok([get, put].into_iter().chain(Self::put_policy(context)).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        const POLICY: &str = "DeliveryDestinationPolicy";
        let mut calls = Vec::new();
        if context.property(POLICY) != old.properties.get(POLICY) {
            calls.push(Self::put_policy(context).unwrap_or_else(|| {
                let input = object([("deliveryDestinationName", text(context.name()))]);
                Call::new(&SERVICE, "DeleteDeliveryDestinationPolicy", input)
            }));
        }
        calls.extend(tag_calls(context, old, &Self::arn(context)));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("name", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteDeliveryDestination", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Arn").then(|| Self::arn(context).into())
    }
}

/// `AWS::Logs::Delivery`.
pub(super) struct Delivery;

impl Delivery {
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("logs", format_args!("delivery:{}", context.physical_id()))
    }

    /// What can be changed of a delivery, as its properties have it.
    fn settings(context: &Context<'_>) -> [(&'static str, Option<Value>); 3] {
        let suffix = context.property("S3SuffixPath").cloned();
        let hive = context.property("S3EnableHiveCompatiblePath").cloned();
        let s3 = (suffix.is_some() || hive.is_some())
            .then(|| object([("suffixPath", suffix), ("enableHiveCompatiblePath", hive)]));
        [
            ("recordFields", context.property("RecordFields").cloned()),
            ("fieldDelimiter", context.property("FieldDelimiter").cloned()),
            ("s3DeliveryConfiguration", s3),
        ]
    }
}

impl Lifecycle for Delivery {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let joined = [
            ("deliverySourceName", context.property("DeliverySourceName").cloned()),
            ("deliveryDestinationArn", context.property("DeliveryDestinationArn").cloned()),
            ("tags", tags::map(context)),
        ];
        let members = joined.into_iter().chain(Self::settings(context));
        let members = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let create = Call::new(&SERVICE, "CreateDelivery", Value::Map(members.collect()))
            .identified("delivery.id")
            .learn("DeliveryDestinationType", "delivery.deliveryDestinationType");
        Ok(vec![create])
    }

    /// What the template has no longer becomes as it is by default: all fields.
    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let settings = ["RecordFields", "FieldDelimiter", "S3SuffixPath", "S3EnableHiveCompatiblePath"];
        let mut calls = Vec::new();
        if settings.iter().any(|name| context.property(name) != old.properties.get(*name)) {
            let [(_, fields), delimiter, s3] = Self::settings(context);
            let fields = fields.or(Some(Value::List(Vec::new())));
            let id = ("id", text(context.physical_id()));
            let input = object([id, ("recordFields", fields), delimiter, s3]);
            calls.push(Call::new(&SERVICE, "UpdateDeliveryConfiguration", input));
        }
        calls.extend(tag_calls(context, old, &Self::arn(context)));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("id", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteDelivery", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "Arn" => text(Self::arn(context)),
            "DeliveryId" => text(context.physical_id()),
            _ => None,
        }
    }
}
