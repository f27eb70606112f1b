//! Tags of pipes.

use std::collections::BTreeMap;

use pontoon_api::pipes::*;
use pontoon_core::{Arn, Step};

use super::{Answer, authorize};
use crate::{Error, Key, Pipes, records};

/// Tags of a pipe.
pub(super) const TAGS_MAX: usize = 50;

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
    change(pipes, step, ("pipes:TagResource", &input.resource_arn), |tags| tags.extend(input.tags))?;
    Ok(TagResourceOutput {}.into())
}

pub fn untag(
    pipes: &mut Pipes,
    step: &mut Step<'_>,
    input: UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    change(pipes, step, ("pipes:UntagResource", &input.resource_arn), |tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
    })?;
    Ok(UntagResourceOutput {}.into())
}

fn change(
    pipes: &mut Pipes,
    step: &mut Step<'_>,
    (action, arn): (&'static str, &str),
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<(), Error> {
    let key = key(step, arn)?;
    authorize(step, action, &key)?;
    let pipe = pipes.pipes.get_mut(&key).ok_or_else(|| Error::NotFound(key.1.clone()))?;
    let mut tags = pipe.record.tags.clone();
    change(&mut tags);
    if tags.len() > TAGS_MAX {
        return Err(Error::Validation(format!("A pipe may have no more than {TAGS_MAX} tags.")));
    }
    pipe.record.tags = tags;
    records::put(step, &key, &pipe.record);
    Ok(())
}
