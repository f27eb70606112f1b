//! `pontoon events`: following a bus, asking why a rule does or does not match an event, and putting events.

mod explain;
mod input;
mod put;
mod tail;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::client::{Client, Target};

/// `pontoon events`.
#[derive(Debug, Args)]
pub struct Events {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the events of a bus as they come, and which of its rules match them, until interrupted.
    Tail {
        /// The bus's name.
        bus: String,
        /// Only events that match this pattern: a file or JSON.
        #[arg(long, value_name = "PATTERN")]
        pattern: Option<String>,
    },
    /// Hold an event against a rule, field by field: what was expected and what was seen.
    Explain {
        /// A rule's name, BUS/RULE where several buses have one of that name; or a pattern: a file or JSON.
        rule: String,
        /// The id of an event that the server keeps; or an event: a file, JSON, or - for standard input.
        event: String,
    },
    /// Put events, as entries of PutEvents or as EventBridge delivers them.
    Put(put::Put),
}

/// Does what was asked for.
///
/// # Errors
/// In words, if no server answers or it does not know what was named.
pub async fn run(events: Events) -> Result<(), String> {
    match events.command {
        Command::Tail { bus, pattern } => tail::run(&events.target, &bus, pattern.as_deref()).await,
        Command::Explain { rule, event } => explain::run(&events.target, &rule, &event).await,
        Command::Put(put) => put::run(&events.target, put).await,
    }
}

/// The buses of a server with their rules.
async fn buses(client: &Client) -> Result<Vec<Value>, String> {
    let wiring = client.get("wiring").await?;
    Ok(wiring["buses"].as_array().cloned().unwrap_or_default())
}

/// The names of some of a server's resources, for messages.
fn names(of: &[Value]) -> String {
    let names: Vec<&str> = of.iter().filter_map(|one| one["name"].as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
