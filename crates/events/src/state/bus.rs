//! Event buses and their rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use pontoon_core::policy::Document;
use pontoon_core::{Scope, Timestamp};
use pontoon_pattern::{Pattern, RuleSet};
use pontoon_schedule::{Expression, Zone};

use super::target::{Target, TargetRecord};
use crate::records::{BusRecord, RuleRecord};

/// The bus that every account has in every region.
pub const DEFAULT: &str = "default";

/// The tag of a bus that asks for validation: `report` or `reject`.
pub const VALIDATE_TAG: &str = "pontoon:validate";

/// A bus.
#[derive(Debug, Clone)]
pub struct Bus {
    /// Name.
    pub name: Arc<str>,
    /// ARN.
    pub arn: Arc<str>,
    /// What is persisted.
    pub record: BusRecord,
    /// The policy, read.
    pub policy: Option<Document>,
    /// Rules by name.
    pub rules: BTreeMap<Arc<str>, Rule>,
    /// The patterns of the rules that are enabled.
    pub matcher: RuleSet<Arc<str>>,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// ARN.
    pub arn: Arc<str>,
    /// What is persisted.
    pub record: RuleRecord,
    /// The pattern, compiled.
    pub pattern: Option<Pattern>,
    /// The schedule, read.
    pub schedule: Option<Expression>,
    /// Targets in the order in which they were put.
    pub targets: Vec<Target>,
}

impl Bus {
    /// A bus without rules.
    #[must_use]
    pub fn new(scope: Scope, name: &str, record: BusRecord) -> Self {
        let policy = record.policy.as_deref().and_then(|text| Document::parse(text).ok());
        Self {
            name: name.into(),
            arn: scope.arn("events", format_args!("event-bus/{name}")).into(),
            record,
            policy,
            rules: BTreeMap::new(),
            matcher: RuleSet::new(),
        }
    }

    /// Replaces the policy; the text has been checked.
    pub fn set_policy(&mut self, policy: Option<String>, now: Timestamp) {
        self.policy = policy.as_deref().and_then(|text| Document::parse(text).ok());
        self.record.policy = policy;
        self.record.modified_millis = now.millis();
    }

    /// Adds or replaces a rule.
    pub fn put(&mut self, name: &Arc<str>, rule: Rule) {
        match &rule.pattern {
            Some(pattern) if rule.record.is_enabled() => self.matcher.insert(Arc::clone(name), pattern),
            _ => {
                self.matcher.remove(name);
            }
        }
        self.rules.insert(Arc::clone(name), rule);
    }

    /// Whether its tags ask for validation, as they should or in words that mean nothing.
    #[must_use]
    pub fn validates(&self) -> bool {
        self.record.tags.contains_key(VALIDATE_TAG)
    }

    /// Removes a rule.
    pub fn remove(&mut self, name: &str) -> Option<Rule> {
        let (name, rule) = self.rules.remove_entry(name)?;
        self.matcher.remove(&name);
        Some(rule)
    }
}

impl Rule {
    /// A rule from what is persisted, or why that cannot be.
    ///
    /// # Errors
    /// If the pattern, the schedule or a target's input is not valid; they were checked when they were put.
    pub fn load(scope: Scope, bus: &str, name: &str, record: RuleRecord) -> Result<Self, String> {
        let pattern =
            record.pattern.as_deref().map(Pattern::parse).transpose().map_err(|error| error.to_string())?;
        let schedule = match &record.schedule {
            Some(text) => Some(Expression::of_rule(text).ok_or_else(|| format!("no schedule: {text}"))?),
            None => None,
        };
        let targets: Result<Vec<Target>, String> = record.targets.iter().map(Target::load).collect();
        Ok(Self { arn: rule_arn(scope, bus, name).into(), pattern, schedule, targets: targets?, record })
    }

    /// When it fires next by its schedule, if it is enabled and has one.
    #[must_use]
    pub fn next_fire(&self) -> Option<Timestamp> {
        if !self.record.is_enabled() {
            return None;
        }
        let anchor = Timestamp::from_millis(self.record.anchor_millis);
        let after =
            self.record.fired_millis.map_or(anchor, |fired| Timestamp::from_millis(fired).max(anchor));
        self.schedule.as_ref()?.next(&Zone::UTC, anchor, after)
    }
}

impl Target {
    fn load(record: &Arc<TargetRecord>) -> Result<Self, String> {
        let input = record.input.compile().map_err(|fault| format!("target {}: {fault:?}", record.id))?;
        Ok(Self { record: Arc::clone(record), input })
    }
}

/// ARN of a rule: that of the default bus's rules does not name the bus.
#[must_use]
pub fn rule_arn(scope: Scope, bus: &str, rule: &str) -> String {
    if bus == DEFAULT {
        scope.arn("events", format_args!("rule/{rule}"))
    } else {
        scope.arn("events", format_args!("rule/{bus}/{rule}"))
    }
}
