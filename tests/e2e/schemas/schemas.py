"""The schema registry through boto3: registries, versions, discovery, validation, a stack of them, and all of it after a restart.

Usage: schemas.py ENDPOINT {first|second}

`second` runs on the same data after a restart.
"""

import json
import sys
import urllib.request

from pontoon_e2e.session import ACCOUNT, REGION, Session, check, refusal_of

ENDPOINT, MODE = sys.argv[1:]


aws = Session(ENDPOINT)
schemas, events, sqs, cloudformation = (aws.client(name) for name in ("schemas", "events", "sqs", "cloudformation"))


def error_of(call, **arguments):
    """The code and the status of the error that a call is answered with."""
    refusal = refusal_of(call, **arguments)
    return refusal and (refusal["Error"]["Code"], refusal["ResponseMetadata"]["HTTPStatusCode"])


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


ORDER = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {
            "detail": {
                "type": "object",
                "properties": {"amount": {"type": "number", "minimum": 0}},
                "required": ["orderId"],
            }
        },
    }
)
NAMED = {"RegistryName": "orders", "SchemaName": "shop@OrderCreated"}


def registry():
    made = schemas.create_registry(RegistryName="orders", Description="of the shop", Tags={"team": "shop"})
    check("a registry has an ARN", made["RegistryArn"] == arn("schemas", "registry/orders"))
    check("a name is given once", error_of(schemas.create_registry, RegistryName="orders") == ("ConflictException", 409))
    made = schemas.create_schema(**NAMED, Type="JSONSchemaDraft4", Content=ORDER)
    check("the first version is 1", made["SchemaVersion"] == "1" and made["VersionCreatedDate"].year > 2000)
    changed = json.dumps({**json.loads(ORDER), "title": "changed"})
    check("a change is version 2", schemas.update_schema(**NAMED, Content=changed)["SchemaVersion"] == "2")
    check("no change is none", schemas.update_schema(**NAMED, Content=changed)["SchemaVersion"] == "2")
    bad = {**NAMED, "SchemaName": "bad", "Type": "JSONSchemaDraft4"}
    check("a bad content is refused", error_of(schemas.create_schema, **bad, Content='{"type":"order"}') == ("BadRequestException", 400))
    found = [page for page in schemas.get_paginator("search_schemas").paginate(RegistryName="orders", Keywords="amount")]
    check("a search looks into contents", found[0]["Schemas"][0]["SchemaName"] == "shop@OrderCreated")
    schemas.put_resource_policy(RegistryName="orders", Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "schemas:*", "Resource": "*"}],
    }))
    refused = error_of(schemas.put_resource_policy, RegistryName="orders", Policy="{}", RevisionId="other")
    check("a policy has revisions", refused == ("PreconditionFailedException", 412))
    language = {**NAMED, "Language": "Java8"}
    check("code bindings are refused", error_of(schemas.put_code_binding, **language) == ("NotSupportedByPontoon", 501))
    inferred = schemas.get_discovered_schema(Type="OpenApi3", Events=['{"a":1}'])["Content"]
    check("a schema is inferred from an event", "number" in inferred)


def put(bus, detail, detail_type="OrderCreated"):
    entry = {"EventBusName": bus, "Source": "shop", "DetailType": detail_type, "Detail": json.dumps(detail)}
    return events.put_events(Entries=[entry])["Entries"][0]


def discovery():
    made = schemas.create_discoverer(SourceArn=arn("events", "event-bus/default"), Description="all of it")
    check("a discoverer runs at once", made["State"] == "STARTED" and made["DiscovererId"] == "events-event-bus-default")
    rules = [rule for rule in events.list_rules()["Rules"] if rule.get("ManagedBy") == "schemas.amazonaws.com"]
    check("it is a managed rule on the bus", len(rules) == 1)
    check("which others may not change", error_of(events.disable_rule, Name=rules[0]["Name"]) == ("ManagedRuleException", 400))
    unknown = arn("events", "event-bus/none")
    check("a bus must be there", error_of(schemas.create_discoverer, SourceArn=unknown) == ("NotFoundException", 404))
    put("default", {"orderId": "1", "lines": [{"price": 2}]})
    named = {"RegistryName": "discovered-schemas", "SchemaName": "shop@OrderCreated"}
    content = json.loads(schemas.describe_schema(**named)["Content"])
    check("an event's schema is discovered", content["components"]["schemas"]["OrderCreated"]["required"] == ["lines", "orderId"])
    put("default", {"orderId": "2", "lines": []})
    put("default", {"orderId": "3", "lines": [], "coupon": "x"})
    versions = schemas.list_schema_versions(**named)["SchemaVersions"]
    check("another shape is another version", [version["SchemaVersion"] for version in versions] == ["1", "2"])
    exported = json.loads(schemas.export_schema(**named, Type="JSONSchemaDraft4")["Content"])
    check("it is exported as JSON Schema", exported["$schema"].endswith("draft-04/schema#"))
    check("it stops", schemas.stop_discoverer(DiscovererId=made["DiscovererId"])["State"] == "STOPPED")
    put("default", {"other": "shape"})
    check("and learns no more", len(schemas.list_schema_versions(**named)["SchemaVersions"]) == 2)
    schemas.start_discoverer(DiscovererId=made["DiscovererId"])


def deliver_errors(bus):
    """Has the errors that a bus tells delivered; gives what reads them."""
    group = {"logGroupName": "errors"}
    aws.logs.create_log_group(**group)
    aws.logs.put_delivery_source(name="errors", resourceArn=bus, logType="ERROR_LOGS")
    configuration = {"destinationResourceArn": arn("logs", "log-group:errors")}
    made = aws.logs.put_delivery_destination(name="errors", deliveryDestinationConfiguration=configuration)
    made = made["deliveryDestination"]["arn"]
    aws.logs.create_delivery(deliverySourceName="errors", deliveryDestinationArn=made)
    stream = group | {"logStreamName": "EventBridgeEventBusLogs"}
    return lambda: [json.loads(event["message"]) for event in aws.logs.get_log_events(**stream)["events"]]


def validation():
    tags = [{"Key": "pontoon:validate", "Value": "reject"}, {"Key": "pontoon:registry", "Value": "orders"}]
    bus = events.create_event_bus(Name="strict", Tags=tags, LogConfig={"Level": "ERROR"})["EventBusArn"]
    logs = deliver_errors(bus)
    entries = [
        {"EventBusName": bus, "Source": "shop", "DetailType": "OrderCreated", "Detail": json.dumps(detail)}
        for bus, detail in [("strict", {"orderId": "1", "amount": 1}), ("strict", {"amount": -1}), ("default", {}), ("strict", {"orderId": "2"})]
    ]
    answer = events.put_events(Entries=entries)
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    check("bad events are refused, good ones are not", answer["FailedEntryCount"] == 1 and codes == [None, "SchemaViolation", None, None])
    message = answer["Entries"][1]["ErrorMessage"]
    check("the log of the bus tells it", [record["error"]["error_message"] for record in logs()] == [message])
    check("the path and the rule are told", message.startswith("shop@OrderCreated version 2: /detail") and "(/properties/detail" in message)
    check("the good ones have ids", all(entry.get("EventId") for entry in (answer["Entries"][0], answer["Entries"][3])))
    check("what has no schema passes", put("strict", {}, "Unknown").get("EventId") is not None)
    events.tag_resource(ResourceARN=bus, Tags=[{"Key": "pontoon:validate", "Value": "report"}])
    reported = put("strict", {"orderId": "1", "amount": -1})["EventId"]
    with urllib.request.urlopen(f"{ENDPOINT}/_pontoon/traces/{reported}", timeout=20) as answer:
        check("a bad event that is reported says so in its trace", "/detail/amount" in answer.read().decode())
    events.tag_resource(ResourceARN=bus, Tags=[{"Key": "pontoon:validate", "Value": "reject"}])
    try:
        events.tag_resource(ResourceARN=bus, Tags=[{"Key": "pontoon:validate", "Value": "yes"}])
        check("another mode is refused", False)
    except events.exceptions.ClientError as error:
        check("another mode is refused", error.response["Error"]["Code"] == "ValidationException")


TEMPLATE = """
Resources:
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: stacked } }
  Registry: { Type: AWS::EventSchemas::Registry, Properties: { RegistryName: stacked, Description: d } }
  Schema:
    Type: AWS::EventSchemas::Schema
    Properties: { RegistryName: !GetAtt Registry.RegistryName, SchemaName: a@B, Type: JSONSchemaDraft4, Content: '{"type":"object"%s}' }
  Policy:
    Type: AWS::EventSchemas::RegistryPolicy
    Properties:
      RegistryName: !GetAtt Registry.RegistryName
      Policy: { Version: '2012-10-17', Statement: { Effect: Allow, Principal: { AWS: '111111111111' }, Action: 'schemas:*', Resource: '*' } }
  Discoverer: { Type: AWS::EventSchemas::Discoverer, Properties: { SourceArn: !GetAtt Bus.Arn, CrossAccount: false } }
Outputs:
  Version: { Value: !GetAtt Schema.SchemaVersion }
  Discoverer: { Value: !GetAtt Discoverer.DiscovererId }
"""


def outputs():
    stack = cloudformation.describe_stacks(StackName="schemas")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def stack():
    cloudformation.create_stack(StackName="schemas", TemplateBody=TEMPLATE % "")
    cloudformation.get_waiter("stack_create_complete").wait(StackName="schemas", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    check("a stack has them all", outputs() == {"Version": "1", "Discoverer": "events-event-bus-stacked"})
    cloudformation.update_stack(StackName="schemas", TemplateBody=TEMPLATE % ',"title":"t"')
    cloudformation.get_waiter("stack_update_complete").wait(StackName="schemas", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    check("a changed content is a version", outputs()["Version"] == "2")
    cloudformation.delete_stack(StackName="schemas")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="schemas", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    names = [registry["RegistryName"] for registry in schemas.list_registries()["Registries"]]
    check("and takes them along", names == ["aws.events", "discovered-schemas", "orders"])


def after_restart():
    described = schemas.describe_schema(**NAMED, SchemaVersion="1")
    check("every version is there", described["Content"] == ORDER and described["Type"] == "JSONSchemaDraft4")
    check("tags are there", schemas.list_tags_for_resource(ResourceArn=arn("schemas", "registry/orders"))["Tags"] == {"team": "shop"})
    check("the policy is there", "111111111111" in str(schemas.get_resource_policy(RegistryName="orders")["Policy"]))
    check("the bus still refuses", put("strict", {"amount": 1})["ErrorCode"] == "SchemaViolation")
    put("default", {"orderId": 4, "lines": []})
    named = {"RegistryName": "discovered-schemas", "SchemaName": "shop@OrderCreated"}
    check("the discoverer still runs", schemas.describe_schema(**named)["SchemaVersion"] == "4")
    schemas.delete_discoverer(DiscovererId="events-event-bus-default")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    check("its rule goes with it", not any(name.startswith("Schemas-") for name in rules))
    schemas.delete_resource_policy(RegistryName="orders")
    check("a registry with schemas stays", error_of(schemas.delete_registry, RegistryName="orders") == ("BadRequestException", 400))
    schemas.delete_schema(**NAMED)
    schemas.delete_registry(RegistryName="orders")
    check("an empty one goes", error_of(schemas.describe_registry, RegistryName="orders") == ("NotFoundException", 404))


if MODE == "first":
    registry()
    discovery()
    validation()
    stack()
else:
    after_restart()
print("DONE")
