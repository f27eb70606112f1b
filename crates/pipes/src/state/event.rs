//! Events on their way through a pipe.

use pontoon_source::Held;
use serde_json::Value;

/// One event: a message's record, or what the enrichment made of some.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// As it was received: JSON, or whatever else a function returned.
    pub text: String,
    /// As paths see it: with a body that is JSON in place of the text that holds it ("Implicit body data parsing" in the user guide).
    pub value: Value,
}

impl Event {
    /// The event of a message.
    #[must_use]
    pub fn of_message(held: &Held) -> Self {
        let mut value: Value = serde_json::from_str(&held.record).unwrap_or_default();
        let parsed =
            value.get("body").and_then(Value::as_str).and_then(|body| serde_json::from_str(body).ok());
        if let (Some(parsed), Some(body)) = (parsed, value.get_mut("body")) {
            *body = parsed;
        }
        Self { text: held.record.clone(), value }
    }

    /// The events that an enrichment returned: the elements of an array, or the one value. None if it returned nothing: no text, `null`, or an empty text,
    /// object or list, which tells the pipe not to call its target.
    #[must_use]
    pub fn of_enrichment(payload: &[u8]) -> Vec<Self> {
        let text = String::from_utf8_lossy(payload).into_owned();
        let one = |value: Value| Self { text: value.to_string(), value };
        match serde_json::from_str(&text) {
            _ if text.trim().is_empty() => Vec::new(),
            Ok(Value::Null) => Vec::new(),
            Ok(Value::String(text)) if text.is_empty() => Vec::new(),
            Ok(Value::Object(members)) if members.is_empty() => Vec::new(),
            Ok(Value::Array(items)) => items.into_iter().map(one).collect(),
            Ok(value) => vec![one(value)],
            Err(_) => vec![Self { value: Value::String(text.clone()), text }],
        }
    }

    /// The text that a parameter stands for: what its path leads to, or the parameter itself if it is no path. `None` if the path leads nowhere.
    #[must_use]
    pub fn parameter(&self, parameter: &str) -> Option<String> {
        let Some(path) = super::path::JsonPath::parse(parameter) else { return Some(parameter.to_owned()) };
        match path.value(&self.value)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }
}
