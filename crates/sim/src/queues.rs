//! What queues should do, in the plainest way.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use pontoon_core::{ParkId, Timestamp};

/// A message. What it carries is told by its key, which no other message of its queue has.
#[derive(Clone, Debug)]
pub struct Message {
    /// What it carries.
    pub key: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it can be received (again).
    pub visible_at: Timestamp,
    /// How often it was received.
    pub receives: u32,
}

/// A long poll.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// Whom to answer.
    pub park: ParkId,
    /// Until when it waits.
    pub deadline: Timestamp,
    /// How many messages it takes at most.
    pub max: usize,
}

/// What a receive gives: each message's key and how often it was received, this time included.
pub type Received = Vec<(String, u32)>;

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    visibility: Duration,
    retention: Duration,
    redrive: Option<(&'static str, u32)>,
    /// In the order in which they came.
    messages: BTreeMap<u64, Message>,
    waiters: VecDeque<Waiter>,
    mapping: Option<Mapping>,
}

/// An event source mapping, which polls its queue whenever it may have another batch in its function.
#[derive(Clone, Debug)]
struct Mapping {
    /// How many messages a batch has at most.
    batch_max: usize,
    /// How many batches are in the function.
    running: usize,
}

/// How many batches of one mapping may be in its function at once, unless it was given another limit.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
const BATCHES_AT_ONCE: usize = 5;

/// All queues.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    queues: BTreeMap<&'static str, Queue>,
    next: u64,
    answers: Vec<(ParkId, Received)>,
    batches: Vec<Received>,
}

impl Queues {
    /// Adds a queue; `redrive` names its dead-letter queue and how often a message is received before it goes there.
    pub fn create(
        &mut self,
        name: &'static str,
        (visibility, retention): (Duration, Duration),
        redrive: Option<(&'static str, u32)>,
    ) {
        let queue = Queue {
            visibility,
            retention,
            redrive,
            messages: BTreeMap::new(),
            waiters: VecDeque::new(),
            mapping: None,
        };
        self.queues.insert(name, queue);
    }

    /// Lets a mapping poll a queue for batches of up to `batch_max` messages, from now on.
    pub fn map(&mut self, name: &str, batch_max: usize) {
        self.queue(name).mapping = Some(Mapping { batch_max, running: 0 });
    }

    /// The names of all queues.
    pub fn names(&self) -> Vec<&'static str> {
        self.queues.keys().copied().collect()
    }

    fn queue(&mut self, name: &str) -> &mut Queue {
        let Some(queue) = self.queues.get_mut(name) else { panic!("the model has no queue {name}") };
        queue
    }

    /// Sends a message.
    pub fn send(&mut self, name: &'static str, key: String, now: Timestamp) {
        self.send_batch(name, vec![(key, Duration::ZERO)], now);
    }

    /// Sends messages together, each visible after its delay.
    pub fn send_batch(&mut self, name: &'static str, entries: Vec<(String, Duration)>, now: Timestamp) {
        for (key, delay) in entries {
            self.add(name, Message { key, sent_at: now, visible_at: now.after(delay), receives: 0 });
        }
        self.serve(name, now);
    }

    fn add(&mut self, name: &'static str, message: Message) {
        self.next += 1;
        let order = self.next;
        self.queue(name).messages.insert(order, message);
    }

    /// Receives up to `max` messages, those that came first; exhausted ones on the way move on.
    pub fn receive(&mut self, name: &'static str, now: Timestamp, max: usize) -> Received {
        let queue = self.queue(name);
        let (mut received, mut exhausted) = (Vec::new(), Vec::new());
        for (order, message) in &mut queue.messages {
            if received.len() == max {
                break;
            }
            if message.visible_at > now {
                continue;
            }
            if queue.redrive.is_some_and(|(_, receives_max)| message.receives >= receives_max) {
                exhausted.push(*order);
                continue;
            }
            message.receives += 1;
            message.visible_at = now.after(queue.visibility);
            received.push((message.key.clone(), message.receives));
        }
        let redrive = queue.redrive;
        let moved: Vec<Message> = exhausted.iter().filter_map(|order| queue.messages.remove(order)).collect();
        if let Some((dead_letters, _)) = redrive.filter(|_| !moved.is_empty()) {
            for message in moved {
                self.add(dead_letters, Message { visible_at: now, ..message });
            }
            self.serve(dead_letters, now);
        }
        received
    }

    /// Removes every message.
    pub fn purge(&mut self, name: &str) {
        self.queue(name).messages.clear();
    }

    /// Moves everything visible to another queue, where it is new.
    pub fn move_all(&mut self, from: &str, to: &'static str, now: Timestamp) {
        let messages = std::mem::take(&mut self.queue(from).messages);
        let (moved, kept) = messages.into_iter().partition(|(_, message)| message.visible_at <= now);
        self.queue(from).messages = kept;
        let moved: BTreeMap<u64, Message> = moved;
        let new = moved.into_values().map(|message| (message.key, Duration::ZERO)).collect();
        self.send_batch(to, new, now);
    }

    /// Lets a long poll wait.
    pub fn wait(&mut self, name: &str, waiter: Waiter) {
        self.queue(name).waiters.push_back(waiter);
    }

    /// Deletes the message with this key if it was received as often as the receipt says.
    pub fn delete(&mut self, name: &str, key: &str, receives: u32) {
        self.queue(name).messages.retain(|_, message| message.key != key || message.receives != receives);
    }

    /// Changes when a message in flight becomes visible; `None` if there is no such message, else whether it is in flight.
    pub fn change_visibility(
        &mut self,
        name: &'static str,
        key: &str,
        now: Timestamp,
        to: Duration,
    ) -> Option<bool> {
        let mut messages = self.queue(name).messages.values_mut();
        let message = messages.find(|message| message.key == key)?;
        let in_flight = message.visible_at > now;
        if in_flight {
            message.visible_at = now.after(to);
        }
        self.serve(name, now);
        Some(in_flight)
    }

    fn serve(&mut self, name: &'static str, now: Timestamp) {
        while let Some(mapping) = self.queue(name).mapping.clone()
            && mapping.running < BATCHES_AT_ONCE
        {
            let batch = self.receive(name, now, mapping.batch_max);
            if batch.is_empty() {
                return;
            }
            self.queue(name).mapping = Some(Mapping { running: mapping.running + 1, ..mapping });
            self.batches.push(batch);
        }
        while let Some(waiter) = self.queue(name).waiters.front().cloned() {
            let received = self.receive(name, now, waiter.max);
            if received.is_empty() {
                return;
            }
            self.queue(name).waiters.pop_front();
            self.answers.push((waiter.park, received));
        }
    }

    /// Does what is due at `now` or before: retention ends, long polls are answered.
    pub fn tick(&mut self, now: Timestamp) {
        for name in self.names() {
            let queue = self.queue(name);
            let retention = queue.retention;
            queue.messages.retain(|_, message| message.sent_at.after(retention) > now);
        }
        for name in self.names() {
            self.serve(name, now);
            let queue = self.queue(name);
            let over: Vec<ParkId> = queue
                .waiters
                .iter()
                .filter(|waiter| waiter.deadline <= now)
                .map(|waiter| waiter.park)
                .collect();
            queue.waiters.retain(|waiter| waiter.deadline > now);
            self.answers.extend(over.into_iter().map(|park| (park, Vec::new())));
        }
    }

    /// Long polls that were answered since the last look.
    pub fn take_answers(&mut self) -> Vec<(ParkId, Received)> {
        std::mem::take(&mut self.answers)
    }

    /// A batch of the mapping has come back; what the function is done with is deleted.
    pub fn batch_ended(&mut self, name: &'static str, batch: &Received, succeeded: bool, now: Timestamp) {
        for (key, receives) in batch.iter().filter(|_| succeeded) {
            self.delete(name, key, *receives);
        }
        if let Some(mapping) = &mut self.queue(name).mapping {
            mapping.running -= 1;
        }
        self.serve(name, now);
    }

    /// Whether long polls or the mapping were given something since the last look.
    #[must_use]
    pub fn has_served(&self) -> bool {
        !self.answers.is_empty() || !self.batches.is_empty()
    }

    /// What the mapping was given since the last look.
    pub fn take_batches(&mut self) -> Vec<Received> {
        std::mem::take(&mut self.batches)
    }

    /// The process ended, and with it every long poll and every function.
    pub fn forget_waiters(&mut self) {
        for queue in self.queues.values_mut() {
            queue.waiters.clear();
            queue.mapping.iter_mut().for_each(|mapping| mapping.running = 0);
        }
        self.answers.clear();
        self.batches.clear();
    }

    /// How many messages can be received, and how many cannot.
    #[must_use]
    pub fn counts(&self, name: &str, now: Timestamp) -> (usize, usize) {
        let Some(queue) = self.queues.get(name) else { return (0, 0) };
        let visible = queue.messages.values().filter(|message| message.visible_at <= now).count();
        (visible, queue.messages.len() - visible)
    }
}
