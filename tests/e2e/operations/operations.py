"""Every operation of the supported services through boto3, with inputs made from its model.

Usage: operations.py ENDPOINT, with the output of `pontoon operations --json` on standard input

Whatever an operation says of its input, it says in a form that the SDK of its protocol reads: an output of the model, or an error with a code, of a
status that is the client's. Operations that are not supported are refused by name.
"""

import json
import sys

from botocore.exceptions import ClientError
from pontoon_e2e.session import Session

ENDPOINT = sys.argv[1]
# By the name of boto3, where it is another than Pontoon's.
CLIENTS = {"monitoring": "cloudwatch"}
# What the SDK cannot sign without an extension of its own, and what would be a lie about the body.
LEFT_OUT = {"EndpointId", "ContentLength"}
# What an operation is bound to wait for is not this test's subject.
WAITS = {"WaitTimeSeconds": 0}
NEVER = {"ServiceUnavailable", "InternalFailure", "InternalError", "InternalServerError", "ServiceException"}


def plain(shape, name):
    """A value of a string's, number's or time's shape, within its limits."""
    meta = shape.metadata
    if shape.type_name == "string":
        if shape.enum:
            return shape.enum[0]
        return "a" * max(meta.get("min", 1), 1)
    return {
        "boolean": False,
        "integer": WAITS.get(name, max(meta.get("min", 1), 1)),
        "long": max(meta.get("min", 1), 1),
        "float": 1.0,
        "double": 1.0,
        "blob": b"abc",
        "timestamp": 1700000000,
    }[shape.type_name]


def value(shape, name, whole, depth=0):
    """A value of the shape: with its required members only, or `whole`."""
    if shape.type_name == "structure":
        if depth > 6:
            return {}
        members = shape.members if whole else shape.required_members
        # Of a union, one.
        if getattr(shape, "is_tagged_union", False):
            members = list(shape.members)[:1]
        # A stream's members are sent as they come.
        named = ((member, shape.members[member]) for member in members)
        return {
            member: value(inner, member, whole, depth + 1)
            for member, inner in named
            if member not in LEFT_OUT and not (inner.type_name == "structure" and getattr(inner, "is_eventstream", False))
        }
    if shape.type_name == "list":
        if depth > 6:
            return []
        return [value(shape.member, name, whole, depth + 1)] * max(shape.metadata.get("min", 1), 1)
    if shape.type_name == "map":
        if depth > 6:
            return {}
        return {plain(shape.key, name): value(shape.value, name, whole, depth + 1)}
    return plain(shape, name)


def ask(client, method, arguments):
    """The code of the answer; what is not an answer raises."""
    try:
        getattr(client, method)(**arguments)
        return 200, ""
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def check_service(service):
    client = Session(ENDPOINT).client(CLIENTS.get(service["service"], service["service"]), parameter_validation=False)
    methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    supported = set(service["operations"])
    missing = supported - set(methods)
    assert not missing, f"{service['service']}: the SDK does not know {missing}"
    for name in sorted(supported):
        shape = client.meta.service_model.operation_model(name).input_shape
        for whole in (False, True):
            arguments = value(shape, name, whole) if shape else {}
            status, code = ask(client, methods[name], arguments)
            # The answer to a HEAD has a status only.
            refused = status == 501 and code in {"NotSupportedByPontoon", "501"}
            good = status < 400 or refused or (status < 500 and code and code not in NEVER)
            assert good, f"{service['service']} {name} {arguments}: {status} {code}"
    return len(supported)


total = 0
for service in json.load(sys.stdin):
    total += check_service(service)
assert total > 200, total
print(f"{total} operations")
print("DONE")
