"""Schedules, their groups' tags and their expressions, as EventBridge Scheduler was recorded to answer."""

import json

from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import RECORDINGS, run, scenario

SCHEDULER = "scheduler/test_scheduler"
NAMES = [key.partition("::")[2] for key in json.loads((RECORDINGS / f"{SCHEDULER}.snapshot.json").read_text())]


def call(aws, expression):
    """A schedule that sends into a queue."""
    target = {"Arn": Inbox(aws).arn, "RoleArn": f"arn:aws:iam::{aws.account}:role/scheduler", "Input": "{}"}
    window = {"Mode": "OFF"}
    return {"Name": "schedule", "ScheduleExpression": expression, "FlexibleTimeWindow": window, "Target": target}


@scenario(SCHEDULER, "test_tag_resource", "test_untag_resource")
def _(aws):
    arn = aws.scheduler.create_schedule_group(Name="group")["ScheduleGroupArn"]
    aws.scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "TagKey", "Value": "TagValue"}])
    if aws.name == "test_untag_resource":
        aws.scheduler.untag_resource(ResourceArn=arn, TagKeys=["TagKey"])
    [label] = aws.recorded
    aws.check(label, aws.scheduler.list_tags_for_resource(ResourceArn=arn))


@scenario(SCHEDULER, *(name for name in NAMES if name.startswith("tests_create_schedule_with_invalid_schedule_expression")))
def _(aws):
    aws.fails("invalid-schedule-expression", aws.scheduler.create_schedule, **call(aws, aws.parameter))


@scenario(
    SCHEDULER,
    "tests_create_schedule_with_valid_schedule_expression",
    *(name for name in NAMES if name.startswith("test_create_schedule_with_valid_cron_expressions")),
)
def _(aws):
    [label] = aws.recorded
    aws.check(label, aws.scheduler.create_schedule(**call(aws, aws.parameter or "rate(1 minute)")))


run()
