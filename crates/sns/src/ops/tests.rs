//! Operations over a memory store, with the answers of the services behind them as the tests say.

use std::time::Duration;

use pontoon_api::sns::*;
use pontoon_core::step::Origin;
use pontoon_core::{Account, ApiError, Principal, Region, Scope};

use crate::testing::{Bench, strings};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const URL: &str = "http://127.0.0.1:8080/hook";

fn message_of<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> String {
    let error = answer.unwrap_err();
    format!("{} {}: {}", error.status, error.code, error.message)
}

fn invalid(what: &str) -> String {
    format!("400 InvalidParameter: Invalid parameter: {what}")
}

fn create(
    bench: &mut Bench,
    name: &str,
    attributes: &[(&str, &str)],
    tags: &[(&str, &str)],
) -> Result<String, ApiError> {
    let tag = |(key, value): &(&str, &str)| Tag { key: (*key).to_owned(), value: (*value).to_owned() };
    let input = CreateTopicInput {
        name: name.to_owned(),
        attributes: Some(strings(attributes)),
        tags: Some(tags.iter().map(tag).collect()),
        data_protection_policy: None,
    };
    let output: CreateTopicOutput = bench.call(Request::CreateTopic(input))?;
    Ok(output.topic_arn.unwrap())
}

fn text_attribute(value: &str) -> MessageAttributeValue {
    MessageAttributeValue {
        data_type: "String".to_owned(),
        string_value: Some(value.to_owned()),
        binary_value: None,
    }
}

/// test_create_topic_different_attrs, test_create_duplicate_topic_with_more_tags, test_create_duplicate_topic_check_idempotency
#[test]
fn a_topic_is_created_once_and_must_stay_the_same() {
    let mut bench = Bench::new();
    let arn = create(&mut bench, "t", &[("DisplayName", "Value1")], &[("k", "v")]).unwrap();
    assert_eq!(arn, "arn:aws:sns:us-east-1:000000000000:t");
    for (attributes, tags) in [(&[("DisplayName", "Value1")][..], &[("k", "v")][..]), (&[], &[])] {
        assert_eq!(create(&mut bench, "t", attributes, tags).unwrap(), arn);
    }
    let differ = |what: &str| {
        invalid(&format!("{what} Reason: Topic already exists with different {}", what.to_lowercase()))
    };
    assert_eq!(message_of(create(&mut bench, "t", &[("DisplayName", "Value2")], &[])), differ("Attributes"));
    assert_eq!(message_of(create(&mut bench, "t", &[("SignatureVersion", "2")], &[])), differ("Attributes"));
    assert_eq!(message_of(create(&mut bench, "t", &[], &[("k", "v"), ("k2", "v2")])), differ("Tags"));
    assert_eq!(
        message_of(create(&mut bench, "u", &[], &[("k", "v"), ("k", "w")])),
        invalid("Duplicated keys are not allowed.")
    );
}

/// test_create_topic_name_constraints
#[test]
fn topic_names_are_letters_digits_hyphens_and_underscores() {
    let mut bench = Bench::new();
    assert!(create(&mut bench, &"a".repeat(256), &[], &[]).is_ok());
    for name in ["", &"a".repeat(257), "a.fifo", "a b", "a/b", "a:b", "ä"] {
        assert_eq!(message_of(create(&mut bench, name, &[], &[])), invalid("Topic Name"), "{name}");
    }
    assert_eq!(message_of(create(&mut bench, "a", &[("FifoTopic", "true")], &[])), invalid("Topic Name"));
    let fifo = message_of(create(&mut bench, "a.fifo", &[("FifoTopic", "true")], &[]));
    assert_eq!(fifo, "501 NotSupportedByPontoon: Pontoon does not support FIFO topics.");
}

/// test_create_topic_with_attributes, test_publish_wrong_arn_format, test_cross_region_access, test_unknown_topic_publish
#[test]
fn topics_are_named_by_their_arns() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    for (arn, expected) in [
        ("random", invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1")),
        ("random:arn", invalid("TopicArn Reason: An ARN must have at least 6 elements, not 2")),
        ("", invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1")),
        ("arn:aws:sqs:us-east-1:000000000000:t", invalid("TopicArn")),
        ("arn:aws:sns:us-west-2:000000000000:t", invalid("TopicArn")),
        ("arn:aws:sns:us-east-1:000000000000:gone", "404 NotFound: Topic does not exist".to_owned()),
    ] {
        assert_eq!(message_of(bench.topic_attributes(arn)), expected, "{arn}");
        let input =
            PublishInput { topic_arn: Some(arn.to_owned()), message: "m".to_owned(), ..Default::default() };
        assert_eq!(message_of(bench.publish_input(input)), expected, "{arn}");
    }
    let by_target = PublishInput { target_arn: Some(topic), message: "m".to_owned(), ..Default::default() };
    assert!(bench.publish_input(by_target).is_ok());
}

/// test_create_topic_test_arn, test_topic_delivery_policy_crud
#[test]
fn a_topic_tells_its_attributes_and_counts() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let attributes = bench.topic_attributes(&topic).unwrap();
    let names: Vec<&String> = attributes.keys().collect();
    assert_eq!(
        names,
        [
            "DisplayName",
            "EffectiveDeliveryPolicy",
            "Owner",
            "Policy",
            "SubscriptionsConfirmed",
            "SubscriptionsDeleted",
            "SubscriptionsPending",
            "TopicArn"
        ]
    );
    let subscription = bench.subscribe(&topic, ("sqs", QUEUE), &[]).unwrap();
    bench.subscribe(&topic, ("http", URL), &[]).unwrap();
    bench.subscribe(&topic, ("lambda", FUNCTION), &[]).unwrap();
    bench
        .call::<UnsubscribeOutput>(Request::Unsubscribe(UnsubscribeInput { subscription_arn: subscription }))
        .unwrap();
    let attributes = bench.topic_attributes(&topic).unwrap();
    let counts =
        ["Confirmed", "Pending", "Deleted"].map(|which| attributes[&format!("Subscriptions{which}")].clone());
    assert_eq!(counts, ["1", "1", "1"]);
    let set = |name: &str, value: &str| {
        Request::SetTopicAttributes(SetTopicAttributesInput {
            topic_arn: topic.clone(),
            attribute_name: name.to_owned(),
            attribute_value: Some(value.to_owned()),
        })
    };
    bench.call::<SetTopicAttributesOutput>(set("DisplayName", "shown")).unwrap();
    assert_eq!(
        message_of(bench.call::<SetTopicAttributesOutput>(set("nope", "x"))),
        invalid("AttributeName")
    );
    // test_topic_get_attributes_with_fifo_false
    assert_eq!(
        message_of(bench.call::<SetTopicAttributesOutput>(set("FifoTopic", "false"))),
        invalid("AttributeName")
    );
    bench.restart();
    assert_eq!(bench.topic_attributes(&topic).unwrap()["DisplayName"], "shown");
    assert_eq!(bench.topic_attributes(&topic).unwrap()["SubscriptionsDeleted"], "1");
}

/// test_topic_add_permission, test_add_permission_errors, test_topic_remove_permission
#[test]
fn permissions_are_statements_of_the_policy() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let add = |label: &str, action: &str| {
        Request::AddPermission(AddPermissionInput {
            topic_arn: topic.clone(),
            label: label.to_owned(),
            aws_account_id: vec!["111111111111".to_owned()],
            action_name: vec![action.to_owned()],
        })
    };
    bench.call::<AddPermissionOutput>(add("test", "Publish")).unwrap();
    let policy = |bench: &mut Bench| -> serde_json::Value {
        serde_json::from_str(&bench.topic_attributes(&topic).unwrap()["Policy"]).unwrap()
    };
    let expected = serde_json::json!({
        "Action": "SNS:Publish", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Resource": topic, "Sid": "test",
    });
    assert_eq!(policy(&mut bench)["Statement"][1], expected);
    assert_eq!(
        message_of(bench.call::<AddPermissionOutput>(add("test", "Publish"))),
        invalid("Statement already exists")
    );
    assert_eq!(
        message_of(bench.call::<AddPermissionOutput>(add("more", "Fly"))),
        invalid("Policy statement action out of service scope!")
    );
    let publish = || {
        Request::Publish(PublishInput {
            topic_arn: Some(topic.clone()),
            message: "m".to_owned(),
            ..Default::default()
        })
    };
    let other: Account = "111111111111".parse().unwrap();
    bench.caller.principal = Principal::Account(other);
    bench.caller.account = other;
    let from_there = Scope { account: other, region: Region::DEFAULT };
    assert!(bench.call_in::<PublishOutput>(from_there, publish()).is_ok());
    bench.caller = Bench::new().caller;
    let remove = RemovePermissionInput { topic_arn: topic.clone(), label: "test".to_owned() };
    bench.call::<RemovePermissionOutput>(Request::RemovePermission(remove)).unwrap();
    assert_eq!(policy(&mut bench)["Statement"].as_array().unwrap().len(), 1);
    bench.caller.principal = Principal::Account(other);
    bench.caller.account = other;
    let denied = message_of(bench.call_in::<PublishOutput>(from_there, publish()));
    assert!(
        denied.starts_with("403 AuthorizationError: User: ") && denied.contains("SNS:Publish"),
        "{denied}"
    );
}

/// test_tags, test_tags_removed_after_deletion
#[test]
fn tags_are_kept_with_their_topic() {
    let mut bench = Bench::new();
    let topic = create(&mut bench, "t", &[], &[("k1", "v1"), ("k2", "v2")]).unwrap();
    let list = |bench: &mut Bench| -> Result<Vec<(String, String)>, ApiError> {
        let input = ListTagsForResourceInput { resource_arn: topic.clone() };
        let output: ListTagsForResourceOutput = bench.call(Request::ListTagsForResource(input))?;
        Ok(output.tags.unwrap().into_iter().map(|tag| (tag.key, tag.value)).collect())
    };
    let untag = UntagResourceInput { resource_arn: topic.clone(), tag_keys: vec!["k1".to_owned()] };
    bench.call::<UntagResourceOutput>(Request::UntagResource(untag)).unwrap();
    let tag = Tag { key: "k2".to_owned(), value: "v2b".to_owned() };
    let input = TagResourceInput { resource_arn: topic.clone(), tags: vec![tag] };
    bench.call::<TagResourceOutput>(Request::TagResource(input)).unwrap();
    assert_eq!(list(&mut bench).unwrap(), [("k2".to_owned(), "v2b".to_owned())]);
    bench
        .call::<DeleteTopicOutput>(Request::DeleteTopic(DeleteTopicInput { topic_arn: topic.clone() }))
        .unwrap();
    assert_eq!(message_of(list(&mut bench)), "404 ResourceNotFound: Resource does not exist");
}

/// test_subscribe_with_invalid_protocol, test_subscribe_to_sqs_with_queue_url, test_create_subscriptions_with_attributes, test_subscribe_invalid_filter_policy
#[test]
fn subscriptions_are_refused_as_recorded() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    for (protocol, endpoint, attributes, expected) in [
        (
            "test-protocol",
            "x",
            &[][..],
            invalid("Amazon SNS does not support this protocol string: test-protocol"),
        ),
        ("sqs", "http://q", &[], invalid("SQS endpoint ARN")),
        ("sqs", "", &[], invalid("Endpoint Reason: no value for required parameter")),
        ("http", "https://h", &[], invalid("Endpoint must match the specified protocol")),
        (
            "sqs",
            QUEUE,
            &[("RawMessageDelivery", "wrongvalue")],
            invalid(
                "Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false.",
            ),
        ),
        ("sqs", QUEUE, &[("nope", "x")], invalid("AttributeName")),
        (
            "sqs",
            QUEUE,
            &[("FilterPolicy", r#"{"a":{"b":["c"]}}"#)],
            invalid(
                "Attributes Reason: Filter policy scope MessageAttributes does not support nested filter policy",
            ),
        ),
        ("sms", "+15551234567.", &[], "400 InvalidParameter: Invalid SMS endpoint: +15551234567.".to_owned()),
        (
            "sms",
            "+15551234567",
            &[],
            "501 NotSupportedByPontoon: Pontoon does not support subscriptions with the protocol sms."
                .to_owned(),
        ),
        (
            "email",
            "a@b",
            &[],
            "501 NotSupportedByPontoon: Pontoon does not support subscriptions with the protocol email."
                .to_owned(),
        ),
    ] {
        assert_eq!(
            message_of(bench.subscribe(&topic, (protocol, endpoint), attributes)),
            expected,
            "{protocol} {endpoint}"
        );
    }
    let syntax = message_of(bench.subscribe(&topic, ("sqs", QUEUE), &[("FilterPolicy", "invalid")]));
    assert!(
        syntax.starts_with(&invalid(
            "Attributes Reason: FilterPolicy: failed to parse JSON. Unrecognized token 'invalid'"
        )),
        "{syntax}"
    );
    assert_eq!(bench.topic_attributes(&topic).unwrap()["SubscriptionsConfirmed"], "0");
}

/// test_subscribe_idempotency, test_set_subscription_filter_policy_scope, test_not_found_error_on_set_subscription_attributes
#[test]
fn a_subscription_is_made_once_and_tells_its_attributes() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let given = [("RawMessageDelivery", "true"), ("FilterPolicyScope", "MessageBody")];
    let arn = bench.subscribe(&topic, ("sqs", QUEUE), &given).unwrap();
    assert!(arn.starts_with(&format!("{topic}:")));
    for again in [&given[..], &[], &given[..1]] {
        assert_eq!(bench.subscribe(&topic, ("sqs", QUEUE), again).unwrap(), arn);
    }
    assert_eq!(
        message_of(bench.subscribe(&topic, ("sqs", QUEUE), &[("RawMessageDelivery", "false")])),
        invalid("Attributes Reason: Subscription already exists with different attributes")
    );
    let expected = strings(&[
        ("ConfirmationWasAuthenticated", "true"),
        ("Endpoint", QUEUE),
        ("Owner", "000000000000"),
        ("PendingConfirmation", "false"),
        ("Protocol", "sqs"),
        ("RawMessageDelivery", "true"),
        ("SubscriptionArn", &arn),
        ("SubscriptionPrincipal", "arn:aws:iam::000000000000:root"),
        ("TopicArn", &topic),
    ]);
    assert_eq!(bench.subscription_attributes(&arn).unwrap(), expected);
    let set = |name: &str, value: &str| {
        Request::SetSubscriptionAttributes(SetSubscriptionAttributesInput {
            subscription_arn: arn.clone(),
            attribute_name: name.to_owned(),
            attribute_value: Some(value.to_owned()),
        })
    };
    bench.call::<SetSubscriptionAttributesOutput>(set("FilterPolicy", r#"{"o":{"key":["a"]}}"#)).unwrap();
    assert_eq!(bench.subscription_attributes(&arn).unwrap()["FilterPolicyScope"], "MessageBody");
    assert_eq!(
        message_of(
            bench.call::<SetSubscriptionAttributesOutput>(set("FilterPolicyScope", "MessageAttributes"))
        ),
        invalid("Filter policy scope MessageAttributes does not support nested filter policy")
    );
    assert_eq!(
        message_of(
            bench.call::<SetSubscriptionAttributesOutput>(set("FilterPolicy", r#"{"key_a":"value_one"}"#))
        ),
        invalid(
            "FilterPolicy: \"key_a\" must be an object or an array\n at [Source: (String)\"{\"key_a\":\"value_one\"}\"; line: 1, column: 11]"
        )
    );
    bench.call::<SetSubscriptionAttributesOutput>(set("FilterPolicy", "{}")).unwrap();
    assert!(!bench.subscription_attributes(&arn).unwrap().contains_key("FilterPolicy"));
    bench
        .call::<UnsubscribeOutput>(Request::Unsubscribe(UnsubscribeInput { subscription_arn: arn.clone() }))
        .unwrap();
    assert_eq!(message_of(bench.subscription_attributes(&arn)), "404 NotFound: Subscription does not exist");
}

/// test_unsubscribe_wrong_arn_format, test_unsubscribe_from_non_existing_subscription
#[test]
fn unsubscribing_takes_arns_of_subscriptions_only() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    for (arn, expected) in [
        ("randomstring", invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")),
        (
            "arn:aws:sns:us-east-1:random",
            invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 5"),
        ),
        (topic.as_str(), invalid("SubscriptionId")),
        ("", invalid("SubscriptionArn Reason: no value for required parameter")),
    ] {
        let input = UnsubscribeInput { subscription_arn: arn.to_owned() };
        assert_eq!(message_of(bench.call::<UnsubscribeOutput>(Request::Unsubscribe(input))), expected);
    }
    let gone = UnsubscribeInput { subscription_arn: format!("{topic}:00000000-0000-4000-8000-000000000000") };
    assert!(bench.call::<UnsubscribeOutput>(Request::Unsubscribe(gone)).is_ok());
}

#[test]
fn lists_come_in_pages_of_a_hundred() {
    let mut bench = Bench::new();
    let topic = bench.create("t000");
    for n in 1..=100 {
        bench.create(&format!("t{n:03}"));
        bench.subscribe(&topic, ("sqs", &format!("{QUEUE}{n}")), &[]).unwrap();
    }
    bench.subscribe(&topic, ("sqs", QUEUE), &[]).unwrap();
    let topics = |bench: &mut Bench, next_token| -> ListTopicsOutput {
        bench.call(Request::ListTopics(ListTopicsInput { next_token })).unwrap()
    };
    let first = topics(&mut bench, None);
    assert_eq!(first.topics.unwrap().len(), 100);
    let second = topics(&mut bench, first.next_token);
    assert_eq!((second.topics.unwrap().len(), second.next_token), (1, None));
    let by_topic = |bench: &mut Bench, next_token| -> ListSubscriptionsByTopicOutput {
        let input = ListSubscriptionsByTopicInput { topic_arn: topic.clone(), next_token };
        bench.call(Request::ListSubscriptionsByTopic(input)).unwrap()
    };
    let first = by_topic(&mut bench, None);
    assert_eq!(first.subscriptions.as_ref().unwrap()[0].endpoint.as_deref(), Some(&*format!("{QUEUE}1")));
    let second = by_topic(&mut bench, first.next_token);
    assert_eq!(second.subscriptions.unwrap()[0].endpoint.as_deref(), Some(QUEUE));
    let all = |bench: &mut Bench, next_token| -> Result<ListSubscriptionsOutput, ApiError> {
        bench.call(Request::ListSubscriptions(ListSubscriptionsInput { next_token }))
    };
    let first = all(&mut bench, None).unwrap();
    assert_eq!(first.subscriptions.unwrap().len(), 100);
    assert_eq!(all(&mut bench, first.next_token).unwrap().subscriptions.unwrap().len(), 1);
    assert_eq!(message_of(all(&mut bench, Some("%".to_owned()))), invalid("NextToken"));
}

/// test_empty_sns_message, test_publish_with_empty_subject, test_publish_too_long_message, test_message_structure_json_exc, test_publish_non_existent_target
#[test]
fn messages_are_refused_as_recorded() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let input = |message: &str| PublishInput {
        topic_arn: Some(topic.clone()),
        message: message.to_owned(),
        ..Default::default()
    };
    let structured =
        |message: &str| PublishInput { message_structure: Some("json".to_owned()), ..input(message) };
    let long = "a".repeat(262_144);
    let attributes = [("key".to_owned(), text_attribute("value"))].into();
    for (given, expected) in [
        (input(""), invalid("Empty message")),
        (PublishInput { subject: Some(String::new()), ..input("m") }, invalid("Subject")),
        (PublishInput { subject: Some("a\nb".to_owned()), ..input("m") }, invalid("Subject")),
        (PublishInput { message_attributes: Some(attributes), ..input(&long) }, invalid("Message too long")),
        (structured(r#"{"sqs":"m"}"#), invalid("Message Structure - No default entry in JSON message body")),
        (structured("{"), invalid("Message Structure - JSON message body failed to parse")),
        (
            PublishInput { topic_arn: None, ..input("m") },
            invalid("TopicArn or TargetArn Reason: no value for required parameter"),
        ),
        (
            PublishInput {
                topic_arn: None,
                target_arn: Some("arn:aws:sns:us-east-1:000000000000:endpoint/APNS/app/x".to_owned()),
                ..input("m")
            },
            invalid("TargetArn Reason: No endpoint found for the target arn specified"),
        ),
        (
            PublishInput { message_deduplication_id: Some("d".to_owned()), ..input("m") },
            invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            ),
        ),
        (
            PublishInput { phone_number: Some("+1a234".to_owned()), ..input("m") },
            invalid("PhoneNumber Reason: +1a234 is not valid to publish to"),
        ),
        (
            PublishInput { phone_number: Some("+15551234567".to_owned()), ..input("m") },
            "501 NotSupportedByPontoon: Pontoon does not support text messages, which PhoneNumber asks for."
                .to_owned(),
        ),
    ] {
        assert_eq!(message_of(bench.publish_input(given)), expected);
    }
    assert!(bench.publish_input(input(&long)).is_ok());
}

/// test_publish_batch_exceptions, test_publish_batch_invalid_entry_id, test_publish_batch_too_long_message
#[test]
fn batches_are_refused_as_recorded() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    bench.subscribe(&topic, ("sqs", QUEUE), &[("RawMessageDelivery", "true")]).unwrap();
    let entry = |id: &str, message: &str| PublishBatchRequestEntry {
        id: id.to_owned(),
        message: message.to_owned(),
        ..Default::default()
    };
    let mut publish = |entries: Vec<PublishBatchRequestEntry>| -> Result<PublishBatchOutput, ApiError> {
        let input = PublishBatchInput { topic_arn: topic.clone(), publish_batch_request_entries: entries };
        bench.call(Request::PublishBatch(input))
    };
    let many = (0..11).map(|n| entry(&n.to_string(), "m")).collect();
    assert_eq!(
        message_of(publish(many)),
        "400 TooManyEntriesInBatchRequest: The batch request contains more entries than permissible."
    );
    assert_eq!(
        message_of(publish(Vec::new())),
        "400 EmptyBatchRequest: The batch request doesn't contain any entries."
    );
    assert_eq!(
        message_of(publish(vec![entry("1", "m"), entry("1", "m")])),
        "400 BatchEntryIdsNotDistinct: Two or more batch entries in the request have the same Id."
    );
    assert_eq!(
        message_of(publish(vec![entry("message.id", "m")])),
        "400 InvalidBatchEntryId: The Id of a batch entry in the batch request contains an impermissible character: message.id"
    );
    let long = "a".repeat(81);
    assert_eq!(
        message_of(publish(vec![entry(&long, "m")])),
        format!("400 InvalidBatchEntryId: The Id of a batch entry in the batch request is too long: {long}")
    );
    let half = "a".repeat(131_073);
    assert_eq!(
        message_of(publish(vec![entry("1", &half), entry("2", &half)])),
        "400 BatchRequestTooLong: The length of all the messages put together is more than the limit."
    );
    assert_eq!(message_of(publish(vec![entry("1", "m"), entry("2", "")])), invalid("Empty message"));
    let output = publish(vec![entry("1", "m1"), entry("valid-message_123", "m2")]).unwrap();
    assert_eq!(output.successful.unwrap().len(), 2);
    assert!(output.failed.unwrap().is_empty());
    assert_eq!(bench.sent.iter().map(|sent| sent.content.as_str()).collect::<Vec<_>>(), ["m1", "m2"]);
}

/// test_publish_sqs_from_sns_with_xray_propagation
#[test]
fn queues_get_the_publishers_trace_header() {
    let header = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1";
    let mut bench = Bench::new();
    let topic = bench.create("t");
    bench.subscribe(&topic, ("sqs", QUEUE), &[]).unwrap();
    bench.publish(&topic, "without");
    bench.caller.origin = Some(Origin {
        source_ip: [127, 0, 0, 1].into(),
        user_agent: None,
        trace_header: Some(header.into()),
    });
    bench.publish(&topic, "with");
    let headers: Vec<_> = bench.sent.iter().map(|sent| sent.trace_header.as_deref()).collect();
    assert_eq!(headers, [None, Some(header)]);
}

#[test]
fn a_message_reaches_every_subscription_in_its_own_form() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    bench.subscribe(&topic, ("sqs", QUEUE), &[]).unwrap();
    bench.subscribe(&topic, ("sqs", DEAD), &[("RawMessageDelivery", "true")]).unwrap();
    let function = bench.subscribe(&topic, ("lambda", FUNCTION), &[]).unwrap();
    let input = PublishInput {
        topic_arn: Some(topic.clone()),
        message: r#"{"default":"d","sqs":"for queues"}"#.to_owned(),
        message_structure: Some("json".to_owned()),
        subject: Some("s".to_owned()),
        message_attributes: Some([("a".to_owned(), text_attribute("x"))].into()),
        message_group_id: Some("g".to_owned()),
        ..Default::default()
    };
    let id = bench.publish_input(input).unwrap();
    let [wrapped, raw, invoked] = &bench.sent[..] else { panic!("three hops: {:?}", bench.sent) };
    for sent in &bench.sent {
        assert_eq!(sent.principal, Principal::Service("sns.amazonaws.com"));
        assert_eq!(sent.source_arn, topic);
    }
    let envelope: serde_json::Value = serde_json::from_str(&wrapped.content).unwrap();
    assert_eq!((&envelope["Message"], &envelope["MessageId"]), (&"for queues".into(), &id.into()));
    assert_eq!(
        (&envelope["Subject"], &envelope["MessageAttributes"]["a"]["Value"]),
        (&"s".into(), &"x".into())
    );
    let path = envelope["SigningCertURL"].as_str().unwrap().strip_prefix("http://127.0.0.1:4566").unwrap();
    assert!(bench.certificates.pem(path).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!((raw.content.as_str(), raw.group.as_deref()), ("for queues", Some("g")));
    assert_eq!(raw.attributes, [("a".to_owned(), "x".to_owned())]);
    assert_eq!((wrapped.group.as_deref(), wrapped.attributes.len()), (Some("g"), 0));
    let event: serde_json::Value = serde_json::from_str(&invoked.content).unwrap();
    assert_eq!((invoked.what, &event["Records"][0]["Sns"]["Message"]), ("Invoke", &"d".into()));
    assert_eq!(event["Records"][0]["EventSubscriptionArn"], function);
    assert_eq!(bench.notes[0].what, "Publish");
    assert_eq!(bench.counted("NumberOfNotificationsDelivered"), 3.0);
    assert_eq!(bench.counted("NumberOfMessagesPublished"), 1.0);
}

#[test]
fn a_message_that_is_filtered_out_leaves_its_reason() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    bench.subscribe(&topic, ("sqs", QUEUE), &[("FilterPolicy", r#"{"a":["x"]}"#)]).unwrap();
    bench.publish(&topic, "without attributes");
    let with = |value: &str| PublishInput {
        topic_arn: Some(topic.clone()),
        message: "m".to_owned(),
        message_attributes: Some([("a".to_owned(), text_attribute(value))].into()),
        ..Default::default()
    };
    bench.publish_input(with("y")).unwrap();
    bench.publish_input(with("x")).unwrap();
    assert_eq!(bench.sent.len(), 1);
    let reasons: Vec<_> = bench.notes.iter().filter_map(|note| note.reason.clone()).collect();
    assert_eq!(
        reasons,
        ["The message has no attributes.", r#"The filter policy wants a to be "x", and saw "y"."#]
    );
    assert_eq!(bench.counted("NumberOfNotificationsFilteredOut"), 2.0);
    assert_eq!(bench.counted("NumberOfNotificationsFilteredOut-NoMessageAttributes"), 1.0);
    assert_eq!(bench.counted("NumberOfNotificationsFilteredOut-MessageAttributes"), 1.0);
    bench.restart();
    bench.publish_input(with("y")).unwrap();
    assert_eq!(bench.sent.len(), 1, "the policy counts after a restart too");
}

/// test_redrive_policy_sqs_queue_subscription
#[test]
fn what_a_client_error_stops_goes_to_the_dead_letter_queue_at_once() {
    for raw in ["true", "false"] {
        let mut bench = Bench::new();
        let topic = bench.create("t");
        let redrive = format!(r#"{{"deadLetterTargetArn":"{DEAD}"}}"#);
        bench
            .subscribe(&topic, ("sqs", QUEUE), &[("RedrivePolicy", &redrive), ("RawMessageDelivery", raw)])
            .unwrap();
        bench.failures = Box::new(|sent| {
            (sent.resource == QUEUE)
                .then(|| ApiError::client("QueueDoesNotExist", "The specified queue does not exist."))
        });
        let input = PublishInput {
            topic_arn: Some(topic),
            message: "lost".to_owned(),
            message_attributes: Some([("attr1".to_owned(), text_attribute("111"))].into()),
            ..Default::default()
        };
        bench.publish_input(input).unwrap();
        let [failed, dead] = &bench.sent[..] else {
            panic!("one attempt and one dead letter: {:?}", bench.sent)
        };
        assert_eq!((dead.resource.as_str(), &dead.content), (DEAD, &failed.content));
        assert_eq!(dead.attributes.len(), usize::from(raw == "true"));
        let note = bench.notes.last().unwrap();
        assert_eq!((&*note.what, note.outcome), ("dead letter", pontoon_core::TraceOutcome::DeadLettered));
        assert_eq!(bench.counted("NumberOfNotificationsFailed"), 1.0);
        assert_eq!(bench.counted("NumberOfNotificationsRedrivenToDlq"), 1.0);
        assert!(bench.sns.outbox.is_empty(), "nothing waits");
    }
}

#[test]
fn a_dead_letter_queue_that_is_gone_too_is_counted() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{DEAD}"}}"#);
    bench.subscribe(&topic, ("lambda", FUNCTION), &[("RedrivePolicy", &redrive)]).unwrap();
    bench.failures = Box::new(|_| Some(ApiError::client("NotFound", "gone")));
    bench.publish(&topic, "lost");
    assert!(
        bench.sent[1].content.contains("\"Type\" : \"Notification\""),
        "a function's dead letter is the envelope"
    );
    assert_eq!(bench.counted("NumberOfNotificationsFailedToRedriveToDlq"), 1.0);
}

#[test]
fn what_a_server_error_stops_is_tried_again_in_phases_and_over_a_restart() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    bench.subscribe(&topic, ("sqs", QUEUE), &[]).unwrap();
    bench.failures =
        Box::new(|sent| (sent.attempt < 8).then(|| ApiError::server("InternalError", "not now")));
    bench.publish(&topic, "m");
    bench.settle();
    assert_eq!(
        bench.sent.iter().map(|sent| sent.attempt).collect::<Vec<_>>(),
        [1, 2, 3, 4],
        "three retries at once"
    );
    bench.restart();
    bench.advance(Duration::from_secs(60));
    let begun = bench.sent[0].at;
    let seconds: Vec<u64> = bench.sent[4..].iter().map(|sent| sent.at.since(begun).as_secs()).collect();
    assert_eq!(bench.sent.last().unwrap().attempt, 8);
    assert_eq!(seconds[..3], [1, 2, 3], "two a second apart, then growing waits");
    assert_eq!(seconds.len(), 4);
    assert!(bench.sns.outbox.is_empty());
}

/// test_subscribe_external_http_endpoint
#[test]
fn a_web_server_confirms_receives_and_says_goodbye() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let arn = bench.subscribe(&topic, ("http", URL), &[]).unwrap();
    assert_eq!(bench.subscription_attributes(&arn).unwrap()["PendingConfirmation"], "true");
    bench.publish(&topic, "before");
    bench.settle();
    let (_, call) = bench.posted.pop().unwrap();
    assert!(bench.posted.is_empty(), "a pending subscription receives nothing");
    let header = |call: &pontoon_core::work::HttpCall, name: &str| {
        call.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone())
    };
    assert_eq!(header(&call, "x-amz-sns-message-type").as_deref(), Some("SubscriptionConfirmation"));
    assert_eq!(header(&call, "x-amz-sns-subscription-arn"), None);
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    let token = body["Token"].as_str().unwrap().to_owned();
    let url = format!("http://127.0.0.1:4566/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
    assert_eq!(body["SubscribeURL"], url);

    let confirm = |bench: &mut Bench, topic: &str, token: &str| -> Result<String, ApiError> {
        let input = ConfirmSubscriptionInput {
            topic_arn: topic.to_owned(),
            token: token.to_owned(),
            authenticate_on_unsubscribe: None,
        };
        let output: ConfirmSubscriptionOutput = bench.call(Request::ConfirmSubscription(input))?;
        Ok(output.subscription_arn.unwrap())
    };
    assert_eq!(message_of(confirm(&mut bench, "arn:aws:sns", &token)), invalid("Topic"));
    assert_eq!(
        message_of(confirm(&mut bench, "arn:aws:sns:eu-west-1:000000000000:t", &token)),
        invalid("Topic")
    );
    assert_eq!(message_of(confirm(&mut bench, &topic, "abc123")), invalid("Token"));
    for token in ["51b2", "randomtoken"] {
        assert_eq!(message_of(confirm(&mut bench, &topic, token)), "400 InvalidParameter: Invalid token");
    }
    bench.restart();
    assert_eq!(
        confirm(&mut bench, "arn:aws:sns:us-east-1:000000000000:other", &token).unwrap(),
        arn,
        "the token decides"
    );
    assert_eq!(confirm(&mut bench, &topic, &token).unwrap(), arn, "it confirms again");

    let id = bench.publish(&topic, "after");
    bench.settle();
    let (_, call) = bench.posted.pop().unwrap();
    for (name, value) in [
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-message-id", &id),
        ("x-amz-sns-topic-arn", &topic),
        ("x-amz-sns-subscription-arn", &arn),
        ("Content-Type", "text/plain; charset=UTF-8"),
        ("User-Agent", "Amazon Simple Notification Service Agent"),
    ] {
        assert_eq!(header(&call, name).as_deref(), Some(value), "{name}");
    }
    bench
        .call::<UnsubscribeOutput>(Request::Unsubscribe(UnsubscribeInput { subscription_arn: arn.clone() }))
        .unwrap();
    bench.publish(&topic, "nobody listens");
    bench.settle();
    let (_, call) = bench.posted.pop().unwrap();
    assert_eq!(header(&call, "x-amz-sns-message-type").as_deref(), Some("UnsubscribeConfirmation"));
    assert_eq!(message_of(bench.subscription_attributes(&arn)), "404 NotFound: Subscription does not exist");
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(
        confirm(&mut bench, &topic, body["Token"].as_str().unwrap()).unwrap(),
        arn,
        "it can be taken up again"
    );
    bench.publish(&topic, "back");
    bench.settle();
    assert_eq!(bench.posted.len(), 1);
}

fn confirmed_web_server(bench: &mut Bench, topic: &str, attributes: &[(&str, &str)]) -> String {
    let arn = bench.subscribe(topic, ("http", URL), attributes).unwrap();
    bench.settle();
    let (_, call) = bench.posted.pop().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    let token = body["Token"].as_str().unwrap().to_owned();
    let input =
        ConfirmSubscriptionInput { topic_arn: topic.to_owned(), token, authenticate_on_unsubscribe: None };
    bench.call::<ConfirmSubscriptionOutput>(Request::ConfirmSubscription(input)).unwrap();
    bench.advance(Duration::from_secs(1));
    bench.notes.clear();
    arn
}

#[test]
fn a_web_server_is_tried_again_as_its_delivery_policy_says() {
    let redrive = format!(r#"{{"deadLetterTargetArn":"{DEAD}"}}"#);
    for (policy, status, waits) in [
        (None, 500, &[20, 20, 20][..]),
        (None, 429, &[20, 20, 20]),
        (None, 403, &[]),
        (None, 302, &[]),
        (
            Some(
                r#"{"healthyRetryPolicy":{"numRetries":5,"numNoDelayRetries":1,"numMinDelayRetries":1,"numMaxDelayRetries":1,"minDelayTarget":1,"maxDelayTarget":9}}"#,
            ),
            503,
            &[0, 1, 1, 9, 9],
        ),
    ] {
        let mut bench = Bench::new();
        let topic = bench.create("t");
        let mut attributes = vec![("RedrivePolicy", redrive.as_str())];
        attributes.extend(policy.map(|policy| ("DeliveryPolicy", policy)));
        confirmed_web_server(&mut bench, &topic, &attributes);
        bench.endpoint = Box::new(move |_| Ok(status));
        bench.publish(&topic, "m");
        bench.settle();
        bench.restart();
        bench.advance(Duration::from_secs(3600));
        let times: Vec<_> = bench.posted.iter().map(|(at, _)| *at).collect();
        let seen: Vec<u64> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
        assert_eq!(seen, waits, "{policy:?} {status}");
        assert_eq!(bench.sent.last().map(|sent| sent.resource.as_str()), Some(DEAD));
        assert_eq!(bench.notes.iter().filter(|note| note.what == "POST").count(), waits.len() + 1);
    }
}

#[test]
fn a_throttled_web_server_gets_only_so_many_a_second() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    confirmed_web_server(
        &mut bench,
        &topic,
        &[("DeliveryPolicy", r#"{"throttlePolicy":{"maxReceivesPerSecond":2}}"#)],
    );
    for n in 0..5 {
        bench.publish(&topic, &n.to_string());
    }
    bench.settle();
    assert_eq!(bench.posted.len(), 1);
    let begun = bench.now;
    bench.advance(Duration::from_secs(10));
    let millis: Vec<u128> = bench.posted.iter().map(|(at, _)| at.since(begun).as_millis()).collect();
    assert_eq!(millis, [0, 500, 1000, 1500, 2000]);
}

#[test]
fn only_so_many_requests_are_under_way_at_once() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    confirmed_web_server(&mut bench, &topic, &[("RawMessageDelivery", "true")]);
    bench.holds_work = true;
    for n in 0..300 {
        bench.publish(&topic, &n.to_string());
    }
    bench.settle();
    assert_eq!(bench.held.len(), 256);
    let first = bench.held[0];
    bench.worked(Scope::default(), first, Ok(200));
    bench.settle();
    assert_eq!(bench.held.len(), 257);
    assert!(bench.posted[0].1.headers.contains(&("x-amz-sns-rawdelivery".to_owned(), "true".to_owned())));
    assert_eq!(&bench.posted[0].1.body[..], b"0");
    bench.restart();
    bench.holds_work = false;
    bench.posted.clear();
    bench.settle();
    assert_eq!(bench.posted.len(), 299, "what was under way at a crash is made again");
}

/// test_delete_subscriptions_on_delete_topic, test_delete_topic_idempotency
#[test]
fn a_deleted_topics_subscriptions_can_be_looked_at_and_then_go() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let arn = bench.subscribe(&topic, ("sqs", QUEUE), &[]).unwrap();
    for _ in 0..2 {
        bench
            .call::<DeleteTopicOutput>(Request::DeleteTopic(DeleteTopicInput { topic_arn: topic.clone() }))
            .unwrap();
    }
    bench.restart();
    assert_eq!(bench.subscription_attributes(&arn).unwrap()["TopicArn"], topic);
    bench.create("t");
    bench.publish(&topic, "to nobody");
    assert!(bench.sent.is_empty(), "a new topic of the name is another");
    bench.advance(Duration::from_secs(48 * 3600));
    assert_eq!(message_of(bench.subscription_attributes(&arn)), "404 NotFound: Subscription does not exist");
}

/// `AuthenticateOnUnsubscribe`: whoever only holds a message cannot end the subscription that it came by.
#[test]
fn a_guarded_subscription_is_ended_by_its_owner_only() {
    for guarded in [true, false] {
        let mut bench = Bench::new();
        let topic = bench.create("t");
        let arn = bench.subscribe(&topic, ("http", URL), &[]).unwrap();
        bench.settle();
        let body: serde_json::Value = serde_json::from_slice(&bench.posted[0].1.body).unwrap();
        let owner = bench.caller.clone();
        bench.caller.principal = Principal::User("anonymous".into());
        let confirm = ConfirmSubscriptionInput {
            topic_arn: topic.clone(),
            token: body["Token"].as_str().unwrap().to_owned(),
            authenticate_on_unsubscribe: Some(guarded.to_string()),
        };
        bench.call::<ConfirmSubscriptionOutput>(Request::ConfirmSubscription(confirm)).unwrap();
        let unsubscribe = || Request::Unsubscribe(UnsubscribeInput { subscription_arn: arn.clone() });
        let ended = bench.call::<UnsubscribeOutput>(unsubscribe());
        assert_eq!(ended.is_err_and(|error| error.code == "AuthorizationError"), guarded);
        bench.caller = owner;
        let told =
            bench.subscription_attributes(&arn).map(|mut all| all.remove("ConfirmationWasAuthenticated"));
        assert_eq!(told.ok().flatten().as_deref(), guarded.then_some("true"));
        bench.call::<UnsubscribeOutput>(unsubscribe()).unwrap();
        assert!(bench.subscription_attributes(&arn).is_err());
    }
}

#[test]
fn what_waits_for_an_ended_subscription_is_dropped() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let arn = confirmed_web_server(&mut bench, &topic, &[]);
    bench.endpoint = Box::new(|_| Err("connection refused".to_owned()));
    bench.publish(&topic, "m");
    bench.settle();
    bench
        .call::<UnsubscribeOutput>(Request::Unsubscribe(UnsubscribeInput { subscription_arn: arn }))
        .unwrap();
    bench.advance(Duration::from_secs(3600));
    let messages =
        bench.posted.iter().filter(|(_, call)| call.body.starts_with(b"{\n  \"Type\" : \"Notification\""));
    assert_eq!(messages.count(), 1);
    assert!(bench.sns.outbox.is_empty());
}

#[test]
fn an_endpoint_is_never_subscribed_twice() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let first = confirmed_web_server(&mut bench, &topic, &[]);
    let unsubscribe = UnsubscribeInput { subscription_arn: first.clone() };
    bench.call::<UnsubscribeOutput>(Request::Unsubscribe(unsubscribe)).unwrap();
    bench.settle();
    let (_, farewell) = bench.posted.pop().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&farewell.body).unwrap();
    let second = confirmed_web_server(&mut bench, &topic, &[]);
    assert_ne!(first, second);
    let input = ConfirmSubscriptionInput {
        topic_arn: topic.clone(),
        token: body["Token"].as_str().unwrap().to_owned(),
        authenticate_on_unsubscribe: None,
    };
    let output: ConfirmSubscriptionOutput = bench.call(Request::ConfirmSubscription(input)).unwrap();
    assert_eq!(output.subscription_arn, Some(second));
    bench.publish(&topic, "once");
    bench.settle();
    assert_eq!(bench.posted.len(), 1);
}

#[test]
fn what_nobody_confirms_goes_after_two_days() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let arn = bench.subscribe(&topic, ("http", URL), &[]).unwrap();
    bench.restart();
    bench.advance(Duration::from_secs(48 * 3600 - 1));
    assert!(bench.subscription_attributes(&arn).is_ok());
    bench.advance(Duration::from_secs(1));
    assert_eq!(message_of(bench.subscription_attributes(&arn)), "404 NotFound: Subscription does not exist");
    assert_eq!(bench.topic_attributes(&topic).unwrap()["SubscriptionsPending"], "0");
}

#[test]
fn services_need_the_policy_to_publish() {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    bench.caller.principal = Principal::Service("events.amazonaws.com");
    bench.caller.source_arn = Some("arn:aws:events:us-east-1:000000000000:rule/r".into());
    let input =
        || PublishInput { topic_arn: Some(topic.clone()), message: "m".to_owned(), ..Default::default() };
    assert!(message_of(bench.publish_input(input())).starts_with("403 AuthorizationError: "));
    let caller = std::mem::replace(&mut bench.caller, Bench::new().caller);
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic,
    }]});
    let set = SetTopicAttributesInput {
        topic_arn: topic.clone(),
        attribute_name: "Policy".to_owned(),
        attribute_value: Some(policy.to_string()),
    };
    bench.call::<SetTopicAttributesOutput>(Request::SetTopicAttributes(set)).unwrap();
    bench.caller = caller;
    assert!(bench.publish_input(input()).is_ok());
}
