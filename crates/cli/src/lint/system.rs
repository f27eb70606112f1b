//! What is looked at: the answer of `GET /_pontoon/wiring`.

use std::collections::BTreeMap;

use pontoon_core::{Account, Region, Scope};
use pontoon_pattern::Pattern;
use serde::Deserialize;
use serde_json::Value;

/// The configuration of an account in a region.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct System {
    account: String,
    region: String,
    pub buses: Vec<Bus>,
    /// ARNs.
    pub api_destinations: Vec<String>,
    pub queues: Vec<Queue>,
    pub functions: Vec<Function>,
    pub mappings: Vec<Mapping>,
    pub topics: Vec<Topic>,
    pub subscriptions: Vec<Subscription>,
    pub alarms: Vec<Alarm>,
    pub roles: Vec<Role>,
    pub schedules: Vec<Schedule>,
    pub pipes: Vec<Pipe>,
    /// Whether a server's own configuration is looked at: what is not there then does not exist. A template may name roles that were made elsewhere.
    #[serde(skip)]
    pub is_live: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Bus {
    pub name: String,
    pub arn: String,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub name: String,
    pub arn: String,
    pub enabled: bool,
    pub pattern: Option<String>,
    pub targets: Vec<RuleTarget>,
    /// The pattern, compiled.
    #[serde(skip)]
    pub compiled: Option<Pattern>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleTarget {
    pub id: String,
    pub arn: String,
    pub role: Option<String>,
    pub dead_letter_target: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Queue {
    pub name: String,
    pub arn: String,
    pub policy: Option<String>,
    pub visibility_timeout_seconds: u32,
    pub dead_letter_target: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Function {
    pub name: String,
    pub arn: String,
    pub timeout_seconds: u32,
    #[serde(default)]
    pub role: Option<String>,
    /// By qualifier; empty for the function itself.
    pub policies: BTreeMap<String, String>,
    pub dead_letter_target: Option<String>,
}

/// A mapping from a queue to a function.
#[derive(Debug, Deserialize)]
pub(crate) struct Mapping {
    pub source: String,
    /// The function's name.
    pub function: String,
    pub enabled: bool,
}

/// A role with the texts of its policies.
#[derive(Debug, Deserialize)]
pub(crate) struct Role {
    pub arn: String,
    pub trust: String,
    pub policies: Vec<String>,
    pub boundary: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schedule {
    /// With its group: `default/nightly`.
    pub name: String,
    pub group_arn: String,
    pub enabled: bool,
    pub target: String,
    pub role: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pipe {
    pub name: String,
    pub arn: String,
    pub enabled: bool,
    pub role: String,
    pub source: String,
    /// Whether filters let only some messages through.
    pub filtered: bool,
    pub enrichment: Option<String>,
    pub target: String,
    /// What its events say, if it leads to a bus.
    pub event: Option<PipeEvent>,
}

/// What all events of a pipe have in common.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PipeEvent {
    pub source: Option<String>,
    pub detail_type: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Topic {
    pub arn: String,
    pub policy: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Subscription {
    pub topic: String,
    pub protocol: String,
    pub endpoint: String,
    /// Whether a filter policy lets only some messages through.
    #[serde(default)]
    pub filtered: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Alarm {
    pub metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

impl System {
    /// Reads a server's answer; `is_live` if it is of one that runs, and not of a template's.
    ///
    /// # Errors
    /// If it is not of this version of Pontoon.
    pub(crate) fn read(wiring: Value, is_live: bool) -> Result<Self, String> {
        let mut system: Self = serde_json::from_value(wiring)
            .map_err(|error| format!("the server's wiring is not understood: {error}"))?;
        system.is_live = is_live;
        for rule in system.buses.iter_mut().flat_map(|bus| &mut bus.rules) {
            // Patterns were checked when they were put.
            rule.compiled = rule.pattern.as_deref().and_then(|text| Pattern::parse(text).ok());
        }
        Ok(system)
    }

    /// Account and region.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            account: self.account.parse().unwrap_or(Account::DEFAULT),
            region: self.region.parse().unwrap_or(Region::DEFAULT),
        }
    }

    /// Whether a resource, if it exists, is among those that are looked at.
    pub(crate) fn is_here(&self, arn: &str) -> bool {
        let own = format!(":{}:{}:", self.region, self.account);
        ["sqs", "sns", "lambda", "events"]
            .iter()
            .any(|service| arn.starts_with(&format!("arn:aws:{service}{own}")))
    }

    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.arn == arn)
    }

    pub(crate) fn queue(&self, arn: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.arn == arn)
    }

    /// The bus of an ARN, by its place.
    pub(crate) fn bus(&self, arn: &str) -> Option<usize> {
        self.buses.iter().position(|bus| bus.arn == arn)
    }

    /// A function by its ARN, and the qualifier behind it.
    pub(crate) fn function<'a>(&self, arn: &'a str) -> Option<(&Function, &'a str)> {
        self.functions.iter().find_map(|function| {
            let rest = arn.strip_prefix(&*function.arn)?;
            if rest.is_empty() { Some((function, "")) } else { Some((function, rest.strip_prefix(':')?)) }
        })
    }

    /// The enabled rules with their buses.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&Bus, &Rule)> {
        self.buses
            .iter()
            .flat_map(|bus| bus.rules.iter().filter(|rule| rule.enabled).map(move |rule| (bus, rule)))
    }
}
