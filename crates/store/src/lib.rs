//! The stores behind the engine: memory, embedded, faulty; and the group commit that replies wait for.
//!
//! All three keep the contract of [`pontoon_core::store::Store`]: a batch is visible at once, durable after a sync, and a crash keeps a prefix of
//! the batches, each whole. How the embedded one was chosen, and what it costs, is in `docs/store.md`.

#[cfg(feature = "candidates")]
pub mod candidates;
mod directory;
mod embedded;
mod faulty;
mod group_commit;
mod layers;
mod log;
mod memory;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;

pub use faulty::{Crash, Fault, Faults, FaultyStore};
pub use group_commit::{Durable, GroupCommit, NotDurable};
use pontoon_core::store::{Store, StoreError};

/// Where the embedded store lies and how much memory it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The data directory: empty, absent, or written by Pontoon before.
    pub dir: PathBuf,
    /// How much of what was read from disk is kept in memory, in bytes.
    pub cache_bytes: u64,
    /// How much of what was written is kept in memory before it is sorted to disk, in bytes for each space.
    pub write_buffer_bytes: u64,
}

impl StoreConfig {
    /// The defaults, which suit a machine with little memory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), cache_bytes: 16 << 20, write_buffer_bytes: 8 << 20 }
    }
}

/// Opens the embedded store, creating its directory if absent, and locks it until the store is dropped.
///
/// # Errors
/// If the directory is another program's, of a newer format, damaged, or in use by another process, or if the machine fails. The message says what
/// to do.
pub fn open(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    let open_tree = |path: &_| tree::RedbTree::open(path, config.cache_bytes);
    let checkpoint_bytes = usize::try_from(config.write_buffer_bytes).unwrap_or(usize::MAX);
    Ok(Arc::new(embedded::EmbeddedStore::open(&config.dir, checkpoint_bytes, open_tree)?))
}

/// A store in memory, which forgets everything when it is dropped.
#[must_use]
pub fn memory() -> Arc<dyn Store> {
    Arc::new(memory::MemoryStore::default())
}
