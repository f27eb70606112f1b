//! EventBridge through boto3, with a real web server as an API destination: see `tests/e2e/events/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn boto3_archives_replays_calls_web_servers_and_hears_of_buckets_and_stacks() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory", "--virtual-clock"]);
    let mut python = env.python();
    python.arg(support::repository().join("tests/e2e/events/events.py")).arg(&pontoon.endpoint);
    let done = python.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.trim_end().ends_with("DONE"), "{out}\n{err}\n{}", pontoon.traces());
}
