//! What a FIFO queue remembers of the messages sent to it, so that it takes none twice within five minutes.
//!
//! It remembers a send by its deduplication id, and by its group too while the scope of deduplication is the message group. It does so whatever
//! becomes of the message, until the queue is purged (sqs/test_sqs: test_fifo_deduplication_arrives_once_after_delete,
//! test_purge_queue_clears_fifo_deduplication_cache). When the scope is changed, what was sent before counts as it did.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::{HashMap, Timestamp};
use sha2::{Digest, Sha256};

/// For how long a send is remembered, and a receive for its attempt's id.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html>
pub const INTERVAL: Duration = Duration::from_secs(300);

/// How late it may be forgotten what no longer counts: one write for many sends instead of one for each.
const FORGET_WITHIN: Duration = Duration::from_secs(10);

/// A message that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// Its id's bytes.
    pub id: [u8; 16],
    /// Its number.
    pub number: u64,
}

/// The sends of the last five minutes.
#[derive(Debug, Default)]
pub struct Deduplication {
    recent: HashMap<Arc<str>, Sent>,
    /// Oldest first.
    order: VecDeque<(Timestamp, u64, Arc<str>)>,
}

/// What a send is remembered by: its id, and behind a zero byte, which ids cannot have, its group if that is the scope.
#[must_use]
pub fn key(id: &str, group: Option<&str>) -> String {
    let mut key = String::with_capacity(id.len() + group.map_or(0, |group| group.len() + 1));
    key.push_str(id);
    if let Some(group) = group {
        key.push('\0');
        key.push_str(group);
    }
    key
}

/// The deduplication id that a body gives: its SHA-256 as hexadecimal digits.
#[must_use]
pub fn content_id(body: &str) -> String {
    super::message::hex(&Sha256::digest(body.as_bytes()))
}

impl Deduplication {
    /// The message that one sent now with this id, in this group, is a duplicate of.
    #[must_use]
    pub fn find(&self, now: Timestamp, id: &str, group: &str) -> Option<Sent> {
        if self.recent.is_empty() {
            return None;
        }
        let alive = |sent: &&Sent| now.since(sent.at) < INTERVAL;
        let anywhere = self.recent.get(id).filter(alive);
        anywhere.or_else(|| self.recent.get(key(id, Some(group)).as_str()).filter(alive)).copied()
    }

    /// Remembers a send under [`key`]. Sends come in order of time.
    pub fn remember(&mut self, key: &str, sent: Sent) {
        let key: Arc<str> = key.into();
        self.order.push_back((sent.at, sent.number, Arc::clone(&key)));
        self.recent.insert(key, sent);
    }

    /// Forgets up to `max` sends that no longer count, and gives the numbers that they were stored under.
    pub fn forget(&mut self, now: Timestamp, max: usize) -> Vec<u64> {
        let mut forgotten = Vec::new();
        while forgotten.len() < max
            && let Some((at, number, key)) = self.order.front()
            && now.since(*at) >= INTERVAL
        {
            // A later send under the same key is remembered on.
            if self.recent.get(key).is_some_and(|sent| sent.number == *number) {
                self.recent.remove(key);
            }
            forgotten.push(*number);
            self.order.pop_front();
        }
        forgotten
    }

    /// Forgets everything, and gives the numbers that it was stored under.
    pub fn clear(&mut self) -> impl Iterator<Item = u64> {
        self.recent.clear();
        std::mem::take(&mut self.order).into_iter().map(|(_, number, _)| number)
    }

    /// How many sends are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recent.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// When [`Deduplication::forget`] is to be called next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.order.front().map(|(at, ..)| at.after(INTERVAL).after(FORGET_WITHIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_counts_for_five_minutes_to_the_millisecond_and_no_longer() {
        let start = Timestamp::from_secs(1_000);
        let mut recent = Deduplication::default();
        let sent = Sent { at: start, id: [1; 16], number: 4 };
        recent.remember(&key("d", None), sent);
        let last = start.after(INTERVAL).before(Duration::from_millis(1));
        assert_eq!(recent.find(last, "d", "any"), Some(sent));
        assert_eq!(recent.forget(last, 9), [0_u64; 0]);
        assert_eq!(recent.find(start.after(INTERVAL), "d", "any"), None);
        let again = Sent { at: start.after(INTERVAL), id: [2; 16], number: 9 };
        recent.remember(&key("d", None), again);
        assert_eq!(recent.forget(again.at, 9), [4_u64]);
        assert_eq!(recent.find(again.at, "d", "any"), Some(again));
        assert_eq!(recent.clear().collect::<Vec<_>>(), [9]);
        assert_eq!(recent.find(again.at, "d", "any"), None);
    }

    #[test]
    fn what_was_sent_under_another_scope_counts_as_it_did() {
        let now = Timestamp::from_secs(1_000);
        let sent = |number| Sent { at: now, id: [0; 16], number };
        let mut recent = Deduplication::default();
        recent.remember(&key("grouped", Some("a")), sent(1));
        recent.remember(&key("everywhere", None), sent(2));
        assert_eq!(recent.find(now, "grouped", "a"), Some(sent(1)));
        assert_eq!(recent.find(now, "grouped", "b"), None);
        assert_eq!(recent.find(now, "everywhere", "b"), Some(sent(2)));
    }

    #[test]
    fn a_body_gives_its_sha_256() {
        let id = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(content_id("abc"), id);
    }
}
