"""What the runtimes do with functions, as Lambda was recorded to run them."""

import json
import shutil
import subprocess

from pontoon_e2e.functions import create, created
from pontoon_e2e.replay import not_replayed, run, scenario

COMMON = "lambda_/test_lambda_common"
RUNTIMES = "lambda_/test_lambda_runtimes"
XRAY = "lambda_/test_lambda_integration_xray"
PYTHONS = [f"python3.{minor}" for minor in range(8, 15)]
NODES = [f"nodejs{major}.x" for major in (16, 18, 20, 22, 24)]
PROVIDED = ["provided.al2", "provided.al2023"]
OF_COMMON = "TestLambdaRuntimesCommon::test_"
HASH = {"<<code-sha-256>:1>": "<code-sha-256>"}
# A program for a provided runtime, in the language that is on every machine: it echoes, fails or tells its environment.
BOOTSTRAP = """#!/usr/bin/env python3
import json, os, urllib.request

api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{api}/next") as answer:
        headers, event = answer.headers, json.load(answer)
    request = headers["Lambda-Runtime-Aws-Request-Id"]
    outcome, told = "response", event
    if isinstance(event, dict) and event.get("error_msg"):
        outcome, told = "error", {"errorType": "ERROR", "errorMessage": "Error: " + event["error_msg"]}
    urllib.request.urlopen(f"{api}/{request}/{outcome}", json.dumps(told).encode()).read()
"""
NODE_HEAD = "exports.handler = async (event, context) => "
ECHO = {"python": "def handler(event, context):\n    return event\n", "nodejs": NODE_HEAD + "event;\n"}
FAIL = {
    "python": "def handler(event, context):\n    raise Exception('Failed: ' + event['error_msg'])\n",
    "nodejs": NODE_HEAD + "{ throw new Error('Error: ' + event.error_msg); };\n",
}
INTROSPECT = {
    "python": (
        "import os\n\ndef handler(event, context):\n"
        "    names = ('function_name', 'function_version', 'invoked_function_arn', 'memory_limit_in_mb', 'aws_request_id', 'log_group_name', 'log_stream_name')\n"
        "    told = {name: getattr(context, name) for name in names}\n"
        "    told['remaining_time_in_millis'] = context.get_remaining_time_in_millis()\n"
        "    return {'environment': dict(os.environ), 'ctx': told, 'packages': []}\n"
    ),
    "nodejs": NODE_HEAD
    + "({ environment: process.env, packages: [], ctx: { function_name: context.functionName, function_version: context.functionVersion,"
    " invoked_function_arn: context.invokedFunctionArn, aws_request_id: context.awsRequestId, log_group_name: context.logGroupName,"
    " log_stream_name: context.logStreamName, remaining_time_in_millis: context.getRemainingTimeInMillis() } });\n",
}
WRAPPER = '#!/bin/bash\nexport WRAPPER_VAR="test-content"\nexec "$@"\n'
WRAPPED = {
    "python": "import os\n\ndef handler(event, context):\n    return {'environment': dict(os.environ)}\n",
    "nodejs": NODE_HEAD + "({ environment: process.env });\n",
}


def language(runtime):
    return "python" if runtime.startswith("python") else "nodejs"


def of_runtime(runtime, codes, **files):
    """The code and handler of one of the codes in the language of a runtime."""
    if runtime in PROVIDED:
        return {"files": {"bootstrap": BOOTSTRAP}, "Handler": "function.handler", "Runtime": runtime}
    name, handler = ("handler.py", "handler.handler") if language(runtime) == "python" else ("index.js", "index.handler")
    return {"files": {name: codes[language(runtime)]} | files, "Handler": handler, "Runtime": runtime}


def invoked(aws, payload, **options):
    answer = aws.client("lambda").invoke(FunctionName="f", Payload=json.dumps(payload), **options)
    answer["Payload"] = answer["Payload"].read()
    return answer


EVENTS = (1, 0.5, True, False, None, "", "text", [], [1, "two"], {}, {"simple": "key", "emoji": "☕"})


@scenario(COMMON, *(f"{OF_COMMON}echo_invoke[{runtime}]" for runtime in (*PYTHONS, *NODES, *PROVIDED)))
def _(aws):
    create(aws, "f", **of_runtime(aws.parameter, ECHO))
    for event in EVENTS:
        answer = json.loads(invoked(aws, event)["Payload"])
        assert answer == event and type(answer) is type(event), f"{event!r} came back as {answer!r}"


OF_MACHINE = "of the machine's interpreters and of Pontoon's own ports"
# What is another value here, and what is not here at all: daemons of X-Ray, certificates, shells.
OTHER = ("AWS_LAMBDA_RUNTIME_API", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LD_LIBRARY_PATH", "PATH")
OTHERS = {"python": (*OTHER, "PWD", "PYTHONPATH"), "nodejs": (*OTHER, "PWD", "NODE_PATH")}
MISSING = ("AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "SHLVL")
ADDED = {"python": ("AWS_ENDPOINT_URL", "PYTHONDONTWRITEBYTECODE"), "nodejs": ("AWS_ENDPOINT_URL",)}


@scenario(COMMON, *(f"{OF_COMMON}introspection_invoke[{runtime}]" for runtime in (*PYTHONS, *NODES)))
def _(aws):
    runtime = aws.parameter
    options = of_runtime(runtime, INTROSPECT) | {"MemorySize": 1024, "Timeout": None}
    made = create(aws, "f", Environment={"Variables": {"TEST_KEY": "TEST_VAL"}}, **options)
    aws.check("create_function_result", made)
    for label, options in (("", {}), ("_qualified", {"Qualifier": "$LATEST"})):
        label = f"invocation_result_payload{label}"
        recorded = aws.recorded[label]["environment"]
        # Python sets it itself where the locale is not installed, as with AWS's newer runtimes.
        locale = ["LC_CTYPE"] if runtime in PYTHONS and "LC_CTYPE" not in recorded else []
        certificates = [name for name in ("NODE_EXTRA_CA_CERTS",) if name in recorded]
        names = [*locale, *certificates, *OTHERS[language(runtime)], *MISSING, *ADDED[language(runtime)]]
        told = json.loads(invoked(aws, {}, **options)["Payload"])
        aws.check(label, told, {f"environment.{name}": OF_MACHINE for name in names})


@scenario(COMMON, *(f"{OF_COMMON}uncaught_exception_invoke[{runtime}]" for runtime in (*PYTHONS, *NODES)))
def _(aws):
    options = of_runtime(aws.parameter, FAIL) | {"MemorySize": 1024, "Timeout": None, "Environment": None}
    aws.check("create_function_result", create(aws, "f", **options))
    answer = invoked(aws, {"error_msg": "some_error_msg"})
    document = json.loads(answer["Payload"])
    for trace in ("stackTrace", "trace"):
        if trace in document:
            document[trace] = "\n".join(document[trace])
    aws.check("error_result", answer | {"Payload": json.dumps(document)})


@scenario(COMMON, *(f"{OF_COMMON}runtime_wrapper_invoke[{runtime}]" for runtime in (*PYTHONS, *NODES)))
def _(aws):
    options = of_runtime(aws.parameter, WRAPPED, environment_wrapper=WRAPPER) | {"MemorySize": 1024, "Timeout": None}
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/environment_wrapper"}
    aws.check("create_function_result", create(aws, "f", Environment={"Variables": variables}, **options))
    environment = json.loads(invoked(aws, {})["Payload"])["environment"]
    assert environment["WRAPPER_VAR"] == "test-content", environment


ES6 = """
export const handler = async (event) => ({
    statusCode: 200,
    body: JSON.stringify(`response from localstack lambda: ${JSON.stringify(event)}`),
});
"""


@scenario(RUNTIMES, *(f"TestNodeJSRuntimes::test_invoke_nodejs_es6_lambda[{runtime}]" for runtime in NODES))
def _(aws):
    files = {"lambda_handler_es6.mjs": ES6}
    aws.stand_ins = HASH
    options = {"files": files, "Handler": "lambda_handler_es6.handler", "Runtime": aws.parameter}
    created(aws, "creation-result", "f", **options)
    aws.check("invocation-result", invoked(aws, {"event_type": "test_lambda"}))


@scenario(RUNTIMES, *(f"TestPythonRuntimes::test_handler_in_submodule[{runtime}]" for runtime in PYTHONS))
def _(aws):
    files = {"localstack_package/__init__.py": "", "localstack_package/def/main.py": ECHO["python"]}
    create(aws, "f", files=files, Handler="localstack_package/def/main.handler", Runtime=aws.parameter)
    assert json.loads(invoked(aws, {"a": 1})["Payload"]) == {"a": 1}


@scenario(RUNTIMES, *(f"TestPythonRuntimes::test_python_runtime_correct_versions[{runtime}]" for runtime in PYTHONS))
def _(aws):
    """Where the machine has the version, it is the one that runs."""
    code = "import sys\n\ndef handler(event, context):\n    return 'python%d.%d' % sys.version_info[:2]\n"
    create(aws, "f", code=code, Runtime=aws.parameter)
    ran = json.loads(invoked(aws, {})["Payload"])
    found = shutil.which(aws.parameter)
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
        assert ran == aws.parameter, ran


@scenario(RUNTIMES, "TestCloudwatchLogs::test_multi_line_prints")
def _(aws):
    aws.stand_ins = {"event-id": "<event-id>"}
    code = "def handler(event, context):\n    print('multi\\nline\\nstring\\nanother\\rline')\n    return event\n"
    create(aws, "f", code=code, Runtime="python3.13")
    invoked(aws, {})
    events = aws.logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]
    aws.check("log-events", events)


not_replayed(COMMON, "needs Java, .NET or Ruby, or programs compiled with AWS's libraries", f"{OF_COMMON}*")
not_replayed(COMMON, "tells how LocalStack is called; Pontoon sets AWS_ENDPOINT_URL", "TestLambdaCallingLocalstack::*")
not_replayed(RUNTIMES, "needs Java", "TestJavaRuntimes::*")
not_replayed(XRAY, "nothing is recorded of it", "test_xray_trace_propagation")
not_replayed(RUNTIMES, "needs programs compiled with AWS's library for Go", "TestGoProvidedRuntimes::*")

run()
