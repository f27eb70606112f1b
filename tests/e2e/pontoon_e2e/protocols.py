"""Clients that speak a named protocol of a service that has several, where botocore would choose its own."""

import copy
import functools

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config


class _Loader(botocore.loaders.Loader):
    """Shows a service's model as if it had one protocol."""

    def __init__(self, protocol, query_mode, **options):
        super().__init__(**options)
        self.protocol, self.query_mode = protocol, query_mode

    @functools.cache
    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name == "service-2":
            model = copy.deepcopy(model)
            model["metadata"].update(protocol=self.protocol, protocols=[self.protocol])
            if self.protocol == "query" or not self.query_mode:
                model["metadata"].pop("awsQueryCompatible", None)
        return model


@functools.cache
def _session(protocol, query_mode):
    """Loading a model takes long, so clients of one protocol share it."""
    loader = _Loader(protocol, query_mode, extra_search_paths=[botocore.loaders.Loader.BUILTIN_DATA_PATH])
    core = botocore.session.Session()
    core.register_component("data_loader", loader)
    return boto3.session.Session(botocore_session=core)


def client(session, service, protocol, query_mode=True):
    """A client like `session.client(service)`; `query_mode` is whether it asks for the error codes of the query protocol."""
    return _session(protocol, query_mode).client(
        service,
        endpoint_url=session.endpoint,
        region_name=session.region,
        aws_access_key_id=session.account,
        aws_secret_access_key="secret",
        config=Config(read_timeout=70, connect_timeout=5, retries={"max_attempts": 0}),
    )


def raw_answers(of):
    """A list that will hold the body of every answer that the client gets, as bytes."""
    bodies = []
    of.meta.events.register("before-parse", lambda response_dict, **_: bodies.append(response_dict["body"]))
    return bodies
