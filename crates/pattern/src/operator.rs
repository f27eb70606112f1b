//! What a condition asks of one value of an event.

use std::fmt;

use crate::case;
use crate::event::Value;
use crate::ip::{Block, Digits};
use crate::number::NumberKey;
use crate::wildcard::Wildcard;

/// One alternative in a condition's list: an exact value or a match expression.
///
/// Its `Display` is the alternative as a pattern spells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operator(pub(crate) Test);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    Text(Box<str>),
    /// A string that is an IP address: matches the address however it is spelled.
    Address {
        text: Box<str>,
        block: Box<Block>,
    },
    Number {
        text: Box<str>,
        key: NumberKey,
    },
    /// `true`, `false`, `null`, or a number that is compared by its spelling.
    Literal(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    PrefixIgnoreCase(Box<str>),
    SuffixIgnoreCase(Box<str>),
    EqualsIgnoreCase(Box<str>),
    Wildcard(Wildcard),
    /// `numeric`, as the lowest and the highest key that satisfy it.
    Range {
        text: Box<str>,
        lowest: NumberKey,
        highest: NumberKey,
    },
    Cidr {
        text: Box<str>,
        block: Box<Block>,
    },
    Exists(bool),
    AnythingBut(AnythingBut),
}

/// What `anything-but` excludes. Texts and numbers are sorted, for look-up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum AnythingBut {
    Texts(Box<[Box<str>]>),
    Numbers(Box<[(NumberKey, Box<str>)]>),
    Prefixes(Box<[Box<str>]>),
    Suffixes(Box<[Box<str>]>),
    EqualsIgnoreCase(Box<[Box<str>]>),
    Wildcards(Box<[Wildcard]>),
}

impl Operator {
    /// The operator's name as a pattern spells it; `exactly` for a plain value. For checks of what another service
    /// supports (SNS filter policies know fewer).
    pub fn name(&self) -> &'static str {
        match &self.0 {
            Test::Text(_) | Test::Address { .. } | Test::Number { .. } | Test::Literal(_) => "exactly",
            Test::Prefix(_) | Test::PrefixIgnoreCase(_) => "prefix",
            Test::Suffix(_) | Test::SuffixIgnoreCase(_) => "suffix",
            Test::EqualsIgnoreCase(_) => "equals-ignore-case",
            Test::Wildcard(_) => "wildcard",
            Test::Range { .. } => "numeric",
            Test::Cidr { .. } => "cidr",
            Test::Exists(_) => "exists",
            Test::AnythingBut(_) => "anything-but",
        }
    }

    /// The operator that `anything-but`, `prefix` or `suffix` is given instead of plain values, if it is.
    pub fn nested(&self) -> Option<&'static str> {
        match &self.0 {
            Test::PrefixIgnoreCase(_) | Test::SuffixIgnoreCase(_) => Some("equals-ignore-case"),
            Test::AnythingBut(AnythingBut::Prefixes(_)) => Some("prefix"),
            Test::AnythingBut(AnythingBut::Suffixes(_)) => Some("suffix"),
            Test::AnythingBut(AnythingBut::EqualsIgnoreCase(_)) => Some("equals-ignore-case"),
            Test::AnythingBut(AnythingBut::Wildcards(_)) => Some("wildcard"),
            _ => None,
        }
    }
}

impl Test {
    /// Whether a value that is there satisfies this. Absence is not asked here.
    pub(crate) fn matches(&self, value: Value<'_>) -> bool {
        if let Test::Exists(wanted) = self {
            return *wanted;
        }
        match value {
            Value::Text(text) => self.matches_text(text),
            Value::Number { text, key } => self.matches_number(text, key),
            Value::True => self.matches_literal("true"),
            Value::False => self.matches_literal("false"),
            Value::Null => self.matches_literal("null"),
        }
    }

    fn matches_text(&self, value: &str) -> bool {
        match self {
            Test::Text(text) => **text == *value,
            Test::Prefix(prefix) => value.starts_with(&**prefix),
            Test::Suffix(suffix) => value.ends_with(&**suffix),
            Test::PrefixIgnoreCase(prefix) => case::strip_prefix(prefix, value).is_some(),
            Test::SuffixIgnoreCase(suffix) => case::strip_suffix(suffix, value).is_some(),
            Test::EqualsIgnoreCase(text) => case::equals(text, value),
            Test::Wildcard(wildcard) => wildcard.matches(value),
            Test::Address { block, .. } | Test::Cidr { block, .. } => {
                Digits::of_address(value).is_some_and(|digits| block.contains(digits))
            }
            Test::AnythingBut(excluded) => !excluded.holds_text(value),
            Test::Number { .. } | Test::Literal(_) | Test::Range { .. } | Test::Exists(_) => false,
        }
    }

    fn matches_number(&self, spelling: &str, key: Option<NumberKey>) -> bool {
        match self {
            Test::Number { key: wanted, .. } => key == Some(*wanted),
            Test::Literal(text) => **text == *spelling,
            Test::Range { lowest, highest, .. } => key.is_some_and(|key| (*lowest..=*highest).contains(&key)),
            Test::AnythingBut(AnythingBut::Numbers(numbers)) => {
                key.is_none_or(|key| numbers.binary_search_by_key(&key, |(number, _)| *number).is_err())
            }
            Test::AnythingBut(_) => true,
            Test::Address { block, .. } | Test::Cidr { block, .. } => {
                block.contains(Digits::of_number(spelling))
            }
            _ => false,
        }
    }

    fn matches_literal(&self, literal: &str) -> bool {
        match self {
            Test::Literal(text) => **text == *literal,
            Test::AnythingBut(_) => true,
            _ => false,
        }
    }
}

impl AnythingBut {
    fn holds_text(&self, value: &str) -> bool {
        match self {
            AnythingBut::Texts(texts) => texts.binary_search_by(|text| (**text).cmp(value)).is_ok(),
            AnythingBut::Numbers(_) => false,
            AnythingBut::Prefixes(prefixes) => prefixes.iter().any(|prefix| value.starts_with(&**prefix)),
            AnythingBut::Suffixes(suffixes) => suffixes.iter().any(|suffix| value.ends_with(&**suffix)),
            AnythingBut::EqualsIgnoreCase(texts) => texts.iter().any(|text| case::equals(text, value)),
            AnythingBut::Wildcards(wildcards) => wildcards.iter().any(|wildcard| wildcard.matches(value)),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Test::Text(text) | Test::Address { text, .. } => f.write_str(&quoted(text)),
            Test::Number { text, .. } | Test::Literal(text) => f.write_str(text),
            Test::Prefix(text) => write!(f, "{{\"prefix\":{}}}", quoted(text)),
            Test::Suffix(text) => write!(f, "{{\"suffix\":{}}}", quoted(text)),
            Test::PrefixIgnoreCase(text) => {
                write!(f, "{{\"prefix\":{{\"equals-ignore-case\":{}}}}}", quoted(text))
            }
            Test::SuffixIgnoreCase(text) => {
                write!(f, "{{\"suffix\":{{\"equals-ignore-case\":{}}}}}", quoted(text))
            }
            Test::EqualsIgnoreCase(text) => write!(f, "{{\"equals-ignore-case\":{}}}", quoted(text)),
            Test::Wildcard(wildcard) => write!(f, "{{\"wildcard\":{}}}", quoted(wildcard.source())),
            Test::Range { text, .. } => write!(f, "{{\"numeric\":[{text}]}}"),
            Test::Cidr { text, .. } => write!(f, "{{\"cidr\":{}}}", quoted(text)),
            Test::Exists(wanted) => write!(f, "{{\"exists\":{wanted}}}"),
            Test::AnythingBut(excluded) => write!(f, "{{\"anything-but\":{excluded}}}"),
        }
    }
}

impl fmt::Display for AnythingBut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |texts: &[Box<str>]| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(",");
        match self {
            AnythingBut::Texts(excluded) => write!(f, "[{}]", texts(excluded)),
            AnythingBut::Numbers(numbers) => {
                let numbers: Vec<&str> = numbers.iter().map(|(_, text)| &**text).collect();
                write!(f, "[{}]", numbers.join(","))
            }
            AnythingBut::Prefixes(excluded) => write!(f, "{{\"prefix\":[{}]}}", texts(excluded)),
            AnythingBut::Suffixes(excluded) => write!(f, "{{\"suffix\":[{}]}}", texts(excluded)),
            AnythingBut::EqualsIgnoreCase(excluded) => {
                write!(f, "{{\"equals-ignore-case\":[{}]}}", texts(excluded))
            }
            AnythingBut::Wildcards(wildcards) => {
                let sources: Vec<String> =
                    wildcards.iter().map(|wildcard| quoted(wildcard.source())).collect();
                write!(f, "{{\"wildcard\":[{}]}}", sources.join(","))
            }
        }
    }
}

/// A text as JSON spells it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
