//! What a FIFO queue remembers of the messages sent to it, so that it takes none twice within five minutes.
//!
//! It remembers a send by its deduplication id, and by its group too while the scope of deduplication is the message group. It does so whatever
//! becomes of the message, until the queue is purged (sqs/test_sqs: test_fifo_deduplication_arrives_once_after_delete,
//! test_purge_queue_clears_fifo_deduplication_cache). When the scope is changed, what was sent before counts as it did.
//!
//! The store has a record of each. Memory has the digests of their keys, about forty bytes each: at ten thousand sends a second three million are
//! remembered.

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

impl Sent {
    /// Whether one with the same key is a duplicate of it at `now`.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now.since(self.at) < INTERVAL
    }
}

/// Half of a key's SHA-256: nobody finds two keys with the same.
type KeyDigest = [u8; 16];

/// The sends of the last five minutes.
///
/// Invariant: the store has a record of every send that is remembered, and of those that later ones under the same key have replaced; the first of all
/// these records is that of `first`.
#[derive(Debug, Default)]
pub struct Deduplication {
    recent: HashMap<KeyDigest, u64>,
    first: Option<(Timestamp, u64)>,
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
    /// The number of the last message that was sent under a key, whose record says whether it still counts.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<u64> {
        self.recent.get(&digest(key)).copied()
    }

    /// Whether nothing is remembered, so that there is no need to make keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// Remembers a send under [`key`]. Sends come in order of time.
    pub fn remember(&mut self, key: &str, at: Timestamp, number: u64) {
        self.first.get_or_insert((at, number));
        self.recent.insert(digest(key), number);
    }

    /// Forgets a send whose record is removed, unless a later one is remembered under its key.
    pub fn forget(&mut self, key: &str, number: u64) {
        let digest = digest(key);
        if self.recent.get(&digest) == Some(&number) {
            self.recent.remove(&digest);
        }
        self.first = None;
    }

    /// Notes which record is the first, once those before it are removed.
    pub fn begin_at(&mut self, at: Timestamp, number: u64) {
        self.first = Some((at, number));
    }

    /// The number of the first record, if there is any.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.first.map(|(_, number)| number)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many sends are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recent.len()
    }

    /// When records that no longer count are to be removed next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.first.map(|(at, _)| at.after(INTERVAL).after(FORGET_WITHIN))
    }
}

fn digest(key: &str) -> KeyDigest {
    let whole: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    std::array::from_fn(|at| whole[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_counts_for_five_minutes_to_the_millisecond_and_no_longer() {
        let start = Timestamp::from_secs(1_000);
        let sent = Sent { at: start, id: [1; 16], number: 4 };
        assert!(sent.counts(start.after(INTERVAL).before(Duration::from_millis(1))));
        assert!(!sent.counts(start.after(INTERVAL)));
    }

    #[test]
    fn a_later_send_under_the_same_key_is_remembered_when_the_earlier_one_is_forgotten() {
        let start = Timestamp::from_secs(1_000);
        let mut recent = Deduplication::default();
        recent.remember("d", start, 4);
        recent.remember("d", start.after(INTERVAL), 9);
        recent.remember("e", start.after(INTERVAL), 10);
        assert_eq!(
            (recent.first(), recent.next_due()),
            (Some(4), Some(start.after(INTERVAL).after(FORGET_WITHIN)))
        );
        recent.forget("d", 4);
        assert_eq!((recent.find("d"), recent.next_due()), (Some(9), None), "its record is yet to be named");
        recent.begin_at(start.after(INTERVAL), 9);
        assert_eq!((recent.first(), recent.len()), (Some(9), 2));
        recent.clear();
        assert_eq!((recent.find("d"), recent.first(), recent.len()), (None, None, 0));
    }

    #[test]
    fn keys_with_and_without_a_group_differ() {
        let mut recent = Deduplication::default();
        recent.remember(&key("grouped", Some("a")), Timestamp::EPOCH, 1);
        recent.remember(&key("everywhere", None), Timestamp::EPOCH, 2);
        assert_eq!(recent.find(&key("grouped", Some("a"))), Some(1));
        assert_eq!(recent.find(&key("grouped", Some("b"))), None);
        assert_eq!(
            (recent.find(&key("grouped", None)), recent.find(&key("everywhere", None))),
            (None, Some(2))
        );
    }

    #[test]
    fn a_body_gives_its_sha_256() {
        let id = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(content_id("abc"), id);
    }
}
