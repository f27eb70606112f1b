//! Domain events: Rust types that stand for kinds of events.

use serde_json::Value;
use serde_json::value::RawValue;

/// One kind of event that a Rust type stands for.
///
/// ```
/// use pontoon::EventType;
/// const CREATED: EventType = EventType { name: "OrderCreated", source: "order-service", version: 1 };
/// assert_eq!(CREATED.to_string(), "OrderCreated v1 of order-service");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventType {
    /// EventBridge's `detail-type`, CloudEvents' `type`: at most 128 characters on EventBridge.
    pub name: &'static str,
    /// Who publishes it: EventBridge's and CloudEvents' `source`.
    pub source: &'static str,
    /// The version of the payload's schema, from 1. It grows with a change that older readers could not take; see [`Upcaster`].
    pub version: u32,
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{} of {}", self.name, self.version, self.source)
    }
}

/// What an upcaster, which is the application's code, may fail with.
///
/// ```
/// use pontoon::event::UpcastFailure;
///
/// fn cents(amount: &str) -> Result<i64, UpcastFailure> {
///     Ok(amount.parse::<i64>()? * 100)
/// }
///
/// assert_eq!(cents("12").unwrap(), 1200);
/// assert!(cents("twelve").unwrap_err().to_string().contains("invalid digit"));
/// ```
pub type UpcastFailure = Box<dyn std::error::Error + Send + Sync>;

/// Turns payloads of one version into the next, so that the type needs to know the current version only. Upcasters chain: a payload of version 1
/// passes those from 1, 2, 3 and so on until it has the current one. They apply wherever an event is decoded: at receipt and on replay.
///
/// ```
/// use pontoon::Upcaster;
/// use serde_json::{Value, json};
///
/// fn add_currency(mut payload: Value) -> Result<Value, pontoon::event::UpcastFailure> {
///     payload["currency"] = json!("EUR");
///     Ok(payload)
/// }
/// const FROM_1: Upcaster = Upcaster { event_type: "OrderCreated", from: 1, apply: add_currency };
/// assert_eq!((FROM_1.apply)(json!({ "amount": 5 })).unwrap(), json!({ "amount": 5, "currency": "EUR" }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upcaster {
    /// The type whose payloads it changes.
    pub event_type: &'static str,
    /// The version that it takes; it gives the next one.
    pub from: u32,
    /// Gives the payload in the next version.
    pub apply: fn(Value) -> Result<Value, UpcastFailure>,
}

/// Why a payload did not become a domain event. None of these goes away by trying again.
///
/// ```
/// use pontoon::{DecodeError, DomainEvent};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service")]
/// struct OrderCreated { amount: f64 }
///
/// let payload = serde_json::value::to_raw_value(&serde_json::json!({ "amount": "five" })).unwrap();
/// let error = OrderCreated::decode("OrderCreated", &payload).unwrap_err();
/// assert!(error.to_string().starts_with("OrderCreated: invalid type: string \"five\", expected f64"));
/// assert!(matches!(OrderCreated::decode("OrderPaid", &payload), Err(DecodeError::UnknownType { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The Rust type does not stand for events of this type.
    #[error("{event_type:?} is none of {}", names(known))]
    UnknownType {
        /// The type that came.
        event_type: String,
        /// The types that it stands for.
        known: &'static [EventType],
    },
    /// The event has a version that this program does not know yet.
    #[error("{event_type} has version {version}, and this program knows versions up to {known}")]
    NewerVersion {
        /// The event's type.
        event_type: String,
        /// The event's version.
        version: u32,
        /// The newest version known.
        known: u32,
    },
    /// The event is of an older version, and no upcaster takes that version.
    #[error("{event_type} has version {version}, from which no upcaster leads to {known}")]
    NoUpcaster {
        /// The event's type.
        event_type: String,
        /// The version at which the chain ends.
        version: u32,
        /// The current version.
        known: u32,
    },
    /// An upcaster failed.
    #[error("{event_type}: the upcaster from version {version} failed: {source}")]
    Upcast {
        /// The event's type.
        event_type: String,
        /// The version that it took.
        version: u32,
        /// What it said.
        source: UpcastFailure,
    },
    /// The payload is no such event.
    #[error("{event_type}: {source}")]
    Payload {
        /// The event's type.
        event_type: String,
        /// What is wrong, and where in the text.
        source: serde_json::Error,
    },
}

fn names(types: &[EventType]) -> String {
    types.iter().map(|known| known.name).collect::<Vec<_>>().join(", ")
}

/// A Rust type that stands for one kind of event (a struct) or several (an enum, a kind a variant). Derived:
///
/// ```
/// use pontoon::DomainEvent;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service", prefix = "Order")]
/// enum OrderEvent {
///     Created { order_id: String, amount: f64 },
///     Cancelled { order_id: String },
///     #[event(name = "PaymentProcessed", source = "payment-service", version = 2, upcast(1 = add_currency))]
///     Paid { order_id: String, amount: f64, currency: String },
/// }
///
/// fn add_currency(mut payload: serde_json::Value) -> Result<serde_json::Value, pontoon::event::UpcastFailure> {
///     payload["currency"] = "EUR".into();
///     Ok(payload)
/// }
///
/// let names: Vec<_> = OrderEvent::TYPES.iter().map(|kind| kind.name).collect();
/// assert_eq!(names, ["OrderCreated", "OrderCancelled", "PaymentProcessed"]);
/// let cancelled = OrderEvent::Cancelled { order_id: "123".into() };
/// assert_eq!(cancelled.event_type().version, 1);
/// assert_eq!(cancelled.encode().unwrap().get(), r#"{"order_id":"123"}"#);
/// ```
pub trait DomainEvent: Sized + Send + Sync + 'static {
    /// Every event type that this Rust type can stand for: one for a struct, one per variant for an enum.
    const TYPES: &'static [EventType];

    /// What takes payloads of older versions to the current ones.
    const UPCASTERS: &'static [Upcaster] = &[];

    /// The type of this event: one of [`TYPES`](Self::TYPES).
    fn event_type(&self) -> &'static EventType;

    /// The payload as JSON.
    ///
    /// # Errors
    /// If the type cannot be written as JSON, such as a map whose keys are no strings.
    fn encode(&self) -> Result<Box<RawValue>, serde_json::Error>;

    /// The event of the type named `event_type` from its payload at the current version.
    /// [`Envelope::decode`](crate::Envelope::decode) takes older versions there first.
    ///
    /// # Errors
    /// If there is no such type, or the payload is none.
    fn decode(event_type: &str, payload: &RawValue) -> Result<Self, DecodeError>;

    /// JSON Schema (2020-12) of the payload of that type, if there is such a type.
    fn schema(event_type: &str) -> Option<schemars::Schema>;

    /// The type of that name, if this is one of its own.
    fn find_type(event_type: &str) -> Option<&'static EventType> {
        Self::TYPES.iter().find(|known| known.name == event_type)
    }

    /// The event from a payload of `version`, which upcasters take to the current version where it is older.
    ///
    /// # Errors
    /// [`DecodeError`].
    fn decode_version(event_type: &str, version: u32, payload: &RawValue) -> Result<Self, DecodeError> {
        match Self::find_type(event_type) {
            Some(known) if known.version != version => {
                let payload = upcast(Self::UPCASTERS, known, version, payload)?;
                Self::decode(event_type, &payload)
            }
            // Another name is refused there, with those that are known.
            _ => Self::decode(event_type, payload),
        }
    }
}

/// Takes a payload of `version` to the current version of `known`.
fn upcast(
    upcasters: &[Upcaster],
    known: &EventType,
    version: u32,
    payload: &RawValue,
) -> Result<Box<RawValue>, DecodeError> {
    let event_type = || known.name.to_owned();
    if version > known.version {
        return Err(DecodeError::NewerVersion { event_type: event_type(), version, known: known.version });
    }
    let unreadable = |source| DecodeError::Payload { event_type: event_type(), source };
    let mut value: Value = serde_json::from_str(payload.get()).map_err(unreadable)?;
    for from in version..known.version {
        let step = upcasters.iter().find(|step| step.event_type == known.name && step.from == from);
        let Some(step) = step else {
            return Err(DecodeError::NoUpcaster {
                event_type: event_type(),
                version: from,
                known: known.version,
            });
        };
        value = (step.apply)(value).map_err(|source| DecodeError::Upcast {
            event_type: event_type(),
            version: from,
            source,
        })?;
    }
    serde_json::value::to_raw_value(&value).map_err(unreadable)
}
