//! Handles each event once.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service, ServiceExt};

use super::HandlingFuture;
use crate::handler::{BoxError, Delivery, HandleError};
use crate::idempotency::Idempotency;

/// Handles each event once: a duplicate of one that was handled counts as handled, a duplicate of one being handled comes back later.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use pontoon::handler::{Context, Delivery, HandleError};
/// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
/// use pontoon::middleware::Idempotent;
/// use pontoon::{Envelope, EventId};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// static SHIPPED: AtomicU32 = AtomicU32::new(0);
/// let ship = service_fn(async |_: Delivery| {
///     SHIPPED.fetch_add(1, Ordering::Relaxed);
///     Ok::<_, HandleError>(())
/// });
/// let service = Idempotent::new(Idempotency::new(MemoryIdempotency::new()), "shipping").layer(ship);
/// let payload = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
/// let envelope = Envelope::bare(EventId::from("1"), "OrderCreated", "shop", jiff::Timestamp::now(), payload);
/// let delivery = Delivery { envelope, context: Context::new("1") };
/// service.clone().oneshot(delivery.clone()).await.unwrap();
/// service.oneshot(delivery).await.unwrap();
/// assert_eq!(SHIPPED.load(Ordering::Relaxed), 1);
/// # });
/// ```
#[derive(Clone)]
pub struct Idempotent {
    once: Idempotency,
    purpose: Arc<str>,
    key: Key,
}

type Key = Arc<dyn Fn(&Delivery) -> Option<String> + Send + Sync>;

impl Idempotent {
    /// Handles each event once, by its id. `purpose` names what these handlers do, so that others can share the store.
    ///
    /// ```
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// use pontoon::middleware::Idempotent;
    /// let layer = Idempotent::new(Idempotency::new(MemoryIdempotency::new()), "shipping");
    /// ```
    pub fn new(once: Idempotency, purpose: &str) -> Self {
        let key: Key = Arc::new(|delivery| Some(delivery.envelope.id.to_string()));
        Self { once, purpose: purpose.into(), key }
    }

    /// Takes the key from the payload, by JSON pointer (`/orderId`): events that agree in it are duplicates. An event without it fails for good.
    ///
    /// ```
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// use pontoon::middleware::Idempotent;
    /// let layer = Idempotent::new(Idempotency::new(MemoryIdempotency::new()), "shipping").by("/orderId");
    /// ```
    #[must_use]
    pub fn by(self, pointer: &'static str) -> Self {
        let key: Key = Arc::new(move |delivery| {
            let payload: serde_json::Value = serde_json::from_str(delivery.envelope.payload.get()).ok()?;
            payload.pointer(pointer).map(ToString::to_string)
        });
        Self { key, ..self }
    }
}

impl<S> Layer<S> for Idempotent {
    type Service = IdempotentService<S>;

    fn layer(&self, inner: S) -> IdempotentService<S> {
        IdempotentService { inner, layer: self.clone() }
    }
}

/// The service of [`Idempotent`].
///
/// ```
/// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
/// use pontoon::middleware::Idempotent;
/// use tower::Layer;
/// let layer = Idempotent::new(Idempotency::new(MemoryIdempotency::new()), "shipping");
/// let service = layer.layer(pontoon::handler::Router::new());
/// ```
#[derive(Clone)]
pub struct IdempotentService<S> {
    inner: S,
    layer: Idempotent,
}

impl<S> Service<Delivery> for IdempotentService<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ();
    type Error = HandleError;
    type Future = HandlingFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HandleError>> {
        // Whether the inner service is needed, and so must be ready, is known only when the store has been asked.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> HandlingFuture {
        let (inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(async move {
            let Some(key) = (layer.key)(&delivery) else {
                return Err(HandleError::permanent("the payload lacks the idempotency key"));
            };
            let key = format!("{}#{key}", layer.purpose);
            let payload = delivery.envelope.payload.clone();
            let handle = || async { inner.oneshot(delivery).await.map_err(HandleError::from_box) };
            layer.once.run(&key, &payload, handle).await
        })
    }
}
