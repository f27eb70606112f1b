"""Which events a pattern matches, and which patterns are none, as EventBridge was recorded to say."""

import json

from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import RECORDINGS, not_replayed, run, scenario

PATTERNS = "events/test_events_patterns"
NAMES = [key.partition("::")[2] for key in json.loads((RECORDINGS / f"{PATTERNS}.snapshot.json").read_text())]
CORPUS = RECORDINGS.parents[1] / "crates/pattern/tests/data/recordings.jsonl"
EVENT = {
    "id": "1",
    "source": "order",
    "detail-type": "Test",
    "account": "123456789012",
    "region": "us-east-1",
    "time": "2022-07-13T13:48:01Z",
    "resources": [],
    "detail": {},
}


CASES = {case["name"]: case for case in map(json.loads, CORPUS.read_text().splitlines())}
UNKNOWN = "TestEventPattern::test_event_pattern[exists_list_empty]"
not_replayed(PATTERNS, "the pattern and the event, which are not in the corpus", UNKNOWN)


@scenario(PATTERNS, *(name for name in NAMES if "::test_event_pattern[" in name and name != UNKNOWN))
def _(aws):
    case = CASES[aws.parameter]
    tested = {"Event": case["event"], "EventPattern": case["pattern"]}
    if not aws.parameter.endswith("_EXC"):
        matches = aws.events.test_event_pattern(**tested)["Result"]
        assert matches != aws.parameter.endswith("_NEG"), tested
        return
    recorded = aws.recorded[aws.parameter]["exception_message"]
    # Recorded without the place, and in full beside it.
    recorded["Error"]["Message"] = recorded["Error"].pop("MessageRaw")
    recorded.pop("message", None)
    aws.recorded = {aws.parameter: recorded}
    aws.fails(aws.parameter, aws.events.test_event_pattern, **tested)


@scenario(PATTERNS, "TestEventPattern::test_event_pattern_source")
def _(aws):
    event = json.dumps(EVENT)
    label = "eventbridge-test-event-pattern-response"
    aws.check(label, aws.events.test_event_pattern(Event=event, EventPattern='{"source": ["order"]}'))
    missed = aws.events.test_event_pattern(Event=event, EventPattern='{"source": ["shipment"]}')
    aws.check(f"{label}-no-match", missed)


@scenario(PATTERNS, *(name for name in NAMES if "::test_invalid_json_event_pattern" in name))
def _(aws):
    aws.fails("invalid-pattern", aws.events.test_event_pattern, Event=json.dumps(EVENT), EventPattern=aws.parameter)


@scenario(
    PATTERNS,
    "TestEventPattern::test_plain_string_payload",
    "TestEventPattern::test_invalid_event_payload",
    "TestEventPattern::test_array_event_payload",
)
def _(aws):
    label, event = {
        "plain_string": ("plain-string-payload-exc", "plain string"),
        "invalid_event": ("plain-string-payload-exc", '{"source": "order"'),
        "array_event": ("array-event-payload-exc", '["plain", "string"]'),
    }[aws.name.partition("::test_")[2].removesuffix("_payload")]
    aws.fails(label, aws.events.test_event_pattern, Event=event, EventPattern='{"source": ["order"]}')


@scenario(PATTERNS, "TestEventPattern::test_event_with_large_and_complex_payload")
def _(aws):
    rows = [{"id": number, "name": f"name {number}", "tags": ["a", "b"], "more": {"deep": [1, 2.5, None]}} for number in range(200)]
    event = json.dumps(EVENT | {"detail": {"rows": rows, "env": "prod"}})
    simple, complex_ = {"detail": {"env": ["prod"]}}, {"detail": {"rows": {"name": [{"suffix": "199"}]}, "env": [{"prefix": "p"}]}}
    for label, pattern in (("complex-event-simple-pattern", simple), ("complex-event-complex-pattern", complex_)):
        aws.check(label, aws.events.test_event_pattern(Event=event, EventPattern=json.dumps(pattern)))


def received(aws, pattern, *details, count=1, **target):
    """What a rule with this pattern sends into a queue of the events with these details."""
    inbox = Inbox(aws)
    source = "core.update-account-command"
    aws.events.put_rule(Name="rule", EventPattern=json.dumps({"source": [source], "detail": pattern}))
    aws.events.put_targets(Rule="rule", Targets=[{"Id": "target", "Arn": inbox.arn, **target}])
    for detail in details:
        aws.events.put_events(Entries=[{"Source": source, "DetailType": source, "Detail": json.dumps(detail)}])
    messages = inbox.messages(count)
    aws.advance(1)
    assert inbox.empty()
    return messages


@scenario(PATTERNS, "TestRuleWithPattern::test_put_events_with_rule_pattern_anything_but")
def _(aws):
    details = [{"command": command, "payload": "baz"} for command in ("display-message", None, "update-account")]
    pattern = {"command": [{"anything-but": "update-account"}]}
    aws.check("rule-anything-but", received(aws, pattern, *details, count=2))


@scenario(PATTERNS, *(f"TestRuleWithPattern::test_put_events_with_rule_pattern_exists_{exists}" for exists in ("true", "false")))
def _(aws):
    exists = aws.name.endswith("true")
    details = ({"key": "value", "payload": "baz"}, {"no-key": "no-value", "payload": "baz"})
    label = f"rule-exists-{str(exists).lower()}"
    aws.check(label, received(aws, {"key": [{"exists": exists}]}, *details))


@scenario(PATTERNS, "TestRuleWithPattern::test_put_event_with_content_base_rule_in_pattern")
def _(aws):
    detail = {
        "description": "this-is-event-details",
        "amount": 200,
        "salary": 2000,
        "env": "prod",
        "user": "user3",
        "admins": "admin",
        "test1": 300,
        "test2": "test22",
        "test3": "test333",
        "test4": "this test4",
        "ip": "10.102.1.100",
        "num-test1": 100,
        "num-test2": 200,
        "num-test3": 300,
        "num-test4": 200,
        "num-test5": 500,
        "num-test6": 300,
        "num-test7": 300,
    }
    pattern = {
        "description": [{"prefix": "this-is-event-details"}],
        "amount": [200],
        "salary": [2000, 4000],
        "env": ["dev", "prod"],
        "user": ["user1", "user2", "user3"],
        "admins": ["skyli", {"prefix": "hey"}, {"prefix": "ad"}],
        "test1": [{"anything-but": 200}],
        "test2": [{"anything-but": "test2"}],
        "test3": [{"anything-but": ["test3", "test33"]}],
        "test4": [{"anything-but": {"prefix": "test4"}}],
        "ip": [{"cidr": "10.102.1.0/24"}],
        "num-test1": [{"numeric": ["<", 200]}],
        "num-test2": [{"numeric": ["<=", 200]}],
        "num-test3": [{"numeric": [">", 200]}],
        "num-test4": [{"numeric": [">=", 200]}],
        "num-test5": [{"numeric": [">=", 200, "<=", 500]}],
        "num-test6": [{"numeric": [">", 200, "<", 500]}],
        "num-test7": [{"numeric": [">=", 200, "<", 500]}],
    }
    aws.check("messages", received(aws, pattern, detail, InputPath="$.detail"))


run()
