//! Versions of a schema: listed, deleted, exported.

use pontoon_api::schemas::*;
use pontoon_core::{Space, Step};

use super::page::page;
use super::schemas::{content_of, version_of};
use super::{Answer, access};
use crate::records;
use crate::state::content::{Kind, json_schema};
use crate::{Error, Schemas, schema_arn, write_schema};

pub fn list(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: ListSchemaVersionsInput,
) -> Answer<ListSchemaVersionsOutput> {
    let ListSchemaVersionsInput { limit, next_token, registry_name: registry, schema_name: name } = input;
    let arn = schema_arn(step.scope, &registry, &name);
    access::authorize(schemas, step, "schemas:ListSchemaVersions", (&registry, &arn))?;
    let schema = schemas.schema_mut(step.scope, &registry, &name)?;
    // In the order of their numbers, which that of their names is not.
    let entries = schema.versions.iter().map(|version| (format!("{:010}", version.number), version));
    let (shown, next_token) = page(entries, limit, next_token.as_deref())?;
    let summaries = shown.into_iter().map(|(_, version)| SchemaVersionSummary {
        schema_arn: Some(arn.clone()),
        schema_name: Some(name.clone()),
        schema_version: Some(version.number.to_string()),
        r#type: Some(version.kind.name().to_owned()),
    });
    Ok(ListSchemaVersionsOutput { schema_versions: Some(summaries.collect()), next_token }.into())
}

/// Deletes a version, but not the only one. Its number is not given out again.
pub fn delete(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DeleteSchemaVersionInput,
) -> Answer<DeleteSchemaVersionOutput> {
    let DeleteSchemaVersionInput { registry_name: registry, schema_name: name, schema_version } = input;
    let (scope, arn) = (step.scope, schema_arn(step.scope, &registry, &name));
    access::authorize(schemas, step, "schemas:DeleteSchemaVersion", (&registry, &arn))?;
    let schema = schemas.schema_mut(scope, &registry, &name)?;
    let number = version_of(schema, Some(&schema_version))?.number;
    if schema.versions.len() == 1 {
        return Err(Error::BadRequest(format!(
            "Version {number} is the only one of {name}; delete the schema instead."
        )));
    }
    schema.versions.retain(|version| version.number != number);
    schema.modified_millis = step.now.millis();
    write_schema(step, (&registry, &name), schema);
    step.delete(Space::Blob, records::content_key(scope, &registry, &name, number));
    Ok(DeleteSchemaVersionOutput {}.into())
}

/// A version as JSON Schema of draft-04.
///
/// DEVIATION: AWS exports what it discovered or made itself only; here any schema is exported.
pub fn export(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: ExportSchemaInput,
) -> Answer<ExportSchemaOutput> {
    let ExportSchemaInput { registry_name: registry, schema_name: name, schema_version, r#type } = input;
    let arn = schema_arn(step.scope, &registry, &name);
    access::authorize(schemas, step, "schemas:ExportSchema", (&registry, &arn))?;
    let schema = schemas.schema_mut(step.scope, &registry, &name)?;
    let version = version_of(schema, schema_version.as_deref())?;
    if r#type != Kind::JsonSchema.name() {
        return Err(Error::BadRequest(format!(
            "A schema is exported as JSONSchemaDraft4, not as {}.",
            r#type
        )));
    }
    let content = content_of(step, &registry, &name, version.number);
    let exported = match version.kind {
        Kind::JsonSchema => Some(content),
        // It was read when it was put.
        Kind::OpenApi3 => {
            let content = serde_json::from_str(&content).unwrap_or_default();
            json_schema(Kind::OpenApi3, &content).map(|schema| schema.to_string())
        }
    };
    let exported = exported.ok_or_else(|| {
        Error::BadRequest(
            "None of the components is AWSEvent or named as the title, so that none can be exported."
                .to_owned(),
        )
    })?;
    Ok(ExportSchemaOutput {
        content: Some(exported),
        schema_arn: Some(arn),
        schema_version: Some(version.number.to_string()),
        schema_name: Some(name),
        r#type: Some(r#type),
    }
    .into())
}
