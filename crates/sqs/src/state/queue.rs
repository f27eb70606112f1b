//! A queue's messages and their transitions: delayed, visible, in flight, gone. Pure: `now` comes in, what is to be stored goes out.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::Timestamp;

use super::fifo::Round;
use super::groups::GroupId;
use super::line::Line;
use super::receipt::Receipt;

/// How many messages of a queue may be in flight at once, standard or FIFO.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html>
pub const IN_FLIGHT_MAX: usize = 120_000;

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
/// Invariant: every message is in `by_age`, and either visible or in `timed` by when it becomes so.
#[derive(Debug)]
pub struct Messages {
    all: HashMap<u64, Message>,
    line: Line,
    timed: BTreeSet<(Timestamp, u64)>,
    by_age: BTreeSet<(Timestamp, u64)>,
    in_flight: usize,
    next_number: u64,
}

impl Messages {
    /// No messages yet, to be received in this order.
    #[must_use]
    pub fn new(line: Line) -> Self {
        Self {
            all: HashMap::new(),
            line,
            timed: BTreeSet::new(),
            by_age: BTreeSet::new(),
            in_flight: 0,
            next_number: 1,
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

    /// Adds a message under a number that no message had before, greater than that of any of its group.
    pub fn insert(&mut self, number: u64, group: Option<&str>, mut message: Message) {
        self.next_number = self.next_number.max(number + 1);
        self.by_age.insert((message.sent_at, number));
        if message.place != Place::Visible {
            self.timed.insert((message.due, number));
        }
        message.group = self.line.enter(number, group, message.place);
        self.in_flight += usize::from(message.place == Place::InFlight);
        let replaced = self.all.insert(number, message);
        assert!(replaced.is_none(), "message numbers are never used twice");
    }

    /// What is known of a message.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Message> {
        self.all.get(&number)
    }

    /// Removes a message from wherever it stands.
    pub fn remove(&mut self, number: u64) -> Option<Message> {
        let message = self.all.remove(&number)?;
        self.by_age.remove(&(message.sent_at, number));
        if message.place != Place::Visible {
            self.timed.remove(&(message.due, number));
        }
        self.line.leave(number, message.group, message.place);
        self.in_flight -= usize::from(message.place == Place::InFlight);
        Some(message)
    }

    /// Makes visible what has become so by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((due, number)) = self.timed.first().copied()
            && due <= now
        {
            self.timed.pop_first();
            if let Some(message) = self.all.get_mut(&number) {
                self.in_flight -= usize::from(message.place == Place::InFlight);
                self.line.show(number, message.group, message.place);
                message.place = Place::Visible;
            }
        }
    }

    /// The oldest message that was accepted at `before` or earlier.
    #[must_use]
    pub fn expired(&self, before: Timestamp) -> Option<u64> {
        self.by_age.first().filter(|(sent_at, _)| *sent_at <= before).map(|(_, number)| *number)
    }

    /// When the oldest message was accepted.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.by_age.first().map(|(sent_at, _)| *sent_at)
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
            visible: self.all.len() - self.timed.len(),
            in_flight: self.in_flight,
            delayed: self.timed.len() - self.in_flight,
        }
    }

    /// How many groups of a FIFO queue have messages in flight; `None` for a standard queue.
    #[must_use]
    pub fn groups_in_flight(&self) -> Option<usize> {
        match &self.line {
            Line::Fifo(fifo) => Some(fifo.groups_in_flight()),
            Line::Standard(_) => None,
        }
    }

    /// Removes everything; the numbers that were used stay used.
    pub fn clear(&mut self) -> Vec<(u64, Message)> {
        self.line.clear();
        self.timed.clear();
        self.by_age.clear();
        self.in_flight = 0;
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
        let mut messages = Messages::new(Line::Standard(BTreeSet::new()));
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
            messages.insert(number, None, message);
        }
        let second = Duration::from_secs(1);
        for number in 1..=IN_FLIGHT_MAX as u64 {
            assert_eq!(
                messages.take(&mut Round::default(), now, second, None),
                Some(Taken::Received(number))
            );
        }
        assert_eq!(messages.take(&mut Round::default(), now, second, None), None);
        assert!(messages.remove(7).is_some());
        let last = IN_FLIGHT_MAX as u64 + 1;
        assert_eq!(messages.take(&mut Round::default(), now, second, None), Some(Taken::Received(last)));
        assert_eq!(messages.counts(), Counts { visible: 0, in_flight: IN_FLIGHT_MAX, delayed: 0 });
        messages.advance(now.after(second));
        assert_eq!(messages.counts(), Counts { visible: IN_FLIGHT_MAX, in_flight: 0, delayed: 0 });
    }
}
