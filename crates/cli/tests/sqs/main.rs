//! Queues through the official clients: boto3 and the AWS CLI over JSON and over the query protocol of older SDKs, today's SDK for JavaScript and one of
//! 2023, the SDK for Rust, and a FIFO queue within a system. See `tests/e2e/sqs/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rust_sdk;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use support::{Pontoon, TestEnv, run_to_done};

fn python(script: &str, args: &[&str]) {
    let Some(env) = TestEnv::find() else { return };
    env.run_script(&format!("sqs/{script}"), &Pontoon::start(args), &[]);
}

fn node(package: &str) {
    let Some(env) = TestEnv::find() else { return };
    let directory = env.node.canonicalize().unwrap();
    let args = [directory.to_str().unwrap(), package];
    run_to_done(Command::new("node"), "sqs/sqs.mjs", &Pontoon::start(&["--memory"]), &args);
}

#[test]
fn boto3_is_answered_alike_over_json_and_query() {
    python("sqs.py", &["--memory"]);
}

#[test]
fn the_aws_cli_is_answered_alike_over_json_and_query() {
    python("cli.py", &["--memory"]);
}

#[test]
fn the_javascript_sdk_of_today_is_answered_over_json() {
    node("@aws-sdk/client-sqs");
}

#[test]
fn a_javascript_sdk_of_2023_is_answered_over_query() {
    node("client-sqs-query");
}

#[test]
fn a_fifo_queue_keeps_order_from_rules_and_senders_to_a_function() {
    python("fifo.py", &["--memory", "--policies", "enforce"]);
}
