//! The ordered tree on disk that takes over from the log.

mod redb;

use std::sync::Arc;

use pontoon_core::store::{Seq, StoreError, StoreRead};

pub(crate) use self::redb::RedbTree;
use crate::layers::Layer;

/// An ordered tree on disk. [`StoreRead`] reads what was committed last. Only one thread at a time commits or clears.
pub(crate) trait Tree: StoreRead + 'static {
    /// Writes all of it, and that it goes up to batch `last`; or, should the machine fail, nothing. Durable when it returns.
    fn commit(&self, writes: &Layer, last: Seq) -> Result<(), StoreError>;

    /// The last batch that was committed; 0 if none was.
    fn applied(&self) -> Result<Seq, StoreError>;

    /// What was committed last, frozen.
    fn snapshot(&self) -> Arc<dyn StoreRead>;

    /// Removes everything, durably, and goes on behind batch `last`. A crash on the way may leave a part of it; the caller marks the directory.
    fn clear(&self, last: Seq) -> Result<(), StoreError>;
}
