//! Records of a DynamoDB stream as events: `INSERT`, `MODIFY` and `REMOVE` of `aws.dynamodb`, whose payload has the item before and after as plain
//! JSON: `{"keys": …, "new": …, "old": …}`.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use crate::envelope::{Envelope, EventId, RawPayload};
use crate::handler::{Context, Delivery, Origin};

/// The `source` of events made of stream records.
const SOURCE: &str = "aws.dynamodb";

/// One record of a stream.
#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(rename = "eventID")]
    event_id: String,
    #[serde(rename = "eventName")]
    event_name: String,
    #[serde(rename = "eventSourceARN", default)]
    event_source_arn: String,
    dynamodb: Images,
}

type Item = BTreeMap<String, Attribute>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    #[serde(default)]
    keys: Item,
    new_image: Option<Item>,
    old_image: Option<Item>,
    sequence_number: String,
    /// Seconds, with a fraction in some records.
    #[serde(default)]
    approximate_creation_date_time: f64,
}

/// An attribute value as DynamoDB spells it in JSON.
#[derive(Deserialize)]
enum Attribute {
    S(String),
    N(String),
    B(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(serde::de::IgnoredAny),
    M(Item),
    L(Vec<Attribute>),
    #[serde(rename = "SS")]
    Strings(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Binaries(Vec<String>),
}

impl Change {
    /// What a partial answer names.
    pub(super) fn sequence_number(&self) -> &str {
        &self.dynamodb.sequence_number
    }

    pub(super) fn delivery(self, deadline: Option<Instant>) -> Delivery {
        let Images { keys, new_image, old_image, approximate_creation_date_time: seconds, .. } =
            self.dynamodb;
        let millis = (seconds * 1000.0) as i64;
        let at = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
        let payload =
            json!({ "keys": plain(keys), "new": new_image.map(plain), "old": old_image.map(plain) });
        let payload = serde_json::value::to_raw_value(&payload).map(RawPayload::from);
        let payload = payload.unwrap_or_else(|_| unreachable!("a JSON value can be written as JSON"));
        let id = EventId::from(self.event_id.as_str());
        let envelope = Envelope::bare(id, self.event_name, SOURCE, at, payload);
        let origin = Origin::Stream { arn: self.event_source_arn };
        Delivery {
            envelope,
            context: Context { origin, sent_at: Some(at), deadline, ..Context::new(self.event_id) },
        }
    }
}

fn plain(item: Item) -> Value {
    Value::Object(item.into_iter().map(|(name, attribute)| (name, attribute.plain())).collect::<Map<_, _>>())
}

impl Attribute {
    /// Binary values stay base64; numbers that JSON's 64 bits cannot hold stay text.
    fn plain(self) -> Value {
        match self {
            Self::S(text) | Self::B(text) => Value::String(text),
            Self::N(number) => plain_number(number),
            Self::Bool(truth) => Value::Bool(truth),
            Self::Null(_) => Value::Null,
            Self::M(item) => plain(item),
            Self::L(list) => list.into_iter().map(Self::plain).collect(),
            Self::Strings(list) | Self::Binaries(list) => list.into_iter().map(Value::String).collect(),
            Self::Numbers(list) => list.into_iter().map(plain_number).collect(),
        }
    }
}

fn plain_number(text: String) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Number(whole.into());
    }
    let exact = text.parse::<f64>().ok().filter(|number| number.to_string() == text);
    exact.and_then(Number::from_f64).map_or(Value::String(text), Value::Number)
}
