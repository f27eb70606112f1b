//! A page of a query or a scan: read from a snapshot, up to a limit of items and of bytes.

use std::ops::{Bound, ControlFlow};

use pontoon_core::{ApiError, Direction, KeyRange, Space, StoreRead};

use crate::records;
use crate::state::expression::{Condition, Projection, RangeTest};
use crate::state::key::{KeySchema, encode_range};
use crate::state::value::{Item, item_size_bytes};

/// Bytes of items that a page may read before it ends (developer guide, "Paginating table query results").
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// What to read.
pub(crate) struct PageRead {
    /// Where the items are.
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    /// How many items to read at most, before the filter.
    pub(crate) limit: Option<usize>,
    pub(crate) filter: Option<Condition>,
    pub(crate) projection: Option<Projection>,
    /// Whether only numbers are asked for.
    pub(crate) count_only: bool,
    pub(crate) schema: KeySchema,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Page {
    /// The items that passed the filter, as projected; none if only numbers were asked for.
    pub(crate) items: Vec<Item>,
    /// How many passed.
    pub(crate) count: usize,
    /// How many were read.
    pub(crate) scanned: usize,
    /// The size of what was read, in bytes.
    pub(crate) bytes: usize,
    /// The key of the item read last, unless the end was reached.
    pub(crate) last_key: Option<Item>,
}

impl PageRead {
    /// Reads the page.
    ///
    /// # Errors
    /// If the store fails or holds what was not written.
    pub(crate) fn run(&self, store: &dyn StoreRead) -> Result<Page, ApiError> {
        let mut page = Page::default();
        let mut damaged = false;
        if self.range.is_empty() {
            return Ok(page);
        }
        let scanned = store.scan(Space::Table, &self.range, self.direction, &mut |_, bytes| {
            let Some(item) = records::item::decode(bytes) else {
                damaged = true;
                return ControlFlow::Break(());
            };
            page.scanned += 1;
            page.bytes += item_size_bytes(&item);
            let is_full =
                self.limit.is_some_and(|limit| page.scanned >= limit) || page.bytes >= PAGE_BYTES_MAX;
            if is_full {
                page.last_key = Some(self.schema.key_of(&item));
            }
            self.take(item, &mut page);
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match scanned {
            Ok(()) if !damaged => Ok(page),
            _ => Err(ApiError::server("InternalServerError", "Internal server error")),
        }
    }

    fn take(&self, item: Item, page: &mut Page) {
        if self.filter.as_ref().is_some_and(|filter| !filter.holds(&item)) {
            return;
        }
        page.count += 1;
        if !self.count_only {
            page.items.push(match &self.projection {
                Some(projection) => projection.apply(&item),
                None => item,
            });
        }
    }
}

/// Where the items of a partition are whose sort keys pass the test. `partition` is where the partition begins.
pub(crate) fn partition_range(partition: &[u8], test: Option<&RangeTest>) -> KeyRange {
    use crate::state::expression::Comparator;
    let at = |value| {
        let mut key = partition.to_vec();
        encode_range(value, &mut key);
        key
    };
    let KeyRange { start, end } = KeyRange::prefix(partition);
    let (start, end) = match test {
        None => (start, end),
        Some(RangeTest::Compare(comparator, value)) => match comparator {
            Comparator::Lt => (start, Bound::Excluded(at(value))),
            Comparator::Le => (start, Bound::Included(at(value))),
            Comparator::Gt => (Bound::Excluded(at(value)), end),
            Comparator::Ge => (Bound::Included(at(value)), end),
            Comparator::Eq | Comparator::Ne => (Bound::Included(at(value)), Bound::Included(at(value))),
        },
        Some(RangeTest::Between(low, high)) => (Bound::Included(at(low)), Bound::Included(at(high))),
        Some(RangeTest::BeginsWith(value)) => return KeyRange::prefix(&at(value)),
    };
    KeyRange { start, end }
}

/// The part of a range that lies behind a key, in the direction of reading.
pub(crate) fn behind(mut range: KeyRange, key: Vec<u8>, direction: Direction) -> KeyRange {
    match direction {
        Direction::Ascending => range.start = Bound::Excluded(key),
        Direction::Descending => range.end = Bound::Excluded(key),
    }
    range
}
