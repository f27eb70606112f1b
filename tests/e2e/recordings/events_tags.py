"""Tags of buses and rules, as EventBridge was recorded to answer."""

from pontoon_e2e.replay import run, scenario

TAGS = "events/test_events_tags"
TWO = [{"Key": "tag1", "Value": "value1"}, {"Key": "tag2", "Value": "value2"}]


def resource(aws, parameter, name="tagged"):
    """The ARN of a rule or a bus, made unless it is the default bus: `rule-event_bus_custom`, `event_bus`."""
    kind, _, bus = parameter.partition("-event_bus_")
    bus_name = "default" if bus == "default" else f"{name}-bus"
    if bus_name != "default":
        arn = aws.events.create_event_bus(Name=bus_name)["EventBusArn"]
    else:
        arn = aws.events.describe_event_bus()["Arn"]
    if kind == "rule":
        arn = aws.events.put_rule(Name=name, EventBusName=bus_name, EventPattern='{"source": ["shop"]}')["RuleArn"]
    return arn


def remove(aws, parameter, name="tagged"):
    kind, _, bus = parameter.partition("-event_bus_")
    bus_name = "default" if bus == "default" else f"{name}-bus"
    if kind == "rule":
        aws.events.delete_rule(Name=name, EventBusName=bus_name)
    if bus_name != "default":
        aws.events.delete_event_bus(Name=bus_name)


@scenario(
    TAGS,
    *(
        f"tests_tag_untag_resource[{parameter}]"
        for parameter in (
            "event_bus",
            "rule",
            "event_bus-event_bus_default",
            "event_bus-event_bus_custom",
            "rule-event_bus_default",
            "rule-event_bus_custom",
        )
    ),
)
def _(aws):
    arn = resource(aws, aws.parameter)
    aws.check("tag_resource", aws.events.tag_resource(ResourceARN=arn, Tags=TWO))
    aws.check("list_tags_for_resource", aws.events.list_tags_for_resource(ResourceARN=arn))
    aws.check("untag_resource", aws.events.untag_resource(ResourceARN=arn, TagKeys=["tag2"]))
    aws.check("list_tags_for_untagged_resource", aws.events.list_tags_for_resource(ResourceARN=arn))
    again = aws.events.untag_resource(ResourceARN=arn, TagKeys=["tag2"])
    # The oldest two were recorded without it.
    if "untag_resource_not_existing_tag" in aws.recorded:
        aws.check("untag_resource_not_existing_tag", again)
    remove(aws, aws.parameter)


@scenario(
    TAGS,
    "tests_tag_list_untag_not_existing_resource[not_existing_rule]",
    "tests_tag_list_untag_not_existing_resource[not_existing_event_bus]",
)
def _(aws):
    kind = "rule" if aws.parameter.endswith("rule") else "event-bus"
    arn = f"arn:aws:events:{aws.region}:{aws.account}:{kind}/missing"
    aws.fails("tag_not_existing_resource_error", aws.events.tag_resource, ResourceARN=arn, Tags=TWO)
    aws.fails("list_tags_for_not_existing_resource_error", aws.events.list_tags_for_resource, ResourceARN=arn)
    aws.fails("untag_not_existing_resource_error", aws.events.untag_resource, ResourceARN=arn, TagKeys=["tag1"])


@scenario(TAGS, "TestRuleTags::test_put_rule_with_tags")
def _(aws):
    pattern = '{"source": ["shop"]}'
    rule = aws.check("put_rule_with_tags", aws.events.put_rule(Name="with-tags", EventPattern=pattern, Tags=TWO))
    aws.check("list_tags_for_rule", aws.events.list_tags_for_resource(ResourceARN=rule["RuleArn"]))


@scenario(TAGS, "TestRuleTags::test_list_tags_for_deleted_rule")
def _(aws):
    arn = resource(aws, "rule-event_bus_custom", "deleted-rule")
    aws.events.delete_rule(Name="deleted-rule", EventBusName="deleted-rule-bus")
    aws.fails("list_tags_for_deleted_rule_error", aws.events.list_tags_for_resource, ResourceARN=arn)


@scenario(TAGS, "TestEventBusTags::test_create_event_bus_with_tags")
def _(aws):
    bus = aws.check("create_event_bus_with_tags", aws.events.create_event_bus(Name="with-tags", Tags=TWO))
    aws.check("list_tags_for_event_bus", aws.events.list_tags_for_resource(ResourceARN=bus["EventBusArn"]))


@scenario(TAGS, "TestEventBusTags::test_list_tags_for_deleted_event_bus")
def _(aws):
    arn = resource(aws, "event_bus-event_bus_custom", "deleted")
    remove(aws, "event_bus-event_bus_custom", "deleted")
    aws.fails("list_tags_for_deleted_rule_error", aws.events.list_tags_for_resource, ResourceARN=arn)


@scenario(
    TAGS,
    *(
        f"test_recreate_tagged_resource_without_tags[{kind}-event_bus_{bus}]"
        for kind in ("event_bus", "rule")
        for bus in ("default", "custom")
    ),
)
def _(aws):
    arn = resource(aws, aws.parameter, "again")
    aws.events.tag_resource(ResourceARN=arn, Tags=TWO[:1])
    remove(aws, aws.parameter, "again")
    arn = resource(aws, aws.parameter, "again")
    aws.check("list_tags_for_resource", aws.events.list_tags_for_resource(ResourceARN=arn))
    remove(aws, aws.parameter, "again")


run()
