//! What AWS answered in the recordings in `data/recordings.json`, each test named after the recording it replays.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Queues, arn, redrive};

static RECORDINGS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../data/recordings.json")).unwrap());

/// One recorded scenario being replayed.
pub struct Scenario {
    name: &'static str,
    pub queues: Queues,
    /// What each placeholder has stood for so far.
    bound: HashMap<String, Value>,
}

impl Scenario {
    pub fn new(name: &'static str) -> Self {
        assert!(RECORDINGS.get(name).is_some(), "{name} is not recorded");
        Self { name, queues: Queues::new(), bound: HashMap::new() }
    }

    /// Makes a call that must answer as it did in this step.
    #[track_caller]
    pub fn call(&mut self, step: &str, operation: &str, input: Value) -> Value {
        let answered = self.queues.recorded(operation, input);
        self.answered(step, &answered);
        answered
    }

    #[track_caller]
    pub fn answered(&mut self, step: &str, actual: &Value) {
        let recorded = RECORDINGS[self.name].get(step).unwrap_or_else(|| panic!("{step} is not recorded"));
        if let Err(why) = self.same(recorded, actual) {
            panic!("{}, {step}: {why}\nrecorded {recorded:#}\nanswered {actual:#}", self.name);
        }
    }

    /// What was answered is what was recorded, its placeholders being put in already.
    #[track_caller]
    pub fn same_text(&self, step: &str, actual: &Value) {
        assert_eq!(RECORDINGS[self.name][step], *actual);
    }

    fn same(&mut self, recorded: &Value, actual: &Value) -> Result<(), String> {
        let differs = || Err(format!("{recorded} was recorded, {actual} answered"));
        match (recorded, actual) {
            (Value::Object(a), Value::Object(b)) => {
                let keys = |object: &serde_json::Map<String, Value>| {
                    let mut keys: Vec<String> = object.keys().cloned().collect();
                    keys.sort();
                    keys
                };
                if keys(a) != keys(b) {
                    return Err(format!("members {:?} were recorded, {:?} answered", keys(a), keys(b)));
                }
                a.iter().try_for_each(|(key, value)| self.same(value, &b[key]))
            }
            (Value::Object(_), Value::String(text)) => {
                // The recorder shows texts that are JSON as what they say.
                let parsed = serde_json::from_str(text).map_err(|error| error.to_string())?;
                self.same(recorded, &parsed)
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).try_for_each(|(a, b)| self.same(a, b))
            }
            (Value::String(text), _) if text == "timestamp" => {
                let number = actual.as_i64().or_else(|| actual.as_str()?.parse().ok());
                if number.is_some() { Ok(()) } else { differs() }
            }
            (Value::String(text), _) if text.starts_with('<') && text.ends_with('>') => {
                let bound = self.bound.entry(text.clone()).or_insert_with(|| actual.clone());
                if bound == actual { Ok(()) } else { differs() }
            }
            _ if recorded == actual => Ok(()),
            (Value::String(pattern), Value::String(text)) if pattern.contains('<') => {
                if fits(pattern, text) {
                    Ok(())
                } else {
                    differs()
                }
            }
            _ => differs(),
        }
    }
}

/// Every scenario is replayed, but these: the answer of `send_message_via_queue_url_with_json_protocol` says only that there was one, and that of
/// `list_queues_pagination` was recorded from another server than AWS's, whose addresses and tokens are of another form; tests of paging are in
/// `validation.rs`.
const NOT_REPLAYED: [&str; 2] = ["send_message_via_queue_url_with_json_protocol", "list_queues_pagination"];

#[test]
fn every_recording_is_replayed() {
    let tests = [include_str!("recordings.rs"), include_str!("fifo.rs")].concat();
    for name in RECORDINGS.as_object().unwrap().keys() {
        // Scenarios with a parameter are named without it.
        let stem = name.split('[').next().unwrap();
        let replayed = [stem, name].iter().any(|name| tests.contains(&format!("\"{name}")));
        assert!(replayed, "{name} is not replayed");
    }
    assert!(NOT_REPLAYED.iter().all(|name| RECORDINGS.get(*name).is_some()));
}

/// Whether a text has the fixed parts of a pattern with placeholders, in order and at both ends.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('<').map(|part| part.split_once('>').map_or(part, |(_, fixed)| fixed));
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    for fixed in parts {
        match rest.find(fixed) {
            Some(at) => rest = &rest[at + fixed.len()..],
            None => return false,
        }
    }
    rest.is_empty() || pattern.ends_with('>')
}

fn one_queue(name: &'static str, attributes: Value) -> (Scenario, String) {
    let mut scenario = Scenario::new(name);
    let url = scenario.queues.create("q", attributes);
    (scenario, url)
}

#[test]
fn limits_of_one_message() {
    let (mut at, url) = one_queue("send_oversized_message", json!({}));
    let of = |bytes: usize| {
        json!({"QueueUrl": url, "MessageBody": "a".repeat(bytes),
            "MessageAttributes": {"k": {"DataType": "String", "StringValue": "x"}}})
    };
    at.call("send_oversized_message", "SendMessage", of(1_048_569));
    at.queues.ok("SendMessage", of(1_048_568));

    let (mut at, url) =
        one_queue("send_message_with_updated_maximum_message_size", json!({"MaximumMessageSize": "1024"}));
    let of = |bytes: usize| json!({"QueueUrl": url, "MessageBody": "a".repeat(bytes)});
    at.call("send_oversized_message", "SendMessage", of(1_025));
    at.queues.ok("SendMessage", of(1_024));

    let (mut at, url) = one_queue("send_empty_message", json!({}));
    at.call("send_empty_message", "SendMessage", json!({"QueueUrl": url, "MessageBody": ""}));

    let (mut at, url) = one_queue("send_message_with_empty_string_attribute", json!({}));
    let attributes = json!({"ErrorDetails": {"DataType": "String", "StringValue": ""}});
    let input = json!({"QueueUrl": url, "MessageBody": "test", "MessageAttributes": attributes});
    at.call("empty-string-attr", "SendMessage", input);
}

#[test]
fn limits_of_batches() {
    let (mut at, url) = one_queue("send_message_batch_with_oversized_contents", json!({}));
    let entry = |id: &str, bytes: usize| json!({"Id": id, "MessageBody": "a".repeat(bytes)});
    let attributed = |id: &str, bytes: usize| {
        let mut entry = entry(id, bytes);
        entry["MessageAttributes"] = json!({"k": {"DataType": "String", "StringValue": "x"}});
        entry
    };
    let batch = |url: &str, entries: Vec<Value>| json!({"QueueUrl": url, "Entries": entries});
    let entries = vec![attributed("1", 1_048_568), entry("2", 1)];
    at.call("send_oversized_message_batch", "SendMessageBatch", batch(&url, entries));

    let name = "send_message_batch_with_oversized_contents_with_updated_maximum_message_size";
    let (mut at, url) = one_queue(name, json!({"MaximumMessageSize": "2048"}));
    let entries = vec![attributed("1", 2_040), entry("2", 1)];
    at.call("send_oversized_message_batch", "SendMessageBatch", batch(&url, entries));

    let (mut at, url) = one_queue("send_batch_message_size", json!({"MaximumMessageSize": "1024"}));
    at.bound.insert("<uuid:1>".to_owned(), json!("big"));
    at.bound.insert("<uuid:2>".to_owned(), json!("small"));
    let big = entry("big", 1_025);
    let sent = at.queues.recorded("SendMessageBatch", batch(&url, vec![big, entry("small", 1_024)]));
    assert_eq!(
        sent["Failed"],
        fill(&at, &RECORDINGS["send_batch_message_size"]["send-message-batch-result"]["Failed"])
    );
    assert_eq!(sent["Successful"][0]["Id"], "small");

    let (mut at, url) = one_queue("too_many_entries_in_batch_request", json!({}));
    let entries = (0..20).map(|n| entry(&n.to_string(), 1)).collect();
    at.call("test_too_many_entries_in_batch_request", "SendMessageBatch", batch(&url, entries));

    let (mut at, url) = one_queue("invalid_batch_id", json!({}));
    at.call("test_invalid_batch_id", "SendMessageBatch", batch(&url, vec![entry("message:1", 1)]));
}

/// A recorded value with the placeholders that are bound filled in.
fn fill(at: &Scenario, recorded: &Value) -> Value {
    let mut text = recorded.to_string();
    for (placeholder, value) in &at.bound {
        text = text.replace(&format!("\"{placeholder}\""), &value.to_string());
    }
    serde_json::from_str(&text).unwrap()
}

#[test]
fn ids_of_batches_that_delete_or_change_visibility() {
    for (name, id) in [
        ("delete_message_batch_invalid_msg_id[empty]", ""),
        ("delete_message_batch_invalid_msg_id[invalid:id]", "invalid:id"),
        (
            "delete_message_batch_invalid_msg_id[testLongIdtestLongIdtestLongIdtestLongIdtestLongIdtestLongIdtestLongIdtestLongIdtestLongIdtestLongId]",
            &"testLongId".repeat(10),
        ),
    ] {
        let (mut at, url) = one_queue(name, json!({}));
        let entries = json!([{"Id": id, "ReceiptHandle": "h"}]);
        at.call("error_response", "DeleteMessageBatch", json!({"QueueUrl": url, "Entries": entries}));
    }
    for (name, operation) in [
        ("delete_message_batch_with_too_large_batch", "DeleteMessageBatch"),
        ("change_message_visibility_batch_with_too_large_batch", "ChangeMessageVisibilityBatch"),
    ] {
        let (mut at, url) = one_queue(name, json!({}));
        let entries: Vec<Value> = (0..20)
            .map(|n| json!({"Id": n.to_string(), "ReceiptHandle": "h", "VisibilityTimeout": 1}))
            .collect();
        at.call("error_response", operation, json!({"QueueUrl": url, "Entries": entries}));
    }
}

#[test]
fn numbers_of_a_receive() {
    let (mut at, url) = one_queue("send_receive_max_number_of_messages", json!({}));
    let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 11});
    at.call("send_max_number_of_messages", "ReceiveMessage", input);

    let (mut at, url) = one_queue("send_receive_wait_time_seconds", json!({}));
    let input = |secs: i32| json!({"QueueUrl": url, "WaitTimeSeconds": secs});
    at.call("recieve_message_error_too_large", "ReceiveMessage", input(21));
    at.call("recieve_message_error_too_small", "ReceiveMessage", input(-1));
    at.queues.send(&url, "message");
    at.queues.send(&url, "message");
    at.call("empty_short_poll_by_default_resp", "ReceiveMessage", json!({"QueueUrl": url}));
    at.call("empty_short_poll_explicit_resp", "ReceiveMessage", input(0));

    let (mut at, url) = one_queue("receive_empty_queue", json!({}));
    at.call("empty_short_poll_resp_no_param", "ReceiveMessage", json!({"QueueUrl": url}));
    at.call("empty_short_poll_resp", "ReceiveMessage", json!({"QueueUrl": url, "WaitTimeSeconds": 0}));
    at.queues.poll(&url, 1);
    at.queues.pass(Duration::from_secs(1));
    let mut ended = at.queues.ended.pop().unwrap().1;
    ended["ResponseMetadata"] = json!({"HTTPStatusCode": 200});
    at.answered("empty_long_poll_resp", &ended);
}

#[test]
fn receive_message_message_attribute_names_filters() {
    let (mut at, url) =
        one_queue("receive_message_message_attribute_names_filters", json!({"VisibilityTimeout": "0"}));
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    let attributes = json!({"Help.Me": text("Me"), "Hello": text("There"), "General": text("Kenobi")});
    let send = json!({"QueueUrl": url, "MessageBody": "msg", "MessageAttributes": attributes});
    at.call("send_message_response", "SendMessage", send);
    let input = |names: &[&str]| json!({"QueueUrl": url, "MessageAttributeNames": names});
    at.call("empty_filter", "ReceiveMessage", input(&[]));
    at.call("all_name", "ReceiveMessage", input(&["All"]));
    for (step, names) in [
        ("all_wildcard_asterisk", &["*"][..]),
        ("all_wildcard", &[".*"]),
        ("only_non_existing_names", &["Foo", "Help"]),
        ("only_existing", &["Hello", "General"]),
        ("existing_and_non_existing", &["Foo", "Hello"]),
        ("prefix_filter", &["Hel.*"]),
    ] {
        let received = at.queues.ok("ReceiveMessage", input(names));
        at.answered(step, &received["Messages"][0]);
    }
    at.call("illegal_name_1", "ReceiveMessage", input(&["AWS."]));
    at.call("illegal_name_2", "ReceiveMessage", input(&["..foo"]));
}

#[test]
fn system_attributes_by_either_name() {
    for (name, parameter) in [
        ("receive_message_attribute_names_filters", "AttributeNames"),
        ("receive_message_message_system_attribute_names_filters", "MessageSystemAttributeNames"),
    ] {
        let (mut at, url) = one_queue(name, json!({"VisibilityTimeout": "0"}));
        let attributes = json!({"Foo": {"DataType": "String", "StringValue": "Bar"}});
        let send = json!({"QueueUrl": url, "MessageBody": "msg", "MessageAttributes": attributes});
        at.queues.ok("SendMessage", send);
        let mut receive = |step: &str, system: &[&str], own: &[&str]| {
            let input = json!({"QueueUrl": url, parameter: system, "MessageAttributeNames": own});
            at.call(step, "ReceiveMessage", input);
        };
        receive("all_attributes", &["All"], &[]);
        receive("all_system_and_message_attributes", &["All"], &["All"]);
        receive("single_attribute", &["SenderId"], &[]);
        receive("multiple_attributes", &["SenderId", "SequenceNumber"], &[]);
    }
    let (mut at, url) =
        one_queue("message_system_attribute_names_with_attribute_names", json!({"VisibilityTimeout": "0"}));
    at.queues.send(&url, "msg");
    let input = |system: &str, old: &str| json!({"QueueUrl": url, "MessageSystemAttributeNames": [system], "AttributeNames": [old]});
    at.call("same_values", "ReceiveMessage", input("All", "All"));
    at.call("different_values", "ReceiveMessage", input("All", "SenderId"));
}

#[test]
fn what_messages_carry() {
    let (mut at, url) = one_queue("send_message_with_binary_attributes", json!({}));
    let trace =
        "dHJhY2VwYXJlbnQeMDAtNzc0MDYyZDZjMzcwODFhNWEwYjliNWI4OGUzMDYyN2MtMmQyNDgyMjExZjY0ODlkYS0wMQ==";
    let attributes = json!({"attr1": {"DataType": "Binary", "BinaryValue": trace}});
    let send = json!({"QueueUrl": url, "MessageBody": "test", "MessageAttributes": attributes});
    at.queues.ok("SendMessage", send);
    at.call("binary-attrs-msg", "ReceiveMessage", json!({"QueueUrl": url, "MessageAttributeNames": ["All"]}));
    assert_eq!(at.bound["<binary:1>"], trace);

    let (mut at, url) = one_queue("fair_queue_with_message_group_id", json!({}));
    let send = json!({"QueueUrl": url, "MessageBody": "message", "MessageGroupId": "test"});
    at.call("send_message", "SendMessage", send);
    let receive = json!({"QueueUrl": url, "AttributeNames": ["All"]});
    at.call("get-message-with-deduplication-id", "ReceiveMessage", receive);

    let mut at = Scenario::new("aws_trace_header_propagation");
    at.queues.trace_header =
        Some("Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1");
    let url = at.queues.create("q", json!({}));
    let timestamp = json!({"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}});
    let send = json!({"QueueUrl": url, "MessageBody": "test", "MessageAttributes": timestamp});
    at.queues.ok("SendMessage", send);
    let names = ["SentTimestamp", "AWSTraceHeader"];
    let input = json!({"QueueUrl": url, "AttributeNames": names, "MessageAttributeNames": ["All"]});
    let mut received = at.queues.ok("ReceiveMessage", input)["Messages"][0].clone();
    // The recorder took every member of this name for an instant.
    received["MessageAttributes"]["timestamp"] = json!(1);
    at.answered("xray-msg", &received);

    for (kind, id) in [("empty", ""), ("too_long", &*"a".repeat(129)), ("spaces", "group 123")] {
        for (name, parameter) in [
            ("send_message_to_standard_queue_with_invalid_message_group_id", "MessageGroupId"),
            ("message_deduplication_id_invalid", "MessageDeduplicationId"),
        ] {
            let name: &'static str = format!("{name}[{kind}]").leak();
            let (mut at, url) = one_queue(name, json!({}));
            let send = json!({"QueueUrl": url, "MessageBody": "m", parameter: id});
            at.call("error-response", "SendMessage", send);
        }
    }
}

#[test]
fn visibility_that_has_run_out() {
    let name = "change_message_visibility_after_visibility_timeout_expiration";
    let (mut at, url) = one_queue(name, json!({"VisibilityTimeout": "1"}));
    at.queues.send(&url, "foobar");
    let handle = at.queues.receive(&url)[0]["ReceiptHandle"].clone();
    at.queues.pass(Duration::from_secs(2));
    let change = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 2});
    at.call("visibility_timeout_expired", "ChangeMessageVisibility", change);

    let (mut at, url) = one_queue("delete_after_visibility_timeout", json!({"VisibilityTimeout": "1"}));
    at.queues.send(&url, "foobar");
    let handle = at.queues.receive(&url)[0]["ReceiptHandle"].clone();
    at.queues.pass(Duration::from_secs(2));
    at.queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle}));
    at.call("delete_after_timeout_queue_empty", "ReceiveMessage", json!({"QueueUrl": url}));
}

#[test]
fn attributes_of_queues() {
    let created = json!({"MessageRetentionPeriod": "604800", "ReceiveMessageWaitTimeSeconds": "10", "VisibilityTimeout": "20"});
    let (mut at, url) = one_queue("create_and_update_queue_attributes", created);
    let all = |url: &str| json!({"QueueUrl": url, "AttributeNames": ["All"]});
    let set = |url: &str, attributes: Value| json!({"QueueUrl": url, "Attributes": attributes});
    at.call("get_queue_attributes", "GetQueueAttributes", all(&url));
    let changed = json!({"MaximumMessageSize": "2048", "VisibilityTimeout": "69", "DelaySeconds": "420"});
    at.queues.ok("SetQueueAttributes", set(&url, changed));
    at.call("get_updated_queue_attributes", "GetQueueAttributes", all(&url));

    let (mut at, url) = one_queue("set_queue_attributes_default_values", json!({}));
    at.call("get-queue-attributes-initial-values", "GetQueueAttributes", all(&url));
    let kms = json!({"KmsMasterKeyId": "testKeyId", "KmsDataKeyReusePeriodSeconds": "6000"});
    at.queues.ok("SetQueueAttributes", set(&url, kms));
    at.call("get-queue-attributes-after-update", "GetQueueAttributes", all(&url));
    let defaults = json!({"KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300", "Policy": "", "RedrivePolicy": "", "RedriveAllowPolicy": ""});
    at.queues.ok("SetQueueAttributes", set(&url, defaults));
    at.call("get-queue-attributes-after-set-to-defaults", "GetQueueAttributes", all(&url));

    let (mut at, url) = one_queue("sse_queue_attributes", json!({}));
    let names = ["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"];
    let get = |url: &str| json!({"QueueUrl": url, "AttributeNames": names});
    let kms = json!({"KmsMasterKeyId": "testKeyId", "KmsDataKeyReusePeriodSeconds": "6000", "SqsManagedSseEnabled": "false"});
    at.queues.ok("SetQueueAttributes", set(&url, kms));
    at.call("sse_kms_attributes", "GetQueueAttributes", get(&url));
    let other = at.queues.create("other", json!({}));
    at.queues.ok("SetQueueAttributes", set(&other, json!({"SqsManagedSseEnabled": "true"})));
    at.call("sse_sqs_attributes", "GetQueueAttributes", get(&other));

    let (mut at, url) = one_queue("sse_kms_and_sqs_are_mutually_exclusive", json!({}));
    let both = json!({"KmsMasterKeyId": "testKeyId", "SqsManagedSseEnabled": "true"});
    let (code, message) = at.queues.fails("SetQueueAttributes", set(&url, both));
    let shown =
        format!("An error occurred ({code}) when calling the SetQueueAttributes operation: {message}");
    at.answered("error", &json!(shown));
}

#[test]
fn attributes_that_queues_do_not_have() {
    let (mut at, url) = one_queue("set_unsupported_attribute_standard", json!({}));
    for (step, value) in [("invalid-attr-name-1", "true"), ("invalid-attr-name-2", "false")] {
        let input = json!({"QueueUrl": url, "Attributes": {"FifoQueue": value}});
        at.call(step, "SetQueueAttributes", input);
    }
    let mut at = Scenario::new("create_standard_queue_with_fifo_attribute_raises_error");
    for (step, name, value) in [
        ("invalid-attribute-fifo-queue", "FifoQueue", "false"),
        ("invalid-attribute-content-based-deduplication", "ContentBasedDeduplication", "false"),
        ("invalid-attribute-deduplication-scope", "DeduplicationScope", "queue"),
        ("invalid-attribute-throughput-limit", "FifoThroughputLimit", "perQueue"),
    ] {
        at.call(step, "CreateQueue", json!({"QueueName": "q", "Attributes": {name: value}}));
    }
    let mut at = Scenario::new("create_queue_with_different_attributes_raises_exception");
    at.queues.create("q", json!({"DelaySeconds": "1"}));
    let create = |delay: &str| json!({"QueueName": "q", "Attributes": {"DelaySeconds": delay}});
    at.call("create_queue_01", "CreateQueue", create("2"));
    let url = at.queues.create("q", json!({"DelaySeconds": "1"}));
    at.queues.ok("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "2"}}));
    at.call("create_queue_02", "CreateQueue", create("1"));
}

#[test]
fn tags_and_purges() {
    let (mut at, url) = one_queue("tag_untag_queue", json!({}));
    let tags = json!({"tag1": "value1", "tag2": "value2", "tag3": ""});
    at.queues.ok("TagQueue", json!({"QueueUrl": url, "Tags": tags}));
    at.call("get-tag-1", "ListQueueTags", json!({"QueueUrl": url}));
    at.queues.ok("UntagQueue", json!({"QueueUrl": url, "TagKeys": ["tag1", "tag3"]}));
    at.call("get-tag-2", "ListQueueTags", json!({"QueueUrl": url}));
    at.queues.ok("UntagQueue", json!({"QueueUrl": url, "TagKeys": ["tag2"]}));
    at.call("get-tag-after-untag", "ListQueueTags", json!({"QueueUrl": url}));

    let (mut at, url) = one_queue("successive_purge_calls_fail", json!({}));
    at.queues.ok("PurgeQueue", json!({"QueueUrl": url}));
    let mut refused = at.queues.recorded("PurgeQueue", json!({"QueueUrl": url}));
    let message = refused["Error"]["Message"].as_str().unwrap().replace(" q ", " <queue-name> ");
    refused["Error"]["Message"] = json!(message);
    at.bound.clear();
    assert_eq!(refused, RECORDINGS["successive_purge_calls_fail"]["purge_queue_error"]);
}

#[test]
fn non_existent_queue() {
    let (mut at, url) = one_queue("non_existent_queue", json!({}));
    let gone = url.replace("/q", "/gone");
    at.call("queue-does-not-exist", "GetQueueUrl", json!({"QueueName": "gone"}));
    at.call("queue-does-not-exist-url", "GetQueueAttributes", json!({"QueueUrl": gone}));
    let xml = at.queues.query("GetQueueUrl", "QueueName=gone");
    let recorded = &RECORDINGS["non_existent_queue"]["queue-does-not-exist-query"]["Error"];
    for element in ["Code", "Message", "Type"] {
        let expected = format!("<{element}>{}</{element}>", recorded[element].as_str().unwrap());
        assert!(xml.contains(&expected), "{xml} lacks {expected}");
    }
}

#[test]
fn dead_letter_queue_message_attributes() {
    let mut at = Scenario::new("dead_letter_queue_message_attributes");
    let (source, dead) = at.queues.create_pair(1, json!({"VisibilityTimeout": "1"}));
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    at.queues.ok(
        "SendMessage",
        json!({
            "QueueUrl": source, "MessageBody": "message-1",
            "MessageAttributes": {"MyAttribute": text("foobar")},
            "MessageSystemAttributes": {"AWSTraceHeader": text(header)},
        }),
    );
    at.queues.send(&source, "message-2");
    let without_sender = |mut messages: Vec<Value>| {
        for message in &mut messages {
            message["Attributes"].as_object_mut().unwrap().remove("SenderId");
        }
        Value::Array(messages)
    };
    let received = at.queues.receive(&source);
    at.answered("rec-pre-dlq", &without_sender(received));
    at.queues.pass(Duration::from_secs(1));
    assert!(at.queues.receive(&source).is_empty());
    let received = at.queues.receive(&dead);
    assert_eq!(received[0]["Attributes"]["DeadLetterQueueSourceArn"], arn("source"));
    at.answered("dlq-messages", &without_sender(received));
}

#[test]
fn sqs_permission_lifecycle() {
    let (mut at, url) = one_queue("sqs_permission_lifecycle", json!({}));
    let label = "crossaccountpermission";
    let add = |label: &str, accounts: &[&str]| json!({"QueueUrl": url, "Label": label, "AWSAccountIds": accounts, "Actions": ["ReceiveMessage"]});
    let remove = |label: &str| json!({"QueueUrl": url, "Label": label});
    let get = json!({"QueueUrl": url, "AttributeNames": ["Policy"]});
    let own = "111111111111";
    at.call("add-permission-response", "AddPermission", add(label, &["668614515564", own]));
    at.call("get-queue-policy-attribute", "GetQueueAttributes", get.clone());
    at.call("remove-permission-response", "RemovePermission", remove(label));
    at.call("get-queue-policy-attribute-after-removal", "GetQueueAttributes", get.clone());
    at.queues.ok("AddPermission", add(label, &[own]));
    at.call("get-queue-policy-attribute-first-account-same-label", "GetQueueAttributes", get.clone());
    let again = add(label, &["668614515564"]);
    at.call("get-queue-policy-attribute-second-account-same-label", "AddPermission", again);
    let second = "crossaccountpermission2";
    at.queues.ok("AddPermission", add(second, &[own]));
    at.call("get-queue-policy-attribute-second-account-different-label", "GetQueueAttributes", get.clone());
    at.queues.ok("RemovePermission", remove(label));
    at.call("get-queue-policy-attribute-delete-first-permission", "GetQueueAttributes", get.clone());
    at.queues.ok("RemovePermission", remove(second));
    at.call("get-queue-policy-attribute-delete-second-permission", "GetQueueAttributes", get);
    at.call("get-queue-policy-attribute-delete-non-existent-label", "RemovePermission", remove(second));
}

/// A dead-letter queue with so many messages in it, all from `source`, and a queue `target`.
fn with_dead_letters(name: &'static str, count: usize) -> (Scenario, String) {
    let mut at = Scenario::new(name);
    let (source, dead) = at.queues.create_pair(1, json!({"VisibilityTimeout": "0"}));
    at.queues.create("target", json!({}));
    for n in 0..count {
        at.queues.send(&source, &n.to_string());
    }
    at.queues.receive(&source);
    at.queues.receive(&source);
    assert_eq!(at.queues.counts(&dead), [count, 0, 0]);
    (at, dead)
}

#[test]
fn move_tasks_that_run() {
    let list = || json!({"SourceArn": arn("dlq")});
    let (mut at, dead) = with_dead_letters("basic_move_task_workflow", 2);
    let start = json!({"SourceArn": arn("dlq"), "DestinationArn": arn("target")});
    at.call("start-message-move-task-response", "StartMessageMoveTask", start);
    at.call("list-message-move-task-response", "ListMessageMoveTasks", list());
    assert_eq!(at.queues.counts(&dead), [0, 0, 0]);

    let (mut at, _) = with_dead_letters("move_task_workflow_with_default_destination", 2);
    at.call("start-message-move-task-response", "StartMessageMoveTask", list());
    at.call("list-message-move-task-response", "ListMessageMoveTasks", list());

    let name = "move_task_workflow_with_multiple_sources_as_default_destination";
    let (mut at, _) = with_dead_letters(name, 2);
    let second = at.queues.create("second", json!({"RedrivePolicy": redrive(1), "VisibilityTimeout": "0"}));
    at.queues.send(&second, "a");
    at.queues.send(&second, "b");
    at.queues.receive(&second);
    at.queues.receive(&second);
    at.call("start-message-move-task-response", "StartMessageMoveTask", list());
    at.call("list-message-move-task-response", "ListMessageMoveTasks", list());
    assert_eq!(at.queues.counts(&second), [2, 0, 0]);
}

#[test]
fn move_tasks_with_a_rate() {
    let start =
        json!({"SourceArn": arn("dlq"), "DestinationArn": arn("target"), "MaxNumberOfMessagesPerSecond": 1});
    let list = json!({"SourceArn": arn("dlq")});
    let (mut at, _) = with_dead_letters("move_task_cancel", 10);
    let started = at.queues.ok("StartMessageMoveTask", start.clone());
    at.queues.pass(Duration::from_secs(1));
    at.call("list-while", "ListMessageMoveTasks", list.clone());
    at.call("cancel", "CancelMessageMoveTask", json!({"TaskHandle": started["TaskHandle"]}));
    at.queues.pass(Duration::from_secs(60));
    // AWS went on for a while and had moved eight when it was asked again; here a cancelled task stops at once.
    let mut after = at.queues.recorded("ListMessageMoveTasks", list.clone());
    assert_eq!(after["Results"][0]["ApproximateNumberOfMessagesMoved"], 2);
    after["Results"][0]["ApproximateNumberOfMessagesMoved"] = json!(8);
    at.answered("list-after", &after);

    let (mut at, _) = with_dead_letters("move_task_delete_destination_queue_while_running", 10);
    at.queues.ok("StartMessageMoveTask", start.clone());
    at.queues.pass(Duration::from_secs(2));
    at.queues.ok("DeleteQueue", json!({"QueueUrl": "http://127.0.0.1:4566/111111111111/target"}));
    at.queues.pass(Duration::from_secs(1));
    at.call("list", "ListMessageMoveTasks", list);

    let (mut at, dead) = with_dead_letters("move_task_with_throughput_limit", 10);
    at.call("start-message-move-task-response", "StartMessageMoveTask", start.clone());
    at.queues.pass(Duration::from_millis(4_999));
    assert_eq!(at.queues.counts(&dead), [5, 0, 0]);

    let (mut at, _) = with_dead_letters("start_multiple_move_tasks", 10);
    at.queues.ok("StartMessageMoveTask", start.clone());
    at.call("error", "StartMessageMoveTask", start);
}

#[test]
fn move_tasks_that_are_refused() {
    let (mut at, _) = one_queue("source_needs_redrive_policy", json!({}));
    at.call("error", "StartMessageMoveTask", json!({"SourceArn": arn("q")}));
    let (mut at, _) = with_dead_letters("destination_needs_to_exist", 0);
    let start = json!({"SourceArn": arn("dlq"), "DestinationArn": arn("gone")});
    at.call("error", "StartMessageMoveTask", start);
    let mut at = Scenario::new("cancel_with_invalid_task_handle");
    at.call("error", "CancelMessageMoveTask", json!({"TaskHandle": "foobared"}));
    let handle = |source: &str| {
        use base64::Engine;
        let text = json!({"taskId": "c3bbf3e4-0a3d-4a3c-b1f5-d3cf5d32f21e", "sourceArn": source}).to_string();
        json!({"TaskHandle": base64::engine::general_purpose::STANDARD.encode(text)})
    };
    let mut at = Scenario::new("cancel_with_invalid_source_arn_in_task_handle");
    at.call("error", "CancelMessageMoveTask", handle(&arn("gone")));
    let (mut at, _) = one_queue("cancel_with_invalid_task_id_in_task_handle", json!({}));
    at.call("error", "CancelMessageMoveTask", handle(&arn("q")));
}
