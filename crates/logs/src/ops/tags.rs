//! Tags of log groups, by the two families of operations that AWS has for them.

use std::collections::BTreeMap;

use pontoon_api::logs::*;
use pontoon_core::Step;

use super::{Answer, access, group_of_arn};
use crate::{Error, Logs};

/// How many tags a log group may have.
const TAGS_MAX: usize = 50;

/// Checks the keys of tags.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    let reserved = |key: &&String| {
        key.to_ascii_lowercase().starts_with("aws:") && !key.starts_with("aws:cloudformation:")
    };
    if let Some(key) = tags.keys().find(reserved) {
        return Err(Error::InvalidParameter(format!(
            "aws: prefixed tag key names are not allowed for external use: {key}"
        )));
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::InvalidParameter(format!("A log group can have at most {TAGS_MAX} tags.")));
    }
    Ok(())
}

pub fn tag(logs: &mut Logs, step: &mut Step<'_>, input: TagLogGroupInput) -> Answer<TagLogGroupOutput> {
    access::authorize(logs, step, "logs:TagLogGroup", (&input.log_group_name, ""))?;
    add(logs, step, &input.log_group_name, input.tags)?;
    Ok(TagLogGroupOutput {}.into())
}

pub fn tag_resource(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: TagResourceInput,
) -> Answer<TagResourceOutput> {
    access::authorize_on(logs, step, "logs:TagResource", &input.resource_arn)?;
    let name = group_of_arn(step.scope, &input.resource_arn)?;
    add(logs, step, name, input.tags)?;
    Ok(TagResourceOutput {}.into())
}

fn add(
    logs: &mut Logs,
    step: &mut Step<'_>,
    name: &str,
    more: BTreeMap<String, String>,
) -> Result<(), Error> {
    check(&more)?;
    let group = logs.group_mut(step.scope, name)?;
    let mut tags = group.record.tags.clone();
    tags.extend(more);
    if tags.len() > TAGS_MAX {
        return Err(Error::TooManyTags(group.arn()));
    }
    group.record.tags = tags;
    group.write(step);
    Ok(())
}

pub fn untag(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &UntagLogGroupInput,
) -> Answer<UntagLogGroupOutput> {
    access::authorize(logs, step, "logs:UntagLogGroup", (&input.log_group_name, ""))?;
    remove(logs, step, &input.log_group_name, &input.tags)?;
    Ok(UntagLogGroupOutput {}.into())
}

pub fn untag_resource(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    access::authorize_on(logs, step, "logs:UntagResource", &input.resource_arn)?;
    let name = group_of_arn(step.scope, &input.resource_arn)?;
    remove(logs, step, name, &input.tag_keys)?;
    Ok(UntagResourceOutput {}.into())
}

fn remove(logs: &mut Logs, step: &mut Step<'_>, name: &str, keys: &[String]) -> Result<(), Error> {
    let group = logs.group_mut(step.scope, name)?;
    group.record.tags.retain(|key, _| !keys.contains(key));
    group.write(step);
    Ok(())
}

pub fn list(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &ListTagsLogGroupInput,
) -> Answer<ListTagsLogGroupOutput> {
    access::authorize(logs, step, "logs:ListTagsLogGroup", (&input.log_group_name, ""))?;
    let tags = logs.group(step.scope, &input.log_group_name)?.record.tags.clone();
    Ok(ListTagsLogGroupOutput { tags: Some(tags) }.into())
}

pub fn list_for_resource(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    access::authorize_on(logs, step, "logs:ListTagsForResource", &input.resource_arn)?;
    let name = group_of_arn(step.scope, &input.resource_arn)?;
    let tags = logs.group(step.scope, name)?.record.tags.clone();
    Ok(ListTagsForResourceOutput { tags: Some(tags) }.into())
}
