//! Parts of a JSON text, taken out as they are spelled.
//!
//! What a target gets of an event keeps the order of its fields and the spelling of its numbers, which a tree of values would lose.

use std::fmt;

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// `.name` or `['name']`.
    Name(String),
    /// `[n]`.
    Index(usize),
    /// `.*` or `[*]`.
    All,
}

/// A JSON path of the kind that EventBridge supports: dots, quoted names, indices and wildcards.
///
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<Segment>);

/// The text is not such a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPath;

impl fmt::Display for NotAPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a JSON path")
    }
}

impl JsonPath {
    /// Reads `$.detail.items[0]['the name']`.
    ///
    /// # Errors
    /// If the text does not begin with `$` or goes on in another way; filters and `..` are not supported, as on AWS.
    pub fn parse(text: &str) -> Result<Self, NotAPath> {
        let mut rest = text.strip_prefix('$').ok_or(NotAPath)?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let segment;
            (segment, rest) = if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = &after[..end];
                if name.is_empty() || name.contains([' ', '\'', '"', ']', '(', ')', '@', '?']) {
                    return Err(NotAPath);
                }
                let segment = if name == "*" { Segment::All } else { Segment::Name(name.to_owned()) };
                (segment, &after[end..])
            } else {
                bracketed(rest)?
            };
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// The values that the path leads to. `json` is valid JSON; values of a wildcard come in order.
    #[must_use]
    pub fn select<'t>(&self, json: &'t str) -> Vec<&'t str> {
        let mut found = vec![json.trim()];
        for segment in &self.0 {
            found = found.into_iter().flat_map(|value| step(value, segment)).collect();
        }
        found
    }

    /// What the path leads to as one value: a wildcard's values as an array. `None` if it leads nowhere.
    #[must_use]
    pub fn value(&self, json: &str) -> Option<String> {
        let found = self.select(json);
        if self.0.contains(&Segment::All) {
            return Some(format!("[{}]", found.join(",")));
        }
        found.first().map(|value| (*value).to_owned())
    }
}

fn bracketed(rest: &str) -> Result<(Segment, &str), NotAPath> {
    let inner = rest.strip_prefix('[').ok_or(NotAPath)?;
    for quote in ['\'', '"'] {
        if let Some(quoted) = inner.strip_prefix(quote) {
            let (name, after) = quoted.split_once(quote).ok_or(NotAPath)?;
            return Ok((Segment::Name(name.to_owned()), after.strip_prefix(']').ok_or(NotAPath)?));
        }
    }
    let (inner, after) = inner.split_once(']').ok_or(NotAPath)?;
    match inner {
        "*" => Ok((Segment::All, after)),
        index => Ok((Segment::Index(index.parse().map_err(|_| NotAPath)?), after)),
    }
}

fn step<'t>(value: &'t str, segment: &Segment) -> Vec<&'t str> {
    match segment {
        // Of fields of one name the last counts.
        Segment::Name(name) => fields(value)
            .filter(|(key, _)| is_name(key, name))
            .last()
            .map(|(_, value)| value)
            .into_iter()
            .collect(),
        Segment::Index(index) => elements(value).nth(*index).into_iter().collect(),
        Segment::All if value.starts_with('{') => fields(value).map(|(_, value)| value).collect(),
        Segment::All => elements(value).collect(),
    }
}

fn is_name(quoted: &str, name: &str) -> bool {
    let Some(inner) = quoted.get(1..quoted.len().saturating_sub(1)) else { return false };
    if inner.contains('\\') { unquoted(quoted).is_some_and(|text| text == name) } else { inner == name }
}

/// The text of a JSON string; `None` if the value is no string.
#[must_use]
pub fn unquoted(value: &str) -> Option<String> {
    if value.starts_with('"') { serde_json::from_str(value).ok() } else { None }
}

/// A text as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The fields of an object, keys in their quotes; none if it is no object.
pub fn fields(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = if object.starts_with('{') { 1 } else { object.len() };
    std::iter::from_fn(move || {
        at = skip(object, at, b" \t\r\n,");
        if object.as_bytes().get(at) != Some(&b'"') {
            return None;
        }
        let key_end = value_end(object, at);
        let value_start = skip(object, key_end, b" \t\r\n:");
        let end = value_end(object, value_start);
        let field = (&object[at..key_end], &object[value_start..end]);
        at = end;
        Some(field)
    })
}

/// An object with further fields, each a text and in place of one of the same name; any other value as it is.
#[must_use]
pub fn with_fields<'f>(value: &str, added: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let added: Vec<(&str, &str)> = added.collect();
    if added.is_empty() || !value.starts_with('{') {
        return value.to_owned();
    }
    let is_replaced = |key: &str| added.iter().any(|(name, _)| is_name(key, name));
    let kept =
        fields(value).filter(|(key, _)| !is_replaced(key)).map(|(key, value)| format!("{key}:{value}"));
    let added = added.iter().map(|(name, text)| format!("{}:{}", quoted(name), quoted(text)));
    format!("{{{}}}", kept.chain(added).collect::<Vec<String>>().join(","))
}

/// An object with `json` in place of the value of each field of a name; any other value as it is.
#[must_use]
pub fn with_value(object: &str, name: &str, json: &str) -> String {
    if !object.starts_with('{') {
        return object.to_owned();
    }
    let field = |(key, value)| format!("{key}:{}", if is_name(key, name) { json } else { value });
    format!("{{{}}}", fields(object).map(field).collect::<Vec<String>>().join(","))
}

/// The elements of an array; none if it is no array.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut at = if array.starts_with('[') { 1 } else { array.len() };
    std::iter::from_fn(move || {
        at = skip(array, at, b" \t\r\n,");
        if array.as_bytes().get(at).is_none_or(|byte| *byte == b']') {
            return None;
        }
        let end = value_end(array, at);
        let element = &array[at..end];
        at = end;
        Some(element)
    })
}

fn skip(text: &str, at: usize, over: &[u8]) -> usize {
    text.as_bytes()[at..]
        .iter()
        .position(|byte| !over.contains(byte))
        .map_or(text.len(), |skipped| at + skipped)
}

/// Where the value that starts at `at` ends. Nesting costs no stack.
fn value_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth, start) = (at, 0usize, at);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 && at > start => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(rest) = bytes.get(at..)
        && let Some(special) = quote_or_backslash(rest)
    {
        at += special + 1;
        if rest[special] == b'"' {
            return at;
        }
        // Whatever is escaped.
        at += 1;
    }
    bytes.len()
}

/// Where the first quote or backslash is, looked for in eight bytes at a time.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The lowest of the high bits that are set is that of the first byte sought; a borrow may set some above it.
    let marks = |word: u64, sought: u8| {
        let others = word ^ (ONES * u64::from(sought));
        others.wrapping_sub(ONES) & !others & (ONES << 7)
    };
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = marks(word, b'"') | marks(word, b'\\');
        if found != 0 {
            return Some(8 * at + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(8 * words.len() + found)
}

/// The same JSON without the white space that means nothing, as EventBridge delivers it.
#[must_use]
pub fn compact(json: &str) -> String {
    let bytes = json.as_bytes();
    let mut out = String::with_capacity(json.len());
    // Copied up to each white space: most texts are compact already, and copied at once.
    let (mut kept, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.push_str(&json[kept..at]);
                at += 1;
                kept = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&json[kept..]);
    out
}

/// Whether a text is one JSON value, however deeply nested.
#[must_use]
pub fn is_valid(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{JsonPath, compact, is_valid, with_value};
    use proptest::prelude::*;
    use serde_json::Value;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9i64..9).prop_map(Value::from),
            "[ab\\[\\]{}:,\"\\\\ é]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab\"\\\\é]{1,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Every place in a value, as a path and what a tree of values has there.
    fn places(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
        out.push((path.to_owned(), value.clone()));
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{path}[{n}]"), out));
            }
            Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| !name.contains('"'))
                .for_each(|(name, value)| places(value, &format!("{path}[\"{name}\"]"), out)),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_path_leads_to_what_a_tree_of_values_has(value in json(), pretty in any::<bool>()) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            prop_assert_eq!(compact(&text), value.to_string());
            let mut all = Vec::new();
            places(&value, "$", &mut all);
            for (path, expected) in all {
                let found = JsonPath::parse(&path).unwrap().value(&text);
                let found: Option<Value> = found.and_then(|found| serde_json::from_str(&found).ok());
                prop_assert_eq!(found, Some(expected), "{} of {}", path, text);
            }
        }
    }

    const EVENT: &str = r#"{"id":"1","detail-type":"t","detail":{"b":1.0,"a":{"x":[1,{"y":"z\"q"},[]]},"e":{},"the name":null,"b":2e0}}"#;

    #[test]
    fn a_path_takes_values_as_they_are_spelled() {
        for (path, expected) in [
            ("$", Some(EVENT)),
            ("$.detail-type", Some(r#""t""#)),
            ("$.detail.b", Some("2e0")),
            ("$.detail.a", Some(r#"{"x":[1,{"y":"z\"q"},[]]}"#)),
            ("$.detail.a.x[1].y", Some(r#""z\"q""#)),
            ("$.detail.a.x[2]", Some("[]")),
            ("$.detail['the name']", Some("null")),
            ("$.detail.a.x[*]", Some(r#"[1,{"y":"z\"q"},[]]"#)),
            ("$.detail.a.x[3]", None),
            ("$.detail.b.c", None),
            ("$.nothing", None),
        ] {
            let value = JsonPath::parse(path).unwrap().value(EVENT);
            assert_eq!(value.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn other_json_paths_are_refused() {
        for path in ["", "detail", "$detail", "$..a", "$.", "$.a[", "$.a[x]", "$.a[?(@.b)]", "$.a b", "$['a'"]
        {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn text_that_is_no_json_leads_nowhere_and_does_no_harm() {
        for text in [
            "",
            "{",
            "{\"",
            "{\"a",
            "{\"a\\",
            "{\"a\\é",
            "{\"a\":",
            "[",
            "[1,",
            "[\"",
            "{]",
            "nonsense",
            "é",
            "{\"é\":[é",
        ] {
            for path in ["$.a", "$[0]", "$.*", "$.a.b[1]", "$"] {
                assert!(
                    JsonPath::parse(path)
                        .unwrap()
                        .value(text)
                        .is_none_or(|value| value.len() <= text.len() + 2)
                );
            }
            assert!(compact(text).len() <= text.len());
        }
    }

    #[test]
    fn a_value_is_put_in_place_of_another() {
        for (object, expected) in [
            (r#"{"a":1, "b":"x","c":[2]}"#, r#"{"a":1,"b":{"n":1},"c":[2]}"#),
            (r#"{"\u0062":0,"d":{"b":1}}"#, r#"{"\u0062":{"n":1},"d":{"b":1}}"#),
            ("{}", "{}"),
            (r#"["b"]"#, r#"["b"]"#),
        ] {
            assert_eq!(with_value(object, "b", r#"{"n":1}"#), expected, "{object}");
        }
    }

    #[test]
    fn compacting_leaves_strings_alone() {
        assert_eq!(
            compact(" { \"a b\" : [ 1 , \"x \\\" y\" ] ,\n\"c\":{ } } "),
            r#"{"a b":[1,"x \" y"],"c":{}}"#
        );
        assert!(is_valid(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))));
    }
}
