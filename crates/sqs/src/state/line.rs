//! Which message of a queue is received next: by its tenants in a standard queue, by its groups in a FIFO queue.

use pontoon_core::Timestamp;

use super::fair::{Ended, Fair};
use super::fifo::{Fifo, Round};
use super::groups::GroupId;
use super::queue::Place;

/// The order in which the messages of a queue are received.
#[derive(Debug)]
pub enum Line {
    /// Tenants that are quiet before those that are noisy.
    Standard(Box<Fair>),
    /// Groups that take turns.
    Fifo(Box<Fifo>),
}

impl Line {
    /// The order of a queue of this type.
    #[must_use]
    pub fn of_type(fifo: bool) -> Self {
        if fifo { Self::Fifo(Box::default()) } else { Self::Standard(Box::default()) }
    }

    /// Adds a message that was sent at `sent_at`.
    pub fn enter(
        &mut self,
        number: u64,
        group: Option<&str>,
        place: Place,
        sent_at: Timestamp,
    ) -> Option<GroupId> {
        let (visible, in_flight) = (place == Place::Visible, place == Place::InFlight);
        match self {
            Self::Standard(fair) => fair.enter(number, group, visible, in_flight, sent_at),
            Self::Fifo(fifo) => Some(fifo.enter(number, group.unwrap_or_default(), visible, in_flight)),
        }
    }

    /// The group of this name, while it has messages.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<GroupId> {
        match self {
            Self::Standard(fair) => fair.group(name),
            Self::Fifo(fifo) => fifo.group(name),
        }
    }

    /// Whether it is that of a FIFO queue.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        matches!(self, Self::Fifo(_))
    }

    /// The message to receive next in a round.
    #[must_use]
    pub fn next(&self, round: Round) -> Option<u64> {
        match self {
            Self::Standard(fair) => fair.next(),
            Self::Fifo(fifo) => fifo.next(round),
        }
    }

    /// Notes that the message which [`Line::next`] named was received.
    pub fn take(&mut self, number: u64, group: Option<GroupId>, round: &mut Round) {
        match (self, group) {
            (Self::Standard(fair), _) => fair.take(number, group),
            (Self::Fifo(fifo), Some(group)) => fifo.take(number, group, round),
            (Self::Fifo(_), None) => unreachable!("every message of a FIFO queue has a group"),
        }
    }

    /// Notes that a message is visible now, after it was in flight or delayed.
    pub fn show(&mut self, number: u64, group: Option<GroupId>, ended: Ended) {
        match (self, group) {
            (Self::Standard(fair), _) => fair.show(number, group, ended),
            (Self::Fifo(fifo), Some(group)) => fifo.show(number, group, ended.is_some()),
            (Self::Fifo(_), None) => unreachable!("every message of a FIFO queue has a group"),
        }
    }

    /// Removes a message.
    pub fn leave(&mut self, number: u64, group: Option<GroupId>, ended: Ended) {
        match (self, group) {
            (Self::Standard(fair), _) => fair.leave(number, group, ended),
            (Self::Fifo(fifo), Some(group)) => fifo.leave(number, group, ended.is_some()),
            (Self::Fifo(_), None) => unreachable!("every message of a FIFO queue has a group"),
        }
    }

    /// Takes note of the time.
    pub fn refresh(&mut self, now: Timestamp) {
        if let Self::Standard(fair) = self {
            fair.refresh(now);
        }
    }

    /// Removes every message.
    pub fn clear(&mut self) {
        *self = Self::of_type(self.is_fifo());
    }
}
