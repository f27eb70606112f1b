//! A disk that can be unplugged from one Pontoon and handed to the next.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use pontoon_core::store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};
use pontoon_store::FaultyStore;

/// The disk as one Pontoon sees it. Once the plug is pulled, whatever that Pontoon still does reaches it no more.
pub(crate) struct Plug {
    disk: Arc<FaultyStore>,
    pulled: AtomicBool,
}

impl Plug {
    pub(crate) fn new(disk: Arc<FaultyStore>) -> Self {
        Self { disk, pulled: AtomicBool::new(false) }
    }

    pub(crate) fn pull(&self) {
        self.pulled.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_pulled(&self) -> bool {
        self.pulled.load(Ordering::SeqCst)
    }

    fn disk(&self) -> Result<&FaultyStore, StoreError> {
        if self.is_pulled() { Err(StoreError::new("the plug was pulled")) } else { Ok(&self.disk) }
    }
}

impl StoreRead for Plug {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.disk()?.get(space, key)
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.disk()?.scan(space, range, direction, visit)
    }
}

impl Store for Plug {
    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        self.disk()?.apply(batch)
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        self.disk()?.sync()
    }

    fn is_volatile(&self) -> bool {
        self.disk.is_volatile()
    }

    fn snapshot(&self) -> Box<dyn StoreRead> {
        self.disk.snapshot()
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.disk()?.clear()
    }
}
