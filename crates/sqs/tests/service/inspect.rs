//! Looking at queues without receiving.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Queues, arn};

fn shown(queue: &Value) -> Vec<(&str, &str)> {
    let messages = queue["messages"].as_array().unwrap();
    messages.iter().map(|m| (m["body"].as_str().unwrap(), m["place"].as_str().unwrap())).collect()
}

#[test]
fn looking_counts_no_receive_and_hides_nothing() {
    let mut queues = Queues::new();
    let (url, _) = queues.create_pair(2, json!({"VisibilityTimeout": "5"}));
    let attribute = json!({"kind": {"DataType": "String", "StringValue": "order"}});
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "a", "MessageAttributes": attribute}));
    for body in ["b", "c", "d"] {
        queues.send(&url, body);
    }
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 9}));
    queues.ok("ReceiveMessage", json!({"QueueUrl": url}));
    for _ in 0..5 {
        let queue = queues.look("source", 10);
        let expected =
            [("b", "visible"), ("c", "visible"), ("d", "visible"), ("a", "inFlight"), ("later", "delayed")];
        assert_eq!(shown(&queue), expected);
        assert_eq!(queue["messages"][3]["attributes"]["kind"], json!({"type": "String", "value": "order"}));
        assert_eq!(queue["messages"][3]["receives"], 1);
        assert_eq!([&queue["visible"], &queue["inFlight"], &queue["delayed"]], [3, 1, 1]);
        assert_eq!(queue["deadLetterTarget"], arn("dlq"));
    }
    // Nobody else looks before the timeout runs out.
    queues.now = queues.now.after(Duration::from_secs(5));
    let queue = queues.look("source", 2);
    assert_eq!(shown(&queue), [("b", "visible"), ("c", "visible")]);
    assert_eq!([&queue["visible"], &queue["inFlight"], &queue["delayed"]], [4, 0, 1]);
    assert_eq!(queues.counts(&url), [4, 0, 1]);
}

#[test]
fn a_fifo_queue_shows_its_groups_and_only_what_can_be_received_as_first() {
    let mut queues = Queues::new();
    let url = queues.create("q.fifo", json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}));
    for (group, body) in [("a", "a-1"), ("b", "b-1"), ("a", "a-2")] {
        let message = json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group});
        queues.ok("SendMessage", message);
    }
    let queue = queues.look("q.fifo", 10);
    assert_eq!(shown(&queue), [("a-1", "visible"), ("a-2", "visible"), ("b-1", "visible")]);
    assert_eq!([&queue["groups"], &queue["groupsInFlight"], &queue["deduplicationIdsRemembered"]], [2, 0, 3]);
    queues.ok("ReceiveMessage", json!({"QueueUrl": url}));
    let queue = queues.look("q.fifo", 10);
    assert_eq!(shown(&queue), [("b-1", "visible"), ("a-1", "inFlight")]);
    assert_eq!([&queue["visible"], &queue["inFlight"], &queue["groupsInFlight"]], [2, 1, 1]);
}
