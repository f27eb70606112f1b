//! Filter policies: reading them as AWS does, and holding messages against them.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html> and
//! <https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>; messages are those of `sns/test_sns_filter_policy`.

use pontoon_pattern::{Dialect, Event, Pattern, PatternError, check_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{Attribute, AttributeValue};

/// How many top-level keys a policy may have.
const KEYS_MAX: usize = 5;
/// How many combinations of values a policy may have.
const COMBINATIONS_MAX: u64 = 150;
/// How much of a reason for a rejection is kept, characters.
const REASON_CHARS_MAX: usize = 500;

/// What a policy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FilterScope {
    /// The message's attributes.
    #[default]
    MessageAttributes,
    /// The message itself, which must be a JSON object.
    MessageBody,
}

impl FilterScope {
    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }

    /// Reads AWS's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::MessageAttributes, Self::MessageBody].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Why a text is no filter policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterFault {
    /// It is nested, which policies on attributes may not be; AWS words this one without the attribute's name.
    Nested,
    /// In AWS's words, the attribute's name before them aside.
    Reason(String),
}

/// A compiled filter policy.
#[derive(Clone, Debug)]
pub struct Filter {
    pattern: Pattern,
    scope: FilterScope,
    /// Whether a message without any attributes matches.
    admits_none: bool,
}

/// Why a filter policy keeps a message from a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The message has no attributes.
    NoAttributes,
    /// An attribute's value is not what its type says.
    InvalidAttributes(String),
    /// The message is no JSON object.
    InvalidBody(String),
    /// An attribute does not match.
    Attributes(String),
    /// A field of the message does not match.
    Body(String),
}

impl Rejection {
    /// The reason, in a sentence.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::NoAttributes => "The message has no attributes.",
            Self::InvalidAttributes(reason)
            | Self::InvalidBody(reason)
            | Self::Attributes(reason)
            | Self::Body(reason) => reason,
        }
    }
}

impl Filter {
    /// Reads a policy. The empty object is no policy: everything matches.
    ///
    /// # Errors
    /// Where AWS refuses it.
    pub fn parse(text: &str, scope: FilterScope) -> Result<Option<Self>, FilterFault> {
        check_json(text).map_err(|error| FilterFault::Reason(json_fault(&error)))?;
        // What AWS's parser accepts and this one does not is nested beyond 128 levels.
        let tree: Value = serde_json::from_str(text).map_err(|_| too_complex())?;
        if tree.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(None);
        }
        let refused = |error: PatternError| FilterFault::Reason(error.reason_with_place());
        let pattern = Pattern::parse_in(text, Dialect::Sns).map_err(refused)?;
        // What is no policy at all is told first (test_validate_policy_string_operators).
        if scope == FilterScope::MessageAttributes && is_nested(&tree) {
            return Err(FilterFault::Nested);
        }
        if tree.as_object().map_or(0, serde_json::Map::len) > KEYS_MAX {
            return Err(FilterFault::Reason(format!("Filter policy can not have more than {KEYS_MAX} keys")));
        }
        if combinations(&tree, 1) > COMBINATIONS_MAX {
            return Err(too_complex());
        }
        if scope == FilterScope::MessageBody {
            return Ok(Some(Self { pattern, scope, admits_none: false }));
        }
        let admits_none = pattern.combinations().any(|conditions| {
            conditions
                .iter()
                .all(|condition| condition.operators().iter().any(|one| one.to_string() == "null"))
        });
        let pattern = Pattern::parse_in(&null_as_absence(tree).to_string(), Dialect::Sns).map_err(refused)?;
        Ok(Some(Self { pattern, scope, admits_none }))
    }

    /// Whether a message is for the subscription.
    ///
    /// # Errors
    /// Why it is not.
    pub fn judge(&self, attributes: &[Attribute], body: &str) -> Result<(), Rejection> {
        match self.scope {
            FilterScope::MessageBody => {
                let invalid =
                    |why: String| Rejection::InvalidBody(format!("The message is no JSON object: {why}"));
                let event = Event::parse(body.as_bytes()).map_err(|error| invalid(error.to_string()))?;
                self.held_against(&event).map_err(Rejection::Body)
            }
            // Absence is no match where there is nothing at all, unless it is asked for as null (test_filter_policy; "Key matching in Amazon SNS").
            FilterScope::MessageAttributes if attributes.is_empty() => {
                if self.admits_none {
                    Ok(())
                } else {
                    Err(Rejection::NoAttributes)
                }
            }
            FilterScope::MessageAttributes => {
                let text = event_of(attributes).map_err(Rejection::InvalidAttributes)?;
                let invalid =
                    |why: String| Rejection::InvalidAttributes(format!("An attribute cannot be read: {why}"));
                let event = Event::parse(text.as_bytes()).map_err(|error| invalid(error.to_string()))?;
                self.held_against(&event).map_err(Rejection::Attributes)
            }
        }
    }

    fn held_against(&self, event: &Event<'_>) -> Result<(), String> {
        if self.pattern.matches(event) {
            return Ok(());
        }
        let explanation = self.pattern.explain(event);
        let reason = explanation.unmet().next().map_or_else(
            || "The filter policy does not match.".to_owned(),
            |finding| {
                let seen =
                    if finding.seen.is_empty() { "nothing".to_owned() } else { finding.seen.join(", ") };
                format!(
                    "The filter policy wants {} to be {}, and saw {seen}.",
                    finding.path,
                    finding.expected.join(" or ")
                )
            },
        );
        Err(reason.chars().take(REASON_CHARS_MAX).collect())
    }
}

/// What AWS says of a text that is not JSON. Its first parser keeps the text itself out of the place (test_validate_set_sub_attributes).
#[must_use]
pub fn json_fault(error: &PatternError) -> String {
    let place = error.reason_with_place();
    let line = place.rfind("; line: ").map_or("]", |at| &place[at..]);
    format!(
        "failed to parse JSON. {}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled){line}",
        error.reason()
    )
}

fn too_complex() -> FilterFault {
    FilterFault::Reason("Filter policy is too complex".to_owned())
}

/// Whether any key outside `$or` holds an object.
fn is_nested(policy: &Value) -> bool {
    let Value::Object(keys) = policy else { return false };
    keys.iter().any(|(key, value)| match value {
        Value::Object(_) => true,
        Value::Array(branches) if key == "$or" => branches.iter().any(is_nested),
        _ => false,
    })
}

/// The product of the numbers of values of all keys, each times its depth; the branches of `$or` add up.
fn combinations(policy: &Value, depth: u64) -> u64 {
    let Value::Object(keys) = policy else { return 1 };
    keys.iter().fold(1, |product: u64, (key, value)| {
        product.saturating_mul(match value {
            Value::Array(branches) if key == "$or" => {
                branches.iter().map(|branch| combinations(branch, depth)).fold(0, u64::saturating_add)
            }
            Value::Array(values) => depth.saturating_mul(values.len() as u64),
            nested => combinations(nested, depth + 1),
        })
    })
}

/// In a policy on attributes, `null` matches the attribute's absence (test_filter_policy).
fn null_as_absence(policy: Value) -> Value {
    let Value::Object(keys) = policy else { return policy };
    let rewritten = keys.into_iter().map(|(key, value)| match value {
        Value::Array(branches) if key == "$or" => {
            (key, Value::Array(branches.into_iter().map(null_as_absence).collect()))
        }
        Value::Array(mut values) => {
            if values.contains(&Value::Null) {
                values.push(serde_json::json!({ "exists": false }));
            }
            (key, Value::Array(values))
        }
        other => (key, other),
    });
    Value::Object(rewritten.collect())
}

/// The attributes as a JSON object; binary ones are left out, as AWS does.
fn event_of(attributes: &[Attribute]) -> Result<String, String> {
    let mut fields = serde_json::Map::new();
    for Attribute { name, data_type, value } in attributes {
        let AttributeValue::Text(text) = value else { continue };
        let value = match data_type.as_str() {
            "Number" => number(text),
            "String.Array" => match serde_json::from_str(text) {
                Ok(Value::Array(elements))
                    if !elements.iter().any(|one| one.is_array() || one.is_object()) =>
                {
                    Value::Array(elements)
                }
                _ => return Err(format!("The attribute {name} is no JSON array of plain values.")),
            },
            _ => Value::from(text.as_str()),
        };
        fields.insert(name.clone(), value);
    }
    Ok(Value::Object(fields).to_string())
}

fn number(text: &str) -> Value {
    let read = serde_json::from_str::<serde_json::Number>(text).ok();
    let number = read.or_else(|| serde_json::Number::from_f64(text.parse().ok()?));
    number.map_or_else(|| Value::from(text), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, data_type: &str, value: &str) -> Attribute {
        Attribute {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            value: AttributeValue::Text(value.to_owned()),
        }
    }

    fn filter(policy: &str, scope: FilterScope) -> Filter {
        Filter::parse(policy, scope).unwrap().unwrap()
    }

    fn refusal(policy: &str, scope: FilterScope) -> String {
        match Filter::parse(policy, scope).unwrap_err() {
            FilterFault::Nested => "nested".to_owned(),
            FilterFault::Reason(reason) => reason,
        }
    }

    /// Each policy is refused in the words that were recorded for it; the policy stands in them.
    #[test]
    fn recorded_refusals_are_given_to_the_letter() {
        let recordings = include_str!("../../tests/data/filter_policy_refusals.json");
        let recordings: Vec<String> = serde_json::from_str(recordings).unwrap();
        assert!(recordings.len() > 30);
        for recorded in recordings {
            let source = recorded.find("(String)\"").map(|at| at + "(String)\"".len()).unwrap();
            let end = recorded.rfind("\"; line").unwrap();
            let policy = &recorded[source..end];
            let reason = recorded.split_once("FilterPolicy: ").unwrap().1;
            for scope in [FilterScope::MessageBody, FilterScope::MessageAttributes] {
                assert_eq!(refusal(policy, scope), reason, "{policy}");
            }
        }
    }

    #[test]
    fn a_text_that_is_not_json_is_refused_without_being_quoted() {
        let redacted = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: ";
        assert_eq!(
            refusal("{invalidjson}", FilterScope::MessageAttributes),
            format!(
                "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name{redacted}2]"
            )
        );
        assert_eq!(
            refusal("invalid", FilterScope::MessageAttributes),
            format!(
                "failed to parse JSON. Unrecognized token 'invalid': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false'){redacted}8]"
            )
        );
        assert!(refusal("", FilterScope::MessageAttributes).starts_with("failed to parse JSON. "));
        assert!(
            refusal(&format!("{}1", "[".repeat(100_000)), FilterScope::MessageBody)
                .starts_with("failed to parse JSON. ")
        );
    }

    /// test_policy_complexity, test_policy_complexity_with_or, test_sub_filter_policy_nested_property_constraints, and the guide's example.
    #[test]
    fn policies_are_weighed_by_their_combinations() {
        let values =
            |n: usize| format!("[{}]", (0..n).map(|i| format!("\"v{i}\"")).collect::<Vec<_>>().join(","));
        let body = FilterScope::MessageBody;
        let policy = |n: usize| format!(r#"{{"a":{}}}"#, values(n));
        assert!(Filter::parse(&policy(150), body).is_ok());
        assert_eq!(refusal(&policy(151), body), "Filter policy is too complex");
        let nested = format!(r#"{{"a":{{"b":{{"c":{}}}}},"d":{{"e":{}}}}}"#, values(4), values(3));
        assert_eq!(combinations(&serde_json::from_str(&nested).unwrap(), 1), 72);
        let or = format!(r#"{{"x":{},"$or":[{{"a":{}}},{{"b":{}}}]}}"#, values(2), values(40), values(36));
        assert_eq!(refusal(&or, body), "Filter policy is too complex");
        let keys = r#"{"a":["1"],"b":["1"],"c":["1"],"d":["1"],"e":["1"],"f":["1"]}"#;
        assert_eq!(
            refusal(keys, FilterScope::MessageAttributes),
            "Filter policy can not have more than 5 keys"
        );
        assert_eq!(refusal(r#"{"object":{"key":["a"]}}"#, FilterScope::MessageAttributes), "nested");
        assert!(Filter::parse("{}", body).unwrap().is_none());
    }

    #[test]
    fn operators_that_sns_lacks_are_refused() {
        let body = FilterScope::MessageBody;
        assert!(
            refusal(r#"{"key":[{"wildcard":"a*"}]}"#, body).starts_with("Unrecognized match type wildcard")
        );
        let nested = refusal(r#"{"key":[{"prefix":{"equals-ignore-case":"a"}}]}"#, body);
        assert!(nested.starts_with("prefix match pattern must be a string"), "{nested}");
    }

    /// test_filter_policy, test_exists_filter_policy, test_exists_filter_policy_attributes_array, and "Key matching in Amazon SNS".
    #[test]
    fn attributes_match_by_their_types() {
        let check = |policy: &str, attributes: &[Attribute], wanted: bool| {
            let judged = filter(policy, FilterScope::MessageAttributes).judge(attributes, "body");
            assert_eq!(judged.is_ok(), wanted, "{policy} {attributes:?} {judged:?}");
        };
        let range = r#"{"attr1":[{"numeric":[">",0,"<=",100]}]}"#;
        check(range, &[text("attr1", "Number", "99")], true);
        check(range, &[text("attr1", "Number", "1e2")], true);
        check(range, &[text("attr1", "Number", "100.00001")], false);
        check(range, &[text("attr1", "String", "99")], false);
        let or_absent = r#"{"attr1":[null,{"anything-but":"whatever"}]}"#;
        check(or_absent, &[], true);
        check(or_absent, &[text("attr2", "String", "x")], true);
        check(or_absent, &[text("attr1", "String", "whatever")], false);
        check(or_absent, &[text("attr1", "String", "else")], true);
        let exists = r#"{"store":[{"exists":true}],"def":[{"exists":false}]}"#;
        check(exists, &[text("store", "Number", "99")], true);
        check(exists, &[text("store", "Number", "99"), text("def", "Number", "1")], false);
        check(r#"{"def":[{"exists":false}]}"#, &[], false);
        check(r#"{"def":[{"exists":false}]}"#, &[text("store", "String", "x")], true);
        let array = r#"{"store":["value1"]}"#;
        check(array, &[text("store", "String.Array", r#"["value0","value1"]"#)], true);
        check(array, &[text("store", "String.Array", r#"["value0"]"#)], false);
        check(array, &[text("store", "String.Array", "[]")], false);
        check(r#"{"n":[3,true,null]}"#, &[text("n", "String.Array", "[1,2,3]")], true);
        check(r#"{"n":[3,true]}"#, &[text("n", "String.Array", "[true]")], true);
        check(r#"{"$or":[{"a":["1"]},{"b":["2"]}]}"#, &[text("b", "String", "2")], true);
        let binary = Attribute {
            name: "b".to_owned(),
            data_type: "Binary".to_owned(),
            value: AttributeValue::Binary("2".into()),
        };
        check(r#"{"b":["2"]}"#, &[binary], false);
    }

    #[test]
    fn what_cannot_be_read_is_rejected_with_its_reason() {
        let attributes = filter(r#"{"a":["1"]}"#, FilterScope::MessageAttributes);
        let judged = attributes.judge(&[text("a", "String.Array", "not json")], "");
        assert!(matches!(judged, Err(Rejection::InvalidAttributes(_))), "{judged:?}");
        assert_eq!(attributes.judge(&[], ""), Err(Rejection::NoAttributes));
        let body = filter(r#"{"a":["1"]}"#, FilterScope::MessageBody);
        assert!(matches!(body.judge(&[], "no json"), Err(Rejection::InvalidBody(_))));
        let Err(Rejection::Body(reason)) = body.judge(&[], r#"{"a":"2"}"#) else {
            panic!("it does not match")
        };
        assert_eq!(reason, r#"The filter policy wants a to be "1", and saw "2"."#);
    }

    /// test_filter_policy_on_message_body_dot_attribute, …_array_of_object_attributes, …_or_attribute: what was delivered matches.
    #[test]
    fn bodies_match_by_their_fields() {
        let check = |policy: &str, body: &str, wanted: bool| {
            assert_eq!(
                filter(policy, FilterScope::MessageBody).judge(&[], body).is_ok(),
                wanted,
                "{policy} {body}"
            );
        };
        let dotted = r#"{"object.nested":["string.value"]}"#;
        check(dotted, r#"{"object": {"nested": "string.value"}}"#, true);
        check(dotted, r#"{"object.nested": "string.value"}"#, true);
        let deep = r#"{"object":{"nested":{"test":["string.value"]}}}"#;
        for body in [
            r#"{"object": {"nested": {"test": "string.value"}}}"#,
            r#"{"object.nested.test": "string.value"}"#,
            r#"{"object.nested": {"test": "string.value"}}"#,
            r#"{"object": {"nested.test": "string.value"}}"#,
        ] {
            check(deep, body, true);
        }
        let records = r#"{"Records":{"s3":{"object":{"key":[{"prefix":"auto-"}]}},"eventName":[{"prefix":"ObjectCreated:"}]}}"#;
        check(
            records,
            r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"auto-insurance-2314.xml"}}}]}"#,
            true,
        );
        check(
            records,
            r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"home-insurance-2314.xml"}}}]}"#,
            false,
        );
        check(
            records,
            r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":[[{"key":"auto-1.xml"}]]}},{"eventName":"ObjectRemoved:Delete","s3":{"object":{"key":"home-1.xml"}}}]}"#,
            true,
        );
    }
}
