"""What becomes of asynchronous invocations: destinations, dead letters and retries, as Lambda was recorded to run them."""

import base64
import json
import re

from pontoon_e2e.functions import ELSEWHERE, create, created, queue, received
from pontoon_e2e.replay import run, scenario

DESTINATIONS = "lambda_/test_lambda_destinations"
DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
OF_TRACES = "events carry no header of X-Ray"
# What the recordings' function does: tells its context, or fails when it is told to.
INTEGRATION = """
import json, logging

log = logging.getLogger()
log.setLevel(logging.INFO)

def handler(event, context):
    print("Lambda log message - print function")
    log.info("Lambda log message - logging module")
    if event.get("raise_error"):
        raise Exception("Test exception (this is intentional)")
    names = ("invoked_function_arn", "function_version", "function_name", "memory_limit_in_mb", "aws_request_id", "log_group_name")
    told = {name: getattr(context, name) for name in (*names, "log_stream_name", "client_context")}
    return {"event": event, "context": told}
"""
FAILING = 'def handler(event, context):\n    raise Exception("intentional failure")\n'


def invoked(aws, name, payload):
    aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload), InvocationType="Event")


@scenario(
    DESTINATIONS,
    "TestLambdaDestinationSqs::test_assess_lambda_destination_invocation[Success-payload0]",
    "TestLambdaDestinationSqs::test_assess_lambda_destination_invocation[payload0]",
    "TestLambdaDestinationSqs::test_assess_lambda_destination_invocation[payload1]",
    "TestLambdaDestinationSqs::test_lambda_destination_default_retries",
)
def _(aws):
    create(aws, "source", code=INTEGRATION)
    url, arn = queue(aws, "destination")
    recorded = aws.recorded["put_function_event_invoke_config"]
    both = {on: {"Destination": arn} for on in ("OnSuccess", "OnFailure")}
    retries = {"MaximumRetryAttempts": 0} if "MaximumRetryAttempts" in recorded else {}
    put = aws.client("lambda").put_function_event_invoke_config
    aws.check("put_function_event_invoke_config", put(FunctionName="source", DestinationConfig=both, **retries))
    body = aws.recorded["receive_message_result"]["Messages"][0]["Body"]
    invoked(aws, "source", body["requestPayload"])
    if body["requestContext"]["approximateInvokeCount"] > 1:
        for _ in range(2):
            aws.advance(120)
    fails = "errorMessage" in body["responsePayload"]
    differs = {"Messages[0].Body.responsePayload.stackTrace[0]": ELSEWHERE} if fails else None
    aws.check("receive_message_result", received(aws, url), differs)


@scenario(DESTINATIONS, "TestLambdaDLQ::test_dead_letter_queue")
def _(aws):
    functions, f = aws.client("lambda"), "failing"
    url, arn = queue(aws, "letters")
    created(aws, "create_lambda_with_dlq", f, code=INTEGRATION, DeadLetterConfig={"TargetArn": arn})
    invoked(aws, f, {"raise_error": 1})
    for _ in range(2):
        aws.advance(120)
    aws.check("receive_result", received(aws, url, MessageAttributeNames=["All"]))
    # Without a target it stays.
    aws.check("delete_dlq", functions.update_function_configuration(FunctionName=f, DeadLetterConfig={}))
    answer = functions.invoke(FunctionName=f, Payload='{"raise_error": 1}', LogType="Tail")
    answer["Payload"] = answer["Payload"].read()
    aws.check("invoke_result", answer, {"Payload.stackTrace[0]": ELSEWHERE})
    lines = base64.b64decode(answer["LogResult"]).decode("utf-8", "replace").splitlines()
    lines = [DATE.sub("date", line) for line in lines if line and not line.startswith("REPORT")]
    aws.check("log_result", {"result": lines}, {"result[5]": ELSEWHERE})


@scenario(DESTINATIONS, "TestLambdaDestinationSqs::test_retries")
def _(aws):
    create(aws, "failing", code=FAILING)
    url, arn = queue(aws, "destination")
    to = {"OnFailure": {"Destination": arn}, "OnSuccess": {"Destination": arn}}
    put = aws.client("lambda").put_function_event_invoke_config
    put(FunctionName="failing", MaximumRetryAttempts=2, DestinationConfig=to)
    invoked(aws, "failing", {"message": "a message"})
    for _ in range(2):
        aws.advance(120)
    attributes = {"AttributeNames": ["All"]}
    # Recorded at the second look.
    received(aws, url, VisibilityTimeout=0, **attributes)
    differs = {
        "Messages[0].Attributes.AWSTraceHeader": OF_TRACES,
        "Messages[0].Body.responsePayload.stackTrace[0]": ELSEWHERE,
    }
    aws.check("queue_destination_payload", received(aws, url, **attributes), differs)


@scenario(DESTINATIONS, "TestLambdaDestinationSqs::test_maxeventage")
def _(aws):
    create(aws, "failing", code=FAILING)
    url, arn = queue(aws, "destination")
    put = aws.client("lambda").put_function_event_invoke_config
    to = {"OnFailure": {"Destination": arn}}
    differs = {"Attributes.AWSTraceHeader": OF_TRACES, "Body.responsePayload.stackTrace[0]": ELSEWHERE}
    for label, age, waits in (("no_retry", 60, 1), ("single_retry", 150, 2)):
        if label == "single_retry":
            differs = differs | {"Attributes.SenderId": "a function sends under one name"}
        put(FunctionName="failing", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=age, DestinationConfig=to)
        # Each has its own, recorded alike.
        aws.bound["<test-msg-id>"] = f"a message of {label}"
        invoked(aws, "failing", {"message": aws.bound["<test-msg-id>"]})
        for _ in range(waits):
            aws.advance(120)
        message = received(aws, url, AttributeNames=["All"])["Messages"][0]
        aws.check(f"{label}_failure_message", message, differs)
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


@scenario(DESTINATIONS, "TestLambdaDestinationEventbridge::test_invoke_lambda_eventbridge")
def _(aws):
    functions, events = aws.client("lambda"), aws.client("events")
    bus = events.create_event_bus(Name="results")["EventBusArn"]
    url, arn = queue(aws, "heard")
    pattern = {"account": [aws.account]}
    events.put_rule(Name="all", EventBusName="results", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", EventBusName="results", Targets=[{"Id": "heard", "Arn": arn}])
    index = (
        "def handler(event, context):\n    if event['mode'] == 'failure':\n        raise Exception('intentional failure!')\n"
        "    return {'hello': 'world', 'test': 'abc', 'val': 5, 'success': True}\n"
    )
    create(aws, "source", files={"index.py": index}, Handler="index.handler")
    to = {on: {"Destination": bus} for on in ("OnSuccess", "OnFailure")}
    functions.put_function_event_invoke_config(FunctionName="source", MaximumRetryAttempts=0, DestinationConfig=to)
    for mode in ("success", "failure"):
        invoked(aws, "source", {"mode": mode})
        message = received(aws, url)["Messages"][0]
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        differs = {"detail.responsePayload.stackTrace[0]": ELSEWHERE} if mode == "failure" else None
        aws.check(f"lambda_destination_event_bus_{mode}", json.loads(message["Body"]), differs)


run()
