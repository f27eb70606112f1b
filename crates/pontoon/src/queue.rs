//! The queues that hosts take messages from, and their dead-letter queues.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Mutex;

use crate::aws::failure::words;
use crate::dead_letters::Burial;
use crate::handler::input::{MessageAttribute, RecordId};
use crate::handler::{Backoff, BoxError, HandleError};

/// SQS takes at most so many attributes a message.
const ATTRIBUTES_MAX: usize = 10;
/// SQS hides a message for at most so long.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// A queue, looked up once.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) url: String,
    pub(crate) arn: String,
    pub(crate) visibility: Duration,
    /// URL of its dead-letter queue.
    pub(crate) dead_letters: Option<String>,
}

/// Queues by their ARN.
pub(crate) struct Queues {
    client: Client,
    known: Mutex<HashMap<String, Arc<Queue>>>,
}

impl Queues {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    async fn by_arn(&self, arn: &str) -> Result<Arc<Queue>, BoxError> {
        let mut known = self.known.lock().await;
        if let Some(queue) = known.get(arn) {
            return Ok(Arc::clone(queue));
        }
        let url = url_of(&self.client, arn).await?;
        let queue = Arc::new(Queue::look_up(&self.client, &url).await?);
        known.insert(arn.to_owned(), Arc::clone(&queue));
        Ok(queue)
    }

    /// Sees to a message that failed: whether it can be deleted, because it is a dead letter now.
    pub(crate) async fn settle(
        &self,
        arn: &str,
        record: &RecordId,
        error: &HandleError,
        backoff: Backoff,
    ) -> bool {
        let queue = match self.by_arn(arn).await {
            Ok(queue) => queue,
            Err(reason) => {
                tracing::warn!(%reason, queue = arn, "the queue cannot be looked up; SQS's redrive policy has the say");
                return false;
            }
        };
        settle(&self.client, &queue, record, error, backoff).await
    }
}

/// As [`Queues::settle`], for a queue that is known.
pub(crate) async fn settle(
    client: &Client,
    queue: &Queue,
    record: &RecordId,
    error: &HandleError,
    backoff: Backoff,
) -> bool {
    if error.is_permanent() && queue.dead_letters.is_some() {
        match bury(client, queue, record, &error.reason()).await {
            Ok(()) => return true,
            Err(reason) => {
                tracing::warn!(%reason, message_id = %record.identifier, "the dead-letter queue takes no message; SQS's redrive policy has the say");
            }
        }
    }
    let delay = error.delay().unwrap_or_else(|| backoff.delay(record.attempt));
    hide(client, queue, &record.receipt, delay).await;
    false
}

/// Hides a message for `delay` from now, in whole seconds. That it failed is told in the log: the message comes back when the queue says.
pub(crate) async fn hide(client: &Client, queue: &Queue, receipt: &str, delay: Duration) {
    let delay = delay.min(VISIBILITY_MAX).as_secs_f64().round() as i32;
    let change = client.change_message_visibility().queue_url(&queue.url).receipt_handle(receipt);
    if let Err(error) = change.visibility_timeout(delay).send().await {
        tracing::warn!(reason = words(&error), "the message's visibility cannot be changed");
    }
}

/// Sends a message to the dead-letter queue, with why and whence.
async fn bury(client: &Client, queue: &Queue, record: &RecordId, reason: &str) -> Result<(), BoxError> {
    let url = queue.dead_letters.as_deref().ok_or("the queue has no dead-letter queue")?;
    let mut send = client.send_message().queue_url(url).message_body(&record.body);
    for (name, attribute) in &record.attributes {
        send = send.message_attributes(name, attribute_of(attribute)?);
    }
    if record.attributes.len() < ATTRIBUTES_MAX {
        let burial = Burial::now(reason, &queue.arn, record.attempt);
        let value = MessageAttributeValue::builder().data_type("String").string_value(burial.to_json());
        send = send.message_attributes(Burial::ATTRIBUTE, value.build()?);
    }
    if url.ends_with(".fifo") {
        let group = record.group.as_ref().unwrap_or(&record.identifier);
        send = send.message_group_id(group).message_deduplication_id(&record.identifier);
    }
    send.send().await.map_err(|error| words(&error))?;
    tracing::error!(reason, message_id = %record.identifier, "buried in the dead-letter queue");
    Ok(())
}

fn attribute_of(attribute: &MessageAttribute) -> Result<MessageAttributeValue, BoxError> {
    let binary = attribute.binary_value.as_ref().map(|text| STANDARD.decode(text)).transpose()?;
    let value = MessageAttributeValue::builder().data_type(&attribute.data_type);
    Ok(value
        .set_string_value(attribute.string_value.clone())
        .set_binary_value(binary.map(Blob::new))
        .build()?)
}

impl Queue {
    /// Looks a queue up by its URL.
    pub(crate) async fn look_up(client: &Client, url: &str) -> Result<Self, BoxError> {
        let ask = client.get_queue_attributes().queue_url(url);
        let names = [
            QueueAttributeName::QueueArn,
            QueueAttributeName::VisibilityTimeout,
            QueueAttributeName::RedrivePolicy,
        ];
        let answer = ask.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|error| words(&error))?;
        let of = |name: QueueAttributeName| answer.attributes().and_then(|attributes| attributes.get(&name));
        let arn = of(QueueAttributeName::QueueArn).cloned().unwrap_or_default();
        let seconds =
            of(QueueAttributeName::VisibilityTimeout).and_then(|text| text.parse().ok()).unwrap_or(30);
        let policy: Option<serde_json::Value> =
            of(QueueAttributeName::RedrivePolicy).map(|text| serde_json::from_str(text)).transpose()?;
        let target = policy.as_ref().and_then(|policy| policy["deadLetterTargetArn"].as_str());
        let dead_letters = match target {
            Some(arn) => Some(url_of(client, arn).await?),
            None => None,
        };
        Ok(Self { url: url.to_owned(), arn, visibility: Duration::from_secs(seconds), dead_letters })
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }
}

/// The URL of the queue with this ARN: `arn:aws:sqs:REGION:ACCOUNT:NAME`.
pub(crate) async fn url_of(client: &Client, arn: &str) -> Result<String, BoxError> {
    let mut parts = arn.splitn(6, ':').skip(4);
    let (account, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let ask = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
    let answer = ask.send().await.map_err(|error| words(&error))?;
    answer.queue_url.ok_or_else(|| format!("{arn} has no URL").into())
}
