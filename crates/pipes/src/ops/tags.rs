//! Tags of pipes.

use std::collections::BTreeMap;

use pontoon_api::pipes::*;
use pontoon_core::tags::{self, Refused, TAGS_MAX};
use pontoon_core::{Arn, Step};

use super::{Answer, authorize};
use crate::{Error, Key, Pipes, records};

/// The tags with others set.
pub(super) fn merged(
    all: BTreeMap<String, String>,
    set: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    tags::merged(all, set).map_err(|refused| {
        Error::Validation(match refused {
            Refused::Reserved(_) => tags::RESERVED.to_owned(),
            Refused::TooMany => format!("A pipe may have no more than {TAGS_MAX} tags."),
        })
    })
}

fn key(step: &Step<'_>, arn: &str) -> Result<Key, Error> {
    let parsed = Arn::parse(arn).filter(|parsed| parsed.scope() == Some(step.scope));
    let name = parsed.and_then(|parsed| parsed.resource.strip_prefix("pipe/"));
    name.map(|name| (step.scope, name.to_owned())).ok_or_else(|| Error::NotFound(arn.to_owned()))
}

pub fn list(
    pipes: &mut Pipes,
    step: &mut Step<'_>,
    input: ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    let key = key(step, &input.resource_arn)?;
    authorize(step, "pipes:ListTagsForResource", &key)?;
    let pipe = pipes.pipes.get(&key).ok_or_else(|| Error::NotFound(key.1.clone()))?;
    Ok(ListTagsForResourceOutput { tags: Some(pipe.record.tags.clone()) }.into())
}

pub fn tag(pipes: &mut Pipes, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
    change(pipes, step, ("pipes:TagResource", &input.resource_arn), |tags| merged(tags, input.tags))?;
    Ok(TagResourceOutput {}.into())
}

pub fn untag(
    pipes: &mut Pipes,
    step: &mut Step<'_>,
    input: UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    change(pipes, step, ("pipes:UntagResource", &input.resource_arn), |mut tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(tags)
    })?;
    Ok(UntagResourceOutput {}.into())
}

fn change(
    pipes: &mut Pipes,
    step: &mut Step<'_>,
    (action, arn): (&'static str, &str),
    change: impl FnOnce(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error>,
) -> Result<(), Error> {
    let key = key(step, arn)?;
    authorize(step, action, &key)?;
    let pipe = pipes.pipes.get_mut(&key).ok_or_else(|| Error::NotFound(key.1.clone()))?;
    pipe.record.tags = change(pipe.record.tags.clone())?;
    records::put(step, &key, &pipe.record);
    Ok(())
}
