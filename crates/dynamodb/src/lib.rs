//! DynamoDB, as Pontoon runs it: tables of items, read and written by key, condition and transaction.
//!
//! What it is: tables with a partition key and perhaps a sort key; every expression and every legacy parameter;
//! numbers that are exact; transactions that are atomic; items that are deleted when their time to live has passed.
//! What it is not: secondary indexes, streams, backups, global tables and PartiQL are refused by name. Capacity is
//! counted and told, but nothing is throttled.
//!
//! Invariant: items live in the store alone. In memory is each table's configuration, and how many items of how many
//! bytes it holds; what an operation costs does not depend on how much is stored.
//! Invariant: a table's tally, its expiries and its items change in the same batch.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the developer guide of Amazon DynamoDB, and the recordings in `dynamodb/`.

mod background;
mod error;
mod metrics;
mod ops;
pub mod records;
mod service;
pub mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pontoon_core::{Access, Arn, HashMap, Scope, Space, Step, Timestamp};

pub use error::{Error, Reason};
use metrics::Counters;
use state::key::KeySchema;
use state::table::{Table, Tally};
use state::value::Item;

/// Bytes that a table's name may have.
const NAME_BYTES_MAX: usize = 255;

/// Which table: whose, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableId {
    pub(crate) scope: Scope,
    pub(crate) name: Arc<str>,
}

/// A table and what is kept in memory beside its configuration.
pub(crate) struct OpenTable {
    pub(crate) id: TableId,
    pub(crate) table: Table,
    pub(crate) schema: KeySchema,
    pub(crate) arn: Arc<str>,
    pub(crate) tally: Tally,
    /// What `DynamoDb::due` holds for the table's next expiry.
    pub(crate) expiry_due: Option<Timestamp>,
    pub(crate) counters: Counters,
}

/// What happens of itself, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    /// Items of the table expire.
    Expire(TableId),
    /// The table's expiries are being written or removed, because time to live was switched.
    Index(TableId),
    /// What a deleted table held is being removed.
    Drop(u64),
    /// Client request tokens are forgotten.
    Tokens,
}

/// The tables of all accounts and regions.
#[derive(Default)]
pub struct DynamoDb {
    regions: HashMap<Scope, BTreeMap<Arc<str>, OpenTable>>,
    /// Numbers of deleted tables whose items are still in the store.
    drops: BTreeSet<u64>,
    due: BTreeSet<(Timestamp, Wake)>,
    /// What `due` holds for tokens.
    tokens_due: Option<Timestamp>,
    /// When the running minute of metrics ends, while anything was counted in it.
    minute_ends: Option<Timestamp>,
}

impl DynamoDb {
    /// The table that a request names, by name or by ARN, after the caller's right to `action` on it was checked.
    /// Whether it exists is not asked. `path` is the parameter's path in messages.
    fn address(
        &self,
        step: &mut Step<'_>,
        given: &str,
        path: &str,
        action: &'static str,
    ) -> Result<TableId, Error> {
        let id = parse_table(step.scope, given, path)?;
        self.authorize(step, &id, action)?;
        if id.scope.region != step.scope.region {
            return Err(Error::NotFound);
        }
        Ok(id)
    }

    fn authorize(&self, step: &mut Step<'_>, id: &TableId, action: &'static str) -> Result<(), Error> {
        let arn = match self.table(id) {
            Some(open) => Arc::clone(&open.arn),
            None => table_arn(id.scope, &id.name).into(),
        };
        let access = Access { action, resource: &arn, policy: None, context: &[] };
        // An ARN may name another account's table.
        let asked = std::mem::replace(&mut step.scope, id.scope);
        let allowed = step.authorize(&access);
        step.scope = asked;
        allowed.map_err(|denial| Error::AccessDenied(denial.message))
    }

    fn table(&self, id: &TableId) -> Option<&OpenTable> {
        self.regions.get(&id.scope)?.get(&id.name)
    }

    /// A table that an operation on items works on.
    fn existing(&self, id: &TableId) -> Result<&OpenTable, Error> {
        self.table(id).ok_or(Error::NotFound)
    }

    fn table_mut(&mut self, id: &TableId) -> Option<&mut OpenTable> {
        self.regions.get_mut(&id.scope)?.get_mut(&id.name)
    }

    /// A number that no table has and none that is being removed had.
    fn next_number(&self) -> u64 {
        let tables = self.regions.values().flat_map(BTreeMap::values).map(|open| open.table.number);
        tables.chain(self.drops.iter().copied()).max().unwrap_or(0) + 1
    }

    /// Notes when the table's next item expires, if that is earlier than what is noted.
    fn expire_at(&mut self, id: &TableId, at: Timestamp) {
        let Some(open) = self.regions.get_mut(&id.scope).and_then(|tables| tables.get_mut(&id.name)) else {
            return;
        };
        if open.expiry_due.is_some_and(|due| due <= at) {
            return;
        }
        if let Some(due) = open.expiry_due.replace(at) {
            self.due.remove(&(due, Wake::Expire(id.clone())));
        }
        self.due.insert((at, Wake::Expire(id.clone())));
    }

    /// Forgets when the table's next item expires.
    fn expire_never(&mut self, id: &TableId) {
        let Some(open) = self.regions.get_mut(&id.scope).and_then(|tables| tables.get_mut(&id.name)) else {
            return;
        };
        if let Some(due) = open.expiry_due.take() {
            self.due.remove(&(due, Wake::Expire(id.clone())));
        }
    }
}

impl OpenTable {
    fn new(scope: Scope, table: Table, tally: Tally) -> OpenTable {
        OpenTable {
            id: TableId { scope, name: table.name.as_str().into() },
            schema: table.schema(),
            arn: table_arn(scope, &table.name).into(),
            table,
            tally,
            expiry_due: None,
            counters: Counters::default(),
        }
    }

    /// The item with that encoded key.
    fn read(&self, step: &Step<'_>, key: &[u8]) -> Option<Item> {
        let bytes = step.get(Space::Table, &records::item_key(self.table.number, key))?;
        Some(records::item::decode(&bytes).unwrap_or_else(|| records::damaged("an item")))
    }

    /// Stores the configuration.
    fn write_configuration(&self, step: &mut Step<'_>) {
        let key = records::table_key(self.id.scope, &self.id.name);
        step.put(Space::Config, key, records::encode_table(&self.table));
    }
}

/// `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`
fn table_arn(scope: Scope, name: &str) -> String {
    scope.arn("dynamodb", format_args!("table/{name}"))
}

/// The table that a name or an ARN stands for.
fn parse_table(scope: Scope, given: &str, path: &str) -> Result<TableId, Error> {
    let by_arn = || {
        let arn = Arn::parse(given).filter(|arn| arn.service == "dynamodb")?;
        Some((arn.scope()?, arn.resource.strip_prefix("table/")?))
    };
    let (scope, name) =
        if given.starts_with("arn:") { by_arn().unwrap_or((scope, given)) } else { (scope, given) };
    let complain = |what: String| {
        Error::invalid(format!(
            "1 validation error detected: Value '{given}' at '{path}' failed to satisfy constraint: Member must {what}"
        ))
    };
    if name.len() > NAME_BYTES_MAX {
        return Err(complain(format!("have length less than or equal to {NAME_BYTES_MAX}")));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return Err(complain("satisfy regular expression pattern: [a-zA-Z0-9_.-]+".into()));
    }
    Ok(TableId { scope, name: name.into() })
}
