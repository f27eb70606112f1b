//! Gives events their payloads back.

use std::task::{Context, Poll};

use tower::{Layer, Service, ServiceExt};

use super::HandlingFuture;
use crate::claim::Claims;
use crate::handler::{BoxError, Delivery, HandleError};

/// Gives events whose payload was checked in ([`claim_check`](crate::publish::Publisher::claim_check)) their payload back before they are handled.
/// A payload that is missing or damaged fails the event for good, a store that cannot be reached in a way that can pass. Its place is around
/// [`Validate`](super::Validate) and [`Idempotent`](super::Idempotent), which look at payloads.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pontoon::claim::{Claims, MemoryClaims};
/// use pontoon::handler::{Context, Delivery, HandleError, Router};
/// use pontoon::middleware::Redeem;
/// use pontoon::{DomainEvent, Envelope};
/// use tower::{Layer, ServiceExt};
///
/// #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "report-service")]
/// struct ReportWritten { text: String }
///
/// let claims = Claims::new(MemoryClaims::default());
/// let router = Router::new().on(async |report: Envelope<ReportWritten>, _| {
///     if report.payload.text.len() == 2_000_000 { Ok(()) } else { Err(HandleError::permanent("too short")) }
/// });
/// let service = Redeem::new(claims.clone()).layer(router);
/// let report = Envelope::new(ReportWritten { text: "x".repeat(2_000_000) }).encode().unwrap();
/// let light = claims.check_in(report).await.unwrap();
/// service.oneshot(Delivery { envelope: light, context: Context::new("1") }).await.unwrap();
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Redeem {
    claims: Claims,
}

impl Redeem {
    /// Redeems these claims.
    ///
    /// ```
    /// use pontoon::claim::{Claims, MemoryClaims};
    /// let layer = pontoon::middleware::Redeem::new(Claims::new(MemoryClaims::default()));
    /// ```
    #[must_use]
    pub fn new(claims: Claims) -> Self {
        Self { claims }
    }
}

impl<S> Layer<S> for Redeem {
    type Service = RedeemService<S>;

    fn layer(&self, inner: S) -> RedeemService<S> {
        RedeemService { inner, claims: self.claims.clone() }
    }
}

/// The service of [`Redeem`].
///
/// ```
/// use pontoon::claim::{Claims, MemoryClaims};
/// use tower::Layer;
/// let service = pontoon::middleware::Redeem::new(Claims::new(MemoryClaims::default())).layer(pontoon::handler::Router::new());
/// ```
#[derive(Clone)]
pub struct RedeemService<S> {
    inner: S,
    claims: Claims,
}

impl<S> Service<Delivery> for RedeemService<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + 'static,
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
        let (claims, inner) = (self.claims.clone(), self.inner.clone());
        Box::pin(async move {
            let envelope =
                claims.redeem(delivery.envelope).await.map_err(|error| match error.is_transient() {
                    true => HandleError::transient(error),
                    false => HandleError::permanent(error),
                })?;
            let handling = inner.oneshot(Delivery { envelope, ..delivery });
            handling.await.map_err(HandleError::from_box)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{ClaimError, ClaimFuture, ClaimStore};
    use crate::handler;
    use crate::{Envelope, publish::Refusal};

    /// A store that knows no key, or cannot be reached.
    struct Failing {
        is_reachable: bool,
    }

    impl ClaimStore for Failing {
        fn put<'a>(&'a self, _: &'a str, _: String) -> ClaimFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }

        fn get<'a>(&'a self, key: &'a str) -> ClaimFuture<'a, String> {
            let key = key.to_owned();
            let refusal = Refusal { code: "SlowDown".into(), message: "later".into(), is_transient: true };
            let error = if self.is_reachable {
                ClaimError::Missing { key }
            } else {
                ClaimError::Store { key, refusal }
            };
            Box::pin(async { Err(error) })
        }
    }

    #[tokio::test]
    async fn what_trying_again_does_not_cure_fails_for_good() {
        for is_reachable in [true, false] {
            let claims = Claims::new(Failing { is_reachable });
            let payload = serde_json::from_str("1").unwrap();
            let event = Envelope::bare("event".into(), "T", "s", jiff::Timestamp::UNIX_EPOCH, payload);
            let envelope = claims.check_in(event).await.unwrap();
            let service = Redeem::new(claims).layer(handler::Router::new());
            let delivery = Delivery { envelope, context: handler::Context::new("1") };
            assert_eq!(service.oneshot(delivery).await.unwrap_err().is_permanent(), is_reachable);
        }
    }
}
