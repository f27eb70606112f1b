//! The log of a bus: which steps are told at which level, and how a record reads.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html> and
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-logs-schema.html>.

use pontoon_core::ids::format_uuid;
use pontoon_core::json::{self, quoted};
use pontoon_core::{LogLevel, Timestamp};
use serde::{Deserialize, Serialize};

/// Bytes of a record: the guide's 1 MB, less what CloudWatch Logs counts for every event beside its message.
pub const RECORD_BYTES_MAX: usize = 1_048_576 - 26;

/// What a bus tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// How much.
    pub level: LogLevel,
    /// Whether events and what targets are given is told too.
    pub has_detail: bool,
}

/// A step on an event's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// An event was put.
    EventReceipt,
    /// It was accepted.
    EventIngestSuccess,
    /// It was refused.
    EventIngestFailure,
    /// It is held against the rules.
    RuleMatchStart,
    /// It matched a rule.
    RuleMatch,
    /// It matched no rule but such as AWS's services made.
    NoStandardRulesMatched,
    /// It is on its way to a target.
    InvocationStart,
    /// An attempt waits because its target takes only so many a second.
    InvocationThrottleStart,
    /// An attempt is made.
    AttemptStart,
    /// It succeeded.
    AttemptSuccess,
    /// The target was asked too often; it is tried again.
    AttemptThrottle,
    /// It failed in a way that can pass.
    AttemptRetryableFailure,
    /// It failed for good.
    AttemptPermanentFailure,
    /// The target took the event.
    InvocationSuccess,
    /// The event is lost to the target.
    InvocationFailure,
    /// It is in the dead-letter queue.
    InvocationDlq,
}

impl Told {
    /// AWS's name of the step, and the level at which it is told. The names are the schema's. Of the levels, those of `EVENT_INGEST_SUCCESS` and
    /// `NO_STANDARD_RULES_MATCHED` are seen in published logs; of the others the table in the guide could not be consulted, and they follow its words:
    /// errors, "major steps performed during event processing", and all.
    const fn parts(self) -> (&'static str, LogLevel) {
        use LogLevel::{Error, Info, Trace};
        match self {
            Self::EventReceipt => ("EVENT_RECEIPT", Trace),
            Self::EventIngestSuccess => ("EVENT_INGEST_SUCCESS", Info),
            Self::EventIngestFailure => ("EVENT_INGEST_FAILURE", Error),
            Self::RuleMatchStart => ("RULE_MATCH_START", Trace),
            Self::RuleMatch => ("RULE_MATCH", Info),
            Self::NoStandardRulesMatched => ("NO_STANDARD_RULES_MATCHED", Info),
            Self::InvocationStart => ("INVOCATION_START", Info),
            Self::InvocationThrottleStart => ("INVOCATION_THROTTLE_START", Info),
            Self::AttemptStart => ("INVOCATION_ATTEMPT_START", Trace),
            Self::AttemptSuccess => ("INVOCATION_ATTEMPT_SUCCESS", Trace),
            Self::AttemptThrottle => ("INVOCATION_ATTEMPT_THROTTLE", Error),
            Self::AttemptRetryableFailure => ("INVOCATION_ATTEMPT_RETRYABLE_FAILURE", Error),
            Self::AttemptPermanentFailure => ("INVOCATION_ATTEMPT_PERMANENT_FAILURE", Error),
            Self::InvocationSuccess => ("INVOCATION_SUCCESS", Info),
            Self::InvocationFailure => ("INVOCATION_FAILURE", Error),
            Self::InvocationDlq => ("INVOCATION_DLQ", Error),
        }
    }

    /// The level at which it is told.
    #[must_use]
    pub const fn level(self) -> LogLevel {
        self.parts().1
    }

    /// The type of log that it belongs to; delivery sources name these.
    #[must_use]
    pub const fn log_type(self) -> &'static str {
        match self.level() {
            LogLevel::Off | LogLevel::Error => "ERROR_LOGS",
            LogLevel::Info => "INFO_LOGS",
            LogLevel::Trace => "TRACE_LOGS",
        }
    }
}

/// Named parts of a record, each JSON, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// Adds JSON.
    pub fn json(&mut self, name: &'static str, json: impl Into<String>) {
        self.0.push((name, json.into()));
    }

    /// Adds a text.
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.json(name, quoted(text));
    }

    /// Adds a text if there is one.
    pub fn text_if(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Adds a number.
    pub fn number(&mut self, name: &'static str, number: impl Into<i128>) {
        self.json(name, number.into().to_string());
    }

    /// Bytes of the object.
    fn len(&self) -> usize {
        self.0.iter().map(|(name, json)| name.len() + json.len() + 4).sum::<usize>() + 2
    }

    fn object(&self) -> String {
        let mut text = String::with_capacity(self.len());
        text.push('{');
        for (at, (name, json)) in self.0.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push('"');
            text.push_str(name);
            text.push_str("\":");
            text.push_str(json);
        }
        text.push('}');
        text
    }
}

/// What every record of one event on one bus says of it.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// ARN of the bus.
    pub bus_arn: &'a str,
    /// Its name.
    pub bus: &'a str,
    /// Id of the request that put the event.
    pub request_id: Option<&'a str>,
    /// Id of the event, once it has one.
    pub event_id: Option<[u8; 16]>,
    /// Id of its way to one target.
    pub invocation_id: Option<[u8; 16]>,
}

/// A record. What makes it too long is left out of its details and named, the longest first.
#[must_use]
pub fn record(
    about: &About<'_>,
    now: Timestamp,
    told: Told,
    mut details: Fields,
    error: Option<&Fields>,
) -> String {
    let (name, level) = told.parts();
    let mut record = Fields::default();
    record.text("resource_arn", about.bus_arn);
    record.number("message_timestamp_ms", now.millis());
    record.text("event_bus_name", about.bus);
    record.text_if("request_id", about.request_id);
    record.text_if("event_id", about.event_id.map(format_uuid).as_deref());
    record.text_if("invocation_id", about.invocation_id.map(format_uuid).as_deref());
    record.text("message_type", name);
    record.text("log_level", level.name());
    // Twelve names of fields are the most that can come to be left out.
    let others = record.len() + error.map_or(0, Fields::len) + 512;
    let mut dropped = Vec::new();
    while others + details.len() > RECORD_BYTES_MAX && !details.0.is_empty() {
        let longest = (0..details.0.len()).max_by_key(|at| details.0[*at].1.len()).unwrap_or_default();
        dropped.push(quoted(details.0.remove(longest).0));
    }
    record.json("details", details.object());
    if let Some(error) = error {
        record.json("error", error.object());
    }
    if !dropped.is_empty() {
        record.json("dropped_fields", format!("[{}]", dropped.join(",")));
    }
    record.object()
}

/// What of an event is told with its receipt. `event` is the event as rules see it, or as much as an entry that was refused has of it.
#[must_use]
pub fn event_details(account: &str, time: Timestamp, event: &str, has_detail: bool) -> Fields {
    let mut details = Fields::default();
    details.text("caller_account_id", account);
    details.number("source_time_ms", time.millis());
    let part =
        |name: &str| json::fields(event).find(|(key, _)| key.trim_matches('"') == name).map(|(_, json)| json);
    for (name, of_event) in [("source", "source"), ("detail_type", "detail-type"), ("resources", "resources")]
    {
        if let Some(json) = part(of_event) {
            details.json(name, json);
        }
    }
    if let Some(detail) = part("detail").filter(|_| has_detail) {
        details.text("event_detail", detail);
    }
    details
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ABOUT: About<'static> = About {
        bus_arn: "arn",
        bus: "b",
        request_id: Some("r"),
        event_id: Some([0x11; 16]),
        invocation_id: None,
    };

    #[test]
    fn every_step_is_told_at_its_level_and_in_its_log() {
        for (told, name, level, log_type) in [
            (Told::EventReceipt, "EVENT_RECEIPT", LogLevel::Trace, "TRACE_LOGS"),
            (Told::EventIngestSuccess, "EVENT_INGEST_SUCCESS", LogLevel::Info, "INFO_LOGS"),
            (Told::EventIngestFailure, "EVENT_INGEST_FAILURE", LogLevel::Error, "ERROR_LOGS"),
            (Told::RuleMatchStart, "RULE_MATCH_START", LogLevel::Trace, "TRACE_LOGS"),
            (Told::RuleMatch, "RULE_MATCH", LogLevel::Info, "INFO_LOGS"),
            (Told::NoStandardRulesMatched, "NO_STANDARD_RULES_MATCHED", LogLevel::Info, "INFO_LOGS"),
            (Told::InvocationStart, "INVOCATION_START", LogLevel::Info, "INFO_LOGS"),
            (Told::InvocationThrottleStart, "INVOCATION_THROTTLE_START", LogLevel::Info, "INFO_LOGS"),
            (Told::AttemptStart, "INVOCATION_ATTEMPT_START", LogLevel::Trace, "TRACE_LOGS"),
            (Told::AttemptSuccess, "INVOCATION_ATTEMPT_SUCCESS", LogLevel::Trace, "TRACE_LOGS"),
            (Told::AttemptThrottle, "INVOCATION_ATTEMPT_THROTTLE", LogLevel::Error, "ERROR_LOGS"),
            (
                Told::AttemptRetryableFailure,
                "INVOCATION_ATTEMPT_RETRYABLE_FAILURE",
                LogLevel::Error,
                "ERROR_LOGS",
            ),
            (
                Told::AttemptPermanentFailure,
                "INVOCATION_ATTEMPT_PERMANENT_FAILURE",
                LogLevel::Error,
                "ERROR_LOGS",
            ),
            (Told::InvocationSuccess, "INVOCATION_SUCCESS", LogLevel::Info, "INFO_LOGS"),
            (Told::InvocationFailure, "INVOCATION_FAILURE", LogLevel::Error, "ERROR_LOGS"),
            (Told::InvocationDlq, "INVOCATION_DLQ", LogLevel::Error, "ERROR_LOGS"),
        ] {
            assert_eq!((told.parts(), told.log_type()), ((name, level), log_type));
        }
    }

    #[test]
    fn a_record_reads_as_the_schema_says() {
        let event =
            r#"{"version":"0","detail-type":"t\"","source":"s","resources":["a"],"detail":{"n":1.50}}"#;
        let details =
            |has_detail| event_details("000000000000", Timestamp::from_millis(5), event, has_detail);
        let mut error = Fields::default();
        error.text("error_message", "no");
        let text =
            record(&ABOUT, Timestamp::from_millis(7), Told::EventIngestFailure, details(true), Some(&error));
        assert_eq!(
            text,
            concat!(
                r#"{"resource_arn":"arn","message_timestamp_ms":7,"event_bus_name":"b","request_id":"r","#,
                r#""event_id":"11111111-1111-1111-1111-111111111111","message_type":"EVENT_INGEST_FAILURE","log_level":"ERROR","#,
                r#""details":{"caller_account_id":"000000000000","source_time_ms":5,"source":"s","detail_type":"t\"","resources":["a"],"#,
                r#""event_detail":"{\"n\":1.50}"},"error":{"error_message":"no"}}"#
            )
        );
        let text = record(&ABOUT, Timestamp::from_millis(7), Told::EventReceipt, details(false), None);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&read["details"]["event_detail"], &read["error"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_record_that_is_too_long_loses_its_longest_details() {
        let most = RECORD_BYTES_MAX;
        for (input, body, dropped) in [
            (10, 10, Value::Null),
            (most - 1_000, 10, Value::Null),
            (most, 10, json!(["target_input"])),
            (most, most + 1, json!(["target_response_body", "target_input"])),
            (most / 2, most / 2 + 1, json!(["target_response_body"])),
        ] {
            let mut details = Fields::default();
            details.text("rule_arn", "r");
            details.text("target_input", &"x".repeat(input));
            details.text("target_response_body", &"x".repeat(body));
            let text = record(&ABOUT, Timestamp::EPOCH, Told::InvocationSuccess, details, None);
            assert!(text.len() <= most, "{}", text.len());
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["dropped_fields"], dropped);
            assert_eq!(read["details"]["rule_arn"], "r");
        }
    }
}
