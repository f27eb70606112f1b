//! Attribute values and items, from the wire and back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pontoon_api::dynamodb::AttributeValue;

use crate::state::Invalid;
use crate::state::number::Number;
use crate::state::value::{Item, Map, NAME_BYTES_MAX, NESTED_TOO_DEEPLY, NESTING_MAX, Value};

/// An item or key as the wire has it.
pub(crate) type WireItem = BTreeMap<String, AttributeValue>;

/// An item, or a key.
///
/// # Errors
/// The first fault: names before the values that they stand for.
pub(crate) fn item(wire: WireItem) -> Result<Item, Invalid> {
    map(wire, 0)
}

/// A value.
///
/// # Errors
/// A value of no type or of several, nested too deeply, or whatever its own type refuses.
pub(crate) fn value(wire: AttributeValue) -> Result<Value, Invalid> {
    nested_value(wire, 0)
}

/// Values, in order.
///
/// # Errors
/// The first one's.
pub(crate) fn list(wire: Vec<AttributeValue>) -> Result<Vec<Value>, Invalid> {
    wire.into_iter().map(value).collect()
}

/// The values of placeholders, each with its own fault if it has one.
pub(crate) fn placeholders(wire: WireItem) -> BTreeMap<String, Result<Value, Invalid>> {
    wire.into_iter().map(|(key, wire)| (key, value(wire))).collect()
}

fn map(wire: WireItem, depth: usize) -> Result<Map, Invalid> {
    for name in wire.keys() {
        check_name(name)?;
    }
    wire.into_iter().map(|(name, wire)| Ok((name, nested_value(wire, depth)?))).collect()
}

/// Refuses names that no attribute may have.
///
/// # Errors
/// An empty name, or one of 64 KB or more.
pub(crate) fn check_name(name: &str) -> Result<(), Invalid> {
    match name.len() {
        0 => Err(Invalid::new("Empty attribute name")),
        1..=NAME_BYTES_MAX => Ok(()),
        _ => Err(Invalid::new("Attribute name is too large, must be less than 65536 bytes")),
    }
}

fn nested_value(wire: AttributeValue, depth: usize) -> Result<Value, Invalid> {
    let inner = |depth: usize| match depth {
        NESTING_MAX.. => Err(Invalid::new(NESTED_TOO_DEEPLY)),
        _ => Ok(depth + 1),
    };
    Ok(match wire {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(text) => Value::N(Number::parse(&text)?),
        AttributeValue::B(bytes) => Value::B(bytes.into()),
        AttributeValue::Bool(value) => Value::Bool(value),
        // The service takes a null of `false` for one of `true`.
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::M(wire) => Value::M(map(wire, inner(depth)?)?),
        AttributeValue::L(wire) => {
            let depth = inner(depth)?;
            Value::L(wire.into_iter().map(|wire| nested_value(wire, depth)).collect::<Result<_, _>>()?)
        }
        AttributeValue::Ss(members) => Value::string_set(members)?,
        AttributeValue::Ns(members) => Value::number_set(&members)?,
        AttributeValue::Bs(members) => {
            let members = members.into_iter().map(Into::into).collect();
            Value::binary_set(members, |member| BASE64.encode(member))?
        }
        AttributeValue::Unset => {
            return Err(Invalid::new(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ));
        }
        AttributeValue::Several => {
            return Err(Invalid::new(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
            ));
        }
    })
}

/// An item, or a key, for the wire.
pub(crate) fn to_wire(item: Item) -> WireItem {
    item.into_iter().map(|(name, value)| (name, value_to_wire(value))).collect()
}

fn value_to_wire(value: Value) -> AttributeValue {
    match value {
        Value::S(text) => AttributeValue::S(text),
        Value::N(number) => AttributeValue::N(number.to_string()),
        Value::B(bytes) => AttributeValue::B(bytes.into()),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Null => AttributeValue::Null(true),
        Value::M(map) => AttributeValue::M(to_wire(map)),
        Value::L(list) => AttributeValue::L(list.into_iter().map(value_to_wire).collect()),
        Value::Ss(members) => AttributeValue::Ss(members),
        Value::Ns(members) => AttributeValue::Ns(members.iter().map(Number::to_string).collect()),
        Value::Bs(members) => AttributeValue::Bs(members.into_iter().map(Into::into).collect()),
    }
}
