"""Publishing, and what is refused, as SNS was recorded to answer."""

from pontoon_e2e.inbox import Inbox
from pontoon_e2e.notifications import PRINCIPAL, delivered, subscribed, topic
from pontoon_e2e.replay import not_replayed, part_of, run, scenario

SNS = "sns/test_sns"
LIMIT = 256 * 1024
NUMBER = {"attr1": {"DataType": "Number", "StringValue": "99.12"}}
part_of(
    SNS,
    "TestSNSPublishCrud",
    "TestSNSSMS::test_publish_wrong_phone_format",
    *(f"TestSNSSubscriptionSQS::test_{what}" for what in ("publish_batch_", "empty_or", "message_attributes_prefixes")),
)


@scenario(SNS, "TestSNSPublishCrud::test_publish_by_path_parameters")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    subscribed(aws, arn, inbox)
    answer = aws.sns.publish(TopicArn=arn, Message="test message direct post request")
    metadata = answer.pop("ResponseMetadata") | {"HTTPHeaders": {}}
    metadata = {name: metadata[name] for name in ("HTTPHeaders", "HTTPStatusCode")}
    # Recorded as XML, which boto3 takes apart.
    aws.check("post-request", {"PublishResponse": {"PublishResult": answer, "ResponseMetadata": metadata}})
    aws.check("messages", delivered(inbox))


@scenario(SNS, "TestSNSPublishCrud::test_publish_wrong_arn_format")
def _(aws):
    for label, arn in (("invalid-topic-arn", "randomstring"), ("invalid-topic-arn-1", "randomstring:1"), ("empty-topic", "")):
        aws.fails(label, aws.sns.publish, TopicArn=arn, Message="message")


@scenario(SNS, "TestSNSPublishCrud::test_publish_message_by_target_arn")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    subscribed(aws, arn, inbox)
    aws.sns.publish(TopicArn=arn, Message="test-msg-1")
    aws.check("receive-topic-arn", delivered(inbox))
    aws.sns.publish(TargetArn=arn, Message="test-msg-2")
    aws.check("receive-target-arn", delivered(inbox))


@scenario(SNS, "TestSNSPublishCrud::test_publish_message_before_subscribe_topic")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    before = aws.sns.publish(TopicArn=arn, Subject="test-subject-before-sub", Message="test_message_before")
    aws.check("publish-before-subscribing", before)
    subscribed(aws, arn, inbox)
    after = aws.sns.publish(TopicArn=arn, Subject="test-subject-after-sub", Message="test_message_after")
    aws.check("publish-after-subscribing", after)
    aws.check("receive-messages", delivered(inbox))


@scenario(SNS, "TestSNSPublishCrud::test_unknown_topic_publish")
def _(aws):
    arn = topic(aws)
    aws.check("success", aws.sns.publish(TopicArn=arn, Message="message"))
    aws.fails("error", aws.sns.publish, TopicArn=f"{arn}-missing", Message="message")


@scenario(SNS, "TestSNSPublishCrud::test_publish_non_existent_target")
def _(aws):
    arn = f"arn:aws:sns:{aws.region}:{aws.account}:endpoint/APNS/abcdef/0f7d5971-aa8b-4bd5-b585-0826e9f93a66"
    aws.fails("non-existent-endpoint", aws.sns.publish, TargetArn=arn, Message="message")


@scenario(SNS, "TestSNSPublishCrud::test_publish_with_empty_subject")
def _(aws):
    arn = topic(aws)
    aws.check("response-without-subject", aws.sns.publish(TopicArn=arn, Message="message"))
    aws.fails("response-with-empty-subject", aws.sns.publish, TopicArn=arn, Message="message", Subject="")


@scenario(SNS, "TestSNSPublishCrud::test_empty_sns_message")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    subscribed(aws, arn, inbox)
    aws.fails("empty-msg-error", aws.sns.publish, TopicArn=arn, Message="")
    names = ["ApproximateNumberOfMessages"]
    aws.check("queue-attrs", aws.sqs.get_queue_attributes(QueueUrl=inbox.url, AttributeNames=names))


@scenario(SNS, "TestSNSPublishCrud::test_publish_too_long_message")
def _(aws):
    arn = topic(aws)
    aws.fails("error", aws.sns.publish, TopicArn=arn, Message="a" * (LIMIT + 1))
    attributes = {"attr1": {"DataType": "String", "StringValue": "b" * 100}}
    aws.fails("error-with-attrs", aws.sns.publish, TopicArn=arn, Message="a" * LIMIT, MessageAttributes=attributes)


@scenario(SNS, "TestSNSPublishCrud::test_publish_batch_too_long_message")
def _(aws):
    arn, half = topic(aws), "a" * (LIMIT // 2)
    entries = [{"Id": "1", "Message": half}, {"Id": "2", "Message": half + "a"}]
    aws.fails("error-no-attrs", aws.sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)
    entries = [{"Id": str(number), "Message": half, "MessageAttributes": NUMBER} for number in range(2)]
    aws.fails("error-with-attrs", aws.sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)


@scenario(SNS, "TestSNSPublishCrud::test_publish_batch_invalid_entry_id")
def _(aws):
    arn, eighty = topic(aws), "a" * 80
    long = aws.recorded["id-too-long-91"]["Error"]["Message"].rpartition(" ")[2]
    invalid = {"invalid-char-dot": "message.id", "invalid-char-special": "msg@123#test", "id-too-long-81": eighty + "a"}
    for label, id in (invalid | {"id-too-long-91": long}).items():
        entries = [{"Id": id, "Message": "message"}]
        aws.fails(label, aws.sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)
    for label, id in (("valid-id-80-chars", eighty), ("valid-id-with-hyphen-underscore", "valid-message_123")):
        entries = [{"Id": id, "Message": "message"}]
        aws.check(label, aws.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries))


@scenario(SNS, "TestSNSPublishCrud::test_message_structure_json_exc")
def _(aws):
    def structured(message):
        return {"TopicArn": arn, "Message": message, "MessageStructure": "json"}

    arn = topic(aws)
    aws.fails("missing-default-key", aws.sns.publish, **structured('{"sqs": "for queues"}'))
    aws.fails("invalid-json", aws.sns.publish, **structured('{"default": "message"} }'))
    aws.check("duplicate-json-keys", aws.sns.publish(**structured('{"default": "one", "default": "two"}')))
    aws.fails("key-is-not-string", aws.sns.publish, **structured('{"default": {"a": "b"}}'))


@scenario(SNS, "TestSNSPublishCrud::test_topic_publish_another_region")
def _(aws):
    arn, elsewhere = topic(aws), aws.client("sns", region="eu-central-1")
    aws.check("success", aws.sns.publish(TopicArn=arn, Message="message"))
    aws.fails("error", elsewhere.publish, TopicArn=arn, Message="message")
    entries = [{"Id": "1", "Message": "message"}]
    aws.fails("error-batch", elsewhere.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)


not_replayed(SNS, "FIFO topics, which are refused", "TestSNSSubscriptionSQS::test_publish_batch_exceptions")


@scenario(SNS, "TestSNSSubscriptionSQS::test_publish_batch_messages_without_topic")
def _(aws):
    arn = topic(aws) + "-missing"
    entries = [{"Id": "1", "Message": "message"}]
    aws.fails("publish-batch-no-topic", aws.sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)


@scenario(SNS, "TestSNSSubscriptionSQS::test_publish_batch_messages_from_sns_to_sqs")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    subscription = subscribed(aws, arn, inbox, RawMessageDelivery="true")
    aws.check("sub-attrs-raw-true", aws.sns.get_subscription_attributes(SubscriptionArn=subscription), PRINCIPAL)
    two = {"attr1": {"DataType": "Number", "StringValue": "99.12"}, "attr2": {"DataType": "Number", "StringValue": "109.12"}}
    json_message = '{"default": "test default", "sqs": "test sqs"}'
    entries = [
        {"Message": "Test Message with two attributes", "Subject": "Subject", "MessageAttributes": two},
        {
            "Message": "Test Message with one attribute",
            "Subject": "Subject",
            "MessageAttributes": {"attr1": {"DataType": "Number", "StringValue": "19.12"}},
        },
        {"Message": "Test Message without attribute", "Subject": "Subject"},
        {"Message": "Test Message without subject"},
        {"Message": json_message, "Subject": "Subject", "MessageStructure": "json"},
    ]
    entries = [{"Id": str(number), **entry} for number, entry in enumerate(entries, 1)]
    aws.check("publish-batch", aws.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries))
    messages = inbox.messages(5, MessageAttributeNames=["All"], AttributeNames=["All"])
    aws.check("messages", {"Messages": sorted(messages, key=lambda message: message["Body"])})


@scenario(SNS, "TestSNSSubscriptionSQS::test_empty_or_wrong_message_attributes")
def _(aws):
    arn = topic(aws)
    wrong = {
        "missing_string_attr": ("attr1", {"DataType": "String", "StringValue": ""}),
        "fully_missing_string_attr": ("attr1", {"DataType": "String"}),
        "fully_missing_data_type": ("attr1", {"StringValue": "value"}),
        "missing_binary_attr": ("attr1", {"DataType": "Binary", "BinaryValue": b""}),
        "str_attr_binary_value": ("attr1", {"DataType": "String", "BinaryValue": b"123"}),
        "int_attr_binary_value": ("attr1", {"DataType": "Number", "BinaryValue": b"123"}),
        "binary_attr_string_value": ("attr1", {"DataType": "Binary", "StringValue": "123"}),
        "invalid_attr_string_value": ("attr1", {"DataType": "InvalidType", "StringValue": "123"}),
        "too_long_name": ("a" * 257, {"DataType": "String", "StringValue": "123"}),
        "invalid_name": ("a^b", {"DataType": "String", "StringValue": "123"}),
        "invalid_name_2": (".abc", {"DataType": "String", "StringValue": "123"}),
        "invalid_name_3": ("abc.", {"DataType": "String", "StringValue": "123"}),
        "invalid_name_4": ("a..bc", {"DataType": "String", "StringValue": "123"}),
    }
    sns = aws.client("sns", parameter_validation=False)
    for label, (name, value) in wrong.items():
        message = {"Message": "message", "MessageAttributes": {name: value}}
        aws.fails(label, sns.publish, TopicArn=arn, **message)
        aws.fails(f"batch-{label}", sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=[{"Id": "1", **message}])


@scenario(SNS, "TestSNSSubscriptionSQS::test_message_attributes_prefixes")
def _(aws):
    arn = topic(aws)

    def typed(kind):
        return {"TopicArn": arn, "Message": "m", "MessageAttributes": {"attr1": {"DataType": kind, "StringValue": "1"}}}

    aws.fails("publish-error", aws.sns.publish, **typed("stringprefixed"))
    aws.fails("publish-error-2", aws.sns.publish, **typed("string.prefixed"))
    aws.check("publish-ok-1", aws.sns.publish(**typed("String.prefixed")))
    aws.check("publish-ok-2", aws.sns.publish(**typed("Number.prefixed")))


@scenario(SNS, "TestSNSSMS::test_publish_wrong_phone_format")
def _(aws):
    for label, number in (("invalid-number", "+1a234"), ("wrong-format", "NAA+15551234567")):
        aws.fails(label, aws.sns.publish, PhoneNumber=number, Message="message")
    call = {"TopicArn": topic(aws), "Protocol": "sms", "Endpoint": "NAA+15551234567"}
    aws.fails("wrong-endpoint", aws.sns.subscribe, **call)


run()
