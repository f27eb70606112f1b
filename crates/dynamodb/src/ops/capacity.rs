//! Consumed capacity: what an operation costs, and how that is told.
//!
//! Follows the developer guide's page "DynamoDB read and write operations" on capacity unit consumption.

use pontoon_api::dynamodb::{Capacity, ConsumedCapacity};

/// Bytes that one read unit reads.
const READ_UNIT_BYTES: usize = 4096;
/// Bytes that one write unit writes.
const WRITE_UNIT_BYTES: usize = 1024;

/// What reading so many bytes at once costs; half if the read need not be consistent. Nothing costs as
/// much as a byte.
pub(crate) fn read_units(bytes: usize, consistent: bool) -> f64 {
    let units = bytes.div_ceil(READ_UNIT_BYTES).max(1) as f64;
    if consistent { units } else { units / 2.0 }
}

/// What replacing an item by another costs: the larger one's size counts. Sizes are in bytes, zero for none.
pub(crate) fn write_units(old_bytes: usize, new_bytes: usize) -> f64 {
    old_bytes.max(new_bytes).div_ceil(WRITE_UNIT_BYTES).max(1) as f64
}

/// `ReturnConsumedCapacity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Detail {
    /// `NONE`, or absent.
    None,
    /// `TOTAL`
    Total,
    /// `INDEXES`
    Indexes,
}

impl Detail {
    pub(crate) fn of(parameter: Option<&str>) -> Detail {
        match parameter {
            Some("TOTAL") => Detail::Total,
            Some("INDEXES") => Detail::Indexes,
            _ => Detail::None,
        }
    }

    /// What a plain operation tells: the sum alone, and with `INDEXES` the table's share, which is all of it.
    pub(crate) fn plain(self, table: &str, units: f64) -> Option<ConsumedCapacity> {
        let share = Capacity { capacity_units: Some(units), ..Capacity::default() };
        self.tell(table, units, share, None, None)
    }

    /// What a transaction's reads tell.
    pub(crate) fn transact_read(self, table: &str, units: f64) -> Option<ConsumedCapacity> {
        let share =
            Capacity { capacity_units: Some(units), read_capacity_units: Some(units), ..Capacity::default() };
        self.tell(table, units, share, Some(units), None)
    }

    /// What a transaction's writes tell.
    pub(crate) fn transact_write(self, table: &str, units: f64) -> Option<ConsumedCapacity> {
        let share = Capacity {
            capacity_units: Some(units),
            write_capacity_units: Some(units),
            ..Capacity::default()
        };
        self.tell(table, units, share, None, Some(units))
    }

    fn tell(
        self,
        table: &str,
        units: f64,
        share: Capacity,
        read: Option<f64>,
        write: Option<f64>,
    ) -> Option<ConsumedCapacity> {
        (self != Detail::None).then(|| ConsumedCapacity {
            table_name: Some(table.to_owned()),
            capacity_units: Some(units),
            read_capacity_units: read,
            write_capacity_units: write,
            table: (self == Detail::Indexes).then_some(share),
            ..ConsumedCapacity::default()
        })
    }
}
