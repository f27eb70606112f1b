//! Filter patterns: what `FilterLogEvents` looks for, in the three notations that AWS has.
//!
//! - Terms for unstructured text: `ERROR -timeout "exact phrase" ?maybe ?or %regex%`.
//! - A condition over JSON: `{ $.status >= 500 && ($.user.name = "a*" || $.tags[0] NOT EXISTS) }`.
//! - Fields divided by spaces: `[ip, user, ..., status = 4*, bytes > 1000]`.
//!
//! A pattern has at most 1,024 characters, its conditions nest at most 64 deep, and matching takes time linear in the message: regular
//! expressions run without backtracking.
//!
//! Follows "Filter pattern syntax" and its pages of the CloudWatch Logs user guide.

mod condition;
mod cursor;
mod fields;
mod json;
mod operand;
mod terms;
#[cfg(test)]
mod tests;

use fields::Fields;
use json::JsonCondition;
use terms::Terms;

/// Longest pattern, characters.
pub const PATTERN_CHARS_MAX: usize = 1024;

/// A pattern that was refused, and why, in AWS's words where they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    /// The message for the client.
    pub message: String,
}

impl InvalidPattern {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// What AWS says where it does not say more.
    fn syntax() -> Self {
        Self::new("Invalid filter pattern")
    }
}

/// A filter pattern, ready to be matched.
#[derive(Clone, Debug)]
pub struct FilterPattern(Notation);

#[derive(Clone, Debug)]
enum Notation {
    Terms(Terms),
    Json(JsonCondition),
    Fields(Fields),
}

impl FilterPattern {
    /// Reads a pattern; the empty one matches everything.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.chars().count() > PATTERN_CHARS_MAX {
            return Err(InvalidPattern::new(format!(
                "A filter pattern can have at most {PATTERN_CHARS_MAX} characters"
            )));
        }
        let text = text.trim();
        let bracketed = |open: char, close: char| {
            let Some(inside) = text.strip_prefix(open) else { return Ok(None) };
            inside.strip_suffix(close).map(Some).ok_or_else(|| {
                InvalidPattern::new(format!(
                    "If a filter pattern starts with '{open}' it must end with '{close}'"
                ))
            })
        };
        if let Some(inside) = bracketed('{', '}')? {
            return JsonCondition::parse(inside).map(|json| Self(Notation::Json(json)));
        }
        if let Some(inside) = bracketed('[', ']')? {
            return Fields::parse(inside).map(|fields| Self(Notation::Fields(fields)));
        }
        Terms::parse(text).map(|terms| Self(Notation::Terms(terms)))
    }

    /// Whether a log event's message matches.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Notation::Terms(terms) => terms.matches(message),
            Notation::Json(condition) => condition.matches(message),
            Notation::Fields(fields) => fields.matches(message),
        }
    }
}
