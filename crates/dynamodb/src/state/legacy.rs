//! The parameters from before expressions: `Expected`, `AttributeUpdates`, `KeyConditions`, `QueryFilter`,
//! `ScanFilter`, `AttributesToGet`, `ConditionalOperator`. They become what expressions become.
//!
//! Follows the developer guide's page "Legacy conditional parameters".

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Invalid;
use super::expression::{
    Action, Comparator, Condition, KeyTest, KeyTests, Operand, Projection, Term, Update,
};
use super::path::Path;
use super::value::{Type, Value};

/// What `ComparisonOperator` may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `EQ`, `NE`, `LE`, `LT`, `GE`, `GT`
    Compare(Comparator),
    /// `NOT_NULL`
    NotNull,
    /// `NULL`
    Null,
    /// `CONTAINS`
    Contains,
    /// `NOT_CONTAINS`
    NotContains,
    /// `BEGINS_WITH`
    BeginsWith,
    /// `IN`
    In,
    /// `BETWEEN`
    Between,
}

impl Comparison {
    /// The operator of that name.
    pub fn from_name(name: &str) -> Option<Comparison> {
        Some(match name {
            "EQ" => Comparison::Compare(Comparator::Eq),
            "NE" => Comparison::Compare(Comparator::Ne),
            "LE" => Comparison::Compare(Comparator::Le),
            "LT" => Comparison::Compare(Comparator::Lt),
            "GE" => Comparison::Compare(Comparator::Ge),
            "GT" => Comparison::Compare(Comparator::Gt),
            "NOT_NULL" => Comparison::NotNull,
            "NULL" => Comparison::Null,
            "CONTAINS" => Comparison::Contains,
            "NOT_CONTAINS" => Comparison::NotContains,
            "BEGINS_WITH" => Comparison::BeginsWith,
            "IN" => Comparison::In,
            "BETWEEN" => Comparison::Between,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Comparison::Compare(Comparator::Eq) => "EQ",
            Comparison::Compare(Comparator::Ne) => "NE",
            Comparison::Compare(Comparator::Le) => "LE",
            Comparison::Compare(Comparator::Lt) => "LT",
            Comparison::Compare(Comparator::Ge) => "GE",
            Comparison::Compare(Comparator::Gt) => "GT",
            Comparison::NotNull => "NOT_NULL",
            Comparison::Null => "NULL",
            Comparison::Contains => "CONTAINS",
            Comparison::NotContains => "NOT_CONTAINS",
            Comparison::BeginsWith => "BEGINS_WITH",
            Comparison::In => "IN",
            Comparison::Between => "BETWEEN",
        }
    }

    fn takes(self, count: usize) -> bool {
        match self {
            Comparison::Null | Comparison::NotNull => count == 0,
            Comparison::In => count > 0,
            Comparison::Between => count == 2,
            _ => count == 1,
        }
    }

    fn takes_type(self, kind: Type) -> bool {
        match self {
            Comparison::Compare(Comparator::Eq | Comparator::Ne) | Comparison::Null | Comparison::NotNull => {
                true
            }
            Comparison::Contains | Comparison::NotContains => {
                kind.is_ordered() || matches!(kind, Type::Bool | Type::Null)
            }
            Comparison::BeginsWith => matches!(kind, Type::S | Type::B),
            _ => kind.is_ordered(),
        }
    }
}

/// An operator with its operands, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    comparison: Comparison,
    values: Vec<Arc<Value>>,
}

impl Check {
    /// An operator with its operands.
    ///
    /// # Errors
    /// A wrong number of operands, operands that differ in type or are of a type that the operator does not
    /// take, or bounds in the wrong order.
    pub fn new(comparison: Comparison, values: Vec<Value>) -> Result<Check, Invalid> {
        let name = comparison.name();
        if !comparison.takes(values.len()) {
            return Err(Invalid::parameters(format_args!(
                "Invalid number of argument(s) for the {name} ComparisonOperator"
            )));
        }
        if let Some(kind) = values.iter().map(Value::kind).find(|kind| !comparison.takes_type(*kind)) {
            return Err(Invalid::parameters(format_args!(
                "ComparisonOperator {name} is not valid for {kind} AttributeValue type"
            )));
        }
        if values.windows(2).any(|pair| pair[0].kind() != pair[1].kind()) {
            return Err(Invalid::parameters(
                "AttributeValues inside AttributeValueList must be of same type",
            ));
        }
        let values: Vec<Arc<Value>> = values.into_iter().map(Arc::new).collect();
        if let (Comparison::Between, [low, high]) = (comparison, &values[..]) {
            let bounds = Condition::Compare(
                Comparator::Gt,
                Operand::Value(Arc::clone(low)),
                Operand::Value(Arc::clone(high)),
            );
            if bounds.holds(&BTreeMap::new()) {
                return Err(Invalid::new(
                    "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
                ));
            }
        }
        Ok(Check { comparison, values })
    }

    /// The condition that the attribute passes.
    pub fn into_condition(self, name: &str) -> Condition {
        let path = Path::attribute(name);
        let attribute = Operand::Path(path.clone());
        let mut values = self.values.into_iter().map(Operand::Value);
        let mut value = || values.next().unwrap_or_else(|| unreachable!("the number of operands is checked"));
        match self.comparison {
            Comparison::Compare(comparator) => Condition::Compare(comparator, attribute, value()),
            Comparison::NotNull => Condition::AttributeExists(path),
            Comparison::Null => Condition::AttributeNotExists(path),
            Comparison::Contains => Condition::Contains(attribute, value()),
            Comparison::NotContains => Condition::Not(Box::new(Condition::Contains(attribute, value()))),
            Comparison::BeginsWith => Condition::BeginsWith(attribute, value()),
            Comparison::In => Condition::In(attribute, values.collect()),
            Comparison::Between => Condition::Between(attribute, value(), value()),
        }
    }

    /// The test of a key that the check is.
    pub fn into_key_test(self) -> KeyTest {
        let mut values = self.values.into_iter();
        match (self.comparison, values.next(), values.next()) {
            (Comparison::Compare(Comparator::Ne), ..) => KeyTest::NotIndexable,
            (Comparison::Compare(comparator), Some(value), _) => KeyTest::Compare(comparator, value),
            (Comparison::BeginsWith, Some(start), _) => KeyTest::BeginsWith(start),
            (Comparison::Between, Some(low), Some(high)) => KeyTest::Between(low, high),
            _ => KeyTest::NotIndexable,
        }
    }
}

/// One attribute's entry of `Expected`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Expectation {
    /// `Value`
    pub value: Option<Value>,
    /// `Exists`
    pub exists: Option<bool>,
    /// `ComparisonOperator`
    pub comparison: Option<Comparison>,
    /// `AttributeValueList`
    pub values: Option<Vec<Value>>,
}

impl Expectation {
    /// The condition that the attribute must pass.
    ///
    /// # Errors
    /// Members that contradict each other, in the service's words.
    pub fn into_condition(self, name: &str) -> Result<Condition, Invalid> {
        let for_attribute =
            |what: &str| Err(Invalid::parameters(format_args!("{what} for Attribute: {name}")));
        if self.values.is_some() && self.value.is_some() {
            return for_attribute("Value and AttributeValueList cannot be used together");
        }
        if let Some(comparison) = self.comparison {
            if self.exists.is_some() {
                return for_attribute("Exists and ComparisonOperator cannot be used together");
            }
            let needs_values = !matches!(comparison, Comparison::Null | Comparison::NotNull);
            if needs_values && self.values.is_none() && self.value.is_none() {
                let operator = comparison.name();
                return for_attribute(&format!(
                    "Value or AttributeValueList must be used with ComparisonOperator: {operator}"
                ));
            }
            let values = self.values.unwrap_or_else(|| self.value.into_iter().collect());
            return Ok(Check::new(comparison, values)?.into_condition(name));
        }
        if self.values.is_some() {
            return for_attribute("AttributeValueList can only be used with a ComparisonOperator");
        }
        match (self.exists, self.value) {
            (Some(false), Some(_)) => for_attribute("Value cannot be used when Exists is false"),
            (Some(false), None) => Ok(Condition::AttributeNotExists(Path::attribute(name))),
            (Some(true), None) => for_attribute("Value must be provided when Exists is true"),
            (None, None) => for_attribute("Value must be provided when Exists is null"),
            (_, Some(value)) => {
                Ok(Check::new(Comparison::Compare(Comparator::Eq), vec![value])?.into_condition(name))
            }
        }
    }
}

/// `ConditionalOperator`: whether all conditions must hold or one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Combine {
    /// `AND`
    #[default]
    All,
    /// `OR`
    Any,
}

/// The conditions as one; `None` if there are none.
pub fn combine(mut conditions: Vec<Condition>, how: Combine) -> Option<Condition> {
    // Halves, so that the tree is shallow however many attributes a request names.
    let right = conditions.split_off(conditions.len() / 2);
    if conditions.is_empty() {
        return right.into_iter().next();
    }
    let both = (Box::new(combine(conditions, how)?), Box::new(combine(right, how)?));
    Some(match how {
        Combine::All => Condition::And(both.0, both.1),
        Combine::Any => Condition::Or(both.0, both.1),
    })
}

/// The tests of a query's key.
pub fn key_tests(checks: impl IntoIterator<Item = (String, Check)>) -> KeyTests {
    checks.into_iter().map(|(name, check)| (name, check.into_key_test())).collect()
}

/// What an entry of `AttributeUpdates` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Change {
    /// `PUT`
    #[default]
    Put,
    /// `ADD`
    Add,
    /// `DELETE`
    Delete,
}

/// The update that `AttributeUpdates` ask for.
///
/// # Errors
/// An action without the value it needs, or with one of a type that it does not take.
pub fn update(changes: impl IntoIterator<Item = (String, Change, Option<Value>)>) -> Result<Update, Invalid> {
    let mut actions = Vec::new();
    for (name, change, value) in changes {
        let action = match (change, value) {
            (Change::Delete, None) => Action::Remove,
            (_, None) => {
                return Err(Invalid::parameters(
                    "Only DELETE action is allowed when no attribute value is specified",
                ));
            }
            (Change::Put, Some(value)) => Action::Set(Term::Value(Arc::new(value))),
            (Change::Delete, Some(value)) if value.kind().is_set() => Action::Delete(Arc::new(value)),
            (Change::Delete, Some(value)) => {
                return Err(Invalid::parameters(format_args!(
                    "DELETE action with value is not supported for the type {}",
                    value.kind()
                )));
            }
            (Change::Add, Some(value)) => match value.kind() {
                Type::L => Action::Append(Arc::new(value)),
                kind if kind == Type::N || kind.is_set() => Action::Add(Arc::new(value)),
                kind => {
                    return Err(Invalid::parameters(format_args!(
                        "ADD action is not supported for the type {kind}"
                    )));
                }
            },
        };
        actions.push((Path::attribute(name), action));
    }
    Ok(Update::legacy(actions))
}

/// The projection that `AttributesToGet` asks for.
///
/// # Errors
/// A name that occurs twice.
pub fn attributes_to_get(names: &[String]) -> Result<Projection, Invalid> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Invalid::parameters(format_args!("Duplicate value in attribute name: {}", pair[0])));
    }
    Ok(Projection::of(names.iter().map(Path::attribute).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::number::Number;
    use crate::state::value::Item;

    fn text(value: &str) -> Value {
        Value::S(value.into())
    }

    #[test]
    fn operators_refuse_operands_in_the_services_words() {
        let set = || Value::string_set(vec!["a".into()]).unwrap();
        for (name, values, message) in [
            ("EQ", vec![], "Invalid number of argument(s) for the EQ ComparisonOperator"),
            ("NULL", vec![text("a")], "Invalid number of argument(s) for the NULL ComparisonOperator"),
            ("BETWEEN", vec![text("a")], "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
            ("LT", vec![set()], "ComparisonOperator LT is not valid for SS AttributeValue type"),
            (
                "BEGINS_WITH",
                vec![Value::Null],
                "ComparisonOperator BEGINS_WITH is not valid for NULL AttributeValue type",
            ),
            ("CONTAINS", vec![set()], "ComparisonOperator CONTAINS is not valid for SS AttributeValue type"),
            (
                "IN",
                vec![text("b"), Value::N(Number::from(1))],
                "AttributeValues inside AttributeValueList must be of same type",
            ),
        ] {
            let error = Check::new(Comparison::from_name(name).unwrap(), values).unwrap_err();
            assert_eq!(error.to_string(), format!("One or more parameter values were invalid: {message}"));
        }
        assert_eq!(
            Check::new(Comparison::Between, vec![text("b"), text("a")]).unwrap_err().to_string(),
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        );
    }

    #[test]
    fn expectations_are_conditions_or_contradictions() {
        let item = Item::from([("a".into(), text("x"))]);
        let of = |expectation: Expectation, name: &str| {
            expectation
                .into_condition(name)
                .map(|condition| condition.holds(&item))
                .map_err(|e| e.to_string())
        };
        let value = |v: &str| Expectation { value: Some(text(v)), ..Default::default() };
        let exists = |exists| Expectation { exists: Some(exists), ..Default::default() };
        assert_eq!(of(value("x"), "a"), Ok(true));
        assert_eq!(of(value("y"), "a"), Ok(false));
        assert_eq!(of(exists(false), "a"), Ok(false));
        assert_eq!(of(exists(false), "b"), Ok(true));
        for (expectation, message) in [
            (Expectation::default(), "Value must be provided when Exists is null for Attribute: a"),
            (exists(true), "Value must be provided when Exists is true for Attribute: a"),
            (
                Expectation { exists: Some(false), ..value("x") },
                "Value cannot be used when Exists is false for Attribute: a",
            ),
            (
                Expectation { values: Some(vec![]), ..value("x") },
                "Value and AttributeValueList cannot be used together for Attribute: a",
            ),
            (
                Expectation { comparison: Comparison::from_name("LE"), ..Default::default() },
                "Value or AttributeValueList must be used with ComparisonOperator: LE for Attribute: a",
            ),
        ] {
            assert_eq!(
                of(expectation, "a"),
                Err(format!("One or more parameter values were invalid: {message}"))
            );
        }
    }

    #[test]
    fn any_number_of_conditions_combines_into_a_shallow_tree() {
        let absent = |i: usize| Condition::AttributeNotExists(Path::attribute(i.to_string()));
        let item = Item::from([("7".into(), text("x"))]);
        for count in [0, 1, 2, 5, 100_000] {
            let all = combine((0..count).map(absent).collect(), Combine::All);
            assert_eq!(all.is_none_or(|all| all.holds(&item)), count <= 7, "{count}");
            let any = combine((0..count).map(absent).collect(), Combine::Any);
            assert_eq!(any.is_some_and(|any| any.holds(&item)), count > 0, "{count}");
        }
    }

    #[test]
    fn attribute_updates_add_delete_and_put() {
        let set =
            |members: &[&str]| Value::string_set(members.iter().map(|m| (*m).into()).collect()).unwrap();
        let item = Item::from([("s".into(), set(&["a", "b"])), ("l".into(), Value::L(vec![text("x")]))]);
        let apply = |changes: Vec<(&str, Change, Option<Value>)>| {
            let changes = changes.into_iter().map(|(name, change, value)| (name.to_owned(), change, value));
            update(changes).and_then(|update| update.apply(&item)).map_err(|e| e.to_string())
        };
        let updated = apply(vec![
            ("s", Change::Delete, Some(set(&["a", "z"]))),
            ("l", Change::Add, Some(Value::L(vec![text("y")]))),
            ("n", Change::Add, Some(Value::N(Number::from(5)))),
            ("missing", Change::Delete, None),
        ])
        .unwrap();
        assert_eq!(updated["s"], set(&["b"]));
        assert_eq!(updated["l"], Value::L(vec![text("x"), text("y")]));
        assert_eq!(updated["n"], Value::N(Number::from(5)));
        assert_eq!(apply(vec![("s", Change::Delete, Some(set(&["a", "b"])))]).unwrap().get("s"), None);
        assert_eq!(
            apply(vec![("l", Change::Delete, Some(set(&["a"])))]).unwrap_err(),
            "Type mismatch for attribute to update"
        );
        assert_eq!(
            apply(vec![("x", Change::Add, Some(text("a")))]).unwrap_err(),
            "One or more parameter values were invalid: ADD action is not supported for the type S"
        );
    }
}
