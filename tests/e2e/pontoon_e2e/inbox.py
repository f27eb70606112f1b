"""Queues that scenarios look into to see what was delivered."""

import json

from .session import eventually

SENT_BY = ("events.amazonaws.com", "sns.amazonaws.com", "scheduler.amazonaws.com")


class Inbox:
    """A queue into which every service may send."""

    def __init__(self, session, name="inbox", region=None, account=None, **attributes):
        self.sqs = session.client("sqs", region=region, account=account)
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Effect": "Allow", "Principal": {"Service": SENT_BY}, "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def messages(self, count=1, **receive):
        """The next `count` messages, each deleted, as ReceiveMessage gives them."""
        found = []

        def look():
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, **receive)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message)
            return len(found) >= count

        eventually(f"{count} messages", look)
        assert len(found) == count, found
        return found

    def peek(self):
        """The answer that has the next messages, which stay there."""
        answer = self.sqs.receive_message(QueueUrl=self.url, VisibilityTimeout=0)
        assert answer.get("Messages")
        return answer

    def bodies(self, count=1):
        """The parsed bodies of the next `count` messages."""
        return [json.loads(message["Body"]) for message in self.messages(count)]

    def empty(self):
        """Whether there is nothing to receive now."""
        return not self.sqs.receive_message(QueueUrl=self.url).get("Messages")
