//! Pipes through boto3, with real functions: see `tests/e2e/pipes/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn pipes_take_messages_from_queues_to_where_they_lead() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory", "--virtual-clock", "--policies", "enforce"]);
    let mut python = env.python();
    python.arg(support::repository().join("tests/e2e/pipes/pipes.py")).arg(&pontoon.endpoint);
    let done = python.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.trim_end().ends_with("DONE"), "{out}\n{err}\n{}", pontoon.traces());
}
