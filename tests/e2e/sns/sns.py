"""Topics through boto3, with a real web server as a subscriber and signatures checked by another library.

Usage: sns.py ENDPOINT {open|guarded}

`open` runs on a virtual clock. `guarded` checks signatures of requests and enforces policies. Every wait is bounded.
"""

import base64
import http.server
import json
import sys
import threading
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from pontoon_e2e.session import ACCOUNT, REGION, Session, check, code_of, eventually, zipped

ENDPOINT, MODE = sys.argv[1:]


aws = Session(ENDPOINT, key="AKIAEXAMPLE")
sns, sqs, awslambda, logs, iam = aws.sns, aws.sqs, aws.lambda_, aws.logs, aws.iam


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


class Subscriber(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent and answers with the status of the day."""

    status = 200
    got = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        Subscriber.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(Subscriber.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def posted(count):
    """The last of `count` requests, and that it was signed."""
    eventually(f"request {count}", lambda: len(Subscriber.got) >= count)
    headers, body = Subscriber.got[count - 1]
    message = json.loads(body)
    check_signature(message)
    return headers, message


def check_signature(message):
    certificate = x509.load_pem_x509_certificate(get(message["SigningCertURL"]).encode())
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    digest = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()
    signature = base64.b64decode(message["Signature"])
    # Raises where the signature does not hold.
    certificate.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), digest)


def queue(name, policy_for=None):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    if policy_for:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": policy_for}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def received(url):
    answer = sqs.receive_message(
        QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    messages = answer.get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def function_of(topic):
    """A function that prints its events, and may be called by the topic."""
    code = zipped(handler_py="import json\n\ndef handle(event, _):\n    print('GOT', json.dumps(event))\n")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="subscriber",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName="subscriber", PolicyArn=basic)
    arn = awslambda.create_function(
        FunctionName="subscriber",
        Runtime="python3.13",
        Handler="handler.handle",
        Role=role,
        Code={"ZipFile": code},
    )["FunctionArn"]
    awslambda.add_permission(
        FunctionName="subscriber",
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    return arn


def function_got():
    try:
        events = logs.filter_log_events(logGroupName="/aws/lambda/subscriber")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    lines = [event["message"] for event in events if event["message"].startswith("GOT ")]
    return [json.loads(line[4:])["Records"][0] for line in lines]


def confirms_and_receives(topic, url):
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    check("a web server must confirm", answer["SubscriptionArn"] == "pending confirmation")
    headers, message = posted(1)
    check("it is asked to", headers["x-amz-sns-message-type"] == message["Type"] == "SubscriptionConfirmation")
    check("a GET of the URL confirms", "<SubscriptionArn>" in get(message["SubscribeURL"]))
    topics, _ = queue("wrapped", policy_for=topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:wrapped")
    attributes = {
        "number": {"DataType": "Number", "StringValue": "1.5"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
    }
    for version in ["1", "2"]:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
        seen = len(Subscriber.got)
        sent = sns.publish(TopicArn=topic, Message='hellö "you"', Subject="greeting", MessageAttributes=attributes)
        headers, message = posted(seen + 1)
        check(f"signed with version {version}", message["SignatureVersion"] == version)
        check("the id is the publisher's", sent["MessageId"] == message["MessageId"] == headers["x-amz-sns-message-id"])
        wrapped = json.loads(received(topics)[0]["Body"])
        check_signature(wrapped)
        told = wrapped["MessageAttributes"]["bytes"], wrapped["Message"], wrapped["Subject"]
        check("the queue has it whole", told == ({"Type": "Binary", "Value": "AQI="}, 'hellö "you"', "greeting"))


def filters_and_keeps_dead_letters(topic):
    plain, plain_arn = queue("plain", policy_for=topic)
    _, denied_arn = queue("denied")
    dead, dead_arn = queue("dead", policy_for=topic)
    attributes = {
        "RawMessageDelivery": "true",
        "FilterPolicyScope": "MessageBody",
        "FilterPolicy": json.dumps({"amount": [{"numeric": [">", 10]}]}),
    }
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=plain_arn, Attributes=attributes)
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn})}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=gone, Attributes=redrive)
    if MODE == "guarded":
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=denied_arn, Attributes=redrive)
    entries = [{"Id": str(amount), "Message": json.dumps({"amount": amount})} for amount in (5, 50)]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    check("both entries are accepted", len(answer["Successful"]) == 2 and not answer["Failed"])
    check("the filter policy lets one through", [one["Body"] for one in received(plain)] == ['{"amount": 50}'])
    letters = [json.loads(one["Body"])["Message"] for one in received(dead)]
    # A queue that does not exist, and, where policies are enforced, one whose policy does not let the topic in.
    copies = 2 if MODE == "guarded" else 1
    check("what could not arrive is in the dead-letter queue", sorted(letters) == sorted([e["Message"] for e in entries] * copies))


def invokes_functions(topic):
    function = function_of(topic)
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="for the function")
    record = eventually("the function has the message", function_got)[0]
    check("the record names its subscription", record["EventSubscriptionArn"] == subscription)
    check("and has no subject", record["Sns"]["Subject"] is None and record["Sns"]["Message"] == "for the function")


def tries_web_servers_again(topic):
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    subscription = next(one["SubscriptionArn"] for one in listed if one["Protocol"] == "http")
    Subscriber.status = 503
    seen = len(Subscriber.got)
    sns.publish(TopicArn=topic, Message="again")
    posted(seen + 1)
    for attempt in range(2, 5):
        aws.advance(20)
        _, message = posted(seen + attempt)
        check(f"attempt {attempt} after 20 s", message["Message"] == "again")
    Subscriber.status = 200
    return subscription


def says_goodbye(topic):
    seen = len(Subscriber.got)
    sns.publish(TopicArn=topic, Message="the last one")
    _, message = posted(seen + 1)
    get(message["UnsubscribeURL"])
    _, farewell = posted(seen + 2)
    check("ending it is told", farewell["Type"] == "UnsubscribeConfirmation")
    left = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    check("and it is gone", all(one["Protocol"] != "http" for one in left))


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Subscriber)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    topic = sns.create_topic(Name="topic")["TopicArn"]
    check("FIFO topics are refused", code_of(sns.create_topic, Name="t.fifo", Attributes={"FifoTopic": "true"}) == "NotSupportedByPontoon")
    check("mails are refused", code_of(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint="a@b") == "NotSupportedByPontoon")
    check("an empty message is refused", code_of(sns.publish, TopicArn=topic, Message="") == "InvalidParameter")
    confirms_and_receives(topic, f"http://127.0.0.1:{server.server_port}/hook")
    filters_and_keeps_dead_letters(topic)
    invokes_functions(topic)
    if MODE == "open":
        tries_web_servers_again(topic)
    else:
        try:
            get(f"{ENDPOINT}/?Action=ListTopics")
            check("other operations need a signature", False)
        except urllib.error.HTTPError as error:
            check("other operations need a signature", error.code == 403)
    says_goodbye(topic)
    print("DONE")


main()
