//! `pontoon events explain`: an event held against a pattern.

use pontoon_pattern::{Event, Explanation, Finding, Pattern, Verdict};
use serde_json::{Value, json};

use super::{buses, input, names};
use crate::client::{Client, Target};
use crate::show::{Paint, paint, say, table};

/// Tells.
///
/// # Errors
/// If the rule or the event is not known, or is none.
pub(super) async fn run(target: &Target, rule: &str, event: &str) -> Result<(), String> {
    let client = Client::new(target);
    let (rule_name, pattern) = match input::text(rule)? {
        Some(text) => ("the pattern".to_owned(), text),
        None => of_rule(&client, rule).await?,
    };
    let pattern = Pattern::parse(&pattern).map_err(|error| error.to_string())?;
    let event = match input::text(event)? {
        Some(text) => match &mut input::values(&text)?[..] {
            [one] => input::as_event(one.take()).to_string(),
            others => {
                return Err(format!("one event is explained at a time, and there are {}", others.len()));
            }
        },
        None => kept(&client, event).await?,
    };
    let parsed = Event::parse(event.as_bytes()).map_err(|error| format!("not an event: {error}"))?;
    let explanation = pattern.explain(&parsed);
    let event: Value = serde_json::from_str(&event).unwrap_or_default();
    if target.json {
        say!("{}", shown(&rule_name, &pattern, &explanation, &event));
    } else {
        print(&rule_name, &pattern, &explanation, &event);
    }
    Ok(())
}

/// A rule's name with its bus, and its pattern.
async fn of_rule(client: &Client, name: &str) -> Result<(String, String), String> {
    let buses = buses(client).await?;
    let (bus_name, rule_name) = name.split_once('/').map_or((None, name), |(bus, rule)| (Some(bus), rule));
    let mut found = Vec::new();
    for bus in buses.iter().filter(|bus| bus_name.is_none_or(|name| bus["name"] == name)) {
        for rule in bus["rules"].as_array().into_iter().flatten().filter(|rule| rule["name"] == rule_name) {
            found.push((format!("{}/{rule_name}", bus["name"].as_str().unwrap_or_default()), rule));
        }
    }
    match &found[..] {
        [(name, rule)] => match rule["pattern"].as_str() {
            Some(pattern) => Ok((format!("rule {name}"), pattern.to_owned())),
            None => Err(format!("the rule {name} has a schedule and no pattern")),
        },
        [] => {
            let known: Vec<String> = buses
                .iter()
                .map(|bus| {
                    format!(
                        "{}: {}",
                        bus["name"].as_str().unwrap_or_default(),
                        names(bus["rules"].as_array().map_or(&[], Vec::as_slice))
                    )
                })
                .collect();
            Err(format!("{name} is neither a rule nor a file; rules by bus are {}", known.join("; ")))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| &**name).collect();
            Err(format!("several buses have such a rule; say which: {}", names.join(", ")))
        }
    }
}

/// An event that the server keeps.
async fn kept(client: &Client, id: &str) -> Result<String, String> {
    if pontoon_core::ids::parse_uuid(id).is_none() {
        return Err(format!("{id} is neither an event's id nor a file"));
    }
    let answer = client.get(&format!("traces/{id}")).await?;
    let event = answer["explain"]["event"].as_str();
    event.map(str::to_owned).ok_or_else(|| format!("the event {id} is not kept any more"))
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Satisfied => "satisfied",
        Verdict::Unsatisfied => "unsatisfied",
        Verdict::Absent => "absent",
        Verdict::OtherElement => "otherElement",
    }
}

fn shown(rule: &str, pattern: &Pattern, explanation: &Explanation, event: &Value) -> Value {
    let condition = |finding: &Finding| {
        json!({
            "path": finding.path,
            "expected": finding.expected,
            "seen": finding.seen,
            "seenCount": finding.seen_count,
            "verdict": verdict(finding.verdict),
            "hint": hint(finding, event),
        })
    };
    let never: Vec<String> =
        pattern.never_matches().iter().map(|reason| format!("{}: {}", reason.path, reason.why)).collect();
    json!({
        "rule": rule,
        "eventId": event["id"],
        "matched": explanation.matched,
        "conditions": explanation.conditions.iter().map(condition).collect::<Vec<_>>(),
        "neverMatches": never,
    })
}

fn print(rule: &str, pattern: &Pattern, explanation: &Explanation, event: &Value) {
    let verb =
        if explanation.matched { paint(Paint::Good, "matches") } else { paint(Paint::Bad, "does not match") };
    let id = event["id"].as_str().map(|id| format!(" {id}")).unwrap_or_default();
    say!("{} {verb} the event{id}", paint(Paint::Bold, rule));
    let rows: Vec<Vec<String>> = explanation
        .conditions
        .iter()
        .map(|finding| {
            let met = finding.verdict == Verdict::Satisfied;
            let (mark, how) = if met { ("ok", Paint::Good) } else { ("no", Paint::Bad) };
            let hint = hint(finding, event).map(|hint| format!("  ({hint})")).unwrap_or_default();
            vec![
                format!("  {}", paint(how, mark)),
                finding.path.clone(),
                format!("expected {}", finding.expected_text()),
                format!("saw {}{}", finding.seen_text(), paint(Paint::Warning, &hint)),
            ]
        })
        .collect();
    table(&rows);
    for reason in pattern.never_matches() {
        say!("{} {}: {}", paint(Paint::Warning, "no event can match:"), reason.path, reason.why);
    }
}

/// Fields of an event that are looked through for one of the same name.
const FIELDS_MAX: usize = 10_000;

/// What the mistake may be, where a condition is not met.
fn hint(finding: &Finding, event: &Value) -> Option<String> {
    if finding.verdict == Verdict::Absent {
        let name = finding.path.rsplit('.').next().unwrap_or(&finding.path);
        let mut found = None;
        let mut left = FIELDS_MAX;
        similar(event, "", name, &finding.path, &mut left, &mut found);
        return found.map(|path| format!("there is {path}"));
    }
    if finding.verdict != Verdict::Unsatisfied {
        return None;
    }
    let unquoted = |text: &str| serde_json::from_str::<Value>(text).ok();
    for seen in finding.seen.iter().filter_map(|seen| unquoted(seen)) {
        for expected in &finding.expected {
            if let Some(hint) = mistaken(&seen, expected, unquoted(expected)) {
                return Some(hint);
            }
        }
    }
    None
}

/// What is amiss between one value and one alternative.
fn mistaken(seen: &Value, expected: &str, exact: Option<Value>) -> Option<String> {
    let wants_number = expected.starts_with("{\"numeric\"") || exact.as_ref().is_some_and(Value::is_number);
    match (seen, &exact) {
        (Value::String(text), _) if wants_number && text.parse::<f64>().is_ok() => {
            Some("a string, though it looks like a number".to_owned())
        }
        (Value::Number(number), Some(Value::String(text))) if *text == number.to_string() => {
            Some("a number, and a string is expected".to_owned())
        }
        (Value::Bool(seen), Some(Value::String(text))) if *text == seen.to_string() => {
            Some("true and false are no strings".to_owned())
        }
        (Value::String(seen), Some(Value::String(text))) if seen.to_lowercase() == text.to_lowercase() => {
            Some("upper and lower case differ; see equals-ignore-case".to_owned())
        }
        (Value::String(seen), Some(Value::String(text))) if seen.trim() == text.trim() => {
            Some("spaces at an end differ".to_owned())
        }
        (Value::String(_), Some(Value::String(text))) if text.contains('*') => {
            Some("a * is only a * here; see wildcard".to_owned())
        }
        _ => None,
    }
}

/// The first field whose name is the wanted one but for case and hyphens, at another path.
fn similar(value: &Value, at: &str, wanted: &str, path: &str, left: &mut usize, found: &mut Option<String>) {
    let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        *left = left.saturating_sub(1);
        if *left == 0 || found.is_some() {
            return;
        }
        let here = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        if here != path && plain(name) == plain(wanted) && !value.is_object() {
            *found = Some(here);
            return;
        }
        match value {
            Value::Array(items) => {
                items.iter().for_each(|item| similar(item, &here, wanted, path, left, found))
            }
            value => similar(value, &here, wanted, path, left, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(pattern: &str, event: Value) -> Vec<String> {
        let text = event.to_string();
        let explanation = Pattern::parse(pattern).unwrap().explain(&Event::parse(text.as_bytes()).unwrap());
        explanation.unmet().filter_map(|finding| hint(finding, &event)).collect()
    }

    #[test]
    fn common_mistakes_are_named() {
        for (pattern, event, expected) in [
            (r#"{"detail":{"n":[{"numeric":[">",5]}]}}"#, json!({"detail": {"n": "9"}}), "a string, though"),
            (r#"{"detail":{"n":[9]}}"#, json!({"detail": {"n": "9"}}), "a string, though"),
            (r#"{"detail":{"n":["9"]}}"#, json!({"detail": {"n": 9}}), "a number, and"),
            (r#"{"detail":{"b":["true"]}}"#, json!({"detail": {"b": true}}), "no strings"),
            (r#"{"source":["Orders"]}"#, json!({"source": "orders"}), "upper and lower case"),
            (r#"{"source":["orders"]}"#, json!({"source": "orders "}), "spaces"),
            (r#"{"source":["ord*"]}"#, json!({"source": "orders"}), "see wildcard"),
            (r#"{"detailType":["x"]}"#, json!({"detail-type": "x"}), "there is detail-type"),
            (
                r#"{"orderId":["x"]}"#,
                json!({"detail": {"order": [{"orderId": "x"}]}}),
                "there is detail.order.orderId",
            ),
        ] {
            let found = hints(pattern, event.clone());
            assert!(found.len() == 1 && found[0].contains(expected), "{pattern} on {event}: {found:?}");
        }
        assert!(hints(r#"{"source":["a"]}"#, json!({"source": "b"})).is_empty());
    }
}
