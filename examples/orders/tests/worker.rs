//! The processor as a worker, on an endpoint of choice: Pontoon in this process, or the one that `PONTOON_TEST_ENDPOINT` names, such as moto's server. What
//! the system needs there is made by plain SDK calls.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use orders::order::{Order, OrderCommand, Status};
use orders::processor::Processor;
use orders::shop::Shop;
use pontoon::aws::{self, SdkConfig};
use pontoon::event_store::DynamoDbEventStore;
use pontoon::worker::Worker;
use serde_json::json;

const TYPES: &str =
    r#"{ "source": ["order-service"], "detail-type": ["OrderCreated", "OrderUpdated", "OrderCancelled"] }"#;

/// A name that no other run has on the same endpoint.
fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

async fn table(config: &SdkConfig, name: &str, keys: &[(&str, KeyType)]) {
    let mut create = aws_sdk_dynamodb::Client::new(config).create_table().table_name(name);
    for (key, kind) in keys {
        let attribute =
            AttributeDefinition::builder().attribute_name(*key).attribute_type(ScalarAttributeType::S);
        let schema = KeySchemaElement::builder().attribute_name(*key).key_type(kind.clone());
        create = create.attribute_definitions(attribute.build().unwrap()).key_schema(schema.build().unwrap());
    }
    create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}

/// A queue behind a rule on the bus; its URL.
async fn queue_behind(config: &SdkConfig, bus: &str) -> String {
    let sqs = aws_sdk_sqs::Client::new(config);
    let url = sqs.create_queue().queue_name(unique("order-events")).send().await.unwrap().queue_url.unwrap();
    let arn = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let arn = arn.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:SendMessage", "Resource": arn,
    }] });
    let allow =
        sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::Policy, policy.to_string());
    allow.send().await.unwrap();
    let events = aws_sdk_eventbridge::Client::new(config);
    events.create_event_bus().name(bus).send().await.unwrap();
    events.put_rule().name("orders").event_bus_name(bus).event_pattern(TYPES).send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    events.put_targets().rule("orders").event_bus_name(bus).targets(target).send().await.unwrap();
    url
}

async fn exercise(config: &SdkConfig) {
    let (bus, history) = (unique("orders"), unique("order-history"));
    let (statuses, customers) = (unique("order-status"), unique("customer-orders"));
    table(config, &statuses, &[("orderId", KeyType::Hash)]).await;
    table(config, &customers, &[("customerId", KeyType::Hash), ("orderId", KeyType::Range)]).await;
    let queue = queue_behind(config, &bus).await;
    let topic = aws_sdk_sns::Client::new(config).create_topic().name(unique("notifications"));
    let topic = topic.send().await.unwrap().topic_arn.unwrap();
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    DynamoDbEventStore::new(dynamodb.clone(), history.as_str()).create_table().await.unwrap();

    let mut shop = Shop::new(config, &bus, &history, &customers).unwrap();
    let id = "0d0e0000-0000-4000-8000-000000000001";
    let order =
        Order { order_id: id.into(), customer_id: "anna".into(), status: Status::Pending, amount: 99.99 };
    shop.orders.execute(id, &OrderCommand::Place(order)).await.unwrap();
    shop.orders.execute(id, &OrderCommand::Cancel).await.unwrap();
    shop.outbox.publish_pending().await.unwrap();
    shop.customers.catch_up().await.unwrap();

    let processor = Processor::from_variables(config, |name| match name {
        "ORDERS_TABLE" => Some(statuses.clone()),
        "ORDER_NOTIFICATIONS_TOPIC" => Some(topic.clone()),
        _ => None,
    });
    let handling = processor.unwrap().handling().concurrency(1);
    let worker = Worker::with(aws_sdk_sqs::Client::new(config), queue, handling);
    assert_eq!(worker.work_off().await.unwrap().handled, 2);

    for (table, customer) in [(&statuses, None), (&customers, Some("anna"))] {
        let scanned = dynamodb.scan().table_name(table).send().await.unwrap().items.unwrap();
        assert_eq!(scanned.len(), 1);
        assert_eq!(scanned[0]["orderId"], AttributeValue::S(id.into()));
        assert_eq!(scanned[0]["status"], AttributeValue::S("cancelled".into()));
        let stored = scanned[0].get("customerId").map(|value| value.as_s().unwrap().as_str());
        assert_eq!(stored, customer);
    }
}

#[tokio::test]
async fn a_worker_processes_what_the_shop_publishes() {
    match std::env::var("PONTOON_TEST_ENDPOINT") {
        Ok(endpoint) => exercise(&aws::config_for(endpoint)).await,
        Err(_) => exercise(&pontoon_test::start().await.sdk_config()).await,
    }
}
