//! Expressions: conditions, filters, key conditions, updates and projections.
//!
//! Each is read by a tokenizer and a recursive-descent parser whose depth is bounded, checked in the
//! order in which the service checks, and turned into a tree without names and placeholders. Follows the
//! developer guide's pages under "Using expressions in DynamoDB"; the order of checks and the messages are
//! the service's, as recorded by conformance suites that run against it.

mod apply;
mod condition;
mod evaluate;
mod key_condition;
mod parse;
mod projection;
mod reserved;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use apply::UPDATE_TOO_LARGE;
pub use condition::{Comparator, Condition, Operand};
pub use key_condition::{KeyCondition, KeyTest, KeyTests, RangeTest};
pub use projection::Projection;
pub use update::{Action, Term, Update};

use super::Invalid;
use super::value::{NAME_BYTES_MAX, Value};

/// Bytes that one expression may have (Service quotas, "Expression parameters").
pub const EXPRESSION_BYTES_MAX: usize = 4096;
/// Operators and functions that one expression may have.
pub const OPERATORS_MAX: usize = 300;
/// Operands that `IN` may compare with.
pub const IN_OPERANDS_MAX: usize = 100;
/// Bytes of a placeholder, its first character included.
const PLACEHOLDER_BYTES_MAX: usize = 255;

/// Which parameter an expression came in: what its error messages begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `ConditionExpression`
    Condition,
    /// `FilterExpression`
    Filter,
    /// `KeyConditionExpression`
    KeyCondition,
    /// `UpdateExpression`
    Update,
    /// `ProjectionExpression`
    Projection,
}

impl Kind {
    /// The parameter's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Condition => "ConditionExpression",
            Kind::Filter => "FilterExpression",
            Kind::KeyCondition => "KeyConditionExpression",
            Kind::Update => "UpdateExpression",
            Kind::Projection => "ProjectionExpression",
        }
    }

    fn invalid(self, what: impl std::fmt::Display) -> Invalid {
        Invalid::new(format!("Invalid {}: {what}", self.name()))
    }

    /// What must hold of an expression before it is read.
    fn check_length(self, text: &str) -> Result<(), Invalid> {
        if text.trim_ascii().is_empty() {
            return Err(self.invalid("The expression can not be empty;"));
        }
        if text.len() <= EXPRESSION_BYTES_MAX {
            return Ok(());
        }
        let too_long = "Expression size has exceeded the maximum allowed size;";
        // The update parser's message leaves the size out.
        Err(match self {
            Kind::Update => self.invalid(too_long),
            _ => self.invalid(format_args!("{too_long} expression size: {}", text.len())),
        })
    }
}

/// What placeholders stand for, and which of them have been used.
#[derive(Default, Debug)]
pub struct Placeholders {
    names: Table<String>,
    values: Table<Arc<Value>>,
}

/// Placeholders of one kind in the order of their names.
///
/// A request has a handful: a table costs one allocation, a map and a set of what is unused cost several for each.
#[derive(Debug)]
struct Table<T>(Vec<Placeholder<T>>);

#[derive(Debug)]
struct Placeholder<T> {
    key: String,
    stands_for: T,
    is_used: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Table<T> {
    /// Of entries in the order of their keys.
    fn new(entries: impl Iterator<Item = Result<(String, T), Invalid>>) -> Result<Self, Invalid> {
        entries
            .map(|entry| entry.map(|(key, stands_for)| Placeholder { key, stands_for, is_used: false }))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What the placeholder stands for, which counts as used from now on.
    fn take(&mut self, key: &str) -> Option<&T> {
        let at = self.0.binary_search_by(|placeholder| placeholder.key.as_str().cmp(key)).ok()?;
        self.0[at].is_used = true;
        Some(&self.0[at].stands_for)
    }

    /// The placeholders that nothing used.
    fn unused(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter(|placeholder| !placeholder.is_used)
            .map(|placeholder| &*placeholder.key)
            .collect()
    }
}

impl Placeholders {
    /// Takes a request's `ExpressionAttributeNames` and `ExpressionAttributeValues`, of which `None` is
    /// one that is absent. Values come with their own fault, if they have one, so that faults are
    /// reported in the service's order.
    ///
    /// # Errors
    /// An empty map, a key that is no placeholder, or a bad name or value.
    pub fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<BTreeMap<String, Result<Value, Invalid>>>,
    ) -> Result<Placeholders, Invalid> {
        let mut placeholders = Placeholders::default();
        if let Some(names) = names {
            let keys = names.keys().map(String::as_str);
            check_keys("ExpressionAttributeNames", b'#', keys)?;
            for (key, name) in &names {
                let fault = match name.len() {
                    0 => Some("Empty attribute name"),
                    len if len > NAME_BYTES_MAX => {
                        Some("Attribute name is too large, must be less than 65536 bytes")
                    }
                    _ => None,
                };
                if let Some(fault) = fault {
                    return Err(Invalid::new(format!(
                        "ExpressionAttributeNames contains invalid value: {fault} for key {key}"
                    )));
                }
            }
            placeholders.names = Table::new(names.into_iter().map(Ok))?;
        }
        if let Some(values) = values {
            let keys = values.keys().map(String::as_str);
            check_keys("ExpressionAttributeValues", b':', keys)?;
            placeholders.values = Table::new(values.into_iter().map(|(key, value)| match value {
                Ok(value) => Ok((key, Arc::new(value))),
                Err(fault) => Err(Invalid::new(format!(
                    "ExpressionAttributeValues contains invalid value: {fault} for key {key}"
                ))),
            }))?;
        }
        Ok(placeholders)
    }

    /// Refuses placeholders that no expression used; to be called when all have been parsed.
    ///
    /// # Errors
    /// The names, then the values, that were not used.
    pub fn check_all_used(&self) -> Result<(), Invalid> {
        for (what, unused) in [("Names", self.names.unused()), ("Values", self.values.unused())] {
            if !unused.is_empty() {
                return Err(Invalid::new(format!(
                    "Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{}}}",
                    unused.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn name(&mut self, placeholder: &str) -> Result<&str, Invalid> {
        self.names.take(placeholder).map(String::as_str).ok_or_else(|| {
            Invalid::new(format!(
                "An expression attribute name used in the document path is not defined; attribute name: {placeholder}"
            ))
        })
    }

    fn value(&mut self, placeholder: &str) -> Result<&Arc<Value>, Invalid> {
        self.values.take(placeholder).ok_or_else(|| {
            Invalid::new(format!(
                "An expression attribute value used in expression is not defined; attribute value: {placeholder}"
            ))
        })
    }
}

fn check_keys<'a>(
    parameter: &str,
    sigil: u8,
    keys: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Invalid> {
    if keys.clone().next().is_none() {
        return Err(Invalid::new(format!("{parameter} must not be empty")));
    }
    for key in keys {
        let well_formed = match key.as_bytes().split_first() {
            Some((first, rest)) => {
                *first == sigil
                    && !rest.is_empty()
                    && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            }
            None => false,
        };
        if !well_formed {
            return Err(Invalid::new(format!(
                "{parameter} contains invalid key: Syntax error; key: \"{key}\""
            )));
        }
        if key.len() > PLACEHOLDER_BYTES_MAX {
            return Err(Invalid::new("The expression attribute map contains a key that is too long"));
        }
    }
    Ok(())
}
