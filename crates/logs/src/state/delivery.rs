//! What AWS's services tell in vended logs: which resources have them, of which types, and what a record may hold.

use std::borrow::Cow;

use pontoon_core::{Arn, json};

/// A kind of resource whose logs can be delivered.
#[derive(Debug, PartialEq, Eq)]
pub struct LogSource {
    /// The service in its ARN, and as delivery sources name it.
    pub service: &'static str,
    /// What its ARN's resource begins with.
    pub resource_type: &'static str,
    /// The types of logs that it has.
    pub log_types: &'static [&'static str],
    /// The fields of its records, in their order.
    pub fields: &'static [&'static str],
    /// What whoever sets the delivery up must be allowed on the resource.
    pub allowing_action: &'static str,
}

/// Event buses. The log types and fields are those of "Configuring logs for Amazon EventBridge event buses" and "Amazon EventBridge event bus log
/// schema" in its user guide.
pub static SOURCES: &[LogSource] = &[LogSource {
    service: "events",
    resource_type: "event-bus",
    log_types: &["ERROR_LOGS", "INFO_LOGS", "TRACE_LOGS"],
    fields: &[
        "resource_arn",
        "message_timestamp_ms",
        "event_bus_name",
        "request_id",
        "event_id",
        "invocation_id",
        "message_type",
        "log_level",
        "details",
        "error",
        "dropped_fields",
    ],
    allowing_action: "events:AllowVendedLogDeliveryForResource",
}];

impl LogSource {
    /// The kind of the resource that an ARN names; `None` if it has no logs.
    #[must_use]
    pub fn of(arn: &Arn<'_>) -> Option<&'static Self> {
        SOURCES.iter().find(|source| {
            let name = arn.resource.strip_prefix(source.resource_type);
            source.service == arn.service && name.is_some_and(|name| name.starts_with('/') && name.len() > 1)
        })
    }

    /// Why a list of fields cannot be a delivery's; `None` if it can.
    #[must_use]
    pub fn fault_of(&self, fields: &[String]) -> Option<String> {
        if let Some(field) = fields.iter().find(|field| !self.fields.contains(&field.as_str())) {
            return Some(format!("The record field {field} is not one of this log source."));
        }
        let twice = fields.iter().enumerate().find(|(at, field)| fields[..*at].contains(field));
        twice.map(|(_, field)| format!("The record field {field} is named twice."))
    }
}

/// A record, a JSON object, with the named fields only, in the order in which they are named.
#[must_use]
pub fn selected<'r>(record: &'r str, fields: &[String], all: &[&str]) -> Cow<'r, str> {
    if fields == all {
        return Cow::Borrowed(record);
    }
    let told: Vec<(String, &str)> =
        json::fields(record).filter_map(|(name, value)| Some((json::unquoted(name)?, value))).collect();
    let kept = fields.iter().filter_map(|field| {
        let (_, value) = told.iter().find(|(name, _)| name == field)?;
        Some(format!("{}:{value}", json::quoted(field)))
    });
    Cow::Owned(format!("{{{}}}", kept.collect::<Vec<String>>().join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(fields: &[&str]) -> Vec<String> {
        fields.iter().map(|field| (*field).to_owned()).collect()
    }

    #[test]
    fn event_buses_have_logs() {
        for (arn, expected) in [
            ("arn:aws:events:us-east-1:000000000000:event-bus/default", Some("event-bus")),
            ("arn:aws:events:us-east-1:000000000000:event-bus/", None),
            ("arn:aws:events:us-east-1:000000000000:event-bus", None),
            ("arn:aws:events:us-east-1:000000000000:rule/r", None),
            ("arn:aws:s3:::event-bus/b", None),
        ] {
            let found = Arn::parse(arn).and_then(|arn| LogSource::of(&arn));
            assert_eq!(found.map(|source| source.resource_type), expected, "{arn}");
        }
    }

    #[test]
    fn fields_must_be_those_of_the_source_and_named_once() {
        for (fields, expected) in [
            (&["event_id", "resource_arn"][..], None),
            (&[][..], None),
            (&["event_id", "date"][..], Some("The record field date is not one of this log source.")),
            (&["error", "error"][..], Some("The record field error is named twice.")),
        ] {
            assert_eq!(SOURCES[0].fault_of(&named(fields)).as_deref(), expected);
        }
    }

    #[test]
    fn a_record_keeps_the_fields_that_are_wanted_as_they_are_spelled() {
        let record = r#"{"a":"x\"y","b":{"c":[1.0,2]},"d":null}"#;
        for (fields, expected) in [
            (&["a", "b", "d"][..], record),
            (&["b", "a"], r#"{"b":{"c":[1.0,2]},"a":"x\"y"}"#),
            (&["d", "e"], r#"{"d":null}"#),
            (&[], "{}"),
        ] {
            assert_eq!(selected(record, &named(fields), &["a", "b", "d"]), expected);
        }
    }
}
