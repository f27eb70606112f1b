//! `pontoon health` and `pontoon reset`.

use serde_json::Value;

use crate::client::{Client, Target};
use crate::show::{say, table};

/// Says what a server runs.
///
/// # Errors
/// If no server answers.
pub async fn run(target: &Target) -> Result<(), String> {
    let answer = Client::new(target).get("health").await?;
    if target.json {
        say!("{answer}");
        return Ok(());
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut rows: Vec<Vec<String>> =
        ["status", "version", "uptimeSeconds", "account", "region", "storage", "policies"]
            .iter()
            .map(|name| vec![(*name).to_owned(), text(answer.get(*name).unwrap_or(&Value::Null))])
            .collect();
    for (service, counts) in answer.get("resources").and_then(Value::as_object).into_iter().flatten() {
        let counts = counts.as_object().into_iter().flatten().map(|(kind, count)| format!("{count} {kind}"));
        rows.push(vec![service.clone(), counts.collect::<Vec<_>>().join(", ")]);
    }
    table(&rows);
    Ok(())
}

/// Empties a server.
///
/// # Errors
/// If no server answers, or it does not allow it.
pub async fn reset(target: &Target) -> Result<(), String> {
    let answer = Client::new(target).post("reset").await?;
    if target.json {
        say!("{answer}");
    } else {
        say!("everything is gone");
    }
    Ok(())
}
