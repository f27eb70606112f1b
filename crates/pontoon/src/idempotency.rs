//! Doing a thing once, though its event comes twice.
//!
//! Queues deliver at least once, functions are tried again, workers crash between the deed and the deletion. [`Idempotency`] remembers by a key (an
//! event's id, or something of its payload) what is being done and what has been, in DynamoDB or in memory:
//!
//! - Of duplicates at the same time one goes on; the others are told that it is [in progress](IdempotencyError::InProgress).
//! - Who goes on holds a lease, renewed while it works. If it crashes the lease runs out, and the next one goes on.
//! - What was done is not done again until it is forgotten; its result is given instead.
//! - The same key with another payload is a mistake of the sender, and is [refused](IdempotencyError::PayloadChanged).
//! - A deed that fails is forgotten at once, so that it can be tried again.
//!
//! A holder that outlives its lease (paused longer than it, cut off from the table) is fenced: it cannot overwrite what the next one has done, but what
//! it does elsewhere happens twice. No idempotency store can rule that out.

#[cfg(feature = "dynamodb")]
mod dynamodb;
mod memory;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDbIdempotency;
pub use memory::MemoryIdempotency;

use crate::handler::{BoxError, HandleError};

/// A store's answer, still to come.
///
/// ```
/// use pontoon::idempotency::{Begun, StoreFuture};
///
/// fn always_granted<'a>() -> StoreFuture<'a, Begun> {
///     Box::pin(async { Ok(Begun::Granted) })
/// }
/// ```
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// Where it is remembered what is being done and what has been.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::time::{Duration, SystemTime};
/// use pontoon::idempotency::{Begun, Claim, IdempotencyStore, MemoryIdempotency};
///
/// let store = MemoryIdempotency::new();
/// let now = SystemTime::now();
/// let claim = Claim { key: "order-1", fingerprint: "f", token: "t", now, lease_until: now + Duration::from_secs(60) };
/// assert_eq!(store.begin(&claim).await.unwrap(), Begun::Granted);
/// let second = Claim { token: "u", ..claim };
/// assert!(matches!(store.begin(&second).await.unwrap(), Begun::InProgress { .. }));
/// # });
/// ```
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Grants the key to the claim if nobody holds it: it was never claimed, is forgotten, or its holder's lease has run out.
    fn begin<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, Begun>;

    /// Moves the lease's end, if the claim still holds the key; whether it does.
    fn renew<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, bool>;

    /// Remembers the result until `forget_at`, if the claim still holds the key; whether it does.
    fn complete<'a>(
        &'a self,
        claim: &'a Claim<'a>,
        result: &'a str,
        forget_at: SystemTime,
    ) -> StoreFuture<'a, bool>;

    /// Forgets the key, if the claim still holds it.
    fn abandon<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, ()>;
}

/// Who wants to do what.
///
/// ```
/// use std::time::SystemTime;
/// let now = SystemTime::now();
/// let claim = pontoon::idempotency::Claim { key: "k", fingerprint: "f", token: "t", now, lease_until: now };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// What is to be done once.
    pub key: &'a str,
    /// Of the payload; the same key with another one is refused.
    pub fingerprint: &'a str,
    /// Who claims; unique to the attempt.
    pub token: &'a str,
    /// The present instant.
    pub now: SystemTime,
    /// When the claim ends unless it is renewed.
    pub lease_until: SystemTime,
}

/// What a store says to a claim.
///
/// ```
/// assert_ne!(pontoon::idempotency::Begun::Granted, pontoon::idempotency::Begun::PayloadChanged);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The claim holds the key now.
    Granted,
    /// Another one does.
    InProgress {
        /// When its lease ends.
        until: SystemTime,
    },
    /// It has been done.
    Done {
        /// With this result, JSON.
        result: String,
    },
    /// The key was used with another payload.
    PayloadChanged,
}

/// Why something was not done.
///
/// ```
/// use std::time::Duration;
/// let error = pontoon::idempotency::IdempotencyError::InProgress { ends_in: Duration::from_secs(3) };
/// assert_eq!(error.to_string(), "it is being done already, for at most 3s");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdempotencyError {
    /// Somebody does it already; trying again later gives the result.
    #[error("it is being done already, for at most {ends_in:?}")]
    InProgress {
        /// How long the lease lasts.
        ends_in: Duration,
    },
    /// The key {key} was used with another payload.
    #[error("the key {key:?} was used with another payload")]
    PayloadChanged {
        /// The key.
        key: String,
    },
    /// The store failed, so that nothing is known.
    #[error("the idempotency store: {0}")]
    Store(BoxError),
    /// What was remembered is not such a result, or the result cannot be remembered.
    #[error("the result: {0}")]
    Result(serde_json::Error),
}

/// Does things once. Clones share the store.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::handler::HandleError;
/// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
///
/// let once = Idempotency::new(MemoryIdempotency::new());
/// let charge = async || Ok::<_, HandleError>("receipt-7".to_owned());
/// assert_eq!(once.run("payment-1", &99.99, charge).await.unwrap(), "receipt-7");
/// // Not charged again, but the same receipt.
/// let never = async || -> Result<String, HandleError> { unreachable!() };
/// assert_eq!(once.run("payment-1", &99.99, never).await.unwrap(), "receipt-7");
/// # });
/// ```
#[derive(Clone)]
pub struct Idempotency {
    store: Arc<dyn IdempotencyStore>,
    lease: Duration,
    keep: Duration,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("lease", &self.lease)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl Idempotency {
    /// Remembers in `store`: leases of a minute, renewed at half time, results for a day.
    ///
    /// ```
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// let once = Idempotency::new(MemoryIdempotency::new());
    /// ```
    pub fn new(store: impl IdempotencyStore) -> Self {
        Self {
            store: Arc::new(store),
            lease: Duration::from_secs(60),
            keep: Duration::from_secs(24 * 60 * 60),
            clock: Arc::new(SystemTime::now),
        }
    }

    /// How long after the last sign of life of a holder the next one goes on; at least a second.
    ///
    /// ```
    /// use std::time::Duration;
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// let once = Idempotency::new(MemoryIdempotency::new()).lease(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease: lease.max(Duration::from_secs(1)), ..self }
    }

    /// How long a result is remembered: longer than the queue keeps messages, if nothing is to be done twice.
    ///
    /// ```
    /// use std::time::Duration;
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// let once = Idempotency::new(MemoryIdempotency::new()).keep(Duration::from_secs(14 * 24 * 60 * 60));
    /// ```
    #[must_use]
    pub fn keep(self, keep: Duration) -> Self {
        Self { keep, ..self }
    }

    /// Takes the time from `clock` instead of the machine; for tests.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// let once = Idempotency::new(MemoryIdempotency::new()).clock(|| SystemTime::UNIX_EPOCH);
    /// ```
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Runs `deed`, unless it was done under this key before: then its result is given. A deed that fails is forgotten.
    ///
    /// # Errors
    /// The deed's. [`IdempotencyError::InProgress`] and [`IdempotencyError::Store`] as failures that can pass,
    /// [`IdempotencyError::PayloadChanged`] as one that cannot.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use pontoon::handler::HandleError;
    /// use pontoon::idempotency::{Idempotency, MemoryIdempotency};
    /// let once = Idempotency::new(MemoryIdempotency::new());
    /// let fails = async || Err::<u8, _>(HandleError::transient("not now"));
    /// assert!(once.run("key", &"payload", fails).await.is_err());
    /// assert_eq!(once.run("key", &"payload", async || Ok(7)).await.unwrap(), 7);
    /// assert!(once.run("key", &"another", async || Ok(7)).await.unwrap_err().is_permanent());
    /// # });
    /// ```
    pub async fn run<T, Fut>(
        &self,
        key: &str,
        payload: &impl Serialize,
        deed: impl FnOnce() -> Fut,
    ) -> Result<T, HandleError>
    where
        T: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<T, HandleError>>,
    {
        let fingerprint = fingerprint(payload).map_err(HandleError::permanent)?;
        let token = uuid::Uuid::new_v4().to_string();
        let begun = self.store.begin(&self.claim(key, &fingerprint, &token)).await;
        match begun.map_err(IdempotencyError::Store)? {
            Begun::Granted => {}
            Begun::InProgress { until } => return Err(self.in_progress(until)),
            Begun::Done { result } => {
                return Ok(serde_json::from_str(&result).map_err(IdempotencyError::Result)?);
            }
            Begun::PayloadChanged => {
                return Err(HandleError::permanent(IdempotencyError::PayloadChanged { key: key.to_owned() }));
            }
        }
        let mut guard = Guard { once: self, key, fingerprint: &fingerprint, token: &token };
        let outcome = tokio::select! {
            outcome = deed() => outcome,
            () = guard.keep_alive() => Err(HandleError::transient("the lease was lost")),
        };
        guard.end(outcome).await
    }

    fn claim<'a>(&self, key: &'a str, fingerprint: &'a str, token: &'a str) -> Claim<'a> {
        let now = (self.clock)();
        Claim { key, fingerprint, token, now, lease_until: now + self.lease }
    }

    fn in_progress(&self, until: SystemTime) -> HandleError {
        let ends_in = until.duration_since((self.clock)()).unwrap_or_default();
        HandleError::transient(IdempotencyError::InProgress { ends_in }).retry_after(ends_in)
    }
}

/// A claim that was granted.
struct Guard<'a> {
    once: &'a Idempotency,
    key: &'a str,
    fingerprint: &'a str,
    token: &'a str,
}

impl Guard<'_> {
    fn claim(&self) -> Claim<'_> {
        self.once.claim(self.key, self.fingerprint, self.token)
    }

    /// Renews the lease until somebody else has the key. A store that fails is asked again: the lease may still hold.
    async fn keep_alive(&mut self) {
        loop {
            tokio::time::sleep(self.once.lease / 2).await;
            match self.once.store.renew(&self.claim()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(reason) => tracing::warn!(%reason, key = self.key, "the lease cannot be renewed"),
            }
        }
    }

    async fn end<T: Serialize>(self, outcome: Result<T, HandleError>) -> Result<T, HandleError> {
        let store = &self.once.store;
        let value = match outcome {
            Ok(value) => value,
            Err(error) => {
                // Otherwise the lease runs out.
                if let Err(reason) = store.abandon(&self.claim()).await {
                    tracing::warn!(%reason, key = self.key, "a failed deed cannot be forgotten before its lease ends");
                }
                return Err(error);
            }
        };
        let result = serde_json::to_string(&value).map_err(IdempotencyError::Result)?;
        let claim = self.claim();
        let remembered = store.complete(&claim, &result, claim.now + self.once.keep).await;
        // It was done, so that to fail now would only do it again.
        match remembered {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(key = self.key, "done, but the lease had run out: it may be done twice")
            }
            Err(reason) => {
                tracing::warn!(%reason, key = self.key, "done, but not remembered: it may be done twice")
            }
        }
        Ok(value)
    }
}

/// Of the payload's JSON with sorted members, so that a text that was only written anew is the same.
fn fingerprint(payload: &impl Serialize) -> Result<String, serde_json::Error> {
    let canonical = serde_json::to_value(payload)?.to_string();
    Ok(Sha256::digest(canonical.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}
