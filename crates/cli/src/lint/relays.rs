//! Pipes that send messages in a circle: by queues, topics and rules back to the queue that they take from.
//!
//! Only what is certain is told: a pipe with a filter or an enrichment may let nothing through, a rule whose pattern asks for more than all events of the pipe
//! have in common may not match, and what a function does with what it is given nobody can know.

use std::collections::HashSet;

use pontoon_pattern::Pattern;
use serde_json::json;

use super::system::{Pipe, PipeEvent, System};
use super::{Finding, Severity};

/// Every circle once, told of the first of its pipes.
pub(super) fn find(system: &System) -> Vec<Finding> {
    let reached: Vec<Vec<usize>> = system.pipes.iter().map(|pipe| leads_to(system, pipe)).collect();
    let mut findings = Vec::new();
    for first in 0..system.pipes.len() {
        if let Some(way) = circle(&reached, first) {
            findings.push(finding(system, &way));
        }
    }
    findings
}

/// The shortest way from a pipe back to it over pipes that come after it, so that a circle is told of its first pipe only.
fn circle(reached: &[Vec<usize>], first: usize) -> Option<Vec<usize>> {
    let mut seen = HashSet::new();
    let mut ways = vec![vec![first]];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in way.last().map(|last| &reached[*last]).into_iter().flatten() {
                if next == first {
                    return Some(way);
                }
                if next > first && seen.insert(next) {
                    longer.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The pipes that every message of a pipe comes to.
fn leads_to(system: &System, pipe: &Pipe) -> Vec<usize> {
    if !pipe.enabled || pipe.filtered || pipe.enrichment.is_some() {
        return Vec::new();
    }
    let event = pipe.event.as_ref().and_then(|event| pattern(system, event));
    let mut seen = HashSet::new();
    let mut places = vec![&*pipe.target];
    while let Some(place) = places.pop() {
        if !seen.insert(place) {
            continue;
        }
        let subscriptions = system.subscriptions.iter();
        let queues = subscriptions.filter(|of| of.topic == place && of.protocol == "sqs" && !of.filtered);
        places.extend(queues.map(|subscription| &*subscription.endpoint));
        if let (Some(bus), Some(event)) = (system.bus(place), &event) {
            let rules = system.buses[bus].rules.iter().filter(|rule| rule.enabled);
            let matching =
                rules.filter(|rule| rule.compiled.as_ref().is_some_and(|pattern| pattern.covers(event)));
            places.extend(matching.flat_map(|rule| &rule.targets).map(|target| &*target.arn));
        }
    }
    let pipes = system.pipes.iter().enumerate();
    pipes.filter(|(_, pipe)| pipe.enabled && seen.contains(&*pipe.source)).map(|(at, _)| at).collect()
}

/// A pattern of what all events of a pipe have in common.
fn pattern(system: &System, event: &PipeEvent) -> Option<Pattern> {
    let mut fields = json!({ "account": [system.scope().account.as_str()] });
    for (name, value) in [("source", &event.source), ("detail-type", &event.detail_type)] {
        if let Some(value) = value {
            fields[name] = json!([value]);
        }
    }
    Pattern::parse(&fields.to_string()).ok()
}

fn finding(system: &System, way: &[usize]) -> Finding {
    let names: Vec<&str> = way.iter().map(|&at| &*system.pipes[at].name).collect();
    let pipes = match &names[..] {
        [_] => "by this pipe alone".to_owned(),
        names => format!("by the pipes {}", names.join(", then ")),
    };
    let queue = system.pipes[way[0]].source.rsplit(':').next().unwrap_or_default();
    Finding {
        code: "pipe-loop",
        severity: Severity::Error,
        resource: format!("pipe {}", names[0]),
        why: format!("every message of the queue {queue} comes back to it, {pipes}"),
        fix: "give a pipe on the way a filter that leaves out what came back, or another target".to_owned(),
    }
}
