"""Clients of one server, and its clock."""

import datetime
import io
import json
import sys
import time
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT, REGION = "000000000000", "us-east-1"


class Session:
    """boto3 against one endpoint: clients by service name (`session.sqs`, `session.client("lambda")`), nothing retried, every call bounded.

    The access key names the account unless there is a `key` that the server knows.
    """

    def __init__(self, endpoint, account=ACCOUNT, region=REGION, key=None):
        self.endpoint, self.account, self.region, self.key = endpoint, account, region, key
        self._clients = {}

    def client(self, service, account=None, region=None, **config):
        """The client of `service`, in another account or region where one is named; `config` goes to botocore's `Config`."""
        account, region = account or self.account, region or self.region
        key = (service, account, region, tuple(sorted(config.items())))
        if key not in self._clients:
            options = {"read_timeout": 70, "connect_timeout": 5, "retries": {"max_attempts": 0}} | config
            self._clients[key] = boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=region,
                aws_access_key_id=self.key or account,
                aws_secret_access_key="secret",
                config=Config(s3={"addressing_style": "path"}, **options),
            )
        return self._clients[key]

    def __getattr__(self, service):
        return self.client("lambda" if service == "lambda_" else service)

    def advance(self, seconds):
        """Advances the server's clock, which needs `--virtual-clock`; returns when what fell due is done."""
        self._clock("POST", f"/advance?millis={int(seconds * 1000)}")

    def freeze(self):
        """Stops the server's clock, which needs `--virtual-clock`."""
        self._clock("POST", "/freeze")

    def resume(self):
        """Lets the server's clock run on."""
        self._clock("POST", "/resume")

    def now(self):
        """The server's time."""
        return datetime.datetime.fromisoformat(self._clock("GET", "")["now"].replace("Z", "+00:00"))

    def _clock(self, method, path):
        request = urllib.request.Request(f"{self.endpoint}/_pontoon/clock{path}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")


def check(what, holds):
    """Ends the script unless it holds."""
    if not holds:
        sys.exit(f"expected: {what}")
    print(what)


def refusal_of(call, **arguments):
    """What a call is answered with that fails, or `None` where it does not."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response
    return None


def error_of(call, **arguments):
    """The code and the message of the error that a call is answered with, or `None` where there is none."""
    refusal = refusal_of(call, **arguments)
    return refusal and (refusal["Error"]["Code"], refusal["Error"]["Message"])


def code_of(call, **arguments):
    """As `error_of`, the code only."""
    error = error_of(call, **arguments)
    return error and error[0]


def eventually(what, look, within=20.0):
    """The first truthy answer of `look`, asked again until `within` seconds have passed."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    sys.exit(f"not within {within} s: {what}")


def zipped(**files):
    """A zip archive of these files, `index_py="..."` being `index.py`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return buffer.getvalue()
