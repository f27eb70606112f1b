//! What the handler stack costs per message: a function that is invoked with a batch of queue messages, against the same written out with serde_json.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use pontoon::Envelope;
use pontoon::function::Function;
use pontoon::handler::{Context, Delivery, HandleError, Handling, Router};
use pontoon::idempotency::{Idempotency, MemoryIdempotency};
use pontoon::middleware::{Idempotent, Timeout, Validate};
use pontoon::schema::EventSchemas;
use serde_json::Value;
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::envelope::{OrderCreated, order};
use crate::measure::{Size, each};

/// Messages in a batch.
const BATCH: u32 = 10;

/// Measures and prints.
pub fn run(size: Size) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let batch = batch();
    let router = || Router::new().on(handle);

    println!("Handling a batch of {BATCH} queue messages that hold EventBridge events, per batch:");
    each(size, "by hand with serde_json, one after another", 5_000, || {
        runtime.block_on(async { by_hand(&batch).await });
    });
    let one_by_one = Function::with(Handling::new(router()).concurrency(1));
    let invoked = |function: &Function<Router>| {
        let answer = runtime.block_on(function.invoke(&batch, None)).expect("handled");
        assert!(answer.batch_item_failures.is_empty(), "handled");
    };
    each(size, "a function with a router, one after another", 5_000, || invoked(&one_by_one));
    let side_by_side = Function::new(router());
    each(size, "a function with a router, side by side", 5_000, || invoked(&side_by_side));

    println!("One event through the stack, decoded anew each time:");
    let event = Envelope::new(order(1)).encode().expect("JSON");
    let delivery = || Delivery { envelope: event.clone(), context: Context::new("message") };
    each(size, "the delivery, cloned", 20_000, || black_box(delivery()));
    let through = |name: &str, times: u32, service: &dyn Fn(Delivery) -> Result<(), HandleError>| {
        each(size, name, times, || service(delivery()).expect("handled"));
    };
    let plain = router();
    through("a router", 20_000, &|delivery| runtime.block_on(plain.handle(delivery)));
    let timed = ServiceBuilder::new().layer(Timeout::new(Duration::from_secs(10))).service(router());
    through("a router within a timeout", 20_000, &|delivery| runtime.block_on(call(timed.clone(), delivery)));
    let schemas = EventSchemas::of::<OrderCreated>().expect("a schema");
    let validated = ServiceBuilder::new().layer(Validate::new(schemas)).service(router());
    through("a router behind validation", 20_000, &|delivery| {
        runtime.block_on(call(validated.clone(), delivery))
    });
    let idempotency = Arc::new(Idempotency::new(MemoryIdempotency::new()));
    each(size, "a router behind idempotency in memory, new ids", 5_000, || {
        let idempotent = Idempotent::new((*idempotency).clone(), "orders");
        let idempotent = ServiceBuilder::new().layer(idempotent).service(router());
        let mut delivery = delivery();
        delivery.envelope.id = pontoon::EventId::generate();
        runtime.block_on(call(idempotent, delivery)).expect("handled");
    });
}

async fn handle(order: Envelope<OrderCreated>, _: Context) -> Result<(), HandleError> {
    black_box(order);
    Ok(())
}

async fn call<S>(service: S, delivery: Delivery) -> Result<(), HandleError>
where
    S: Service<Delivery, Response = (), Error = HandleError>,
{
    service.oneshot(delivery).await
}

/// What Lambda invokes a function of a queue with.
fn batch() -> String {
    let record = |number: u32| {
        let event = Envelope::new(order(number)).encode().expect("JSON");
        let detail: Value = serde_json::from_str(&event.to_detail()).expect("JSON");
        let body = serde_json::json!({
            "version": "0", "id": event.id, "detail-type": event.event_type, "source": event.source, "account": "123456789012",
            "time": "2025-01-31T09:30:00Z", "region": "eu-central-1", "resources": [], "detail": detail,
        });
        serde_json::json!({
            "messageId": number.to_string(), "receiptHandle": "receipt", "body": body.to_string(),
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1769862896789" },
            "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders",
        })
    };
    serde_json::json!({ "Records": (0..BATCH).map(record).collect::<Vec<_>>() }).to_string()
}

/// What one writes without the crate: typed as far as the handler needs it, without correlation, spans, or care for panics.
async fn by_hand(batch: &str) {
    #[derive(serde::Deserialize)]
    struct Batch {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    }
    #[derive(serde::Deserialize)]
    struct Record {
        body: String,
    }
    #[derive(serde::Deserialize)]
    struct Event {
        detail: OrderCreated,
    }
    let batch: Batch = serde_json::from_str(batch).expect("a batch");
    assert_eq!(batch.records.len(), BATCH as usize);
    for record in batch.records {
        let event: Event = serde_json::from_str(&record.body).expect("an event");
        black_box(event.detail);
    }
}
