//! `pontoon dlq` as people use it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::{Command, Output};

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use support::Pontoon;

fn dlq(pontoon: &Pontoon, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontoon"));
    command.arg("dlq").args(args).args(["--endpoint", &pontoon.endpoint]).output().unwrap()
}

fn answer(pontoon: &Pontoon, args: &[&str]) -> Value {
    let output = dlq(pontoon, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(pontoon: &Pontoon, args: &[&str]) -> String {
    let output = dlq(pontoon, args);
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A queue `orders` with two dead letters in `orders-dlq`, which SQS moved there.
async fn prepare(pontoon: &Pontoon) -> Vec<String> {
    let sqs = aws_sdk_sqs::Client::new(&pontoon::aws::config_for(&pontoon.endpoint));
    sqs.create_queue().queue_name("orders-dlq").send().await.unwrap();
    let policy = json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:orders-dlq", "maxReceiveCount": 1 });
    let create =
        sqs.create_queue().queue_name("orders").attributes(QueueAttributeName::VisibilityTimeout, "0");
    let create = create.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
    let queue = create.send().await.unwrap().queue_url.unwrap();
    let mut ids = Vec::new();
    for body in ["one", "two"] {
        let sent = sqs.send_message().queue_url(&queue).message_body(body).send().await.unwrap();
        ids.push(sent.message_id.unwrap());
    }
    for _ in 0..2 {
        sqs.receive_message().queue_url(&queue).max_number_of_messages(10).send().await.unwrap();
    }
    ids
}

#[test]
fn dead_letters_are_listed_looked_at_mended_sent_back_and_deleted() {
    let pontoon = Pontoon::start(&["--memory"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ids = runtime.block_on(prepare(&pontoon));
    let listed = answer(&pontoon, &["list"]);
    assert_eq!(
        (&listed[0]["messages"], &listed[0]["sources"][0]),
        (&json!(2), &json!("arn:aws:sqs:us-east-1:000000000000:orders"))
    );
    assert_eq!(answer(&pontoon, &["peek", "orders-dlq"]).as_array().unwrap().len(), 2);
    let groups = answer(&pontoon, &["group", "orders-dlq"]);
    assert_eq!(
        (&groups[0]["count"], &groups[0]["reason"]),
        (&json!(2), &json!("received too often without being deleted"))
    );

    let would = answer(&pontoon, &["redrive", "orders-dlq", "--id", &ids[0], "--dry-run"]);
    assert_eq!((&would["moved"], &would["left"]), (&json!(1), &json!(1)));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "mended").unwrap();
    let edited = answer(&pontoon, &["edit", "orders-dlq", &ids[0], "--body", file.path().to_str().unwrap()]);
    assert_eq!(edited["resent"], json!(ids[0]));

    assert!(refusal(&pontoon, &["delete", "orders-dlq"]).contains("say --yes"));
    assert_eq!(answer(&pontoon, &["delete", "orders-dlq", "--yes"])["deleted"], json!(1));
    assert_eq!(answer(&pontoon, &["list"])[0]["messages"], json!(0));
    let missing = refusal(&pontoon, &["peek", "nothing"]);
    assert!(
        missing.contains("The specified queue does not exist.") && !missing.contains("ServiceError"),
        "{missing}"
    );
}
