//! The `detail` of an EventBridge event: the payload's fields with `metadata` beside them, so that rules and schemas see `detail.orderId` where
//! publishers in other languages put it; or `{"metadata": …, "payload": …}` where that cannot be.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{FormError, malformed};
use crate::envelope::{Envelope, Metadata, MetadataRef, RawPayload};

impl Envelope<RawPayload> {
    /// The `detail` to put on EventBridge, where the event's `detail-type` and `source` are the envelope's own.
    ///
    /// The payload's fields stand at the top, with `metadata` beside them. A payload that is not an object, that has a field `metadata`, or whose
    /// only field is `payload`, stands under `payload` instead; reading knows one from the other.
    ///
    /// ```
    /// use pontoon::{Envelope, EventId};
    /// let body = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
    /// let order = Envelope::bare(EventId::from("1"), "OrderCreated", "order-service", jiff::Timestamp::UNIX_EPOCH, body);
    /// assert_eq!(
    ///     order.to_detail(),
    ///     r#"{"orderId":"123","metadata":{"id":"1","type":"OrderCreated","source":"order-service","version":"1.0","timestamp":"1970-01-01T00:00:00.000Z","correlationId":"1"}}"#
    /// );
    /// ```
    #[must_use]
    pub fn to_detail(&self) -> String {
        let payload = self.payload.get().trim_matches([' ', '\t', '\n', '\r']);
        let mut text = Vec::with_capacity(payload.len() + 320);
        match fields_before_metadata(payload) {
            Some(fields) => {
                text.extend_from_slice(fields.as_bytes());
                text.extend_from_slice(if fields.len() > 1 { b",\"metadata\":" } else { b"\"metadata\":" });
                write_metadata(&mut text, self);
            }
            None => {
                text.extend_from_slice(b"{\"metadata\":");
                write_metadata(&mut text, self);
                text.extend_from_slice(b",\"payload\":");
                text.extend_from_slice(payload.as_bytes());
            }
        }
        text.push(b'}');
        // The pieces are texts, joined at ASCII.
        String::from_utf8(text).unwrap_or_default()
    }
}

fn write_metadata(text: &mut Vec<u8>, envelope: &Envelope<RawPayload>) {
    let written = serde_json::to_writer(&mut *text, &MetadataRef::of(envelope));
    // Texts and numbers, into memory: nothing can go wrong.
    debug_assert!(written.is_ok(), "metadata is JSON");
}

/// An object but for its closing brace and the space before it, if `metadata` can stand among its fields.
fn fields_before_metadata(payload: &str) -> Option<&str> {
    let object = payload.strip_suffix('}')?;
    let fields: Fields<'_> = serde_json::from_str(payload).ok()?;
    let can_join = !fields.0.iter().any(|(name, _)| name == "metadata") && !fields.is_payload_only();
    can_join.then(|| object.trim_end_matches([' ', '\t', '\n', '\r']))
}

/// Takes the metadata out of a `detail`. Without metadata the whole of it is the payload.
///
/// # Errors
/// If it has metadata that is wrong.
pub(super) fn read(detail: &RawValue) -> Result<(Option<Metadata>, RawPayload), FormError> {
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(detail.get()) else {
        return Ok((None, detail.to_owned().into()));
    };
    let Some(metadata) = fields.metadata()? else { return Ok((None, detail.to_owned().into())) };
    let payload = match fields.payload() {
        Some(payload) => payload.to_owned(),
        None => fields.without_metadata().map_err(malformed("EventBridge event"))?,
    };
    Ok((Some(metadata), payload.into()))
}

/// The fields of an object, in their order, unread.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// What stands under `metadata`, if it is an event's: others have a field of that name too.
    fn metadata(&self) -> Result<Option<Metadata>, FormError> {
        let Some((_, metadata)) = self.0.iter().find(|(name, _)| name == "metadata") else { return Ok(None) };
        if !is_of_event(metadata) {
            return Ok(None);
        }
        serde_json::from_str(metadata.get()).map(Some).map_err(malformed("metadata"))
    }

    /// What stands under `payload`, if only metadata stands beside it.
    fn payload(&self) -> Option<&'a RawValue> {
        match self.0.as_slice() {
            [(name, payload), (other, _)] | [(other, _), (name, payload)]
                if name == "payload" && other == "metadata" =>
            {
                Some(payload)
            }
            _ => None,
        }
    }

    fn is_payload_only(&self) -> bool {
        matches!(self.0.as_slice(), [(name, _)] if name == "payload")
    }

    /// The object of all other fields.
    fn without_metadata(&self) -> Result<Box<RawValue>, serde_json::Error> {
        let mut text = String::with_capacity(
            self.0.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum(),
        );
        for (name, value) in self.0.iter().filter(|(name, _)| name != "metadata") {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&serde_json::to_string(name)?);
            text.push(':');
            text.push_str(value.get());
        }
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        RawValue::from_string(text)
    }
}

/// Metadata of events says to which correlation they belong; a `metadata` without is some other thing.
pub(super) fn is_of_event(metadata: &RawValue) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Correlated<'a> {
        #[serde(borrow)]
        #[expect(dead_code, reason = "that it is there is all")]
        correlation_id: Cow<'a, str>,
    }
    serde_json::from_str::<Correlated<'_>>(metadata.get()).is_ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A field's name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
