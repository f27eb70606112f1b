//! What only FIFO queues do: deduplication, sequence numbers, and receives that can be repeated.

use pontoon_core::{Space, Step};

use crate::state::attempts::Attempt;
use crate::state::attributes::DeduplicationScope;
use crate::state::deduplication::{self, Sent};
use crate::state::queue::Place;
use crate::{Error, Poll, Queue, records};

/// What sequence numbers are counted from: they have twenty digits, as AWS's have.
const SEQUENCE_BASE: u64 = 10_000_000_000_000_000_000;
/// How many sends are forgotten in one step at most.
const FORGET_MAX: usize = 1_000;

/// The sequence number of the message with this number.
pub fn sequence_number(number: u64) -> String {
    (SEQUENCE_BASE + number).to_string()
}

/// An error that AWS gives for a parameter that queues of the other type have.
pub fn wrong_type(value: &str, parameter: &str) -> Error {
    Error::InvalidParameterValue(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: The request include parameter that is not valid for this queue type."
    ))
}

/// The error for a message that nothing tells from others.
pub fn no_deduplication_id() -> Error {
    Error::InvalidParameterValue(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            .to_owned(),
    )
}

impl Queue {
    /// The deduplication id of a message: the sender's, or its body's hash; `None` in standard queues.
    pub(super) fn deduplication_id(
        &self,
        given: Option<String>,
        body: &str,
    ) -> Result<Option<String>, Error> {
        let Some(fifo) = &self.record.attributes.fifo else {
            return given.map_or(Ok(None), |id| Err(wrong_type(&id, "MessageDeduplicationId")));
        };
        match given {
            Some(id) => Ok(Some(id)),
            None if fifo.content_based => Ok(Some(deduplication::content_id(body))),
            None => Err(no_deduplication_id()),
        }
    }

    /// The earlier message that one sent now is a duplicate of: with the same id anywhere in the queue, or within the group if that was the scope then.
    pub(super) fn duplicate_of(
        &self,
        step: &Step<'_>,
        id: Option<&str>,
        group: Option<&str>,
    ) -> Option<Sent> {
        let sends = self.recent.as_ref().map(|recent| &recent.sends).filter(|sends| !sends.is_empty())?;
        let (id, group) = (id?, group?);
        let of = |key: String| {
            let number = sends.find(&key)?;
            let record = step.get(Space::Queue, &records::sent_key(self.record.number, number))?;
            let (stored, sent) = records::decode_sent(number, &record)?;
            (stored == key && sent.counts(step.now)).then_some(sent)
        };
        of(deduplication::key(id, None)).or_else(|| of(deduplication::key(id, Some(group))))
    }

    /// Remembers that a message was sent.
    pub(super) fn remember_sent(&mut self, step: &mut Step<'_>, id: &str, group: &str, sent: Sent) {
        let per_group =
            self.record.attributes.fifo.is_some_and(|fifo| fifo.scope == DeduplicationScope::MessageGroup);
        let Some(recent) = &mut self.recent else { return };
        let key = deduplication::key(id, per_group.then_some(group));
        let record = records::encode_sent(&key, &sent);
        step.put(Space::Queue, records::sent_key(self.record.number, sent.number), record);
        recent.sends.remember(&key, sent.at, sent.number);
    }

    /// The messages to give once more to a receive that repeats an earlier one; their visibility timeouts begin anew. `None` if it is the first, or if
    /// any message has been deleted, changed or become visible since.
    pub(super) fn repeated(&mut self, step: &mut Step<'_>, poll: &Poll) -> Option<Vec<u64>> {
        let id = poll.attempt.as_deref()?;
        let earlier = self.recent.as_ref()?.attempts.find(step.now, id)?.clone();
        // After a restart messages in flight are at rest.
        for (number, _) in &earlier.messages {
            self.hold_received(step, *number);
        }
        let as_then = |(number, receive): &(u64, u32)| {
            self.messages.get(*number).is_some_and(|message| {
                message.place == Place::InFlight
                    && message.receive_count == *receive
                    && message.due == earlier.due
            })
        };
        if !earlier.messages.iter().all(as_then) {
            return None;
        }
        let numbers: Vec<u64> = earlier.messages.iter().map(|(number, _)| *number).collect();
        let due = step.now.after(poll.visibility);
        for number in &numbers {
            if self.messages.set_due(*number, due).is_ok() {
                self.write_receives_of(step, *number);
            }
        }
        self.remember_attempt(step, id, Attempt { due, ..earlier });
        Some(numbers)
    }

    /// Remembers what a receive gave, if it can be repeated.
    pub(super) fn remember_received(&mut self, step: &mut Step<'_>, poll: &Poll, numbers: &[u64]) {
        let Some(id) = poll.attempt.as_deref().filter(|_| !numbers.is_empty()) else { return };
        let received = |number: &u64| Some((*number, self.messages.get(*number)?.receive_count));
        let messages = numbers.iter().filter_map(received).collect();
        self.remember_attempt(
            step,
            id,
            Attempt { at: step.now, due: step.now.after(poll.visibility), messages },
        );
    }

    fn remember_attempt(&mut self, step: &mut Step<'_>, id: &str, attempt: Attempt) {
        let Some(recent) = &mut self.recent else { return };
        step.put(
            Space::Queue,
            records::attempt_key(self.record.number, id),
            records::encode_attempt(&attempt),
        );
        recent.attempts.remember(id, attempt);
    }

    /// Forgets what no longer counts.
    pub(super) fn forget_recent(&mut self, step: &mut Step<'_>) {
        let Some(recent) = &mut self.recent else { return };
        if let Some(first) = recent.sends.first()
            && recent.sends.next_due().is_some_and(|due| due <= step.now)
        {
            let range = records::sent_range(self.record.number, first);
            for (at, (key, record)) in
                step.range(Space::Queue, &range, FORGET_MAX + 1).into_iter().enumerate()
            {
                let read = records::read_sent(&key, &record);
                assert!(read.is_some(), "the store holds what is remembered as it was written");
                let Some((stored, sent)) = read else { break };
                if at == FORGET_MAX || sent.counts(step.now) {
                    recent.sends.begin_at(sent.at, sent.number);
                    break;
                }
                recent.sends.forget(stored, sent.number);
                step.delete(Space::Queue, key.clone());
            }
        }
        for id in recent.attempts.forget(step.now) {
            step.delete(Space::Queue, records::attempt_key(self.record.number, &id));
        }
    }
}
