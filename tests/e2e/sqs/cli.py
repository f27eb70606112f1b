"""Queues through the AWS CLI, over JSON and over the query protocol.

Usage: cli.py ENDPOINT

Every wait is bounded. Starting the CLI takes longer than what it does, so the protocols go beside each other, and what boto3 shows is not shown again.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

import query_model

ENDPOINT = sys.argv[1]


class Cli:
    """`aws sqs`, with an environment of its own."""

    def __init__(self, models=None):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = {
            **kept,
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }
        if models:
            self.env["AWS_DATA_PATH"] = models

    def run(self, operation, *arguments, **options):
        """Options are given as `--their-name`, what is not text as JSON."""
        words = ["aws", "sqs", operation, "--endpoint-url", ENDPOINT, "--output", "json", *arguments]
        for name, value in options.items():
            text = value if isinstance(value, str) else json.dumps(value)
            words += ["--" + name.replace("_", "-"), text]
        return subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=60)

    def __call__(self, operation, *arguments, **options):
        done = self.run(operation, *arguments, **options)
        assert done.returncode == 0, (operation, options, done.stderr)
        return json.loads(done.stdout or "{}")

    def refused(self, operation, *arguments, **options):
        """The code and the message of a command that must fail."""
        done = self.run(operation, *arguments, **options)
        assert done.returncode != 0 and "An error occurred (" in done.stderr, (operation, done.stdout, done.stderr)
        code, message = done.stderr.split("An error occurred (", 1)[1].split(")", 1)
        return code, message.split(" operation: ", 1)[1].strip()


def standard(aws, name):
    dead = aws("create-queue", queue_name=f"{name}-dead")["QueueUrl"]
    arn = aws("get-queue-attributes", queue_url=dead, attribute_names=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    attributes = {"VisibilityTimeout": "60", "RedrivePolicy": redrive}
    url = aws("create-queue", queue_name=name, attributes=attributes, tags={"team": "orders"})["QueueUrl"]
    assert aws("list-queue-tags", queue_url=url)["Tags"] == {"team": "orders"}
    aws("set-queue-attributes", queue_url=url, attributes={"DelaySeconds": "0"})

    attribute = {"kind": {"DataType": "String", "StringValue": "ü & <x>"}}
    sent = aws("send-message", queue_url=url, message_body="one", message_attributes=attribute)
    entries = [{"Id": "a", "MessageBody": "two"}, {"Id": "b", "MessageBody": "three", "DelaySeconds": 901}]
    batch = aws("send-message-batch", queue_url=url, entries=entries)
    assert [entry["Id"] for entry in batch["Successful"]] == ["a"]
    assert [(entry["Id"], entry["Code"]) for entry in batch["Failed"]] == [("b", "InvalidParameterValue")]
    receive = {"queue_url": url, "max_number_of_messages": "10", "message_attribute_names": ["All"]}
    got = aws("receive-message", attribute_names=["All"], **receive)["Messages"]
    assert [m["Body"] for m in got] == ["one", "two"] and got[0]["MessageId"] == sent["MessageId"]
    assert got[0]["MessageAttributes"] == attribute
    aws("delete-message", queue_url=url, receipt_handle=got[1]["ReceiptHandle"])
    aws("change-message-visibility", queue_url=url, receipt_handle=got[0]["ReceiptHandle"], visibility_timeout="0")

    # Received once, it goes to the dead-letter queue when it would be received again, and is moved back from there.
    assert aws("receive-message", **receive) == {}
    aws("start-message-move-task", source_arn=arn, max_number_of_messages_per_second="500")
    for _ in range(20):
        task = aws("list-message-move-tasks", source_arn=arn)["Results"][0]
        if task["Status"] == "COMPLETED":
            break
        time.sleep(0.1)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1), task
    assert [m["Body"] for m in aws("receive-message", wait_time_seconds="5", **receive)["Messages"]] == ["one"]
    return url


def fifo(aws, name):
    url = aws("create-queue", queue_name=name, attributes={"FifoQueue": "true"})["QueueUrl"]
    message = {"queue_url": url, "message_group_id": "g", "message_deduplication_id": "1", "message_body": "first"}
    sent = aws("send-message", **message)
    assert aws("send-message", **message) == sent
    got = aws("receive-message", queue_url=url, attribute_names=["SequenceNumber"])["Messages"]
    assert got[0]["Attributes"] == {"SequenceNumber": sent["SequenceNumber"]}


def errors(aws, url):
    """Codes and messages, which must be the same in both protocols."""
    return [
        aws.refused("get-queue-url", queue_name="gone")[0],
        aws.refused("create-queue", queue_name="no.name"),
        aws.refused("send-message", queue_url=url, message_body="m", delay_seconds="901"),
        aws.refused("receive-message", queue_url=url, max_number_of_messages="11"),
        aws.refused("delete-message", queue_url=url, receipt_handle="mangled"),
    ]


def suite(protocol, aws):
    url = standard(aws, f"cli-{protocol}")
    fifo(aws, f"cli-{protocol}.fifo")
    return errors(aws, url)


def main():
    models = tempfile.mkdtemp()
    query_model.write(models)
    with concurrent.futures.ThreadPoolExecutor() as both:
        over_json, over_query = both.map(suite, ["json", "query"], [Cli(), Cli(models)])
    assert over_json == over_query, (over_json, over_query)
    assert over_json[0] == "AWS.SimpleQueueService.NonExistentQueue", over_json
    print("DONE")


main()
