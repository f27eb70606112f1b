//! What a function says of a batch.

use std::collections::HashSet;

use serde_json::Value;

use crate::poller::Held;

/// The messages that a response reports as failed; `None` if it is malformed. An empty or null response or list reports none.
#[must_use]
pub fn reported<'h>(batch: &'h [Held], payload: &[u8]) -> Option<HashSet<&'h str>> {
    if payload.is_empty() {
        return Some(HashSet::new());
    }
    let response: Value = serde_json::from_slice(payload).ok()?;
    let failures = match response {
        Value::Null => return Some(HashSet::new()),
        Value::Object(mut members) => members.remove("batchItemFailures").unwrap_or(Value::Null),
        _ => return None,
    };
    let failures = match failures {
        Value::Null => return Some(HashSet::new()),
        Value::Array(failures) => failures,
        _ => return None,
    };
    let known = |failure: &Value| {
        let id = failure.get("itemIdentifier")?.as_str()?;
        batch.iter().map(|held| held.message_id.as_str()).find(|known| *known == id)
    };
    failures.iter().map(known).collect()
}
