//! Code generation and tidy checks.

mod codegen;
mod docs;
mod model;
mod ordered;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  codegen [--check]           generate crates/api from models/, or say what differs
  codegen --models-from DIR   strip the published models in DIR (botocore's `data` directory) into models/, then generate
  docs [--check]              generate docs/operations.md, or say whether it differs
  tidy                        check layers, file sizes, rooms of the service crates, paths and tests named in documents
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let done = match arguments.as_slice() {
        ["codegen"] => codegen::generate(&root, false),
        ["codegen", "--check"] => codegen::generate(&root, true),
        ["codegen", "--models-from", data] => {
            codegen::strip(&root, Path::new(data)).and_then(|()| codegen::generate(&root, false))
        }
        ["docs"] => docs::generate(&root, false),
        ["docs", "--check"] => docs::generate(&root, true),
        ["tidy"] => tidy::check(&root),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's directory: the parent of this package's.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}
