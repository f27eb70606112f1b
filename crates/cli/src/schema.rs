//! `pontoon schema`: what JSON Schemas of events say of each other and of events.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use pontoon::schema::Validator;
use pontoon::schema::compatibility::{self, Mode, Writers};
use serde_json::{Value, json};

/// `pontoon schema`.
#[derive(Debug, Args)]
pub struct Schema {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether two versions go together; fails if not.
    Check(Check),
    /// Hold a JSON document to a schema; fails if it breaks it.
    Validate(Validate),
}

#[derive(Debug, Args)]
struct Check {
    /// The version that is in use: a JSON file.
    old: PathBuf,
    /// The version that is to follow it: a JSON file.
    new: PathBuf,
    /// Which way they must go together.
    #[arg(long, value_enum, default_value = "backward")]
    mode: Way,
    /// Publishers write into open objects whatever the schema lets through, not only what it declares.
    #[arg(long)]
    writes_anything: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// New consumers take old events.
    Backward,
    /// Old consumers take new events.
    Forward,
    /// Both.
    Full,
}

#[derive(Debug, Args)]
struct Validate {
    /// The schema: a JSON file.
    schema: PathBuf,
    /// The document: a JSON file.
    document: PathBuf,
}

/// Does what was asked.
///
/// # Errors
/// If a file cannot be read or is no schema, the versions do not go together, or the document breaks the schema.
pub fn run(asked: &Schema) -> Result<(), String> {
    match &asked.command {
        Command::Check(check) => compare(check),
        Command::Validate(validate) => hold(validate),
    }
}

fn compare(asked: &Check) -> Result<(), String> {
    let mode = match asked.mode {
        Way::Backward => Mode::Backward,
        Way::Forward => Mode::Forward,
        Way::Full => Mode::Full,
    };
    let writers = if asked.writes_anything { Writers::Anything } else { Writers::Declared };
    let (old, new) = (read(&asked.old)?, read(&asked.new)?);
    let breaks = compatibility::check(&old, &new, mode, writers).map_err(|error| error.to_string())?;
    if asked.json {
        let listed = breaks.iter().map(|found| {
            json!({ "direction": found.direction.to_string(), "path": found.path, "rule": found.rule, "reason": found.reason })
        });
        println!("{}", Value::Array(listed.collect()));
    } else {
        breaks.iter().for_each(|found| println!("{found}"));
    }
    match breaks.len() {
        0 => Ok(()),
        1 => Err("the versions do not go together: 1 break".to_owned()),
        count => Err(format!("the versions do not go together: {count} breaks")),
    }
}

fn hold(asked: &Validate) -> Result<(), String> {
    let validator = Validator::from_file(&asked.schema).map_err(|error| error.to_string())?;
    let document = read(&asked.document)?;
    validator.validate(&document).map_err(|invalid| {
        invalid.violations.iter().for_each(|violation| println!("{violation}"));
        format!("{} breaks the schema", asked.document.display())
    })
}

fn read(path: &Path) -> Result<Value, String> {
    let named = |error: String| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| named(error.to_string()))
}
