//! Every type's calls, from properties as a template would give them.

use super::*;
use crate::template::Map;
use pontoon_core::Scope;

/// A full set of properties for each type, and a change of them.
const SAMPLES: &[(&str, &str, &str)] = &[
    (
        "AWS::CloudWatch::Alarm",
        r#"{"AlarmDescription":"d","MetricName":"m","Namespace":"n","Dimensions":[{"Name":"QueueName","Value":"q"}],"Statistic":"Sum",
            "Period":"300","EvaluationPeriods":1,"Threshold":"1","ComparisonOperator":"GreaterThanThreshold","AlarmActions":["arn:aws:sns:us-east-1:000000000000:t"],
            "Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"MetricName":"m","Namespace":"n","Statistic":"Sum","Period":60,"EvaluationPeriods":2,"Threshold":2.5,"ComparisonOperator":"LessThanThreshold"}"#,
    ),
    (
        "AWS::DynamoDB::Table",
        r#"{"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
            "BillingMode":"PAY_PER_REQUEST","StreamSpecification":{"StreamViewType":"NEW_IMAGE"},"SSESpecification":{"SSEEnabled":true},
            "TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true},"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
            "ProvisionedThroughput":{"ReadCapacityUnits":"1","WriteCapacityUnits":1}}"#,
    ),
    (
        "AWS::EventSchemas::Discoverer",
        r#"{"SourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/b","CrossAccount":"false","Description":"d","Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"SourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/b"}"#,
    ),
    (
        "AWS::EventSchemas::Registry",
        r#"{"RegistryName":"r","Description":"d","Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"RegistryName":"r"}"#,
    ),
    (
        "AWS::EventSchemas::RegistryPolicy",
        r#"{"RegistryName":"r","Policy":{"Version":"2012-10-17","Statement":[]}}"#,
        r#"{"RegistryName":"r","Policy":"{}","RevisionId":"1"}"#,
    ),
    (
        "AWS::EventSchemas::Schema",
        r#"{"RegistryName":"r","SchemaName":"s","Type":"JSONSchemaDraft4","Content":"{}","Description":"d","Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"RegistryName":"r","SchemaName":"s","Type":"OpenApi3","Content":"{\"openapi\":\"3.0.0\"}"}"#,
    ),
    (
        "AWS::Events::ApiDestination",
        r#"{"ConnectionArn":"arn:aws:events:us-east-1:000000000000:connection/c/11111111-1111-1111-1111-111111111111","HttpMethod":"POST",
            "InvocationEndpoint":"https://example.com/*","InvocationRateLimitPerSecond":"10","Description":"d"}"#,
        r#"{"ConnectionArn":"arn:aws:events:us-east-1:000000000000:connection/c/11111111-1111-1111-1111-111111111111","HttpMethod":"PUT",
            "InvocationEndpoint":"https://example.com/"}"#,
    ),
    (
        "AWS::Events::Archive",
        r#"{"SourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/bus","EventPattern":{"source":["s"]},"RetentionDays":"7","Description":"d"}"#,
        r#"{"SourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/bus","EventPattern":{"source":["t"]}}"#,
    ),
    (
        "AWS::Events::Connection",
        r#"{"AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientID":"i","ClientSecret":"s"},
            "AuthorizationEndpoint":"https://example.com/token","HttpMethod":"POST"},
            "InvocationHttpParameters":{"HeaderParameters":[{"Key":"k","Value":"v","IsValueSecret":"false"}]}}}"#,
        r#"{"AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"k","ApiKeyValue":"v"}},"Description":"d"}"#,
    ),
    (
        "AWS::Events::EventBus",
        r#"{"Name":"bus","Description":"d","LogConfig":{"Level":"TRACE","IncludeDetail":"FULL"},"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dlq"},"Policy":{"Statement":[]},"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"Name":"bus"}"#,
    ),
    (
        "AWS::Events::EventBusPolicy",
        r#"{"StatementId":"s","EventBusName":"bus","Statement":{"Effect":"Allow","Principal":"*","Action":"events:PutEvents","Resource":"*"}}"#,
        r#"{"StatementId":"s","EventBusName":"bus","Action":"events:PutEvents","Principal":"000000000000"}"#,
    ),
    (
        "AWS::Events::Rule",
        r#"{"EventBusName":"bus","EventPattern":{"source":["s"]},"State":"ENABLED","Description":"d","Tags":[{"Key":"k","Value":"v"}],
            "Targets":[{"Id":"t1","Arn":"arn:aws:sqs:us-east-1:000000000000:q","InputTransformer":{"InputPathsMap":{"a":"$.b"},"InputTemplate":"<a>"},
            "DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:d"},"RetryPolicy":{"MaximumRetryAttempts":"3"}},{"Id":"t2","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f"}]}"#,
        r#"{"EventBusName":"bus","ScheduleExpression":"rate(1 minute)","Targets":[{"Id":"t2","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f","Input":"{}"}]}"#,
    ),
    (
        "AWS::IAM::ManagedPolicy",
        r#"{"PolicyDocument":{"Statement":[]},"Roles":["a","b"],"Path":"/p/"}"#,
        r#"{"PolicyDocument":{"Statement":[1]},"Roles":["b","c"],"Path":"/p/"}"#,
    ),
    (
        "AWS::IAM::Policy",
        r#"{"PolicyName":"p","PolicyDocument":{"Statement":[]},"Roles":["a","b"]}"#,
        r#"{"PolicyName":"q","PolicyDocument":{"Statement":[]},"Roles":["b"]}"#,
    ),
    (
        "AWS::IAM::Role",
        r#"{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[]},"Description":"d","Path":"/","MaxSessionDuration":"3600",
            "Policies":[{"PolicyName":"p","PolicyDocument":{"Statement":[]}}],"ManagedPolicyArns":["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"AssumeRolePolicyDocument":"{}","Path":"/","Policies":[{"PolicyName":"r","PolicyDocument":{}}]}"#,
    ),
    (
        "AWS::Lambda::EventInvokeConfig",
        r#"{"FunctionName":"f","Qualifier":"$LATEST","MaximumRetryAttempts":1,"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:000000000000:q"}}}"#,
        r#"{"FunctionName":"f","Qualifier":"$LATEST","MaximumEventAgeInSeconds":60}"#,
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        r#"{"FunctionName":"f","EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:q","BatchSize":"5","FunctionResponseTypes":["ReportBatchItemFailures"],
            "FilterCriteria":{"Filters":[{"Pattern":"{}"}]},"ScalingConfig":{"MaximumConcurrency":2},"MaximumBatchingWindowInSeconds":1,"Enabled":true}"#,
        r#"{"FunctionName":"f","EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:q"}"#,
    ),
    (
        "AWS::Lambda::Function",
        r#"{"Code":{"ZipFile":"exports.handler = async () => {}"},"Handler":"index.handler","Runtime":"nodejs22.x","Role":"arn:aws:iam::000000000000:role/r","Timeout":"10",
            "MemorySize":256,"Environment":{"Variables":{"AB":1}},"DeadLetterConfig":{"TargetArn":"arn:aws:sqs:us-east-1:000000000000:q"},
            "ReservedConcurrentExecutions":0,"Architectures":["arm64"],"Tags":[{"Key":"k","Value":"v"}],"KmsKeyArn":"arn:aws:kms:us-east-1:000000000000:key/k"}"#,
        r#"{"Code":{"S3Bucket":"bucket","S3Key":"k"},"Handler":"a.b","Runtime":"python3.13","Role":"arn:aws:iam::000000000000:role/r"}"#,
    ),
    (
        "AWS::Lambda::Permission",
        r#"{"FunctionName":"f","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com","SourceArn":"arn:aws:events:us-east-1:000000000000:rule/r"}"#,
        r#"{"FunctionName":"f","Action":"lambda:InvokeFunction","Principal":"sns.amazonaws.com"}"#,
    ),
    (
        "AWS::Logs::Delivery",
        r#"{"DeliverySourceName":"s","DeliveryDestinationArn":"arn:aws:logs:us-east-1:000000000000:delivery-destination:d",
            "RecordFields":["event_id"],"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"DeliverySourceName":"s","DeliveryDestinationArn":"arn:aws:logs:us-east-1:000000000000:delivery-destination:d"}"#,
    ),
    (
        "AWS::Logs::DeliveryDestination",
        r#"{"Name":"d","DestinationResourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:g:*","OutputFormat":"json",
            "DeliveryDestinationPolicy":{"DeliveryDestinationName":"d","DeliveryDestinationPolicy":{"Statement":[]}},"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"Name":"d","DestinationResourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:g:*","OutputFormat":"json"}"#,
    ),
    (
        "AWS::Logs::DeliverySource",
        r#"{"Name":"s","ResourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/b","LogType":"INFO_LOGS","Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"Name":"s","ResourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/b","LogType":"ERROR_LOGS"}"#,
    ),
    (
        "AWS::Logs::LogGroup",
        r#"{"RetentionInDays":"7","Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"Tags":[{"Key":"l","Value":"v"}]}"#,
    ),
    (
        "AWS::Logs::LogStream",
        r#"{"LogGroupName":"g","LogStreamName":"s"}"#,
        r#"{"LogGroupName":"g","LogStreamName":"s"}"#,
    ),
    (
        "AWS::S3::Bucket",
        r#"{"VersioningConfiguration":{"Status":"Enabled"},"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{}"#,
    ),
    (
        "AWS::S3::BucketPolicy",
        r#"{"Bucket":"bucket","PolicyDocument":{"Statement":[]}}"#,
        r#"{"Bucket":"bucket","PolicyDocument":"{}"}"#,
    ),
    (
        "AWS::Pipes::Pipe",
        r#"{"Name":"p","Source":"arn:aws:sqs:us-east-1:000000000000:q","Enrichment":"arn:aws:lambda:us-east-1:000000000000:function:f",
            "SourceParameters":{"SqsQueueParameters":{"BatchSize":"5"},"FilterCriteria":{"Filters":[{"Pattern":"{}"}]}},
            "Target":"arn:aws:events:us-east-1:000000000000:event-bus/b","RoleArn":"arn:aws:iam::000000000000:role/r","DesiredState":"STOPPED",
            "TargetParameters":{"InputTemplate":"{}","EventBridgeEventBusParameters":{"Source":"s","DetailType":"t"}},"Tags":{"k":"v"}}"#,
        r#"{"Name":"p","Source":"arn:aws:sqs:us-east-1:000000000000:q","Target":"arn:aws:sqs:us-east-1:000000000000:r",
            "RoleArn":"arn:aws:iam::000000000000:role/r"}"#,
    ),
    (
        "AWS::Scheduler::Schedule",
        r#"{"Name":"s","GroupName":"g","ScheduleExpression":"rate(5 minutes)","ScheduleExpressionTimezone":"Europe/Berlin","State":"ENABLED",
            "StartDate":"2026-01-31T12:00:00Z","FlexibleTimeWindow":{"Mode":"FLEXIBLE","MaximumWindowInMinutes":"5"},
            "Target":{"Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo","RoleArn":"arn:aws:iam::000000000000:role/r","Input":"{}",
            "SqsParameters":{"MessageGroupId":"g"},"RetryPolicy":{"MaximumRetryAttempts":"3"},"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:d"}}}"#,
        r#"{"Name":"s","ScheduleExpression":"at(2026-01-31T12:00:00)","FlexibleTimeWindow":{"Mode":"OFF"},
            "Target":{"Arn":"arn:aws:events:us-east-1:000000000000:event-bus/b","RoleArn":"arn:aws:iam::000000000000:role/r",
            "EventBridgeParameters":{"Source":"s","DetailType":"t"}}}"#,
    ),
    ("AWS::Scheduler::ScheduleGroup", r#"{"Name":"g","Tags":[{"Key":"k","Value":"v"}]}"#, r#"{"Name":"g"}"#),
    (
        "AWS::SNS::Subscription",
        r#"{"TopicArn":"arn:aws:sns:us-east-1:000000000000:t","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q","RawMessageDelivery":"true",
            "FilterPolicy":{"a":["b"]},"FilterPolicyScope":"MessageBody","RedrivePolicy":{"deadLetterTargetArn":"arn"}}"#,
        r#"{"TopicArn":"arn:aws:sns:us-east-1:000000000000:t","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"}"#,
    ),
    (
        "AWS::SNS::Topic",
        r#"{"DisplayName":"d","Subscription":[{"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"}],"Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"Subscription":[{"Protocol":"lambda","Endpoint":"arn:aws:lambda:us-east-1:000000000000:function:f"}]}"#,
    ),
    (
        "AWS::SNS::TopicPolicy",
        r#"{"Topics":["arn:aws:sns:us-east-1:000000000000:t","arn:aws:sns:us-east-1:000000000000:u"],"PolicyDocument":{"Statement":[]}}"#,
        r#"{"Topics":["arn:aws:sns:us-east-1:000000000000:t"],"PolicyDocument":{"Statement":[1]}}"#,
    ),
    (
        "AWS::SQS::Queue",
        r#"{"VisibilityTimeout":"60","MessageRetentionPeriod":1209600,"RedrivePolicy":{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:d","maxReceiveCount":"3"},
            "Tags":[{"Key":"k","Value":"v"}]}"#,
        r#"{"DelaySeconds":5}"#,
    ),
    (
        "AWS::SQS::QueuePolicy",
        r#"{"Queues":["http://localhost:4566/000000000000/q","http://localhost:4566/000000000000/r"],"PolicyDocument":{"Version":"2012-10-17","Statement":[]}}"#,
        r#"{"Queues":["http://localhost:4566/000000000000/q"],"PolicyDocument":{}}"#,
    ),
];

fn instance(resource_type: &ResourceType, json: &str) -> Instance {
    let Value::Map(given) = serde_json::from_str(json).unwrap() else { panic!("properties are a map") };
    let properties = resource_type.schema.conform(&given).unwrap();
    let name = resource_type.name(&properties, "stack", "Logical", &mut Ids::from_seed(1));
    Instance {
        physical_id: Some(match &*resource_type.schema.kind {
            "AWS::SQS::Queue" => "http://localhost:4566/000000000000/q".to_owned(),
            "AWS::SNS::Topic" | "AWS::SNS::Subscription" => "arn:aws:sns:us-east-1:000000000000:t".to_owned(),
            "AWS::IAM::ManagedPolicy" => "arn:aws:iam::000000000000:policy/p/name".to_owned(),
            "AWS::Logs::Delivery" => "AbCdEf1234567890".to_owned(),
            _ => name.clone(),
        }),
        name,
        attributes: Map::from_iter([
            (
                "Arn".to_owned(),
                match &*resource_type.schema.kind {
                    "AWS::Lambda::Function" => "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
                    _ => "arn:aws:events:us-east-1:000000000000:rule/r".into(),
                },
            ),
            (
                "EventSourceMappingArn".to_owned(),
                "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:11111111-1111-1111-1111-111111111111".into(),
            ),
            ("DefaultVersionId".to_owned(), "v1".into()),
            (
                "subscription sqs arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
                "arn:aws:sns:us-east-1:000000000000:t:11111111-1111-1111-1111-111111111111".into(),
            ),
        ]),
        properties,
        stack_tags: [("stack".to_owned(), "tag".to_owned())].into_iter().collect(),
    }
}

/// The operations of calls, after checking that each has an input that its API accepts.
fn operations(calls: Vec<Call>) -> String {
    let accepted = calls.iter().map(|call| {
        if let Err(failure) = call.request() {
            panic!(
                "{} of {}: {} in {}",
                call.operation,
                call.service.title,
                failure.message,
                call.input.to_json()
            );
        }
        call.operation
    });
    accepted.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_type_makes_calls_that_its_api_accepts() {
    let mut seen = String::new();
    for resource_type in ResourceType::all() {
        let kind = &resource_type.schema.kind;
        let Some((_, first, second)) = SAMPLES.iter().find(|(name, ..)| name == kind) else {
            panic!("{kind} has no sample");
        };
        let (old, new) = (instance(resource_type, first), instance(resource_type, second));
        let (of_old, of_new) = (
            Context { scope: Scope::default(), instance: &old },
            Context { scope: Scope::default(), instance: &new },
        );
        let lifecycle = resource_type.lifecycle;
        seen.push_str(&format!(
            "{kind}\n  create {}\n  update {}\n  back   {}\n  delete {}\n",
            operations(lifecycle.create(&of_old).unwrap()),
            operations(lifecycle.update(&of_new, &old).unwrap()),
            operations(lifecycle.update(&of_old, &new).unwrap()),
            operations(lifecycle.delete(&of_old)),
        ));
        assert_eq!(
            lifecycle
                .update(&of_old, &old)
                .unwrap()
                .iter()
                .filter(|call| call.operation.contains("ag"))
                .count(),
            0,
            "{kind} touches tags that have not changed"
        );
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn every_table_is_well_formed_and_names_its_naming_property() {
    for resource_type in ResourceType::all() {
        let naming = resource_type.naming.property;
        assert!(
            naming.is_empty() || resource_type.schema.has_property(naming),
            "{resource_type:?} has no {naming}"
        );
        for property in resource_type.schema.create_only.iter() {
            assert!(resource_type.schema.has_property(property), "{resource_type:?} has no {property}");
        }
    }
}

#[test]
fn made_up_names_fit() {
    let mut ids = Ids::from_seed(1);
    let queue = ResourceType::find("AWS::SQS::Queue").unwrap();
    let name = queue.name(&Map::new(), "stack", "Queue", &mut ids);
    assert!(name.starts_with("stack-Queue-") && name.len() == 24, "{name}");
    let long = queue.name(&Map::new(), &"s".repeat(128), &"L".repeat(255), &mut ids);
    assert_eq!(long.len(), 80);
    assert!(long.contains("s-L"), "{long}");
    let fifo = Map::from_iter([("FifoQueue".to_owned(), Value::Bool(true))]);
    assert!(queue.name(&fifo, "stack", "Queue", &mut ids).ends_with(".fifo"));
    let bucket =
        ResourceType::find("AWS::S3::Bucket").unwrap().name(&Map::new(), "Stack", "Bucket", &mut ids);
    assert!(bucket.starts_with("stack-bucket-") && bucket == bucket.to_lowercase());
}

#[test]
fn some_types_give_their_properties_as_attributes() {
    let attribute = |kind: &str, json: &str, name: &str| {
        let resource_type = ResourceType::find(kind).unwrap();
        resource_type.attribute(Scope::default(), &instance(resource_type, json), name)
    };
    assert_eq!(
        attribute("AWS::SNS::Topic", r#"{"DisplayName":"shown"}"#, "DisplayName"),
        Some("shown".into())
    );
    assert_eq!(attribute("AWS::SNS::Topic", "{}", "DisplayName"), Some("".into()));
    assert_eq!(attribute("AWS::SNS::Topic", "{}", "Invalid"), None);
    assert_eq!(attribute("AWS::S3::Bucket", r#"{"BucketName":"orders"}"#, "BucketName"), None);
}
