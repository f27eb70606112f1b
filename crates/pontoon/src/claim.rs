//! The claim check: payloads above what a service carries are kept elsewhere, and the event carries a claim to them.
//!
//! ```
//! use pontoon::claim::{Claims, MemoryClaims};
//! use pontoon::{Envelope, EventId};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let claims = Claims::new(MemoryClaims::default());
//! let payload = serde_json::value::to_raw_value(&"x".repeat(2_000_000)).unwrap();
//! let large = Envelope::bare(EventId::generate(), "ReportWritten", "report-service", jiff::Timestamp::now(), payload.into());
//! let light = claims.check_in(large.clone()).await.unwrap();
//! assert!(light.payload.get().len() < 100);
//! assert_eq!(claims.redeem(light).await.unwrap(), large);
//! # });
//! ```

#[cfg(feature = "claim-check")]
mod s3;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::envelope::{Envelope, RawPayload};
use crate::publish::Refusal;
#[cfg(feature = "claim-check")]
pub use s3::BucketClaims;

/// What a [`ClaimStore`] is doing.
///
/// ```
/// fn done() -> pontoon::claim::ClaimFuture<'static, ()> { Box::pin(async { Ok(()) }) }
/// # drop(done());
/// ```
pub type ClaimFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ClaimError>> + Send + 'a>>;

/// Why a payload was not kept or not found.
///
/// ```
/// let error = pontoon::claim::ClaimError::Missing { key: "018f".into() };
/// assert!(!error.is_transient());
/// assert_eq!(error.to_string(), "there is no payload for claim \"018f\"");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// Nothing is kept under this key: it has expired, or the store is another one.
    #[error("there is no payload for claim {key:?}")]
    Missing {
        /// The key.
        key: String,
    },
    /// What is kept is not what was checked in.
    #[error("the payload for claim {key:?} is damaged: {reason}")]
    Damaged {
        /// The key.
        key: String,
        /// How.
        reason: String,
    },
    /// The store did not do it.
    #[error("claim {key:?}: {refusal}")]
    Store {
        /// The key.
        key: String,
        /// What it said.
        refusal: Refusal,
    },
}

impl ClaimError {
    /// Whether the same may succeed later.
    ///
    /// ```
    /// use pontoon::claim::ClaimError;
    /// use pontoon::publish::Refusal;
    /// let refusal = Refusal { code: "SlowDown".into(), message: "Reduce your request rate".into(), is_transient: true };
    /// assert!(ClaimError::Store { key: "018f".into(), refusal }.is_transient());
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store { refusal, .. } if refusal.is_transient)
    }
}

/// Keeps payloads by key. What is kept must outlast the longest way of an event, dead-letter queues and replays included; expiry is the store's
/// concern (a bucket's lifecycle rule).
///
/// ```
/// use pontoon::claim::{ClaimFuture, ClaimStore};
///
/// /// Refuses everything.
/// struct Nowhere;
///
/// impl ClaimStore for Nowhere {
///     fn put<'a>(&'a self, key: &'a str, _: String) -> ClaimFuture<'a, ()> {
///         Box::pin(async move { Err(pontoon::claim::ClaimError::Missing { key: key.to_owned() }) })
///     }
///     fn get<'a>(&'a self, key: &'a str) -> ClaimFuture<'a, String> {
///         Box::pin(async move { Err(pontoon::claim::ClaimError::Missing { key: key.to_owned() }) })
///     }
/// }
/// ```
pub trait ClaimStore: Send + Sync + 'static {
    /// Keeps a payload. The same key comes again with the same payload, when an event is published again.
    fn put<'a>(&'a self, key: &'a str, payload: String) -> ClaimFuture<'a, ()>;

    /// The payload that is kept under `key`.
    fn get<'a>(&'a self, key: &'a str) -> ClaimFuture<'a, String>;
}

/// Payloads kept in memory, for tests and for what does not leave the process.
///
/// ```
/// use pontoon::claim::{Claims, MemoryClaims};
/// let claims = Claims::new(MemoryClaims::default());
/// # drop(claims);
/// ```
#[derive(Debug, Default)]
pub struct MemoryClaims(Mutex<HashMap<String, String>>);

impl ClaimStore for MemoryClaims {
    fn put<'a>(&'a self, key: &'a str, payload: String) -> ClaimFuture<'a, ()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(key.to_owned(), payload);
        Box::pin(std::future::ready(Ok(())))
    }

    fn get<'a>(&'a self, key: &'a str) -> ClaimFuture<'a, String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let payload = kept.get(key).cloned();
        let payload = payload.ok_or_else(|| ClaimError::Missing { key: key.to_owned() });
        Box::pin(std::future::ready(payload))
    }
}

/// Checks payloads in and redeems them. The payload of an event that was checked in is `{"claimCheck": {"key": …, "bytes": …}}`; no event may have
/// a payload of its own with that as its only field.
///
/// ```
/// use pontoon::claim::{Claims, MemoryClaims};
/// let claims = Claims::new(MemoryClaims::default()).above(200 * 1024);
/// assert_eq!(claims.bytes_max(), 204_800);
/// ```
#[derive(Clone)]
pub struct Claims {
    store: Arc<dyn ClaimStore>,
    bytes_max: usize,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Light {
    claim_check: Claim,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    key: String,
    bytes: usize,
}

impl Claims {
    /// Claims to payloads in `store`, without a limit of its own above which a publisher checks payloads in.
    ///
    /// ```
    /// # use pontoon::claim::{Claims, MemoryClaims};
    /// assert_eq!(Claims::new(MemoryClaims::default()).bytes_max(), usize::MAX);
    /// ```
    pub fn new(store: impl ClaimStore) -> Self {
        Self { store: Arc::new(store), bytes_max: usize::MAX }
    }

    /// Publishers check in what would make an event larger than this.
    ///
    /// ```
    /// # use pontoon::claim::{Claims, MemoryClaims};
    /// assert_eq!(Claims::new(MemoryClaims::default()).above(1000).bytes_max(), 1000);
    /// ```
    #[must_use]
    pub fn above(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    /// The size of an event above which publishers check its payload in.
    ///
    /// ```
    /// # use pontoon::claim::{Claims, MemoryClaims};
    /// assert_eq!(Claims::new(MemoryClaims::default()).bytes_max(), usize::MAX);
    /// ```
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Keeps the payload, under the event's id, and gives the event with a claim to it.
    ///
    /// # Errors
    /// If the store does not keep it.
    ///
    /// ```
    /// # use pontoon::{Envelope, RawPayload, claim::{ClaimError, Claims}};
    /// # async fn example(claims: Claims, large: Envelope<RawPayload>) -> Result<(), ClaimError> {
    /// let light = claims.check_in(large).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check_in(&self, event: Envelope<RawPayload>) -> Result<Envelope<RawPayload>, ClaimError> {
        let key = event.id.as_str().to_owned();
        let payload = event.payload.get().to_owned();
        let light = Light { claim_check: Claim { bytes: payload.len(), key } };
        self.store.put(&light.claim_check.key, payload).await?;
        let written = serde_json::value::to_raw_value(&light);
        let written = written.map_err(|error| damaged(&light.claim_check.key, error.to_string()))?;
        Ok(event.map(|_| written.into()))
    }

    /// Gives an event its payload back if it carries a claim, and the event as it is if not.
    ///
    /// # Errors
    /// If the payload is missing or damaged, which trying again does not cure, or the store failed.
    ///
    /// ```
    /// # use pontoon::{Envelope, RawPayload, claim::{ClaimError, Claims}};
    /// # async fn example(claims: Claims, received: Envelope<RawPayload>) -> Result<(), ClaimError> {
    /// let whole = claims.redeem(received).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn redeem(&self, event: Envelope<RawPayload>) -> Result<Envelope<RawPayload>, ClaimError> {
        let Some(Claim { key, bytes }) = claim_of(&event.payload) else { return Ok(event) };
        let payload = self.store.get(&key).await?;
        if payload.len() != bytes {
            return Err(damaged(&key, format!("it has {} bytes, not {bytes}", payload.len())));
        }
        let payload = RawValue::from_string(payload).map_err(|error| damaged(&key, error.to_string()))?;
        Ok(event.map(|_| payload.into()))
    }
}

/// The claim that stands for a payload, if one does.
fn claim_of(payload: &RawPayload) -> Option<Claim> {
    // Most payloads are none, and told so at a glance.
    let is_likely =
        payload.get().trim_start().trim_start_matches('{').trim_start().starts_with("\"claimCheck\"");
    let light: Light = is_likely.then(|| serde_json::from_str(payload.get()).ok())??;
    Some(light.claim_check)
}

fn damaged(key: &str, reason: String) -> ClaimError {
    ClaimError::Damaged { key: key.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(payload: &str) -> Envelope<RawPayload> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        Envelope::bare("event".into(), "T", "s", jiff::Timestamp::UNIX_EPOCH, payload.into())
    }

    #[tokio::test]
    async fn a_payload_comes_back_byte_for_byte() {
        let claims = Claims::new(MemoryClaims::default());
        let large = event(r#"{ "amount": 1.00, "text": "ü" }"#);
        let light = claims.check_in(large.clone()).await.unwrap();
        assert_eq!(light.payload.get(), r#"{"claimCheck":{"key":"event","bytes":32}}"#);
        assert_eq!(claims.redeem(light).await.unwrap(), large);
    }

    #[tokio::test]
    async fn events_without_a_claim_stay_as_they_are() {
        let claims = Claims::new(MemoryClaims::default());
        for payload in
            ["null", "{}", r#"{"claimCheck":1}"#, r#"{"claimCheck":{"key":"k","bytes":1},"more":1}"#]
        {
            assert_eq!(claims.redeem(event(payload)).await.unwrap().payload.get(), payload);
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_damaged_is_told() {
        let store = MemoryClaims::default();
        store.put("cut", "{\"a\":".to_owned()).await.unwrap();
        let claims = Claims::new(store);
        for (key, bytes, expected) in [
            ("gone", 5, "there is no payload for claim \"gone\""),
            ("cut", 6, "the payload for claim \"cut\" is damaged: it has 5 bytes, not 6"),
            (
                "cut",
                5,
                "the payload for claim \"cut\" is damaged: EOF while parsing a value at line 1 column 5",
            ),
        ] {
            let light = event(&format!(r#"{{ "claimCheck": {{"key":"{key}","bytes":{bytes}}} }}"#));
            let error = claims.redeem(light).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(!error.is_transient());
        }
    }
}
