//! Terms for unstructured text: all that are required, none that are excluded, any of the optional ones.
//!
//! Terms are case-sensitive and match anywhere in the message. Optional terms count only where there are no others ("Match terms in unstructured log
//! events": with other terms the question mark is ignored).

use super::InvalidPattern;
use super::cursor::Cursor;
use super::operand::Regex;

#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    required: Vec<Term>,
    excluded: Vec<Term>,
    optional: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut terms = Self::default();
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        while !cursor.is_empty() {
            let list = if cursor.take("?") {
                &mut terms.optional
            } else if cursor.take("-") {
                // The user guide's own example is `"ERROR" - "Exiting"`.
                cursor.skip_space();
                &mut terms.excluded
            } else {
                &mut terms.required
            };
            list.push(Term::parse(&mut cursor)?);
            cursor.skip_space();
        }
        Ok(terms)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let found = |term: &Term| term.is_in(message);
        if self.required.is_empty() && self.excluded.is_empty() {
            return self.optional.is_empty() || self.optional.iter().any(found);
        }
        self.required.iter().all(found) && !self.excluded.iter().any(found)
    }
}

impl Term {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        let term = match cursor.peek() {
            Some('"') => Self::Text(cursor.take_quoted('"')?),
            Some('%') => Self::Regex(cursor.take_regex()?),
            _ => {
                let text = cursor.take_while(|c| !c.is_whitespace());
                if text.is_empty() || !text.chars().all(|c| c.is_alphanumeric() || c == '_') {
                    return Err(InvalidPattern::new(format!("Invalid character(s) in term '{text}'")));
                }
                Self::Text(text.to_owned())
            }
        };
        match cursor.peek() {
            Some(next) if !next.is_whitespace() => Err(InvalidPattern::syntax()),
            _ => Ok(term),
        }
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}
