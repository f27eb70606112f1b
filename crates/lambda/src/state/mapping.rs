//! Event source mappings from queues: their configuration, and their filters.

use std::collections::BTreeMap;

use pontoon_pattern::{Event, Pattern};
use serde::{Deserialize, Serialize};

use super::poller::Pace;

/// How many batches a mapping without `MaximumConcurrency` has in functions at once.
///
/// DEVIATION: AWS begins with five and goes up to 1,250 while messages are left over; processes of one machine do not scale like that.
pub(crate) const CONCURRENCY_DEFAULT: u32 = 5;
/// The default of `BatchSize`.
pub(crate) const BATCH_DEFAULT: u32 = 10;
/// The largest batch without a batching window.
pub(crate) const BATCH_WITHOUT_WINDOW_MAX: u32 = 10;
/// How many filters a mapping may have: AWS's quota.
pub(crate) const FILTERS_MAX: usize = 5;

/// What CreateEventSourceMapping and UpdateEventSourceMapping set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MappingConfig {
    pub(crate) uuid: String,
    /// ARN of the queue.
    pub(crate) queue_arn: String,
    /// Name of the function, in the mapping's own account and region.
    pub(crate) function: String,
    /// Version or alias, if the mapping names one.
    pub(crate) qualifier: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) batch_size: u32,
    pub(crate) window_secs: u32,
    /// Whether the function reports the messages that failed.
    pub(crate) reports_failures: bool,
    pub(crate) max_concurrency: Option<u32>,
    /// Patterns, JSON; `None` if filters were never given.
    pub(crate) filters: Option<Vec<String>>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) modified_millis: i64,
    /// What came of the last poll, if it failed.
    pub(crate) problem: Option<String>,
}

impl MappingConfig {
    /// How the mapping polls and batches.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            enabled: self.enabled,
            batch_size: self.batch_size as usize,
            window_secs: self.window_secs,
            concurrency: self.max_concurrency.unwrap_or(CONCURRENCY_DEFAULT),
        }
    }
}

/// Compiled filters; a record passes if it matches one of them, or if there are none.
#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<Pattern>);

impl Filters {
    /// Compiles patterns.
    ///
    /// # Errors
    /// If one is no valid pattern.
    pub(crate) fn parse(patterns: &[String]) -> Result<Self, ()> {
        let parsed = patterns.iter().map(|text| Pattern::parse(text).map_err(|_| ()));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a record goes to the function. `record` is the event's record, whose body is text; patterns see a body that is a JSON object as that
    /// object, and any other body as text.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html>
    pub(crate) fn pass(&self, record: &serde_json::Value) -> bool {
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
