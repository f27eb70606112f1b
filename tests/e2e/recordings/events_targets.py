"""What targets of rules get, as EventBridge was recorded to deliver it."""

import json

from pontoon_e2e.eventbridge import ENTRY
from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import not_replayed, run, scenario
from pontoon_e2e.session import eventually, zipped

TARGETS = "events/test_events_targets"
ACROSS = "events/test_events_cross_account_region"
PATTERN = {"source": ["core.update-account-command"], "detail-type": ["core.update-account-command"]}
SECONDARY_REGION = "eu-central-1"

# What a rule sends on is an action of a user: the automation is one entry of a list, alone or between others.
AUTOMATION = {
    "id": "123",
    "actions": [
        {
            "id": "321",
            "type": "SEND_NOTIFICATION",
            "settings": {"message": "", "recipientEmails": [], "subject": "", "type": "SEND_NOTIFICATION"},
        }
    ],
}


def rule(aws, arn, pattern=None, bus_name="default", **target):
    aws.events.put_rule(Name="rule", EventBusName=bus_name, EventPattern=json.dumps(pattern or PATTERN))
    put = aws.events.put_targets(Rule="rule", EventBusName=bus_name, Targets=[{"Id": "target", "Arn": arn, **target}])
    assert not put["FailedEntryCount"], put


not_replayed(TARGETS, "Firehose", "TestEventsTargetFirehose::test_put_events_with_target_firehose")
not_replayed(TARGETS, "Kinesis", "TestEventsTargetKinesis::test_put_events_with_target_kinesis")
not_replayed(TARGETS, "API Gateway", "TestEventsTargetApiGateway::test_put_events_with_target_api_gateway")


@scenario(TARGETS, "test_put_events_with_target_sqs", "TestEventsTargetSqs::test_put_events_with_target_sqs")
def _(aws):
    inbox = Inbox(aws)
    rule(aws, inbox.arn)
    aws.events.put_events(Entries=[ENTRY])
    aws.check("message", inbox.messages())


@scenario(
    TARGETS,
    "test_put_events_with_target_sqs_event_detail_match",
    "TestEventsTargetSqs::test_put_events_with_target_sqs_event_detail_match",
)
def _(aws):
    inbox = Inbox(aws)
    rule(aws, inbox.arn, {"detail": {"EventType": ["0", "1"]}}, InputPath="$.detail")
    aws.events.put_events(Entries=[ENTRY | {"Detail": json.dumps({"EventType": kind})} for kind in ("1", "2")])
    aws.check("messages", inbox.messages())


@scenario(TARGETS, *(f"TestEventsTargetEvents::test_put_events_with_target_events[bus_combination{n}]" for n in range(3)))
def _(aws):
    source, goal = {"0": ("default", "custom"), "1": ("custom", "custom2"), "2": ("custom", "default")}[aws.parameter[-1]]
    arns = {"default": aws.events.describe_event_bus()["Arn"]}
    for name in {source, goal} - {"default"}:
        arns[name] = aws.events.create_event_bus(Name=name)["EventBusArn"]
    inbox = Inbox(aws)
    rule(aws, arns[goal], bus_name=source)
    rule(aws, inbox.arn, bus_name=goal)
    aws.events.put_events(Entries=[ENTRY | {"EventBusName": source}])
    aws.check("messages", inbox.messages())


@scenario(TARGETS, *(f"TestEventsTargetSns::test_put_events_with_target_sns[{urls}]" for urls in ("standard", "domain", "path")))
def _(aws):
    inbox, topic = Inbox(aws), aws.sns.create_topic(Name="topic")["TopicArn"]
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    rule(aws, topic)
    aws.events.put_events(Entries=[ENTRY])
    messages = inbox.messages()
    event = json.loads(json.loads(messages[0]["Body"])["Message"])
    aws.stand_ins |= {"message-id": event["id"], '"date"': f'"{event["time"]}"'}
    aws.check("messages", messages)


def echo(aws):
    """A function that prints its events, and what it has printed."""
    code = {"ZipFile": zipped(index_py="import json\ndef handler(event, context):\n    print('got ' + json.dumps(event))\n")}
    role = f"arn:aws:iam::{aws.account}:role/echo"
    arn = aws.lambda_.create_function(FunctionName="echo", Runtime="python3.12", Handler="index.handler", Role=role, Code=code)[
        "FunctionArn"
    ]
    aws.lambda_.get_waiter("function_active_v2").wait(FunctionName="echo")

    def printed():
        try:
            found = aws.logs.filter_log_events(logGroupName="/aws/lambda/echo", filterPattern="got")["events"]
        except aws.logs.exceptions.ResourceNotFoundException:
            return []
        return [json.loads(event["message"].partition("got ")[2]) for event in found]

    return arn, lambda: eventually("the function has run", printed)


@scenario(TARGETS, "TestEventsTargetLambda::test_put_events_with_target_lambda")
def _(aws):
    arn, printed = echo(aws)
    rule(aws, arn)
    aws.events.put_events(Entries=[ENTRY])
    aws.check("events", printed())


@scenario(
    TARGETS,
    *(
        f"{where}test_put_events_with_target_lambda_list_{what}"
        for where in ("", "TestEventsTargetLambda::")
        for what in ("entry", "entries_partial_match")
    ),
)
def _(aws):
    arn, printed = echo(aws)
    rule(aws, arn, {"detail": {"payload": {"automations": {"id": [{"exists": True}]}}}})
    around = [{"foo": "bar"}, AUTOMATION, {"bar": "foo"}]
    payload = {
        "userId": 10,
        "businessId": 3,
        "channelId": 6,
        "card": {"foo": "bar"},
        "targetEntity": True,
        "entityAuditTrailEvent": {"foo": "bar"},
        "automations": around if aws.name.endswith("partial_match") else [AUTOMATION],
    }
    aws.events.put_events(Entries=[ENTRY | {"Detail": json.dumps({"payload": payload})}])
    aws.check("events", printed())


@scenario(TARGETS, "TestEventsTargetCloudWatchLogs::test_put_events_with_target_cloudwatch_logs")
def _(aws):
    group = "/aws/events/group"
    aws.logs.create_log_group(logGroupName=group)
    arn = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"].removesuffix(":*")
    aws.check("event_bus_response", aws.events.create_event_bus(Name="bus"))
    put = aws.events.put_rule(Name="rule", EventBusName="bus", EventPattern=json.dumps(PATTERN))
    aws.check("rule_response", put)
    targets = [{"Id": "target", "Arn": arn}]
    aws.check("put_targets_response", aws.events.put_targets(Rule="rule", EventBusName="bus", Targets=targets))
    aws.check("put_events_response", aws.events.put_events(Entries=[ENTRY | {"EventBusName": "bus"}]))

    def look():
        streams = aws.logs.describe_log_streams(logGroupName=group)["logStreams"]
        return streams and aws.logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"])["events"]

    aws.check("log_events", eventually("the event is logged", look))


@scenario(
    ACROSS,
    *(
        f"test_event_bus_to_event_bus_cross_account_region[{name}-{what}]"
        for name in ("default", "custom")
        for what in ("region", "account", "region_account")
    ),
    "TestEventsCrossAccountRegion::test_put_events[custom-account]",
)
def _(aws):
    name, _, what = aws.parameter.partition("-")
    account = f"{int(aws.account) ^ 1:012}" if "account" in what else aws.account
    region = SECONDARY_REGION if "region" in what else aws.region
    aws.bound |= {"<account>": aws.account, "<account-secondary>": account, "<region-secondary>": region}
    events = {"primary": aws.events, "secondary": aws.client("events", account, region)}
    names = {where: f"{name}-{where}" if name == "custom" else "default" for where in events}
    arns = {}
    for where, client in events.items():
        if name == "custom":
            client.create_event_bus(Name=names[where])
        arns[where] = client.describe_event_bus(Name=names[where])["Arn"]
    if account != aws.account:
        allow = {"Action": "events:PutEvents", "Principal": aws.account, "StatementId": "primary"}
        events["secondary"].put_permission(EventBusName=names["secondary"], **allow)
    secondary = Inbox(aws, "secondary", region=region, account=account)
    if "test_put_events" in aws.name:
        into(events["secondary"], names["secondary"], "source-primary", secondary.arn)
        aws.events.put_events(Entries=[ENTRY | {"Source": "source-primary", "EventBusName": arns["secondary"]}])
        aws.check("messages", secondary.messages())
        return
    primary = Inbox(aws, "primary")
    role = {"RoleArn": f"arn:aws:iam::{aws.account}:role/events"}
    into(events["primary"], names["primary"], "source-primary", primary.arn, arns["secondary"], **role)
    into(events["secondary"], names["secondary"], "source-primary", secondary.arn)
    events["primary"].put_events(Entries=[ENTRY | {"Source": "source-primary", "EventBusName": names["primary"]}])
    aws.check("messages_primary_queue_from_primary_event_bus", primary.messages())
    aws.check("messages_secondary_queue_from_primary_event_bus", secondary.messages())
    into(events["secondary"], names["secondary"], "source-secondary", secondary.arn)
    events["secondary"].put_events(Entries=[ENTRY | {"Source": "source-secondary", "EventBusName": names["secondary"]}])
    aws.check("messages_secondary_queue_from_secondary_event_bus", secondary.messages())


def into(events, bus_name, source, queue, bus=None, **of_bus):
    """A rule that sends the events of a source into a queue, and to another bus."""
    events.put_rule(Name=source, EventBusName=bus_name, EventPattern=json.dumps({"source": [source]}))
    targets = [{"Id": "queue", "Arn": queue}] + ([{"Id": "bus", "Arn": bus, **of_bus}] if bus else [])
    put = events.put_targets(Rule=source, EventBusName=bus_name, Targets=targets)
    assert not put["FailedEntryCount"], put


run()
