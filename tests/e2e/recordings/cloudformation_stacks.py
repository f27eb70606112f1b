"""Stacks from their making to their end, and what templates come to, as CloudFormation was recorded to answer."""

import json

from pontoon_e2e.replay import not_replayed, part_of, run, scenario
from pontoon_e2e.stacks import change, deploy, events_once, outputs, parameters, settled

TOPIC = {"Type": "AWS::SNS::Topic"}
STACKS, ENGINE = "cloudformation/api/test_stacks", "cloudformation/engine"


def topic(**properties):
    return TOPIC | {"Properties": properties}


def declared(*names, **more):
    return {"Parameters": {name: {"Type": "String"} | more for name in names}}


NAMED = declared("ApiName") | {"Resources": {"Topic": topic(TopicName={"Ref": "ApiName"})}}


@scenario(STACKS, "TestStacksApi::test_stack_lifecycle", "TestStacksApi::test_stack_update_resources")
def _(aws):
    cf = aws.cloudformation
    made = change(aws, NAMED, {"ApiName": "test_12395eb4"})
    if aws.name.endswith("resources"):
        aws.check("stack_created", made)
        changed = change(aws, NAMED, {"ApiName": "test_5a3df175"}, kind="UPDATE", Capabilities=[])
        aws.check("stack_updated", changed)
        aws.skip("stack_resources", "the template is of API Gateway's types")
        return
    aws.check("creation", made)
    aws.check("update", change(aws, NAMED, {"ApiName": "test_5a3df175"}, kind="UPDATE"))
    cf.delete_stack(StackName=made["StackId"])
    settled(aws, made["StackId"])
    aws.fails("describe_deleted_by_name_exc", cf.describe_stacks, StackName="stack")
    aws.check("deleted", settled(aws, made["StackId"]))


@scenario(STACKS, "test_update_termination_protection")
def _(aws):
    cf = aws.cloudformation
    change(aws, NAMED, {"ApiName": "test_12395eb4"})
    for label, protected in (("describe-stack-1", True), ("describe-stack-2", False)):
        cf.update_termination_protection(StackName="stack", EnableTerminationProtection=protected)
        aws.check(label, cf.describe_stacks(StackName="stack"))


@scenario(STACKS, "TestStacksApi::test_stack_description_special_chars")
def _(aws):
    template = {"Description": "test <env>.test.net", "Resources": {"Topic": TOPIC}}
    aws.check("describe_stack", change(aws, template))


@scenario(STACKS, *(f"TestStacksApi::test_stack_description_lifecycle[{tags}]" for tags in ("no-tags", "with-tags")))
def _(aws):
    cf = aws.cloudformation
    aws.stand_ins["AWS::SSM::Parameter"] = "AWS::SNS::Topic"
    template = {"Description": "test <env>.test.net", "Resources": {"TestResource": TOPIC}}
    tags = {"Tags": [{"Key": "foo", "Value": "bar"}]} if aws.parameter == "with-tags" else {}
    made = cf.create_change_set(
        StackName="stack", ChangeSetName="set", ChangeSetType="CREATE", TemplateBody=json.dumps(template), **tags
    )
    aws.check("change-set-pre-execute", cf.describe_change_set(ChangeSetName=made["Id"]))
    aws.check("stack-pre-execute", cf.describe_stacks(StackName="stack")["Stacks"][0])
    cf.execute_change_set(ChangeSetName=made["Id"])
    aws.check("stack-post-execute", settled(aws, "stack"))


SHOWN = "Resources:\n  topic69831491:\n    Type: AWS::SNS::Topic\nOutputs:\n  TopicName:\n    Value:\n      Fn::GetAtt:\n        - topic69831491\n        - TopicName\n"
SHOWN_JSON = {
    "Resources": {"topic69831491": TOPIC},
    "Outputs": {"TopicName": {"Value": {"Fn::GetAtt": ["topic69831491", "TopicName"]}}},
}


@scenario(
    STACKS,
    *(f"TestStacksApi::test_get_template_using_{way}[{form}]" for way in ("changesets", "create_stack") for form in ("yaml", "json")),
)
def _(aws):
    template = SHOWN if aws.parameter == "yaml" else json.dumps(SHOWN_JSON)
    (change if "changesets" in aws.name else deploy)(aws, template)
    for label, stage in {"template_original": "Original", "template_processed": "Processed"}.items():
        answer = aws.cloudformation.get_template(StackName="stack", TemplateStage=stage)
        if aws.parameter == "json":
            # botocore reads JSON as a map in the order of its keys.
            answer["TemplateBody"] = json.dumps(answer["TemplateBody"], sort_keys=True)
        aws.check(label, answer)


@scenario(STACKS, "TestStacksApi::test_list_events_after_deployment")
def _(aws):
    change(aws, {"Resources": {"topic123": topic(TopicName="listed")}})
    answer = aws.cloudformation.describe_stack_events(StackName="stack")
    answer["StackEvents"].sort(key=lambda event: event["Timestamp"])
    for event in answer["StackEvents"]:
        status = event["ResourceStatus"]
        if "-" + status in event["EventId"]:
            event["EventId"] = event["EventId"].partition(status)[0] + status + "-date"
    aws.check("events", answer, unordered=True)


@scenario(STACKS, "test_events_resource_types")
def _(aws):
    subscribed = {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}}
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}
    policy = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [allowed]}}
    resources = {
        "Topic": TOPIC,
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
        "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscribed},
    }
    deploy(aws, {"Resources": resources})
    events = aws.cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    aws.check("resource_types", sorted({event["ResourceType"] for event in events}))


@scenario(STACKS, "test_updating_an_updated_stack_sets_status")
def _(aws):
    names = [f"Topic{n}Name" for n in (1, 2, 3)]
    resources = {f"topic{n}": topic(TopicName={"Ref": name}) for n, name in enumerate(names, 1)}
    given = {name: f"topic-{n}" for n, name in enumerate(names, 1)}
    for count, kind in ((1, "CREATE"), (2, "UPDATE"), (3, "UPDATE")):
        of = {name: given[name] for name in names[:count]}
        template = declared(*names[:count]) | {"Resources": dict(list(resources.items())[:count])}
        change(aws, template, of, kind=kind)
    described = aws.cloudformation.describe_stacks(StackName="stack")
    # Parameters come in an order of AWS's own.
    aws.check("describe-result", described, unordered=True)


# Change sets


CHANGES = "cloudformation/api/test_changesets"


def propose(aws, template, kind="CREATE", given=None, name="set", stack="stack"):
    return aws.cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateBody=json.dumps(template),
        Parameters=parameters(given or {}),
    )


SIMPLE = {"Resources": {"SimpleParam": TOPIC}}


@scenario(
    CHANGES,
    "test_multiple_create_changeset",
    "test_create_changeset_with_stack_id",
    "test_create_while_in_review",
    "test_name_conflicts",
)
def _(aws):
    cf = aws.cloudformation
    aws.stand_ins["AWS::SSM::Parameter"] = "AWS::SNS::Topic"
    first = propose(aws, SIMPLE)
    match aws.name:
        case "test_multiple_create_changeset":
            aws.check("initial_changeset", cf.describe_change_set(ChangeSetName=first["Id"]))
            aws.check("additional_changeset", propose(aws, SIMPLE, name="another"))
        case "test_create_changeset_with_stack_id":
            propose(aws, SIMPLE, name="another", stack=first["StackId"])
            aws.check("describe_stack", cf.describe_stacks(StackName=first["StackId"]))
            cf.delete_stack(StackName=first["StackId"])
            again = {"StackName": first["StackId"], "ChangeSetName": "revived-stack-changeset", "ChangeSetType": "CREATE"}
            again["TemplateBody"] = json.dumps(SIMPLE)
            aws.fails("recreate_deleted_with_id_exception", cf.create_change_set, **again)
        case "test_create_while_in_review":
            made = cf.create_stack(StackName="stack", TemplateBody=json.dumps(SIMPLE))
            aws.check("create_stack_while_in_review", made)
            settled(aws, "stack")
            aws.check("describe_stack", cf.describe_stacks(StackName="stack"))
            aws.check("describe_change_set", cf.describe_change_set(ChangeSetName=first["Id"]))
        case "test_name_conflicts":
            cf.execute_change_set(ChangeSetName=first["Id"])
            settled(aws, "stack")
            again = {"StackName": "stack", "ChangeSetName": "set", "ChangeSetType": "CREATE"}
            again["TemplateBody"] = json.dumps(SIMPLE)
            aws.fails("create_changeset_existingstack_exc", cf.create_change_set, **again)
            cf.delete_stack(StackName="stack")
            settled(aws, first["StackId"])
            second = propose(aws, SIMPLE)
            aws.check("new_stack_desc", cf.describe_stacks(StackName="stack"))
            aws.check("stack_id_desc", cf.describe_stacks(StackName=first["StackId"]))
            aws.check("new_stack_id_desc", cf.describe_stacks(StackName=second["StackId"]))
            aws.check("initial_changeset_id_desc", cf.describe_change_set(ChangeSetName=first["Id"]))
            aws.check("second_initial_changeset_id_desc", cf.describe_change_set(ChangeSetName=second["Id"]))


@scenario(CHANGES, "test_create_change_set_no_changes")
def _(aws):
    deploy(aws, SIMPLE)
    made = propose(aws, SIMPLE, "UPDATE")
    aws.check("change-set-description", aws.cloudformation.describe_change_set(ChangeSetName=made["Id"]))


@scenario(CHANGES, "test_create_change_set_update_without_parameters")
def _(aws):
    deploy(aws, {"Resources": {"topic123": topic(TopicName="one")}})
    made = propose(aws, {"Resources": {"topic123": topic(TopicName="two")}}, "UPDATE")
    aws.skip("create_change_set", "the same id was recorded with other placeholders")
    newer = {"Changes[0].ResourceChange.PolicyAction": "CloudFormation tells this since 2023, as `test_describe_changeset_after_delete` has it"}
    aws.check("describe_change_set", aws.cloudformation.describe_change_set(ChangeSetName=made["Id"]), newer)
    aws.check("list_change_set", aws.cloudformation.list_change_sets(StackName="stack"))


@scenario(CHANGES, "test_describe_changeset_after_delete")
def _(aws):
    cf = aws.cloudformation
    template = declared("TopicName") | {"Resources": {"topic123": topic(TopicName={"Ref": "TopicName"})}}
    deploy(aws, template, {"TopicName": "one"})
    propose(aws, template, "UPDATE", {"TopicName": "two"}, name="first")
    second = propose(aws, template, "UPDATE", {"TopicName": "two"}, name="second")
    cf.delete_change_set(StackName="stack", ChangeSetName="first")
    aws.fails("describe-deleted-cs", cf.describe_change_set, StackName="stack", ChangeSetName="first")
    described = cf.describe_change_set(ChangeSetName=second["Id"])
    aws.check("describe-2", described, unordered=True)


@scenario("cloudformation/test_change_sets", "test_list_change_sets")
def _(aws):
    propose(aws, SIMPLE)
    aws.check("change-sets", aws.cloudformation.list_change_sets(StackName="stack"))


@scenario("cloudformation/test_list_stacks", "test_listing_stacks")
def _(aws):
    for n in (1, 2, 3):
        change(aws, SIMPLE, name=f"stack-{n}")
    listed = aws.cloudformation.list_stacks()["StackSummaries"]
    aws.check("stacks", sorted(listed, key=lambda stack: stack["StackName"]))


# What templates come to


REFERENCES = "cloudformation/api/test_reference_resolving"


@scenario(REFERENCES, *(f"test_nested_getatt_ref[{attribute}]" for attribute in ("TopicName", "TopicArn")), "test_sub_resolving")
def _(aws):
    attribute = aws.parameter or "TopicName"
    both = "${MyTopic.TopicName}|${MyTopic}|"
    shown = {
        "MyTopicName": {"Fn::GetAtt": ["MyTopic", "TopicName"]},
        "MyTopicArn": {"Fn::GetAtt": ["MyTopic", "TopicArn"]},
        "MyTopicRef": {"Ref": "MyTopic"},
    }
    if aws.parameter:
        shown["MyTopicCustom"] = {"Fn::GetAtt": ["MyTopic", {"Ref": "Attribute"}]}
    else:
        shown["MyTopicSub"] = {"Fn::Sub": both + "${MyTopic.TopicName}|${MyTopic.TopicArn}"}
        shown["MyTopicSubWithMap"] = {"Fn::Sub": [both + "${Something}", {"Something": "something"}]}
    template = declared("Attribute") | {"Resources": {"MyTopic": TOPIC}}
    template["Outputs"] = {name: {"Value": value} for name, value in shown.items()}
    aws.check("outputs", outputs(deploy(aws, template, {"Attribute": attribute})))


@scenario("cloudformation/test_template_engine", "TestIntrinsicFunctions::test_join_no_value_construct")
def _(aws):
    nothing = {"Ref": "AWS::NoValue"}
    never = {"Fn::If": ["Never", "shown", nothing]}
    joined = {"JoinWithNoValue": ["Sample", nothing], "JoinOnlyNoValue": [nothing], "JoinConditionalNoValue": [never]}
    template = SIMPLE | {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Outputs": {name: {"Value": {"Fn::Join": ["", values]}} for name, values in joined.items()},
    }
    aws.check("join-output", outputs(deploy(aws, template)))


@scenario("cloudformation/test_template_engine", "TestImportValues::test_cfn_with_exports")
def _(aws):
    exported = {
        f"Output{n}": {"Value": "test", "Export": {"Name": {"Fn::Sub": f"${{AWS::StackName}}-TestExport-{n}"}}} for n in range(3)
    }
    deploy(aws, SIMPLE | {"Outputs": exported})
    aws.check("exports", aws.cloudformation.list_exports()["Exports"])


@scenario("cloudformation/test_template_engine", "TestMacros::test_to_validate_template_limit_for_macro")
def _(aws):
    body = json.dumps(SIMPLE | {"Description": "x" * 60_000})
    aws.fails("error_response", aws.cloudformation.create_stack, StackName="stack", TemplateBody=body)


def queue(aws, stack):
    url = aws.cloudformation.describe_stack_resources(StackName=stack)["StackResources"][0]["PhysicalResourceId"]
    return aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


@scenario("cloudformation/test_template_engine", "TestTypes::test_implicit_type_conversion")
def _(aws):
    properties = {"FifoQueue": "true", "DelaySeconds": "2", "ContentBasedDeduplication": "false"}
    deploy(aws, {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}})
    aws.check("queue", queue(aws, "stack"))


@scenario("cloudformation/test_change_sets", "TestCaptureUpdateProcess::test_queue_update")
def _(aws):
    changed = {"MaximumMessageSize": 4321, "MessageRetentionPeriod": 17539, "ReceiveMessageWaitTimeSeconds": 17}
    for turn, properties in enumerate(({}, changed, {}), 1):
        template = {"Resources": {"StandardQueue": {"Type": "AWS::SQS::Queue", "Properties": properties}}}
        stack = change(aws, template, kind="UPDATE" if turn > 1 else "CREATE")["StackId"]
        aws.check(f"queue-attributes-{turn}", queue(aws, "stack"))
    here = {f"[{n}].PhysicalResourceId": "queues have the server's address" for n in range(6)}
    aws.check("events", events_once(aws, stack)["StandardQueue"], differs=here)


@scenario(f"{ENGINE}/test_replacement", "test_requires_replacement")
def _(aws):
    for name, kind in (("first", "CREATE"), ("queue-47128d25", "UPDATE")):
        properties = {"QueueName": name}
        template = {"Resources": {"MyQueue": {"Type": "AWS::SQS::Queue", "Properties": properties}}}
        stack = change(aws, template, kind=kind)["StackId"]
    here = {f"[{n}].PhysicalResourceId": "queues have the server's address" for n in range(6)}
    aws.check("queue-events", events_once(aws, stack)["MyQueue"], differs=here)


CONDITIONS = f"{ENGINE}/test_conditions"


@scenario(
    CONDITIONS,
    *(
        f"TestCloudFormationConditions::test_nested_conditions[{case}]"
        for case in ("test-nobucket-nopolicy", "test-bucket-nopolicy", "prod-nobucket-nopolicy", "prod-bucket-policy")
    ),
)
def _(aws):
    stage, with_bucket, _ = aws.parameter.split("-")
    statement = {"Action": ["s3:GetObject"], "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    statement["Resource"] = [{"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/*"}]
    policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    template = {
        "Parameters": {"EnvType": {"Type": "String"}, "BucketName": {"Type": "String", "Default": ""}},
        "Conditions": {
            "IsProduction": {"Fn::Equals": [{"Ref": "EnvType"}, "prod"]},
            "CreateBucket": {"Fn::Not": [{"Fn::Equals": [{"Ref": "BucketName"}, ""]}]},
            "CreatePolicy": {"Fn::And": [{"Condition": "IsProduction"}, {"Condition": "CreateBucket"}]},
        },
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Condition": "CreateBucket", "Properties": {"BucketName": {"Ref": "BucketName"}}},
            "Policy": {"Type": "AWS::S3::BucketPolicy", "Condition": "CreatePolicy", "Properties": policy},
        },
    }
    given = {"EnvType": stage, "BucketName": f"bucket-{aws.account}" if with_bucket == "bucket" else ""}
    cf, made = aws.cloudformation, propose(aws, template, given=given)
    aws.check("create_cs_result", made)
    aws.check("describe_changeset_result", cf.describe_change_set(ChangeSetName=made["Id"]), unordered=True)
    cf.execute_change_set(ChangeSetName=made["Id"])
    settled(aws, made["StackId"])
    aws.check("stack_resources", cf.describe_stack_resources(StackName="stack"))
    events = cf.describe_stack_events(StackName="stack")
    for event in events["StackEvents"]:
        status = event["ResourceStatus"]
        if "-" + status in event["EventId"]:
            event["EventId"] = event["EventId"].partition(status)[0] + status + "-date"
    aws.check("stack_events", events)
    aws.check("describe_stack_result", cf.describe_stacks(StackName="stack"), unordered=True)


@scenario("cloudformation/api/test_update_stack", "test_update_with_role_without_permissions")
def _(aws):
    deploy(aws, NAMED, {"ApiName": "topic"})
    statement = {"Action": "sts:AssumeRole", "Principal": {"AWS": aws.account}, "Effect": "Deny"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = aws.iam.create_role(RoleName="role-fb405076", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    aws.fails("error", aws.cloudformation.update_stack, StackName="stack", UsePreviousTemplate=True, RoleARN=role)


# What is not replayed, and what it needs

PARAMETERS_OF_SSM = "parameters of Systems Manager (AWS::SSM::Parameter)"
not_replayed(
    STACKS,
    PARAMETERS_OF_SSM,
    "test_stack_deploy_order*",
    "test_stack_deletion_order*",
)
not_replayed(STACKS, "a parameter of one of EC2's types", "test_subnet_id_parameter_type")
not_replayed(STACKS, "a role that may not delete what it made", "test_blocked_stack_deletion")
not_replayed(STACKS, "changes of a resource's metadata", "test_no_echo_parameter")
not_replayed(CHANGES, PARAMETERS_OF_SSM, "TestUpdates::test_deleting_resource", "test_template_rendering_with_list")
not_replayed(CHANGES, "AWS::CDK::Metadata", "test_empty_changeset")
not_replayed(CHANGES, "changes of a resource's metadata", "test_create_and_then_update_refreshes_template_metadata")
not_replayed(REFERENCES, "a template of the CDK with custom resources", "test_redeploy_cdk_with_reference")
not_replayed(
    "cloudformation/api/test_resources", PARAMETERS_OF_SSM, "test_describe_deleted_resource_on_update", "test_describe_failed_resource"
)
not_replayed("cloudformation/api/test_templates", PARAMETERS_OF_SSM, "test_get_template_summary_failed_stack")
not_replayed("cloudformation/api/test_update_stack", PARAMETERS_OF_SSM, "test_diff_after_update")
not_replayed(
    "cloudformation/api/test_update_stack", "SNS's own answers, which its recordings hold", "test_update_with_previous_parameter_value"
)
not_replayed(f"{ENGINE}/test_attributes", PARAMETERS_OF_SSM, "TestResourceAttributes::test_invalid_getatt_fails")
not_replayed(
    f"{ENGINE}/test_attributes", "nested stacks", "TestResourceAttributes::test_dependency_on_attribute_with_dot_notation"
)
GROUP = "TestCloudFormationConditions::"
not_replayed(
    CONDITIONS, PARAMETERS_OF_SSM, f"{GROUP}test_references_to_disabled_resources*"
)
not_replayed(CONDITIONS, "Application Auto Scaling", f"{GROUP}test_conditional_resource_referencing_conditional")
not_replayed(f"{ENGINE}/test_deletion_policy", PARAMETERS_OF_SSM, "test_deletion_policy_with_*")
not_replayed(f"{ENGINE}/test_update_policy", PARAMETERS_OF_SSM, "test_update_replace_policy_*")
not_replayed(
    f"{ENGINE}/test_references",
    PARAMETERS_OF_SSM,
    "TestFnSub::test_fn_sub_cases",
    "TestFnSub::test_non_string_parameter_in_sub",
    "TestPseudoParameters::test_stack_id",
)
not_replayed(f"{ENGINE}/test_references", "dynamic references", "test_resolve_transitive_placeholders_in_strings")
not_replayed(
    "cloudformation/test_change_set_fn_select",
    PARAMETERS_OF_SSM,
    "TestChangeSetFnSelect::test_nested_select_within_other_intrinsics",
    "TestChangeSetFnSelect::test_fn_select_change_index_select_from_parameter_list",
)
not_replayed("cloudformation/test_change_set_parameters", PARAMETERS_OF_SSM, "TestChangeSetParameters::test_parameter_type_change")
not_replayed(
    "cloudformation/test_change_sets",
    PARAMETERS_OF_SSM,
    "TestCaptureUpdateProcess::test_*",
    "test_dynamic_ssm_parameter_lookup*",
    "test_single_resource_static_update",
)
not_replayed("cloudformation/test_change_sets", "transforms", "test_describe_failed_change_set")
not_replayed("cloudformation/api/test_stack_policies", "stack policies", "TestStackPolicy::test_*")
TEMPLATES = "cloudformation/test_template_engine"
not_replayed(TEMPLATES, "macros", "TestMacros::test_*")
not_replayed(
    TEMPLATES,
    PARAMETERS_OF_SSM,
    "TestIntrinsicFunctions::test_fn_select_has_intrinsic_function",
    "TestPseudoParameters::test_stack_id",
    "TestSsmParameters::test_create_change_set_with_ssm_parameter_list",
    "TestSsmParameters::test_create_stack_with_ssm_parameters",
    "TestSsmParameters::test_resolve_ssm",
    "TestSsmParameters::test_resolve_ssm_missing_parameter",
    "TestStackEvents::test_invalid_stack_deploy",
)
# The rest of these recordings is replayed elsewhere.
for shared in (
    CHANGES,
    CONDITIONS,
    STACKS,
    TEMPLATES,
    f"{ENGINE}/test_references",
    "cloudformation/api/test_resources",
    "cloudformation/api/test_templates",
    "cloudformation/api/test_update_stack",
    "cloudformation/test_change_set_fn_select",
    "cloudformation/test_change_set_parameters",
    "cloudformation/test_change_sets",
):
    part_of(shared)
run()
