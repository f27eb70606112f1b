"""Functions that the recordings of Lambda deploy."""

import io
import json
import zipfile

from .session import eventually

RUNTIME = "python3.12"
ECHO = "def handler(event, context):\n    return event\n"
# A change is complete when its reply has said `Pending` or `InProgress` (docs/lambda.md).
COMPLETE = "changes are complete at once"
ELSEWHERE = "packages are unpacked elsewhere than in /var/task"
SINCE = ("RuntimeVersionConfig", "LoggingConfig", "SnapStart")


def since(recorded, inner=""):
    """What answers have had since an early recording, as differences."""
    return {f"{inner}{name}": "added since the recording" for name in SINCE if name not in recorded}


def role(aws, name="lambda"):
    return f"arn:aws:iam::{aws.account}:role/{name}"


def packed(files):
    """A zip archive of these files, which may be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def create(aws, name, code=None, files=None, **options):
    """Makes a function as most of the recordings' functions were made; an option that is `None` is left out."""
    defaults = {
        "Runtime": RUNTIME,
        "Handler": "handler.handler",
        "Role": role(aws),
        "Code": {"ZipFile": packed(files or {"handler.py": code or ECHO})},
        "Environment": {"Variables": {}},
        "Timeout": 30,
    }
    options = {key: value for key, value in (defaults | options).items() if value is not None}
    return aws.client("lambda").create_function(FunctionName=name, **options)


def created(aws, label, name, differs=None, **options):
    """The same, compared as the recordings' fixture noted it."""
    answer = create(aws, name, **options)
    noted = {"CreateEventSourceMappingResponse": None, "CreateFunctionResponse": answer}
    aws.check(label, noted, {f"CreateFunctionResponse.{path}": reason for path, reason in (differs or {}).items()} or None)
    return answer


def get(aws, label, name, differs=None, **options):
    """Compares what GetFunction tells."""
    answer = aws.client("lambda").get_function(FunctionName=name, **options)
    return aws.check(label, answer, differs)


# What a handler sends to a queue with. AWS's SDK for Python is not in Pontoon's runtimes, which need no signature either.
SEND = '''
import json, os, urllib.request

def send(queue, body):
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/sqs/aws4_request"
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none",
    }
    data = json.dumps({"QueueUrl": queue, "MessageBody": json.dumps(body)}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data, headers), timeout=10).read()
'''
# Prints what it gets, each event on a line.
PRINT = "import json\n\ndef handler(event, context):\n    print(json.dumps(event))\n    return event\n"


def queue(aws, name, **attributes):
    """A queue: its URL and ARN."""
    url = aws.sqs.create_queue(QueueName=name, Attributes={key: str(value) for key, value in attributes.items()})["QueueUrl"]
    return url, aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(aws, url, within=20.0, **options):
    """The answer of the ReceiveMessage that first brings messages."""

    def look():
        answer = aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, **options)
        return answer if answer.get("Messages") else None

    return eventually(f"messages in {url}", look, within)


def logged(aws, name, count=1):
    """What a function that prints JSON has printed, once it has printed `count` lines."""

    def look():
        try:
            events = aws.logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except aws.logs.exceptions.ResourceNotFoundException:
            return None
        printed = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
        return printed if len(printed) >= count else None

    return eventually(f"{count} lines of {name}", look)
