//! A queue's messages and their transitions: delayed, visible, in flight, gone. Pure: `now` comes in, what is to be stored goes out.
//!
//! A message is *held* while memory has what is known of it, or *at rest*: then memory has its number, its place in line and the instant when it becomes
//! visible, and whoever wants to know more reads it from the store ([`Messages::hold`]).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::Timestamp;

use super::ages::Ages;
use super::budget::Budget;
use super::fair::{Ended, Noise};
use super::fifo::Round;
use super::groups::GroupId;
use super::index::{Index, Page};
use super::line::Line;
use super::message::Header;
use super::numbers::{ByNumber, Numbers};
use super::receipt::Receipt;

/// How often a message is received before its age no longer counts as that of a queue's oldest message.
const RECEIVES_FAILED: u32 = 3;

/// What is known of a message without its content.
#[derive(Clone, Debug)]
pub struct Message {
    /// When it was accepted; a dead letter of a standard queue, when it was first.
    pub sent_at: Timestamp,
    /// When it came to this queue.
    pub arrived_at: Timestamp,
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
    /// Where it stands. Set by the queue that it is in when it is held after it was at rest.
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

    fn content_bytes(&self) -> usize {
        self.content.as_ref().map_or(0, Bytes::len)
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

/// What a message that is not visible waits for.
#[derive(Clone, Copy, Debug)]
struct Hidden {
    group: Option<GroupId>,
    /// How long it will have been in flight when it becomes visible, milliseconds; `None` if it is delayed. Twelve hours at most.
    in_flight_millis: Option<u32>,
}

/// The messages of one queue. Numbers grow in the order of acceptance.
///
/// Invariant: every message is in `ages`, and either visible or in `timed` by when it becomes so. Those in `held` are held; all others are at rest, and
/// the store has all that is known of them.
#[derive(Debug)]
pub struct Messages {
    held: ByNumber<Message>,
    line: Line,
    timed: BTreeMap<(Timestamp, u64), Hidden>,
    ages: Ages,
    in_flight: usize,
    next_number: u64,
    /// Those at rest that were received before, in this queue or another: the store has a record of that.
    received: Numbers,
    index: Index,
    budget: Budget,
}

impl Messages {
    /// No messages yet, to be received in this order and held within this budget.
    #[must_use]
    pub fn new(line: Line, budget: Budget) -> Self {
        Self {
            held: ByNumber::default(),
            line,
            timed: BTreeMap::new(),
            ages: Ages::default(),
            in_flight: 0,
            next_number: 1,
            received: Numbers::default(),
            index: Index::new(budget.limits().page_messages),
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

    /// Adds a message under a number that no message had before, greater than that of any of its group. It is held if there is room and none is at
    /// rest; otherwise it goes to rest, and may fill a page of the index, which is to be stored.
    pub fn insert(&mut self, number: u64, group: Option<&str>, mut message: Message) -> Option<Page> {
        let resting = self.len() > self.held.len() || !self.budget.has_room_for_message();
        message.group = self.enter(number, group, &message);
        if !resting {
            self.budget.take(message.content_bytes());
            self.held.insert(number, message);
            return None;
        }
        if message.receive_count > 0 {
            self.received.insert(number);
        }
        let (sent_at, carried_receives) = (message.sent_at, message.carried_receives);
        self.index.push(number, &Header { sent_at, visible_at: message.due, group, carried_receives })
    }

    /// Adds a message as the store has it, at rest, in the order of their numbers; whether a page of the index tells of it is not asked.
    pub fn restore(&mut self, number: u64, group: Option<&str>, mut message: Message) {
        // Groups line up by when their first message became visible, which is found out when time is looked at.
        let first_of_group = group.is_some_and(|group| self.line.group(group).is_none());
        if self.line.is_fifo() && first_of_group && message.place == Place::Visible {
            message.place = Place::Delayed;
        }
        self.enter(number, group, &message);
        if message.receive_count > 0 {
            self.received.insert(number);
        }
    }

    /// Notes that the index has a page of so many messages from this number on.
    pub fn restore_page(&mut self, first: u64, count: u64) {
        self.index.restore(first, count);
    }

    fn enter(&mut self, number: u64, group: Option<&str>, message: &Message) -> Option<GroupId> {
        assert!(!self.ages.contains(number), "message numbers are never used twice");
        self.next_number = self.next_number.max(number + 1);
        self.ages.enter(number, message.sent_at, message.carried_receives > 0);
        if message.has_failed() && !self.line.is_fifo() {
            self.ages.fail(number);
        }
        let group = self.line.enter(number, group, message.place, message.sent_at);
        if message.place != Place::Visible {
            self.timed.insert((message.due, number), hidden(group, message));
        }
        self.in_flight += usize::from(message.place == Place::InFlight);
        group
    }

    /// What is known of a message that is held.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Message> {
        self.held.get(&number)
    }

    /// Whether a message is there, but at rest.
    #[must_use]
    pub fn is_at_rest(&self, number: u64) -> bool {
        !self.held.contains_key(&number) && self.ages.contains(number)
    }

    /// Whether the store has a record of the receives of a message at rest.
    #[must_use]
    pub fn was_received(&self, number: u64) -> bool {
        self.received.contains(number)
    }

    /// Whether a page of the index that the store has tells of a message: nobody has received it yet.
    #[must_use]
    pub fn is_indexed(&self, number: u64) -> bool {
        self.index.tells_of(number)
    }

    /// Holds a message that was at rest. Gives the page of the index that no longer holds and is to be removed from the store, by the number of its first
    /// message.
    pub fn hold(&mut self, number: u64, group: Option<&str>, mut message: Message) -> Option<u64> {
        assert!(self.is_at_rest(number), "only a message at rest is read from the store");
        message.group = group.and_then(|group| self.line.group(group));
        message.place = match self.timed.get(&(message.due, number)) {
            None => Place::Visible,
            Some(Hidden { in_flight_millis: Some(_), .. }) => Place::InFlight,
            Some(_) => Place::Delayed,
        };
        self.budget.take(message.content_bytes());
        self.held.insert(number, message);
        self.received.remove(number);
        self.index.drop_page_of(number)
    }

    /// Removes a message that is held from wherever it stands.
    pub fn remove(&mut self, now: Timestamp, number: u64) -> Option<Message> {
        let message = self.held.remove(&number)?;
        self.ages.leave(number, message.sent_at);
        if message.place != Place::Visible {
            self.timed.remove(&(message.due, number));
        }
        self.line.leave(number, message.group, message.ended(now));
        self.in_flight -= usize::from(message.place == Place::InFlight);
        self.budget.give(message.content_bytes());
        Some(message)
    }

    /// How many messages are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ages.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    /// Makes visible what has become so by `now`. Those that nobody has room for any more go to rest.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some(((due, number), hidden)) = self.timed.first_key_value()
            && *due <= now
        {
            let (due, number, hidden) = (*due, *number, *hidden);
            self.timed.pop_first();
            let time = hidden.in_flight_millis.map(|millis| Duration::from_millis(u64::from(millis)));
            self.in_flight -= usize::from(time.is_some());
            self.line.show(number, hidden.group, time.map(|time| (due, time)));
            let has_room = self.budget.has_room_for_message();
            match self.held.get_mut(&number) {
                Some(message) if has_room => message.place = Place::Visible,
                Some(_) => self.rest(number),
                None => {}
            }
        }
        self.line.refresh(now);
    }

    fn rest(&mut self, number: u64) {
        let Some(message) = self.held.remove(&number) else { return };
        self.budget.give(message.content_bytes());
        if message.receive_count > 0 {
            self.received.insert(number);
        }
    }

    /// The message that was sent first, and when: to the millisecond if it is held, and else not before then.
    #[must_use]
    pub fn oldest(&self) -> Option<(Timestamp, u64)> {
        let exact =
            |(since, number)| (self.held.get(&number).map_or(since, |message| message.sent_at), number);
        self.oldest_of_each().map(exact).min()
    }

    /// Messages of which one was sent first, each with an instant that it was not sent before.
    pub fn oldest_of_each(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        [self.ages.oldest_own(), self.ages.oldest_moved()].into_iter().flatten()
    }

    /// The message whose age `ApproximateAgeOfOldestMessage` tells.
    #[must_use]
    pub fn oldest_unfailed(&self) -> Option<u64> {
        self.ages.oldest_unfailed()
    }

    /// Likewise among the messages of quiet tenants.
    #[must_use]
    pub fn oldest_quiet(&self) -> Option<u64> {
        let Line::Standard(fair) = &self.line else { return None };
        if fair.noise().is_none_or(|noise| noise.tenants == 0) {
            return self.oldest_unfailed();
        }
        let failed = |number| self.held.get(&number).is_some_and(Message::has_failed);
        let quiet = self.timed.iter().filter(|(_, hidden)| !fair.is_noisy(hidden.group));
        let hidden = quiet.map(|((_, number), _)| *number).filter(|number| !failed(*number));
        fair.first_quiet().into_iter().chain(hidden).min()
    }

    /// The number of the message that would be received next in a round.
    #[must_use]
    pub fn peek(&self, round: Round) -> Option<u64> {
        self.line.next(round)
    }

    /// Whether as many messages are in flight as may be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.in_flight >= self.budget.limits().in_flight
    }

    /// Receives the next message of a round, which must be held, for `visibility`; or says that it must be moved because it was received `receives_max`
    /// times already.
    pub fn take(
        &mut self,
        round: &mut Round,
        now: Timestamp,
        visibility: Duration,
        receives_max: Option<u32>,
    ) -> Option<Taken> {
        let number = self.line.next(*round)?;
        let is_full = self.is_full();
        let message = self.held.get_mut(&number);
        assert!(message.is_some(), "whoever receives holds the next message before");
        let message = message?;
        if receives_max.is_some_and(|max| message.receive_count - message.carried_receives >= max) {
            return Some(Taken::Exhausted(number));
        }
        if is_full {
            return None;
        }
        message.receive_count = message.receive_count.saturating_add(1);
        if message.has_failed() && !self.line.is_fifo() {
            self.ages.fail(number);
        }
        message.first_received.get_or_insert(now);
        message.last_received = Some(now);
        // With a timeout of zero it is visible again at once, but behind the messages that the same receive takes: `advance` puts it back.
        message.due = now.after(visibility);
        message.place = Place::InFlight;
        self.line.take(number, message.group, round);
        self.in_flight += 1;
        self.timed.insert((message.due, number), hidden(message.group, message));
        Some(Taken::Received(number))
    }

    /// The message that a receipt names, if it is the receipt of the message's last receive. One at rest must be held before.
    ///
    /// # Errors
    /// Why it is not.
    pub fn by_receipt(&self, receipt: Receipt) -> Result<(u64, &Message), StaleReceipt> {
        let message = self.held.get(&receipt.message).ok_or(StaleReceipt::Gone)?;
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
        let message = self.held.get_mut(&number).ok_or(StaleReceipt::Gone)?;
        if message.place != Place::InFlight {
            return Err(StaleReceipt::NotInFlight);
        }
        self.timed.remove(&(message.due, number));
        message.due = due;
        self.timed.insert((due, number), hidden(message.group, message));
        Ok(message)
    }

    /// How many messages stand where. Call [`Messages::advance`] before.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            visible: self.len() - self.timed.len(),
            in_flight: self.in_flight,
            delayed: self.timed.len() - self.in_flight,
        }
    }

    /// How many messages stand where at `now`, though nobody called [`Messages::advance`].
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> Counts {
        let mut counts = self.counts();
        for (_, hidden) in self.timed.range(..=(now, u64::MAX)) {
            counts.visible += 1;
            match hidden.in_flight_millis {
                Some(_) => counts.in_flight -= 1,
                None => counts.delayed -= 1,
            }
        }
        counts
    }

    /// Messages in about the order in which they would be received: those that can be received now, then those that become visible next.
    #[must_use]
    pub fn upcoming(&self, max: usize) -> Vec<(u64, Place)> {
        let receivable: Vec<u64> = match &self.line {
            Line::Standard(fair) => fair.visible(max),
            Line::Fifo(fifo) => fifo.receivable().take(max).collect(),
        };
        let place = |hidden: &Hidden| match hidden.in_flight_millis {
            Some(_) => Place::InFlight,
            None => Place::Delayed,
        };
        let timed = self.timed.iter().map(|((_, number), hidden)| (*number, place(hidden)));
        receivable.into_iter().map(|number| (number, Place::Visible)).chain(timed).take(max).collect()
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
    pub fn clear(&mut self) -> Cleared {
        let was_received = |number: u64| match self.held.get(&number) {
            Some(message) => message.receive_count > 0,
            None => self.received.contains(number),
        };
        let messages = self.ages.numbers().map(|number| (number, was_received(number))).collect();
        let pages = self.index.clear().collect();
        self.forget_all();
        Cleared { messages, pages }
    }

    /// As [`Messages::clear`], for more messages than anybody wants to hear of.
    pub fn forget_all(&mut self) {
        self.line.clear();
        self.timed.clear();
        self.ages = Ages::default();
        self.in_flight = 0;
        self.received = Numbers::default();
        self.index = Index::new(self.budget.limits().page_messages);
        for (_, message) in self.held.drain() {
            self.budget.give(message.content_bytes());
        }
    }

    /// When a message becomes visible next.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        self.timed.first_key_value().map(|((due, _), _)| *due)
    }
}

/// What a queue had before it was cleared.
#[derive(Debug, Default)]
pub struct Cleared {
    /// Its messages, and whether each was ever received.
    pub messages: Vec<(u64, bool)>,
    /// The pages of the index that the store has, by the numbers of their first messages.
    pub pages: Vec<u64>,
}

fn hidden(group: Option<GroupId>, message: &Message) -> Hidden {
    let in_flight = message.due.since(message.last_received.unwrap_or(message.due));
    let millis = u32::try_from(in_flight.as_millis()).unwrap_or(u32::MAX);
    Hidden { group, in_flight_millis: (message.place == Place::InFlight).then_some(millis) }
}
