"""Invocations: what functions get, answer, log and fail with, as Lambda was recorded to run them."""

import base64
import json
import os
import re

from pontoon_e2e.functions import ECHO, ELSEWHERE, SEND, create, created, get, packed, queue, received, since
from pontoon_e2e.replay import not_replayed, part_of, run, scenario
from pontoon_e2e.session import eventually

LAMBDA = "lambda_/test_lambda"
HASH = {"code-sha256": "<code-sha256>"}
DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
NODE_ECHO = "exports.handler = async (event) => { console.log(JSON.stringify(event)); return event; };"
PYTHON_ECHO = "import json\n\ndef handler(event, context):\n    print(json.dumps(event))\n    return event\n"
NODE = {"files": {"index.js": NODE_ECHO}, "Handler": "index.handler"}
PLAIN = {"Timeout": None, "Environment": None}


def invoke(aws, name="f", payload=None, **options):
    """The answer of Invoke with its payload read."""
    if payload is not None:
        options["Payload"] = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
    answer = aws.client("lambda").invoke(FunctionName=name, **options)
    answer["Payload"] = answer["Payload"].read()
    return answer


def check(aws, label, name="f", payload=None, differs=None, **options):
    return aws.check(label, invoke(aws, name, payload, **options), differs)


def tail(answer):
    """The lines of an invocation's log, which change from one to the next only where the recordings have it too."""
    return DATE.sub("date", base64.b64decode(answer["LogResult"]).decode("utf-8"))


@scenario(LAMBDA, "TestLambdaFeatures::test_basic_invoke")
def _(aws):
    aws.stand_ins = HASH
    recorded = aws.recorded["lambda_create_fn"]
    for suffix, name in (("", "one"), ("_2", "two")):
        made = create(aws, name, Handler="index.handler", files={"index.py": ECHO}, Runtime="python3.9", **PLAIN)
        aws.check(f"lambda_create_fn{suffix}", made, since(recorded))
        get(aws, f"lambda_get_fn{suffix}", name, since(recorded, "Configuration."))
    check(aws, "lambda_invoke_result", "one", {})


@scenario(LAMBDA, "TestLambdaBehavior::test_lambda_cache_local[nodejs]", "TestLambdaBehavior::test_lambda_cache_local[python]")
def _(aws):
    if aws.parameter == "nodejs":
        counting = "let counter = 0; exports.handler = async () => ({ counter: counter++ });"
        create(aws, "f", files={"index.js": counting}, Handler="index.handler", Runtime="nodejs20.x")
    else:
        create(aws, "f", code="n = -1\n\ndef handler(event, context):\n    global n\n    n += 1\n    return {'counter': n}\n")
    check(aws, "first_invoke_result")
    check(aws, "second_invoke_result")


SLEEPING = "import time\n\ndef handler(event, context):\n    time.sleep(event['sleep'])\n"


@scenario(LAMBDA, "TestLambdaBehavior::test_lambda_invoke_with_timeout", "TestLambdaBehavior::test_lambda_invoke_no_timeout")
def _(aws):
    aws.stand_ins = HASH
    ends = aws.name.endswith("with_timeout")
    created(aws, "create-result", "f", code=SLEEPING, Timeout=1 if ends else 2)
    check(aws, "invoke-result", payload={"sleep": 5 if ends else 0})


@scenario(LAMBDA, "TestLambdaBaseFeatures::test_function_state")
def _(aws):
    aws.stand_ins = HASH
    aws.check("create-fn-response", create(aws, "f", **PLAIN))
    get(aws, "get-fn-response", "f")


@scenario(LAMBDA, *(f"TestLambdaFeatures::test_invocation_with_logs[{runtime}]" for runtime in ("python3.10", "nodejs16.x")))
def _(aws):
    aws.stand_ins = {"log-result": "<log-result>"}
    echo = {"code": PYTHON_ECHO} if aws.parameter.startswith("python") else NODE
    create(aws, "f", Runtime=aws.parameter, **echo)
    answer = check(aws, "invoke", payload={}, LogType="Tail")
    aws.check("logs", {"logs": tail(answer).splitlines(keepends=True)})


PAYLOADS = [
    *(f"test_invocation_type_request_response[{runtime}]" for runtime in ("python3.9", "python3.10", "nodejs16.x")),
    *(f"test_invocation_type_event[{runtime}]" for runtime in ("python3.9", "python3.10", "nodejs16.x")),
    *(f"test_invocation_type_dry_run[{runtime}]" for runtime in ("python3.9", "python3.10", "nodejs16.x")),
]
KINDS = {"request_response": "RequestResponse", "event": "Event", "dry_run": "DryRun"}


@scenario(LAMBDA, *(f"TestLambdaFeatures::{name}" for name in PAYLOADS))
def _(aws):
    kind = next(kind for name, kind in KINDS.items() if f"type_{name}[" in aws.name)
    create(aws, "f", Runtime=aws.parameter, **({} if aws.parameter.startswith("python") else NODE))
    check(aws, "invoke-result", payload={}, InvocationType=kind)


@scenario(
    LAMBDA,
    *(
        f"TestLambdaFeatures::test_invocation_type_no_return_payload[{language}-{kind}]"
        for language in ("python", "nodejs")
        for kind in ("RequestResponse", "Event")
    ),
)
def _(aws):
    language, kind = aws.parameter.split("-")
    if language == "python":
        create(aws, "f", code="def handler(event, context):\n    print(event)\n")
    else:
        silent = "exports.handler = async (event) => { console.log(event); };"
        create(aws, "f", files={"index.js": silent}, Handler="index.handler", Runtime="nodejs20.x")
    check(aws, "invoke-result", payload={"hello": "world"}, InvocationType=kind)


@scenario(LAMBDA, "TestLambdaFeatures::test_lambda_environment")
def _(aws):
    aws.stand_ins = HASH
    recorded = aws.recorded["creation-result"]["CreateFunctionResponse"]
    code = "import os\n\ndef handler(event, context):\n    return {'Hello': os.environ['Hello']}\n"
    hello = {"Variables": {"Hello": "World"}}
    created(aws, "creation-result", "f", since(recorded), code=code, Environment=hello, Runtime="python3.9")
    check(aws, "invocation-result", payload={})
    configuration = aws.client("lambda").get_function_configuration(FunctionName="f")
    aws.check("get-configuration-result", configuration, since(recorded))


TELLING = """
import logging

logging.getLogger().setLevel(logging.INFO)

def handler(event, context):
    print("Lambda log message - print function")
    logging.getLogger().info("Lambda log message - logging module")
    names = ("invoked_function_arn", "function_version", "function_name", "memory_limit_in_mb", "aws_request_id", "log_group_name")
    return {"event": event, "context": {name: getattr(context, name) for name in (*names, "log_stream_name", "client_context")}}
"""
QUOTES = {"foo": "bar with 'quotes\""}


@scenario(LAMBDA, "TestLambdaFeatures::test_invocation_with_qualifier")
def _(aws):
    aws.stand_ins = HASH
    made = create(aws, "f", code=TELLING, Environment=None, Timeout=10, Publish=True)
    aws.check("creation-response", made)
    answer = invoke(aws, payload=QUOTES, Qualifier="1", LogType="Tail")
    aws.check("invocation-response", answer)
    lines = [line for line in tail(answer).splitlines() if line and not line.startswith("REPORT")]
    aws.check("log_result", {"log_result": lines})


@scenario(LAMBDA, "TestLambdaFeatures::test_upload_lambda_from_s3")
def _(aws):
    aws.stand_ins = HASH
    bucket = f"packages-{aws.account}"
    aws.s3.create_bucket(Bucket=bucket)
    aws.s3.put_object(Bucket=bucket, Key="f.zip", Body=packed({"handler.py": TELLING}))
    package = {"S3Bucket": bucket, "S3Key": "f.zip"}
    aws.check("creation-response", create(aws, "f", Code=package, Environment=None, Timeout=10))
    check(aws, "invocation-response", payload=QUOTES)


@scenario(LAMBDA, "TestLambdaFeatures::test_lambda_with_context")
def _(aws):
    aws.stand_ins = HASH
    recorded = aws.recorded["creation"]["CreateFunctionResponse"]
    code = "exports.handler = (event, context, callback) => callback(null, { context });"
    options = {"files": {"lambda_integration.js": code}, "Handler": "lambda_integration.handler", "Runtime": "nodejs16.x"}
    made = create(aws, "f", **options)
    noted = {"CreateEventSourceMappingResponse": None, "CreateFunctionResponse": made}
    aws.check("creation", noted, {f"CreateFunctionResponse.{path}": why for path, why in since(recorded).items()})
    context = aws.recorded["invocation"]["Payload"]["context"]["clientContext"]
    given = base64.b64encode(json.dumps(context).encode()).decode()
    check(aws, "invocation", payload={}, ClientContext=given)


@scenario(LAMBDA, "TestLambdaFeatures::test_invocation_type_event_error")
def _(aws):
    aws.skip("creation_response", "its revision is recorded under a request's placeholder")
    aws.skip("log_events", "durations and memory are recorded as they were")
    failing = "class CustomException(Exception):\n    pass\n\n\ndef handler(event, context):\n    raise CustomException('some error occurred')\n"
    create(aws, "f", code=failing, Runtime="python3.10")
    check(aws, "invocation_response", payload={}, InvocationType="Event")

    def logged():
        events = aws.logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]
        lines = [event["message"] for event in events if not event["message"].startswith(("INIT_START", "REPORT"))]
        return lines if len(lines) >= 3 else None

    recorded = [event["message"] for event in aws.recorded["log_events"]]
    wanted = [message for message in recorded if not message.startswith(("INIT_START", "REPORT"))][:3]
    aws.recorded["lines"] = wanted
    lines = eventually("the log of f", lambda: group(aws) and logged())
    aws.check("lines", lines[:3], {"[1]": ELSEWHERE})


def group(aws):
    return aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"]


@scenario(LAMBDA, "TestLambdaVersions::test_lambda_versions_with_code_changes", "TestLambdaAliases::test_lambda_alias_moving")
def _(aws):
    aws.stand_ins = HASH
    functions = aws.client("lambda")

    def version(number):
        text = (
            f"def handler(event, context):\n    return {{'version_id': 'version{number}',"
            " 'invoked_arn': context.invoked_function_arn, 'version_from_ctx': context.function_version}\n"
        )
        return packed({"handler.py": text})

    made = create(aws, "f", Code={"ZipFile": version(1)}, Description="No version :(", **PLAIN)
    aws.check("create_response", made)
    publish = functions.publish_version
    first = publish(FunctionName="f", Description="First version description :)")
    if "alias" in aws.name:
        of_alias(aws, made, version)
        return
    aws.check("first_publish_response", first)
    aws.check("update_lambda_response", functions.update_function_code(FunctionName="f", ZipFile=version(2)))
    check(aws, "invocation_result_latest", payload={})
    check(aws, "invocation_result_v1", payload={}, Qualifier="1")
    aws.check("second_publish_response", publish(FunctionName="f", Description="Second version description :)"))
    check(aws, "invocation_result_v2", payload={}, Qualifier="2")
    update = functions.update_function_code(FunctionName="f", ZipFile=version(3), Publish=True)
    aws.check("update_lambda_response_with_publish", update)
    check(aws, "invocation_result_v3", payload={}, Qualifier="3")
    check(aws, "invocation_result_latest_end", payload={})
    for number in (2, 1):
        check(aws, f"invocation_result_v{number}_end", payload={}, Qualifier=str(number))


def of_alias(aws, made, version):
    functions, alias = aws.client("lambda"), {"FunctionName": "f", "Name": "alias1"}
    named = functions.create_alias(**alias, FunctionVersion="1")
    aws.check("create_alias_response", named)
    check(aws, "invocation_result_qualifier_v1", payload={}, Qualifier="alias1")
    check(aws, "invocation_result_qualifier_v1_arn", named["AliasArn"], {})
    aws.check("update_lambda_response", functions.update_function_code(FunctionName="f", ZipFile=version(2)))
    check(aws, "invocation_result_qualifier_v1_after_update", payload={}, Qualifier="alias1")
    second = functions.publish_version(FunctionName="f", Description="Second version description :)")
    aws.check("second_publish_response", second)
    check(aws, "invocation_result_qualifier_v1_after_publish", payload={}, Qualifier="alias1")
    aws.check("update_alias_response", functions.update_alias(**alias, FunctionVersion="2"))
    check(aws, "invocation_result_qualifier_v2", payload={}, Qualifier="alias1")
    missing = {"FunctionName": "f", "Qualifier": "non-existent-alias"}
    aws.fails("invocation_exc_not_existent", functions.invoke, **missing)


@scenario(LAMBDA, "TestLambdaAliases::test_alias_routingconfig")
def _(aws):
    functions = aws.client("lambda")
    code = "def handler(event, context):\n    return {'version': context.function_version}\n"
    create(aws, "f", code=code, Publish=True)
    functions.update_function_code(FunctionName="f", ZipFile=packed({"handler.py": code + "# two\n"}), Publish=True)
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    alias = functions.create_alias(FunctionName="f", Name="alias1", FunctionVersion="1", RoutingConfig=routing)
    aws.check("create_alias_response", alias)
    versions = {invoke(aws, payload={}, Qualifier="alias1")["ExecutedVersion"] for _ in range(60)}
    assert versions == {"1", "2"}, versions


@scenario(LAMBDA, "TestLambdaVersions::test_lambda_handler_update")
def _(aws):
    aws.stand_ins = HASH
    functions = aws.client("lambda")
    code = "def handler(event, context):\n    return {'handler': 'handler'}\n\ndef handler_two(event, context):\n    return {'handler': 'handler_two'}\n"
    create(aws, "f", code=code)
    check(aws, "invoke_result_handler_one")
    update = functions.update_function_configuration(FunctionName="f", Handler="handler.handler_two")
    aws.check("update_function_configuration_result", update)
    get(aws, "get_function_result", "f")
    check(aws, "invoke_result_handler_two")
    functions.publish_version(FunctionName="f")
    check(aws, "invoke_result_handler_two_postpublish")


@scenario(LAMBDA, "TestLambdaCleanup::test_recreate_function")
def _(aws):
    aws.stand_ins = HASH
    for number in ("one", "two"):
        files = {"lambda_echo.py": ECHO}
        created(aws, f"create_function_response_{number}", "f", files=files, Handler="lambda_echo.handler")
        aws.client("lambda").delete_function(FunctionName="f")


@scenario(LAMBDA, "TestLambdaBehavior::test_mixed_architecture")
def _(aws):
    aws.stand_ins = HASH
    created(aws, "create_function_response", "f", Architectures=["x86_64"])
    update = aws.client("lambda").update_function_code(
        FunctionName="f", ZipFile=packed({"handler.py": ECHO}), Architectures=["arm64"]
    )
    same = {"RuntimeVersionConfig.RuntimeVersionArn": "a runtime has one version, whatever the architecture"}
    aws.check("update_function_code_response", update, same)


@scenario(LAMBDA, "TestLambdaBaseFeatures::test_lambda_different_iam_keys_environment")
def _(aws):
    aws.stand_ins = HASH
    code = (
        "import os\n\ndef handler(event, context):\n    names = ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')\n"
        "    return {name: os.environ[name] for name in names}\n"
    )
    created(aws, "create-result", "f", code=code)
    keys = json.loads(invoke(aws)["Payload"])
    assert all(keys.values()), keys


TOO_LARGE = "def handler(event, context):\n    return 'x' * event['bytes']\n"


@scenario(
    LAMBDA,
    "TestLambdaBaseFeatures::test_lambda_too_large_response",
    "TestLambdaBaseFeatures::test_lambda_large_response",
    "TestLambdaBaseFeatures::test_large_payloads",
)
def _(aws):
    create(aws, "f", code=TOO_LARGE if "response" in aws.name else ECHO)
    if aws.name.endswith("too_large_response"):
        for label in ("invoke_result", "invoke_result_2"):
            check(aws, label, payload={"bytes": 6_291_456 + 101})
    elif aws.name.endswith("large_response"):
        assert len(invoke(aws, payload={"bytes": 6_000_000})["Payload"]) == 6_000_002
    else:
        payload = {"test": "x" * 5_000_000}
        assert json.loads(invoke(aws, payload=payload)["Payload"]) == payload


ENDS = {
    "runtime_error": ("lambda_runtime_error", "raise Exception('Runtime startup fails')\n"),
    "runtime_exit": ("lambda_runtime_exit", "import sys\nsys.exit(0)\n"),
    "handler_exit": ("lambda_handler_exit", "import sys\n\ndef handler(event, context):\n    sys.exit(0)\n"),
    "handler_error": ("lambda_handler_error", "def handler(event, context):\n    raise Exception(\"Handler fails\")\n"),
    "runtime_wrapper_not_found": ("handler", ECHO),
}


@scenario(LAMBDA, *(f"TestLambdaErrors::test_lambda_{end}" for end in ENDS))
def _(aws):
    end = aws.name.partition("test_lambda_")[2]
    module, code = ENDS[end]
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/idontexist.sh"} if "wrapper" in end else {}
    create(aws, "f", files={f"{module}.py": code}, Handler=f"{module}.handler", Environment={"Variables": wrapper}, Runtime="python3.13")
    of_importer = {f"Payload.stackTrace[{n}]": "frames of the machine's own interpreter" for n in range(8)}
    differs = {"runtime_error": of_importer, "handler_error": {"Payload.stackTrace[0]": ELSEWHERE}}
    check(aws, "invocation_error", payload={}, differs=differs.get(end))


@scenario(
    LAMBDA,
    r"TestLambdaErrors::test_lambda_invoke_payload_encoding_error[body-n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt]",
    r"TestLambdaErrors::test_lambda_invoke_payload_encoding_error[message-\x99\xeb,j\x07\xa1zYh]",
)
def _(aws):
    create(aws, "f")
    kind, _, payload = aws.parameter.partition("-")
    payload = payload.encode().decode("unicode_escape").encode("latin-1")
    call = aws.client("lambda").invoke
    aws.fails(f"invoke_function_invalid_payload_{kind}", call, FunctionName="f", Payload=payload)


@scenario(LAMBDA, "TestLambdaFeatures::test_invoke_exceptions")
def _(aws):
    # Of 2023 and of 2025, which names the version too.
    error = aws.recorded["invoke_function_doesnotexist"]
    old = error["Error"]["Message"].endswith("doesnotexist")
    differs = {path: "AWS names the version since" for path in ("Error.Message", "Message")} if old else None
    aws.fails("invoke_function_doesnotexist", aws.client("lambda").invoke, differs, FunctionName="doesnotexist")


@scenario(LAMBDA, "TestRequestIdHandling::test_request_id_format", "TestRequestIdHandling::test_request_id_invoke")
def _(aws):
    code = (
        "import logging\nlogging.getLogger().setLevel(logging.INFO)\n\ndef handler(event, context):\n"
        "    logging.getLogger().info('RequestId log message')\n    return context.aws_request_id\n"
    )
    create(aws, "f", code=code)
    answer = invoke(aws, payload={}, LogType="Tail")
    request = answer["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", request), request
    if aws.recorded:
        aws.bound["<request-id>"] = request
        lines = [line.rstrip() for line in tail(answer).splitlines() if line]
        del answer["LogResult"]
        aws.check("invoke_result", answer)
        aws.check("log_entries", {"logs": lines})


@scenario(LAMBDA, "TestRequestIdHandling::test_request_id_async_invoke_with_retry")
def _(aws):
    create(aws, "f", code="def handler(event, context):\n    raise Exception('always')\n")
    aws.client("lambda").put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    answer = check(aws, "invoke_result", payload={}, InvocationType="Event")
    aws.bound["<request-id>"] = answer["ResponseMetadata"]["RequestId"]

    def ends(count):
        events = group(aws) and aws.logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]
        messages = [event["message"].rstrip() for event in events if event["message"].startswith("END")]
        return messages if len(messages) == count else None

    eventually("the first attempt", lambda: ends(1))
    aws.advance(60)
    aws.check("end_messages", eventually("the second attempt", lambda: ends(2)))


@scenario(LAMBDA, "TestLambdaConcurrency::test_lambda_concurrency_crud", "TestLambdaConcurrency::test_lambda_concurrency_update")
def _(aws):
    aws.stand_ins = HASH
    functions, of = aws.client("lambda"), {"FunctionName": "f"}
    create(aws, "f")
    first = aws.name.endswith("crud")
    if first:
        aws.check("get_function_concurrency_default", functions.get_function_concurrency(**of))
    put = functions.put_function_concurrency(**of, ReservedConcurrentExecutions=0 if first else 3)
    aws.check("put_function_concurrency", put)
    aws.check("get_function_concurrency_updated", functions.get_function_concurrency(**of))
    if not first:
        get(aws, "get_function_concurrency_info", "f")
    functions.delete_function_concurrency(**of)
    aws.check("get_function_concurrency_deleted", functions.get_function_concurrency(**of))


@scenario(LAMBDA, "TestLambdaConcurrency::test_reserved_concurrency")
def _(aws):
    aws.stand_ins = HASH
    functions, of = aws.client("lambda"), {"FunctionName": "f"}
    create(aws, "f", Timeout=20)
    aws.check("fn", functions.get_function_configuration(**of, Qualifier="$LATEST"))
    aws.check("put_reserved", functions.put_function_concurrency(**of, ReservedConcurrentExecutions=0))
    aws.fails("exc_no_cap_requestresponse", functions.invoke, **of)
    url, arn = queue(aws, "letters")
    to = {"OnFailure": {"Destination": arn}}
    put = functions.put_function_event_invoke_config(**of, MaximumRetryAttempts=0, DestinationConfig=to)
    aws.check("put_event_invoke_conf", put)
    check(aws, "invoke_result", payload={}, InvocationType="Event")
    message = received(aws, url, AttributeNames=["All"])["Messages"][0]
    aws.stand_ins = {"<sender-id>": "<sender-id>"}
    aws.check("msg", message, {"Attributes.AWSTraceHeader": "events carry no header of X-Ray"})


@scenario(LAMBDA, "TestLambdaConcurrency::test_reserved_concurrency_async_queue")
def _(aws):
    aws.stand_ins = HASH
    functions, of = aws.client("lambda"), {"FunctionName": "f"}
    create(aws, "f", code="import time\n\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n    return event\n")
    aws.check("fn", functions.get_function_configuration(**of, Qualifier="$LATEST"))
    aws.check("put_fn_concurrency", functions.put_function_concurrency(**of, ReservedConcurrentExecutions=1))
    invoke(aws, payload={"sleep": 2}, InvocationType="Event")
    aws.fails("too_many_requests_exc", functions.invoke, **of, Payload="{}")


@scenario(LAMBDA, "TestLambdaVersions::test_function_update_during_invoke")
def _(aws):
    code = (
        "import os, time\n\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n    return {'function_version': context.function_version,"
        " 'request_id': context.aws_request_id, 'request_prefix': event['prefix'], 'function_variant': os.environ['VARIANT']}\n"
    )
    create(aws, "f", code=code, Environment={"Variables": {"VARIANT": "variant-1"}})
    check(aws, "invoke_response_before", payload={"prefix": "1-sleep"})
    variables = {"Variables": {"VARIANT": "variant-2"}}
    aws.client("lambda").update_function_configuration(FunctionName="f", Environment=variables)
    after = json.loads(invoke(aws, payload={"prefix": "2"})["Payload"])
    assert after["function_variant"] == "variant-2", after


REMEMBERING = """
import time

number = 0

def handler(event, context):
    global number
    if "sleep" in event:
        time.sleep(event["sleep"])
    elif "write" in event:
        with open(event["path"], "w") as file:
            file.write(event["write"])
    elif "read" in event:
        return {"content": open(event["path"]).read()}
    elif "set" in event:
        number = event["set"]
    else:
        return {"number": number}
"""


@scenario(LAMBDA, "TestLambdaBehavior::test_lambda_invoke_timed_out_environment_reuse")
def _(aws):
    aws.stand_ins = HASH
    created(aws, "create-result", "f", code=REMEMBERING, Timeout=1)
    path = f"/tmp/pontoon-recording-{aws.account}"
    check(aws, "invoke-result-file-write", payload={"write": "some-content", "path": path})
    check(aws, "invoke-result-file-read", payload={"read": True, "path": path})
    check(aws, "invoke-result-set-number", payload={"set": 42})
    check(aws, "invoke-result-read-number", payload={})
    worded = {f"Payload.{name}": "worded since 2025 as in test_lambda_invoke_with_timeout" for name in ("errorMessage", "errorType")}
    check(aws, "invoke-result-timed-out", payload={"sleep": 5}, differs=worded)
    check(aws, "invoke-result-file-read-after-timeout", payload={"read": True, "path": path})
    check(aws, "invoke-result-read-number-after-timeout", payload={})
    os.remove(path)


@scenario(LAMBDA, "TestLambdaVersions::test_async_invoke_queue_upon_function_update")
def _(aws):
    functions = aws.client("lambda")
    url, _ = queue(aws, "history")
    code = SEND + (
        "import time\n\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n"
        "    send(os.environ['HISTORY'], event['prefix'] + '--' + os.environ['VARIANT'])\n"
    )
    variables = {"HISTORY": url, "VARIANT": "variant-1"}
    create(aws, "f", code=code, Environment={"Variables": variables})
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    invoke(aws, payload={"prefix": "01-sleep", "sleep": 2}, InvocationType="Event")
    for n in range(2, 11):
        invoke(aws, payload={"prefix": f"{n:02}-before"}, InvocationType="Event")
    changed = variables | {"VARIANT": "variant-2"}
    functions.update_function_configuration(FunctionName="f", Environment={"Variables": changed})
    for n in range(11, 16):
        invoke(aws, payload={"prefix": f"{n:02}-after"}, InvocationType="Event")
    history = []
    while len(history) < 15:
        for message in received(aws, url, MaxNumberOfMessages=10)["Messages"]:
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            history.append(json.loads(message["Body"]))
    aws.check("async_invoke_history_sorted", sorted(history))


PROVISIONED = "needs provisioned concurrency"
not_replayed(
    LAMBDA,
    PROVISIONED,
    "TestLambdaConcurrency::test_lambda_concurrency_block",
    "TestLambdaConcurrency::test_lambda_provisioned_concurrency_*",
    "TestLambdaConcurrency::test_provisioned_concurrency*",
    "TestLambdaConcurrency::test_reserved_provisioned_overlap",
)
not_replayed(
    LAMBDA,
    "needs function URLs",
    "TestLambdaURL::*",
    "TestLambdaPermissions::test_lambda_permission_url_invocation",
    "TestRequestIdHandling::test_request_id_invoke_url",
)
not_replayed(
    LAMBDA,
    "tells of AWS's machines and users",
    "TestLambdaBehavior::test_runtime_*",
    "TestLambdaBehavior::test_lambda_init_environment",
)
not_replayed(
    LAMBDA,
    "takes half a minute of real time in which a function waits",
    "TestLambdaErrors::test_lambda_runtime_exit_segfault",
)
not_replayed(LAMBDA, "nothing is recorded of it", "TestLambdaMultiAccounts::*")
not_replayed(
    LAMBDA,
    "needs the SDK in the function",
    "TestLambdaBaseFeatures::test_assume_role*",
    "TestLambdaBehavior::test_lambda_host_prefix_api_operation",
)

run()
