//! `pontoon sqs`: looking at queues. Nothing is received by it, so nothing is counted and nothing becomes invisible.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::client::{Client, Target};
use crate::show::{Paint, paint, say, table};

/// `pontoon sqs`.
#[derive(Debug, Args)]
pub struct Queues {
    #[command(subcommand)]
    look: Look,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Look {
    /// List queues with how many messages are visible, in flight and delayed.
    Ls,
    /// Show a queue's next messages.
    Peek {
        /// The queue's name.
        queue: String,
        /// How many messages, up to 1000.
        #[arg(long, value_name = "N", default_value_t = 10)]
        max: usize,
    },
    /// Show a queue's counts, attributes and tags.
    Stats {
        /// The queue's name.
        queue: String,
    },
}

/// Shows what was asked for.
///
/// # Errors
/// If no server answers, or it has no such queue.
pub async fn run(asked: Queues) -> Result<(), String> {
    let client = Client::new(&asked.target);
    let path = match &asked.look {
        Look::Ls => "queues".to_owned(),
        Look::Peek { queue, max } => format!("queues/{}?max={max}", in_path(queue)?),
        Look::Stats { queue } => format!("queues/{}?max=0", in_path(queue)?),
    };
    let answer = client.get(&path).await?;
    if asked.target.json {
        let shown = match asked.look {
            Look::Ls => &answer["queues"],
            Look::Peek { .. } => &answer["messages"],
            Look::Stats { .. } => &answer,
        };
        say!("{shown}");
        return Ok(());
    }
    match asked.look {
        Look::Ls => list(&answer),
        Look::Peek { .. } => peek(&answer),
        Look::Stats { .. } => stats(&answer),
    }
    Ok(())
}

/// A queue's name, which has no character that means something in a URL.
fn in_path(name: &str) -> Result<&str, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(name);
    }
    Err(format!("{name} is not a queue's name; give the name alone, not its URL or ARN"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(answer: &Value) {
    let heads = ["queue", "type", "visible", "in flight", "delayed", "oldest", "waiting"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for queue in answer["queues"].as_array().into_iter().flatten() {
        let oldest =
            queue["oldestSeconds"].as_u64().map_or_else(|| "-".to_owned(), |secs| format!("{secs} s"));
        let count = |name: &str| text(&queue[name]);
        rows.push(vec![
            count("name"),
            count("type"),
            count("visible"),
            count("inFlight"),
            count("delayed"),
            oldest,
            count("waiting"),
        ]);
    }
    table(&rows);
}

fn peek(answer: &Value) {
    let messages = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.is_empty() {
        say!("{}", paint(Paint::Dim, "no messages"));
    }
    for message in messages {
        let mut about = vec![text(&message["sentAt"]), format!("received {} times", message["receives"])];
        match message["place"].as_str() {
            Some("inFlight") => about.push(format!("in flight until {}", text(&message["visibleAt"]))),
            Some("delayed") => about.push(format!("delayed until {}", text(&message["visibleAt"]))),
            _ => {}
        }
        about.extend(message["group"].as_str().map(|group| format!("group {group}")));
        about.extend(message["deadLetterSource"].as_str().map(|source| format!("dead letter of {source}")));
        say!("{}  {}", paint(Paint::Bold, &text(&message["messageId"])), about.join(", "));
        for (name, attribute) in message["attributes"].as_object().into_iter().flatten() {
            say!("  {} {}", paint(Paint::Dim, &format!("{name}:")), text(&attribute["value"]));
        }
        say!("  {}", text(&message["body"]));
    }
}

fn stats(answer: &Value) {
    let mut rows = Vec::new();
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::Null | Value::Array(_) => {}
            Value::Object(parts) => {
                rows.extend(parts.iter().map(|(part, value)| vec![part.clone(), text(value)]));
            }
            value => rows.push(vec![name.clone(), text(value)]),
        }
    }
    table(&rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_urls_and_arns() {
        assert_eq!(in_path("orders-dlq_1.fifo"), Ok("orders-dlq_1.fifo"));
        for name in ["", "a/b", "arn:aws:sqs:us-east-1:000000000000:a", "a?b", "a b", "ä"] {
            assert!(in_path(name).is_err(), "{name}");
        }
    }
}
