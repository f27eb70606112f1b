//! SQS's SendMessageBatch.

use std::fmt;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};

use super::message::{DATA_TYPE, GroupOf, attributes, by_id, written};
use super::{Destination, Entry, Limits, Refusal};
use crate::aws::failure::{refusal, x_ray_header};
use crate::envelope::{Envelope, RawPayload};

/// What one SendMessageBatch takes: ten messages of a mebibyte in all.
const LIMITS: Limits = Limits { entries_max: 10, call_bytes_max: 1 << 20, entry_bytes_max: 1 << 20 };

/// A queue, standard or FIFO. A message's body is the envelope as JSON; its type and source are message attributes (`eventType`, `eventSource`)
/// too.
///
/// ```no_run
/// use pontoon::publish::{Publisher, Queue};
/// # fn example(client: aws_sdk_sqs::Client) {
/// let publisher = Publisher::new(Queue::new(client, "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"));
/// # }
/// ```
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    group: Option<Arc<GroupOf>>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("url", &self.url).field("is_fifo", &self.group.is_some()).finish()
    }
}

impl Queue {
    /// The standard queue with this URL.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_sqs::Client, queue_url: String) {
    /// let queue = pontoon::publish::Queue::new(client, queue_url);
    /// # }
    /// ```
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into(), group: None }
    }

    /// The FIFO queue with this URL. `group` names the group of an event, within which order is kept: at most 128 characters. An event's id is its
    /// deduplication id, so that one that is sent again within five minutes is delivered once.
    ///
    /// An event that is not published holds back those of its group that have not been sent yet.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_sqs::Client, queue_url: String) {
    /// // One customer's orders stay in order.
    /// let queue = pontoon::publish::Queue::fifo(client, queue_url, |event| event.tenant.clone().unwrap_or_default());
    /// # }
    /// ```
    pub fn fifo(
        client: Client,
        url: impl Into<String>,
        group: impl Fn(&Envelope<RawPayload>) -> String + Send + Sync + 'static,
    ) -> Self {
        Self { client, url: url.into(), group: Some(Arc::new(group)) }
    }
}

impl Destination for Queue {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn entry(&self, event: Envelope<RawPayload>) -> Entry {
        written(event, self.group.as_deref())
    }

    async fn send(&self, entries: &[Entry]) -> Result<Vec<Result<String, Refusal>>, Refusal> {
        let count = entries.len();
        let entries = entries.iter().enumerate().map(|(place, entry)| request_entry(place, entry));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let output = call.send().await.map_err(|error| refusal(&error))?;
        let sent = output.successful.into_iter().map(|sent| (sent.id, sent.message_id));
        let failed = output
            .failed
            .into_iter()
            .map(|failed| (failed.id, failed.code, failed.message, failed.sender_fault));
        Ok(by_id(count, sent, failed))
    }
}

fn request_entry(place: usize, entry: &Entry) -> Result<SendMessageBatchRequestEntry, Refusal> {
    let mut request = SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(&entry.body);
    for (name, value) in attributes(&entry.event) {
        let value = MessageAttributeValue::builder().data_type(DATA_TYPE).string_value(value).build();
        request = request.message_attributes(name, value.map_err(Refusal::unsent)?);
    }
    if let Some(header) = x_ray_header(entry.event.trace.as_deref()) {
        let value = MessageSystemAttributeValue::builder().data_type(DATA_TYPE).string_value(header).build();
        let value = value.map_err(Refusal::unsent)?;
        request =
            request.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
    }
    if let Some(group) = &entry.group {
        request = request.message_group_id(group).message_deduplication_id(entry.event.id.as_str());
    }
    request.build().map_err(Refusal::unsent)
}
