//! The durable store: a log that makes batches durable, the latest of them in memory, and a tree on disk that takes them over in bulk.
//!
//! A batch is applied to a map in memory and to a buffer; a sync writes the buffer to the log and makes that durable, while the next batches are
//! applied. When the map or the log has grown enough, a thread of the store's own writes the map into the tree as one transaction, in the
//! background, and removes the log up to there. What is written and removed again between two such checkpoints (most queue messages) never
//! reaches the tree.
//!
//! Invariant: the tree only takes over what is durable in the log, so a crash leaves tree and log as a prefix of the batches.

use std::fs;
use std::io::ErrorKind;
use std::mem;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use pontoon_core::store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};

use crate::directory::{DataDirectory, failed};
use crate::layers::{Frozen, Layer};
use crate::log::{self, Log, Salt};
use crate::tree::Tree;

/// Where the tree and the log lie in the data directory.
const TREE: &str = "tree";
const LOG: &str = "log";

/// How much may wait for a sync, in bytes; the writer that goes beyond it waits for the disk.
const UNSYNCED_BYTES_MAX: usize = 32 << 20;

/// How many times the memory limit the latest batches may take while a checkpoint runs; then syncs, and with them replies, wait for its end.
const LIMIT_FACTOR_DURING_CHECKPOINT: usize = 2;

/// The largest buffer that is kept for the next sync, in bytes.
const SPARE_BUFFER_BYTES_MAX: usize = 1 << 20;

/// A log and what was logged lately, above a tree on disk.
pub(crate) struct EmbeddedStore<T> {
    shared: Arc<Shared<T>>,
    checkpoints: Option<JoinHandle<()>>,
    directory: DataDirectory,
}

struct Shared<T> {
    tree: T,
    log_dir: PathBuf,
    /// When the latest batches take more memory than this, or their log more disk, they go into the tree.
    checkpoint_bytes: usize,
    state: Mutex<State>,
    /// Held by whoever syncs or clears. Taken before the state.
    log: Mutex<Log>,
    /// Tells the checkpoint thread that there is something to do.
    checkpoint_wanted: Condvar,
    /// Tells whoever waits that a checkpoint has ended.
    checkpoint_ended: Condvar,
}

struct State {
    /// Applied since the last checkpoint began.
    latest: Layer,
    /// What the checkpoint that runs or is wanted writes into the tree, and the last batch in it.
    checkpoint: Option<(Layer, Seq)>,
    /// The log records of what is not synced.
    unsynced: Vec<u8>,
    /// Of the segment to which `unsynced` will be appended.
    salt: Salt,
    applied: Seq,
    durable: Seq,
    /// Why nothing can be written any more.
    failed: Option<String>,
    stopping: bool,
}

impl<T: Tree> EmbeddedStore<T> {
    /// Opens or creates the store in a data directory. `checkpoint_bytes` is how much memory the latest batches may take; `open_tree` opens the
    /// tree in a directory, which it creates if absent.
    pub(crate) fn open(
        dir: &Path,
        checkpoint_bytes: usize,
        open_tree: impl FnOnce(&Path) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        let directory = DataDirectory::open(dir)?;
        let (tree_path, log_dir) = (directory.join(TREE), directory.join(LOG));
        let mut latest = Layer::default();
        let (tree, log, last) = if directory.is_emptying()? {
            remove_all(&tree_path)?;
            remove_all(&log_dir)?;
            let created = (open_tree(&tree_path)?, Log::create(&log_dir)?, Seq(0));
            directory.end_emptying()?;
            created
        } else {
            directory.expect(TREE)?;
            directory.expect(LOG)?;
            let tree = open_tree(&tree_path)?;
            let (log, last) = Log::open(&log_dir, tree.applied()?, &mut |batch| latest.apply(batch))?;
            (tree, log, last)
        };
        let state = State {
            latest,
            checkpoint: None,
            unsynced: Vec::new(),
            salt: log.salt(),
            applied: last,
            durable: last,
            failed: None,
            stopping: false,
        };
        let shared = Arc::new(Shared {
            tree,
            log_dir,
            checkpoint_bytes,
            state: Mutex::new(state),
            log: Mutex::new(log),
            checkpoint_wanted: Condvar::new(),
            checkpoint_ended: Condvar::new(),
        });
        let checkpoints = thread::Builder::new()
            .name("pontoon-checkpoint".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.checkpoint_until_stopped()
            })
            .map_err(|e| StoreError::new(format!("cannot start the store's checkpoint thread: {e}")))?;
        Ok(Self { shared, checkpoints: Some(checkpoints), directory })
    }
}

fn remove_all(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("empty", path, &e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl<T> Drop for EmbeddedStore<T> {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        self.shared.checkpoint_wanted.notify_one();
        if let Some(checkpoints) = self.checkpoints.take() {
            // If it panicked, the panic hook has reported it.
            let _ = checkpoints.join();
        }
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

    /// What the layers in memory say of a key.
    fn get(&self, space: Space, key: &[u8]) -> Option<Option<Bytes>> {
        let older = || self.checkpoint.as_ref().and_then(|(layer, _)| layer.get(space, key));
        self.latest.get(space, key).or_else(older).cloned()
    }
}

impl<T: Tree> Shared<T> {
    fn frozen(&self) -> Frozen {
        // The tree is frozen under the lock. A checkpoint may reach it before or after: what it writes is in its layer too, and says the same.
        let state = self.state.lock();
        let checkpoint = state.checkpoint.as_ref().map(|(layer, _)| layer);
        Frozen {
            layers: [Some(&state.latest), checkpoint].into_iter().flatten().cloned().collect(),
            below: Some(self.tree.snapshot()),
        }
    }

    /// Remembers a failure, after which nothing is written.
    fn or_fail<R>(&self, result: Result<R, StoreError>) -> Result<R, StoreError> {
        result.inspect_err(|error| {
            self.state.lock().failed.get_or_insert_with(|| error.message.clone());
            self.checkpoint_ended.notify_all();
        })
    }

    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        let mut state = self.state.lock();
        if state.unsynced.len() > UNSYNCED_BYTES_MAX {
            drop(state);
            self.sync()?;
            state = self.state.lock();
        }
        state.refuse_if_failed()?;
        let state = &mut *state;
        let seq = Seq(state.applied.0 + 1);
        log::encode(&mut state.unsynced, state.salt, seq, state.durable, &batch)?;
        state.latest.apply(batch);
        state.applied = seq;
        Ok(seq)
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        let mut log = self.log.lock();
        let mut state = self.state.lock();
        self.wait_for_room(&mut state);
        state.refuse_if_failed()?;
        if state.durable == state.applied {
            return Ok(state.durable);
        }
        let mut records = mem::take(&mut state.unsynced);
        let target = state.applied;
        let next_segment = self.begin_checkpoint(&mut state, log.bytes() + records.len() as u64);
        drop(state);

        self.or_fail(log.append(&records))?;
        if let Some(salt) = next_segment {
            self.or_fail(log.rotate(Seq(target.0 + 1), salt))?;
        }

        let mut state = self.state.lock();
        state.durable = target;
        if state.unsynced.is_empty() && records.capacity() <= SPARE_BUFFER_BYTES_MAX {
            records.clear();
            state.unsynced = records;
        }
        if next_segment.is_some() {
            self.checkpoint_wanted.notify_one();
        }
        Ok(target)
    }

    /// If enough has gathered, sets the latest batches aside for a checkpoint. What is applied from now on goes to the next segment, of this salt.
    fn begin_checkpoint(&self, state: &mut State, log_bytes: u64) -> Option<Salt> {
        let is_due = state.latest.bytes() > self.checkpoint_bytes || log_bytes > self.checkpoint_bytes as u64;
        if !is_due || state.checkpoint.is_some() {
            return None;
        }
        state.checkpoint = Some((mem::take(&mut state.latest), state.applied));
        state.salt = Salt::random();
        Some(state.salt)
    }

    /// Waits for the checkpoint that runs, if the latest batches take too much memory to gather more of them.
    fn wait_for_room(&self, state: &mut MutexGuard<'_, State>) {
        let limit = self.checkpoint_bytes * LIMIT_FACTOR_DURING_CHECKPOINT;
        while state.checkpoint.is_some() && state.latest.bytes() > limit && state.failed.is_none() {
            self.checkpoint_ended.wait(state);
        }
    }

    fn checkpoint_until_stopped(&self) {
        let _guard = FailOnPanic(self);
        while let Some((layer, last)) = self.wait_for_checkpoint() {
            let written =
                self.tree.commit(&layer, last).and_then(|()| Log::remove_older_segments(&self.log_dir));
            if self.or_fail(written).is_err() {
                return;
            }
            self.state.lock().checkpoint = None;
            self.checkpoint_ended.notify_all();
        }
    }

    /// Sleeps until there is a checkpoint to write whose batches are durable in the log; none if the store is being closed.
    fn wait_for_checkpoint(&self) -> Option<(Layer, Seq)> {
        let mut state = self.state.lock();
        loop {
            if state.stopping {
                // The log holds it too.
                return None;
            }
            match &state.checkpoint {
                Some((layer, last)) if *last <= state.durable => return Some((layer.clone(), *last)),
                Some(_) | None => self.checkpoint_wanted.wait(&mut state),
            }
        }
    }

    fn clear(&self, directory: &DataDirectory) -> Result<(), StoreError> {
        let mut log = self.log.lock();
        let mut state = self.state.lock();
        while state.checkpoint.is_some() && state.failed.is_none() {
            self.checkpoint_ended.wait(&mut state);
        }
        state.refuse_if_failed()?;
        // It takes a place in the order, as a batch does, so that the next segment gets a name of its own.
        let (last, salt) = (Seq(state.applied.0 + 1), Salt::random());
        let cleared = directory
            .begin_emptying()
            .and_then(|()| self.tree.clear(last))
            .and_then(|()| log.rotate(Seq(last.0 + 1), salt))
            .and_then(|()| Log::remove_older_segments(&self.log_dir))
            .and_then(|()| directory.end_emptying());
        if let Err(error) = &cleared {
            state.failed = Some(error.message.clone());
        }
        cleared?;
        state.latest = Layer::default();
        state.unsynced.clear();
        state.salt = salt;
        state.applied = last;
        state.durable = last;
        Ok(())
    }
}

/// Makes a panic of the checkpoint thread a failure of the store, so that nobody waits for it in vain.
struct FailOnPanic<'a, T>(&'a Shared<T>);

impl<T> Drop for FailOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state.lock().failed = Some("the checkpoint thread panicked".to_owned());
            self.0.checkpoint_ended.notify_all();
        }
    }
}

impl<T: Tree> StoreRead for EmbeddedStore<T> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let written = self.shared.state.lock().get(space, key);
        match written {
            Some(written) => Ok(written),
            None => self.shared.tree.get(space, key),
        }
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.shared.frozen().scan(space, range, direction, visit)
    }
}

impl<T: Tree> Store for EmbeddedStore<T> {
    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        self.shared.apply(batch)
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        self.shared.sync()
    }

    fn is_volatile(&self) -> bool {
        false
    }

    fn snapshot(&self) -> Box<dyn StoreRead> {
        Box::new(self.shared.frozen())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.shared.clear(&self.directory)
    }
}
