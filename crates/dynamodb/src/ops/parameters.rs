//! The parameters that operations share: expressions and what they replace.

use std::collections::BTreeMap;

use pontoon_api::dynamodb::{AttributeValueUpdate, Condition as WireCondition, ExpectedAttributeValue};

use super::values::{self, WireItem};
use crate::state::Invalid;
use crate::state::expression::{Condition, Kind, Placeholders, Projection, Update};
use crate::state::key::KeySchema;
use crate::state::legacy::{self, Change, Check, Combine, Comparison, Expectation};
use crate::state::path::Path;

/// `ExpressionAttributeNames` and `ExpressionAttributeValues` of a request.
pub(crate) struct Substitutes {
    names: Option<BTreeMap<String, String>>,
    values: Option<WireItem>,
}

impl Substitutes {
    pub(crate) fn new(names: Option<BTreeMap<String, String>>, values: Option<WireItem>) -> Substitutes {
        Substitutes { names, values }
    }

    /// Refuses expressions together with what they replace, and substitutes without expressions. Each
    /// parameter comes with its name and whether it is present, in the order of the service's messages.
    ///
    /// # Errors
    /// The service's message, which lists the parameters concerned.
    pub(crate) fn check_mixing(
        &self,
        expressions: &[(Kind, bool)],
        legacy: &[(&str, bool)],
    ) -> Result<(), Invalid> {
        let present: Vec<&str> =
            expressions.iter().filter(|(_, present)| *present).map(|(kind, _)| kind.name()).collect();
        let old: Vec<&str> = legacy.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
        if !present.is_empty() && !old.is_empty() {
            return Err(Invalid::new(format!(
                "Can not use both expression and non-expression parameters in the same request: \
                 Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
                old.join(", "),
                present.join(", ")
            )));
        }
        if self.names.is_some() && present.is_empty() {
            return Err(Invalid::new(
                "ExpressionAttributeNames can only be specified when using expressions",
            ));
        }
        let with_values: Vec<(Kind, bool)> =
            expressions.iter().copied().filter(|(kind, _)| *kind != Kind::Projection).collect();
        if self.values.is_some() && !with_values.is_empty() && with_values.iter().all(|(_, present)| !present)
        {
            let names: Vec<&str> = with_values.iter().map(|(kind, _)| kind.name()).collect();
            let verb = if names.len() == 1 { "is" } else { "are" };
            return Err(Invalid::new(format!(
                "ExpressionAttributeValues can only be specified when using expressions: {} {verb} null",
                names.join(" and ")
            )));
        }
        Ok(())
    }

    /// What the substitutes stand for.
    ///
    /// # Errors
    /// See [`Placeholders::new`].
    pub(crate) fn placeholders(self) -> Result<Placeholders, Invalid> {
        Placeholders::new(self.names, self.values.map(values::placeholders))
    }
}

/// The condition of a write, from whichever parameter it came in.
///
/// # Errors
/// The condition's faults.
pub(crate) fn condition(
    kind: Kind,
    expression: Option<&str>,
    placeholders: &mut Placeholders,
) -> Result<Option<Condition>, Invalid> {
    expression.map(|text| Condition::parse(kind, text, placeholders)).transpose()
}

/// The condition that `Expected` asks for.
///
/// # Errors
/// Contradictions in it, and a `ConditionalOperator` without two conditions to combine.
pub(crate) fn expected(
    expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    operator: Option<&str>,
) -> Result<Option<Condition>, Invalid> {
    let how = combine(operator, expected.as_ref().map(BTreeMap::len))?;
    let mut conditions = Vec::new();
    for (name, wire) in expected.into_iter().flatten() {
        let expectation = Expectation {
            value: wire.value.map(values::value).transpose()?,
            exists: wire.exists,
            comparison: wire.comparison_operator.as_deref().and_then(Comparison::from_name),
            values: wire.attribute_value_list.map(values::list).transpose()?,
        };
        conditions.push(expectation.into_condition(&name)?);
    }
    Ok(legacy::combine(conditions, how))
}

/// The checks of `QueryFilter`, `ScanFilter` or `KeyConditions`.
///
/// # Errors
/// Operands that do not fit their operator.
pub(crate) fn checks(wire: Option<BTreeMap<String, WireCondition>>) -> Result<Vec<(String, Check)>, Invalid> {
    let mut checks = Vec::new();
    for (name, condition) in wire.into_iter().flatten() {
        let values = values::list(condition.attribute_value_list.unwrap_or_default())?;
        let Some(comparison) = Comparison::from_name(&condition.comparison_operator) else {
            return Err(Invalid::new("Comparison type does not exist in DynamoDB"));
        };
        checks.push((name, Check::new(comparison, values)?));
    }
    Ok(checks)
}

/// Filter checks as one condition.
///
/// # Errors
/// A `ConditionalOperator` without two conditions to combine.
pub(crate) fn filter(
    checks: Option<Vec<(String, Check)>>,
    operator: Option<&str>,
) -> Result<Option<Condition>, Invalid> {
    let how = combine(operator, checks.as_ref().map(Vec::len))?;
    let conditions = checks.into_iter().flatten().map(|(name, check)| check.into_condition(&name)).collect();
    Ok(legacy::combine(conditions, how))
}

fn combine(operator: Option<&str>, conditions: Option<usize>) -> Result<Combine, Invalid> {
    match (operator, conditions) {
        (Some(_), None) => Err(Invalid::new("ConditionalOperator cannot be used without Filter or Expected")),
        (Some(_), Some(0 | 1)) => Err(Invalid::new(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        )),
        (Some("OR"), _) => Ok(Combine::Any),
        _ => Ok(Combine::All),
    }
}

/// The update that `AttributeUpdates` ask for.
///
/// # Errors
/// Bad values, and actions that do not take them.
pub(crate) fn attribute_updates(wire: BTreeMap<String, AttributeValueUpdate>) -> Result<Update, Invalid> {
    let mut changes = Vec::new();
    for (name, update) in wire {
        values::check_name(&name)?;
        let change = match update.action.as_deref() {
            Some("ADD") => Change::Add,
            Some("DELETE") => Change::Delete,
            _ => Change::Put,
        };
        changes.push((name, change, update.value.map(values::value).transpose()?));
    }
    legacy::update(changes)
}

/// What a read hands out, from whichever parameter it came in.
///
/// # Errors
/// The projection's faults.
pub(crate) fn projection(
    expression: Option<&str>,
    attributes: Option<&[String]>,
    placeholders: &mut Placeholders,
) -> Result<Option<Projection>, Invalid> {
    if let Some(text) = expression {
        return Projection::parse(text, placeholders).map(Some);
    }
    attributes
        .map(|names| {
            names.iter().try_for_each(|name| values::check_name(name))?;
            legacy::attributes_to_get(names)
        })
        .transpose()
}

/// Refuses paths that reach into a key attribute, which is always a scalar.
///
/// # Errors
/// The message that names the attribute.
pub(crate) fn check_key_paths<'a>(
    schema: &KeySchema,
    paths: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Invalid> {
    match paths.into_iter().find(|path| path.is_nested() && schema.contains(path.head())) {
        None => Ok(()),
        Some(path) => Err(Invalid::new(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: {}",
            path.head()
        ))),
    }
}

/// [`check_key_paths`] for a condition.
///
/// # Errors
/// As there.
pub(crate) fn check_condition_paths(
    schema: &KeySchema,
    condition: Option<&Condition>,
) -> Result<(), Invalid> {
    let mut paths = Vec::new();
    if let Some(condition) = condition {
        condition.paths(&mut |path| paths.push(path));
    }
    check_key_paths(schema, paths)
}

/// Whether a failed condition's error carries the item.
pub(crate) fn returns_item_on_failure(parameter: Option<&str>) -> bool {
    parameter == Some("ALL_OLD")
}
