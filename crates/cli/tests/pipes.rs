//! Pipes through boto3, with real functions: see `tests/e2e/pipes/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn pipes_take_messages_from_queues_to_where_they_lead() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory", "--virtual-clock", "--policies", "enforce"]);
    env.run_script("pipes/pipes.py", &pontoon, &[]);
}
