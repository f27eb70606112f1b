//! Topics, subscriptions and topic policies.

use pontoon_api::sns::SERVICE;

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Value, json_text, object, tags, text};
use crate::state::Instance;
use crate::template::Map;

const ABSENT: &[&str] = &["NotFound", "NotFoundException"];

/// The attributes of a topic that are properties under the same names.
const TOPIC_ATTRIBUTES: [&str; 7] = [
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
];

/// The attributes of a subscription that are properties under the same names.
const SUBSCRIPTION_ATTRIBUTES: [&str; 7] = [
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
];

/// The given ones of some attributes, as the text that SNS takes.
fn attributes(properties: &Map, names: &[&str]) -> Map {
    names.iter().filter_map(|name| Some(((*name).to_owned(), json_text(properties.get(*name)?)))).collect()
}

/// What of the attributes has to be set: the changed ones, and for dropped ones the text that unsets them.
fn changed(new: &Map, old: &Map, names: &[&str]) -> Vec<(String, Value)> {
    let (new, old) = (attributes(new, names), attributes(old, names));
    let dropped = old.keys().filter(|name| !new.contains_key(*name)).map(|name| {
        let unset = match name.as_str() {
            "ContentBasedDeduplication" | "RawMessageDelivery" => "false",
            "FilterPolicyScope" => "MessageAttributes",
            "SignatureVersion" => "1",
            "TracingConfig" => "PassThrough",
            "FifoThroughputScope" => "Topic",
            _ => "",
        };
        (name.clone(), Value::from(unset))
    });
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
    set.map(|(name, value)| (name.clone(), value.clone())).chain(dropped.collect::<Vec<_>>()).collect()
}

/// `AWS::SNS::Topic`, with the subscriptions that it may carry.
pub(super) struct Topic;

impl Topic {
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("sns", context.name())
    }

    /// The inline subscriptions: protocol and endpoint, and the name that the subscription's ARN is learnt under.
    fn subscriptions(instance: &Instance) -> Vec<(String, String, String)> {
        let inline = instance.properties.get("Subscription").and_then(Value::as_list).unwrap_or_default();
        let part = |value: &Value, name| value.get(name).and_then(Value::scalar_text).unwrap_or_default();
        let parts = inline.iter().map(|value| (part(value, "Protocol"), part(value, "Endpoint")));
        parts
            .map(|(protocol, endpoint)| (format!("subscription {protocol} {endpoint}"), protocol, endpoint))
            .collect()
    }

    fn subscribe(topic: &str, (learnt, protocol, endpoint): (String, String, String)) -> Call {
        let input = object([
            ("TopicArn", text(topic)),
            ("Protocol", text(protocol)),
            ("Endpoint", text(endpoint)),
            ("ReturnSubscriptionArn", Some(Value::Bool(true))),
        ]);
        Call::new(&SERVICE, "Subscribe", input).learn(learnt, "SubscriptionArn")
    }

    fn unsubscribe(arn: &str) -> Call {
        Call::new(&SERVICE, "Unsubscribe", object([("SubscriptionArn", text(arn))])).or(ABSENT)
    }
}

impl Lifecycle for Topic {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let arn = Self::arn(context);
        let mut attributes = attributes(&context.instance.properties, &TOPIC_ATTRIBUTES);
        if context.property("FifoTopic") == Some(&Value::Bool(true)) {
            attributes.insert("FifoTopic".to_owned(), "true".into());
        }
        let input = object([
            ("Name", text(context.name())),
            ("Attributes", (!attributes.is_empty()).then_some(Value::Map(attributes))),
            ("Tags", tags::list(context)),
        ]);
        let absent = Expectation::Absence(ABSENT, identifier("AWS::SNS::Topic", &arn));
        let mut calls = vec![
            Call::new(&SERVICE, "GetTopicAttributes", object([("TopicArn", text(&*arn))])).expect(absent),
            Call::new(&SERVICE, "CreateTopic", input).identified("TopicArn").learn("TopicArn", "TopicArn"),
        ];
        let subscriptions = Self::subscriptions(context.instance).into_iter();
        calls.extend(subscriptions.map(|subscription| Self::subscribe(&arn, subscription)));
        Ok(calls)
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let arn = context.physical_id();
        let mut calls = Vec::new();
        for (name, value) in changed(&context.instance.properties, &old.properties, &TOPIC_ATTRIBUTES) {
            let input = object([
                ("TopicArn", text(arn)),
                ("AttributeName", text(name)),
                ("AttributeValue", Some(value)),
            ]);
            calls.push(Call::new(&SERVICE, "SetTopicAttributes", input));
        }
        let (wanted, before) = (Self::subscriptions(context.instance), Self::subscriptions(old));
        for subscription in wanted.iter().filter(|subscription| !before.contains(subscription)) {
            calls.push(Self::subscribe(arn, subscription.clone()));
        }
        for (learnt, ..) in before.iter().filter(|subscription| !wanted.contains(subscription)) {
            if let Some(subscription_arn) = old.attributes.get(learnt).and_then(Value::as_str) {
                calls.push(Self::unsubscribe(subscription_arn));
            }
        }
        let (set, gone) = tags::changes(context, old);
        if let Some(set) = tags::pairs(&set, "Key", "Value") {
            calls.push(Call::new(
                &SERVICE,
                "TagResource",
                object([("ResourceArn", text(arn)), ("Tags", Some(set))]),
            ));
        }
        if !gone.is_empty() {
            let input = object([("ResourceArn", text(arn)), ("TagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagResource", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        // Subscriptions outlive their topic on AWS, so the ones that came with it go first.
        let subscriptions = Self::subscriptions(context.instance).into_iter();
        let mut calls: Vec<Call> =
            subscriptions.filter_map(|(learnt, ..)| context.learnt(&learnt).map(Self::unsubscribe)).collect();
        let topic = object([("TopicArn", text(context.physical_id()))]);
        calls.push(Call::new(&SERVICE, "DeleteTopic", topic).or(ABSENT));
        calls
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "TopicName").then(|| context.name().into())
    }
}

/// `AWS::SNS::Subscription`.
pub(super) struct Subscription;

impl Lifecycle for Subscription {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let attributes = attributes(&context.instance.properties, &SUBSCRIPTION_ATTRIBUTES);
        let input = object([
            ("TopicArn", context.property("TopicArn").cloned()),
            ("Protocol", context.property("Protocol").cloned()),
            ("Endpoint", context.property("Endpoint").cloned()),
            ("Attributes", (!attributes.is_empty()).then_some(Value::Map(attributes))),
            ("ReturnSubscriptionArn", Some(Value::Bool(true))),
        ]);
        let call = Call::new(&SERVICE, "Subscribe", input);
        Ok(vec![call.identified("SubscriptionArn").learn("Arn", "SubscriptionArn")])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let changed = changed(&context.instance.properties, &old.properties, &SUBSCRIPTION_ATTRIBUTES);
        let set = changed.into_iter().map(|(name, value)| {
            let input = object([
                ("SubscriptionArn", text(context.physical_id())),
                ("AttributeName", text(name)),
                ("AttributeValue", Some(value)),
            ]);
            Call::new(&SERVICE, "SetSubscriptionAttributes", input)
        });
        Ok(set.collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![Topic::unsubscribe(context.physical_id())]
    }
}

/// `AWS::SNS::TopicPolicy`: the policy of several topics, one call each.
pub(super) struct TopicPolicy;

impl TopicPolicy {
    fn topics(instance: &Instance) -> Vec<Value> {
        instance.properties.get("Topics").and_then(Value::as_list).unwrap_or_default().to_vec()
    }

    fn set(topic: Value, policy: Value) -> Call {
        let input = object([
            ("TopicArn", Some(topic)),
            ("AttributeName", text("Policy")),
            ("AttributeValue", Some(policy)),
        ]);
        Call::new(&SERVICE, "SetTopicAttributes", input)
    }

    fn set_all(context: &Context<'_>) -> Vec<Call> {
        let policy = context.property("PolicyDocument").map(json_text).unwrap_or_default();
        Self::topics(context.instance).into_iter().map(|topic| Self::set(topic, policy.clone())).collect()
    }

    /// Gives a topic the policy that a new one has (recording `test_sns_topic_policy_resets_to_default`).
    fn reset(context: &Context<'_>, topic: Value) -> Call {
        let actions = [
            "GetTopicAttributes",
            "SetTopicAttributes",
            "AddPermission",
            "RemovePermission",
            "DeleteTopic",
            "Subscribe",
            "ListSubscriptionsByTopic",
            "Publish",
        ];
        let owner = object([("AWS:SourceOwner", text(context.scope.account.as_str()))]);
        let statement = object([
            ("Sid", text("__default_statement_ID")),
            ("Effect", text("Allow")),
            ("Principal", Some(object([("AWS", text("*"))]))),
            (
                "Action",
                Some(Value::List(actions.iter().map(|action| format!("SNS:{action}").into()).collect())),
            ),
            ("Resource", Some(topic.clone())),
            ("Condition", Some(object([("StringEquals", Some(owner))]))),
        ]);
        let policy = object([
            ("Version", text("2008-10-17")),
            ("Id", text("__default_policy_ID")),
            ("Statement", Some(Value::List(vec![statement]))),
        ]);
        Self::set(topic, json_text(&policy)).or(ABSENT)
    }
}

impl Lifecycle for TopicPolicy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        Ok(Self::set_all(context).into_iter().map(|call| call.named(name)).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let wanted = Self::topics(context.instance);
        let dropped = Self::topics(old).into_iter().filter(|topic| !wanted.contains(topic));
        let reset = dropped.map(|topic| Self::reset(context, topic));
        Ok(Self::set_all(context).into_iter().chain(reset).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        Self::topics(context.instance).into_iter().map(|topic| Self::reset(context, topic)).collect()
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Id").then(|| context.physical_id().into())
    }
}
