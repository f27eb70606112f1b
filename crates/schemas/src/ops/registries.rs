//! Registries.

use std::sync::Arc;

use pontoon_api::schemas::*;
use pontoon_core::{Space, Step};

use super::page::page;
use super::{Answer, access, tags};
use crate::records::{self, RegistryRecord};
use crate::state::naming::is_registry_name;
use crate::state::registry::{REGISTRIES_MAX, Registry, is_built_in};
use crate::{Error, Schemas, registry_arn};

pub fn create(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: CreateRegistryInput,
) -> Answer<CreateRegistryOutput> {
    let CreateRegistryInput { description, registry_name: name, tags } = input;
    let (scope, arn) = (step.scope, registry_arn(step.scope, &name));
    access::authorize_alone(step, "schemas:CreateRegistry", &arn)?;
    if !is_registry_name(&name) {
        return Err(Error::BadRequest(format!(
            "The registry name {name} is not valid: it has 1 to 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'."
        )));
    }
    access::refuse_built_in(&name)?;
    let tags = tags.unwrap_or_default();
    tags::check(&tags)?;
    let region = schemas.region_mut(scope);
    if region.registries.contains_key(name.as_str()) {
        return Err(Error::Conflict(format!("Registry with name {name} already exists.")));
    }
    if region.registries.keys().filter(|name| !is_built_in(name)).count() >= REGISTRIES_MAX {
        return Err(Error::quota("registries", REGISTRIES_MAX));
    }
    let record = RegistryRecord { description: description.clone(), tags: tags.clone(), policy: None };
    step.put(Space::Config, records::registry_key(scope, &name), records::to_json(&record));
    region.registries.insert(Arc::from(name.as_str()), Registry::new(record));
    Ok(CreateRegistryOutput {
        description,
        registry_arn: Some(arn),
        registry_name: Some(name),
        tags: Some(tags),
    }
    .into())
}

pub fn update(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: UpdateRegistryInput,
) -> Answer<UpdateRegistryOutput> {
    let name = input.registry_name;
    access::authorize_registry(schemas, step, "schemas:UpdateRegistry", &name)?;
    access::refuse_built_in(&name)?;
    let scope = step.scope;
    let registry = schemas.registry_mut(scope, &name)?;
    if input.description.is_some() {
        registry.record.description = input.description;
    }
    step.put(Space::Config, records::registry_key(scope, &name), records::to_json(&registry.record));
    let RegistryRecord { description, tags, .. } = registry.record.clone();
    Ok(UpdateRegistryOutput {
        description,
        registry_arn: Some(registry_arn(scope, &name)),
        registry_name: Some(name),
        tags: Some(tags),
    }
    .into())
}

pub fn describe(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DescribeRegistryInput,
) -> Answer<DescribeRegistryOutput> {
    let name = input.registry_name;
    access::authorize_registry(schemas, step, "schemas:DescribeRegistry", &name)?;
    let RegistryRecord { description, tags, .. } = schemas.registry_mut(step.scope, &name)?.record.clone();
    Ok(DescribeRegistryOutput {
        description,
        registry_arn: Some(registry_arn(step.scope, &name)),
        registry_name: Some(name),
        tags: Some(tags),
    }
    .into())
}

/// Deletes a registry that is empty.
pub fn delete(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DeleteRegistryInput,
) -> Answer<DeleteRegistryOutput> {
    let name = input.registry_name;
    access::authorize_registry(schemas, step, "schemas:DeleteRegistry", &name)?;
    access::refuse_built_in(&name)?;
    let scope = step.scope;
    if !schemas.registry_mut(scope, &name)?.schemas.is_empty() {
        return Err(Error::BadRequest(format!("The registry {name} still has schemas.")));
    }
    schemas.region_mut(scope).registries.remove(name.as_str());
    step.delete(Space::Config, records::registry_key(scope, &name));
    Ok(DeleteRegistryOutput {}.into())
}

pub fn list(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: ListRegistriesInput,
) -> Answer<ListRegistriesOutput> {
    access::authorize_alone(step, "schemas:ListRegistries", &registry_arn(step.scope, "*"))?;
    let ListRegistriesInput { limit, next_token, registry_name_prefix, scope: whose } = input;
    let is_wanted = |name: &str| match whose.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("local") => !name.starts_with("aws."),
        Some("aws") => name.starts_with("aws."),
        _ => true,
    };
    let prefix = registry_name_prefix.unwrap_or_default();
    let (scope, region) = (step.scope, schemas.region_mut(step.scope));
    let chosen = region.registries.iter().filter(|(name, _)| name.starts_with(&prefix) && is_wanted(name));
    let entries = chosen.map(|(name, registry)| (name.to_string(), registry));
    let (shown, next_token) = page(entries, limit, next_token.as_deref())?;
    let summaries = shown.into_iter().map(|(name, registry)| RegistrySummary {
        registry_arn: Some(registry_arn(scope, &name)),
        registry_name: Some(name),
        tags: Some(registry.record.tags.clone()),
    });
    Ok(ListRegistriesOutput { registries: Some(summaries.collect()), next_token }.into())
}
