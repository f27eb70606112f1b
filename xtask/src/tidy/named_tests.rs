//! Every test that the page on tests names exists, so that what is said to be tested is.

use std::collections::BTreeSet;

use super::File;

/// The page. Whatever it has in backquotes and with `::` is a test: the crate's directory, then the modules and the name that `cargo test` prints,
/// behind the name of the file for one of `tests/`.
const PAGE: &str = "docs/testing.md";

/// Every test that the page names and that no crate has.
pub fn check(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![format!("{PAGE} is missing")];
    };
    let tests: BTreeSet<String> = files.iter().flat_map(tests_of).collect();
    named(&page.text)
        .filter(|name| !tests.contains(*name))
        .map(|name| format!("{PAGE}: names {name}, which is no test"))
        .collect()
}

/// Words in backquotes with `::`, outside of blocks of code.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).filter(|word| word.contains("::"))
}

/// The tests of a file, by their full names. Those within a module `tests` of a file have that in their names too.
fn tests_of(file: &File) -> Vec<String> {
    let Some(module) = module_of(&file.path) else { return Vec::new() };
    let mut names = Vec::new();
    let (mut within, mut is_test) = ("", false);
    for line in file.text.lines().map(str::trim) {
        if line == "mod tests {" {
            within = "tests::";
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = function_name(line) {
            if is_test {
                names.push(format!("{module}::{within}{name}"));
            }
            is_test = false;
        }
    }
    names
}

/// The name of the function that begins on the line.
fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// Crate and modules of a file of Rust: `crates/sqs/tests/service/fifo.rs` is `sqs::service::fifo`, `bench/tests/small.rs` is `bench::small`.
fn module_of(path: &str) -> Option<String> {
    let path = path.strip_prefix("crates/").unwrap_or(path).strip_suffix(".rs")?;
    let (name, rest) = path.split_once('/')?;
    let rest = rest.strip_prefix("src/").or_else(|| rest.strip_prefix("tests/"))?;
    let modules = rest.split('/').filter(|part| !matches!(*part, "lib" | "main" | "mod"));
    Some(std::iter::once(name).chain(modules).collect::<Vec<_>>().join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_name_of_no_test_is_found() {
        let files = [
            file("crates/a/src/state/b.rs", "fn helper() {}\nmod tests {\n    #[test]\n    fn holds() {\n"),
            file("crates/a/tests/service/main.rs", "#[tokio::test(flavor = \"x\")]\nasync fn waits() {}\n"),
            file("bench/tests/small.rs", "#[test]\n#[cfg(unix)]\nfn ends(x in 0..1) {}\nfn plain() {}\n"),
            file(
                PAGE,
                "`a::state::b::tests::holds` `a::service::waits` `bench::small::ends` `a/b`\n\
                 `a::state::b::holds` `a::state::b::helper` `bench::small::plain` `b::gone`\n```\n`a::in_a_block`\n```\n",
            ),
        ];
        let wrong = ["a::state::b::holds", "a::state::b::helper", "bench::small::plain", "b::gone"];
        let expected = wrong.map(|name| format!("docs/testing.md: names {name}, which is no test"));
        assert_eq!(check(&files), expected);
    }
}
