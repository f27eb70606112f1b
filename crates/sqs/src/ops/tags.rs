//! Tags of queues.

use std::collections::BTreeMap;

use pontoon_api::sqs::*;
use pontoon_core::{Step, tags};

use super::Answer;
use crate::{Error, Sqs};

/// How many tags a queue may have.
const TAGS_MAX: usize = 50;

/// Checks keys, values and their number.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "Too many tags added for queue, maximum is {TAGS_MAX}."
        )));
    }
    for (key, value) in tags {
        let count = key.chars().count();
        if !(1..=128).contains(&count) || tags::is_reserved(key) {
            return Err(Error::InvalidParameterValue(format!("Tag key {key} is invalid.")));
        }
        if value.chars().count() > 256 {
            return Err(Error::InvalidParameterValue(format!("Tag value {value} is invalid.")));
        }
    }
    Ok(())
}

pub fn tag(sqs: &mut Sqs, step: &mut Step<'_>, input: TagQueueInput) -> Answer<TagQueueOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:TagQueue")?;
    if input.tags.is_empty() {
        return Err(Error::MissingParameter("Tags"));
    }
    let mut tags = queue.record.tags.clone();
    tags.extend(input.tags);
    check(&tags)?;
    queue.record.tags = tags;
    queue.write(step);
    Ok(TagQueueOutput {}.into())
}

pub fn untag(sqs: &mut Sqs, step: &mut Step<'_>, input: &UntagQueueInput) -> Answer<UntagQueueOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:UntagQueue")?;
    queue.record.tags.retain(|key, _| !input.tag_keys.contains(key));
    queue.write(step);
    Ok(UntagQueueOutput {}.into())
}

pub fn list(sqs: &mut Sqs, step: &mut Step<'_>, input: &ListQueueTagsInput) -> Answer<ListQueueTagsOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:ListQueueTags")?;
    let tags = queue.record.tags.clone();
    Ok(ListQueueTagsOutput { tags: (!tags.is_empty()).then_some(tags) }.into())
}
