//! Tags of rules and buses.

use std::collections::BTreeMap;
use std::sync::Arc;

use pontoon_api::events::*;
use pontoon_core::{Arn, Scope, Step, tags};

use super::Answer;
use crate::state::bus::{DEFAULT, Rule as BusRule};
use crate::validation::check_tag;
use crate::{Error, Events};

/// Tags of one resource (API reference).
const TAGS_MAX: usize = 50;

/// What a tagged ARN names.
enum Tagged {
    Bus(Scope, String),
    Rule(Scope, String, Box<BusRule>, String),
}

/// Adds tags, each in place of one with the same key.
pub fn add(present: &mut BTreeMap<String, String>, given: Vec<Tag>) -> Result<(), Error> {
    if given.iter().any(|tag| tags::is_reserved(&tag.key)) {
        return Err(Error::Validation(tags::RESERVED.to_owned()));
    }
    given.iter().try_for_each(|tag| check_tag(&tag.key, &tag.value))?;
    let mut all = present.clone();
    all.extend(given.into_iter().map(|tag| (tag.key, tag.value)));
    if all.len() > TAGS_MAX {
        return Err(Error::LimitExceeded);
    }
    *present = all;
    Ok(())
}

fn resolve(
    events: &mut Events,
    step: &mut Step<'_>,
    arn: &str,
    action: &'static str,
) -> Result<Tagged, Error> {
    let malformed = || Error::parameter("ResourceArn", "Provided Arn is not in correct format.");
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "events").ok_or_else(malformed)?;
    let scope = parsed.scope().ok_or_else(malformed)?;
    let bus_arn = |name: &str| scope.arn("events", format_args!("event-bus/{name}"));
    match parsed.resource.split_once('/') {
        Some(("event-bus", name)) => {
            let (scope, name, _) = events.open(step, Some(&bus_arn(name)), action)?;
            Ok(Tagged::Bus(scope, name))
        }
        Some(("rule", rule)) => {
            let (bus, rule) = rule.rsplit_once('/').unwrap_or((DEFAULT, rule));
            let (scope, bus, found) = events.open_rule(step, Some(&bus_arn(bus)), rule, action)?;
            Ok(Tagged::Rule(scope, bus, Box::new(found.clone()), rule.to_owned()))
        }
        _ => Err(malformed()),
    }
}

fn change(
    events: &mut Events,
    step: &mut Step<'_>,
    tagged: Tagged,
    change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), Error>,
) -> Result<(), Error> {
    match tagged {
        Tagged::Bus(scope, name) => {
            let now = step.now;
            if let Some(bus) = events.bus_mut(now, scope, &name) {
                change(&mut bus.record.tags)?;
            }
            events.write_bus(step, scope, &name);
        }
        Tagged::Rule(scope, bus, mut rule, name) => {
            change(&mut rule.record.tags)?;
            events.put_rule(step, (scope, &bus), &Arc::from(name), *rule);
        }
    }
    Ok(())
}

pub fn tag(events: &mut Events, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
    let tagged = resolve(events, step, &input.resource_arn, "events:TagResource")?;
    change(events, step, tagged, |tags| add(tags, input.tags))?;
    Ok(TagResourceOutput {}.into())
}

pub fn untag(
    events: &mut Events,
    step: &mut Step<'_>,
    input: UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    let tagged = resolve(events, step, &input.resource_arn, "events:UntagResource")?;
    change(events, step, tagged, |tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(UntagResourceOutput {}.into())
}

pub fn list(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    let tagged = resolve(events, step, &input.resource_arn, "events:ListTagsForResource")?;
    let tags = match tagged {
        Tagged::Bus(scope, name) => {
            events.bus_mut(step.now, scope, &name).map(|bus| bus.record.tags.clone()).unwrap_or_default()
        }
        Tagged::Rule(_, _, rule, _) => rule.record.tags,
    };
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(ListTagsForResourceOutput { tags: Some(tags) }.into())
}
