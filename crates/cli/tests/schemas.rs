//! The schema registry through boto3, and across a restart: see `tests/e2e/schemas/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn schemas_are_kept_discovered_and_held_to() {
    let Some(env) = TestEnv::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    for mode in ["first", "second"] {
        let data = dir.path().to_str().unwrap();
        let pontoon = Pontoon::start(&["--data", data, "--policies", "enforce"]);
        let mut python = env.python();
        python.arg(support::repository().join("tests/e2e/schemas/schemas.py"));
        let done = python.args([&pontoon.endpoint, mode]).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(
            done.status.success() && out.trim_end().ends_with("DONE"),
            "{out}\n{err}\n{}",
            pontoon.traces()
        );
    }
}
