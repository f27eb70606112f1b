//! Search.

use pontoon_api::schemas::*;
use pontoon_core::{ApiError, Reply, Scope, Space, Step, StoreError, StoreRead, Timestamp};

use super::page::page;
use super::{Answer, access};
use crate::records::{SchemaRecord, content_key};
use crate::{Error, Schemas, schema_arn};

/// The schemas of which the name, the description or the latest content has each of the keywords somewhere, whatever their case. Contents are read
/// beside the engine: at most two hundred, of a hundred thousand characters each.
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
    let scope = step.scope;
    let all = schemas.registry_mut(scope, &registry)?.schemas.clone();
    Ok(Reply::Read(Box::new(move |store| {
        let mut found = Vec::new();
        for (name, schema) in all {
            let text = text_of(store, scope, (&registry, &name), &schema).map_err(unavailable)?;
            if keywords.iter().all(|keyword| text.contains(keyword)) {
                found.push((name, schema));
            }
        }
        let (shown, next_token) = page(found.into_iter(), limit, next_token.as_deref())?;
        let summaries = shown.into_iter().map(|(name, schema)| summary(scope, &registry, name, &schema));
        Ok(SearchSchemasOutput { schemas: Some(summaries.collect()), next_token })
    })))
}

/// What is searched of a schema, in lower case.
fn text_of(
    store: &dyn StoreRead,
    scope: Scope,
    (registry, name): (&str, &str),
    schema: &SchemaRecord,
) -> Result<String, StoreError> {
    let number = schema.versions.last().map_or(0, |version| version.number);
    let content = store.get(Space::Blob, &content_key(scope, registry, name, number))?.unwrap_or_default();
    let description = schema.description.as_deref().unwrap_or_default();
    Ok(format!("{name} {description} {}", String::from_utf8_lossy(&content)).to_lowercase())
}

fn summary(scope: Scope, registry: &str, name: String, schema: &SchemaRecord) -> SearchSchemaSummary {
    let versions = schema.versions.iter().map(|version| SearchSchemaVersionSummary {
        created_date: Some(Timestamp::from_millis(version.created_millis)),
        schema_version: Some(version.number.to_string()),
        r#type: Some(version.kind.name().to_owned()),
    });
    SearchSchemaSummary {
        registry_name: Some(registry.to_owned()),
        schema_arn: Some(schema_arn(scope, registry, &name)),
        schema_versions: Some(versions.collect()),
        schema_name: Some(name),
    }
}

/// What a client hears of a read that the machine failed.
fn unavailable(_: StoreError) -> ApiError {
    ApiError::server("ServiceUnavailableException", "The service cannot complete the request.")
        .with_status(503)
}
