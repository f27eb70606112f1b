//! Dependencies between our crates point one way: `core ← {pattern, schedule, wire, api, store} ← source ← services ← host ← cli`.

use std::path::Path;

use serde::Deserialize;

/// The crates from the bottom up; a crate may depend on those of lower rows only.
const LAYERS: &[&[&str]] = &[
    &["pontoon-core"],
    &["pontoon-pattern", "pontoon-schedule", "pontoon-wire", "pontoon-api", "pontoon-store"],
    // What several services share and is made of the above.
    &["pontoon-source"],
    crate::tidy::rooms::SERVICES,
    &["pontoon-host"],
    &["pontoon-cli", "pontoon-sim", "pontoon-test", "pontoon-fuzz", "bench"],
];

/// Crates that stand beside the layers: they know AWS's public APIs only, and what they may use of ours. Their tests may start Pontoon through
/// `host` or `pontoon-test`.
const BESIDE: &[(&str, &[&str])] = &[
    ("pontoon", &["pontoon-derive"]),
    ("pontoon-derive", &[]),
    ("orders", &["pontoon", "pontoon-derive"]),
    ("xtask", &[]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Every dependency that points the wrong way.
///
/// # Errors
/// If cargo cannot tell what the dependencies are.
pub fn check(root: &Path) -> Result<Vec<String>, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let text = super::run(root, &cargo, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Metadata =
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let ours: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        for dependency in
            package.dependencies.iter().filter(|dependency| ours.contains(&dependency.name.as_str()))
        {
            let for_tests = dependency.kind.as_deref() == Some("dev");
            if let Err(reason) = allowed(&package.name, &dependency.name, for_tests) {
                findings.push(format!("{} depends on {}: {reason}", package.name, dependency.name));
            }
        }
    }
    Ok(findings)
}

fn allowed(from: &str, to: &str, for_tests: bool) -> Result<(), &'static str> {
    let layer = |name: &str| LAYERS.iter().position(|row| row.contains(&name));
    if let Some((_, may_use)) = BESIDE.iter().find(|(name, _)| *name == from) {
        // Its tests may start Pontoon, and turn its own features on.
        let in_tests = for_tests && (to == "pontoon-host" || to == "pontoon-test" || to == from);
        return if may_use.contains(&to) || in_tests { Ok(()) } else { Err("it stands beside the layers") };
    }
    match (layer(from), layer(to)) {
        (Some(from), Some(to)) if to < from => Ok(()),
        // Tests of one crate may use its neighbours, but services do not know each other even there.
        (Some(1), Some(1)) if for_tests => Ok(()),
        (Some(3), Some(3)) => Err("services do not import each other"),
        (Some(_), Some(_)) => Err("dependencies point downwards only"),
        (None, _) => Err("give the crate a place in xtask/src/tidy/layers.rs"),
        // What stands on top may use the application crate.
        (Some(5), None) => Ok(()),
        (Some(_), None) => Err("nothing of the engine uses the application crates"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_downwards() {
        for (from, to, for_tests, expected) in [
            ("pontoon-sqs", "pontoon-api", false, true),
            ("pontoon-sqs", "pontoon-sns", true, false),
            ("pontoon-lambda", "pontoon-source", false, true),
            ("pontoon-source", "pontoon-sqs", false, false),
            ("pontoon-core", "pontoon-store", true, false),
            ("pontoon-wire", "pontoon-api", false, false),
            ("pontoon-wire", "pontoon-api", true, true),
            ("pontoon-host", "pontoon-sqs", false, true),
            ("pontoon-sqs", "pontoon-host", true, false),
            ("pontoon", "pontoon-host", false, false),
            ("pontoon", "pontoon-host", true, true),
            ("pontoon", "pontoon-test", true, true),
            ("pontoon", "pontoon-test", false, false),
            ("pontoon-new", "pontoon-core", false, false),
        ] {
            assert_eq!(allowed(from, to, for_tests).is_ok(), expected, "{from} -> {to}");
        }
    }
}
