//! Takes slots from the counter.

use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::ReturnValue;
use tokio::sync::oneshot;

use super::DynamoDbEventStore;
use super::failure::{Failed, failed};
use super::items::{LAST, counter_key, number, read_number};
use crate::event_store::StoreError;

const TAKING: &str = "taking a place in the total order";

type Taker = oneshot::Sender<Result<u64, Failed>>;

/// Those who wait for a slot. Whoever gets the turn takes slots for all of them with one request; so the counter sees one request at a time from a
/// process, however many appends it has under way.
#[derive(Debug, Default)]
pub(super) struct Slots {
    waiting: Mutex<Vec<Taker>>,
    turn: tokio::sync::Mutex<()>,
}

impl Slots {
    fn enqueue(&self) -> oneshot::Receiver<Result<u64, Failed>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Those who still wait.
    fn take_waiting(&self) -> Vec<Taker> {
        let mut waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.retain(|taker| !taker.is_closed());
        waiting
    }
}

impl DynamoDbEventStore {
    /// A slot greater than every slot that anyone had before this call.
    ///
    /// The request that takes it begins after this call, which is what makes an append that begins after another returned come later in the
    /// total order. That is also why slots are not taken in advance.
    pub(super) async fn take_slot(&self) -> Result<u64, StoreError> {
        let slots = &self.shared.slots;
        let mut granted = slots.enqueue();
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut granted => match answer {
                    Ok(slot) => return Ok(slot?),
                    // Whoever had the turn was dropped before it had an answer.
                    Err(_) => {
                        granted = slots.enqueue();
                        continue;
                    }
                },
                turn = slots.turn.lock() => turn,
            };
            let waiting = slots.take_waiting();
            // Without anybody waiting, the slot is granted already, or is lost with the one who had the turn before.
            if !waiting.is_empty() {
                self.grant(waiting).await;
            }
            drop(turn);
        }
    }

    async fn grant(&self, waiting: Vec<Taker>) {
        let count = waiting.len() as u64;
        match self.count_up(count).await {
            Ok(last) => {
                for (taker, slot) in waiting.into_iter().zip(last - count + 1..) {
                    // A taker that was dropped leaves its slot empty; the readers void it.
                    let _ = taker.send(Ok(slot));
                }
            }
            Err(error) => {
                for taker in waiting {
                    let _ = taker.send(Err(error.clone()));
                }
            }
        }
    }

    /// The counter after it was moved on by `count`.
    async fn count_up(&self, count: u64) -> Result<u64, Failed> {
        let updated = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(counter_key()))
            .update_expression("ADD #last :count")
            .expression_attribute_names("#last", LAST)
            .expression_attribute_values(":count", number(count))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| failed(TAKING, &error))?;
        let last = updated.attributes.and_then(|item| read_number(&item, LAST));
        last.filter(|last| *last >= count).ok_or_else(|| Failed::permanent(TAKING, "the counter is damaged"))
    }

    /// The last slot that anyone took; 0 if nobody ever did.
    pub(super) async fn last_taken_slot(&self) -> Result<u64, StoreError> {
        const LOOKING: &str = "looking for the end of the total order";
        let got = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(counter_key()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(LOOKING, &error))?;
        match got.item {
            None => Ok(0),
            Some(item) => read_number(&item, LAST)
                .ok_or_else(|| StoreError::Damaged { what: "the counter of slots".to_owned() }),
        }
    }
}
