//! Validation, with schemas compiled once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use crate::envelope::{Envelope, RawPayload, Rfc3339};
use crate::event::DomainEvent;

/// How many violations one report names: enough to see what is wrong, whatever the event's size.
const VIOLATIONS_MAX: usize = 20;

/// Why a schema cannot be used.
///
/// ```
/// let error = pontoon::schema::Validator::new(&serde_json::json!({ "type": "order" })).unwrap_err();
/// assert!(error.to_string().contains("\"order\" is not valid"), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct SchemaError {
    /// The file or the event's type.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// One rule that a value breaks.
///
/// ```
/// use pontoon::schema::Validator;
/// use serde_json::json;
/// let schema = Validator::new(&json!({ "properties": { "amount": { "minimum": 0 } } })).unwrap();
/// let invalid = schema.validate(&json!({ "amount": -5 })).unwrap_err();
/// let violation = &invalid.violations[0];
/// assert_eq!((violation.path.as_str(), violation.rule.as_str()), ("/amount", "/properties/amount/minimum"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value: a JSON pointer, empty for the whole.
    pub path: String,
    /// The rule in the schema: a JSON pointer.
    pub rule: String,
    /// In words.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{path}: {} ({})", self.message, self.rule)
    }
}

/// Everything that is wrong with a value, or the first twenty things of many.
///
/// ```
/// use pontoon::schema::Validator;
/// use serde_json::json;
/// let schema = Validator::new(&json!({ "required": ["a", "b"] })).unwrap();
/// assert_eq!(schema.validate(&json!({})).unwrap_err().violations.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What is invalid: the event's type where it is known.
    pub what: String,
    /// The rules that it breaks; at least one.
    pub violations: Vec<Violation>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is invalid: ", self.what)?;
        for (place, violation) in self.violations.iter().enumerate() {
            write!(f, "{}{violation}", if place == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// A compiled JSON Schema, of the draft that it names and else of 2020-12. Formats (`uuid`, `date-time` and so on) are checked; those that no draft
/// knows are not. References lead within the schema only.
///
/// ```
/// use pontoon::schema::Validator;
/// use serde_json::json;
/// let schema = Validator::new(&json!({
///     "$schema": "http://json-schema.org/draft-07/schema#",
///     "properties": { "orderId": { "type": "string", "format": "uuid" } },
/// }));
/// let invalid = schema.unwrap().validate(&json!({ "orderId": "123" })).unwrap_err();
/// assert_eq!(invalid.to_string(), "value is invalid: /orderId: \"123\" is not a \"uuid\" (/properties/orderId/format)");
/// ```
pub struct Validator(jsonschema::Validator);

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

impl Validator {
    /// Compiles `schema`.
    ///
    /// # Errors
    /// If it is not a JSON Schema.
    ///
    /// ```
    /// assert!(pontoon::schema::Validator::new(&serde_json::json!({ "minimum": "zero" })).is_err());
    /// ```
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        Self::named("schema", schema)
    }

    /// Compiles the schema in a JSON file.
    ///
    /// # Errors
    /// If it cannot be read or is not a JSON Schema.
    ///
    /// ```
    /// let error = pontoon::schema::Validator::from_file("missing.json").unwrap_err();
    /// assert!(error.to_string().starts_with("missing.json: "));
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SchemaError> {
        let name = path.as_ref().display().to_string();
        let failed = |reason: String| SchemaError { name: name.clone(), reason };
        let text = std::fs::read_to_string(path.as_ref()).map_err(|error| failed(error.to_string()))?;
        let schema = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        Self::named(&name, &schema)
    }

    fn named(name: &str, schema: &Value) -> Result<Self, SchemaError> {
        jsonschema::options()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            // Drafts before 2019-09 do not define it, and everyone uses it there.
            .with_format("uuid", is_uuid)
            .build(schema)
            .map(Self)
            .map_err(|error| SchemaError { name: name.to_owned(), reason: error.to_string() })
    }

    /// Compiles the schema in a JSON text, such as one that `include_str!` brings.
    ///
    /// # Errors
    /// If it is not a JSON Schema.
    ///
    /// ```
    /// assert!(pontoon::schema::Validator::from_text(r#"{ "type": "object" }"#).is_ok());
    /// ```
    pub fn from_text(schema: &str) -> Result<Self, SchemaError> {
        let failed =
            |error: serde_json::Error| SchemaError { name: "schema".to_owned(), reason: error.to_string() };
        Self::new(&serde_json::from_str(schema).map_err(failed)?)
    }

    /// Whether `value` fits.
    ///
    /// # Errors
    /// The rules that it breaks.
    ///
    /// ```
    /// use serde_json::json;
    /// let schema = pontoon::schema::Validator::new(&json!({ "type": "object" })).unwrap();
    /// assert!(schema.validate(&json!({})).is_ok());
    /// ```
    pub fn validate(&self, value: &Value) -> Result<(), Invalid> {
        self.validate_as("value", value)
    }

    fn validate_as(&self, what: &str, value: &Value) -> Result<(), Invalid> {
        // Valid is the common case, and cheaper to find out than what is wrong.
        if self.0.is_valid(value) {
            return Ok(());
        }
        let violations = self.0.iter_errors(value).take(VIOLATIONS_MAX);
        let violations = violations.map(|error| Violation {
            path: error.instance_path().as_str().to_owned(),
            rule: error.schema_path().as_str().to_owned(),
            message: error.to_string(),
        });
        Err(Invalid { what: what.to_owned(), violations: violations.collect() })
    }
}

/// Whether this is a UUID as RFC 4122 writes it: 36 characters, hyphens included.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// The schemas that events are held to: of payloads, by the event's type and version, and of whole events.
///
/// ```
/// use pontoon::schema::{EventSchemas, Validator};
/// use pontoon::{Envelope, EventId};
/// use serde_json::json;
///
/// let schema = Validator::new(&json!({
///     "required": ["version", "id", "detail-type", "source", "time", "detail"],
///     "properties": {
///         "version": { "enum": ["1.0"] },
///         "time": { "format": "date-time" },
///         "detail": { "required": ["orderId"] },
///     },
/// }));
/// let schemas = EventSchemas::of_events(schema.unwrap());
/// let payload = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
/// let order = Envelope::bare(EventId::generate(), "OrderCreated", "order-service", jiff::Timestamp::now(), payload);
/// assert!(schemas.check(&order).is_ok());
/// ```
#[derive(Debug, Default)]
pub struct EventSchemas {
    /// Of payloads, by type, with the version that each is of.
    payloads: HashMap<Cow<'static, str>, (u32, Validator)>,
    /// Of events as EventBridge delivers them.
    events: Vec<Validator>,
}

impl EventSchemas {
    /// The schemas that a domain event derives, for all of its types. Events of other types are refused.
    ///
    /// # Errors
    /// If a schema is not one, such as by a pattern that is no regular expression.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, schema::EventSchemas};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// assert!(EventSchemas::of::<OrderCreated>().is_ok());
    /// ```
    pub fn of<T: DomainEvent>() -> Result<Self, SchemaError> {
        Self::default().and::<T>()
    }

    /// The schema of whole events: an object with `version` (of the payload, such as `"1.0"`), `id`, `detail-type`, `source`, `time` and
    /// `detail`, which is the payload.
    ///
    /// ```
    /// use pontoon::schema::{EventSchemas, Validator};
    /// let schemas = EventSchemas::of_events(Validator::new(&serde_json::json!({ "required": ["detail"] })).unwrap());
    /// # drop(schemas);
    /// ```
    #[must_use]
    pub fn of_events(schema: Validator) -> Self {
        Self::default().and_events(schema)
    }

    /// These and those of another domain event.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    ///
    /// ```
    /// # use pontoon::{DomainEvent, schema::EventSchemas};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCancelled { reason: String }
    /// assert!(EventSchemas::of::<OrderCreated>().unwrap().and::<OrderCancelled>().is_ok());
    /// ```
    pub fn and<T: DomainEvent>(mut self) -> Result<Self, SchemaError> {
        for kind in T::TYPES {
            if let Some(schema) = T::schema(kind.name) {
                let validator = Validator::named(kind.name, schema.as_value())?;
                self.payloads.insert(Cow::Borrowed(kind.name), (kind.version, validator));
            }
        }
        Ok(self)
    }

    /// These and one of whole events; see [`of_events`](Self::of_events).
    ///
    /// ```
    /// use pontoon::schema::{EventSchemas, Validator};
    /// let schema = |rule| Validator::new(&serde_json::json!({ "required": [rule] })).unwrap();
    /// let schemas = EventSchemas::of_events(schema("detail")).and_events(schema("source"));
    /// # drop(schemas);
    /// ```
    #[must_use]
    pub fn and_events(mut self, schema: Validator) -> Self {
        self.events.push(schema);
        self
    }

    /// Whether an event fits. A payload of an older version than its schema is not held to it: decoding takes it to the present first.
    ///
    /// # Errors
    /// The rules that it breaks.
    ///
    /// ```
    /// # use pontoon::{DomainEvent, Envelope, schema::EventSchemas};
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
    /// # #[event(source = "order-service")]
    /// # struct OrderCreated { amount: f64 }
    /// let schemas = EventSchemas::of::<OrderCreated>().unwrap();
    /// assert!(schemas.check(&Envelope::new(OrderCreated { amount: 1.0 }).encode().unwrap()).is_ok());
    /// ```
    pub fn check(&self, event: &Envelope<RawPayload>) -> Result<(), Invalid> {
        let what = event.event_type.as_ref();
        let invalid = |rule: &str, message: String| Invalid {
            what: what.to_owned(),
            violations: vec![Violation { path: String::new(), rule: rule.to_owned(), message }],
        };
        let payload: Value = serde_json::from_str(event.payload.get())
            .map_err(|error| invalid("", format!("the payload cannot be read: {error}")))?;
        match self.payloads.get(what) {
            Some((version, validator)) if event.version == *version => {
                validator.validate_as(what, &payload)?
            }
            Some(_) => {}
            None if self.payloads.is_empty() => {}
            None => return Err(invalid("", "there is no schema for events of this type".to_owned())),
        }
        if self.events.is_empty() {
            return Ok(());
        }
        let event = json!({
            "version": format!("{}.0", event.version),
            "id": event.id,
            "detail-type": event.event_type,
            "source": event.source,
            "time": Rfc3339(event.time).to_string(),
            "detail": payload,
        });
        self.events.iter().try_for_each(|validator| validator.validate_as(what, &event))
    }
}
