"""Connections and API destinations, as EventBridge was recorded to answer."""

import socket

from pontoon_e2e.replay import run, scenario

CONNECTIONS = "events/test_api_destinations_and_connection"
AUTHORIZATION_ENDPOINT = "https://example.com/oauth"
BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "pass"}}
API_KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "ApiKey", "ApiKeyValue": "secret"}}
OAUTH = {
    "OAuthParameters": {
        "AuthorizationEndpoint": AUTHORIZATION_ENDPOINT,
        "ClientParameters": {"ClientID": "client_id", "ClientSecret": "client_secret"},
        "HttpMethod": "POST",
    }
}
OAUTH_KIND = "OAUTH_CLIENT_CREDENTIALS"
AUTHORIZATIONS = (("BASIC", BASIC), ("API_KEY", API_KEY), (OAUTH_KIND, OAUTH))
SECRETS = dict(zip(("basic", "api-key", "oauth"), AUTHORIZATIONS))
SECRETS_MANAGER = "Secrets Manager, which is not here to be asked"


def connection(aws, kind="BASIC", parameters=BASIC, name="connection"):
    return aws.events.create_connection(Name=name, AuthorizationType=kind, AuthParameters=parameters)


@scenario(CONNECTIONS, "TestEventBridgeConnections::test_create_connection")
def _(aws):
    parameters = API_KEY | {"InvocationHttpParameters": {}}
    aws.check("create-connection", connection(aws, "API_KEY", parameters))
    aws.check("describe-connection", aws.events.describe_connection(Name="connection"))


@scenario(
    CONNECTIONS,
    *(f"TestEventBridgeConnections::test_create_connection_with_auth[auth_params{number}]" for number in range(3)),
    *(f"TestEventBridgeConnections::test_connection_secrets[{kind}]" for kind in SECRETS),
)
def _(aws):
    kind, parameters = SECRETS.get(aws.parameter) or AUTHORIZATIONS[int(aws.parameter[-1])]
    # One that takes its time, so that the connection is being authorized for as long as it is looked at.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        aws.stand_ins[AUTHORIZATION_ENDPOINT] = f"https://127.0.0.1:{silent.getsockname()[1]}/oauth"
        if kind == OAUTH_KIND:
            asked = parameters["OAuthParameters"] | {"AuthorizationEndpoint": aws.stand_ins[AUTHORIZATION_ENDPOINT]}
            parameters = {"OAuthParameters": asked}
        aws.check("create-connection-auth", connection(aws, kind, parameters))
        aws.check("describe-connection-auth", aws.events.describe_connection(Name="connection"))
    if "connection-secret" in aws.recorded:
        aws.skip("connection-secret", SECRETS_MANAGER)


@scenario(CONNECTIONS, "TestEventBridgeConnections::test_list_connections")
def _(aws):
    connection(aws)
    aws.check("list-connections", aws.events.list_connections(NamePrefix="connection"))


@scenario(CONNECTIONS, "TestEventBridgeConnections::test_delete_connection")
def _(aws):
    aws.check("create-connection-response", connection(aws))
    aws.check("delete-connection", aws.events.delete_connection(Name="connection"))
    aws.fails("describe-deleted-connection", aws.events.describe_connection, Name="connection")


@scenario(CONNECTIONS, "TestEventBridgeConnections::test_create_connection_invalid_parameters")
def _(aws):
    aws.fails(
        "create-connection-invalid-auth-error",
        aws.events.create_connection,
        Name="connection",
        AuthorizationType="INVALID_AUTH_TYPE",
        AuthParameters={},
    )


@scenario(CONNECTIONS, "TestEventBridgeConnections::test_create_connection_name_validation")
def _(aws):
    aws.fails(
        "create-connection-invalid-name-error",
        aws.events.create_connection,
        Name="Invalid Name With Spaces!",
        AuthorizationType="API_KEY",
        AuthParameters=API_KEY,
    )


@scenario(CONNECTIONS, "TestEventBridgeConnections::test_update_connection")
def _(aws):
    aws.check("create-connection", connection(aws, "BASIC", BASIC | {"InvocationHttpParameters": {}}))
    aws.check("describe-created-connection", aws.events.describe_connection(Name="connection"))
    aws.skip("connection-secret-before-update", SECRETS_MANAGER)
    parameters = {"BasicAuthParameters": {"Username": "new_user", "Password": "new_pass"}}
    updated = aws.events.update_connection(Name="connection", AuthorizationType="BASIC", AuthParameters=parameters)
    aws.check("update-connection", updated)
    aws.check("describe-updated-connection", aws.events.describe_connection(Name="connection"))
    aws.skip("connection-secret-after-update", SECRETS_MANAGER)


@scenario(CONNECTIONS, *(f"TestEventBridgeApiDestinations::test_api_destinations[auth{number}]" for number in range(3)))
def _(aws):
    arn = connection(aws, *AUTHORIZATIONS[int(aws.parameter[-1])])["ConnectionArn"]
    described = {
        "ConnectionArn": arn,
        "HttpMethod": "POST",
        "InvocationEndpoint": "https://example.com/api",
        "Description": "Test API destination",
    }
    aws.check("create-api-destination", aws.events.create_api_destination(Name="destination", **described))
    aws.check("describe-api-destination", aws.events.describe_api_destination(Name="destination"))
    aws.check("list-api-destinations", aws.events.list_api_destinations(NamePrefix="destination"))
    described |= {
        "HttpMethod": "PUT",
        "InvocationEndpoint": "https://example.com/api/v2",
        "Description": "Updated API destination",
    }
    aws.check("update-api-destination", aws.events.update_api_destination(Name="destination", **described))
    aws.check("describe-updated-api-destination", aws.events.describe_api_destination(Name="destination"))
    aws.check("delete-api-destination", aws.events.delete_api_destination(Name="destination"))
    aws.fails("describe-api-destination-not-found-error", aws.events.describe_api_destination, Name="destination")


@scenario(CONNECTIONS, "TestEventBridgeApiDestinations::test_create_api_destination_invalid_parameters")
def _(aws):
    aws.fails(
        "create-api-destination-invalid-parameters-error",
        aws.events.create_api_destination,
        Name="destination",
        ConnectionArn="invalid-connection-arn",
        HttpMethod="INVALID_METHOD",
        InvocationEndpoint="invalid-endpoint",
    )


@scenario(CONNECTIONS, "TestEventBridgeApiDestinations::test_create_api_destination_name_validation")
def _(aws):
    arn = connection(aws, "API_KEY", API_KEY)["ConnectionArn"]
    aws.fails(
        "create-api-destination-invalid-name-error",
        aws.events.create_api_destination,
        Name="Invalid Name With Spaces!",
        ConnectionArn=arn,
        HttpMethod="POST",
        InvocationEndpoint="https://example.com/api",
    )


run()
