//! What is left in the store of purged and deleted queues: too much to be removed in one step, so it goes bit by bit, between requests and across
//! restarts. Nobody sees it meanwhile.

use std::time::Duration;

use pontoon_core::{Space, Step};

use crate::state::queue::Cleared;
use crate::{Queue, Sqs, Wake, records};

/// How many records one step removes at most.
const SWEPT_AT_ONCE: usize = 1_000;
/// How long a sweep lets others go on before its next step.
const PAUSE: Duration = Duration::from_millis(1);

/// The records of a queue that are to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// The queue's number.
    pub queue: u64,
    /// Those of messages with numbers below this.
    pub below: u64,
}

impl Queue {
    /// Removes every message, and what the queue remembers; gives what is left to sweep, if it is much.
    pub(crate) fn empty(&mut self, step: &mut Step<'_>, for_good: bool) -> Option<Sweep> {
        let (queue, next) = (self.record.number, self.messages.next_number());
        let remembered = self.recent.as_ref().map_or(0, |recent| recent.sends.len());
        let sweep = Sweep { queue, below: if for_good { u64::MAX } else { next } };
        let is_much = self.messages.len().max(remembered) > SWEPT_AT_ONCE;
        if let Some(recent) = &mut self.recent {
            // A purge clears what was remembered too (sqs/test_sqs: test_purge_queue_clears_fifo_deduplication_cache).
            if let Some(first) = recent.sends.first().filter(|_| !is_much) {
                for (key, _) in step.range(Space::Queue, &records::sent_range(queue, first), usize::MAX) {
                    step.delete(Space::Queue, key);
                }
            }
            recent.sends.clear();
            for id in recent.attempts.clear() {
                step.delete(Space::Queue, records::attempt_key(queue, &id));
            }
        }
        if is_much {
            self.messages.forget_all();
            return Some(sweep);
        }
        let Cleared { messages, pages } = self.messages.clear();
        for (number, was_received) in messages {
            step.delete(Space::Queue, records::content_key(queue, number));
            if was_received {
                step.delete(Space::Queue, records::receives_key(queue, number));
            }
        }
        for first in pages {
            step.delete(Space::Queue, records::page_key(queue, first));
        }
        None
    }
}

impl Sqs {
    /// Begins to sweep.
    pub(crate) fn sweep(&mut self, step: &mut Step<'_>, sweep: Sweep) {
        step.put(Space::Config, records::sweep_key(sweep.queue), sweep.below.to_be_bytes().to_vec());
        self.sweeps.insert(sweep.queue, sweep.below);
        self.due.insert((step.now.after(PAUSE), Wake::Sweep(sweep.queue)));
    }

    /// Removes the next records of a queue.
    pub(crate) fn sweep_on(&mut self, step: &mut Step<'_>, queue: u64) {
        let Some(below) = self.sweeps.get(&queue).copied() else { return };
        let mut left = SWEPT_AT_ONCE;
        for range in records::spans(queue, below) {
            for (key, _) in step.range(Space::Queue, &range, left) {
                step.delete(Space::Queue, key);
                left -= 1;
            }
        }
        if left > 0 {
            self.sweeps.remove(&queue);
            step.delete(Space::Config, records::sweep_key(queue));
        } else {
            self.due.insert((step.now.after(PAUSE), Wake::Sweep(queue)));
        }
    }
}
