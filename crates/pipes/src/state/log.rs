//! Logs of pipes: which steps are told, and how a record reads.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs.html>

use pontoon_core::{ApiError, Arn, LogLevel, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Bytes of a record, less what CloudWatch Logs counts for every event beside its message.
const RECORD_BYTES_MAX: usize = 256 * 1024 - 26;

/// The level at which a step is told ("Specifying EventBridge Pipes log level" in the user guide).
#[must_use]
pub fn level_of(step: &str) -> LogLevel {
    match step {
        "EXECUTION_STARTED"
        | "EXECUTION_SUCCEEDED"
        | "ENRICHMENT_STAGE_ENTERED"
        | "ENRICHMENT_STAGE_SUCCEEDED"
        | "TARGET_STAGE_ENTERED"
        | "TARGET_STAGE_SUCCEEDED" => LogLevel::Info,
        step if step.ends_with("_STARTED") || step.ends_with("_SUCCEEDED") || step.ends_with("_SKIPPED") => {
            LogLevel::Trace
        }
        _ => LogLevel::Error,
    }
}

/// Where the logs of a pipe go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// How much is told.
    pub level: LogLevel,
    /// ARN of the log group; `None` if nothing is told anywhere.
    pub group_arn: Option<String>,
    /// Whether events, requests and answers are told too, as far as given.
    pub data: Option<Vec<String>>,
}

impl LogRecord {
    /// Whether a step is told.
    #[must_use]
    pub fn tells(&self, step: &str) -> bool {
        self.group_arn.is_some() && level_of(step) <= self.level
    }

    /// Whether events, requests and answers are told too.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.data.as_ref().is_some_and(|data| !data.is_empty())
    }
}

/// What a record says beside its step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// The events of the batch, JSON.
    pub payload: Option<String>,
    /// What the stage was asked, JSON.
    pub request: Option<String>,
    /// What it answered, JSON.
    pub response: Option<String>,
    /// Why the step failed.
    pub error: Option<Value>,
}

impl Content {
    /// The events of a batch, if they are wanted. Those that are no JSON are texts.
    pub fn of_events<'e>(are_wanted: bool, events: impl Iterator<Item = &'e str>) -> Self {
        Self { payload: are_wanted.then(|| list(events)), ..Self::default() }
    }

    /// Why the step failed that called `called` (ARN), if that is known.
    #[must_use]
    pub fn of_error(error: &ApiError, called: &str) -> Self {
        let service = Arn::parse(called).map(|arn| arn.service.to_owned()).unwrap_or_default();
        let error = json!({
            "httpStatusCode": error.status,
            "message": error.message,
            "details": "",
            "awsService": service,
            "exceptionType": error.code,
        });
        Self { error: Some(error), ..Self::default() }
    }
}

/// JSON texts as a list; what is no JSON as a string in it.
pub fn list<'e>(texts: impl Iterator<Item = &'e str>) -> String {
    let element = |text: &str| match pontoon_core::json::is_valid(text) {
        true => text.to_owned(),
        false => pontoon_core::json::quoted(text),
    };
    format!("[{}]", texts.map(element).collect::<Vec<String>>().join(","))
}

/// A record. Data that makes it too long is cut at its end: the payload first, then the request, then the response.
#[must_use]
pub fn record(
    (execution_id, pipe_arn): (&str, &str),
    now: Timestamp,
    step: &str,
    content: Content,
) -> String {
    let mut record = Map::new();
    record.insert("executionId".to_owned(), execution_id.into());
    record.insert("timestamp".to_owned(), now.millis().into());
    record.insert("messageType".to_owned(), step.into());
    record.insert("resourceArn".to_owned(), pipe_arn.into());
    record.insert("logLevel".to_owned(), level_of(step).name().into());
    record.extend(content.error.map(|error| ("error".to_owned(), error)));
    let data =
        [("payload", content.payload), ("awsRequest", content.request), ("awsResponse", content.response)];
    let names: Vec<&str> = data.iter().filter(|(_, text)| text.is_some()).map(|(name, _)| *name).collect();
    record.extend(data.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    if !names.is_empty() {
        record.insert("truncatedFields".to_owned(), Value::Array(Vec::new()));
    }
    let mut cut: Vec<Value> = Vec::new();
    for name in names {
        if length(&record) <= RECORD_BYTES_MAX {
            break;
        }
        cut.push(name.into());
        record.insert("truncatedFields".to_owned(), Value::Array(cut.clone()));
        let over = length(&record).saturating_sub(RECORD_BYTES_MAX);
        if let Some(Value::String(text)) = record.get_mut(name) {
            // Each byte is at least one in the record, so that this takes enough away if the text has so much.
            let mut end = text.len().saturating_sub(over);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
    }
    Value::Object(record).to_string()
}

fn length(record: &Map<String, Value>) -> usize {
    serde_json::to_string(record).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the user guide.
    #[test]
    fn every_step_is_told_at_its_level() {
        for (step, level) in [
            ("EXECUTION_FAILED", LogLevel::Error),
            ("EXECUTION_PARTIALLY_FAILED", LogLevel::Error),
            ("EXECUTION_STARTED", LogLevel::Info),
            ("EXECUTION_SUCCEEDED", LogLevel::Info),
            ("EXECUTION_THROTTLED", LogLevel::Error),
            ("EXECUTION_TIMEOUT", LogLevel::Error),
            ("ENRICHMENT_INVOCATION_FAILED", LogLevel::Error),
            ("ENRICHMENT_INVOCATION_STARTED", LogLevel::Trace),
            ("ENRICHMENT_INVOCATION_SUCCEEDED", LogLevel::Trace),
            ("ENRICHMENT_STAGE_ENTERED", LogLevel::Info),
            ("ENRICHMENT_STAGE_FAILED", LogLevel::Error),
            ("ENRICHMENT_STAGE_SUCCEEDED", LogLevel::Info),
            ("ENRICHMENT_TRANSFORMATION_STARTED", LogLevel::Trace),
            ("ENRICHMENT_TRANSFORMATION_SUCCEEDED", LogLevel::Trace),
            ("TARGET_INVOCATION_FAILED", LogLevel::Error),
            ("TARGET_INVOCATION_PARTIALLY_FAILED", LogLevel::Error),
            ("TARGET_INVOCATION_STARTED", LogLevel::Trace),
            ("TARGET_INVOCATION_SUCCEEDED", LogLevel::Trace),
            ("TARGET_STAGE_ENTERED", LogLevel::Info),
            ("TARGET_STAGE_FAILED", LogLevel::Error),
            ("TARGET_STAGE_PARTIALLY_FAILED", LogLevel::Error),
            ("TARGET_STAGE_SKIPPED", LogLevel::Trace),
            ("TARGET_STAGE_SUCCEEDED", LogLevel::Info),
            ("TARGET_TRANSFORMATION_STARTED", LogLevel::Trace),
            ("TARGET_TRANSFORMATION_SUCCEEDED", LogLevel::Trace),
        ] {
            assert_eq!(level_of(step), level, "{step}");
        }
    }

    #[test]
    fn a_record_that_is_too_long_loses_the_ends_of_its_data() {
        let text = |bytes: usize| Some("é".repeat(bytes / 2));
        let most = RECORD_BYTES_MAX;
        for (payload, request, response, expected) in [
            (10, 10, 10, json!([])),
            (most, 10, 10, json!(["payload"])),
            (10, most, 10, json!(["payload", "awsRequest"])),
            (10, 10, most, json!(["payload", "awsRequest", "awsResponse"])),
        ] {
            let content = Content {
                payload: text(payload),
                request: text(request),
                response: text(response),
                error: None,
            };
            let record = record(("id", "arn"), Timestamp::from_millis(7), "EXECUTION_STARTED", content);
            assert!(record.len() <= most, "{}", record.len());
            let read: Value = serde_json::from_str(&record).unwrap();
            assert_eq!(read["truncatedFields"], expected);
            assert_eq!((&read["timestamp"], &read["logLevel"]), (&json!(7), &json!("INFO")));
            assert!(payload != most || record.len() > most - 8, "no more is lost than has to be");
        }
    }
}
