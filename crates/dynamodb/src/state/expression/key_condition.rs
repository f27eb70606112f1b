//! Key-condition expressions: a condition that names a partition and perhaps a run of its sort keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Invalid;
use super::super::key::KeySchema;
use super::super::path::Path;
use super::super::value::Value;
use super::condition::{Comparator, Condition, Operand};
use super::evaluate::compare;
use super::{Kind, Placeholders};

/// What one condition demands of a key attribute.
#[derive(Clone, PartialEq, Debug)]
pub enum KeyTest {
    /// A comparison; never `<>`.
    Compare(Comparator, Arc<Value>),
    /// Between two values, bounds included.
    Between(Arc<Value>, Arc<Value>),
    /// Begins with a value.
    BeginsWith(Arc<Value>),
    /// A test that no key supports, which only the legacy parameter can ask for.
    NotIndexable,
}

impl KeyTest {
    fn values(&self) -> impl Iterator<Item = &Value> {
        let (first, second) = match self {
            KeyTest::Compare(_, value) | KeyTest::BeginsWith(value) => (Some(value), None),
            KeyTest::Between(low, high) => (Some(low), Some(high)),
            KeyTest::NotIndexable => (None, None),
        };
        first.into_iter().chain(second).map(|value| &**value)
    }
}

/// The tests of a query, by attribute, not yet held against a table's key.
pub type KeyTests = BTreeMap<String, KeyTest>;

/// Which sort keys of the partition are asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum RangeTest {
    /// A comparison; never `<>`.
    Compare(Comparator, Arc<Value>),
    /// Between two values, bounds included.
    Between(Arc<Value>, Arc<Value>),
    /// Begins with a value.
    BeginsWith(Arc<Value>),
}

impl RangeTest {
    /// Whether the sort key passes.
    pub fn passes(&self, value: &Value) -> bool {
        match self {
            RangeTest::Compare(comparator, other) => compare(*comparator, value, other),
            RangeTest::Between(low, high) => {
                compare(Comparator::Ge, value, low) && compare(Comparator::Le, value, high)
            }
            RangeTest::BeginsWith(start) => match (value, &**start) {
                (Value::S(value), Value::S(start)) => value.starts_with(start.as_str()),
                (Value::B(value), Value::B(start)) => value.starts_with(start),
                _ => false,
            },
        }
    }
}

/// A query's condition that fits a table's key.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyCondition {
    /// The partition asked for.
    pub hash: Arc<Value>,
    /// Which of its sort keys, if not all.
    pub range: Option<RangeTest>,
}

impl KeyCondition {
    /// Reads a `KeyConditionExpression` as far as that is possible without the table.
    ///
    /// # Errors
    /// The faults of any condition, prefixed with the parameter's name, and those of key conditions.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<KeyTests, Invalid> {
        let condition = Condition::parse(Kind::KeyCondition, text, placeholders)?;
        let mut tests = KeyTests::new();
        collect(condition, &mut tests)?;
        Ok(tests)
    }

    /// Refuses a number of tests that no key has; to be called when every expression has been parsed.
    ///
    /// # Errors
    /// None, or more than two.
    pub fn check_count(tests: &KeyTests) -> Result<(), Invalid> {
        match tests.len() {
            1 | 2 => Ok(()),
            _ => Err(Invalid::new("Conditions can be of length 1 or 2 only")),
        }
    }

    /// Holds the tests against a table's key.
    ///
    /// # Errors
    /// A key attribute that is missing, of another type, or tested in a way that keys do not support.
    pub fn for_schema(mut tests: KeyTests, schema: &KeySchema) -> Result<KeyCondition, Invalid> {
        let not_supported = || Invalid::new("Query key condition not supported");
        let count = tests.len();
        if schema.range.is_none() && count > 1 {
            return Err(not_supported());
        }
        let mut found = Vec::with_capacity(2);
        for (at, attribute) in schema.attributes().enumerate() {
            let Some(test) = tests.remove(&attribute.name) else {
                if at == 0 || count > 1 {
                    return Err(Invalid::new(format!(
                        "Query condition missed key schema element: {}",
                        attribute.name
                    )));
                }
                continue;
            };
            if test == KeyTest::NotIndexable {
                return Err(Invalid::new("Attempted conditional constraint is not an indexable operation"));
            }
            if test.values().any(|value| value.kind() != attribute.kind) {
                return Err(Invalid::parameters("Condition parameter type does not match schema type"));
            }
            if at == 0 && !matches!(test, KeyTest::Compare(Comparator::Eq, _)) {
                return Err(not_supported());
            }
            found.push(test);
        }
        let mut found = found.into_iter();
        let Some(KeyTest::Compare(Comparator::Eq, hash)) = found.next() else {
            return Err(not_supported());
        };
        let range = match found.next() {
            None => None,
            Some(KeyTest::Compare(comparator, value)) => Some(RangeTest::Compare(comparator, value)),
            Some(KeyTest::Between(low, high)) => Some(RangeTest::Between(low, high)),
            Some(KeyTest::BeginsWith(start)) => Some(RangeTest::BeginsWith(start)),
            Some(KeyTest::NotIndexable) => return Err(not_supported()),
        };
        Ok(KeyCondition { hash, range })
    }
}

/// Takes a condition apart, from the left.
fn collect(condition: Condition, tests: &mut KeyTests) -> Result<(), Invalid> {
    let invalid_operator =
        |operator: &str| Invalid::new(format!("Invalid operator used in KeyConditionExpression: {operator}"));
    let (operands, operator): (Vec<Operand>, Shape) = match condition {
        Condition::And(left, right) => {
            collect(*left, tests)?;
            return collect(*right, tests);
        }
        Condition::Or(..) => return Err(invalid_operator("OR")),
        Condition::Not(_) => return Err(invalid_operator("NOT")),
        Condition::In(..) => return Err(invalid_operator("IN")),
        Condition::Compare(Comparator::Ne, ..) => return Err(invalid_operator("<>")),
        Condition::AttributeExists(_) => return Err(invalid_operator("attribute_exists")),
        Condition::AttributeNotExists(_) => return Err(invalid_operator("attribute_not_exists")),
        Condition::AttributeType(..) => return Err(invalid_operator("attribute_type")),
        Condition::Contains(..) => return Err(invalid_operator("contains")),
        Condition::Compare(comparator, left, right) => (vec![left, right], Shape::Compare(comparator)),
        Condition::Between(value, low, high) => (vec![value, low, high], Shape::Between),
        Condition::BeginsWith(value, start) => (vec![value, start], Shape::BeginsWith),
    };
    let (path, position, mut values) = split(operands, &operator)?;
    let mut value =
        || values.next().unwrap_or_else(|| unreachable!("split leaves a value for each other operand"));
    let test = match operator {
        Shape::Compare(comparator) if position == 0 => KeyTest::Compare(comparator, value()),
        Shape::Compare(comparator) => KeyTest::Compare(comparator.mirrored(), value()),
        Shape::Between => KeyTest::Between(value(), value()),
        Shape::BeginsWith => KeyTest::BeginsWith(value()),
    };
    match tests.insert(path.head().to_owned(), test) {
        None => Ok(()),
        Some(_) => Err(Invalid::new("KeyConditionExpressions must only contain one condition per key")),
    }
}

enum Shape {
    Compare(Comparator),
    Between,
    BeginsWith,
}

/// The one path among the operands, where it stood, and the values beside it.
fn split(
    operands: Vec<Operand>,
    shape: &Shape,
) -> Result<(Path, usize, impl Iterator<Item = Arc<Value>> + use<>), Invalid> {
    let invalid = |what: String| Invalid::new(format!("Invalid condition in KeyConditionExpression: {what}"));
    let first = match shape {
        Shape::Compare(_) => None,
        Shape::Between => Some("BETWEEN"),
        Shape::BeginsWith => Some("begins_with"),
    };
    if let Some(operator) = first
        && !matches!(operands[0], Operand::Path(_))
    {
        return Err(invalid(format!("{operator} operator must have the key attribute as its first operand")));
    }
    let mut key = None;
    let mut values = Vec::with_capacity(2);
    for (position, operand) in operands.into_iter().enumerate() {
        match operand {
            Operand::Path(_) if key.is_some() => {
                return Err(invalid("Multiple attribute names used in one condition".into()));
            }
            Operand::Path(path) if path.is_nested() => {
                return Err(Invalid::new(
                    "KeyConditionExpressions cannot have conditions on nested attributes",
                ));
            }
            Operand::Path(path) => key = Some((path, position)),
            Operand::Value(value) => values.push(value),
            Operand::Size(_) => {
                return Err(Invalid::new("KeyConditionExpressions cannot contain nested operations"));
            }
        }
    }
    match key {
        Some((path, position)) => Ok((path, position, values.into_iter())),
        None => Err(invalid("No key attribute specified".into())),
    }
}
