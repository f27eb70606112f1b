//! The messages of a queue that only the store knows: those behind what memory has room for, none of them ever received.

use pontoon_core::Timestamp;

/// How many messages are only in the store, and where they begin. In the store other messages, which are held in memory, may lie between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    first: u64,
    since: Timestamp,
    count: usize,
}

impl Tail {
    /// Adds a message behind all others.
    pub fn push(&mut self, number: u64, sent_at: Timestamp) {
        if self.count == 0 {
            (self.first, self.since) = (number, sent_at);
        }
        self.count += 1;
    }

    /// Notes that `loaded` messages, all there were up to the number `last`, are held in memory now; the last was sent at `since`.
    pub fn loaded(&mut self, loaded: usize, last: u64, since: Timestamp) {
        self.count -= loaded;
        (self.first, self.since) = (last + 1, since);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A number that none of them is below; `None` if there are none.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        (self.count > 0).then_some(self.first)
    }

    /// An instant that none of them was sent before; `None` if there are none.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        (self.count > 0).then_some(self.since)
    }
}
