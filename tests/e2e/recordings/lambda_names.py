"""How requests may name functions, as Lambda was recorded to judge it."""

from pontoon_e2e.functions import create
from pontoon_e2e.replay import not_replayed, part_of, run, scenario
from pontoon_e2e.session import refusal_of

API = "lambda_/test_lambda_api"
part_of(
    API,
    "TestLambdaFunction::test_function_name_and_qualifier_validation",
    "TestLambdaFunction::test_ops",
    "TestLambdaFunction::test_delete_on_nonexisting_version",
    "TestLambdaFunction::test_get_function_wrong_region",
    "TestLambdaFunction::test_function_arns",
    "TestLambdaFunction::test_invalid_invoke",
    "TestPartialARNMatching",
)
OPERATIONS = ("get_function", "delete_function", "invoke", "create_function")
# What each case names: a function, and a qualifier beside it. `ARN` stands for the beginning of a function's ARN here.
CASES = {
    "function_name_is_single_invalid": ("*", None),
    "invalid_characters_in_function_name": ("my-function!", None),
    "invalid_characters_in_qualifier": ("my-function", "invalid!"),
    "qualifier_too_long0": ("my-function", "a" * 129),
    "qualifier_too_long": ("my-function", "a" * 129),
    "qualifier_too_long1": ("my-function", "a" * 65),
    "function_name_and_qualifier_too_long": ("my-function", "a" * 65),
    "invalid_account_id_in_partial_arn": ("invalid-account:function:my-function", None),
    "invalid_region_in_arn": ("arn:aws:lambda:invalid-region:ACCOUNT:function:my-function", None),
    "non_lambda_arn": ("arn:aws:ec2:us-east-1:ACCOUNT:instance:i-1234567890abcdef0", None),
    "function_name_too_long": ("a" * 65, None),
    "function_name_too_long_and_invalid_region": (f"arn:aws:lambda:invalid-region:ACCOUNT:function:my-function{'a' * 170}", None),
    "full_arn_and_qualifier_too_long_and_invalid_region": (
        f"arn:aws:lambda:invalid-region:ACCOUNT:function:my-function-{'a' * 170}",
        "a" * 129,
    ),
    "full_arn_with_multiple_qualifiers": ("ARN:my-function:1:2", None),
    "incomplete_arn": ("ARN", None),
    "partial_arn_with_extra_qualifier": ("function:my-function:$LATEST:extra", None),
    "latest_version_with_additional_qualifier": ("ARN:my-function:$LATEST", "1"),
    "lowercase_latest_qualifier": ("ARN:my-function", "$latest"),
    "missing_region_in_arn": ("arn:aws:lambda::ACCOUNT:function:my-function", None),
    "missing_account_id_in_arn": ("arn:aws:lambda:us-east-1::function:my-function", None),
    "misspelled_latest_in_arn": ("ARN:my-function:$LATES", None),
}


def arn_of(aws, text):
    return text.replace("ARN", f"arn:aws:lambda:{aws.region}:{aws.account}:function").replace("ACCOUNT", aws.account)


def problem(error):
    """An error as these scenarios noted it: where the model is violated, each violation by itself."""
    code, message = error["Error"]["Code"], error["Error"]["Message"]
    count, separator, violations = message.partition(" validation error")
    if not separator:
        return {"Code": code, "Message": message}
    return {"Code": code, "Count": int(count), "Errors": violations.partition("detected: ")[2].split("; ")}


@scenario(
    API,
    *(
        f"TestLambdaFunction::test_function_name_and_qualifier_validation[{case}-{operation}]"
        for case in CASES
        for operation in OPERATIONS
    ),
)
def _(aws):
    case, _, operation = aws.parameter.rpartition("-")
    name, qualifier = CASES[case]
    name = arn_of(aws, name)
    if operation == "create_function":
        error = refusal_of(lambda: create(aws, f"{name}:{qualifier}" if qualifier else name))
    else:
        named = {"FunctionName": name} | ({"Qualifier": qualifier} if qualifier else {})
        error = refusal_of(getattr(aws.client("lambda"), operation), **named)
    if aws.recorded:
        aws.check(f"{operation}_exception", problem(error), unordered=True)
    else:
        assert error is None, error


@scenario(
    API,
    *(f"TestLambdaFunction::test_ops_with_arn_qualifier_mismatch[{of}]" for of in ("delete_function", "get_function", "get_function_configuration")),
)
def _(aws):
    call, arn = getattr(aws.client("lambda"), aws.parameter), arn_of(aws, "ARN:some-function")
    aws.fails("not_match_exception", call, FunctionName=f"{arn}:1", Qualifier="$LATEST")
    aws.fails("match_exception", call, FunctionName=f"{arn}:$LATEST", Qualifier="$LATEST")


@scenario(
    API,
    *(
        f"TestLambdaFunction::test_ops_on_nonexisting_version[{of}]"
        for of in ("get_function", "get_function_configuration", "get_function_event_invoke_config")
    ),
)
def _(aws):
    create(aws, "versions")
    aws.fails("version_not_found_exception", getattr(aws.client("lambda"), aws.parameter), FunctionName="versions", Qualifier="1221")


@scenario(API, "TestLambdaFunction::test_delete_on_nonexisting_version")
def _(aws):
    delete = aws.client("lambda").delete_function
    aws.fails("delete_function_response_non_existent", delete, FunctionName="missing")
    aws.fails("delete_function_response_non_existent_with_qualifier", delete, FunctionName="missing", Qualifier="1221")


GETTERS = (
    "get_function",
    "get_function_configuration",
    "get_function_code_signing_config",
    "get_function_event_invoke_config",
    "get_function_concurrency",
    "delete_function",
)


@scenario(API, *(f"TestLambdaFunction::test_ops_on_nonexisting_fn[{of}]" for of in GETTERS))
def _(aws):
    aws.fails("not_found_exception", getattr(aws.client("lambda"), aws.parameter), FunctionName="missing")


@scenario(API, *(f"TestLambdaFunction::test_get_function_wrong_region[{of}]" for of in (*GETTERS, "invoke")))
def _(aws):
    wrong = f"arn:aws:lambda:ap-southeast-1:{aws.account}:function:elsewhere"
    aws.fails("wrong_region_exception", getattr(aws.client("lambda"), aws.parameter), FunctionName=wrong)


@scenario(API, "TestLambdaFunction::test_function_arns")
def _(aws):
    for label, name in (("create-function-arn-response", "ARN:by-arn"), ("create-function-partial-arn-response", "ACCOUNT:function:by-partial-arn")):
        answer = create(aws, arn_of(aws, name), code=f"# {name}\n")
        aws.check(label, {"CreateEventSourceMappingResponse": None, "CreateFunctionResponse": answer})
    for label, name in (
        ("invalid_function_name_exc", "invalid:function:name"),
        ("long_function_name_exc", "a" * 65),
        ("long_function_arn_exc", f"ARN:{'a' * 100}"),
        ("function_arn_other_region_exc", "arn:aws:lambda:ap-southeast-1:ACCOUNT:function:f"),
    ):
        aws.fails(label, lambda: create(aws, arn_of(aws, name)))
    elsewhere = "arn:aws:lambda:us-east-1:123456789012:function:f"
    empty = {"Error.Message": "an empty message is written empty, not null"}
    aws.fails("function_arn_other_account_exc", lambda: create(aws, elsewhere), empty)


@scenario(API, "TestLambdaFunction::test_invalid_invoke")
def _(aws):
    name = f"arn:aws:lambda:{aws.region}:123400000000@function:myfn"
    aws.fails("invoke_function_name_pattern_exc", aws.client("lambda").invoke, FunctionName=name)


@scenario(API, "TestPartialARNMatching::test_update_function_configuration_full_arn")
def _(aws):
    arn = create(aws, "by-arn")["FunctionArn"]
    aws.client("lambda").update_function_configuration(FunctionName=arn, Description="changed")
    assert aws.client("lambda").get_function_configuration(FunctionName=arn)["Description"] == "changed"


@scenario(API, "TestPartialARNMatching::test_cross_region_arn_function_access")
def _(aws):
    arn = create(aws, "here")["FunctionArn"]
    elsewhere = aws.client("lambda", region="us-west-2")
    assert refusal_of(elsewhere.get_function, FunctionName=arn)["Error"]["Code"] == "ResourceNotFoundException"


not_replayed(
    API,
    "needs function URLs",
    "TestLambdaFunction::test_ops_on_nonexisting_fn[get_function_url_config]",
    "TestLambdaFunction::test_get_function_wrong_region[get_function_url_config]",
)

run()
