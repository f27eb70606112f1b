//! How old a queue's messages are: for the end of their retention, and for the metric of the oldest.
//!
//! Message numbers grow with time, so of messages that were sent to the queue itself the one with the smallest number is the oldest. Dead letters of a
//! standard queue are older than their numbers: retention counts from their first send, but the metric from when they came to the dead-letter queue.
//! The metric passes over messages of standard queues that were received three times or more and are still there.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>

use std::collections::{BTreeMap, BTreeSet};

use pontoon_core::Timestamp;

/// The messages of a queue by age.
#[derive(Debug, Default)]
pub struct Ages {
    fresh: BTreeSet<u64>,
    failed: BTreeSet<u64>,
    /// Dead letters, and when they arrived.
    moved: BTreeMap<u64, Timestamp>,
    moved_failed: BTreeMap<u64, Timestamp>,
    moved_by_sending: BTreeSet<(Timestamp, u64)>,
}

impl Ages {
    /// Adds a message, with the instant of its arrival if that is not the one of its sending.
    pub fn enter(&mut self, number: u64, sent_at: Timestamp, arrived: Option<Timestamp>) {
        match arrived {
            None => drop(self.fresh.insert(number)),
            Some(at) => {
                self.moved.insert(number, at);
                self.moved_by_sending.insert((sent_at, number));
            }
        }
    }

    /// Passes over a message from now on, for the metric.
    pub fn fail(&mut self, number: u64) {
        if self.fresh.remove(&number) {
            self.failed.insert(number);
        } else if let Some(arrived) = self.moved.remove(&number) {
            self.moved_failed.insert(number, arrived);
        }
    }

    /// Removes a message.
    pub fn leave(&mut self, number: u64, sent_at: Timestamp) {
        if !self.fresh.remove(&number) && !self.failed.remove(&number) {
            self.moved.remove(&number);
            self.moved_failed.remove(&number);
            self.moved_by_sending.remove(&(sent_at, number));
        }
    }

    /// Messages of which one was sent first.
    pub fn oldest(&self) -> impl Iterator<Item = u64> {
        let moved = self.moved_by_sending.first().map(|(_, number)| *number);
        [self.fresh.first().copied(), self.failed.first().copied(), moved].into_iter().flatten()
    }

    /// The message that has not failed and arrived first.
    #[must_use]
    pub fn oldest_unfailed(&self) -> Option<u64> {
        let moved = self.moved.first_key_value().map(|(number, _)| *number);
        [self.fresh.first().copied(), moved].into_iter().flatten().min()
    }

    /// When a message arrived, if not when it was sent.
    #[must_use]
    pub fn arrived(&self, number: u64) -> Option<Timestamp> {
        self.moved.get(&number).or_else(|| self.moved_failed.get(&number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_counts_from_the_sending_and_the_metric_from_the_arrival() {
        let at = Timestamp::from_secs;
        let mut ages = Ages::default();
        ages.enter(1, at(10), None);
        ages.enter(2, at(5), Some(at(12)));
        ages.enter(3, at(20), None);
        assert_eq!(ages.oldest().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(ages.oldest_unfailed(), Some(1));
        ages.fail(1);
        assert_eq!(ages.oldest().collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!((ages.oldest_unfailed(), ages.arrived(2)), (Some(2), Some(at(12))));
        ages.fail(2);
        assert_eq!(ages.oldest_unfailed(), Some(3));
        ages.leave(1, at(10));
        ages.leave(2, at(5));
        ages.leave(3, at(20));
        assert_eq!((ages.oldest().count(), ages.oldest_unfailed()), (0, None));
    }
}
