"""Event source mappings from queues, as Lambda was recorded to run and to judge them."""

import json

from pontoon_e2e.functions import PRINT, SEND, create, logged, queue, received
from pontoon_e2e.replay import not_replayed, part_of, run, scenario

QUEUES = "lambda_/event_source_mapping/test_lambda_integration_sqs"
API = "lambda_/test_lambda_api"
CFN = "lambda_/event_source_mapping/test_cfn_resource"
part_of(API, "TestLambdaEventSourceMappings")
SELF = "TestSQSEventSourceMapping::test_sqs_event_"
# Tells its event to the queue that the first message names, and fails as often as it says.
FAILING = SEND + '''
def handler(event, context):
    body = json.loads(event["Records"][0]["body"])
    received = int(event["Records"][0]["attributes"]["ApproximateReceiveCount"])
    error = "failed attempt" if received <= body["fail_attempts"] else None
    send(body["destination"], {"error": error, "event": event})
    if error:
        raise Exception(error)
'''
# Tells its event and its answer; the messages fail that say so.
REPORTING = SEND + '''
def handler(event, context):
    failures = []
    for record in event["Records"]:
        if int(record["attributes"]["ApproximateReceiveCount"]) <= json.loads(record["body"])["fail_attempts"]:
            failures.append({"itemIdentifier": record["messageId"]})
    result = json.loads(os.environ["OVERRIDE"]) if "OVERRIDE" in os.environ else {"batchItemFailures": failures}
    send(os.environ["DESTINATION"], {"event": event, "result": result})
    return result
'''
# What varies and is recorded without brackets.
STAND_INS = {"sent-timestamp": "<sent-timestamp>", "sender-id": "<sender-id>", "maximum-batching-window-in-seconds": 10}


def mapped(aws, label, name, source, differs=None, **options):
    answer = aws.client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=source, **options)
    if label:
        aws.check(label, answer, differs)
    return answer


def told(aws, label, url):
    """Compares the next message of a queue, and deletes it."""
    answer = aws.check(label, received(aws, url))
    for message in answer["Messages"]:
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


@scenario(QUEUES, "test_failing_lambda_retries_after_visibility_timeout", "test_message_body_and_attributes_passed_correctly")
def _(aws):
    aws.stand_ins = STAND_INS
    retried = "retries" in aws.name
    destination, _ = queue(aws, "destination")
    source, arn = queue(aws, "source", VisibilityTimeout=30)
    create(aws, "consumer", code=FAILING)
    aws.check("get_destination_queue_url", aws.sqs.get_queue_url(QueueName="destination"))
    made = mapped(aws, None, "consumer", arn, BatchSize=1)
    if retried:
        shown = aws.client("lambda").get_event_source_mapping(UUID=made["UUID"])
        aws.check("event_source_mapping", shown)
    attributes = {} if retried else {
        "Title": {"DataType": "String", "StringValue": "The Whistler"},
        "Author": {"DataType": "String", "StringValue": "John Grisham"},
        "WeeksOn": {"DataType": "Number", "StringValue": "6"},
    }
    body = json.dumps({"destination": destination, "fail_attempts": 1 if retried else 0})
    aws.sqs.send_message(QueueUrl=source, MessageBody=body, MessageAttributes=attributes)
    told(aws, "first_attempt", destination)
    if retried:
        aws.advance(30)
        told(aws, "second_attempt", destination)


@scenario(QUEUES, "test_redrive_policy_with_failing_lambda")
def _(aws):
    aws.stand_ins = STAND_INS
    destination, _ = queue(aws, "destination")
    letters, letters_arn = queue(aws, "letters")
    redrive = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 2})
    source, arn = queue(aws, "source", VisibilityTimeout=30, RedrivePolicy=redrive)
    create(aws, "consumer", code=FAILING)
    aws.check("get_destination_queue_url", aws.sqs.get_queue_url(QueueName="destination"))
    mapped(aws, None, "consumer", arn, BatchSize=1)
    aws.sqs.send_message(QueueUrl=source, MessageBody=json.dumps({"destination": destination, "fail_attempts": 2}))
    for label, from_queue in (("first_attempt", destination), ("second_attempt", destination), ("dlq_response", letters)):
        told(aws, label, from_queue)
        aws.advance(30)


@scenario(QUEUES, "test_sqs_queue_as_lambda_dead_letter_queue")
def _(aws):
    aws.stand_ins = STAND_INS
    letters, letters_arn = queue(aws, "letters")
    failing = 'def handler(event, context):\n    raise Exception("Test exception (this is intentional)")\n'
    made = create(aws, "failing", code=failing, DeadLetterConfig={"TargetArn": letters_arn})
    aws.check("lambda-response-dlq-config", made["DeadLetterConfig"])
    aws.client("lambda").put_function_event_invoke_config(FunctionName="failing", MaximumRetryAttempts=0)
    aws.client("lambda").invoke(FunctionName="failing", Payload='{"raise_error": 1}', InvocationType="Event")
    aws.check("messages", received(aws, letters, MessageAttributeNames=["All"]))


def reporting(aws, max_receives=2, override=None, fifo=False):
    """A function that reports what failed, its source, its destination and where dead letters go."""
    suffix, kind = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
    destination, _ = queue(aws, "destination")
    letters, letters_arn = queue(aws, f"letters{suffix}", **kind)
    redrive = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": max_receives})
    source, arn = queue(aws, f"source{suffix}", VisibilityTimeout=30, RedrivePolicy=redrive, **kind)
    environment = {"DESTINATION": destination} | ({"OVERRIDE": override} if override is not None else {})
    create(aws, "consumer", code=REPORTING, Environment={"Variables": environment})
    return source, arn, destination, letters


@scenario(QUEUES, "test_report_batch_item_failures")
def _(aws):
    aws.stand_ins = STAND_INS
    source, arn, destination, letters = reporting(aws, fifo=True)
    aws.check("get_destination_queue_url", aws.sqs.get_queue_url(QueueName="destination"))
    entries = [
        {
            "Id": f"message-{n}",
            "MessageBody": json.dumps({"message": n, "fail_attempts": fails}),
            "MessageGroupId": "1",
            "MessageDeduplicationId": f"dedup-{n}",
        }
        for n, fails in ((1, 0), (2, 1), (3, 1), (4, 2))
    ]
    aws.check("send_message_batch", aws.sqs.send_message_batch(QueueUrl=source, Entries=entries))
    options = {"BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    mapped(aws, "create_event_source_mapping", "consumer", arn, **options)
    for label in ("first_invocation", "second_invocation"):
        told(aws, label, destination)
        aws.advance(30)
    told(aws, "dlq_response", letters)


@scenario(QUEUES, "test_report_batch_item_failures_on_lambda_error")
def _(aws):
    source, arn, _, letters = reporting(aws, max_receives=1)
    for body in ("{not a json body", json.dumps({"message": 2, "fail_attempts": 0})):
        aws.sqs.send_message(QueueUrl=source, MessageBody=body)
    mapped(aws, None, "consumer", arn, FunctionResponseTypes=["ReportBatchItemFailures"], MaximumBatchingWindowInSeconds=1, BatchSize=3)

    messages = []
    while len(messages) < 2:
        aws.advance(31)
        messages += received(aws, letters, MaxNumberOfMessages=10)["Messages"]
    aws.check("dlq_messages", messages, unordered=True)


@scenario(QUEUES, "test_report_batch_item_failures_invalid_result_json_batch_fails")
def _(aws):
    aws.stand_ins = STAND_INS
    source, arn, destination, letters = reporting(aws, override='{"batchItemFailures": [{"foo": "notvalid"}]}')
    aws.check("get_destination_queue_url", aws.sqs.get_queue_url(QueueName="destination"))
    mapped(aws, None, "consumer", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    aws.sqs.send_message(QueueUrl=source, MessageBody=json.dumps({"message": 1, "fail_attempts": 0}))
    for label, from_queue in (("first_invocation", destination), ("second_invocation", destination), ("dlq_response", letters)):
        told(aws, label, from_queue)
        aws.advance(30)


@scenario(QUEUES, "test_report_batch_item_failures_empty_json_batch_succeeds")
def _(aws):
    aws.stand_ins = STAND_INS
    source, arn, destination, letters = reporting(aws, override="{}")
    aws.check("get_destination_queue_url", aws.sqs.get_queue_url(QueueName="destination"))
    mapped(aws, None, "consumer", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    aws.sqs.send_message(QueueUrl=source, MessageBody=json.dumps({"message": 1, "fail_attempts": 0}))
    told(aws, "first_invocation", destination)
    aws.advance(30)
    assert not aws.sqs.receive_message(QueueUrl=letters).get("Messages")


@scenario(QUEUES, "TestSQSEventSourceMapping::test_event_source_mapping_default_batch_size")
def _(aws):
    functions = aws.client("lambda")
    create(aws, "consumer", code=PRINT)
    (_, one), (_, two) = queue(aws, "one"), queue(aws, "two")
    made = mapped(aws, "create-event-source-mapping", "consumer", one)
    aws.fails("invalid-update-event-source-mapping", functions.update_event_source_mapping, UUID=made["UUID"], BatchSize=15)
    refused = {"FunctionName": "consumer", "EventSourceArn": two, "BatchSize": 15}
    aws.fails("invalid-create-event-source-mapping", functions.create_event_source_mapping, **refused)


@scenario(QUEUES, "TestSQSEventSourceMapping::test_sqs_event_source_mapping")
def _(aws):
    aws.stand_ins = STAND_INS
    create(aws, "consumer", code=PRINT)
    source, arn = queue(aws, "source")
    mapped(aws, "create-event-source-mapping-response", "consumer", arn, MaximumBatchingWindowInSeconds=1)
    aws.sqs.send_message(QueueUrl=source, MessageBody='{"foo": "bar"}')
    aws.advance(1)
    aws.check("events", logged(aws, "consumer"))


def filters(aws):
    """The patterns of each case, from the answer recorded to the mapping, and a message that they let through and one that not."""
    criteria = aws.recorded["create_event_source_mapping_response"]["FilterCriteria"]["Filters"]
    let_through = aws.recorded["invocation_events"][0]["Records"][0]["body"]
    return [{"Pattern": json.dumps(each["Pattern"])} for each in criteria], json.dumps(let_through)


NOT_MATCHING = json.dumps({"my-key": "no", "my-number": 1000, "test2": "no", "testItem": "no"})
OF_SETS = [f"filter{n}-item_matching{n}-{other}" for n, other in (*((n, f"item_not_matching{n}") for n in (0, 1, 2, 5, 6, 7)), (4, "this is a test string"))]
OF_NAMES = ("single-filter", "or-filter", "and-filter", "numeric-prefix", "single", "or", "and", "prefix", "valid-json-filter")
NOTHING = ("filter3-item_matching3-item_not_matching3", "exists-filter", "exists", "numeric-bigger", "numeric-smaller", "numeric-range")


@scenario(QUEUES, *(f"{SELF}filter[{case}]" for case in (*OF_SETS, *OF_NAMES, *NOTHING)))
def _(aws):
    aws.stand_ins = STAND_INS
    create(aws, "consumer", code=PRINT)
    source, arn = queue(aws, "source")
    patterns, let_through = filters(aws)
    options = {"MaximumBatchingWindowInSeconds": 1, "FilterCriteria": {"Filters": patterns}}
    mapped(aws, "create_event_source_mapping_response", "consumer", arn, **options)
    other = '{"something": "else"}' if aws.parameter in NOTHING else NOT_MATCHING
    for body in (other, "this is a test string", let_through):
        aws.sqs.send_message(QueueUrl=source, MessageBody=body)
    aws.advance(1)
    aws.check("invocation_events", logged(aws, "consumer"))


INVALID = {"None": None, "simple string": "simple string", "invalid_filter2": {"filter": [{"pattern": {"foo": "bar"}}]}, "invalid_filter3": []}


@scenario(QUEUES, *(f"TestSQSEventSourceMapping::test_sqs_invalid_event_filter[{case}]" for case in INVALID))
def _(aws):
    create(aws, "consumer", code=PRINT)
    _, arn = queue(aws, "source")
    pattern = INVALID[aws.parameter]
    criteria = {"Filters": [{"Pattern": pattern if isinstance(pattern, str) else json.dumps(pattern)}]}
    refused = {"FunctionName": "consumer", "EventSourceArn": arn, "FilterCriteria": criteria}
    aws.fails("create_event_source_mapping_exception", aws.client("lambda").create_event_source_mapping, **refused)


@scenario(QUEUES, f"{SELF}source_mapping_update")
def _(aws):
    aws.stand_ins = STAND_INS
    functions = aws.client("lambda")
    told = (
        "import json, os\n\ndef handler(event, context):\n"
        "    print(json.dumps({'function_version': context.function_version, 'CUSTOM_VAR': os.environ['CUSTOM_VAR'], 'event': event}))\n"
    )
    one = create(aws, "consumer", code=told, Environment={"Variables": {"CUSTOM_VAR": "a"}}, Publish=True)
    source, arn = queue(aws, "source")
    one = f"{one['FunctionArn']}:1"
    made = mapped(aws, "create-event-source-mapping-response", one, arn, MaximumBatchingWindowInSeconds=1)
    aws.sqs.send_message(QueueUrl=source, MessageBody='{"foo": "bar"}')
    aws.advance(1)
    aws.check("events", logged(aws, "consumer"))
    functions.update_function_configuration(FunctionName="consumer", Environment={"Variables": {"CUSTOM_VAR": "b"}})
    two = functions.publish_version(FunctionName="consumer")["FunctionArn"]
    aws.check("updated_esm", functions.update_event_source_mapping(UUID=made["UUID"], FunctionName=two))
    aws.check("updated_event_source_mapping", functions.get_event_source_mapping(UUID=made["UUID"]))
    aws.sqs.send_message(QueueUrl=source, MessageBody='{"foo": "bar2"}')
    aws.advance(1)
    aws.check("events_postupdate", logged(aws, "consumer", 2), unordered=True)


@scenario(QUEUES, "TestSQSEventSourceMapping::test_duplicate_event_source_mappings")
def _(aws):
    create(aws, "consumer", code=PRINT)
    create(aws, "other", code=PRINT)
    _, arn = queue(aws, "source")
    same = {"FunctionName": "consumer", "EventSourceArn": arn}
    mapped(aws, "create", "consumer", arn)
    aws.fails("error", aws.client("lambda").create_event_source_mapping, **same)
    mapped(aws, None, "other", arn)


@scenario(QUEUES, "test_fifo_message_group_parallelism")
def _(aws):
    functions = aws.client("lambda")
    create(aws, "consumer", code=PRINT)
    source, arn = queue(aws, "source.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    made = mapped(aws, "create_esm_disabled", "consumer", arn, Enabled=False, BatchSize=1)
    for n in range(5):
        aws.sqs.send_message(QueueUrl=source, MessageBody=json.dumps({"n": n}), MessageGroupId="a-group")
    aws.check("update_esm_enabling", functions.update_event_source_mapping(UUID=made["UUID"], Enabled=True))
    aws.check("get_esm_enabled", functions.get_event_source_mapping(UUID=made["UUID"]))
    handled = [json.loads(event["Records"][0]["body"])["n"] for event in logged(aws, "consumer", 5)]
    assert handled == list(range(5)), handled


def send_all(aws, source, label, entries):
    aws.check(label, aws.sqs.send_message_batch(QueueUrl=source, Entries=entries))


def records(aws, name, count):
    """The records of all the batches, as soon as there are enough, in the order of their bodies."""
    batches, found = 1, []
    while len(found) < count:
        found = [record for event in logged(aws, name, batches) for record in event["Records"]]
        batches += 1
    return sorted(found, key=lambda record: record["body"])


@scenario(
    QUEUES,
    *(f"{SELF}source_mapping_batch_size[{size}]" for size in (15, 100, 1000, 10000)),
)
def _(aws):
    aws.stand_ins = STAND_INS
    create(aws, "consumer", code=PRINT)
    source, arn = queue(aws, "source")
    mapped(aws, "create-event-source-mapping-response", "consumer", arn, BatchSize=int(aws.parameter), MaximumBatchingWindowInSeconds=10)
    for label, batch, count in (("10", 0, 10), ("5", 1, 5)):
        entries = [{"Id": f"{n}-{batch}", "MessageBody": f"{n}-{batch}-message-{n}"} for n in range(count)]
        send_all(aws, source, f"send-message-batch-result-{label}", entries)
    aws.advance(10)
    aws.check("Records", records(aws, "consumer", 15))


@scenario(QUEUES, f"{SELF}source_mapping_batching_reserved_concurrency")
def _(aws):
    aws.stand_ins = STAND_INS
    create(aws, "consumer", code=PRINT)
    reserved = aws.client("lambda").put_function_concurrency(FunctionName="consumer", ReservedConcurrentExecutions=2)
    aws.check("put_concurrency_resp", reserved)
    source, arn = queue(aws, "source")
    for batch in range(3):
        entries = [{"Id": f"{n}-{batch}", "MessageBody": f"{n}-{batch}-message"} for n in range(10)]
        aws.sqs.send_message_batch(QueueUrl=source, Entries=entries)
    options = {"BatchSize": 20, "MaximumBatchingWindowInSeconds": 1, "ScalingConfig": {"MaximumConcurrency": 2}}
    mapped(aws, "create-event-source-mapping-response", "consumer", arn, **options)
    aws.advance(1)
    got = records(aws, "consumer", 30)
    aws.check("Records", got)
    aws.check("batch_info", {"total_batches_received": len(logged(aws, "consumer"))})


@scenario(QUEUES, "test_esm_with_not_existing_sqs_queue")
def _(aws):
    create(aws, "consumer", code=PRINT)
    missing = f"arn:aws:sqs:{aws.region}:{aws.account}:not-existing-queue"
    refused = {"FunctionName": "consumer", "EventSourceArn": missing, "BatchSize": 1}
    aws.fails("error", aws.client("lambda").create_event_source_mapping, **refused)


@scenario(CFN, "test_adding_tags")
def _(aws):
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": f"arn:aws:iam::{aws.account}:role/lambda",
                    "Code": {"ZipFile": "def handler(event, context):\n    return event\n"},
                },
            },
            "EventSourceMapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                    "Tags": [{"Key": "my", "Value": "tag"}],
                },
            },
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["EventSourceMapping", "EventSourceMappingArn"]}}},
    }
    aws.cloudformation.create_stack(StackName="tagged", TemplateBody=json.dumps(template))
    aws.cloudformation.get_waiter("stack_create_complete").wait(StackName="tagged", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    stack = aws.cloudformation.describe_stacks(StackName="tagged")["Stacks"][0]
    aws.check("event-source-mapping-tags", aws.client("lambda").list_tags(Resource=stack["Outputs"][0]["OutputValue"]))


@scenario(API, "TestLambdaEventSourceMappings::test_event_source_mapping_exceptions")
def _(aws):
    functions = aws.client("lambda")
    unknown = {"UUID": "0ab1c2d3-0000-4000-8000-000000000001"}
    aws.fails("get_unknown_uuid", functions.get_event_source_mapping, **unknown)
    aws.fails("delete_unknown_uuid", functions.delete_event_source_mapping, **unknown)
    aws.fails("update_unknown_uuid", functions.update_event_source_mapping, **unknown, Enabled=False)
    create(aws, "consumer")
    _, arn = queue(aws, "source")
    for label, options in (
        ("create_no_event_source_arn", {"FunctionName": "doesnotexist"}),
        ("create_unknown_params", {"FunctionName": "doesnotexist", "EventSourceArn": arn.replace("source", "doesnotexist")}),
        ("destination_config_failure", {"FunctionName": "consumer", "EventSourceArn": arn, "DestinationConfig": {"OnFailure": {"Destination": arn}}}),
    ):
        aws.fails(label, functions.create_event_source_mapping, **options)


@scenario(API, "TestLambdaEventSourceMappings::test_function_name_variations")
def _(aws):
    functions, f = aws.client("lambda"), "consumer"
    create(aws, f, Publish=True)
    alias = functions.create_alias(FunctionName=f, Name="myalias", FunctionVersion="1")
    _, arn = queue(aws, "source")
    full = f"arn:aws:lambda:{aws.region}:{aws.account}:function:{f}"
    for label, name in (
        ("name_only", f),
        ("partial_arn_latest", f"{aws.account}:function:{f}:$LATEST"),
        ("partial_arn_version", f"{aws.account}:function:{f}:1"),
        ("partial_arn_alias", f"{aws.account}:function:{f}:myalias"),
        ("full_arn_latest", full),
        ("full_arn_version", f"{full}:1"),
        ("full_arn_alias", alias["AliasArn"]),
    ):
        made = mapped(aws, f"{label}_create_esm", name, arn)
        functions.delete_event_source_mapping(UUID=made["UUID"])


STREAMS = "needs streams as event sources"
not_replayed(
    API,
    STREAMS,
    "TestLambdaEventSourceMappings::test_event_source_mapping_lifecycle",
    "TestLambdaEventSourceMappings::test_event_source_mapping_lifecycle_delete_function",
    "TestLambdaEventSourceMappings::test_create_event_source_validation",
    "TestLambdaEventSourceMappings::test_create_event_source_validation_kinesis",
    "TestLambdaEventSourceMappings::test_create_event_filter_criteria_validation",
)
not_replayed(API, "needs Kafka as an event source", "TestLambdaEventSourceMappings::test_create_event_source_self_managed")
not_replayed(QUEUES, "nothing is recorded of it", f"{SELF}source_mapping_batching_behaviour*", f"{SELF}filter[plain-string-*")
not_replayed("lambda_/event_source_mapping/test_lambda_integration_dynamodbstreams", STREAMS, "*")
not_replayed("lambda_/event_source_mapping/test_lambda_integration_kinesis", "needs Kinesis", "*")

run()
