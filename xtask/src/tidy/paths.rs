//! Paths that the documents name exist, and nothing names a path of the machine on which it was written.

use std::path::Path;

use super::File;

/// Directories at the root: a word in a document that begins with one of them is a path.
const TOP: &[&str] = &[
    ".cargo/",
    ".github/",
    "bench/",
    "crates/",
    "docs/",
    "examples/",
    "models/",
    "scripts/",
    "tests/",
    "xtask/",
];

/// Every path that a document names and that does not exist: in backquotes from the root, or as the target of a relative link.
pub fn named_paths_exist(root: &Path, files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let directory = Path::new(&file.path).parent().unwrap_or(Path::new(""));
        for named in quoted_paths(&file.text) {
            if !root.join(named).exists() {
                findings.push(format!("{}: names {named}, which does not exist", file.path));
            }
        }
        for target in link_targets(&file.text) {
            if !root.join(directory).join(target).exists() {
                findings.push(format!("{}: links to {target}, which does not exist", file.path));
            }
        }
    }
    findings
}

/// Words in backquotes that begin with a directory of the root, without line numbers. Placeholders are no paths: `models/SERVICE.json`, `crates/*`.
fn quoted_paths(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let quoted = prose.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    quoted
        .flat_map(str::split_whitespace)
        .filter(|word| TOP.iter().any(|top| word.starts_with(top)))
        .filter_map(|word| {
            let path = word.split(':').next().unwrap_or(word).trim_end_matches([',', ';', ')']);
            (!is_placeholder(path)).then_some(path)
        })
}

fn is_placeholder(path: &str) -> bool {
    let shouted = |part: &str| {
        let stem = part.split('.').next().unwrap_or(part);
        stem.len() > 1
            && stem != "README"
            && stem.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == '-')
    };
    path.contains(['*', '{', '<', '…']) || path.split('/').any(shouted)
}

/// Targets of links that are not web addresses, without anchors.
fn link_targets(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let targets = prose.flat_map(|prose| prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    targets
        .filter(|target| {
            !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:")
        })
        .filter_map(|target| target.split(['#', ' ']).next().filter(|path| !path.is_empty()))
}

/// Every mention of a directory that only some machine has.
pub fn no_machine_paths(files: &[File]) -> Vec<String> {
    // Put together so that this file does not mention them.
    let machine = ["work", "root", "home"].map(|name| format!("/{name}/"));
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(path) = machine.iter().find(|path| mentions(line, path)) {
                findings.push(format!("{}:{}: names {path}, a path of some machine", file.path, number + 1));
            }
        }
    }
    findings
}

/// Whether the line has the path where a path can begin: not within a longer one (`…/node/work/x`).
fn mentions(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}*".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_documents_are_found() {
        let text = "See `crates/core/src/step.rs:12`, `models/SERVICE.json`, `crates/*` and `cargo run`.\n\
                    ```sh\n`docs/in-a-block.md`\n```\n[a](docs/a.md#part) [b](https://x.test/c) [c](#here)";
        assert_eq!(quoted_paths(text).collect::<Vec<_>>(), ["crates/core/src/step.rs"]);
        assert_eq!(link_targets(text).collect::<Vec<_>>(), ["docs/a.md"]);
    }

    #[test]
    fn machine_paths_are_told_from_parts_of_others() {
        let home = format!("/{}/", "home");
        assert!(mentions(&format!("see {home}me/x"), &home));
        assert!(!mentions(&format!("https://example.com{home}x"), &home));
    }
}
