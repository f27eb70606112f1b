"""Log groups, streams, events and resource policies, as CloudWatch Logs was recorded to answer."""

import json

from pontoon_e2e.replay import not_replayed, run, scenario

GROUPS, STREAMS, EVENTS = "logs/test_logs_groups", "logs/test_logs_streams", "logs/test_logs_events"
FILTER, POLICIES = "logs/test_logs_filter_events", "logs/test_logs_resource_policies"
DELIVERY = "logs/test_logs_delivery"
not_replayed(
    DELIVERY,
    "logs of a CloudFront distribution, which Pontoon does not have",
    "TestDeliverySources::test_put_delivery_source",
    "TestDeliverySources::test_get_delivery_source",
    "TestDeliverySources::test_describe_delivery_sources",
    "TestDeliveries::test_create_delivery",
    "TestDeliveries::test_get_delivery",
    "TestDeliveries::test_describe_deliveries",
)
for recording, what in (
    ("logs/test_logs_destinations", "destinations, which are Kinesis streams"),
    ("logs/test_logs_export_tasks", "exports"),
    ("logs/test_logs_metric_filters", "metric filters"),
    ("logs/test_logs_queries", "Insights"),
    ("logs/test_logs_subscription_filters", "subscription filters"),
):
    not_replayed(recording, f"{what}, which are refused", "Test*")


def group(aws, name="group", **more):
    """The ARN of a log group that is made."""
    aws.logs.create_log_group(logGroupName=name, **more)
    return f"arn:aws:logs:{aws.region}:{aws.account}:log-group:{name}"


def destination(aws, name="destination", bucket="bucket", **more):
    """A delivery destination that is put: a bucket."""
    configuration = {"destinationResourceArn": f"arn:aws:s3:::{bucket}"}
    return aws.logs.put_delivery_destination(
        name=name, deliveryDestinationConfiguration=configuration, **more
    )


def stream(aws, name="stream"):
    """A log stream of a group, both made."""
    named = {"logGroupName": "group", "logStreamName": name}
    aws.logs.create_log_stream(**named)
    return named


@scenario(GROUPS, "TestLogsGroups::test_create_log_group_with_kms_key")
def _(aws):
    group(aws, kmsKeyId=f"arn:aws:kms:{aws.region}:{aws.account}:key/3f2504e0-4f89-41d3-9a0c-0305e82c3301")
    aws.check("describe-log-groups-with-kms", aws.logs.describe_log_groups(logGroupNamePrefix="group"))


@scenario(GROUPS, "TestLogsGroups::test_create_log_group_duplicate_error")
def _(aws):
    group(aws)
    aws.fails("error-duplicate-log-group", aws.logs.create_log_group, logGroupName="group")


@scenario(GROUPS, "TestLogsGroups::test_create_log_group_invalid_name_length")
def _(aws):
    aws.fails("error-invalid-name-length", aws.logs.create_log_group, logGroupName="a" * 513)


@scenario(GROUPS, "TestLogsGroups::test_describe_log_groups_with_prefix")
def _(aws):
    for name in ("group-1", "group-2", "group-3", "other"):
        group(aws, name)
    aws.check("describe-log-groups-prefix", aws.logs.describe_log_groups(logGroupNamePrefix="group-"))


@scenario(GROUPS, "TestLogsGroups::test_describe_log_groups_with_pattern")
def _(aws):
    for name in ("group-1", "other"):
        group(aws, name)
    aws.check("describe-log-groups-pattern", aws.logs.describe_log_groups(logGroupNamePattern="roup-"))


@scenario(GROUPS, "TestLogsGroups::test_describe_log_groups_prefix_and_pattern_error")
def _(aws):
    call = {"logGroupNamePrefix": "group", "logGroupNamePattern": "group"}
    aws.fails("error-prefix-and-pattern", aws.logs.describe_log_groups, **call)


@scenario(GROUPS, "TestLogsGroups::test_list_log_groups_with_pattern")
def _(aws):
    group(aws, "group-1")
    aws.check("list-log-groups-no-match", aws.logs.describe_log_groups(logGroupNamePattern="missing"))
    aws.check("list-log-groups-match", aws.logs.describe_log_groups(logGroupNamePattern="roup-")["logGroups"])


@scenario(GROUPS, "TestLogsGroupsTags::test_create_log_group_with_tags")
def _(aws):
    group(aws, tags={"env": "testing"})
    aws.check("list-tags-after-create", aws.logs.list_tags_log_group(logGroupName="group"))


@scenario(GROUPS, "TestLogsGroupsTags::test_tag_log_group", "TestLogsGroupsTags::test_untag_log_group")
def _(aws):
    group(aws)
    untag = "untag" in aws.name
    tags = {f"tag_key_{number}": f"tag_value_{number}" for number in ((1, 2) if untag else (1,))}
    aws.logs.tag_log_group(logGroupName="group", tags=tags)
    if untag:
        aws.logs.untag_log_group(logGroupName="group", tags=["tag_key_1"])
    [label] = aws.recorded
    aws.check(label, aws.logs.list_tags_log_group(logGroupName="group"))


@scenario(GROUPS, "TestLogsGroupsTags::test_tag_resource_api")
def _(aws):
    arn = group(aws, tags={"env": "testing1"})
    aws.check("list-tags-after-create", aws.logs.list_tags_log_group(logGroupName="group"))

    def check(after):
        aws.check(f"list-tags-log-group-{after}", aws.logs.list_tags_log_group(logGroupName="group"))
        aws.check(f"list-tags-for-resource-{after}", aws.logs.list_tags_for_resource(resourceArn=arn))

    aws.logs.tag_resource(resourceArn=arn, tags={"test1": "val1", "test2": "val2"})
    check("after-tag-resource")
    aws.logs.tag_log_group(logGroupName="group", tags={"test3": "val3"})
    check("after-tag-log-group")
    aws.logs.untag_log_group(logGroupName="group", tags=["env", "test3"])
    aws.logs.untag_resource(resourceArn=arn, tagKeys=["test1"])
    check("after-untag")


@scenario(STREAMS, "TestLogsStreams::test_create_and_delete_log_stream", "TestLogsStreams::test_log_stream_arn_format")
def _(aws):
    group(aws)
    stream(aws)
    [label] = aws.recorded
    aws.check(label, aws.logs.describe_log_streams(logGroupName="group"))


@scenario(STREAMS, "TestLogsStreams::test_create_log_stream_duplicate_error")
def _(aws):
    group(aws)
    aws.fails("error-duplicate-log-stream", aws.logs.create_log_stream, **stream(aws))


@scenario(STREAMS, "TestLogsStreams::test_describe_log_streams_with_log_group_identifier")
def _(aws):
    arn = group(aws)
    stream(aws)
    aws.check("describe-streams-identifier-name", aws.logs.describe_log_streams(logGroupIdentifier="group"))
    aws.check("describe-streams-identifier-arn", aws.logs.describe_log_streams(logGroupIdentifier=arn))
    both = {"logGroupName": "group", "logGroupIdentifier": arn}
    aws.fails("error-both-name-and-identifier", aws.logs.describe_log_streams, **both)


@scenario(STREAMS, "TestLogsStreams::test_describe_log_streams_with_prefix")
def _(aws):
    group(aws)
    for name in ("stream-1", "stream-2", "stream-3", "other"):
        stream(aws, name)
    found = aws.logs.describe_log_streams(logGroupName="group", logStreamNamePrefix="stream-")
    aws.check("describe-streams-with-prefix", found)


def event(aws, seconds=0):
    return {"timestamp": int((aws.now().timestamp() + seconds) * 1000), "message": "message"}


@scenario(EVENTS, "TestLogsEvents::test_put_log_events_to_invalid_stream")
def _(aws):
    group(aws)
    call = {"logGroupName": "group", "logStreamName": "missing", "logEvents": [event(aws)]}
    aws.fails("error-invalid-stream", aws.logs.put_log_events, **call)


@scenario(EVENTS, "TestLogsEvents::test_put_log_events_wrong_order")
def _(aws):
    group(aws)
    aws.fails("error-wrong-order", aws.logs.put_log_events, **stream(aws), logEvents=[event(aws), event(aws, -60)])


@scenario(EVENTS, "TestLogsEvents::test_put_log_events_too_old", "TestLogsEvents::test_put_log_events_too_new")
def _(aws):
    group(aws)
    [label] = aws.recorded
    days = -15 if label.endswith("old") else 1
    aws.check(label, aws.logs.put_log_events(**stream(aws), logEvents=[event(aws, days * 86400)]))


@scenario(EVENTS, "TestLogsEvents::test_get_log_events_invalid_token")
def _(aws):
    group(aws)
    token = "n/00000000000000000000000000000000000000000000000000000000"
    aws.fails("error-invalid-token", aws.logs.get_log_events, **stream(aws), nextToken=token)


@scenario(EVENTS, "TestLogsEvents::test_get_log_events_limit_validation")
def _(aws):
    group(aws)
    aws.fails("error-limit-exceeded", aws.logs.get_log_events, **stream(aws), limit=10001)


@scenario(EVENTS, "TestLogsEventsErrors::test_resource_does_not_exist")
def _(aws):
    named = {"logGroupName": "group", "logStreamName": "missing"}
    aws.fails("error-log-group-does-not-exist", aws.logs.get_log_events, **named)
    group(aws)
    aws.fails("error-log-stream-does-not-exist", aws.logs.get_log_events, **named)


@scenario(FILTER, "TestFilterLogEvents::test_filter_log_events_limit_validation")
def _(aws):
    group(aws)
    aws.fails("error-limit-exceeded", aws.logs.filter_log_events, logGroupName="group", limit=10001)


@scenario(FILTER, "TestFilterLogEvents::test_filter_log_events_unknown_token")
def _(aws):
    group(aws)
    aws.fails("invalid-token", aws.logs.filter_log_events, logGroupName="group", nextToken="invalid-token")


def policy(resource, service="route53.amazonaws.com"):
    statement = {
        "Sid": "Route53LogsToCloudWatchLogs",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "logs:PutLogEvents",
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@scenario(POLICIES, "TestResourcePolicies::test_put_resource_policy")
def _(aws):
    arn = group(aws)
    document = policy(f"{arn}*", ["route53.amazonaws.com"])
    aws.check("put-resource-policy", aws.logs.put_resource_policy(policyName="policy", policyDocument=document))


@scenario(POLICIES, "TestResourcePolicies::test_put_resource_policy_update")
def _(aws):
    aws.logs.put_resource_policy(policyName="policy", policyDocument=policy("*"))
    statement = {"Effect": "Allow", "Principal": {"Service": "route53.amazonaws.com"}, "Action": "logs:*", "Resource": "*"}
    document = json.dumps({"Version": "2008-10-17", "Statement": [statement]})
    aws.logs.put_resource_policy(policyName="policy", policyDocument=document)
    [updated] = aws.logs.describe_resource_policies()["resourcePolicies"]
    aws.check("updated-policy", updated)


@scenario(POLICIES, "TestResourcePolicies::test_describe_resource_policies")
def _(aws):
    arn = aws.stand_ins["log_arn"] = group(aws) + ":*"
    for number in range(3):
        aws.logs.put_resource_policy(policyName=f"policy-{number}", policyDocument=policy(arn))
    answer = aws.logs.describe_resource_policies()
    aws.check("describe-resource-policies", answer)
    aws.check("policies", answer["resourcePolicies"])


@scenario(POLICIES, "TestResourcePolicies::test_delete_resource_policy_not_found")
def _(aws):
    aws.fails("error-policy-not-found", aws.logs.delete_resource_policy, policyName="non-existent")


@scenario(POLICIES, "TestResourcePoliciesLimits::test_put_resource_policy_limit_exceeded")
def _(aws):
    for number in range(10):
        aws.logs.put_resource_policy(policyName=f"policy-{number}", policyDocument=policy("*"))
    call = {"policyName": "policy-10", "policyDocument": policy("*")}
    aws.fails("error-limit-exceeded", aws.logs.put_resource_policy, **call)


@scenario(DELIVERY, "TestDeliveryDestinations::test_put_delivery_destination")
def _(aws):
    aws.check("put-delivery-destination", destination(aws, outputFormat="json"))


@scenario(DELIVERY, "TestDeliveryDestinations::test_put_delivery_destination_invalid_format")
def _(aws):
    configuration = {"destinationResourceArn": "arn:aws:s3:::bucket"}
    aws.fails(
        "error-invalid-format",
        aws.logs.put_delivery_destination,
        name="destination",
        outputFormat="foobar",
        deliveryDestinationConfiguration=configuration,
    )


@scenario(DELIVERY, "TestDeliveryDestinations::test_put_delivery_destination_update")
def _(aws):
    destination(aws)
    aws.check("put-delivery-destination-update", destination(aws, bucket="second"))


@scenario(DELIVERY, "TestDeliveryDestinations::test_get_delivery_destination")
def _(aws):
    destination(aws)
    aws.check("get-delivery-destination", aws.logs.get_delivery_destination(name="destination"))


@scenario(DELIVERY, "TestDeliveryDestinations::test_get_delivery_destination_not_found")
def _(aws):
    aws.fails("error-not-found", aws.logs.get_delivery_destination, name="destination")


@scenario(DELIVERY, "TestDeliveryDestinations::test_describe_delivery_destinations")
def _(aws):
    for name in ("destination-0", "destination-1"):
        destination(aws, name)
    told = aws.logs.describe_delivery_destinations()
    aws.check("describe-delivery-destinations", told["deliveryDestinations"])


@scenario(DELIVERY, "TestDeliveryDestinations::test_delete_delivery_destination")
def _(aws):
    destination(aws)
    aws.logs.delete_delivery_destination(name="destination")
    aws.fails("error-after-delete", aws.logs.get_delivery_destination, name="destination")


@scenario(DELIVERY, "TestDeliveryDestinations::test_delete_delivery_destination_not_found")
def _(aws):
    aws.fails("error-not-found", aws.logs.delete_delivery_destination, name="destination")


def delivery_policy(aws):
    """A policy that lets the account deliver to its destinations, put on one."""
    arn = f"arn:aws:logs:{aws.region}:{aws.account}"
    statement = {
        "Sid": "AllowLogDeliveryActions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{aws.account}:root"},
        "Action": "logs:CreateDelivery",
        "Resource": [f"{arn}:delivery-source:*", f"{arn}:delivery:*", f"{arn}:delivery-destination:*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    destination(aws)
    return aws.logs.put_delivery_destination_policy(
        deliveryDestinationName="destination", deliveryDestinationPolicy=json.dumps(policy)
    )


@scenario(DELIVERY, "TestDeliveryDestinationPolicies::test_put_delivery_destination_policy")
def _(aws):
    aws.check("put-delivery-destination-policy", delivery_policy(aws))


@scenario(DELIVERY, "TestDeliveryDestinationPolicies::test_get_delivery_destination_policy")
def _(aws):
    delivery_policy(aws)
    policy = aws.logs.get_delivery_destination_policy(deliveryDestinationName="destination")
    aws.check("get-delivery-destination-policy", policy)


@scenario(DELIVERY, "TestDeliveryDestinationPolicies::test_delete_delivery_destination_policy")
def _(aws):
    delivery_policy(aws)
    aws.logs.delete_delivery_destination_policy(deliveryDestinationName="destination")


@scenario(DELIVERY, "TestDeliverySources::test_put_delivery_source_invalid_resource")
def _(aws):
    aws.fails(
        "error-invalid-resource",
        aws.logs.put_delivery_source,
        name="source",
        resourceArn="arn:aws:s3:::bucket",
        logType="ACCESS_LOGS",
    )


@scenario(DELIVERY, "TestDeliverySources::test_get_delivery_source_not_found")
def _(aws):
    aws.fails("error-not-found", aws.logs.get_delivery_source, name="source")


@scenario(DELIVERY, "TestDeliverySources::test_delete_delivery_source")
def _(aws):
    bus = aws.events.create_event_bus(Name="bus")["EventBusArn"]
    aws.logs.put_delivery_source(name="source", resourceArn=bus, logType="INFO_LOGS")
    aws.logs.delete_delivery_source(name="source")
    aws.fails("error-after-delete", aws.logs.delete_delivery_source, name="source")


@scenario(DELIVERY, "TestDeliveries::test_delete_delivery")
def _(aws):
    bus = aws.events.create_event_bus(Name="bus")["EventBusArn"]
    aws.logs.put_delivery_source(name="source", resourceArn=bus, logType="INFO_LOGS")
    made = aws.logs.put_delivery_destination(
        name="destination", deliveryDestinationConfiguration={"destinationResourceArn": group(aws)}
    )
    arn = made["deliveryDestination"]["arn"]
    made = aws.logs.create_delivery(deliverySourceName="source", deliveryDestinationArn=arn)
    id = made["delivery"]["id"]
    aws.logs.delete_delivery(id=id)
    aws.fails("error-after-delete", aws.logs.get_delivery, id=id)


run()
