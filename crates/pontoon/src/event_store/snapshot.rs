//! States of streams, kept so that not every event must be read again.

use std::future::Future;

use serde_json::value::RawValue;

use super::limits::SNAPSHOT_BYTES_MAX;
use super::{StoreError, StreamId};

/// The state that a stream's events led to. It is only a shortcut: it may be deleted or ignored at any time, and the events tell the same.
///
/// ```
/// use pontoon::event_store::Snapshot;
/// let state = serde_json::value::to_raw_value(&serde_json::json!({ "status": "paid" })).unwrap();
/// let snapshot = Snapshot { version: 120, schema: 1, state };
/// assert_eq!(snapshot.version, 120);
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The version of the last event in it.
    pub version: u64,
    /// The version of the state's own form. A program ignores those of other forms and reads the events instead.
    pub schema: u32,
    /// The state.
    pub state: Box<RawValue>,
}

impl Snapshot {
    pub(crate) fn check(&self, stream: &StreamId) -> Result<(), StoreError> {
        let bytes = self.state.get().len();
        if bytes <= SNAPSHOT_BYTES_MAX {
            return Ok(());
        }
        Err(StoreError::TooLarge {
            what: format!("the snapshot of {stream}"),
            bytes,
            max: SNAPSHOT_BYTES_MAX,
        })
    }

    /// Whether it takes the place of `present`: one of more events does, and one of a newer form.
    pub(crate) fn replaces(&self, present: &Self) -> bool {
        (self.schema, self.version) > (present.schema, present.version)
    }
}

/// Keeps one snapshot a stream: that of the newest form with the most events.
///
/// ```
/// use pontoon::event_store::{MemoryEventStore, Snapshot, SnapshotStore, StreamId};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (store, order) = (MemoryEventStore::new(), StreamId::new("order-123")?);
/// let state = serde_json::value::to_raw_value("paid")?;
/// store.save_snapshot(&order, Snapshot { version: 120, schema: 1, state: state.clone() }).await?;
/// // A slower writer's older one does not replace it.
/// store.save_snapshot(&order, Snapshot { version: 100, schema: 1, state }).await?;
/// assert_eq!(store.load_snapshot(&order).await?.unwrap().version, 120);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait SnapshotStore: Clone + Send + Sync + 'static {
    /// The snapshot of a stream, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl SnapshotStore) -> Result<(), StoreError> {
    /// let snapshot = store.load_snapshot(&StreamId::new("order-123")?).await?;
    /// # Ok(()) }
    /// ```
    fn load_snapshot(
        &self,
        stream: &StreamId,
    ) -> impl Future<Output = Result<Option<Snapshot>, StoreError>> + Send;

    /// Keeps a snapshot, unless the present one has as many events or a newer form.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::TooLarge`] if it does not fit into an item.
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl SnapshotStore, snapshot: Snapshot) -> Result<(), StoreError> {
    /// store.save_snapshot(&StreamId::new("order-123")?, snapshot).await?;
    /// # Ok(()) }
    /// ```
    fn save_snapshot(
        &self,
        stream: &StreamId,
        snapshot: Snapshot,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets the snapshot of a stream.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl SnapshotStore) -> Result<(), StoreError> {
    /// store.delete_snapshot(&StreamId::new("order-123")?).await?;
    /// # Ok(()) }
    /// ```
    fn delete_snapshot(&self, stream: &StreamId) -> impl Future<Output = Result<(), StoreError>> + Send;
}
