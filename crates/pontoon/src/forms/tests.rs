use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The event that EventBridge makes of a `detail`.
fn event_of(envelope: &Envelope<RawPayload>) -> String {
    json!({
        "version": "0",
        "id": "2ff66c1b-65b8-4e55-9d3c-7d0b7b2b3c5e",
        "detail-type": envelope.event_type,
        "source": envelope.source,
        "account": "123456789012",
        // EventBridge's own time has seconds.
        "time": "2025-01-31T09:30:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": serde_json::from_str::<Value>(&envelope.to_detail()).unwrap(),
    })
    .to_string()
}

fn notification_of(message: &str) -> String {
    json!({
        "Type": "Notification",
        "MessageId": "0ef5d1a6-d3a1-5c1c-a5a7-8d0a0f0f2c5e",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:orders",
        "Subject": "s",
        "Message": message,
        "Timestamp": "2025-01-31T09:30:00.000Z",
        "SignatureVersion": "1",
        "MessageAttributes": {},
    })
    .to_string()
}

fn envelope(payload: &Value) -> Envelope<RawPayload> {
    let payload = serde_json::value::to_raw_value(payload).unwrap();
    let time = "2025-01-31T09:30:00.123Z".parse().unwrap();
    Envelope {
        causation_id: Some("cause".into()),
        trace: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into()),
        tenant: Some("acme".into()),
        correlation_id: "correlation".into(),
        version: 3,
        ..Envelope::bare("event".into(), "OrderCreated", "order-service", time, payload.into())
    }
}

/// Every form, on every way through the services.
fn forms_of(envelope: &Envelope<RawPayload>) -> Vec<(&'static str, String)> {
    let own = serde_json::to_string(envelope).unwrap();
    let event = event_of(envelope);
    vec![
        ("through a topic", notification_of(&own)),
        ("its own", own),
        ("through EventBridge and a topic", notification_of(&event)),
        ("through EventBridge", event),
        ("the detail alone", envelope.to_detail()),
        ("a CloudEvent", envelope.to_cloud_event().unwrap()),
    ]
}

#[test]
fn an_envelope_comes_back_from_every_form() {
    let payloads = [
        json!({ "orderId": "123", "amount": 99.99 }),
        json!({}),
        json!(null),
        json!([1, 2]),
        json!({ "metadata": { "correlationId": "the payload's" } }),
        json!({ "payload": 1 }),
        json!({ "payload": 1, "other": 2 }),
        json!({ "metadata": 1, "payload": 2 }),
        json!({ "\"quoted\\": "\u{1F4E6}\n" }),
    ];
    for payload in &payloads {
        let envelope = envelope(payload);
        for (form, text) in forms_of(&envelope) {
            let read =
                Envelope::from_message(&text).unwrap_or_else(|error| panic!("{form}: {error}: {text}"));
            assert_eq!(read, envelope, "{form}: {text}");
        }
    }
}

#[test]
fn a_rule_sees_the_payload_at_the_top_of_the_detail() {
    let detail: Value = serde_json::from_str(&envelope(&json!({ "orderId": "123" })).to_detail()).unwrap();
    assert_eq!(detail["orderId"], "123");
    assert_eq!(detail["metadata"]["version"], "3.0");
    assert_eq!(detail["metadata"]["timestamp"], "2025-01-31T09:30:00.123Z");
}

#[test]
fn an_event_of_the_guide_is_completed_from_around_it() {
    // `DomainEvent<Order>` in TypeScript, published with its own detail type and source.
    let event = json!({
        "version": "0", "id": "bus", "detail-type": "OrderCreated", "source": "order-service", "account": "123456789012",
        "time": "2025-01-31T09:30:00Z", "region": "eu-central-1", "resources": [],
        "detail": {
            "metadata": { "version": "1.0", "correlationId": "c", "timestamp": "2025-01-31T09:29:59.500Z" },
            "payload": { "orderId": "123" },
        },
    });
    let read = Envelope::from_event_bridge(&event.to_string()).unwrap();
    assert_eq!((read.id.as_str(), read.correlation_id.as_str(), read.version), ("bus", "c", 1));
    assert_eq!(read.time.to_string(), "2025-01-31T09:29:59.5Z");
    assert_eq!(read.payload.get(), r#"{"orderId":"123"}"#);
}

#[test]
fn events_of_others_keep_their_whole_detail() {
    let event = json!({
        "id": "bus", "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
        "time": "2025-01-31T09:30:00Z", "detail": { "metadata": { "x": 1 }, "state": "running" },
    });
    let read = Envelope::from_message(&event.to_string()).unwrap();
    assert_eq!(read.payload.get(), r#"{"metadata":{"x":1},"state":"running"}"#);
    assert_eq!((read.correlation_id.as_str(), read.version), ("bus", 1));
}

#[test]
fn what_is_no_event_says_why() {
    let contradiction = event_of(&envelope(&json!({})))
        .replace(r#""source":"order-service","time""#, r#""source":"other","time""#);
    for (text, expected) in [
        ("", "not JSON: EOF while parsing a value at line 1 column 0"),
        ("{\"a\":", "not JSON: EOF while parsing a value at line 1 column 5"),
        ("1", "neither an envelope nor an EventBridge event, an SNS notification or a CloudEvent"),
        ("{}", "neither an envelope nor an EventBridge event, an SNS notification or a CloudEvent"),
        (r#"{"detail-type":"a","detail":{}}"#, "EventBridge event: missing field `id` at line 1 column 31"),
        (r#"{"metadata":{"correlationId":"1","version":"1.0"},"payload":1}"#, "the metadata lacks \"id\""),
        (
            r#"{"metadata":{"correlationId":"1","version":"one"},"payload":1}"#,
            "metadata: invalid value: string \"one\", expected a version such as \"1.0\" or 1 at line 1 column 36",
        ),
        (
            r#"{"Type":"Notification","TopicArn":"a","Message":7}"#,
            "SNS notification: invalid type: integer `7`, expected a string at line 1 column 1",
        ),
        (
            r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#,
            "a CloudEvent with specversion \"0.3\" is not supported",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":"text/xml","data":"<a/>"}"#,
            "a CloudEvent with datacontenttype \"text/xml\" is not supported",
        ),
        (&contradiction, "the event's source is \"other\", but its metadata says \"order-service\""),
    ] {
        let error = Envelope::from_message(text).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn wrappings_without_end_are_refused() {
    let nested = (0..8).fold("{}".to_owned(), |inner, _| notification_of(&inner));
    assert!(matches!(Envelope::from_message(&nested), Err(FormError::Unrecognized)));
    // Depth that no recursive reader survives.
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(Envelope::from_message(&deep).is_err());
    let deep = format!(
        "{{\"metadata\":{{\"correlationId\":\"1\",\"version\":1,\"id\":\"1\",\"type\":\"t\",\"source\":\"s\",\"timestamp\":\"2025-01-31T09:30:00Z\"}},\"payload\":{deep}}}"
    );
    assert_eq!(Envelope::from_message(&deep).unwrap().payload.get().len(), 400_000);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop_oneof![Just("metadata".to_owned()), Just("payload".to_owned()), ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_payload_comes_back_from_every_form(payload in json_value(), version in 1u32.., tenant in proptest::option::of(".{0,8}")) {
        let envelope = Envelope { version, tenant, ..envelope(&payload) };
        for (form, text) in forms_of(&envelope) {
            let read = Envelope::from_message(&text).unwrap_or_else(|error| panic!("{form}: {error}: {text}"));
            prop_assert_eq!(&read, &envelope, "{}: {}", form, text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[{}\\[\\]\":,a-z0-9]{0,64}") {
        let _ = Envelope::from_message(&text);
    }
}
