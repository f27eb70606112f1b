//! Gives each event to the handler of its type.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tower::Service;

use super::{Context, Delivery, HandleError};
use crate::envelope::Envelope;
use crate::event::{DomainEvent, EventType};

type Handling = Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send>>;
type Route = Arc<dyn Fn(Delivery) -> Handling + Send + Sync>;

/// What becomes of events that no handler is for.
///
/// ```
/// use pontoon::handler::{Router, Unrouted};
/// let router = Router::new().unrouted(Unrouted::Skip);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unrouted {
    /// They fail for good, and so go to the dead-letter queue: a rule sends what nobody expects.
    #[default]
    Fail,
    /// They count as handled.
    Skip,
}

/// Gives each event, decoded, to the handler of its type. A `tower::Service<Delivery>`; clones share the handlers.
///
/// ```
/// use pontoon::handler::{Context, Delivery, HandleError, Router};
/// use pontoon::{DomainEvent, Envelope};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service")]
/// struct OrderCreated { order_id: String }
///
/// #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "payment-service", prefix = "Payment")]
/// enum PaymentEvent { Received { amount: f64 }, Refused { reason: String } }
///
/// async fn ship(order: Envelope<OrderCreated>, context: Context) -> Result<(), HandleError> {
///     if context.attempt > 3 {
///         return Err(HandleError::permanent(format!("{} cannot be shipped", order.payload.order_id)));
///     }
///     Ok(())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let router = Router::new().on(ship).on(async |payment: Envelope<PaymentEvent>, _| {
///     match payment.payload {
///         PaymentEvent::Received { .. } => Ok(()),
///         PaymentEvent::Refused { reason } => Err(HandleError::permanent(reason)),
///     }
/// });
/// let refused = Envelope::new(PaymentEvent::Refused { reason: "no money".into() });
/// let delivery = Delivery { envelope: refused.encode().unwrap(), context: Context::new("1") };
/// assert_eq!(router.handle(delivery).await.unwrap_err().reason(), "no money");
/// # });
/// ```
#[derive(Clone, Default)]
pub struct Router {
    routes: Arc<HashMap<&'static str, Route>>,
    types: Arc<Vec<EventType>>,
    unrouted: Unrouted,
}

impl Router {
    /// A router without handlers.
    ///
    /// ```
    /// assert!(pontoon::handler::Router::new().types().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has `handler` handle events of every type that `T` stands for. Events that are not `T`s, by their JSON, fail for good.
    ///
    /// # Panics
    /// If there is a handler for one of the types already.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// use pontoon::handler::Router;
    ///
    /// let gateway = std::sync::Arc::new(String::from("https://pay.example"));
    /// let router = Router::new().on(move |order: Envelope<OrderCreated>, _context| {
    ///     let gateway = gateway.clone();
    ///     async move {
    ///         println!("{} is paid at {gateway}", order.payload.amount);
    ///         Ok(())
    ///     }
    /// });
    /// assert_eq!(router.types()[0].name, "OrderCreated");
    /// ```
    #[must_use]
    pub fn on<T, F, Fut>(mut self, handler: F) -> Self
    where
        T: DomainEvent,
        F: Fn(Envelope<T>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandleError>> + Send + 'static,
    {
        let route: Route = Arc::new(move |delivery: Delivery| {
            let Delivery { envelope, context } = delivery;
            match envelope.decode::<T>() {
                Ok(envelope) => Box::pin(handler(envelope, context)),
                Err(error) => Box::pin(std::future::ready(Err(HandleError::permanent(error)))),
            }
        });
        for kind in T::TYPES {
            let before = Arc::make_mut(&mut self.routes).insert(kind.name, Arc::clone(&route));
            assert!(before.is_none(), "there is a handler for {} already", kind.name);
            Arc::make_mut(&mut self.types).push(*kind);
        }
        self
    }

    /// Decides what becomes of events that no handler is for.
    ///
    /// ```
    /// use pontoon::handler::{Router, Unrouted};
    /// let router = Router::new().unrouted(Unrouted::Skip);
    /// ```
    #[must_use]
    pub fn unrouted(self, unrouted: Unrouted) -> Self {
        Self { unrouted, ..self }
    }

    /// The types that there are handlers for: what a rule has to match.
    ///
    /// ```
    /// assert!(pontoon::handler::Router::new().types().is_empty());
    /// ```
    #[must_use]
    pub fn types(&self) -> &[EventType] {
        &self.types
    }

    /// Handles one event, as a unit test does.
    ///
    /// # Errors
    /// The handler's; a permanent one if the event cannot be decoded, or nothing handles its type.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use pontoon::handler::{Context, Delivery, Router};
    /// use pontoon::{Envelope, EventId};
    ///
    /// let payload = serde_json::from_str("{}").unwrap();
    /// let event = Envelope::bare(EventId::from("1"), "OrderLost", "order-service", jiff::Timestamp::now(), payload);
    /// let delivery = Delivery { envelope: event, context: Context::new("1") };
    /// let error = Router::new().handle(delivery).await.unwrap_err();
    /// assert_eq!(error.reason(), "nothing handles events of type \"OrderLost\"");
    /// # });
    /// ```
    pub fn handle(&self, delivery: Delivery) -> impl Future<Output = Result<(), HandleError>> + Send + use<> {
        let name = delivery.envelope.event_type.as_ref();
        match (self.routes.get(name), self.unrouted) {
            (Some(route), _) => route(delivery),
            (None, Unrouted::Skip) => Box::pin(std::future::ready(Ok(()))),
            (None, Unrouted::Fail) => {
                let reason = format!("nothing handles events of type {name:?}");
                Box::pin(std::future::ready(Err(HandleError::permanent(reason))))
            }
        }
    }
}

impl Service<Delivery> for Router {
    type Response = ();
    type Error = HandleError;
    type Future = Handling;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), HandleError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Handling {
        Box::pin(self.handle(delivery))
    }
}
