//! Many messages and many queues: what memory holds is bounded, and nobody notices where a message is.

use std::time::Duration;

use pontoon_sqs::Limits;
use serde_json::{Value, json};

use crate::harness::{Queues, bodies};

/// Memory for next to nothing.
const TIGHT: Limits = Limits { content_bytes: 4_096, messages: 100, page_messages: 16, in_flight: 120_000 };
const MANY: usize = 3_000;

fn send_many(queues: &mut Queues, url: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        queues.send(url, &number.to_string());
    }
}

fn held(queues: &Queues, name: &str) -> u64 {
    queues.look(name, 0)["messagesInMemory"].as_u64().unwrap()
}

/// Receives and deletes up to ten messages.
fn drain(queues: &mut Queues, url: &str) -> Vec<usize> {
    let messages = queues.receive(url);
    for message in &messages {
        queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}));
    }
    bodies(&messages).iter().map(|body| body.parse().unwrap()).collect()
}

#[test]
fn a_backlog_beyond_memory_is_received_in_order_and_counted_and_survives_restarts() {
    let mut queues = Queues::with_limits(TIGHT);
    let url = queues.create("q", json!({}));
    send_many(&mut queues, &url, 0..MANY);
    assert_eq!(queues.counts(&url), [MANY, 0, 0]);
    let mut received = Vec::new();
    while received.len() < MANY {
        assert!(held(&queues, "q") <= 150, "{} are held", held(&queues, "q"));
        if received.len() % 500 == 0 {
            queues.restart();
            assert_eq!(queues.counts(&url), [MANY - received.len(), 0, 0]);
        }
        received.extend(drain(&mut queues, &url));
    }
    assert_eq!(received, (0..MANY).collect::<Vec<_>>());
    assert_eq!((queues.counts(&url), queues.keys_stored()), ([0, 0, 0], 0));
}

#[test]
fn messages_that_are_delayed_grouped_or_failing_keep_their_place_beside_a_backlog_beyond_memory() {
    let mut queues = Queues::with_limits(TIGHT);
    let url = queues.create("q", json!({"VisibilityTimeout": "1"}));
    send_many(&mut queues, &url, 0..200);
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "200", "DelaySeconds": 1}));
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "201", "MessageGroupId": "g"}));
    send_many(&mut queues, &url, 202..400);
    // Some are received, and visible again.
    assert_eq!(queues.receive(&url).len(), 10);
    queues.pass(Duration::from_secs(1));
    let mut received = Vec::new();
    while received.len() < 400 {
        received.extend(drain(&mut queues, &url));
    }
    assert_eq!(received, (0..400).collect::<Vec<_>>());
}

/// One kind of message that may stand in a backlog: which queue it is sent to, with what beside its body, and how long until it is visible.
struct Kind {
    name: &'static str,
    attributes: Value,
    send: fn(usize) -> Value,
    visible_after_secs: u64,
}

fn kinds() -> [Kind; 5] {
    let fifo = || json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    let plain = |_| json!({});
    [
        Kind { name: "plain", attributes: json!({}), send: plain, visible_after_secs: 0 },
        Kind {
            name: "tenants",
            attributes: json!({}),
            send: |number| json!({"MessageGroupId": (number % 7).to_string()}),
            visible_after_secs: 0,
        },
        Kind {
            name: "delayed",
            attributes: json!({"DelaySeconds": "30"}),
            send: plain,
            visible_after_secs: 30,
        },
        Kind {
            name: "one-group.fifo",
            attributes: fifo(),
            send: |_| json!({"MessageGroupId": "g"}),
            visible_after_secs: 0,
        },
        Kind {
            name: "groups.fifo",
            attributes: fifo(),
            send: |number| json!({"MessageGroupId": (number % 500).to_string()}),
            visible_after_secs: 0,
        },
    ]
}

/// Sends many messages of a kind, with bodies of a thousand bytes that begin with their numbers.
fn send_kind(queues: &mut Queues, kind: &Kind) -> String {
    let url = queues.create(kind.name, kind.attributes.clone());
    for number in 0..MANY {
        let mut input = (kind.send)(number);
        input["QueueUrl"] = json!(url);
        input["MessageBody"] = json!(format!("{number:<1000}"));
        queues.ok("SendMessage", input);
    }
    url
}

#[test]
fn of_a_backlog_of_any_kind_memory_holds_little_and_all_of_it_is_received() {
    for kind in kinds() {
        let mut queues = Queues::with_limits(TIGHT);
        let url = send_kind(&mut queues, &kind);
        assert_eq!(queues.counts(&url).iter().sum::<usize>(), MANY, "{}", kind.name);
        queues.pass(Duration::from_secs(kind.visible_after_secs));
        let mut received = Vec::new();
        while received.len() < MANY {
            assert!(
                held(&queues, kind.name) <= 120,
                "{} of {} are held",
                held(&queues, kind.name),
                kind.name
            );
            if received.len() == MANY / 2 {
                queues.restart();
            }
            let messages = queues.receive(&url);
            assert!(!messages.is_empty(), "{} of {} came", received.len(), kind.name);
            for message in &messages {
                received.push(message["Body"].as_str().unwrap().trim_end().parse::<usize>().unwrap());
                let handle = &message["ReceiptHandle"];
                queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle}));
            }
        }
        let mut sorted = received.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..MANY).collect::<Vec<_>>(), "{}", kind.name);
        if kind.name != "groups.fifo" {
            assert_eq!(received, sorted, "{}", kind.name);
        }
        for group in 0..500 {
            assert!(received.iter().filter(|number| *number % 500 == group).is_sorted());
        }
        // What FIFO queues remember of their sends is forgotten in five minutes.
        queues.pass(Duration::from_secs(320));
        assert_eq!((queues.counts(&url), queues.keys_stored()), ([0, 0, 0], 0), "{}", kind.name);
    }
}

#[test]
fn a_start_does_not_read_the_bodies_of_a_backlog() {
    let limits = Limits { page_messages: 256, ..TIGHT };
    for kind in kinds() {
        let mut queues = Queues::with_limits(limits);
        let url = send_kind(&mut queues, &kind);
        // What FIFO queues remember of their sends is no body.
        queues.pass(Duration::from_secs(320));
        let read = queues.restart_reading();
        // Those that were held when they were sent, and those of the page that is not full yet.
        let contents = (TIGHT.messages + 256) * 1_100;
        assert!(read < contents + MANY * 8, "{read} bytes of {} were read", kind.name);
        assert_eq!(queues.counts(&url), [MANY, 0, 0], "{}", kind.name);
    }
}

#[test]
fn messages_that_were_received_in_vain_go_to_rest_and_keep_counts_handles_and_dead_letters() {
    let mut queues = Queues::with_limits(TIGHT);
    let (url, dead) = queues.create_pair(2, json!({"VisibilityTimeout": "30"}));
    send_many(&mut queues, &url, 0..1_000);
    let receive_all =
        |queues: &mut Queues| -> Vec<Value> { (0..100).flat_map(|_| queues.receive(&url)).collect() };
    assert_eq!(receive_all(&mut queues).len(), 1_000);
    queues.pass(Duration::from_secs(30));
    assert_eq!(queues.counts(&url), [1_000, 0, 0]);
    assert!(held(&queues, "source") <= 100);
    let second = receive_all(&mut queues);
    assert!(second.iter().all(|message| message["Attributes"]["ApproximateReceiveCount"] == "2"));
    queues.restart();
    assert_eq!(queues.counts(&url), [0, 1_000, 0]);
    // A handle is good before and after its message is visible again, wherever that is.
    for message in &second[..20] {
        queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}));
    }
    queues.pass(Duration::from_secs(30));
    for message in &second[20..40] {
        queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}));
    }
    assert_eq!(queues.counts(&url), [960, 0, 0]);
    assert_eq!(queues.receive(&url), Vec::<Value>::new());
    assert_eq!(queues.counts(&dead), [960, 0, 0]);
    assert!(held(&queues, "dlq") <= 100);
    queues.restart();
    let first = &queues.receive(&dead)[0];
    assert_eq!(
        (&first["Body"], &first["Attributes"]["ApproximateReceiveCount"]),
        (&json!("40"), &json!("3"))
    );
}

#[test]
fn one_receive_moves_no_more_than_a_thousand_dead_letters_and_a_long_poll_waits_for_the_rest() {
    let mut queues = Queues::new();
    let (url, dead) = queues.create_pair(1, json!({"VisibilityTimeout": "1"}));
    send_many(&mut queues, &url, 0..2_500);
    for _ in 0..250 {
        assert_eq!(queues.receive(&url).len(), 10);
    }
    queues.send(&url, "fresh");
    queues.pass(Duration::from_secs(1));
    assert_eq!(queues.receive(&url), Vec::<Value>::new());
    assert_eq!(queues.counts(&dead), [1_000, 0, 0]);
    queues.poll(&url, 20);
    queues.settle();
    assert_eq!(queues.counts(&dead), [2_500, 0, 0]);
    assert_eq!(queues.ended[0].1["Messages"][0]["Body"], "fresh");
}

#[test]
fn a_backlog_beyond_memory_ends_with_its_retention_and_not_before() {
    let mut queues = Queues::with_limits(TIGHT);
    let url = queues.create("q", json!({"MessageRetentionPeriod": "60"}));
    send_many(&mut queues, &url, 0..MANY / 2);
    queues.pass(Duration::from_secs(30));
    send_many(&mut queues, &url, MANY / 2..MANY);
    queues.pass(Duration::from_millis(29_999));
    assert_eq!(queues.counts(&url), [MANY, 0, 0]);
    queues.pass(Duration::from_millis(1));
    assert_eq!(queues.counts(&url), [MANY / 2, 0, 0]);
    assert_eq!(drain(&mut queues, &url)[0], MANY / 2);
    queues.pass(Duration::from_secs(30));
    assert_eq!((queues.counts(&url), queues.keys_stored()), ([0, 0, 0], 0));
}

#[test]
fn purging_and_deleting_much_is_done_at_once_and_removed_bit_by_bit_across_restarts() {
    for limits in [TIGHT, Limits::default()] {
        let mut queues = Queues::with_limits(limits);
        let url = queues.create("q", json!({}));
        send_many(&mut queues, &url, 0..MANY);
        assert_eq!(queues.receive(&url).len(), 10);
        queues.ok("PurgeQueue", json!({"QueueUrl": url}));
        assert_eq!(queues.counts(&url), [0, 0, 0]);
        send_many(&mut queues, &url, 0..5);
        queues.pass(Duration::from_millis(1));
        let between = queues.keys_stored();
        assert!((5 + 1..MANY).contains(&between), "{between} are left");
        queues.restart();
        assert_eq!(queues.counts(&url), [5, 0, 0]);
        queues.pass(Duration::from_millis(10));
        assert_eq!(queues.keys_stored(), 5);
        assert_eq!(drain(&mut queues, &url), [0, 1, 2, 3, 4]);

        send_many(&mut queues, &url, 0..MANY);
        queues.ok("DeleteQueue", json!({"QueueUrl": url}));
        queues.restart();
        queues.pass(Duration::from_millis(10));
        assert_eq!(queues.keys_stored(), 0);
    }
}

#[test]
fn a_backlog_beyond_memory_is_moved_by_a_task() {
    let mut queues = Queues::with_limits(TIGHT);
    let (_, dead) = queues.create_pair(1, json!({}));
    let target = queues.create("target", json!({}));
    send_many(&mut queues, &dead, 0..500);
    let start = json!({
        "SourceArn": crate::harness::arn("dlq"), "DestinationArn": crate::harness::arn("target"),
    });
    queues.ok("StartMessageMoveTask", start);
    queues.pass(Duration::from_millis(10));
    assert_eq!((queues.counts(&dead), queues.counts(&target)), ([0, 0, 0], [500, 0, 0]));
    let mut received = Vec::new();
    while received.len() < 500 {
        received.extend(drain(&mut queues, &target));
    }
    assert_eq!(received, (0..500).collect::<Vec<_>>());
}

#[test]
fn a_fifo_backlog_in_one_group_does_not_hold_up_the_others_and_is_read_in_order() {
    let mut queues = Queues::new();
    let attributes = json!({"FifoQueue": "true"});
    let url = queues.create("q.fifo", attributes);
    let send = |queues: &mut Queues, group: &str, number: usize| {
        let input = json!({
            "QueueUrl": url, "MessageBody": number.to_string(), "MessageGroupId": group,
            "MessageDeduplicationId": format!("{group}-{number}"),
        });
        queues.ok("SendMessage", input);
    };
    for number in 0..MANY {
        send(&mut queues, "backlog", number);
    }
    send(&mut queues, "other", 0);
    let first = queues.receive(&url);
    let second: Vec<Value> = queues.receive(&url);
    assert_eq!((first.len(), bodies(&second)), (10, vec!["0"]));
    for message in first.iter().chain(&second) {
        queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}));
    }
    let mut received: Vec<usize> = (0..10).collect();
    while received.len() < MANY {
        received.extend(drain(&mut queues, &url));
    }
    assert_eq!(received, (0..MANY).collect::<Vec<_>>());
}

#[test]
fn polls_wait_by_the_thousand_and_each_is_answered_once() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({}));
    let parks: Vec<_> = (0..2_000).map(|_| queues.poll(&url, 20)).collect();
    send_many(&mut queues, &url, 0..1_000);
    let answered: Vec<_> = std::mem::take(&mut queues.ended).into_iter().map(|(park, _)| park).collect();
    assert_eq!(answered, parks[..1_000]);
    queues.pass(Duration::from_secs(20));
    assert_eq!(queues.ended.len(), 1_000);
}
