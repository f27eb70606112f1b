//! Deletes messages ten at a time, soon after they were handled.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::aws::failure::words;

/// The most that SQS deletes at once.
const BATCH_MAX: usize = 10;
/// How long a delete waits for company.
const LINGER: Duration = Duration::from_millis(20);
/// How many deletes wait at most; handlers' lanes wait beyond.
const WAITING_MAX: usize = 1_000;
/// How often an entry that SQS failed to delete is tried in all.
const TRIES: u32 = 3;

enum Order {
    Delete(String),
    Flush(oneshot::Sender<()>),
}

/// Where handled messages go.
pub(super) struct Deletes {
    orders: mpsc::Sender<Order>,
}

impl Deletes {
    pub(super) fn start(client: Client, url: String) -> Self {
        let (orders, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(delete_all(client, url, waiting));
        Self { orders }
    }

    /// Has the message with this receipt deleted soon.
    pub(super) async fn delete(&self, receipt: String) {
        // The task ends with this sender only.
        let _ = self.orders.send(Order::Delete(receipt)).await;
    }

    /// Waits until everything ordered before is deleted.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.orders.send(Order::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn delete_all(client: Client, url: String, mut orders: mpsc::Receiver<Order>) {
    while let Some(first) = orders.recv().await {
        let mut receipts = Vec::new();
        let mut flushed = Vec::new();
        let take = |order, receipts: &mut Vec<String>, flushed: &mut Vec<_>| match order {
            Order::Delete(receipt) => receipts.push(receipt),
            Order::Flush(done) => flushed.push(done),
        };
        take(first, &mut receipts, &mut flushed);
        let until = Instant::now() + LINGER;
        while receipts.len() < BATCH_MAX
            && flushed.is_empty()
            && let Ok(Some(order)) = timeout_at(until, orders.recv()).await
        {
            take(order, &mut receipts, &mut flushed);
        }
        if !receipts.is_empty() {
            delete_batch(&client, &url, receipts).await;
        }
        for done in flushed {
            // Who waited for it is gone if this fails.
            let _ = done.send(());
        }
    }
}

/// Deletes up to ten messages. Those that SQS does not delete come back and are handled again, which is told in the log.
async fn delete_batch(client: &Client, url: &str, mut receipts: Vec<String>) {
    for attempt in 1..=TRIES {
        let entries = receipts.iter().enumerate().filter_map(|(at, receipt)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(receipt).build().ok()
        });
        let deleted =
            client.delete_message_batch().queue_url(url).set_entries(Some(entries.collect())).send().await;
        let answer = match deleted {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(reason = words(&error), "handled messages cannot be deleted; they come back");
                return;
            }
        };
        let failed = answer.failed.iter().filter(|failure| !failure.sender_fault);
        let again: Vec<String> =
            failed.filter_map(|failure| receipts.get(failure.id.parse::<usize>().ok()?).cloned()).collect();
        for refused in answer.failed.iter().filter(|failure| failure.sender_fault || attempt == TRIES) {
            tracing::warn!(code = refused.code, "a handled message cannot be deleted; it comes back");
        }
        if again.is_empty() {
            return;
        }
        receipts = again;
    }
}
