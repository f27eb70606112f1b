//! The edges of what is accepted, and the words of what is not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Queues, arn, bodies, redrive};

#[test]
fn names_of_queues() {
    let mut queues = Queues::new();
    for name in ["a", "A-b_9", &"x".repeat(80)] {
        queues.create(name, json!({}));
    }
    for name in ["a.b", "a b", "ä", "a.fifo", &"x".repeat(81)] {
        assert_eq!(
            queues.fails("CreateQueue", json!({"QueueName": name})),
            (
                "InvalidParameterValue".to_owned(),
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
                    .to_owned()
            ),
            "{name}"
        );
    }
    assert_eq!(
        queues.fails("SendMessage", json!({"MessageBody": "m"})),
        ("MissingParameter".to_owned(), "The request must contain the parameter QueueUrl.".to_owned())
    );
}

#[test]
fn ranges_of_attributes() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    for (name, low, high) in [
        ("VisibilityTimeout", 0_i64, 43_200),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ] {
        let set = |value: &str| json!({"QueueUrl": url, "Attributes": {name: value}});
        for value in [low, high] {
            queues.ok("SetQueueAttributes", set(&value.to_string()));
        }
        for value in [(low - 1).to_string(), (high + 1).to_string(), "x".into(), "1.5".into()] {
            assert_eq!(
                queues.fails("SetQueueAttributes", set(&value)),
                ("InvalidAttributeValue".to_owned(), format!("Invalid value for the parameter {name}.")),
                "{value}"
            );
        }
    }
    let unknown = json!({"QueueUrl": url, "Attributes": {"Foo": "1"}});
    let named = ("InvalidAttributeName".to_owned(), "Unknown Attribute Foo.".to_owned());
    assert_eq!(queues.fails("SetQueueAttributes", unknown), named);
    assert_eq!(
        queues.fails("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["Foo"]})),
        named
    );
    assert_eq!(queues.fails("ReceiveMessage", json!({"QueueUrl": url, "AttributeNames": ["Foo"]})), named);
    // What failed changed nothing, not even what stood before it in the request.
    let mixed = json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "1", "VisibilityTimeout": "-1"}});
    queues.fails("SetQueueAttributes", mixed);
    assert_eq!(queues.attribute(&url, "DelaySeconds"), "900");
}

#[test]
fn numbers_of_requests() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let handle = "AQEB";
    let between = |low, high| format!("Must be between {low} and {high}, if provided.");
    for (operation, parameter, value, reason) in [
        ("ReceiveMessage", "MaxNumberOfMessages", 0, between(1, 10)),
        ("ReceiveMessage", "MaxNumberOfMessages", 11, between(1, 10)),
        ("ReceiveMessage", "VisibilityTimeout", -1, between(0, 43_200)),
        ("ReceiveMessage", "VisibilityTimeout", 43_201, between(0, 43_200)),
        ("ReceiveMessage", "WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided.".to_owned()),
        ("ChangeMessageVisibility", "VisibilityTimeout", 43_201, between(0, 43_200)),
        ("SendMessage", "DelaySeconds", 901, "DelaySeconds must be >= 0 and <= 900.".to_owned()),
        ("SendMessage", "DelaySeconds", -1, "DelaySeconds must be >= 0 and <= 900.".to_owned()),
    ] {
        let mut input = json!({"QueueUrl": url, parameter: value});
        if operation == "SendMessage" {
            input["MessageBody"] = json!("m");
        }
        if operation == "ChangeMessageVisibility" {
            input["ReceiptHandle"] = json!(handle);
        }
        assert_eq!(
            queues.fails(operation, input),
            (
                "InvalidParameterValue".to_owned(),
                format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}")
            )
        );
    }
}

#[test]
fn message_attributes() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let text = |data_type: &str, value: &str| json!({"DataType": data_type, "StringValue": value});
    let send =
        |attributes: Value| json!({"QueueUrl": url, "MessageBody": "m", "MessageAttributes": attributes});
    for (name, attribute) in [
        ("a.b-c_9", text("String", "x")),
        ("n", text("Number", "-1.5e10")),
        ("n", text("Number.int", "12345678901234567890123456789012345678")),
        ("c", text("String.custom", "x")),
        ("b", json!({"DataType": "Binary.gif", "BinaryValue": "AA=="})),
        (&*"n".repeat(256), text("String", "x")),
    ] {
        queues.ok("SendMessage", send(json!({name: attribute})));
    }
    let prefix = "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.";
    for (name, attribute, message) in [
        ("aws.x", text("String", "x"), prefix.to_owned()),
        ("Amazon.x", text("String", "x"), prefix.to_owned()),
        ("n", text("Number", "ten"), "Can't cast the value of message (user) attribute 'n' to a number.".to_owned()),
        ("n", text("Number", "inf"), "Can't cast the value of message (user) attribute 'n' to a number.".to_owned()),
        (
            "s",
            text("Boolean", "true"),
            "The message attribute 's' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.".to_owned(),
        ),
        (
            "s",
            text("", "x"),
            "The message attribute 's' must contain non-empty message attribute type.".to_owned(),
        ),
        (
            "b",
            text("Binary", "x"),
            "Message (user) attribute 'b' must contain a non-empty value of type 'Binary'.".to_owned(),
        ),
    ] {
        let failed = queues.fails("SendMessage", send(json!({name: attribute})));
        assert_eq!(failed, ("InvalidParameterValue".to_owned(), message));
    }
    for name in [".a", "a.", "a..b", "a b", &"n".repeat(257)] {
        let failed = queues.fails("SendMessage", send(json!({name: text("String", "x")})));
        assert_eq!(failed.0, "InvalidParameterValue", "{name}");
    }
    let many: serde_json::Map<String, Value> =
        (0..11).map(|n| (format!("a{n}"), text("String", "x"))).collect();
    assert_eq!(
        queues.fails("SendMessage", send(Value::Object(many))).1,
        "Number of message attributes [11] exceeds the allowed maximum [10]."
    );
}

#[test]
fn characters_of_messages() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    for body in ["\t\n\r ~", "\u{d7ff}", "\u{e000}", "\u{fffd}", "\u{10000}", "\u{10ffff}"] {
        queues.send(&url, body);
    }
    for (body, code) in
        [("\0", "0"), ("a\u{b}", "B"), ("\u{1f}", "1F"), ("\u{fffe}", "FFFE"), ("\u{ffff}", "FFFF")]
    {
        let (kind, message) = queues.fails("SendMessage", json!({"QueueUrl": url, "MessageBody": body}));
        assert_eq!(kind, "InvalidMessageContents", "{body:?}");
        assert_eq!(
            message,
            format!(
                "Invalid binary character '#x{code}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."
            )
        );
    }
    let attribute = json!({"a": {"DataType": "String", "StringValue": "\u{8}"}});
    let input = json!({"QueueUrl": url, "MessageBody": "m", "MessageAttributes": attribute});
    assert_eq!(queues.fails("SendMessage", input).0, "InvalidParameterValue");
    let letters = json!({"attr.1øßä": {"DataType": "String", "StringValue": "v"}});
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "m", "MessageAttributes": letters}));
    assert_eq!(queues.counts(&url), [7, 0, 0]);
}

#[test]
fn values_that_are_lists_are_refused_even_if_empty() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let attribute = json!({"a": {"DataType": "String", "StringValue": "v", "StringListValues": []}});
    let message = json!({"Id": "1", "MessageBody": "m", "MessageAttributes": attribute});
    let mut send = message.clone();
    send["QueueUrl"] = json!(url);
    send.as_object_mut().unwrap().remove("Id");
    let entries = json!([{"Id": "0", "MessageBody": "m"}, message]);
    for (operation, input) in
        [("SendMessage", send), ("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries}))]
    {
        assert_eq!(
            queues.fails(operation, input),
            (
                "AWS.SimpleQueueService.UnsupportedOperation".to_owned(),
                format!("Message attribute list values in {operation} operation are not supported.")
            )
        );
    }
    assert_eq!(queues.counts(&url), [0, 0, 0]);
}

#[test]
fn a_queue_of_the_callers_own_goes_by_its_name_too() {
    // sqs/test_sqs: test_posting_to_queue_via_queue_name
    let mut queues = Queues::new();
    queues.create("q", json!({}));
    let sent = queues.send("q", "Using name instead of URL");
    assert_eq!(sent["MD5OfMessageBody"], "86a83f96652a1bfad3891e7d523750cb");
    let missing = queues.fails("SendMessage", json!({"QueueUrl": "other", "MessageBody": "m"}));
    assert_eq!(missing.0, "AWS.SimpleQueueService.NonExistentQueue");
}

#[test]
fn a_queue_cannot_be_purged_again_for_a_minute_whatever_happens_to_the_process() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let purge = json!({"QueueUrl": url});
    queues.ok("PurgeQueue", purge.clone());
    queues.pass(Duration::from_millis(59_999));
    queues.restart();
    let refused = queues.fails("PurgeQueue", purge.clone());
    assert_eq!(refused.0, "AWS.SimpleQueueService.PurgeQueueInProgress");
    queues.pass(Duration::from_millis(1));
    queues.ok("PurgeQueue", purge);
}

#[test]
fn batches_fail_as_a_whole_or_entry_by_entry() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let send = |entries: Value| json!({"QueueUrl": url, "Entries": entries});
    assert_eq!(
        queues.fails("SendMessageBatch", send(json!([]))),
        (
            "AWS.SimpleQueueService.EmptyBatchRequest".to_owned(),
            "There should be at least one SendMessageBatchRequestEntry in the request.".to_owned()
        )
    );
    let xml = queues.query("SendMessageBatch", &format!("QueueUrl={url}"));
    assert!(xml.contains("<Code>AWS.SimpleQueueService.EmptyBatchRequest</Code>"), "{xml}");
    let twice = json!([{"Id": "a", "MessageBody": "1"}, {"Id": "a", "MessageBody": "2"}]);
    assert_eq!(
        queues.fails("SendMessageBatch", send(twice)),
        ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct".to_owned(), "Id a repeated.".to_owned())
    );
    assert_eq!(queues.counts(&url), [0, 0, 0]);
    let mixed = json!([
        {"Id": "a", "MessageBody": "1"},
        {"Id": "b", "MessageBody": "\u{1}"},
        {"Id": "c", "MessageBody": "3", "DelaySeconds": 9},
    ]);
    let sent = queues.ok("SendMessageBatch", send(mixed));
    assert_eq!(sent["Successful"].as_array().unwrap().len(), 2);
    assert_eq!(sent["Failed"][0]["Id"], "b");
    assert_eq!(sent["Failed"][0]["Code"], "InvalidMessageContents");
    assert_eq!(sent["Failed"][0]["SenderFault"], true);
    assert_eq!(queues.counts(&url), [1, 0, 1]);
}

#[test]
fn redrive_policies() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    queues.create("dlq", json!({}));
    let set = |policy: &str| json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": policy}});
    let gone = redrive(1).replace(":dlq", ":gone");
    for policy in ["{", "[]"] {
        let message =
            "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.";
        assert_eq!(
            queues.fails("SetQueueAttributes", set(policy)),
            ("InvalidAttributeValue".to_owned(), message.to_owned())
        );
    }
    let missing = |name: &str| format!("Redrive policy does not contain mandatory attribute: {name}.");
    let count = |given: &str| {
        format!("Invalid value for maxReceiveCount: {given}, valid values are from 1 to 1000 both inclusive.")
    };
    let to = |arn: &str| json!({"deadLetterTargetArn": arn, "maxReceiveCount": "3"}).to_string();
    for (policy, reason) in [
        ("{}", &*missing("maxReceiveCount")),
        (r#"{"maxReceiveCount": 1}"#, &missing("deadLetterTargetArn")),
        (
            r#"{"maxReceiveCount": 1, "deadLetterTargetArn": "a", "more": 1}"#,
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
        ),
        (&gone, "Dead letter target does not exist."),
        (&redrive(0), &count("0")),
        (&redrive(1_001), &count("1001")),
        (&redrive(7).replace('7', "1.5"), &count("1.5")),
        (&to("dlq"), "Invalid value for deadLetterTargetArn."),
        (
            &to("arn:aws:sns:us-east-1:111111111111:dlq"),
            "Only SQS queues are valid resources for deadLetterTargetArn.",
        ),
    ] {
        assert_eq!(
            queues.fails("SetQueueAttributes", set(policy)),
            (
                "InvalidParameterValue".to_owned(),
                format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}")
            )
        );
    }
    queues.ok("SetQueueAttributes", set(&redrive(1_000)));
    assert_eq!(queues.attribute(&url, "RedrivePolicy"), redrive(1_000));
    let sources = json!({"QueueUrl": url.replace("/q", "/dlq")});
    assert_eq!(queues.ok("ListDeadLetterSourceQueues", sources)["queueUrls"], json!([url]));
    queues.ok("SetQueueAttributes", set(""));
    assert_eq!(queues.attribute(&url, "RedrivePolicy"), Value::Null);
    let allow = json!({"redrivePermission": "byQueue", "sourceQueueArns": [arn("other")]}).to_string();
    let dlq = json!({"QueueUrl": url.replace("/q", "/dlq"), "Attributes": {"RedriveAllowPolicy": allow}});
    queues.ok("SetQueueAttributes", dlq);
    assert_eq!(queues.fails("SetQueueAttributes", set(&redrive(1))).0, "InvalidParameterValue");
}

#[test]
fn redrive_allow_policies() {
    let mut queues = Queues::new();
    let (dead, source) = (queues.create("dlq", json!({})), queues.create("source", json!({})));
    let set = |policy: &str| json!({"QueueUrl": dead, "Attributes": {"RedriveAllowPolicy": policy}});
    let by = |sources: Value| json!({"redrivePermission": "byQueue", "sourceQueueArns": sources}).to_string();
    let many: Vec<String> = (0..11).map(|n| arn(&n.to_string())).collect();
    for policy in [
        "{".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({"redrivePermission": "some"}).to_string(),
        json!({"redrivePermission": "allowAll", "more": 1}).to_string(),
        by(json!(["source"])),
        by(json!([1])),
        by(json!(arn("source"))),
    ] {
        let reason =
            "Amazon SQS can't create the redrive allow policy, as it\u{2019}s in an unsupported format.";
        assert_eq!(
            queues.fails("SetQueueAttributes", set(&policy)),
            (
                "InvalidAttributeValue".to_owned(),
                format!("Invalid value for the parameter RedriveAllowPolicy. Reason: {reason}")
            )
        );
    }
    let needs = "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.";
    let takes_none = "To specify one or more source queue ARNs, you must set redrivePermission to byQueue.";
    for (policy, reason) in [
        (json!({"redrivePermission": "byQueue"}).to_string(), needs),
        (by(json!([])), needs),
        (by(json!(many)), "The maximum number of source queue ARNs you can specify is 10."),
        (json!({"redrivePermission": "denyAll", "sourceQueueArns": [arn("source")]}).to_string(), takes_none),
        (json!({"redrivePermission": "allowAll", "sourceQueueArns": []}).to_string(), takes_none),
    ] {
        assert_eq!(
            queues.fails("SetQueueAttributes", set(&policy)),
            (
                "InvalidParameterValue".to_owned(),
                format!(
                    "Value {policy} for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS can't create the redrive allow policy. {reason}"
                )
            )
        );
    }
    // Who is allowed: none, any, or those that are named. What already redrives goes on.
    let redrives = json!({"QueueUrl": source, "Attributes": {"RedrivePolicy": redrive(1)}});
    let creates = |name: &str| json!({"QueueName": name, "Attributes": {"RedrivePolicy": redrive(1)}});
    for (policy, allowed) in [
        (json!({"redrivePermission": "denyAll"}).to_string(), false),
        (by(json!([arn("other")])), false),
        (by(json!([arn("other"), arn("source")])), true),
        (json!({"redrivePermission": "denyAll"}).to_string(), false),
        (json!({"redrivePermission": "allowAll"}).to_string(), true),
        (String::new(), true),
    ] {
        queues.ok("SetQueueAttributes", set(&policy));
        assert_eq!(
            queues.attribute(&dead, "RedriveAllowPolicy"),
            if policy.is_empty() { Value::Null } else { json!(policy) }
        );
        let answered = queues.call("SetQueueAttributes", &redrives).err().map(|error| error.message);
        let refused = "Dead-letter target does not allow this queue as a source.";
        assert_eq!(answered.is_none(), allowed, "{policy}: {answered:?}");
        assert!(answered.is_none_or(|message| message.ends_with(refused)));
    }
    queues.ok("CreateQueue", creates("third"));
    queues.ok("SetQueueAttributes", set(&by(json!([arn("source")]))));
    assert!(
        queues.fails("CreateQueue", creates("fourth")).1.ends_with("does not allow this queue as a source.")
    );
    assert_eq!(
        queues.fails("GetQueueUrl", json!({"QueueName": "fourth"})).0,
        "AWS.SimpleQueueService.NonExistentQueue"
    );
}

#[test]
fn dead_letter_queues_of_another_region_account_or_type_are_refused() {
    let mut queues = Queues::new();
    queues.create("dlq", json!({}));
    let url = queues.create("q", json!({}));
    for other in [
        redrive(1).replace("us-east-1", "eu-west-1"),
        redrive(1).replace("111111111111", "222222222222"),
        redrive(1).replace(":sqs:", ":sns:"),
        redrive(1).replace("arn:aws:sqs:us-east-1:111111111111:dlq", "dlq"),
    ] {
        let set = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": other}});
        assert_eq!(queues.fails("SetQueueAttributes", set).0, "InvalidParameterValue", "{other}");
    }
    queues.create("dlq.fifo", json!({"FifoQueue": "true"}));
    let fifo = redrive(1).replace(":dlq", ":dlq.fifo");
    let set = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": fifo}});
    let refused = "Dead-letter queue must be same type of queue as the source.";
    assert!(queues.fails("SetQueueAttributes", set).1.ends_with(refused));
}

#[test]
fn every_attribute_of_the_model_is_shown_by_its_name_and_set_unless_it_is_read_only() {
    let settable = [
        ("VisibilityTimeout", "7"),
        ("MaximumMessageSize", "2048"),
        ("MessageRetentionPeriod", "60"),
        ("DelaySeconds", "3"),
        ("ReceiveMessageWaitTimeSeconds", "2"),
        ("Policy", r#"{"Version":"2012-10-17","Statement":[]}"#),
        (
            "RedrivePolicy",
            r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:dlq.fifo","maxReceiveCount":9}"#,
        ),
        ("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#),
        ("KmsMasterKeyId", "alias/key"),
        ("KmsDataKeyReusePeriodSeconds", "60"),
        ("SqsManagedSseEnabled", "false"),
        ("ContentBasedDeduplication", "true"),
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
    ];
    let read_only = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
    ];
    let mut queues = Queues::new();
    queues.create("dlq.fifo", json!({"FifoQueue": "true"}));
    let url = queues.create("q.fifo", json!({"FifoQueue": "true"}));
    for (name, value) in settable {
        queues.ok("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {name: value}}));
        assert_eq!(queues.attribute(&url, name), value, "{name}");
    }
    for name in read_only {
        assert!(queues.attribute(&url, name).is_string(), "{name}");
        let set = json!({"QueueUrl": url, "Attributes": {name: "1"}});
        assert_eq!(queues.fails("SetQueueAttributes", set).0, "InvalidAttributeName", "{name}");
    }
    assert_eq!(queues.attribute(&url, "FifoQueue"), "true");
    // With `All`, these are all there are.
    let all = queues.ok("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["All"]}));
    assert_eq!(all["Attributes"].as_object().unwrap().len(), settable.len() + read_only.len() + 1);
}

#[test]
fn pages_of_dead_letter_sources() {
    let mut queues = Queues::new();
    let dead = queues.create("dlq", json!({}));
    let urls: Vec<String> =
        (0..5).map(|n| queues.create(&format!("source-{n}"), json!({"RedrivePolicy": redrive(1)}))).collect();
    let (mut listed, mut token) = (Vec::new(), Value::Null);
    for size in [2, 2, 1] {
        let mut input = json!({"QueueUrl": dead, "MaxResults": 2});
        if token.is_string() {
            input["NextToken"] = token.clone();
        }
        let page = queues.ok("ListDeadLetterSourceQueues", input);
        assert_eq!(page["queueUrls"].as_array().unwrap().len(), size);
        listed
            .extend(page["queueUrls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()));
        token = page["NextToken"].clone();
    }
    assert_eq!((listed, token), (urls, Value::Null));
}

#[test]
fn pages_of_queues() {
    let mut queues = Queues::new();
    for n in 0..10 {
        queues.create(&format!("test-queue-{n}"), json!({}));
    }
    queues.create("another", json!({}));
    let names = |output: &Value| -> Vec<String> {
        let urls = output["QueueUrls"].as_array().unwrap();
        urls.iter().map(|url| url.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let all = queues.ok("ListQueues", json!({"QueueNamePrefix": "test-queue"}));
    assert_eq!((names(&all).len(), &all["NextToken"]), (10, &Value::Null));
    let two = queues.ok("ListQueues", json!({"QueueNamePrefix": "test-queue", "MaxResults": 2}));
    assert_eq!(names(&two), ["test-queue-0", "test-queue-1"]);
    let rest = json!({"QueueNamePrefix": "test-queue", "MaxResults": 8, "NextToken": two["NextToken"]});
    let rest = queues.ok("ListQueues", rest);
    assert_eq!(names(&rest), names(&all)[2..]);
    assert_eq!(rest["NextToken"], Value::Null);
    assert_eq!(queues.ok("ListQueues", json!({"QueueNamePrefix": "zzz"})), json!({}));
    for max in [0, 1_001] {
        assert_eq!(queues.fails("ListQueues", json!({"MaxResults": max})).0, "InvalidParameterValue");
    }
    assert_eq!(queues.fails("ListQueues", json!({"NextToken": "?"})).0, "InvalidParameterValue");
}

#[test]
fn queues_of_other_accounts_are_closed_until_their_policy_opens_them() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let grant = json!({"QueueUrl": url, "Label": "l", "AWSAccountIds": ["222222222222"], "Actions": ["SendMessage", "GetQueueUrl"]});
    let other: pontoon_core::Account = "222222222222".parse().unwrap();
    let own = queues.caller.clone();
    let stranger = |queues: &mut Queues| {
        queues.caller.account = other;
        queues.caller.principal = pontoon_core::Principal::Account(other);
    };
    let send = json!({"QueueUrl": url, "MessageBody": "m"});
    let find = json!({"QueueName": "q", "QueueOwnerAWSAccountId": "111111111111"});
    stranger(&mut queues);
    let denied = queues.error("SendMessage", send.clone());
    assert_eq!((denied.code.as_ref(), denied.status), ("AccessDeniedException", 403));
    assert_eq!(queues.fails("GetQueueUrl", find.clone()).0, "AccessDenied");
    queues.caller = own;
    queues.ok("AddPermission", grant);
    stranger(&mut queues);
    queues.ok("SendMessage", send);
    assert_eq!(queues.ok("GetQueueUrl", find)["QueueUrl"], json!(url));
    assert_eq!(queues.fails("ReceiveMessage", json!({"QueueUrl": url})).0, "AccessDenied");
    let nowhere = json!({"QueueName": "q", "QueueOwnerAWSAccountId": "nobody"});
    assert_eq!(queues.fails("GetQueueUrl", nowhere).0, "AWS.SimpleQueueService.NonExistentQueue");
}

#[test]
fn the_query_protocol_speaks_of_the_same_messages() {
    let mut queues = Queues::new();
    let created =
        queues.query("CreateQueue", "QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0");
    assert!(created.contains("<QueueUrl>http://127.0.0.1:4566/111111111111/q</QueueUrl>"), "{created}");
    let url = "QueueUrl=http%3A%2F%2F127.0.0.1%3A4566%2F111111111111%2Fq";
    let attribute = "MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=x";
    let sent = queues.query("SendMessage", &format!("{url}&MessageBody=a%3Cb&{attribute}"));
    assert!(sent.contains("<MD5OfMessageBody>1a382af93ed4b8a29ebd8e859a0168d7</MD5OfMessageBody>"), "{sent}");
    let received =
        queues.query("ReceiveMessage", &format!("{url}&AttributeName.1=All&MessageAttributeName.1=a"));
    for part in [
        "<Body>a&lt;b</Body>",
        "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>",
        "<MessageAttribute><Name>a</Name><Value><StringValue>x</StringValue><DataType>String</DataType></Value></MessageAttribute>",
    ] {
        assert!(received.contains(part), "{received} lacks {part}");
    }
    let refused = queues.query("SendMessage", &format!("{url}&MessageBody="));
    assert!(refused.contains("<Code>MissingParameter</Code>"), "{refused}");
}

#[test]
fn digests_of_body_and_both_kinds_of_attributes_are_answered_in_both_protocols() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    // Computed by the algorithm of SQS's developer guide, by other code.
    let digests = [
        ("MD5OfMessageBody", "046b768eb3c162fc18d93215132b6dc8"),
        ("MD5OfMessageAttributes", "a512aac9938034acb0b3c3d965944bf1"),
        ("MD5OfMessageSystemAttributes", "62a56dd927315f2b2e12832b84617ea5"),
    ];
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let sent = queues.ok(
        "SendMessage",
        json!({
            "QueueUrl": url, "MessageBody": "grüße <&>",
            "MessageAttributes": {"a": {"DataType": "String", "StringValue": "x"}},
            "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
        }),
    );
    let form = format!(
        "QueueUrl={url}&MessageBody=gr%C3%BC%C3%9Fe+%3C%26%3E\
         &MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=x\
         &MessageSystemAttribute.1.Name=AWSTraceHeader&MessageSystemAttribute.1.Value.DataType=String\
         &MessageSystemAttribute.1.Value.StringValue={trace}"
    );
    let answer = queues.query("SendMessage", &form);
    for (name, digest) in digests {
        assert_eq!(sent[name], digest, "{name}");
        assert!(answer.contains(&format!("<{name}>{digest}</{name}>")), "{answer} lacks {name}");
    }
    assert_eq!(bodies(&queues.receive(&url)), ["grüße <&>", "grüße <&>"]);
}
