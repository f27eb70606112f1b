//! The whole system in the test's own process: from a command on an order to the customer's notification, and from a broken gateway to the alarm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use orders::TEMPLATE;
use orders::order::{Order, OrderCommand, Status};
use orders::processor::Processor;
use orders::shop::Shop;
use pontoon::function::Function;
use pontoon::handler::BoxError;
use pontoon_test::{Pontoon, Span as _, Stack};
use serde_json::json;

const ID: &str = "0d0e0000-0000-4000-8000-000000000001";

struct System {
    pontoon: Pontoon,
    stack: Stack,
    shop: Shop,
}

impl System {
    async fn start(gateway: &str) -> Self {
        let pontoon = pontoon_test::start().await;
        let config = pontoon.sdk_config();
        pontoon.function("OrderFunction", move |event, context| {
            let processor = Processor::from_variables(&config, |name| context.environment.get(name).cloned());
            async move {
                let function = Function::with(processor?.handling());
                Ok::<_, BoxError>(function.invoke(&event.to_string(), None).await?)
            }
        });
        let stack = pontoon.deploy_stack("orders", TEMPLATE, &[("PaymentGateway", gateway)]).await;
        let (bus, events, customers) =
            (stack.output("Bus"), stack.output("EventStore"), stack.output("CustomerOrders"));
        let shop = Shop::new(&pontoon.sdk_config(), bus, events, customers).unwrap();
        Self { pontoon, stack, shop }
    }

    /// Does a command and lets what follows from it happen.
    async fn command(&mut self, command: OrderCommand) {
        self.shop.orders.execute(ID, &command).await.unwrap();
        self.shop.outbox.publish_pending().await.unwrap();
        self.shop.customers.catch_up().await.unwrap();
        self.pontoon.settle().await;
    }

    /// The items of a table: their attributes, as text.
    async fn items(&self, table: &str) -> Vec<BTreeMap<String, String>> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.pontoon.sdk_config());
        let scanned = dynamodb.scan().table_name(self.stack.output(table)).send().await.unwrap();
        let text = |value: &AttributeValue| value.as_s().or_else(|_| value.as_n()).unwrap().clone();
        let item = |item: std::collections::HashMap<String, AttributeValue>| {
            item.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        scanned.items.unwrap().into_iter().map(item).collect()
    }

    async fn status(&self, table: &str) -> String {
        self.items(table).await.first().map_or_else(String::new, |item| item["status"].clone())
    }

    async fn visible(&self, queue: &str) -> String {
        let sqs = aws_sdk_sqs::Client::new(&self.pontoon.sdk_config());
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked =
            sqs.get_queue_attributes().queue_url(self.stack.output(queue)).attribute_names(name.clone());
        asked.send().await.unwrap().attributes.unwrap().remove(&name).unwrap()
    }

    async fn alarm(&self) -> String {
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&self.pontoon.sdk_config());
        let alarms =
            cloudwatch.describe_alarms().alarm_names(self.stack.output("Alarm")).send().await.unwrap();
        alarms.metric_alarms()[0].state_value().unwrap().as_str().to_owned()
    }
}

fn place() -> OrderCommand {
    OrderCommand::Place(Order {
        order_id: ID.into(),
        customer_id: "anna".into(),
        status: Status::Pending,
        amount: 99.99,
    })
}

#[tokio::test]
async fn an_order_goes_its_way_and_the_customer_hears_of_it() {
    let mut system = System::start("up").await;
    system.command(place()).await;
    system
        .pontoon
        .expect_event(json!({ "detail-type": ["OrderCreated"], "detail": { "orderId": [ID] } }))
        .await;
    assert_eq!(system.status("Table").await, "pending");
    for (count, status) in [(2, Status::Processing), (3, Status::Completed)] {
        system.command(OrderCommand::Advance(status)).await;
        assert_eq!(system.status("Table").await, status.as_str());
        assert_eq!(system.status("CustomerOrders").await, status.as_str());
        assert_eq!(system.visible("Notifications").await, count.to_string());
    }
    assert!(system.shop.orders.execute(ID, &OrderCommand::Cancel).await.is_err());

    // What was built from the events can be built again.
    system.shop.customers.rebuild().await.unwrap();
    let rows = system.items("CustomerOrders").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0]["customerId"].as_str(), rows[0]["amount"].as_str()), ("anna", "99.99"));
}

#[tokio::test]
async fn an_order_that_cannot_be_processed_raises_the_alarm() {
    let mut system = System::start("down").await;
    system.command(place()).await;
    system.command(OrderCommand::Advance(Status::Processing)).await;
    system.pontoon.advance(2.minutes()).await;
    assert_eq!(system.visible("DeadLetters").await, "1");
    assert_eq!(system.status("Table").await, "pending");
    system.pontoon.advance(12.minutes()).await;
    assert_eq!(system.alarm().await, "ALARM");
}
