//! Schemas: create, update, describe, delete, list.

use pontoon_api::schemas::*;
use pontoon_core::{Space, Step, Timestamp};

use super::page::page;
use super::{Answer, access, tags};
use crate::records::{self, SchemaRecord, VersionRecord};
use crate::state::content::{self, Kind};
use crate::state::naming::is_schema_name;
use crate::state::registry::{SCHEMAS_MAX, VERSIONS_MAX};
use crate::{Error, Schemas, schema_arn, write_schema};

pub fn create(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: CreateSchemaInput,
) -> Answer<CreateSchemaOutput> {
    let CreateSchemaInput { content, description, registry_name: registry, schema_name: name, tags, r#type } =
        input;
    let (scope, arn) = (step.scope, schema_arn(step.scope, &registry, &name));
    access::authorize(schemas, step, "schemas:CreateSchema", (&registry, &arn))?;
    access::refuse_built_in(&registry)?;
    if !is_schema_name(&name) {
        return Err(Error::BadRequest(format!(
            "The schema name {name} is not valid: it has 1 to 385 of the characters A-Z, a-z, 0-9, '.', '_', '@' and '-'."
        )));
    }
    let tags = tags.unwrap_or_default();
    tags::check(&tags)?;
    let found = schemas.registry_mut(scope, &registry)?;
    if found.schemas.contains_key(&name) {
        return Err(Error::Conflict(format!("Schema with name {name} already exists.")));
    }
    if found.schemas.len() >= SCHEMAS_MAX {
        return Err(Error::quota("schemas of a registry", SCHEMAS_MAX));
    }
    let kind = Kind::of(&r#type);
    content::check(kind, &content).map_err(Error::BadRequest)?;
    let mut record = SchemaRecord { description, tags, ..SchemaRecord::default() };
    add_version(step, (&registry, &name), &mut record, (kind, &content));
    let output = CreateSchemaOutput {
        description: record.description.clone(),
        last_modified: Some(Timestamp::from_millis(record.modified_millis)),
        schema_arn: Some(arn),
        schema_name: Some(name.clone()),
        schema_version: Some(record.last_number.to_string()),
        tags: Some(record.tags.clone()),
        r#type: Some(kind.name().to_owned()),
        version_created_date: Some(step.now),
    };
    found.schemas.insert(name, record);
    Ok(output.into())
}

/// Adds a version with this content, and writes both.
pub fn add_version(
    step: &mut Step<'_>,
    (registry, name): (&str, &str),
    schema: &mut SchemaRecord,
    (kind, content): (Kind, &str),
) {
    schema.last_number += 1;
    let number = schema.last_number;
    schema.versions.push(VersionRecord { number, kind, created_millis: step.now.millis() });
    schema.modified_millis = step.now.millis();
    let key = records::content_key(step.scope, registry, name, number);
    step.put(Space::Blob, key, content.as_bytes().to_vec());
    write_schema(step, (registry, name), schema);
    let what = if number == 1 { "Schema Created" } else { "Schema Version Created" };
    super::announce(step, what, (registry, name), (kind, number));
}

/// The content of a version.
pub fn content_of(step: &Step<'_>, registry: &str, name: &str, version: u32) -> String {
    let bytes = step.get(Space::Blob, &records::content_key(step.scope, registry, name, version));
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// The version that a request names, else the latest.
pub fn version_of<'s>(schema: &'s SchemaRecord, wanted: Option<&str>) -> Result<&'s VersionRecord, Error> {
    let found = match wanted.filter(|wanted| !wanted.is_empty()) {
        None => schema.versions.last(),
        Some(wanted) => schema.versions.iter().find(|version| version.number.to_string() == wanted),
    };
    found.ok_or_else(|| Error::NotFound(format!("Schema version {} does not exist.", wanted.unwrap_or("1"))))
}

/// A content that is the latest version's makes no new one.
///
/// DEVIATION: AWS's reference names the answer 304, without saying when; an update that changes nothing is answered with the version that there is.
pub fn update(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: UpdateSchemaInput,
) -> Answer<UpdateSchemaOutput> {
    let UpdateSchemaInput {
        content, description, registry_name: registry, schema_name: name, r#type, ..
    } = input;
    let (scope, arn) = (step.scope, schema_arn(step.scope, &registry, &name));
    access::authorize(schemas, step, "schemas:UpdateSchema", (&registry, &arn))?;
    access::refuse_built_in(&registry)?;
    let schema = schemas.schema_mut(scope, &registry, &name)?;
    let latest = version_of(schema, None)?.clone();
    if r#type.is_some() && content.is_none() {
        return Err(Error::BadRequest("Type goes with Content only.".to_owned()));
    }
    let kind = r#type.as_deref().map_or(latest.kind, Kind::of);
    let mut changed = schema.clone();
    if description.is_some() {
        changed.description = description;
        changed.modified_millis = step.now.millis();
    }
    let is_new = |content: &String| {
        kind != latest.kind || *content != content_of(step, &registry, &name, latest.number)
    };
    match content.filter(is_new) {
        Some(content) => {
            if changed.versions.len() >= VERSIONS_MAX {
                return Err(Error::quota("versions of a schema", VERSIONS_MAX));
            }
            content::check(kind, &content).map_err(Error::BadRequest)?;
            add_version(step, (&registry, &name), &mut changed, (kind, &content));
        }
        None => write_schema(step, (&registry, &name), &changed),
    }
    *schema = changed;
    let version = version_of(schema, None)?;
    Ok(UpdateSchemaOutput {
        description: schema.description.clone(),
        last_modified: Some(Timestamp::from_millis(schema.modified_millis)),
        schema_arn: Some(arn),
        schema_name: Some(name),
        schema_version: Some(version.number.to_string()),
        tags: Some(schema.tags.clone()),
        r#type: Some(version.kind.name().to_owned()),
        version_created_date: Some(Timestamp::from_millis(version.created_millis)),
    }
    .into())
}

pub fn describe(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DescribeSchemaInput,
) -> Answer<DescribeSchemaOutput> {
    let DescribeSchemaInput { registry_name: registry, schema_name: name, schema_version } = input;
    let arn = schema_arn(step.scope, &registry, &name);
    access::authorize(schemas, step, "schemas:DescribeSchema", (&registry, &arn))?;
    let schema = schemas.schema_mut(step.scope, &registry, &name)?;
    let version = version_of(schema, schema_version.as_deref())?;
    Ok(DescribeSchemaOutput {
        content: Some(content_of(step, &registry, &name, version.number)),
        description: schema.description.clone(),
        last_modified: Some(Timestamp::from_millis(schema.modified_millis)),
        schema_arn: Some(arn),
        schema_version: Some(version.number.to_string()),
        tags: Some(schema.tags.clone()),
        r#type: Some(version.kind.name().to_owned()),
        version_created_date: Some(Timestamp::from_millis(version.created_millis)),
        schema_name: Some(name),
    }
    .into())
}

/// Deletes a schema with all its versions. One that was discovered may be deleted too, and is discovered anew.
pub fn delete(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DeleteSchemaInput,
) -> Answer<DeleteSchemaOutput> {
    let DeleteSchemaInput { registry_name: registry, schema_name: name } = input;
    let (scope, arn) = (step.scope, schema_arn(step.scope, &registry, &name));
    access::authorize(schemas, step, "schemas:DeleteSchema", (&registry, &arn))?;
    let removed = schemas.registry_mut(scope, &registry)?.schemas.remove(&name);
    for version in removed.ok_or_else(|| Error::no_schema(&name))?.versions {
        step.delete(Space::Blob, records::content_key(scope, &registry, &name, version.number));
    }
    step.delete(Space::Config, records::schema_key(scope, &registry, &name));
    schemas.validators.forget(scope, &registry, &name);
    Ok(DeleteSchemaOutput {}.into())
}

pub fn list(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: ListSchemasInput,
) -> Answer<ListSchemasOutput> {
    let ListSchemasInput { limit, next_token, registry_name: registry, schema_name_prefix } = input;
    access::authorize_registry(schemas, step, "schemas:ListSchemas", &registry)?;
    let prefix = schema_name_prefix.unwrap_or_default();
    let found = schemas.registry_mut(step.scope, &registry)?;
    let chosen = found.schemas.iter().filter(|(name, _)| name.starts_with(&prefix));
    let entries = chosen.map(|(name, schema)| (name.clone(), schema));
    let (shown, next_token) = page(entries, limit, next_token.as_deref())?;
    let summaries = shown.into_iter().map(|(name, schema)| SchemaSummary {
        last_modified: Some(Timestamp::from_millis(schema.modified_millis)),
        schema_arn: Some(schema_arn(step.scope, &registry, &name)),
        schema_name: Some(name),
        tags: Some(schema.tags.clone()),
        version_count: i64::try_from(schema.versions.len()).ok(),
    });
    Ok(ListSchemasOutput { schemas: Some(summaries.collect()), next_token }.into())
}
