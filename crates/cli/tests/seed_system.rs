//! The order system of the event-driven guide through real clients: see `tests/e2e/seed/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

fn run(deployer: &str, clock: &str, policies: &str) {
    let Some(env) = TestEnv::find() else { return };
    let mut args = vec!["--memory", "--policies", policies];
    if clock == "virtual" {
        args.push("--virtual-clock");
    }
    let pontoon = Pontoon::start(&args);
    let node_dir = env.node.display().to_string();
    let mut script_args = vec![&*node_dir, deployer, clock];
    if policies == "enforce" {
        script_args.push("enforce");
    }
    env.run_script("seed/seed.py", &pontoon, &script_args);
}

#[test]
fn deployed_by_boto3_in_real_time() {
    run("boto3", "real", "warn");
}

#[test]
fn deployed_by_the_aws_cli_on_a_virtual_clock() {
    run("cli", "virtual", "warn");
}

#[test]
fn deployed_by_boto3_on_a_virtual_clock() {
    run("boto3", "virtual", "warn");
}

#[test]
fn the_seed_s_queue_policy_is_enforced_as_aws_does() {
    run("boto3", "virtual", "enforce");
}
