//! The guide's code, which `docs/guide.md` shows: it compiles, its test passes, and the guide has it word for word.

#![cfg(all(feature = "eventbridge", feature = "sqs", feature = "dynamodb", feature = "lambda"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(missing_docs, dead_code, reason = "as one writes in an application; its mains are not called")]

mod events;
mod function;
mod handler;
mod middleware;
mod seed;
mod system;
mod versions;
mod worker;

const SHOWN: &[(&str, &str)] = &[
    ("events.rs", include_str!("events.rs")),
    ("handler.rs", include_str!("handler.rs")),
    ("function.rs", include_str!("function.rs")),
    ("worker.rs", include_str!("worker.rs")),
    ("system.rs", include_str!("system.rs")),
    ("template.yaml", include_str!("template.yaml")),
    ("versions.rs", include_str!("versions.rs")),
    ("middleware.rs", include_str!("middleware.rs")),
];

#[test]
fn the_guide_shows_this_code() {
    let guide = include_str!("../../../../docs/guide.md");
    for (name, text) in SHOWN {
        let language = if name.ends_with(".rs") { "rust" } else { "yaml" };
        assert!(
            guide.contains(&format!("```{language}\n{text}```")),
            "docs/guide.md does not show {name} as it is"
        );
    }
}

#[test]
fn the_comparison_with_typescript_shows_this_code() {
    let page = include_str!("../../../../docs/from-the-seed.md");
    let blocks: Vec<&str> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 6);
    for block in blocks {
        assert!(include_str!("seed.rs").contains(block), "seed.rs does not have\n{block}");
    }
}

#[tokio::test]
async fn what_typescript_does_is_done() {
    let pontoon = pontoon_test::start().await;
    let config = pontoon.sdk_config();
    aws_sdk_eventbridge::Client::new(&config).create_event_bus().name("my-event-bus").send().await.unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/orders/schema/order-event.json");
    let order = seed::Order {
        order_id: "0d0e0000-0000-4000-8000-000000000001".into(),
        customer_id: "456".into(),
        status: "pending".into(),
        amount: 99.99,
    };
    let id = seed::publish(&seed::publisher(&config, schema).unwrap(), order.clone()).await.unwrap();
    let found = pontoon.expect_event(serde_json::json!({ "detail": { "orderId": [order.order_id] } })).await;
    assert_eq!(found.event["id"], id);

    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let store = pontoon::event_store::DynamoDbEventStore::new(dynamodb, "order-events");
    store.create_table().await.unwrap();
    let stream = pontoon::event_store::StreamId::new("order-1").unwrap();
    let history = vec![seed::OrderEvent::Created(order.clone()), seed::OrderEvent::Cancelled(order)];
    seed::append(&store, &stream, history.clone(), 0).await.unwrap();
    seed::append(&store, &stream, history.clone(), 0).await.expect_err("somebody was faster");
    let read = seed::events(&store, &stream, 1).await.unwrap();
    assert_eq!(read.into_iter().map(|event| event.payload).collect::<Vec<_>>(), history);
}

#[test]
fn an_event_of_an_older_version_is_read_as_a_new_one() {
    let payload = serde_json::from_str(r#"{"orderId":"1","amount":5.0}"#).unwrap();
    let old =
        pontoon::Envelope::bare("1".into(), "OrderCreated", "order-service", jiff::Timestamp::now(), payload);
    assert_eq!(old.decode::<versions::OrderCreated>().unwrap().payload.currency, "EUR");
}
