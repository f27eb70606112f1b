//! Rules.

use std::sync::Arc;

use pontoon_api::events::*;
use pontoon_core::{Caller, Principal, Scope, Space, Step};
use pontoon_pattern::Pattern;
use pontoon_schedule::Expression;

use super::page::page;
use super::{Answer, tags};
use crate::records::{self, RuleRecord};
use crate::state::bus::{DEFAULT, Rule as BusRule, rule_arn};
use crate::{Error, Events};

/// Rules of a bus; AWS's own quota of 300 can be raised to it.
pub const RULES_MAX: usize = 100_000;

pub fn put(events: &mut Events, step: &mut Step<'_>, input: PutRuleInput) -> Answer<PutRuleOutput> {
    let now = step.now;
    let created_by = step.caller.account.to_string();
    let bus = input.event_bus_name.as_deref();
    let (scope, bus_name, bus) = events.open_for_rule(step, bus, &input.name, "events:PutRule")?;
    let managed_by = managing_service(step.caller);
    refuse_managed(bus.rules.get(input.name.as_str()), &input.name, insists(step.caller, None))?;
    if input.event_pattern.is_none() && input.schedule_expression.is_none() {
        let message = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        return Err(Error::Validation(message.into()));
    }
    if input.schedule_expression.is_some() && bus_name != DEFAULT {
        let message = "ScheduleExpression is supported only on the default event bus.";
        return Err(Error::Validation(message.into()));
    }
    let pattern =
        input.event_pattern.as_deref().map(Pattern::parse).transpose().map_err(Error::InvalidEventPattern)?;
    let schedule = match &input.schedule_expression {
        Some(text) => Some(
            Expression::of_rule(text)
                .ok_or_else(|| Error::Validation("Parameter ScheduleExpression is not valid.".into()))?,
        ),
        None => None,
    };
    let before = bus.rules.get(input.name.as_str());
    if before.is_none() && bus.rules.len() >= RULES_MAX {
        return Err(Error::LimitExceeded);
    }
    let mut rule_tags = before.map(|rule| rule.record.tags.clone()).unwrap_or_default();
    if before.is_none() {
        tags::add(&mut rule_tags, input.tags.unwrap_or_default())?;
    }
    let unchanged_schedule = before.filter(|rule| rule.record.schedule == input.schedule_expression);
    let record = RuleRecord {
        pattern: input.event_pattern,
        schedule: input.schedule_expression,
        state: input.state.unwrap_or_else(|| "ENABLED".to_owned()),
        description: input.description,
        role_arn: input.role_arn,
        created_by: before.map_or(created_by, |rule| rule.record.created_by.clone()),
        tags: rule_tags,
        targets: before.map(|rule| rule.record.targets.clone()).unwrap_or_default(),
        modified_millis: now.millis(),
        anchor_millis: unchanged_schedule.map_or(now.millis(), |rule| rule.record.anchor_millis),
        fired_millis: unchanged_schedule.and_then(|rule| rule.record.fired_millis),
        managed_by,
        archive: None,
    };
    let targets = before.map(|rule| rule.targets.clone()).unwrap_or_default();
    let arn = rule_arn(scope, &bus_name, &input.name);
    let rule = BusRule { arn: arn.as_str().into(), record, pattern, schedule, targets };
    events.put_rule(step, (scope, &bus_name), &Arc::from(input.name.as_str()), rule);
    Ok(PutRuleOutput { rule_arn: Some(arn) }.into())
}

/// Deleting a rule that does not exist is no error.
pub fn delete(events: &mut Events, step: &mut Step<'_>, input: DeleteRuleInput) -> Answer<DeleteRuleOutput> {
    let bus = input.event_bus_name.as_deref();
    let (scope, bus_name) = match events.open_rule(step, bus, &input.name, "events:DeleteRule") {
        Ok((scope, bus_name, rule)) => {
            refuse_managed(Some(rule), &input.name, insists(step.caller, input.force))?;
            if !rule.targets.is_empty() || rule.record.archive.is_some() {
                return Err(Error::Validation("Rule can't be deleted since it has targets.".into()));
            }
            (scope, bus_name)
        }
        Err(Error::NoRule { .. }) => return Ok(DeleteRuleOutput {}.into()),
        Err(error) => return Err(error),
    };
    events.unschedule(scope, &bus_name, &input.name);
    if let Some(bus) = events.bus_mut(step.now, scope, &bus_name) {
        bus.remove(&input.name);
    }
    step.delete(Space::Config, records::rule_key(scope, &bus_name, &input.name));
    Ok(DeleteRuleOutput {}.into())
}

pub fn describe(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DescribeRuleInput,
) -> Answer<DescribeRuleOutput> {
    let bus = input.event_bus_name.as_deref();
    let (_, bus_name, rule) = events.open_rule(step, bus, &input.name, "events:DescribeRule")?;
    let record = &rule.record;
    Ok(DescribeRuleOutput {
        name: Some(input.name),
        arn: Some(rule.arn.to_string()),
        event_pattern: record.pattern.clone(),
        schedule_expression: record.schedule.clone(),
        state: Some(record.state.clone()),
        description: record.description.clone(),
        role_arn: record.role_arn.clone(),
        managed_by: record.managed_by.clone(),
        event_bus_name: Some(bus_name),
        created_by: Some(record.created_by.clone()),
    }
    .into())
}

pub fn enable(events: &mut Events, step: &mut Step<'_>, input: EnableRuleInput) -> Answer<EnableRuleOutput> {
    let bus = input.event_bus_name.as_deref();
    let found = events.open_rule(step, bus, &input.name, "events:EnableRule")?;
    refuse_managed(Some(found.2), &input.name, None)?;
    let (scope, bus_name, rule) = (found.0, found.1, found.2.clone());
    set_state(events, step, (scope, &bus_name, &input.name), rule, "ENABLED");
    Ok(EnableRuleOutput {}.into())
}

pub fn disable(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DisableRuleInput,
) -> Answer<DisableRuleOutput> {
    let bus = input.event_bus_name.as_deref();
    let found = events.open_rule(step, bus, &input.name, "events:DisableRule")?;
    refuse_managed(Some(found.2), &input.name, None)?;
    let (scope, bus_name, rule) = (found.0, found.1, found.2.clone());
    set_state(events, step, (scope, &bus_name, &input.name), rule, "DISABLED");
    Ok(DisableRuleOutput {}.into())
}

/// The AWS service that calls by its service-linked role; the rules that it puts are its own.
fn managing_service(caller: &Caller) -> Option<String> {
    let Principal::Role { arn, .. } = &caller.principal else { return None };
    let (_, path) = arn.split_once(":role/aws-service-role/")?;
    path.split('/').next().map(str::to_owned)
}

/// Whether who calls may change managed rules: by force, or because they are its own.
pub fn insists(caller: &Caller, force: Option<bool>) -> Option<bool> {
    if managing_service(caller).is_some() { Some(true) } else { force }
}

/// Rules of AWS's services can be deleted only, and that by who insists.
pub fn refuse_managed(rule: Option<&BusRule>, name: &str, force: Option<bool>) -> Result<(), Error> {
    match rule.filter(|rule| rule.record.managed_by.is_some() && force != Some(true)) {
        Some(_) => Err(Error::ManagedRule(name.to_owned())),
        None => Ok(()),
    }
}

fn set_state(
    events: &mut Events,
    step: &mut Step<'_>,
    (scope, bus, name): (Scope, &str, &str),
    mut rule: BusRule,
    state: &str,
) {
    if rule.record.state == state {
        return;
    }
    rule.record.modified_millis = step.now.millis();
    if !rule.record.is_enabled() {
        rule.record.anchor_millis = step.now.millis();
    }
    state.clone_into(&mut rule.record.state);
    events.put_rule(step, (scope, bus), &Arc::from(name), rule);
}

pub fn list(events: &mut Events, step: &mut Step<'_>, input: ListRulesInput) -> Answer<ListRulesOutput> {
    let (_, bus_name, bus) = events.open(step, input.event_bus_name.as_deref(), "events:ListRules")?;
    let prefix = input.name_prefix.unwrap_or_default();
    let matching = bus.rules.iter().filter(|(name, _)| name.starts_with(&prefix));
    let (found, next_token) =
        page(matching, |(name, _)| name.to_string(), input.next_token.as_deref(), input.limit)?;
    let rules = found
        .into_iter()
        .map(|(name, rule)| Rule {
            name: Some(name.to_string()),
            arn: Some(rule.arn.to_string()),
            event_pattern: rule.record.pattern.clone(),
            state: Some(rule.record.state.clone()),
            description: rule.record.description.clone(),
            schedule_expression: rule.record.schedule.clone(),
            role_arn: rule.record.role_arn.clone(),
            managed_by: rule.record.managed_by.clone(),
            event_bus_name: Some(bus_name.clone()),
        })
        .collect();
    Ok(ListRulesOutput { rules: Some(rules), next_token }.into())
}

pub fn names_by_target(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListRuleNamesByTargetInput,
) -> Answer<ListRuleNamesByTargetOutput> {
    let bus = input.event_bus_name.as_deref();
    let (_, _, bus) = events.open(step, bus, "events:ListRuleNamesByTarget")?;
    let matching = bus
        .rules
        .iter()
        .filter(|(_, rule)| rule.targets.iter().any(|target| target.record.arn == input.target_arn))
        .map(|(name, _)| name.to_string());
    let (names, next_token) = page(matching, String::clone, input.next_token.as_deref(), input.limit)?;
    Ok(ListRuleNamesByTargetOutput { rule_names: Some(names), next_token }.into())
}
