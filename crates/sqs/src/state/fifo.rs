//! Whose turn it is in a FIFO queue.
//!
//! A group's messages are received in the order in which they were sent. One that is in flight or delayed holds back those sent after it, of its own
//! group only; one receive takes as many messages in a row as it asked for. Groups take turns: one that can be received from again goes to the end of
//! the line, so that none with a long backlog keeps the others waiting (sqs/test_sqs: the `test_fifo_*` that receive from several groups).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::groups::{GroupId, Groups};

/// How many messages a group may have room for whatever it has.
const ROOM_MIN: usize = 64;

/// The messages of one group in the order in which they were sent.
#[derive(Debug, Default)]
struct Order {
    members: VecDeque<u64>,
    /// Those that are in flight or delayed.
    hidden: BTreeSet<u64>,
    /// Its place among the groups whose first message is visible.
    turn: Option<u64>,
    in_flight: usize,
}

impl Order {
    fn is_visible(&self, number: u64) -> bool {
        !self.hidden.contains(&number)
    }

    /// Removes a message, and gives back memory that a long backlog took.
    fn remove(&mut self, number: u64) {
        self.hidden.remove(&number);
        if let Ok(index) = self.members.binary_search(&number) {
            self.members.remove(index);
        }
        if self.members.capacity() > ROOM_MIN && self.members.len() < self.members.capacity() / 4 {
            self.members.shrink_to(self.members.capacity() / 2);
        }
    }
}

/// How far one receive has come: which group it takes from, and how many of its first messages it has taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Round {
    group: Option<GroupId>,
    taken: usize,
}

/// The groups of a queue and their messages.
///
/// Invariant: `ready` has exactly the groups whose first message is visible, by their turns.
#[derive(Debug, Default)]
pub struct Fifo {
    groups: Groups<Order>,
    ready: BTreeMap<u64, GroupId>,
    turns: u64,
    groups_in_flight: usize,
}

impl Fifo {
    /// Adds a message behind all others of its group.
    pub fn enter(&mut self, number: u64, group: &str, visible: bool, in_flight: bool) -> GroupId {
        let id = self.groups.enter(group);
        let order = &mut self.groups[id];
        let last = order.members.back().is_none_or(|last| *last < number);
        assert!(last, "message numbers grow, and messages come in their order");
        order.members.push_back(number);
        if !visible {
            order.hidden.insert(number);
        }
        self.count(id, in_flight, false);
        self.settle(id);
        id
    }

    /// The message to receive next in a round.
    #[must_use]
    pub fn next(&self, round: Round) -> Option<u64> {
        if let Some(group) = round.group {
            let order = &self.groups[group];
            let following = order.members.get(round.taken).filter(|number| order.is_visible(**number));
            if let Some(number) = following {
                return Some(*number);
            }
        }
        let (_, group) = self.ready.first_key_value()?;
        self.groups[*group].members.front().copied()
    }

    /// Every message that can be received now, group by group.
    pub fn receivable(&self) -> impl Iterator<Item = u64> {
        self.ready.values().flat_map(|group| {
            let order = &self.groups[*group];
            order.members.iter().copied().take_while(|number| order.is_visible(*number))
        })
    }

    /// Notes that the message which [`Fifo::next`] named was received.
    pub fn take(&mut self, number: u64, group: GroupId, round: &mut Round) {
        *round = match round.group {
            Some(current) if current == group => Round { taken: round.taken + 1, ..*round },
            _ => Round { group: Some(group), taken: 1 },
        };
        self.set_visible(number, group, false);
        self.count(group, true, false);
    }

    /// Notes that a message is visible now.
    pub fn show(&mut self, number: u64, group: GroupId, was_in_flight: bool) {
        self.set_visible(number, group, true);
        self.count(group, false, was_in_flight);
    }

    /// Removes a message.
    pub fn leave(&mut self, number: u64, group: GroupId, was_in_flight: bool) {
        self.count(group, false, was_in_flight);
        self.groups[group].remove(number);
        self.settle(group);
        self.groups.leave(group);
    }

    /// How many groups have messages.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The group of this name, while it has messages.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<GroupId> {
        self.groups.find(name)
    }

    /// How many groups have messages in flight.
    #[must_use]
    pub fn groups_in_flight(&self) -> usize {
        self.groups_in_flight
    }

    fn set_visible(&mut self, number: u64, group: GroupId, visible: bool) {
        let hidden = &mut self.groups[group].hidden;
        if visible {
            hidden.remove(&number);
        } else {
            hidden.insert(number);
        }
        self.settle(group);
    }

    /// Counts one message more or less in flight.
    fn count(&mut self, group: GroupId, more: bool, less: bool) {
        let order = &mut self.groups[group];
        let before = order.in_flight;
        order.in_flight = before + usize::from(more) - usize::from(less);
        self.groups_in_flight += usize::from(before == 0 && order.in_flight > 0);
        self.groups_in_flight -= usize::from(before > 0 && order.in_flight == 0);
    }

    /// Gives a group its turn, or takes it away, as its first message is visible or not.
    fn settle(&mut self, group: GroupId) {
        let order = &mut self.groups[group];
        let visible = order.members.front().is_some_and(|first| order.is_visible(*first));
        match order.turn {
            None if visible => {
                self.turns += 1;
                order.turn = Some(self.turns);
                self.ready.insert(self.turns, group);
            }
            Some(turn) if !visible => {
                order.turn = None;
                self.ready.remove(&turn);
            }
            _ => {}
        }
    }
}
