//! Tags of groups; schedules have none.

use std::collections::BTreeMap;

use pontoon_api::scheduler::*;
use pontoon_core::tags::{self, Refused, TAGS_MAX};
use pontoon_core::{Arn, Step};

use super::{Answer, authorize};
use crate::{Error, Scheduler};

/// The tags with others set.
pub(super) fn merged(
    all: BTreeMap<String, String>,
    set: Vec<Tag>,
) -> Result<BTreeMap<String, String>, Error> {
    tags::merged(all, set.into_iter().map(|tag| (tag.key, tag.value))).map_err(|refused| {
        Error::Validation(match refused {
            Refused::Reserved(_) => tags::RESERVED.to_owned(),
            Refused::TooMany => format!("A resource may have no more than {TAGS_MAX} tags."),
        })
    })
}

/// The group's name in an ARN whose form the model has checked.
fn group_of<'a>(step: &Step<'_>, arn: &'a str) -> Result<&'a str, Error> {
    let parsed = Arn::parse(arn).filter(|parsed| parsed.scope() == Some(step.scope));
    let name = parsed.and_then(|parsed| parsed.resource.strip_prefix("schedule-group/"));
    name.ok_or_else(|| Error::NoGroup(arn.rsplit('/').next().unwrap_or(arn).to_owned()))
}

pub fn list(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    authorize(step, "scheduler:ListTagsForResource", &input.resource_arn)?;
    let group = scheduler.group(step.scope, group_of(step, &input.resource_arn)?)?;
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    Ok(ListTagsForResourceOutput { tags: Some(group.tags.iter().map(tag).collect()) }.into())
}

pub fn tag(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: TagResourceInput,
) -> Answer<TagResourceOutput> {
    change(scheduler, step, ("scheduler:TagResource", &input.resource_arn), |tags| merged(tags, input.tags))?;
    Ok(TagResourceOutput {}.into())
}

pub fn untag(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    change(scheduler, step, ("scheduler:UntagResource", &input.resource_arn), |mut tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(tags)
    })?;
    Ok(UntagResourceOutput {}.into())
}

fn change(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    (action, arn): (&'static str, &str),
    change: impl FnOnce(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error>,
) -> Result<(), Error> {
    authorize(step, action, arn)?;
    let (scope, name) = (step.scope, group_of(step, arn)?);
    let mut group = scheduler.group(scope, name)?.into_owned();
    if group.created_millis == 0 {
        group.created_millis = step.now.millis();
    }
    group.tags = change(group.tags)?;
    group.modified_millis = step.now.millis();
    scheduler.keep_group(step, scope, name, group);
    Ok(())
}
