"""What change sets tell of every way to write a property, and what executing them does, as CloudFormation was recorded to answer."""

from pontoon_e2e.replay import part_of, run, scenario
from pontoon_e2e.stacks import change_twice


def topics(*properties, **more):
    """A template of topics: `Topic1`, `Topic2`, … with these properties."""
    named = {f"Topic{number}": topic(**given) for number, given in enumerate(properties, 1)}
    return {"Resources": named} | more


def topic(**properties):
    others = {name: properties.pop(name) for name in ("Condition", "DependsOn") if name in properties}
    return {"Type": "AWS::SNS::Topic", "Properties": properties} | others


def named(number, display):
    return {"TopicName": f"topic-name-{number}", "DisplayName": display}


def shown(display, **more):
    """One topic that has only a display name."""
    return topics({"DisplayName": display}, **more)


def changes(recording, group, cases):
    """Replays the scenarios of a recording that are changes from one template to another, perhaps with parameters."""
    for name, case in cases.items():

        def replay(aws, case=case):
            change_twice(aws, *case)

        scenario(f"cloudformation/{recording}", f"{group}::{name}")(replay)
    part_of(f"cloudformation/{recording}", *(f"{group}::{name}" for name in cases))


def of_first(way, display_name=False):
    """The scenarios in which further topics are shown with something of the first: its name, or an attribute."""

    def chain(display, name="topic-name-1"):
        return topics({"TopicName": name, "DisplayName": display}, named(2, way("Topic1")))

    one = topics(named(1, "display-value-1"))
    pair, changed = chain("display-value-1"), chain("display-value-2")
    in_chain = [
        topics(named(1, f"display-value-{n}"), named(2, way("Topic1")), named(3, way("Topic2"))) for n in (1, 2)
    ]
    return {
        "test_resource_addition": (one, pair),
        "test_direct_attribute_value_change": (pair, changed),
        "test_direct_attribute_value_change_with_dependent_addition": (one, changed),
        "test_immutable_property_update_causes_resource_replacement": (
            chain("value"),
            chain("new_value", "updated-topic-name-1"),
        ),
        f"test_direct_attribute_value_change_in_{'get_attr' if display_name else 'ref'}_chain": tuple(in_chain),
    } | ({"test_resource_deletion": (pair, one)} if display_name else {})


changes("test_change_set_ref", "TestChangeSetRef", of_first(lambda name: {"Ref": name}))
changes(
    "test_change_set_fn_get_attr",
    "TestChangeSetFnGetAttr",
    of_first(lambda name: {"Fn::GetAtt": [name, "DisplayName"]}, display_name=True),
)


def pseudo(name):
    return {"Ref": f"AWS::{name}"}


PSEUDO = ("Partition", "AccountId", "Region", "StackName", "StackId", "URLSuffix")
changes(
    "test_change_set_ref",
    "TestChangeSetRef",
    {
        "test_supported_pseudo_parameter": (
            {"Resources": {"Topic1": topic(TopicName="topic_name_1")}},
            {
                "Resources": {
                    "Topic2": topic(TopicName="topic_name_2", Tags=[{"Key": name, "Value": pseudo(name)} for name in PSEUDO])
                }
            },
        )
    },
)

# Functions


def join(delimiter, *values):
    return {"Fn::Join": [delimiter, list(values)]}


def joined(*arguments):
    return topics(named(1, join(*arguments)))


def joined_to(second):
    """A second topic that is shown with what the first is shown with."""
    return tuple(topics(named(1, f"display-name-{n}"), named(2, second)) for n in (1, 2))


OF_FIRST = {"Fn::GetAtt": ["Topic1", "DisplayName"]}
changes(
    "test_change_set_fn_join",
    "TestChangeSetFnJoin",
    {
        "test_update_string_literal_argument": (joined("-", "v1", "test"), joined("-", "v2", "test")),
        "test_update_string_literal_delimiter": (joined("-", "v1", "test"), joined("_", "v2", "test")),
        "test_update_string_literal_delimiter_empty": (joined("", "v1", "test"), joined("-", "v1", "test")),
        "test_update_string_literal_arguments_empty": (joined("", "", ""), joined("", "v1", "test")),
        "test_update_refence_argument": joined_to(join("-", "prefix", OF_FIRST)),
        "test_indirect_update_refence_argument": joined_to(join("-", "prefix", join("-", OF_FIRST))),
    },
)


def select(index, *values):
    return shown({"Fn::Select": [index, list(values)]})


LISTED = ("1st", "2nd", "3rd")
changes(
    "test_change_set_fn_select",
    "TestChangeSetFnSelect",
    {
        "test_fn_select_add_to_static_property": (shown("topic-name-1"), select(1, *LISTED)),
        "test_fn_select_remove_from_static_property": (select(1, *LISTED), shown("topic-name-1")),
        "test_fn_select_change_in_selection_list": (select(1, *LISTED), select(1, "1st", "new-2nd", "3rd")),
        "test_fn_select_change_in_selection_index_only": (select(1, *LISTED), select(0, *LISTED)),
        "test_fn_select_change_in_selected_element_type_ref": (select(0, *LISTED), select(0, pseudo("StackName"), "2nd")),
        "test_fn_select_change_get_att_reference": tuple(
            topics({"DisplayName": f"topic-name-{n}"}, {"DisplayName": {"Fn::Select": [0, [OF_FIRST, "other"]]}})
            for n in (1, 2)
        ),
    },
)


def split(delimiter, source, **more):
    """The parts, joined again by underscores."""
    return shown(join_parts(delimiter, source), **more)


def join_parts(delimiter, source):
    return {"Fn::Join": ["_", {"Fn::Split": [delimiter, source]}]}


WITH_DELIMITER = {"Parameters": {"DelimiterParam": {"Type": "String"}}}
OF_PARAMETER = split("-", {"Ref": "DelimiterParam"}, **WITH_DELIMITER)
changes(
    "test_change_set_fn_split",
    "TestChangeSetFnSplit",
    {
        "test_fn_split_add_to_static_property": (shown("topic-name-1"), split("-", "part1-part2-part3")),
        "test_fn_split_remove_from_static_property": (split("-", "part1-part2-part3"), shown("topic-name-1")),
        "test_fn_split_change_source_string_only": (split("-", "a-b"), split("-", "x-y-z")),
        "test_fn_split_with_ref_as_string_source": (
            OF_PARAMETER,
            OF_PARAMETER,
            {"DelimiterParam": "hello-world"},
            {"DelimiterParam": "foo-bar-baz"},
        ),
        "test_fn_split_with_get_att": (
            *(
                topics({"DisplayName": f"topic-name-{n}"}, {"DisplayName": join_parts("-", OF_FIRST)})
                for n in (1, 2)
            ),
            None,
            None,
            {"describe-change-set-1-prop-values": {"StatusReason": "nothing fails here, so nothing warns of incomplete values"}},
        ),
        "test_fn_split_change_delimiter": (split("-", "a-b--c::d"), split(":", "a-b--c::d")),
    },
)


def sub(*arguments):
    return topics(named(1, {"Fn::Sub": arguments[0] if len(arguments) == 1 else list(arguments)}))


LITERAL, PLAIN = topics(named(1, "display-value-1")), "Parameter interpolation: "
ONE, TWO = PLAIN + "${var_1}", PLAIN + "${var_1}, ${var_2}"
ONE_VALUE, TWO_VALUES = {"var_1": "var_value_1"}, {"var_1": "var_value_1", "var_2": "var_value_2"}
SHOWN = {"Parameters": {"ParameterDisplayName": {"Type": "String", "Default": "display-value-parameter"}}}
changes(
    "test_change_set_fn_sub",
    "TestChangeSetFnSub",
    {
        "test_fn_sub_addition_string_pseudo": (LITERAL, sub("The stack name is ${AWS::StackName}")),
        "test_fn_sub_update_string_pseudo": (
            sub("The stack name is ${AWS::StackName}"),
            sub("The region name is ${AWS::Region}"),
        ),
        "test_fn_sub_delete_string_pseudo": (
            sub("The stack name is ${AWS::StackName}"),
            topics(named(1, "display-name-2")),
        ),
        "test_fn_sub_addition_parameter_literal": (LITERAL, sub(ONE, {"var_1": "var_value"})),
        "test_fn_sub_update_parameter_literal": (sub(ONE, ONE_VALUE), sub(TWO, TWO_VALUES)),
        "test_fn_sub_delete_parameter_literal": (sub(TWO, TWO_VALUES), sub(ONE, ONE_VALUE)),
        "test_fn_sub_addition_parameter_ref": (
            LITERAL,
            sub(ONE, {"var_1": {"Ref": "ParameterDisplayName"}}) | SHOWN,
        ),
        "test_fn_sub_update_parameter_type": (
            sub(ONE, {"var_1": "display-value-1"}),
            sub(ONE, {"var_1": {"Ref": "ParameterDisplayName"}}) | SHOWN,
        ),
        "test_fn_sub_addition_parameter": (LITERAL, sub(PLAIN + "${ParameterDisplayName}") | SHOWN),
    },
)


def base64(text):
    return shown({"Fn::Base64": text})


changes(
    "test_change_set_fn_base64",
    "TestChangeSetFnBase64",
    {
        "test_fn_base64_add_to_static_property": (shown("topic-name-1"), base64("HelloWorld")),
        "test_fn_base64_remove_from_static_property": (base64("HelloWorld"), shown("topic-name-1")),
        "test_fn_base64_change_input_string": (base64("OldValue"), base64("NewValue")),
    },
)

# Parameters, mappings, conditions and dependencies


def of_parameter(**declared):
    return {"Parameters": {"TopicName": {"Type": "String"} | declared}, "Resources": {"Foo": topic(TopicName={"Ref": "TopicName"})}}


GIVEN_ONE, GIVEN_TWO = {"TopicName": "topic-name-1"}, {"TopicName": "topic-name-2"}
DEFAULT_ONE, DEFAULT_TWO = of_parameter(Default="topic-name-1"), of_parameter(Default="topic-name-2")
changes(
    "test_change_set_parameters",
    "TestChangeSetParameters",
    {
        "test_update_parameter_default_value": (DEFAULT_ONE, DEFAULT_TWO),
        "test_update_parameter_with_added_default_value": (of_parameter(), DEFAULT_TWO, GIVEN_ONE),
        "test_update_parameter_with_removed_default_value": (DEFAULT_ONE, of_parameter(), None, GIVEN_TWO),
        "test_update_parameter_default_value_with_dynamic_overrides": (DEFAULT_ONE, DEFAULT_TWO, GIVEN_ONE, GIVEN_TWO),
    },
)


def find(mapping, *keys):
    return {"Fn::FindInMap": [mapping, *keys]}


def mapped(mappings, *keys):
    """Topics that are each shown with what a mapping has for two keys."""
    return topics(*(named(number, find(*key)) for number, key in enumerate(keys, 1)), Mappings=mappings)


def sns_mapping(**first):
    return {"SNSMapping": {"Key1": first}}


FIRST = ("SNSMapping", "Key1", "Value1")
ONE_MAPPED = mapped(sns_mapping(Value1="display-value-1"), FIRST)
WITH_NEW_MAP = mapped(
    sns_mapping(Value1="display-value-1") | {"NewMapping": {"Key2": {"Value1": "display-value-new"}}},
    FIRST,
    ("NewMapping", "Key2", "Value1"),
)
WITH_NEW_KEY = mapped(
    {"SNSMapping": {"Key1": {"Value1": "display-value-1"}, "Key2": {"Value1": "display-value-new"}}},
    FIRST,
    ("SNSMapping", "Key2", "Value1"),
)
WITH_SECOND_KEY = mapped(
    {"SNSMapping": {"Key1": {"Value1": "display-value-1"}, "Key2": {"Value1": "display-value-2"}}},
    FIRST,
    ("SNSMapping", "Key2", "Value1"),
)
BOTH_FIRST = mapped(sns_mapping(Value1="display-value-1"), FIRST, FIRST)
ZONES = {"Zones": {"us-east-1": {"Id": "Z2FDTNDATAQYW2"}}}
OF_REGION = find("Zones", pseudo("Region"), "Id")
BY_REGION = topics(named(1, find("Values", find("Keys", pseudo("Region"), "Key"), "Value")))
STAGES = {"Values": {"aws-prod": {"Value": "prod-aws-value"}, "aws-dev": {"Value": "dev-aws-value"}}}
BY_STAGE = topics(
    named(1, find("Values", join("-", pseudo("Partition"), {"Ref": "Environment"}), "Value")),
    Mappings=STAGES,
    Parameters={"Environment": {"Type": "String"}},
)
changes(
    "test_change_set_mappings",
    "TestChangeSetMappings",
    {
        "test_mapping_leaf_update": (ONE_MAPPED, mapped(sns_mapping(Value1="display-value-2"), FIRST)),
        "test_mapping_key_update": (
            ONE_MAPPED,
            mapped({"SNSMapping": {"KeyNew": {"Value1": "display-value-2"}}}, ("SNSMapping", "KeyNew", "Value1")),
        ),
        "test_mapping_addition_with_resource": (ONE_MAPPED, WITH_NEW_MAP),
        "test_mapping_key_addition_with_resource": (ONE_MAPPED, WITH_NEW_KEY),
        "test_mapping_deletion_with_resource_remap": (WITH_NEW_MAP, BOTH_FIRST),
        "test_mapping_key_deletion_with_resource_remap": (WITH_SECOND_KEY, BOTH_FIRST),
        "test_fn_find_in_map_with_nested_ref": tuple(
            topics({"TopicName": name, "DisplayName": OF_REGION}, Mappings=ZONES)
            for name in ("topic-name-1", "topic-name-1-updated")
        ),
        "test_fn_find_in_map_with_nested_ref_change_mapping": tuple(
            BY_REGION
            | {"Mappings": {"Keys": {"us-east-1": {"Key": key}}, "Values": {"A": {"Value": "value-1"}, "B": {"Value": "value-3"}}}}
            for key in ("A", "B")
        ),
        "test_fn_find_in_map_with_multiple_nested_functions": (
            BY_STAGE,
            BY_STAGE,
            {"Environment": "prod"},
            {"Environment": "dev"},
        ),
    },
)

NEVER, ALWAYS = {"Fn::Equals": ["true", "false"]}, {"Fn::Equals": ["true", "true"]}
PLACEHOLDER = topic(TopicName="topic-name-2")


def conditional(condition, **resources):
    return {"Conditions": {"CreateTopic": condition}, "Resources": resources}


ON_CONDITION = topic(TopicName="topic-name-1", Condition="CreateTopic")
changes(
    "test_change_set_conditions",
    "TestChangeSetConditions",
    {
        "test_condition_update_removes_resource": (
            conditional(ALWAYS, SNSTopic=ON_CONDITION),
            conditional(NEVER, SNSTopic=ON_CONDITION, TopicPlaceholder=PLACEHOLDER),
        ),
        "test_condition_update_adds_resource": (
            conditional(NEVER, SNSTopic=ON_CONDITION, TopicPlaceholder=PLACEHOLDER),
            conditional(ALWAYS, SNSTopic=ON_CONDITION, TopicPlaceholder=PLACEHOLDER),
        ),
        "test_condition_add_new_negative_condition_to_existent_resource": (
            {"Resources": {"SNSTopic": topic(TopicName="topic-name-1")}},
            conditional(NEVER, SNSTopic=ON_CONDITION, TopicPlaceholder=PLACEHOLDER),
        ),
        "test_condition_add_new_positive_condition_to_existent_resource": (
            {"Resources": {"SNSTopic1": topic(TopicName="topic-name-1")}},
            conditional(ALWAYS, SNSTopic1=ON_CONDITION, SNSTopic2=PLACEHOLDER),
        ),
    },
)


def depending(**needed):
    """Topics by the end of their name, each of which may depend on others."""

    def one(end, on):
        shown = "display-value-1-updated" if end == "1" and "updated" in on else f"display-value-{end}"
        others = [f"Topic{other}" for other in on if other != "updated"]
        return topic(**named(end, shown)) | ({"DependsOn": others} if others else {})

    return {"Resources": {f"Topic{end[1:]}": one(end[1:], on) for end, on in needed.items()}}


changes(
    "test_change_set_depends_on",
    "TestChangeSetDependsOn",
    {
        "test_update_depended_resource": (depending(t1=[], t2=["1"]), depending(t1=["updated"], t2=["1"])),
        "test_update_depended_resource_list": (depending(t1=[], t2=["1"]), depending(t1=["updated"], t2=["1"])),
        "test_multiple_dependencies_addition": (
            depending(t1=[], tn=["1"]),
            depending(t1=[], t2=["1"], tn=["1", "2"]),
        ),
        "test_multiple_dependencies_deletion": (
            depending(t1=[], t2=["1"], tn=["1", "2"]),
            depending(t1=[], tn=["1"]),
        ),
    },
)

TEST_TOPIC = topic(TopicName="test-name")
GROUP = {
    "Type": "AWS::Logs::LogGroup",
    "Properties": {"LogGroupName": {"Fn::GetAtt": ["Topic", "TopicName"]}, "Tags": []},
}
changes(
    "test_change_set_values",
    "TestChangeSetValues",
    {
        "test_property_empy_list": (
            {"Resources": {"Topic": TEST_TOPIC, "Role": GROUP}},
            {"Resources": {"Topic": TEST_TOPIC}},
        )
    },
)
changes(
    "test_change_sets",
    "TestCaptureUpdateProcess",
    {"test_direct_update": tuple({"Resources": {"Foo": topic(TopicName=f"topic-{n}")}} for n in (1, 2))},
)
run()
