//! Ends handlers that take too long.

use std::task::{Context, Poll};
use std::time::Duration;

use tower::{Layer, Service};

use super::HandlingFuture;
use crate::handler::{BoxError, Delivery, HandleError};

/// Ends a handler after a time, as a failure that can pass.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use pontoon::handler::{Context, Delivery, HandleError};
/// use pontoon::middleware::Timeout;
/// use pontoon::{Envelope, EventId};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let endless = service_fn(|_: Delivery| std::future::pending::<Result<(), HandleError>>());
/// let payload = serde_json::from_str("{}").unwrap();
/// let envelope = Envelope::bare(EventId::from("1"), "OrderCreated", "shop", jiff::Timestamp::now(), payload);
/// let delivery = Delivery { envelope, context: Context::new("1") };
/// let error = Timeout::new(Duration::from_millis(1)).layer(endless).oneshot(delivery).await.unwrap_err();
/// assert_eq!(error.reason(), "not handled within 1ms");
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    after: Duration,
}

impl Timeout {
    /// Ends handlers after this time.
    ///
    /// ```
    /// let layer = pontoon::middleware::Timeout::new(std::time::Duration::from_secs(10));
    /// ```
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        Self { after }
    }
}

impl<S> Layer<S> for Timeout {
    type Service = TimeoutService<S>;

    fn layer(&self, inner: S) -> TimeoutService<S> {
        TimeoutService { inner, after: self.after }
    }
}

/// The service of [`Timeout`].
///
/// ```
/// use tower::Layer;
/// let service = pontoon::middleware::Timeout::new(std::time::Duration::from_secs(1)).layer(pontoon::handler::Router::new());
/// ```
#[derive(Clone, Debug)]
pub struct TimeoutService<S> {
    inner: S,
    after: Duration,
}

impl<S> Service<Delivery> for TimeoutService<S>
where
    S: Service<Delivery, Response = ()>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = HandleError;
    type Future = HandlingFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), HandleError>> {
        self.inner.poll_ready(context).map_err(HandleError::from_box)
    }

    fn call(&mut self, delivery: Delivery) -> HandlingFuture {
        let after = self.after;
        let handling = self.inner.call(delivery);
        Box::pin(async move {
            match tokio::time::timeout(after, handling).await {
                Ok(outcome) => outcome.map_err(HandleError::from_box),
                Err(_) => Err(HandleError::transient(format!("not handled within {after:?}"))),
            }
        })
    }
}
