//! The tree on [redb](https://docs.rs/redb), a copy-on-write B+ tree in one file.

use std::fs;
use std::io::ErrorKind;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use pontoon_core::store::{Direction, KeyRange, Seq, Space, StoreError, StoreRead};
use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition, WriteTransaction};

use super::Tree;
use crate::directory::{self, sync_directory};
use crate::layers::Layer;

/// One table for each space.
fn table(space: Space) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(space.name())
}

/// The last batch that was committed.
const LAST: TableDefinition<'static, (), u64> = TableDefinition::new("last batch");

/// The database's file in the tree's directory.
const FILE: &str = "tree.redb";

/// A database file with a table for each space.
///
/// Commits save the allocator's state ("quick repair"), so that the next start after a crash need not walk through the whole file.
pub(crate) struct RedbTree {
    path: PathBuf,
    database: Database,
    committed: RwLock<Arc<Committed>>,
}

impl RedbTree {
    /// Opens the tree in a directory, or creates both if the directory is absent. `cache_bytes` is how much of the file is kept in memory.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let mut builder = Database::builder();
        builder.set_cache_size(usize::try_from(cache_bytes).unwrap_or(usize::MAX));
        let database = match fs::create_dir(dir) {
            Ok(()) => {
                let database = builder.create(&path).map_err(|e| failed("create", &path, e.into()))?;
                change(&database, create_tables).map_err(|e| failed("write", &path, e))?;
                sync_directory(dir)?;
                database
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                builder.open(&path).map_err(|e| failed("open", &path, e.into()))?
            }
            Err(e) => return Err(directory::failed("create", dir, &e)),
        };
        let committed = Committed::now(&path, &database)?;
        Ok(Self { path, database, committed: RwLock::new(Arc::new(committed)) })
    }

    fn change(
        &self,
        writes: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        change(&self.database, writes).map_err(|e| failed("write", &self.path, e))?;
        *self.committed.write() = Arc::new(Committed::now(&self.path, &self.database)?);
        Ok(())
    }
}

fn create_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    for space in Space::ALL {
        transaction.open_table(table(space))?;
    }
    transaction.open_table(LAST)?;
    Ok(())
}

/// Writes in a transaction that is durable when this returns.
fn change(
    database: &Database,
    writes: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    writes(&transaction)?;
    Ok(transaction.commit()?)
}

impl StoreRead for RedbTree {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.committed.read().get(space, key)
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.snapshot().scan(space, range, direction, visit)
    }
}

impl Tree for RedbTree {
    fn commit(&self, writes: &Layer, last: Seq) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction.open_table(LAST)?.insert((), last.0)?;
            for space in writes.spaces() {
                let mut table = transaction.open_table(table(space))?;
                for (key, value) in writes.iter(space) {
                    match value {
                        Some(value) => drop(table.insert(key.as_ref(), value.as_ref())?),
                        None => drop(table.remove(key.as_ref())?),
                    }
                }
            }
            Ok(())
        })
    }

    fn applied(&self) -> Result<Seq, StoreError> {
        let read = || -> Result<Seq, redb::Error> {
            let last = self.database.begin_read()?.open_table(LAST)?.get(())?;
            Ok(Seq(last.map_or(0, |last| last.value())))
        };
        read().map_err(|e| failed("read", &self.path, e))
    }

    fn snapshot(&self) -> Arc<dyn StoreRead> {
        Arc::clone(&*self.committed.read()) as Arc<dyn StoreRead>
    }

    fn clear(&self, last: Seq) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction.open_table(LAST)?.insert((), last.0)?;
            for space in Space::ALL {
                transaction.delete_table(table(space))?;
                transaction.open_table(table(space))?;
            }
            Ok(())
        })
    }
}

struct Committed {
    path: PathBuf,
    spaces: Vec<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl Committed {
    fn now(path: &Path, database: &Database) -> Result<Self, StoreError> {
        let read = || -> Result<Self, redb::Error> {
            let transaction = database.begin_read()?;
            let mut spaces = Vec::with_capacity(Space::ALL.len());
            for space in Space::ALL {
                spaces.push(transaction.open_table(table(space))?);
            }
            Ok(Self { path: path.to_owned(), spaces })
        };
        read().map_err(|e| failed("read", path, e))
    }
}

impl StoreRead for Committed {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let found = self.spaces[space as usize].get(key).map_err(|e| failed("read", &self.path, e.into()))?;
        Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) =
            (range.start.as_ref().map(Vec::as_slice), range.end.as_ref().map(Vec::as_slice));
        let mut entries = self.spaces[space as usize]
            .range::<&[u8]>(bounds)
            .map_err(|e| failed("read", &self.path, e.into()))?;
        loop {
            let entry = match direction {
                Direction::Ascending => entries.next(),
                Direction::Descending => entries.next_back(),
            };
            let Some(entry) = entry else { return Ok(()) };
            let (key, value) = entry.map_err(|e| failed("read", &self.path, e.into()))?;
            if visit(key.value(), &Bytes::copy_from_slice(value.value())).is_break() {
                return Ok(());
            }
        }
    }
}

const DAMAGED: &str = "it is damaged: restore the data directory from a copy, or start with another one";

fn failed(what: &str, path: &Path, error: redb::Error) -> StoreError {
    let advice = match &error {
        redb::Error::Io(e) if e.kind() == ErrorKind::NotFound => "restore the data directory from a copy",
        // It has another header, or is shorter than that says.
        redb::Error::Io(e) if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            DAMAGED
        }
        redb::Error::Io(_) | redb::Error::PreviousIo => "check its disk, then start again",
        redb::Error::DatabaseAlreadyOpen => "stop the other process that uses it",
        redb::Error::UpgradeRequired(_) => "it was written by another version of Pontoon: run that one",
        _ => DAMAGED,
    };
    StoreError::new(format!("cannot {what} {}: {error}: {advice}", path.display()))
}
