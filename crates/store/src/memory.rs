//! The store that forgets everything when the process ends.

use std::ops::ControlFlow;

use bytes::Bytes;
use parking_lot::RwLock;
use pontoon_core::store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};

use crate::layers::{Frozen, Layer};

/// Keeps everything in memory. A snapshot shares the maps and costs nothing; a write copies only the nodes that a living snapshot still shares.
#[derive(Default)]
pub(crate) struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    layer: Layer,
    applied: Seq,
}

impl MemoryStore {
    fn frozen(&self) -> Frozen {
        Frozen { layers: vec![self.state.read().layer.clone()], below: None }
    }
}

impl StoreRead for MemoryStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state.read().layer.get(space, key).cloned().flatten())
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // On a clone, so that a long scan does not keep the writer out.
        self.frozen().scan(space, range, direction, visit)
    }
}

impl Store for MemoryStore {
    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        let mut state = self.state.write();
        state.layer.apply_as_bottom(batch);
        state.applied.0 += 1;
        Ok(state.applied)
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        Ok(self.state.read().applied)
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn snapshot(&self) -> Box<dyn StoreRead> {
        Box::new(self.frozen())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.state.write().layer = Layer::default();
        Ok(())
    }
}
