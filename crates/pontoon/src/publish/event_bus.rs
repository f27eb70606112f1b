//! EventBridge's PutEvents.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};

use super::{Destination, Entry, Limits, Refusal};
use crate::aws::failure::{is_transient, refusal, x_ray_header};
use crate::envelope::{Envelope, RawPayload};

/// What one PutEvents takes: ten entries of a mebibyte in all.
const LIMITS: Limits = Limits { entries_max: 10, call_bytes_max: 1 << 20, entry_bytes_max: 1 << 20 };

/// What an entry's time counts for (EventBridge user guide, "Calculating PutEvents event entry size").
const TIME_BYTES: usize = 14;

/// An event bus. Events have their type as `detail-type` and their payload's fields as `detail`, with `metadata` beside them; a trace that is an
/// X-Ray header is passed on as such too.
///
/// ```no_run
/// use pontoon::publish::{EventBus, Publisher};
/// # fn example(client: aws_sdk_eventbridge::Client) {
/// let publisher = Publisher::new(EventBus::new(client, "my-event-bus"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// The bus with this name or ARN.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_eventbridge::Client) {
    /// let bus = pontoon::publish::EventBus::new(client, "default");
    /// # }
    /// ```
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    fn request_entry(&self, entry: &Entry) -> PutEventsRequestEntry {
        let event = &entry.event;
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(event.source.as_ref())
            .detail_type(event.event_type.as_ref())
            .detail(&entry.body)
            .time(DateTime::from_secs_and_nanos(seconds(event), 0))
            .set_trace_header(x_ray_header(event.trace.as_deref()))
            .build()
    }
}

/// Whole seconds, which is what EventBridge keeps; the metadata has the rest.
fn seconds<T>(event: &Envelope<T>) -> i64 {
    event.time.as_millisecond().div_euclid(1000)
}

impl Destination for EventBus {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn entry(&self, event: Envelope<RawPayload>) -> Entry {
        let body = event.to_detail();
        let bytes = TIME_BYTES + event.source.len() + event.event_type.len() + body.len();
        Entry { bytes, body, group: None, event: event.map(|_| ()) }
    }

    async fn send(&self, entries: &[Entry]) -> Result<Vec<Result<String, Refusal>>, Refusal> {
        let entries = entries.iter().map(|entry| self.request_entry(entry)).collect();
        let output = self.client.put_events().set_entries(Some(entries)).send().await;
        let output = output.map_err(|error| refusal(&error))?;
        Ok(output.entries.unwrap_or_default().into_iter().map(outcome).collect())
    }
}

fn outcome(entry: PutEventsResultEntry) -> Result<String, Refusal> {
    match entry.event_id {
        Some(id) => Ok(id),
        None => {
            let code = entry.error_code.unwrap_or_else(|| "Unknown".to_owned());
            let message = entry.error_message.unwrap_or_else(|| "the service gave no reason".to_owned());
            Err(Refusal { is_transient: is_transient(&code), code, message })
        }
    }
}
