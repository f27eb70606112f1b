"""Topics and subscriptions of scenarios."""

# Recorded by a user; scenarios call in their account's own name.
PRINCIPAL = {"Attributes.SubscriptionPrincipal": "the account itself, not a user"}


def topic(aws, name="topic", **attributes):
    """The ARN of a topic that is made."""
    return aws.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]


def subscribed(aws, topic_arn, inbox, **attributes):
    """The ARN of a queue's subscription."""
    subscription = aws.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes)
    return subscription["SubscriptionArn"]


def delivered(inbox, count=1, **receive):
    """The next messages, as ReceiveMessage's answer was recorded."""
    return {"Messages": inbox.messages(count, **receive), "ResponseMetadata": {"HTTPStatusCode": 200}}
