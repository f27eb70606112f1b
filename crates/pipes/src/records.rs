//! What Pipes persists, and how it is read at start.
//!
//! [`Space::Config`] `pipes\0p` + scope + name: a pipe ([`PipeRecord`], JSON). What is under way is not persisted.

use pontoon_core::{LoadError, ServiceId, Space, Step, StoreRead, records};

use crate::Key;
use crate::state::pipe::PipeRecord;

fn store_key((scope, name): &Key) -> Vec<u8> {
    records::key(ServiceId::Pipes, b'p', *scope, name)
}

/// Writes a pipe.
pub fn put(step: &mut Step<'_>, key: &Key, record: &PipeRecord) {
    step.put(Space::Config, store_key(key), records::to_json(record));
}

/// Removes a pipe.
pub fn delete(step: &mut Step<'_>, key: &Key) {
    step.delete(Space::Config, store_key(key));
}

/// Reads all pipes.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Vec<(Key, PipeRecord)>, LoadError> {
    let mut loaded = Vec::new();
    records::load(store, ServiceId::Pipes, |key, value| {
        let (kind, scope, name) = records::split_key(key)?;
        if kind != b'p' {
            return Err("its key is of no known kind".to_owned());
        }
        loaded.push(((scope, name), records::of_json(value)?));
        Ok(())
    })?;
    Ok(loaded)
}
