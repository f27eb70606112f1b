//! What SQS tells CloudWatch: every minute, for each queue that was active in the last six hours.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>

use std::time::Duration;

use pontoon_core::{Datum, MetricBook, Space, Step, Timestamp, Unit};

use crate::{Queue, Sqs};

/// How long after its last use a queue goes on publishing.
const ACTIVE_FOR: Duration = Duration::from_secs(6 * 3600);
/// How many distinct message sizes a minute keeps apart; beyond it a size counts as the last one seen.
const SIZES_MAX: usize = 100;

/// What a queue counted in the running minute.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: u64,
    received: u64,
    deleted: u64,
    empty_receives: u64,
    deduplicated: u64,
    sizes: Vec<(f64, f64)>,
    active_until: Timestamp,
}

impl Counters {
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += 1;
        let size = bytes as f64;
        let full = self.sizes.len() >= SIZES_MAX;
        match self.sizes.iter_mut().find(|(seen, _)| *seen == size) {
            Some((_, count)) => *count += 1.0,
            None if full => {
                if let Some((_, count)) = self.sizes.last_mut() {
                    *count += 1.0;
                }
            }
            None => self.sizes.push((size, 1.0)),
        }
    }

    pub(crate) fn received(&mut self, messages: usize) {
        self.received += messages as u64;
        self.empty_receives += u64::from(messages == 0);
    }

    /// Counts a message that was not taken, because it had been before.
    pub(crate) fn deduplicated(&mut self) {
        self.deduplicated += 1;
    }

    pub(crate) fn deleted(&mut self) {
        self.deleted += 1;
    }
}

impl Sqs {
    /// Notes that a queue is in use, which starts the minutes of metrics.
    pub(crate) fn active(&mut self, now: Timestamp, queue: (pontoon_core::Scope, &str)) {
        if let Some(queue) = self.queue_mut(queue.0, queue.1) {
            queue.counters.active_until = now.after(ACTIVE_FOR);
        }
        self.minute_ends.get_or_insert_with(|| now.floor(MetricBook::MINUTE).after(MetricBook::MINUTE));
    }

    /// Ends the minute: publishes every active queue's metrics, and begins the next minute if any queue is still active.
    pub(crate) fn end_minute(&mut self, step: &mut Step<'_>) {
        let Some(ends) = self.minute_ends.take() else { return };
        let mut queues: Vec<&mut Queue> = self
            .regions
            .values_mut()
            .flat_map(|queues| queues.values_mut())
            .filter(|queue| queue.counters.active_until >= ends)
            .collect();
        queues.sort_by(|a, b| (a.scope, &a.name).cmp(&(b.scope, &b.name)));
        if queues.is_empty() {
            return;
        }
        for queue in queues {
            step.scope = queue.scope;
            queue.publish(step, ends);
        }
        self.minute_ends = Some(ends.max(step.now.floor(MetricBook::MINUTE)).after(MetricBook::MINUTE));
    }
}

impl Queue {
    fn publish(&mut self, step: &mut Step<'_>, ends: Timestamp) {
        self.messages.advance(step.now);
        let counts = self.messages.counts();
        let seconds = |since: Option<Timestamp>| since.map_or(0.0, |at| ends.since(at).as_secs() as f64);
        let arrived_at = |number| self.arrived_at(number, |key| step.get(Space::Queue, key));
        let age = seconds(self.messages.oldest_unfailed().and_then(arrived_at));
        let quiet_age = seconds(self.messages.oldest_quiet().and_then(arrived_at));
        let counters = std::mem::take(&mut self.counters);
        self.counters.active_until = counters.active_until;
        let once = |value: f64| vec![(value, 1.0)];
        let times = |count: u64| if count == 0 { vec![(0.0, 1.0)] } else { vec![(1.0, count as f64)] };
        let at = ends.before(MetricBook::MINUTE);
        let mut data = vec![
            ("ApproximateAgeOfOldestMessage", Unit::Seconds, once(age)),
            ("ApproximateNumberOfMessagesDelayed", Unit::Count, once(counts.delayed as f64)),
            ("ApproximateNumberOfMessagesNotVisible", Unit::Count, once(counts.in_flight as f64)),
            ("ApproximateNumberOfMessagesVisible", Unit::Count, once(counts.visible as f64)),
            ("NumberOfEmptyReceives", Unit::Count, times(counters.empty_receives)),
            ("NumberOfMessagesDeleted", Unit::Count, times(counters.deleted)),
            ("NumberOfMessagesReceived", Unit::Count, times(counters.received)),
            ("NumberOfMessagesSent", Unit::Count, times(counters.sent)),
            ("SentMessageSize", Unit::Bytes, counters.sizes),
        ];
        if let Some(groups) = self.messages.groups_in_flight() {
            data.extend([
                ("ApproximateNumberOfGroupsWithInflightMessages", Unit::Count, once(groups as f64)),
                ("NumberOfDeduplicatedSentMessages", Unit::Count, times(counters.deduplicated)),
            ]);
        }
        if let Some(noise) = self.messages.noise() {
            let less = |all: usize, noisy: usize| once((all - noisy) as f64);
            data.extend([
                ("ApproximateNumberOfNoisyGroups", Unit::Count, once(noise.tenants as f64)),
                ("ApproximateAgeOfOldestMessageInQuietGroups", Unit::Seconds, once(quiet_age)),
                (
                    "ApproximateNumberOfMessagesDelayedInQuietGroups",
                    Unit::Count,
                    less(counts.delayed, noise.delayed),
                ),
                (
                    "ApproximateNumberOfMessagesNotVisibleInQuietGroups",
                    Unit::Count,
                    less(counts.in_flight, noise.in_flight),
                ),
                (
                    "ApproximateNumberOfMessagesVisibleInQuietGroups",
                    Unit::Count,
                    less(counts.visible, noise.visible),
                ),
            ]);
        }
        for (name, unit, values) in data {
            if !values.is_empty() {
                let dimensions = vec![("QueueName".into(), self.name.to_string())];
                step.metric(Datum { namespace: "AWS/SQS", name, dimensions, unit, at, values });
            }
        }
    }
}
