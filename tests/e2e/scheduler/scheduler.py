"""Schedules through boto3: what fires when, at queues, topics, buses and any operation, across a restart.

Usage: scheduler.py ENDPOINT {first|second}

`first` runs on a virtual clock, which it freezes; `second` runs on the same data after a restart. Every wait is bounded.
"""

import datetime
import json
import sys

from pontoon_e2e.session import ACCOUNT, REGION, Session, check, error_of

ENDPOINT, MODE = sys.argv[1:]


aws = Session(ENDPOINT)
scheduler, sqs, iam, events, logs, cloudwatch, cloudformation = (
    aws.client(service) for service in ("scheduler", "sqs", "iam", "events", "logs", "cloudwatch", "cloudformation")
)


def url(name):
    return f"{ENDPOINT}/{ACCOUNT}/{name}"


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def received(queue):
    bodies = []
    while True:
        answer = sqs.receive_message(QueueUrl=url(queue), MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages = answer.get("Messages", [])
        if not messages:
            return bodies
        for message in messages:
            bodies.append(message)
            sqs.delete_message(QueueUrl=url(queue), ReceiptHandle=message["ReceiptHandle"])


def target(arn, **more):
    return {"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/schedules", **more}


def create(name, expression, target, **more):
    window = more.pop("FlexibleTimeWindow", {"Mode": "OFF"})
    return scheduler.create_schedule(
        Name=name, ScheduleExpression=expression, Target=target, FlexibleTimeWindow=window, **more
    )


def set_up():
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    refusal = error_of(create, name="s", expression="rate(1 day)", target=target(arn("sqs", "q")))
    check("a role that is not there is refused", refusal and "must allow AWS EventBridge Scheduler" in refusal[1])
    iam.create_role(RoleName="schedules", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="schedules", PolicyName="all", PolicyDocument=json.dumps(may))
    for queue in ("q", "dead", "of-bus"):
        sqs.create_queue(QueueName=queue)
    sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})


def recurring():
    text = "<aws.scheduler.schedule-arn> <aws.scheduler.attempt-number>"
    made = create("every", "rate(10 minutes)", target(arn("sqs", "q"), Input=text))
    check("the ARN is the schedule's", made["ScheduleArn"] == arn("scheduler", "schedule/default/every"))
    aws.advance(25 * 60)
    bodies = [message["Body"] for message in received("q")]
    check("a rate fires at once and every ten minutes", bodies == [f"{made['ScheduleArn']} 1"] * 3)
    shown = scheduler.get_schedule(Name="every")
    check("the retry policy has its defaults", shown["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185)
    scheduler.update_schedule(
        Name="every",
        ScheduleExpression="rate(10 minutes)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target(arn("sqs", "q")),
        State="DISABLED",
    )
    aws.advance(60 * 60)
    check("a disabled schedule does not fire", received("q") == [])


def once():
    at = (aws.now() + datetime.timedelta(minutes=90)).strftime("at(%Y-%m-%dT%H:%M:%S)")
    fifo = target(arn("sqs", "q.fifo"), Input="once", SqsParameters={"MessageGroupId": "g"})
    create("once", at, fifo, ActionAfterCompletion="DELETE")
    aws.advance(91 * 60)
    check("a single instant fires into a FIFO queue", [m["Body"] for m in received("q.fifo")] == ["once"])
    gone = error_of(scheduler.get_schedule, Name="once")
    check("it is gone when it is complete", gone == ("ResourceNotFoundException", "Schedule once does not exist."))


def buses_and_operations():
    events.create_event_bus(Name="b")
    events.put_rule(Name="r", EventBusName="b", EventPattern=json.dumps({"source": ["mine"]}))
    events.put_targets(Rule="r", EventBusName="b", Targets=[{"Id": "t", "Arn": arn("sqs", "of-bus")}])
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn("sqs", "of-bus"),
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url("of-bus"), Attributes={"Policy": json.dumps(policy)})
    of_bus = target(
        arn("events", "event-bus/b"),
        Input='{"n": <aws.scheduler.attempt-number>}',
        EventBridgeParameters={"Source": "mine", "DetailType": "tick"},
    )
    create("bus", "rate(1 day)", of_bus)
    log_group = target("arn:aws:scheduler:::aws-sdk:cloudwatchlogs:createLogGroup", Input='{"LogGroupName": "made"}')
    create("operation", "rate(1 day)", log_group)
    aws.advance(1 * 60)
    event = json.loads(received("of-bus")[0]["Body"])
    check("a bus gets an event", (event["detail-type"], event["detail"]) == ("tick", {"n": 1}))
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    check("any other operation is called", groups == ["made"])


def dead_letters():
    nowhere = target(
        arn("sqs", "nowhere"), Input="lost", DeadLetterConfig={"Arn": arn("sqs", "dead")}
    )
    create("lost", "rate(1 day)", nowhere)
    aws.advance(2 * 60)
    dead = received("dead")
    attributes = {name: value["StringValue"] for name, value in dead[0]["MessageAttributes"].items()}
    check("what fails for good is dead-lettered", (len(dead), dead[0]["Body"]) == (1, "lost"))
    check("the error is the target's", attributes["ERROR_CODE"] == "AWS.SimpleQueueService.NonExistentQueue")
    check("the schedule is named", attributes["SCHEDULE_ARN"] == arn("scheduler", "schedule/default/lost"))
    dropped = cloudwatch.get_metric_statistics(
        Namespace="AWS/Scheduler",
        MetricName="InvocationDroppedCount",
        Dimensions=[{"Name": "ScheduleGroup", "Value": "default"}],
        StartTime=aws.now() - datetime.timedelta(hours=1),
        EndTime=aws.now(),
        Period=3600,
        Statistics=["Sum"],
    )
    check("CloudWatch is told", sum(point["Sum"] for point in dropped["Datapoints"]) == 1)


TEMPLATE = """
Resources:
  Queue:
    Type: AWS::SQS::Queue
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: 'sts:AssumeRole'}
      Policies:
        - PolicyName: send
          PolicyDocument:
            Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}]
  Group:
    Type: AWS::Scheduler::ScheduleGroup
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      GroupName: !Ref Group
      ScheduleExpression: cron(0/5 * * * ? *)
      ScheduleExpressionTimezone: Europe/Berlin
      FlexibleTimeWindow: {Mode: 'OFF'}
      Target: {Arn: !GetAtt Queue.Arn, RoleArn: !GetAtt Role.Arn, Input: from a stack}
Outputs:
  Queue: {Value: !GetAtt Queue.QueueName}
  Schedule: {Value: !GetAtt Schedule.Arn}
  Group: {Value: !Ref Group}
"""


def stacks():
    cloudformation.create_stack(StackName="st", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"])
    aws.advance(10 * 60)
    stack = cloudformation.describe_stacks(StackName="st")["Stacks"][0]
    check("a stack with a schedule is made", stack["StackStatus"] == "CREATE_COMPLETE")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    check("its schedule fires", {m["Body"] for m in received(outputs["Queue"])} == {"from a stack"})
    names = [schedule["Name"] for schedule in scheduler.list_schedules(GroupName=outputs["Group"])["Schedules"]]
    check("its schedule is in its group", outputs["Schedule"].endswith(f"/{outputs['Group']}/{names[0]}"))
    cloudformation.delete_stack(StackName="st")
    aws.advance(2 * 60)
    gone = error_of(scheduler.get_schedule_group, Name=outputs["Group"])
    check("it goes with the stack", gone and gone[0] == "ResourceNotFoundException")


def groups():
    tagged = scheduler.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "b"}])["ScheduleGroupArn"]
    tags = scheduler.list_tags_for_resource(ResourceArn=tagged)["Tags"]
    check("groups have tags", tags == [{"Key": "a", "Value": "b"}])
    pages = scheduler.get_paginator("list_schedule_groups").paginate(PaginationConfig={"PageSize": 1})
    names = [group["Name"] for page in pages for group in page["ScheduleGroups"]]
    check("groups come in pages", names == ["default", "g"])
    refusal = error_of(create, name="x", expression="cron(0 1 * * * *)", target=target(arn("sqs", "q")))
    check(
        "expressions are refused as AWS does",
        refusal == ("ValidationException", "Invalid Schedule Expression cron(0 1 * * * *)."),
    )


def first():
    aws.freeze()
    set_up()
    recurring()
    once()
    buses_and_operations()
    dead_letters()
    stacks()
    groups()
    create("hourly", "rate(1 hour)", target(arn("sqs", "q"), Input="<aws.scheduler.scheduled-time>"), GroupName="g")
    aws.advance(61 * 60)
    check("two have fired before the restart", len(received("q")) == 2)


def second():
    check("nothing fires again at the restart", received("q") == [])
    aws.advance(60 * 60)
    check("the next fires after it", len(received("q")) == 1)
    scheduler.delete_schedule_group(Name="g")
    aws.advance(120 * 60)
    check("a deleted group fires nothing", received("q") == [])


{"first": first, "second": second}[MODE]()
print("DONE")
