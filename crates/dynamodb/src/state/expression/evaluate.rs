//! Whether a condition holds of an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::number::Number;
use super::super::value::{Item, Value};
use super::condition::{Comparator, Condition, Operand};

impl Condition {
    /// Whether the condition holds of the item; an item that does not exist is an empty one.
    ///
    /// Nothing fails here: operands that are absent or of types that do not go together make a
    /// comparison false.
    pub fn holds(&self, item: &Item) -> bool {
        match self {
            Condition::And(left, right) => left.holds(item) && right.holds(item),
            Condition::Or(left, right) => left.holds(item) || right.holds(item),
            Condition::Not(inner) => !inner.holds(item),
            Condition::Compare(comparator, left, right) => match (left.value(item), right.value(item)) {
                (Some(left), Some(right)) => compare(*comparator, &left, &right),
                // What is absent differs from everything.
                _ => *comparator == Comparator::Ne,
            },
            Condition::Between(value, low, high) => {
                let (Some(value), Some(low), Some(high)) =
                    (value.value(item), low.value(item), high.value(item))
                else {
                    return false;
                };
                compare(Comparator::Ge, &value, &low) && compare(Comparator::Le, &value, &high)
            }
            Condition::In(value, list) => value.value(item).is_some_and(|value| {
                list.iter().any(|operand| operand.value(item).is_some_and(|other| *other == *value))
            }),
            Condition::AttributeExists(path) => path.get(item).is_some(),
            Condition::AttributeNotExists(path) => path.get(item).is_none(),
            Condition::AttributeType(value, kind) => {
                value.value(item).is_some_and(|value| value.kind() == *kind)
            }
            Condition::BeginsWith(value, start) => match (value.value(item), start.value(item)) {
                (Some(value), Some(start)) => begins_with(&value, &start),
                _ => false,
            },
            Condition::Contains(value, part) => match (value.value(item), part.value(item)) {
                (Some(value), Some(part)) => contains(&value, &part),
                _ => false,
            },
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, Value>> {
        match self {
            Operand::Path(path) => path.get(item).map(Cow::Borrowed),
            Operand::Value(value) => Some(Cow::Borrowed(value)),
            Operand::Size(inner) => size(&*inner.value(item)?).map(Cow::Owned),
        }
    }
}

/// What `size` returns: bytes of strings and binaries, elements of everything that has elements.
fn size(value: &Value) -> Option<Value> {
    let size = match value {
        Value::S(text) => text.len(),
        Value::B(bytes) => bytes.len(),
        Value::M(map) => map.len(),
        Value::L(list) => list.len(),
        Value::Ss(members) => members.len(),
        Value::Ns(members) => members.len(),
        Value::Bs(members) => members.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => return None,
    };
    Some(Value::N(Number::from(size as u64)))
}

/// Whether two values compare as asked; values of different types are only ever unequal.
pub(crate) fn compare(comparator: Comparator, left: &Value, right: &Value) -> bool {
    let order = || match (left, right) {
        (Value::S(left), Value::S(right)) => Some(left.cmp(right)),
        (Value::N(left), Value::N(right)) => Some(left.cmp(right)),
        (Value::B(left), Value::B(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match comparator {
        Comparator::Eq => left == right,
        Comparator::Ne => left != right,
        Comparator::Lt => order() == Some(Ordering::Less),
        Comparator::Le => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Comparator::Gt => order() == Some(Ordering::Greater),
        Comparator::Ge => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn begins_with(value: &Value, start: &Value) -> bool {
    match (value, start) {
        (Value::S(value), Value::S(start)) => value.starts_with(start.as_str()),
        (Value::B(value), Value::B(start)) => value.starts_with(start),
        _ => false,
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::S(value), Value::S(part)) => value.contains(part.as_str()),
        (Value::B(value), Value::B(part)) => contains_bytes(value, part),
        (Value::Ss(members), Value::S(member)) => members.binary_search(member).is_ok(),
        (Value::Ns(members), Value::N(member)) => members.binary_search(member).is_ok(),
        (Value::Bs(members), Value::B(member)) => members.binary_search(member).is_ok(),
        (Value::L(list), part) => list.contains(part),
        _ => false,
    }
}

/// Whether the bytes occur, in time linear in both: a hostile filter on large binaries must not be quadratic
/// (Knuth, Morris and Pratt's search).
fn contains_bytes(haystack: &[u8], needle: &[u8]) -> bool {
    let Some(last) = needle.len().checked_sub(1) else {
        return true;
    };
    // For each prefix of the needle, how much of its end is a prefix again.
    let mut borders = vec![0usize; needle.len()];
    let mut matched = 0;
    for at in 1..needle.len() {
        while matched > 0 && needle[at] != needle[matched] {
            matched = borders[matched - 1];
        }
        matched += usize::from(needle[at] == needle[matched]);
        borders[at] = matched;
    }
    matched = 0;
    for byte in haystack {
        while matched > 0 && *byte != needle[matched] {
            matched = borders[matched - 1];
        }
        if *byte == needle[matched] {
            if matched == last {
                return true;
            }
            matched += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn byte_search_agrees_with_windows(haystack in "[ab]{0,40}", needle in "[ab]{1,6}") {
            let expected = haystack.as_bytes().windows(needle.len()).any(|window| window == needle.as_bytes());
            prop_assert_eq!(contains_bytes(haystack.as_bytes(), needle.as_bytes()), expected);
        }
    }
}
