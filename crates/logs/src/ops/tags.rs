//! Tags of log groups, by the two families of operations that AWS has for them, and of what deliveries are made of.

use std::collections::BTreeMap;

use pontoon_api::logs::*;
use pontoon_core::{Arn, Scope, Space, Step, tags};

use super::{Answer, access, group_of_arn};
use crate::{Error, Logs, records};

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

    fn tags<'l>(&self, logs: &'l mut Logs, scope: Scope) -> Result<&'l mut Tags, Error> {
        let region = logs.regions.entry(scope).or_default();
        let deliveries = &mut region.deliveries;
        let (tags, missing) = match self {
            Self::Group(name) => {
                let group = region.groups.get_mut(name.as_str());
                (group.map(|group| &mut group.record.tags), Error::GroupNotFound)
            }
            Self::Source(name) => {
                let source = deliveries.sources.get_mut(name);
                (source.map(|source| &mut source.tags), Error::NoDelivery("Delivery Source", "."))
            }
            Self::Destination(name) => {
                let destination = deliveries.destinations.get_mut(name);
                let missing = Error::NoDelivery("Delivery Destination", ".");
                (destination.map(|destination| &mut destination.tags), missing)
            }
            Self::Delivery(id) => {
                let delivery = deliveries.deliveries.get_mut(id);
                (delivery.map(|delivery| &mut delivery.tags), Error::NoDelivery("Delivery", "."))
            }
        };
        tags.ok_or(missing)
    }

    fn write(&self, logs: &Logs, step: &mut Step<'_>) {
        let scope = step.scope;
        let Some(region) = logs.regions.get(&scope) else { return };
        let deliveries = &region.deliveries;
        let written = match self {
            Self::Group(name) => {
                if let Some(group) = region.groups.get(name.as_str()) {
                    group.write(step);
                }
                return;
            }
            Self::Source(name) => deliveries
                .sources
                .get(name)
                .map(|record| (records::source_key(scope, name), records::to_json(record))),
            Self::Destination(name) => deliveries
                .destinations
                .get(name)
                .map(|record| (records::destination_key(scope, name), records::to_json(record))),
            Self::Delivery(id) => deliveries
                .deliveries
                .get(id)
                .map(|record| (records::delivery_key(scope, id), records::to_json(record))),
        };
        if let Some((key, record)) = written {
            step.put(Space::Config, key, record);
        }
    }
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
    let tags = tagged.tags(logs, scope)?;
    let new = more.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + new > TAGS_MAX {
        return Err(Error::TooManyTags(tagged.arn(scope)));
    }
    tags.extend(more);
    tagged.write(logs, step);
    Ok(())
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
    tagged.tags(logs, step.scope)?.retain(|key, _| !keys.contains(key));
    tagged.write(logs, step);
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
    let tags = Tagged::of(step.scope, &input.resource_arn)?.tags(logs, step.scope)?.clone();
    Ok(ListTagsForResourceOutput { tags: Some(tags) }.into())
}
