//! `pontoon trace`: an event's way, and why it went so.

use clap::Args;
use serde_json::Value;

use crate::client::{Client, Target};
use crate::show::{Paint, paint, say, short_arn, table};

/// `pontoon trace`.
#[derive(Debug, Args)]
pub struct Trace {
    /// The event's id (or the message's, for what did not begin with an event). Without it, the latest traces are listed.
    pub id: Option<String>,
    /// Print hops as they happen, until interrupted.
    #[arg(long, conflicts_with = "id")]
    pub follow: bool,
    /// How many of the latest traces are listed.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    #[command(flatten)]
    pub target: Target,
}

/// Shows what was asked for.
///
/// # Errors
/// If the server does not answer or does not know the trace.
pub async fn run(trace: Trace) -> Result<(), String> {
    let client = Client::new(&trace.target);
    match &trace.id {
        Some(id) => show(&client, id, trace.target.json).await,
        None if trace.follow => follow(&client, trace.target.json).await,
        None => list(&client, trace.limit, trace.target.json).await,
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list_of<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// When a record happened, without the date.
fn clock_time(record: &Value) -> String {
    let millis = record.get("at_millis").and_then(Value::as_i64).unwrap_or_default();
    let iso = pontoon_core::Timestamp::from_millis(millis).iso_millis();
    iso.get(11..23).unwrap_or(&iso).to_owned()
}

async fn list(client: &Client, limit: usize, json: bool) -> Result<(), String> {
    let answer = client.get(&format!("traces?limit={limit}")).await?;
    if json {
        say!("{answer}");
        return Ok(());
    }
    let traces = list_of(&answer, "traces");
    if traces.is_empty() {
        say!("no traces yet: they begin with PutEvents and Publish");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = traces
        .iter()
        .map(|trace| {
            let first = trace.get("first").unwrap_or(&Value::Null);
            let way = format!("{} -> {}", text(first, "what"), short_arn(text(first, "to")));
            vec![text(trace, "begin").to_owned(), text(trace, "trace").to_owned(), way]
        })
        .collect();
    table(&rows);
    Ok(())
}

async fn follow(client: &Client, json: bool) -> Result<(), String> {
    let start = client.get("traces?limit=0").await?;
    let mut cursor = start.get("cursor").and_then(Value::as_u64).unwrap_or_default();
    loop {
        let answer = client.get(&format!("traces?after={cursor}&wait=true")).await?;
        cursor = answer.get("cursor").and_then(Value::as_u64).unwrap_or(cursor);
        for record in list_of(&answer, "records") {
            if json {
                say!("{record}");
            } else {
                let id = text(record, "trace");
                say!("{}  {}", paint(Paint::Dim, id.get(..8).unwrap_or(id)), line(record));
            }
        }
    }
}

/// One hop on one line.
pub fn line(record: &Value) -> String {
    let outcome = text(record, "outcome");
    let (mark, how) = match outcome {
        "Delivered" => ("ok", Paint::Good),
        "Retrying" => ("retrying", Paint::Warning),
        "DeadLettered" => ("dead-lettered", Paint::Bad),
        "Skipped" => ("skipped", Paint::Dim),
        _ => ("failed", Paint::Bad),
    };
    let way = match text(record, "from") {
        "" => short_arn(text(record, "to")),
        from => format!("{} -> {}", short_arn(from), short_arn(text(record, "to"))),
    };
    let attempt = record.get("attempt").and_then(Value::as_u64).filter(|attempt| *attempt > 1);
    let attempt = attempt.map_or(String::new(), |attempt| format!(" attempt {attempt}"));
    let duration = record.get("duration_ms").and_then(Value::as_f64);
    let duration = duration.map_or(String::new(), |millis| format!(" {millis:.1} ms"));
    let mut line = format!(
        "{}  {:<16}  {way}  {}{}",
        paint(Paint::Dim, &clock_time(record)),
        text(record, "what"),
        paint(how, mark),
        paint(Paint::Dim, &format!("{attempt}{duration}")),
    );
    if let Some(reason) = record.get("reason").and_then(Value::as_str) {
        line.push_str(&format!("\n              {}", paint(Paint::Warning, reason)));
    }
    line
}

async fn show(client: &Client, id: &str, json: bool) -> Result<(), String> {
    let answer = client.get(&format!("traces/{id}")).await?;
    if json {
        say!("{answer}");
        return Ok(());
    }
    for record in list_of(&answer, "records") {
        say!("{}", line(record));
    }
    let explained = answer.get("explain").unwrap_or(&Value::Null);
    for rule in list_of(explained, "rules") {
        if rule.get("matched").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        say!("{} {}", paint(Paint::Dim, "did not match:"), paint(Paint::Bold, text(rule, "rule")));
        if let Some(note) = rule.get("note").and_then(Value::as_str) {
            say!("    {note}");
        }
        for failure in list_of(rule, "failures") {
            say!(
                "    {}: expected {}, saw {}",
                text(failure, "path"),
                text(failure, "expected"),
                text(failure, "seen")
            );
        }
    }
    Ok(())
}
