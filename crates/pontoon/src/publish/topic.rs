//! SNS's PublishBatch.

use std::fmt;
use std::sync::Arc;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};

use super::message::{DATA_TYPE, GroupOf, attributes, by_id, written};
use super::{Destination, Entry, Limits, Refusal};
use crate::aws::failure::refusal;
use crate::envelope::{Envelope, RawPayload};

/// What one PublishBatch takes: ten messages of 256 KiB in all.
const LIMITS: Limits = Limits { entries_max: 10, call_bytes_max: 1 << 18, entry_bytes_max: 1 << 18 };

/// A topic, standard or FIFO. A message is the envelope as JSON; its type and source are message attributes (`eventType`, `eventSource`) too, for
/// the filter policies of subscriptions.
///
/// ```no_run
/// use pontoon::publish::{Publisher, Topic};
/// # fn example(client: aws_sdk_sns::Client) {
/// let publisher = Publisher::new(Topic::new(client, "arn:aws:sns:eu-central-1:123456789012:orders"));
/// # }
/// ```
#[derive(Clone)]
pub struct Topic {
    client: Client,
    arn: String,
    group: Option<Arc<GroupOf>>,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("arn", &self.arn).field("is_fifo", &self.group.is_some()).finish()
    }
}

impl Topic {
    /// The standard topic with this ARN.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_sns::Client, topic_arn: String) {
    /// let topic = pontoon::publish::Topic::new(client, topic_arn);
    /// # }
    /// ```
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self { client, arn: arn.into(), group: None }
    }

    /// The FIFO topic with this ARN; groups and deduplication are as for [`Queue::fifo`](super::Queue::fifo).
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_sns::Client, topic_arn: String) {
    /// let topic = pontoon::publish::Topic::fifo(client, topic_arn, |event| event.correlation_id.clone());
    /// # }
    /// ```
    pub fn fifo(
        client: Client,
        arn: impl Into<String>,
        group: impl Fn(&Envelope<RawPayload>) -> String + Send + Sync + 'static,
    ) -> Self {
        Self { client, arn: arn.into(), group: Some(Arc::new(group)) }
    }
}

impl Destination for Topic {
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
        let call =
            self.client.publish_batch().topic_arn(&self.arn).set_publish_batch_request_entries(Some(entries));
        let output = call.send().await.map_err(|error| refusal(&error))?;
        let sent = output.successful.unwrap_or_default().into_iter();
        let sent = sent.map(|sent| (sent.id.unwrap_or_default(), sent.message_id.unwrap_or_default()));
        let failed = output.failed.unwrap_or_default().into_iter();
        let failed = failed.map(|failed| (failed.id, failed.code, failed.message, failed.sender_fault));
        Ok(by_id(count, sent, failed))
    }
}

fn request_entry(place: usize, entry: &Entry) -> Result<PublishBatchRequestEntry, Refusal> {
    let mut request = PublishBatchRequestEntry::builder().id(place.to_string()).message(&entry.body);
    for (name, value) in attributes(&entry.event) {
        let value = MessageAttributeValue::builder().data_type(DATA_TYPE).string_value(value).build();
        request = request.message_attributes(name, value.map_err(Refusal::unsent)?);
    }
    if let Some(group) = &entry.group {
        request = request.message_group_id(group).message_deduplication_id(entry.event.id.as_str());
    }
    request.build().map_err(Refusal::unsent)
}
