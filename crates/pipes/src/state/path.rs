//! JSON paths of the kind that EventBridge supports: dots, indices and wildcards.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `.name` or `['name']`.
    Name(String),
    /// `[n]`.
    Index(usize),
    /// `.*` or `[*]`.
    All,
}

/// `$.body.items[0].id`; `$` alone is the whole event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<Segment>);

impl JsonPath {
    /// Reads a path; `None` if the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let segment;
            (segment, rest) = match rest.strip_prefix('.') {
                Some(after) => {
                    let (name, behind) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
                    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | ':' | '#');
                    match name {
                        "*" => (Segment::All, behind),
                        _ if !name.is_empty() && name.chars().all(is_name) => {
                            (Segment::Name(name.to_owned()), behind)
                        }
                        _ => return None,
                    }
                }
                None => {
                    let (inner, behind) = rest.strip_prefix('[')?.split_once(']')?;
                    let quoted = inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
                    match (inner, quoted) {
                        (_, Some(name)) => (Segment::Name(name.to_owned()), behind),
                        ("*", _) => (Segment::All, behind),
                        (index, _) => (Segment::Index(index.parse().ok()?), behind),
                    }
                }
            };
            segments.push(segment);
        }
        Some(Self(segments))
    }

    /// What the path leads to; the values of a wildcard as an array. `None` if it leads nowhere.
    #[must_use]
    pub fn value(&self, event: &Value) -> Option<Value> {
        let mut found = vec![event];
        for segment in &self.0 {
            found = found.into_iter().flat_map(|value| step(value, segment)).collect();
        }
        if self.0.contains(&Segment::All) {
            return Some(found.into_iter().cloned().collect());
        }
        found.first().map(|value| (*value).clone())
    }
}

fn step<'v>(value: &'v Value, segment: &Segment) -> Vec<&'v Value> {
    match (segment, value) {
        (Segment::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
        (Segment::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
        (Segment::All, Value::Array(items)) => items.iter().collect(),
        (Segment::All, Value::Object(members)) => members.values().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_into_events() {
        let event = json!({"body": {"items": [{"id": 1}, {"id": 2}], "a-b": {"c": null}}, "x/y": 5});
        for (path, expected) in [
            ("$", Some(event.clone())),
            ("$.body.items[1].id", Some(json!(2))),
            ("$.body.items[*].id", Some(json!([1, 2]))),
            ("$.body['a-b'].c", Some(json!(null))),
            ("$.x/y", Some(json!(5))),
            ("$.body.items[7]", None),
            ("$.nothing.here", None),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().value(&event), expected, "{path}");
        }
        for text in ["", "body", "$body", "$.", "$..a", "$.a b", "$[", "$[x]", "$.a[?(@.b)]"] {
            assert_eq!(JsonPath::parse(text), None, "{text}");
        }
    }
}
