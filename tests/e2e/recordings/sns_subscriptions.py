"""Subscriptions, their attributes and their errors, as SNS was recorded to answer."""

import json

from pontoon_e2e.endpoint import Endpoint
from pontoon_e2e.inbox import Inbox
from pontoon_e2e.notifications import PRINCIPAL, subscribed, topic
from pontoon_e2e.replay import not_replayed, part_of, run, scenario

SNS = "sns/test_sns"
part_of(SNS, "TestSNSSubscriptionCrud")
not_replayed(
    SNS,
    "text messages, which are refused",
    *(
        f"TestSNSSubscriptionCrudV2::test_{what}"
        for what in (
            "subscribe_sms",
            "subscribe_sms_obscure_phone_number",
            "check_not_opted_out",
            "check_opted_out",
            "check_opted_out_invalid",
            "list_opted_out",
            "opt_in",
        )
    ),
    "TestSNSSubscriptionCrud::test_list_subscriptions_by_topic_pagination",
)
not_replayed(SNS, "nothing: no answer was recorded", "TestSNSSubscriptionCrud::test_list_subscriptions")


def attributes(aws, subscription):
    return aws.sns.get_subscription_attributes(SubscriptionArn=subscription)


@scenario(SNS, "TestSNSSubscriptionCrud::test_subscribe_with_invalid_protocol")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "test-protocol", "Endpoint": "localhost"}
    aws.fails("exception", aws.sns.subscribe, **call)


@scenario(SNS, "TestSNSSubscriptionCrud::test_unsubscribe_from_non_existing_subscription")
def _(aws):
    gone = subscribed(aws, topic(aws), Inbox(aws))
    aws.sns.unsubscribe(SubscriptionArn=gone)
    aws.check("empty-unsubscribe", aws.sns.unsubscribe(SubscriptionArn=gone))


@scenario(SNS, "TestSNSSubscriptionCrud::test_create_subscriptions_with_attributes")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    call = {"TopicArn": arn, "Protocol": "sqs", "Endpoint": inbox.arn}
    aws.fails("subscribe-wrong-attr", aws.sns.subscribe, **call, Attributes={"RawMessageDelivery": "wrongvalue"})
    made = aws.check("subscribe", aws.sns.subscribe(**call, Attributes={"RawMessageDelivery": "true"}))
    aws.check("get-attrs", attributes(aws, made["SubscriptionArn"]), PRINCIPAL)
    gone = made["SubscriptionArn"][:-6] + "abcdef"
    aws.fails("get-attrs-nonexistent-sub", aws.sns.get_subscription_attributes, SubscriptionArn=gone)


@scenario(SNS, "TestSNSSubscriptionCrud::test_not_found_error_on_set_subscription_attributes")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = aws.check("sub", aws.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=inbox.arn))["SubscriptionArn"]
    aws.check("sub-attrs", attributes(aws, made), PRINCIPAL)
    aws.check("subscriptions-for-topic-before-unsub", aws.sns.list_subscriptions_by_topic(TopicArn=arn))
    aws.sns.unsubscribe(SubscriptionArn=made)
    call = {"SubscriptionArn": made, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    aws.fails("sub-not-found", aws.sns.set_subscription_attributes, **call)
    aws.check("subscriptions-for-topic-after-unsub", aws.sns.list_subscriptions_by_topic(TopicArn=arn))


@scenario(SNS, "TestSNSSubscriptionCrud::test_validate_set_sub_attributes")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    wrong = {
        "fake-attribute": ("FakeAttribute", "test-value"),
        "raw-message-wrong-value": ("RawMessageDelivery", "test-ValUe"),
        "raw-message-empty-value": ("RawMessageDelivery", ""),
        "fake-arn-redrive-policy": ("RedrivePolicy", json.dumps({"deadLetterTargetArn": "fake-arn"})),
        "invalid-json-redrive-policy": ("RedrivePolicy", "{invalidjson}"),
        "invalid-json-filter-policy": ("FilterPolicy", "{invalidjson}"),
    }
    for label, (name, value) in wrong.items():
        call = {"SubscriptionArn": made, "AttributeName": name, "AttributeValue": value}
        aws.fails(label, aws.sns.set_subscription_attributes, **call)


@scenario(SNS, "TestSNSSubscriptionCrud::test_sns_confirm_subscription_wrong_token")
def _(aws):
    arn = topic(aws)
    token = "51b2ff3edb475b7d91550e0ab6edf0c1de2a34e6ebaf6c2262a001bcb7e051c4" * 4
    aws.fails("topic-not-exists", aws.sns.confirm_subscription, TopicArn=f"{arn}-missing", Token=token)
    aws.fails("invalid-token", aws.sns.confirm_subscription, TopicArn=arn, Token="randomtoken")
    aws.fails("token-not-exists", aws.sns.confirm_subscription, TopicArn=arn, Token=token)


@scenario(SNS, "TestSNSSubscriptionCrud::test_subscribe_idempotency")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    raw = {"RawMessageDelivery": "true"}
    made = aws.check("subscribe", aws.sns.subscribe(**call, Attributes=raw))
    aws.check("get-sub-attrs", attributes(aws, made["SubscriptionArn"]), PRINCIPAL)
    aws.check("subscribe-exact-same-raw", aws.sns.subscribe(**call, Attributes=raw))
    aws.check("subscribe-idempotent", aws.sns.subscribe(**call, Attributes=raw, ReturnSubscriptionArn=True))
    aws.check("subscribe-idempotent-no-attributes", aws.sns.subscribe(**call))
    aws.check("subscribe-idempotent-empty-attributes", aws.sns.subscribe(**call, Attributes={}))
    aws.check("subscribe-missing-attributes", aws.sns.subscribe(**call, Attributes={}))
    other = {"RawMessageDelivery": "false"}
    aws.fails("subscribe-diff-attributes", aws.sns.subscribe, **call, Attributes=other)


@scenario(SNS, "TestSNSSubscriptionCrud::test_unsubscribe_wrong_arn_format")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    wrong = ("randomstring", "arn:aws:sns:us-east-1:random", made.rpartition(":")[0], "")
    for number, arn in enumerate(wrong, 1):
        aws.fails(f"invalid-unsubscribe-arn-{number}", aws.sns.unsubscribe, SubscriptionArn=arn)


@scenario(SNS, "TestSNSSubscriptionCrud::test_unsubscribe_idempotency")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    for number in (1, 2):
        aws.check(f"unsubscribe-{number}", aws.sns.unsubscribe(SubscriptionArn=made))


@scenario(SNS, "TestSNSSubscriptionCrud::test_subscribe_with_invalid_topic")
def _(aws):
    arn = topic(aws)
    endpoint = {"Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    wrong = {
        "invalid-subscribe-arn-1": "randomstring",
        "invalid-subscribe-arn-2": "arn:aws:sns:us-east-1:random",
        "non-existent-topic": f"{arn}-missing",
    }
    for label, arn in wrong.items():
        aws.fails(label, aws.sns.subscribe, TopicArn=arn, **endpoint)


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_subscribe_bad_sms", "TestSNSSubscriptionCrudV2::test_subscribe_invalid_sms")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "sms"}
    for label, answer in aws.recorded.items():
        number = answer["Error"]["Message"].rpartition(" ")[2]
        aws.fails(label, aws.sns.subscribe, **call, Endpoint=number)


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_subscribe_unknown_topic")
def _(aws):
    call = {"TopicArn": topic(aws) + "-missing", "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    aws.fails("subscribe-unknown-topic", aws.sns.subscribe, **call)


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_subscribe_unknown_sqs_queue")
def _(aws):
    call, queue = {"TopicArn": topic(aws), "Protocol": "sqs"}, f"arn:aws:sqs:{aws.region}:{aws.account}:missing"
    aws.check("subscribe-unknown-sqs", aws.sns.subscribe(**call, Endpoint=queue))
    aws.fails("subscribe-unknown-sqs-invalid_arn", aws.sns.subscribe, **call, Endpoint="invalid-arn")


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_subscribe_sqs_queue_url")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).url}
    aws.fails("subscribe-sqs-via-url-error", aws.sns.subscribe, **call)


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_double_subscription")
def _(aws):
    call = {"TopicArn": topic(aws, "double-sub-befdfdff"), "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    for label in ("first", "second"):
        aws.check(f"double-subscription-{label}", aws.sns.subscribe(**call))


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_creating_subscription")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "https", "Endpoint": "https://example.com/"}
    aws.check("create-subscription", aws.sns.subscribe(**call))


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_unsubscribe_from_deleted_topic")
def _(aws):
    arn = topic(aws)
    pending = aws.sns.subscribe(TopicArn=arn, Protocol="https", Endpoint="https://example.com/")
    aws.sns.delete_topic(TopicArn=arn)
    aws.fails("unsubscribe-deleted-topic", aws.sns.unsubscribe, SubscriptionArn=pending["SubscriptionArn"])


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_getting_subscriptions_by_topic")
def _(aws):
    arn = topic(aws)
    subscribed(aws, arn, Inbox(aws))
    subscribed(aws, topic(aws, "other"), Inbox(aws))
    aws.check("list-subscriptions-by-topic", aws.sns.list_subscriptions_by_topic(TopicArn=arn))


@scenario(
    SNS,
    *(
        f"TestSNSSubscriptionCrudV2::test_{what}"
        for what in (
            "subscribe_attributes",
            "creating_subscription_with_attributes",
            "delete_subscriptions_on_delete_topic",
            "set_subscription_attributes",
        )
    ),
)
def _(aws):
    arn, [label] = topic(aws), aws.recorded
    raw = {} if "set" in aws.name or "subscribe_attributes" in aws.name else {"RawMessageDelivery": "true"}
    made = subscribed(aws, arn, Inbox(aws), **raw)
    if "set" in aws.name:
        set_one = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
        aws.sns.set_subscription_attributes(SubscriptionArn=made, **set_one)
    if "delete_topic" in aws.name:
        aws.sns.delete_topic(TopicArn=arn)
    aws.check(label, attributes(aws, made), PRINCIPAL)


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_subscribe_invalid_filter_policy")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).arn}
    aws.fails("subscribe-invalid-filter-policy", aws.sns.subscribe, **call, Attributes={"FilterPolicy": "invalid"})


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_get_subscription_attributes_error_not_exists")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    aws.sns.unsubscribe(SubscriptionArn=made)
    aws.fails("get-sub-attrs-nonexistent", aws.sns.get_subscription_attributes, SubscriptionArn=made)


@scenario(SNS, "TestSNSSubscriptionCrudV2::test_confirm_subscription")
def _(aws):
    with Endpoint() as endpoint:
        arn = topic(aws, "confirm-sub-e46f689a")
        aws.sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=endpoint.url)
        token = json.loads(endpoint.next().body)["Token"]
        aws.check("confirm-subscription", aws.sns.confirm_subscription(TopicArn=arn, Token=token))


run()
