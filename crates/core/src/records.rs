//! How services keep their records in the store: plain data as JSON, under keys that begin with the service's name.

use std::ops::ControlFlow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::scope::Scope;
use crate::service::LoadError;
use crate::step::ServiceId;
use crate::store::{Direction, KeyRange, Space, StoreRead};

/// What the keys of a service's records begin with: its name and a zero byte.
#[must_use]
pub fn prefix(service: ServiceId) -> Vec<u8> {
    [service.name().as_bytes(), &[0]].concat()
}

/// Key of a record of this kind, by its name within a scope.
#[must_use]
pub fn key(service: ServiceId, kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    [&prefix(service)[..], &[kind], &scope.key(), name.as_bytes()].concat()
}

/// The kind, scope and name of a [`key`] without its prefix.
///
/// # Errors
/// What is wrong with it.
pub fn split_key(key: &[u8]) -> Result<(u8, Scope, String), String> {
    let (kind, rest) = key.split_first().ok_or("its key is cut")?;
    let (scope, name) = Scope::split_key(rest).ok_or("its key names no scope")?;
    let name = String::from_utf8(name.to_vec()).map_err(|_| "its key is not text")?;
    Ok((*kind, scope, name))
}

/// A record as JSON.
///
/// # Panics
/// If it is not plain data with text keys, which always has a JSON form.
#[must_use]
pub fn to_json(record: &impl Serialize) -> Vec<u8> {
    let bytes = serde_json::to_vec(record);
    assert!(bytes.is_ok(), "records are plain data, which always has a JSON form: {:?}", bytes.err());
    bytes.unwrap_or_default()
}

/// The record of this JSON.
///
/// # Errors
/// Why it is none.
pub fn of_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// Reads all records of a service in [`Space::Config`], in the order of their keys. `take` is handed each key without its prefix, and the value.
///
/// # Errors
/// If `take` cannot read a record, which the error then names, or the machine fails the store.
pub fn load(
    store: &dyn StoreRead,
    service: ServiceId,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
) -> Result<(), LoadError> {
    let prefix = prefix(service);
    let mut failed = None;
    store.scan(
        Space::Config,
        &KeyRange::prefix(&prefix),
        Direction::Ascending,
        &mut |key, value| match take(&key[prefix.len()..], value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                failed = Some(LoadError::new(format!(
                    "the record {} of {} cannot be read: {why}",
                    key.escape_ascii(),
                    service.name()
                )));
                ControlFlow::Break(())
            }
        },
    )?;
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_split_into_what_it_was_made_of() {
        let made = key(ServiceId::Sns, b't', Scope::default(), "orders");
        let rest = made.strip_prefix(b"sns\0").unwrap();
        assert_eq!(split_key(rest), Ok((b't', Scope::default(), "orders".to_owned())));
        for cut in 0..rest.len() - "orders".len() {
            assert!(split_key(&rest[..cut]).is_err());
        }
        assert!(split_key(&[rest, &[0xff]].concat()).is_err());
    }
}
