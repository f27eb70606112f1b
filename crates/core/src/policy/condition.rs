//! Conditions of statements: every operator of "IAM JSON policy elements: Condition operators" of the IAM user guide.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine;
use serde_json::Value;

use super::context::{Context, Fact};
use super::wildcard::{Pattern, Syntax, arn_components};
use crate::time::Timestamp;

/// Whether a condition holds. Where it cannot be known, an allowing statement does not allow and a denying one denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    Unknown,
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// One operator applied to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    /// Lower case.
    key: Box<str>,
    wanted: Vec<Wanted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// For keys of one value; some value of several must match.
    One,
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Text { ignore_case: bool, wildcards: bool },
    Arn,
    Number(Comparison),
    Date(Comparison),
    Bool,
    Binary,
    Ip,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value that the policy names, compiled for its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Text(Pattern),
    /// The six components.
    Arn(Vec<Pattern>),
    Other(Box<str>),
}

impl Condition {
    /// Reads one entry of a condition block: `"StringEquals": {"key": "value"}` gives one condition a key.
    ///
    /// # Errors
    /// What is wrong, in IAM's words.
    pub fn parse_all(operator: &str, keys: &Value, variables: bool) -> Result<Vec<Self>, String> {
        let keys = keys.as_object().ok_or("Syntax errors in policy.")?;
        let (quantifier, bare) = match operator.split_once(':') {
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            _ => (Quantifier::One, operator),
        };
        let (bare, if_exists) = match bare.strip_suffix("IfExists") {
            Some(bare) => (bare, true),
            None => (bare, false),
        };
        let (kind, negated) = Operator::named(bare)
            .filter(|(kind, _)| !(*kind == Operator::Null && (if_exists || quantifier != Quantifier::One)))
            .ok_or_else(|| format!("Invalid Condition type : {operator}"))?;
        keys.iter()
            .map(|(key, values)| {
                let values = match values {
                    Value::Array(values) => values.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let wanted = values
                    .iter()
                    .map(|value| Wanted::parse(kind, value, variables))
                    .collect::<Result<_, _>>()?;
                let key = key.to_ascii_lowercase().into();
                Ok(Self { operator: kind, negated, if_exists, quantifier, key, wanted })
            })
            .collect()
    }

    /// Whether it holds for this access.
    pub fn holds(&self, context: &Context<'_>) -> Holds {
        let fact = context.fact(&self.key);
        if self.operator == Operator::Null {
            return self.is_null(&fact);
        }
        let one;
        let values: &[&str] = match &fact {
            Fact::Unknown => return Holds::Unknown,
            Fact::Absent => &[],
            Fact::One(value) => {
                one = [&**value];
                &one
            }
            Fact::Many(values) => values,
        };
        if values.is_empty() {
            // A negated operator holds when the key is missing; asking for all values of none always does.
            let vacuous = match self.quantifier {
                Quantifier::One => self.negated,
                Quantifier::Any => false,
                Quantifier::All => true,
            };
            return Holds::from(vacuous || self.if_exists);
        }
        let mut all = Holds::Yes;
        let mut any = Holds::No;
        for value in values {
            match self.admits(value, context) {
                Holds::Yes => any = Holds::Yes,
                Holds::No => all = Holds::No,
                Holds::Unknown => return Holds::Unknown,
            }
        }
        if self.quantifier == Quantifier::All { all } else { any }
    }

    fn is_null(&self, fact: &Fact<'_>) -> Holds {
        let absent = match fact {
            Fact::Unknown => return Holds::Unknown,
            Fact::Absent => true,
            Fact::One(_) | Fact::Many(_) => false,
        };
        let wants = |expected: bool| {
            self.wanted
                .iter()
                .any(|wanted| matches!(wanted, Wanted::Other(text) if text.parse() == Ok(expected)))
        };
        Holds::from(wants(absent))
    }

    /// Whether one value of the request satisfies the operator against the policy's values, of which one is enough, or none may match if negated.
    fn admits(&self, value: &str, context: &Context<'_>) -> Holds {
        let mut matched = false;
        for wanted in &self.wanted {
            match self.operator.compare(value, wanted, context) {
                Some(equal) => matched |= equal,
                None => return Holds::Unknown,
            }
        }
        Holds::from(matched != self.negated)
    }
}

impl Operator {
    /// The operator of this name, and whether it is its negation.
    fn named(name: &str) -> Option<(Self, bool)> {
        let text = |ignore_case, wildcards| Self::Text { ignore_case, wildcards };
        Some(match name {
            "StringEquals" => (text(false, false), false),
            "StringNotEquals" => (text(false, false), true),
            "StringEqualsIgnoreCase" => (text(true, false), false),
            "StringNotEqualsIgnoreCase" => (text(true, false), true),
            "StringLike" => (text(false, true), false),
            "StringNotLike" => (text(false, true), true),
            "ArnEquals" | "ArnLike" => (Self::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Self::Arn, true),
            "Bool" => (Self::Bool, false),
            "BinaryEquals" => (Self::Binary, false),
            "IpAddress" => (Self::Ip, false),
            "NotIpAddress" => (Self::Ip, true),
            "Null" => (Self::Null, false),
            _ => {
                let (make, order): (fn(Comparison) -> Self, _) = match name.strip_prefix("Numeric") {
                    Some(order) => (Self::Number, order),
                    None => (Self::Date, name.strip_prefix("Date")?),
                };
                let (order, negated) = Comparison::named(order)?;
                (make(order), negated)
            }
        })
    }

    /// Whether a value of the request matches one of the policy; `None` if that cannot be known.
    fn compare<'a>(self, value: &str, wanted: &Wanted, context: &Context<'a>) -> Option<bool> {
        let variable = |key: &str| -> Option<Cow<'a, str>> { context.variable(key) };
        match (self, wanted) {
            (_, Wanted::Text(pattern)) => pattern.matches(value, &variable),
            (_, Wanted::Arn(patterns)) => arn_matches(patterns, value, &variable),
            (Self::Number(order), Wanted::Other(text)) => {
                let (value, wanted) = (value.parse::<f64>().ok()?, text.parse::<f64>().ok()?);
                value.partial_cmp(&wanted).map(|found| order.admits(found))
            }
            (Self::Date(order), Wanted::Other(text)) => {
                Some(order.admits(instant(value)?.cmp(&instant(text)?)))
            }
            (Self::Bool, Wanted::Other(text)) => Some(value.eq_ignore_ascii_case(text)),
            (Self::Binary, Wanted::Other(text)) => Some(bytes(value)? == bytes(text)?),
            (Self::Ip, Wanted::Other(text)) => in_network(value.parse().ok()?, text),
            (Self::Null | Self::Text { .. } | Self::Arn, Wanted::Other(_)) => None,
        }
    }
}

impl Comparison {
    fn named(name: &str) -> Option<(Self, bool)> {
        Some(match name {
            "Equals" => (Self::Equal, false),
            "NotEquals" => (Self::Equal, true),
            "LessThan" => (Self::Less, false),
            "LessThanEquals" => (Self::LessOrEqual, false),
            "GreaterThan" => (Self::Greater, false),
            "GreaterThanEquals" => (Self::GreaterOrEqual, false),
            _ => return None,
        })
    }

    fn admits(self, found: Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

impl Wanted {
    fn parse(operator: Operator, value: &Value, variables: bool) -> Result<Self, String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return Err("Syntax errors in policy.".into()),
        };
        let compile = |text: &str, ignore_case, wildcards| {
            Pattern::compile(text, Syntax { wildcards, variables, ignore_case })
        };
        Ok(match operator {
            Operator::Text { ignore_case, wildcards } => Self::Text(compile(&text, ignore_case, wildcards)),
            Operator::Arn => {
                Self::Arn(arn_components(&text).into_iter().map(|part| compile(part, false, true)).collect())
            }
            _ => Self::Other(text.into()),
        })
    }
}

/// Each of the six components must match; a lone `*` matches every ARN.
fn arn_matches<'v>(
    patterns: &[Pattern],
    value: &str,
    variable: &dyn Fn(&str) -> Option<Cow<'v, str>>,
) -> Option<bool> {
    if let [whole] = patterns {
        return whole.matches(value, variable);
    }
    let components = arn_components(value);
    if components.len() != patterns.len() {
        return Some(false);
    }
    let mut all = true;
    for (pattern, component) in patterns.iter().zip(components) {
        all &= pattern.matches(component, variable)?;
    }
    Some(all)
}

/// An instant as ISO 8601, with or without a time, or as seconds since the epoch.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(secs) = text.parse::<f64>() {
        return Some(Timestamp::from_secs_f64(secs));
    }
    Timestamp::parse_iso(text).or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_millis(midnight.timestamp().as_millisecond()))
    })
}

fn bytes(base64: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(base64).ok()
}

/// Whether an address lies in a network such as `203.0.113.0/24` or `2001:db8::/32`, or is the address itself; `None` if the network is malformed.
fn in_network(address: IpAddr, network: &str) -> Option<bool> {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().ok()?)),
        None => (network, None),
    };
    let (width, found, wanted) = match (address, base.parse().ok()?) {
        (IpAddr::V4(found), IpAddr::V4(wanted)) => {
            (32, u128::from(found.to_bits()), u128::from(wanted.to_bits()))
        }
        (IpAddr::V6(found), IpAddr::V6(wanted)) => (128, found.to_bits(), wanted.to_bits()),
        _ => return Some(false),
    };
    let host_bits = u32::checked_sub(width, length.unwrap_or(width))?;
    // Shifting by the whole width leaves nothing to compare: a network of length zero holds everything.
    Some(found.checked_shr(host_bits).unwrap_or(0) == wanted.checked_shr(host_bits).unwrap_or(0))
}
