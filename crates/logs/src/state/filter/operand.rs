//! What conditions compare with: texts with or without asterisks, numbers, regular expressions.

use super::InvalidPattern;
use super::cursor::Cursor;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Takes an operator if one comes next.
    pub(super) fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        const SPELLED: [(&str, Operator); 6] = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        SPELLED.into_iter().find(|(text, _)| cursor.take(text)).map(|(_, operator)| operator)
    }

    const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// A value as conditions see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'v> {
    /// Its text.
    pub text: &'v str,
    /// Its number, if it is one.
    pub number: Option<f64>,
}

/// An operator and what it compares with.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    operator: Operator,
    operand: Operand,
}

#[derive(Clone, Debug)]
enum Operand {
    Text { text: Wildcard, number: Option<f64> },
    Regex(Regex),
}

impl Comparison {
    /// Reads what stands behind an operator.
    pub(super) fn parse(operator: Operator, cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        cursor.skip_space();
        let operand = match cursor.peek() {
            Some('%') => Operand::Regex(cursor.take_regex()?),
            Some('"') => Operand::Text { text: Wildcard::new(&cursor.take_quoted('"')?), number: None },
            _ => {
                let text = cursor.take_while(is_bare);
                if text.is_empty() {
                    return Err(InvalidPattern::syntax());
                }
                Operand::Text { text: Wildcard::new(text), number: number(text) }
            }
        };
        let is_number = matches!(operand, Operand::Text { number: Some(_), .. });
        if !operator.is_equality() && !is_number {
            return Err(InvalidPattern::syntax());
        }
        Ok(Self { operator, operand })
    }

    pub(super) const fn is_regex(&self) -> bool {
        matches!(self.operand, Operand::Regex(_))
    }

    /// Whether the value compares so.
    pub(super) fn holds(&self, subject: Subject<'_>) -> bool {
        match self.operator {
            Operator::Equal => self.operand.equals(subject),
            Operator::NotEqual => !self.operand.equals(subject),
            Operator::Less => self.numbers(subject, |a, b| a < b),
            Operator::LessOrEqual => self.numbers(subject, |a, b| a <= b),
            Operator::Greater => self.numbers(subject, |a, b| a > b),
            Operator::GreaterOrEqual => self.numbers(subject, |a, b| a >= b),
        }
    }

    fn numbers(&self, subject: Subject<'_>, compare: fn(f64, f64) -> bool) -> bool {
        match (subject.number, &self.operand) {
            (Some(value), Operand::Text { number: Some(bound), .. }) => compare(value, *bound),
            _ => false,
        }
    }
}

impl Operand {
    fn equals(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::Text { text, number } => {
                (number.is_some() && *number == subject.number) || text.matches(subject.text)
            }
            Self::Regex(regex) => regex.is_match(subject.text),
        }
    }
}

/// Characters of a value that needs no quotes.
fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.*:/+".contains(c)
}

/// A number in plain or scientific notation. Words that Rust reads as numbers (`inf`, `nan`) are none.
pub(super) fn number(text: &str) -> Option<f64> {
    let numeric = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    if !text.chars().all(numeric) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A text, or with asterisks its end, its beginning or a part of it. An asterisk between other characters is one ("`Ev*ent` will only match the actual
/// string `Ev*ent`").
#[derive(Clone, Debug)]
pub(super) struct Wildcard {
    text: Box<str>,
    open_start: bool,
    open_end: bool,
}

impl Wildcard {
    pub(super) fn new(text: &str) -> Self {
        let behind_start = text.trim_start_matches('*');
        let inside = behind_start.trim_end_matches('*');
        Self {
            text: inside.into(),
            open_start: behind_start.len() < text.len(),
            open_end: inside.len() < behind_start.len() || inside.is_empty() && !text.is_empty(),
        }
    }

    /// Whether the whole text is as this says.
    pub(super) fn matches(&self, text: &str) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => text == &*self.text,
            (true, false) => text.ends_with(&*self.text),
            (false, true) => text.starts_with(&*self.text),
            (true, true) => text.contains(&*self.text),
        }
    }
}

/// A regular expression of the kind that filter patterns may have.
#[derive(Clone, Debug)]
pub(super) struct Regex(regex::bytes::Regex);

/// Memory that a compiled expression may take, bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

impl Regex {
    /// Reads what stands between the `%`s. Letters, digits, `:_#=@/;,-` and the operators `^$?[]{}|\*+.` may occur; parentheses may not.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let allowed = match c {
                '\\' => chars
                    .next()
                    .is_some_and(|escaped| escaped.is_ascii_punctuation() || "dDsSwWx".contains(escaped)),
                c => c.is_ascii_alphanumeric() || ":_#=@/;,-^$?[]{}|*+.".contains(c),
            };
            if !allowed {
                return Err(InvalidPattern::new("Invalid character(s) in regex pattern"));
            }
        }
        if text.is_empty() {
            return Err(InvalidPattern::syntax());
        }
        regex::bytes::RegexBuilder::new(text)
            .unicode(false)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map(Self)
            .map_err(|_| InvalidPattern::new("Invalid regex in filter pattern"))
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}
