//! `cargo xtask tidy`: what the compiler does not check of how the workspace is laid out.

mod layers;
mod named_tests;
mod paths;
mod rooms;
mod size;

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs every check.
///
/// # Errors
/// All findings, one a line; or that git or cargo could not be asked.
pub fn check(root: &Path) -> Result<(), String> {
    let files = tracked(root)?;
    let mut findings = layers::check(root)?;
    findings.extend(size::check(&files));
    findings.extend(rooms::check(root));
    findings.extend(named_tests::check(&files));
    findings.extend(paths::named_paths_exist(root, &files));
    findings.extend(paths::no_machine_paths(&files));
    if findings.is_empty() { Ok(()) } else { Err(findings.join("\n")) }
}

/// A file that git knows, or would if it were added.
struct File {
    /// Relative to the root.
    path: String,
    /// What it says; binary files are left out.
    text: String,
}

impl File {
    /// Whether code generation wrote it.
    fn is_generated(&self) -> bool {
        self.text.starts_with("// @generated")
    }
}

fn tracked(root: &Path) -> Result<Vec<File>, String> {
    let listed = run(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    let read =
        |path: &str| Some(File { path: path.to_owned(), text: fs::read_to_string(root.join(path)).ok()? });
    Ok(listed.lines().filter_map(read).collect())
}

fn run(root: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let failed = |what: String| format!("{program} {}: {what}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}
