//! What the service tells CloudWatch.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use pontoon_core::Datum;
use serde_json::{Value, json};

use crate::harness::{Queues, bodies};

#[test]
fn a_minute_is_told_when_it_ends_and_quiet_queues_fall_silent() {
    let mut queues = Queues::new();
    // 40 seconds before the minute's end.
    let url = queues.create("q", json!({}));
    queues.send(&url, "12345");
    queues.send(&url, "12345");
    queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "1", "DelaySeconds": 900}));
    let handle =
        queues.ok("ReceiveMessage", json!({"QueueUrl": url}))["Messages"][0]["ReceiptHandle"].clone();
    queues.ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle}));
    queues.receive(&url);
    queues.receive(&url);
    assert!(queues.metrics.is_empty());
    queues.pass(Duration::from_secs(20));
    let told = |queues: &mut Queues| {
        let mut told: Vec<_> = std::mem::take(&mut queues.metrics)
            .into_iter()
            .map(|datum| {
                assert_eq!(datum.namespace, "AWS/SQS");
                assert_eq!(datum.dimensions, [("QueueName".into(), "q".to_owned())]);
                (datum.name, datum.values)
            })
            .collect();
        told.sort_by_key(|(name, _)| *name);
        told
    };
    queues.pass(Duration::from_secs(20));
    assert_eq!(
        told(&mut queues),
        [
            ("ApproximateAgeOfOldestMessage", vec![(40.0, 1.0)]),
            ("ApproximateNumberOfMessagesDelayed", vec![(1.0, 1.0)]),
            // Its visibility timeout of 30 seconds has run out.
            ("ApproximateNumberOfMessagesNotVisible", vec![(0.0, 1.0)]),
            ("ApproximateNumberOfMessagesVisible", vec![(1.0, 1.0)]),
            ("NumberOfEmptyReceives", vec![(1.0, 1.0)]),
            ("NumberOfMessagesDeleted", vec![(1.0, 1.0)]),
            ("NumberOfMessagesReceived", vec![(1.0, 2.0)]),
            ("NumberOfMessagesSent", vec![(1.0, 3.0)]),
            ("SentMessageSize", vec![(5.0, 2.0), (1.0, 1.0)]),
        ]
    );
    queues.pass(Duration::from_secs(7 * 3_600));
    let sends = told(&mut queues).iter().filter(|(name, _)| *name == "NumberOfMessagesSent").count();
    assert_eq!(sends, 6 * 60 - 1);
}

/// The values of the metrics that were told last, by name.
fn last(queues: &mut Queues, queue: &str) -> BTreeMap<&'static str, f64> {
    let of_queue = |datum: &Datum| datum.dimensions == [("QueueName".into(), queue.to_owned())];
    let told: Vec<Datum> = std::mem::take(&mut queues.metrics).into_iter().filter(of_queue).collect();
    let at = told.iter().map(|datum| datum.at).max().unwrap();
    told.into_iter().filter(|datum| datum.at == at).map(|datum| (datum.name, datum.values[0].0)).collect()
}

#[test]
fn fifo_queues_tell_of_their_groups_and_of_what_they_did_not_take() {
    let mut queues = Queues::new();
    let url = queues.create("q.fifo", json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}));
    for (group, body) in [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("c", "4"), ("c", "4")] {
        let message = json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group});
        queues.ok("SendMessage", message);
    }
    let three = json!({"QueueUrl": url, "MaxNumberOfMessages": 3, "VisibilityTimeout": 600});
    queues.ok("ReceiveMessage", three);
    queues.pass(Duration::from_secs(60));
    let told: Vec<Datum> = std::mem::take(&mut queues.metrics);
    let of = |name: &str| told.iter().find(|datum| datum.name == name).unwrap().values.clone();
    assert_eq!(of("ApproximateNumberOfGroupsWithInflightMessages"), [(2.0, 1.0)]);
    assert_eq!(of("NumberOfDeduplicatedSentMessages"), [(1.0, 2.0)]);
    assert_eq!(of("NumberOfMessagesSent"), [(1.0, 4.0)]);
    assert!(!told.iter().any(|datum| datum.name.contains("QuietGroups")));
}

#[test]
fn what_fails_does_not_count_as_the_oldest_message_and_a_dead_letter_is_as_old_as_its_move() {
    let mut queues = Queues::new();
    let (url, dead) = queues.create_pair(4, json!({"VisibilityTimeout": "0"}));
    queues.send(&url, "poison");
    queues.pass(Duration::from_secs(30));
    queues.send(&url, "good");
    queues.pass(Duration::from_secs(50));
    assert_eq!(last(&mut queues, "source")["ApproximateAgeOfOldestMessage"], 40.0);
    let one = json!({"QueueUrl": url, "MaxNumberOfMessages": 1});
    for _ in 0..3 {
        let received = queues.ok("ReceiveMessage", one.clone());
        assert_eq!(received["Messages"][0]["Body"], "poison");
    }
    queues.pass(Duration::from_secs(60));
    let (poison, good) = (100.0, 70.0);
    assert_eq!(last(&mut queues, "source")["ApproximateAgeOfOldestMessage"], good);
    queues.restart();
    queues.ok("ReceiveMessage", one.clone());
    queues.ok("ReceiveMessage", one);
    assert_eq!(queues.counts(&dead), [1, 0, 0]);
    queues.pass(Duration::from_secs(60));
    let age = last(&mut queues, "dlq")["ApproximateAgeOfOldestMessage"];
    assert!(age < poison, "{age}");
    queues.restart();
    queues.pass(Duration::from_secs(60));
    assert_eq!(last(&mut queues, "dlq")["ApproximateAgeOfOldestMessage"], age + 60.0);
}

/// One tenant floods a queue, others send a message each now and then; ten consumers with ten messages each at a time.
#[test]
fn a_noisy_tenant_does_not_raise_the_dwell_time_of_quiet_ones() {
    let mut queues = Queues::new();
    let url = queues.create("q", json!({"VisibilityTimeout": "600"}));
    let send = |queues: &mut Queues, group: &str, body: String| {
        queues.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group}));
    };
    for n in 0..2_000 {
        send(&mut queues, "noisy", format!("noisy {n}"));
    }
    let mut held: VecDeque<Vec<Value>> = VecDeque::new();
    let (mut waiting, mut rounds_waited) = (Vec::new(), Vec::new());
    for round in 0..100_usize {
        if round >= 5 {
            let body = format!("quiet {round}");
            send(&mut queues, &format!("tenant-{}", round % 4), body.clone());
            waiting.push((round, body));
        }
        if held.len() == 10 {
            for message in held.pop_front().unwrap() {
                queues
                    .ok("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}));
            }
        }
        let messages = queues.receive(&url);
        waiting.retain(|(sent, body)| {
            let found = bodies(&messages).contains(&body.as_str());
            rounds_waited.extend(found.then_some(round - sent));
            !found
        });
        held.push_back(messages);
        queues.pass(Duration::from_secs(1));
    }
    assert_eq!((rounds_waited.len(), waiting.len()), (95, 0));
    assert_eq!(rounds_waited.into_iter().max(), Some(0));
    let told = last(&mut queues, "q");
    assert_eq!(told["ApproximateNumberOfNoisyGroups"], 1.0);
    assert_eq!(told["ApproximateNumberOfMessagesVisibleInQuietGroups"], 0.0);
    assert_eq!(told["ApproximateNumberOfMessagesDelayedInQuietGroups"], 0.0);
    assert!(told["ApproximateNumberOfMessagesNotVisibleInQuietGroups"] > 5.0);
    assert!(told["ApproximateAgeOfOldestMessageInQuietGroups"] <= 10.0);
    assert!(told["ApproximateAgeOfOldestMessage"] > 60.0);
}
