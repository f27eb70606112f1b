//! `pontoon events tail`: a bus's events as they come.

use pontoon_pattern::{Event, Pattern};
use serde_json::{Value, json};

use super::{buses, input, names};
use crate::client::{Client, Target};
use crate::show::{Paint, paint, say};

/// Prints events until interrupted.
///
/// # Errors
/// If no server answers, or it has no such bus.
pub(super) async fn run(target: &Target, bus: &str, pattern: Option<&str>) -> Result<(), String> {
    let client = Client::new(target);
    let buses = buses(&client).await?;
    let known = buses.iter().find(|known| known["name"] == bus);
    let arn = known.and_then(|known| known["arn"].as_str());
    let arn = arn.ok_or_else(|| format!("there is no bus {bus}; buses are {}", names(&buses)))?;
    let only = match pattern {
        Some(pattern) => Some(wanted(pattern)?),
        None => None,
    };
    let start = client.get("traces?limit=0").await?;
    let mut cursor = start["cursor"].as_u64().unwrap_or_default();
    if !target.json {
        say!("{}", paint(Paint::Dim, &format!("following {bus}; interrupt to stop")));
    }
    loop {
        let answer = client.get(&format!("traces?after={cursor}&wait=true")).await?;
        cursor = answer["cursor"].as_u64().unwrap_or(cursor);
        let came = answer["records"].as_array().into_iter().flatten();
        let came = came.filter(|record| record["what"] == "PutEvents" && record["to"] == arn);
        for record in came {
            let Some(id) = record["trace"].as_str() else { continue };
            // Under a flood an event may be forgotten before it is asked for.
            let Ok(trace) = client.get(&format!("traces/{id}")).await else { continue };
            let Some(text) = trace["explain"]["event"].as_str() else { continue };
            if only.as_ref().is_none_or(|only| matches(only, text)) {
                show(text, &matched(&trace, arn), target.json);
            }
        }
    }
}

fn wanted(pattern: &str) -> Result<Pattern, String> {
    let text = input::text(pattern)?.ok_or_else(|| format!("{pattern} is neither JSON nor a file"))?;
    Pattern::parse(&text).map_err(|error| error.to_string())
}

fn matches(only: &Pattern, event: &str) -> bool {
    Event::parse(event.as_bytes()).is_ok_and(|event| only.matches(&event))
}

/// The names of the bus's rules that match.
fn matched<'t>(trace: &'t Value, bus_arn: &str) -> Vec<&'t str> {
    let rules = trace["explain"]["rules"].as_array().into_iter().flatten();
    let of_bus = |arn: &str| match bus_arn.split_once(":event-bus/") {
        // The default bus's rules do not name it.
        Some((scope, "default")) => arn
            .strip_prefix(scope)
            .and_then(|rest| rest.strip_prefix(":rule/"))
            .is_some_and(|name| !name.contains('/')),
        Some((scope, bus)) => arn
            .strip_prefix(scope)
            .and_then(|rest| rest.strip_prefix(":rule/"))
            .is_some_and(|rest| rest.starts_with(&format!("{bus}/"))),
        None => false,
    };
    rules
        .filter(|rule| rule["matched"] == true && rule["arn"].as_str().is_some_and(of_bus))
        .filter_map(|rule| rule["rule"].as_str())
        .collect()
}

fn show(text: &str, rules: &[&str], as_json: bool) {
    let event: Value = serde_json::from_str(text).unwrap_or_default();
    if as_json {
        say!("{}", json!({ "event": event, "rules": rules }));
        return;
    }
    let of = |name: &str| event[name].as_str().unwrap_or_default();
    let to = if rules.is_empty() {
        paint(Paint::Warning, "no rule matches")
    } else {
        paint(Paint::Good, &rules.join(", "))
    };
    say!(
        "{}  {}  {}  {}  -> {to}",
        paint(Paint::Dim, of("time")),
        paint(Paint::Dim, of("id")),
        of("source"),
        paint(Paint::Bold, of("detail-type"))
    );
    say!("    {}", event["detail"]);
}
