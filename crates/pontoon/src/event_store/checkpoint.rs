//! How far a reader of all events has come.

use std::future::Future;

use super::{Position, StoreError};

/// How far a named reader of all events has come.
///
/// ```
/// use pontoon::event_store::{Checkpoint, Position};
/// assert_eq!(Checkpoint::at(Position::from(129)).position, Position::from(129));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything up to here is done.
    pub position: Position,
    /// Whether what was made of the events is being cleared in order to be made again. A reader that finds this clears first.
    pub is_resetting: bool,
}

impl Checkpoint {
    /// Everything up to `position` is done.
    ///
    /// ```
    /// use pontoon::event_store::{Checkpoint, Position};
    /// assert_eq!(Checkpoint::at(Position::START), Checkpoint::default());
    /// ```
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self { position, is_resetting: false }
    }
}

/// Why a checkpoint was not saved.
///
/// ```
/// use pontoon::event_store::CheckpointError;
/// let error = CheckpointError::Moved { name: "orders".into() };
/// assert!(error.to_string().contains("orders"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is not where its reader left it: a second reader runs under the same name.
    #[error("the checkpoint {name} was moved by another: two readers run under this name")]
    Moved {
        /// The reader's name.
        name: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps the checkpoints of readers of all events, such as projections and the outbox.
///
/// A checkpoint is moved only from where its reader knows it to be, so that of two readers under one name one learns of the other.
///
/// ```
/// use pontoon::event_store::{Checkpoint, CheckpointStore, MemoryEventStore, Position};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryEventStore::new();
/// let first = Checkpoint::at(Position::from(129));
/// store.save_checkpoint("orders", None, first).await?;
/// assert_eq!(store.load_checkpoint("orders").await?, Some(first));
/// assert!(store.save_checkpoint("orders", None, first).await.is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait CheckpointStore: Clone + Send + Sync + 'static {
    /// Where the reader `name` is; nothing if it never saved.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl CheckpointStore) -> Result<(), StoreError> {
    /// let position = store.load_checkpoint("orders").await?.unwrap_or_default().position;
    /// # Ok(()) }
    /// ```
    fn load_checkpoint(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Checkpoint>, StoreError>> + Send;

    /// Moves the checkpoint of the reader `name` from `known` to `new`.
    ///
    /// # Errors
    /// [`CheckpointError::Moved`] if it is not at `known`.
    ///
    /// ```no_run
    /// # use pontoon::event_store::*;
    /// # async fn example(store: impl CheckpointStore, page: Page) -> Result<(), Box<dyn std::error::Error>> {
    /// let known = store.load_checkpoint("orders").await?;
    /// store.save_checkpoint("orders", known, Checkpoint::at(page.next)).await?;
    /// # Ok(()) }
    /// ```
    fn save_checkpoint(
        &self,
        name: &str,
        known: Option<Checkpoint>,
        new: Checkpoint,
    ) -> impl Future<Output = Result<(), CheckpointError>> + Send;
}
