//! Idempotency within one process: for tests, and for workers that run alone and may forget at a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Begun, Claim, IdempotencyStore, StoreFuture};

/// Remembers in the process's memory. Clones share it.
///
/// ```
/// let store = pontoon::idempotency::MemoryIdempotency::new();
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryIdempotency {
    held: Arc<Mutex<HashMap<String, Held>>>,
}

#[derive(Debug)]
struct Held {
    fingerprint: String,
    token: String,
    /// The lease's end, or when the result is forgotten.
    until: SystemTime,
    result: Option<String>,
}

impl MemoryIdempotency {
    /// An empty one.
    ///
    /// ```
    /// let store = pontoon::idempotency::MemoryIdempotency::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        // Nothing that holds the lock can panic, so a poisoned lock guards sound data.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_now(&self, claim: &Claim<'_>) -> Begun {
        let mut all = self.held();
        all.retain(|_, held| held.until > claim.now);
        match all.get(claim.key) {
            Some(held) if held.fingerprint != claim.fingerprint => return Begun::PayloadChanged,
            Some(Held { result: Some(result), .. }) => return Begun::Done { result: result.clone() },
            Some(held) => return Begun::InProgress { until: held.until },
            None => {}
        }
        let held = Held {
            fingerprint: claim.fingerprint.to_owned(),
            token: claim.token.to_owned(),
            until: claim.lease_until,
            result: None,
        };
        all.insert(claim.key.to_owned(), held);
        Begun::Granted
    }

    /// Changes what the claim holds; whether it holds the key.
    fn change(&self, claim: &Claim<'_>, change: impl FnOnce(&mut Held)) -> bool {
        let mut all = self.held();
        let held = all.get_mut(claim.key).filter(|held| held.token == claim.token && held.result.is_none());
        held.map(change).is_some()
    }
}

impl IdempotencyStore for MemoryIdempotency {
    fn begin<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, Begun> {
        Box::pin(async { Ok(self.begin_now(claim)) })
    }

    fn renew<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async { Ok(self.change(claim, |held| held.until = claim.lease_until)) })
    }

    fn complete<'a>(
        &'a self,
        claim: &'a Claim<'a>,
        result: &'a str,
        forget_at: SystemTime,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            Ok(self.change(claim, |held| {
                held.result = Some(result.to_owned());
                held.until = forget_at;
            }))
        })
    }

    fn abandon<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, ()> {
        Box::pin(async {
            let mut all = self.held();
            if all.get(claim.key).is_some_and(|held| held.token == claim.token && held.result.is_none()) {
                all.remove(claim.key);
            }
            Ok(())
        })
    }
}
