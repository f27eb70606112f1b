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
        env.run_script("schemas/schemas.py", &pontoon, &[mode]);
    }
}
