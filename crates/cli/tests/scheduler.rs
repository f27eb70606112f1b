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
        env.run_script("scheduler/scheduler.py", &pontoon, &[mode]);
    }
}
