//! The one delivery path: everything that must arrive, and is tried again until it does or is given up.
//!
//! A service that delivers (rules to targets, topics to subscriptions, asynchronous invocations) keeps an [`Outbox`]. Each delivery is persisted with
//! its attempts; its content lives in the store, so that memory does not grow with what waits. After a restart every delivery that had not settled is
//! due again with its attempt count. The outbox decides when to try again and when to give up; what an attempt *is*, and the dead letter, are the
//! service's.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::scope::Scope;
use crate::service::LoadError;
use crate::step::{ServiceId, Step};
use crate::store::{Direction, KeyRange, Space, StoreRead};
use crate::time::Timestamp;

/// When to try again, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How many attempts after the first.
    pub retries_max: u32,
    /// How long after it was accepted a delivery is still tried, milliseconds.
    pub age_max_ms: u64,
    /// The wait before the first retry, milliseconds; it grows by `factor` percent (200 doubles it) up to `wait_max_ms`.
    pub wait_ms: u64,
    /// Growth of the wait, percent.
    pub factor_percent: u32,
    /// Largest wait, milliseconds.
    pub wait_max_ms: u64,
    /// Up to this much of the wait, percent, is taken off at random, so that retries spread.
    pub jitter_percent: u32,
}

impl RetryPolicy {
    /// The wait before retry number `retry`, from one.
    pub fn wait(&self, retry: u32, step: &mut Step<'_>) -> Duration {
        let mut wait = self.wait_ms;
        for _ in 1..retry.min(64) {
            wait = wait.saturating_mul(u64::from(self.factor_percent)) / 100;
            if wait >= self.wait_max_ms {
                break;
            }
        }
        let wait = wait.min(self.wait_max_ms);
        Duration::from_millis(wait - step.ids.below(wait * u64::from(self.jitter_percent.min(100)) / 100 + 1))
    }
}

/// What is known of a delivery without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Whose it is.
    scope: (String, String),
    /// When it was accepted.
    pub created_millis: i64,
    /// How many attempts have failed.
    pub attempts: u32,
    /// When the next attempt is due.
    due_millis: i64,
    /// Its policy.
    pub policy: RetryPolicy,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

impl Progress {
    /// Whose it is.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let (account, region) = &self.scope;
        Scope {
            account: account.parse().unwrap_or(Scope::default().account),
            region: region.parse().unwrap_or(Scope::default().region),
        }
    }

    /// When the next attempt is due.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        Timestamp::from_millis(self.due_millis)
    }
}

/// Why a delivery was given up; EventBridge names it in `EXHAUSTED_RETRY_CONDITION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// As many retries as the policy has.
    MaximumRetryAttempts,
    /// Older than the policy allows.
    MaximumEventAge,
    /// The error was not one to retry.
    NotRetryable,
}

/// What becomes of a delivery whose attempt failed.
#[derive(Debug)]
pub enum Verdict<T> {
    /// It is tried again at this instant.
    Again(Timestamp),
    /// It is over: its content and progress, for the dead letter.
    Over(GivenUp, Progress, T),
}

/// Deliveries of one service that have not settled.
#[derive(Debug)]
pub struct Outbox<T> {
    owner: ServiceId,
    waiting: BTreeMap<u64, Progress>,
    due: BTreeSet<(Timestamp, u64)>,
    next_id: u64,
    content: PhantomData<fn() -> T>,
}

#[derive(Serialize, Deserialize)]
struct Record<P, T> {
    progress: P,
    content: T,
}

impl<T: Serialize + DeserializeOwned> Outbox<T> {
    /// Nothing to deliver.
    #[must_use]
    pub fn new(owner: ServiceId) -> Self {
        Self { owner, waiting: BTreeMap::new(), due: BTreeSet::new(), next_id: 1, content: PhantomData }
    }

    /// What the store holds for `owner`; everything is due when it was, or at once.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn load(owner: ServiceId, store: &dyn StoreRead) -> Result<Self, LoadError> {
        let mut outbox = Self::new(owner);
        let mut failed = None;
        store.scan(
            Space::Outbox,
            &KeyRange::prefix(&outbox.prefix()),
            Direction::Ascending,
            &mut |key, value| {
                let id =
                    key.len().checked_sub(8).and_then(|at| key[at..].try_into().ok()).map(u64::from_be_bytes);
                match (id, serde_json::from_slice::<Record<Progress, serde::de::IgnoredAny>>(value)) {
                    (Some(id), Ok(record)) => {
                        outbox.due.insert((record.progress.due(), id));
                        outbox.next_id = outbox.next_id.max(id + 1);
                        outbox.waiting.insert(id, record.progress);
                        ControlFlow::Continue(())
                    }
                    (_, record) => {
                        let why =
                            record.err().map_or_else(|| "bad key".to_owned(), |error| error.to_string());
                        failed = Some(LoadError::new(format!(
                            "a delivery of {} cannot be read: {why}",
                            owner.name()
                        )));
                        ControlFlow::Break(())
                    }
                }
            },
        )?;
        failed.map_or(Ok(outbox), Err)
    }

    fn prefix(&self) -> Vec<u8> {
        let mut key = self.owner.name().as_bytes().to_vec();
        key.push(0);
        key
    }

    fn key(&self, id: u64) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(&id.to_be_bytes());
        key
    }

    /// Accepts a delivery, due at `at`, of which `attempts` have failed already. Returns its id.
    pub fn add(
        &mut self,
        step: &mut Step<'_>,
        policy: RetryPolicy,
        at: Timestamp,
        attempts: u32,
        content: &T,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let progress = Progress {
            scope: (step.scope.account.to_string(), step.scope.region.to_string()),
            created_millis: step.now.millis(),
            attempts,
            due_millis: at.millis(),
            policy,
            last_error: None,
        };
        self.write(step, id, &progress, content);
        self.due.insert((at, id));
        self.waiting.insert(id, progress);
        id
    }

    fn write(&self, step: &mut Step<'_>, id: u64, progress: &Progress, content: &T) {
        let bytes = serde_json::to_vec(&Record { progress, content });
        assert!(bytes.is_ok(), "deliveries are plain data, which always has a JSON form: {:?}", bytes.err());
        step.put(Space::Outbox, self.key(id), bytes.unwrap_or_default());
    }

    /// The content of a delivery that has not settled.
    #[must_use]
    pub fn content(&self, step: &Step<'_>, id: u64) -> Option<T> {
        let bytes = step.get(Space::Outbox, &self.key(id))?;
        serde_json::from_slice::<Record<serde::de::IgnoredAny, T>>(&bytes).ok().map(|record| record.content)
    }

    /// What is known of a delivery that has not settled.
    #[must_use]
    pub fn progress(&self, id: u64) -> Option<&Progress> {
        self.waiting.get(&id)
    }

    /// How many deliveries have not settled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything has settled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the next attempt is due, if any waits for one.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the delivery whose attempt is due at `now` or before; it is under way until [`Outbox::done`] or [`Outbox::failed`].
    pub fn take_due(&mut self, now: Timestamp) -> Option<u64> {
        if self.next_due()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, id)| id)
    }

    /// It arrived. Returns what was known of it; `None` if it had settled before.
    pub fn done(&mut self, step: &mut Step<'_>, id: u64) -> Option<Progress> {
        let progress = self.waiting.remove(&id)?;
        self.due.remove(&(progress.due(), id));
        step.delete(Space::Outbox, self.key(id));
        Some(progress)
    }

    /// An attempt failed. Decides by its policy whether it is tried again; `None` if it had settled before.
    pub fn failed(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        reason: &str,
        retryable: bool,
    ) -> Option<Verdict<T>> {
        let progress = self.waiting.get(&id)?;
        let (policy, retry) = (progress.policy, progress.attempts + 1);
        let wait = policy.wait(retry, step);
        self.failed_after(step, id, reason, retryable, wait)
    }

    /// As [`Outbox::failed`], with the wait before the next attempt chosen by the caller (SNS's phases), whatever the policy says of waits.
    pub fn failed_after(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        reason: &str,
        retryable: bool,
        wait: Duration,
    ) -> Option<Verdict<T>> {
        let content = self.content(step, id)?;
        let mut progress = self.waiting.get(&id)?.clone();
        self.due.remove(&(progress.due(), id));
        progress.attempts += 1;
        progress.last_error = Some(reason.to_owned());
        let at = step.now.after(wait);
        let oldest = Timestamp::from_millis(progress.created_millis)
            .after(Duration::from_millis(progress.policy.age_max_ms));
        let given_up = if !retryable {
            Some(GivenUp::NotRetryable)
        } else if progress.attempts > progress.policy.retries_max {
            Some(GivenUp::MaximumRetryAttempts)
        } else if at > oldest {
            Some(GivenUp::MaximumEventAge)
        } else {
            None
        };
        if let Some(why) = given_up {
            self.waiting.remove(&id);
            step.delete(Space::Outbox, self.key(id));
            return Some(Verdict::Over(why, progress, content));
        }
        progress.due_millis = at.millis();
        self.write(step, id, &progress, &content);
        self.due.insert((at, id));
        self.waiting.insert(id, progress);
        Some(Verdict::Again(at))
    }

    /// Moves a delivery that was taken and is not under way to a later instant, without an attempt (its target takes only so many a second). After
    /// a restart it is due when it was before.
    pub fn postpone(&mut self, id: u64, at: Timestamp) {
        if let Some(progress) = self.waiting.get_mut(&id) {
            self.due.remove(&(progress.due(), id));
            progress.due_millis = at.millis();
            self.due.insert((at, id));
        }
    }
}
