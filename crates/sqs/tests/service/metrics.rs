//! What the service tells CloudWatch.

use std::time::Duration;

use serde_json::json;

use crate::harness::Queues;

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
