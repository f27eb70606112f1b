//! EventBridge through boto3, with a real web server as an API destination: see `tests/e2e/events/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

#[test]
fn boto3_archives_replays_calls_web_servers_and_hears_of_buckets_and_stacks() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory", "--virtual-clock"]);
    env.run_script("events/events.py", &pontoon, &[]);
}

#[test]
fn a_bus_tells_its_log_to_where_its_deliveries_lead() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory", "--virtual-clock", "--policies", "enforce"]);
    env.run_script("events/bus_logs.py", &pontoon, &[]);
}
