//! Traces that go on from event to event, seen by an exporter in memory.

#![cfg(feature = "otel")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::{Arc, Mutex};

use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use pontoon::function::Function;
use pontoon::handler::{HandleError, Router};
use pontoon::publish::{Destination, Entry, Limits, Publisher, Refusal};
use pontoon::{Cause, DomainEvent, Envelope, RawPayload};
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt as _;

#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "order-service")]
struct OrderCreated {
    order_id: String,
}

/// Keeps what is published.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Vec<Envelope<()>>>>);

impl Destination for Published {
    fn limits(&self) -> Limits {
        Limits { entries_max: 10, call_bytes_max: 1 << 20, entry_bytes_max: 1 << 20 }
    }

    fn entry(&self, event: Envelope<RawPayload>) -> Entry {
        let body = event.to_detail();
        Entry { bytes: body.len(), body, group: None, event: event.map(|_| ()) }
    }

    async fn send(&self, entries: &[Entry]) -> Result<Vec<Result<String, Refusal>>, Refusal> {
        self.0.lock().unwrap().extend(entries.iter().map(|entry| entry.event.clone()));
        Ok(entries.iter().map(|entry| Ok(entry.event.id.to_string())).collect())
    }
}

/// Handles an event with this trace and gives the spans that were exported, in the order in which they ended, and what the handler published.
async fn handled(
    order: &str,
    trace: Option<&str>,
) -> (Vec<SpanData>, Vec<Envelope<()>>, Envelope<OrderCreated>) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    // Of this thread, which runs the test and whatever it spawns.
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let published = Published::default();
    let publisher = Publisher::new(published.clone());
    let router = Router::new().on(move |order: Envelope<OrderCreated>, _| {
        let publisher = publisher.clone();
        async move {
            if order.payload.order_id == "broken" {
                return Err(HandleError::permanent("the order is broken"));
            }
            publisher.publish(OrderCreated { order_id: "next".into() }).await?;
            Ok(())
        }
    });
    let cause = Cause {
        trace: trace.map(str::to_owned),
        causation_id: Some("cause-1".into()),
        ..Cause::new("request-7")
    };
    let event = cause.sync_scope(|| Envelope::new(OrderCreated { order_id: order.into() }));
    let text = serde_json::to_string(&event.encode().unwrap()).unwrap();
    let _ = Function::new(router).invoke(&text, None).await;
    let published = std::mem::take(&mut *published.0.lock().unwrap());
    (exporter.get_finished_spans().unwrap(), published, event)
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string())
}

const TRACE: &str = "5759e988bd862e3fe1be46a994272793";

#[tokio::test]
async fn a_handler_goes_on_with_its_events_trace_and_its_events_go_on_with_it() {
    let traceparent = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    let (spans, published, event) = handled("1", Some(traceparent)).await;
    let [publish, handle] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((handle.name.as_ref(), &handle.span_kind), ("handle OrderCreated", &SpanKind::Consumer));
    assert_eq!(handle.span_context.trace_id().to_string(), TRACE);
    assert_eq!(handle.parent_span_id.to_string(), "53995c3f42cd8ad8");
    assert!(handle.parent_span_is_remote);
    assert_eq!(handle.status, Status::Ok);
    for (name, expected) in [
        ("event_type", "OrderCreated"),
        ("event_id", event.id.as_str()),
        ("correlation_id", "request-7"),
        ("causation_id", "cause-1"),
        ("outcome", "handled"),
    ] {
        assert_eq!(attribute(handle, name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!((publish.name.as_ref(), &publish.span_kind), ("publish", &SpanKind::Producer));
    assert_eq!(publish.parent_span_id, handle.span_context.span_id());
    assert_eq!(attribute(publish, "events").as_deref(), Some("1"));

    let next = &published[0];
    assert_eq!(
        (next.correlation_id.as_str(), next.causation_id.as_deref()),
        ("request-7", Some(event.id.as_str()))
    );
    let expected = format!("00-{TRACE}-{}-01", handle.span_context.span_id());
    assert_eq!(next.trace.as_deref(), Some(expected.as_str()));
}

#[tokio::test]
async fn a_trace_of_x_ray_stays_one() {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let (spans, published, _) = handled("1", Some(header)).await;
    let handle = &spans[1];
    assert_eq!(handle.span_context.trace_id().to_string(), TRACE);
    let expected = format!(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent={};Sampled=1",
        handle.span_context.span_id()
    );
    assert_eq!(published[0].trace.as_deref(), Some(expected.as_str()));
}

#[tokio::test]
async fn what_is_not_sampled_is_not_exported_and_goes_on_all_the_same() {
    let (spans, published, _) =
        handled("1", Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00")).await;
    assert_eq!(spans.len(), 0);
    let trace = published[0].trace.as_deref().unwrap();
    assert!(trace.starts_with("00-5759e988bd862e3fe1be46a994272793-") && trace.ends_with("-00"), "{trace}");
}

#[tokio::test]
async fn an_event_without_a_trace_begins_one_and_a_failure_is_the_spans_status() {
    let (spans, published, _) = handled("broken", None).await;
    assert_eq!(published.len(), 0);
    assert!(spans[0].span_context.is_valid());
    assert_eq!(spans[0].parent_span_id, opentelemetry::trace::SpanId::INVALID);
    assert_eq!(spans[0].status, Status::error("the order is broken"));
    assert_eq!(attribute(&spans[0], "outcome").as_deref(), Some("failed for good"));
}
