"""Reads answers with botocore's own parsers and compares them with what was to be said. The test `outputs` runs it.

Standard input: a line each with service, operation, protocol, status, headers, body and the output that was written.
"""

import base64
import datetime
import json
import sys
from email.utils import parsedate_to_datetime

import botocore.session
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

session = botocore.session.get_session()
models, failures = {}, 0


def printed(value):
    if isinstance(value, dict):
        return {k: printed(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list):
        return [printed(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if hasattr(value, "read"):
        return base64.b64encode(value.read()).decode()
    return value


for line in sys.stdin:
    case = json.loads(line)
    model = models.setdefault(case["service"], session.get_service_model(case["model"]))
    operation = model.operation_model(case["operation"])
    body = base64.b64decode(case["body"])
    if operation.has_streaming_output:
        import io

        body = io.BytesIO(body)
    if case["operation"] == "GetBucketLocation":
        # botocore's parser leaves this one answer, whose root is its only member, to a hook that needs a connection.
        body = body.replace(b"<LocationConstraint ", b"<Answer><LocationConstraint ") + b"</Answer>"
    response = {"status_code": case["status"], "headers": HeadersDict(case["headers"]), "body": body}
    try:
        read = printed(create_parser(case["protocol"]).parse(response, operation.output_shape))
    except Exception as error:
        read = repr(error)
    expected = case["output"]
    if "Expires" in expected and isinstance(read, dict):
        # Any text to S3, a date to clients.
        expected["Expires"] = parsedate_to_datetime(expected["Expires"]).timestamp()
    if read != expected:
        failures += 1
        print(case["operation"], case["protocol"])
        print("  said", json.dumps(expected, sort_keys=True, ensure_ascii=False))
        print("  read", json.dumps(read, sort_keys=True, ensure_ascii=False))
        print("  wire", case["headers"], base64.b64decode(case["body"])[:3000])
sys.exit(failures > 0)
