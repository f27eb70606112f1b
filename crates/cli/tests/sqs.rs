//! Queues through boto3, over JSON and over the query protocol of older SDKs: see `tests/e2e/sqs/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn boto3_is_answered_alike_over_json_and_query() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory"]);
    let mut python = env.python();
    python.arg(support::repository().join("tests/e2e/sqs/sqs.py")).arg(&pontoon.endpoint);
    let done = python.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.trim_end().ends_with("DONE"), "{out}\n{err}\n{}", pontoon.traces());
}
