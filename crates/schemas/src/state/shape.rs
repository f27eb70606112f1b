//! What events look like: inferred from each, merged over all.

use std::collections::BTreeMap;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The types that a value was seen to have, and what is within. The default is that of no value at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Null.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub null: bool,
    /// True or false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub boolean: bool,
    /// Numbers, whole or not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub number: bool,
    /// Texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Lists; the shape is that of all items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Shape>>,
    /// Objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<BTreeMap<String, Property>>,
}

/// What texts hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Text {
    /// Anything.
    Any,
    /// Instants, all of them.
    DateTime,
}

/// A property of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// What it holds.
    pub shape: Shape,
    /// Whether every object had it.
    pub required: bool,
}

impl Shape {
    /// Of one value. Recursion is as deep as the value, which a reader of JSON bounds.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let none = Self::default();
        match value {
            Value::Null => Self { null: true, ..none },
            Value::Bool(_) => Self { boolean: true, ..none },
            Value::Number(_) => Self { number: true, ..none },
            Value::String(text) => {
                let kind = if is_instant(text) { Text::DateTime } else { Text::Any };
                Self { text: Some(kind), ..none }
            }
            Value::Array(items) => {
                let items = items.iter().map(Self::of).reduce(Self::merge).unwrap_or_default();
                Self { items: Some(Box::new(items)), ..none }
            }
            Value::Object(object) => {
                let property = |(name, value): (&String, &Value)| {
                    (name.clone(), Property { shape: Self::of(value), required: true })
                };
                Self { properties: Some(object.iter().map(property).collect()), ..none }
            }
        }
    }

    /// Of whatever is of the one or the other.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let text = match (self.text, other.text) {
            (Some(one), Some(other)) if one != other => Some(Text::Any),
            (one, other) => one.or(other),
        };
        let items = match (self.items, other.items) {
            (Some(one), Some(other)) => Some(Box::new(one.merge(*other))),
            (one, other) => one.or(other),
        };
        let properties = match (self.properties, other.properties) {
            (Some(one), Some(other)) => Some(merge_properties(one, other)),
            (one, other) => one.or(other),
        };
        Self {
            null: self.null || other.null,
            boolean: self.boolean || other.boolean,
            number: self.number || other.number,
            text,
            items,
            properties,
        }
    }
}

/// Whether a text is an instant as RFC 3339 writes it, which is what the format `date-time` means: `2026-01-31T12:00:00.5+01:00`. Leap seconds are none,
/// which not every validator takes.
fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((head, rest)) = bytes.split_at_checked(19) else { return false };
    let (fraction, offset) = match rest {
        [fraction @ .., b'Z'] => (fraction, "00:00".as_bytes()),
        [fraction @ .., b'+' | b'-', _, _, _, _, _] => (fraction, &rest[fraction.len() + 1..]),
        _ => return false,
    };
    let is_fraction = match fraction {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let follows = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    is_fraction
        && follows(head, b"dddd-dd-ddTdd:dd:dd")
        && follows(offset, b"dd:dd")
        && &head[11..13] < b"24".as_slice()
        && &head[17..19] < b"60".as_slice()
        && offset < b"24:00".as_slice()
        && Timestamp::parse_iso(text).is_some()
}

fn merge_properties(
    mut one: BTreeMap<String, Property>,
    mut other: BTreeMap<String, Property>,
) -> BTreeMap<String, Property> {
    for (name, property) in &mut one {
        match other.remove(name) {
            Some(same) => {
                property.shape = std::mem::take(&mut property.shape).merge(same.shape);
                property.required &= same.required;
            }
            None => property.required = false,
        }
    }
    let further = other.into_iter().map(|(name, property)| (name, Property { required: false, ..property }));
    one.extend(further);
    one
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_that_not_all_objects_have_are_optional() {
        let shape = Shape::of(&json!({ "a": 1, "b": [{ "c": "x" }, { "d": null }] }))
            .merge(Shape::of(&json!({ "b": [], "at": "2026-01-31T12:00:00Z" })));
        let properties = shape.properties.unwrap_or_default();
        let required: Vec<(&str, bool)> =
            properties.iter().map(|(name, property)| (name.as_str(), property.required)).collect();
        assert_eq!(required, [("a", false), ("at", false), ("b", true)]);
        assert_eq!(properties["at"].shape.text, Some(Text::DateTime));
        let items = properties["b"].shape.items.clone().unwrap_or_default();
        assert!(items.properties.unwrap_or_default().values().all(|property| !property.required));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            prop::sample::select(vec!["x", "2026-01-31T12:00:00Z"]).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let name = prop::sample::select(vec!["a".to_owned(), "b".to_owned()]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The order in which events come makes no difference, and what was seen changes nothing.
        #[test]
        fn merging_is_a_union(a in value(), b in value(), c in value()) {
            let of = Shape::of;
            let all = of(&a).merge(of(&b)).merge(of(&c));
            prop_assert_eq!(&all, &of(&c).merge(of(&a).merge(of(&b))));
            for value in [&a, &b, &c] {
                prop_assert_eq!(&all.clone().merge(of(value)), &all);
            }
        }
    }
}
