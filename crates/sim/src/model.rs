//! What the simulated system should hold: queues, a table, and invocations that have not ended.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_core::Timestamp;

use crate::queues::Queues;

/// How often an asynchronous invocation is tried again, unless told otherwise.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const RETRIES_MAX: u32 = 2;
/// How old an event may be when it is tried again.
const EVENT_AGE_MAX: Duration = Duration::from_secs(6 * 3600);
/// How many receipt handles the clients remember.
const RECEIPTS_MAX: usize = 300;

/// A receipt handle that a client holds.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Of which queue.
    pub queue: &'static str,
    /// Of which message.
    pub key: String,
    /// Of which of its receives.
    pub receives: u32,
    /// The handle.
    pub handle: String,
}

/// An asynchronous invocation that has not ended.
#[derive(Clone, Copy, Debug)]
pub struct Invocation {
    accepted: Timestamp,
    failures: u32,
}

/// The state that the engine should have.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Queues.
    pub queues: Queues,
    /// The number of each item.
    pub items: BTreeMap<String, i64>,
    /// By the key of what the function was invoked with.
    pub invocations: BTreeMap<String, Invocation>,
    /// When the schedule fires next.
    pub next_tick: Timestamp,
    /// What clients know. They do not crash with the server, but learn only what was durable.
    pub receipts: Vec<Receipt>,
}

impl Model {
    /// Accepts an asynchronous invocation.
    pub fn invoke(&mut self, key: String, now: Timestamp) {
        self.invocations.insert(key, Invocation { accepted: now, failures: 0 });
    }

    /// An attempt of an invocation has ended. If it is over without success its outcome goes to the queue `failures`.
    ///
    /// # Panics
    /// If it had ended before.
    pub fn attempted(&mut self, key: &str, succeeded: bool, failures: &'static str, now: Timestamp) {
        let Some(mut invocation) = self.invocations.remove(key) else {
            panic!("{key} was invoked once too often")
        };
        if succeeded {
            return;
        }
        invocation.failures += 1;
        let wait = Duration::from_secs(60 * u64::from(invocation.failures));
        let too_old = now.after(wait) > invocation.accepted.after(EVENT_AGE_MAX);
        if invocation.failures > RETRIES_MAX || too_old {
            self.queues.send(failures, failed_key(key, invocation.failures), now);
        } else {
            self.invocations.insert(key.to_owned(), invocation);
        }
    }

    /// Does what is due at `now` or before. A schedule that could not fire when it was due fires once.
    pub fn tick(&mut self, now: Timestamp, (ticks, every): (&'static str, Duration)) {
        if self.next_tick <= now {
            self.queues.send(ticks, self.next_tick.iso_secs(), now);
            while self.next_tick <= now {
                self.next_tick = self.next_tick.after(every);
            }
        }
        self.queues.tick(now);
    }

    /// A client got a receipt handle.
    pub fn learn(&mut self, receipt: Receipt) {
        self.receipts.push(receipt);
        if self.receipts.len() > RECEIPTS_MAX {
            self.receipts.remove(0);
        }
    }
}

/// The key of the message that says how an invocation failed.
pub fn failed_key(key: &str, attempts: u32) -> String {
    format!("{key} failed {attempts} times")
}
