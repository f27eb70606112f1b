//! The event store on one DynamoDB table.
//!
//! `docs/event-store.md` has the design of the total order and the sketch of its proof; the comments here refer to its terms. In short: each append
//! takes a *slot*, the next number of a counter, and its transaction writes an *entry* for the slot into the *log* beside its events. Readers
//! go from slot to slot and never past one that is empty: one that stays empty longer than the grace is *voided*, after which it can
//! never be filled.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use tokio::sync::watch;

use super::{
    Appended, Checkpoint, CheckpointError, CheckpointStore, Direction, EventStore, Expected, Filter, Page,
    Position, Recorded, Snapshot, SnapshotStore, StoreError, StreamId,
};
use crate::{Envelope, RawPayload};

mod append;
mod failure;
mod fetch;
mod items;
mod keep;
mod log;
mod slots;
mod streams;

use failure::{Failed, failed, unbuilt};
use items::{STREAM, VERSION};
use slots::Slots;

/// How long a new table may take to become active.
const TABLE_CREATION_MAX: Duration = Duration::from_secs(120);

/// An event store on one DynamoDB table, with snapshots and checkpoints in the same table.
///
/// The table has the partition key `stream` (a string) and the sort key `version` (a number), and no index. An append costs an update of
/// one counter and one transaction; a reader of all events pays a query for every 256 appends and a batch read for every 100 events.
///
/// Readers of all events need the permission to write too: they close the gaps that crashed writers leave. Used are `GetItem`, `PutItem`,
/// `UpdateItem`, `DeleteItem`, `Query`, `BatchGetItem` and `ConditionCheckItem`.
///
/// ```no_run
/// use pontoon::event_store::{DynamoDbEventStore, EventStore, StoreError, StreamId};
///
/// # async fn example(client: aws_sdk_dynamodb::Client) -> Result<(), StoreError> {
/// let store = DynamoDbEventStore::new(client, "events");
/// store.create_table().await?;
/// let last = store.read_last(&StreamId::new("order-123")?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct DynamoDbEventStore {
    client: Client,
    table: Arc<str>,
    gap_grace: Duration,
    poll_interval: Duration,
    shared: Arc<Shared>,
}

/// What the clones of a store have in common.
#[derive(Debug)]
struct Shared {
    slots: Slots,
    /// The highest slot that an append through this store took, for those who wait in the same process.
    last_slot: watch::Sender<u64>,
}

impl DynamoDbEventStore {
    /// The store in the table of that name, which [`create_table`](Self::create_table) or a template makes.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// let store = pontoon::event_store::DynamoDbEventStore::new(client, "events");
    /// # }
    /// ```
    #[must_use]
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        Self {
            client,
            table: table.into(),
            gap_grace: Duration::from_secs(1),
            poll_interval: Duration::from_millis(250),
            shared: Arc::new(Shared { slots: Slots::default(), last_slot: watch::Sender::new(0) }),
        }
    }

    /// How long readers of all events wait for an append that has begun but is not there yet, before they take its writer for crashed. One
    /// second if not set.
    ///
    /// Whatever it is, no event is lost or skipped: a slow writer whose place was closed takes a later one. Shorter means that readers are
    /// held up less by a crash, and that slow writers repeat their transaction more often.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// use std::time::Duration;
    /// let store = pontoon::event_store::DynamoDbEventStore::new(client, "events").gap_grace(Duration::from_millis(200));
    /// # }
    /// ```
    #[must_use]
    pub fn gap_grace(self, gap_grace: Duration) -> Self {
        Self { gap_grace, ..self }
    }

    /// How often a waiting reader looks for appends of other processes; it learns of those through the same store at once. 250 ms if
    /// not set. A look reads one small item.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_dynamodb::Client) {
    /// use std::time::Duration;
    /// let store = pontoon::event_store::DynamoDbEventStore::new(client, "events").poll_interval(Duration::from_secs(1));
    /// # }
    /// ```
    #[must_use]
    pub fn poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Creates the table, billed per request, and waits until it can be used. Does nothing if there is a table of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```no_run
    /// # async fn example(store: pontoon::event_store::DynamoDbEventStore) -> Result<(), pontoon::event_store::StoreError> {
    /// store.create_table().await?;
    /// # Ok(()) }
    /// ```
    pub async fn create_table(&self) -> Result<(), StoreError> {
        const CREATION: &str = "creating the table";
        let attribute = |name: &str, kind| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(unbuilt)
        };
        let key = |name: &str, kind| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unbuilt)
        };
        let created = self
            .client
            .create_table()
            .table_name(&*self.table)
            .attribute_definitions(attribute(STREAM, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(VERSION, ScalarAttributeType::N)?)
            .key_schema(key(STREAM, KeyType::Hash)?)
            .key_schema(key(VERSION, KeyType::Range)?)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|it| it.is_resource_in_use_exception()) => {}
            Err(error) => return Err(failed(CREATION, &error).into()),
        }
        self.wait_until_active().await
    }

    async fn wait_until_active(&self) -> Result<(), StoreError> {
        const WAIT: &str = "waiting for the table";
        let start = tokio::time::Instant::now();
        loop {
            let described = self.client.describe_table().table_name(&*self.table).send().await;
            let described = described.map_err(|error| failed(WAIT, &error))?;
            let status = described.table.and_then(|table| table.table_status);
            if status == Some(TableStatus::Active) {
                return Ok(());
            }
            if start.elapsed() > TABLE_CREATION_MAX {
                return Err(Failed::transient(WAIT, format!("it is {status:?} after two minutes")).into());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits for news at most as long as a poll's interval.
    async fn wait_for(&self, after: Position) -> Result<(), StoreError> {
        let mut last_slot = self.shared.last_slot.subscribe();
        loop {
            last_slot.borrow_and_update();
            if self.last_taken_slot().await? >= after.next_slot() {
                return Ok(());
            }
            // An error would mean that this store's own sender is gone.
            let _ = tokio::time::timeout(self.poll_interval, last_slot.changed()).await;
        }
    }
}

impl EventStore for DynamoDbEventStore {
    fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<Envelope<RawPayload>>,
    ) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        self.append_events(stream, expected, events)
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        match direction {
            Direction::Forward => self.read_forward(stream, from.max(1), limit).await,
            Direction::Backward => self.read_backward(stream, from, limit).await,
        }
    }

    fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send {
        self.read_log(after, filter, limit.max(1))
    }

    fn wait(&self, after: Position) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.wait_for(after)
    }
}

impl SnapshotStore for DynamoDbEventStore {
    fn load_snapshot(
        &self,
        stream: &StreamId,
    ) -> impl Future<Output = Result<Option<Snapshot>, StoreError>> + Send {
        self.get_snapshot(stream)
    }

    fn save_snapshot(
        &self,
        stream: &StreamId,
        snapshot: Snapshot,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.put_snapshot(stream, snapshot)
    }

    fn delete_snapshot(&self, stream: &StreamId) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.remove_snapshot(stream)
    }
}

impl CheckpointStore for DynamoDbEventStore {
    fn load_checkpoint(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Checkpoint>, StoreError>> + Send {
        self.get_checkpoint(name)
    }

    fn save_checkpoint(
        &self,
        name: &str,
        known: Option<Checkpoint>,
        new: Checkpoint,
    ) -> impl Future<Output = Result<(), CheckpointError>> + Send {
        self.move_checkpoint(name, known, new)
    }
}
