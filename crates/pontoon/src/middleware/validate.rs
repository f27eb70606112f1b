//! Refuses events that break their schema.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::HandlingFuture;
use crate::handler::{BoxError, Delivery, HandleError};
use crate::schema::EventSchemas;

/// Refuses, for good, events that break their schema; which path of the event and which rule of the schema stands in the reason.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pontoon::handler::{Context, Delivery, Router, Unrouted};
/// use pontoon::middleware::Validate;
/// use pontoon::schema::EventSchemas;
/// use pontoon::{DomainEvent, Envelope};
/// use tower::{Layer, ServiceExt};
///
/// #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service")]
/// struct OrderCreated {
///     #[schemars(range(min = 0.0))]
///     amount: f64,
/// }
///
/// let layer = Validate::new(EventSchemas::of::<OrderCreated>().unwrap());
/// let service = layer.layer(Router::new().unrouted(Unrouted::Skip));
/// let envelope = Envelope::new(OrderCreated { amount: -1.0 }).encode().unwrap();
/// let error = service.oneshot(Delivery { envelope, context: Context::new("1") }).await.unwrap_err();
/// assert!(error.is_permanent());
/// assert!(error.reason().contains("/amount: -1.0 is less than the minimum of 0.0"));
/// # });
/// ```
#[derive(Clone)]
pub struct Validate {
    schemas: Arc<EventSchemas>,
}

impl Validate {
    /// Validates by these schemas.
    ///
    /// ```
    /// use pontoon::schema::{EventSchemas, Validator};
    /// let any = EventSchemas::of_events(Validator::new(&serde_json::json!(true)).unwrap());
    /// let layer = pontoon::middleware::Validate::new(any);
    /// ```
    #[must_use]
    pub fn new(schemas: EventSchemas) -> Self {
        Self { schemas: Arc::new(schemas) }
    }
}

impl<S> Layer<S> for Validate {
    type Service = ValidateService<S>;

    fn layer(&self, inner: S) -> ValidateService<S> {
        ValidateService { inner, schemas: Arc::clone(&self.schemas) }
    }
}

/// The service of [`Validate`].
///
/// ```
/// use pontoon::schema::{EventSchemas, Validator};
/// use tower::Layer;
/// let any = EventSchemas::of_events(Validator::new(&serde_json::json!(true)).unwrap());
/// let service = pontoon::middleware::Validate::new(any).layer(pontoon::handler::Router::new());
/// ```
#[derive(Clone)]
pub struct ValidateService<S> {
    inner: S,
    schemas: Arc<EventSchemas>,
}

impl<S> Service<Delivery> for ValidateService<S>
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
        if let Err(invalid) = self.schemas.check(&delivery.envelope) {
            return Box::pin(std::future::ready(Err(HandleError::permanent(invalid))));
        }
        let handling = self.inner.call(delivery);
        Box::pin(async move { handling.await.map_err(HandleError::from_box) })
    }
}
