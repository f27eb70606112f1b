//! Messages that are handled one after another, kept hidden meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::OwnedSemaphorePermit;
use tower::Service;

use super::{Taker, Worked};
use crate::aws::failure::words;
use crate::handler::batch::Lanes;
use crate::handler::input::{MessageAttribute, RecordId, Sent};
use crate::handler::{BoxError, Delivery};
use crate::queue;

/// A lane: a single message, a group of a FIFO queue, or a batch of one.
pub(super) struct Lane {
    messages: Vec<(RecordId, Sent)>,
    /// Held until the lane has ended.
    _slots: Vec<OwnedSemaphorePermit>,
}

impl Lane {
    /// Sorts messages into lanes, each with the slots of its messages.
    pub(super) fn sort(
        messages: Vec<Message>,
        slots: Vec<Option<OwnedSemaphorePermit>>,
        order: Lanes,
    ) -> Vec<Self> {
        let mut lanes: Vec<Self> = Vec::new();
        let mut of_group: HashMap<String, usize> = HashMap::new();
        for (message, slot) in messages.into_iter().zip(slots) {
            let (record, sent) = taken(message);
            let at = match (order, &record.group) {
                (Lanes::Groups, Some(group)) => *of_group.entry(group.clone()).or_insert(lanes.len()),
                (Lanes::One, _) => 0,
                (Lanes::Each | Lanes::Groups, _) => lanes.len(),
            };
            if at == lanes.len() {
                lanes.push(Self { messages: Vec::new(), _slots: Vec::new() });
            }
            lanes[at].messages.push((record, sent));
            lanes[at]._slots.extend(slot);
        }
        lanes
    }

    /// Handles the messages in order, until one fails that is to come back, or the worker stops.
    pub(super) async fn work<S>(self, taker: &Taker<S>) -> Worked
    where
        S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let receipts: Vec<String> = self.messages.iter().map(|(record, _)| record.receipt.clone()).collect();
        let at = AtomicUsize::new(0);
        let mut worked = Worked::default();
        let working = async {
            let mut failed = false;
            for (record, mut sent) in self.messages {
                sent.queue_arn.clone_from(&taker.queue.arn);
                if failed || taker.stopping.load(Ordering::Relaxed) {
                    queue::hide(&taker.client, &taker.queue, &record.receipt, std::time::Duration::ZERO)
                        .await;
                    worked.skipped += 1;
                } else {
                    failed = !handle(taker, record, sent, &mut worked).await;
                }
                at.fetch_add(1, Ordering::Relaxed);
            }
        };
        tokio::select! {
            () = working => {}
            () = keep_hidden(taker, &receipts, &at) => {}
        }
        worked
    }
}

/// Handles one message; whether the lane goes on.
async fn handle<S>(taker: &Taker<S>, record: RecordId, sent: Sent, worked: &mut Worked) -> bool
where
    S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let delivery = sent.delivery(taker.handling.assumed(), None);
    let Err(error) = taker.handling.handle(delivery).await else {
        taker.deletes.delete(record.receipt).await;
        worked.handled += 1;
        return true;
    };
    let buried =
        queue::settle(&taker.client, &taker.queue, &record, &error, taker.handling.backoff_of()).await;
    if buried {
        taker.deletes.delete(record.receipt).await;
        worked.buried += 1;
    } else {
        worked.failed += 1;
    }
    buried
}

/// Renews the visibility of the messages from the one in hand on, at half time; never ends.
async fn keep_hidden<S>(taker: &Taker<S>, receipts: &[String], at: &AtomicUsize) {
    loop {
        tokio::time::sleep(taker.visibility / 2).await;
        for receipt in receipts.iter().skip(at.load(Ordering::Relaxed)) {
            let change = taker.client.change_message_visibility().queue_url(&taker.queue.url);
            let change = change.receipt_handle(receipt).visibility_timeout(taker.visibility.as_secs() as i32);
            // One that was not renewed comes back early, which handlers must stand anyway.
            if let Err(error) = change.send().await {
                tracing::warn!(reason = words(&error), "a message's visibility cannot be renewed");
            }
        }
    }
}

/// A message as the SDK has it.
fn taken(message: Message) -> (RecordId, Sent) {
    let name = |name: &MessageSystemAttributeName| name.as_str().to_owned();
    let system: HashMap<String, String> = message
        .attributes
        .unwrap_or_default()
        .iter()
        .map(|(key, value)| (name(key), value.clone()))
        .collect();
    let attributes = message.message_attributes.unwrap_or_default();
    let texts =
        attributes.iter().filter_map(|(key, value)| Some((key.clone(), value.string_value()?.to_owned())));
    let sent = Sent {
        message_id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: texts.collect(),
        queue_arn: String::new(),
        system,
    };
    let kept = attributes.into_iter().map(|(key, value)| {
        let binary_value = value.binary_value.map(|bytes| STANDARD.encode(bytes.as_ref()));
        let data_type = value.data_type;
        (key, MessageAttribute { data_type, string_value: value.string_value, binary_value })
    });
    let record = RecordId {
        identifier: sent.message_id.clone(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: sent.body.clone(),
        attempt: sent.attempt(),
        group: sent.system.get("MessageGroupId").cloned(),
        attributes: kept.collect(),
    };
    (record, sent)
}
