"""The life of functions, their packages and what is refused, as Lambda was recorded to answer."""

import io
import urllib.request
import zipfile

from pontoon_e2e.functions import COMPLETE, create, created, get
from pontoon_e2e.replay import not_replayed, part_of, run, scenario
from pontoon_e2e.session import zipped

API = "lambda_/test_lambda_api"
part_of(
    API,
    "TestLambdaFunction::test_function_lifecycle",
    "TestLambdaFunction::test_redundant_updates",
    "TestLambdaFunction::test_lambda_c",
    "TestLambdaFunction::test_create_lambda",
    "TestLambdaFunction::test_update_lambda",
    "TestLambdaFunction::test_list",
    "TestLambdaFunction::test_vpc",
    "TestLambdaFunction::test_invalid_vpc",
    "TestLambdaSizeLimits",
    "TestLambdaAccountSettings",
    "TestLoggingConfig",
    "TestRuntimeValidation",
    "TestLambdaRecursion",
    "TestLambdaUrl",
    "TestLambdaImages",
    "TestLambdaLayer",
    "TestLambdaSnapStart",
    "TestLambdaProvisionedConcurrency",
    "TestCodeSigningConfig",
)
IN_PROGRESS = {
    f"{inner}{path}": COMPLETE
    for inner in ("Configuration.",)
    for path in ("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode", "RevisionId")
}


@scenario(API, "TestLambdaFunction::test_function_lifecycle")
def _(aws):
    functions, f = aws.client("lambda"), "lifecycle"
    created(aws, "create_response", f, MemorySize=256, Timeout=5)
    get(aws, "get_function_response", f)
    changed = functions.update_function_configuration(
        FunctionName=f,
        Runtime="python3.11",
        Description="Changed-Description",
        MemorySize=512,
        Timeout=10,
        Environment={"Variables": {"ENV_A": "a"}},
    )
    aws.check("update_func_conf_response", changed)
    get(aws, "get_function_response_postupdate", f)
    aws.check("update_code_response", functions.update_function_code(FunctionName=f, ZipFile=zipped(handler_py="# other")))
    get(aws, "get_function_response_postcodeupdate", f)
    aws.check("delete_response", functions.delete_function(FunctionName=f))
    aws.fails("delete_postdelete", functions.delete_function, FunctionName=f)


@scenario(API, "TestLambdaFunction::test_redundant_updates")
def _(aws):
    functions, f = aws.client("lambda"), "redundant"
    created(aws, "create_response", f, Description="Initial description")
    same = {"FunctionName": f, "Description": "1st update description"}
    aws.check("first_update_result", functions.update_function_configuration(**same))
    aws.check("get_fn_config_result", functions.get_function_configuration(FunctionName=f))
    get(aws, "get_fn_result", f)
    aws.check("redundant_update_result", functions.update_function_configuration(**same))
    get(aws, "get_fn_result_after_redundant_update", f)


@scenario(API, "TestLambdaFunction::test_lambda_code_location_zipfile")
def _(aws):
    functions, f = aws.client("lambda"), "packaged"
    aws.check("create-response-zip-file", create(aws, f, Handler="index.handler", Environment=None, Timeout=None))
    location = get(aws, "get-function-response", f)["Code"]["Location"]
    with urllib.request.urlopen(location, timeout=10) as answer:
        assert zipfile.ZipFile(io.BytesIO(answer.read())).namelist() == ["handler.py"]
    aws.check("update-function-response", functions.update_function_code(FunctionName=f, ZipFile=zipped(index_py="# other")))
    get(aws, "get-function-response-updated", f, IN_PROGRESS)


@scenario(API, "TestLambdaFunction::test_lambda_code_location_s3")
def _(aws):
    functions, f = aws.client("lambda"), "packaged"
    bucket = f"packages-{aws.account}"
    aws.s3.create_bucket(Bucket=bucket)
    for key, text in (("one", "# one"), ("two", "# two")):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=zipped(index_py=text))
    one = {"S3Bucket": bucket, "S3Key": "one"}
    aws.check("create_response_s3", create(aws, f, Handler="index.handler", Environment=None, Timeout=None, Code=one))
    get(aws, "get-function-response", f)
    aws.check("update-function-response", functions.update_function_code(FunctionName=f, S3Bucket=bucket, S3Key="two"))
    get(aws, "get-function-response-updated", f, IN_PROGRESS)


@scenario(API, "TestLambdaFunction::test_lambda_code_location_s3_errors")
def _(aws):
    bucket, f = f"packages-{aws.account}", "packaged"
    aws.s3.create_bucket(Bucket=bucket)
    wrong = {"bucket": {"S3Bucket": f"missing-{aws.account}", "S3Key": "k"}, "key": {"S3Bucket": bucket, "S3Key": "missing"}}
    for what, code in wrong.items():
        aws.fails(f"create-error-wrong-{what}", lambda: create(aws, f, Code=code))
    create(aws, f)
    for what, code in wrong.items():
        aws.fails(f"update-error-wrong-{what}", aws.client("lambda").update_function_code, FunctionName=f, **code)


def bad_roles_and_runtimes(aws, call):
    for label, options in (
        ("invalid_role_arn_exc", {"Role": "r1"}),
        ("invalid_runtime_exc", {"Runtime": "non-existent-runtime"}),
        ("uppercase_runtime_exc", {"Runtime": "PYTHON3.9"}),
    ):
        aws.fails(label, lambda: call(**options))


@scenario(API, "TestLambdaFunction::test_create_lambda_exceptions")
def _(aws):
    bad_roles_and_runtimes(aws, lambda **options: create(aws, "refused", **options))
    aws.skip("empty_architectures", "boto3 refuses it, and no call is made")
    for label, options in (
        ("multiple_architectures", {"Architectures": ["x86_64", "arm64"]}),
        ("uppercase_architecture", {"Architectures": ["X86_64"]}),
        ("invalid_zip_exc", {"Code": {"ZipFile": b"this is not a zipfile, just a random string"}}),
    ):
        aws.fails(label, lambda: create(aws, "refused", **options))


@scenario(API, "TestLambdaFunction::test_update_lambda_exceptions")
def _(aws):
    create(aws, "updated")
    bad_roles_and_runtimes(aws, lambda **options: aws.client("lambda").update_function_configuration(FunctionName="updated", **options))


@scenario(API, "TestLambdaFunction::test_list_functions")
def _(aws):
    functions = aws.client("lambda")
    created(aws, "create_response_1", "listed-1", Publish=True)
    created(aws, "create_response_2", "listed-2", code="# other")
    aws.fails("list_functions_invalid_functionversion", functions.list_functions, FunctionVersion="invalid")
    for label, options in (("list_all", {"FunctionVersion": "ALL"}), ("list_default", {})):
        aws.check(label, {"Functions": functions.list_functions(**options)["Functions"]})


@scenario(
    API,
    *(
        f"TestRuntimeValidation::test_create_deprecated_function_runtime_with_validation_enabled[{runtime}]"
        for runtime in ("java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "python3.7", "dotnetcore3.1", "nodejs12.x")
    ),
)
def _(aws):
    aws.fails("deprecation_error", lambda: create(aws, "deprecated", Runtime=aws.parameter))


def compressed(size):
    """A small archive of a file of `size` bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("handler.py", b"x" * size)
    return buffer.getvalue()


@scenario(API, "TestLambdaSizeLimits::test_oversized_lambda", "TestLambdaSizeLimits::test_oversized_unzipped_lambda")
def _(aws):
    archive = compressed(262_144_000)
    aws.fails("invalid_param_exc", lambda: create(aws, "large", Code={"ZipFile": archive}))


@scenario(API, "TestLambdaSizeLimits::test_oversized_zipped_create_lambda")
def _(aws):
    aws.fails("invalid_param_exc", lambda: create(aws, "large", Code={"ZipFile": b"x" * (52_428_800 + 1)}))


@scenario(API, "TestLambdaSizeLimits::test_oversized_request_create_lambda")
def _(aws):
    aws.fails("invalid_param_exc", lambda: create(aws, "large", Code={"ZipFile": b"x" * 53_000_000}))


@scenario(API, "TestLambdaSizeLimits::test_large_lambda")
def _(aws):
    archive = compressed(150_000_000)
    aws.check("create_function_large_zip", create(aws, "large", Code={"ZipFile": archive}, Environment=None, Timeout=10))


@scenario(API, "TestLambdaSizeLimits::test_large_environment_variables_fails")
def _(aws):
    variables = {"LARGE_VAR": "x" * 4081}
    aws.fails("failed_create_fn_result", lambda: create(aws, "large", Environment={"Variables": variables}))


@scenario(API, "TestLambdaSizeLimits::test_large_environment_fails_multiple_keys")
def _(aws):
    variables = {"SMALL_VAR": "ok", "LARGE_VAR": "x" * 4064}
    ordered = {path: "variables are told in the order of their names" for path in ("Error.Message", "message")}
    aws.fails("failured_create_fn_result_multi_key", lambda: create(aws, "large", Environment={"Variables": variables}), ordered)


@scenario(API, "TestLambdaSizeLimits::test_lambda_envvars_near_limit_succeeds")
def _(aws):
    recorded = aws.recorded["successful_create_fn_result"]["CreateFunctionResponse"]["Environment"]
    created(aws, "successful_create_fn_result", "large", Environment=recorded)


@scenario(API, "TestLambdaAccountSettings::test_account_settings")
def _(aws):
    settings = aws.client("lambda").get_account_settings()
    names = {part: sorted(settings[part]) for part in ("AccountLimit", "AccountUsage")}
    aws.check("acc_settings_modded", names | {"ResponseMetadata": settings["ResponseMetadata"]})


def used(aws):
    return aws.client("lambda").get_account_settings()["AccountUsage"]["TotalCodeSize"]


@scenario(API, "TestLambdaAccountSettings::test_account_settings_total_code_size_config_update")
def _(aws):
    functions, before = aws.client("lambda"), used(aws)
    # The recorded package was of 200 bytes and more.
    create(aws, "stored", code="#" * 400)
    after_create = used(aws)
    aws.check("is_total_code_size_diff_create_function_more_than_200", after_create - before > 200)
    functions.update_function_configuration(FunctionName="stored", Runtime="python3.11")
    after_update = used(aws)
    aws.check("total_code_size_diff_update_function_configuration", after_update - after_create)
    functions.publish_version(FunctionName="stored", Description="actually publish the config update")
    aws.check("is_total_code_size_diff_publish_version_after_config_update_more_than_200", used(aws) - after_update > 200)


@scenario(API, "TestLoggingConfig::test_function_partial_advanced_logging_configuration_update[partial_config3]")
def _(aws):
    functions, f = aws.client("lambda"), "logging"
    created(aws, "create_response", f, MemorySize=256, Timeout=5)
    get(aws, "get_function_response", f)
    aws.check("function_config", functions.get_function_configuration(FunctionName=f))
    changed = functions.update_function_configuration(FunctionName=f, LoggingConfig={"LogGroup": "cool_lambda"})
    aws.check("updated_config", changed)
    aws.check("received_config", functions.get_function_configuration(FunctionName=f))


not_replayed(
    API,
    "needs logs in JSON",
    "TestLoggingConfig::*",
)
not_replayed(API, f"needs changes that take time; here {COMPLETE}", "TestLambdaFunction::test_lambda_concurrent_*")
not_replayed(API, "needs function URLs", "TestLambdaUrl::*")
not_replayed(API, "needs VPCs", "TestLambdaFunction::test_vpc_config", "TestLambdaFunction::test_invalid_vpc_config_*")
not_replayed(API, "needs layers", "TestLambdaLayer::*", "TestLambdaAccountSettings::test_account_settings_total_code_size")
not_replayed(API, "needs container images", "TestLambdaImages::*")
not_replayed(API, "needs SnapStart", "TestLambdaSnapStart::*")
not_replayed(API, "needs provisioned concurrency", "TestLambdaProvisionedConcurrency::*")
not_replayed(API, "needs code signing", "TestCodeSigningConfig::*")
not_replayed(API, "needs the detection of circles", "TestLambdaRecursion::*")

run()
