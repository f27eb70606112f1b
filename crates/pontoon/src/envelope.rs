//! The envelope: what is known of an event beside its payload, and its JSON.

mod metadata;

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::context::Cause;
use crate::event::{DecodeError, DomainEvent};
pub(crate) use metadata::{Metadata, MetadataRef, Rfc3339};

/// The id of an event, which it keeps wherever it goes; EventBridge's own id of its delivery is another.
///
/// Ours are UUIDs of version 7, which sort by time. Ids of others are kept as they are.
///
/// ```
/// use pontoon::EventId;
/// assert!(EventId::generate() < EventId::generate());
/// assert_eq!(EventId::from("order-1").to_string(), "order-1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// A new one: a UUIDv7 of now, greater than those that this process made before.
    ///
    /// ```
    /// assert_eq!(pontoon::EventId::generate().as_str().len(), 36);
    /// ```
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// Its text.
    ///
    /// ```
    /// assert_eq!(pontoon::EventId::from("order-1").as_str(), "order-1");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for EventId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for EventId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A payload that is not decoded: its JSON, byte for byte.
///
/// ```
/// use pontoon::RawPayload;
/// let payload: RawPayload = serde_json::from_str(r#"{ "amount": 99.990 }"#).unwrap();
/// assert_eq!(payload.get(), r#"{ "amount": 99.990 }"#);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawPayload(Box<RawValue>);

impl RawPayload {
    /// Its JSON.
    ///
    /// ```
    /// let payload = pontoon::RawPayload::from(serde_json::value::to_raw_value(&1).unwrap());
    /// assert_eq!(payload.get(), "1");
    /// ```
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Its JSON, as serde_json takes it.
    ///
    /// ```
    /// let payload = pontoon::RawPayload::from(serde_json::value::to_raw_value(&1).unwrap());
    /// assert_eq!(payload.as_raw().get(), "1");
    /// ```
    #[must_use]
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }
}

impl From<Box<RawValue>> for RawPayload {
    fn from(payload: Box<RawValue>) -> Self {
        Self(payload)
    }
}

impl From<RawPayload> for Box<RawValue> {
    fn from(payload: RawPayload) -> Self {
        payload.0
    }
}

/// Equal are payloads of the same text.
impl PartialEq for RawPayload {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for RawPayload {}

/// An event with what is known of it. `T` is a [`DomainEvent`], or [`RawPayload`] where the type is not known yet.
///
/// `Envelope<RawPayload>` is written as `{"metadata": {…}, "payload": …}`, with `version`, `correlationId`, `timestamp` and the rest as
/// metadata; that is how event stores keep it and how it travels in queues and topics. See [`forms`](crate::forms) for EventBridge and
/// CloudEvents.
///
/// ```
/// use pontoon::{Cause, DomainEvent, Envelope, RawPayload};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service")]
/// struct OrderCreated { amount: f64 }
///
/// let created = Envelope::new(OrderCreated { amount: 99.99 });
/// let text = serde_json::to_string(&created.encode().unwrap()).unwrap();
/// let read: Envelope<RawPayload> = serde_json::from_str(&text).unwrap();
/// assert_eq!(read.decode::<OrderCreated>().unwrap(), created);
///
/// // What is made while another event is handled belongs to it.
/// let next = created.cause().sync_scope(|| Envelope::new(OrderCreated { amount: 1.0 }));
/// assert_eq!(next.correlation_id, created.correlation_id);
/// assert_eq!(next.causation_id.as_deref(), Some(created.id.as_str()));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope<T> {
    /// The event's own id, the same wherever it goes.
    pub id: EventId,
    /// What happened: EventBridge's `detail-type`.
    pub event_type: Cow<'static, str>,
    /// Who says so.
    pub source: Cow<'static, str>,
    /// The version of the payload's schema, from 1. In JSON it is text (`"2.0"`), as other publishers write it.
    pub version: u32,
    /// When it happened, to the millisecond when made by [`new`](Self::new).
    pub time: Timestamp,
    /// Shared by all events that go back to the same beginning; the first one's own id where nobody gave one.
    pub correlation_id: String,
    /// The id of the event that was the direct cause, if one was.
    pub causation_id: Option<String>,
    /// The trace it belongs to: a W3C `traceparent` or the value of an `X-Amzn-Trace-Id` header.
    pub trace: Option<String>,
    /// Whose event it is, where one system serves several.
    pub tenant: Option<String>,
    /// What the event says.
    pub payload: T,
}

impl<T: DomainEvent> Envelope<T> {
    /// An event of now, with an id of its own, and the correlation, cause, trace and tenant of the event in whose scope it is made. With the feature
    /// `otel` its trace is the span in which it is made, if there is one.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let event = Envelope::new(OrderCreated { amount: 99.99 });
    /// assert_eq!((event.version, event.causation_id), (1, None));
    /// ```
    #[must_use]
    pub fn new(payload: T) -> Self {
        let event_type = payload.event_type();
        let id = EventId::generate();
        let cause = Cause::current().unwrap_or_else(|| Cause::new(id.as_str()));
        #[cfg(feature = "otel")]
        let cause = Cause { trace: crate::otel::carried_on(cause.trace), ..cause };
        Self {
            id,
            event_type: Cow::Borrowed(event_type.name),
            source: Cow::Borrowed(event_type.source),
            version: event_type.version,
            time: now(),
            correlation_id: cause.correlation_id,
            causation_id: cause.causation_id,
            trace: cause.trace,
            tenant: cause.tenant,
            payload,
        }
    }

    /// The same with the payload as JSON.
    ///
    /// # Errors
    /// If the payload cannot be written as JSON.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let event = Envelope::new(OrderCreated { amount: 99.99 });
    /// assert_eq!(event.encode().unwrap().payload.get(), r#"{"amount":99.99}"#);
    /// ```
    pub fn encode(&self) -> Result<Envelope<RawPayload>, serde_json::Error> {
        let payload = self.payload.encode()?;
        Ok(self.with_payload(payload.into()))
    }
}

impl Envelope<RawPayload> {
    /// The typed event, of an older version too where upcasters lead from there.
    ///
    /// # Errors
    /// [`DecodeError`], which trying again does not cure.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let raw = Envelope::new(OrderCreated { amount: 99.99 }).encode().unwrap();
    /// assert_eq!(raw.decode::<OrderCreated>().unwrap().payload.amount, 99.99);
    /// ```
    pub fn decode<T: DomainEvent>(self) -> Result<Envelope<T>, DecodeError> {
        let payload = T::decode_version(&self.event_type, self.version, self.payload.as_raw())?;
        let version = payload.event_type().version;
        Ok(Envelope { version, ..self.map(|_| payload) })
    }
}

impl<T> Envelope<T> {
    /// What events take over that this one causes.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let event = Envelope::new(OrderCreated { amount: 99.99 });
    /// assert_eq!(event.cause().causation_id.as_deref(), Some(event.id.as_str()));
    /// ```
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause {
            correlation_id: self.correlation_id.clone(),
            causation_id: Some(self.id.as_str().to_owned()),
            trace: self.trace.clone(),
            tenant: self.tenant.clone(),
        }
    }

    /// The same envelope around what `change` makes of the payload.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let event = Envelope::new(OrderCreated { amount: 99.99 });
    /// assert_eq!(event.map(|created| created.amount).payload, 99.99);
    /// ```
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Envelope<U> {
        Envelope {
            id: self.id,
            event_type: self.event_type,
            source: self.source,
            version: self.version,
            time: self.time,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            trace: self.trace,
            tenant: self.tenant,
            payload: change(self.payload),
        }
    }

    /// The same, in the place of an event that happened at `time`: for imports, and for tests with a clock of their own.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let event = Envelope::new(OrderCreated { amount: 99.99 }).at(jiff::Timestamp::UNIX_EPOCH);
    /// assert_eq!(event.time.to_string(), "1970-01-01T00:00:00Z");
    /// ```
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        Self { time, ..self }
    }

    /// The same envelope around another payload.
    fn with_payload<U>(&self, payload: U) -> Envelope<U> {
        Envelope {
            id: self.id.clone(),
            event_type: self.event_type.clone(),
            source: self.source.clone(),
            version: self.version,
            time: self.time,
            correlation_id: self.correlation_id.clone(),
            causation_id: self.causation_id.clone(),
            trace: self.trace.clone(),
            tenant: self.tenant.clone(),
            payload,
        }
    }
}

/// Now, to the millisecond, which is what publishers in other languages give.
fn now() -> Timestamp {
    let now = Timestamp::now();
    // Truncation of an instant of this century stays in range.
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[derive(Serialize)]
struct WrittenEnvelope<'a> {
    metadata: MetadataRef<'a>,
    payload: &'a RawPayload,
}

#[derive(Deserialize)]
struct ReadEnvelope {
    metadata: Metadata,
    payload: RawPayload,
}

impl Serialize for Envelope<RawPayload> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenEnvelope { metadata: MetadataRef::of(self), payload: &self.payload }.serialize(serializer)
    }
}

/// Metadata must be complete but for the optional parts; what is left out of an EventBridge event is taken from the event there.
impl<'de> Deserialize<'de> for Envelope<RawPayload> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ReadEnvelope { metadata, payload } = ReadEnvelope::deserialize(deserializer)?;
        metadata.complete(payload).map_err(serde::de::Error::custom)
    }
}
