//! One event, handled: in its scope and span, with its panics caught, and told of.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tower::{Service, ServiceExt};
use tracing::{Instrument, field};

use super::{BoxError, Delivery, HandleError};

/// How the handling of an event went, as metrics are told.
///
/// ```
/// use pontoon::handler::Handled;
/// fn slow(handled: &Handled) -> bool {
///     handled.took.as_secs() > 1
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Handled {
    /// The event's type.
    pub event_type: String,
    /// Which attempt it was, from one.
    pub attempt: u32,
    /// How long the handler took.
    pub took: Duration,
    /// How old the event was when its handler began.
    pub age: Duration,
    /// Whether it failed, and if so whether for good.
    pub failed: Option<Failed>,
}

/// How a handler failed.
///
/// ```
/// use pontoon::handler::Handled;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// For good.
    Permanently,
    /// For now.
    Transiently,
}

/// Has `service` handle one event in the scope and span of the event; a panic is a failure that can pass.
pub(crate) async fn attend<S>(service: S, delivery: Delivery) -> (Handled, Result<(), HandleError>)
where
    S: Service<Delivery, Response = ()>,
    S::Error: Into<BoxError>,
{
    let envelope = &delivery.envelope;
    let age = jiff::Timestamp::now().duration_since(envelope.time);
    let mut handled = Handled {
        event_type: envelope.event_type.clone().into_owned(),
        attempt: delivery.context.attempt,
        took: Duration::ZERO,
        age: Duration::try_from(age).unwrap_or_default(),
        failed: None,
    };
    let span = tracing::info_span!(
        "handle",
        event_type = %envelope.event_type,
        event_id = %envelope.id,
        correlation_id = %envelope.correlation_id,
        causation_id = envelope.causation_id.as_deref(),
        tenant = envelope.tenant.as_deref(),
        message_id = %delivery.context.message_id,
        attempt = delivery.context.attempt,
        outcome = field::Empty,
        otel.name = field::Empty,
        otel.kind = field::Empty,
    );
    #[cfg(feature = "otel")]
    crate::otel::begin_handling(&span, envelope);
    let cause = envelope.cause();
    let began = Instant::now();
    let outcome = cause.scope(guarded(service, delivery)).instrument(span.clone()).await;
    handled.took = began.elapsed();
    handled.failed = match &outcome {
        Ok(()) => None,
        Err(error) if error.is_permanent() => Some(Failed::Permanently),
        Err(_) => Some(Failed::Transiently),
    };
    span.in_scope(|| tell(&span, &handled, &outcome));
    #[cfg(feature = "otel")]
    crate::otel::end_handling(&span, &outcome);
    (handled, outcome)
}

fn tell(span: &tracing::Span, handled: &Handled, outcome: &Result<(), HandleError>) {
    let took_ms = handled.took.as_secs_f64() * 1000.0;
    match outcome {
        Ok(()) => {
            span.record("outcome", "handled");
            tracing::debug!(took_ms, "handled");
        }
        Err(error) if error.is_permanent() => {
            span.record("outcome", "failed for good");
            tracing::error!(took_ms, reason = %error, "failed for good");
        }
        Err(error) => {
            span.record("outcome", "failed");
            tracing::warn!(took_ms, reason = %error, "failed, to be tried again");
        }
    }
}

/// Runs the service, no longer than the host has time; what panics has failed.
async fn guarded<S>(service: S, delivery: Delivery) -> Result<(), HandleError>
where
    S: Service<Delivery, Response = ()>,
    S::Error: Into<BoxError>,
{
    let deadline = delivery.context.deadline;
    let handling = async { service.oneshot(delivery).await.map_err(HandleError::from_box) };
    let handling = catching(handling);
    let Some(deadline) = deadline else { return handling.await };
    let outcome = tokio::time::timeout_at(deadline.into(), handling).await;
    outcome
        .unwrap_or_else(|_| Err(HandleError::transient("the host's deadline came before the handler's end")))
}

/// A future whose panic is its error.
async fn catching(future: impl Future<Output = Result<(), HandleError>>) -> Result<(), HandleError> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // A future that panicked is not polled again, so nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(HandleError::transient(format!("panicked: {}", words(&*panic))))),
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}
