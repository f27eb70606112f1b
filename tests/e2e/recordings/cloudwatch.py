"""Metrics, alarms and dashboards, as CloudWatch was recorded to answer in each of its three protocols."""

import datetime
import io
import json

from botocore.exceptions import ClientError
from botocore.parsers import RpcV2CBORParser
from pontoon_e2e.protocols import client, raw_answers
from pontoon_e2e.replay import not_replayed, run, scenario
from pontoon_e2e.session import eventually, zipped

RECORDING = "cloudwatch/test_cloudwatch"
PROTOCOLS = ("query", "json", "smithy-rpc-v2-cbor")
SPACE = "shop/orders"
NEWER = {"ActionExecutedAfterMuteWindow": "CloudWatch tells this since 2026, as the recording of `test_put_metric_alarm` has it"}


def every(name, *parameters):
    """A scenario's names in each protocol, with these further parameters."""
    full = "TestCloudwatch::" + name
    return [f"{full}[{'-'.join(filter(None, (protocol, rest)))}]" for protocol in PROTOCOLS for rest in parameters or ("",)]


def spoken(aws):
    """A client of the protocol that the scenario is named after, and the rest of its parameter."""
    protocol = next(protocol for protocol in PROTOCOLS if aws.parameter.startswith(protocol))
    return client(aws, "cloudwatch", protocol), aws.parameter[len(protocol) + 1 :]


def around(aws, **given):
    """The hour around the server's time."""
    hour = datetime.timedelta(hours=1)
    return {"StartTime": aws.now() - hour, "EndTime": aws.now() + hour} | given


def query(metric, stat, ident="result1", period=60, unit=None, dimensions=None, space=SPACE):
    named = {"Namespace": space, "MetricName": metric} | ({"Dimensions": dimensions} if dimensions else {})
    return {"Id": ident, "MetricStat": {"Metric": named, "Period": period, "Stat": stat} | ({"Unit": unit} if unit else {})}


def put(cw, *data, space=SPACE):
    cw.put_metric_data(Namespace=space, MetricData=list(data))


def datum(name, value, unit=None, **more):
    return {"MetricName": name, "Value": value} | ({"Unit": unit} if unit else {}) | more


def dimensions(**given):
    return [{"Name": name, "Value": value} for name, value in given.items()]


# Metrics


@scenario(RECORDING, *every("test_put_metric_data_values_list"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, {"MetricName": "test-metric", "Values": [1.0, 10.0], "Counts": [2, 4], "Unit": "Count"})
    asked = around(aws, Namespace=SPACE, MetricName="test-metric", Period=60, Statistics=["SampleCount", "Sum", "Maximum"])
    aws.check("get_metric_statistics", cw.get_metric_statistics(**asked))


@scenario(RECORDING, *every("test_put_metric_data_validation"))
def _(aws):
    cw, _ = spoken(aws)
    whole = {"SampleCount": 10, "Sum": 55, "Minimum": 1, "Maximum": 10}
    for label, faulty in {
        "invalid-param-combination": {"Value": 1.0, "Values": [1.0, 10.0], "Counts": [2, 4]},
        "invalid-param-value": {"Values": [1.0, 10.0], "Counts": [2, 4, 5]},
        "invalid-param-combination-2": {"Value": 1.0, "StatisticValues": whole},
    }.items():
        aws.fails(label, cw.put_metric_data, Namespace=SPACE, MetricData=[{"MetricName": "m"} | faulty])


@scenario(RECORDING, *every("test_get_metric_data_for_multiple_metrics"))
def _(aws):
    cw, _ = spoken(aws)
    whole = {"SampleCount": 10, "Sum": 55, "Minimum": 1, "Maximum": 10}
    put(cw, datum("metric1", 50, "Seconds"), datum("metric2", 25, "Seconds"), {"MetricName": "metric3", "StatisticValues": whole})
    queries = [query(f"metric{n}", "Sum", f"result{n}") for n in (1, 2, 3)]
    aws.check("get_metric_data", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))


@scenario(
    RECORDING,
    *every("test_get_metric_data_stats", "Sum", "SampleCount", "Minimum", "Maximum", "Average"),
)
def _(aws):
    cw, stat = spoken(aws)
    put(cw, *(datum("metric1", value) for value in range(1, 12)))
    aws.check("get_metric_data", cw.get_metric_data(**around(aws, MetricDataQueries=[query("metric1", stat)])))


@scenario(RECORDING, *every("test_get_metric_data_with_dimensions"))
def _(aws):
    cw, _ = spoken(aws)
    for instance, value in {"one": 11, "two": 88}.items():
        put(cw, datum("metric1", value, Dimensions=dimensions(InstanceId=instance)))
    put(cw, datum("metric1", 3))
    asked = query("metric1", "Sum", dimensions=dimensions(InstanceId="one"))
    aws.check("get_metric_data", cw.get_metric_data(**around(aws, MetricDataQueries=[asked])))


@scenario(RECORDING, *every("test_get_metric_data_with_zero_and_labels"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, *(datum("metric1", value) for value in (0, 0, 0, 0, 16.5, 100)))
    queries = [query("metric1", stat, f"result_{stat}") for stat in ("Average", "Sum", "Minimum", "Maximum")]
    aws.check("get_metric_data_with_zero_and_labels", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))


@scenario(RECORDING, *every("test_get_metric_statistics"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, *(datum("metric", value) for value in range(10)))
    statistics = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]
    asked = around(aws, Namespace=SPACE, MetricName="metric", Period=60, Statistics=statistics)
    aws.check("get_metric_statistics", cw.get_metric_statistics(**asked))


@scenario(RECORDING, *every("test_handle_different_units"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, datum("m-test", 10), datum("m-test", 5, "Count"), datum("m-test", 1, "Seconds"))
    asked = around(aws, Namespace=SPACE, MetricName="m-test", Period=60, Statistics=["Average"])
    aws.check("get_metric_statistics_with_different_units", cw.get_metric_statistics(**asked), unordered=True)


@scenario(RECORDING, *every("test_get_metric_data_with_different_units"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, datum("m-test", 35, "Milliseconds"), datum("m-test", 1, "Seconds"), datum("m-test", 5, "Count"))
    queries = [query("m-test", "Average", "m1", unit="Seconds")]
    aws.check("get_metric_data_with_different_units", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))


@scenario(
    RECORDING,
    *every("test_get_metric_data_different_units_no_unit_in_query", "metric_data0", "metric_data1", "metric_data2"),
)
def _(aws):
    cw, data = spoken(aws)
    milliseconds, seconds = datum("m-test", 60000, "Milliseconds"), datum("m-test", 60, "Seconds")
    put(
        cw,
        *{
            "metric_data0": [milliseconds, seconds],
            "metric_data1": [milliseconds, seconds, milliseconds],
            "metric_data2": [milliseconds, seconds, datum("m-test", 5, "Count")],
        }[data],
    )
    asked = around(aws, MetricDataQueries=[query("m-test", "Sum", "m1")])
    aws.check("get_metric_data_with_no_unit_specified", cw.get_metric_data(**asked))


@scenario(RECORDING, *every("test_label_generation", *(f"input_pairs{n}" for n in range(7))))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, datum("metric1", 0, "Seconds"), datum("metric1", 109, "Seconds"))
    queries = []
    for result in aws.recorded["label_generation"]["MetricDataResults"]:
        _, stat, period, unit = result["Id"].split("_")
        queries.append(query("metric1", stat, result["Id"], int(period), unit))
    aws.check("label_generation", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))


@scenario(RECORDING, *every("test_get_metric_with_null_dimensions"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, datum("metric1", 1, Dimensions=dimensions(InstanceId="one")))
    queries = [query("metric1", "Sum", "m1", dimensions=dimensions(InstanceId="none"))]
    aws.check("get_metric_with_null_dimensions", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))


@scenario(RECORDING, *every("test_get_metric_with_no_results"))
def _(aws):
    cw, _ = spoken(aws)
    put(cw, datum("metric1", 0))
    queries = [query("metric1", "Sum", "result", dimensions=dimensions(InstanceId="one"))]
    aws.check("result", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))


@scenario(RECORDING, *every("test_multiple_dimensions_statistics"))
def _(aws):
    cw, _ = spoken(aws)
    named = dimensions(error="none", exception="none", method="GET", outcome="SUCCESS", uri="/greetings", status="200")
    name = "http.server.requests.count"
    put(cw, datum(name, 0, "Count", Dimensions=named), datum(name, 5, "Count", Dimensions=named))
    queries = [query(name, "Maximum", dimensions=named)]
    aws.check("get-metric-stats-max", cw.get_metric_data(**around(aws, MetricDataQueries=queries)))
    aws.check("list-metrics", cw.list_metrics(Namespace=SPACE, MetricName=name))


@scenario(RECORDING, *every("test_invalid_amount_of_datapoints"))
def _(aws):
    cw, _ = spoken(aws)
    now = aws.now()
    asked = {"Namespace": SPACE, "MetricName": "metric_name", "Statistics": ["Sum"], "Period": 1, "EndTime": now}
    day = datetime.timedelta(days=1)
    aws.fails("error-invalid-amount-datapoints", cw.get_metric_statistics, **asked, StartTime=now - day)
    aws.fails("error-invalid-time-frame", cw.get_metric_statistics, **asked, StartTime=now)
    minute = datetime.timedelta(minutes=1)
    aws.check("get-metric-statitics", cw.get_metric_statistics(**asked, StartTime=now - minute))


# Alarms


def put_alarm(cw, **given):
    named = {"AlarmName": "alarm", "Namespace": SPACE, "MetricName": "metric1", "EvaluationPeriods": 1, "Threshold": 30.0}
    counted = {"ComparisonOperator": "GreaterThanThreshold", "Period": 60, "Statistic": "Sum"}
    return cw.put_metric_alarm(**named | counted | given)


def described(cw, name="alarm"):
    return cw.describe_alarms(AlarmNames=[name])


def topic(aws, name, queue=None):
    """A topic that a queue of the same name subscribes to."""
    arn = aws.sns.create_topic(Name=name)["TopicArn"]
    if queue:
        aws.sqs.create_queue(QueueName=queue)
        aws.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{aws.region}:{aws.account}:{queue}")
    return arn


def notified(aws, queue):
    """The next notification that came to the queue."""
    url = aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    message = eventually("a notification", lambda: aws.sqs.receive_message(QueueUrl=url).get("Messages"))[0]
    aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return json.loads(json.loads(message["Body"])["Message"])


@scenario(RECORDING, *every("test_describe_alarms_converts_date_format_correctly"))
def _(aws):
    cw, _ = spoken(aws)
    put_alarm(cw)
    aws.check("describe-alarms", described(cw))


@scenario(RECORDING, *every("test_describe_minimal_metric_alarm"))
def _(aws):
    cw, _ = spoken(aws)
    put_alarm(cw, Period=10)
    aws.check("describe_minimal_metric_alarm", described(cw))


@scenario(RECORDING, *every("test_delete_alarm"))
def _(aws):
    cw, _ = spoken(aws)
    put_alarm(cw)
    aws.check("describe-alarm", described(cw))
    aws.check("delete-alarm", cw.delete_alarms(AlarmNames=["alarm"]))
    aws.check("describe-after-delete", described(cw))


@scenario(RECORDING, *every("test_put_metric_alarm_escape_character"))
def _(aws):
    cw, _ = spoken(aws)
    actions = [f"arn:aws:sns:{aws.region}:111122223333:MyTopic"]
    put_alarm(cw, AlarmDescription="<", AlarmActions=actions, Period=600, Threshold=1)
    aws.check("describe-alarms-escaped-character", described(cw))


def tagged_alike(aws, cw, arn, after_creation):
    aws.check(after_creation, cw.list_tags_for_resource(ResourceARN=arn))
    cw.tag_resource(ResourceARN=arn, Tags=[{"Key": "tag1", "Value": "foo"}, {"Key": "tag2", "Value": "bar"}])
    updated = "list_tags_for_resource" if "list_tags_for_resource" in aws.recorded else "list_tags_for_resource_updated"
    aws.check(updated, cw.list_tags_for_resource(ResourceARN=arn), unordered=True)
    cw.untag_resource(ResourceARN=arn, TagKeys=["tag1"])
    aws.check("list_tags_for_resource_post_untag", cw.list_tags_for_resource(ResourceARN=arn), unordered=True)


@scenario(RECORDING, *every("test_store_tags"))
def _(aws):
    cw, _ = spoken(aws)
    aws.check("put_metric_alarm", put_alarm(cw, MetricName="store_tags"))
    alarms = aws.check("describe_alarms", described(cw))
    tagged_alike(aws, cw, alarms["MetricAlarms"][0]["AlarmArn"], "list_tags_for_resource_empty ")


@scenario(RECORDING, *every("test_tagging_metric_alarm"))
def _(aws):
    cw, _ = spoken(aws)
    tags = [{"Key": "Environment", "Value": "Production"}]
    aws.check("put_metric_alarm", put_alarm(cw, Tags=tags))
    arn = described(cw)["MetricAlarms"][0]["AlarmArn"]
    tagged_alike(aws, cw, arn, "list_tags_for_resource_after_creation")
    cw.delete_alarms(AlarmNames=["alarm"])
    aws.check("list_tags_for_deleted_resource", cw.list_tags_for_resource(ResourceARN=arn))


@scenario(RECORDING, *every("test_set_alarm"))
def _(aws):
    cw, _ = spoken(aws)
    put_alarm(
        cw,
        AlarmDescription="Test Alarm when CPU exceeds 50 percent",
        AlarmActions=[topic(aws, "alarmed", "alarmed")],
        OKActions=[topic(aws, "fine", "fine")],
        MetricName="CPUUtilization-3",
        Dimensions=dimensions(InstanceId="i-0317828c84edbe100"),
        EvaluationPeriods=2,
        Period=300,
        Statistic="Average",
        Threshold=50,
        Unit="Percent",
        TreatMissingData="ignore",
    )
    for label, state, reason, queue in (
        ("triggered-alarm", "ALARM", "testing alarm", "alarmed"),
        ("reset-alarm", "OK", "resetting alarm", "fine"),
    ):
        cw.set_alarm_state(AlarmName="alarm", StateValue=state, StateReason=reason)
        assert notified(aws, queue)["NewStateReason"] == reason
        aws.check(label, described(cw))


@scenario(RECORDING, *every("test_set_alarm_invalid_input"))
def _(aws):
    cw, _ = spoken(aws)
    put_alarm(cw)
    aws.fails("error-invalid-state", cw.set_alarm_state, AlarmName="alarm", StateValue="INVALID", StateReason="test")
    aws.fails("error-resource-not-found", cw.set_alarm_state, AlarmName="nonexistent", StateValue="OK", StateReason="test")


def put_watched(aws, cw, metric, **given):
    """An alarm on the average of a metric that tells a topic, which tells a queue."""
    actions = [topic(aws, "told", "told")]
    put_alarm(
        cw,
        AlarmDescription="testing cloudwatch alarms",
        MetricName=metric,
        Dimensions=dimensions(InstanceId="abc"),
        Unit="Seconds",
        Statistic="Average",
        Period=10,
        AlarmActions=actions,
        OKActions=actions,
        **given,
    )


@scenario(RECORDING, *every("test_breaching_alarm_actions"))
def _(aws):
    cw, _ = spoken(aws)
    put_watched(aws, cw, "my-metric101", EvaluationPeriods=2, Threshold=2, TreatMissingData="breaching")
    aws.advance(60)
    aws.check("alarm-1-sqs-msg", notified(aws, "told"), differs=NEWER)
    aws.check("alarm-1-describe", described(cw))


@scenario(RECORDING, *every("test_enable_disable_alarm_actions"))
def _(aws):
    cw, _ = spoken(aws)
    put_watched(aws, cw, "my-metric101", EvaluationPeriods=2, Threshold=2, TreatMissingData="ignore")
    aws.check("describe_alarm", described(cw))
    cw.set_alarm_state(AlarmName="alarm", StateValue="ALARM", StateReason="testing alarm")
    aws.check("alarm-state-sqs-msg", notified(aws, "told"), differs=NEWER)
    aws.check("alarm-state-describe", described(cw))
    cw.disable_alarm_actions(AlarmNames=["alarm"])
    cw.set_alarm_state(AlarmName="alarm", StateValue="OK", StateReason="testing OK state")
    aws.check("describe_alarm_disabled", described(cw))
    aws.check("ok-state-action-disabled-describe", described(cw))
    cw.enable_alarm_actions(AlarmNames=["alarm"])
    aws.check("describe_alarm_enabled", described(cw))


@scenario(RECORDING, "TestCloudwatch::test_put_metric_alarm")
def _(aws):
    cw = aws.cloudwatch
    put_watched(aws, cw, "my-metric1", EvaluationPeriods=1, Threshold=21, TreatMissingData="ignore")
    aws.check("describe-alarm", described(cw))
    at_once = {"Dimensions": dimensions(InstanceId="abc"), "StorageResolution": 1}
    put(cw, *(datum("my-metric1", value, "Seconds", **at_once) for value in (21, 22)))
    aws.advance(60)
    aws.check("alarm-triggered-sqs-msg", notified(aws, "told"))
    aws.check(
        "describe-alarm-history", cw.describe_alarm_history(AlarmName="alarm", HistoryItemType="StateUpdate")
    )
    aws.check(
        "describe-alarms-for-metric",
        cw.describe_alarms_for_metric(
            MetricName="my-metric1",
            Namespace=SPACE,
            Dimensions=dimensions(InstanceId="abc"),
            Statistic="Average",
            Period=10,
            Unit="Seconds",
        ),
    )


# Alarms of the services' own metrics, and functions


@scenario(RECORDING, "TestCloudwatch::test_aws_sqs_metrics_created")
def _(aws):
    url = aws.sqs.create_queue(QueueName="orders")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="Hello")
    of_queue = {"period": 60, "dimensions": dimensions(QueueName="orders"), "space": "AWS/SQS"}

    def read(queries):
        return aws.cloudwatch.get_metric_data(**around(aws, MetricDataQueries=queries))

    received = aws.sqs.receive_message(QueueUrl=url)["Messages"][0]
    aws.sqs.receive_message(QueueUrl=url)
    aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    aws.advance(60)
    first = [
        query("NumberOfMessagesSent", "Sum", "sent", **of_queue),
        query("SentMessageSize", "Sum", "sent_size", **of_queue),
        query("NumberOfEmptyReceives", "Sum", "empty_receives", **of_queue),
    ]
    aws.check("get_metric_data", read(first))
    second = [
        query("NumberOfMessagesReceived", "Sum", "num_msg_received", **of_queue),
        query("NumberOfMessagesDeleted", "Sum", "num_msg_deleted", **of_queue),
    ]
    aws.check("get_metric_data_2", read(second))


def function(aws, name, code):
    """The ARN of a new function."""
    trust = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}
    trust["Statement"]["Principal"] = {"Service": "lambda.amazonaws.com"}
    role = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    aws.iam.attach_role_policy(RoleName=name, PolicyArn=logs)
    archive = zipped(handler_py=code)
    return aws.lambda_.create_function(
        FunctionName=name, Runtime="python3.12", Handler="handler.handler", Role=role, Code={"ZipFile": archive}
    )["FunctionArn"]


@scenario(RECORDING, "TestCloudwatch::test_alarm_lambda_target")
def _(aws):
    code = "import json\ndef handler(event, context):\n    print(json.dumps(event))\n"
    arn = function(aws, "react", code)
    principal = "lambda.alarms.cloudwatch.amazonaws.com"
    aws.lambda_.add_permission(FunctionName="react", StatementId="alarm", Action="lambda:InvokeFunction", Principal=principal)
    described = {"AlarmDescription": "testing lambda alarm action", "Namespace": "namespace"}
    put_alarm(aws.cloudwatch, **described, Period=10, Statistic="Average", AlarmActions=[arn])
    aws.cloudwatch.set_alarm_state(AlarmName="alarm", StateValue="ALARM", StateReason="testing alarm")

    def event():
        try:
            lines = aws.logs.filter_log_events(logGroupName="/aws/lambda/react", filterPattern="alarmData")["events"]
        except aws.logs.exceptions.ResourceNotFoundException:
            return None
        return json.loads(lines[0]["message"]) if lines else None

    aws.check("lambda-alarm-invocations", eventually("the function's log", event))


# The protocols


def bodies(aws, protocol, query_mode=True):
    """A client, and what its answers are once read from the protocol, without a model."""
    cw = client(aws, "cloudwatch", protocol, query_mode)
    answers = raw_answers(cw)

    def read():
        body = answers.pop()
        if protocol == "query":
            return from_xml(body)
        if protocol == "json":
            return json.loads(body)
        parser = RpcV2CBORParser()
        return parser.parse_data_item(io.BufferedReader(io.BytesIO(body)))

    return cw, read


def from_xml(body):
    """A document as the recordings have it: an element by its name, its text or its elements, and several of one name as a list."""
    import xml.etree.ElementTree as xml

    def value(element):
        found = {}
        for child in element:
            name = child.tag.partition("}")[2]
            found[name] = [*found.get(name, []), value(child)]
        return {name: many if len(many) > 1 else many[0] for name, many in found.items()} or element.text

    root = xml.fromstring(body)
    space, _, name = root.tag[1:].partition("}")
    found = value(root)
    for result in found.get("GetMetricDataResult", {}).get("MetricDataResults", {}).get("member", ()):
        result["Timestamps"] = result["Timestamps"]["member"]
    # The recordings leave out the request's id where no error is.
    found.pop("ResponseMetadata", None)
    return {name: {"@xmlns": space} | found}


@scenario(
    RECORDING, *(f"TestCloudWatchMultiProtocol::test_exception_serializing_with_no_shape_in_spec[{protocol}]" for protocol in PROTOCOLS)
)
def _(aws):
    for label, query_mode, arguments in (
        ("invalid-value-response", False, {"StateValue": "INVALID"}),
        ("not-found-response", False, {"StateValue": "OK"}),
        ("not-found-response-query-mode-true", True, {"StateValue": "OK"}),
    ):
        cw, read = bodies(aws, aws.parameter, query_mode)
        try:
            cw.set_alarm_state(AlarmName="nonexistent", StateReason="test", **arguments)
        except ClientError:
            aws.check(label, read())


@scenario(RECORDING, *(f"TestCloudWatchMultiProtocol::test_basic_operations_multiple_protocols[{protocol}]" for protocol in PROTOCOLS))
def _(aws):
    cw, read = bodies(aws, aws.parameter)
    cw.describe_alarms()
    unpublished = "DescribeAlarmsResponse.DescribeAlarmsResult.LogAlarms" if aws.parameter == "query" else "LogAlarms"
    aws.check("describe-alarms", read(), differs={unpublished: "no published model has it, and no client reads it"})
    put(cw, datum("someMetric", 23), datum("someMetric", 18))
    put(cw, datum("partMetric", 23))
    queries = [query("someMetric", "Sum", "some"), query("partMetric", "Sum", "part")]
    cw.get_metric_data(**around(aws, MetricDataQueries=queries))
    aws.check("get-metric-data", read())


METRICS = "cloudwatch/test_cloudwatch_metrics"


def of_function(name, metric, ident="m1"):
    return query(metric, "Sum", ident, dimensions=dimensions(FunctionName=name), space="AWS/Lambda")


@scenario(METRICS, "TestCloudWatchLambdaMetrics::test_lambda_invoke_successful")
def _(aws):
    function(aws, "works", "def handler(event, context):\n    return {'success': 'ok'}\n")
    aws.check("invoke", invoked(aws, "works"))
    aws.advance(60)
    asked = around(aws, MetricDataQueries=[of_function("works", "Invocations")])
    aws.check("get-metric-data", aws.cloudwatch.get_metric_data(**asked))


@scenario(METRICS, "TestCloudWatchLambdaMetrics::test_lambda_invoke_error")
def _(aws):
    function(aws, "fails", "\ndef handler(event, context):\n    raise Exception('fail on purpose')\n")
    # Where the code lies is the process's own business.
    aws.check("invoke", invoked(aws, "fails"), differs={"Payload.stackTrace[0]": "functions are not in /var/task"})
    aws.advance(60)
    for label, metric in {"get-metric-data-invocations": "Invocations", "get-metric-data-errors": "Errors"}.items():
        asked = around(aws, MetricDataQueries=[of_function("fails", metric)])
        aws.check(label, aws.cloudwatch.get_metric_data(**asked))


def invoked(aws, name):
    answer = aws.lambda_.invoke(FunctionName=name)
    return answer | {"Payload": answer["Payload"].read()}


@scenario(METRICS, "TestSQSMetrics::test_alarm_number_of_messages_sent")
def _(aws):
    url = aws.sqs.create_queue(QueueName="orders")["QueueUrl"]
    put_alarm(
        aws.cloudwatch,
        AlarmDescription="test messages sent",
        MetricName="NumberOfMessagesSent",
        Namespace="AWS/SQS",
        Dimensions=dimensions(QueueName="orders"),
        Statistic="SampleCount",
        Threshold=0,
        TreatMissingData="missing",
        AlarmActions=[topic(aws, "told", "told")],
    )
    aws.sqs.send_message(QueueUrl=url, MessageBody="new message")
    aws.advance(66)
    aws.check("NumberOfMessagesSent-sqs-msg", notified(aws, "told"), differs=NEWER)
    aws.check("NumberOfMessagesSent-describe", described(aws.cloudwatch))


not_replayed(
    RECORDING,
    "metric streams, to Firehose",
    *every("test_create_metric_stream"),
)
not_replayed(RECORDING, "dashboards", *every("test_dashboard_lifecycle"), *every("test_invalid_dashboard_name"))
not_replayed(RECORDING, "composite alarms", *every("test_trigger_composite_alarm"), *every("test_tagging_composite_alarm"))
not_replayed(RECORDING, "Contributor Insights rules", *every("test_insight_rule"))
not_replayed(RECORDING, "anomaly detection", *every("test_anomaly_detector_lifecycle"))
run()
