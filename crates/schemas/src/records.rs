//! What the schema registry persists, and how it is read at start.
//!
//! - [`Space::Config`] `schemas\0r` + scope + name: a registry ([`RegistryRecord`], JSON).
//! - [`Space::Config`] `schemas\0s` + scope + registry + `/` + name: a schema with its versions' numbers ([`SchemaRecord`], JSON).
//! - [`Space::Config`] `schemas\0d` + scope + id: a discoverer ([`DiscovererRecord`], JSON).
//! - [`Space::Blob`] `schemas\0c` + scope + registry + `/` + name + `/` + version in ten digits: the content of a version, as it was put.
//!
//! No name has a slash.

use std::collections::BTreeMap;

use pontoon_core::{LoadError, Scope, ServiceId, StoreRead, records};
use serde::{Deserialize, Serialize};

use crate::state::content::Kind;
use crate::state::shape::Shape;

/// A registry without its schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// Description.
    pub description: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The resource policy.
    pub policy: Option<PolicyRecord>,
}

/// A registry's resource policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The document as it was put.
    pub document: String,
    /// Changes with each put.
    pub revision: String,
}

/// A schema without its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRecord {
    /// Description.
    pub description: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// By number, ascending; at least one.
    pub versions: Vec<VersionRecord>,
    /// The highest number that a version ever had.
    pub last_number: u32,
    /// When it was last changed, milliseconds.
    pub modified_millis: i64,
    /// What the events looked like that it was inferred from, if it was.
    pub discovered: Option<Shape>,
}

/// One version of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// From one.
    pub number: u32,
    /// In which language its content is.
    pub kind: Kind,
    /// Made, milliseconds.
    pub created_millis: i64,
}

/// A discoverer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscovererRecord {
    /// Description.
    pub description: Option<String>,
    /// ARN of the bus.
    pub source_arn: String,
    /// Whether it learns from events of other accounts.
    pub cross_account: bool,
    /// Whether it runs.
    pub is_started: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Key of a registry.
#[must_use]
pub fn registry_key(scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Schemas, b'r', scope, name)
}

/// Key of a schema.
#[must_use]
pub fn schema_key(scope: Scope, registry: &str, name: &str) -> Vec<u8> {
    records::key(ServiceId::Schemas, b's', scope, &format!("{registry}/{name}"))
}

/// Key of a discoverer.
#[must_use]
pub fn discoverer_key(scope: Scope, id: &str) -> Vec<u8> {
    records::key(ServiceId::Schemas, b'd', scope, id)
}

/// Key of a version's content.
#[must_use]
pub fn content_key(scope: Scope, registry: &str, name: &str, version: u32) -> Vec<u8> {
    records::key(ServiceId::Schemas, b'c', scope, &format!("{registry}/{name}/{version:010}"))
}

pub use pontoon_core::records::to_json;

/// What is persisted beside contents.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Registries by scope and name.
    pub registries: Vec<(Scope, String, RegistryRecord)>,
    /// Schemas by scope, registry and name.
    pub schemas: Vec<(Scope, String, String, SchemaRecord)>,
    /// Discoverers by scope and id.
    pub discoverers: Vec<(Scope, String, DiscovererRecord)>,
}

/// Reads everything but contents.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    records::load(store, ServiceId::Schemas, |key, value| load_one(&mut loaded, key, value))?;
    Ok(loaded)
}

fn load_one(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    let (kind, scope, name) = records::split_key(key)?;
    match kind {
        b'r' => loaded.registries.push((scope, name, records::of_json(value)?)),
        b's' => {
            let (registry, schema) = name.split_once('/').ok_or("its key names no schema")?;
            let record = records::of_json(value)?;
            loaded.schemas.push((scope, registry.to_owned(), schema.to_owned(), record));
        }
        b'd' => loaded.discoverers.push((scope, name, records::of_json(value)?)),
        _ => return Err("its key is of no known kind".to_owned()),
    }
    Ok(())
}
