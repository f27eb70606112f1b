"""Writes requests.json.gz: every supported operation with every member set, as botocore puts it on the wire in each protocol. And
outputs.json.gz: an output of every supported operation with every member set, as `check.py` expects to read it back.

Run with botocore installed, from the root of the repository: python3 crates/wire/tests/vectors/generate.py
"""

import base64
import datetime
import gzip
import json
import pathlib

import botocore.session
from botocore.serialize import create_serializer

ROOT = pathlib.Path(__file__).resolve().parents[4]
INSTANT = datetime.datetime(2026, 1, 31, 12, 34, 56, tzinfo=datetime.timezone.utc)


class Sampler:
    """Makes a value of a shape, twice: as botocore takes it and as the test prints it."""

    def __init__(self):
        self.count = 0

    def sample(self, shape, place="", depth=0):
        self.count += 1
        return getattr(self, "_" + shape.type_name, self._string)(shape, place, depth)

    def _structure(self, shape, place, depth):
        members = list(shape.members.items())
        if getattr(shape, "is_tagged_union", False) or shape.name == "AttributeValue":
            leaves = [m for m in members if m[1].type_name not in ("list", "map")]
            choice = leaves if depth > 4 else members
            members = [choice[self.count % len(choice)]]
        given, printed = {}, {}
        for name, member in members:
            inner = member.serialization.get("location", "")
            given[name], printed[name] = self.sample(member, inner, depth + 1)
            if inner == "statusCode":
                given[name], printed[name] = 202, 202
            if member.name == "Expires":
                # A date to clients, but any text at all to S3.
                printed[name] = "Sat, 31 Jan 2026 12:34:56 GMT"
        return given, printed

    def _list(self, shape, place, depth):
        pairs = [self.sample(shape.member, place, depth + 1) for _ in range(2)]
        return [g for g, _ in pairs], [p for _, p in pairs]

    def _map(self, shape, place, depth):
        keys = ["first", "second"]
        pairs = [self.sample(shape.value, place, depth + 1) for _ in keys]
        return dict(zip(keys, (g for g, _ in pairs))), dict(zip(keys, (p for _, p in pairs)))

    def _string(self, shape, place, depth):
        text = f"{shape.name} {self.count}" if place else f"ü&=+%/<\"{shape.name}\"> {self.count}\n"
        if place == "uri":
            text = f"{shape.name}: ü/{self.count}"
        return text, text

    def _blob(self, shape, place, depth):
        value = bytes([0, 255]) + str(self.count).encode()
        return value, base64.b64encode(value).decode()

    def _timestamp(self, shape, place, depth):
        return INSTANT, INSTANT.timestamp()

    def _boolean(self, shape, place, depth):
        value = self.count % 2 == 0
        return value, value

    def _integer(self, shape, place, depth):
        return self.count, self.count

    def _long(self, shape, place, depth):
        return self.count + (1 << 40), self.count + (1 << 40)

    def _double(self, shape, place, depth):
        return self.count + 0.5, self.count + 0.5

    _float = _double


def body_bytes(body):
    if isinstance(body, dict):
        # botocore leaves forms to the HTTP layer.
        from urllib.parse import urlencode

        return urlencode(body, doseq=True).encode()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def request_line(serialized):
    path, query = serialized["url_path"], serialized["query_string"]
    if isinstance(query, dict):
        from urllib.parse import urlencode

        query = urlencode(query, doseq=True)
    if query:
        path += ("&" if "?" in path else "?") + query
    return path


def main():
    supported = json.loads((ROOT / "models/operations.json").read_text())
    session = botocore.session.get_session()
    vectors = []
    for service, operations in supported.items():
        model = session.get_service_model(service)
        for protocol in model.metadata.get("protocols", [model.metadata["protocol"]]):
            serializer = create_serializer(protocol, include_validation=False)
            for name in operations:
                operation = model.operation_model(name)
                sampler = Sampler()
                shape = operation.input_shape
                given, printed = sampler.sample(shape) if shape else ({}, {})
                serialized = serializer.serialize_to_request(given, operation)
                vectors.append({
                    "service": model.signing_name,
                    "operation": name,
                    "protocol": protocol,
                    "method": serialized["method"],
                    "path": request_line(serialized),
                    "headers": {k: v for k, v in serialized["headers"].items()},
                    "body": base64.b64encode(body_bytes(serialized["body"])).decode(),
                    "input": printed,
                })
    write("requests.json.gz", vectors)
    outputs = []
    for service, operations in supported.items():
        model = session.get_service_model(service)
        for name in operations:
            shape = model.operation_model(name).output_shape
            printed = Sampler().sample(shape)[1] if shape else {}
            outputs.append({"service": model.signing_name, "operation": name, "output": printed})
    write("outputs.json.gz", outputs)


def write(name, vectors):
    out = pathlib.Path(__file__).with_name(name)
    text = "\n".join(json.dumps(vector, sort_keys=True) for vector in vectors)
    out.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(name, len(vectors), "vectors,", out.stat().st_size, "bytes")


main()
