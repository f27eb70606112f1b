//! Middleware: tower layers around a router.
//!
//! ```
//! use std::time::Duration;
//! use pontoon::function::Function;
//! use pontoon::handler::Router;
//! use pontoon::idempotency::{Idempotency, MemoryIdempotency};
//! use pontoon::middleware::{Idempotent, Timeout};
//! use tower::ServiceBuilder;
//!
//! let handlers = ServiceBuilder::new()
//!     .layer(Timeout::new(Duration::from_secs(10)))
//!     .layer(Idempotent::new(Idempotency::new(MemoryIdempotency::new()), "shipping"))
//!     .service(Router::new());
//! let function = Function::new(handlers);
//! ```
//!
//! Any layer of tower's fits whose service takes a [`Delivery`](crate::handler::Delivery) and answers `()`; what it fails with, a handler's
//! [`HandleError`] comes out of it as it went in, and everything else counts as a failure that can pass. Spans, caught
//! panics and the scope of the event need no layer: every host has them.

mod idempotent;
mod redeem;
mod timeout;
mod validate;

use std::future::Future;
use std::pin::Pin;

pub use idempotent::{Idempotent, IdempotentService};
pub use redeem::{Redeem, RedeemService};
pub use timeout::{Timeout, TimeoutService};
pub use validate::{Validate, ValidateService};

use crate::handler::HandleError;

/// The answer of a layer's service, still to come.
///
/// ```
/// use pontoon::handler::HandleError;
/// use pontoon::middleware::HandlingFuture;
///
/// fn refuse(reason: &'static str) -> HandlingFuture {
///     Box::pin(async move { Err(HandleError::permanent(reason)) })
/// }
/// ```
pub type HandlingFuture = Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send>>;
