//! Fields divided by spaces: `[ip, user, ..., status = 4*, bytes]`.
//!
//! What stands in quotes or brackets is one field. A pattern names every field, or leaves any number of them out with one ellipsis.

use super::condition::Condition;
use super::cursor::Cursor;
use super::operand::{self, Comparison, Operator, Subject};
use super::{InvalidPattern, json};

#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// The fields before the ellipsis, or all.
    first: Vec<Field>,
    /// The fields behind the ellipsis, if there is one.
    last: Option<Vec<Field>>,
}

/// What a field must be; `None` if only there.
type Field = Option<Condition<Comparison>>;

impl Fields {
    pub(super) fn parse(inside: &str) -> Result<Self, InvalidPattern> {
        let mut fields = Self { first: Vec::new(), last: None };
        let mut regexes = 0;
        let mut cursor = Cursor::new(inside);
        loop {
            cursor.skip_space();
            if cursor.take("...") {
                // DEVIATION: AWS does not say what several ellipses come to; here they are refused.
                if fields.last.replace(Vec::new()).is_some() {
                    return Err(InvalidPattern::syntax());
                }
            } else {
                let field = parse_field(&mut cursor, &mut regexes)?;
                fields.last.as_mut().unwrap_or(&mut fields.first).push(field);
            }
            cursor.skip_space();
            if cursor.is_empty() {
                break;
            }
            if !cursor.take(",") {
                return Err(InvalidPattern::syntax());
            }
        }
        if regexes > json::REGEXES_MAX {
            return Err(json::too_many_regexes());
        }
        Ok(fields)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let values = split(message);
        let last = self.last.as_deref().unwrap_or_default();
        let named = self.first.len() + last.len();
        if values.len() < named || (self.last.is_none() && values.len() != named) {
            return false;
        }
        let behind = &values[values.len() - last.len()..];
        let pairs = self.first.iter().zip(&values).chain(last.iter().zip(behind));
        pairs.into_iter().all(|(field, value)| match field {
            None => true,
            Some(condition) => {
                let subject = Subject { text: value, number: operand::number(value) };
                condition.holds(&|comparison: &Comparison| comparison.holds(subject))
            }
        })
    }
}

/// A name, or conditions that all have the same name; a field without either is only there.
fn parse_field(cursor: &mut Cursor<'_>, regexes: &mut usize) -> Result<Field, InvalidPattern> {
    let belongs = |c: char| c.is_alphanumeric() || "_-$.@".contains(c);
    let mut ahead = *cursor;
    ahead.take_while(belongs);
    ahead.skip_space();
    if matches!(ahead.peek(), None | Some(',')) {
        *cursor = ahead;
        return Ok(None);
    }
    let mut named: Option<String> = None;
    Condition::parse(cursor, &mut |cursor| {
        let name = cursor.take_while(belongs);
        cursor.skip_space();
        let operator = Operator::take(cursor).ok_or_else(InvalidPattern::syntax)?;
        if name.is_empty() || *named.get_or_insert_with(|| name.to_owned()) != *name {
            return Err(InvalidPattern::syntax());
        }
        let comparison = Comparison::parse(operator, cursor)?;
        *regexes += usize::from(comparison.is_regex());
        Ok(comparison)
    })
    .map(Some)
}

/// The fields of a message.
fn split(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim_start();
    // Which closing marks still come, so that none is searched for in vain twice.
    let (mut quotes, mut brackets) = (true, true);
    while let Some(first) = rest.chars().next() {
        let closed = match first {
            '"' if quotes => rest[1..].find('"').or_else(|| {
                quotes = false;
                None
            }),
            '[' if brackets => rest[1..].find(']').or_else(|| {
                brackets = false;
                None
            }),
            _ => None,
        };
        // What is opened and never closed is an ordinary field.
        let (field, end) = match closed {
            Some(length) => (&rest[1..=length], length + 2),
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        fields.push(field);
        rest = rest[end..].trim_start();
    }
    fields
}
