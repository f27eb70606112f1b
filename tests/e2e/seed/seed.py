"""The order system through real clients: deployed by boto3 and by the AWS CLI, fed from Node, checked from outside with boto3.

Usage: seed.py ENDPOINT NODE_DIR {boto3|cli} {real|virtual} [enforce]

Every wait is bounded; every failure says what was expected. Under a virtual clock time is advanced instead of waited for.
"""

import datetime
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

from pontoon_e2e.session import Session

HERE = pathlib.Path(__file__).parent
ENDPOINT, NODE_DIR, DEPLOYER, CLOCK = sys.argv[1:5]
ENFORCE = "enforce" in sys.argv[5:]
ACCOUNT = {"boto3": "111111111111", "cli": "222222222222"}[DEPLOYER]
REGION = "us-east-1"
VIRTUAL = CLOCK == "virtual"
# Of this run alone: several run at once.
BUILD = tempfile.TemporaryDirectory(prefix="pontoon-seed-")
STACK = "orders"

ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
    "AWS_ENDPOINT_URL": ENDPOINT,
    "AWS_ACCESS_KEY_ID": ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}


aws = Session(ENDPOINT, ACCOUNT, REGION)
sqs, events, sns, dynamodb, awslambda = aws.sqs, aws.events, aws.sns, aws.dynamodb, aws.lambda_
cloudwatch, logs, cloudformation, s3 = aws.cloudwatch, aws.logs, aws.cloudformation, aws.s3


def pass_time(seconds):
    if VIRTUAL:
        aws.advance(seconds)
    else:
        time.sleep(seconds)


def eventually(what, look, within=60.0, every=None):
    """Looks until `look` gives something true, letting time pass in between."""
    every = every or (10.0 if VIRTUAL else 0.5)
    begun, passed = time.monotonic(), 0.0
    while True:
        found = look()
        if found:
            return found
        passed = passed + every if VIRTUAL else time.monotonic() - begun
        if passed > within:
            raise SystemExit(f"FAILED: {what}: not within {within} s")
        pass_time(every)


def check(what, condition, seen=None):
    if not condition:
        raise SystemExit(f"FAILED: {what}: saw {seen!r}")
    print(f"ok: {what}", flush=True)


def run(command, **extra):
    done = subprocess.run(
        command, env={**ENVIRONMENT, **extra}, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise SystemExit(f"FAILED: {' '.join(map(str, command[:4]))}: {done.stdout}\n{done.stderr}")
    return done.stdout.strip()


def bundle(source, target):
    run(
        [
            f"{NODE_DIR}/node_modules/.bin/esbuild", str(HERE / source), "--bundle", "--platform=node", "--target=node20",
            "--format=esm" if target.endswith(".mjs") else "--format=cjs", f"--outfile={BUILD.name}/{target}", "--log-level=error",
            *(["--banner:js=import{createRequire as requireFrom}from'module';const require=requireFrom(import.meta.url);"] if target.endswith(".mjs") else []),
        ],
        NODE_PATH=f"{NODE_DIR}/node_modules",
    )
    return pathlib.Path(BUILD.name) / target


def publish(detail, detail_type="OrderCreated"):
    event = run(["node", f"{BUILD.name}/publisher.mjs", OUT["BusName"], detail_type, json.dumps(detail)], NOW=aws.now().isoformat())
    check(f"event of order {detail['orderId']} published", len(event) == 36, event)
    return event


def receive(url):
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"])
    messages = got.get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def item(order):
    return dynamodb.get_item(TableName=OUT["TableName"], Key={"orderId": {"S": order}}, ConsistentRead=True).get("Item")


def metric(namespace, name, dimension, statistic):
    end = aws.now() + datetime.timedelta(minutes=5)
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": k, "Value": v} for k, v in dimension.items()],
        StartTime=end - datetime.timedelta(hours=12),
        EndTime=end,
        Period=43200,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in points)


def deploy():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as code:
        code.write(bundle("handler.ts", "handler.js"), "index.js")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="handler.zip", Body=archive.getvalue())
    parameters = {"CodeBucket": "code", "CodeKey": "handler.zip"}
    if DEPLOYER == "boto3":
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=(HERE / "template.yaml").read_text(),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        eventually("the stack is created", lambda: stack_status() == "CREATE_COMPLETE", 120)
    else:
        overrides = [f"{k}={v}" for k, v in parameters.items()]
        run(
            ["aws", "cloudformation", "deploy", "--stack-name", STACK, "--template-file", str(HERE / "template.yaml"),
             "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *overrides]
        )
    outputs = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def stack_status():
    try:
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        return "GONE" if "does not exist" in str(error) else str(error)
    if "ROLLBACK" in stack["StackStatus"] or "FAILED" in stack["StackStatus"]:
        failed = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        reasons = [(e["LogicalResourceId"], e.get("ResourceStatusReason")) for e in failed if "FAILED" in e["ResourceStatus"]]
        raise SystemExit(f"FAILED: stack {stack['StackStatus']}: {reasons}")
    return stack["StackStatus"]


def trace(event):
    with urllib.request.urlopen(f"{ENDPOINT}/_pontoon/traces/{event}", timeout=120) as answer:
        return json.load(answer)


def good_order():
    event = publish({"orderId": "o-1", "customerId": "c-1", "status": "pending", "amount": 99.99})
    if ENFORCE:
        return denied(event)
    found = eventually("the order is in the table", lambda: item("o-1"), 60)
    check("the table holds the order's status", found["status"] == {"S": "pending"}, found)
    told = eventually("the customer is told", lambda: receive(OUT["NotificationsUrl"]), 60)
    note = json.loads(told[0]["Body"])
    check("the notification names the order", note["message"] == "Order o-1 is now pending", note)
    hops = json.dumps(trace(event)["records"])
    check("the trace shows the way to the table", all(w in hops for w in ("SendMessage", "Invoke", "UpdateItem", "Publish")), hops)
    check("the trace says what AWS would have denied", "would have denied" in hops and OUT["RuleArn"] in hops, hops)
    return None


def denied(event):
    """The seed's policy names the bus; EventBridge sends the rule: AWS does not deliver, and neither does enforce mode."""
    letters = eventually("the event is in the target's dead-letter queue", lambda: receive(OUT["UndeliveredUrl"]), 60)
    attributes = letters[0]["MessageAttributes"]
    check("the dead letter names the rule", attributes["RULE_ARN"]["StringValue"] == OUT["RuleArn"], attributes)
    check("the dead letter says why", "ERROR_CODE" in attributes, attributes)
    check("nothing reached the table", item("o-1") is None, item("o-1"))
    pass_time(120 if VIRTUAL else 65)
    failed = eventually(
        "the failed invocation is counted",
        lambda: metric("AWS/Events", "FailedInvocations", {"EventBusName": OUT["BusName"], "RuleName": OUT["RuleArn"].split("/")[-1]}, "Sum")
        or metric("AWS/Events", "FailedInvocations", {"RuleName": OUT["RuleArn"].split("/")[-1]}, "Sum"),
        180,
    )
    check("FailedInvocations is 1", failed == 1, failed)
    hops = json.dumps(trace(event)["records"])
    check("the trace says why it was not delivered", "Failed" in hops and "no resource-based policy allows" in hops, hops)
    check("the trace says what would allow it", "This statement would allow it" in hops and OUT["RuleArn"] in hops, hops)


def poison_order():
    if not VIRTUAL:
        # Real time: three receives in seconds rather than minutes.
        sqs.set_queue_attributes(QueueUrl=OUT["QueueUrl"], Attributes={"VisibilityTimeout": "10"})
    event = publish({"orderId": "o-2", "customerId": "c-2", "status": "poison", "amount": 1})
    def dead():
        counts = sqs.get_queue_attributes(QueueUrl=OUT["DlqUrl"], AttributeNames=["ApproximateNumberOfMessages"])
        return counts["Attributes"]["ApproximateNumberOfMessages"] == "1"

    eventually("the poison order is in the dead-letter queue", dead, 240)
    records = trace(event)["records"]
    received = [record for record in records if record["what"] == "ReceiveMessage"]
    check("it was received three times", len(received) == 3, received)
    check("the trace shows the dead letter", any(record["outcome"] == "DeadLettered" for record in records), records)
    lines = eventually(
        "the function's log holds the error",
        lambda: logs.filter_log_events(
            logGroupName=f"/aws/lambda/{OUT['FunctionName']}", filterPattern='"cannot process order o-2"'
        )["events"],
        60,
    )
    check("the error was logged for each attempt", len(lines) >= 3, lines)
    log = logs.filter_log_events(logGroupName=f"/aws/lambda/{OUT['FunctionName']}")["events"]
    text = "".join(line["message"] for line in log)
    check("the log has START, END and REPORT", all(f"{w} RequestId: " in text for w in ("START", "END", "REPORT")), text[:500])


def alarm_state():
    return cloudwatch.describe_alarms(AlarmNames=["OrderEventsDLQMessages"])["MetricAlarms"][0]["StateValue"]


def alarm():
    eventually("the dead-letter alarm goes off", lambda: alarm_state() == "ALARM", 900, 30 if VIRTUAL else 2)
    told = eventually("the alerting topic is told", lambda: receive(OUT["AlertsUrl"]), 60)
    message = json.loads(json.loads(told[0]["Body"])["Message"])
    check("the alert names the alarm", (message["AlarmName"], message["NewStateValue"]) == ("OrderEventsDLQMessages", "ALARM"), message)


def metrics():
    function, queue = {"FunctionName": OUT["FunctionName"]}, {"QueueName": "order-events-queue"}
    published = metric("OrderService", "OrdersPublished", {"DetailType": "OrderCreated"}, "Sum")
    check("the custom metric counts both orders", published == 2, published)
    eventually("AWS/Lambda counts the invocations", lambda: metric("AWS/Lambda", "Invocations", function, "Sum") >= 4, 180)
    errors = metric("AWS/Lambda", "Errors", function, "Sum")
    # Three for the poison; a machine under load may add a timeout of its own.
    check("AWS/Lambda counts the errors", errors >= 3, errors)
    check("AWS/Lambda has durations", metric("AWS/Lambda", "Duration", function, "Maximum") > 0)
    sent = eventually("AWS/SQS counts the messages", lambda: metric("AWS/SQS", "NumberOfMessagesSent", queue, "Sum"), 180)
    check("AWS/SQS counted both", sent == 2, sent)


def redrive():
    awslambda.update_function_configuration(
        FunctionName=OUT["FunctionName"],
        Environment={
            "Variables": {
                **awslambda.get_function_configuration(FunctionName=OUT["FunctionName"])["Environment"]["Variables"],
                "ACCEPT_POISON": "yes",
            }
        },
    )
    eventually(
        "the function is updated",
        lambda: awslambda.get_function_configuration(FunctionName=OUT["FunctionName"])["LastUpdateStatus"] == "Successful",
        60,
    )
    sqs.start_message_move_task(SourceArn=OUT["DlqArn"])
    found = eventually("the redriven order is in the table", lambda: item("o-2"), 120)
    check("the redriven order was processed", found["status"] == {"S": "poison"}, found)
    tasks = sqs.list_message_move_tasks(SourceArn=OUT["DlqArn"])["Results"]
    check("the move task is complete", (tasks[0]["Status"], tasks[0]["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1), tasks)
    if VIRTUAL:
        eventually("the alarm returns to OK", lambda: alarm_state() == "OK", 1800, 60)


def delete():
    cloudformation.delete_stack(StackName=STACK)
    eventually("the stack is gone", lambda: stack_status() == "GONE", 120)
    check("no queue is left", not sqs.list_queues().get("QueueUrls"), sqs.list_queues())
    check("no table is left", dynamodb.list_tables()["TableNames"] == [])
    check("no alarm is left", cloudwatch.describe_alarms()["MetricAlarms"] == [])
    check("no function is left", awslambda.list_functions()["Functions"] == [])
    check("no topic is left", sns.list_topics().get("Topics", []) == [])
    buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    check("only the default bus is left", buses == ["default"], buses)


bundle("publisher.ts", "publisher.mjs")
OUT = deploy()
check("the stack has its outputs", OUT["BusName"] == "my-event-bus", OUT)
good_order()
if not ENFORCE:
    poison_order()
    alarm()
    metrics()
    redrive()
delete()
print("DONE")
