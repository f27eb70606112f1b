"""What targets get that take a part of the event or a text made of it, as EventBridge was recorded to make it."""

import json

from pontoon_e2e.eventbridge import DETAIL, ENTRY
from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import RECORDINGS, not_replayed, run, scenario

INPUTS = "events/test_events_inputs"
SNAPSHOT = json.loads((RECORDINGS / f"{INPUTS}.snapshot.json").read_text())
RECORDED = {key.partition("::")[2]: content for key, content in SNAPSHOT.items()}
PATTERN = json.dumps({"source": ["core.update-account-command"]})


def rule(aws, inbox, **target):
    aws.events.create_event_bus(Name="bus")
    aws.events.put_rule(Name="rule", EventBusName="bus", EventPattern=PATTERN)
    put = aws.events.put_targets(Rule="rule", EventBusName="bus", Targets=[{"Id": "target", "Arn": inbox.arn, **target}])
    assert not put["FailedEntryCount"], put


def put(aws, detail=DETAIL):
    entry = ENTRY | {"EventBusName": "bus", "Detail": json.dumps(detail)}
    answer = aws.events.put_events(Entries=[entry])
    assert not answer["FailedEntryCount"], answer


@scenario(
    INPUTS,
    "TestInputPath::test_put_events_with_input_path",
    "TestInputPath::test_put_events_with_input_path_nested[event_detail0]",
    "TestInputPath::test_put_events_with_input_path_nested[event_detail1]",
    "TestInputPath::test_put_events_with_input_path_max_level_depth",
)
def _(aws):
    deeper = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "payload": {"message": "baz", "id": "123"}}}
    path, detail = {
        None: ("$.detail", DETAIL),
        "event_detail0": ("$.detail.payload", DETAIL),
        "event_detail1": ("$.detail.payload", deeper),
    }[aws.parameter]
    if aws.name.endswith("max_level_depth"):
        path = "$.detail.payload.sf_id"
    inbox = Inbox(aws)
    rule(aws, inbox, InputPath=path)
    put(aws, detail)
    aws.check("message", inbox.messages())


@scenario(INPUTS, "TestInputPath::test_put_events_with_input_path_multiple_targets")
def _(aws):
    one, two = Inbox(aws, "one"), Inbox(aws, "two")
    rule(aws, one, InputPath="$.detail")
    aws.events.put_targets(Rule="rule", EventBusName="bus", Targets=[{"Id": "two", "Arn": two.arn}])
    put(aws)
    aws.check("message-queue-1", one.messages())
    aws.check("message-queue-2", two.messages())


def as_recorded(messages, *, quoted):
    """The messages with their time told as it was recorded: `date`."""
    for message in messages:
        time = json.loads(message["Body"])["time"] if not quoted else message["Body"].partition("at time ")[2].partition(",")[0]
        if time:
            message["Body"] = message["Body"].replace(time, "date")
    return messages


@scenario(
    INPUTS,
    "TestInputTransformer::test_put_events_with_input_transformer_input_template_json",
    *(name for name in RECORDED if "::test_put_events_with_input_transformer_input_template_string" in name),
)
def _(aws):
    text = aws.parameter or (
        '{"detailType": <detail-type>, "time": <timestamp>, "command": <command>}'
        if aws.name.endswith("json")
        else '"Event of <detail-type> type, at time <timestamp>, info extracted from detail <command>"'
    )
    paths = {"detail-type": "$.detail-type", "timestamp": "$.time", "command": "$.detail.command"}
    inbox = Inbox(aws)
    rule(aws, inbox, InputTransformer={"InputPathsMap": paths, "InputTemplate": text})
    for label, detail in (("custom-variables-match-all", DETAIL), ("custom-variables-not-match-all", {"none": "of them"})):
        put(aws, detail)
        aws.check(label, as_recorded(inbox.messages(), quoted=text.startswith('"')))


@scenario(INPUTS, "TestInputTransformer::test_put_events_with_input_transformer_missing_keys")
def _(aws):
    inbox = Inbox(aws)
    rule(aws, inbox)
    transformer = {"InputPathsMap": {"notused": "$.detail"}, "InputTemplate": '"Event of <notdefinedkey>"'}
    target = {"Id": "target", "Arn": inbox.arn, "InputTransformer": transformer}
    aws.fails("missing-key-exception-error", aws.events.put_targets, Rule="rule", EventBusName="bus", Targets=[target])


@scenario(INPUTS, "test_put_event_input_path_and_input_transformer")
def _(aws):
    inbox = Inbox(aws)
    rule(aws, inbox)
    transformer = {"InputPathsMap": {"command": "$.detail.command"}, "InputTemplate": '"<command>"'}
    target = {"Id": "target", "Arn": inbox.arn, "InputTransformer": transformer, "InputPath": "$.detail"}
    label = "duplicated-input-operations-error"
    aws.fails(label, aws.events.put_targets, Rule="rule", EventBusName="bus", Targets=[target])


@scenario(INPUTS, *(name for name in RECORDED if "::test_input_transformer_predefined_variables" in name))
def _(aws):
    inbox = Inbox(aws)
    rule(aws, inbox, InputTransformer={"InputPathsMap": {}, "InputTemplate": aws.parameter})
    put(aws)
    messages = inbox.messages()
    if aws.parameter.startswith('"'):
        ingested = messages[0]["Body"].rstrip('"').rpartition(" ")[2]
        messages[0]["Body"] = messages[0]["Body"].replace(ingested, "date")
    aws.check("messages", messages)


NESTED = {name: bool(content["recorded-content"]) for name, content in RECORDED.items() if "_nested_keys_replacement" in name}
not_replayed(INPUTS, "nothing: no answer was recorded", *(name for name, recorded in NESTED.items() if not recorded))


@scenario(INPUTS, *(name for name, recorded in NESTED.items() if recorded))
def _(aws):
    paths = {
        "userId": "$.detail.payload.acc_id",
        "payload": "$.detail.payload",
        "systemstring": "$.detail.awsAccountId",
        "listsingle": "$.detail.listsingle",
        "listmulti": "$.detail.listmulti",
        "valid": "$.detail.valid",
    }
    detail = DETAIL | {"listsingle": ["HIGH"], "listmulti": ["ACTIVE", "INACTIVE"], "valid": True}
    inbox = Inbox(aws)
    transformer = {"InputPathsMap": paths, "InputTemplate": aws.parameter.replace("\\n", "\n")}
    rule(aws, inbox, InputTransformer=transformer)
    put(aws, detail)
    aws.check("input-transformed-messages", inbox.messages())


run()
