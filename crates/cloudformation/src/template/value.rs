//! The values a template is made of, whichever of its two notations it was written in.

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map in the order of the template: CloudFormation lists parameters, resources and outputs in it.
pub type Map = IndexMap<String, Value>;

/// A value of a template: what JSON can say, with numbers kept as they were written.
///
/// CloudFormation passes scalars around as text and converts them to what a resource's schema asks
/// for, so a number keeps its digits here: `0.10` in a template must not become `0.1` in a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// JSON's and YAML's null, which CloudFormation accepts almost nowhere.
    #[default]
    Null,
    /// `true` or `false`; YAML 1.1's `yes`, `on` and their likes are read as these.
    Bool(bool),
    /// The text of a number in JSON's notation.
    Number(String),
    /// Text; also what YAML would call a timestamp, such as a policy's version.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Map),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The member of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// What CloudFormation makes of a scalar where text is wanted; `None` for null, lists and maps.
    pub fn scalar_text(&self) -> Option<String> {
        match self {
            Self::Bool(flag) => Some(flag.to_string()),
            Self::Number(text) | Self::String(text) => Some(text.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The value as compact JSON, members in template order.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(flag) => {
                let _ = write!(out, "{flag}");
            }
            Self::Number(text) => out.push_str(text),
            Self::String(text) => write_json_string(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                for (index, (key, value)) in map.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_json_string(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            // Numbers that JSON's integers hold go as such; others as the nearest double, which is
            // what every reader of JSON would make of their digits.
            Self::Number(text) => match (text.parse::<i64>(), text.parse::<u64>(), text.parse::<f64>()) {
                (Ok(integer), _, _) => serializer.serialize_i64(integer),
                (_, Ok(integer), _) => serializer.serialize_u64(integer),
                (_, _, Ok(double)) => serializer.serialize_f64(double),
                _ => serializer.serialize_str(text),
            },
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(map) => {
                let mut members = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    members.serialize_entry(key, value)?;
                }
                members.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        Ok(Value::Number(integer.to_string()))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        Ok(Value::Number(integer.to_string()))
    }

    fn visit_f64<E>(self, double: f64) -> Result<Value, E> {
        Ok(Value::Number(double.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    /// A repeated member is an error: dropping one of two resources of the same name in silence
    /// would deploy something other than what the template says.
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(serde::de::Error::custom(format!("duplicate key {key}")));
            }
            let value = access.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_member_order_and_escapes() {
        let value: Value = serde_json::from_str(r#"{"b":[1,2.5,true,null],"a":"q\"\n\u0001é"}"#).unwrap();
        assert_eq!(value.to_json(), "{\"b\":[1,2.5,true,null],\"a\":\"q\\\"\\n\\u0001é\"}");
        let again: Value = serde_json::from_str(&value.to_json()).unwrap();
        assert_eq!(again, value);
        assert_eq!(serde_json::to_string(&value).unwrap(), value.to_json());
    }

    #[test]
    fn a_repeated_member_is_refused() {
        assert!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).is_err());
    }
}
