//! `pontoon operations`: what is supported.

use clap::Args;
use serde_json::{Value, json};

use crate::show::{Paint, paint, say};

/// `pontoon operations`.
#[derive(Debug, Args)]
pub struct Operations {
    /// Only this service: `sqs`, `events`, `sns`, …
    pub service: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Lists the supported operations.
///
/// # Errors
/// If there is no service of that name.
pub fn run(asked: &Operations) -> Result<(), String> {
    let wanted = |id: &str| asked.service.as_deref().is_none_or(|service| service == id);
    let chosen: Vec<_> = pontoon_api::SERVICES.iter().filter(|schema| wanted(schema.id)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = pontoon_api::SERVICES.iter().map(|schema| schema.id).collect();
        return Err(format!("no such service; there are {}", known.join(", ")));
    }
    if asked.json {
        let listed: Vec<Value> = chosen
            .iter()
            .map(|schema| {
                let operations: Vec<&str> = schema.operations.iter().map(|operation| operation.name).collect();
                json!({ "service": schema.id, "title": schema.title, "operations": operations, "unsupported": schema.unsupported })
            })
            .collect();
        say!("{}", Value::Array(listed));
        return Ok(());
    }
    for schema in chosen {
        let (supported, refused) = (schema.operations.len(), schema.unsupported.len());
        say!(
            "{} ({}): {supported} supported, {refused} refused by name",
            paint(Paint::Bold, schema.title),
            schema.id
        );
        for operation in schema.operations {
            say!("  {}", operation.name);
        }
    }
    Ok(())
}
