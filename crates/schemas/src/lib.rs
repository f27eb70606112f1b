//! The EventBridge schema registry, as Pontoon runs it: registries of versioned schemas, and discoverers that infer them from the events on a bus.
//!
//! What it is: contents in JSON Schema (draft-04, and draft-07 where they say so) and OpenAPI 3 are checked when they are put; every version stays
//! readable; a running discoverer learns a schema from each event in the same command that accepts the event. What it is not: code bindings are refused,
//! and the registry of AWS's own events is empty.
//!
//! Invariant: memory holds names, versions and the shapes that were discovered, never contents; those are in the store.
//! Invariant: a schema that was discovered takes every event that it was learnt from.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the EventBridge Schema Registry API reference and "Schemas" of the EventBridge user guide.

mod discovery;
mod error;
mod metrics;
mod ops;
mod records;
mod service;
pub mod state;
mod validation;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pontoon_core::{MetricBook, Scope, Space, Step};

pub use error::Error;
use records::{DiscovererRecord, SchemaRecord};
use state::registry::{AWS_EVENTS, DISCOVERED, Registry};
use validation::Validators;

/// The principal in whose name discoverers act.
pub(crate) const PRINCIPAL: &str = "schemas.amazonaws.com";

/// The registries and discoverers of all accounts and regions.
#[derive(Default)]
pub struct Schemas {
    regions: HashMap<Scope, Region>,
    validators: Validators,
    book: MetricBook,
}

/// What one account has in one region.
pub(crate) struct Region {
    registries: BTreeMap<Arc<str>, Registry>,
    /// By id.
    discoverers: BTreeMap<String, DiscovererRecord>,
}

/// The registries that there are without anyone having made them.
impl Default for Region {
    fn default() -> Self {
        let built_in = [AWS_EVENTS, DISCOVERED].map(|name| (Arc::from(name), Registry::built_in(name)));
        Self { registries: built_in.into(), discoverers: BTreeMap::new() }
    }
}

impl Schemas {
    fn region_mut(&mut self, scope: Scope) -> &mut Region {
        self.regions.entry(scope).or_default()
    }

    fn registry_mut(&mut self, scope: Scope, name: &str) -> Result<&mut Registry, Error> {
        let registry = self.region_mut(scope).registries.get_mut(name);
        registry.ok_or_else(|| Error::no_registry(name))
    }

    fn schema_mut(&mut self, scope: Scope, registry: &str, name: &str) -> Result<&mut SchemaRecord, Error> {
        let found = self.registry_mut(scope, registry)?.schemas.get_mut(name);
        found.ok_or_else(|| Error::no_schema(name))
    }

    fn discoverer_mut(&mut self, scope: Scope, id: &str) -> Result<&mut DiscovererRecord, Error> {
        let found = self.region_mut(scope).discoverers.get_mut(id);
        found.ok_or_else(|| Error::NotFound(format!("Discoverer with id {id} does not exist.")))
    }
}

/// Writes a schema without its contents.
pub(crate) fn write_schema(step: &mut Step<'_>, (registry, name): (&str, &str), schema: &SchemaRecord) {
    let key = records::schema_key(step.scope, registry, name);
    step.put(Space::Config, key, records::to_json(schema));
}

pub(crate) fn registry_arn(scope: Scope, name: &str) -> String {
    if name == AWS_EVENTS {
        // AWS's own belongs to no account.
        return format!("arn:aws:schemas:{}::registry/{name}", scope.region);
    }
    scope.arn("schemas", format_args!("registry/{name}"))
}

pub(crate) fn schema_arn(scope: Scope, registry: &str, name: &str) -> String {
    scope.arn("schemas", format_args!("schema/{registry}/{name}"))
}

pub(crate) fn discoverer_arn(scope: Scope, id: &str) -> String {
    scope.arn("schemas", format_args!("discoverer/{id}"))
}
