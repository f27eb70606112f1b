//! What decides where events go, for Pontoon's own API: `pontoon lint` looks at it.

use pontoon_core::Scope;
use serde_json::{Value, json};

use crate::Events;
use crate::state::bus::{Bus, DEFAULT, Rule};

impl Events {
    /// The buses of a scope with their rules and targets, and its API destinations. Rules that a service made for itself (an archive's) are not among them.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let buses = self.buses.get(&scope).into_iter().flat_map(|buses| buses.values());
        let mut shown: Vec<Value> = buses.map(bus).collect();
        // It is there before anybody uses it.
        if !shown.iter().any(|bus| bus["name"] == DEFAULT) {
            let arn = scope.arn("events", format_args!("event-bus/{DEFAULT}"));
            shown.insert(0, json!({ "name": DEFAULT, "arn": arn, "policy": null, "rules": [] }));
        }
        let destinations = self.destinations.destinations(scope);
        let destinations = destinations
            .map(|(name, record)| scope.arn("events", format_args!("api-destination/{name}/{}", record.id)));
        json!({ "buses": shown, "apiDestinations": destinations.collect::<Vec<String>>() })
    }
}

fn bus(bus: &Bus) -> Value {
    let own = bus.rules.iter().filter(|(_, rule)| rule.record.managed_by.is_none());
    let rules: Vec<Value> = own.map(|(name, rule)| shown(name, rule)).collect();
    json!({ "name": &*bus.name, "arn": &*bus.arn, "policy": bus.record.policy, "rules": rules })
}

fn shown(name: &str, rule: &Rule) -> Value {
    let targets = rule.record.targets.iter().map(|target| {
        json!({
            "id": target.id,
            "arn": target.arn,
            "role": target.role_arn.as_ref().or(rule.record.role_arn.as_ref()),
            "deadLetterTarget": target.dead_letter,
        })
    });
    json!({
        "name": name,
        "arn": &*rule.arn,
        "enabled": rule.record.is_enabled(),
        "pattern": rule.record.pattern,
        "schedule": rule.record.schedule,
        "targets": targets.collect::<Vec<_>>(),
    })
}
