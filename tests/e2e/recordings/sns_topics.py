"""Topics, their attributes, tags and permissions, as SNS was recorded to answer."""

import json

from pontoon_e2e.replay import not_replayed, part_of, run, scenario

SNS = "sns/test_sns"
TAGS = [{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}]
part_of(SNS, "TestSNSTopicCrud", "TestSNSPlatform", "TestSNSSMS", "TestSNSMultiRegions::test_cross_region_access")
not_replayed(SNS, "mobile push, which is refused", "TestSNSPlatform*")
not_replayed(SNS, "text messages, which are refused", "TestSNSSMS*")
not_replayed(
    SNS,
    "FIFO topics, which are refused",
    "TestSNSTopicCrud::test_create_topic_with_attributes",
    "TestSNSTopicCrud::test_topic_delivery_policy_crud",
)
not_replayed(SNS, "data protection policies, which are refused", "TestSNSTopicCrudV2::test_data_protection_policy_crud")
not_replayed(SNS, "nothing: no answer was recorded", "TestSNSTopicCrudV2::test_topic_policy_overwrite_lifecycle")


def topic(aws, name="topic", **more):
    return aws.sns.create_topic(Name=name, **more)["TopicArn"]


def missing(aws):
    return f"arn:aws:sns:{aws.region}:{aws.account}:missing"


@scenario(SNS, "TestSNSTopicCrud::test_tags")
def _(aws):
    twice = [{"Key": "k1", "Value": "v1"}, {"Key": "k1", "Value": "v2"}]
    arn = topic(aws)
    aws.fails("duplicate-key-error", aws.sns.tag_resource, ResourceArn=arn, Tags=twice)
    aws.sns.tag_resource(ResourceArn=arn, Tags=TAGS)
    aws.check("list-created-tags", aws.sns.list_tags_for_resource(ResourceArn=arn), unordered=True)
    aws.sns.untag_resource(ResourceArn=arn, TagKeys=["k1"])
    aws.check("list-after-delete-tags", aws.sns.list_tags_for_resource(ResourceArn=arn))
    aws.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "k2", "Value": "v2b"}])
    aws.check("list-after-update-tags", aws.sns.list_tags_for_resource(ResourceArn=arn))


@scenario(SNS, "TestSNSTopicCrud::test_tags_removed_after_deletion")
def _(aws):
    arn = topic(aws, Tags=TAGS)
    aws.check("list-created-tags", aws.sns.list_tags_for_resource(ResourceArn=arn), unordered=True)
    aws.sns.delete_topic(TopicArn=arn)
    arn = topic(aws)
    aws.check("list-empty-tags", aws.sns.list_tags_for_resource(ResourceArn=arn))


@scenario(SNS, "TestSNSTopicCrud::test_create_topic_test_arn")
def _(aws):
    created = aws.check("create-topic", aws.sns.create_topic(Name="topic"))
    named = {"TopicArn": created["TopicArn"]}
    aws.check("get-topic-attrs", aws.sns.get_topic_attributes(**named))
    aws.check("delete-topic", aws.sns.delete_topic(**named))
    aws.fails("topic-not-exists", aws.sns.get_topic_attributes, **named)


@scenario(SNS, "TestSNSTopicCrud::test_create_duplicate_topic_with_more_tags")
def _(aws):
    topic(aws)
    aws.fails("exception-duplicate", aws.sns.create_topic, Name="topic", Tags=TAGS[:1])


@scenario(SNS, "TestSNSTopicCrud::test_create_duplicate_topic_check_idempotency")
def _(aws):
    aws.check("response-created", aws.sns.create_topic(Name="topic", Tags=TAGS))
    for number, again in enumerate((TAGS, TAGS[:1], [])):
        aws.check(f"response-same-arn-{number}", aws.sns.create_topic(Name="topic", Tags=again))


@scenario(SNS, "TestSNSTopicCrud::test_create_topic_after_delete_with_new_tags")
def _(aws):
    created = aws.check("topic-0", aws.sns.create_topic(Name="topic"))
    aws.sns.delete_topic(TopicArn=created["TopicArn"])
    aws.check("topic-1", aws.sns.create_topic(Name="topic", Tags=TAGS))


@scenario(SNS, "TestSNSTopicCrud::test_delete_topic_idempotency")
def _(aws):
    arn = topic(aws)
    for label in ("delete-topic", "delete-topic-again"):
        aws.check(label, aws.sns.delete_topic(TopicArn=arn))


@scenario(SNS, "TestSNSTopicCrudV2::test_delete_non_existent_topic")
def _(aws):
    aws.check("delete-non-existent-topic", aws.sns.delete_topic(TopicArn=missing(aws)))


@scenario(SNS, "TestSNSTopicCrudV2::test_create_topic_should_be_idempotent")
def _(aws):
    arn = topic(aws)
    aws.sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="AlreadySet")
    aws.check("topic-attrs-idempotent-1", aws.sns.get_topic_attributes(TopicArn=arn))
    aws.check("topic-attrs-idempotent-2", aws.sns.get_topic_attributes(TopicArn=topic(aws)))


@scenario(SNS, "TestSNSTopicCrudV2::test_create_topic_name_constraints")
def _(aws):
    aws.check("valid-name-max-length", aws.sns.create_topic(Name="x" * 256))
    names = {"name-too-short": "", "name-too-long": "x" * 257, "name-contains-fifo": "topic.fifo"}
    names |= {f"name-invalid-char-{number}": f"topic{char}" for number, char in enumerate("!@#$ .,/")}
    for label, name in names.items():
        aws.fails(label, aws.sns.create_topic, Name=name)
    label = "fifo-name-not-contains-fifo"
    aws.fails(label, aws.sns.create_topic, Name="topic", Attributes={"FifoTopic": "true"})


@scenario(SNS, "TestSNSTopicCrudV2::test_topic_get_attributes_with_fifo_false")
def _(aws):
    arn = topic(aws, Attributes={"FifoTopic": "false"})
    aws.check("get-attrs-standard-topic", aws.sns.get_topic_attributes(TopicArn=arn))
    label = "set-fifo-false-after-creation"
    aws.fails(label, aws.sns.set_topic_attributes, TopicArn=arn, AttributeName="FifoTopic", AttributeValue="false")


@scenario(SNS, "TestSNSTopicCrudV2::test_create_topic_in_multiple_regions")
def _(aws):
    regions = {"primary": ("us-east-1", "east"), "secondary": ("us-west-2", "west")}
    aws.bound |= {f"<region-{which}>": region for which, (region, _) in regions.items()}
    for which, (region, side) in regions.items():
        sns = aws.client("sns", region=region)
        arn = sns.create_topic(Name="topic")["TopicArn"]
        aws.check(f"list-{which}", sns.list_topics())
        aws.check(f"topic-{side}", sns.get_topic_attributes(TopicArn=arn))


@scenario(SNS, "TestSNSTopicCrudV2::test_create_topic_different_attrs")
def _(aws):
    aws.check("create-topic", aws.sns.create_topic(Name="topic", Attributes={"DisplayName": "Value1"}))
    again = aws.check("create-topic-no-attrs", aws.sns.create_topic(Name="topic"))
    aws.check("topic-attrs", aws.sns.get_topic_attributes(TopicArn=again["TopicArn"]))
    others = {
        "diff-attrs": {"DisplayName": "Value2"},
        "new-attrs-fifo": {"FifoTopic": "true"},
        "new-attrs": {"SignatureVersion": "2"},
        "new-and-same-attrs": {"DisplayName": "Value1", "SignatureVersion": "2"},
    }
    for label, attributes in others.items():
        aws.fails(f"create-topic-{label}", aws.sns.create_topic, Name="topic", Attributes=attributes)


def policy(aws, arn):
    return json.loads(aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])


@scenario(SNS, "TestSNSTopicCrudV2::test_topic_add_permission", "TestSNSTopicCrudV2::test_topic_add_multiple_permissions")
def _(aws):
    arn = topic(aws)
    actions = ["Publish", "Subscribe"] if "multiple" in aws.name else ["Publish"]
    added = aws.sns.add_permission(TopicArn=arn, Label="test", AWSAccountId=[aws.account], ActionName=actions)
    aws.check("add-permission-response", added)
    aws.check("topic-policy-after-permission", policy(aws, arn))


@scenario(SNS, "TestSNSTopicCrudV2::test_topic_remove_permission")
def _(aws):
    arn = topic(aws)
    aws.sns.add_permission(TopicArn=arn, Label="test", AWSAccountId=[aws.account], ActionName=["Publish"])
    aws.sns.remove_permission(TopicArn=arn, Label="test")
    aws.check("topic-policy", policy(aws, arn))


@scenario(SNS, "TestSNSTopicCrudV2::test_add_permission_errors")
def _(aws):
    permission = {"Label": "test", "AWSAccountId": [aws.account], "ActionName": ["Publish"]}
    arn = topic(aws)
    aws.sns.add_permission(TopicArn=arn, **permission)
    aws.fails("duplicate-label", aws.sns.add_permission, TopicArn=arn, **permission)
    aws.fails("topic-not-found", aws.sns.add_permission, TopicArn=missing(aws), **permission)
    other = permission | {"Label": "other", "ActionName": ["InvalidAction"]}
    aws.fails("invalid-action", aws.sns.add_permission, TopicArn=arn, **other)


@scenario(SNS, "TestSNSTopicCrudV2::test_remove_permission_errors")
def _(aws):
    aws.fails("topic-not-found", aws.sns.remove_permission, TopicArn=missing(aws), Label="test")


@scenario(SNS, "TestSNSMultiRegions::test_cross_region_access")
def _(aws):
    arn, sns = {"TopicArn": topic(aws)}, aws.client("sns", region="eu-central-1")
    set_one = {"AttributeName": "DisplayName", "AttributeValue": "name"}
    aws.fails("set-topic-attrs", sns.set_topic_attributes, **arn, **set_one)
    aws.fails("get-topic-attrs", sns.get_topic_attributes, **arn)
    aws.fails("cross-region-publish-forbidden", sns.publish, **arn, Message="message")
    endpoint = f"arn:aws:sqs:{aws.region}:{aws.account}:queue"
    aws.fails("cross-region-subscribe", sns.subscribe, **arn, Protocol="sqs", Endpoint=endpoint)
    aws.fails("list-subs", sns.list_subscriptions_by_topic, **arn)
    aws.fails("delete-topic", sns.delete_topic, **arn)


run()
