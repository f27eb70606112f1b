"""What CloudFormation was recorded to refuse: templates, and requests about stacks and change sets that do not allow them."""

import json

from botocore.exceptions import ClientError
from pontoon_e2e.replay import Difference, part_of, run, scenario
from pontoon_e2e.stacks import deploy, parameters, settled

TOPIC = {"Type": "AWS::SNS::Topic"}
ONE_TOPIC = {"Resources": {"Topic": TOPIC}}


def refused(aws, label, template, call="create_change_set", given=None, **more):
    """Compares how a template is refused, given as text or as a document."""
    body = template if isinstance(template, str) else json.dumps(template)
    arguments = {"StackName": "refused", "TemplateBody": body, "Parameters": parameters(given or {})} | more
    if call == "create_change_set":
        arguments |= {"ChangeSetName": "refused", "ChangeSetType": "CREATE"}
    fails(aws, label, getattr(aws.cloudformation, call), **arguments)


def fails(aws, label, call, **arguments):
    """Compares an error, which some scenarios recorded as text and some without what goes with it."""
    recorded = aws.recorded[label]
    if isinstance(recorded, dict) and "Error" in recorded:
        return aws.fails(label, call, **arguments)
    try:
        answer = call(**arguments)
    except ClientError as error:
        return aws.check(label, str(error) if isinstance(recorded, str) else error.response["Error"])
    raise Difference(f"{label}: answered without an error: {answer}")


def templates(recording, cases):
    """Replays the scenarios of a recording that are templates which are refused: by name the label, the template and what goes with it."""
    for name, (label, template, *more) in cases.items():

        def replay(aws, label=label, template=template, more=more):
            refused(aws, label, template, **(more[0] if more else {}))

        scenario(f"cloudformation/{recording}", name)(replay)


def with_output(value):
    return "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\nOutputs:\n  MyOutput:\n" + value


templates(
    "api/test_validations",
    {
        "test_invalid_output_structure[none-value]": ("validation-error", with_output("    Value: null\n")),
        "test_invalid_output_structure[missing-def]": ("validation-error", with_output("    Value:\n")),
        "test_invalid_output_structure[multiple-nones]": ("validation-error", with_output("    Description: none\n")),
        "test_missing_resources_block": ("validation-error", {"Outputs": {"MyOutput": {"Value": "x"}}}),
        "test_resources_blocks[missing-type]": ("validation-error", {"Resources": {"A": {"Properties": {}}}}),
        "test_resources_blocks[invalid-key]": ("validation-error", {"Resources": {"A": TOPIC | {"Invalid": "x"}}}),
    },
)


def mapped(mapping, *keys):
    display = {"Fn::FindInMap": ["TopicSuffixMap", *keys]}
    return {"Mappings": mapping, "Resources": {"Topic": TOPIC | {"Properties": {"DisplayName": display}}}}


SUFFIXES = {"TopicSuffixMap": {"A": {"Suffix": "suffix-a"}, "B": {"Suffix": "suffix-b"}}}
GROUP = "TestCloudFormationMappings::"
templates(
    "engine/test_mappings",
    {
        GROUP + "test_mapping_with_nonexisting_key": ("mapping_nonexisting_key_exc", mapped(SUFFIXES, "C", "Suffix")),
        GROUP + "test_async_mapping_error_first_level_v2": ("error", mapped(SUFFIXES, "C", "Suffix")),
        GROUP + "test_async_mapping_error_second_level_v2": ("error", mapped(SUFFIXES, "A", "NotValid")),
        GROUP + "test_mapping_with_invalid_refs": (
            "mapping_invalid_ref_exc",
            mapped({"TopicSuffixMap": {"A": {"Suffix": {"Ref": "Topic"}}}}, "A", "Suffix"),
        ),
        GROUP + "test_mapping_maximum_nesting_depth": (
            "mapping_maximum_level_exc",
            mapped({"TopicSuffixMap": {"A": {"Suffix": {"Suffix": "too deep"}}}}, "A", "Suffix"),
        ),
        GROUP + "test_mapping_minimum_nesting_depth": (
            "mapping_minimum_level_exc",
            mapped({"TopicSuffixMap": {"A": "suffix"}}, "A", "Suffix"),
        ),
    },
)


def shown(value, **more):
    return {"Resources": {"Topic": TOPIC | {"Properties": {"DisplayName": value}}}} | more


def dependent(value):
    """A topic that is shown with something of one that is not made."""
    resources = {"MyTopic": TOPIC | {"Condition": "Never"}} | shown(value)["Resources"]
    return {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}, "Resources": resources}


GROUP = "TestCloudFormationConditions::"
templates(
    "engine/test_conditions",
    {
        GROUP + "test_dependent_ref": ("dependent_ref_exc", dependent({"Ref": "MyTopic"})),
        GROUP + "test_dependent_get_att": ("dependent_ref_exc", dependent({"Fn::GetAtt": ["MyTopic", "TopicName"]})),
        GROUP + "test_output_reference_to_skipped_resource": (
            "unresolved_resource_reference_exception",
            dependent("shown") | {"Outputs": {"TopicName": {"Value": {"Fn::GetAtt": ["MyTopic", "TopicName"]}}}},
        ),
        "TestValidateConditions::test_validate_equals_args_len": (
            "error",
            ONE_TOPIC | {"Conditions": {"Same": {"Fn::Equals": ["a"]}}},
        ),
    },
)
templates(
    "engine/test_references",
    {
        "TestDependsOn::test_depends_on_with_missing_reference": (
            "depends_on_nonexisting_exception",
            {"Resources": {"Topic": TOPIC | {"DependsOn": "NonExistingResource"}}},
        ),
        "test_useful_error_when_invalid_ref": ("validation_error", shown({"Ref": "InvalidRef"})),
    },
)
SELECT = "TestChangeSetFnSelect::test_invalid_select_index_type"
templates(
    "test_change_set_fn_select",
    {
        f"{SELECT}[non-integer-index]": ("error", shown({"Fn::Select": ["one", ["a", "b"]]})),
        f"{SELECT}[non-list-list]": ("error", shown({"Fn::Select": [0, "a"]})),
        f"{SELECT}[index-out-of-range]": ("error", shown({"Fn::Select": ["-1", ["a"]]})),
    },
)
ATTRIBUTE = "TestChangeSetFnGetAttr::test_invalid_structure"
templates(
    "test_change_set_fn_get_attr",
    {
        f"{ATTRIBUTE}[getatt_validation.yml]": ("error", shown({"Fn::GetAtt": ["Topic"]})),
        f"{ATTRIBUTE}[getatt_validation2.yml]": ("error", shown({"Fn::GetAtt": "Topic"})),
    },
)
templates(
    "test_change_set_fn_split",
    {"TestSplitValidations::test_validate_split_arguments_len": ("validation", shown({"Fn::Join": ["", {"Fn::Split": ["a"]}]}))},
)
templates(
    "test_change_set_conditions",
    {"TestChangeSetConditions::test_missing_condition": ("error", shown({"Fn::If": ["MissingCondition", "a", "b"]}))},
)
NUMBER = {"Parameters": {"Value": {"Type": "Number"}}}
templates(
    "test_change_set_parameters",
    {
        "TestChangeSetParameters::test_invalid_parameter_type": (
            "error",
            shown({"Ref": "Value"}, **NUMBER),
            {"given": {"Value": "not-a-number"}},
        )
    },
)
INPUT = {"Parameters": {"Input": {"Type": "String"}}}
templates(
    "api/test_stacks",
    {
        "test_linting_error_during_creation": ("error", {"Resources": {"Topic": "not an object"}}),
        "test_no_parameters_given": ("deploy-error", shown({"Ref": "Input"}, **INPUT)),
        "TestStacksApi::test_stack_name_creation": ("stack_response", ONE_TOPIC, {"StackName": "*@da591fa3_$"}),
        "TestStacksApi::test_create_stack_url_as_template": (
            "stack_create_ec2",
            "https://bucket.s3.amazonaws.com/template.yaml",
            {"call": "create_stack"},
        ),
    },
)
templates("api/test_resources", {"test_invalid_logical_resource_id": ("error", {"Resources": {"my-bad-resource-id": TOPIC}})})
NO_VALUE = "AWS::NoValue"
PLACES = "test_using_pseudoparameters_in_places"
templates(
    "api/test_changesets",
    {
        f"{PLACES}[resource]": ("error", {"Resources": {NO_VALUE: TOPIC}}),
        f"{PLACES}[parameter]": ("error", ONE_TOPIC | {"Parameters": {NO_VALUE: {"Type": "String"}}}),
    },
)


@scenario("cloudformation/api/test_changesets", f"{PLACES}[condition]")
def _(aws):
    template = ONE_TOPIC | {"Conditions": {NO_VALUE: {"Fn::Equals": ["a", "b"]}}}
    deploy(aws, template)




@scenario("cloudformation/api/test_templates", "test_create_stack_invalid_yaml_template_should_fail")
def _(aws):
    placed = {"Error.Message": "where the text is not YAML is told, as AWS does for most texts"}
    faulty = {"StackName": "refused", "TemplateBody": "Resources:\n  - a\n b: {"}
    aws.fails("create-invalid-yaml", aws.cloudformation.create_stack, placed, **faulty)


templates("test_template_engine", {"test_no_type": ("error", {"Resources": {"Foo": {"Properties": {}}}})})


# Templates that stacks are asked for


@scenario("cloudformation/api/test_templates", "test_get_template_summary")
def _(aws):
    metadata = {"TopicName": "sns-topic-simple"}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Metadata": metadata, "Resources": {"topic123": TOPIC}}
    deploy(aws, template)
    summary = aws.cloudformation.get_template_summary(StackName="stack")
    # What it says of metadata is a document of its own, which was recorded as Python writes it.
    summary["Metadata"] = str(json.loads(summary["Metadata"]))
    aws.check("template-summary", summary)


@scenario("cloudformation/api/test_templates", "test_get_template_summary_no_resources")
def _(aws):
    aws.fails("error", aws.cloudformation.get_template_summary, TemplateBody=json.dumps({"Resources": {}}))


@scenario("cloudformation/api/test_templates", "test_get_template_summary_non_executed_change_set")
def _(aws):
    in_review(aws)
    aws.fails("error", aws.cloudformation.get_template_summary, StackName="stack")


@scenario("cloudformation/api/test_templates", "test_validate_template")
def _(aws):
    declared = {"Type": "String", "Description": "The EC2 Key Pair to allow SSH access to the instance"}
    template = ONE_TOPIC | {"Parameters": {"KeyExample": declared}}
    aws.check("validate-template", aws.cloudformation.validate_template(TemplateBody=json.dumps(template)))


@scenario("cloudformation/api/test_templates", "test_validate_invalid_json_template_should_fail")
def _(aws):
    aws.fails("validate-invalid-json", aws.cloudformation.validate_template, TemplateBody='{"this is invalid JSON"}')


@scenario(
    "cloudformation/api/test_templates",
    "test_get_template_missing_resources",
    "test_get_template_missing_resources_stack",
    "test_get_template_missing_resources_change_set",
    "test_get_template_missing_resources_change_set_id",
    "test_get_template_no_arguments",
)
def _(aws):
    get = aws.cloudformation.get_template
    if aws.name == "test_get_template_no_arguments":
        return aws.fails("stack-error", get)
    if "stack-error" in aws.recorded:
        aws.fails("stack-error", get, StackName="does-not-exist")
    if aws.name.endswith("_id"):
        missing = f"arn:aws:cloudformation:{aws.region}:{aws.account}:changeSet/missing/7d1d3c7e-0000-4000-8000-000000000000"
        aws.fails("change-set-error", get, ChangeSetName=missing)
    elif "change-set-error" in aws.recorded:
        aws.fails("change-set-error", get, ChangeSetName="does-not-exist")


@scenario(
    "cloudformation/api/test_templates",
    *(f"test_create_stack_from_s3_template_url[{style}]" for style in ("s3_url", "http_path", "http_host", "http_invalid")),
)
def _(aws):
    bucket = f"templates-{aws.account}"
    aws.s3.create_bucket(Bucket=bucket)
    name = {"Properties": {"TopicName": "from-s3"}}
    aws.s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps({"Resources": {"Topic": TOPIC | name}}))
    urls = {
        "s3_url": f"s3://{bucket}/template.json",
        "http_path": f"https://s3.amazonaws.com/{bucket}/template.json",
        "http_host": f"https://{bucket}.s3.amazonaws.com/template.json",
        "http_invalid": "https://example.com/dummy.yml",
    }
    make = aws.cloudformation.create_stack
    if "create-error" in aws.recorded:
        return aws.fails("create-error", make, StackName="stack", TemplateURL=urls[aws.parameter])
    settled(aws, make(StackName="stack", TemplateURL=urls[aws.parameter])["StackId"])
    aws.check("matching-topic", aws.sns.list_topics()["Topics"])


# Stacks and change sets that are not there, or are not as they would have to be


def in_review(aws, name="stack", change_set="changes", template=ONE_TOPIC):
    """The id of a change set that is to make a stack, and the stack's."""
    made = aws.cloudformation.create_change_set(
        StackName=name, ChangeSetName=change_set, ChangeSetType="CREATE", TemplateBody=json.dumps(template)
    )
    return made["Id"], made["StackId"]


def deleted(aws, stack="stack"):
    aws.cloudformation.delete_stack(StackName=stack)
    return settled(aws, stack)


@scenario("cloudformation/api/test_stacks", "test_stack_resource_not_found")
def _(aws):
    deploy(aws, ONE_TOPIC)
    aws.fails(
        "Error", aws.cloudformation.describe_stack_resource, StackName="stack", LogicalResourceId="NonExistentResource"
    )


@scenario("cloudformation/api/test_resources", "test_describe_non_existent_resource", "test_describe_non_existent_stack")
def _(aws):
    deploy(aws, ONE_TOPIC)
    names = {
        "test_describe_non_existent_resource": ("stack", "not-a-valid-resource"),
        "test_describe_non_existent_stack": ("not-a-valid-stack", "not-a-valid-resource"),
    }
    stack, resource = names[aws.name]
    fails(aws, "error", aws.cloudformation.describe_stack_resource, StackName=stack, LogicalResourceId=resource)


@scenario("cloudformation/api/test_stacks", "test_non_existing_stack_message")
def _(aws):
    aws.fails("Error", aws.cloudformation.describe_stacks, StackName="missing")


@scenario("cloudformation/api/test_stacks", "test_describe_stack_events_errors")
def _(aws):
    events = aws.cloudformation.describe_stack_events
    aws.fails("describe_stack_events_stack_not_found", events, StackName="does-not-exist")


@scenario("cloudformation/api/test_stacks", "test_name_conflicts")
def _(aws):
    cf, asked = aws.cloudformation, {"StackName": "stack", "TemplateBody": json.dumps(ONE_TOPIC)}
    first = deploy(aws, ONE_TOPIC)["StackId"]
    aws.fails("create_stack_already_exists_exc", cf.create_stack, **asked)
    aws.check("created_stack_desc", settled(aws, "stack")["StackStatus"])
    deleted(aws, first)
    aws.fails("deleted_stack_not_found_exc", cf.describe_stacks, StackName="stack")
    aws.fails("deleted_stack_events_not_found_by_name", cf.describe_stack_events, StackName="stack")
    aws.check("deleted_stack_desc", cf.describe_stacks(StackName=first))
    second = deploy(aws, ONE_TOPIC)["StackId"]
    aws.check("new_stack_desc", cf.describe_stacks(StackName="stack"))
    aws.check("stack_id_desc", cf.describe_stacks(StackName=first))
    aws.check("new_stack_id_desc", cf.describe_stacks(StackName=second))
    deleted(aws, second)
    aws.check("deleted_second_stack_desc", cf.describe_stacks(StackName=second))


@scenario("cloudformation/api/test_stacks", "TestStacksApi::test_update_stack_with_same_template_withoutchange")
def _(aws):
    deploy(aws, ONE_TOPIC)
    aws.fails(
        "no_change_exception", aws.cloudformation.update_stack, StackName="stack", TemplateBody=json.dumps(ONE_TOPIC)
    )


UPDATES = "cloudformation/api/test_update_stack"
NAMED = "test_basic_update", "test_no_parameters_error_update", "test_update_deleted_stack", "test_no_template_error"


@scenario(UPDATES, "test_update_with_resource_types", "test_update_with_invalid_rollback_configuration_errors", *NAMED)
def _(aws):
    cf = aws.cloudformation
    template = shown({"Ref": "Shown"}, Parameters={"Shown": {"Type": "String"}})
    stack = deploy(aws, template, {"Shown": "one"})["StackId"]
    asked = {"StackName": stack, "TemplateBody": json.dumps(template), "Parameters": parameters({"Shown": "two"})}
    trigger = {"Arn": f"arn:aws:cloudwatch:{aws.region}:{aws.account}:alarm:one", "Type": "Another"}
    match aws.name:
        case "test_update_with_resource_types":
            aws.fails("invalid_type_error", cf.update_stack, ResourceTypes=["AWS::EC2:*"], **asked)
            aws.fails("resource_not_allowed", cf.update_stack, ResourceTypes=["AWS::EC2::*"], **asked)
        case "test_update_with_invalid_rollback_configuration_errors":
            faulty = {"RollbackTriggers": [trigger]}
            aws.fails("type_error", cf.update_stack, RollbackConfiguration=faulty, **asked)
            faulty = {"RollbackTriggers": [{"Arn": "arn:aws:cloudwatch:us-east-1:123456789012:example-name", "Type": "AWS::CloudWatch::Alarm"}]}
            aws.fails("arn_error", cf.update_stack, RollbackConfiguration=faulty, **asked)
        case "test_basic_update":
            aws.check("update_response", cf.update_stack(**asked))
        case "test_no_template_error":
            aws.fails("error", cf.update_stack, StackName=stack)
        case "test_no_parameters_error_update":
            try:
                cf.update_stack(StackName=stack, TemplateBody=json.dumps(template))
            except ClientError as error:
                assert error.response["Error"]["Message"] == "Parameters: [Shown] must have values"
        case "test_update_deleted_stack":
            deleted(aws, stack)
            aws.fails("Error", cf.update_stack, **asked)


CHANGES = "cloudformation/api/test_changesets"


@scenario(CHANGES, "test_describe_change_set_nonexisting")
def _(aws):
    fails(aws, "exception", aws.cloudformation.describe_change_set, StackName="somestack", ChangeSetName="set")


@scenario(CHANGES, "test_delete_change_set_exception")
def _(aws):
    aws.fails("e1", aws.cloudformation.delete_change_set, StackName="nostack", ChangeSetName="set")
    aws.fails("e2", aws.cloudformation.delete_change_set, ChangeSetName="set")


@scenario(CHANGES, "test_deleted_changeset")
def _(aws):
    cf = aws.cloudformation
    made = cf.create_change_set(
        StackName="stack", ChangeSetName="set", ChangeSetType="CREATE", TemplateBody=json.dumps(ONE_TOPIC)
    )
    aws.check("create", made)
    cf.delete_change_set(ChangeSetName=made["Id"])
    fails(aws, "postdelete_changeset_notfound", cf.describe_change_set, ChangeSetName=made["Id"])


@scenario(CHANGES, "test_create_changeset_for_deleted_stack", "test_changeset_for_deleted_stack")
def _(aws):
    cf, stack = aws.cloudformation, deploy(aws, ONE_TOPIC)["StackId"]
    deleted(aws, stack)
    asked = {"StackName": stack, "ChangeSetName": "test", "TemplateBody": json.dumps(ONE_TOPIC)}
    if aws.name == "test_create_changeset_for_deleted_stack":
        aws.fails("ErrorForCreate", cf.create_change_set, ChangeSetType="CREATE", **asked)
        aws.fails("ErrorForUpdate", cf.create_change_set, ChangeSetType="UPDATE", **asked)
    else:
        aws.skip("ErrorForInProgress", "a deletion is over at once")
        aws.fails("ErrorForComplete", cf.create_change_set, ChangeSetType="UPDATE", **asked)


# The rest of these recordings is replayed elsewhere.
for shared in (
    "api/test_changesets",
    "api/test_resources",
    "api/test_stacks",
    "api/test_templates",
    "api/test_update_stack",
    "api/test_validations",
    "engine/test_conditions",
    "engine/test_mappings",
    "engine/test_references",
    "test_change_set_conditions",
    "test_change_set_fn_get_attr",
    "test_change_set_fn_select",
    "test_change_set_fn_split",
    "test_change_set_parameters",
    "test_template_engine",
):
    part_of(f"cloudformation/{shared}")
run()
