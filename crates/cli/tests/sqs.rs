//! Queues through boto3: over JSON and over the query protocol of older SDKs, and a FIFO queue within a system. See `tests/e2e/sqs/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

fn run(script: &str, args: &[&str]) {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(args);
    let mut python = env.python();
    python.arg(support::repository().join("tests/e2e/sqs").join(script)).arg(&pontoon.endpoint);
    let done = python.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.trim_end().ends_with("DONE"), "{out}\n{err}\n{}", pontoon.traces());
}

#[test]
fn boto3_is_answered_alike_over_json_and_query() {
    run("sqs.py", &["--memory"]);
}

#[test]
fn a_fifo_queue_keeps_order_from_rules_and_senders_to_a_function() {
    run("fifo.py", &["--memory", "--policies", "enforce"]);
}
