//! Why the rules of a bus did or did not match an event, said when somebody asks.

use pontoon_core::{Arn, StoreRead, Timestamp, TraceId};
use pontoon_pattern::{Event, Explanation};
use serde_json::{Value, json};

use crate::Events;
use crate::state::bus::{Bus, Rule};

impl Events {
    /// The kept event of this id, and how each rule of the buses that it came to judges it, as the rules are now.
    pub(crate) fn explain(&self, store: &dyn StoreRead, id: TraceId) -> Option<Value> {
        let kept = self.kept.read(store, id).ok()??;
        let event = Event::parse(kept.event.as_bytes()).ok()?;
        let came = Timestamp::from_millis(kept.at_millis);
        let buses = kept.buses.iter().filter_map(|arn| self.by_arn(arn));
        let rules =
            buses.flat_map(|bus| bus.rules.iter().map(|(name, rule)| judgement(name, rule, &event, came)));
        let rules: Vec<Value> = rules.collect();
        Some(json!({ "bus": kept.buses.first(), "buses": kept.buses, "event": kept.event, "rules": rules }))
    }

    fn by_arn(&self, arn: &str) -> Option<&Bus> {
        let arn = Arn::parse(arn)?;
        self.buses.get(&arn.scope()?)?.get(arn.resource.strip_prefix("event-bus/")?)
    }
}

fn judgement(name: &str, rule: &Rule, event: &Event<'_>, came: Timestamp) -> Value {
    let explanation = rule.pattern.as_ref().map(|pattern| pattern.explain(event));
    let fits = explanation.as_ref().is_some_and(|explanation| explanation.matched);
    let failures = explanation.iter().flat_map(Explanation::unmet).map(|finding| {
        json!({ "path": finding.path, "expected": finding.expected_text(), "seen": finding.seen_text() })
    });
    let failures: Vec<Value> = failures.collect();
    let note = if Timestamp::from_millis(rule.record.modified_millis) > came {
        Some("The rule was changed after the event came; this is how it judges it now.")
    } else if !rule.record.is_enabled() {
        Some("The rule is disabled.")
    } else if rule.pattern.is_none() {
        Some("The rule has a schedule and no pattern.")
    } else {
        None
    };
    json!({
        "rule": name,
        "arn": &*rule.arn,
        "matched": fits && rule.record.is_enabled(),
        "failures": failures,
        "note": note,
    })
}
