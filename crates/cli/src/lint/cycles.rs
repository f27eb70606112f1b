//! Rules that send events in a circle: a target that leads back to a bus where the same event matches again.

use super::system::{Rule, System};
use super::{Finding, Severity};

/// Hops of a circle that are followed.
const HOPS_MAX: usize = 8;

/// Circles that are followed in all, so that a thicket of rules ends too.
const STEPS_MAX: usize = 100_000;

/// Every circle once, told of its first rule.
pub(super) fn find(system: &System) -> Vec<Finding> {
    let mut search = Search { system, way: Vec::new(), findings: Vec::new(), steps: 0 };
    for bus in 0..system.buses.len() {
        for rule in 0..system.buses[bus].rules.len() {
            search.follow((bus, rule));
        }
    }
    search.findings
}

/// A rule by the places of its bus and of itself.
type Place = (usize, usize);

struct Search<'s> {
    system: &'s System,
    way: Vec<Place>,
    findings: Vec<Finding>,
    steps: usize,
}

impl Search<'_> {
    fn rule(&self, (bus, rule): Place) -> &Rule {
        &self.system.buses[bus].rules[rule]
    }

    /// Follows an event that came this way on to the buses that a rule sends it to.
    fn follow(&mut self, place: Place) {
        self.steps += 1;
        let rule = self.rule(place);
        let Some(pattern) = rule.compiled.as_ref().filter(|_| rule.enabled) else { return };
        let excluded =
            |&other: &Place| self.rule(other).compiled.as_ref().is_some_and(|other| other.excludes(pattern));
        if self.way.iter().any(excluded) || self.way.len() >= HOPS_MAX || self.steps > STEPS_MAX {
            return;
        }
        let buses: Vec<usize> =
            rule.targets.iter().filter_map(|target| self.system.bus(&target.arn)).collect();
        self.way.push(place);
        for bus in buses {
            for rule in 0..self.system.buses[bus].rules.len() {
                let next = (bus, rule);
                match self.way.iter().position(|&on_way| on_way == next) {
                    Some(0) => self.report(),
                    // A circle that does not begin where this way does is told of its own first rule, and one is told of once.
                    Some(_) => {}
                    None if next > self.way[0] => self.follow(next),
                    None => {}
                }
            }
        }
        self.way.pop();
    }

    fn report(&mut self) {
        let rules: Vec<&Rule> = self.way.iter().map(|&place| self.rule(place)).collect();
        // An event that matches the narrowest of the patterns matches all of them.
        let patterns: Vec<_> = rules.iter().filter_map(|rule| rule.compiled.as_ref()).collect();
        let is_certain = patterns.iter().any(|narrow| patterns.iter().all(|wide| wide.covers(narrow)));
        let names: Vec<&str> = self
            .way
            .iter()
            .map(|&(bus, _)| bus)
            .chain([self.way[0].0])
            .map(|bus| &*self.system.buses[bus].name)
            .collect();
        let by: Vec<&str> = rules.iter().map(|rule| &*rule.name).collect();
        let bus = names[0];
        let finding = Finding {
            code: "loop",
            severity: if is_certain { Severity::Error } else { Severity::Warning },
            resource: format!("rule {bus}/{}", by[0]),
            why: format!(
                "an event {} come back: {} by {}",
                if is_certain { "that it matches will" } else { "may" },
                names.join(" -> "),
                by.join(", then ")
            ),
            fix: "let a pattern on the way leave out what came from there, by source or account, or send to another bus".to_owned(),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}
