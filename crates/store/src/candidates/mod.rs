//! The stores among which the embedded one was chosen, for `benches/candidates.rs` and the conformance tests.

mod fjall;
mod grouped;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use pontoon_core::store::{Store, StoreError};

use self::fjall::FjallTree;
use self::grouped::GroupedStore;
use self::sqlite::SqliteTree;
use crate::StoreConfig;
use crate::embedded::EmbeddedStore;
use crate::tree::RedbTree;

/// Which tree is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// fjall's log-structured merge tree.
    Fjall,
    /// redb's copy-on-write B+ tree.
    Redb,
    /// SQLite's B-tree and write-ahead log.
    Sqlite,
}

/// What a sync does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Commits the group to the tree.
    Tree,
    /// Appends the group to Pontoon's own log, from which the tree is brought up to date in bulk.
    Log,
}

/// All candidates.
pub const CANDIDATES: [(TreeKind, Durability); 6] = [
    (TreeKind::Fjall, Durability::Tree),
    (TreeKind::Redb, Durability::Tree),
    (TreeKind::Sqlite, Durability::Tree),
    (TreeKind::Fjall, Durability::Log),
    (TreeKind::Redb, Durability::Log),
    (TreeKind::Sqlite, Durability::Log),
];

/// Opens a candidate.
///
/// # Errors
/// As [`crate::open`].
pub fn open(candidate: (TreeKind, Durability), config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    let cache = config.cache_bytes;
    let buffer = config.write_buffer_bytes;
    match candidate.0 {
        TreeKind::Fjall => with(candidate.1, config, |path| FjallTree::open(path, cache, buffer)),
        TreeKind::Redb => with(candidate.1, config, |path| RedbTree::open(path, cache)),
        TreeKind::Sqlite => with(candidate.1, config, |path| SqliteTree::open(path, cache)),
    }
}

fn with<T: crate::tree::Tree>(
    durability: Durability,
    config: &StoreConfig,
    open_tree: impl FnOnce(&Path) -> Result<T, StoreError>,
) -> Result<Arc<dyn Store>, StoreError> {
    let buffer = usize::try_from(config.write_buffer_bytes).unwrap_or(usize::MAX);
    Ok(match durability {
        Durability::Tree => Arc::new(GroupedStore::open(&config.dir, open_tree)?),
        Durability::Log => Arc::new(EmbeddedStore::open(&config.dir, buffer, open_tree)?),
    })
}
