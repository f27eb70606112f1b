//! Which message of a queue is received next: a standard queue's oldest visible one, a FIFO queue's by its groups.

use std::collections::BTreeSet;

use super::fifo::{Fifo, Round};
use super::groups::GroupId;
use super::queue::Place;

/// The order in which the messages of a queue are received.
#[derive(Debug)]
pub enum Line {
    /// Visible messages by number.
    Standard(BTreeSet<u64>),
    /// Groups that take turns.
    Fifo(Fifo),
}

impl Line {
    /// Adds a message.
    pub fn enter(&mut self, number: u64, group: Option<&str>, place: Place) -> Option<GroupId> {
        match self {
            Self::Standard(visible) => {
                if place == Place::Visible {
                    visible.insert(number);
                }
                None
            }
            Self::Fifo(fifo) => {
                let group = group.unwrap_or_default();
                Some(fifo.enter(number, group, place == Place::Visible, place == Place::InFlight))
            }
        }
    }

    /// The message to receive next in a round.
    #[must_use]
    pub fn next(&self, round: Round) -> Option<u64> {
        match self {
            Self::Standard(visible) => visible.first().copied(),
            Self::Fifo(fifo) => fifo.next(round),
        }
    }

    /// Notes that the message which [`Line::next`] named was received.
    pub fn take(&mut self, number: u64, group: Option<GroupId>, round: &mut Round) {
        match (self, group) {
            (Self::Standard(visible), _) => drop(visible.remove(&number)),
            (Self::Fifo(fifo), Some(group)) => fifo.take(number, group, round),
            (Self::Fifo(_), None) => unreachable!("every message of a FIFO queue has a group"),
        }
    }

    /// Notes that a message is visible now.
    pub fn show(&mut self, number: u64, group: Option<GroupId>, was: Place) {
        match (self, group) {
            (Self::Standard(visible), _) => drop(visible.insert(number)),
            (Self::Fifo(fifo), Some(group)) => fifo.show(number, group, was == Place::InFlight),
            (Self::Fifo(_), None) => unreachable!("every message of a FIFO queue has a group"),
        }
    }

    /// Removes a message.
    pub fn leave(&mut self, number: u64, group: Option<GroupId>, was: Place) {
        match (self, group) {
            (Self::Standard(visible), _) => drop(visible.remove(&number)),
            (Self::Fifo(fifo), Some(group)) => fifo.leave(number, group, was == Place::InFlight),
            (Self::Fifo(_), None) => unreachable!("every message of a FIFO queue has a group"),
        }
    }

    /// Removes every message.
    pub fn clear(&mut self) {
        match self {
            Self::Standard(visible) => visible.clear(),
            Self::Fifo(fifo) => *fifo = Fifo::default(),
        }
    }
}
