//! A file has one subject, and is split by subject when it grows past what a reader holds in mind.

use super::File;

/// Lines of a source file without its tests.
const LINES_MAX: usize = 600;

/// Every source file that is too long. Generated files, tests and benches may be.
pub fn check(files: &[File]) -> Vec<String> {
    let source = files.iter().filter(|file| file.path.ends_with(".rs") && !file.is_generated());
    let code = source
        .filter(|file| !file.path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs")));
    code.filter_map(|file| {
        let lines = lines_without_tests(&file.text);
        (lines > LINES_MAX)
            .then(|| format!("{}: {lines} lines, at most {LINES_MAX}: two subjects?", file.path))
    })
    .collect()
}

/// Lines before the test module, which stands last.
fn lines_without_tests(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let file = |path: &str, text: String| File { path: path.to_owned(), text };
        let long = "x\n".repeat(LINES_MAX + 1);
        let tested = "x\n".repeat(LINES_MAX) + "#[cfg(test)]\nmod tests {}\n";
        let files = [
            file("crates/a/src/long.rs", long.clone()),
            file("crates/a/src/tested.rs", tested),
            file("crates/a/tests/long.rs", long.clone()),
            file("crates/a/src/generated.rs", format!("// @generated\n{long}")),
        ];
        let findings = check(&files);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("crates/a/src/long.rs: 601"));
    }
}
