//! Every supported operation through boto3, whose models make the inputs and read the answers: see `tests/e2e/operations/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::{Command, Stdio};

use support::{Pontoon, TestEnv};

#[test]
fn the_sdk_reads_what_every_operation_answers() {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory"]);
    let mut listing = Command::new(env!("CARGO_BIN_EXE_pontoon"))
        .args(["operations", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut python = env.python();
    python.arg(support::repository().join("tests/e2e/operations/operations.py")).arg(&pontoon.endpoint);
    let done = python.stdin(listing.stdout.take().unwrap()).output().unwrap();
    assert!(listing.wait().unwrap().success());
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.trim_end().ends_with("DONE"), "{out}\n{err}");
}
