//! Checks that every name that a template uses is defined in it.

use std::collections::{BTreeSet, HashSet};

use super::error::{Error, Result};
use super::expression::{Condition, Expression, SubPart};
use super::resolve::Pseudo;
use super::{Template, Value};

/// Checks names in conditions, resources and outputs, in that order.
///
/// # Errors
/// Names that nothing defines, and conditions that depend on themselves.
pub(super) fn check(template: &Template) -> Result<()> {
    check_conditions(template)?;
    let mut missing = BTreeSet::new();
    for resource in template.resources.values() {
        check_condition_name(template, resource.condition.as_deref(), "Resources")?;
        check_expression(template, &resource.properties, &mut missing)?;
        missing.extend(
            resource.depends_on.iter().filter(|name| !template.resources.contains_key(*name)).cloned(),
        );
    }
    refuse_missing(&missing, "Resources")?;
    for output in template.outputs.values() {
        check_condition_name(template, output.condition.as_deref(), "Outputs")?;
        check_expression(template, &output.value, &mut missing)?;
        if let Some(export) = &output.export {
            check_expression(template, export, &mut missing)?;
        }
    }
    refuse_missing(&missing, "Outputs")
}

fn refuse_missing(missing: &BTreeSet<String>, block: &str) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::format(format_args!(
        "Unresolved resource dependencies [{}] in the {block} block of the template",
        join(missing)
    )))
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn check_condition_name(template: &Template, name: Option<&str>, block: &str) -> Result<()> {
    match name.filter(|name| !template.conditions.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::format(format_args!(
            "Unresolved condition dependency {name} in the {block} block of the template"
        ))),
    }
}

fn check_expression(
    template: &Template,
    expression: &Expression,
    missing: &mut BTreeSet<String>,
) -> Result<()> {
    let mut first_error = None;
    let mut refuse = |error: Error| {
        first_error.get_or_insert(error);
    };
    expression.walk(&mut |expression| match expression {
        Expression::Ref(name) if !is_defined(template, name) => {
            missing.insert(name.clone());
        }
        Expression::GetAtt(resource, _) if !template.resources.contains_key(resource) => refuse(
            Error::function(format_args!("instance of Fn::GetAtt references undefined resource {resource}")),
        ),
        Expression::Sub(parts, variables) => {
            for part in parts {
                match part {
                    SubPart::Variable(name)
                        if !variables.contains_key(name) && !is_defined(template, name) =>
                    {
                        missing.insert(name.clone());
                    }
                    SubPart::Attribute(resource, attribute) if !template.resources.contains_key(resource) => {
                        refuse(Error::function(format_args!(
                            "instance of Fn::Sub references invalid resource attribute {resource}.{attribute}"
                        )));
                    }
                    _ => {}
                }
            }
        }
        Expression::If(condition, ..) if !template.conditions.contains_key(condition) => {
            refuse(Error::function(format_args!("unresolved condition dependency {condition} in Fn::If")));
        }
        Expression::FindInMap(keys) => {
            if let Some(error) = check_mapping_name(template, &keys[0]) {
                refuse(error);
            }
        }
        _ => {}
    });
    first_error.map_or(Ok(()), Err)
}

fn check_mapping_name(template: &Template, name: &Expression) -> Option<Error> {
    let Expression::Literal(Value::String(name)) = name else { return None };
    (!template.mappings.contains_key(name)).then(|| missing_mapping(name))
}

/// The error for a mapping that the template does not have.
pub(super) fn missing_mapping(name: &str) -> Error {
    Error::function(format_args!(
        "Mapping named '{name}' is not present in the 'Mappings' section of template."
    ))
}

fn is_defined(template: &Template, name: &str) -> bool {
    template.parameters.contains_key(name) || template.resources.contains_key(name) || Pseudo::is_name(name)
}

fn check_conditions(template: &Template) -> Result<()> {
    for condition in template.conditions.values() {
        let mut outcome = Ok(());
        condition.walk(&mut |condition| {
            if outcome.is_err() {
                return;
            }
            outcome = match condition {
                Condition::Named(name) => check_condition_name(template, Some(name), "Conditions"),
                Condition::Equals(sides) => {
                    sides.iter().try_for_each(|side| check_condition_operand(template, side))
                }
                _ => Ok(()),
            };
        });
        outcome?;
    }
    condition_order(template).map(drop)
}

/// Conditions are decided before any resource exists, so they may only use parameters and mappings.
fn check_condition_operand(template: &Template, side: &Expression) -> Result<()> {
    let mut missing = BTreeSet::new();
    let mut first_error = None;
    side.walk(&mut |expression| match expression {
        Expression::Ref(name) if !template.parameters.contains_key(name) && !Pseudo::is_name(name) => {
            missing.insert(name.clone());
        }
        Expression::GetAtt(name, _) => {
            missing.insert(name.clone());
        }
        Expression::Sub(parts, variables) => {
            for part in parts {
                match part {
                    SubPart::Variable(name)
                        if !variables.contains_key(name)
                            && !template.parameters.contains_key(name)
                            && !Pseudo::is_name(name) =>
                    {
                        missing.insert(name.clone());
                    }
                    SubPart::Attribute(name, _) => {
                        missing.insert(name.clone());
                    }
                    _ => {}
                }
            }
        }
        Expression::FindInMap(keys) if first_error.is_none() => {
            first_error = check_mapping_name(template, &keys[0]);
        }
        Expression::If(..) | Expression::ImportValue(_) if first_error.is_none() => {
            first_error = Some(Error::format(
                "Conditions can only be boolean operations on parameters and other conditions",
            ));
        }
        _ => {}
    });
    if let Some(error) = first_error {
        return Err(error);
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::format(format_args!(
        "Unresolved dependencies [{}]. Cannot reference resources in the Conditions block of the template",
        join(&missing)
    )))
}

/// The names of the conditions, each after those that it names.
///
/// # Errors
/// Conditions that depend on themselves.
pub(super) fn condition_order(template: &Template) -> Result<Vec<&str>> {
    let mut order = Vec::with_capacity(template.conditions.len());
    let (mut settled, mut open): (HashSet<&str>, HashSet<&str>) = Default::default();
    for start in template.conditions.keys() {
        // Depth first with a stack of its own: conditions may form a chain as long as the template.
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut next = Some(start.as_str());
        loop {
            if let Some(name) = next.take().filter(|name| !settled.contains(name)) {
                if !open.insert(name) {
                    let previous = path.last().map_or(name, |(open, _)| open);
                    return Err(Error::function(format_args!(
                        "Found circular condition dependency between {name} and {previous}"
                    )));
                }
                path.push((name, named_conditions(&template.conditions[name])));
            }
            let Some((name, rest)) = path.last_mut() else { break };
            match rest.pop() {
                Some(name) => next = Some(name),
                None => {
                    settled.insert(name);
                    order.push(*name);
                    path.pop();
                }
            }
        }
    }
    Ok(order)
}

fn named_conditions(condition: &Condition) -> Vec<&str> {
    let mut names = Vec::new();
    condition.walk(&mut |condition| {
        if let Condition::Named(name) = condition {
            names.push(name.as_str());
        }
    });
    names
}
