//! The store that fails as disks do, for simulation: it forgets what was not synced, and refuses on demand.

use std::ops::ControlFlow;

use bytes::Bytes;
use parking_lot::Mutex;
use pontoon_core::store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};

use crate::layers::{Frozen, Layer};

/// How often operations fail, each as a chance out of a thousand, and which random numbers decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Of each read and scan.
    pub read_permille: u16,
    /// Of each applied batch.
    pub write_permille: u16,
    /// Of each sync.
    pub sync_permille: u16,
    /// The seed of the decisions.
    pub seed: u64,
}

/// The operations that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next read or scan of the present state.
    Read,
    /// The next applied batch.
    Write,
    /// The next sync.
    Sync,
}

/// What a crash left. See [`FaultyStore::crash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// The last batch that survived.
    pub last: Seq,
    /// How many batches were lost, all of them unsynced.
    pub lost: usize,
}

/// A store in memory that behaves like one on a bad disk.
///
/// After a failed write or sync it refuses writes and syncs until [`FaultyStore::crash`], which stands for the end of the process, or of power,
/// and the next start. Snapshots never fail: they stand for reads of what is cached.
#[derive(Default)]
pub struct FaultyStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Layer,
    applied: Seq,
    synced: Layer,
    synced_seq: Seq,
    /// Applied since the last sync, oldest first.
    unsynced: Vec<Batch>,
    syncs: u64,
    faults: Faults,
    random: Option<fastrand::Rng>,
    next: Vec<Fault>,
    failed: Option<String>,
}

impl FaultyStore {
    /// An empty store that does not fail yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often operations fail from now on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state.lock();
        state.random = Some(fastrand::Rng::with_seed(faults.seed));
        state.faults = faults;
    }

    /// Makes the next operation of a kind fail.
    pub fn fail_next(&self, fault: Fault) {
        self.state.lock().next.push(fault);
    }

    /// Ends the process, or the power, and starts again: every synced batch survives, then a prefix of the unsynced ones that the seed chooses, and
    /// the batch behind it was torn, which leaves nothing of it. Faults are off afterwards.
    pub fn crash(&self, seed: u64) -> Crash {
        self.state.lock().crash(|unsynced| fastrand::Rng::with_seed(seed).usize(..=unsynced))
    }

    /// As [`FaultyStore::crash`], but the last batch that survives is `last`, or the last synced one if that is later.
    pub fn crash_after(&self, last: Seq) -> Crash {
        let mut state = self.state.lock();
        let survivors = usize::try_from(last.0.saturating_sub(state.synced_seq.0)).unwrap_or(usize::MAX);
        state.crash(|unsynced| survivors.min(unsynced))
    }

    /// How many syncs have succeeded.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// How many batches a crash may lose now.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.state.lock().unsynced.len()
    }

    fn read<T>(&self, read: impl FnOnce(&Frozen) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let frozen = {
            let mut state = self.state.lock();
            state.decide(Fault::Read)?;
            state.freeze()
        };
        read(&frozen)
    }
}

impl State {
    /// Loses what was not synced, but for as many batches as survive.
    fn crash(&mut self, survivors: impl FnOnce(usize) -> usize) -> Crash {
        let survivors = survivors(self.unsynced.len());
        let lost = self.unsynced.len() - survivors;
        for batch in self.unsynced.drain(..).take(survivors) {
            self.synced.apply_as_bottom(batch);
        }
        self.synced_seq.0 += survivors as u64;
        self.applied = self.synced_seq;
        self.live = self.synced.clone();
        self.faults = Faults::default();
        self.next.clear();
        self.failed = None;
        Crash { last: self.applied, lost }
    }

    fn freeze(&self) -> Frozen {
        Frozen { layers: vec![self.live.clone()], below: None }
    }

    /// Fails if this operation is to fail.
    fn decide(&mut self, operation: Fault) -> Result<(), StoreError> {
        let permille = match operation {
            Fault::Read => self.faults.read_permille,
            Fault::Write => self.faults.write_permille,
            Fault::Sync => self.faults.sync_permille,
        };
        let asked = self.next.iter().position(|fault| *fault == operation);
        if let Some(asked) = asked {
            self.next.remove(asked);
        }
        let drawn = permille > 0 && self.random.as_mut().is_some_and(|random| random.u16(..1000) < permille);
        if asked.is_some() || drawn {
            return Err(StoreError::new(format!("injected failure of a {operation:?}")));
        }
        Ok(())
    }

    /// As [`State::decide`], for what must not be tried again once it has failed.
    fn decide_for_good(&mut self, operation: Fault) -> Result<(), StoreError> {
        if let Some(reason) = &self.failed {
            return Err(StoreError::new(format!("the store has failed before: {reason}")));
        }
        self.decide(operation).inspect_err(|error| self.failed = Some(error.message.clone()))
    }
}

impl StoreRead for FaultyStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.read(|frozen| frozen.get(space, key))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|frozen| frozen.scan(space, range, direction, visit))
    }
}

impl Store for FaultyStore {
    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        let mut state = self.state.lock();
        state.decide_for_good(Fault::Write)?;
        state.live.apply_as_bottom(batch.clone());
        state.unsynced.push(batch);
        state.applied.0 += 1;
        Ok(state.applied)
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        let mut state = self.state.lock();
        state.decide_for_good(Fault::Sync)?;
        state.synced = state.live.clone();
        state.synced_seq = state.applied;
        state.unsynced.clear();
        state.syncs += 1;
        Ok(state.synced_seq)
    }

    fn is_volatile(&self) -> bool {
        false
    }

    fn snapshot(&self) -> Box<dyn StoreRead> {
        Box::new(self.state.lock().freeze())
    }

    fn clear(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.decide_for_good(Fault::Sync)?;
        state.live = Layer::default();
        state.synced = Layer::default();
        state.synced_seq = state.applied;
        state.unsynced.clear();
        state.syncs += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &FaultyStore, key: u8) -> Result<Seq, StoreError> {
        let mut batch = Batch::new();
        batch.put(Space::Queue, [key], vec![key]);
        batch.put(Space::Table, [key], vec![key]);
        store.apply(batch)
    }

    fn count(store: &FaultyStore, space: Space) -> usize {
        let mut found = 0;
        store
            .scan(space, &KeyRange::all(), Direction::Ascending, &mut |_, _| {
                found += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        found
    }

    #[test]
    fn a_crash_keeps_a_prefix_of_whole_batches_that_holds_all_synced_ones() {
        let mut survivors = [0; 7];
        for seed in 0..200 {
            let store = FaultyStore::new();
            for key in 0..6 {
                put(&store, key).unwrap();
                if key == 2 {
                    store.sync().unwrap();
                }
            }
            let crash = store.crash(seed);
            let kept = count(&store, Space::Queue);
            assert_eq!(kept, count(&store, Space::Table));
            assert_eq!(crash, Crash { last: Seq(kept as u64), lost: 6 - kept });
            assert!((0..kept).all(|key| store.get(Space::Queue, &[key as u8]).unwrap().is_some()));
            survivors[kept] += 1;
            assert_eq!(put(&store, 9).unwrap(), Seq(kept as u64 + 1));
        }
        assert_eq!(survivors[..3], [0, 0, 0]);
        assert!(survivors[3..].iter().all(|count| *count > 20), "{survivors:?}");
    }

    #[test]
    fn after_a_failed_write_or_sync_nothing_is_written_until_a_crash() {
        for fault in [Fault::Write, Fault::Sync] {
            let store = FaultyStore::new();
            store.fail_next(fault);
            let refused = put(&store, 1).and_then(|_| store.sync()).unwrap_err();
            assert!(refused.message.contains("injected"), "{refused}");
            assert!(put(&store, 2).is_err());
            assert!(store.sync().is_err());
            store.crash(0);
            put(&store, 3).unwrap();
            store.sync().unwrap();
        }
    }

    #[test]
    fn faults_come_as_often_as_asked_and_the_same_for_the_same_seed() {
        let failures = |seed| {
            let store = FaultyStore::new();
            store.set_faults(Faults { read_permille: 100, seed, ..Faults::default() });
            (0..1_000).filter(|_| store.get(Space::Queue, b"k").is_err()).collect::<Vec<_>>()
        };
        assert!((50..150).contains(&failures(1).len()));
        assert_eq!(failures(1), failures(1));
        assert_ne!(failures(1), failures(2));
    }
}
