//! Resource policies of registries.

use pontoon_api::schemas::*;
use pontoon_core::policy::Document;
use pontoon_core::{Space, Step};

use super::{Answer, access};
use crate::records::{self, PolicyRecord};
use crate::state::registry::Registry;
use crate::{Error, Schemas};

/// The name is a query parameter that the model does not require, but no policy belongs to nothing.
fn named(name: Option<String>) -> Result<String, Error> {
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| Error::BadRequest("The name of the registry is missing.".to_owned()))
}

pub fn put(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: PutResourcePolicyInput,
) -> Answer<PutResourcePolicyOutput> {
    let name = named(input.registry_name)?;
    access::authorize_registry(schemas, step, "schemas:PutResourcePolicy", &name)?;
    access::refuse_built_in(&name)?;
    let scope = step.scope;
    let registry = schemas.registry_mut(scope, &name)?;
    let kept = registry.record.policy.as_ref().map(|policy| policy.revision.as_str());
    if let Some(expected) = input.revision_id.as_deref().filter(|expected| kept != Some(*expected)) {
        return Err(Error::PreconditionFailed(format!("The policy's revision is not {expected}.")));
    }
    let policy = Document::parse(&input.policy)
        .map_err(|error| Error::BadRequest(format!("The policy is not valid: {error}.")))?;
    let revision = step.ids.uuid();
    registry.record.policy =
        Some(PolicyRecord { document: input.policy.clone(), revision: revision.clone() });
    registry.policy = Some(policy);
    step.put(Space::Config, records::registry_key(scope, &name), records::to_json(&registry.record));
    Ok(PutResourcePolicyOutput { policy: Some(input.policy), revision_id: Some(revision) }.into())
}

pub fn get(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: GetResourcePolicyInput,
) -> Answer<GetResourcePolicyOutput> {
    let name = named(input.registry_name)?;
    access::authorize_registry(schemas, step, "schemas:GetResourcePolicy", &name)?;
    let PolicyRecord { document, revision } =
        policy_of(schemas.registry_mut(step.scope, &name)?, &name)?.clone();
    Ok(GetResourcePolicyOutput { policy: Some(document), revision_id: Some(revision) }.into())
}

pub fn delete(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DeleteResourcePolicyInput,
) -> Answer<DeleteResourcePolicyOutput> {
    let name = named(input.registry_name)?;
    access::authorize_registry(schemas, step, "schemas:DeleteResourcePolicy", &name)?;
    let scope = step.scope;
    let registry = schemas.registry_mut(scope, &name)?;
    policy_of(registry, &name)?;
    (registry.record.policy, registry.policy) = (None, None);
    step.put(Space::Config, records::registry_key(scope, &name), records::to_json(&registry.record));
    Ok(DeleteResourcePolicyOutput {}.into())
}

fn policy_of<'r>(registry: &'r Registry, name: &str) -> Result<&'r PolicyRecord, Error> {
    let policy = registry.record.policy.as_ref();
    policy.ok_or_else(|| Error::NotFound(format!("Registry with name {name} has no policy.")))
}
