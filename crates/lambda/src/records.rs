//! What is persisted: one record for each function with all its versions, one for each mapping, archives by hash, and the outbox of asynchronous
//! invocations. Records are JSON, so that fields can be added; unknown fields are passed over.
//!
//! - `Space::Config`: `lambda 0 f SCOPE NAME` and `lambda 0 m SCOPE UUID`.
//! - `Space::Blob`: `lambda 0 SCOPE NAME 0 SHA256`.
//! - `Space::Outbox`: see [`pontoon_core::Outbox`].

use std::ops::ControlFlow;

use pontoon_core::{Direction, KeyRange, LoadError, Scope, ServiceId, Space, Step, StoreRead};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::function::Function;
use crate::state::mapping::MappingConfig;

const FUNCTION: u8 = b'f';
const MAPPING: u8 = b'm';

fn prefix(kind: u8) -> Vec<u8> {
    let mut key = ServiceId::Lambda.name().as_bytes().to_vec();
    key.extend_from_slice(&[0, kind]);
    key
}

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    let mut key = prefix(kind);
    key.extend_from_slice(&scope.key());
    key.extend_from_slice(name.as_bytes());
    key
}

/// Where an archive is kept.
pub(crate) fn code_key(scope: Scope, function: &str, sha256: &str) -> Vec<u8> {
    let mut key = ServiceId::Lambda.name().as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&scope.key());
    key.extend_from_slice(function.as_bytes());
    key.push(0);
    key.extend_from_slice(sha256.as_bytes());
    key
}

fn write(step: &mut Step<'_>, key: Vec<u8>, record: &impl Serialize) {
    let bytes = serde_json::to_vec(record);
    assert!(
        bytes.is_ok(),
        "records are plain data with text keys, which always has a JSON form: {:?}",
        bytes.err()
    );
    step.put(Space::Config, key, bytes.unwrap_or_default());
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

/// Every function, with its policies ready to be evaluated.
///
/// # Errors
/// If a record cannot be read.
pub(crate) fn load_functions(store: &dyn StoreRead) -> Result<Vec<(Scope, Function)>, LoadError> {
    let mut functions: Vec<(Scope, Function)> = load(store, FUNCTION, "function")?;
    for (_, function) in &mut functions {
        for policy in function.policies.values_mut() {
            policy.compile().map_err(|why| {
                LoadError::new(format!("the policy of function {} cannot be read: {why}", function.name))
            })?;
        }
    }
    Ok(functions)
}

/// Every mapping.
///
/// # Errors
/// If a record cannot be read.
pub(crate) fn load_mappings(store: &dyn StoreRead) -> Result<Vec<(Scope, MappingConfig)>, LoadError> {
    load(store, MAPPING, "event source mapping")
}

fn load<T: DeserializeOwned>(
    store: &dyn StoreRead,
    kind: u8,
    what: &str,
) -> Result<Vec<(Scope, T)>, LoadError> {
    let prefix = prefix(kind);
    let mut loaded = Vec::new();
    let mut failed = None;
    store.scan(Space::Config, &KeyRange::prefix(&prefix), Direction::Ascending, &mut |key, value| {
        let scope = Scope::split_key(&key[prefix.len()..]);
        match (scope, serde_json::from_slice(value)) {
            (Some((scope, _)), Ok(record)) => {
                loaded.push((scope, record));
                ControlFlow::Continue(())
            }
            (_, record) => {
                let why =
                    record.err().map_or_else(|| "its key is malformed".to_owned(), |error| error.to_string());
                failed = Some(LoadError::new(format!("a {what} cannot be read: {why}")));
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(loaded), Err)
}
