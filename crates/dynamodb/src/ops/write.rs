//! How an item takes the place of another: the one way in which tables change.

use pontoon_core::{Space, Step, Timestamp};

use super::capacity;
use crate::state::table::EXPIRED_SECS_MAX;
use crate::state::value::{Item, item_size_bytes};
use crate::{DynamoDb, TableId, records};

/// An item in the place of another; either may be absent.
pub(crate) struct Change {
    key: Vec<u8>,
    pub(crate) old: Option<Item>,
    pub(crate) new: Option<Item>,
    old_bytes: Option<usize>,
    new_bytes: Option<usize>,
}

impl Change {
    /// The change of what is stored under the encoded key from `old` to `new`.
    pub(crate) fn new(key: Vec<u8>, old: Option<Item>, new: Option<Item>) -> Change {
        let (old_bytes, new_bytes) = (old.as_ref().map(item_size_bytes), new.as_ref().map(item_size_bytes));
        Change { key, old, new, old_bytes, new_bytes }
    }

    /// What the change costs, in write units.
    pub(crate) fn units(&self) -> f64 {
        capacity::write_units(self.old_bytes.unwrap_or(0), self.new_bytes.unwrap_or(0))
    }

    /// The size of the item afterwards, in bytes.
    pub(crate) fn new_bytes(&self) -> usize {
        self.new_bytes.unwrap_or(0)
    }

    /// The size of the larger of the two, in bytes.
    pub(crate) fn larger_bytes(&self) -> usize {
        self.old_bytes.unwrap_or(0).max(self.new_bytes())
    }
}

impl DynamoDb {
    /// Makes a change: the item, the tally and the expiry, in one batch. Gives the change back.
    pub(crate) fn apply(&mut self, step: &mut Step<'_>, id: &TableId, change: Change) -> Change {
        let Some(open) = self.table_mut(id) else { return change };
        let number = open.table.number;
        let stored = records::item_key(number, &change.key);
        match (&change.old, &change.new) {
            (None, None) => return change,
            (_, Some(item)) => step.put(Space::Table, stored, records::item::encode(item)),
            (Some(_), None) => step.delete(Space::Table, stored),
        }
        open.tally = open.tally.replaced(change.old_bytes, change.new_bytes);
        step.put(Space::Table, records::tally_key(number), records::encode_tally(open.tally));
        if open.table.ttl_attribute.is_none() {
            return change;
        }
        let expiry = |item: &Option<Item>| item.as_ref().and_then(|item| open.table.expiry_secs(item));
        let (old, new) = (expiry(&change.old), expiry(&change.new));
        if old == new {
            return change;
        }
        if let Some(secs) = old {
            step.delete(Space::Table, records::expiry_key(number, secs, &change.key));
        }
        let is_deletable = |secs: &i64| step.now.secs().saturating_sub(*secs) <= EXPIRED_SECS_MAX;
        if let Some(secs) = new.filter(is_deletable) {
            step.put(Space::Table, records::expiry_key(number, secs, &change.key), Vec::new());
            self.expire_at(id, Timestamp::from_secs(secs));
        }
        change
    }
}
