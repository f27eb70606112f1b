//! Whose turn it is in a FIFO queue.
//!
//! A group's messages are received in the order in which they were sent. One that is in flight or delayed holds back those sent after it, of its own
//! group only; one receive takes as many messages in a row as it asked for. Groups take turns: one that can be received from again goes to the end of
//! the line, so that none with a long backlog keeps the others waiting (sqs/test_sqs: the `test_fifo_*` that receive from several groups).

use std::collections::{BTreeMap, VecDeque};

use super::groups::{GroupId, Groups};

#[derive(Clone, Copy, Debug)]
struct Member {
    number: u64,
    visible: bool,
}

/// The messages of one group in the order in which they were sent.
#[derive(Debug, Default)]
struct Order {
    members: VecDeque<Member>,
    /// Its place among the groups whose first message is visible.
    turn: Option<u64>,
    in_flight: usize,
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
        let last = order.members.back().is_none_or(|last| last.number < number);
        assert!(last, "message numbers grow, and messages come in their order");
        order.members.push_back(Member { number, visible });
        self.count(id, in_flight, false);
        self.settle(id);
        id
    }

    /// The message to receive next in a round.
    #[must_use]
    pub fn next(&self, round: Round) -> Option<u64> {
        let following = round.group.and_then(|group| self.groups[group].members.get(round.taken));
        if let Some(member) = following.filter(|member| member.visible) {
            return Some(member.number);
        }
        let (_, group) = self.ready.first_key_value()?;
        self.groups[*group].members.front().map(|member| member.number)
    }

    /// Every message that can be received now, group by group.
    pub fn receivable(&self) -> impl Iterator<Item = u64> {
        self.ready.values().flat_map(|group| {
            self.groups[*group].members.iter().take_while(|member| member.visible).map(|member| member.number)
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
        let order = &mut self.groups[group];
        if let Ok(index) = order.members.binary_search_by_key(&number, |member| member.number) {
            order.members.remove(index);
        }
        self.settle(group);
        self.groups.leave(group);
    }

    /// How many groups have messages.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// How many groups have messages in flight.
    #[must_use]
    pub fn groups_in_flight(&self) -> usize {
        self.groups_in_flight
    }

    fn set_visible(&mut self, number: u64, group: GroupId, visible: bool) {
        let members = &mut self.groups[group].members;
        if let Ok(index) = members.binary_search_by_key(&number, |member| member.number) {
            members[index].visible = visible;
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
        let visible = order.members.front().is_some_and(|first| first.visible);
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
