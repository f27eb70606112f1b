//! A user's test of a whole order system: bus, rule, queue, function, table, dead-letter queue, alarm.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use pontoon_test::{Failure, Pontoon, Span as _, Stack};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("orders.yaml");

struct Orders {
    pontoon: Pontoon,
    stack: Stack,
    sqs: aws_sdk_sqs::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

/// The order system, whose processor fails for orders of which the gateway says so.
async fn orders(pontoon: Pontoon) -> Orders {
    let config = pontoon.sdk_config();
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let table = dynamodb.clone();
    pontoon.function("Processor", move |event, context| {
        let table = table.clone();
        async move {
            for record in event["Records"].as_array().into_iter().flatten() {
                let order: Value = serde_json::from_str(record["body"].as_str().unwrap_or_default()).unwrap();
                let id = order["orderId"].as_str().unwrap().to_owned();
                if order["status"] == "poisoned" {
                    return Err(format!("the gateway refuses order {id}"));
                }
                let item = table.put_item().table_name(&context.environment["ORDERS_TABLE"]);
                let item = item.item("orderId", AttributeValue::S(id));
                item.send().await.map_err(|error| format!("{error:?}"))?;
            }
            Ok(json!({}))
        }
    });
    let stack = pontoon.deploy(TEMPLATE).await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    Orders { pontoon, stack, sqs, cloudwatch, dynamodb }
}

impl Orders {
    async fn publish(&self, order: &str, status: &str) {
        let detail = json!({ "orderId": order, "status": status });
        self.pontoon.put_event(self.stack.output("Bus"), "order-service", "OrderCreated", detail).await;
    }

    async fn visible(&self, queue: &str) -> u32 {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked = self.sqs.get_queue_attributes().queue_url(self.stack.id(queue));
        let attributes = asked.attribute_names(name.clone()).send().await.unwrap();
        attributes.attributes().unwrap()[&name].parse().unwrap()
    }

    async fn alarm(&self) -> String {
        let alarms = self.cloudwatch.describe_alarms().send().await.unwrap();
        alarms.metric_alarms()[0].state_value().unwrap().as_str().to_owned()
    }

    async fn stored(&self) -> i32 {
        self.dynamodb.scan().table_name(self.stack.id("OrdersTable")).send().await.unwrap().count()
    }
}

#[tokio::test]
async fn poisoned_orders_raise_the_alarm_and_the_others_are_processed() {
    let began = Instant::now();
    let pontoon = pontoon_test::start().await;
    let started = began.elapsed();
    let orders = orders(pontoon).await;
    let deployed = began.elapsed();
    orders.publish("1", "pending").await;
    orders.publish("2", "poisoned").await;
    orders.publish("3", "poisoned").await;
    orders.pontoon.advance(2.minutes()).await;

    assert_eq!(orders.stored().await, 1);
    assert_eq!(orders.visible("DeadLetters").await, 2);
    let refused = orders.pontoon.invocations("Processor");
    assert_eq!(refused.iter().filter(|invocation| invocation.outcome.is_err()).count(), 6);
    orders.pontoon.expect_event(json!({ "detail": { "orderId": ["3"] } })).await;

    orders.pontoon.advance(12.minutes()).await;
    assert_eq!(orders.alarm().await, "ALARM");
    assert_eq!(orders.visible("Alerts").await, 1);
    eprintln!("started after {started:?}, deployed after {deployed:?}, all after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_queue_that_throttles_gets_its_event_when_the_bus_tries_again() {
    let orders = orders(pontoon_test::start().await).await;
    let queue = orders.stack.id("OrderQueue").rsplit('/').next().unwrap().to_owned();
    orders.pontoon.fail("SendMessage").times(3).for_deliveries_to(&queue).with(Failure::throttled());
    orders.publish("1", "pending").await;
    orders.pontoon.settle().await;
    assert_eq!(orders.stored().await, 0);
    orders.pontoon.advance(10.minutes()).await;
    assert_eq!(orders.stored().await, 1);
}

#[tokio::test]
async fn an_acknowledged_event_survives_a_crash() {
    for seed in 0..3 {
        let orders = orders(pontoon_test::builder().crashes().start().await).await;
        orders.publish("1", "pending").await;
        orders.pontoon.crash(seed).await;
        orders.pontoon.advance(2.minutes()).await;
        assert_eq!(orders.stored().await, 1, "seed {seed}");
    }
}

#[tokio::test]
async fn a_panic_and_a_slow_run_count_as_lambda_has_them() {
    let pontoon = pontoon_test::start().await;
    pontoon.function("Processor", async |event, context| {
        context.take(1200.millis());
        assert!(event["Records"][0]["body"].as_str().unwrap().contains("good"), "no good order");
        Ok::<_, String>(json!({}))
    });
    let stack = pontoon.deploy(TEMPLATE).await;
    pontoon
        .put_event(stack.output("Bus"), "order-service", "OrderCreated", json!({ "orderId": "bad" }))
        .await;
    pontoon.advance(2.minutes()).await;
    let ended = pontoon.invocations("Processor");
    assert_eq!(ended.len(), 3);
    assert!(
        ended.iter().all(|invocation| invocation.outcome.as_ref().unwrap_err().contains("no good order"))
    );
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&pontoon.sdk_config());
    let instant = |at| aws_sdk_cloudwatch::primitives::DateTime::from(at);
    let duration = cloudwatch
        .get_metric_statistics()
        .namespace("AWS/Lambda")
        .metric_name("Duration")
        .period(3600)
        .statistics(aws_sdk_cloudwatch::types::Statistic::Minimum)
        .start_time(instant(pontoon.now() - 1.hours()))
        .end_time(instant(pontoon.now() + 1.hours()))
        .send()
        .await
        .unwrap();
    let least = duration.datapoints().iter().filter_map(|point| point.minimum()).fold(f64::MAX, f64::min);
    assert!((1200.0..1300.0).contains(&least), "{least}");
}

#[tokio::test]
#[should_panic(expected = "detail.orderId: expected")]
async fn an_expectation_that_is_not_met_says_why() {
    let pontoon = pontoon_test::builder().patience(0.seconds()).start().await;
    pontoon.put_event("default", "order-service", "OrderCreated", json!({ "orderId": "1" })).await;
    pontoon.expect_event(json!({ "detail": { "orderId": ["2"] } })).await;
}

#[tokio::test]
#[should_panic(expected = "register it before deploying: pontoon.function(\"Processor\"")]
async fn a_function_without_code_is_told_of() {
    pontoon_test::start().await.deploy(TEMPLATE).await;
}

#[tokio::test]
#[should_panic(expected = "Resource handler returned message")]
async fn a_deployment_that_fails_says_why() {
    let template = "Resources: { Q: { Type: AWS::SQS::Queue, Properties: { QueueName: 'not a name' } } }";
    pontoon_test::start().await.deploy(template).await;
}
