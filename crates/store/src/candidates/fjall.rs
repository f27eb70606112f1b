//! The tree on [fjall](https://docs.rs/fjall), a log-structured merge tree.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use pontoon_core::store::{Direction, KeyRange, Seq, Space, StoreError, StoreRead};

use crate::layers::Layer;
use crate::tree::Tree;

const LAST: &str = "batch";

/// One keyspace for each space, and one for the last batch that was committed.
pub(crate) struct FjallTree {
    path: PathBuf,
    database: Database,
    last: Keyspace,
    spaces: Arc<[Keyspace; Space::ALL.len()]>,
}

impl FjallTree {
    /// Opens or creates the tree.
    pub(crate) fn open(path: &Path, cache_bytes: u64, write_buffer_bytes: u64) -> Result<Self, StoreError> {
        let failed = |e: &fjall::Error| failed("open", path, e);
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .worker_threads(1)
            .max_cached_files(Some(64))
            .manual_journal_persist(true)
            .open()
            .map_err(|e| failed(&e))?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(write_buffer_bytes);
        let mut spaces = Vec::with_capacity(Space::ALL.len());
        for space in Space::ALL {
            spaces.push(database.keyspace(space.name(), options).map_err(|e| failed(&e))?);
        }
        let Ok(spaces) = <[Keyspace; Space::ALL.len()]>::try_from(spaces) else {
            unreachable!("one keyspace was pushed for each space");
        };
        let last = database.keyspace("last", options).map_err(|e| failed(&e))?;
        Ok(Self { path: path.to_owned(), database, last, spaces: Arc::new(spaces) })
    }

    fn committed(&self) -> Committed {
        Committed {
            path: self.path.clone(),
            spaces: Arc::clone(&self.spaces),
            snapshot: self.database.snapshot(),
        }
    }
}

impl StoreRead for FjallTree {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.spaces[space as usize].get(key).map_err(|e| failed("read", &self.path, &e))?;
        Ok(value.map(Bytes::from))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.committed().scan(space, range, direction, visit)
    }
}

impl Tree for FjallTree {
    fn commit(&self, writes: &Layer, last: Seq) -> Result<(), StoreError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.last, LAST, last.0.to_le_bytes());
        for space in writes.spaces() {
            let keyspace = &self.spaces[space as usize];
            for (key, value) in writes.iter(space) {
                match value {
                    Some(value) => batch.insert(keyspace, key.clone(), value.clone()),
                    None => batch.remove(keyspace, key.clone()),
                }
            }
        }
        batch.commit().map_err(|e| failed("write", &self.path, &e))
    }

    fn applied(&self) -> Result<Seq, StoreError> {
        let last = self.last.get(LAST).map_err(|e| failed("read", &self.path, &e))?;
        let last = last.and_then(|last| last.as_ref().try_into().ok()).map_or(0, u64::from_le_bytes);
        Ok(Seq(last))
    }

    fn snapshot(&self) -> Arc<dyn StoreRead> {
        Arc::new(self.committed())
    }

    fn clear(&self, last: Seq) -> Result<(), StoreError> {
        self.last.insert(LAST, last.0.to_le_bytes()).map_err(|e| failed("write", &self.path, &e))?;
        for space in self.spaces.iter() {
            space.clear().map_err(|e| failed("empty", &self.path, &e))?;
        }
        self.database.persist(PersistMode::SyncAll).map_err(|e| failed("sync", &self.path, &e))
    }
}

struct Committed {
    path: PathBuf,
    spaces: Arc<[Keyspace; Space::ALL.len()]>,
    snapshot: Snapshot,
}

impl StoreRead for Committed {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.snapshot.get(&self.spaces[space as usize], key);
        Ok(value.map_err(|e| failed("read", &self.path, &e))?.map(Bytes::from))
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
        let bounds = (range.start.as_ref().map(Vec::as_slice), range.end.as_ref().map(Vec::as_slice));
        let mut entries = self.snapshot.range::<&[u8], _>(&self.spaces[space as usize], bounds);
        loop {
            let entry = match direction {
                Direction::Ascending => entries.next(),
                Direction::Descending => entries.next_back(),
            };
            let Some(entry) = entry else { return Ok(()) };
            let (key, value) = entry.into_inner().map_err(|e| failed("read", &self.path, &e))?;
            if visit(&key, &Bytes::from(value)).is_break() {
                return Ok(());
            }
        }
    }
}

fn failed(what: &str, path: &Path, error: &fjall::Error) -> StoreError {
    let advice = match error {
        fjall::Error::Locked => "stop the other process that uses it",
        fjall::Error::Io(_) | fjall::Error::Poisoned => "check its disk, then start again",
        _ => "it is damaged: restore the data directory from a copy, or start with another one",
    };
    StoreError::new(format!("cannot {what} {}: {error}: {advice}", path.display()))
}

#[cfg(test)]
mod tests {
    use pontoon_core::store::Batch;

    use super::*;

    /// One of the reasons against it (`docs/store.md`); should this fail one day, the reason is gone.
    #[test]
    fn a_group_that_power_loss_left_with_a_hole_makes_it_refuse_to_open() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("tree");
        let tree = FjallTree::open(&dir, 1 << 20, 1 << 20).unwrap();
        for number in 1..=2 {
            let (mut layer, mut batch) = (Layer::default(), Batch::new());
            batch.put(Space::Queue, [number], vec![number; 20_000]);
            layer.apply(batch);
            tree.commit(&layer, Seq(number.into())).unwrap();
        }
        drop(tree);
        let journal = dir.join("0.jnl");
        let mut contents = std::fs::read(&journal).unwrap();
        // A page of the second group that was never written, as if its sync had not ended.
        let hole = contents.windows(8).rposition(|bytes| bytes == [2; 8]).unwrap();
        contents[hole - 8_192..hole - 4_096].fill(0);
        std::fs::write(&journal, contents).unwrap();
        let refusal = FjallTree::open(&dir, 1 << 20, 1 << 20).err().map(|error| error.message);
        assert!(refusal.is_some_and(|refusal| refusal.contains("ChecksumMismatch")));
    }
}
