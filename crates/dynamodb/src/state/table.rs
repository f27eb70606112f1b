//! Tables: their configuration and the running count of what is in them.

use std::collections::BTreeMap;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{KeyAttribute, KeySchema};
use super::value::Item;
use super::value::{Type, Value};

/// How long ago an item may have expired and still be deleted: five years, in seconds (developer guide,
/// "Time to Live").
pub const EXPIRED_SECS_MAX: i64 = 5 * 365 * 24 * 3600;

/// Provisioned capacity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Throughput {
    /// Read units a second; zero on demand.
    pub read: i64,
    /// Write units a second; zero on demand.
    pub write: i64,
}

/// Who pays how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Billing {
    /// `PROVISIONED`
    Provisioned,
    /// `PAY_PER_REQUEST`
    PayPerRequest,
}

/// What a table is made of. Stored as it is here: fields may be added, with a default.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Table {
    /// What the table's keys in the store begin with. Not zero, and no other table's.
    pub number: u64,
    /// Name.
    pub name: String,
    /// `TableId`, a UUID.
    pub id: String,
    /// When it was created, milliseconds since the epoch.
    pub created_millis: i64,
    /// The key's attributes with their types: the partition key, and perhaps a sort key.
    pub key: Vec<(String, KeyType)>,
    /// Billing mode.
    pub billing: Billing,
    /// Whether the billing mode was ever other than that of a table that names none, or changed: only then is it described.
    pub billing_named: bool,
    /// When the table was last switched to pay per request, milliseconds since the epoch.
    pub on_demand_since_millis: Option<i64>,
    /// Provisioned capacity; zero on demand.
    pub throughput: Throughput,
    /// When the capacity last grew, milliseconds since the epoch.
    pub last_increase_millis: Option<i64>,
    /// When the capacity last shrank, milliseconds since the epoch.
    pub last_decrease_millis: Option<i64>,
    /// How often the capacity shrank on the day of `last_decrease_millis`.
    pub decreases: i64,
    /// Warm throughput, if asked for: read and write units a second.
    pub warm: Option<(i64, i64)>,
    /// Whether the table may not be deleted.
    pub deletion_protection: bool,
    /// Table class, if one was named, and when it was last changed, milliseconds since the epoch.
    pub class: Option<(String, Option<i64>)>,
    /// The attribute that holds items' expiry, if time to live is on.
    pub ttl_attribute: Option<String>,
    /// When time to live was last switched, milliseconds since the epoch.
    pub ttl_changed_millis: Option<i64>,
    /// What the last switch left to do.
    pub ttl_work: Option<TtlWork>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// What remains to be done since time to live was switched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TtlWork {
    /// On: the expiries of items behind this encoded key, of all if it is empty, are to be written.
    Write {
        /// The last item's key whose expiry was written.
        after: Vec<u8>,
    },
    /// Off: expiries are to be removed.
    Remove,
}

/// The type of a key attribute, as stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum KeyType {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
}

impl KeyType {
    /// The type of values that such a key has.
    pub fn value_type(self) -> Type {
        match self {
            KeyType::S => Type::S,
            KeyType::N => Type::N,
            KeyType::B => Type::B,
        }
    }

    /// `S`, `N` or `B`.
    pub fn from_name(name: &str) -> Option<KeyType> {
        match name {
            "S" => Some(KeyType::S),
            "N" => Some(KeyType::N),
            "B" => Some(KeyType::B),
            _ => None,
        }
    }
}

impl Table {
    /// The primary key.
    ///
    /// # Panics
    /// If the table has no partition key; none is created or loaded without one.
    pub fn schema(&self) -> KeySchema {
        let mut attributes =
            self.key.iter().map(|(name, kind)| KeyAttribute { name: name.clone(), kind: kind.value_type() });
        let Some(hash) = attributes.next() else {
            panic!("table {} has no partition key, though none is created without one", self.name)
        };
        KeySchema { hash, range: attributes.next() }
    }

    /// When an item expires, in seconds since the epoch: what its time-to-live attribute says, if that is
    /// on and a number.
    pub fn expiry_secs(&self, item: &Item) -> Option<i64> {
        match item.get(self.ttl_attribute.as_ref()?)? {
            Value::N(number) => number.floor_i64(),
            _ => None,
        }
    }

    /// How often the capacity has shrunk today (UTC).
    pub fn decreases_today(&self, now: Timestamp) -> i64 {
        const DAY_MILLIS: i64 = 24 * 3600 * 1000;
        let is_today = |millis: i64| millis.div_euclid(DAY_MILLIS) == now.millis().div_euclid(DAY_MILLIS);
        if self.last_decrease_millis.is_some_and(is_today) { self.decreases } else { 0 }
    }
}

/// How much is in a table. Exact, though the service promises it only every six hours or so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Number of items.
    pub items: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

impl Tally {
    /// The tally when an item has taken the place of another; either may be absent. Sizes are in bytes.
    #[must_use]
    pub fn replaced(self, old_bytes: Option<usize>, new_bytes: Option<usize>) -> Tally {
        let change = |count: u64, less: u64, more: u64| count.saturating_sub(less).saturating_add(more);
        Tally {
            items: change(self.items, old_bytes.is_some().into(), new_bytes.is_some().into()),
            bytes: change(self.bytes, old_bytes.unwrap_or(0) as u64, new_bytes.unwrap_or(0) as u64),
        }
    }
}
