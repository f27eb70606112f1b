//! A queue's messages and their transitions: delayed, visible, in flight, gone. Pure: `now` comes in, what is to be stored goes out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::{ParkId, Timestamp};

use super::receipt::Receipt;

/// How many messages of a standard queue may be in flight at once.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
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
/// Invariant: every message is in exactly one of `visible` (by number) and `timed` (by when it becomes visible), and in `by_age`.
#[derive(Debug)]
pub struct Messages<P> {
    all: HashMap<u64, Message>,
    visible: BTreeSet<u64>,
    timed: BTreeSet<(Timestamp, u64)>,
    by_age: BTreeSet<(Timestamp, u64)>,
    in_flight: usize,
    next_number: u64,
    /// Long polls in the order in which they came, which is that of their ids.
    waiters: BTreeMap<ParkId, Waiter<P>>,
    deadlines: BTreeSet<(Timestamp, ParkId)>,
}

impl<P> Default for Messages<P> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            visible: BTreeSet::new(),
            timed: BTreeSet::new(),
            by_age: BTreeSet::new(),
            in_flight: 0,
            next_number: 1,
            waiters: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<P> Messages<P> {
    /// The number that the next message gets.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Uses no number below this from now on.
    pub fn skip_numbers(&mut self, below: u64) {
        self.next_number = self.next_number.max(below);
    }

    /// Adds a message under a number that no message had before.
    pub fn insert(&mut self, number: u64, message: Message) {
        self.next_number = self.next_number.max(number + 1);
        self.by_age.insert((message.sent_at, number));
        match message.place {
            Place::Visible => drop(self.visible.insert(number)),
            Place::Delayed | Place::InFlight => drop(self.timed.insert((message.due, number))),
        }
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
        self.leave(number, &message);
        Some(message)
    }

    fn leave(&mut self, number: u64, message: &Message) {
        match message.place {
            Place::Visible => drop(self.visible.remove(&number)),
            Place::Delayed | Place::InFlight => drop(self.timed.remove(&(message.due, number))),
        }
        self.in_flight -= usize::from(message.place == Place::InFlight);
    }

    /// Makes visible what has become so by `now`.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((due, number)) = self.timed.first().copied()
            && due <= now
        {
            self.timed.pop_first();
            self.visible.insert(number);
            if let Some(message) = self.all.get_mut(&number) {
                self.in_flight -= usize::from(message.place == Place::InFlight);
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

    /// The number of the visible message that would be received next.
    #[must_use]
    pub fn peek(&self) -> Option<u64> {
        self.visible.first().copied()
    }

    /// Visible messages in the order in which they would be received.
    pub fn visible(&self) -> impl Iterator<Item = u64> {
        self.visible.iter().copied()
    }

    /// Receives the next visible message for `visibility`, or says that it must be moved because it was received `receives_max` times already.
    pub fn take(&mut self, now: Timestamp, visibility: Duration, receives_max: Option<u32>) -> Option<Taken> {
        let number = self.visible.first().copied()?;
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
        self.visible.pop_first();
        message.due = now.after(visibility);
        if visibility.is_zero() {
            // Visible again at once, behind the messages that the same receive takes: `advance` puts it back.
            message.due = now;
        }
        message.place = Place::InFlight;
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

    /// Lets go of a content that is held in memory; it stays in the store.
    pub fn forget_content(&mut self, number: u64) -> usize {
        self.all
            .get_mut(&number)
            .and_then(|message| message.content.take())
            .map_or(0, |content| content.len())
    }

    /// How many messages stand where. Call [`Messages::advance`] before.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            visible: self.visible.len(),
            in_flight: self.in_flight,
            delayed: self.timed.len() - self.in_flight,
        }
    }

    /// All numbers, in no order.
    pub fn numbers(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.all.iter().map(|(number, message)| (*number, message))
    }

    /// Removes everything; the numbers that were used stay used.
    pub fn clear(&mut self) -> Vec<(u64, Message)> {
        self.visible.clear();
        self.timed.clear();
        self.by_age.clear();
        self.in_flight = 0;
        self.all.drain().collect()
    }

    /// Lets a long poll wait.
    pub fn wait(&mut self, waiter: Waiter<P>) {
        self.deadlines.insert((waiter.deadline, waiter.park));
        self.waiters.insert(waiter.park, waiter);
    }

    /// The long poll that has waited longest.
    #[must_use]
    pub fn first_waiter(&self) -> Option<&Waiter<P>> {
        self.waiters.first_key_value().map(|(_, waiter)| waiter)
    }

    /// Takes the long poll that has waited longest, or the first whose deadline has come.
    pub fn take_waiter(&mut self, overdue_at: Option<Timestamp>) -> Option<Waiter<P>> {
        let park = match overdue_at {
            None => *self.waiters.first_key_value()?.0,
            Some(now) => self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?.1,
        };
        self.remove_waiter(park)
    }

    /// Forgets a long poll whose client is gone; whether it was here.
    pub fn abandon(&mut self, park: ParkId) -> bool {
        self.remove_waiter(park).is_some()
    }

    fn remove_waiter(&mut self, park: ParkId) -> Option<Waiter<P>> {
        let waiter = self.waiters.remove(&park)?;
        self.deadlines.remove(&(waiter.deadline, park));
        Some(waiter)
    }

    /// When something happens of itself: a waiter's deadline, a message becoming visible to a waiter, or the oldest message's end of retention.
    #[must_use]
    pub fn next_due(&self, retention: Duration) -> Option<Timestamp> {
        let expiry = self.oldest().map(|sent_at| sent_at.after(retention));
        let waiting = self.deadlines.first().map(|(deadline, _)| *deadline);
        let wake = waiting.and_then(|_| self.timed.first().map(|(due, _)| *due));
        [expiry, waiting, wake].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_messages_are_in_flight_than_there_may_be() {
        let mut messages = Messages::<()>::default();
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
                content: None,
            };
            messages.insert(number, message);
        }
        let second = Duration::from_secs(1);
        for number in 1..=IN_FLIGHT_MAX as u64 {
            assert_eq!(messages.take(now, second, None), Some(Taken::Received(number)));
        }
        assert_eq!(messages.take(now, second, None), None);
        assert!(messages.remove(7).is_some());
        let last = IN_FLIGHT_MAX as u64 + 1;
        assert_eq!(messages.take(now, second, None), Some(Taken::Received(last)));
        assert_eq!(messages.counts(), Counts { visible: 0, in_flight: IN_FLIGHT_MAX, delayed: 0 });
        messages.advance(now.after(second));
        assert_eq!(messages.counts(), Counts { visible: IN_FLIGHT_MAX, in_flight: 0, delayed: 0 });
    }
}
