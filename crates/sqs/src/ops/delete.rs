//! Deleting messages and changing their visibility, one or a batch.

use std::time::Duration;

use pontoon_api::sqs::*;
use pontoon_core::Step;

use super::{Answer, batch};
use crate::state::queue::{Place, StaleReceipt};
use crate::state::receipt::Receipt;
use crate::{Error, Queue, Sqs};

/// For how long a receive can keep a message invisible, extensions included.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
const VISIBILITY_MAX: Duration = Duration::from_secs(43_200);

pub fn delete(sqs: &mut Sqs, step: &mut Step<'_>, input: &DeleteMessageInput) -> Answer<DeleteMessageOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:DeleteMessage")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    queue.delete(step, &input.receipt_handle)?;
    sqs.active(step.now, (scope, &name));
    // With as many messages in flight as there may be, a deletion makes room for who waits.
    sqs.serve(step, scope, &name);
    Ok(DeleteMessageOutput {}.into())
}

pub fn delete_batch(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: DeleteMessageBatchInput,
) -> Answer<DeleteMessageBatchOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:DeleteMessage")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    batch::check(input.entries.iter().map(|entry| entry.id.as_str()), "DeleteMessageBatchRequestEntry")?;
    let mut output = DeleteMessageBatchOutput::default();
    for DeleteMessageBatchRequestEntry { id, receipt_handle } in input.entries {
        match queue.delete(step, &receipt_handle) {
            Ok(()) => output.successful.push(DeleteMessageBatchResultEntry { id }),
            Err(error) => output.failed.push(batch::failed(id, &error)),
        }
    }
    if !output.successful.is_empty() {
        sqs.active(step.now, (scope, &name));
    }
    sqs.serve(step, scope, &name);
    Ok(output.into())
}

fn receipt_of(queue: &Queue, handle: &str) -> Result<Receipt, Error> {
    if handle.is_empty() {
        return Err(Error::MissingParameter("ReceiptHandle"));
    }
    let receipt = Receipt::decode(handle).ok_or_else(|| Error::ReceiptHandleIsInvalid(handle.to_owned()))?;
    if receipt.queue != queue.record.number {
        return Err(Error::InvalidParameterValue(format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle is not valid for this queue."
        )));
    }
    Ok(receipt)
}

impl Queue {
    /// Deletes the message that a handle names. A stale handle deletes nothing and succeeds, as the API reference of `DeleteMessage` has it; so does one
    /// of a message that is gone.
    fn delete(&mut self, step: &mut Step<'_>, handle: &str) -> Result<(), Error> {
        let receipt = receipt_of(self, handle)?;
        self.messages.advance(step.now);
        self.hold_received(step, receipt.message);
        self.check_not_expired(receipt, handle)?;
        self.counters.deleted();
        if let Ok((number, _)) = self.messages.by_receipt(receipt) {
            self.remove(step, number);
        }
        Ok(())
    }

    /// A FIFO queue takes a handle only until the message becomes visible again (sqs/test_sqs: test_fifo_delete_after_visibility_timeout). One of a
    /// message that is gone is no error.
    fn check_not_expired(&self, receipt: Receipt, handle: &str) -> Result<(), Error> {
        let expired = match self.messages.by_receipt(receipt) {
            Ok((_, message)) => message.place != Place::InFlight,
            Err(StaleReceipt::Superseded | StaleReceipt::NotInFlight) => true,
            Err(StaleReceipt::Gone) => false,
        };
        if expired && self.is_fifo() {
            return Err(Error::InvalidParameterValue(format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
            )));
        }
        Ok(())
    }
}

/// A visibility timeout, 0 to 43,200 seconds.
pub fn visibility_secs(secs: i32) -> Result<u32, Error> {
    u32::try_from(secs).ok().filter(|secs| *secs <= 43_200).ok_or_else(|| {
        Error::InvalidParameterValue(format!(
            "Value {secs} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided."
        ))
    })
}

pub fn change_visibility(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: &ChangeMessageVisibilityInput,
) -> Answer<ChangeMessageVisibilityOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:ChangeMessageVisibility")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    change_one(queue, step, &input.receipt_handle, Some(input.visibility_timeout))?;
    sqs.wake(step, scope, &name);
    Ok(ChangeMessageVisibilityOutput {}.into())
}

pub fn change_visibility_batch(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: ChangeMessageVisibilityBatchInput,
) -> Answer<ChangeMessageVisibilityBatchOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:ChangeMessageVisibility")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    let ids = input.entries.iter().map(|entry| entry.id.as_str());
    batch::check(ids, "ChangeMessageVisibilityBatchRequestEntry")?;
    let mut output = ChangeMessageVisibilityBatchOutput::default();
    for entry in input.entries {
        match change_one(queue, step, &entry.receipt_handle, entry.visibility_timeout) {
            Ok(()) => output.successful.push(ChangeMessageVisibilityBatchResultEntry { id: entry.id }),
            Err(error) => output.failed.push(batch::failed(entry.id, &error)),
        }
    }
    sqs.wake(step, scope, &name);
    Ok(output.into())
}

fn change_one(queue: &mut Queue, step: &mut Step<'_>, handle: &str, secs: Option<i32>) -> Result<(), Error> {
    let secs = visibility_secs(secs.ok_or(Error::MissingParameter("VisibilityTimeout"))?)?;
    let receipt = receipt_of(queue, handle)?;
    queue.messages.advance(step.now);
    queue.hold_received(step, receipt.message);
    queue.check_not_expired(receipt, handle)?;
    let (number, last_received) = match queue.messages.by_receipt(receipt) {
        Ok((number, message)) => (number, message.last_received),
        // An earlier receive's handle changes a standard queue's message too (sqs/test_sqs: test_terminate_visibility_timeout_after_receive).
        Err(StaleReceipt::Superseded) => {
            (receipt.message, queue.messages.get(receipt.message).and_then(|message| message.last_received))
        }
        Err(StaleReceipt::Gone | StaleReceipt::NotInFlight) => {
            return Err(Error::InvalidParameterValue(format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
            )));
        }
    };
    // A timeout that has run out is one that the change comes too late for, but AWS answers it with success
    // (sqs/test_sqs: test_change_message_visibility_after_visibility_timeout_expiration).
    let due = step.now.after(Duration::from_secs(u64::from(secs)));
    if last_received.is_some_and(|at| due.since(at) > VISIBILITY_MAX) {
        return Err(Error::InvalidParameterValue(format!(
            "Value {secs} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]."
        )));
    }
    if queue.messages.set_due(number, due).is_ok() {
        queue.write_receives_of(step, number);
    }
    Ok(())
}
