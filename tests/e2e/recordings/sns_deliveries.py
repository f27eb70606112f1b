"""What queues, functions and web servers get of topics, as SNS was recorded to deliver it."""

import json
import urllib.parse
import urllib.request
import xml.etree.ElementTree

from pontoon_e2e.endpoint import Endpoint
from pontoon_e2e.inbox import Inbox
from pontoon_e2e.notifications import PRINCIPAL, delivered, subscribed, topic
from pontoon_e2e.replay import not_replayed, part_of, run, scenario
from pontoon_e2e.session import eventually, zipped

SNS = "sns/test_sns"
QUEUES = "TestSNSSubscriptionSQS::test_"
ALL = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
FIFO = "FIFO topics, which are refused"
part_of(
    SNS,
    "TestSNSSubscriptionSQSFifo",
    *(f"{QUEUES}{what}" for what in ("sub", "attribute_raw", "sqs_topic", "redrive")),
    *(f"{QUEUES}publish_{what}" for what in ("sqs", "unicode", "message")),
    *(f"{QUEUES}message_{what}" for what in ("attributes_not", "structure")),
    "TestSNSSubscriptionLambda",
    "TestSNSSubscriptionHttp",
    "TestSNSSubscriptionFirehose",
    "TestSNSPublishDelivery",
    "TestSNSMultiRegions::test_cross_region_delivery_sqs",
)
not_replayed(SNS, FIFO, "TestSNSSubscriptionSQSFifo*")
not_replayed(SNS, "delivery status logging, which is refused", "TestSNSPublishDelivery::test_delivery_lambda")
not_replayed(
    SNS,
    "function URLs, which are refused",
    "TestSNSSubscriptionHttp::test_subscribe_external_http_endpoint_lambda_url_sig_validation",
)


def number(value):
    return {"DataType": "Number", "StringValue": str(value)}


def attributes(aws, subscription):
    return aws.sns.get_subscription_attributes(SubscriptionArn=subscription)


def set_one(aws, subscription, name, value):
    aws.sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName=name, AttributeValue=value)


@scenario(SNS, f"{QUEUES}subscribe_sqs_queue")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox)
    set_one(aws, made, "FilterPolicy", json.dumps({"attr1": [{"numeric": [">", 0, "<=", 100]}]}))
    aws.check("subscription-attributes", attributes(aws, made), PRINCIPAL)
    aws.sns.publish(TopicArn=arn, Message="This is a test message", MessageAttributes={"attr1": number("99.12")})
    aws.check("messages", delivered(inbox))


@scenario(SNS, f"{QUEUES}publish_unicode_chars")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    subscribed(aws, arn, inbox)
    aws.sns.publish(TopicArn=arn, Message='ö§a1"_!?,. £$-')
    aws.check("received-message", delivered(inbox))


@scenario(SNS, f"{QUEUES}attribute_raw_subscribe")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox)
    set_one(aws, made, "RawMessageDelivery", "true")
    aws.check("subscription-attributes", attributes(aws, made), PRINCIPAL)
    store = {"store": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"}}
    aws.sns.publish(TopicArn=arn, Message="This is a test message", MessageAttributes=store)
    aws.check("messages-response", delivered(inbox, MessageAttributeNames=["All"]))


@scenario(SNS, f"{QUEUES}sqs_topic_subscription_confirmation")
def _(aws):
    made = subscribed(aws, topic(aws), Inbox(aws))
    principal = {"SubscriptionPrincipal": PRINCIPAL["Attributes.SubscriptionPrincipal"]}
    aws.check("subscription-attrs", attributes(aws, made)["Attributes"], principal)


@scenario(SNS, f"{QUEUES}publish_sqs_from_sns")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox)
    for raw, value in (("true", "99.12"), ("false", "100.12")):
        set_one(aws, made, "RawMessageDelivery", raw)
        aws.check(f"sub-attrs-raw-{raw}", attributes(aws, made), PRINCIPAL)
        aws.sns.publish(TopicArn=arn, Message="Test msg", MessageAttributes={"attr1": number(value)})
        aws.check(f"message-raw-{raw}", delivered(inbox, MessageAttributeNames=["All"]))


@scenario(SNS, f"{QUEUES}subscribe_to_sqs_with_queue_url")
def _(aws):
    call = {"TopicArn": topic(aws), "Protocol": "sqs", "Endpoint": Inbox(aws).url}
    aws.fails("sub-queue-url", aws.sns.subscribe, **call)


@scenario(SNS, f"{QUEUES}publish_sqs_from_sns_with_xray_propagation")
def _(aws):
    trace = {"X-Amzn-Trace-Id": "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"}
    inbox, arn = Inbox(aws), topic(aws)
    subscribed(aws, arn, inbox)
    sns = aws.client("sns", user_agent_extra="traced")
    sns.meta.events.register("before-send.sns.Publish", lambda request, **_: request.headers.update(trace))
    sns.publish(TopicArn=arn, Message="X-Ray propagation test msg")
    [message] = inbox.messages(AttributeNames=["SentTimestamp", "AWSTraceHeader"])
    aws.check("xray-msg", message)


@scenario(SNS, *(f"{QUEUES}redrive_policy_sqs_queue_subscription[{raw}]" for raw in (True, False)))
def _(aws):
    inbox, dead, arn = Inbox(aws), Inbox(aws, "dead"), topic(aws)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    raw = {"RawMessageDelivery": "true"} if aws.parameter == "True" else {}
    subscribed(aws, arn, inbox, RedrivePolicy=redrive, **raw)
    aws.sqs.delete_queue(QueueUrl=inbox.url)
    given = {"attr1": number(111), "attr2": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"}}
    aws.sns.publish(TopicArn=arn, Message="test_dlq_after_sqs_endpoint_deleted", MessageAttributes=given)
    aws.check("messages", delivered(dead, **ALL))


@scenario(SNS, f"{QUEUES}message_attributes_not_missing")
def _(aws):
    given = {
        "an-attribute-key": {"DataType": "String", "StringValue": "an-attribute-value"},
        "binary-attribute": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
    }
    inbox, arn = Inbox(aws), topic(aws)
    made = subscribed(aws, arn, inbox, RawMessageDelivery="true")
    for kind in ("raw", "json"):
        aws.check(f"publish-msg-{kind}", aws.sns.publish(TopicArn=arn, Message="text", MessageAttributes=given))
        aws.check(f"{kind}-delivery-msg-attrs", delivered(inbox, **ALL))
        set_one(aws, made, "RawMessageDelivery", "false")


@scenario(SNS, f"{QUEUES}subscription_after_failure_to_deliver")
def _(aws):
    inbox, dead, arn = Inbox(aws), Inbox(aws, "dead"), topic(aws)
    made = subscribed(aws, arn, inbox)
    aws.check("subscriptions-attrs", attributes(aws, made), PRINCIPAL)
    aws.sns.publish(TopicArn=arn, Message="test_dlq_before_sqs_endpoint_deleted")
    aws.check("messages-before-delete", delivered(inbox))
    aws.sqs.delete_queue(QueueUrl=inbox.url)
    aws.sns.publish(TopicArn=arn, Message="lost")
    aws.check("subscriptions", aws.sns.list_subscriptions_by_topic(TopicArn=arn))
    set_one(aws, made, "RedrivePolicy", json.dumps({"deadLetterTargetArn": dead.arn}))
    aws.check("subscriptions-attrs-with-redrive", attributes(aws, made), PRINCIPAL)
    for count in range(2):
        aws.sns.publish(TopicArn=arn, Message=f"test_dlq_after_sqs_endpoint_deleted_{count}")
        aws.check(f"message-{count}-after-delete", delivered(dead))


@scenario(SNS, f"{QUEUES}message_structure_json_to_sqs")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    subscribed(aws, arn, inbox)
    messages = {"sqs": {"default": "default field", "sqs": '{"field": "value"}'}, "default": {"default": "default field"}}
    for label, message in messages.items():
        aws.sns.publish(TopicArn=arn, Message=json.dumps(message), MessageStructure="json")
        aws.check(f"get-msg-json-{label}", delivered(inbox))


@scenario(SNS, *(f"{QUEUES}publish_{what}" for what in ("sqs_verify_signature[1]", "sqs_verify_signature[2]", "message_group_id")))
def _(aws):
    version = {"SignatureVersion": aws.parameter} if aws.parameter else {}
    group = {} if aws.parameter else {"MessageGroupId": "my-group-id-1"}
    inbox, arn = Inbox(aws), topic(aws, **version)
    subscribed(aws, arn, inbox)
    message = {"Message": "test signature value with attributes", "MessageAttributes": {"attr1": number(1)}}
    aws.sns.publish(TopicArn=arn, **message, **group)
    aws.check("messages", delivered(inbox, AttributeNames=["All"]))


@scenario(SNS, "TestSNSMultiRegions::test_cross_region_delivery_sqs")
def _(aws):
    arn, elsewhere = topic(aws), "eu-central-1"
    inbox = Inbox(aws, region=elsewhere)
    call = {"TopicArn": arn, "Protocol": "sqs", "Endpoint": inbox.arn}
    aws.fails("subscribe-cross-region", aws.client("sns", region=elsewhere).subscribe, **call)
    aws.check("subscribe-same-region", aws.sns.subscribe(**call))
    aws.sns.publish(TopicArn=arn, Message="This is a test message", MessageAttributes={"attr1": number("99.12")})
    aws.check("messages", delivered(inbox))


def function(aws, code, name="function", **more):
    """The ARN of a function, and what it has printed."""
    role = f"arn:aws:iam::{aws.account}:role/function"
    code = {"ZipFile": zipped(index_py=f"import json\ndef handler(event, context):\n    {code}\n")}
    made = aws.lambda_.create_function(
        FunctionName=name, Runtime="python3.12", Handler="index.handler", Role=role, Code=code, **more
    )
    aws.lambda_.get_waiter("function_active_v2").wait(FunctionName=name)

    def printed():
        try:
            found = aws.logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="got")["events"]
        except aws.logs.exceptions.ResourceNotFoundException:
            return []
        return [json.loads(event["message"].partition("got ")[2]) for event in found]

    return made, lambda: eventually("the function has run", printed)


PRINTS = "print('got ' + json.dumps(event))"


@scenario(
    SNS,
    "TestSNSSubscriptionLambda::test_python_lambda_subscribe_sns_topic",
    "TestSNSSubscriptionLambda::test_publish_lambda_verify_signature[1]",
    "TestSNSSubscriptionLambda::test_publish_lambda_verify_signature[2]",
)
def _(aws):
    made, printed = function(aws, PRINTS)
    version = {"SignatureVersion": aws.parameter} if aws.parameter else {}
    arn = topic(aws, **version)
    aws.sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=made["FunctionArn"])
    subject = "[Subject] Test subject" + (f" Signature v{aws.parameter}" if aws.parameter else "")
    aws.sns.publish(TopicArn=arn, Message="Hello world.", Subject=subject)
    [event] = printed()
    aws.check("notification", event["Records"][0]["Sns"])


@scenario(SNS, "TestSNSSubscriptionLambda::test_sns_topic_as_lambda_dead_letter_queue")
def _(aws):
    inbox, arn, dead = Inbox(aws), topic(aws), topic(aws, "dead")
    made, _ = function(aws, "raise Exception('Test exception (this is intentional)')", DeadLetterConfig={"TargetArn": dead})
    aws.check("lambda-response-dlq-config", made["DeadLetterConfig"])
    subscribed(aws, dead, inbox)
    aws.sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=made["FunctionArn"])
    aws.sns.publish(TopicArn=arn, Message=json.dumps({"raise_error": 1}))

    def failed():
        aws.advance(60)
        return not inbox.empty()

    eventually("the function has failed for good", failed, within=60)
    aws.advance(60)
    aws.check("messages", delivered(inbox))


@scenario(SNS, "TestSNSSubscriptionLambda::test_redrive_policy_lambda_subscription")
def _(aws):
    inbox, arn = Inbox(aws), topic(aws)
    made, _ = function(aws, "pass")
    subscription = aws.sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=made["FunctionArn"])["SubscriptionArn"]
    set_one(aws, subscription, "RedrivePolicy", json.dumps({"deadLetterTargetArn": inbox.arn}))
    aws.check("subscription-attributes", attributes(aws, subscription), PRINCIPAL)
    aws.lambda_.delete_function(FunctionName="function")
    aws.sns.publish(TopicArn=arn, Message="test_redrive_policy", MessageAttributes={"attr1": number(1)})
    aws.check("messages", delivered(inbox))


@scenario(SNS, "TestSNSSubscriptionHttp::test_http_subscription_response")
def _(aws):
    with Endpoint() as endpoint:
        made = aws.check("topic-arn", aws.sns.create_topic(Name="topic"))
        call = {"TopicArn": made["TopicArn"], "Protocol": "http", "Endpoint": endpoint.url}
        aws.check("subscription", aws.sns.subscribe(**call))
        aws.check("subscription-with-arn", aws.sns.subscribe(**call, ReturnSubscriptionArn=True))


class Web:
    """A web server that is subscribed, what it gets, and what it asks for in turn."""

    def __init__(self, aws, endpoint):
        self.aws, self.endpoint = aws, endpoint
        aws.bound["<host:1>"] = endpoint.host

    def gets(self, body=None, headers=None):
        """The next request, compared with what was recorded."""
        request = self.endpoint.next()
        told = {name.title(): value for name, value in request.headers.items()}
        if headers:
            self.aws.check(headers, told, {"Connection": "HTTP/1.1 keeps it without saying so"})
        text = request.body.decode()
        if body:
            self.aws.check(body, json.loads(text))
        return text

    def asks(self, label, url, **changes):
        """The answer to the GET of a URL in which parameters are changed, compared as it was recorded: XML as a tree."""
        parts = urllib.parse.urlsplit(url)
        parameters = {name: values[0] for name, values in urllib.parse.parse_qs(parts.query).items()} | changes
        try:
            answer = urllib.request.urlopen(parts._replace(query=urllib.parse.urlencode(parameters)).geturl(), timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            root = xml.etree.ElementTree.fromstring(answer.read())
        self.aws.check(label, {name_of(root): tree(root)})


def name_of(element):
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def tree(element):
    """What an element has, by name; the metadata as they were recorded."""
    if name_of(element) == "ResponseMetadata":
        return {"HTTPHeaders": {}, "HTTPStatusCode": 200}
    return {name_of(one): tree(one) for one in element} if len(element) else element.text


@scenario(SNS, *(f"TestSNSSubscriptionHttp::test_subscribe_external_http_endpoint[{raw}]" for raw in (True, False)))
def _(aws):
    raw = aws.parameter == "True"
    with Endpoint() as endpoint:
        arn, web = topic(aws), Web(aws, endpoint)
        made = aws.sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=endpoint.url, ReturnSubscriptionArn=True)
        set_one(aws, made["SubscriptionArn"], "RawMessageDelivery", aws.parameter.lower())
        message = json.loads(web.gets("subscription-confirmation", "http-confirm-sub-headers"))
        url, region = message["SubscribeURL"], aws.region
        web.asks("broken-topic-arn-confirm", url, TopicArn="invalid-arn")
        web.asks("broken-token-confirm", url, Token="abc123")
        web.asks("different-region-arn-confirm", url, TopicArn=arn.replace(region, "eu-central-1"))
        web.asks("nonexistent-token-confirm", url, TopicArn=f"{arn}-missing")
        web.asks("confirm-subscribe", url)
        aws.sns.publish(TopicArn=arn, Message="test_external_http_endpoint")
        if raw:
            assert web.gets(headers="http-message-headers-raw") == "test_external_http_endpoint"
        else:
            web.gets("http-message", "http-message-headers")
        web.asks("unsubscribe-response", f"{aws.endpoint}/?Action=Unsubscribe&SubscriptionArn={made['SubscriptionArn']}")
        web.gets("unsubscribe-request")


@scenario(SNS, *(f"TestSNSSubscriptionHttp::test_subscribe_external_http_endpoint_content_type[{raw}]" for raw in (True, False)))
def _(aws):
    raw = aws.parameter == "True"
    of_topic = {"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}}
    policy = {"requestPolicy": {"headerContentType": "text/csv"}}
    if not raw:
        retry = {"numRetries": 0, "minDelayTarget": 1, "maxDelayTarget": 1, "numNoDelayRetries": 0, "numMinDelayRetries": 0}
        retry |= {"numMaxDelayRetries": 0, "backoffFunction": "linear"}
        policy = {"healthyRetryPolicy": retry, "throttlePolicy": {"maxReceivesPerSecond": 1000}}
    with Endpoint() as endpoint:
        arn = topic(aws, **({} if raw else {"DeliveryPolicy": json.dumps(of_topic)}))
        web = Web(aws, endpoint)
        aws.check("topic-attrs", aws.sns.get_topic_attributes(TopicArn=arn))
        given = {"DeliveryPolicy": json.dumps(policy), "RawMessageDelivery": aws.parameter.lower()}
        call = {"TopicArn": arn, "Protocol": "http", "Endpoint": endpoint.url, "Attributes": given}
        made = aws.sns.subscribe(**call, ReturnSubscriptionArn=True)["SubscriptionArn"]
        aws.check("sub-attrs", attributes(aws, made), PRINCIPAL)
        message = json.loads(web.gets("subscription-confirmation", "http-confirm-sub-headers"))
        aws.sns.confirm_subscription(TopicArn=arn, Token=message["Token"])
        aws.sns.publish(TopicArn=arn, Message="test_external_http_endpoint")
        if raw:
            assert web.gets(headers="http-message-headers-raw") == "test_external_http_endpoint"
        else:
            web.gets("http-message", "http-message-headers")


run()
