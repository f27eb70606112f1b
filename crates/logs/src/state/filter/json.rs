//! Conditions over JSON: `{ $.a.b[0] = "x*" && $.c NOT EXISTS }`.
//!
//! An event that is no JSON never matches. A condition on what is not there does not hold, whatever it compares with, but for `NOT EXISTS`. Objects and
//! lists equal nothing.

use serde_json::Value;

use super::InvalidPattern;
use super::condition::Condition;
use super::cursor::Cursor;
use super::operand::{Comparison, Operator, Subject};

/// How many regular expressions a pattern may have.
pub(super) const REGEXES_MAX: usize = 2;
/// How many wildcards the selectors of a pattern may have together; each may have one.
const WILDCARDS_MAX: usize = 3;

pub(super) fn too_many_regexes() -> InvalidPattern {
    InvalidPattern::new(format!("A filter pattern can have at most {REGEXES_MAX} regular expressions"))
}

#[derive(Clone, Debug)]
pub(super) struct JsonCondition(Condition<Test>);

/// One test of what a selector finds.
#[derive(Clone, Debug)]
struct Test {
    selector: Vec<Part>,
    demand: Demand,
}

#[derive(Clone, Debug)]
enum Demand {
    Compares(Comparison),
    IsNull,
    Is(bool),
    Exists,
    NotExists,
}

/// One step of a selector.
#[derive(Clone, Debug)]
enum Part {
    Member(String),
    Element(usize),
    /// Every member or element.
    Every,
}

impl JsonCondition {
    pub(super) fn parse(inside: &str) -> Result<Self, InvalidPattern> {
        let mut cursor = Cursor::new(inside);
        let (mut regexes, mut wildcards) = (0, 0);
        let condition = Condition::parse(&mut cursor, &mut |cursor| {
            let test = Test::parse(cursor)?;
            regexes += usize::from(matches!(&test.demand, Demand::Compares(with) if with.is_regex()));
            wildcards += test.selector.iter().filter(|part| matches!(part, Part::Every)).count();
            Ok(test)
        })?;
        cursor.skip_space();
        if !cursor.is_empty() || wildcards > WILDCARDS_MAX {
            return Err(InvalidPattern::syntax());
        }
        if regexes > REGEXES_MAX {
            return Err(too_many_regexes());
        }
        Ok(Self(condition))
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let text = message.trim_start();
        if !text.starts_with(['{', '[']) {
            return false;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(event) => self.0.holds(&|test: &Test| test.holds(&event)),
            Err(_) => false,
        }
    }
}

impl Test {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        let selector = parse_selector(cursor)?;
        cursor.skip_space();
        let demand = if let Some(operator) = Operator::take(cursor) {
            Demand::Compares(Comparison::parse(operator, cursor)?)
        } else if cursor.take_word("IS") {
            cursor.skip_space();
            if cursor.take_word("NULL") {
                Demand::IsNull
            } else if cursor.take_word("TRUE") {
                Demand::Is(true)
            } else if cursor.take_word("FALSE") {
                Demand::Is(false)
            } else {
                return Err(InvalidPattern::syntax());
            }
        } else if cursor.take_word("EXISTS") {
            Demand::Exists
        } else if cursor.take_word("NOT") {
            cursor.skip_space();
            if !cursor.take_word("EXISTS") {
                return Err(InvalidPattern::syntax());
            }
            Demand::NotExists
        } else {
            return Err(InvalidPattern::syntax());
        };
        Ok(Self { selector, demand })
    }

    fn holds(&self, event: &Value) -> bool {
        let found = select(event, &self.selector);
        match &self.demand {
            Demand::NotExists => found.is_empty(),
            Demand::Exists => !found.is_empty(),
            Demand::IsNull => found.iter().any(|value| value.is_null()),
            Demand::Is(wanted) => found.iter().any(|value| value.as_bool() == Some(*wanted)),
            Demand::Compares(comparison) => found.iter().any(|value| compares(comparison, value)),
        }
    }
}

fn compares(comparison: &Comparison, value: &Value) -> bool {
    match value {
        Value::String(text) => comparison.holds(Subject { text, number: None }),
        Value::Number(number) => {
            comparison.holds(Subject { text: &number.to_string(), number: number.as_f64() })
        }
        Value::Bool(flag) => {
            comparison.holds(Subject { text: if *flag { "true" } else { "false" }, number: None })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// `$`, then members (`.name`, `['name']`), elements (`[0]`) and at most one wildcard (`.*`, `[*]`).
fn parse_selector(cursor: &mut Cursor<'_>) -> Result<Vec<Part>, InvalidPattern> {
    if !cursor.take("$") {
        return Err(InvalidPattern::syntax());
    }
    let mut parts = Vec::new();
    loop {
        let dotted = cursor.take(".");
        let part = if cursor.take("[") {
            let part = parse_bracket(cursor, dotted, parts.is_empty())?;
            if !cursor.take("]") {
                return Err(InvalidPattern::syntax());
            }
            part
        } else if !dotted {
            break;
        } else if cursor.take("*") {
            Part::Every
        } else {
            let name = cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-');
            if name.is_empty() {
                return Err(InvalidPattern::syntax());
            }
            Part::Member(name.to_owned())
        };
        parts.push(part);
    }
    let wildcards = parts.iter().filter(|part| matches!(part, Part::Every)).count();
    if parts.is_empty() || wildcards > 1 {
        return Err(InvalidPattern::syntax());
    }
    Ok(parts)
}

fn parse_bracket(cursor: &mut Cursor<'_>, dotted: bool, is_first: bool) -> Result<Part, InvalidPattern> {
    match cursor.peek() {
        Some(quote @ ('\'' | '"')) => cursor.take_quoted(quote).map(Part::Member),
        // A dot before brackets goes with a quoted name only, and elements follow a property.
        _ if dotted || is_first => Err(InvalidPattern::syntax()),
        Some('*') => {
            cursor.take("*");
            Ok(Part::Every)
        }
        _ => {
            let index = cursor.take_while(|c| c.is_ascii_digit());
            index.parse().map(Part::Element).map_err(|_| InvalidPattern::syntax())
        }
    }
}

/// What a selector finds: one value, or with a wildcard several.
fn select<'v>(event: &'v Value, selector: &[Part]) -> Vec<&'v Value> {
    let mut found = vec![event];
    for part in selector {
        found = match part {
            Part::Member(name) => found.into_iter().filter_map(|value| value.get(name)).collect(),
            Part::Element(index) => found.into_iter().filter_map(|value| value.get(index)).collect(),
            Part::Every => found.into_iter().flat_map(children).collect(),
        };
    }
    found
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}
