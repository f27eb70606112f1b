//! What is persisted: one record for each function with all its versions, one for each mapping, archives by hash, and the outbox of asynchronous
//! invocations. Records are JSON, so that fields can be added; unknown fields are passed over.
//!
//! - `Space::Config`: `lambda 0 f SCOPE NAME` and `lambda 0 m SCOPE UUID`.
//! - `Space::Blob`: `lambda 0 SCOPE NAME 0 SHA256`.
//! - `Space::Outbox`: see [`pontoon_core::Outbox`].

use pontoon_core::{LoadError, Scope, ServiceId, Space, Step, StoreRead, records};
use serde::Serialize;

use crate::state::function::Function;
use crate::state::mapping::MappingConfig;

const FUNCTION: u8 = b'f';
const MAPPING: u8 = b'm';

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Lambda, kind, scope, name)
}

/// Where an archive is kept.
pub(crate) fn code_key(scope: Scope, function: &str, sha256: &str) -> Vec<u8> {
    let key =
        [&records::prefix(ServiceId::Lambda)[..], &scope.key(), function.as_bytes(), &[0], sha256.as_bytes()];
    key.concat()
}

fn write(step: &mut Step<'_>, key: Vec<u8>, record: &impl Serialize) {
    step.put(Space::Config, key, records::to_json(record));
}

pub(crate) fn put_function(step: &mut Step<'_>, scope: Scope, function: &Function) {
    write(step, config_key(FUNCTION, scope, &function.name), function);
}

pub(crate) fn delete_function(step: &mut Step<'_>, scope: Scope, name: &str) {
    step.delete(Space::Config, config_key(FUNCTION, scope, name));
}

pub(crate) fn put_mapping(step: &mut Step<'_>, scope: Scope, mapping: &MappingConfig) {
    write(step, config_key(MAPPING, scope, &mapping.uuid), mapping);
}

pub(crate) fn delete_mapping(step: &mut Step<'_>, scope: Scope, uuid: &str) {
    step.delete(Space::Config, config_key(MAPPING, scope, uuid));
}

/// What the store holds.
#[derive(Default)]
pub(crate) struct Loaded {
    /// Functions, with their policies ready to be evaluated.
    pub(crate) functions: Vec<(Scope, Function)>,
    /// Event source mappings.
    pub(crate) mappings: Vec<(Scope, MappingConfig)>,
}

/// Reads all functions and mappings.
///
/// # Errors
/// If a record cannot be read.
pub(crate) fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    records::load(store, ServiceId::Lambda, |key, value| {
        let (kind, scope, _) = records::split_key(key)?;
        match kind {
            FUNCTION => {
                let mut function: Function = records::of_json(value)?;
                for policy in function.policies.values_mut() {
                    policy.compile()?;
                }
                loaded.functions.push((scope, function));
            }
            MAPPING => loaded.mappings.push((scope, records::of_json(value)?)),
            _ => return Err("its key is of no known kind".to_owned()),
        }
        Ok(())
    })?;
    Ok(loaded)
}
