//! Receives that can be repeated: what a FIFO queue gave to whom named an attempt, for the client that never saw the answer.

use std::collections::VecDeque;
use std::sync::Arc;

use pontoon_core::{HashMap, Timestamp};

use super::deduplication::INTERVAL;

/// What an attempt received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was made first.
    pub at: Timestamp,
    /// When what it received becomes visible, if nobody changes that.
    pub due: Timestamp,
    /// Number and receive count of each message.
    pub messages: Vec<(u64, u32)>,
}

/// The attempts of the last five minutes.
#[derive(Debug, Default)]
pub struct Attempts {
    recent: HashMap<Arc<str>, Attempt>,
    /// Oldest first.
    order: VecDeque<(Timestamp, Arc<str>)>,
}

impl Attempts {
    /// What an attempt received, if it was made less than five minutes ago.
    #[must_use]
    pub fn find(&self, now: Timestamp, id: &str) -> Option<&Attempt> {
        self.recent.get(id).filter(|attempt| now.since(attempt.at) < INTERVAL)
    }

    /// Remembers what an attempt received, in place of what it received before.
    pub fn remember(&mut self, id: &str, attempt: Attempt) {
        let id: Arc<str> = id.into();
        // A repetition is as old as its first.
        if self.recent.get(&id).is_none_or(|known| known.at != attempt.at) {
            self.order.push_back((attempt.at, Arc::clone(&id)));
        }
        self.recent.insert(id, attempt);
    }

    /// Forgets attempts that can no longer be repeated, and gives their ids.
    pub fn forget(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let mut forgotten = Vec::new();
        while let Some((at, id)) = self.order.front()
            && now.since(*at) >= INTERVAL
        {
            // One that was made anew under the same id is remembered on.
            if self.recent.get(id).is_some_and(|attempt| attempt.at == *at) {
                self.recent.remove(id);
                forgotten.push(Arc::clone(id));
            }
            self.order.pop_front();
        }
        forgotten
    }

    /// Forgets everything, and gives the ids.
    pub fn clear(&mut self) -> impl Iterator<Item = Arc<str>> {
        self.order.clear();
        std::mem::take(&mut self.recent).into_keys()
    }

    /// When [`Attempts::forget`] is to be called next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.order.front().map(|(at, _)| at.after(INTERVAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_can_be_repeated_for_five_minutes_after_it_was_made_first() {
        let start = Timestamp::from_secs(1_000);
        let attempt = Attempt { at: start, due: start, messages: vec![(1, 1)] };
        let mut attempts = Attempts::default();
        attempts.remember("a", attempt.clone());
        attempts.remember("a", Attempt { due: start.after(INTERVAL), ..attempt });
        let end = start.after(INTERVAL);
        assert!(attempts.find(end.before(std::time::Duration::from_millis(1)), "a").is_some());
        assert_eq!(attempts.find(end, "a"), None);
        assert_eq!(attempts.next_due(), Some(end));
        assert_eq!(attempts.forget(end), [Arc::from("a")]);
        assert_eq!((attempts.forget(end), attempts.next_due()), (vec![], None));
    }
}
