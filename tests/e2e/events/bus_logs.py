"""The log of an event bus through boto3: a template with the bus, its deliveries and its log group; what is told, at which level, and who may write it.

Usage: bus_logs.py ENDPOINT

Runs on a virtual clock, with policies enforced.
"""

import json
import sys

from pontoon_e2e.session import ACCOUNT, REGION, Session, check, code_of, error_of
from pontoon_e2e.stacks import deploy, outputs, settled

(ENDPOINT,) = sys.argv[1:]
aws = Session(ENDPOINT)
events, logs, sqs = aws.events, aws.logs, aws.sqs
STREAM = "EventBridgeEventBusLogs"
LEVELS = ("Error", "Info", "Trace")


def template(level, fields=None):
    """A bus whose logs of all levels go to one log group, with a rule to a queue that lets it in and to one that does not."""
    made = {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/vendedlogs/events/orders"}},
        "Bus": {
            "Type": "AWS::Events::EventBus",
            "Properties": {"Name": "orders"}
            | ({"LogConfig": {"Level": level, "IncludeDetail": "FULL"}} if level else {}),
        },
        "Destination": {
            "Type": "AWS::Logs::DeliveryDestination",
            "Properties": {
                "Name": "orders",
                "OutputFormat": "json",
                "DestinationResourceArn": {"Fn::GetAtt": ["Group", "Arn"]},
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "open"}},
        "Closed": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "closed"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}, {"Ref": "Dead"}],
                "PolicyDocument": {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": "*",
                    }
                },
            },
        },
    }
    for name, queue in (("open", "Queue"), ("closed", "Closed")):
        dead = {"DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}} if name == "closed" else {}
        made[f"Rule{queue}"] = {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": name,
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"detail-type": [name]},
                "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": [queue, "Arn"]}} | dead],
            },
        }
    for name in LEVELS:
        made[f"Source{name}"] = {
            "Type": "AWS::Logs::DeliverySource",
            "Properties": {
                "Name": f"orders-{name}",
                "ResourceArn": {"Fn::GetAtt": ["Bus", "Arn"]},
                "LogType": f"{name.upper()}_LOGS",
            },
        }
        # On AWS two deliveries of one destination cannot be made at once.
        before = LEVELS[: LEVELS.index(name)][-1:]
        made[f"Delivery{name}"] = {
            "Type": "AWS::Logs::Delivery",
            "DependsOn": [f"Delivery{other}" for other in before],
            "Properties": {
                "DeliverySourceName": {"Ref": f"Source{name}"},
                "DeliveryDestinationArn": {"Fn::GetAtt": ["Destination", "Arn"]},
            }
            | ({"RecordFields": fields} if fields else {}),
        }
    told = {"Service": ["SourceInfo", "Service"], "Delivery": ["DeliveryInfo", "DeliveryId"]}
    return json.dumps(
        {"Resources": made, "Outputs": {name: {"Value": {"Fn::GetAtt": way}} for name, way in told.items()}}
    )


def put(kind, detail='{"amount":1.50}'):
    entry = {"Source": "shop", "DetailType": kind, "Detail": detail, "EventBusName": "orders"}
    return events.put_events(Entries=[entry])["Entries"][0].get("EventId")


def told():
    """The records since the last look."""
    page = logs.get_log_events(
        logGroupName="/aws/vendedlogs/events/orders", logStreamName=STREAM, startFromHead=True
    )
    records = [json.loads(event["message"]) for event in page["events"]]
    new, told.seen = records[told.seen :], len(records)
    return new


told.seen = 0


def steps(records):
    return [record["message_type"] for record in records]


stack = deploy(aws, template("TRACE"), name="orders")
check("the stack is there", stack["StackStatus"] == "CREATE_COMPLETE")
bus = events.describe_event_bus(Name="orders")
check("the bus tells its configuration", bus["LogConfig"] == {"Level": "TRACE", "IncludeDetail": "FULL"})
given = outputs(stack)
delivery = logs.get_delivery(id=given["Delivery"])["delivery"]
check("the delivery is the stack's", given["Service"] == "events" and delivery["deliverySourceName"] == "orders-Info")
check("it is tagged so", delivery["tags"]["aws:cloudformation:stack-name"] == "orders")
streams = logs.describe_log_streams(logGroupName="/aws/vendedlogs/events/orders")["logStreams"]
validation = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"
check("the deliveries were tried out", [stream["logStreamName"] for stream in streams] == [validation])
policies = logs.describe_resource_policies()["resourcePolicies"]
check("they may write", [policy["policyName"] for policy in policies] == ["AWSLogDeliveryWrite20150319"])

event = put("open")
records = told()
check(
    "each step is told in its order, whatever its level",
    steps(records)
    == [
        "EVENT_RECEIPT",
        "EVENT_INGEST_SUCCESS",
        "RULE_MATCH_START",
        "RULE_MATCH",
        "INVOCATION_START",
        "INVOCATION_ATTEMPT_START",
        "INVOCATION_ATTEMPT_SUCCESS",
        "INVOCATION_SUCCESS",
    ],
)
check("of one event", all(record["event_id"] == event for record in records))
check("on one bus", all(record["resource_arn"] == bus["Arn"] for record in records))
check("with its detail", records[0]["details"]["event_detail"] == '{"amount":1.50}')
check("and its input", json.loads(records[-1]["details"]["target_input"])["id"] == event)

put("closed")
failed = [record for record in told() if record["log_level"] == "ERROR"]
check("what fails is told", steps(failed) == ["INVOCATION_ATTEMPT_PERMANENT_FAILURE", "INVOCATION_DLQ"])
check("with the reason", "not authorized to perform: sqs:sendmessage" in failed[0]["error"]["error_message"])
check("by EventBridge's name", failed[0]["details"]["invocation_status"] == "NO_PERMISSIONS")
put("open", "no JSON")
check("so is a refused entry", steps(told()) == ["EVENT_INGEST_FAILURE"])
put("neither")
check("and one that no rule wants", steps(told())[-1] == "NO_STANDARD_RULES_MATCHED")

aws.cloudformation.update_stack(StackName="orders", TemplateBody=template("INFO", ["message_type", "event_id"]))
check("the stack changes", settled(aws, "orders")["StackStatus"] == "UPDATE_COMPLETE")
event = put("open")
records = told()
major = ["EVENT_INGEST_SUCCESS", "RULE_MATCH", "INVOCATION_START", "INVOCATION_SUCCESS"]
check("less is told, and only what is wanted of it", records[0] == {"message_type": major[0], "event_id": event})
check("the major steps", steps(records) == major)
aws.cloudformation.update_stack(StackName="orders", TemplateBody=template(None))
settled(aws, "orders")
put("open")
check("a bus without a configuration tells nothing", told() == [])
check("by default", events.describe_event_bus(Name="orders")["LogConfig"]["Level"] == "OFF")

events.update_event_bus(Name="orders", LogConfig={"Level": "INFO"})
put("open")
check("the API turns it on again", steps(told()) == major)
logs.delete_resource_policy(policyName="AWSLogDeliveryWrite20150319")
put("open")
check("without a policy nothing is written", told() == [])

# What cannot be.
arn = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus"
source = {"name": "other", "resourceArn": f"{arn}/other", "logType": "INFO_LOGS"}
check("a bus that is not there", code_of(logs.put_delivery_source, **source) == "ResourceNotFoundException")
taken = source | {"resourceArn": f"{arn}/orders"}
check("a source that another is", code_of(logs.put_delivery_source, **taken) == "ConflictException")
for target, refusal in (
    (f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/s", "Firehose"),
    ("arn:aws:s3:::logs", "Amazon S3"),
):
    configuration = {"destinationResourceArn": target}
    call = {"name": "bucket", "deliveryDestinationConfiguration": configuration}
    error = error_of(logs.put_delivery_destination, **call)
    if error is None:
        destination = logs.get_delivery_destination(name="bucket")["deliveryDestination"]["arn"]
        call = {"deliverySourceName": "orders-Info", "deliveryDestinationArn": destination}
        error = error_of(logs.create_delivery, **call)
    check(f"deliveries to {refusal} are refused by name", refusal in error[1])
level = {"Name": "orders", "LogConfig": {"Level": "DEBUG"}}
check("a level that is none", code_of(events.update_event_bus, **level) == "ValidationException")

aws.cloudformation.delete_stack(StackName="orders")
check("all of it goes", settled(aws, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE")
check("the sources too", logs.describe_delivery_sources()["deliverySources"] == [])
print("DONE")
