"""Rules on a schedule, as EventBridge was recorded to run them."""

import json

from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import RECORDINGS, not_replayed, run, scenario

SCHEDULE = "events/test_events_schedule"
NAMES = [key.partition("::")[2] for key in json.loads((RECORDINGS / f"{SCHEDULE}.snapshot.json").read_text())]

not_replayed(SCHEDULE, "nothing: no answer was recorded", "TestScheduleRate::tests_schedule_sqs_target")


@scenario(
    SCHEDULE,
    "TestScheduleRate::test_put_rule_with_schedule_rate",
    *(name for name in NAMES if "::tests_put_rule_with_schedule_cron" in name),
)
def _(aws):
    # The oldest was recorded before there were others.
    expression = aws.parameter or ("rate(1 minute)" if "rate" in aws.name else "cron(0 20 * * ? *)")
    aws.check("put-rule", aws.events.put_rule(Name="rule", ScheduleExpression=expression))
    aws.check("list-rules", aws.events.list_rules(NamePrefix="rule"))


@scenario(SCHEDULE, *(name for name in NAMES if "::tests_put_rule_with_invalid_schedule_cron" in name))
def _(aws):
    aws.fails("invalid-put-rule", aws.events.put_rule, Name="rule", ScheduleExpression=aws.parameter)


@scenario(SCHEDULE, "TestScheduleRate::tests_put_rule_with_schedule_custom_event_bus")
def _(aws):
    aws.events.create_event_bus(Name="bus")
    label = "put-rule-with-custom-event-bus-error"
    aws.fails(label, aws.events.put_rule, Name="rule", EventBusName="bus", ScheduleExpression="rate(1 minute)")


def every_minute(aws, expression, **target):
    inbox = Inbox(aws)
    aws.events.put_rule(Name="rule", ScheduleExpression=expression)
    aws.events.put_targets(Rule="rule", Targets=[{"Id": "target", "Arn": inbox.arn, **target}])
    return inbox


@scenario(SCHEDULE, "TestScheduleRate::tests_schedule_rate_target_sqs")
def _(aws):
    inbox = every_minute(aws, "rate(1 minute)")
    # The recording lost the end of a placeholder: `<queue-name`.
    aws.stand_ins["<queue-name"] = "inbox"
    aws.check("list-targets", aws.events.list_targets_by_rule(Rule="rule"))
    for label in ("messages-first", "messages-second"):
        aws.advance(60)
        aws.check(label, inbox.messages())


@scenario(SCHEDULE, "TestScheduleRate::tests_schedule_rate_custom_input_target_sqs")
def _(aws):
    inbox = every_minute(aws, "rate(1 minute)", Input='{"custom-value": "somecustominput"}')
    aws.check("list-targets", aws.events.list_targets_by_rule(Rule="rule"))
    aws.advance(60)
    aws.check("messages", inbox.messages())


@scenario(SCHEDULE, "TestScheduleCron::test_schedule_cron_target_sqs")
def _(aws):
    inbox = every_minute(aws, "cron(* * * * ? *)")
    aws.advance(60)
    aws.check("message", inbox.messages())


run()
