//! Long polls that wait for a queue's messages.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_core::{ParkId, Timestamp};

/// A long poll that waits for messages.
#[derive(Clone, Debug)]
pub struct Waiter<P> {
    /// Whom to answer.
    pub park: ParkId,
    /// Until when it waits.
    pub deadline: Timestamp,
    /// What it asked for.
    pub poll: P,
}

/// Those who wait for one queue, in the order in which they came, which is that of their ids.
#[derive(Debug)]
pub struct Waiters<P> {
    waiting: BTreeMap<ParkId, Waiter<P>>,
    deadlines: BTreeSet<(Timestamp, ParkId)>,
}

impl<P> Default for Waiters<P> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), deadlines: BTreeSet::new() }
    }
}

impl<P> Waiters<P> {
    /// Lets a long poll wait.
    pub fn wait(&mut self, waiter: Waiter<P>) {
        self.deadlines.insert((waiter.deadline, waiter.park));
        self.waiting.insert(waiter.park, waiter);
    }

    /// The long poll that has waited longest.
    #[must_use]
    pub fn first(&self) -> Option<&Waiter<P>> {
        self.waiting.first_key_value().map(|(_, waiter)| waiter)
    }

    /// Takes the long poll that has waited longest.
    pub fn take_first(&mut self) -> Option<Waiter<P>> {
        let (park, waiter) = self.waiting.pop_first()?;
        self.deadlines.remove(&(waiter.deadline, park));
        Some(waiter)
    }

    /// Takes the long poll whose deadline came first, if it has come by `now`.
    pub fn take_overdue(&mut self, now: Timestamp) -> Option<Waiter<P>> {
        let (_, park) = *self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(park)
    }

    /// Forgets a long poll whose client is gone; whether it was here.
    pub fn abandon(&mut self, park: ParkId) -> bool {
        self.remove(park).is_some()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the next of them stops to wait; `None` if nobody waits.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn remove(&mut self, park: ParkId) -> Option<Waiter<P>> {
        let waiter = self.waiting.remove(&park)?;
        self.deadlines.remove(&(waiter.deadline, park));
        Some(waiter)
    }
}
