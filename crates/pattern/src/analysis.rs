//! What can be said of patterns without an event: that one can never match, that one covers another, that two never match the same event.
//!
//! All of it is about EventBridge's events, whose envelope is known: `source`, `detail-type` and so on are always there and are strings, `detail` is an
//! object, and there is nothing else at the top. Each answer is safe on one side only; which, is said with it.

use std::fmt;

use crate::event::Value;
use crate::operator::{AnythingBut, Operator, Test};
use crate::pattern::{Condition, Conjunction, Pattern};
use crate::{case, number};

/// A condition that no event of EventBridge's satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// The names on the way to the field, joined by dots.
    pub path: String,
    /// The alternatives, as the pattern spells them.
    pub expected: String,
    /// Why.
    pub why: Why,
}

/// Why no event satisfies a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Events have no such field: what applications put is below `detail`.
    UnknownField,
    /// The field is a string or, for `resources`, an array of strings; nothing is below it.
    NothingBelow,
    /// `detail` is an object, which is no value by itself.
    IsObject,
    /// The field is always there.
    AlwaysThere,
    /// The field's values are strings, and none of these is one that it can have.
    NoSuchValue,
    /// The range holds no number.
    EmptyRange,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownField => "events have no such field; what applications put is below detail",
            Self::NothingBelow => "nothing is below this field of an event",
            Self::IsObject => "detail is an object, and patterns see only the values in it",
            Self::AlwaysThere => "every event has this field",
            Self::NoSuchValue => "this field of an event never has such a value",
            Self::EmptyRange => "no number is in this range",
        })
    }
}

/// What is known of a field at the top of every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is there and is one string.
    Text(Form),
    /// It is an array of strings, which may be empty, or absent in tests of patterns.
    Texts,
    /// A string that only some events have.
    Rare,
    Detail,
    Unknown,
}

/// What a string of the envelope looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Any,
    NotEmpty,
    Account,
    Version,
}

impl Form {
    fn admits(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::NotEmpty => !text.is_empty(),
            // Some AWS services leave it out.
            Self::Account => {
                text.is_empty() || text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Version => text == "0",
        }
    }
}

fn known(name: &str) -> Known {
    match name {
        "version" => Known::Text(Form::Version),
        "account" => Known::Text(Form::Account),
        "source" | "detail-type" => Known::Text(Form::NotEmpty),
        "id" | "time" | "region" => Known::Text(Form::Any),
        "resources" => Known::Texts,
        "replay-name" => Known::Rare,
        "detail" => Known::Detail,
        _ => Known::Unknown,
    }
}

impl Pattern {
    /// For each combination of `$or` branches a condition that no event of EventBridge's can satisfy, if every combination has one: then the pattern never
    /// matches. Nothing where it may match; that something is missed is possible, that a pattern which can match is accused is not.
    pub fn never_matches(&self) -> Vec<Impossible> {
        let mut reasons: Vec<Impossible> = Vec::new();
        for conjunction in self.conjunctions() {
            let impossible = conjunction.iter().find_map(|condition| {
                let why = impossible(condition)?;
                let expected: Vec<String> = condition.operators().iter().map(ToString::to_string).collect();
                Some(Impossible { path: condition.path().to_owned(), expected: expected.join(" or "), why })
            });
            match impossible {
                Some(impossible) if !reasons.contains(&impossible) => reasons.push(impossible),
                Some(_) => {}
                None => return Vec::new(),
            }
        }
        reasons
    }

    /// Whether every event that `other` matches is matched by this pattern too. `true` is certain; `false` may only mean that it is not seen.
    pub fn covers(&self, other: &Self) -> bool {
        other.conjunctions().iter().all(|other| self.conjunctions().iter().any(|own| follows(own, other)))
    }

    /// Whether no event of EventBridge's matches both patterns. `true` is certain; `false` may only mean that it is not seen.
    pub fn excludes(&self, other: &Self) -> bool {
        let exclude = |a: &Conjunction, b: &Conjunction| a.iter().any(|a| b.iter().any(|b| contradict(a, b)));
        self.conjunctions().iter().all(|own| other.conjunctions().iter().all(|other| exclude(own, other)))
    }
}

fn impossible(condition: &Condition) -> Option<Why> {
    let (name, below) = condition
        .path()
        .split_once('.')
        .map_or((condition.path(), None), |(name, below)| (name, Some(below)));
    let needs_value = !condition.admits_absence();
    let none = |test: &dyn Fn(&Test) -> bool| condition.operators().iter().all(|operator| !test(&operator.0));
    match (known(name), below) {
        (Known::Unknown, _) if needs_value => Some(Why::UnknownField),
        (Known::Text(_) | Known::Texts | Known::Rare, Some(_)) if needs_value => Some(Why::NothingBelow),
        (Known::Detail, None) if needs_value => Some(Why::IsObject),
        (Known::Text(form), None) if none(&|test| may_be_text(test, form)) => {
            Some(if condition.operators().iter().all(|operator| operator.0 == Test::Exists(false)) {
                Why::AlwaysThere
            } else {
                Why::NoSuchValue
            })
        }
        (Known::Texts | Known::Rare, None) if needs_value && none(&|test| may_be_text(test, Form::Any)) => {
            Some(Why::NoSuchValue)
        }
        (Known::Detail, Some(_)) if needs_value && none(&|test| !is_empty_range(test)) => {
            Some(Why::EmptyRange)
        }
        _ => None,
    }
}

fn is_empty_range(test: &Test) -> bool {
    let finite = number::FINITE;
    matches!(test, Test::Range { lowest, highest, .. } if lowest.max(finite.start()) > highest.min(finite.end()))
}

/// Whether some string of a form may satisfy a test.
fn may_be_text(test: &Test, form: Form) -> bool {
    match test {
        Test::Number { .. } | Test::Literal(_) | Test::Range { .. } | Test::Exists(false) => false,
        Test::Text(text) => form.admits(text),
        // Wildcards for texts of a form are not followed.
        _ => true,
    }
}

/// Whether an event that satisfies all of `other` satisfies all of `own`.
///
/// The fields that satisfy `other` stand in elements that agree, and those of `own` are among them. With fewer conditions fewer elements are settled
/// on, by which absence is judged; so where `own` admits absence, it must ask for all that `other` asks for under the same name at the top.
fn follows(own: &Conjunction, other: &Conjunction) -> bool {
    let top = |condition: &Condition| condition.path().split('.').next().map(str::to_owned);
    own.iter().all(|own_condition| {
        let implied = other.iter().any(|condition| {
            condition.path() == own_condition.path()
                && all_imply(condition.operators(), own_condition.operators())
        });
        let absence_is_judged_alike = || {
            other
                .iter()
                .filter(|condition| top(condition) == top(own_condition))
                .all(|condition| own.iter().any(|own| own.path() == condition.path()))
        };
        implied && (!own_condition.admits_absence() || absence_is_judged_alike())
    })
}

fn all_imply(operators: &[Operator], others: &[Operator]) -> bool {
    operators.iter().all(|operator| others.iter().any(|other| implies(&operator.0, &other.0)))
}

/// Whether every value that satisfies `test` satisfies `other`.
fn implies(test: &Test, other: &Test) -> bool {
    if test == other {
        return true;
    }
    match (test, other) {
        (Test::Exists(_), _) | (_, Test::Exists(false)) => false,
        (_, Test::Exists(true)) => true,
        (Test::Text(text), other) => other.matches(Value::Text(text)),
        (Test::Literal(text), other) => match &**text {
            "true" => other.matches(Value::True),
            "false" => other.matches(Value::False),
            "null" => other.matches(Value::Null),
            _ => false,
        },
        (Test::Number { text, key }, Test::Number { .. } | Test::Range { .. } | Test::AnythingBut(_)) => {
            other.matches(Value::Number { text, key: Some(*key) })
        }
        (Test::Address { block, .. } | Test::Cidr { block, .. }, Test::Cidr { block: outer, .. }) => {
            block.count == outer.count && outer.first <= block.first && block.last <= outer.last
        }
        (Test::Prefix(text), Test::Prefix(other)) => text.starts_with(&**other),
        (Test::Prefix(text), Test::PrefixIgnoreCase(other)) => case::strip_prefix(other, text).is_some(),
        (Test::Prefix(text), Test::AnythingBut(excluded)) => prefix_avoids(text, excluded),
        (Test::Suffix(text), Test::Suffix(other)) => text.ends_with(&**other),
        (Test::Suffix(text), Test::SuffixIgnoreCase(other)) => case::strip_suffix(other, text).is_some(),
        (Test::Suffix(text), Test::AnythingBut(excluded)) => suffix_avoids(text, excluded),
        (Test::Range { lowest, highest, .. }, Test::Range { lowest: low, highest: high, .. }) => {
            low <= lowest && highest <= high
        }
        (Test::Range { lowest, highest, .. }, Test::AnythingBut(excluded)) => match excluded {
            AnythingBut::Numbers(numbers) => {
                !numbers.iter().any(|(key, _)| (lowest..=highest).contains(&key))
            }
            _ => true,
        },
        (Test::AnythingBut(excluded), Test::AnythingBut(fewer)) => excludes_all_of(excluded, fewer),
        _ => false,
    }
}

fn prefix_avoids(prefix: &str, excluded: &AnythingBut) -> bool {
    match excluded {
        AnythingBut::Texts(texts) => !texts.iter().any(|text| text.starts_with(prefix)),
        AnythingBut::Numbers(_) => true,
        AnythingBut::Prefixes(others) => {
            !others.iter().any(|other| other.starts_with(prefix) || prefix.starts_with(&**other))
        }
        _ => false,
    }
}

fn suffix_avoids(suffix: &str, excluded: &AnythingBut) -> bool {
    match excluded {
        AnythingBut::Texts(texts) => !texts.iter().any(|text| text.ends_with(suffix)),
        AnythingBut::Numbers(_) => true,
        AnythingBut::Suffixes(others) => {
            !others.iter().any(|other| other.ends_with(suffix) || suffix.ends_with(&**other))
        }
        _ => false,
    }
}

fn excludes_all_of(excluded: &AnythingBut, fewer: &AnythingBut) -> bool {
    let all = |more: &[Box<str>], fewer: &[Box<str>]| fewer.iter().all(|text| more.contains(text));
    match (excluded, fewer) {
        (AnythingBut::Texts(more), AnythingBut::Texts(fewer))
        | (AnythingBut::Prefixes(more), AnythingBut::Prefixes(fewer))
        | (AnythingBut::Suffixes(more), AnythingBut::Suffixes(fewer))
        | (AnythingBut::EqualsIgnoreCase(more), AnythingBut::EqualsIgnoreCase(fewer)) => all(more, fewer),
        (AnythingBut::Numbers(more), AnythingBut::Numbers(fewer)) => {
            fewer.iter().all(|(key, _)| more.iter().any(|(other, _)| other == key))
        }
        (AnythingBut::Wildcards(more), AnythingBut::Wildcards(fewer)) => {
            fewer.iter().all(|wildcard| more.contains(wildcard))
        }
        _ => false,
    }
}

/// Whether no string satisfies both conditions, on a field of which an event has exactly one.
fn contradict(a: &Condition, b: &Condition) -> bool {
    a.path() == b.path()
        && matches!(known(a.path()), Known::Text(_))
        && a.operators().iter().all(|a| b.operators().iter().all(|b| are_disjoint(&a.0, &b.0)))
}

/// Whether no string satisfies both tests.
fn are_disjoint(a: &Test, b: &Test) -> bool {
    let one_way = |a: &Test, b: &Test| match (a, b) {
        (Test::Text(text), other) => !other.matches(Value::Text(text)),
        (Test::Prefix(text), Test::Prefix(other)) => {
            !text.starts_with(&**other) && !other.starts_with(&**text)
        }
        (Test::Suffix(text), Test::Suffix(other)) => !text.ends_with(&**other) && !other.ends_with(&**text),
        (Test::Prefix(prefix), Test::AnythingBut(AnythingBut::Prefixes(excluded))) => {
            excluded.iter().any(|excluded| prefix.starts_with(&**excluded))
        }
        (Test::Suffix(suffix), Test::AnythingBut(AnythingBut::Suffixes(excluded))) => {
            excluded.iter().any(|excluded| suffix.ends_with(&**excluded))
        }
        (test, _) => !may_be_text(test, Form::Any),
    };
    one_way(a, b) || one_way(b, a)
}

#[cfg(test)]
mod tests {
    use super::Why;
    use crate::pattern::Pattern;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_that_no_event_fits_is_told_why() {
        for (text, path, why) in [
            (r#"{"detailType":["OrderCreated"]}"#, "detailType", Why::UnknownField),
            (r#"{"orderId":[{"exists":true}],"source":["a"]}"#, "orderId", Why::UnknownField),
            (r#"{"source":{"name":["a"]}}"#, "source.name", Why::NothingBelow),
            (r#"{"detail":["x"]}"#, "detail", Why::IsObject),
            (r#"{"source":[{"exists":false}]}"#, "source", Why::AlwaysThere),
            (r#"{"account":[123456789012]}"#, "account", Why::NoSuchValue),
            (r#"{"account":["1234"]}"#, "account", Why::NoSuchValue),
            (r#"{"source":[""]}"#, "source", Why::NoSuchValue),
            (r#"{"version":["1.0"]}"#, "version", Why::NoSuchValue),
            (r#"{"resources":[null]}"#, "resources", Why::NoSuchValue),
            (r#"{"detail":{"n":[{"numeric":[">",1,"<",1.0000000000000002]}]}}"#, "detail.n", Why::EmptyRange),
            (r#"{"$or":[{"detailType":["a"]},{"detail":["x"]}]}"#, "detailType", Why::UnknownField),
        ] {
            let reasons = pattern(text).never_matches();
            assert_eq!(
                reasons.first().map(|reason| (&*reason.path, reason.why)),
                Some((path, why)),
                "{text}"
            );
        }
        for text in [
            r#"{"source":["a"],"detail":{"n":[{"numeric":["=",1]}]}}"#,
            r#"{"extra":[{"exists":false}]}"#,
            r#"{"replay-name":["r"]}"#,
            r#"{"$or":[{"detailType":["a"]},{"source":["x"]}]}"#,
            r#"{"resources":[{"prefix":"arn:"}],"account":["123456789012"]}"#,
        ] {
            assert_eq!(pattern(text).never_matches(), [], "{text}");
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (wide, narrow) in [
            (r#"{"source":["a","b"]}"#, r#"{"source":["a"],"detail":{"x":[1]}}"#),
            (r#"{"source":[{"prefix":"sh"}]}"#, r#"{"source":["shop",{"prefix":"shop."}]}"#),
            (
                r#"{"detail":{"n":[{"numeric":[">",1]}]}}"#,
                r#"{"detail":{"n":[5,{"numeric":[">",1,"<",3]}]}}"#,
            ),
            (
                r#"{"detail":{"s":[{"anything-but":["x"]}]}}"#,
                r#"{"detail":{"s":["y",{"anything-but":["x","z"]}]}}"#,
            ),
            (
                r#"{"detail":{"ip":[{"cidr":"10.0.0.0/8"}]}}"#,
                r#"{"detail":{"ip":["10.1.2.3",{"cidr":"10.9.0.0/16"}]}}"#,
            ),
            (r#"{"$or":[{"source":["a"]},{"source":["b"]}]}"#, r#"{"source":["b"]}"#),
            (r#"{"detail":{"s":[{"exists":true}]}}"#, r#"{"detail":{"s":[{"wildcard":"a*b"}]}}"#),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} covers {narrow}");
            assert!(!pattern(narrow).covers(&pattern(wide)), "{narrow} does not cover {wide}");
        }
    }

    #[test]
    fn patterns_for_different_sources_exclude_each_other() {
        let orders = pattern(r#"{"source":["orders"]}"#);
        assert!(orders.excludes(&pattern(r#"{"source":[{"prefix":"pay"}]}"#)));
        assert!(orders.excludes(&pattern(r#"{"source":[{"anything-but":["orders"]}],"detail":{"a":[1]}}"#)));
        assert!(!orders.excludes(&pattern(r#"{"detail-type":["x"]}"#)));
        // A value may be an array of both.
        assert!(!pattern(r#"{"detail":{"a":[1]}}"#).excludes(&pattern(r#"{"detail":{"a":[2]}}"#)));
    }
}
