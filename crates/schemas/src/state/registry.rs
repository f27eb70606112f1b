//! Registries, and what may be put into them.

use std::collections::BTreeMap;

use pontoon_core::policy::Document;

use crate::records::{RegistryRecord, SchemaRecord};

/// The registry of AWS's own events. Nothing can be put into it, and here nothing is in it.
pub const AWS_EVENTS: &str = "aws.events";
/// The registry of what was discovered. Only discoverers put into it; anyone may delete from it.
pub const DISCOVERED: &str = "discovered-schemas";

/// Quotas of an account in a region (user guide, "EventBridge Schema Registry quotas").
pub const REGISTRIES_MAX: usize = 10;
/// Schemas of a registry.
pub const SCHEMAS_MAX: usize = 100;
/// Schemas of the registry of what was discovered.
pub const DISCOVERED_MAX: usize = 200;
/// Versions of a schema.
pub const VERSIONS_MAX: usize = 100;
/// Discoverers.
pub const DISCOVERERS_MAX: usize = 10;

/// A registry and its schemas.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// What is persisted of itself.
    pub record: RegistryRecord,
    /// Its policy, read.
    pub policy: Option<Document>,
    /// By name.
    pub schemas: BTreeMap<String, SchemaRecord>,
}

impl Registry {
    /// From what is persisted.
    #[must_use]
    pub fn new(record: RegistryRecord) -> Self {
        let policy = record.policy.as_ref().and_then(|policy| Document::parse(&policy.document).ok());
        Self { record, policy, schemas: BTreeMap::new() }
    }

    /// One of AWS's making.
    #[must_use]
    pub fn built_in(name: &str) -> Self {
        let description = match name {
            AWS_EVENTS => "The schemas of AWS's own events",
            _ => "The schemas that were discovered on event buses",
        };
        Self::new(RegistryRecord { description: Some(description.to_owned()), ..RegistryRecord::default() })
    }
}

/// Whether a registry is of AWS's making: not to be created, changed or deleted.
#[must_use]
pub fn is_built_in(name: &str) -> bool {
    name == DISCOVERED || name.starts_with("aws.")
}
