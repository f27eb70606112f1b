//! Traces for OpenTelemetry, with the feature `otel`: one trace from the request through every event that it causes.
//!
//! The crate's `tracing` spans (`handle` for each event, `publish` for each call of a publisher) become OpenTelemetry's through the layer of
//! `tracing-opentelemetry`, which the application sets up with the exporter of its choice. With this feature
//!
//! - the span of a handler goes on with the trace that its event carries, a W3C `traceparent` or an X-Ray header, and has the event's type,
//!   correlation and causation as attributes, and the failure as its status;
//! - an event made within a span carries that span as its trace, in the form that came in, and otherwise as a `traceparent`. So the next handler's
//!   span is its child, in whatever process it runs.
//!
//! ```no_run
//! use opentelemetry::trace::TracerProvider as _;
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! // With an exporter, such as that of the crate opentelemetry-otlp.
//! let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
//! let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
//! tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
//! ```

use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::envelope::Envelope;
use crate::handler::HandleError;

/// The span that a trace names: a W3C `traceparent`, or the value of an `X-Amzn-Trace-Id` header. `None` if it is neither.
///
/// An X-Ray header that names no parent, as services write at the beginning of a trace, gets one made of its trace id, so that the trace goes on. One that
/// leaves open whether the trace is sampled counts as sampled.
///
/// ```
/// let w3c = pontoon::otel::span_context("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01").unwrap();
/// let x_ray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// assert_eq!(pontoon::otel::span_context(x_ray).unwrap(), w3c);
/// assert_eq!(pontoon::otel::span_context("no trace"), None);
/// ```
#[must_use]
pub fn span_context(trace: &str) -> Option<SpanContext> {
    let context = if is_x_ray(trace) { of_x_ray(trace) } else { of_w3c(trace) };
    context.filter(SpanContext::is_valid)
}

/// A span as W3C writes it.
///
/// ```
/// let text = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00";
/// assert_eq!(pontoon::otel::traceparent(&pontoon::otel::span_context(text).unwrap()), text);
/// ```
#[must_use]
pub fn traceparent(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
}

/// A span as X-Ray writes it.
///
/// ```
/// let span = pontoon::otel::span_context("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01").unwrap();
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// assert_eq!(pontoon::otel::x_ray_header(&span), header);
/// ```
#[must_use]
pub fn x_ray_header(span: &SpanContext) -> String {
    let trace = span.trace_id().to_string();
    let (time, unique) = trace.split_at(8);
    format!("Root=1-{time}-{unique};Parent={};Sampled={}", span.span_id(), u8::from(span.is_sampled()))
}

/// The span in which the caller runs as a `traceparent`, if it is part of a trace: for a [`Cause`](crate::Cause) that begins with a request.
///
/// ```
/// use pontoon::{Cause, otel};
/// let request = Cause { trace: otel::current_trace(), ..Cause::new("request-7") };
/// assert_eq!(request.trace, None);
/// ```
#[must_use]
pub fn current_trace() -> Option<String> {
    current().map(|span| traceparent(&span))
}

fn current() -> Option<SpanContext> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

/// What an event made now carries whose cause carries `trace`: the present span in the same form, or where there is none what the cause carries.
pub(crate) fn carried_on(trace: Option<String>) -> Option<String> {
    match current() {
        Some(span) if trace.as_deref().is_some_and(is_x_ray) => Some(x_ray_header(&span)),
        Some(span) => Some(traceparent(&span)),
        None => trace,
    }
}

/// Has the span of a handler go on with its event's trace.
pub(crate) fn begin_handling<T>(span: &Span, event: &Envelope<T>) {
    span.record("otel.name", format!("handle {}", event.event_type));
    span.record("otel.kind", "consumer");
    let remote = event.trace.as_deref().and_then(span_context);
    if let Some(remote) = remote {
        let parent = opentelemetry::Context::new().with_remote_span_context(remote);
        // Without a layer of OpenTelemetry's there is nothing to go on with.
        let _ = span.set_parent(parent);
    }
}

/// Tells the span how its handler ended.
pub(crate) fn end_handling(span: &Span, outcome: &Result<(), HandleError>) {
    span.set_status(match outcome {
        Ok(()) => Status::Ok,
        Err(error) => Status::error(error.reason()),
    });
}

fn is_x_ray(trace: &str) -> bool {
    trace.contains("Root=")
}

/// `00-TRACE-SPAN-FLAGS` in lower-case hexadecimal; later versions may say more behind that (W3C Trace Context, "Versioning of traceparent").
fn of_w3c(trace: &str) -> Option<SpanContext> {
    let mut parts = trace.trim().splitn(5, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    hexadecimal(version, 2)?;
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let is_sampled = hexadecimal(flags, 2)? & 1 == 1;
    Some(remote(hexadecimal(trace, 32)?, hexadecimal(span, 16)?, is_sampled))
}

/// `Root=1-TIME-UNIQUE;Parent=SPAN;Sampled=1`, in any order and with other fields beside (X-Ray developer guide, "Tracing header").
fn of_x_ray(header: &str) -> Option<SpanContext> {
    let field =
        |name: &str| header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let (time, unique) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
    let trace = (hexadecimal(time, 8)? << 96) | hexadecimal(unique, 24)?;
    let span = match field("Parent") {
        Some(parent) => hexadecimal(parent, 16)?,
        None => trace & u128::from(u64::MAX),
    };
    Some(remote(trace, span, field("Sampled") != Some("0")))
}

fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_plain { u128::from_str_radix(text, 16).ok() } else { None }
}

fn remote(trace: u128, span: u128, is_sampled: bool) -> SpanContext {
    let [.., a, b, c, d, e, f, g, h] = span.to_be_bytes();
    let span = SpanId::from_bytes([a, b, c, d, e, f, g, h]);
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    SpanContext::new(TraceId::from_bytes(trace.to_be_bytes()), span, flags, true, TraceState::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_of_either_form_name_a_span() {
        let trace = "5759e988bd862e3fe1be46a994272793";
        for (text, expected) in [
            ("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", Some("53995c3f42cd8ad8 true")),
            ("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00", Some("53995c3f42cd8ad8 false")),
            ("01-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-03-more", Some("53995c3f42cd8ad8 true")),
            (
                "Sampled=1;Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
                Some("53995c3f42cd8ad8 true"),
            ),
            (
                "Self=1-0-0; Root=1-5759e988-bd862e3fe1be46a994272793; Parent=53995c3f42cd8ad8; Sampled=0;Lineage=1",
                Some("53995c3f42cd8ad8 false"),
            ),
            ("Root=1-5759e988-bd862e3fe1be46a994272793", Some("e1be46a994272793 true")),
            ("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?", Some("e1be46a994272793 true")),
            ("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01-more", None),
            ("ff-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", None),
            ("00-5759E988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", None),
            ("00-00000000000000000000000000000000-53995c3f42cd8ad8-01", None),
            ("00-5759e988bd862e3fe1be46a994272793-0000000000000000-01", None),
            ("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8", None),
            ("Root=1-5759e988-bd862e3fe1be46a99427279;Parent=53995c3f42cd8ad8", None),
            ("Root=2-5759e988-bd862e3fe1be46a994272793", None),
            ("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=\u{e9}", None),
            ("", None),
            ("-", None),
        ] {
            let found = span_context(text).map(|span| {
                assert_eq!(span.trace_id().to_string(), trace);
                assert!(span.is_remote());
                format!("{} {}", span.span_id(), span.is_sampled())
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
