"""Runs a Python Lambda handler: loads it, asks the Runtime API for work, and answers.

Behaves as the managed runtime does towards the handler; the process ends when the Runtime API goes away.
"""

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

OWN_FILE = os.path.abspath(__file__)
NBSP = "\u00a0"


class Fault(Exception):
    """An error of the runtime's own, with the type that Lambda gives it."""

    def __init__(self, error_type, message, frames=()):
        super().__init__(message)
        self.error_type = error_type
        self.frames = list(frames)


# --- log ------------------------------------------------------------------------------------------


def write_event(text):
    """Writes one event, framed so that a text of several lines stays together."""
    sys.stdout.flush()
    sys.stderr.flush()
    body = text.encode("utf-8", "backslashreplace")
    data = b"\0\0%d\n%s" % (len(body), body)
    while data:
        data = data[os.write(1, data):]


class RequestIdFilter(logging.Filter):
    request_id = None

    def filter(self, record):
        record.aws_request_id = RequestIdFilter.request_id or ""
        return True


class LogHandler(logging.Handler):
    def emit(self, record):
        try:
            write_event(self.format(record))
        except Exception:  # pylint: disable=broad-except
            self.handleError(record)


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = LogHandler()
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    handler.setFormatter(logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)


# --- errors ---------------------------------------------------------------------------------------


def frames_of(error):
    if isinstance(error, Fault):
        return error.frames
    extracted = traceback.extract_tb(error.__traceback__)
    while extracted and os.path.abspath(extracted[0].filename) == OWN_FILE:
        extracted = extracted[1:]
    return traceback.format_list(extracted)


def error_document(error, request_id):
    error_type = error.error_type if isinstance(error, Fault) else type(error).__name__
    document = {"errorMessage": str(error), "errorType": error_type}
    # The runtime of Python 3.8 does not tell it.
    if os.environ.get("AWS_EXECUTION_ENV") != "AWS_Lambda_python3.8":
        document["requestId"] = request_id
    document["stackTrace"] = frames_of(error)
    return document


def log_error(document):
    lines = ["[ERROR] %s: %s" % (document["errorType"], document["errorMessage"])]
    if document["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        for frame in document["stackTrace"]:
            for line in frame.rstrip("\n").split("\n"):
                text = line.lstrip(" ")
                lines.append(NBSP * (len(line) - len(text)) + text)
    write_event("\n".join(lines))


# --- Runtime API ----------------------------------------------------------------------------------


class RuntimeApi:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, route, body=None, headers=None):
        try:
            self.connection.request(method, "/2018-06-01/runtime/" + route, body, headers or {})
            response = self.connection.getresponse()
            return response.headers, response.read()
        except (OSError, http.client.HTTPException):
            os._exit(1)

    def next(self):
        headers, body = self.call("GET", "invocation/next")
        if headers.get("Lambda-Runtime-Aws-Request-Id") is None:
            os._exit(1)
        return headers, body

    def post(self, route, document, error_type=None):
        headers = {"Content-Type": "application/json"}
        if error_type is not None:
            headers["Lambda-Runtime-Function-Error-Type"] = error_type.encode("ascii", "replace").decode()
        self.call("POST", route, document.encode("utf-8", "backslashreplace"), headers)


# --- context --------------------------------------------------------------------------------------


class Plain:
    """An object with the given attributes; those not given are None."""

    def __init__(self, names, values):
        for name in names:
            setattr(self, name, (values or {}).get(name))


class ClientContext:
    def __init__(self, document):
        names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
        self.custom = document.get("custom")
        self.env = document.get("env")
        self.client = Plain(names, document["client"]) if "client" in document else None


class LambdaContext:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        client = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(json.loads(client.encode("latin-1").decode("utf-8"))) if client else None
        self.identity = Plain(("cognito_identity_id", "cognito_identity_pool_id"), {})
        self.tenant_id = None
        self._epoch_deadline_time_in_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(int(self._epoch_deadline_time_in_ms - time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


# --- the handler ----------------------------------------------------------------------------------


def load_handler(text):
    try:
        module_name, handler_name = text.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (text, error))
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            raise Fault("Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        frame = '  File "%s" Line %s\n    %s\n' % (error.filename, error.lineno, (error.text or "").strip())
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), [frame])
    try:
        return getattr(module, handler_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (handler_name, module_name))


def plain_number(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def run(handler, headers, body):
    try:
        event = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
    result = handler(event, LambdaContext(headers))
    try:
        return json.dumps(result, ensure_ascii=False, default=plain_number)
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def set_trace_header(value):
    if value:
        os.environ["_X_AMZN_TRACE_ID"] = value
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def main():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    set_up_logging()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:  # pylint: disable=broad-except
        document = error_document(error, "")
        log_error(document)
        api.post("init/error", json.dumps(document), document["errorType"])
        sys.exit(1)
    while True:
        headers, body = api.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        RequestIdFilter.request_id = request_id
        set_trace_header(headers.get("Lambda-Runtime-Trace-Id"))
        try:
            answer = run(handler, headers, body)
            sys.stdout.flush()
            api.post("invocation/%s/response" % request_id, answer)
        except Exception as error:  # pylint: disable=broad-except
            document = error_document(error, request_id)
            log_error(document)
            api.post("invocation/%s/error" % request_id, json.dumps(document), document["errorType"])


if __name__ == "__main__":
    main()
