"""Queues through boto3, over JSON and over the query protocol that older SDKs speak; the two must answer alike.

Usage: sqs.py ENDPOINT

boto3 checks the MD5 of every body and of every message attribute that it is answered. Every wait is bounded.
"""

import hashlib
import json
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from pontoon_e2e.session import Session, error_of

import query_model

ENDPOINT = sys.argv[1]
REGION = "us-east-1"
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 0})
KEYS = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "secret"}


def query_client():
    """A client whose model says that SQS speaks the query protocol."""
    directory = tempfile.mkdtemp()
    query_model.write(directory)
    session = boto3.Session(region_name=REGION, **KEYS)
    loader = session._session.get_component("data_loader")
    loader.search_paths.insert(0, directory)
    return session.client("sqs", endpoint_url=ENDPOINT, config=CONFIG)


def refused(call, **arguments):
    """The code and the message of a call that must fail."""
    error = error_of(call, **arguments)
    assert error, f"it succeeded: {arguments}"
    return error


def standard(sqs, name):
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"}, tags={"team": "a&b", "ä": "ö"})["QueueUrl"]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a&b", "ä": "ö"}
    sqs.tag_queue(QueueUrl=url, Tags={"more": ""})
    sqs.untag_queue(QueueUrl=url, TagKeys=["team", "ä"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"more": ""}

    body = 'grüße <&"\'> \U0001f600\t\r\n ende'
    attributes = {
        "text.ü": {"DataType": "String.custom", "StringValue": "größe+%&="},
        "number": {"DataType": "Number", "StringValue": "-1.5e3"},
        "bytes": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
    }
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])["Messages"]
    assert [(m["MessageId"], m["Body"]) for m in got] == [(sent["MessageId"], body)]
    assert got[0]["MessageAttributes"] == attributes, got[0]
    assert got[0]["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got[0]["Attributes"]["AWSTraceHeader"] == trace
    assert got[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["num.*"])["Messages"]
    assert list(again[0]["MessageAttributes"]) == ["number"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again[0]["ReceiptHandle"])

    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(9)] + [{"Id": "bad", "MessageBody": "\ufffe"}]
    batch = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert len(batch["Successful"]) == 9
    assert [(f["Id"], f["Code"], f["SenderFault"]) for f in batch["Failed"]] == [("bad", "InvalidMessageContents", True)]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[{"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 60} for m in got],
    )
    assert len(changed["Successful"]) == 9 and "Failed" not in changed
    entries = [{"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"]} for m in got] + [{"Id": "no", "ReceiptHandle": "x"}]
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert len(deleted["Successful"]) == 9 and deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "7", "ReceiveMessageWaitTimeSeconds": "1"})
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (shown["DelaySeconds"], shown["ApproximateNumberOfMessages"]) == ("7", "0")
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage", "GetQueueUrl"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"][0]["Action"] == ["SQS:SendMessage", "SQS:GetQueueUrl"]
    sqs.remove_permission(QueueUrl=url, Label="l")
    sqs.purge_queue(QueueUrl=url)
    return url


def waits(sqs, url):
    """A long poll is answered by the message that comes meanwhile."""
    got = []
    waiter = threading.Thread(
        target=lambda: got.extend(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []))
    )
    waiter.start()
    time.sleep(0.2)
    began = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="awaited", DelaySeconds=0)
    waiter.join(10)
    assert [m["Body"] for m in got] == ["awaited"] and time.monotonic() - began < 5
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])


def errors(sqs, url):
    """Codes and messages, which must be the same in both protocols."""
    gone = url + "-gone"
    handle = {"QueueUrl": url, "ReceiptHandle": "mangled"}
    many = [{"Id": str(n), "MessageBody": "m"} for n in range(11)]
    return [
        # In the query protocol AWS words it as ever (sqs/test_sqs: test_non_existent_queue).
        refused(sqs.get_queue_url, QueueName="gone")[0],
        refused(sqs.send_message, QueueUrl=gone, MessageBody="m")[0],
        refused(sqs.send_message, QueueUrl=url, MessageBody=""),
        refused(sqs.send_message, QueueUrl=url, MessageBody="m", DelaySeconds=901),
        refused(sqs.send_message, QueueUrl=url, MessageBody="\x01"),
        refused(sqs.send_message, QueueUrl=url, MessageBody="m", MessageDeduplicationId="d"),
        refused(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11),
        refused(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21),
        refused(sqs.receive_message, QueueUrl=url, AttributeNames=["Nothing"]),
        refused(sqs.delete_message, **handle),
        refused(sqs.change_message_visibility, VisibilityTimeout=43_201, **handle),
        refused(sqs.send_message_batch, QueueUrl=url, Entries=[]),
        refused(sqs.send_message_batch, QueueUrl=url, Entries=many),
        refused(sqs.send_message_batch, QueueUrl=url, Entries=many[:1] * 2),
        refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"VisibilityTimeout": "x"}),
        refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Nothing": "1"}),
        refused(sqs.create_queue, QueueName="a b"),
        refused(sqs.remove_permission, QueueUrl=url, Label="none"),
    ]


def fifo(sqs, name):
    attributes = {"FifoQueue": "true"}
    dead = sqs.create_queue(QueueName=f"{name}-dead.fifo", Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={**attributes, "RedrivePolicy": redrive})["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]

    def send(group, id, body):
        return sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=id)

    first, second = send("a", "1", "a1"), send("a", "2", "a2")
    assert first["SequenceNumber"] < second["SequenceNumber"]
    assert send("b", "1", "again")["MessageId"] == first["MessageId"]
    batch = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": "x", "MessageBody": "b1", "MessageGroupId": "b", "MessageDeduplicationId": "3"}],
    )
    assert batch["Successful"][0]["SequenceNumber"] > second["SequenceNumber"]
    attempt = {"QueueUrl": url, "ReceiveRequestAttemptId": "attempt", "AttributeNames": ["All"]}
    got = sqs.receive_message(**attempt)["Messages"]
    assert (got[0]["Body"], got[0]["Attributes"]["MessageGroupId"]) == ("a1", "a")
    assert sqs.receive_message(**attempt)["Messages"] == got
    # Its group is blocked, the other is not.
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == ["b1"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"], VisibilityTimeout=0)
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])[0] == "InvalidParameterValue"
    # It has been received often enough, and makes way for what follows.
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url)["Messages"]] == ["a2"]
    assert refused(send, group="a", id="", body="x")[0] == "InvalidParameterValue"

    task = sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    for _ in range(100):
        tasks = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        if tasks[0]["Status"] == "COMPLETED":
            break
        time.sleep(0.05)
    assert (tasks[0]["Status"], tasks[0]["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert refused(sqs.cancel_message_move_task, TaskHandle=task)[0] == "ResourceNotFoundException"


def pages(sqs, prefix):
    urls = [sqs.create_queue(QueueName=f"{prefix}{n}")["QueueUrl"] for n in range(5)]
    listed = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert [len(page["QueueUrls"]) for page in listed] == [2, 2, 1]
    listed = sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]
    assert sorted(listed) == sorted(urls)
    for url in urls:
        sqs.delete_queue(QueueUrl=url)
    assert refused(sqs.create_queue, QueueName=f"{prefix}0")[0] == "AWS.SimpleQueueService.QueueDeletedRecently"


def main():
    found = []
    for protocol, sqs in [("json", Session(ENDPOINT).sqs), ("query", query_client())]:
        url = standard(sqs, f"standard-{protocol}")
        waits(sqs, url)
        fifo(sqs, f"ordered-{protocol}")
        pages(sqs, f"page-{protocol}-")
        found.append(errors(sqs, url))
        print(protocol, "ok")
    for over_json, over_query in zip(*found):
        assert over_json == over_query, (over_json, over_query)
    print("DONE")


main()
