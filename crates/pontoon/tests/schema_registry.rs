//! Schemas of domain events, published to Pontoon's registry, and a bus that holds events to them.

#![cfg(all(feature = "schemas", feature = "eventbridge"))]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use pontoon::DomainEvent;
use pontoon::publish::{EventBus, PublishError, Publisher};
use pontoon::schema::{RegistryError, SchemaRegistry, compatibility::Mode};
use pontoon_test::Pontoon;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SYSTEM: &str = "
Resources:
  Registry: { Type: AWS::EventSchemas::Registry, Properties: { RegistryName: orders } }
  Bus:
    Type: AWS::Events::EventBus
    Properties:
      Name: orders
      Tags: [{ Key: 'pontoon:validate', Value: MODE }, { Key: 'pontoon:registry', Value: orders }]
  Queue: { Type: AWS::SQS::Queue }
  Rule:
    Type: AWS::Events::Rule
    Properties: { EventBusName: !Ref Bus, EventPattern: { source: [order-service] }, Targets: [{ Id: queue, Arn: !GetAtt Queue.Arn }] }
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument: { Statement: { Effect: Allow, Principal: { Service: events.amazonaws.com }, Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn } }
";

/// Another bus, which sends its events on to the one that validates.
const RELAY: &str = "
  Front: { Type: AWS::Events::EventBus, Properties: { Name: front } }
  Dead: { Type: AWS::SQS::Queue }
  Relay:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Front
      EventPattern: { source: [order-service] }
      Targets: [{ Id: bus, Arn: !GetAtt Bus.Arn, DeadLetterConfig: { Arn: !GetAtt Dead.Arn } }]
  Letters:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Dead]
      PolicyDocument: { Statement: { Effect: Allow, Principal: { Service: events.amazonaws.com }, Action: 'sqs:SendMessage', Resource: !GetAtt Dead.Arn } }
";

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(source = "order-service")]
struct OrderCreated {
    order_id: String,
    #[schemars(range(min = 0.0))]
    amount: f64,
}

mod next {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(source = "order-service")]
    pub struct OrderCreated {
        order_id: String,
        amount: f64,
        currency: String,
    }
}

/// A system whose bus treats bad events so.
async fn system(mode: &str) -> (Pontoon, String, SchemaRegistry) {
    let pontoon = pontoon_test::start().await;
    let stack = pontoon.deploy(&SYSTEM.replace("MODE", mode)).await;
    let queue = stack.id("Queue").to_owned();
    let registry = SchemaRegistry::new(aws_sdk_schemas::Client::new(&pontoon.sdk_config()), "orders");
    registry.publish::<OrderCreated>().await.unwrap();
    (pontoon, queue, registry)
}

async fn count(pontoon: &Pontoon, queue: &str) -> usize {
    let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    let received = sqs.receive_message().queue_url(queue).max_number_of_messages(10).send().await.unwrap();
    received.messages().len()
}

#[tokio::test]
async fn schemas_are_published_once_and_guarded() {
    let (_pontoon, _, registry) = system("report").await;
    let again = registry.publish::<OrderCreated>().await.unwrap();
    assert_eq!(
        (again[0].name.as_str(), again[0].version.as_str(), again[0].is_new),
        ("order-service@OrderCreated", "1", false)
    );
    let guarded = registry.clone().require(Mode::Backward);
    let refused = guarded.publish::<next::OrderCreated>().await.unwrap_err();
    assert!(matches!(refused, RegistryError::Incompatible { .. }), "{refused}");
    let published = registry.publish::<next::OrderCreated>().await.unwrap();
    assert_eq!((published[0].version.as_str(), published[0].is_new), ("2", true));
}

#[tokio::test]
async fn a_bus_refuses_what_breaks_its_schema() {
    let (pontoon, queue, _) = system("reject").await;
    let publisher =
        Publisher::new(EventBus::new(aws_sdk_eventbridge::Client::new(&pontoon.sdk_config()), "orders"));
    let order = |amount| OrderCreated { order_id: "1".into(), amount };
    let outcomes = publisher.publish_all([order(1.0), order(-1.0), order(2.0)]).await;
    let PublishError::Refused(refusal) = outcomes[1].as_ref().unwrap_err() else { panic!("{outcomes:?}") };
    assert_eq!(refusal.code, "SchemaViolation");
    assert!(
        refusal.message.starts_with(
            "order-service@OrderCreated version 1: /detail/amount: -1.0 is less than the minimum of 0"
        ),
        "{}",
        refusal.message
    );
    assert!(!refusal.is_transient);
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    pontoon.settle().await;
    assert_eq!(count(&pontoon, &queue).await, 2);
}

#[tokio::test]
async fn a_bus_that_reports_delivers_all_the_same() {
    let (pontoon, queue, _) = system("report").await;
    let events = aws_sdk_eventbridge::Client::new(&pontoon.sdk_config());
    let put = async |detail: Value| {
        let entry = PutEventsRequestEntry::builder().event_bus_name("orders").source("order-service");
        let entry = entry.detail_type("OrderCreated").detail(detail.to_string()).build();
        let answer = events.put_events().entries(entry).send().await.unwrap();
        assert_eq!(answer.failed_entry_count(), 0, "{answer:?}");
    };
    put(json!({ "order_id": "1", "amount": 1 })).await;
    put(json!({ "order_id": 1, "amount": 1 })).await;
    pontoon.settle().await;
    assert_eq!(count(&pontoon, &queue).await, 2);
}

#[tokio::test]
async fn what_another_bus_sends_on_is_held_to_the_schemas_too() {
    let pontoon = pontoon_test::start().await;
    let stack = pontoon.deploy(&format!("{}{RELAY}", SYSTEM.replace("MODE", "reject"))).await;
    let registry = SchemaRegistry::new(aws_sdk_schemas::Client::new(&pontoon.sdk_config()), "orders");
    registry.publish::<OrderCreated>().await.unwrap();
    for amount in [1, -1] {
        pontoon
            .put_event("front", "order-service", "OrderCreated", json!({ "order_id": "1", "amount": amount }))
            .await;
    }
    pontoon.settle().await;
    assert_eq!(count(&pontoon, stack.id("Queue")).await, 1);
    let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    let letter = sqs
        .receive_message()
        .queue_url(stack.id("Dead"))
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    let attributes = letter.messages()[0].message_attributes().unwrap();
    let message = attributes["ERROR_MESSAGE"].string_value().unwrap();
    assert!(message.starts_with("order-service@OrderCreated version 1: /detail/amount: "), "{message}");
}
