//! One pass over a queue: each message is received once, and then kept or deleted.

use std::collections::VecDeque;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName,
};

use super::{DeadLetter, DeadLetters, Seen};
use crate::aws::failure::words;
use crate::handler::BoxError;

/// For how long a message is hidden while a pass is made over the queue, seconds. Should the pass take longer, the first messages come again, which ends
/// it.
const HIDDEN_SECS: i32 = 120;
/// How often a queue that says it holds messages is waited for, a second each.
const WAITS_MAX: u32 = 3;
/// The most messages in a call.
const BATCH_MAX: usize = 10;
/// How many messages are kept hidden at most; SQS refuses beyond 20,000 in FIFO queues. Those kept before are given back then, and may come again.
const KEPT_MAX: usize = 10_000;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays, and is given back when the pass ends.
    Keep,
    /// It is deleted.
    Delete,
}

/// A pass over a queue. [`Sweep::end`] gives back what is kept; without it they come back by themselves.
pub(super) struct Sweep<'d> {
    queue: &'d DeadLetters,
    left: usize,
    seen: Seen,
    received: VecDeque<DeadLetter>,
    kept: Vec<DeadLetter>,
    deleted: Vec<DeadLetter>,
    over: bool,
}

impl<'d> Sweep<'d> {
    pub(super) fn begin(queue: &'d DeadLetters, limit: usize) -> Self {
        Self {
            queue,
            left: limit,
            seen: Seen::new(),
            received: VecDeque::new(),
            kept: Vec::new(),
            deleted: Vec::new(),
            over: false,
        }
    }

    /// The next message that this pass has not seen.
    pub(super) async fn next(&mut self) -> Result<Option<DeadLetter>, BoxError> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.received.is_empty() && !self.over {
            self.receive().await?;
        }
        self.left -= usize::from(!self.received.is_empty());
        Ok(self.received.pop_front())
    }

    /// Receives the next messages. AWS asks a sample of its servers if it is not to wait, so that an answer without messages is believed only when the
    /// queue's own count agrees, or waiting gave nothing either.
    async fn receive(&mut self) -> Result<(), BoxError> {
        let mut messages = self.poll(0).await?;
        for _ in 0..WAITS_MAX {
            if !messages.is_empty() || self.is_empty().await? {
                break;
            }
            messages = self.poll(1).await?;
        }
        self.over = messages.is_empty();
        for message in messages {
            let letter = DeadLetter::of(message);
            if self.seen.insert(letter.message_id.clone()) {
                self.received.push_back(letter);
            } else {
                // The pass has come round.
                self.over = true;
                self.kept.push(letter);
            }
        }
        Ok(())
    }

    async fn poll(&self, wait_secs: i32) -> Result<Vec<Message>, BoxError> {
        let receive = self
            .queue
            .client
            .receive_message()
            .queue_url(&self.queue.url)
            .max_number_of_messages(self.left.min(BATCH_MAX) as i32)
            .visibility_timeout(HIDDEN_SECS)
            .wait_time_seconds(wait_secs)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let received = receive.send().await.map_err(|error| words(&error))?;
        Ok(received.messages.unwrap_or_default())
    }

    async fn is_empty(&self) -> Result<bool, BoxError> {
        let visible = QueueAttributeName::ApproximateNumberOfMessages;
        let counts =
            super::attributes(&self.queue.client, &self.queue.url, std::slice::from_ref(&visible)).await?;
        Ok(counts.get(&visible).is_some_and(|count| count == "0"))
    }

    /// Settles a message.
    pub(super) async fn decide(&mut self, letter: DeadLetter, fate: Fate) -> Result<(), BoxError> {
        match fate {
            Fate::Keep => self.kept.push(letter),
            Fate::Delete => self.deleted.push(letter),
        }
        if self.deleted.len() == BATCH_MAX {
            self.delete().await?;
        }
        if self.kept.len() >= KEPT_MAX {
            self.give_back().await?;
        }
        Ok(())
    }

    /// Carries out what is still to be done.
    pub(super) async fn end(mut self) -> Result<(), BoxError> {
        self.kept.extend(self.received.drain(..));
        self.delete().await?;
        self.give_back().await
    }

    async fn delete(&mut self) -> Result<(), BoxError> {
        for letters in std::mem::take(&mut self.deleted).chunks(BATCH_MAX) {
            delete_batch(self.queue, letters).await?;
        }
        Ok(())
    }

    async fn give_back(&mut self) -> Result<(), BoxError> {
        for letters in std::mem::take(&mut self.kept).chunks(BATCH_MAX) {
            give_back_batch(self.queue, letters).await?;
        }
        Ok(())
    }
}

/// Deletes one message.
pub(super) async fn delete(queue: &DeadLetters, letter: &DeadLetter) -> Result<(), BoxError> {
    delete_batch(queue, std::slice::from_ref(letter)).await
}

/// Shows one message to others again.
pub(super) async fn give_back(queue: &DeadLetters, letter: &DeadLetter) -> Result<(), BoxError> {
    give_back_batch(queue, std::slice::from_ref(letter)).await
}

async fn delete_batch(queue: &DeadLetters, letters: &[DeadLetter]) -> Result<(), BoxError> {
    let mut entries = Vec::with_capacity(letters.len());
    for (at, letter) in letters.iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
        entries.push(entry.receipt_handle(&letter.receipt).build()?);
    }
    let delete = queue.client.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries));
    let deleted = delete.send().await.map_err(|error| words(&error))?;
    match deleted.failed.first() {
        None => Ok(()),
        Some(failed) => {
            let reason = failed.message.as_deref().unwrap_or_default();
            Err(format!(
                "{} of {} messages were not deleted: {} {reason}",
                deleted.failed.len(),
                letters.len(),
                failed.code
            )
            .into())
        }
    }
}

/// A message that is not given back comes back by itself, which is no failure.
async fn give_back_batch(queue: &DeadLetters, letters: &[DeadLetter]) -> Result<(), BoxError> {
    let mut entries = Vec::with_capacity(letters.len());
    for (at, letter) in letters.iter().enumerate() {
        let entry =
            ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string()).visibility_timeout(0);
        entries.push(entry.receipt_handle(&letter.receipt).build()?);
    }
    let change =
        queue.client.change_message_visibility_batch().queue_url(&queue.url).set_entries(Some(entries));
    change.send().await.map_err(|error| words(&error))?;
    Ok(())
}
