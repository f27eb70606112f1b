//! Whether two versions of a schema go together, and if not, why.
//!
//! *Backward*: consumers with the new schema take events that were written under the old one, such as those in queues, archives and event stores.
//! *Forward*: consumers with the old schema take new events, such as those that have not been deployed yet. *Full*: both.
//!
//! ```
//! use pontoon::schema::compatibility::{Mode, Writers, check};
//! use serde_json::json;
//!
//! let old = json!({ "type": "object", "properties": { "orderId": { "type": "string" } }, "required": ["orderId"] });
//! let new = json!({
//!     "type": "object",
//!     "properties": { "orderId": { "type": "string" }, "currency": { "type": "string" } },
//!     "required": ["orderId", "currency"],
//! });
//! let breaks = check(&old, &new, Mode::Full, Writers::Declared).unwrap();
//! assert_eq!(breaks.len(), 1);
//! assert_eq!(
//!     breaks[0].to_string(),
//!     "backward: /currency: required: the new version requires it, events of the old version may lack it"
//! );
//! ```
//!
//! # What is compared
//!
//! Types, enumerations, bounds, lengths, patterns (as text), formats, arrays and tuples, objects with required, optional and further properties,
//! `allOf`, `anyOf`, `oneOf`, references. Of what a `oneOf` takes, no second alternative may take any: that two exclude each other is seen by their types,
//! values, bounds, and the properties that one of them requires, such as a tag; where it cannot be seen, that is reported as a break. Of `not`, `if`,
//! `contains`, `patternProperties` and the like it is only seen whether they are the same; where they are not, that is reported as a break, because it may
//! be one.

mod compare;
mod view;

use std::fmt;

use serde_json::Value;

use super::{SchemaError, Validator};
use compare::Comparison;

/// Which way two versions must go together.
///
/// ```
/// # use pontoon::schema::compatibility::{Mode, Writers, check};
/// # use serde_json::json;
/// let (wide, narrow) = (json!({ "type": ["string", "null"] }), json!({ "type": "string" }));
/// assert_eq!(check(&wide, &narrow, Mode::Forward, Writers::Declared).unwrap(), []);
/// assert_eq!(check(&wide, &narrow, Mode::Backward, Writers::Declared).unwrap().len(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// New consumers take old events.
    Backward,
    /// Old consumers take new events.
    Forward,
    /// Both.
    Full,
}

/// What publishers write into objects that are open, that is, whose schema does not say what else they may hold.
///
/// ```
/// # use pontoon::schema::compatibility::{Mode, Writers, check};
/// # use serde_json::json;
/// let (old, new) = (json!({ "type": "object" }), json!({ "properties": { "note": { "type": "string" } } }));
/// assert_eq!(check(&old, &new, Mode::Backward, Writers::Declared).unwrap(), []);
/// let breaks = check(&old, &new, Mode::Backward, Writers::Anything).unwrap();
/// assert_eq!(breaks[0].path, "/note");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Only properties that their schema declares, as typed publishers do.
    Declared,
    /// Whatever the schema lets through: a property that a later version declares may have held something else before.
    Anything,
}

/// Whose events the other side may not take.
///
/// ```
/// assert_eq!(pontoon::schema::compatibility::Direction::Backward.to_string(), "backward");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Old events, new consumers.
    Backward,
    /// New events, old consumers.
    Forward,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
        })
    }
}

/// One way in which two versions do not go together.
///
/// ```
/// # use pontoon::schema::compatibility::{Mode, Writers, check};
/// # use serde_json::json;
/// let breaks = check(&json!({ "minimum": 0 }), &json!({ "minimum": 1 }), Mode::Full, Writers::Declared).unwrap();
/// assert_eq!((breaks[0].path.as_str(), breaks[0].rule.as_str()), ("", "minimum"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Whose events are not taken.
    pub direction: Direction,
    /// Where in the event: a JSON pointer in which `*` stands for any item or any further property.
    pub path: String,
    /// The keyword that the event may break.
    pub rule: String,
    /// In words.
    pub reason: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{}: {path}: {}: {}", self.direction, self.rule, self.reason)
    }
}

/// Every break between two versions of a schema; none if they go together.
///
/// # Errors
/// If one of them is not a JSON Schema.
///
/// ```
/// use pontoon::schema::compatibility::{Mode, Writers, check};
/// use serde_json::json;
/// let old = json!({ "properties": { "status": { "enum": ["pending", "completed"] } } });
/// let new = json!({ "properties": { "status": { "enum": ["pending", "completed", "cancelled"] } } });
/// let breaks = check(&old, &new, Mode::Full, Writers::Declared).unwrap();
/// assert_eq!(
///     breaks[0].to_string(),
///     "forward: /status: enum: the new version may write \"cancelled\", which is none of the values that the old version takes"
/// );
/// ```
pub fn check(old: &Value, new: &Value, mode: Mode, writers: Writers) -> Result<Vec<Break>, SchemaError> {
    for (name, schema) in [("the old version", old), ("the new version", new)] {
        Validator::new(schema).map_err(|error| SchemaError { name: name.to_owned(), ..error })?;
    }
    let mut breaks = Vec::new();
    if mode != Mode::Forward {
        breaks.extend(Comparison::new(Direction::Backward, old, new, writers).run());
    }
    if mode != Mode::Backward {
        breaks.extend(Comparison::new(Direction::Forward, new, old, writers).run());
    }
    Ok(breaks)
}

#[cfg(test)]
mod tests;
