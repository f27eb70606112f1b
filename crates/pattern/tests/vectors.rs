//! Verdicts of AWS, replayed: see `data/README.md` for where they come from.

use pontoon_pattern::{Event, Pattern};
use serde_json::Value;

fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("test data is JSON"))
}

fn check(vector: &Value) -> Result<(), String> {
    let pattern_text = vector["pattern"].as_str().expect("every vector has a pattern");
    let parsed = Pattern::parse(pattern_text);
    if let Some(message) = vector["message"].as_str() {
        let got = parsed.err().map(|error| error.to_string());
        return if got.as_deref() == Some(message) { Ok(()) } else { Err(format!("message: {got:?}")) };
    }
    if let Some(reason) = vector["invalid"].as_str() {
        let got = parsed.err().map(|error| error.reason().to_owned());
        // Some recorded reasons are cut short; all that is there must agree.
        let agrees = got.as_deref().is_some_and(|got| got.starts_with(reason));
        return if agrees { Ok(()) } else { Err(format!("reason: {got:?}")) };
    }
    let pattern = parsed.map_err(|error| error.to_string())?;
    let event = Event::parse(vector["event"].as_str().expect("a verdict needs an event").as_bytes())
        .map_err(|error| error.to_string())?;
    let got = pattern.matches(&event);
    if Some(got) == vector["match"].as_bool() { Ok(()) } else { Err(format!("match: {got}")) }
}

fn replay(text: &str, at_least: usize) {
    let mut count = 0;
    let failures: Vec<String> = lines(text)
        .inspect(|_| count += 1)
        .filter_map(|vector| check(&vector).err().map(|failure| format!("{failure}\n    {vector}")))
        .collect();
    assert!(count >= at_least, "only {count} vectors");
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn recordings_of_eventbridge_hold() {
    replay(include_str!("data/recordings.jsonl"), 150);
}

#[test]
fn the_grid_of_operators_and_values_holds() {
    replay(include_str!("data/grid.jsonl"), 2000);
}

#[test]
fn vectors_of_event_ruler_hold() {
    replay(include_str!("data/vectors.jsonl"), 1800);
}
