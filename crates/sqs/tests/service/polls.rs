//! Long polls: parked, woken in order, and ended on time.

use std::time::Duration;

use pontoon_sqs::Limits;
use serde_json::{Value, json};

use crate::harness::{Queues, START, bodies, redrive};

fn bodies_of(ended: &Value) -> Vec<&str> {
    ended["Messages"].as_array().map(|messages| bodies(messages)).unwrap_or_default()
}

#[test]
fn polls_are_woken_in_the_order_in_which_they_came() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let first = queues.poll(&url, 20);
    let second = queues.poll(&url, 5);
    let third = queues.poll(&url, 20);
    queues.send(&url, "one");
    queues.abandon(second);
    queues.send(&url, "two");
    assert_eq!(queues.ended.len(), 2);
    assert_eq!((queues.ended[0].0, bodies_of(&queues.ended[0].1)), (first, vec!["one"]));
    assert_eq!((queues.ended[1].0, bodies_of(&queues.ended[1].1)), (third, vec!["two"]));
    queues.pass(Duration::from_secs(25));
    assert_eq!(queues.ended.len(), 2, "nobody waited any more");
}

#[test]
fn a_poll_that_finds_nothing_ends_at_its_deadline_and_not_before() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"ReceiveMessageWaitTimeSeconds": "3"}));
    let input = json!({"QueueUrl": url});
    assert!(matches!(queues.call("ReceiveMessage", &input), Ok(crate::harness::Answered::Later(_))));
    queues.pass(Duration::from_millis(2_999));
    assert!(queues.ended.is_empty());
    queues.pass(Duration::from_millis(1));
    assert_eq!(queues.ended.len(), 1);
    assert_eq!(queues.ended[0].1, json!({}));
}

#[test]
fn a_poll_is_woken_by_a_delay_and_a_visibility_timeout_to_the_millisecond() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"VisibilityTimeout": "2"}));
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "m", "DelaySeconds": 3}));
    for wait in [3, 2] {
        let began = queues.now;
        queues.poll(&url, 20);
        queues.pass(Duration::from_millis(wait * 1_000 - 1));
        assert!(queues.ended.is_empty(), "too early");
        queues.pass(Duration::from_millis(1));
        let (_, ended) = queues.ended.pop().unwrap();
        assert_eq!(bodies_of(&ended), ["m"]);
        assert_eq!(queues.now, began.after(Duration::from_secs(wait)));
    }
    assert_eq!(queues.now, START.after(Duration::from_secs(5)));
}

#[test]
fn who_waits_at_the_dead_letter_queue_gets_many_dead_letters_at_once() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(1, json!({"VisibilityTimeout": "0"}));
    for batch in 0..12 {
        for n in 0..10 {
            queues.send(&source, &format!("{batch}.{n}"));
        }
    }
    // With a visibility timeout of zero a receive takes the first ten; hiding them gets at the others.
    for _ in 0..12 {
        let input = json!({"QueueUrl": source, "MaxNumberOfMessages": 10, "VisibilityTimeout": 5});
        queues.ok("ReceiveMessage", input);
    }
    queues.pass(Duration::from_secs(5));
    queues.poll(&dead, 20);
    assert!(queues.receive(&source).is_empty());
    assert_eq!(queues.ended.len(), 1);
    assert_eq!(bodies_of(&queues.ended[0].1).len(), 10);
    assert_eq!(queues.counts(&source), [0, 0, 0]);
}

#[test]
fn queues_that_are_each_others_dead_letter_queue_come_to_rest() {
    let mut queues = Queues::new();
    let (source, dead) = queues.create_pair(1, json!({"VisibilityTimeout": "1"}));
    let back = redrive(1).replace(":dlq", ":source");
    queues.ok("SetQueueAttributes", json!({"QueueUrl": dead, "Attributes": {"RedrivePolicy": back}}));
    queues.send(&source, "m");
    for _ in 0..4 {
        for url in [&source, &dead] {
            let input = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
            assert!(queues.call("ReceiveMessage", &input).is_ok());
        }
        queues.pass(Duration::from_secs(30));
        let counts = [queues.counts(&source), queues.counts(&dead)];
        assert_eq!(counts.iter().flatten().sum::<usize>(), 1, "{counts:?}");
    }
}

#[test]
fn a_queue_can_be_its_own_dead_letter_queue() {
    let mut queues = Queues::new();
    let url = queues.create("dlq", json!({"VisibilityTimeout": "0"}));
    queues.ok("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": redrive(1)}}));
    queues.send(&url, "m");
    for count in ["1", "2", "3"] {
        let input = json!({"QueueUrl": url, "WaitTimeSeconds": 20, "AttributeNames": ["All"]});
        let received = queues.ok("ReceiveMessage", input);
        assert_eq!(received["Messages"][0]["Attributes"]["ApproximateReceiveCount"], count);
    }
}

#[test]
fn polls_end_when_their_queue_is_deleted() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    queues.poll(&url, 20);
    queues.ok("DeleteQueue", json!({"QueueUrl": url}));
    assert_eq!(queues.ended[0].1, json!({"code": "QueueDoesNotExist"}));
}

#[test]
fn no_more_messages_are_in_flight_than_may_be_and_a_long_poll_waits_for_room() {
    assert_eq!(Limits::default().in_flight, 120_000);
    for fifo in [false, true] {
        let mut queues = Queues::with_limits(Limits { in_flight: 5, ..Limits::default() });
        let (name, attributes) = match fifo {
            true => ("q.fifo", json!({"FifoQueue": "true"})),
            false => ("q", json!({})),
        };
        let url = queues.create(name, attributes);
        for n in 0..8 {
            let mut input = json!({"QueueUrl": url, "MessageBody": n.to_string()});
            if fifo {
                input["MessageGroupId"] = json!(n.to_string());
                input["MessageDeduplicationId"] = json!(n.to_string());
            }
            queues.ok("SendMessage", input);
        }
        let got = queues.receive(&url);
        assert_eq!(bodies(&got), ["0", "1", "2", "3", "4"]);
        let short = json!({"QueueUrl": url, "WaitTimeSeconds": 0});
        if fifo {
            assert_eq!(queues.receive(&url), Vec::<Value>::new());
        } else {
            assert_eq!(queues.fails("ReceiveMessage", short).0, "OverLimit");
        }
        queues.poll(&url, 20);
        assert_eq!(queues.counts(&url), [3, 5, 0]);
        queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": got[0]["ReceiptHandle"]}));
        assert_eq!(bodies_of(&queues.ended[0].1), ["5"]);
        queues.poll(&url, 20);
        queues.pass(Duration::from_secs(20));
        assert_eq!((queues.ended.len(), bodies_of(&queues.ended[1].1)), (2, vec![]));
        // At the end of their visibility timeouts messages make room for themselves.
        queues.pass(Duration::from_secs(10));
        assert_eq!(queues.receive(&url).len(), 5);
    }
}
