//! A rival of the embedded store, without a log: what is applied is visible from memory at once, and a sync commits it to the tree as one group.

use std::fs;
use std::io::ErrorKind;
use std::mem;
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use pontoon_core::store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};

use crate::directory::{DataDirectory, failed};
use crate::layers::{Frozen, Layer};
use crate::tree::Tree;

/// Where the tree lies in the data directory.
const TREE: &str = "tree";

/// How much may wait for a sync, in bytes of memory; the writer that goes beyond it waits for the disk.
const UNSYNCED_BYTES_MAX: usize = 32 << 20;

/// A tree on disk below what is not synced yet.
pub(crate) struct GroupedStore<T> {
    tree: T,
    state: RwLock<State>,
    /// Held by whoever syncs or clears.
    syncing: Mutex<()>,
    directory: DataDirectory,
}

#[derive(Default)]
struct State {
    /// Applied since the last sync began.
    active: Layer,
    /// What the sync that runs is committing.
    committing: Layer,
    applied: Seq,
    durable: Seq,
    /// Why nothing can be written any more.
    failed: Option<String>,
}

impl<T: Tree> GroupedStore<T> {
    /// Opens or creates the store in a data directory.
    pub(crate) fn open(
        dir: &Path,
        open_tree: impl FnOnce(&Path) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        let directory = DataDirectory::open(dir)?;
        let path = directory.join(TREE);
        let emptying = directory.is_emptying()?;
        if emptying {
            match fs::remove_dir_all(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("empty", &path, &e)),
                Ok(()) | Err(_) => {}
            }
        }
        let tree = open_tree(&path)?;
        if emptying {
            directory.end_emptying()?;
        }
        Ok(Self { tree, state: RwLock::default(), syncing: Mutex::default(), directory })
    }
}

impl<T: Tree> GroupedStore<T> {
    fn frozen(&self) -> Frozen {
        // The tree is frozen under the lock. A commit may end before or after: what it writes is in `committing` too, and says the same.
        let state = self.state.read();
        let layers = [&state.active, &state.committing].into_iter().filter(|layer| layer.bytes() > 0);
        Frozen { layers: layers.cloned().collect(), below: Some(self.tree.snapshot()) }
    }

    fn fail<R>(&self, result: Result<R, StoreError>) -> Result<R, StoreError> {
        result.inspect_err(|error| self.state.write().failed = Some(error.message.clone()))
    }
}

impl State {
    fn refuse_if_failed(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(reason) => {
                Err(StoreError::new(format!("the store has failed and takes no more writes: {reason}")))
            }
            None => Ok(()),
        }
    }
}

impl<T: Tree> StoreRead for GroupedStore<T> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let state = self.state.read();
        if let Some(written) = state.active.get(space, key).or_else(|| state.committing.get(space, key)) {
            return Ok(written.clone());
        }
        drop(state);
        self.tree.get(space, key)
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.frozen().scan(space, range, direction, visit)
    }
}

impl<T: Tree> Store for GroupedStore<T> {
    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        let mut state = self.state.write();
        if state.active.bytes() > UNSYNCED_BYTES_MAX {
            drop(state);
            self.sync()?;
            state = self.state.write();
        }
        state.refuse_if_failed()?;
        state.active.apply(batch);
        state.applied.0 += 1;
        Ok(state.applied)
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        let _syncing = self.syncing.lock();
        let (writes, target) = {
            let mut state = self.state.write();
            state.refuse_if_failed()?;
            if state.durable == state.applied {
                return Ok(state.durable);
            }
            state.committing = mem::take(&mut state.active);
            (state.committing.clone(), state.applied)
        };
        self.fail(self.tree.commit(&writes, target))?;
        let mut state = self.state.write();
        state.committing = Layer::default();
        state.durable = target;
        Ok(target)
    }

    fn is_volatile(&self) -> bool {
        false
    }

    fn snapshot(&self) -> Box<dyn StoreRead> {
        Box::new(self.frozen())
    }

    fn clear(&self) -> Result<(), StoreError> {
        let _syncing = self.syncing.lock();
        let mut state = self.state.write();
        state.refuse_if_failed()?;
        let cleared = self
            .directory
            .begin_emptying()
            .and_then(|()| self.tree.clear(state.applied))
            .and_then(|()| self.directory.end_emptying());
        if let Err(error) = &cleared {
            state.failed = Some(error.message.clone());
        }
        cleared?;
        state.active = Layer::default();
        state.durable = state.applied;
        Ok(())
    }
}
