//! Events on their way through a pipe.

use pontoon_core::json::{self, JsonPath};
use pontoon_source::Held;

/// One event: a message's record, or what the enrichment made of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// As it was received: JSON, or whatever else an enrichment returned.
    pub text: String,
    /// As paths see it, always JSON: with a body that is JSON in place of the text that holds it ("Implicit body data parsing" in the user guide).
    pub json: String,
}

impl Event {
    /// The event of a message.
    #[must_use]
    pub fn of_message(held: &Held) -> Self {
        let text = held.record.clone();
        let body = json::fields(&text).find(|(name, _)| *name == "\"body\"");
        let body = body.and_then(|(_, value)| json::unquoted(value)).filter(|body| json::is_valid(body));
        let json =
            body.map_or_else(|| text.clone(), |body| json::with_value(&text, "body", &json::compact(&body)));
        Self { text, json }
    }

    /// The events that an enrichment returned: the elements of an array, or the one value. None if it returned nothing: no text, `null`, or an empty text,
    /// object or list, which tells the pipe not to call its target.
    #[must_use]
    pub fn of_enrichment(payload: &[u8]) -> Vec<Self> {
        let text = String::from_utf8_lossy(payload);
        if text.trim().is_empty() {
            return Vec::new();
        }
        if !json::is_valid(&text) {
            return vec![Self { text: text.clone().into_owned(), json: json::quoted(&text) }];
        }
        let one = |json: &str| Self { text: json.to_owned(), json: json.to_owned() };
        match json::compact(&text).as_str() {
            "null" | "\"\"" | "{}" => Vec::new(),
            list if list.starts_with('[') => json::elements(list).map(one).collect(),
            value => vec![one(value)],
        }
    }

    /// The text that a parameter stands for: what its path leads to, or the parameter itself if it is no path. `None` if the path leads nowhere.
    #[must_use]
    pub fn parameter(&self, parameter: &str) -> Option<String> {
        let Ok(path) = JsonPath::parse(parameter) else { return Some(parameter.to_owned()) };
        match path.value(&self.json)? {
            value if value == "null" => None,
            value => Some(json::unquoted(&value).unwrap_or(value)),
        }
    }
}
