"""What is attached to functions: tags, reserved concurrency, treatment of asynchronous invocations; as Lambda was recorded to answer."""

from pontoon_e2e.functions import create, get
from pontoon_e2e.replay import part_of, run, scenario

API = "lambda_/test_lambda_api"
part_of(API, "TestLambdaTag", "TestLambdaEventInvokeConfig", "TestLambdaReservedConcurrency")


def mapping(aws, **options):
    """The event source mapping of a queue of its own."""
    create(aws, "mapped")
    queue = aws.sqs.create_queue(QueueName="source")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return aws.client("lambda").create_event_source_mapping(FunctionName="mapped", EventSourceArn=arn, **options)


@scenario(API, "TestLambdaTag::test_create_tag_on_fn_create")
def _(aws):
    arn = create(aws, "tagged", Tags={"testtag": "of this function"})["FunctionArn"]
    get(aws, "get_function_result", "tagged")
    aws.check("list_tags_result", aws.client("lambda").list_tags(Resource=arn))


@scenario(API, "TestLambdaTag::test_create_tag_on_esm_create")
def _(aws):
    made = mapping(aws, Tags={"testtag": "of this mapping"})
    got = aws.client("lambda").get_event_source_mapping(UUID=made["UUID"])
    aws.check("get_event_source_mapping_with_tag", got["UUID"] == made["UUID"])
    aws.check("list_tags_result", aws.client("lambda").list_tags(Resource=made["EventSourceMappingArn"]))


@scenario(
    API,
    "TestLambdaTag::test_tag_lifecycle",
    "TestLambdaTag::test_tag_lifecycle[lambda_function]",
    "TestLambdaTag::test_tag_lifecycle[event_source_mapping]",
)
def _(aws):
    functions = aws.client("lambda")
    of_mapping = aws.parameter == "event_source_mapping"
    arn = mapping(aws)["EventSourceMappingArn"] if of_mapping else create(aws, "tagged")["FunctionArn"]
    for label, call, change in (
        ("tag_single", functions.tag_resource, {"Tags": {"A": "tag-a"}}),
        ("tag_multiple", functions.tag_resource, {"Tags": {"B": "tag-b", "C": "tag-c"}}),
        ("tag_overlap", functions.tag_resource, {"Tags": {"C": "tag-c-newsuffix", "D": "tag-d"}}),
        ("untag_single", functions.untag_resource, {"TagKeys": ["A"]}),
        ("untag_multiple", functions.untag_resource, {"TagKeys": ["B", "C"]}),
        ("untag_nonexisting", functions.untag_resource, {"TagKeys": ["F"]}),
        ("untag_existing_and_nonexisting", functions.untag_resource, {"TagKeys": ["D", "F"]}),
    ):
        aws.check(f"{label}_response", call(Resource=arn, **change))
        aws.check(f"{label}_response_listtags", functions.list_tags(Resource=arn))


def refuses_tags(aws, suffix, arn):
    functions = aws.client("lambda")
    aws.fails(f"not_found_exception_tag{suffix}", functions.tag_resource, Resource=arn, Tags={"A": "B"})
    aws.fails(f"not_found_exception_untag{suffix}", functions.untag_resource, Resource=arn, TagKeys=["A"])
    aws.fails(f"not_found_exception_list{suffix}", functions.list_tags, Resource=arn)


@scenario(API, "TestLambdaTag::test_tag_nonexisting_resource")
def _(aws):
    arn = create(aws, "tagged")["FunctionArn"]
    get(aws, "pre_delete_get_function", "tagged")
    aws.client("lambda").delete_function(FunctionName="tagged")
    refuses_tags(aws, "", arn)


@scenario(
    API,
    *(f"TestLambdaTag::test_tag_exceptions[{kind}]" for kind in ("lambda_function", "event_source_mapping", "capacity_provider")),
)
def _(aws):
    functions = aws.client("lambda")
    kind, name = {
        "lambda_function": ("function", "missing"),
        "event_source_mapping": ("event-source-mapping", "0ab1c2d3-0000-4000-8000-000000000001"),
        "capacity_provider": ("capacity-provider", "missing"),
    }[aws.parameter]
    base = f"arn:aws:lambda:{aws.region}:{aws.account}"
    refuses_tags(aws, "", f"{base}:{kind}:{name}")
    aws.fails("aliased_arn_exception", functions.tag_resource, Resource=f"{base}:{kind}:{name}:alias", Tags={"A": "B"})
    aws.fails("invalid_arn_exception", functions.tag_resource, Resource=f"{base}:foobar:{name}", Tags={"A": "B"})


@scenario(API, "TestLambdaTags::test_tag_exceptions")
def _(aws):
    functions = aws.client("lambda")
    arn = create(aws, "tagged")["FunctionArn"]
    for label, resource in (
        ("tag_lambda_invalidarn", "arn:aws:something"),
        ("tag_lambda_doesnotexist", arn.replace("tagged", "doesnotexist")),
        ("tag_lambda_qualifier_doesnotexist", f"{arn}:v1"),
    ):
        aws.fails(label, functions.tag_resource, Resource=resource, Tags={"key_a": "value_a"})
    aws.check("list_tag_lambda_empty", functions.list_tags(Resource=arn))
    aws.check("untag_nomatch", functions.untag_resource(Resource=arn, TagKeys=["somekey"]))
    aws.fails("untag_empty_keys", functions.untag_resource, Resource=arn, TagKeys=[])
    aws.fails("tag_empty_tags", functions.tag_resource, Resource=arn, Tags={})


@scenario(API, "TestLambdaTags::test_tag_limits")
def _(aws):
    functions = aws.client("lambda")
    arn = create(aws, "tagged")["FunctionArn"]
    tags = {f"{n}_key": f"{n}_value" for n in range(51)}
    fitting = {name: value for name, value in tags.items() if name != "50_key"}
    aws.fails("tag_lambda_too_many_tags", functions.tag_resource, Resource=arn, Tags=tags)
    aws.check("tag_response", functions.tag_resource(Resource=arn, Tags=fitting))
    aws.check("list_tags_response", functions.list_tags(Resource=arn))
    get(aws, "get_fn_response", "tagged")
    aws.fails("tag_lambda_too_many_tags_additional", functions.tag_resource, Resource=arn, Tags={"a_key": "a_value"})
    aws.fails("create_function_invalid_tags", lambda: create(aws, "refused", Tags=tags))


@scenario(API, "TestLambdaTags::test_tag_versions")
def _(aws):
    arn = create(aws, "tagged", Publish=True)["FunctionArn"]
    for label, qualifier in (("tag_resource_exception", "1"), ("tag_resource_latest_exception", "$LATEST")):
        resource = f"{arn.removesuffix(':1')}:{qualifier}"
        aws.fails(label, aws.client("lambda").tag_resource, Resource=resource, Tags={"key_a": "value_a"})


@scenario(API, "TestLambdaTags::test_tag_lifecycle")
def _(aws):
    functions = aws.client("lambda")
    arn = create(aws, "tagged", Tags={"key_a": "value_a"})["FunctionArn"]

    def looked_at(when):
        aws.check(f"list_tags_response_{when}", functions.list_tags(Resource=arn))
        get(aws, f"get_fn_response_{when}", "tagged")

    looked_at("postfncreate")
    more = {f"key_{letter}": f"value_{letter}" for letter in "bcde"}
    aws.check("tag_resource_response", functions.tag_resource(Resource=arn, Tags=more))
    looked_at("postaddtags")
    aws.check("tag_resource_overwrite", functions.tag_resource(Resource=arn, Tags={"key_c": "value_x"}))
    looked_at("overwrite")
    functions.untag_resource(Resource=arn, TagKeys=["key_c", "key_d"])
    looked_at("postuntag")
    functions.untag_resource(Resource=arn, TagKeys=["key_a", "key_b", "key_e"])
    looked_at("postuntagall")
    functions.delete_function(FunctionName="tagged")
    aws.fails("list_tags_postdelete", functions.list_tags, Resource=arn)


@scenario(API, "TestLambdaEventInvokeConfig::test_lambda_eventinvokeconfig_lifecycle")
def _(aws):
    functions, f = aws.client("lambda"), "invoked"
    create(aws, f)
    put, update, of = functions.put_function_event_invoke_config, functions.update_function_event_invoke_config, {"FunctionName": f}
    show, listed = functions.get_function_event_invoke_config, functions.list_function_event_invoke_configs
    aws.check("put_invokeconfig_retries_0", put(**of, MaximumRetryAttempts=0))
    aws.check("put_invokeconfig_eventage_60", put(**of, MaximumEventAgeInSeconds=60))
    aws.check("update_invokeconfig_eventage_nochange", update(**of, MaximumEventAgeInSeconds=60))
    aws.check("update_invokeconfig_retries", update(**of, MaximumRetryAttempts=1))
    aws.check("get_invokeconfig", show(**of))
    aws.check("get_invokeconfig_latest", show(**of, Qualifier="$LATEST"))
    aws.check("list_single_invokeconfig", listed(**of))
    aws.check("publish_version_result", functions.publish_version(**of))
    aws.fails("get_invokeconfig_postpublish", show, **of, Qualifier="1")
    aws.check("put_published_invokeconfig", put(**of, Qualifier="1", MaximumEventAgeInSeconds=120))
    aws.check("get_published_invokeconfig", show(**of, Qualifier="1"))
    functions.delete_function_event_invoke_config(**of)
    aws.check("list_paging_nolimit_postdelete", listed(**of))


@scenario(API, "TestLambdaEventInvokeConfig::test_lambda_eventinvokeconfig_exceptions")
def _(aws):
    functions, f, alias = aws.client("lambda"), "invoked", "eventinvokealias"
    put, update = functions.put_function_event_invoke_config, functions.update_function_event_invoke_config
    arn = create(aws, f)["FunctionArn"]
    other = create(aws, "other")["FunctionArn"]
    aws.check("fn_version_result", functions.publish_version(FunctionName=f))
    aws.check("fn_alias_result", functions.create_alias(FunctionName=f, Name=alias, FunctionVersion="1"))
    missing = arn.replace(f":{f}", ":doesnotexist")
    retries = {"MaximumRetryAttempts": 1}

    def puts(label, name=f, **options):
        aws.check(label, put(FunctionName=name, **options))

    def refused(label, name=f, call=put, **options):
        aws.fails(label, call, FunctionName=name, **options)

    def success(destination):
        return {"DestinationConfig": {"OnSuccess": {"Destination": destination}}}

    refused("put_functionname_name_notfound", "doesnotexist", **retries)
    refused("put_functionname_arn_notfound", missing, **retries)
    refused("put_functionname_nootherargs")
    refused("put_destination_lambda_doesntexist", **success(missing))
    refused("put_destination_recursive", **success(arn))
    puts("put_destination_other_lambda", **success(other))
    refused("put_destination_invalid_service_arn", **success(arn.replace(":lambda:", ":iam:")))
    puts("put_destination_success_no_destination_arn", DestinationConfig={"OnSuccess": {}})
    puts("put_destination_failure_no_destination_arn", DestinationConfig={"OnFailure": {}})
    wrong = arn.replace(":lambda:", ":_-/!lambda:")
    refused("put_destination_invalid_arn_pattern", DestinationConfig={"OnFailure": {"Destination": wrong}})
    puts("put_destination_latest", **retries)
    puts("put_destination_latest_explicit_qualifier", Qualifier="$LATEST", **retries)
    puts("put_destination_version", Qualifier="1", **retries)
    puts("put_alias_functionname_qualifier", Qualifier=alias, **retries)
    refused("put_alias_doesnotexist", Qualifier="doesnotexist", **retries)
    puts("put_alias_qualifiedarn", f"{arn}:{alias}", **retries)
    puts("put_alias_qualifiedarn_qualifier", f"{arn}:{alias}", Qualifier=alias, **retries)
    refused("put_alias_qualifiedarn_qualifierconflict", f"{arn}:{alias}", Qualifier="1", **retries)
    puts("put_alias_shorthand", f"{f}:{alias}", **retries)
    puts("put_alias_shorthand_qualifier", f"{f}:{alias}", Qualifier=alias, **retries)
    refused("put_alias_shorthand_qualifierconflict", f"{f}:{alias}", Qualifier="1", **retries)
    puts("put_version_shorthand", f"{f}:1", **retries)
    puts("put_shorthand_qualifier_match", f"{f}:$LATEST", Qualifier="$LATEST", **retries)
    for n, (name, qualifier) in enumerate((("1", "$LATEST"), ("$LATEST", "1"), ("$LATEST", alias)), 1):
        refused(f"put_shorthand_qualifier_mismatch_{n}", f"{f}:{name}", Qualifier=qualifier, **retries)
    puts("put_maxevent_maxvalue_result", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=21600)
    puts("put_pre_overwrite", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=60)
    puts("put_post_overwrite", MaximumRetryAttempts=0)
    puts("second_overwrite_existing_response", MaximumRetryAttempts=0)
    aws.check("get_post_overwrite", functions.get_function_event_invoke_config(FunctionName=f))
    puts("pre_update_response", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=60)
    for label in ("update_response", "update_response_existing"):
        aws.check(label, update(FunctionName=f, MaximumRetryAttempts=0))

    listed, delete = functions.list_function_event_invoke_configs, functions.delete_function_event_invoke_config
    aws.check("list_configs", listed(FunctionName=f), unordered=True)
    for label, qualifier in (("latest", {}), ("version", {"Qualifier": "1"}), ("alias", {"Qualifier": alias})):
        aws.check(f"delete_{label}", delete(FunctionName=f, **qualifier))
    aws.check("list_configs_postdelete", listed(FunctionName=f))
    show = functions.get_function_event_invoke_config
    refused("delete_function_not_found", call=delete)
    refused("delete_function_doesnotexist", "doesnotexist", delete)
    refused("list_function_doesnotexist", "doesnotexist", listed)
    refused("get_function_doesnotexist", "doesnotexist", show)
    refused("get_qualifier_doesnotexist", call=show, Qualifier="doesnotexist")
    refused("update_eventinvokeconfig_function_doesnotexist", "doesnotexist", update, **retries)
    refused("get_eventinvokeconfig_doesnotexist", call=show, Qualifier=alias)
    refused("update_eventinvokeconfig_config_doesnotexist_with_qualifier", call=update, Qualifier=alias, **retries)
    refused("update_eventinvokeconfig_config_doesnotexist_without_qualifier", call=update, **retries)


@scenario(API, "TestLambdaReservedConcurrency::test_function_concurrency_exceptions")
def _(aws):
    put = aws.client("lambda").put_function_concurrency
    arn = create(aws, "reserved", Publish=True)["FunctionArn"].removesuffix(":1")
    for label, name, count in (
        ("function_name_doesnotexist", "doesnotexist", 1),
        ("function_name_doesnotexist_and_invalid_concurrency", "doesnotexist", 2**31 - 1),
        ("qualified_arn", f"{arn}:1", 1),
    ):
        aws.fails(f"put_function_concurrency_with_{label}", put, FunctionName=name, ReservedConcurrentExecutions=count)


@scenario(API, "TestLambdaReservedConcurrency::test_function_concurrency_limits")
def _(aws):
    put = aws.client("lambda").put_function_concurrency
    create(aws, "reserved")
    for label, count in (("account_limit_exceeded", 1001), ("below_unreserved_min_value", 1000)):
        aws.fails(f"put_function_concurrency_{label}", put, FunctionName="reserved", ReservedConcurrentExecutions=count)


@scenario(API, "TestLambdaReservedConcurrency::test_function_concurrency")
def _(aws):
    functions, of = aws.client("lambda"), {"FunctionName": "reserved"}
    create(aws, "reserved")
    for count in (0, 1):
        answer = functions.put_function_concurrency(**of, ReservedConcurrentExecutions=count)
        aws.check(f"put_function_concurrency_with_reserved_{count}", answer)
    aws.check("get_function_concurrency", functions.get_function_concurrency(**of))
    aws.check("delete_response", functions.delete_function_concurrency(**of))
    aws.check("get_function_concurrency_after_delete", functions.get_function_concurrency(**of))


run()
