//! When a queue is polled, and when a batch is handed on. Pure: takes `now`, hands back what should happen.

use std::collections::VecDeque;
use std::time::Duration;

use pontoon_core::{Timestamp, TraceIds};

/// The longest wait of one poll, in seconds: SQS's longest long poll.
const WAIT_SECS_MAX: u32 = 20;
/// How many messages one poll takes at most: SQS's limit.
const POLL_MAX: usize = 10;
/// How long is waited after a poll that failed.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// The largest batch, in bytes: Lambda's 6 MB less the envelope around the records.
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024 - 64;

/// The part of a configuration that concerns polling.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Whether it polls at all.
    pub enabled: bool,
    /// Messages of a batch, at most.
    pub batch_size: usize,
    /// How long a batch that is not full waits for more, seconds.
    pub window_secs: u32,
    /// How many batches may be under way at once.
    pub concurrency: u32,
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Its id.
    pub message_id: String,
    /// By which it is deleted.
    pub receipt_handle: String,
    /// Its record in events, JSON.
    pub record: String,
    /// The traces that it continues.
    pub traces: TraceIds,
}

/// A poll to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollWish {
    /// Tells this poll from earlier ones.
    pub number: u64,
    /// Messages that there is room for.
    pub messages_max: usize,
    /// How long it may wait for some, seconds.
    pub wait_secs: u32,
}

/// What is under way between a queue and what takes its batches. Nothing of it is persisted: after a restart the queue shows its messages again when their visibility timeout ends.
///
/// Invariant: at most one poll is under way.
#[derive(Debug, Default)]
pub struct Poller {
    polls: u64,
    polling: Option<u64>,
    gathered: VecDeque<Held>,
    gathered_bytes: usize,
    /// When what was gathered is handed on even if the batch is not full.
    flush_at: Option<Timestamp>,
    under_way: u32,
    /// Since a poll failed: when to try again.
    retry_at: Option<Timestamp>,
}

impl Poller {
    /// The next poll, if one should be made now. The caller makes it.
    pub fn poll(&mut self, pace: Pace, now: Timestamp) -> Option<PollWish> {
        let waits = self.retry_at.is_some_and(|at| at > now);
        if !pace.enabled || self.polling.is_some() || waits || self.under_way >= pace.concurrency {
            return None;
        }
        let room = pace.batch_size.saturating_sub(self.gathered.len());
        if room == 0 || self.gathered_bytes >= EVENT_BYTES_MAX {
            return None;
        }
        let wait_secs = match self.flush_at {
            Some(at) => {
                u32::try_from(at.since(now).as_millis().div_ceil(1000)).unwrap_or(u32::MAX).min(WAIT_SECS_MAX)
            }
            None => WAIT_SECS_MAX,
        };
        self.retry_at = None;
        self.polls += 1;
        self.polling = Some(self.polls);
        Some(PollWish { number: self.polls, messages_max: room.min(POLL_MAX), wait_secs })
    }

    /// The poll `number` gave these messages. Those of a poll that nobody waits for any more are handed back, to be given up.
    pub fn received(&mut self, number: u64, messages: Vec<Held>, pace: Pace, now: Timestamp) -> Vec<Held> {
        if self.polling != Some(number) {
            return messages;
        }
        self.polling = None;
        if !messages.is_empty() {
            self.flush_at.get_or_insert(now.after(Duration::from_secs(u64::from(pace.window_secs))));
        }
        self.gathered_bytes += messages.iter().map(|held| held.record.len() + 1).sum::<usize>();
        self.gathered.extend(messages);
        Vec::new()
    }

    /// The poll `number` failed.
    pub fn poll_failed(&mut self, number: u64, now: Timestamp) {
        if self.polling == Some(number) {
            self.polling = None;
            self.retry_at = Some(now.after(RETRY_AFTER));
        }
    }

    /// A batch, if one is due and another may be under way. The caller hands it on and reports its end.
    pub fn take_batch(&mut self, pace: Pace, now: Timestamp) -> Option<Vec<Held>> {
        let full = self.gathered.len() >= pace.batch_size || self.gathered_bytes >= EVENT_BYTES_MAX;
        let due = full || self.flush_at.is_some_and(|at| at <= now);
        if self.gathered.is_empty() || !due || self.under_way >= pace.concurrency {
            return None;
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.gathered.front() {
            let size = next.record.len() + 1;
            if batch.len() == pace.batch_size || (!batch.is_empty() && bytes + size > EVENT_BYTES_MAX) {
                break;
            }
            bytes += size;
            batch.extend(self.gathered.pop_front());
        }
        self.gathered_bytes -= bytes;
        if self.gathered.is_empty() {
            self.flush_at = None;
        }
        self.under_way += 1;
        Some(batch)
    }

    /// How many batches are under way.
    pub fn under_way(&self) -> u32 {
        self.under_way
    }

    /// A batch has ended.
    pub fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Gives up the poll under way and everything gathered, which is handed back.
    pub fn stop(&mut self) -> Vec<Held> {
        self.polling = None;
        self.flush_at = None;
        self.retry_at = None;
        self.gathered_bytes = 0;
        self.gathered.drain(..).collect()
    }

    /// When something is to be done though nothing happens: a batching window ends, or a failed poll is to be made again.
    pub fn due(&self, pace: Pace) -> Option<Timestamp> {
        let flush = self.flush_at.filter(|_| self.under_way < pace.concurrency);
        [flush, self.retry_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn pace(batch_size: usize, window_secs: u32) -> Pace {
        Pace { enabled: true, batch_size, window_secs, concurrency: 2 }
    }

    fn held(count: usize) -> Vec<Held> {
        let one = |n: usize| Held {
            message_id: n.to_string(),
            receipt_handle: format!("h{n}"),
            record: "{}".to_owned(),
            traces: None,
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn without_a_window_every_poll_is_a_batch_until_the_functions_are_busy() {
        let (mut poller, pace) = (Poller::default(), pace(10, 0));
        for round in 1..=2 {
            let wish = poller.poll(pace, NOW).unwrap();
            assert_eq!(wish, PollWish { number: round, messages_max: 10, wait_secs: 20 });
            assert_eq!(poller.poll(pace, NOW), None);
            assert!(poller.received(wish.number, held(3), pace, NOW).is_empty());
            assert_eq!(poller.take_batch(pace, NOW).unwrap().len(), 3);
        }
        assert_eq!(poller.poll(pace, NOW), None);
        poller.ended();
        assert!(poller.poll(pace, NOW).is_some());
    }

    #[test]
    fn a_window_gathers_polls_until_it_ends_or_the_batch_is_full() {
        let (mut poller, pace) = (Poller::default(), pace(12, 5));
        let wish = poller.poll(pace, NOW).unwrap();
        poller.received(wish.number, held(1), pace, NOW);
        assert_eq!(poller.take_batch(pace, NOW), None);
        assert_eq!(poller.due(pace), Some(Timestamp::from_secs(1005)));
        let later = Timestamp::from_millis(1_001_500);
        let wish = poller.poll(pace, later).unwrap();
        assert_eq!((wish.messages_max, wish.wait_secs), (10, 4));
        poller.received(wish.number, held(10), pace, later);
        assert_eq!(poller.take_batch(pace, later), None);
        let wish = poller.poll(pace, later).unwrap();
        assert_eq!(wish.messages_max, 1);
        poller.received(wish.number, held(1), pace, later);
        assert_eq!(poller.take_batch(pace, later).unwrap().len(), 12);
        assert_eq!(poller.due(pace), None);

        let wish = poller.poll(pace, later).unwrap();
        poller.received(wish.number, held(2), pace, later);
        assert_eq!(poller.take_batch(pace, Timestamp::from_secs(1007)).unwrap().len(), 2);
    }

    #[test]
    fn events_stay_under_the_payload_limit() {
        let (mut poller, pace) = (Poller::default(), pace(10, 0));
        let big = |n: usize| Held { record: "x".repeat(2_500_000), ..held(n + 1).remove(n) };
        let wish = poller.poll(pace, NOW).unwrap();
        poller.received(wish.number, (0..3).map(big).collect(), pace, NOW);
        assert_eq!(poller.take_batch(pace, NOW).unwrap().len(), 2);
        assert_eq!(poller.take_batch(pace, NOW).unwrap().len(), 1);
    }

    #[test]
    fn what_a_stopped_poller_receives_is_handed_back() {
        let (mut poller, pace) = (Poller::default(), pace(10, 60));
        let wish = poller.poll(pace, NOW).unwrap();
        poller.received(wish.number, held(1), pace, NOW);
        let wish = poller.poll(pace, NOW).unwrap();
        assert_eq!(poller.stop(), held(1));
        assert_eq!(poller.received(wish.number, held(2), pace, NOW), held(2));
        assert_eq!(poller.due(pace), None);
        assert_eq!(poller.poll(Pace { enabled: false, ..pace }, NOW), None);
    }

    #[test]
    fn a_failed_poll_is_made_again_later() {
        let (mut poller, pace) = (Poller::default(), pace(10, 0));
        let wish = poller.poll(pace, NOW).unwrap();
        poller.poll_failed(wish.number, NOW);
        assert_eq!(poller.poll(pace, NOW), None);
        let again = poller.due(pace).unwrap();
        assert!(poller.poll(pace, again).is_some());
    }

    /// What may happen to a poller.
    #[derive(Debug, Clone)]
    enum Event {
        Wait(u32),
        Delivered(usize),
        PollFailed,
        BatchEnded,
        Stopped,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            (0u32..8).prop_map(Event::Wait),
            (0usize..=10).prop_map(Event::Delivered),
            Just(Event::PollFailed),
            Just(Event::BatchEnded),
            Just(Event::Stopped),
        ];
        proptest::collection::vec(event, 0..60)
    }

    proptest! {
        /// Whatever happens, in whatever order: every message is handed out or given back exactly once, within the bounds, and nothing waits
        /// without a poll or a timer that would wake it.
        #[test]
        fn no_message_is_lost_doubled_or_left_waiting(events in events(), size in 1usize..25, window in 0u32..6) {
            let pace = pace(size, if size > 10 { window.max(1) } else { window });
            let (mut poller, mut now) = (Poller::default(), NOW);
            let (mut polls, mut next, mut out, mut busy) = (Vec::new(), 0, Vec::new(), 0u32);
            for event in events {
                match event {
                    Event::Wait(secs) => now = now.after(Duration::from_secs(u64::from(secs))),
                    Event::Delivered(count) => if let Some(wish) = polls.pop() {
                        let PollWish { number, messages_max, .. } = wish;
                        let messages = held(count.min(messages_max));
                        let named = messages.into_iter().map(|held| {
                            next += 1;
                            Held { message_id: next.to_string(), ..held }
                        });
                        out.extend(poller.received(number, named.collect(), pace, now));
                    },
                    Event::PollFailed => if let Some(wish) = polls.pop() {
                        poller.poll_failed(wish.number, now);
                    },
                    Event::BatchEnded if busy > 0 => {
                        busy -= 1;
                        poller.ended();
                    }
                    Event::BatchEnded => {}
                    Event::Stopped => out.extend(poller.stop()),
                }
                while let Some(batch) = poller.take_batch(pace, now) {
                    busy += 1;
                    prop_assert!(!batch.is_empty() && batch.len() <= size && busy <= pace.concurrency);
                    out.extend(batch);
                }
                polls.extend(poller.poll(pace, now));
                let idle = poller.polling.is_none() && poller.due(pace).is_none() && busy < pace.concurrency;
                prop_assert!(!idle, "nothing would wake it");
            }
            out.extend(poller.stop());
            let mut ids: Vec<u64> = out.iter().map(|held| held.message_id.parse().unwrap_or(0)).collect();
            ids.sort_unstable();
            prop_assert_eq!(ids, (1..=next).collect::<Vec<u64>>());
        }
    }
}
