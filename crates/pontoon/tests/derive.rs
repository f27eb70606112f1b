//! Derived domain events: what they are called, how their payloads look, and what takes old ones to the present.

use pontoon::event::UpcastFailure;
use pontoon::{DecodeError, DomainEvent, Envelope, RawPayload};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const PAYMENTS: &str = "payment-service";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Line {
    article: String,
    count: u32,
}

/// What happens to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[event(source = "order-service", prefix = "Order", version = 2)]
enum OrderEvent {
    /// A customer ordered.
    #[event(upcast(1 = with_currency))]
    Created {
        order_id: String,
        lines: Vec<Line>,
        currency: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    #[event(name = "LineChanged")]
    Changed(Line),
    Closed,
    #[event(name = "PaymentProcessed", source = PAYMENTS, version = 3, upcast(1 = to_cents, 2 = with_currency))]
    Paid {
        cents: i64,
        currency: String,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(source = "order-service")]
struct Shipped {
    #[serde(rename = "orderId")]
    order: String,
}

fn with_currency(mut payload: Value) -> Result<Value, UpcastFailure> {
    payload["currency"] = json!("EUR");
    Ok(payload)
}

fn to_cents(payload: Value) -> Result<Value, UpcastFailure> {
    let euros = payload["euros"].as_i64().ok_or("euros is no whole number")?;
    Ok(json!({ "cents": euros * 100 }))
}

fn line() -> Line {
    Line { article: "anchor".into(), count: 2 }
}

fn raw(event_type: &str, version: u32, payload: &Value) -> Envelope<RawPayload> {
    let payload = serde_json::value::to_raw_value(payload).expect("a value is JSON");
    let envelope = Envelope::bare(
        "1".into(),
        event_type.to_owned(),
        "test",
        jiff::Timestamp::UNIX_EPOCH,
        payload.into(),
    );
    Envelope { version, ..envelope }
}

#[test]
fn payloads_are_the_variants_content() {
    let created = OrderEvent::Created {
        order_id: "123".into(),
        lines: vec![line()],
        currency: "EUR".into(),
        note: None,
    };
    for (event, name, version, source, payload) in [
        (
            created,
            "OrderCreated",
            2,
            "order-service",
            json!({ "orderId": "123", "lines": [{ "article": "anchor", "count": 2 }], "currency": "EUR" }),
        ),
        (
            OrderEvent::Changed(line()),
            "LineChanged",
            2,
            "order-service",
            json!({ "article": "anchor", "count": 2 }),
        ),
        (OrderEvent::Closed, "OrderClosed", 2, "order-service", json!(null)),
        (
            OrderEvent::Paid { cents: 5, currency: "EUR".into() },
            "PaymentProcessed",
            3,
            "payment-service",
            json!({ "cents": 5, "currency": "EUR" }),
        ),
    ] {
        let envelope = Envelope::new(event.clone());
        assert_eq!(
            (envelope.event_type.as_ref(), envelope.version, envelope.source.as_ref()),
            (name, version, source)
        );
        let encoded = envelope.encode().unwrap();
        assert_eq!(serde_json::from_str::<Value>(encoded.payload.get()).unwrap(), payload);
        assert_eq!(encoded.decode::<OrderEvent>().unwrap(), envelope);
        assert_eq!(OrderEvent::find_type(name).unwrap(), event.event_type());
    }
}

#[test]
fn payloads_of_older_versions_pass_every_upcaster() {
    for (version, payload) in [
        (1, json!({ "euros": 5 })),
        (2, json!({ "cents": 500 })),
        (3, json!({ "cents": 500, "currency": "EUR" })),
    ] {
        let decoded = raw("PaymentProcessed", version, &payload).decode::<OrderEvent>().unwrap();
        assert_eq!(
            decoded.payload,
            OrderEvent::Paid { cents: 500, currency: "EUR".into() },
            "version {version}"
        );
        assert_eq!(decoded.version, 3);
    }
}

#[test]
fn what_cannot_be_decoded_says_why() {
    for (event_type, version, payload, expected) in [
        (
            "Created",
            2,
            json!({}),
            "\"Created\" is none of OrderCreated, LineChanged, OrderClosed, PaymentProcessed",
        ),
        ("OrderCreated", 3, json!({}), "OrderCreated has version 3, and this program knows versions up to 2"),
        ("OrderClosed", 1, json!(null), "OrderClosed has version 1, from which no upcaster leads to 2"),
        ("OrderClosed", 0, json!(null), "OrderClosed has version 0, from which no upcaster leads to 2"),
        (
            "PaymentProcessed",
            1,
            json!({ "euros": "five" }),
            "PaymentProcessed: the upcaster from version 1 failed: euros is no whole number",
        ),
        (
            "LineChanged",
            2,
            json!({ "article": "a" }),
            "LineChanged: missing field `count` at line 1 column 15",
        ),
        (
            "LineChanged",
            2,
            json!([1]),
            "LineChanged: invalid type: integer `1`, expected a string at line 1 column 2",
        ),
    ] {
        let error = raw(event_type, version, &payload).decode::<OrderEvent>().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = raw("Ship", 1, &json!({})).decode::<Shipped>().unwrap_err();
    assert!(matches!(error, DecodeError::UnknownType { known: [only], .. } if only.name == "Shipped"));
}

#[test]
fn schemas_are_those_of_the_payloads() {
    for (event_type, valid, invalid) in [
        (
            "OrderCreated",
            json!({ "orderId": "1", "lines": [{ "article": "a", "count": 1 }], "currency": "EUR" }),
            json!({ "orderId": "1", "lines": [{ "article": "a" }], "currency": "EUR" }),
        ),
        ("LineChanged", json!({ "article": "a", "count": 1 }), json!({ "article": "a", "count": -1 })),
        ("OrderClosed", json!(null), json!({})),
        (
            "PaymentProcessed",
            json!({ "cents": 1, "currency": "EUR" }),
            json!({ "cents": "1", "currency": "EUR" }),
        ),
    ] {
        let schema = OrderEvent::schema(event_type).unwrap();
        assert_eq!(schema.get("title").unwrap(), event_type);
        assert_eq!(schema.get("$schema").unwrap(), "https://json-schema.org/draft/2020-12/schema");
        let validator = jsonschema::validator_for(schema.as_value()).unwrap();
        assert!(validator.is_valid(&valid), "{event_type}: {schema:?}");
        assert!(!validator.is_valid(&invalid), "{event_type}: {schema:?}");
    }
    assert_eq!(
        OrderEvent::schema("OrderCreated").unwrap().get("description").unwrap(),
        "A customer ordered."
    );
    assert!(OrderEvent::schema("Shipped").is_none());
    assert_eq!(Shipped::schema("Shipped").unwrap().get("required").unwrap(), &json!(["orderId"]));
}
