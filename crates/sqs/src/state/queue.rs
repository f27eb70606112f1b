//! A queue's messages and their transitions: delayed, visible, in flight, gone. Pure: `now` comes in, what is to be stored goes out.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::{HashMap, Timestamp};

use super::ages::Ages;
use super::budget::Budget;
use super::fair::{Ended, Noise};
use super::fifo::Round;
use super::groups::GroupId;
use super::line::Line;
use super::receipt::Receipt;
use super::tail::Tail;

/// How many messages of a queue may be in flight at once, standard or FIFO.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html>
pub const IN_FLIGHT_MAX: usize = 120_000;

/// How often a message is received before its age no longer counts as that of a queue's oldest message.
const RECEIVES_FAILED: u32 = 3;

/// What is known of a message without its content.
#[derive(Clone, Debug)]
pub struct Message {
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// When it becomes visible, if it is not.
    pub due: Timestamp,
    /// When it was received first.
    pub first_received: Option<Timestamp>,
    /// When it was received last.
    pub last_received: Option<Timestamp>,
    /// How often it was received, in the queue that it was dead-lettered from too.
    pub receive_count: u32,
    /// How many of these receives happened before it was dead-lettered into this queue, whose redrive policy does not count them.
    pub carried_receives: u32,
    /// Where it stands.
    pub place: Place,
    /// Its group, in queues whose order has groups. Set by the queue that it is in.
    pub group: Option<GroupId>,
    /// Its content as stored, while it is held in memory.
    pub content: Option<Bytes>,
}

impl Message {
    /// Whether it was received so often in this queue that its age no longer counts as that of the oldest message.
    fn has_failed(&self) -> bool {
        self.receive_count - self.carried_receives >= RECEIVES_FAILED
    }

    /// When and after how long its time in flight ended, if it was in flight until `end`.
    fn ended(&self, end: Timestamp) -> Ended {
        (self.place == Place::InFlight).then(|| (end, end.since(self.last_received.unwrap_or(end))))
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To be received.
    Visible,
    /// Not visible yet.
    Delayed,
    /// Received, and neither deleted nor visible again.
    InFlight,
}

/// How many messages stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Visible.
    pub visible: usize,
    /// In flight.
    pub in_flight: usize,
    /// Delayed.
    pub delayed: usize,
}

/// What may be taken from a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// This message was received; it is in flight now.
    Received(u64),
    /// This message has been received as often as the redrive policy allows, and must be moved.
    Exhausted(u64),
}

/// Why a receipt handle does not name a message in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleReceipt {
    /// The message is gone.
    Gone,
    /// It was received again since.
    Superseded,
    /// It is not in flight.
    NotInFlight,
}

/// The messages of one queue. Numbers grow in the order of acceptance.
///
/// Invariant: every message is in `all` and `ages`, and either visible or in `timed` by when it becomes so; or it is visible and in `tail`, whose messages
/// have no group, were never received, and come in the order of their numbers like all others.
#[derive(Debug)]
pub struct Messages {
    all: HashMap<u64, Message>,
    line: Line,
    timed: BTreeSet<(Timestamp, u64)>,
    ages: Ages,
    in_flight: usize,
    next_number: u64,
    tail: Tail,
    budget: Budget,
}

impl Messages {
    /// No messages yet, to be received in this order and held within this budget.
    #[must_use]
    pub fn new(line: Line, budget: Budget) -> Self {
        Self {
            all: HashMap::default(),
            line,
            timed: BTreeSet::new(),
            ages: Ages::default(),
            in_flight: 0,
            next_number: 1,
            tail: Tail::default(),
            budget,
        }
    }

    /// The number that the next message gets.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Uses no number below this from now on.
    pub fn skip_numbers(&mut self, below: u64) {
        self.next_number = self.next_number.max(below);
    }

    /// Adds a message under a number that no message had before, greater than that of any of its group; with the instant of its arrival if that is not
    /// the one of its sending.
    pub fn insert(
        &mut self,
        number: u64,
        group: Option<&str>,
        arrived: Option<Timestamp>,
        mut message: Message,
    ) {
        self.next_number = self.next_number.max(number + 1);
        self.ages.enter(number, message.sent_at, arrived);
        if message.has_failed() && matches!(self.line, Line::Standard(_)) {
            self.ages.fail(number);
        }
        if message.place != Place::Visible {
            self.timed.insert((message.due, number));
        }
        message.group = self.line.enter(number, group, message.place, message.sent_at);
        self.in_flight += usize::from(message.place == Place::InFlight);
        self.budget.take(message.content.as_ref().map_or(0, Bytes::len));
        let replaced = self.all.insert(number, message);
        assert!(replaced.is_none(), "message numbers are never used twice");
    }

    /// What is known of a message.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Message> {
        self.all.get(&number)
    }

    /// Removes a message from wherever it stands.
    pub fn remove(&mut self, now: Timestamp, number: u64) -> Option<Message> {
        let message = self.all.remove(&number)?;
        self.ages.leave(number, message.sent_at);
        if message.place != Place::Visible {
            self.timed.remove(&(message.due, number));
        }
        self.line.leave(number, message.group, message.ended(now));
        self.in_flight -= usize::from(message.place == Place::InFlight);
        self.budget.give(message.content.as_ref().map_or(0, Bytes::len));
        Some(message)
    }

    /// Whether a message that is visible and has no group stays in the store alone, because memory has no room for it or for those before it.
    #[must_use]
    pub fn spills(&self) -> bool {
        let standard = matches!(self.line, Line::Standard(_));
        standard && (!self.tail.is_empty() || !self.budget.has_room_for_message(self.all.len()))
    }

    /// Adds a message that stays in the store alone; see [`Messages::spills`].
    pub fn spill(&mut self, number: u64, sent_at: Timestamp) {
        self.next_number = self.next_number.max(number + 1);
        self.tail.push(number, sent_at);
    }

    /// From which number on messages must be read from the store before the next can be received, or before those sent at `before` can expire.
    #[must_use]
    pub fn to_load(&self, before: Option<Timestamp>) -> Option<u64> {
        let first = self.tail.first()?;
        let Line::Standard(fair) = &self.line else { return None };
        let is_next = fair.first_quiet().is_none_or(|number| number > first);
        let expires = before.is_some_and(|before| self.tail.since().is_some_and(|since| since <= before));
        (is_next || expires).then_some(first)
    }

    /// Takes in what the store has from [`Messages::to_load`] on: consecutive messages, those that memory has already among them.
    pub fn load(&mut self, read: impl IntoIterator<Item = (u64, Message)>) {
        let (mut loaded, mut last) = (0, None);
        for (number, message) in read {
            last = Some((number, message.sent_at));
            if !self.all.contains_key(&number) {
                self.insert(number, None, None, message);
                loaded += 1;
            }
        }
        assert!(last.is_some(), "the store has every message until it is deleted");
        if let Some((number, sent_at)) = last {
            self.tail.loaded(loaded, number, sent_at);
        }
    }

    /// From which number on messages are in the store alone, if any are.
    #[must_use]
    pub fn first_in_store(&self) -> Option<u64> {
        self.tail.first()
    }

    /// How many messages are held in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.all.len()
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len() + self.tail.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes visible what has become so by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((due, number)) = self.timed.first().copied()
            && due <= now
        {
            self.timed.pop_first();
            if let Some(message) = self.all.get_mut(&number) {
                self.in_flight -= usize::from(message.place == Place::InFlight);
                self.line.show(number, message.group, message.ended(due));
                message.place = Place::Visible;
            }
        }
        self.line.refresh(now);
    }

    /// The oldest message that was sent at `before` or earlier.
    #[must_use]
    pub fn expired(&self, before: Timestamp) -> Option<u64> {
        self.first_sent().filter(|(sent_at, _)| *sent_at <= before).map(|(_, number)| number)
    }

    /// When the oldest message was sent.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        let held = self.first_sent().map(|(sent_at, _)| sent_at);
        [held, self.tail.since()].into_iter().flatten().min()
    }

    /// When the message arrived whose age `ApproximateAgeOfOldestMessage` tells.
    #[must_use]
    pub fn oldest_unfailed(&self) -> Option<Timestamp> {
        let held = self.ages.oldest_unfailed().and_then(|number| self.arrived(number));
        [held, self.tail.since()].into_iter().flatten().min()
    }

    /// Likewise among the messages of quiet tenants.
    #[must_use]
    pub fn oldest_quiet(&self) -> Option<Timestamp> {
        let Line::Standard(fair) = &self.line else { return None };
        if fair.noise().is_none_or(|noise| noise.tenants == 0) {
            return self.oldest_unfailed();
        }
        let timed = self.timed.iter().map(|(_, number)| *number);
        let quiet = timed.filter(|number| {
            let message = self.all.get(number);
            message.is_some_and(|message| !message.has_failed() && !fair.is_noisy(message.group))
        });
        let held = fair.first_quiet().into_iter().chain(quiet).filter_map(|number| self.arrived(number));
        held.chain(self.tail.since()).min()
    }

    fn first_sent(&self) -> Option<(Timestamp, u64)> {
        self.ages.oldest().filter_map(|number| Some((self.all.get(&number)?.sent_at, number))).min()
    }

    fn arrived(&self, number: u64) -> Option<Timestamp> {
        self.ages.arrived(number).or_else(|| self.all.get(&number).map(|message| message.sent_at))
    }

    /// The number of the message that would be received next.
    #[must_use]
    pub fn peek(&self) -> Option<u64> {
        self.line.next(Round::default())
    }

    /// Receives the next message of a round for `visibility`, or says that it must be moved because it was received `receives_max` times already.
    pub fn take(
        &mut self,
        round: &mut Round,
        now: Timestamp,
        visibility: Duration,
        receives_max: Option<u32>,
    ) -> Option<Taken> {
        let number = self.line.next(*round)?;
        let message = self.all.get_mut(&number)?;
        if receives_max.is_some_and(|max| message.receive_count - message.carried_receives >= max) {
            return Some(Taken::Exhausted(number));
        }
        if self.in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        message.receive_count = message.receive_count.saturating_add(1);
        if message.has_failed() && matches!(self.line, Line::Standard(_)) {
            self.ages.fail(number);
        }
        message.first_received.get_or_insert(now);
        message.last_received = Some(now);
        // With a timeout of zero it is visible again at once, but behind the messages that the same receive takes: `advance` puts it back.
        message.due = now.after(visibility);
        message.place = Place::InFlight;
        self.line.take(number, message.group, round);
        self.in_flight += 1;
        self.timed.insert((message.due, number));
        Some(Taken::Received(number))
    }

    /// The message that a receipt names, if it is the receipt of the message's last receive.
    ///
    /// # Errors
    /// Why it is not.
    pub fn by_receipt(&self, receipt: Receipt) -> Result<(u64, &Message), StaleReceipt> {
        let message = self.all.get(&receipt.message).ok_or(StaleReceipt::Gone)?;
        if message.receive_count != receipt.receive {
            return Err(StaleReceipt::Superseded);
        }
        Ok((receipt.message, message))
    }

    /// Sets anew when a message in flight becomes visible.
    ///
    /// # Errors
    /// If it is not in flight.
    pub fn set_due(&mut self, number: u64, due: Timestamp) -> Result<&Message, StaleReceipt> {
        let message = self.all.get_mut(&number).ok_or(StaleReceipt::Gone)?;
        if message.place != Place::InFlight {
            return Err(StaleReceipt::NotInFlight);
        }
        self.timed.remove(&(message.due, number));
        message.due = due;
        self.timed.insert((due, number));
        Ok(message)
    }

    /// How many messages stand where. Call [`Messages::advance`] before.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            visible: self.all.len() - self.timed.len() + self.tail.len(),
            in_flight: self.in_flight,
            delayed: self.timed.len() - self.in_flight,
        }
    }

    /// How many messages stand where at `now`, though nobody called [`Messages::advance`].
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> Counts {
        let mut counts = self.counts();
        for (_, number) in self.timed.range(..=(now, u64::MAX)) {
            counts.visible += 1;
            match self.all.get(number).map(|message| message.place) {
                Some(Place::InFlight) => counts.in_flight -= 1,
                _ => counts.delayed -= 1,
            }
        }
        counts
    }

    /// Messages in about the order in which they would be received: those that can be received now, then those that become visible next.
    pub fn upcoming(&self, max: usize) -> impl Iterator<Item = (u64, &Message)> {
        let receivable: Vec<u64> = match &self.line {
            Line::Standard(fair) => fair.visible(max),
            Line::Fifo(fifo) => fifo.receivable().take(max).collect(),
        };
        let timed = self.timed.iter().map(|(_, number)| *number);
        let numbers = receivable.into_iter().chain(timed).take(max);
        numbers.filter_map(|number| self.all.get(&number).map(|message| (number, message)))
    }

    /// How many groups of a FIFO queue have messages in flight; `None` for a standard queue.
    #[must_use]
    pub fn groups_in_flight(&self) -> Option<usize> {
        match &self.line {
            Line::Fifo(fifo) => Some(fifo.groups_in_flight()),
            Line::Standard(_) => None,
        }
    }

    /// How many groups have messages.
    #[must_use]
    pub fn groups(&self) -> usize {
        match &self.line {
            Line::Fifo(fifo) => fifo.groups(),
            Line::Standard(fair) => fair.groups(),
        }
    }

    /// What noisy tenants have of a standard queue whose messages have groups.
    #[must_use]
    pub fn noise(&self) -> Option<Noise> {
        match &self.line {
            Line::Standard(fair) => fair.noise(),
            Line::Fifo(_) => None,
        }
    }

    /// Removes everything; the numbers that were used stay used.
    pub fn clear(&mut self) -> Vec<(u64, Message)> {
        self.line.clear();
        self.timed.clear();
        self.ages = Ages::default();
        self.in_flight = 0;
        self.tail = Tail::default();
        for message in self.all.values() {
            self.budget.give(message.content.as_ref().map_or(0, Bytes::len));
        }
        self.all.drain().collect()
    }

    /// When a message becomes visible next.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        self.timed.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_messages_are_in_flight_than_there_may_be() {
        let mut messages = Messages::new(Line::of_type(false), Budget::default());
        let now = Timestamp::from_secs(1);
        for number in 1..=IN_FLIGHT_MAX as u64 + 1 {
            let message = Message {
                sent_at: now,
                due: now,
                first_received: None,
                last_received: None,
                receive_count: 0,
                carried_receives: 0,
                place: Place::Visible,
                group: None,
                content: None,
            };
            messages.insert(number, None, None, message);
        }
        let second = Duration::from_secs(1);
        for number in 1..=IN_FLIGHT_MAX as u64 {
            assert_eq!(
                messages.take(&mut Round::default(), now, second, None),
                Some(Taken::Received(number))
            );
        }
        assert_eq!(messages.take(&mut Round::default(), now, second, None), None);
        assert!(messages.remove(now, 7).is_some());
        let last = IN_FLIGHT_MAX as u64 + 1;
        assert_eq!(messages.take(&mut Round::default(), now, second, None), Some(Taken::Received(last)));
        assert_eq!(messages.counts(), Counts { visible: 0, in_flight: IN_FLIGHT_MAX, delayed: 0 });
        messages.advance(now.after(second));
        assert_eq!(messages.counts(), Counts { visible: IN_FLIGHT_MAX, in_flight: 0, delayed: 0 });
    }
}
