"""What stacks make of the services' resources, as CloudFormation was recorded to make it."""

import json

from pontoon_e2e.functions import received
from pontoon_e2e.replay import not_replayed, run, scenario
from pontoon_e2e.stacks import deploy, outputs, settled

OF = "cloudformation/resources"
NAMED_IAM = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}


def of(**resources):
    """A template of resources, each a type with its properties and what else it has: `Topic=("SNS::Topic", {...})`."""
    made = {}
    for name, (kind, properties, *more) in resources.items():
        made[name] = {"Type": f"AWS::{kind}", "Properties": properties} | (more[0] if more else {})
    return {"Resources": made}


def with_outputs(template, **values):
    return template | {"Outputs": {name: {"Value": value} for name, value in values.items()}}


def ref(name):
    return {"Ref": name}


def att(name, attribute):
    return {"Fn::GetAtt": [name, attribute]}


def physical(aws, logical, stack="stack"):
    """The physical id of a stack's resource."""
    return aws.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical)["StackResourceDetail"]["PhysicalResourceId"]


def update(aws, template, **more):
    aws.cloudformation.update_stack(StackName="stack", TemplateBody=json.dumps(template), **more)
    return settled(aws, "stack")


# Topics and subscriptions

TOPICS = f"{OF}/test_sns"


@scenario(TOPICS, "test_update_subscription")
def _(aws):
    def template(raw):
        subscription = {"Protocol": "sqs", "TopicArn": ref("Topic"), "Endpoint": att("Queue", "Arn"), "RawMessageDelivery": raw}
        made = of(Topic=("SNS::Topic", {}), Queue=("SQS::Queue", {}), Subscription=("SNS::Subscription", subscription))
        return with_outputs(made, SubscriptionArn=ref("Subscription"))

    arn = outputs(deploy(aws, template(True)))["SubscriptionArn"]
    for label, raw in (("subscription-1", None), ("subscription-2", False)):
        if raw is not None:
            update(aws, template(raw))
        told = aws.sns.get_subscription_attributes(SubscriptionArn=arn)
        aws.check(label, told, {"Attributes.SubscriptionPrincipal": "an account of its own calls, not a user"})


@scenario(TOPICS, "test_sns_topic_update_attributes", "test_sns_topic_update_name")
def _(aws):
    # An endpoint on the machine itself stands for the mailbox: neither confirms. The topic's subscriptions are no less.
    address, protocol = "http://127.0.0.1:1/unconfirmed", "http"
    for listed in (label for label in aws.recorded if label.endswith("subscriptions")):
        aws.recorded[listed]["Subscriptions"][0] |= {"Endpoint": address, "Protocol": protocol}

    def topic(name, display_name):
        subscription = [{"Protocol": protocol, "Endpoint": address}]
        made = of(Topic=("SNS::Topic", {"TopicName": name, "DisplayName": display_name, "Subscription": subscription}))
        return with_outputs(made, TopicArn=ref("Topic"))

    renames = aws.name.endswith("name")
    before = outputs(deploy(aws, topic("one", "Initial Display Name")))["TopicArn"]
    pending = {"Attributes.SubscriptionsPending": "AWS counts later"}
    aws.check("initial-topic-attributes", aws.sns.get_topic_attributes(TopicArn=before), pending)
    aws.check("initial-subscriptions", aws.sns.list_subscriptions_by_topic(TopicArn=before))
    after = outputs(update(aws, topic("two" if renames else "one", "Updated Display Name")))["TopicArn"]
    aws.check("new-topic-attributes" if renames else "updated-topic-attributes", aws.sns.get_topic_attributes(TopicArn=after), pending)
    aws.check("new-subscriptions", aws.sns.list_subscriptions_by_topic(TopicArn=after))


@scenario(TOPICS, "test_sns_topic_policy_resets_to_default")
def _(aws):
    topic = of(Topic=("SNS::Topic", {"TopicName": "topic"}))
    statement = {
        "Sid": "0",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "sns:Publish",
        "Resource": ref("Topic"),
        "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    both = of(
        Topic=("SNS::Topic", {"TopicName": "topic"}), Policy=("SNS::TopicPolicy", {"Topics": [ref("Topic")], "PolicyDocument": policy})
    )
    deploy(aws, topic)
    arn = physical(aws, "Topic")
    for label, template in (("default", None), ("modified", both), ("reverted", topic)):
        if template:
            update(aws, template)
        aws.check(f"{label}-topic-attributes", aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])


not_replayed(TOPICS, "subscriptions to topics of other regions, which are refused", "test_sns_subscription_region")
FIFO = "FIFO topics, which are refused"
not_replayed(TOPICS, FIFO, "test_sns_topic_fifo_with_deduplication", "test_sns_topic_with_attributes", "test_sns_topic_fifo_without_suffix_fails")

# Log groups

LOGS = f"{OF}/test_logs"


@scenario(LOGS, "test_logstream")
def _(aws):
    template = of(Group=("Logs::LogGroup", {}), Stream=("Logs::LogStream", {"LogGroupName": ref("Group")}))
    stack = deploy(aws, with_outputs(template, LogStreamNameOutput=ref("Stream"), LogGroupNameOutput=ref("Group")))
    told = aws.check("outputs", outputs(stack))
    streams = aws.logs.describe_log_streams(logGroupName=told["LogGroupNameOutput"])["logStreams"]
    aws.check("describe_log_streams", streams)


@scenario(LOGS, "test_cfn_handle_log_group_resource")
def _(aws):
    deploy(aws, of(Group=("Logs::LogGroup", {"LogGroupName": "group", "RetentionInDays": 731})))
    since = {"logGroups[0].deletionProtectionEnabled": "added since the recording"}
    aws.check("describe_log_groups", aws.logs.describe_log_groups(logGroupNamePrefix="group"), since)


@scenario(LOGS, "test_handle_existing_log_group")
def _(aws):
    aws.logs.create_log_group(logGroupName="group")
    template = of(Group=("Logs::LogGroup", {"LogGroupName": ref("LogGroupName")})) | {"Parameters": {"LogGroupName": {"Type": "String"}}}
    stack = deploy(aws, template, {"LogGroupName": "group"}, Capabilities=aws.recorded["failed-stack-describe"]["Capabilities"])
    aws.check("failed-stack-describe", stack)


# Rules

RULES = f"{OF}/test_events"


@scenario(RULES, "test_rule_properties")
def _(aws):
    scheduled = {"ScheduleExpression": "rate(5 minutes)"}
    patterned = {"EventPattern": {"source": ["a"]}, "EventBusName": ref("Bus")}
    template = of(
        Bus=("Events::EventBus", {"Name": "bus"}),
        RuleWithName=("Events::Rule", patterned | {"Name": "named"}),
        RuleWithoutName=("Events::Rule", patterned),
        RuleWithoutBus=("Events::Rule", scheduled),
    )
    values = {}
    for name in ("RuleWithName", "RuleWithoutName", "RuleWithoutBus"):
        values |= {f"{name}Arn": att(name, "Arn"), f"{name}Ref": ref(name)}
    aws.bound |= {"<event-bus-name>": "bus", "<custom-rule-name>": "named"}
    aws.check("outputs", outputs(deploy(aws, with_outputs(template, **values))))


@scenario(RULES, "test_rule_pattern_transformation")
def _(aws):
    detail = {"bucket": {"name": ["test-s3-bucket"]}, "object": {"key": [{"suffix": "/test.json"}]}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    deploy(aws, of(Rule=("Events::Rule", {"EventPattern": pattern})))
    aws.check("rule", aws.events.describe_rule(Name=physical(aws, "Rule")))


@scenario(RULES, "test_event_rule_creation_without_target")
def _(aws):
    rule = {"Name": "event-rule-name", "ScheduleExpression": "cron(0 1 * * ? *)"}
    deploy(aws, of(Rule=("Events::Rule", rule)))
    aws.check("describe_rule", aws.events.describe_rule(Name="event-rule-name"))


# Alarms

ALARMS = f"{OF}/test_cloudwatch"


def alarm(**properties):
    defaults = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "MemoryUsage",
        "Namespace": "CustomNamespace",
        "Period": 60,
        "Statistic": "Average",
        "Threshold": 65,
        "TreatMissingData": "breaching",
    }
    kept = {name: value for name, value in (defaults | properties).items() if value is not None}
    return ("CloudWatch::Alarm", kept)


@scenario(ALARMS, "test_alarm_creation")
def _(aws):
    template = with_outputs(of(Alarm=alarm()), AlarmName=ref("Alarm"), AlarmArnFromAtt=att("Alarm", "Arn"))
    aws.check("alarm_outputs", outputs(deploy(aws, template)))


@scenario(ALARMS, "test_composite_alarm_creation")
def _(aws):
    deploy(aws, of(Memory=alarm(AlarmName="HighMemoryUsage", AlarmDescription="Memory usage is high")))
    aws.skip("composite_alarm", "composite alarms, which are refused")
    aws.check("metric_alarm", aws.cloudwatch.describe_alarms(AlarmNames=["HighMemoryUsage"])["MetricAlarms"])


@scenario(ALARMS, "test_alarm_ext_statistic")
def _(aws):
    properties = {
        "AlarmDescription": "uses extended statistic",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "DatapointsToAlarm": 3,
        "Dimensions": [{"Name": "FunctionName", "Value": "my-function"}],
        "EvaluationPeriods": 3,
        "ExtendedStatistic": "p99",
        "MetricName": "Duration",
        "Namespace": "namespace",
        "Period": 300,
        "Statistic": None,
        "Threshold": 10,
        "TreatMissingData": "ignore",
        "Unit": "Count",
    }
    deploy(aws, of(Alarm=alarm(**properties)))
    aws.check("simple_alarm", aws.cloudwatch.describe_alarms(AlarmNames=[physical(aws, "Alarm")])["MetricAlarms"])


not_replayed(ALARMS, "nothing: no answer was recorded", "test_alarm_no_statistic")

# Buckets

BUCKETS = f"{OF}/test_s3"


@scenario(BUCKETS, "test_bucketpolicy")
def _(aws):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["s3:GetObject*", "s3:GetBucket*", "s3:List*"],
        "Resource": [att("Bucket", "Arn"), {"Fn::Join": ["", [att("Bucket", "Arn"), "/*"]]}],
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    bucket = {"Bucket": ("S3::Bucket", {"BucketName": f"bucket-{aws.account}"})}
    policy = {"Policy": ("S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": document})}
    deploy(aws, of(**bucket, **policy))
    name = physical(aws, "Bucket")
    aws.check("bucket", {"BucketName": name})
    aws.check("get-policy-true", aws.s3.get_bucket_policy(Bucket=name)["Policy"])
    update(aws, of(**bucket))
    aws.fails("no-policy", aws.s3.get_bucket_policy, Bucket=name)


@scenario(BUCKETS, "test_cfn_handle_s3_notification_configuration")
def _(aws):
    stack = deploy(aws, of(Bucket=("S3::Bucket", {})))
    name = physical(aws, "Bucket")
    aws.skip("get_bucket_notification_configuration", "notifications to queues, which are refused")
    aws.cloudformation.delete_stack(StackName="stack")
    settled(aws, stack["StackId"])
    aws.fails("get_bucket_notification_configuration_error", aws.s3.get_bucket_notification_configuration, Bucket=name)


not_replayed(BUCKETS, "CORS of buckets", "test_cors_configuration")
not_replayed(BUCKETS, "websites of buckets", "test_website_configuration")
not_replayed(BUCKETS, "locks of objects", "test_object_lock_configuration")

# Tables

TABLES = f"{OF}/test_dynamodb"


def table(key, **properties):
    return ("DynamoDB::Table", {"AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}]} | keyed(key) | properties)


def keyed(key):
    return {"KeySchema": [{"AttributeName": key, "KeyType": "HASH"}]}


CAPACITY = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}


@scenario(TABLES, "test_default_name_for_table")
def _(aws):
    tags = [{"Key": f"TagKey{n}", "Value": f"TagValue{n}"} for n in (1, 2)]
    deploy(aws, of(Table=table("keyName", Tags=tags, **CAPACITY)))
    told = aws.check("table_description", aws.dynamodb.describe_table(TableName=physical(aws, "Table")))
    listed = aws.dynamodb.list_tags_of_resource(ResourceArn=told["Table"]["TableArn"])
    aws.check("list_tags_of_resource", listed, unordered=True)


@scenario(TABLES, *(f"test_billing_mode_as_conditional[{mode}]" for mode in ("PROVISIONED", "PAY_PER_REQUEST")))
def _(aws):
    # Pontoon's tables have no streams.
    for member in ("LatestStreamArn", "LatestStreamLabel", "StreamSpecification"):
        del aws.recorded["table_description"]["Table"][member]
    capacity = {"ProvisionedThroughput": {"Fn::If": ["IsProvisioned", CAPACITY["ProvisionedThroughput"], ref("AWS::NoValue")]}}
    made = table("id", BillingMode=ref("Mode"), **capacity)
    template = of(Table=made) | {
        "Parameters": {"Mode": {"Type": "String"}},
        "Conditions": {"IsProvisioned": {"Fn::Equals": [ref("Mode"), "PROVISIONED"]}},
    }
    deploy(aws, template, {"Mode": aws.parameter})
    aws.check("table_description", aws.dynamodb.describe_table(TableName=physical(aws, "Table")))


not_replayed(TABLES, "global tables", "test_global_table")
not_replayed(TABLES, "keys of KMS", "test_table_with_ttl_and_sse", "test_global_table_with_ttl_and_sse")
not_replayed(TABLES, "a template of the CDK, of which only what its stack outputs is recorded", "test_ttl_cdk")

# Functions

FUNCTIONS = f"{OF}/test_lambda"
SERVICE_ROLE = "fnServiceRole5D180AFD"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def assumed_by_functions(managed=(), **more):
    trust = {"Version": "2012-10-17", "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    return ("IAM::Role", {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": list(managed)} | more)


def function(role=SERVICE_ROLE, code="def handler(event, context):\n    return event\n", **more):
    properties = {"Code": {"ZipFile": code}, "Handler": "index.handler", "Role": att(role, "Arn"), "Runtime": "python3.9"}
    return ("Lambda::Function", properties | more)


def resources(aws):
    return aws.cloudformation.describe_stack_resources(StackName="stack")


@scenario(FUNCTIONS, "TestCfnLambdaIntegrations::test_cfn_lambda_permissions")
def _(aws):
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": att("fn5FF616E3", "Arn"),
        "Principal": "sns.amazonaws.com",
        "SourceArn": ref("topic69831491"),
    }
    subscription = {"Protocol": "lambda", "TopicArn": ref("topic69831491"), "Endpoint": att("fn5FF616E3", "Arn")}
    template = of(
        topic69831491=("SNS::Topic", {}),
        fnServiceRole5D180AFD=assumed_by_functions([BASIC]),
        fn5FF616E3=function(),
        fnAllowInvokeLambdaPermissionsStacktopicF723B1A748672DB5=("Lambda::Permission", permission),
        fntopic09ED913A=("SNS::Subscription", subscription),
    )
    deploy(aws, template, **NAMED_IAM)
    aws.check("stack_resources", resources(aws))
    name = physical(aws, "fn5FF616E3")
    aws.check("get_function_result", aws.lambda_.get_function(FunctionName=name))
    later = {"Attributes.SubscriptionsConfirmed": "AWS counts later"}
    aws.check("get_topic_attributes_result", aws.sns.get_topic_attributes(TopicArn=physical(aws, "topic69831491")), later)
    # So says the error of `TestLambdaRevisions::test_function_revisions_permissions`.
    own = {"RevisionId": "policies have revisions of their own since 2025"}
    aws.check("get_policy_result", aws.lambda_.get_policy(FunctionName=name), own)


@scenario(FUNCTIONS, "TestCfnLambdaIntegrations::test_cfn_lambda_sqs_source")
def _(aws):
    aws.bound["<iam-policy-physicalid>"] = None
    actions = ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueUrl", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    statement = {"Action": actions, "Effect": "Allow", "Resource": att("q14836DC8", "Arn")}
    policy = {
        "PolicyDocument": {"Statement": [statement], "Version": "2012-10-17"},
        "PolicyName": "fnServiceRoleDefaultPolicy0ED5D3E5",
        "Roles": [ref(SERVICE_ROLE)],
    }
    mapping = {"FunctionName": ref("fn5FF616E3"), "EventSourceArn": att("q14836DC8", "Arn"), "BatchSize": 1}
    template = of(
        q14836DC8=("SQS::Queue", {}),
        fnServiceRole5D180AFD=assumed_by_functions([BASIC]),
        fnServiceRoleDefaultPolicy0ED5D3E5=("IAM::Policy", policy),
        fn5FF616E3=function(),
        fnSqsEventSourceLambdaSqsSourceStackq2097017B53C3FF8C=("Lambda::EventSourceMapping", mapping, {"DependsOn": "fnServiceRoleDefaultPolicy0ED5D3E5"}),
    )
    deploy(aws, template, **NAMED_IAM)
    role, queue = physical(aws, SERVICE_ROLE), physical(aws, "q14836DC8")
    aws.bound["<iam-policy-physicalid>"] = physical(aws, "fnServiceRoleDefaultPolicy0ED5D3E5")
    aws.stand_ins["https://sqs.<region>.amazonaws.com"] = aws.endpoint
    aws.check("stack_resources", resources(aws))
    names = aws.iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = [aws.iam.get_role_policy(RoleName=role, PolicyName=name) for name in names]
    for policy in policies:
        policy["ResponseMetadata"] = "<response-metadata>"
    aws.check("role_policies", {"policies": policies})
    aws.check("get_function_result", aws.lambda_.get_function(FunctionName=physical(aws, "fn5FF616E3")))
    mapping = physical(aws, "fnSqsEventSourceLambdaSqsSourceStackq2097017B53C3FF8C")
    aws.check("get_esm_result", aws.lambda_.get_event_source_mapping(UUID=mapping))
    aws.check("get_queue_atts_result", aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"]))
    aws.check("get_role_result", aws.iam.get_role(RoleName=role))
    aws.check("list_attached_role_policies_result", aws.iam.list_attached_role_policies(RoleName=role))
    aws.check("list_inline_role_policies_result", aws.iam.list_role_policies(RoleName=role))


@scenario(FUNCTIONS, "test_event_invoke_config")
def _(aws):
    template = of(
        fnServiceRole5D180AFD=assumed_by_functions(),
        Function=function(),
        Config=(
            "Lambda::EventInvokeConfig",
            {
                "FunctionName": ref("Function"),
                "MaximumEventAgeInSeconds": 300,
                "MaximumRetryAttempts": 1,
                "Qualifier": "$LATEST",
            },
        ),
    )
    deploy(aws, template, **NAMED_IAM)
    told = aws.lambda_.get_function_event_invoke_config(FunctionName=physical(aws, "Function"), Qualifier="$LATEST")
    aws.check("event_invoke_config", told)


@scenario(FUNCTIONS, "test_multiple_lambda_permissions_for_singlefn")
def _(aws):
    def permission(service):
        return ("Lambda::Permission", {"FunctionName": ref("Function"), "Action": "lambda:InvokeFunction", "Principal": f"{service}.amazonaws.com"})

    template = of(
        fnServiceRole5D180AFD=assumed_by_functions(),
        Function=function(),
        First=permission("lambda"),
        Second=permission("states"),
    )
    deploy(aws, template, **NAMED_IAM)
    aws.bound |= {"<p1-sid>": physical(aws, "First"), "<p2-sid>": physical(aws, "Second")}
    policy = aws.lambda_.get_policy(FunctionName=physical(aws, "Function"))
    policy["Policy"] = json.loads(policy["Policy"])
    policy["Policy"]["Statement"].sort(key=lambda statement: statement["Principal"]["Service"])
    aws.check("policy", policy)


@scenario(FUNCTIONS, "test_lambda_cfn_dead_letter_config_async_invocation")
def _(aws):
    failing = "def handler(event, context):\n    raise Exception('failed')\n"
    template = of(
        Queue=("SQS::Queue", {}),
        fnServiceRole5D180AFD=assumed_by_functions(),
        Function=function(code=failing, DeadLetterConfig={"TargetArn": att("Queue", "Arn")}),
        Config=("Lambda::EventInvokeConfig", {"FunctionName": ref("Function"), "MaximumRetryAttempts": 0, "Qualifier": "$LATEST"}),
    )
    deploy(aws, template, **NAMED_IAM)
    aws.lambda_.invoke(FunctionName=physical(aws, "Function"), InvocationType="Event", Payload=b"{}")
    aws.check("failed-async-lambda", received(aws, physical(aws, "Queue")))


@scenario(FUNCTIONS, "test_lambda_function_tags")
def _(aws):
    aws.bound |= {"<environment>": "test", "<stack-name>": "stack"}
    tags = [{"Key": key, "Value": value} for key, value in (("Environment", "test"), ("lambda:createdBy", "SAM"))]
    template = of(fnServiceRole5D180AFD=assumed_by_functions(), TestFunction=function(Runtime="python3.11", Tags=tags))
    deploy(aws, template, **NAMED_IAM)
    aws.check("get_function_result", aws.lambda_.get_function(FunctionName=physical(aws, "TestFunction")))


not_replayed(FUNCTIONS, "needs function URLs", "test_cfn_function_url")
not_replayed(FUNCTIONS, "needs AWS::Lambda::Version", "test_lambda_version")
not_replayed(FUNCTIONS, "needs provisioned concurrency", "test_lambda_alias", "test_lambda_version_provisioned_concurrency")
not_replayed(FUNCTIONS, "needs code signing", "test_lambda_code_signing_config")
not_replayed(FUNCTIONS, "needs layers", "test_lambda_layer_crud")
not_replayed(FUNCTIONS, "needs logs in JSON", "test_lambda_logging_config")
not_replayed(
    FUNCTIONS, "needs streams", "TestCfnLambdaIntegrations::test_cfn_lambda_dynamodb_source", "test_lambda_w_dynamodb_event_filter_update"
)
not_replayed(FUNCTIONS, "needs Kinesis", "TestCfnLambdaIntegrations::test_cfn_lambda_kinesis_source")

# Schedules


@scenario("cloudformation/resource_providers/scheduler/test_scheduler", "test_schedule_and_group")
def _(aws):
    trust = {"Version": "2012-10-17", "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}}]}
    schedule = {
        "GroupName": ref("MyScheduleGroup"),
        "ScheduleExpression": "cron(0 0 * * ? *)",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60},
        "Target": {"Arn": att("Queue", "Arn"), "RoleArn": att("Role", "Arn")},
    }
    template = of(
        Queue=("SQS::Queue", {}),
        Role=("IAM::Role", {"AssumeRolePolicyDocument": trust}),
        MyScheduleGroup=("Scheduler::ScheduleGroup", {}),
        MySchedule=("Scheduler::Schedule", schedule),
    )
    deploy(aws, template, **NAMED_IAM)
    described = aws.cloudformation.describe_stack_resource
    told = {name: described(StackName="stack", LogicalResourceId=f"My{name}")["StackResourceDetail"] for name in ("Schedule", "ScheduleGroup")}
    aws.check("Schedule", told["Schedule"])
    aws.check("Group", told["ScheduleGroup"])
    group = physical(aws, "MyScheduleGroup")
    aws.check("ScheduleDesc", aws.scheduler.get_schedule(Name=physical(aws, "MySchedule"), GroupName=group))
    aws.check("GroupDesc", aws.scheduler.get_schedule_group(Name=group))


run()
