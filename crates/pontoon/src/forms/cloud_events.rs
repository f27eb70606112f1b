//! CloudEvents 1.0 as structured JSON (`application/cloudevents+json`). What has no attribute of its own is an extension: `correlationid`,
//! `causationid`, `eventversion`, `tenant`, and `traceparent` or `awstraceheader`.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{FormError, malformed};
use crate::envelope::{Envelope, RawPayload, Rfc3339};

#[derive(Serialize)]
struct Written<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    time: String,
    datacontenttype: &'a str,
    eventversion: u32,
    correlationid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    awstraceheader: Option<&'a str>,
    data: &'a RawPayload,
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    id: String,
    source: String,
    r#type: String,
    time: Option<String>,
    #[serde(borrow)]
    datacontenttype: Option<Cow<'a, str>>,
    eventversion: Option<u32>,
    correlationid: Option<String>,
    causationid: Option<String>,
    tenant: Option<String>,
    traceparent: Option<String>,
    awstraceheader: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
}

impl Envelope<RawPayload> {
    /// The CloudEvent, version 1.0, as structured JSON.
    ///
    /// # Errors
    /// None in practice: whatever an envelope holds can be written.
    ///
    /// ```
    /// use pontoon::{Envelope, EventId};
    /// let body = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
    /// let order = Envelope::bare(EventId::from("1"), "OrderCreated", "order-service", jiff::Timestamp::UNIX_EPOCH, body);
    /// let event = order.to_cloud_event().unwrap();
    /// assert!(event.starts_with(r#"{"specversion":"1.0","id":"1","source":"order-service","type":"OrderCreated""#));
    /// assert_eq!(Envelope::from_cloud_event(&event).unwrap(), order);
    /// ```
    pub fn to_cloud_event(&self) -> Result<String, serde_json::Error> {
        let trace = self.trace.as_deref();
        let of_w3c = trace.is_some_and(is_traceparent);
        serde_json::to_string(&Written {
            specversion: "1.0",
            id: self.id.as_str(),
            source: &self.source,
            r#type: &self.event_type,
            time: Rfc3339(self.time).to_string(),
            datacontenttype: "application/json",
            eventversion: self.version,
            correlationid: &self.correlation_id,
            causationid: self.causation_id.as_deref(),
            tenant: self.tenant.as_deref(),
            traceparent: trace.filter(|_| of_w3c),
            awstraceheader: trace.filter(|_| !of_w3c),
            data: &self.payload,
        })
    }

    /// From a CloudEvent, version 1.0, as structured JSON. One without a correlation begins its own; one without a time gets the present.
    ///
    /// # Errors
    /// [`FormError`]; a CloudEvent whose data is not JSON is refused.
    ///
    /// ```
    /// let event = r#"{"specversion":"1.0","id":"1","source":"/orders","type":"OrderCreated","data":{"orderId":"123"}}"#;
    /// let order = pontoon::Envelope::from_cloud_event(event).unwrap();
    /// assert_eq!((order.version, order.correlation_id.as_str()), (1, "1"));
    /// ```
    pub fn from_cloud_event(event: &str) -> Result<Self, FormError> {
        let malformed = malformed("CloudEvent");
        let event: Read<'_> = serde_json::from_str(event).map_err(&malformed)?;
        let unsupported =
            |attribute, value: &str| FormError::UnsupportedCloudEvent { attribute, value: value.to_owned() };
        if event.specversion != "1.0" {
            return Err(unsupported("specversion", &event.specversion));
        }
        if let Some(kind) = event.datacontenttype.as_deref().filter(|kind| !is_json(kind)) {
            return Err(unsupported("datacontenttype", kind));
        }
        if event.data_base64.is_some() {
            return Err(unsupported("data_base64", "…"));
        }
        let time = match event.time {
            Some(text) => text.parse().map_err(|error| {
                malformed(serde::de::Error::custom(format!("{text:?} is no time: {error}")))
            })?,
            None => Timestamp::now(),
        };
        let data = event.data.unwrap_or(RawValue::NULL).to_owned();
        Ok(Self {
            correlation_id: event.correlationid.unwrap_or_else(|| event.id.clone()),
            id: event.id.into(),
            event_type: Cow::Owned(event.r#type),
            source: Cow::Owned(event.source),
            version: event.eventversion.unwrap_or(1),
            time,
            causation_id: event.causationid,
            trace: event.awstraceheader.or(event.traceparent),
            tenant: event.tenant,
            payload: data.into(),
        })
    }
}

/// Whether a content type, without its parameters, is JSON's: `application/json`, `text/json` or one that ends in `+json`.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

/// Whether this is a W3C `traceparent`: version, trace id, parent id and flags in lower-case hexadecimal.
fn is_traceparent(trace: &str) -> bool {
    let lengths = [2, 32, 16, 2];
    let parts: Vec<&str> = trace.splitn(5, '-').collect();
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && is_hex(part))
}
