//! Search.

use pontoon_api::schemas::*;
use pontoon_core::{Step, Timestamp};

use super::page::page;
use super::schemas::content_of;
use super::{Answer, access};
use crate::{Error, Schemas, schema_arn};

/// The schemas of which the name, the description or the latest content has each of the keywords somewhere, whatever their case.
pub fn search(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: SearchSchemasInput,
) -> Answer<SearchSchemasOutput> {
    let SearchSchemasInput { keywords, limit, next_token, registry_name: registry } = input;
    access::authorize_registry(schemas, step, "schemas:SearchSchemas", &registry)?;
    let keywords: Vec<String> = keywords.split_whitespace().map(str::to_lowercase).collect();
    if keywords.is_empty() {
        return Err(Error::BadRequest("Keywords must not be empty.".to_owned()));
    }
    let found = schemas.registry_mut(step.scope, &registry)?;
    // At most two hundred contents of a hundred thousand characters are looked at.
    let chosen = found.schemas.iter().filter(|(name, schema)| {
        let number = schema.versions.last().map_or(0, |version| version.number);
        let description = schema.description.as_deref().unwrap_or_default();
        let text =
            format!("{name} {description} {}", content_of(step, &registry, name, number)).to_lowercase();
        keywords.iter().all(|keyword| text.contains(keyword))
    });
    let entries = chosen.map(|(name, schema)| (name.clone(), schema));
    let (shown, next_token) = page(entries, limit, next_token.as_deref())?;
    let summaries = shown.into_iter().map(|(name, schema)| SearchSchemaSummary {
        registry_name: Some(registry.clone()),
        schema_arn: Some(schema_arn(step.scope, &registry, &name)),
        schema_name: Some(name),
        schema_versions: Some(
            schema
                .versions
                .iter()
                .map(|version| SearchSchemaVersionSummary {
                    created_date: Some(Timestamp::from_millis(version.created_millis)),
                    schema_version: Some(version.number.to_string()),
                    r#type: Some(version.kind.name().to_owned()),
                })
                .collect(),
        ),
    });
    Ok(SearchSchemasOutput { schemas: Some(summaries.collect()), next_token }.into())
}
