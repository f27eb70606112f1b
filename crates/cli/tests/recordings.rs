//! What the real AWS was recorded to answer (`tests/recordings/`), against the calls of `tests/e2e/recordings/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Pontoon, TestEnv};

/// A test for each script, which has a server of its own.
macro_rules! replays {
    ($($script:ident),* $(,)?) => {
        $(#[test]
        fn $script() {
            replay(stringify!($script));
        })*

        #[test]
        fn every_script_is_a_test() {
            let scripts = std::fs::read_dir(support::repository().join("tests/e2e/recordings")).unwrap();
            let mut scripts: Vec<_> = scripts
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
                .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            scripts.sort();
            assert_eq!(scripts, [$(stringify!($script)),*]);
        }
    };
}

replays! {
    cloudformation_change_sets,
    cloudformation_errors,
    cloudformation_resources,
    cloudformation_stacks,
    cloudwatch,
    dynamodb,
    events,
    events_archives,
    events_connections,
    events_inputs,
    events_patterns,
    events_schedule,
    events_tags,
    events_targets,
    identity,
    lambda_attachments,
    lambda_destinations,
    lambda_functions,
    lambda_invoke,
    lambda_names,
    lambda_permissions,
    lambda_queues,
    lambda_runtimes,
    lambda_versions,
    logs,
    scheduler,
    sns_deliveries,
    sns_filters,
    sns_publish,
    sns_subscriptions,
    sns_topics,
}

#[test]
fn every_scenario_is_replayed_or_named_with_its_reason() {
    module("coverage");
}

#[test]
fn what_differs_from_a_recording_is_told() {
    module("comparisons");
}

fn module(name: &str) {
    let Some(env) = TestEnv::find() else { return };
    let done = env.python().args(["-m", &format!("pontoon_e2e.{name}")]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}");
}

fn replay(script: &str) {
    let Some(env) = TestEnv::find() else { return };
    let pontoon = Pontoon::start(&["--memory", "--virtual-clock"]);
    let script = support::repository().join(format!("tests/e2e/recordings/{script}.py"));
    let done = env.python().arg(script).arg(&pontoon.endpoint).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}");
}
