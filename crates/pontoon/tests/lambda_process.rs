//! A handler as a real Lambda function: this program is its own `bootstrap`, started by Pontoon over the Lambda Runtime API.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what fails here fails the test")]

use std::path::Path;
use std::process::ExitCode;

use aws_sdk_sqs::types::QueueAttributeName;
use pontoon::function::Function;
use pontoon::handler::{HandleError, Handling, Router};
use pontoon::metrics::Emf;
use pontoon::{DomainEvent, Envelope};
use pontoon_test::Span as _;
use serde_json::json;

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "order-service")]
#[serde(rename_all = "camelCase")]
struct OrderCreated {
    order_id: String,
}

const TEMPLATE: &str = "
Parameters: { Code: { Type: String } }
Resources:
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: orders } }
  Orders:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 30, RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2 } }
  Dead: { Type: AWS::SQS::Queue }
  Open:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Orders]
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Allow, Principal: '*', Action: 'sqs:SendMessage', Resource: !GetAtt Orders.Arn }]
  ToQueue:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: { detail-type: [OrderCreated] }
      Targets: [{ Id: queue, Arn: !GetAtt Orders.Arn }]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: 'sts:AssumeRole' }]
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole']
  Processor:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: processor
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Timeout: 20
      Code: { S3Bucket: pontoon-local-directory, S3Key: !Ref Code }
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Orders.Arn
      FunctionName: !Ref Processor
      BatchSize: 10
      MaximumBatchingWindowInSeconds: 1
      FunctionResponseTypes: [ReportBatchItemFailures]
";

/// What Lambda starts.
fn bootstrap() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(async {
        let router = Router::new().on(async |order: Envelope<OrderCreated>, _| {
            println!("order {} of {}", order.payload.order_id, order.correlation_id);
            if order.payload.order_id == "poison" { Err(HandleError::transient("poisoned")) } else { Ok(()) }
        });
        Function::with(Handling::new(router).metrics(Emf::stdout("Orders"))).run().await
    });
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Of a batch, what failed goes to the dead-letter queue in the end, and the rest is handled once; the handler's output is in the function's log.
async fn a_process_answers_which_messages_failed(code: &Path) {
    let pontoon = pontoon_test::start().await;
    let stack = pontoon.deploy_stack("orders", TEMPLATE, &[("Code", code.to_str().unwrap())]).await;
    for order in ["good", "poison", "better"] {
        pontoon.put_event("orders", "order-service", "OrderCreated", json!({ "orderId": order })).await;
    }
    pontoon.advance(2.minutes()).await;
    let config = pontoon.sdk_config();
    let sqs = aws_sdk_sqs::Client::new(&config);
    let visible = QueueAttributeName::ApproximateNumberOfMessages;
    let count = async |queue: &str| {
        let ask = sqs.get_queue_attributes().queue_url(stack.id(queue)).attribute_names(visible.clone());
        ask.send().await.unwrap().attributes().unwrap()[&visible].clone()
    };
    assert_eq!(count("Dead").await, "1");
    assert_eq!(count("Orders").await, "0");
    let metrics = aws_sdk_cloudwatch::Client::new(&config);
    let known = metrics.list_metrics().namespace("AWS/Lambda").send().await.unwrap();
    assert!(known.metrics().iter().any(|metric| metric.metric_name() == Some("Invocations")));
    assert!(pontoon.invocations("Processor").is_empty(), "it ran as a process");
}

fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return bootstrap();
    }
    let code = std::env::temp_dir().join(format!("pontoon-lambda-process-{}", std::process::id()));
    std::fs::create_dir_all(&code).unwrap();
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), code.join("bootstrap")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("\nrunning 1 test");
    runtime.block_on(a_process_answers_which_messages_failed(&code));
    std::fs::remove_dir_all(&code).unwrap();
    println!("test a_process_answers_which_messages_failed ... ok");
    println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished");
    ExitCode::SUCCESS
}
