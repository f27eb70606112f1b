//! The benchmarks run small with every test run, so that they cannot rot: their answers are checked, and what must not grow with size is compared.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// How many messages the scenarios at scale have: `PONTOON_SCALE`, or few.
fn scale() -> u64 {
    std::env::var("PONTOON_SCALE").ok().and_then(|messages| messages.parse().ok()).unwrap_or(2_000)
}

#[test]
fn receiving_and_memory_do_not_grow_with_the_backlog() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.current_dir(dir.path()).args(["--json", "--scale", &scale().to_string()]);
    // A test run of the workspace has built it; built once more by itself it would have other features, which takes minutes.
    let pontoon = Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("pontoon");
    if pontoon.exists() {
        bench.arg("--pontoon").arg(pontoon);
    }
    let bench = bench.output().unwrap();
    assert!(bench.status.success(), "{}", String::from_utf8_lossy(&bench.stderr));
    let figures = serde_json::Deserializer::from_slice(&bench.stdout).into_iter();
    let figures: Vec<Value> = figures.collect::<Result<_, _>>().unwrap();
    let named = |begin: &str, end: &str| {
        let found = figures.iter().find(|figure| {
            let name = figure["name"].as_str().unwrap();
            name.starts_with(begin) && name.ends_with(end)
        });
        found.unwrap_or_else(|| panic!("no {begin} … {end} in {figures:#?}"))
    };
    let largest = named("receive from", &format!("{} messages", scale()));
    // A thousand times as many messages must not take five times as long. Of few messages, on a machine that does other things too, times tell nothing.
    if scale() >= 1_000_000 {
        assert!(largest["ratio"].as_f64().unwrap() < 5.0, "{largest}");
    }
    let memory = named("resident memory", &format!(" {} messages", scale()));
    // The server, its store's caches, and what the budget allows for.
    assert!(memory["value"].as_f64().unwrap() < 1_000.0, "{memory}");
    assert!(named("a send to the answer", "long polls")["value"].as_f64().unwrap() < 10_000.0);
}

#[test]
#[cfg(unix)]
fn a_run_that_fails_leaves_no_server_and_no_directory() {
    use std::os::unix::fs::PermissionsExt as _;

    let (dir, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Says that it listens where nobody does, and goes on writing into its directory.
    let server = programs.path().join("server");
    let script = r#"#!/bin/sh
mkdir "$5" && echo "listens on http://127.0.0.1:1" && while true; do n=$((n + 1)); echo > "$5/$n"; done
"#;
    std::fs::write(&server, script).unwrap();
    std::fs::set_permissions(&server, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    let bench =
        bench.current_dir(dir.path()).args(["--scale", "1000", "--pontoon"]).arg(&server).output().unwrap();
    assert!(!bench.status.success());
    assert!(String::from_utf8_lossy(&bench.stderr).contains("127.0.0.1:1"), "{bench:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
