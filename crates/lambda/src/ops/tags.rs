//! TagResource, UntagResource, ListTags: of functions and event source mappings (recordings `TestLambdaTag`).

use std::collections::BTreeMap;

use pontoon_api::lambda as api;
use pontoon_core::tags::{self, Refused};
use pontoon_core::{Arn, Reply, Step};

use super::Answer;
use crate::error::Error;
use crate::state::concurrency::FunctionKey;
use crate::state::name::FunctionRef;
use crate::{Lambda, MappingKey, records};

/// The tags with others set.
pub(super) fn merged(
    all: BTreeMap<String, String>,
    set: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    tags::merged(all, set).map_err(|refused| {
        let message = match refused {
            Refused::Reserved(_) => tags::RESERVED,
            Refused::TooMany => "Number of tags exceeds resource tag limit.",
        };
        Error::InvalidParameter(message.to_owned())
    })
}

enum Tagged {
    Function(FunctionKey),
    Mapping(MappingKey),
}

impl Lambda {
    /// What an ARN names, if it is there and the caller may do `action` with it.
    fn tagged(&self, step: &mut Step<'_>, action: &'static str, arn: &str) -> Result<Tagged, Error> {
        let resource = Arn::parse(arn).map(|parsed| parsed.resource).unwrap_or_default();
        if let Some(uuid) = resource.strip_prefix("event-source-mapping:") {
            let key = (step.scope, uuid.to_owned());
            return match self.mappings.contains_key(&key) {
                true => Ok(Tagged::Mapping(key)),
                false => Err(Error::NotFound(format!("Event source mapping not found: {arn}"))),
            };
        }
        if resource.starts_with("capacity-provider:") {
            // There are none here (recording `test_tag_exceptions[capacity_provider]`).
            return Err(Error::NotFound(format!("Capacity provider not found: {arn}")));
        }
        if !resource.starts_with("function:") {
            return Err(Error::unsupported(format!(
                "tags of {arn}; functions and event source mappings have tags"
            )));
        }
        let named = self.open(step, action, arn, None)?;
        if named.qualifier.is_some() {
            return Err(Error::InvalidParameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
                    .to_owned(),
            ));
        }
        self.function(&named)?;
        Ok(Tagged::Function(FunctionRef::key(&named)))
    }

    fn tags(&self, tagged: &Tagged) -> Option<&BTreeMap<String, String>> {
        match tagged {
            Tagged::Function(key) => self.functions.get(key).map(|function| &function.tags),
            Tagged::Mapping(key) => self.mappings.get(key).map(|mapping| &mapping.config.tags),
        }
    }

    fn set_tags(&mut self, step: &mut Step<'_>, tagged: &Tagged, tags: BTreeMap<String, String>) {
        match tagged {
            Tagged::Function(key) => {
                // A revision of the function (recording `TestLambdaTags::test_tag_lifecycle`).
                let revision_id = step.ids.uuid();
                self.change(step, key, |function| {
                    function.tags = tags;
                    function.latest.revision_id = revision_id;
                });
            }
            Tagged::Mapping(key) => {
                if let Some(mapping) = self.mappings.get_mut(key) {
                    mapping.config.tags = tags;
                    records::put_mapping(step, key.0, &mapping.config);
                }
            }
        }
    }
}

pub(super) fn tag_resource(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::TagResourceInput,
) -> Answer<api::TagResourceOutput> {
    let tagged = lambda.tagged(step, "lambda:TagResource", &input.resource)?;
    if input.tags.is_empty() {
        return Err(Error::InvalidParameter(
            "An error occurred and the request cannot be processed.".to_owned(),
        ));
    }
    let tags = merged(lambda.tags(&tagged).cloned().unwrap_or_default(), input.tags)?;
    lambda.set_tags(step, &tagged, tags);
    Ok(Reply::Ready(api::TagResourceOutput {}))
}

pub(super) fn untag_resource(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::UntagResourceInput,
) -> Answer<api::UntagResourceOutput> {
    let tagged = lambda.tagged(step, "lambda:UntagResource", &input.resource)?;
    let mut tags = lambda.tags(&tagged).cloned().unwrap_or_default();
    tags.retain(|name, _| !input.tag_keys.contains(name));
    lambda.set_tags(step, &tagged, tags);
    Ok(Reply::Ready(api::UntagResourceOutput {}))
}

pub(super) fn list_tags(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::ListTagsInput,
) -> Answer<api::ListTagsOutput> {
    let tagged = lambda.tagged(step, "lambda:ListTags", &input.resource)?;
    Ok(Reply::Ready(api::ListTagsOutput { tags: lambda.tags(&tagged).cloned() }))
}
