//! Each host, against a Pontoon in the test's process.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, QueueAttributeName};
use pontoon::dead_letters::Burial;
use pontoon::function::Function;
use pontoon::handler::{Backoff, Context, FailedGroup, HandleError, Handling, Origin, Router};
use pontoon::worker::{Worked, Worker};
use pontoon::{DomainEvent, Envelope};
use pontoon_test::{Failure, Pontoon, Span as _, Stack};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "order-service")]
#[serde(rename_all = "camelCase")]
struct OrderCreated {
    order_id: String,
}

const QUEUES: &str = "
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 30, RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 } }
  Dead: { Type: AWS::SQS::Queue }
  FifoOrders:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      ContentBasedDeduplication: true
      RedrivePolicy: { deadLetterTargetArn: !GetAtt FifoDead.Arn, maxReceiveCount: 5 }
  FifoDead: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }
";

struct Bench {
    pontoon: Pontoon,
    stack: Stack,
    sqs: Client,
}

impl Bench {
    async fn new() -> Self {
        let pontoon = pontoon_test::start().await;
        let stack = pontoon.deploy(QUEUES).await;
        let sqs = Client::new(&pontoon.sdk_config());
        Self { pontoon, stack, sqs }
    }

    async fn send(&self, queue: &str, order: &str, group: Option<&str>) {
        let event = Envelope::new(OrderCreated { order_id: order.to_owned() }).encode().unwrap();
        let body = serde_json::to_string(&event).unwrap();
        let attribute =
            MessageAttributeValue::builder().data_type("String").string_value("blue").build().unwrap();
        let send = self.sqs.send_message().queue_url(self.stack.id(queue)).message_body(body);
        let send = send.message_attributes("colour", attribute);
        send.set_message_group_id(group.map(str::to_owned)).send().await.unwrap();
    }

    async fn take(&self, queue: &str) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(self.stack.id(queue)).max_number_of_messages(10);
        let received = receive.message_attribute_names("All").send().await.unwrap();
        received.messages.unwrap_or_default()
    }

    fn worker(&self, queue: &str, router: Router) -> Worker<Router> {
        self.worker_with(queue, Handling::new(router))
    }

    fn worker_with(&self, queue: &str, handling: Handling<Router>) -> Worker<Router> {
        Worker::with(self.sqs.clone(), self.stack.id(queue), handling)
    }
}

/// A router that notes which orders it handled, and fails as their names say.
fn noting() -> (Router, Arc<Mutex<Vec<String>>>) {
    let handled = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&handled);
    let router = Router::new().on(move |order: Envelope<OrderCreated>, context: Context| {
        let notes = Arc::clone(&notes);
        async move {
            let id = order.payload.order_id;
            match id.as_str() {
                "broken" => return Err(HandleError::permanent("the order is broken")),
                "early" if context.attempt == 1 => return Err(HandleError::transient("too early")),
                "panics" if context.attempt == 1 => panic!("what an order"),
                _ => {}
            }
            notes.lock().unwrap().push(id);
            Ok(())
        }
    });
    (router, handled)
}

#[tokio::test]
async fn a_worker_deletes_retries_and_buries() {
    let bench = Bench::new().await;
    let (router, handled) = noting();
    for order in ["good", "broken", "early", "panics"] {
        bench.send("Orders", order, None).await;
    }
    let minute = Backoff::new(Duration::from_secs(60), Duration::from_secs(60));
    let worker = bench.worker_with("Orders", Handling::new(router).backoff(minute));
    assert_eq!(worker.work_off().await.unwrap(), Worked { handled: 1, failed: 2, buried: 1, skipped: 0 });
    assert_eq!(*handled.lock().unwrap(), ["good"]);

    let dead = bench.take("Dead").await;
    let attributes = dead[0].message_attributes().unwrap();
    let burial = Burial::from_json(attributes[Burial::ATTRIBUTE].string_value().unwrap()).unwrap();
    assert_eq!((burial.reason.as_str(), burial.attempts), ("the order is broken", 1));
    assert!(burial.queue.contains(":test-Orders-"));
    assert_eq!(attributes["colour"].string_value(), Some("blue"));
    assert!(dead[0].body().unwrap().contains("broken"));

    // The others wait for at least half of their minute, whatever the queue's own timeout says.
    bench.pontoon.advance(29.seconds()).await;
    assert_eq!(worker.work_off().await.unwrap(), Worked::default());
    bench.pontoon.advance(32.seconds()).await;
    assert_eq!(worker.work_off().await.unwrap(), Worked { handled: 2, ..Worked::default() });
}

#[tokio::test]
async fn a_worker_keeps_the_order_of_fifo_groups_behind_a_failure() {
    let bench = Bench::new().await;
    let (router, handled) = noting();
    for (order, group) in
        [("a1", "a"), ("early", "b"), ("b2", "b"), ("a2", "a"), ("broken", "c"), ("c2", "c")]
    {
        bench.send("FifoOrders", order, Some(group)).await;
    }
    let worker = bench.worker("FifoOrders", router);
    let worked = worker.work_off().await.unwrap();
    assert_eq!(worked, Worked { handled: 3, failed: 1, buried: 1, skipped: 1 });
    let mut orders = std::mem::take(&mut *handled.lock().unwrap());
    orders.sort();
    assert_eq!(orders, ["a1", "a2", "c2"]);
    assert_eq!(bench.take("FifoDead").await.len(), 1);

    bench.pontoon.advance(1.minutes()).await;
    assert_eq!(worker.work_off().await.unwrap(), Worked { handled: 2, ..Worked::default() });
    assert_eq!(*handled.lock().unwrap(), ["early", "b2"]);
}

#[tokio::test]
async fn a_worker_told_to_stop_ends_what_it_has_begun_and_gives_back_the_rest() {
    let bench = Bench::new().await;
    for order in ["1", "2", "3"] {
        bench.send("FifoOrders", order, Some("one-group")).await;
    }
    let begun = Arc::new(tokio::sync::Notify::new());
    let go_on = Arc::new(tokio::sync::Notify::new());
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go_on));
    let router = Router::new().on(move |_: Envelope<OrderCreated>, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok(())
        }
    });
    let worker = bench.worker("FifoOrders", router);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move { worker.run(async { stopped.await.unwrap_or_default() }).await });
    begun.notified().await;
    stop.send(()).unwrap();
    // The worker looks for the stop first, so it has seen it before the handler goes on.
    tokio::task::yield_now().await;
    go_on.notify_one();
    let worked = running.await.unwrap().unwrap();
    assert_eq!((worked.handled, worked.skipped), (1, 2));
    assert_eq!(bench.take("FifoOrders").await.len(), 2);
}

#[tokio::test]
async fn a_worker_waits_out_failures_that_pass_and_ends_with_its_queue() {
    let bench = Bench::new().await;
    let (router, _) = noting();
    let worker = bench.worker("Orders", router);
    bench.pontoon.fail("ReceiveMessage").once().with(Failure::new(
        400,
        "QueueDoesNotExist",
        "The queue is gone.",
    ));
    let error = worker.run(std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("does not exist any more"), "{error}");
}

#[tokio::test]
async fn handled_messages_are_deleted_in_the_end_though_sqs_fails_at_first() {
    let bench = Bench::new().await;
    let (router, handled) = noting();
    bench.send("Orders", "good", None).await;
    bench.pontoon.fail("DeleteMessageBatch").once().with(Failure::unavailable());
    assert_eq!(bench.worker("Orders", router).work_off().await.unwrap().handled, 1);
    bench.pontoon.advance(1.hours()).await;
    assert!(bench.take("Orders").await.is_empty());
    assert_eq!(handled.lock().unwrap().len(), 1);
}

const FUNCTION: &str = "
Resources:
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: orders } }
  Orders:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 30, RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 } }
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
  ToFunction:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: { detail-type: [OrderCreated], detail: { orderId: [{ prefix: direct }] } }
      Targets: [{ Id: function, Arn: !GetAtt Processor.Arn }]
  Topic: { Type: AWS::SNS::Topic }
  ToTopic:
    Type: AWS::SNS::Subscription
    Properties: { TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Orders.Arn }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: 'sts:AssumeRole' }]
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole']
  Processor:
    Type: AWS::Lambda::Function
    Properties: { Runtime: provided.al2023, Handler: bootstrap, Role: !GetAtt Role.Arn, Timeout: 5, Code: ./bootstrap }
  Permission:
    Type: AWS::Lambda::Permission
    Properties: { FunctionName: !Ref Processor, Action: 'lambda:InvokeFunction', Principal: events.amazonaws.com }
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Orders.Arn
      FunctionName: !Ref Processor
      BatchSize: 10
      MaximumBatchingWindowInSeconds: 1
      FunctionResponseTypes: [ReportBatchItemFailures]
";

/// A Pontoon whose function `Processor` is `router`.
async fn with_function(router: Router) -> Bench {
    let pontoon = pontoon_test::start().await;
    let sqs = Client::new(&pontoon.sdk_config());
    let seconds = Backoff::new(Duration::from_secs(2), Duration::from_secs(2));
    let function = Function::with(Handling::new(router).backoff(seconds)).with_sqs(sqs.clone());
    pontoon.function("Processor", move |event, context| {
        let function = function.clone();
        async move {
            let left = context.deadline.duration_since(std::time::SystemTime::now()).unwrap_or_default();
            function.invoke(&event.to_string(), Some(Instant::now() + left)).await
        }
    });
    let stack = pontoon.deploy(FUNCTION).await;
    Bench { pontoon, stack, sqs }
}

#[tokio::test]
async fn a_function_answers_which_messages_failed() {
    let (router, handled) = noting();
    let bench = with_function(router).await;
    for order in ["good", "broken", "early"] {
        let detail = json!({ "orderId": order });
        bench.pontoon.put_event("orders", "order-service", "OrderCreated", detail).await;
    }
    bench.pontoon.advance(1.seconds()).await;
    let first = &bench.pontoon.invocations("Processor")[0];
    assert_eq!(first.event["Records"].as_array().unwrap().len(), 3);
    assert_eq!(first.outcome.as_ref().unwrap()["batchItemFailures"].as_array().unwrap().len(), 1);
    assert_eq!(bench.take("Dead").await.len(), 1);
    bench.pontoon.advance(4.seconds()).await;
    assert_eq!(*handled.lock().unwrap(), ["good", "early"]);
}

#[tokio::test]
async fn a_function_takes_events_of_rules_and_messages_through_topics() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let bench = with_function(Router::new().on(move |order: Envelope<OrderCreated>, context: Context| {
        let notes = Arc::clone(&notes);
        async move {
            let by_queue = matches!(context.origin, Origin::Queue { .. });
            notes.lock().unwrap().push((order.payload.order_id, by_queue));
            Ok(())
        }
    }))
    .await;
    bench.pontoon.put_event("orders", "order-service", "OrderCreated", json!({ "orderId": "direct" })).await;
    let event = Envelope::new(OrderCreated { order_id: "by topic".to_owned() }).encode().unwrap();
    let sns = aws_sdk_sns::Client::new(&bench.pontoon.sdk_config());
    let publish = sns.publish().topic_arn(bench.stack.id("Topic"));
    publish.message(serde_json::to_string(&event).unwrap()).send().await.unwrap();
    bench.pontoon.advance(2.seconds()).await;
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort();
    let expected = [("by topic", true), ("direct", false), ("direct", true)];
    assert_eq!(seen, expected.map(|(order, by_queue)| (order.to_owned(), by_queue)));
}

#[tokio::test]
async fn an_event_of_a_rule_that_fails_is_lambdas_to_try_again() {
    let (router, handled) = noting();
    let bench = with_function(router.clone()).await;
    let function = Function::new(router);
    let event = |order: &str| {
        json!({ "version": "0", "id": "1", "detail-type": "OrderCreated", "source": "order-service", "time": "2026-01-31T12:00:00Z",
            "detail": { "orderId": order } })
        .to_string()
    };
    let error = function.invoke(&event("early"), None).await.unwrap_err();
    assert_eq!(error.to_string(), "too early");
    assert!(function.invoke(&event("good"), None).await.is_ok());
    assert_eq!(*handled.lock().unwrap(), ["good"]);
    drop(bench);
}

fn record(id: &str, group: Option<&str>, order: &str) -> Value {
    let event = Envelope::new(OrderCreated { order_id: order.to_owned() }).encode().unwrap();
    let mut attributes = json!({ "ApproximateReceiveCount": "1", "SentTimestamp": "1769862896789" });
    if let Some(group) = group {
        attributes["MessageGroupId"] = group.into();
    }
    json!({
        "messageId": id, "receiptHandle": "r", "body": serde_json::to_string(&event).unwrap(), "attributes": attributes,
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders.fifo",
    })
}

async fn failures(function: &Function<Router>, event: &Value) -> Vec<String> {
    let answer = function.invoke(&event.to_string(), None).await.unwrap();
    answer.batch_item_failures.into_iter().map(|failed| failed.item_identifier).collect()
}

#[tokio::test]
async fn a_failed_fifo_message_holds_up_its_group_or_the_batch() {
    let batch = json!({ "Records": [
        record("1", Some("a"), "a1"), record("2", Some("b"), "early"), record("3", Some("b"), "b2"), record("4", Some("a"), "a2"),
    ] });
    let (router, handled) = noting();
    assert_eq!(failures(&Function::new(router), &batch).await, ["2", "3"]);
    assert_eq!(*handled.lock().unwrap(), ["a1", "a2"]);

    let (router, handled) = noting();
    let whole = Handling::new(router).failed_group(FailedGroup::HoldsUpBatch);
    assert_eq!(failures(&Function::with(whole), &batch).await, ["2", "3", "4"]);
    assert_eq!(*handled.lock().unwrap(), ["a1"]);
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_fails_the_invocation() {
    let (router, _) = noting();
    let batch = json!({ "Records": [record("1", None, "early")] });
    let error = Function::new(router).invoke(&batch.to_string(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "too early");
}

#[tokio::test]
async fn what_outlasts_lambdas_deadline_fails_alone() {
    let router = Router::new().on(async |order: Envelope<OrderCreated>, _| {
        if order.payload.order_id == "endless" {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let batch = json!({ "Records": [record("1", None, "good"), record("2", None, "endless")] });
    let deadline = Some(Instant::now() + Duration::from_millis(520));
    let answer = Function::new(router).invoke(&batch.to_string(), deadline).await.unwrap();
    assert_eq!(answer.batch_item_failures[0].item_identifier, "2");
}

/// The shape is that of the recording `test_dynamodb_event_source_mapping`.
#[tokio::test]
async fn records_of_a_stream_are_events_and_the_first_failure_is_answered() {
    #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
    #[event(source = "aws.dynamodb", name = "INSERT")]
    struct Inserted {
        keys: Value,
        new: Value,
    }
    let change = |number: &str, id: &str| {
        json!({
            "eventID": format!("event-{number}"), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1769862896.0, "Keys": { "id": { "S": id } },
                "NewImage": { "id": { "S": id }, "count": { "N": "3" }, "exact": { "N": "0.10" }, "raw": { "B": "Zm9v" }, "none": { "NULL": true },
                    "list": { "L": [{ "BOOL": true }] }, "names": { "SS": ["x"] } },
                "SequenceNumber": number, "SizeBytes": 70, "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/t/stream/2026-01-31T00:00:00.000",
        })
    };
    let router = Router::new().on(async |row: Envelope<Inserted>, _| {
        let expected = json!({ "id": row.payload.keys["id"], "count": 3, "exact": "0.10", "raw": "Zm9v", "none": null, "list": [true], "names": ["x"] });
        assert_eq!(row.payload.new, expected);
        if row.payload.keys["id"] == "bad" { Err(HandleError::transient("bad")) } else { Ok(()) }
    });
    let batch = json!({ "Records": [change("1", "good"), change("2", "bad"), change("3", "good")] });
    assert_eq!(failures(&Function::new(router), &batch).await, ["2"]);
}

#[tokio::test]
async fn what_says_not_which_event_it_is_can_be_assumed() {
    let bench = Bench::new().await;
    let (router, handled) = noting();
    let send = bench.sqs.send_message().queue_url(bench.stack.id("Orders"));
    send.message_body(r#"{"orderId":"bare"}"#).send().await.unwrap();
    let worker = bench.worker_with("Orders", Handling::new(router).assume::<OrderCreated>());
    assert_eq!(worker.work_off().await.unwrap().handled, 1);
    assert_eq!(*handled.lock().unwrap(), ["bare"]);
}

#[tokio::test]
async fn what_a_handler_publishes_is_caused_by_its_event() {
    let found = Arc::new(Mutex::new(None));
    let note = Arc::clone(&found);
    let router = Router::new().on(move |_: Envelope<OrderCreated>, _| {
        let note = Arc::clone(&note);
        async move {
            let next = Envelope::new(OrderCreated { order_id: "next".to_owned() });
            *note.lock().unwrap() = Some((next.correlation_id, next.causation_id));
            Ok(())
        }
    });
    let event = Envelope::new(OrderCreated { order_id: "first".to_owned() });
    let text = serde_json::to_string(&event.encode().unwrap()).unwrap();
    Function::new(router).invoke(&text, None).await.unwrap();
    let expected = (event.correlation_id.clone(), Some(event.id.to_string()));
    assert_eq!(found.lock().unwrap().take(), Some(expected));
}

#[tokio::test]
async fn the_queue_of_a_worker_must_exist() {
    let bench = Bench::new().await;
    let worker = Worker::new(
        bench.sqs.clone(),
        format!("{}/000000000000/none", bench.pontoon.endpoint()),
        Router::new(),
    );
    assert!(worker.work_off().await.unwrap_err().to_string().contains("does not exist"));
    let names = bench.sqs.get_queue_attributes().queue_url(bench.stack.id("Orders"));
    assert!(names.attribute_names(QueueAttributeName::QueueArn).send().await.is_ok());
}
