//! Tags of topics.

use std::collections::BTreeMap;

use pontoon_api::sns::*;
use pontoon_core::{Step, tags};

use super::Answer;
use crate::{Error, Sns, Topic};

/// How many tags a topic may have.
const TAGS_MAX: usize = 50;

/// Checks keys and their number.
pub fn of(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Error> {
    let count = tags.len();
    let tags: BTreeMap<String, String> = tags.into_iter().map(|Tag { key, value }| (key, value)).collect();
    if tags.len() < count {
        return Err(Error::invalid("Duplicated keys are not allowed."));
    }
    if tags.keys().any(|key| tags::is_reserved(key)) {
        return Err(Error::invalid("Tags Reason: tag keys beginning with aws: are reserved"));
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::TagLimitExceeded);
    }
    Ok(tags)
}

fn open<'s>(
    sns: &'s mut Sns,
    step: &mut Step<'_>,
    arn: &str,
    action: &'static str,
) -> Result<&'s mut Topic, Error> {
    sns.open(step, ("ResourceArn", arn), action)
        .map_err(|error| if error == Error::NO_TOPIC { Error::ResourceNotFound } else { error })
}

pub fn tag(sns: &mut Sns, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
    let topic = open(sns, step, &input.resource_arn, "sns:TagResource")?;
    let mut record = topic.record.clone();
    record.tags.extend(of(input.tags)?);
    if record.tags.len() > TAGS_MAX {
        return Err(Error::TagLimitExceeded);
    }
    topic.set(step, record);
    Ok(TagResourceOutput {}.into())
}

pub fn untag(sns: &mut Sns, step: &mut Step<'_>, input: &UntagResourceInput) -> Answer<UntagResourceOutput> {
    let topic = open(sns, step, &input.resource_arn, "sns:UntagResource")?;
    let mut record = topic.record.clone();
    record.tags.retain(|key, _| !input.tag_keys.contains(key));
    topic.set(step, record);
    Ok(UntagResourceOutput {}.into())
}

pub fn list(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    let topic = open(sns, step, &input.resource_arn, "sns:ListTagsForResource")?;
    let tags = topic.record.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) }.into())
}
