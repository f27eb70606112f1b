//! The forms in which an event travels: EventBridge events, messages of queues and topics, CloudEvents.
//!
//! | Form | Written by | Read by |
//! |---|---|---|
//! | EventBridge event | [`to_detail`](Envelope::to_detail) | [`from_event_bridge`](Envelope::from_event_bridge) |
//! | Body of a queue's or topic's message | serde | [`from_message`](Envelope::from_message) |
//! | SNS notification in a queue, EventBridge event in a queue or a topic, EventBridge event through a topic in a queue, the `detail` alone | the services | [`from_message`](Envelope::from_message) |
//! | CloudEvents 1.0, structured JSON | [`to_cloud_event`](Envelope::to_cloud_event) | [`from_cloud_event`](Envelope::from_cloud_event), [`from_message`](Envelope::from_message) |
//!
//! An envelope comes back from each of them as it went in. Events of others, which have no metadata, become envelopes with what their form tells.

mod cloud_events;
mod detail;
mod message;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::envelope::{Envelope, EventId, Metadata, RawPayload};

/// Why a text is not an event. None of these goes away by trying again.
///
/// ```
/// use pontoon::{Envelope, forms::FormError};
/// assert!(matches!(Envelope::from_message("hello"), Err(FormError::NotJson { .. })));
/// assert!(matches!(Envelope::from_message(r#"{"orderId":"123"}"#), Err(FormError::Unrecognized)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// The text is not JSON.
    #[error("not JSON: {source}")]
    NotJson {
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// It is JSON, but of no form that says which event it is. Make an envelope of it with [`Envelope::bare`] if you know.
    #[error("neither an envelope nor an EventBridge event, an SNS notification or a CloudEvent")]
    Unrecognized,
    /// It has the form, but a field of it is missing or wrong.
    #[error("{form}: {source}")]
    Malformed {
        /// The form: `EventBridge event`, `SNS notification`, `CloudEvent` or `metadata`.
        form: &'static str,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// The metadata lacks a field, and nothing around it tells.
    #[error("{reason}")]
    Incomplete {
        /// Names the field.
        reason: String,
    },
    /// The metadata contradicts the EventBridge event around it, whose fields are those that permissions were checked on.
    #[error("the event's {field} is {event:?}, but its metadata says {metadata:?}")]
    Contradiction {
        /// `detail-type` or `source`.
        field: &'static str,
        /// What the event says.
        event: String,
        /// What its metadata says.
        metadata: String,
    },
    /// A CloudEvent of a kind that has no JSON payload, or of another version than 1.0.
    #[error("a CloudEvent with {attribute} {value:?} is not supported")]
    UnsupportedCloudEvent {
        /// The attribute.
        attribute: &'static str,
        /// What it says.
        value: String,
    },
}

impl Envelope<RawPayload> {
    /// An event of somebody who knows no envelopes: its id begins a correlation of its own, and its version is 1.
    ///
    /// ```
    /// use pontoon::{Envelope, EventId};
    /// let body = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
    /// let order = Envelope::bare(EventId::from("message-1"), "OrderCreated", "order-service", jiff::Timestamp::now(), body);
    /// assert_eq!(order.correlation_id, "message-1");
    /// ```
    pub fn bare(
        id: EventId,
        event_type: impl Into<Cow<'static, str>>,
        source: impl Into<Cow<'static, str>>,
        time: Timestamp,
        payload: RawPayload,
    ) -> Self {
        Self {
            correlation_id: id.as_str().to_owned(),
            id,
            event_type: event_type.into(),
            source: source.into(),
            version: 1,
            time,
            causation_id: None,
            trace: None,
            tenant: None,
            payload,
        }
    }

    /// From an EventBridge event, as a rule's target gets it.
    ///
    /// # Errors
    /// [`FormError`].
    ///
    /// ```
    /// use pontoon::Envelope;
    /// let event = r#"{"version":"0","id":"2ff66c1b-65b8-4e55-9d3c-7d0b7b2b3c5e","detail-type":"OrderCreated","source":"order-service",
    ///     "account":"123456789012","time":"2025-01-31T09:30:00Z","region":"eu-central-1","resources":[],"detail":{"orderId":"123"}}"#;
    /// let order = Envelope::from_event_bridge(event).unwrap();
    /// assert_eq!((order.event_type.as_ref(), order.payload.get()), ("OrderCreated", r#"{"orderId":"123"}"#));
    /// ```
    pub fn from_event_bridge(event: &str) -> Result<Self, FormError> {
        let event: Event<'_> = serde_json::from_str(event).map_err(malformed("EventBridge event"))?;
        let (metadata, payload) = detail::read(event.detail)?;
        let Some(metadata) = metadata else {
            return Ok(Self::bare(
                event.id.into_owned().into(),
                event.detail_type.into_owned(),
                event.source.into_owned(),
                event.time,
                payload,
            ));
        };
        agrees("detail-type", &event.detail_type, metadata.r#type.as_deref())?;
        agrees("source", &event.source, metadata.source.as_deref())?;
        let completed = Metadata {
            id: metadata.id.or_else(|| Some(event.id.into_owned().into())),
            r#type: Some(event.detail_type.into_owned()),
            source: Some(event.source.into_owned()),
            timestamp: metadata.timestamp.or(Some(event.time)),
            ..metadata
        };
        completed.complete(payload).map_err(|reason| FormError::Incomplete { reason })
    }
}

/// What of an EventBridge event makes an envelope; account, region and resources are about where it went.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    detail_type: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(deserialize_with = "timestamp")]
    time: Timestamp,
    #[serde(borrow)]
    detail: &'a RawValue,
}

fn agrees(field: &'static str, event: &str, metadata: Option<&str>) -> Result<(), FormError> {
    match metadata {
        Some(metadata) if metadata != event => {
            Err(FormError::Contradiction { field, event: event.to_owned(), metadata: metadata.to_owned() })
        }
        _ => Ok(()),
    }
}

fn malformed(form: &'static str) -> impl Fn(serde_json::Error) -> FormError {
    move |source| FormError::Malformed { form, source }
}

fn timestamp<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?} is no time: {error}")))
}

#[cfg(test)]
mod tests;
