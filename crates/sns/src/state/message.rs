//! A published message.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How many bytes a message, or all entries of a batch together, may have, attributes included.
pub const MESSAGE_BYTES_MAX: usize = 262_144;

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// `String`, `String.Array`, `Number` or `Binary`, or one of these with a label behind a dot.
    pub data_type: String,
    /// Value.
    pub value: AttributeValue,
}

/// What a message attribute holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Of every type but `Binary`.
    Text(String),
    /// Of type `Binary`.
    Binary(#[serde(with = "base64_text")] Bytes),
}

/// Bytes in records, as base64.
mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom)
    }
}

impl AttributeValue {
    /// The value's size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message, checked, as it was published.
#[derive(Clone, Debug)]
pub struct Message {
    /// What is delivered.
    pub body: Body,
    /// Subject.
    pub subject: Option<Arc<str>>,
    /// Attributes by name.
    pub attributes: Arc<[Attribute]>,
    /// The group by which a standard queue keeps its readers fair.
    pub group: Option<Arc<str>>,
    /// Size, bytes.
    pub bytes: usize,
}

/// The text that each protocol gets.
#[derive(Clone, Debug)]
pub struct Body {
    /// For protocols that have none of their own.
    pub default: Arc<str>,
    /// By protocol, for messages published with the structure `json`.
    pub by_protocol: BTreeMap<String, Arc<str>>,
}

/// Why a message with the structure `json` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructureFault {
    /// It is not JSON.
    NotJson,
    /// It has no string under `default`.
    NoDefault,
}

impl Body {
    /// One text for all.
    #[must_use]
    pub fn plain(text: String) -> Self {
        Self { default: text.into(), by_protocol: BTreeMap::new() }
    }

    /// A JSON object with a text by protocol. Of a key that is there twice the last counts; what is no string is passed over.
    ///
    /// # Errors
    /// If it is no JSON or has no default (test_message_structure_json_exc).
    pub fn structured(text: &str) -> Result<Self, StructureFault> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|_| StructureFault::NotJson)?;
        let serde_json::Value::Object(fields) = value else { return Err(StructureFault::NoDefault) };
        let texts = fields.into_iter().filter_map(|(key, value)| match value {
            serde_json::Value::String(text) => Some((key, Arc::from(text))),
            _ => None,
        });
        let mut by_protocol: BTreeMap<String, Arc<str>> = texts.collect();
        let default = by_protocol.remove("default").ok_or(StructureFault::NoDefault)?;
        Ok(Self { default, by_protocol })
    }

    /// What a protocol gets.
    #[must_use]
    pub fn of(&self, protocol: &str) -> &Arc<str> {
        self.by_protocol.get(protocol).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structured_message_has_a_text_by_protocol() {
        let body = Body::structured(r#"{"default":"d","sqs":"q","lambda":7}"#).unwrap();
        assert_eq!((&**body.of("sqs"), &**body.of("lambda"), &**body.of("http")), ("q", "d", "d"));
        assert_eq!(&**Body::structured(r#"{"default":"a","default":"b"}"#).unwrap().of("sqs"), "b");
        assert_eq!(Body::structured("{").unwrap_err(), StructureFault::NotJson);
        for text in [r#"{"sqs":"q"}"#, r#"{"default":7}"#, "[]", "\"default\""] {
            assert_eq!(Body::structured(text).unwrap_err(), StructureFault::NoDefault, "{text}");
        }
    }
}
