//! What people hand over: JSON as it is, a file that holds it, or `-` for standard input.

use std::path::Path;

use serde_json::{Map, Value, json};

/// The text that an argument stands for, if it is JSON, `-` or a file; `None` if it is a name.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn text(argument: &str) -> Result<Option<String>, String> {
    if argument.trim_start().starts_with(['{', '[']) {
        return Ok(Some(argument.to_owned()));
    }
    if argument == "-" {
        return std::io::read_to_string(std::io::stdin())
            .map(Some)
            .map_err(|error| format!("standard input: {error}"));
    }
    if !Path::new(argument).is_file() {
        return Ok(None);
    }
    std::fs::read_to_string(argument).map(Some).map_err(|error| format!("cannot read {argument}: {error}"))
}

/// The values of a JSON text: one, those of an array, the `Entries` of a request, or one a line.
///
/// # Errors
/// Where it is not JSON.
pub(super) fn values(text: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match value.map_err(|error| format!("not JSON: {error}"))? {
            Value::Array(all) => values.extend(all),
            Value::Object(mut request) if request.get("Entries").is_some_and(Value::is_array) => {
                if let Some(Value::Array(entries)) = request.remove("Entries") {
                    values.extend(entries);
                }
            }
            value => values.push(value),
        }
    }
    Ok(values)
}

/// An event as rules see it; an entry of PutEvents becomes one.
pub(super) fn as_event(value: Value) -> Value {
    let Value::Object(entry) = &value else { return value };
    if !entry.contains_key("Detail") && !entry.contains_key("DetailType") {
        return value;
    }
    let of = |name: &str| entry.get(name).cloned().unwrap_or(Value::Null);
    let detail = match of("Detail") {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        detail => detail,
    };
    let resources = if of("Resources").is_null() { json!([]) } else { of("Resources") };
    json!({
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": of("DetailType"),
        "source": of("Source"),
        "account": "000000000000",
        "time": if of("Time").is_string() { of("Time") } else { json!("1970-01-01T00:00:00Z") },
        "region": "us-east-1",
        "resources": resources,
        "detail": detail,
    })
}

/// An entry of PutEvents; an event as EventBridge delivers it becomes one.
///
/// # Errors
/// If it is neither.
pub(super) fn as_entry(value: &Value) -> Result<Map<String, Value>, String> {
    let Value::Object(object) = value else {
        return Err("neither an entry nor an event: no object".to_owned());
    };
    let mut entry = Map::new();
    let names = [
        ("Source", "source"),
        ("DetailType", "detail-type"),
        ("Detail", "detail"),
        ("Resources", "resources"),
        ("Time", "time"),
        ("EventBusName", "EventBusName"),
        ("TraceHeader", "TraceHeader"),
    ];
    for (name, of_event) in names {
        if let Some(value) =
            object.get(name).or_else(|| object.get(of_event)).filter(|value| !value.is_null())
        {
            entry.insert(name.to_owned(), value.clone());
        }
    }
    for name in ["Source", "DetailType", "Detail"] {
        if !entry.contains_key(name) {
            return Err(format!("neither an entry nor an event: it has no {name}"));
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_one_or_many() {
        let one = r#"{"source":"a","detail-type":"b","detail":{}}"#;
        assert_eq!(values(one).unwrap().len(), 1);
        assert_eq!(values(&format!("{one}\n{one}\n\n{one}\n")).unwrap().len(), 3);
        assert_eq!(values(&format!("[{one},{one}]")).unwrap().len(), 2);
        assert_eq!(values(&format!(r#"{{"Entries":[{one}]}}"#)).unwrap().len(), 1);
        assert!(values("{").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn an_entry_and_an_event_become_each_other() {
        let entry = json!({"Source": "a", "DetailType": "b", "Detail": "{\"x\":1}", "EventBusName": "c"});
        let event = as_event(entry.clone());
        assert_eq!(
            (&event["source"], &event["detail-type"], &event["detail"]["x"]),
            (&json!("a"), &json!("b"), &json!(1))
        );
        assert_eq!(as_event(event.clone()), event);
        assert_eq!(Value::Object(as_entry(&entry).unwrap()), entry);
        assert_eq!(as_entry(&event).unwrap()["Detail"], json!({"x": 1}));
        assert!(as_entry(&json!({"source": "a"})).unwrap_err().contains("DetailType"));
        assert!(as_entry(&json!(1)).is_err());
    }
}
