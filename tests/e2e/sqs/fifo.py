"""A FIFO queue between a rule, senders and a function, deployed from a template: order within groups, and what follows a failure.

Usage: fifo.py ENDPOINT

Every wait is bounded.
"""

import json
import os
import sys
import tempfile
import time

from pontoon_e2e.session import Session

ENDPOINT = sys.argv[1]
aws = Session(ENDPOINT)
OUT = os.path.join(tempfile.mkdtemp(), "got")

# Notes what it gets, and gives back a failed message with all that came after it in the batch.
FUNCTION = """
import os

def handler(event, context):
    records = event["Records"]
    for at, record in enumerate(records):
        attributes = record["attributes"]
        assert len(attributes["SequenceNumber"]) == 20 and attributes["MessageDeduplicationId"]
        with open(os.environ["OUT"], "a") as out:
            out.write(attributes["MessageGroupId"] + " " + record["body"] + "\\n")
        if record["body"] == "fail":
            return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in records[at:]]}
"""

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def resource(kind, **properties):
    return {"Type": kind, "Properties": properties}


def arn_of(name):
    return {"Fn::GetAtt": [name, "Arn"]}


TEMPLATE = {
    "Resources": {
        "Dead": resource("AWS::SQS::Queue", QueueName="dead.fifo", FifoQueue=True),
        "Queue": resource(
            "AWS::SQS::Queue",
            QueueName="ordered.fifo",
            FifoQueue=True,
            ContentBasedDeduplication=True,
            DeduplicationScope="messageGroup",
            FifoThroughputLimit="perMessageGroupId",
            # As long as a first start of the function may take on a busy machine, and no longer, since the test waits for it.
            VisibilityTimeout=10,
            RedrivePolicy={"deadLetterTargetArn": arn_of("Dead"), "maxReceiveCount": 1},
        ),
        "Policy": resource(
            "AWS::SQS::QueuePolicy",
            Queues=[{"Ref": "Queue"}],
            PolicyDocument={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn_of("Queue"),
                    }
                ],
            },
        ),
        "Rule": resource(
            "AWS::Events::Rule",
            EventPattern={"source": ["test"]},
            Targets=[
                {
                    "Id": "queue",
                    "Arn": arn_of("Queue"),
                    "InputPath": "$.detail.number",
                    "SqsParameters": {"MessageGroupId": "events"},
                }
            ],
        ),
        "Role": resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument=TRUST,
            Policies=[{"PolicyName": "queues", "PolicyDocument": ALLOW}],
        ),
        "Function": resource(
            "AWS::Lambda::Function",
            FunctionName="consumer",
            Runtime="python3.12",
            Handler="index.handler",
            Role=arn_of("Role"),
            Timeout=10,
            Environment={"Variables": {"OUT": OUT}},
            Code={"ZipFile": FUNCTION},
        ),
        "Mapping": resource(
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn=arn_of("Queue"),
            FunctionName={"Ref": "Function"},
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        ),
    }
}


def until(what, found, seconds=60):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def main():
    sqs, events, stacks = aws.sqs, aws.events, aws.cloudformation
    stacks.create_stack(StackName="fifo", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"])
    status = lambda: stacks.describe_stacks(StackName="fifo")["Stacks"][0]["StackStatus"]
    until("the stack is created", lambda: status() != "CREATE_IN_PROGRESS")
    assert status() == "CREATE_COMPLETE", stacks.describe_stack_events(StackName="fifo")

    numbers = [f"{n}" for n in range(10)]
    for number in numbers:
        entry = {"Source": "test", "DetailType": "t", "Detail": json.dumps({"number": number})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    url = sqs.get_queue_url(QueueName="ordered.fifo")["QueueUrl"]
    for number in numbers:
        for group in ("good", "bad"):
            body = "fail" if (group, number) == ("bad", "4") else number
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
    until("the queue is empty", lambda: set(counts()) == {"0"})
    got = {}
    with open(OUT) as out:
        for line in out:
            group, body = line.split()
            got.setdefault(group, []).append(body.strip('"'))
    dead_url = sqs.get_queue_url(QueueName="dead.fifo")["QueueUrl"]
    dead = sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10)["Messages"]
    letters = [message["Body"] for message in dead]
    # What came with the failed message went with it; what came later was received on its own.
    assert got["events"] == numbers and got["good"] == numbers, got
    bad = ["fail" if number == "4" else number for number in numbers]
    assert letters[0] == "fail" and letters == bad[4 : 4 + len(letters)], letters
    assert got["bad"] == bad[:5] + bad[4 + len(letters) :], (got, letters)
    print("DONE")


main()
