//! The ordered tree on disk that holds what has been synced.

mod fjall;

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
pub(crate) use fjall::FjallTree;
use pontoon_core::store::{Direction, KeyRange, Space, StoreError, StoreRead};

use crate::layers::Layer;

/// An ordered tree on disk. [`StoreRead`] reads what was committed last. Only one thread at a time commits or clears.
pub(crate) trait Tree: StoreRead + 'static {
    /// Writes all of it or, should the machine fail, nothing; durable when it returns.
    fn commit(&self, writes: &Layer) -> Result<(), StoreError>;

    /// What was committed last, frozen.
    fn snapshot(&self) -> Arc<dyn StoreRead>;

    /// Removes everything, durably. A crash on the way may leave a part of it; the caller marks the directory.
    fn clear(&self) -> Result<(), StoreError>;
}

/// A snapshot that could not be taken, which its reads tell.
#[allow(dead_code, reason = "not every tree can fail to take a snapshot")]
pub(crate) struct NoSnapshot(pub(crate) String);

impl StoreRead for NoSnapshot {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Err(StoreError::new(self.0.clone()))
    }

    fn scan(
        &self,
        _: Space,
        _: &KeyRange,
        _: Direction,
        _: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Err(StoreError::new(self.0.clone()))
    }
}
