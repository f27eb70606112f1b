//! Messages of queues and topics, and what the services wrap around them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{FormError, detail, malformed};
use crate::envelope::{Envelope, RawPayload};

/// How many wrappings are taken off: an event of EventBridge through a topic into a queue has two.
const WRAPPINGS_MAX: usize = 3;

/// The fields by which forms are told apart.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow, rename = "Type")]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, rename = "Message")]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "TopicArn")]
    topic_arn: Option<&'a RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

impl Envelope<RawPayload> {
    /// From the body of a message, whatever is wrapped around the event: an SNS notification (without raw delivery), an EventBridge event, both, a
    /// CloudEvent, an envelope, or the `detail` of an EventBridge event that a rule's `InputPath` let through alone.
    ///
    /// # Errors
    /// [`FormError`]; [`FormError::Unrecognized`] if nothing says which event it is.
    ///
    /// ```
    /// use pontoon::{Envelope, EventId};
    /// let body = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
    /// let order = Envelope::bare(EventId::from("1"), "OrderCreated", "order-service", jiff::Timestamp::UNIX_EPOCH, body);
    /// let notification = serde_json::json!({
    ///     "Type": "Notification",
    ///     "MessageId": "0ef5d1a6-d3a1-5c1c-a5a7-8d0a0f0f2c5e",
    ///     "TopicArn": "arn:aws:sns:eu-central-1:123456789012:orders",
    ///     "Message": serde_json::to_string(&order).unwrap(),
    ///     "Timestamp": "2025-01-31T09:30:00.000Z",
    /// });
    /// assert_eq!(Envelope::from_message(&notification.to_string()).unwrap(), order);
    /// ```
    pub fn from_message(body: &str) -> Result<Self, FormError> {
        let mut body = Cow::Borrowed(body);
        for _ in 0..WRAPPINGS_MAX {
            let marks = marks(&body)?;
            if is_notification(&marks) {
                body = Cow::Owned(notified(&marks)?);
            } else if marks.detail_type.is_some() && marks.detail.is_some() {
                return Self::from_event_bridge(&body);
            } else if marks.specversion.is_some() {
                return Self::from_cloud_event(&body);
            } else if marks.metadata.is_some_and(detail::is_of_event) {
                return from_detail(&body);
            } else {
                return Err(FormError::Unrecognized);
            }
        }
        Err(FormError::Unrecognized)
    }
}

fn marks(body: &str) -> Result<Marks<'_>, FormError> {
    serde_json::from_str(body).map_err(|source| match source.classify() {
        // JSON, but no object, or one in which a mark stands twice.
        serde_json::error::Category::Data => FormError::Unrecognized,
        _ => FormError::NotJson { source },
    })
}

fn is_notification(marks: &Marks<'_>) -> bool {
    marks.topic_arn.is_some() && marks.r#type.is_some_and(|kind| kind.get() == "\"Notification\"")
}

/// The message in an SNS notification.
fn notified(marks: &Marks<'_>) -> Result<String, FormError> {
    let message = marks.message.map_or("null", RawValue::get);
    serde_json::from_str(message).map_err(malformed("SNS notification"))
}

/// An envelope as it is written, or one as the `detail` of an event.
fn from_detail(body: &str) -> Result<Envelope<RawPayload>, FormError> {
    let body: &RawValue = serde_json::from_str(body).map_err(|source| FormError::NotJson { source })?;
    match detail::read(body)? {
        (Some(metadata), payload) => {
            metadata.complete(payload).map_err(|reason| FormError::Incomplete { reason })
        }
        (None, _) => Err(FormError::Unrecognized),
    }
}
