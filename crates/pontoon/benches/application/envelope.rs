//! Envelopes: encoded, decoded, taken out of what the services wrap around them, and validated.

use pontoon::schema::EventSchemas;
use pontoon::{DomainEvent, Envelope, RawPayload};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Size, each};

/// An order of the size that orders have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all = "camelCase")]
#[event(source = "order-service")]
pub struct OrderCreated {
    order_id: String,
    customer_id: String,
    #[schemars(length(min = 1))]
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Line {
    article: String,
    count: u32,
    #[schemars(range(min = 0.0))]
    amount: f64,
}

/// The order with this number: 400 bytes of payload.
pub fn order(number: u32) -> OrderCreated {
    let line = |line: u32| Line { article: format!("article-{line}"), count: line, amount: 99.99 };
    OrderCreated {
        order_id: format!("0d0e0000-0000-4000-8000-{number:012}"),
        customer_id: format!("customer-{number}"),
        lines: (1..6).map(line).collect(),
    }
}

/// Measures and prints.
pub fn run(size: Size) {
    let created = Envelope::new(order(1));
    let encoded = created.encode().expect("JSON");
    let detail = encoded.to_detail();
    let event = serde_json::json!({
        "version": "0", "id": "2ff66c1b-65b8-4e55-9d3c-7d0b7b2b3c5e", "detail-type": created.event_type, "source": created.source,
        "account": "123456789012", "time": "2025-01-31T09:30:00Z", "region": "eu-central-1", "resources": [],
        "detail": serde_json::from_str::<Box<serde_json::value::RawValue>>(&detail).expect("JSON"),
    });
    let event = event.to_string();
    let notification =
        serde_json::json!({ "Type": "Notification", "TopicArn": "arn", "Message": event }).to_string();
    let schemas = EventSchemas::of::<OrderCreated>().expect("a schema");
    let decoded = |text: &str| {
        Envelope::from_message(text).expect("an event").decode::<OrderCreated>().expect("an order")
    };
    for text in [&event, &notification] {
        assert_eq!(decoded(text), created);
    }

    println!(
        "An event of {} bytes of payload, {} bytes on the bus:",
        encoded.payload.get().len(),
        event.len()
    );
    each(size, "payload to JSON with serde_json alone", 100_000, || serde_json::to_string(&created.payload));
    each(size, "payload from JSON with serde_json alone", 100_000, || {
        serde_json::from_str::<OrderCreated>(encoded.payload.get())
    });
    each(size, "new envelope and its detail", 100_000, || {
        Envelope::new(created.payload.clone()).encode().expect("JSON").to_detail()
    });
    each(size, "EventBridge event to typed envelope", 100_000, || decoded(&event));
    each(size, "the same in an SNS notification", 100_000, || decoded(&notification));
    let stored = serde_json::to_string(&encoded).expect("JSON");
    each(size, "envelope to JSON, as stored", 100_000, || {
        serde_json::to_string(&created.encode().expect("JSON"))
    });
    each(size, "stored envelope to typed envelope", 100_000, || {
        let stored: Envelope<RawPayload> = serde_json::from_str(&stored).expect("an envelope");
        stored.decode::<OrderCreated>().expect("an order")
    });
    each(size, "validation by the derived schema", 20_000, || schemas.check(&encoded).is_ok());
}
