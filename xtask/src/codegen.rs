//! `cargo xtask codegen`: from the published models to `models/*.json`, and from those to the modules of `crates/api`.

mod names;
mod pattern;
mod plan;
mod schema;
mod service;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::model::Model;
use plan::Plan;

/// A service: the name of its module and model file, its id in ARNs and signatures, and the directory of its model in botocore's `data`.
pub struct Source {
    /// `cloudwatch`
    pub module: &'static str,
    /// `monitoring`
    pub id: &'static str,
}

/// Every service, in the order of `pontoon_api::SERVICES`.
pub const SOURCES: &[Source] = &[
    Source { module: "sqs", id: "sqs" },
    Source { module: "events", id: "events" },
    Source { module: "scheduler", id: "scheduler" },
    Source { module: "pipes", id: "pipes" },
    Source { module: "sns", id: "sns" },
    Source { module: "lambda", id: "lambda" },
    Source { module: "dynamodb", id: "dynamodb" },
    Source { module: "cloudwatch", id: "monitoring" },
    Source { module: "logs", id: "logs" },
    Source { module: "schemas", id: "schemas" },
    Source { module: "cloudformation", id: "cloudformation" },
    Source { module: "iam", id: "iam" },
    Source { module: "sts", id: "sts" },
    Source { module: "s3", id: "s3" },
];

/// Strips the published models under `data` (botocore's `data` directory, or one laid out like it) into `models/`.
///
/// # Errors
/// If a model cannot be read, or lacks a supported operation.
pub fn strip(root: &Path, data: &Path) -> Result<(), String> {
    let supported = supported(root)?;
    for source in SOURCES {
        let path = newest(&data.join(source.module))?;
        let model: Model = parse(&path, &read(&path)?)?;
        let operations =
            supported.get(source.module).ok_or(format!("operations.json lacks {}", source.module))?;
        let stripped = model.strip(operations).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut text = serde_json::to_string_pretty(&stripped).map_err(|error| error.to_string())?;
        text.push('\n');
        let path = root.join("models").join(format!("{}.json", source.module));
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Generates the modules of `crates/api` from `models/`, or with `check` says which files differ.
///
/// # Errors
/// If a model cannot be read or turned into code, or if `check` finds a difference.
pub fn generate(root: &Path, check: bool) -> Result<(), String> {
    let supported = supported(root)?;
    let mut stale = Vec::new();
    for source in SOURCES {
        let model = load(root, source)?;
        let listed = supported.get(source.module).map(Vec::as_slice).unwrap_or_default();
        if !model.operations.keys().eq(listed) {
            return Err(format!(
                "models/{}.json does not hold the operations of models/operations.json (sorted): run `cargo xtask \
                 codegen --models-from DIR`",
                source.module
            ));
        }
        let plan = Plan::new(source, &model).map_err(|error| format!("{}: {error}", source.module))?;
        let module = root.join("crates/api/src").join(source.module);
        for (path, code) in [
            (module.with_extension("rs"), service::code(&plan)),
            (module.join("types.rs"), types::code(&plan)),
            (module.join("schema.rs"), schema::code(&plan)?),
        ] {
            let formatted = rustfmt(root, &code)?;
            if fs::read_to_string(&path).is_ok_and(|present| present == formatted) {
                continue;
            }
            if check {
                stale.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
                continue;
            }
            fs::create_dir_all(&module)
                .and_then(|()| fs::write(&path, formatted))
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("not what `cargo xtask codegen` generates:\n  {}", stale.join("\n  ")))
    }
}

/// The supported operations of each service, from `models/operations.json`.
///
/// # Errors
/// If the file cannot be read.
pub fn supported(root: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let path = root.join("models/operations.json");
    parse(&path, &read(&path)?)
}

/// A stripped model with its overlay.
///
/// # Errors
/// If either cannot be read, or the overlay does not fit.
pub fn load(root: &Path, source: &Source) -> Result<Model, String> {
    let path = root.join("models").join(format!("{}.json", source.module));
    let mut model: Model = parse(&path, &read(&path)?)?;
    let path = root.join("models/overlays").join(format!("{}.json", source.module));
    if path.exists() {
        let overlay: Model = parse(&path, &read(&path)?)?;
        model.overlay(overlay).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(model)
}

/// The model in the newest version's directory; versions are dates.
fn newest(service: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(service).map_err(|error| format!("{}: {error}", service.display()))?;
    let mut versions: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort();
    let models = versions
        .iter()
        .rev()
        .flat_map(|version| ["service-2.json", "service-2.json.gz"].map(|name| version.join(name)));
    models
        .into_iter()
        .find(|path| path.exists())
        .ok_or(format!("no service-2.json under {}", service.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(failed)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut inflated = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut inflated).map_err(failed)?;
        return Ok(inflated);
    }
    Ok(bytes)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// The code as `cargo fmt` leaves it.
fn rustfmt(root: &Path, code: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("rustfmt: {error}");
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().ok_or("rustfmt has no standard input")?;
    let code = code.to_owned();
    let feeding = std::thread::spawn(move || stdin.write_all(code.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() || !matches!(feeding.join(), Ok(Ok(()))) {
        return Err("rustfmt refuses the generated code".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| format!("rustfmt: {error}"))
}
