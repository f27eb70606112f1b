//! How old a queue's messages are: for the end of their retention, and for the metric of the oldest.
//!
//! Message numbers grow with time, so of messages that were sent to the queue itself the one with the smallest number is the oldest. Dead letters of a
//! standard queue are older than their numbers: retention counts from their first send, but the metric from when they came to the dead-letter queue.
//! The metric passes over messages of standard queues that were received three times or more and are still there.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>

use std::collections::BTreeSet;

use pontoon_core::Timestamp;

use super::numbers::Numbers;

/// The messages of a queue by age.
#[derive(Debug, Default)]
pub struct Ages {
    fresh: Numbers,
    failed: Numbers,
    /// Dead letters.
    moved: Numbers,
    moved_failed: Numbers,
    moved_by_sending: BTreeSet<(Timestamp, u64)>,
    /// None of the messages that were sent to the queue itself was sent before this.
    since: Timestamp,
}

impl Ages {
    /// Adds a message; a dead letter if it was `moved`.
    pub fn enter(&mut self, number: u64, sent_at: Timestamp, moved: bool) {
        if moved {
            self.moved.insert(number);
            self.moved_by_sending.insert((sent_at, number));
        } else {
            if self.fresh.is_empty() && self.failed.is_empty() {
                self.since = sent_at;
            }
            self.fresh.insert(number);
        }
    }

    /// Passes over a message from now on, for the metric.
    pub fn fail(&mut self, number: u64) {
        if self.fresh.remove(number) {
            self.failed.insert(number);
        } else if self.moved.remove(number) {
            self.moved_failed.insert(number);
        }
    }

    /// Removes a message.
    pub fn leave(&mut self, number: u64, sent_at: Timestamp) {
        if self.fresh.remove(number) || self.failed.remove(number) {
            if self.first_own().is_none_or(|first| number < first) {
                self.since = sent_at;
            }
        } else {
            self.moved.remove(number);
            self.moved_failed.remove(number);
            self.moved_by_sending.remove(&(sent_at, number));
        }
    }

    /// The first of those that were sent to the queue itself, and an instant that it was not sent before.
    #[must_use]
    pub fn oldest_own(&self) -> Option<(Timestamp, u64)> {
        self.first_own().map(|number| (self.since, number))
    }

    /// The dead letter that was sent first, and when.
    #[must_use]
    pub fn oldest_moved(&self) -> Option<(Timestamp, u64)> {
        self.moved_by_sending.first().copied()
    }

    /// The message that has not failed and arrived first.
    #[must_use]
    pub fn oldest_unfailed(&self) -> Option<u64> {
        [self.fresh.first(), self.moved.first()].into_iter().flatten().min()
    }

    /// Whether a message is there.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.sets().into_iter().any(|set| set.contains(number))
    }

    /// All messages.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.sets().into_iter().flat_map(Numbers::iter)
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets().into_iter().map(Numbers::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sets(&self) -> [&Numbers; 4] {
        [&self.fresh, &self.failed, &self.moved, &self.moved_failed]
    }

    fn first_own(&self) -> Option<u64> {
        [self.fresh.first(), self.failed.first()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_counts_from_the_sending_and_the_metric_from_the_arrival() {
        let at = Timestamp::from_secs;
        let mut ages = Ages::default();
        ages.enter(1, at(10), false);
        ages.enter(2, at(5), true);
        ages.enter(3, at(20), false);
        assert_eq!((ages.oldest_own(), ages.oldest_moved()), (Some((at(10), 1)), Some((at(5), 2))));
        assert_eq!(ages.oldest_unfailed(), Some(1));
        ages.fail(1);
        assert_eq!((ages.oldest_own(), ages.oldest_unfailed()), (Some((at(10), 1)), Some(2)));
        ages.fail(2);
        assert_eq!((ages.oldest_moved(), ages.oldest_unfailed()), (Some((at(5), 2)), Some(3)));
        assert_eq!((ages.len(), ages.contains(2), ages.numbers().count()), (3, true, 3));
        ages.leave(1, at(10));
        assert_eq!(ages.oldest_own(), Some((at(10), 3)), "all that is known is that 3 was not sent before 1");
        ages.leave(2, at(5));
        ages.leave(3, at(20));
        assert_eq!((ages.oldest_own(), ages.oldest_moved(), ages.oldest_unfailed()), (None, None, None));
        assert!(ages.is_empty() && !ages.contains(2));
    }
}
