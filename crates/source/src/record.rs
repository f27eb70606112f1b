//! Received messages as they stand in events.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_api::sqs;
use pontoon_core::trace::TRACES_ATTRIBUTE;
use pontoon_core::{Arn, TraceId, TraceIds, ids};
use serde_json::{Value, json};

use crate::poller::Held;

/// The record of a message in the event (recordings `test_message_body_and_attributes_passed_correctly`, `test_sqs_event_source_mapping`). Without
/// attributes there is no digest of them, or, from a batching window, one that is null.
fn record_of(message: &sqs::Message, queue_arn: &str, window_secs: u32) -> Value {
    let region = Arn::parse(queue_arn).map(|arn| arn.region).unwrap_or_default();
    let attributes = message.message_attributes.iter().flatten().map(|(name, value)| {
        let mut attribute =
            json!({ "stringListValues": [], "binaryListValues": [], "dataType": value.data_type });
        if let Some(text) = &value.string_value {
            attribute["stringValue"] = text.as_str().into();
        }
        if let Some(bytes) = &value.binary_value {
            attribute["binaryValue"] = STANDARD.encode(bytes).into();
        }
        (name.clone(), attribute)
    });
    let mut record = json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.attributes.clone().unwrap_or_default(),
        "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    });
    let digest = &message.md5_of_message_attributes;
    if digest.is_some() || window_secs > 0 {
        record["md5OfMessageAttributes"] = json!(digest);
    }
    record
}

/// A message as it is held, and its record. `window_secs` is the batching window.
#[must_use]
pub fn held(mut message: sqs::Message, queue_arn: &str, window_secs: u32) -> (Held, Value) {
    let ids = message.attributes.as_mut().and_then(|attributes| attributes.remove(TRACES_ATTRIBUTE));
    let ids: Vec<TraceId> =
        ids.iter().flat_map(|ids| ids.split(',')).filter_map(|id| ids::parse_uuid(id).map(TraceId)).collect();
    let record = record_of(&message, queue_arn, window_secs);
    let held = Held {
        message_id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        record: record.to_string(),
        traces: (!ids.is_empty()).then(|| Arc::from(ids)),
    };
    (held, record)
}

/// The traces that any of the messages continues.
#[must_use]
pub fn traces_of_all(batch: &[Held]) -> TraceIds {
    let mut traces: Vec<_> =
        batch.iter().filter_map(|held| held.traces.as_ref()).flat_map(|ids| ids.iter().copied()).collect();
    traces.sort_unstable();
    traces.dedup();
    (!traces.is_empty()).then(|| Arc::from(traces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_shape_of_the_recordings() {
        let message = sqs::Message {
            message_id: Some("m".to_owned()),
            receipt_handle: Some("h".to_owned()),
            md5_of_body: Some("b".to_owned()),
            body: Some("{}".to_owned()),
            attributes: Some([("ApproximateReceiveCount".to_owned(), "1".to_owned())].into()),
            md5_of_message_attributes: None,
            message_attributes: Some(
                [(
                    "Title".to_owned(),
                    sqs::MessageAttributeValue {
                        data_type: "String".to_owned(),
                        string_value: Some("The Whistler".to_owned()),
                        ..sqs::MessageAttributeValue::default()
                    },
                )]
                .into(),
            ),
        };
        let without_window = record_of(&message, "arn:aws:sqs:eu-west-1:000000000000:q", 0);
        assert_eq!(without_window.get("md5OfMessageAttributes"), None);
        assert_eq!(
            record_of(&message, "arn:aws:sqs:eu-west-1:000000000000:q", 1),
            json!({
                "messageId": "m", "receiptHandle": "h", "body": "{}",
                "attributes": { "ApproximateReceiveCount": "1" },
                "messageAttributes": { "Title": {
                    "stringValue": "The Whistler", "stringListValues": [], "binaryListValues": [], "dataType": "String"
                } },
                "md5OfMessageAttributes": null, "md5OfBody": "b", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:q", "awsRegion": "eu-west-1"
            })
        );
    }
}
