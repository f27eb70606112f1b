//! Publishing schemas, against a double of the schema registry that answers as its model says.

#![cfg(feature = "schemas")]

use std::collections::HashMap;

use pontoon::schema::compatibility::Mode;
use pontoon::schema::{RegistryError, SchemaRegistry, Validator};
use pontoon::{DomainEvent, aws};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

mod first {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[serde(deny_unknown_fields)]
    #[event(source = "order-service", prefix = "Order")]
    pub enum OrderEvent {
        Created { order_id: String, lines: Vec<Line> },
        Closed { order_id: String },
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub struct Line {
        article: String,
    }
}

mod second {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(source = "order-service", prefix = "Order")]
    pub enum OrderEvent {
        Closed { order_id: String, reason: String },
    }
}

/// Keeps schemas by the path of their requests: the newest text and how many versions there are.
async fn registry() -> SchemaRegistry {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        let mut schemas: HashMap<String, (String, u32)> = HashMap::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            while stream.read_line(&mut head).await.is_ok_and(|read| read > 2) {}
            for line in head.lines() {
                if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = bytes.parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.expect("a body");
            let mut words = head.split(' ');
            let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
            let (status, answer) = answer(&mut schemas, method, path, &body);
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nx-amzn-ErrorType: NotFoundException\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                answer.len()
            );
            stream.write_all(answer.as_bytes()).await.expect("sent");
        }
    });
    SchemaRegistry::new(aws_sdk_schemas::Client::new(&aws::config_for(endpoint)), "orders")
}

fn answer(
    schemas: &mut HashMap<String, (String, u32)>,
    method: &str,
    path: &str,
    body: &[u8],
) -> (u16, String) {
    if method != "GET" {
        let request: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(request["Type"], "JSONSchemaDraft4");
        let known = schemas.entry(path.to_owned()).or_default();
        *known = (request["Content"].as_str().expect("text").to_owned(), known.1 + 1);
        assert_eq!(method, if known.1 == 1 { "POST" } else { "PUT" });
    }
    match schemas.get(path) {
        Some((content, version)) => {
            (200, json!({ "Content": content, "SchemaVersion": version.to_string() }).to_string())
        }
        None => (404, json!({ "Code": "NotFoundException", "Message": "Schema not found." }).to_string()),
    }
}

#[tokio::test]
async fn schemas_are_published_once_and_again_when_they_change() {
    let registry = registry().await;
    for is_new in [true, false] {
        let published = registry.publish::<first::OrderEvent>().await.expect("published");
        let expected = ["order-service@OrderCreated", "order-service@OrderClosed"];
        for (published, name) in published.iter().zip(expected) {
            assert_eq!(
                (published.name.as_str(), published.version.as_str(), published.is_new),
                (name, "1", is_new)
            );
        }
    }
    let refused =
        registry.clone().require(Mode::Backward).publish::<second::OrderEvent>().await.expect_err("refused");
    let RegistryError::Incompatible { name, breaks } = refused else { panic!("{refused}") };
    assert_eq!(name, "order-service@OrderClosed");
    let breaks: Vec<String> = breaks.iter().map(ToString::to_string).collect();
    let reason = "the new version requires it, events of the old version may lack it";
    assert_eq!(breaks, [format!("backward: /detail/reason: required: {reason}")]);
    let published = registry.publish::<second::OrderEvent>().await.expect("published");
    assert_eq!((published[0].version.as_str(), published[0].is_new), ("2", true));
}

#[tokio::test]
async fn a_published_schema_takes_the_event_that_is_sent() {
    let registry = registry().await;
    registry.publish::<first::OrderEvent>().await.expect("published");
    let known = registry_content(&registry, "order-service@OrderCreated").await;
    assert_eq!(known["$schema"], "http://json-schema.org/draft-04/schema#");
    let validator = Validator::new(&known).expect("a schema");
    let event = |detail: Value| {
        json!({
            "version": "0", "id": "1", "detail-type": "OrderCreated", "source": "order-service", "account": "123456789012",
            "time": "2025-01-31T09:30:00Z", "region": "eu-central-1", "resources": [], "detail": detail,
        })
    };
    let valid = json!({ "order_id": "1", "lines": [{ "article": "a" }], "metadata": { "id": "1" } });
    validator.validate(&event(valid)).expect("valid");
    let invalid = json!({ "order_id": "1", "lines": [{ "article": 1 }] });
    let invalid = validator.validate(&event(invalid)).expect_err("invalid");
    assert_eq!(invalid.violations[0].path, "/detail/lines/0/article");
}

/// What the registry has.
async fn registry_content(registry: &SchemaRegistry, name: &str) -> Value {
    let described =
        registry.client().describe_schema().registry_name("orders").schema_name(name).send().await;
    serde_json::from_str(described.expect("known").content().expect("text")).expect("JSON")
}
