//! Queues and their policies.

use pontoon_api::sqs::SERVICE;

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Value, json_text, object, tags, text};
use crate::state::Instance;
use crate::template::Map;

const ABSENT: &[&str] = &["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];

/// The attributes of a queue that are properties under the same names, with the value that each has
/// when it is not given (SQS's API reference, CreateQueue), to which dropping the property returns it. Messages may then be as long as they
/// could be before 2025, whatever SQS's own default is by now (recording `test_queue_update`).
const ATTRIBUTES: [(&str, &str); 12] = [
    ("ContentBasedDeduplication", "false"),
    ("DeduplicationScope", "queue"),
    ("DelaySeconds", "0"),
    ("FifoThroughputLimit", "perQueue"),
    ("KmsDataKeyReusePeriodSeconds", "300"),
    ("KmsMasterKeyId", ""),
    ("MaximumMessageSize", "262144"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("RedriveAllowPolicy", ""),
    ("RedrivePolicy", ""),
    ("SqsManagedSseEnabled", "true"),
];

/// `AWS::SQS::Queue`.
pub(super) struct Queue;

impl Queue {
    fn attribute_text(value: &Value) -> Value {
        json_text(value)
    }

    fn attributes(properties: &Map) -> Map {
        let names = ATTRIBUTES.iter().map(|(name, _)| *name).chain(["VisibilityTimeout", "FifoQueue"]);
        names
            .filter_map(|name| Some((name.to_owned(), Self::attribute_text(properties.get(name)?))))
            // A standard queue is one that does not say that it is FIFO; SQS refuses the word "false".
            .filter(|(name, value)| name != "FifoQueue" || value.as_str() == Some("true"))
            .collect()
    }

    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("sqs", context.name())
    }
}

impl Lifecycle for Queue {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        let attributes = Self::attributes(&context.instance.properties);
        let input = object([
            ("QueueName", text(name)),
            ("Attributes", (!attributes.is_empty()).then_some(Value::Map(attributes))),
            ("tags", tags::map(context)),
        ]);
        let absent = Expectation::Absence(ABSENT, identifier("AWS::SQS::Queue", name));
        Ok(vec![
            Call::new(&SERVICE, "GetQueueUrl", object([("QueueName", text(name))])).expect(absent),
            Call::new(&SERVICE, "CreateQueue", input).identified("QueueUrl").learn("QueueUrl", "QueueUrl"),
        ])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let url = || text(context.physical_id());
        let (before, mut changed) =
            (Self::attributes(&old.properties), Self::attributes(&context.instance.properties));
        for (name, default) in ATTRIBUTES.iter().chain(&[("VisibilityTimeout", "30")]) {
            if before.contains_key(*name) && !changed.contains_key(*name) {
                changed.insert((*name).to_owned(), (*default).into());
            }
        }
        changed.retain(|name, value| before.get(name) != Some(value));
        let mut calls = Vec::new();
        if !changed.is_empty() {
            let input = object([("QueueUrl", url()), ("Attributes", Some(Value::Map(changed)))]);
            calls.push(Call::new(&SERVICE, "SetQueueAttributes", input));
        }
        let (set, gone) = tags::changes(context, old);
        if let Some(set) = tags::as_map(&set) {
            calls.push(Call::new(&SERVICE, "TagQueue", object([("QueueUrl", url()), ("Tags", Some(set))])));
        }
        if !gone.is_empty() {
            let input = object([("QueueUrl", url()), ("TagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagQueue", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![
            Call::new(&SERVICE, "DeleteQueue", object([("QueueUrl", text(context.physical_id()))]))
                .or(ABSENT),
        ]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "Arn" => text(Self::arn(context)),
            "QueueName" => text(context.name()),
            _ => None,
        }
    }
}

/// `AWS::SQS::QueuePolicy`: the policy of several queues, one call each.
pub(super) struct QueuePolicy;

impl QueuePolicy {
    fn queues(instance: &Instance) -> Vec<Value> {
        instance.properties.get("Queues").and_then(Value::as_list).unwrap_or_default().to_vec()
    }

    fn set(queue: Value, policy: Value) -> Call {
        let attributes = object([("Policy", Some(policy))]);
        Call::new(
            &SERVICE,
            "SetQueueAttributes",
            object([("QueueUrl", Some(queue)), ("Attributes", Some(attributes))]),
        )
    }

    fn set_all(context: &Context<'_>) -> Vec<Call> {
        let policy = context.property("PolicyDocument").map(json_text).unwrap_or_default();
        Self::queues(context.instance).into_iter().map(|queue| Self::set(queue, policy.clone())).collect()
    }
}

impl Lifecycle for QueuePolicy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        Ok(Self::set_all(context).into_iter().map(|call| call.named(name)).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let wanted = Self::queues(context.instance);
        let dropped = Self::queues(old).into_iter().filter(|queue| !wanted.contains(queue));
        let cleared = dropped.map(|queue| Self::set(queue, "".into()).or(ABSENT));
        Ok(Self::set_all(context).into_iter().chain(cleared).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        Self::queues(context.instance)
            .into_iter()
            .map(|queue| Self::set(queue, "".into()).or(ABSENT))
            .collect()
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Id").then(|| context.physical_id().into())
    }
}
