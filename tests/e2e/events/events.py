"""EventBridge through boto3: archives and replays, API destinations on a real web server, events of buckets and stacks, and a template of all of it.

Usage: events.py ENDPOINT

Runs on a virtual clock. Every wait is bounded.
"""

import base64
import datetime
import http.server
import json
import sys
import threading
import urllib.parse
import urllib.request

from pontoon_e2e.session import ACCOUNT, REGION, Session, check, code_of, eventually

(ENDPOINT,) = sys.argv[1:]
aws = Session(ENDPOINT)
events, sqs, s3, cloudformation = aws.events, aws.sqs, aws.s3, aws.cloudformation


class Server(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers with the status of the day; grants tokens one after another."""

    status, headers_out, got, tokens = 200, {}, [], 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = Server.status, b""
        if self.path.startswith("/token"):
            Server.tokens += 1
            form = dict(urllib.parse.parse_qsl(body))
            status = 200 if form["client_secret"] == "client secret" else 403
            answer = json.dumps({"access_token": f"token-{Server.tokens}", "expires_in": 3600}).encode()
        else:
            Server.got.append((self.command, self.path, headers, body))
        self.send_response(status)
        for name, value in Server.headers_out.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def queue(name):
    return sqs.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def received(url):
    messages = sqs.receive_message(
        QueueUrl=url, WaitTimeSeconds=0, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def bodies(url):
    return [json.loads(message["Body"]) for message in received(url)]


def put(detail, source="orders"):
    entry = {"Source": source, "DetailType": "Order", "Detail": json.dumps(detail)}
    return events.put_events(Entries=[entry])["Entries"][0]["EventId"]


def rule(name, pattern, targets):
    arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, Targets=targets)
    return arn


def archives_and_replays():
    url, arn = queue("replayed")
    rule_arn = rule("replayed", {"source": ["orders"]}, [{"Id": "1", "Arn": arn}])
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    archive = events.create_archive(
        ArchiveName="orders", EventSourceArn=bus, EventPattern=json.dumps({"source": ["orders"]}), RetentionDays=1
    )["ArchiveArn"]
    began = aws.now()
    ids = [put({"number": number}) for number in range(3)]
    bodies(url)
    check("an archive counts its events", events.describe_archive(ArchiveName="orders")["EventCount"] == 3)
    rules = events.list_rules(NamePrefix="Events-Archive-")["Rules"]
    check("its rule is managed", rules[0]["ManagedBy"] == "prod.vhs.events.aws.internal")
    code = code_of(events.delete_rule, Name="Events-Archive-orders")
    check("and cannot be deleted", code == "ManagedRuleException")
    started = events.start_replay(
        ReplayName="again",
        EventSourceArn=archive,
        EventStartTime=began - datetime.timedelta(seconds=1),
        EventEndTime=began + datetime.timedelta(minutes=1),
        Destination={"Arn": bus, "FilterArns": [rule_arn]},
    )
    check("a replay starts", started["State"] == "STARTING")
    aws.advance(2)
    replay = events.describe_replay(ReplayName="again")
    check("and completes", replay["State"] == "COMPLETED" and "EventLastReplayedTime" in replay)
    again = bodies(url)
    check("its events are the same", [event["id"] for event in again] == ids)
    check("and bear its name", {event["replay-name"] for event in again} == {"again"})
    check("and are not archived again", events.describe_archive(ArchiveName="orders")["EventCount"] == 3)
    aws.advance(25 * 3600)
    check("old events go", events.describe_archive(ArchiveName="orders")["EventCount"] == 0)
    events.remove_targets(Rule="replayed", Ids=["1"])
    events.delete_rule(Name="replayed")
    events.delete_archive(ArchiveName="orders")
    check("with it goes its rule", not events.list_rules(NamePrefix="Events-Archive-")["Rules"])


def api_destinations(server):
    lost, lost_arn = queue("lost")
    connection = events.create_connection(
        Name="basic",
        AuthorizationType="BASIC",
        AuthParameters={
            "BasicAuthParameters": {"Username": "user", "Password": "pass"},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Tenant", "Value": "one", "IsValueSecret": True}],
                "BodyParameters": [{"Key": "tenant", "Value": "one"}],
            },
        },
    )["ConnectionArn"]
    shown = events.describe_connection(Name="basic")["AuthParameters"]
    check("secrets are not shown", "pass" not in json.dumps(shown) and "Value" not in shown["InvocationHttpParameters"]["HeaderParameters"][0])
    destination = events.create_api_destination(
        Name="web", ConnectionArn=connection, InvocationEndpoint=f"{server}/orders/*", HttpMethod="PUT"
    )["ApiDestinationArn"]
    target = {
        "Id": "web",
        "Arn": destination,
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/invoke",
        "HttpParameters": {
            "PathParameterValues": ["$.detail.id"],
            "HeaderParameters": {"X-Id": "$.detail.id", "X-Tenant": "overridden"},
            "QueryStringParameters": {"verbose": "yes"},
        },
        "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
        "DeadLetterConfig": {"Arn": lost_arn},
    }
    rule("web", {"source": ["web"]}, [target])
    put({"id": "a/1"}, source="web")
    method, path, headers, body = eventually("a request", lambda: Server.got)[0]
    check("the endpoint is filled in", (method, path) == ("PUT", "/orders/a%2F1?verbose=yes"))
    expected = "Basic " + base64.b64encode(b"user:pass").decode()
    check("the connection authorizes", headers["authorization"] == expected)
    check("and wins over the target", (headers["x-tenant"], headers["x-id"]) == ("one", "a/1"))
    check("as EventBridge", headers["user-agent"] == "Amazon/EventBridge/ApiDestinations")
    event = json.loads(body)
    check("the event is the body", event["detail"] == {"id": "a/1"} and event["tenant"] == "one")

    Server.got, Server.status, Server.headers_out = [], 503, {"retry-after": "30"}
    put({"id": "2"}, source="web")
    eventually("the first attempt", lambda: len(Server.got) == 1)
    aws.advance(29)
    check("Retry-After is heeded", len(Server.got) == 1)
    Server.headers_out = {}
    aws.advance(60)
    check("then it is tried as often as may be", len(Server.got) == 3)
    (letter,) = received(lost)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    check("and becomes a dead letter", attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts")
    check("with the number of retries", attributes["RETRY_ATTEMPTS"] == "2")
    Server.got, Server.status = [], 404
    put({"id": "3"}, source="web")
    eventually("the only attempt", lambda: len(Server.got) == 1)
    aws.advance(1)
    (letter,) = received(lost)
    check("what cannot pass is not tried again", "404" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"])
    Server.got, Server.status = [], 200


def tokens(server):
    oauth = {
        "ClientParameters": {"ClientID": "client", "ClientSecret": "client secret"},
        "AuthorizationEndpoint": f"{server}/token",
        "HttpMethod": "POST",
    }
    created = events.create_connection(
        Name="oauth", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={"OAuthParameters": oauth}
    )
    check("a token is asked for", created["ConnectionState"] == "AUTHORIZING")
    eventually("the token", lambda: events.describe_connection(Name="oauth")["ConnectionState"] == "AUTHORIZED")
    events.update_api_destination(Name="web", ConnectionArn=created["ConnectionArn"])
    put({"id": "4"}, source="web")
    _, _, headers, _ = eventually("a request", lambda: Server.got)[0]
    check("it is the header", headers["authorization"] == "Bearer token-1")
    aws.advance(3600)
    Server.got = []
    put({"id": "5"}, source="web")
    _, _, headers, _ = eventually("a request", lambda: Server.got)[0]
    check("an old one is asked for again", headers["authorization"] == "Bearer token-2")
    bad = dict(oauth, ClientParameters={"ClientID": "client", "ClientSecret": "wrong"})
    events.update_connection(Name="oauth", AuthParameters={"OAuthParameters": bad})
    look = lambda: events.describe_connection(Name="oauth")["ConnectionState"] == "DEAUTHORIZED"
    eventually("a refusal", look)
    reason = events.describe_connection(Name="oauth")["StateReason"]
    check("that it is refused is told", reason.endswith("status 403"))
    state = events.describe_api_destination(Name="web")["ApiDestinationState"]
    check("and its destinations are inactive", state == "INACTIVE")


def events_of_services():
    url, arn = queue("services")
    rule("services", {"source": ["aws.s3", "aws.cloudformation"]}, [{"Id": "1", "Arn": arn}])
    s3.create_bucket(Bucket="files")
    s3.put_bucket_notification_configuration(
        Bucket="files", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    shown = s3.get_bucket_notification_configuration(Bucket="files")
    check("a bucket tells EventBridge", "EventBridgeConfiguration" in shown)
    s3.put_object(Bucket="files", Key="a b", Body=b"hello")
    s3.delete_object(Bucket="files", Key="a b")
    told = bodies(url)
    check("of objects", [event["detail-type"] for event in told] == ["Object Created", "Object Deleted"])
    first = told[0]
    check("and what they are", first["detail"]["object"]["size"] == 5 and first["resources"] == ["arn:aws:s3:::files"])
    refused = code_of(
        s3.put_bucket_notification_configuration,
        Bucket="files",
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    check("others are refused by name", refused == "NotSupportedByPontoon")
    return url


TEMPLATE = {
    "Parameters": {"Server": {"Type": "String"}},
    "Resources": {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "of-stack"}},
        "Archive": {
            "Type": "AWS::Events::Archive",
            "Properties": {"SourceArn": {"Fn::GetAtt": "Bus.Arn"}, "EventPattern": {"source": ["s"]}, "RetentionDays": 7},
        },
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {
                "AuthorizationType": "API_KEY",
                "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "key"}},
            },
        },
        "Destination": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "ConnectionArn": {"Fn::GetAtt": "Connection.Arn"},
                "HttpMethod": "POST",
                "InvocationEndpoint": {"Fn::Sub": "${Server}/stack"},
            },
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["s"]},
                "Targets": [
                    {
                        "Id": "web",
                        "Arn": {"Fn::GetAtt": "Destination.Arn"},
                        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/invoke",
                    }
                ],
            },
        },
    },
    "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}, "Secret": {"Value": {"Fn::GetAtt": "Connection.SecretArn"}}},
}


def templates(server, told):
    cloudformation.create_stack(
        StackName="events",
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[{"ParameterKey": "Server", "ParameterValue": server}],
    )

    def done():
        aws.advance(1)
        (stack,) = cloudformation.describe_stacks(StackName="events")["Stacks"]
        return not stack["StackStatus"].endswith("IN_PROGRESS") and stack

    stack = eventually("the stack", done)
    check("a template makes all of it", stack["StackStatus"] == "CREATE_COMPLETE")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    check("a connection has a secret", outputs["Secret"].startswith("arn:aws:secretsmanager:"))
    kinds = set()
    while more := bodies(told):
        kinds.update(event["detail-type"] for event in more)
    expected = {"CloudFormation Stack Status Change", "CloudFormation Resource Status Change"}
    check("stacks tell EventBridge", kinds == expected)
    Server.got = []
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": "of-stack"}
    events.put_events(Entries=[entry])
    _, path, headers, _ = eventually("a request", lambda: Server.got)[0]
    check("its rule calls the destination", (path, headers["x-key"]) == ("/stack", "key"))
    s3.put_object(Bucket=outputs["Bucket"], Key="k", Body=b"1")
    check("its bucket tells EventBridge", bodies(told)[0]["detail-type"] == "Object Created")
    s3.delete_object(Bucket=outputs["Bucket"], Key="k")
    cloudformation.delete_stack(StackName="events")

    def gone():
        aws.advance(1)
        stacks = cloudformation.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
        return any(stack["StackName"] == "events" for stack in stacks)

    eventually("the stack to be gone", gone)
    left = events.list_archives()["Archives"] + events.list_api_destinations(NamePrefix="events-")["ApiDestinations"]
    check("and its deletion leaves nothing", not left)


def refusals():
    check("partner sources are refused", code_of(events.list_event_sources) == "NotSupportedByPontoon")
    check("global endpoints are refused", code_of(events.list_endpoints) == "NotSupportedByPontoon")


server = serve()
archives_and_replays()
api_destinations(server)
tokens(server)
templates(server, events_of_services())
refusals()
print("DONE")
