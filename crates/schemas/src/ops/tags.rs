//! Tags of registries, schemas and discoverers.

use std::collections::BTreeMap;

use pontoon_api::schemas::*;
use pontoon_core::{Arn, Space, Step, tags};

use super::{Answer, access};
use crate::{Error, Schemas, records, write_schema};

/// Tags of one resource ("Tag restrictions" of the AWS general reference).
const TAGS_MAX: usize = 50;

/// Checks tags that are to be set.
pub fn check(given: &BTreeMap<String, String>) -> Result<(), Error> {
    if let Some(key) = given.keys().find(|key| tags::is_reserved(key)) {
        return Err(Error::BadRequest(format!("Tag keys that begin with aws: belong to AWS: {key}.")));
    }
    let is_sized = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256
    };
    if !given.iter().all(is_sized) {
        return Err(Error::BadRequest(
            "A tag has a key of 1 to 128 and a value of at most 256 characters.".to_owned(),
        ));
    }
    if given.len() > TAGS_MAX {
        return Err(Error::BadRequest(format!("A resource can have at most {TAGS_MAX} tags.")));
    }
    Ok(())
}

/// What an ARN names.
enum Tagged {
    Registry(String),
    Schema(String, String),
    Discoverer(String),
}

fn tagged(step: &Step<'_>, arn: &str) -> Result<Tagged, Error> {
    let unknown = || Error::NotFound(format!("Resource {arn} does not exist."));
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "schemas");
    let parsed = parsed
        .ok_or_else(|| Error::BadRequest(format!("{arn} is no ARN of a schema registry's resource.")))?;
    if parsed.scope() != Some(step.scope) {
        return Err(unknown());
    }
    let mut parts = parsed.resource.splitn(3, '/').map(str::to_owned);
    match (parts.next().as_deref(), parts.next(), parts.next()) {
        (Some("registry"), Some(name), None) => Ok(Tagged::Registry(name)),
        (Some("schema"), Some(registry), Some(name)) => Ok(Tagged::Schema(registry, name)),
        (Some("discoverer"), Some(id), None) => Ok(Tagged::Discoverer(id)),
        _ => Err(unknown()),
    }
}

fn tags_mut<'s>(
    schemas: &'s mut Schemas,
    step: &Step<'_>,
    tagged: &Tagged,
) -> Result<&'s mut BTreeMap<String, String>, Error> {
    Ok(match tagged {
        Tagged::Registry(name) => &mut schemas.registry_mut(step.scope, name)?.record.tags,
        Tagged::Schema(registry, name) => &mut schemas.schema_mut(step.scope, registry, name)?.tags,
        Tagged::Discoverer(id) => &mut schemas.discoverer_mut(step.scope, id)?.tags,
    })
}

fn write(schemas: &mut Schemas, step: &mut Step<'_>, tagged: &Tagged) -> Result<(), Error> {
    let scope = step.scope;
    match tagged {
        Tagged::Registry(name) => {
            let record = records::to_json(&schemas.registry_mut(scope, name)?.record);
            step.put(Space::Config, records::registry_key(scope, name), record);
        }
        Tagged::Schema(registry, name) => {
            write_schema(step, (registry, name), schemas.schema_mut(scope, registry, name)?);
        }
        Tagged::Discoverer(id) => {
            let record = records::to_json(schemas.discoverer_mut(scope, id)?);
            step.put(Space::Config, records::discoverer_key(scope, id), record);
        }
    }
    Ok(())
}

pub fn tag(schemas: &mut Schemas, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
    access::authorize_alone(step, "schemas:TagResource", &input.resource_arn)?;
    let tagged = tagged(step, &input.resource_arn)?;
    let tags = tags_mut(schemas, step, &tagged)?;
    let mut merged = tags.clone();
    merged.extend(input.tags);
    check(&merged)?;
    *tags = merged;
    write(schemas, step, &tagged)?;
    Ok(TagResourceOutput {}.into())
}

pub fn untag(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    access::authorize_alone(step, "schemas:UntagResource", &input.resource_arn)?;
    let tagged = tagged(step, &input.resource_arn)?;
    tags_mut(schemas, step, &tagged)?.retain(|key, _| !input.tag_keys.contains(key));
    write(schemas, step, &tagged)?;
    Ok(UntagResourceOutput {}.into())
}

pub fn list(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    access::authorize_alone(step, "schemas:ListTagsForResource", &input.resource_arn)?;
    let tagged = tagged(step, &input.resource_arn)?;
    let tags = tags_mut(schemas, step, &tagged)?.clone();
    Ok(ListTagsForResourceOutput { tags: Some(tags) }.into())
}
