"""Pipes through boto3: from a queue through filters, a function and a web server to queues, a bus, a function and a web server, with partial failures.

Usage: pipes.py ENDPOINT

Runs on a virtual clock, which it freezes. Every wait is bounded.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pontoon_e2e.session import ACCOUNT, REGION, Session, check, error_of, zipped

(ENDPOINT,) = sys.argv[1:]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipes"

aws = Session(ENDPOINT)
pipes, sqs, iam, events, awslambda, cloudformation, logs = (
    aws.client(service) for service in ("pipes", "sqs", "iam", "events", "lambda", "cloudformation", "logs")
)


def url(name):
    return f"{ENDPOINT}/{ACCOUNT}/{name}"


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def send(queue, *bodies):
    for body in bodies:
        sqs.send_message(QueueUrl=url(queue), MessageBody=body if isinstance(body, str) else json.dumps(body))


def received(queue):
    found = []
    while True:
        messages = sqs.receive_message(QueueUrl=url(queue), MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            return [message["Body"] for message in found]
        for message in messages:
            found.append(message)
            sqs.delete_message(QueueUrl=url(queue), ReceiptHandle=message["ReceiptHandle"])


def left(queue):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url(queue), AttributeNames=names)["Attributes"]
    return sum(int(count) for count in counts.values())


def create(name, source, target, **more):
    pipes.create_pipe(Name=name, Source=arn("sqs", source), Target=target, RoleArn=ROLE, **more)
    aws.advance(1)
    shown = pipes.describe_pipe(Name=name)
    check(f"{name} runs", shown["CurrentState"] == "RUNNING")


def function(name, code):
    awslambda.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="main.handler",
        Role=ROLE,
        Code={"ZipFile": zipped(main_py=code)},
        Timeout=20,
    )
    awslambda.get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )


def set_up():
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["pipes.amazonaws.com", "lambda.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.create_role(RoleName="pipes", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="pipes", PolicyName="all", PolicyDocument=json.dumps(may))
    for queue in ("q", "of-bus", "dead"):
        sqs.create_queue(QueueName=queue)
    for queue in ("in1", "in2", "in3", "in4", "in5", "in6"):
        redrive = json.dumps({"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 2})
        sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "30", "RedrivePolicy": redrive})


def filters_and_templates():
    create(
        "filtered",
        "in1",
        arn("sqs", "q"),
        SourceParameters={
            "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]},
            "SqsQueueParameters": {"BatchSize": 5},
        },
        TargetParameters={"InputTemplate": '{"n": <$.body.n>, "by": <aws.pipes.pipe-name>}'},
        Tags={"a": "b"},
    )
    send("in1", {"kind": "order", "n": 1}, {"kind": "other", "n": 2}, "text")
    aws.advance(1)
    check("what passes the filter is transformed", received("q") == ['{"n": 1, "by": "filtered"}'])
    check("what does not is deleted", left("in1") == 0)
    shown = pipes.describe_pipe(Name="filtered")
    check("it is shown as it was made", shown["SourceParameters"]["SqsQueueParameters"] == {"BatchSize": 5})
    check("it has tags", pipes.list_tags_for_resource(resourceArn=shown["Arn"])["tags"] == {"a": "b"})


def buses():
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn("sqs", "of-bus"),
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url("of-bus"), Attributes={"Policy": json.dumps(policy)})
    events.create_event_bus(Name="b")
    events.put_rule(Name="r", EventBusName="b", EventPattern=json.dumps({"source": [{"prefix": ""}]}))
    events.put_targets(Rule="r", EventBusName="b", Targets=[{"Id": "t", "Arn": arn("sqs", "of-bus")}])
    create(
        "to-bus",
        "in2",
        arn("events", "event-bus/b"),
        TargetParameters={
            "InputTemplate": '{"order": <$.body>}',
            "EventBridgeEventBusParameters": {"Source": "shop", "DetailType": "$.body.kind"},
        },
    )
    send("in2", {"kind": "made", "id": 7})
    aws.advance(1)
    event = json.loads(received("of-bus")[0])
    check("a bus gets an event", (event["source"], event["detail-type"]) == ("shop", "made"))
    check("its detail is the template's", event["detail"] == {"order": {"kind": "made", "id": 7}})


def functions():
    function(
        "enrich",
        "import json\n"
        "def handler(batch, context):\n"
        "    return [{'n': json.loads(r['body'])['n'] * 2} for r in batch if json.loads(r['body'])['n'] != 3]\n",
    )
    create("enriched", "in3", arn("sqs", "q"), Enrichment=arn("lambda", "function:enrich"))
    send("in3", {"n": 1}, {"n": 2}, {"n": 3})
    aws.advance(1)
    enriched = sorted(json.loads(body)["n"] for body in received("q"))
    check("an enrichment replaces the events", enriched == [2, 4])
    check("an empty enrichment is the end of it", left("in3") == 0)

    function(
        "partly",
        "def handler(batch, context):\n"
        "    bad = [r['messageId'] for r in batch if r['body'] == 'bad']\n"
        "    return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}\n",
    )
    create("partial", "in4", arn("lambda", "function:partly"))
    send("in4", "good", "bad")
    aws.advance(1)
    check("what the target failed stays", left("in4") == 1)
    aws.advance(120)
    check("and goes to the dead-letter queue of its queue in the end", received("dead") == ["bad"])
    check("and nowhere else", left("in4") == 0)


class Web(BaseHTTPRequestHandler):
    """A web server that keeps what it is asked, and answers by its path."""

    asked = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Web.asked.append((self.path, self.headers.get("X-Key"), body))
        status, answer = 200, ""
        if self.path.startswith("/enrich/"):
            answer = json.dumps({"customer": "ada", "order": json.loads(body)["order"]})
        elif "bad" in body:
            status, answer = 400, "bad"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


def api_destinations():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=key)["ConnectionArn"]

    def destination(name, path):
        made = events.create_api_destination(
            Name=name,
            ConnectionArn=connection,
            HttpMethod="POST",
            InvocationEndpoint=f"http://127.0.0.1:{server.server_port}/{path}",
        )
        return made["ApiDestinationArn"]

    enrich, target = destination("enrich", "enrich/*"), destination("target", "target")
    create(
        "asks-the-web",
        "in5",
        arn("sqs", "q"),
        Enrichment=enrich,
        EnrichmentParameters={
            "InputTemplate": '{"order": <$.body.order>}',
            "HttpParameters": {"PathParameterValues": ["$.body.customer"], "QueryStringParameters": {"v": "1"}},
        },
        TargetParameters={"InputTemplate": '{"n": <$.order>, "for": <$.customer>}'},
    )
    send("in5", {"order": 7, "customer": "a/b"})
    aws.advance(1)
    check("a web server is asked", Web.asked == [("/enrich/a%2Fb?v=1", "secret", '{"order": 7}')])
    check("and its answer enriches", received("q") == ['{"n": 7, "for": "ada"}'])

    Web.asked.clear()
    create("to-the-web", "in6", target, TargetParameters={"InputTemplate": "<$.body>"})
    send("in6", "good", "bad")
    aws.advance(1)
    check("a web server gets each message", sorted(body for _, _, body in Web.asked) == ["bad", "good"])
    check("what it refuses stays", left("in6") == 1)
    aws.advance(120)
    check("and is tried as often as its queue says", [body for _, _, body in Web.asked].count("bad") == 2)
    check("before it goes to the dead-letter queue", (received("dead"), left("in6")) == (["bad"], 0))

    may_not = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "events:*", "Resource": target}]}
    iam.put_role_policy(RoleName="pipes", PolicyName="no-web", PolicyDocument=json.dumps(may_not))
    Web.asked.clear()
    send("in6", "good")
    aws.advance(120)
    check("a role that may not call it does not", (Web.asked, received("dead")) == ([], ["good"]))
    iam.delete_role_policy(RoleName="pipes", PolicyName="no-web")
    for name in ("asks-the-web", "to-the-web"):
        pipes.delete_pipe(Name=name)
    aws.advance(1)
    server.shutdown()


def states():
    pipes.stop_pipe(Name="filtered")
    aws.advance(1)
    send("in1", {"kind": "order", "n": 5})
    aws.advance(30)
    check("a stopped pipe takes nothing", (left("in1"), received("q")) == (1, []))
    pipes.update_pipe(Name="filtered", RoleArn=ROLE, TargetParameters={"InputTemplate": "<$.body.n>"})
    aws.advance(1)
    check("an update leaves it stopped", pipes.describe_pipe(Name="filtered")["CurrentState"] == "STOPPED")
    pipes.start_pipe(Name="filtered")
    aws.advance(1)
    check("a started pipe goes on", received("q") == ["5"])
    pages = pipes.get_paginator("list_pipes").paginate(PaginationConfig={"PageSize": 2})
    names = [pipe["Name"] for page in pages for pipe in page["Pipes"]]
    check("pipes are listed in pages", names == ["enriched", "filtered", "partial", "to-bus"])
    pipes.delete_pipe(Name="filtered")
    aws.advance(1)
    gone = error_of(pipes.describe_pipe, Name="filtered")
    check("a deleted pipe is gone", gone == ("NotFoundException", "Pipe filtered does not exist."))
    refusal = error_of(
        pipes.create_pipe,
        Name="x",
        Source=arn("dynamodb", "table/t/stream/2026-01-01T00:00:00.000"),
        Target=arn("sqs", "q"),
        RoleArn=ROLE,
    )
    check("other sources are refused by name", "DynamoDB streams" in refusal[1])


TEMPLATE = """
Resources:
  From:
    Type: AWS::SQS::Queue
  To:
    Type: AWS::SQS::Queue
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: pipes.amazonaws.com}, Action: 'sts:AssumeRole'}
      Policies:
        - PolicyName: queues
          PolicyDocument:
            Statement: [{Effect: Allow, Action: 'sqs:*', Resource: '*'}]
  Log:
    Type: AWS::Logs::LogGroup
  Connection:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: X-Key, ApiKeyValue: secret}}
  Web:
    Type: AWS::Events::ApiDestination
    Properties:
      ConnectionArn: !GetAtt Connection.Arn
      HttpMethod: POST
      InvocationEndpoint: 'http://127.0.0.1:9/*'
  Stopped:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: !GetAtt Role.Arn
      DesiredState: STOPPED
      Source: !GetAtt From.Arn
      Enrichment: !GetAtt Web.Arn
      EnrichmentParameters: {HttpParameters: {PathParameterValues: [$.body.id]}}
      Target: !GetAtt Web.Arn
      TargetParameters: {HttpParameters: {HeaderParameters: {X-A: b}, QueryStringParameters: {q: $.body.q}}}
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: !GetAtt Role.Arn
      Source: !GetAtt From.Arn
      Target: !GetAtt To.Arn
      TargetParameters: {InputTemplate: 'via <aws.pipes.source-arn>: <$.body>'}
      LogConfiguration:
        Level: INFO
        IncludeExecutionData: [ALL]
        CloudwatchLogsLogDestination: {LogGroupArn: !GetAtt Log.Arn}
      Tags: {made: here}
Outputs:
  From: {Value: !GetAtt From.QueueName}
  To: {Value: !GetAtt To.QueueName}
  Pipe: {Value: !Ref Pipe}
  Stopped: {Value: !Ref Stopped}
  Log: {Value: !Ref Log}
"""


def stacks():
    cloudformation.create_stack(StackName="st", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"])
    aws.advance(30)
    stack = cloudformation.describe_stacks(StackName="st")["Stacks"][0]
    check("a stack with a pipe is made", stack["StackStatus"] == "CREATE_COMPLETE")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    send(outputs["From"], "hello")
    aws.advance(1)
    check("its pipe runs", received(outputs["To"]) == [f"via {arn('sqs', outputs['From'])}: hello"])
    told = logs.filter_log_events(logGroupName=outputs["Log"], logStreamNames=[outputs["Pipe"]])["events"]
    records = [json.loads(event["message"]) for event in told]
    steps = [record["messageType"] for record in records]
    stages = ["TARGET_STAGE_ENTERED", "TARGET_STAGE_SUCCEEDED"]
    check("it tells its log group what it does", steps == ["EXECUTION_STARTED", *stages, "EXECUTION_SUCCEEDED"])
    check("with the events", json.loads(records[0]["payload"])[0]["body"] == "hello")
    shown = pipes.describe_pipe(Name=outputs["Stopped"])
    http = {"HeaderParameters": {"X-A": "b"}, "QueryStringParameters": {"q": "$.body.q"}}
    check("a stack's pipe has its parameters", shown["TargetParameters"] == {"HttpParameters": http})
    path = {"HttpParameters": {"PathParameterValues": ["$.body.id"]}}
    check("and those of its enrichment", shown["EnrichmentParameters"] == path)
    cloudformation.delete_stack(StackName="st")
    aws.advance(90)
    gone = error_of(pipes.describe_pipe, Name=outputs["Pipe"])
    check("it goes with the stack", gone and gone[0] == "NotFoundException")


aws.freeze()
set_up()
filters_and_templates()
buses()
functions()
api_destinations()
states()
stacks()
print("DONE")
