//! Who may do what: registries have policies, which hold for their schemas too; discoverers have none.

use pontoon_core::{Access, Step};

use crate::state::registry::is_built_in;
use crate::{Error, Schemas, registry_arn};

/// Checks the caller's right to `action` on a registry or a schema in it.
pub fn authorize(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    action: &'static str,
    (registry, resource): (&str, &str),
) -> Result<(), Error> {
    let found = schemas.region_mut(step.scope).registries.get(registry);
    let access =
        Access { action, resource, policy: found.and_then(|found| found.policy.as_ref()), context: &[] };
    step.authorize(&access).map_err(|denial| Error::Forbidden(denial.message))
}

/// The same on a registry itself.
pub fn authorize_registry(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    action: &'static str,
    registry: &str,
) -> Result<(), Error> {
    let arn = registry_arn(step.scope, registry);
    authorize(schemas, step, action, (registry, &arn))
}

/// The same on what belongs to no registry.
pub fn authorize_alone(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    let access = Access { action, resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::Forbidden(denial.message))
}

/// Refuses to change a registry of AWS's making.
pub fn refuse_built_in(registry: &str) -> Result<(), Error> {
    match is_built_in(registry) {
        true => Err(Error::Forbidden(format!("The registry {registry} belongs to AWS."))),
        false => Ok(()),
    }
}
