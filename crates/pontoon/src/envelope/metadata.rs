//! The metadata as JSON: the field names of the guide's `EventMetadata` (`version`, `correlationId`, `timestamp`), and beside them what an
//! event needs to be whole outside of EventBridge.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Envelope, EventId, RawPayload};

/// Written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataRef<'a> {
    id: &'a EventId,
    r#type: &'a str,
    source: &'a str,
    #[serde(serialize_with = "write_version")]
    version: u32,
    #[serde(serialize_with = "write_timestamp")]
    timestamp: Timestamp,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
}

impl<'a> MetadataRef<'a> {
    /// Of an envelope.
    pub(crate) fn of<T>(envelope: &'a Envelope<T>) -> Self {
        Self {
            id: &envelope.id,
            r#type: &envelope.event_type,
            source: &envelope.source,
            version: envelope.version,
            timestamp: envelope.time,
            correlation_id: &envelope.correlation_id,
            causation_id: envelope.causation_id.as_deref(),
            trace: envelope.trace.as_deref(),
            tenant: envelope.tenant.as_deref(),
        }
    }
}

/// Read. Other publishers give version, correlation and timestamp only; the rest must then be known from elsewhere.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) id: Option<EventId>,
    pub(crate) r#type: Option<String>,
    pub(crate) source: Option<String>,
    #[serde(deserialize_with = "read_version")]
    pub(crate) version: u32,
    #[serde(default, deserialize_with = "read_timestamp")]
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) correlation_id: String,
    pub(crate) causation_id: Option<String>,
    pub(crate) trace: Option<String>,
    pub(crate) tenant: Option<String>,
}

impl Metadata {
    /// The envelope of metadata that lacks nothing.
    ///
    /// # Errors
    /// The name of the field that is missing.
    pub(crate) fn complete(self, payload: RawPayload) -> Result<Envelope<RawPayload>, String> {
        let missing = |field: &str| format!("the metadata lacks {field:?}");
        Ok(Envelope {
            id: self.id.ok_or_else(|| missing("id"))?,
            event_type: Cow::Owned(self.r#type.ok_or_else(|| missing("type"))?),
            source: Cow::Owned(self.source.ok_or_else(|| missing("source"))?),
            version: self.version,
            time: self.timestamp.ok_or_else(|| missing("timestamp"))?,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            trace: self.trace,
            tenant: self.tenant,
            payload,
        })
    }
}

/// As text with a minor part of zero, because publishers in other languages write `"1.0"`.
fn write_version<S: Serializer>(version: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{version}.0"))
}

/// Takes `"1.0"`, `"1"` and 1. A minor part is for changes that every reader takes, so it is not looked at.
fn read_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    struct Version;

    impl Visitor<'_> for Version {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a version such as \"1.0\" or 1")
        }

        fn visit_u64<E: de::Error>(self, version: u64) -> Result<u32, E> {
            u32::try_from(version).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(version), &self))
        }

        fn visit_str<E: de::Error>(self, version: &str) -> Result<u32, E> {
            let major = version.split_once('.').map_or(version, |(major, _)| major);
            major.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(version), &self))
        }
    }

    deserializer.deserialize_any(Version)
}

/// With milliseconds as JavaScript writes them, and with more digits where there are more, so that nothing is lost.
fn write_timestamp<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Rfc3339(*time))
}

fn read_timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|error| de::Error::custom(format!("timestamp: {error}")))
}

/// An instant in RFC 3339 with at least milliseconds.
pub(crate) struct Rfc3339(pub(crate) Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanosecond() % 1_000_000 == 0 {
            write!(f, "{:.3}", self.0)
        } else {
            write!(f, "{}", self.0)
        }
    }
}
