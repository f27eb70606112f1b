//! Buckets and their policies.

use pontoon_api::s3::SERVICE;
use pontoon_core::Region;

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Value, json_text, object, tags, text};
use crate::state::Instance;

const ABSENT: &[&str] = &["NoSuchBucket", "NotFound", "404"];

/// `AWS::S3::Bucket`.
pub(super) struct Bucket;

impl Bucket {
    fn put_versioning(context: &Context<'_>, configuration: Value) -> Call {
        let input =
            object([("Bucket", text(context.name())), ("VersioningConfiguration", Some(configuration))]);
        Call::new(&SERVICE, "PutBucketVersioning", input)
    }

    /// What a bucket tells is told to EventBridge or not at all.
    fn put_notifications(context: &Context<'_>, configuration: Option<&Value>) -> Call {
        let part = |name: &str| configuration.and_then(|configuration| configuration.get(name));
        let bus = part("EventBridgeConfiguration");
        let is_on = bus.and_then(|bus| bus.get("EventBridgeEnabled")).and_then(Value::scalar_text);
        let is_on = bus.is_some() && is_on.as_deref() != Some("false");
        let configuration = object([
            ("TopicConfigurations", part("TopicConfigurations").map(destinations)),
            ("QueueConfigurations", part("QueueConfigurations").map(destinations)),
            ("LambdaFunctionConfigurations", part("LambdaConfigurations").map(destinations)),
            ("EventBridgeConfiguration", is_on.then(|| object([]))),
        ]);
        let input =
            object([("Bucket", text(context.name())), ("NotificationConfiguration", Some(configuration))]);
        Call::new(&SERVICE, "PutBucketNotificationConfiguration", input)
    }

    fn put_tags(context: &Context<'_>) -> Option<Call> {
        let tagging = object([("TagSet", Some(tags::list(context)?))]);
        let input = object([("Bucket", text(context.name())), ("Tagging", Some(tagging))]);
        Some(Call::new(&SERVICE, "PutBucketTagging", input))
    }
}

impl Lifecycle for Bucket {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        let region = context.scope.region;
        // A bucket of the first region has no location constraint.
        let configuration = object([("LocationConstraint", text(region.as_str()))]);
        let input = object([
            ("Bucket", text(name)),
            ("CreateBucketConfiguration", (region != Region::DEFAULT).then_some(configuration)),
        ]);
        let absent = Expectation::Absence(ABSENT, identifier("AWS::S3::Bucket", name));
        let mut calls = vec![
            Call::new(&SERVICE, "HeadBucket", object([("Bucket", text(name))])).expect(absent),
            Call::new(&SERVICE, "CreateBucket", input).named(name),
        ];
        if let Some(configuration) = context.property("VersioningConfiguration") {
            calls.push(Self::put_versioning(context, configuration.clone()));
        }
        if let Some(configuration) = context.property("NotificationConfiguration") {
            calls.push(Self::put_notifications(context, Some(configuration)));
        }
        calls.extend(Self::put_tags(context));
        Ok(calls)
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let mut calls = Vec::new();
        let (new, before) =
            (context.property("VersioningConfiguration"), old.properties.get("VersioningConfiguration"));
        if new != before {
            // Versioning that has been on can only be suspended.
            let suspended = || object([("Status", text("Suspended"))]);
            calls.push(Self::put_versioning(context, new.cloned().unwrap_or_else(suspended)));
        }
        let new = context.property("NotificationConfiguration");
        if new != old.properties.get("NotificationConfiguration") {
            calls.push(Self::put_notifications(context, new));
        }
        if tags::wanted(context.instance) != tags::wanted(old) {
            calls.push(Self::put_tags(context).unwrap_or_else(|| {
                Call::new(&SERVICE, "DeleteBucketTagging", object([("Bucket", text(context.name()))]))
            }));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![
            Call::new(&SERVICE, "DeleteBucket", object([("Bucket", text(context.physical_id()))])).or(ABSENT),
        ]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        let (bucket, region) = (context.name(), context.scope.region);
        match name {
            "Arn" => text(format!("arn:aws:s3:::{bucket}")),
            "DomainName" => text(format!("{bucket}.s3.amazonaws.com")),
            "DualStackDomainName" => text(format!("{bucket}.s3.dualstack.{region}.amazonaws.com")),
            "RegionalDomainName" => text(format!("{bucket}.s3.{region}.amazonaws.com")),
            "WebsiteURL" => text(format!("http://{bucket}.s3-website-{region}.amazonaws.com")),
            _ => None,
        }
    }
}

/// Notifications to topics, queues and functions in the form of the API, which refuses them by name.
fn destinations(configurations: &Value) -> Value {
    let names = [
        ("Event", "Events"),
        ("Topic", "TopicArn"),
        ("Queue", "QueueArn"),
        ("Function", "LambdaFunctionArn"),
    ];
    let one = |configuration: &Value| {
        let members = names.iter().filter_map(|(of, to)| {
            let value = configuration.get(of)?.clone();
            let value = if *of == "Event" { Value::List(vec![value]) } else { value };
            Some(((*to).to_owned(), value))
        });
        Value::Map(members.collect())
    };
    Value::List(configurations.as_list().unwrap_or_default().iter().map(one).collect())
}

/// `AWS::S3::BucketPolicy`.
pub(super) struct BucketPolicy;

impl BucketPolicy {
    fn put(context: &Context<'_>) -> Call {
        let bucket = context.text("Bucket").unwrap_or_default();
        let policy = context.property("PolicyDocument").map(json_text);
        Call::new(&SERVICE, "PutBucketPolicy", object([("Bucket", text(bucket)), ("Policy", policy)]))
            .named(bucket)
    }
}

impl Lifecycle for BucketPolicy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        Ok(vec![Self::put(context)])
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        Ok(vec![Self::put(context)])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let gone = &["NoSuchBucket", "NoSuchBucketPolicy"];
        vec![
            Call::new(&SERVICE, "DeleteBucketPolicy", object([("Bucket", text(context.physical_id()))]))
                .or(gone),
        ]
    }
}
