//! Appends.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::DynamoDbEventStore;
use super::failure::{Failed, failed, unbuilt};
use super::items::{Batch, POSITION, STREAM, event_key, number, read_entry, void_entry};
use super::streams::VERSION_MAX;
use crate::event_store::{Appended, Expected, Position, StoreError, StreamId, limits};
use crate::{Envelope, RawPayload};

const APPENDING: &str = "appending";

/// How often an append is tried again after something that is nobody's fault: a closed slot, another append to a stream whose version does
/// not matter, a busy table. The pauses between them add up to about ten seconds.
const TRIES_MAX: u32 = 25;

/// What became of a transaction.
enum Outcome {
    Written,
    /// The stream is not at the version that was assumed.
    OtherVersion,
    /// A reader took the writer for crashed and voided the slot.
    SlotVoid,
    /// The stream's last event has a later slot.
    SlotTooEarly,
    /// Another request was at one of the items, or the table had too much to do. Nothing was written.
    Busy,
}

/// What is in a slot after it was voided, unless something was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Void,
    HasAppend,
}

impl DynamoDbEventStore {
    pub(super) async fn append_events(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<Envelope<RawPayload>>,
    ) -> Result<Appended, StoreError> {
        let texts = limits::encode(&events)?;
        let batch = Batch { stream, events: &events, texts: &texts };
        let mut version = self.assumed_version(stream, expected).await?;
        for attempt in 0..TRIES_MAX {
            let slot = self.take_slot().await?;
            match self.write_surely(&batch, version, slot).await? {
                Outcome::Written => return Ok(self.appended(&batch, version, slot)),
                Outcome::SlotVoid => {
                    tracing::debug!(%stream, slot, "a reader closed the slot of a slow append")
                }
                Outcome::SlotTooEarly => self.void_soon(slot).await,
                Outcome::Busy => {
                    self.void_soon(slot).await;
                    pause(attempt).await;
                }
                Outcome::OtherVersion if expected.exact().is_some() => {
                    let ((), answer) = tokio::join!(
                        self.void_soon(slot),
                        self.repeated_or_conflict(&batch, version, expected)
                    );
                    return answer;
                }
                Outcome::OtherVersion => {
                    let ((), current) =
                        tokio::join!(self.void_soon(slot), self.assumed_version(stream, expected));
                    version = current?;
                    pause(attempt.min(2)).await;
                }
            }
        }
        Err(Failed::transient(APPENDING, format!("{stream} was busy {TRIES_MAX} times in a row")).into())
    }

    /// The version that the stream must have for the append to succeed.
    async fn assumed_version(&self, stream: &StreamId, expected: Expected) -> Result<u64, StoreError> {
        if let Some(version) = expected.exact().filter(|version| *version < VERSION_MAX) {
            return Ok(version);
        }
        let actual = self.version_of(stream).await?;
        match expected.holds(actual) {
            true => Ok(actual),
            false => Err(StoreError::Conflict { stream: stream.clone(), expected, actual }),
        }
    }

    fn appended(&self, batch: &Batch<'_>, version: u64, slot: u64) -> Appended {
        self.shared.last_slot.send_if_modified(|last| {
            let is_news = slot > *last;
            *last = slot.max(*last);
            is_news
        });
        let count = batch.events.len();
        Appended { version: version + count as u64, position: Position::new(slot, count - 1) }
    }

    /// Writes, and finds out what became of it if the reply was lost: voiding the slot succeeds only if the transaction did not, and keeps it from
    /// succeeding later.
    async fn write_surely(&self, batch: &Batch<'_>, version: u64, slot: u64) -> Result<Outcome, StoreError> {
        let error = match self.write(batch, version, slot).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) if error.is_transient => error,
            Err(error) => {
                // Refused, so not written. Whether the slot can be voided is then no matter.
                self.void_soon(slot).await;
                return Err(error.into());
            }
        };
        match self.void(slot).await {
            Ok(Slot::HasAppend) => Ok(Outcome::Written),
            Ok(Slot::Void) => Ok(Outcome::Busy),
            // The outcome stays unknown.
            Err(_) => Err(error.into()),
        }
    }

    async fn write(&self, batch: &Batch<'_>, version: u64, slot: u64) -> Result<Outcome, Failed> {
        let mut actions = Vec::with_capacity(batch.events.len() + 2);
        let put = |item, shown| {
            Put::builder()
                .table_name(&*self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(#stream)")
                .expression_attribute_names("#stream", STREAM)
                .return_values_on_condition_check_failure(shown)
                .build()
                .map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(unbuilt)
        };
        let nothing = || ReturnValuesOnConditionCheckFailure::None;
        actions.push(put(batch.entry(version + 1, slot), nothing())?);
        for index in 0..batch.events.len() {
            actions.push(put(batch.event(index, version + 1 + index as u64, slot), nothing())?);
        }
        if version > 0 {
            actions.push(self.check_previous(batch.stream, version, slot)?);
        }
        let sent = self.client.transact_write_items().set_transact_items(Some(actions)).send().await;
        let Err(error) = sent else { return Ok(Outcome::Written) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                outcome(cancelled.cancellation_reasons(), batch.events.len())
            }
            _ => Err(failed(APPENDING, &error)),
        }
    }

    /// The event before the first one must be there, and in an earlier slot.
    fn check_previous(
        &self,
        stream: &StreamId,
        version: u64,
        slot: u64,
    ) -> Result<TransactWriteItem, Failed> {
        let check = ConditionCheck::builder()
            .table_name(&*self.table)
            .set_key(Some(event_key(stream, version)))
            .condition_expression("#position < :position")
            .expression_attribute_names("#position", POSITION)
            .expression_attribute_values(":position", number(Position::new(slot, 0).into()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(unbuilt)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Of an append at a version that the stream does not have: whether it is the repetition of one that succeeded.
    async fn repeated_or_conflict(
        &self,
        batch: &Batch<'_>,
        version: u64,
        expected: Expected,
    ) -> Result<Appended, StoreError> {
        let count = batch.events.len();
        let stored = self.read_forward(batch.stream, version.saturating_add(1), count).await?;
        let is_same = stored.len() == count
            && stored.iter().zip(batch.events).all(|(stored, event)| stored.event.id == event.id);
        match stored.last() {
            Some(last) if is_same => Ok(Appended { version: last.version, position: last.position }),
            _ => {
                let actual = self.version_of(batch.stream).await?;
                Err(StoreError::Conflict { stream: batch.stream.clone(), expected, actual })
            }
        }
    }

    /// Voids a slot unless it is filled, and tells which of both it is. Afterwards it never changes.
    pub(super) async fn void(&self, slot: u64) -> Result<Slot, StoreError> {
        const VOIDING: &str = "closing a gap in the total order";
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(void_entry(slot)))
            .condition_expression("attribute_not_exists(#stream)")
            .expression_attribute_names("#stream", STREAM)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Slot::Void) };
        let item = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(present)) => present.item(),
            _ => return Err(failed(VOIDING, &error).into()),
        };
        let damaged = || StoreError::Damaged { what: format!("the entry of the slot {slot}") };
        let entry = read_entry(item.ok_or_else(damaged)?.clone())?;
        Ok(if entry.append.is_some() { Slot::HasAppend } else { Slot::Void })
    }

    /// Voids a slot that is not needed, so that readers need not wait for it. If that fails, they do it themselves.
    async fn void_soon(&self, slot: u64) {
        if let Err(error) = self.void(slot).await {
            tracing::debug!(slot, %error, "left an empty slot to the readers");
        }
    }
}

/// What the reasons of a cancelled transaction mean: those of the log's entry, of `events` events, and of the check of the event before them.
fn outcome(reasons: &[CancellationReason], events: usize) -> Result<Outcome, Failed> {
    const CONDITION: Option<&str> = Some("ConditionalCheckFailed");
    let code = |at: usize| reasons.get(at).and_then(CancellationReason::code);
    let refused = reasons.iter().find(|reason| {
        matches!(reason.code(), Some("ValidationError" | "ItemCollectionSizeLimitExceeded" | "AccessDenied"))
    });
    if let Some(reason) = refused {
        let said = reason.message().unwrap_or("without a message");
        return Err(Failed::permanent(APPENDING, said));
    }
    if (1..=events).any(|at| code(at) == CONDITION) {
        return Ok(Outcome::OtherVersion);
    }
    if code(events + 1) == CONDITION {
        let is_there = reasons[events + 1].item.as_ref().is_some_and(|item| !item.is_empty());
        return Ok(if is_there { Outcome::SlotTooEarly } else { Outcome::OtherVersion });
    }
    if code(0) == CONDITION {
        return Ok(Outcome::SlotVoid);
    }
    Ok(Outcome::Busy)
}

/// A random pause that grows with the attempts, up to half a second.
async fn pause(attempt: u32) {
    let longest =
        Duration::from_millis(10).saturating_mul(1 << attempt.min(6)).min(Duration::from_millis(500));
    tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
}
