//! What redrive policies, receipts, purges and move tasks do with messages, and what of it a restart leaves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Queues, START, arn, bodies, redrive};

#[test]
fn a_dead_letter_is_counted_anew_by_its_queue_and_shown_with_all_its_receives() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(2, json!({"VisibilityTimeout": "1"}));
    queues.create("last", json!({}));
    let on = redrive(2).replace(":dlq", ":last");
    queues.ok("SetQueueAttributes", json!({"QueueUrl": dead, "Attributes": {"RedrivePolicy": on}}));
    queues.send(&source, "m");
    for (url, shown) in [(&source, "1"), (&source, "2"), (&dead, "3"), (&dead, "4")] {
        if shown == "3" {
            assert!(queues.receive(&source).is_empty());
            queues.restart();
        }
        let received = queues.receive(url);
        assert_eq!(received[0]["Attributes"]["ApproximateReceiveCount"], shown);
        assert_eq!(received[0]["Attributes"]["SentTimestamp"], START.millis().to_string());
        queues.pass(Duration::from_secs(1));
    }
    assert!(queues.receive(&dead).is_empty());
    assert_eq!(queues.attribute(&arn_url("last"), "ApproximateNumberOfMessages"), "1");
}

fn arn_url(name: &str) -> String {
    format!("http://127.0.0.1:4566/111111111111/{name}")
}

#[test]
fn a_message_moves_when_it_would_be_received_again_and_by_the_policy_of_that_instant() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(3, json!({"VisibilityTimeout": "1"}));
    queues.send(&source, "m");
    for _ in 0..2 {
        assert_eq!(bodies(&queues.receive(&source)), ["m"]);
        queues.pass(Duration::from_secs(1));
    }
    let lower = json!({"QueueUrl": source, "Attributes": {"RedrivePolicy": redrive(2)}});
    queues.ok("SetQueueAttributes", lower);
    assert_eq!((queues.counts(&source), queues.counts(&dead)), ([1, 0, 0], [0, 0, 0]), "nobody receives");
    assert!(queues.receive(&source).is_empty());
    assert_eq!((queues.counts(&source), queues.counts(&dead)), ([0, 0, 0], [1, 0, 0]));
}

#[test]
fn without_its_dead_letter_queue_a_message_is_received_on() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(1, json!({"VisibilityTimeout": "0"}));
    queues.ok("DeleteQueue", json!({"QueueUrl": dead}));
    queues.send(&source, "m");
    for _ in 0..3 {
        assert_eq!(bodies(&queues.receive(&source)), ["m"]);
    }
}

#[test]
fn a_receipt_of_a_deleted_message_names_no_later_one_even_after_a_restart() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"VisibilityTimeout": "0"}));
    queues.send(&url, "old");
    let old = queues.receive(&url)[0]["ReceiptHandle"].clone();
    let delete = |handle| json!({"QueueUrl": url, "ReceiptHandle": handle});
    queues.ok("DeleteMessage", delete(old.clone()));
    queues.restart();
    queues.send(&url, "new");
    queues.receive(&url);
    queues.ok("DeleteMessage", delete(old));
    assert_eq!(queues.counts(&url), [1, 0, 0]);
}

#[test]
fn a_deleted_queue_leaves_nothing_in_the_store_and_its_name_is_taken_for_a_minute() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"VisibilityTimeout": "5"}));
    for body in ["a", "b"] {
        queues.send(&url, body);
    }
    queues.receive(&url);
    let foreign = queues.create("other", json!({}));
    queues.ok("DeleteQueue", json!({"QueueUrl": url}));
    assert_eq!(queues.keys_stored(), 0);
    queues.pass(Duration::from_millis(59_999));
    queues.restart();
    assert_eq!(
        queues.fails("CreateQueue", json!({"QueueName": "q"})),
        (
            "AWS.SimpleQueueService.QueueDeletedRecently".to_owned(),
            "You must wait 60 seconds after deleting a queue before you can create another with the same name."
                .to_owned()
        )
    );
    queues.pass(Duration::from_millis(1));
    let again = queues.create("q", json!({}));
    assert_eq!(queues.counts(&again), [0, 0, 0]);
    assert_eq!(queues.counts(&foreign), [0, 0, 0]);
}

#[test]
fn messages_are_gone_at_the_end_of_their_retention_and_a_dead_letter_keeps_its_first_send() {
    let mut queues = Queues::new();
    let (source, dead) =
        queues.create_pair(1, json!({"MessageRetentionPeriod": "60", "VisibilityTimeout": "0"}));
    queues.send(&source, "dies");
    queues.receive(&source);
    queues.pass(Duration::from_secs(30));
    queues.send(&source, "stays");
    assert_eq!(bodies(&queues.receive(&source)), ["stays"]);
    assert_eq!(queues.counts(&dead), [1, 0, 0]);
    queues.pass(Duration::from_millis(29_999));
    assert_eq!(queues.counts(&dead), [1, 0, 0]);
    queues.pass(Duration::from_millis(1));
    assert_eq!(queues.counts(&dead), [0, 0, 0]);
    assert_eq!(queues.counts(&source), [1, 0, 0]);
    queues.pass(Duration::from_secs(30));
    assert_eq!(queues.keys_stored(), 0);
}

#[test]
fn nobody_receives_what_outlived_its_retention_while_nothing_ran() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"MessageRetentionPeriod": "60"}));
    queues.send(&url, "old");
    queues.pass(Duration::from_secs(30));
    queues.send(&url, "new");
    queues.now = queues.now.after(Duration::from_secs(30));
    queues.restart();
    assert_eq!(bodies(&queues.receive(&url)), ["new"]);
}

#[test]
fn a_visibility_timeout_is_extended_to_twelve_hours_and_no_further() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    queues.send(&url, "m");
    let handle = queues.receive(&url)[0]["ReceiptHandle"].clone();
    let change = |secs: u32| json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": secs});
    queues.ok("ChangeMessageVisibility", change(43_200));
    queues.pass(Duration::from_secs(1));
    queues.restart();
    assert_eq!(
        queues.fails("ChangeMessageVisibility", change(43_200)).1,
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]."
    );
    queues.ok("ChangeMessageVisibility", change(43_199));
    queues.pass(Duration::from_millis(43_198_999));
    assert_eq!(queues.counts(&url), [0, 1, 0]);
    queues.pass(Duration::from_millis(1));
    assert_eq!(queues.counts(&url), [1, 0, 0]);
}

#[test]
fn receipts_that_are_stale_foreign_or_mangled() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"VisibilityTimeout": "0"}));
    let other = queues.create("other", json!({}));
    queues.send(&url, "m");
    let stale = queues.receive(&url)[0]["ReceiptHandle"].as_str().unwrap().to_owned();
    let fresh = queues.receive(&url)[0]["ReceiptHandle"].as_str().unwrap().to_owned();
    let change =
        |url: &str, handle: &str| json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 9});
    queues.ok("ChangeMessageVisibility", change(&url, &stale));
    let foreign = queues.fails("ChangeMessageVisibility", change(&other, &fresh));
    assert_eq!(
        foreign.1,
        format!(
            "Value {fresh} for parameter ReceiptHandle is invalid. Reason: The receipt handle is not valid for this queue."
        )
    );
    let mangled = fresh.replacen('E', "F", 1);
    assert_eq!(
        queues.fails("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": mangled})),
        (
            "ReceiptHandleIsInvalid".to_owned(),
            format!("The input receipt handle \"{mangled}\" is not a valid receipt handle.")
        )
    );
    queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": stale}));
    assert_eq!(queues.counts(&url), [1, 0, 0], "a stale receipt deletes nothing");
    queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": fresh}));
    assert_eq!(queues.counts(&url), [0, 0, 0]);
    assert_eq!(
        queues.fails("ChangeMessageVisibility", change(&url, &fresh)).1,
        format!(
            "Value {fresh} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
        )
    );
}

#[test]
fn a_move_task_keeps_its_rate_and_survives_a_restart() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(1, json!({"VisibilityTimeout": "0"}));
    for n in 0..5 {
        queues.send(&source, &n.to_string());
    }
    queues.receive(&source);
    queues.receive(&source);
    assert_eq!(queues.counts(&dead), [5, 0, 0]);
    let start = json!({"SourceArn": arn("dlq"), "MaxNumberOfMessagesPerSecond": 2});
    queues.ok("StartMessageMoveTask", start);
    for moved in 1..=4 {
        assert_eq!(queues.counts(&dead)[0], 5 - moved);
        queues.pass(Duration::from_millis(499));
        queues.restart();
        assert_eq!(queues.counts(&dead)[0], 5 - moved);
        queues.pass(Duration::from_millis(1));
    }
    queues.pass(Duration::from_secs(1));
    assert_eq!(queues.counts(&source), [5, 0, 0]);
    let listed = queues.ok("ListMessageMoveTasks", json!({"SourceArn": arn("dlq")}));
    assert_eq!(listed["Results"][0]["Status"], "COMPLETED");
    let received = queues.receive(&source);
    assert_eq!(received[0]["Attributes"]["ApproximateReceiveCount"], "1");
}

#[test]
fn a_moved_message_keeps_what_it_carries_and_is_sent_anew() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(1, json!({"VisibilityTimeout": "0"}));
    let attributes = json!({
        "text": {"DataType": "String.kind", "StringValue": "v"},
        "bytes": {"DataType": "Binary", "BinaryValue": "AAH/"},
    });
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let sent = queues.ok(
        "SendMessage",
        json!({
            "QueueUrl": source, "MessageBody": "m", "MessageAttributes": attributes, "MessageGroupId": "tenant",
            "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
        }),
    );
    queues.receive(&source);
    queues.pass(Duration::from_secs(1));
    queues.receive(&source);
    let buried = queues.receive(&dead)[0].clone();
    assert_eq!((&buried["MessageId"], &buried["MessageAttributes"]), (&sent["MessageId"], &attributes));
    queues.pass(Duration::from_secs(1));
    queues.ok("StartMessageMoveTask", json!({"SourceArn": arn("dlq")}));
    queues.settle();
    let moved = queues.receive(&source)[0].clone();
    for kept in ["Body", "MD5OfBody", "MessageAttributes", "MD5OfMessageAttributes"] {
        assert_eq!(moved[kept], buried[kept]);
    }
    for kept in ["SenderId", "MessageGroupId", "AWSTraceHeader"] {
        assert_eq!(moved["Attributes"][kept], buried["Attributes"][kept]);
    }
    assert_ne!(moved["MessageId"], buried["MessageId"]);
    let millis =
        |message: &Value| message["Attributes"]["SentTimestamp"].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(millis(&moved) - millis(&buried), 2_000);
    assert_eq!(moved["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(moved["Attributes"]["DeadLetterQueueSourceArn"], Value::Null);
}

#[test]
fn a_message_that_was_never_dead_lettered_has_no_source_to_move_back_to() {
    let mut queues = Queues::new();
    let (_, dead) = queues.create_pair(1, json!({}));
    queues.send(&dead, "direct");
    queues.ok("StartMessageMoveTask", json!({"SourceArn": arn("dlq")}));
    let listed = queues.ok("ListMessageMoveTasks", json!({"SourceArn": arn("dlq")}));
    assert_eq!(listed["Results"][0]["Status"], "FAILED");
    assert_eq!(listed["Results"][0]["FailureReason"], "CouldNotDetermineMessageSource");
    assert_eq!(queues.counts(&dead), [1, 0, 0]);
}

#[test]
fn an_earlier_handle_changes_the_visibility_of_a_message_that_was_received_again() {
    // sqs/test_sqs: test_terminate_visibility_timeout_after_receive
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    queues.send(&url, "test");
    let receive = |secs: u32| json!({"QueueUrl": url, "VisibilityTimeout": secs});
    let first = queues.ok("ReceiveMessage", receive(0))["Messages"][0]["ReceiptHandle"].clone();
    queues.ok("ReceiveMessage", receive(3));
    let end = json!({"QueueUrl": url, "ReceiptHandle": first, "VisibilityTimeout": 0});
    queues.ok("ChangeMessageVisibility", end);
    assert_eq!(bodies(&queues.receive(&url)), ["test"]);
}
