//! Topics through boto3, with a web server that confirms, and signatures checked by another library: see `tests/e2e/sns/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

fn run(mode: &str, args: &[&str]) {
    let Some(env) = TestEnv::find() else { return };
    env.run_script("sns/sns.py", &Pontoon::start(args), &[mode]);
}

#[test]
fn endpoints_confirm_and_signatures_hold() {
    run("open", &["--memory", "--virtual-clock"]);
}

#[test]
fn the_urls_in_messages_work_where_everything_else_needs_a_signature() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("credentials");
    std::fs::write(
        &credentials,
        "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n",
    )
    .unwrap();
    run("guarded", &["--memory", "--policies", "enforce", "--credentials", credentials.to_str().unwrap()]);
}
