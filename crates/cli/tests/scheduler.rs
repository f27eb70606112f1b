//! Schedules through boto3, on a virtual clock and across a restart: see `tests/e2e/scheduler/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn schedules_fire_what_they_should_when_they_should_and_once() {
    let Some(env) = TestEnv::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    for mode in ["first", "second"] {
        let data = dir.path().to_str().unwrap();
        let pontoon = Pontoon::start(&["--data", data, "--virtual-clock", "--policies", "enforce"]);
        let mut python = env.python();
        python.arg(support::repository().join("tests/e2e/scheduler/scheduler.py"));
        let done = python.args([&pontoon.endpoint, mode]).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(
            done.status.success() && out.trim_end().ends_with("DONE"),
            "{out}\n{err}\n{}",
            pontoon.traces()
        );
    }
}
