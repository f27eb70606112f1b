//! Filters of records.

use pontoon_pattern::{Event, Pattern, PatternError};

/// Compiled filters; a record passes if it matches one of them, or if there are none.
#[derive(Debug, Default)]
pub struct Filters(Vec<Pattern>);

impl Filters {
    /// Compiles patterns.
    ///
    /// # Errors
    /// If one is no valid pattern.
    pub fn parse(patterns: &[String]) -> Result<Self, PatternError> {
        patterns.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a record goes on. `record` is the event's record, whose body is text; patterns see a body that is a JSON object as that
    /// object, and any other body as text.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html>
    #[must_use]
    pub fn pass(&self, record: &serde_json::Value) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut seen = record.clone();
        if let Some(body) = seen.get_mut("body")
            && let Some(object) = body.as_str().and_then(parsed_object)
        {
            *body = object;
        }
        let text = seen.to_string();
        // A record that cannot be read as an event (nested too deep) matches nothing.
        Event::parse(text.as_bytes()).is_ok_and(|event| self.0.iter().any(|pattern| pattern.matches(&event)))
    }
}

fn parsed_object(body: &str) -> Option<serde_json::Value> {
    serde_json::from_str(body).ok().filter(serde_json::Value::is_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_see_the_body_as_awss_table_says() {
        let filters = |pattern: serde_json::Value| Filters::parse(&[pattern.to_string()]).unwrap();
        let record = |body: &str| json!({ "messageId": "m", "body": body, "attributes": {} });
        for (pattern, body, passes) in [
            (json!({ "body": { "testItem": ["test24"] } }), r#"{"testItem": "test24"}"#, true),
            (json!({ "body": { "testItem": ["test24"] } }), r#"{"testItem": "tesWER"}"#, false),
            (json!({ "body": { "testItem": ["test24"] } }), "this is a test string", false),
            (json!({ "body": ["plain"] }), "plain", true),
            (json!({ "body": ["plain"] }), r#"{"plain": 1}"#, false),
            (json!({ "body": { "n": [{ "numeric": [">", 100] }] } }), r#"{"n": 105}"#, true),
            (json!({ "messageId": ["m"] }), "anything", true),
        ] {
            assert_eq!(filters(pattern.clone()).pass(&record(body)), passes, "{pattern} {body}");
        }
        assert!(Filters::default().pass(&record("x")));
        assert!(Filters::parse(&["simple string".to_owned()]).is_err());
    }
}
