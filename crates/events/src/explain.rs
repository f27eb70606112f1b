//! Why the rules of a bus did or did not match an event, said when somebody asks.

use pontoon_core::{Scope, Timestamp};
use pontoon_pattern::{Event, Explanation};
use serde_json::{Value, json};

use crate::Events;
use crate::state::bus::Rule;
use crate::state::json::JsonPath;

impl Events {
    /// How each rule of a bus judges an event, as the rules are now.
    pub(crate) fn explain(&self, scope: Scope, bus: &str, text: &str) -> Option<Value> {
        let bus = self.buses.get(&scope)?.get(bus)?;
        let event = Event::parse(text.as_bytes()).ok()?;
        let time = JsonPath::parse("$.time").ok().and_then(|path| path.value(text));
        let time = time.and_then(|time| Timestamp::parse_iso(time.trim_matches('"')));
        let rules: Vec<Value> =
            bus.rules.iter().map(|(name, rule)| judgement(name, rule, &event, time)).collect();
        Some(json!({ "bus": &*bus.arn, "rules": rules }))
    }
}

fn judgement(name: &str, rule: &Rule, event: &Event<'_>, time: Option<Timestamp>) -> Value {
    let explanation = rule.pattern.as_ref().map(|pattern| pattern.explain(event));
    let matched = explanation.as_ref().is_some_and(|explanation| explanation.matched);
    let unmet = explanation.iter().flat_map(Explanation::unmet).map(|finding| {
        json!({
            "path": finding.path,
            "expected": finding.expected,
            "seen": finding.seen,
            "because": finding.to_string(),
        })
    });
    let unmet: Vec<Value> = unmet.collect();
    let changed = Timestamp::from_millis(rule.record.modified_millis);
    json!({
        "rule": name,
        "arn": &*rule.arn,
        "state": rule.record.state,
        "matched": matched && rule.record.is_enabled(),
        "scheduled": rule.schedule.is_some(),
        "unmet": unmet,
        // The event's own time is all that it tells of when it came.
        "changedSince": time.is_some_and(|time| changed.secs() > time.secs()),
    })
}
