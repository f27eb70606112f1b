//! Reads a template's text, JSON or YAML, into a [`Value`], within a bound of depth.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::error::{Error, Result};
use super::value::{Map, Value};

/// The longest template body in bytes that a request may carry itself.
///
/// See "CloudFormation quotas" in AWS's user guide; the same message guards `templateBody` in the
/// recording `test_to_validate_template_limit_for_macro`.
pub const BODY_BYTES_MAX: usize = 51_200;

/// The longest template in bytes that may be read from S3 (the same quotas page).
pub const OBJECT_BYTES_MAX: usize = 1_000_000;

/// How deep lists and maps may nest. Not an AWS figure: it bounds the recursion of everything that
/// walks a template, far above what a resource's properties need.
const DEPTH_MAX: usize = 100;

/// Reads JSON when the text starts with a brace, YAML otherwise, as CloudFormation does.
///
/// # Errors
/// "JSON not well-formed" and "YAML not well-formed" with line and column, and "unsupported structure"
/// for a text that is not a map at its top.
pub fn parse(text: &str) -> Result<Value> {
    let value = if text.trim_start().starts_with('{') { parse_json(text)? } else { parse_yaml(text)? };
    match value {
        Value::Map(_) => Ok(value),
        _ => Err(Error::format("unsupported structure.")),
    }
}

fn parse_json(text: &str) -> Result<Value> {
    // Jackson, whose positions CloudFormation reports, points behind the offending character;
    // serde_json points at it (recording test_validate_invalid_json_template_should_fail).
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Error::format(format_args!(
            "JSON not well-formed. (line {}, column {})",
            error.line().max(1),
            error.column() + 1
        ))
    })?;
    if exceeds_depth(&value, DEPTH_MAX) {
        return Err(Error::format(format_args!("template nests deeper than {DEPTH_MAX} levels.")));
    }
    Ok(value)
}

fn exceeds_depth(value: &Value, left: usize) -> bool {
    match value {
        Value::List(items) => left == 0 || items.iter().any(|item| exceeds_depth(item, left - 1)),
        Value::Map(map) => left == 0 || map.values().any(|item| exceeds_depth(item, left - 1)),
        _ => false,
    }
}

fn parse_yaml(text: &str) -> Result<Value> {
    let mut reader = YamlReader::default();
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| malformed_scan(&error))?;
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(malformed(&span.start));
                }
            }
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            other => reader.take(other, &span.start)?,
        }
    }
    Ok(reader.root.unwrap_or_default())
}

fn malformed_scan(error: &ScanError) -> Error {
    malformed(error.marker())
}

fn malformed(marker: &Marker) -> Error {
    Error::format(format_args!("YAML not well-formed. (line {}, column {})", marker.line(), marker.col() + 1))
}

/// Builds values from parse events with a stack of its own, so that nesting costs no native stack.
#[derive(Default)]
struct YamlReader {
    open: Vec<OpenCollection>,
    root: Option<Value>,
}

struct OpenCollection {
    tag: Option<String>,
    items: Items,
}

enum Items {
    List(Vec<Value>),
    Map { members: Map, key: Option<String> },
}

impl YamlReader {
    fn take(&mut self, event: Event<'_>, at: &Marker) -> Result<()> {
        match event {
            Event::Scalar(text, style, _, tag) => {
                let tag = tag.as_deref();
                // A key is text whatever it looks like: `No:` names a condition, `123:` an account.
                if tag.is_none() && self.expects_key() {
                    return self.complete(text.as_ref().into(), at);
                }
                let value = scalar(&text, style, tag, at)?;
                let value = match function_tag(tag, at)? {
                    Some(name) => apply_tag(&name, value),
                    None => value,
                };
                self.complete(value, at)
            }
            Event::SequenceStart(_, tag) => self.open(tag.as_deref(), Items::List(Vec::new()), at),
            Event::MappingStart(_, tag) => {
                self.open(tag.as_deref(), Items::Map { members: Map::new(), key: None }, at)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(collection) = self.open.pop() else { return Err(malformed(at)) };
                let value = match collection.items {
                    Items::List(items) => Value::List(items),
                    Items::Map { members, .. } => Value::Map(members),
                };
                let value = match collection.tag {
                    Some(name) => apply_tag(&name, value),
                    None => value,
                };
                self.complete(value, at)
            }
            Event::Alias(_) => {
                Err(Error::function("YAML aliases are not allowed in CloudFormation templates"))
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        self.open.last().is_some_and(|collection| matches!(collection.items, Items::Map { key: None, .. }))
    }

    fn open(&mut self, tag: Option<&Tag>, items: Items, at: &Marker) -> Result<()> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Error::format(format_args!("template nests deeper than {DEPTH_MAX} levels.")));
        }
        let tag = function_tag(tag, at)?;
        self.open.push(OpenCollection { tag, items });
        Ok(())
    }

    fn complete(&mut self, value: Value, at: &Marker) -> Result<()> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match &mut parent.items {
            Items::List(items) => items.push(value),
            Items::Map { members, key } => match key.take() {
                None => {
                    let name = value.scalar_text().ok_or_else(|| malformed(at))?;
                    if members.contains_key(&name) {
                        return Err(malformed(at));
                    }
                    *key = Some(name);
                }
                Some(name) => {
                    members.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

/// The long name of the function that a short-form tag stands for.
fn function_tag(tag: Option<&Tag>, at: &Marker) -> Result<Option<String>> {
    let Some(tag) = tag else { return Ok(None) };
    if tag.handle != "!" || tag.suffix.is_empty() {
        return Ok(None);
    }
    match tag.suffix.as_str() {
        "Ref" | "Condition" => Ok(Some(tag.suffix.clone())),
        "And" | "Base64" | "Cidr" | "Equals" | "FindInMap" | "GetAZs" | "GetAtt" | "If" | "ImportValue"
        | "Join" | "Not" | "Or" | "Select" | "Split" | "Sub" | "Transform" | "Length" | "ToJsonString" => {
            Ok(Some(format!("Fn::{}", tag.suffix)))
        }
        _ => Err(malformed(at)),
    }
}

fn apply_tag(name: &str, value: Value) -> Value {
    let argument = match (name, value) {
        // `!GetAtt A.B.C` means the attribute `B.C` of `A`.
        ("Fn::GetAtt", Value::String(text)) => match text.split_once('.') {
            Some((resource, attribute)) => Value::List(vec![resource.into(), attribute.into()]),
            None => Value::String(text),
        },
        (_, value) => value,
    };
    Value::Map(Map::from_iter([(name.to_owned(), argument)]))
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: &Marker) -> Result<Value> {
    if let Some(tag) = tag.filter(|tag| tag.is_yaml_core_schema()) {
        return match (tag.suffix.as_str(), plain(text)) {
            ("str" | "binary" | "timestamp", _) => Ok(text.into()),
            ("int" | "float", number @ Value::Number(_)) => Ok(number),
            ("bool", flag @ Value::Bool(_)) => Ok(flag),
            ("null", _) => Ok(Value::Null),
            _ => Err(malformed(at)),
        };
    }
    // The text of a short-form function is text, whatever it looks like: `!Ref yes`.
    let tagged = tag.is_some_and(|tag| tag.handle == "!");
    Ok(if style == ScalarStyle::Plain && !tagged { plain(text) } else { text.into() })
}

/// A plain scalar as YAML 1.1 types it, except that timestamps stay text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    match integer(text).or_else(|| float(text)) {
        Some(number) => Value::Number(number),
        None => text.into(),
    }
}

/// YAML 1.1 integers: decimal, `0` octal, `0x`, `0b`, underscores, and base sixty. A leading zero
/// before an 8 or a 9 is no integer, which keeps account ids such as 012345678901 whole.
fn integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let clean: String = digits.chars().filter(|character| *character != '_').collect();
    let parsed = if let Some(hex) = clean.strip_prefix("0x") {
        u128::from_str_radix(hex, 16).ok()?
    } else if let Some(binary) = clean.strip_prefix("0b") {
        u128::from_str_radix(binary, 2).ok()?
    } else if clean.contains(':') {
        base_sixty(&clean)?
    } else if clean.len() > 1 && clean.starts_with('0') {
        u128::from_str_radix(&clean, 8).ok()?
    } else if clean.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("{sign}{clean}"));
    } else {
        return None;
    };
    Some(format!("{sign}{parsed}"))
}

fn base_sixty(text: &str) -> Option<u128> {
    let mut total: u128 = 0;
    for (index, part) in text.split(':').enumerate() {
        if part.is_empty()
            || part.len() > 9
            || (index > 0 && part.len() > 2)
            || (index == 0 && part.starts_with('0'))
        {
            return None;
        }
        let digits: u128 = part.parse().ok()?;
        if index > 0 && digits > 59 {
            return None;
        }
        total = total.checked_mul(60)?.checked_add(digits)?;
    }
    Some(total)
}

/// YAML 1.1 floats need a point; `.inf` and `.nan` stay text because JSON cannot say them.
fn float(text: &str) -> Option<String> {
    if !text.contains('.') || !text.contains(|character: char| character.is_ascii_digit()) {
        return None;
    }
    let clean: String = text.chars().filter(|character| *character != '_').collect();
    let unsigned = clean.strip_prefix(['-', '+']).unwrap_or(&clean);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || !unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
    {
        return None;
    }
    let value: f64 = clean.parse().ok().filter(|value: &f64| value.is_finite())?;
    let plain_decimal = unsigned.split_once('.').is_some_and(|(whole, fraction)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
    });
    Some(if plain_decimal { clean.trim_start_matches('+').to_owned() } else { value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, json: &str) {
        assert_eq!(parse(yaml).unwrap().to_json(), json, "{yaml}");
    }

    fn check_error(text: &str, message: &str) {
        assert_eq!(parse(text).unwrap_err().message(), message, "{text}");
    }

    #[test]
    fn short_form_tags_become_long_functions() {
        check("a: !Ref X", r#"{"a":{"Ref":"X"}}"#);
        check("a: !GetAtt X.Y.Z", r#"{"a":{"Fn::GetAtt":["X","Y.Z"]}}"#);
        check("a: !GetAtt [X, Y]", r#"{"a":{"Fn::GetAtt":["X","Y"]}}"#);
        check("a: !Sub '${X}'", r#"{"a":{"Fn::Sub":"${X}"}}"#);
        check("a: !Join ['', [!Ref A, b]]", r#"{"a":{"Fn::Join":["",[{"Ref":"A"},"b"]]}}"#);
        check(
            "a: !If\n  - C\n  - 1\n  - !Ref AWS::NoValue",
            r#"{"a":{"Fn::If":["C",1,{"Ref":"AWS::NoValue"}]}}"#,
        );
        check("a: !Not [!Condition C]", r#"{"a":{"Fn::Not":[{"Condition":"C"}]}}"#);
        check("a: !FindInMap\n  - M\n  - !Ref K\n  - v", r#"{"a":{"Fn::FindInMap":["M",{"Ref":"K"},"v"]}}"#);
        check("a: !Base64\n  Fn::Sub: x", r#"{"a":{"Fn::Base64":{"Fn::Sub":"x"}}}"#);
        check("a: !GetAZs ''", r#"{"a":{"Fn::GetAZs":""}}"#);
        check("No: 1\n1.0: 2", r#"{"No":1,"1.0":2}"#);
        check("a: !Ref yes", r#"{"a":{"Ref":"yes"}}"#);
    }

    #[test]
    fn scalars_are_yaml_1_1_but_dates_stay_text() {
        for (text, json) in [
            ("2012-10-17", "\"2012-10-17\""),
            ("2010-09-09", "\"2010-09-09\""),
            ("yes", "true"),
            ("Off", "false"),
            ("~", "null"),
            ("012345678901", "\"012345678901\""),
            ("0755", "493"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("190:20:30", "685230"),
            ("10.0.0.0/8", "\"10.0.0.0/8\""),
            ("1.2.3", "\"1.2.3\""),
            ("0.10", "0.10"),
            ("-7", "-7"),
            ("6.02e+23", "602000000000000000000000"),
            ("1e5", "\"1e5\""),
            ("2012-10-17T00:00:00Z", "\"2012-10-17T00:00:00Z\""),
            ("'yes'", "\"yes\""),
            ("!!str 12", "\"12\""),
            ("a:b", "\"a:b\""),
            (".inf", "\".inf\""),
            ("y", "\"y\""),
        ] {
            check(&format!("k: {text}"), &format!("{{\"k\":{json}}}"));
        }
    }

    #[test]
    fn aliases_are_refused() {
        check("a: &x {k: 1}", r#"{"a":{"k":1}}"#);
        check_error(
            "a: &x {k: 1}\nb: *x",
            "Template error: YAML aliases are not allowed in CloudFormation templates",
        );
    }

    #[test]
    fn malformed_text_names_its_place() {
        check_error(
            "{\"this is invalid JSON\"=\"bobbins\"}",
            "Template format error: JSON not well-formed. (line 1, column 25)",
        );
        check_error("a: [1\nb: 2", "Template format error: YAML not well-formed. (line 2, column 2)");
        check_error("a: 1\na: 2", "Template format error: YAML not well-formed. (line 2, column 1)");
        check_error("a: !Bogus x", "Template format error: YAML not well-formed. (line 1, column 4)");
        check_error("a: *nowhere", "Template format error: YAML not well-formed. (line 1, column 4)");
        check_error("- a\n- b", "Template format error: unsupported structure.");
        check_error("", "Template format error: unsupported structure.");
        check_error("a: 1\n---\nb: 2", "Template format error: YAML not well-formed. (line 2, column 1)");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("a: {}{}", "[".repeat(150), "]".repeat(150));
        check_error(&deep, "Template format error: template nests deeper than 100 levels.");
        let deep_block: String = (0..150).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        check_error(&deep_block, "Template format error: template nests deeper than 100 levels.");
        let deep_json = format!("{{\"a\":{}{}}}", "[".repeat(110), "]".repeat(110));
        check_error(&deep_json, "Template format error: template nests deeper than 100 levels.");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z!&*:{}\\[\\]\\-\"'#|> \n0-9.,~%@?]{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn json_and_its_reading_as_yaml_agree(keys in proptest::collection::btree_map("[a-z]{1,4}", "[ -~]{0,8}", 0..6)) {
            let json = serde_json::to_string(&keys).unwrap();
            let yaml = format!("---\n{json}");
            proptest::prop_assert_eq!(parse(&json).unwrap(), parse(&yaml).unwrap());
        }
    }
}
