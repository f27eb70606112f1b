//! Log groups.

use pontoon_api::logs::SERVICE;

use super::{Call, Context, Lifecycle, Value, object, tags, text};
use crate::state::Instance;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

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
        let (set, gone) = tags::changes(context, old);
        let arn = || text(Self::arn(context));
        if let Some(set) = tags::as_map(&set) {
            calls.push(Call::new(
                &SERVICE,
                "TagResource",
                object([("resourceArn", arn()), ("tags", Some(set))]),
            ));
        }
        if !gone.is_empty() {
            let input = object([("resourceArn", arn()), ("tagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagResource", input));
        }
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
