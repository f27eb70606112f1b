"""Events, buses, rules and targets, as EventBridge was recorded to answer."""

import datetime
import json

from pontoon_e2e.eventbridge import ENTRY, PATTERN
from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import not_replayed, run, scenario

EVENTS = "events/test_events"


def without(*keys):
    return {key: value for key, value in ENTRY.items() if key not in keys}


def bus(aws, parameter=None):
    """The bus that a scenario's parameter names, made unless it is the default one."""
    if (parameter or aws.parameter or "").endswith("default"):
        return "default"
    aws.events.create_event_bus(Name="bus")
    return "bus"


def rule(aws, name="rule", bus_name="default", pattern=PATTERN, targets=(), **more):
    """A rule with targets."""
    arn = aws.events.put_rule(Name=name, EventBusName=bus_name, EventPattern=pattern, **more)["RuleArn"]
    if targets:
        put = aws.events.put_targets(Rule=name, EventBusName=bus_name, Targets=list(targets))
        assert not put["FailedEntryCount"], put
    return arn


def pattern_of_source(*sources):
    return json.dumps({"source": list(sources)})


@scenario(EVENTS, "TestEvents::test_put_events_without_source")
def _(aws):
    aws.check("put-events", aws.events.put_events(Entries=[without("Source")]))


@scenario(EVENTS, "TestEvents::test_put_event_without_detail")
def _(aws):
    aws.check("put-events", aws.events.put_events(Entries=[without("Detail")]))


@scenario(EVENTS, "TestEvents::test_put_event_without_detail_type")
def _(aws):
    aws.check("put-events", aws.events.put_events(Entries=[without("DetailType")]))


MALFORMED = {
    "STRING": "not an object",
    "ARRAY": '["not", "an", "object"]',
    "MALFORMED_JSON": '{"not": closed}',
    "SERIALIZED_STRING": '"{\\"command\\": \\"update-account\\"}"',
}


@scenario(EVENTS, *(f"TestEvents::test_put_event_malformed_detail[{kind}]" for kind in MALFORMED))
def _(aws):
    aws.check("put-events", aws.events.put_events(Entries=[ENTRY | {"Detail": MALFORMED[aws.parameter]}]))


@scenario(EVENTS, "TestEvents::test_put_event_with_too_big_detail")
def _(aws):
    # More than 256 KiB when it was recorded; AWS has taken a megabyte since 2026.
    big = json.dumps({"payload": ["p" * 1024 * 1024]})
    aws.fails("put-events-too-big-detail-error", aws.events.put_events, Entries=[ENTRY | {"Detail": big}])


@scenario(EVENTS, *(f"TestEvents::test_put_events_exceed_limit_ten_entries[{name}]" for name in ("custom", "default")))
def _(aws):
    entry = ENTRY | {"EventBusName": bus(aws)}
    aws.fails("put-events-exceed-limit-error", aws.events.put_events, Entries=[entry] * 11)


@scenario(EVENTS, "TestEvents::test_put_events_time")
def _(aws):
    inbox = Inbox(aws)
    rule(aws, pattern=pattern_of_source("core.update-account-command"), targets=[{"Id": "target", "Arn": inbox.arn}])
    times = ("2022-01-01", "01-01-2022", "2022-01-01T00:00:00Z")
    for time, message in zip(times, ("short time", "new time", "long time")):
        aws.events.put_events(Entries=[ENTRY | {"Time": time, "Detail": json.dumps({"message": message})}])
    messages = inbox.messages(3)
    aws.check("messages", messages)
    for message in messages:
        assert json.loads(message["Body"])["time"] == "2022-01-01T00:00:00Z", message


@scenario(EVENTS, "TestEvents::test_put_events_with_time_field")
def _(aws):
    inbox = Inbox(aws)
    rule(aws, pattern=pattern_of_source("test-source"), targets=[{"Id": "target", "Arn": inbox.arn}])
    entry = {"Source": "test-source", "DetailType": "test-detail-type", "Detail": '{"message": "test message"}'}
    aws.check("put-events", aws.events.put_events(Entries=[entry | {"Time": datetime.datetime(2024, 1, 2, 3, 4, 5)}]))
    messages = inbox.messages()
    aws.check("sqs-messages", messages)
    assert json.loads(messages[0]["Body"])["time"] == "2024-01-02T03:04:05Z", messages


@scenario(EVENTS, "TestEvents::test_create_connection_validations")
def _(aws):
    name = "This should fail with two errors 123467890123412341234123412341234"
    parameters = {"BasicAuthParameters": {"Username": "user", "Password": "pass"}}
    aws.fails(
        "create_connection_exc", aws.events.create_connection, Name=name, AuthorizationType="INVALID", AuthParameters=parameters
    )


@scenario(EVENTS, "TestEvents::test_put_events_response_entries_order")
def _(aws):
    one, two = Inbox(aws, "one"), Inbox(aws, "two")
    rule(aws, targets=[{"Id": "one", "Arn": one.arn}, {"Id": "two", "Arn": two.arn}])
    answer = aws.events.put_events(Entries=[ENTRY])
    aws.check("put-events-response", answer)
    received = {"queue1_messages": one.messages(), "queue2_messages": two.messages()}
    aws.check("sqs-messages", received)


@scenario(EVENTS, "TestEvents::test_put_events_with_target_delivery_failure")
def _(aws):
    rule(aws, targets=[{"Id": "gone", "Arn": f"arn:aws:sqs:{aws.region}:{aws.account}:gone"}])
    aws.check("put-events-response", aws.events.put_events(Entries=[ENTRY]))


@scenario(
    EVENTS,
    *(
        f"TestEventBus::test_create_list_describe_delete_custom_event_buses[{described}-regions{regions}]"
        for described in (True, False)
        for regions in (0, 1)
    ),
)
def _(aws):
    regions = ["us-east-1"] if aws.parameter.endswith("0") else ["us-east-1", "us-west-1", "eu-central-1"]
    description = {"Description": "test bus"} if aws.parameter.startswith("True") else {}
    for region in regions:
        aws.bound["<region>"] = region
        events = aws.client("events", region=region)
        aws.check(f"create-custom-event-bus-{region}", events.create_event_bus(Name="bus", **description))
        aws.check(f"list-event-buses-after-create-{region}", events.list_event_buses(NamePrefix="bus"))
        aws.check(f"describe-custom-event-bus-{region}", events.describe_event_bus(Name="bus"))
    for region in regions:
        events = aws.client("events", region=region)
        aws.check(f"delete-custom-event-bus-{region}", events.delete_event_bus(Name="bus"))
        aws.check(f"list-event-buses-after-delete-{region}", events.list_event_buses(NamePrefix="bus"))


@scenario(EVENTS, "TestEventBus::test_create_multiple_event_buses_same_name")
def _(aws):
    bus(aws)
    aws.fails("create-multiple-event-buses-same-name", aws.events.create_event_bus, Name="bus")


@scenario(EVENTS, "TestEventBus::test_describe_delete_not_existing_event_bus")
def _(aws):
    aws.fails("describe-not-existing-event-bus-error", aws.events.describe_event_bus, Name="missing")
    aws.fails("delete-not-existing-event-bus", aws.events.delete_event_bus, Name="missing")


@scenario(EVENTS, "TestEventBus::test_delete_default_event_bus")
def _(aws):
    aws.fails("delete-default-event-bus-error", aws.events.delete_event_bus, Name="default")


@scenario(EVENTS, "TestEventBus::test_list_event_buses_with_prefix")
def _(aws):
    for name in ("bus-one", "other"):
        aws.events.create_event_bus(Name=name)
    aws.check("list-event-buses-prefix-complete-name", aws.events.list_event_buses(NamePrefix="bus-one"))
    aws.check("list-event-buses-prefix", aws.events.list_event_buses(NamePrefix="bus"))


@scenario(EVENTS, "TestEventBus::test_list_event_buses_with_limit")
def _(aws):
    for number in range(6):
        aws.events.create_event_bus(Name=f"bus-{number}")
    first = aws.check("list-event-buses-limit", aws.events.list_event_buses(NamePrefix="bus", Limit=3))
    more = aws.events.list_event_buses(NamePrefix="bus", Limit=3, NextToken=first["NextToken"])
    aws.check("list-event-buses-limit-next-token", more)


@scenario(EVENTS, "TestEventBus::test_put_permission[custom]", "TestEventBus::test_put_permission[default]")
def _(aws):
    name, other = bus(aws), "222222222222"
    aws.bound["<secondary-account-id>"] = other
    allow = {"EventBusName": name, "Action": "events:PutEvents"}
    aws.check("put-permission", aws.events.put_permission(**allow, Principal=aws.account, StatementId="one"))
    aws.events.put_permission(**allow, Principal=aws.account, StatementId="two")
    aws.events.put_permission(**allow, Principal=other, StatementId="three")
    aws.check("describe-event-bus-put-permission-multiple-principals", aws.events.describe_event_bus(Name=name))
    aws.events.put_permission(**allow, Principal="*", StatementId="four")
    aws.check("describe-event-bus-put-permission", aws.events.describe_event_bus(Name=name))
    statement = {
        "Sid": "five",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "events:ListRules",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.check("put-permission-policy", aws.events.put_permission(EventBusName=name, Policy=policy))
    aws.check("describe-event-bus-put-permission-policy", aws.events.describe_event_bus(Name=name))


@scenario(EVENTS, "TestEventBus::test_put_permission_non_existing_event_bus")
def _(aws):
    aws.fails(
        "remove-permission-non-existing-sid-error",
        aws.events.put_permission,
        EventBusName="missing",
        Action="events:PutEvents",
        Principal="*",
        StatementId="one",
    )


@scenario(EVENTS, "TestEventBus::test_remove_permission[custom]", "TestEventBus::test_remove_permission[default]")
def _(aws):
    name, other = bus(aws), "222222222222"
    aws.bound["<secondary-account-id>"] = other
    for principal, statement in ((aws.account, "zero"), (other, "one")):
        aws.events.put_permission(EventBusName=name, Action="events:PutEvents", Principal=principal, StatementId=statement)
    aws.check("remove-permission", aws.events.remove_permission(EventBusName=name, StatementId="zero"))
    aws.check("describe-event-bus-remove-permission", aws.events.describe_event_bus(Name=name))
    aws.events.put_permission(EventBusName=name, Action="events:PutEvents", Principal=aws.account, StatementId="zero")
    removed = aws.events.remove_permission(EventBusName=name, RemoveAllPermissions=True)
    aws.check("remove-permission-all", removed)
    aws.check("describe-event-bus-remove-permission-all", aws.events.describe_event_bus(Name=name))


@scenario(
    EVENTS,
    *(
        f"TestEventBus::test_remove_permission_non_existing_sid[{policy}-{name}]"
        for policy in (True, False)
        for name in ("custom", "default")
    ),
)
def _(aws):
    name = bus(aws)
    if aws.parameter.startswith("True"):
        aws.events.put_permission(EventBusName=name, Action="events:PutEvents", Principal="*", StatementId="one")
    aws.fails(
        "remove-permission-non-existing-sid-error", aws.events.remove_permission, EventBusName=name, StatementId="missing"
    )


@scenario(EVENTS, *(f"TestEventBus::test_put_events_bus_to_bus[{strategy}]" for strategy in ("standard", "domain", "path")))
def _(aws):
    inbox = Inbox(aws)
    one, two = (aws.events.create_event_bus(Name=name)["EventBusArn"] for name in ("one", "two"))
    rule(aws, bus_name="one", targets=[{"Id": "two", "Arn": two}])
    rule(aws, bus_name="two", targets=[{"Id": "inbox", "Arn": inbox.arn}])
    aws.events.put_events(Entries=[ENTRY | {"EventBusName": one}])
    aws.check("messages", inbox.messages())


not_replayed(
    EVENTS,
    "what S3 tells EventBridge of its objects",
    "TestEventBus::test_put_events_to_default_eventbus_for_custom_eventbus",
)


@scenario(EVENTS, "TestEventBus::test_put_events_nonexistent_event_bus")
def _(aws):
    inbox = Inbox(aws)
    rule(aws, pattern=pattern_of_source("MySource"), targets=[{"Id": "inbox", "Arn": inbox.arn}])
    entry = {"Source": "MySource", "DetailType": "CustomType"}
    entries = [
        entry | {"Detail": '{"message": "for the default event bus"}'},
        entry | {"EventBusName": "missing", "Detail": '{"message": "for no event bus"}'},
    ]
    aws.check("put-events", aws.events.put_events(Entries=entries))
    aws.check("get-events", inbox.messages())
    aws.fails("non-existent-bus-error", aws.events.describe_event_bus, Name="missing")


@scenario(EVENTS, *(f"TestEventRule::test_put_list_with_prefix_describe_delete_rule[{name}]" for name in ("custom", "default")))
def _(aws):
    name = bus(aws)
    aws.check("put-rule", aws.events.put_rule(Name="rule-one", EventBusName=name, EventPattern=PATTERN))
    aws.check("list-rules", aws.events.list_rules(NamePrefix="rule-", EventBusName=name))
    aws.check("describe-rule", aws.events.describe_rule(Name="rule-one", EventBusName=name))
    aws.check("delete-rule", aws.events.delete_rule(Name="rule-one", EventBusName=name))
    aws.check("list-rules-after-delete", aws.events.list_rules(NamePrefix="rule-", EventBusName=name))


@scenario(EVENTS, "TestEventRule::test_put_multiple_rules_with_same_name")
def _(aws):
    name = bus(aws)
    for label in ("put-rule", "re-put-rule"):
        aws.check(label, aws.events.put_rule(Name="rule", EventBusName=name, EventPattern=PATTERN))
    aws.check("list-rules", aws.events.list_rules(EventBusName=name))


@scenario(EVENTS, "TestEventRule::test_list_rule_with_limit")
def _(aws):
    name = bus(aws)
    for number in range(6):
        rule(aws, f"rule-{number}", name)
    first = aws.check("list-rules-limit", aws.events.list_rules(EventBusName=name, Limit=3))
    more = aws.events.list_rules(EventBusName=name, Limit=3, NextToken=first["NextToken"])
    aws.check("list-rules-limit-next-token", more)


@scenario(EVENTS, "TestEventRule::test_describe_nonexistent_rule")
def _(aws):
    aws.fails("describe-not-existing-rule-error", aws.events.describe_rule, Name="missing")


@scenario(EVENTS, *(f"TestEventRule::test_disable_re_enable_rule[{name}]" for name in ("custom", "default")))
def _(aws):
    named = {"Name": "rule", "EventBusName": bus(aws)}
    rule(aws, bus_name=named["EventBusName"])
    for done in ("disable", "enable"):
        aws.check(f"{done}-rule", getattr(aws.events, f"{done}_rule")(**named))
        aws.check(f"describe-rule-{done}d", aws.events.describe_rule(**named))


@scenario(EVENTS, "TestEventRule::test_delete_rule_with_targets")
def _(aws):
    rule(aws, targets=[{"Id": "inbox", "Arn": Inbox(aws).arn}])
    aws.fails("delete-rule-with-targets-error", aws.events.delete_rule, Name="rule")


@scenario(EVENTS, "TestEventRule::test_update_rule_with_targets")
def _(aws):
    rule(aws, targets=[{"Id": "inbox", "Arn": Inbox(aws).arn}])
    aws.check("list-targets", aws.events.list_targets_by_rule(Rule="rule"))
    aws.check("update-rule", aws.events.put_rule(Name="rule", EventPattern=PATTERN))
    aws.check("list-targets-after-update", aws.events.list_targets_by_rule(Rule="rule"))


@scenario(EVENTS, "TestEventRule::test_process_to_multiple_matching_rules_single_target")
def _(aws):
    inbox = Inbox(aws)
    for name in ("one", "two"):
        rule(aws, name, targets=[{"Id": "inbox", "Arn": inbox.arn}])
    aws.events.put_events(Entries=[ENTRY])
    aws.check("events", inbox.bodies(2))


@scenario(EVENTS, "TestEventRule::test_process_to_single_matching_rules_single_target")
def _(aws):
    inbox, events = Inbox(aws), []
    for source in ("source-one", "source-two", "source-three"):
        rule(aws, source, pattern=pattern_of_source(source), targets=[{"Id": "inbox", "Arn": inbox.arn}])
        aws.events.put_events(Entries=[ENTRY | {"Source": source}])
        events += inbox.bodies()
        aws.check(f"events-{source}", events)


@scenario(EVENTS, "TestEventRule::test_process_pattern_to_single_matching_rules_single_target")
def _(aws):
    inbox, events = Inbox(aws), []
    fields = ({"detail-payload-with-id": {"payload": {"id": "123"}}}, {"detail-with-id": {"id": "123"}})
    for number, detail in enumerate(fields, 1):
        pattern = json.dumps({"detail": json.loads(json.dumps(detail).replace('"123"', '["123"]'))})
        rule(aws, f"rule-{number}", pattern=pattern, targets=[{"Id": "inbox", "Arn": inbox.arn, "InputPath": "$.detail"}])
        aws.events.put_events(Entries=[ENTRY | {"Detail": json.dumps(detail)}])
        events += inbox.bodies()
        aws.check(f"events-{number}", events)


@scenario(EVENTS, "TestEventPattern::test_put_events_pattern_with_values_in_array")
def _(aws):
    inbox = Inbox(aws)
    pattern = json.dumps({"detail": {"event": {"data": {"type": ["1", "2"]}}}})
    rule(aws, pattern=pattern, targets=[{"Id": "inbox", "Arn": inbox.arn, "InputPath": "$.detail"}])
    entries = [ENTRY | {"Detail": json.dumps({"event": {"data": {"type": types}}})} for types in (["3", "1"], ["2"], ["3"])]
    aws.events.put_events(Entries=entries)
    aws.check("messages", inbox.messages(2))
    assert inbox.empty()


@scenario(EVENTS, "TestEventPattern::test_put_events_pattern_nested")
def _(aws):
    inbox = Inbox(aws)
    pattern = json.dumps({"detail": {"event": {"data": {"type": ["1"]}}}})
    rule(aws, pattern=pattern, targets=[{"Id": "inbox", "Arn": inbox.arn, "InputPath": "$.detail"}])
    details = ({"event": {"data": {"type": "1"}}}, {"event": {"data": {"type": "2"}}}, {"hello": "world"})
    aws.events.put_events(Entries=[ENTRY | {"Detail": json.dumps(detail)} for detail in details])
    aws.check("messages", inbox.messages())
    assert inbox.empty()


def target(id="target", arn=None, **more):
    return {"Id": id, "Arn": arn or "arn:aws:sqs:us-east-1:000000000000:queue", **more}


@scenario(EVENTS, *(f"TestEventTarget::test_put_list_remove_target[{name}]" for name in ("custom", "default")))
def _(aws):
    name = bus(aws)
    rule(aws, bus_name=name)
    named = {"Rule": "rule", "EventBusName": name}
    aws.check("put-target", aws.events.put_targets(**named, Targets=[target()]))
    aws.check("list-targets", aws.events.list_targets_by_rule(**named))
    aws.check("remove-target", aws.events.remove_targets(**named, Ids=["target"]))
    aws.check("list-targets-after-delete", aws.events.list_targets_by_rule(**named))


@scenario(EVENTS, "TestEventTarget::test_add_exceed_fife_targets_per_rule")
def _(aws):
    rule(aws, targets=[target(f"target{number}") for number in range(5)])
    aws.fails("put-targets-client-error", aws.events.put_targets, Rule="rule", Targets=[target("target5")])


@scenario(EVENTS, "TestEventTarget::test_list_target_by_rule_limit")
def _(aws):
    rule(aws, targets=[target(f"target{number}") for number in range(5)])
    first = aws.check("list-targets-limit", aws.events.list_targets_by_rule(Rule="rule", Limit=3))
    more = aws.events.list_targets_by_rule(Rule="rule", Limit=3, NextToken=first["NextToken"])
    aws.check("list-targets-limit-next-token", more)


@scenario(EVENTS, "TestEventTarget::test_put_target_id_validation")
def _(aws):
    rule(aws)
    aws.fails("put-targets-invalid-id-error", aws.events.put_targets, Rule="rule", Targets=[target("!@#$@!#$")])
    long = aws.stand_ins["second-invalid-target-id"] = "x" * 65
    aws.fails("put-targets-length-error", aws.events.put_targets, Rule="rule", Targets=[target(long)])


@scenario(
    EVENTS,
    *(
        f"TestEventTarget::test_put_multiple_targets_with_same_{what}"
        for what in ("id_single_rule", "id_across_different_rules", "arn_single_rule", "arn_across_different_rules")
    ),
)
def _(aws):
    aws.stand_ins["target-arn"] = target()["Arn"]
    across = aws.name.endswith("different_rules")
    ids = ("target-id-one", "target-id-two") if aws.name.endswith("arn_single_rule") else ("target-id", "target-id")
    second = "$.notexisting" if "same_id" in aws.name else "$.doesnotexist"
    for name, id, path in zip(("one", "two" if across else "one"), ids, ("$.detail", second)):
        rule(aws, name, targets=[target(id, InputPath=path)])
    if across:
        for name in ("one", "two"):
            aws.check(f"list-targets-rule-{name}", aws.events.list_targets_by_rule(Rule=name))
    else:
        aws.check("list-targets", aws.events.list_targets_by_rule(Rule="one"))


@scenario(
    EVENTS,
    *(
        f"TestEventRule::test_list_rule_names_by_target{what}[{name}]"
        for what in ("", "_with_limit", "_no_matches")
        for name in ("custom", "default")
    ),
)
def _(aws):
    name, what = bus(aws), aws.name.partition("by_target")[2].partition("[")[0]
    for number in range({"": 3, "_with_limit": 5, "_no_matches": 1}[what]):
        rule(aws, f"rule{number}", name, targets=[target()])
    sought = {"EventBusName": name, "TargetArn": target()["Arn"] + ("-other" if what == "_no_matches" else "")}
    if what != "_with_limit":
        aws.check(f"list_rule_names_by_target{what}", aws.events.list_rule_names_by_target(**sought))
        return
    page = {}
    for label in ("first_page", "second_page", "third_page"):
        token = {"NextToken": page["NextToken"]} if page else {}
        page = aws.check(label, aws.events.list_rule_names_by_target(**sought, Limit=2, **token))


run()
