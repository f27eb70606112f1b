"""Filter policies: which messages pass, and which policies are refused, as SNS was recorded to answer."""

import json

from pontoon_e2e.inbox import Inbox
from pontoon_e2e.notifications import PRINCIPAL, delivered, subscribed, topic
from pontoon_e2e.replay import not_replayed, run, scenario

FILTERS = "sns/test_sns_filter_policy"
NOTHING = {"ResponseMetadata": {"HTTPStatusCode": 200}}


def number(value):
    return {"DataType": "Number", "StringValue": str(value)}


def attributes(aws, subscription):
    return aws.sns.get_subscription_attributes(SubscriptionArn=subscription)


def set_one(aws, subscription, name, value):
    value = value if isinstance(value, str) else json.dumps(value)
    aws.sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName=name, AttributeValue=value)


def policies_in_messages(aws):
    """The policies that were refused, as their messages quote them."""
    for label, answer in aws.recorded.items():
        quoted = answer["Error"]["Message"].partition('[Source: (String)"')[2].rpartition('"; line')[0]
        if quoted:
            yield label, quoted


@scenario(
    FILTERS,
    *(
        f"TestSNSFilterPolicyConditions::test_validate_policy{of}"
        for of in ("", "_string_operators", "_numeric_operator", "_exists_operator", "_nested_anything_but_operator")
    ),
)
def _(aws):
    policies = dict(policies_in_messages(aws)) | {
        label: json.dumps({"key": [{"cidr": value}]})
        for label, value in {
            "error-condition-bad-cidr-str": "bad-filter",
            "error-condition-bad-cidr-str-slash": "bad-filter/64",
            "error-condition-bad-cidr-str-slash-2": "10.0.0.0/bad-filter",
            "error-condition-bad-cidr-v4": "xx.11.xx/8",
            "error-condition-bad-cidr-v6": "xxxx:db8:1234:1a00::/64",
        }.items()
        if label in aws.recorded
    }
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    for label, policy in policies.items():
        # Beside the message as it was, the recording has it without the place.
        aws.recorded[label]["Error"].pop("_normalized", None)
        aws.fails(label, aws.sns.subscribe, **call, Attributes={"FilterPolicy": policy})


def values(count, prefix="value"):
    return [f"{prefix}{n}" for n in range(count)]


@scenario(FILTERS, "TestSNSFilterPolicyConditions::test_policy_complexity")
def _(aws):
    policies = {
        "in-one-condition": {"key": values(151)},
        "in-two-conditions": {"key": values(15), "key2": values(11)},
        "too-many-fields": {f"key{n}": ["value"] for n in range(6)},
    }
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    for label, policy in policies.items():
        aws.fails(f"error-complexity-{label}", aws.sns.subscribe, **call, Attributes={"FilterPolicy": json.dumps(policy)})


@scenario(FILTERS, "TestSNSFilterPolicyConditions::test_policy_complexity_with_or")
def _(aws):
    policies = {
        "flat": {"source": values(10), "$or": [{"a": values(8)}, {"b": values(8)}]},
        "nested": {
            "source": values(5),
            "$or": [{"a": values(10), "b": values(2)}, {"$or": [{"c": values(6)}, {"d": values(6)}]}],
        },
    }
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    for label, policy in policies.items():
        attributes = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": "MessageBody"}
        aws.fails(f"error-complexity-or-{label}", aws.sns.subscribe, **call, Attributes=attributes)


@scenario(FILTERS, "TestSNSFilterPolicyCrud::test_sub_filter_policy_nested_property")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    nested = json.dumps({"object": {"key": [{"prefix": "auto-"}]}})
    call = {"SubscriptionArn": made, "AttributeName": "FilterPolicy", "AttributeValue": nested}
    aws.fails("sub-filter-policy-nested-error", aws.sns.set_subscription_attributes, **call)
    set_one(aws, made, "FilterPolicyScope", "MessageBody")
    set_one(aws, made, "FilterPolicy", nested)
    aws.check("sub-attrs-after-setting-nested-policy", attributes(aws, made), PRINCIPAL)


@scenario(FILTERS, "TestSNSFilterPolicyCrud::test_sub_filter_policy_nested_property_constraints")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    set_one(aws, made, "FilterPolicyScope", "MessageBody")
    policies = {
        # (3 levels × 5) × (2 levels × 4) × 4 is more than 150.
        "sub-filter-policy-nested-error": {
            "key_a": {"key_b": {"key_c": values(5)}},
            "key_d": {"key_e": values(4)},
            "key_f": values(4),
        },
        "sub-filter-policy-max-attr-keys": {f"key_{name}": ["value"] for name in "abcdef"},
        "sub-filter-policy-rule-no-list": {"key_a": "value_one"},
    }
    for label in aws.recorded:
        policy = policies[label] if label in policies else policies["sub-filter-policy-nested-error"]
        text = json.dumps(policy, separators=(",", ":"))
        call = {"SubscriptionArn": made, "AttributeName": "FilterPolicy", "AttributeValue": text}
        aws.fails(label, aws.sns.set_subscription_attributes, **call)


@scenario(FILTERS, "TestSNSFilterPolicyCrud::test_set_subscription_filter_policy_scope")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    aws.check("sub-attrs-default", attributes(aws, made), PRINCIPAL)
    set_one(aws, made, "FilterPolicyScope", "MessageBody")
    aws.check("sub-attrs-filter-scope-body", attributes(aws, made), PRINCIPAL)
    call = {"SubscriptionArn": made, "AttributeName": "FilterPolicyScope", "AttributeValue": "RandomValue"}
    aws.fails("sub-attrs-filter-scope-error", aws.sns.set_subscription_attributes, **call)
    set_one(aws, made, "FilterPolicy", {"attr": ["match-this"]})
    aws.check("sub-attrs-after-setting-policy", attributes(aws, made), PRINCIPAL)


@scenario(FILTERS, "TestSNSFilterPolicyAttributes::test_filter_policy")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox)
    set_one(aws, made, "FilterPolicy", {"attr1": [{"numeric": [">", 0, "<=", 100]}]})
    aws.check("subscription-attributes", attributes(aws, made), PRINCIPAL)
    aws.check("messages-0", nothing(aws, inbox))
    message = {"TopicArn": arn, "Message": "This is a test message"}
    aws.sns.publish(**message, MessageAttributes={"attr1": number(99)})
    aws.check("messages-1", inbox.peek())
    aws.sns.publish(**message, MessageAttributes={"attr1": number(111)})
    aws.check("messages-2", inbox.peek())
    inbox.messages()
    set_one(aws, made, "FilterPolicy", {"attr1": [None, {"anything-but": "whatever"}]})
    aws.check("subscription-attributes-2", attributes(aws, made), PRINCIPAL)
    text = {"TopicArn": arn, "Message": "This the test message for null"}
    aws.sns.publish(**text, MessageAttributes={"attr1": {"DataType": "String", "StringValue": "whatever"}})
    aws.check("messages-3", nothing(aws, inbox))
    aws.sns.publish(**text)
    aws.check("messages-4", delivered(inbox))


def nothing(aws, inbox):
    """An answer without messages."""
    aws.advance(1)
    assert inbox.empty()
    return NOTHING


@scenario(FILTERS, "TestSNSFilterPolicyAttributes::test_exists_filter_policy")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox)
    both, one = {"store": number(99), "def": number(99)}, {"def": number(99)}
    for number_of_policy, exists, passes, fails, labels in (
        (1, True, ("message-1", both), ("message-2", one), ("messages-1", "messages-2")),
        (2, False, ("message-3", one), ("message-4", both), ("messages-3", "messages-4")),
    ):
        set_one(aws, made, "FilterPolicy", {"store": [{"exists": exists}]})
        aws.check(f"subscription-attributes-policy-{number_of_policy}", attributes(aws, made), PRINCIPAL)
        if exists:
            aws.check("messages-0", nothing(aws, inbox))
        for label, (text, given) in zip(labels, (passes, fails)):
            aws.sns.publish(TopicArn=arn, Message=text, MessageAttributes=given)
            aws.check(label, inbox.peek())
        inbox.messages()


@scenario(FILTERS, "TestSNSFilterPolicyAttributes::test_exists_filter_policy_attributes_array")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox, RawMessageDelivery="true")
    set_one(aws, made, "FilterPolicy", {"store": ["value1"]})
    aws.check("subscription-attributes-policy", attributes(aws, made), PRINCIPAL)
    aws.check("messages-init", nothing(aws, inbox))
    texts = ({"DataType": "String", "StringValue": "value1"}, {"DataType": "String.Array", "StringValue": '["value1"]'})
    for count, given in enumerate((*texts, {"DataType": "String.Array", "StringValue": '["value2"]'}), 1):
        aws.sns.publish(TopicArn=arn, Message=f"message-{count}", MessageAttributes={"store": given})
        aws.check(f"messages-{count}", delivered(inbox) if count < 3 else nothing(aws, inbox))


def filtered_by_body(aws, policy, name="inbox", raw=True, **received):
    """A queue that gets what the policy lets through."""
    inbox, arn = Inbox(aws, name), topic(aws)
    scope = {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps(policy)}
    subscribed(aws, arn, inbox, **scope, **({"RawMessageDelivery": "true"} if raw else {}))
    return inbox, arn


def sorted_messages(inbox, count):
    messages = inbox.messages(count, AttributeNames=["All"])
    return {"Messages": sorted(messages, key=lambda message: message["Body"]), **NOTHING}


@scenario(FILTERS, *(f"TestSNSFilterPolicyBody::test_filter_policy_on_message_body[{raw}]" for raw in (True, False)))
def _(aws):
    policy = {"object": {"key": [{"prefix": "auto-"}, "hardcodedvalue"]}}
    inbox, arn = filtered_by_body(aws, policy, raw=aws.parameter == "True")
    aws.check("recv-init", nothing(aws, inbox))
    for count, key in enumerate(("auto-test", "hardcodedvalue")):
        aws.sns.publish(TopicArn=arn, Message=json.dumps({"object": {"key": key}}))
        aws.check(f"recv-passed-msg-{count}", delivered(inbox))
    for other in ({"object": {"key": "test-auto"}}, {"object": {"test": "auto-test"}}, {"object": {"key": [{"nested": 1}]}}):
        aws.sns.publish(TopicArn=arn, Message=json.dumps(other))
    aws.sns.publish(TopicArn=arn, Message="not JSON", MessageAttributes={"attr1": number(1)})
    nothing(aws, inbox)


@scenario(FILTERS, "TestSNSFilterPolicyBody::test_filter_policy_for_batch")
def _(aws):
    arn, filtered, every = topic(aws), Inbox(aws, "filtered"), Inbox(aws, "every")
    with_filter = subscribed(aws, arn, filtered)
    set_one(aws, with_filter, "FilterPolicy", {"attr1": [{"numeric": [">", 0, "<=", 100]}]})
    aws.check("subscription-attributes-with-filter", attributes(aws, with_filter), PRINCIPAL)
    no_filter = subscribed(aws, arn, every)
    aws.check("subscription-attributes-no-filter", attributes(aws, no_filter), PRINCIPAL)
    aws.check("messages-no-filter-before-publish", nothing(aws, every))
    aws.check("messages-with-filter-before-publish", nothing(aws, filtered))
    for value, text, label in ((99, "This is a test message", "ok"), (111, "This is another test message", "ok-1")):
        entry = {"Id": "1", "Message": text, "MessageAttributes": {"attr1": number(value)}}
        aws.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=[entry])
        aws.check(f"messages-no-filter-after-publish-{label}", delivered(every))
        if value == 99:
            aws.check("messages-with-filter-after-publish-ok", delivered(filtered))
    aws.check("messages-with-filter-after-publish-filtered", nothing(aws, filtered))


@scenario(FILTERS, "TestSNSFilterPolicyBody::test_filter_policy_on_message_body_dot_attribute")
def _(aws):
    inbox, arn = filtered_by_body(aws, {"object.nested": ["string.value"]}, raw=False)
    aws.check("recv-init", nothing(aws, inbox))
    for kind, key in (("recv-nested-msg", None), ("recv-deep-nested-msg", "object.nested.test")):
        if key:
            [subscription] = aws.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
            set_one(aws, subscription["SubscriptionArn"], "FilterPolicy", {key: ["string.value"]})
        for label in sorted(label for label in aws.recorded if label.startswith(kind)):
            recorded = aws.recorded[label]["Messages"][0]["Body"]["Message"]
            aws.sns.publish(TopicArn=arn, Message=recorded)
            aws.check(label, delivered(inbox))


@scenario(FILTERS, "TestSNSFilterPolicyBody::test_filter_policy_on_message_body_array_attributes")
def _(aws):
    arn = topic(aws)
    inboxes = [Inbox(aws, f"queue{number}") for number in (1, 2)]
    for number, inbox in enumerate(inboxes, 1):
        policy = json.dumps({"headers": {"route-to": [f"queue{number}"]}})
        subscribed(aws, arn, inbox, FilterPolicyScope="MessageBody", FilterPolicy=policy, RawMessageDelivery="true")
    for route in (["queue1"], ["queue2"], ["queue1", "queue2"], ["queue3"]):
        aws.sns.publish(TopicArn=arn, Message=json.dumps({"headers": {"route-to": route}}))
    for number, inbox in enumerate(inboxes):
        aws.check(f"messages-queue-{number}", sorted_messages(inbox, 2), unordered=True)


OR_POLICY = {
    "$or": [{"metricName": ["CPUUtilization", "ReadLatency"]}, {"namespace": ["AWS/EC2", "AWS/ES"]}],
    "detail": {"scope": ["Service"], "$or": [{"source": ["aws.cloudwatch"]}, {"type": ["CloudWatch Alarm State Change"]}]},
}
KEY_POLICY = {
    "Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]},
}
ADDRESSES = ({"sourceIPAddress": [{"cidr": "10.0.0.0/24"}]}, {"sourceIPAddressV6": [{"cidr": "2001:0db8:1234:1a00::/64"}]})
ADDRESS_POLICY = {"detail": {"$or": ADDRESSES}}


def record(name, key, **more):
    return {"eventSource": "aws:s3", "eventName": name, "s3": {"object": {"key": key, "size": 17}}, **more}


# Policy, and what does not pass; what passes is in the recording.
BY_BODY = {
    "on_message_body_array_of_object_attributes": (
        KEY_POLICY,
        [
            {"Records": [record("ObjectCreated:Put", "home-insurance-2314.xml")]},
            {"Records": [record("ObjectRemoved:Delete", "auto-insurance-2314.xml")]},
            {"Records": [record("ObjectCreated:Put", "home.xml"), record("ObjectRemoved:Delete", "auto-.xml")]},
        ],
    ),
    "on_message_body_or_attribute": (
        OR_POLICY,
        [
            {"metricName": "CPUUtilization", "detail": {"scope": "aws.cloudwatch", "type": "CloudWatch Alarm State Change"}},
            {"metricName": "WriteLatency", "detail": {"scope": "Service", "source": "aws.cloudwatch"}},
            {"namespace": "AWS/EC2", "detail": {"scope": "Service", "source": "another"}},
        ],
    ),
    "empty_array_payload": ({"detail": {"eventVersion": [""]}, "resources": [{"exists": False}]}, [{"resources": ["one"]}]),
    "ip_address_condition": (
        ADDRESS_POLICY,
        [{"detail": {"sourceIPAddress": "10.0.1.255"}}, {"detail": {"sourceIPAddressV6": "2001:0db8:123f:1a01::"}}],
    ),
}
not_replayed(FILTERS, "nothing: no answer was recorded", "TestSNSFilterPolicyBody::test_filter_policy_large_complex_payload")


@scenario(FILTERS, *(f"TestSNSFilterPolicyBody::test_filter_policy_{what}" for what in BY_BODY))
def _(aws):
    policy, stopped = BY_BODY[aws.name.partition("test_filter_policy_")[2]]
    [(label, recorded)] = aws.recorded.items()
    inbox, arn = filtered_by_body(aws, policy)
    aws.bound["<resource:1>"] = "bucket"
    passing = [message["Body"] for message in recorded["Messages"]]
    for body in (*stopped, *passing):
        aws.sns.publish(TopicArn=arn, Message=json.dumps(body).replace("<resource:1>", "bucket").replace("<partition>", "aws"))
    aws.check(label, sorted_messages(inbox, len(passing)), unordered=True)
    nothing(aws, inbox)


run()
