//! Tags of log groups, by the two families of operations that AWS has for them, and of what deliveries are made of.

use std::collections::BTreeMap;

use pontoon_api::logs::*;
use pontoon_core::{Arn, Scope, Step, tags};

use super::{Answer, access, group_of_arn};
use crate::parts::Part;
use crate::records::{DeliveryRecord, DestinationRecord, SourceRecord};
use crate::{Error, Logs};

/// Tags by key.
type Tags = BTreeMap<String, String>;

/// How many tags a log group may have.
const TAGS_MAX: usize = 50;

/// Checks the keys of tags.
pub fn check(tags: &Tags) -> Result<(), Error> {
    if let Some(key) = tags.keys().find(|key| tags::is_reserved(key)) {
        return Err(Error::InvalidParameter(format!(
            "aws: prefixed tag key names are not allowed for external use: {key}"
        )));
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::InvalidParameter(format!("A log group can have at most {TAGS_MAX} tags.")));
    }
    Ok(())
}

/// What giving tags with a change of a delivery's source or destination is told by.
pub const ON_UPDATE: Error =
    Error::Conflict("Tags can only be provided when a resource is being created, not updated.");

/// The tags that a delivery, its source or destination is made with.
pub fn checked(tags: Option<Tags>) -> Result<Tags, Error> {
    let tags = tags.unwrap_or_default();
    match check(&tags) {
        // Operations of this family have no other code for it.
        Err(Error::InvalidParameter(message)) => Err(Error::Validation(message)),
        checked => checked.map(|()| tags),
    }
}

/// Tags as a delivery, its source or destination tells them: not at all if there are none (recorded).
pub fn told(tags: &Tags) -> Option<Tags> {
    (!tags.is_empty()).then(|| tags.clone())
}

/// Something that has tags, by its name or id.
enum Tagged {
    Group(String),
    Source(String),
    Destination(String),
    Delivery(String),
}

impl Tagged {
    fn of(scope: Scope, arn: &str) -> Result<Self, Error> {
        let parsed =
            Arn::parse(arn).filter(|parsed| parsed.service == "logs" && parsed.scope() == Some(scope));
        let named = parsed.and_then(|parsed| parsed.resource.split_once(':'));
        match named {
            Some(("delivery-source", name)) => Ok(Self::Source(name.to_owned())),
            Some(("delivery-destination", name)) => Ok(Self::Destination(name.to_owned())),
            Some(("delivery", id)) => Ok(Self::Delivery(id.to_owned())),
            _ => group_of_arn(scope, arn).map(|name| Self::Group(name.to_owned())),
        }
    }

    fn arn(&self, scope: Scope) -> String {
        let (kind, name) = match self {
            Self::Group(name) => ("log-group", name),
            Self::Source(name) => ("delivery-source", name),
            Self::Destination(name) => ("delivery-destination", name),
            Self::Delivery(id) => ("delivery", id),
        };
        scope.arn("logs", format_args!("{kind}:{name}"))
    }

    fn tags<'l>(&self, logs: &'l Logs, scope: Scope) -> Result<&'l Tags, Error> {
        match self {
            Self::Group(name) => Ok(&logs.group(scope, name)?.record.tags),
            Self::Source(name) => logs.part::<SourceRecord>(scope, name).map(Part::tags),
            Self::Destination(name) => logs.part::<DestinationRecord>(scope, name).map(Part::tags),
            Self::Delivery(id) => logs.part::<DeliveryRecord>(scope, id).map(Part::tags),
        }
    }

    /// Changes the tags, durably; an error changes nothing.
    fn change(
        &self,
        logs: &mut Logs,
        step: &mut Step<'_>,
        change: impl FnOnce(&mut Tags) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Group(name) => {
                let group = logs.group_mut(step.scope, name)?;
                change(&mut group.record.tags)?;
                group.write(step);
                Ok(())
            }
            Self::Source(name) => change_part::<SourceRecord>(logs, step, name, change),
            Self::Destination(name) => change_part::<DestinationRecord>(logs, step, name, change),
            Self::Delivery(id) => change_part::<DeliveryRecord>(logs, step, id, change),
        }
    }
}

fn change_part<P: Part>(
    logs: &mut Logs,
    step: &mut Step<'_>,
    name: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    let part: &mut P = logs.part_mut(step.scope, name)?;
    change(part.tags_mut())?;
    part.write(step, name);
    Ok(())
}

pub fn tag(logs: &mut Logs, step: &mut Step<'_>, input: TagLogGroupInput) -> Answer<TagLogGroupOutput> {
    access::authorize(logs, step, "logs:TagLogGroup", (&input.log_group_name, ""))?;
    add(logs, step, &Tagged::Group(input.log_group_name), input.tags)?;
    Ok(TagLogGroupOutput {}.into())
}

pub fn tag_resource(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: TagResourceInput,
) -> Answer<TagResourceOutput> {
    access::authorize_on(logs, step, "logs:TagResource", &input.resource_arn)?;
    let tagged = Tagged::of(step.scope, &input.resource_arn)?;
    add(logs, step, &tagged, input.tags)?;
    Ok(TagResourceOutput {}.into())
}

fn add(logs: &mut Logs, step: &mut Step<'_>, tagged: &Tagged, more: Tags) -> Result<(), Error> {
    check(&more)?;
    let scope = step.scope;
    tagged.change(logs, step, |tags| {
        let new = more.keys().filter(|key| !tags.contains_key(*key)).count();
        if tags.len() + new > TAGS_MAX {
            return Err(Error::TooManyTags(tagged.arn(scope)));
        }
        tags.extend(more);
        Ok(())
    })
}

pub fn untag(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &UntagLogGroupInput,
) -> Answer<UntagLogGroupOutput> {
    access::authorize(logs, step, "logs:UntagLogGroup", (&input.log_group_name, ""))?;
    remove(logs, step, &Tagged::Group(input.log_group_name.clone()), &input.tags)?;
    Ok(UntagLogGroupOutput {}.into())
}

pub fn untag_resource(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    access::authorize_on(logs, step, "logs:UntagResource", &input.resource_arn)?;
    let tagged = Tagged::of(step.scope, &input.resource_arn)?;
    remove(logs, step, &tagged, &input.tag_keys)?;
    Ok(UntagResourceOutput {}.into())
}

fn remove(logs: &mut Logs, step: &mut Step<'_>, tagged: &Tagged, keys: &[String]) -> Result<(), Error> {
    tagged.change(logs, step, |tags| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
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
    let tags = Tagged::of(step.scope, &input.resource_arn)?.tags(logs, step.scope)?.clone();
    Ok(ListTagsForResourceOutput { tags: Some(tags) }.into())
}
