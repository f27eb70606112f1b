//! Whatever comes from outside or from the store: it is read as it was written, or refused, and never panics.

use std::collections::BTreeMap;

use bytes::Bytes;
use pontoon_core::{Timestamp, TraceId};
use pontoon_sqs::state::attributes::Attributes;
use pontoon_sqs::state::md5;
use pontoon_sqs::state::message::{Attribute, AttributeValue, Content, Header};
use pontoon_sqs::state::move_task::MoveTask;
use pontoon_sqs::state::receipt::Receipt;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Queues, arn};

/// JSON of any shape, made of what policies are made of.
fn policy_json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 23] = [
        "deadLetterTargetArn",
        "maxReceiveCount",
        "redrivePermission",
        "sourceQueueArns",
        "byQueue",
        "allowAll",
        "denyAll",
        "Version",
        "2012-10-17",
        "Statement",
        "Effect",
        "Allow",
        "Principal",
        "AWS",
        "*",
        "Action",
        "sqs:*",
        "Resource",
        "Condition",
        "StringEquals",
        "aws:SourceArn",
        "ü",
        "",
    ];
    let word = prop_oneof![
        prop::sample::select(&WORDS[..]).prop_map(str::to_owned),
        Just(arn("dlq")),
        Just("arn:aws:sqs:us-east-1:111111111111".to_owned()),
    ];
    let leaf = prop_oneof![
        word.clone().prop_map(Value::String),
        any::<i64>().prop_map(|n| json!(n)),
        (0..1_100_i64).prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(word.clone(), inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

fn content() -> impl Strategy<Value = Content> {
    let attribute = (".{0,9}", "[A-Za-z.]{0,9}", any::<Vec<u8>>(), any::<bool>()).prop_map(
        |(name, data_type, bytes, binary)| Attribute {
            name,
            data_type,
            value: if binary {
                AttributeValue::Binary(Bytes::from(bytes))
            } else {
                AttributeValue::Text(String::from_utf8_lossy(&bytes).into_owned())
            },
        },
    );
    let texts = prop::array::uniform4(prop::option::of(".{0,20}"));
    let times = (0..i64::MAX / 2, 0..1_000_000_i64);
    (
        any::<[u8; 16]>(),
        ".{1,40}",
        prop::collection::vec(attribute, 0..4),
        texts,
        times,
        any::<u32>(),
        prop::option::of(prop::collection::vec(any::<[u8; 16]>(), 0..3)),
    )
        .prop_map(|(id, body, attributes, texts, (sent, delay), carried_receives, traces)| {
            let [trace_header, group, deduplication_id, dead_letter_source] = texts;
            Content {
                id,
                body_md5: (delay % 2 == 0).then(|| md5::digest(body.as_bytes())),
                body,
                attributes,
                trace_header,
                sender: "sender".to_owned(),
                sent_at: Timestamp::from_millis(sent),
                visible_at: Timestamp::from_millis(sent + delay),
                group,
                deduplication_id,
                dead_letter_source,
                carried_receives,
                traces: traces.map(|ids| ids.into_iter().map(TraceId).collect()),
            }
        })
}

proptest! {
    #[test]
    fn receipts_read_back_and_one_changed_byte_is_noticed(
        numbers in any::<(u64, u64, u32)>(), at in 0..28_usize, flip in 1..=u8::MAX,
    ) {
        use base64::Engine;
        let encoder = base64::engine::general_purpose::STANDARD;
        let receipt = Receipt { queue: numbers.0, message: numbers.1, receive: numbers.2 };
        let text = receipt.encode();
        prop_assert_eq!(Receipt::decode(&text), Some(receipt));
        let mut bytes = encoder.decode(&text).unwrap();
        bytes[at] ^= flip;
        prop_assert_eq!(Receipt::decode(&encoder.encode(&bytes)), None);
    }

    #[test]
    fn texts_that_are_no_handles_are_refused(text in ".{0,60}", base in "[A-Za-z0-9+/=]{0,60}") {
        for text in [&text, &base] {
            prop_assert_eq!(Receipt::decode(text), None);
            prop_assert_eq!(MoveTask::read_handle(text), None);
        }
    }

    #[test]
    fn contents_read_back_whole_and_by_their_heads(content in content()) {
        let bytes = content.encode();
        let header = Header::decode(&bytes).unwrap();
        prop_assert_eq!((header.sent_at, header.visible_at), (content.sent_at, content.visible_at));
        prop_assert_eq!((header.group, header.carried_receives), (content.group.as_deref(), content.carried_receives));
        for cut in 0..bytes.len() {
            // A cut between two fields reads as less, one within a field not at all.
            let _ = Header::decode(&bytes[..cut]);
            prop_assert_ne!(Content::decode(&bytes[..cut]), Some(content.clone()));
        }
        prop_assert_eq!(Content::decode(&bytes), Some(content));
    }

    #[test]
    fn bytes_that_are_no_content_do_not_hurt(bytes in any::<Vec<u8>>()) {
        let _ = (Content::decode(&bytes), Header::decode(&bytes));
    }

    #[test]
    fn policies_are_taken_and_shown_as_they_are_or_refused(
        policy in policy_json(), name in prop::sample::select(&["Policy", "RedrivePolicy", "RedriveAllowPolicy"][..]),
    ) {
        let text = policy.to_string();
        let given = BTreeMap::from([(name.to_owned(), text.clone())]);
        match Attributes::default().with(&given) {
            Ok(attributes) => {
                let shown = attributes.texts().into_iter().find(|(shown, _)| *shown == name);
                prop_assert_eq!(shown, Some((name, text)));
            }
            Err(error) => prop_assert!(matches!(error.entry_code(), "InvalidAttributeValue" | "InvalidParameterValue")),
        }
    }

    #[test]
    fn no_input_of_a_send_breaks_it(
        body in ".{0,30}", name in ".{0,12}", data_type in "(String|Number|Binary|.{0,6})(\\..{0,4})?", value in ".{0,12}",
        group in prop::option::of(".{0,6}"), delay in any::<i32>(), fifo in any::<bool>(),
    ) {
        let mut queues = Queues::new();
        let url = if fifo {
            queues.create("q.fifo", json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}))
        } else {
            queues.create("q", json!({}))
        };
        let mut input = json!({
            "QueueUrl": url, "MessageBody": body, "DelaySeconds": delay,
            "MessageAttributes": {name: {"DataType": data_type, "StringValue": value}},
        });
        if let Some(group) = group {
            input["MessageGroupId"] = json!(group);
        }
        let sent = queues.call("SendMessage", &input).is_ok();
        prop_assert_eq!(queues.counts(&url).iter().sum::<usize>(), usize::from(sent));
    }
}
