//! `pontoon events put`: events from a file, to a server or to AWS.

use std::io::{IsTerminal, Write};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::DisplayErrorContext;
use aws_sdk_eventbridge::primitives::{DateTime, DateTimeFormat};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use clap::Args;
use serde_json::{Map, Value, json};

use super::input;
use crate::client::Target;
use crate::show::{Paint, paint, say};

/// `pontoon events put`.
#[derive(Debug, Args)]
pub struct Put {
    /// A file, or - for standard input: JSON or JSON lines, of PutEvents entries or of events as EventBridge delivers them.
    file: String,
    /// The bus of entries that name none.
    #[arg(long, value_name = "BUS")]
    bus: Option<String>,
    /// Put to AWS, with the environment's region and credentials, instead of a server.
    #[arg(long)]
    aws: bool,
}

/// Entries of a request, at most.
const ENTRIES_MAX: usize = 10;
/// Bytes of a request's entries, at most, unless one entry alone is larger.
const BYTES_MAX: usize = 256 * 1024;

/// Puts all.
///
/// # Errors
/// If the file holds something else, a request fails, or entries are refused.
pub(super) async fn run(target: &Target, put: Put) -> Result<(), String> {
    let text = input::text(&put.file)?.ok_or_else(|| format!("there is no file {}", put.file))?;
    let entries = read(&text, put.bus.as_deref())?;
    let config =
        if put.aws { pontoon::aws::config().await } else { pontoon::aws::config_for(&target.endpoint) };
    let client = Client::new(&config);
    let (mut results, total) = (Vec::with_capacity(entries.len()), entries.len());
    for request in batches(entries) {
        let begun = results.len();
        let answer = client.put_events().set_entries(Some(request)).send().await;
        let answer = answer.map_err(|error| {
            format!("{} of {total} entries were put before: {}", begun, DisplayErrorContext(error))
        })?;
        for entry in answer.entries() {
            results.push(json!({
                "index": results.len(),
                "eventId": entry.event_id(),
                "errorCode": entry.error_code(),
                "errorMessage": entry.error_message(),
            }));
        }
        progress(results.len(), total);
    }
    tell(&results, target.json)
}

fn tell(results: &[Value], as_json: bool) -> Result<(), String> {
    let refused: Vec<&Value> = results.iter().filter(|result| !result["errorCode"].is_null()).collect();
    let accepted = results.len() - refused.len();
    if as_json {
        say!("{}", json!({ "accepted": accepted, "refused": refused.len(), "entries": results }));
    } else {
        for result in results {
            match result["eventId"].as_str() {
                Some(id) => say!("{}  {id}", paint(Paint::Good, "accepted")),
                None => say!(
                    "{}   entry {}: {}: {}",
                    paint(Paint::Bad, "refused"),
                    result["index"],
                    result["errorCode"].as_str().unwrap_or_default(),
                    result["errorMessage"].as_str().unwrap_or_default()
                ),
            }
        }
    }
    match refused.len() {
        0 => Ok(()),
        count => Err(format!("{count} of {} entries were refused", results.len())),
    }
}

/// How far it came, where somebody watches.
fn progress(done: usize, total: usize) {
    let mut stderr = std::io::stderr();
    if total > ENTRIES_MAX && stderr.is_terminal() {
        let end = if done == total { "\n" } else { "" };
        // Nobody is served by failing for want of a place to say how far it came.
        let _ = write!(stderr, "\r{done} of {total}{end}").and_then(|()| stderr.flush());
    }
}

fn read(text: &str, bus: Option<&str>) -> Result<Vec<PutEventsRequestEntry>, String> {
    let values = input::values(text)?;
    if values.is_empty() {
        return Err("there is no event in it".to_owned());
    }
    let entry = |(index, value): (usize, &Value)| {
        let entry = input::as_entry(value).and_then(|entry| request_entry(&entry, bus));
        entry.map_err(|why| format!("entry {index}: {why}"))
    };
    values.iter().enumerate().map(entry).collect()
}

fn request_entry(entry: &Map<String, Value>, bus: Option<&str>) -> Result<PutEventsRequestEntry, String> {
    let text = |name: &str| match entry.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name} is a string")),
    };
    // In an entry the detail is a text; in an event it is what the text says.
    let detail = match entry.get("Detail") {
        Some(Value::String(text)) => text.clone(),
        Some(detail) => detail.to_string(),
        None => String::new(),
    };
    let time = match entry.get("Time") {
        None => None,
        Some(Value::String(time)) => Some(
            DateTime::from_str(time, DateTimeFormat::DateTimeWithOffset)
                .map_err(|_| format!("{time} is no time such as 2026-01-31T12:00:00Z"))?,
        ),
        Some(Value::Number(secs)) if secs.as_f64().is_some() => secs.as_f64().map(DateTime::from_secs_f64),
        Some(_) => return Err("Time is a string or seconds".to_owned()),
    };
    let resources = match entry.get("Resources") {
        None => None,
        Some(resources) => Some(
            serde_json::from_value::<Vec<String>>(resources.clone())
                .map_err(|_| "Resources is an array of strings".to_owned())?,
        ),
    };
    Ok(PutEventsRequestEntry::builder()
        .set_source(text("Source")?)
        .set_detail_type(text("DetailType")?)
        .detail(detail)
        .set_event_bus_name(text("EventBusName")?.or_else(|| bus.map(str::to_owned)))
        .set_trace_header(text("TraceHeader")?)
        .set_time(time)
        .set_resources(resources)
        .build())
}

/// Requests of as many entries as one may have.
fn batches(entries: Vec<PutEventsRequestEntry>) -> Vec<Vec<PutEventsRequestEntry>> {
    let mut batches: Vec<Vec<PutEventsRequestEntry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.detail().map_or(0, str::len)
            + entry.source().map_or(0, str::len)
            + entry.detail_type().map_or(0, str::len)
            + entry.resources().iter().map(String::len).sum::<usize>()
            + 14;
        match batches.last_mut().filter(|batch| batch.len() < ENTRIES_MAX && bytes + size <= BYTES_MAX) {
            Some(batch) => {
                batch.push(entry);
                bytes += size;
            }
            None => {
                batches.push(vec![entry]);
                bytes = size;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_share_requests_as_far_as_they_fit() {
        let entry = |bytes: usize| PutEventsRequestEntry::builder().detail("x".repeat(bytes)).build();
        let sizes =
            |entries: Vec<PutEventsRequestEntry>| batches(entries).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..25).map(|_| entry(10)).collect()), [10, 10, 5]);
        assert_eq!(
            sizes(vec![entry(200_000), entry(50_000), entry(20_000), entry(900_000), entry(1)]),
            [2, 1, 1, 1]
        );
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said_of_its_number() {
        let good = r#"{"source":"a","detail-type":"b","detail":{"x":1},"time":"2026-01-31T12:00:00Z","resources":["r"]}"#;
        let entries = read(good, Some("orders")).unwrap();
        assert_eq!((entries[0].detail(), entries[0].event_bus_name()), (Some("{\"x\":1}"), Some("orders")));
        for (bad, why) in [
            (r#"{"source":1,"detail-type":"b","detail":{}}"#, "Source is a string"),
            (r#"{"source":"a","detail-type":"b","detail":{},"time":"soon"}"#, "no time"),
            (r#"{"source":"a","detail-type":"b","detail":{},"resources":"r"}"#, "array of strings"),
            (r#"{"detail-type":"b","detail":{}}"#, "no Source"),
        ] {
            let error = read(&format!("{good}\n{bad}"), None).unwrap_err();
            assert!(error.starts_with("entry 1: ") && error.contains(why), "{error}");
        }
        assert!(read("", None).unwrap_err().contains("no event"));
    }
}
