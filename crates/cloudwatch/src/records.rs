//! What CloudWatch persists, and how it is read at start.
//!
//! - [`Space::Config`] `cloudwatch\0a` + scope + alarm name: the alarm with its state (JSON).
//! - [`Space::Config`] `cloudwatch\0m` + scope + metric number: a metric's name ([`MetricRecord`], JSON).
//! - [`Space::Metric`] `d` + metric number + seconds: the data of one stretch, written by [`encode_cell`]. One key for a stretch, rather than one for an
//!   hour: services publish every metric once a minute, and a key of its own is written without reading or writing its neighbours again.
//! - [`Space::Metric`] `h` + scope + milliseconds + number: an item of an alarm's history (JSON).

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use pontoon_core::{
    ApiError, Direction, KeyRange, LoadError, Scope, ServiceId, Space, Step, StoreError, StoreRead,
    Timestamp, records,
};
use serde::{Deserialize, Serialize};

use crate::state::aggregate::Aggregate;
use crate::state::alarm::Alarm;
use crate::state::metric::MetricName;
use crate::state::series::Cell;
use crate::state::unit::Unit;

const CONFIG: &[u8] = b"cloudwatch\0";

/// A metric's name, as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MetricRecord {
    /// Name.
    pub name: MetricName,
    /// Whether it ever had data of a resolution under a minute.
    pub high_resolution: bool,
}

/// An item of an alarm's history, as stored; its instant is in the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// Which alarm's.
    pub alarm: String,
    /// `ConfigurationUpdate`, `StateUpdate` or `Action`.
    pub kind: String,
    /// What happened, in words.
    pub summary: String,
    /// What happened, in JSON.
    pub data: String,
}

/// Where data are read: a step's view, or a snapshot.
pub trait Source {
    /// The entries of a range of [`Space::Metric`], ascending.
    ///
    /// # Errors
    /// If the machine fails the store.
    fn entries(&self, range: &KeyRange) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError>;
}

impl Source for Step<'_> {
    fn entries(&self, range: &KeyRange) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        Ok(self.range(Space::Metric, range, usize::MAX))
    }
}

impl Source for &dyn StoreRead {
    fn entries(&self, range: &KeyRange) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        let mut entries = Vec::new();
        self.scan(Space::Metric, range, Direction::Ascending, &mut |key, value| {
            entries.push((key.to_vec(), value.clone()));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }
}

/// The error of a read that the store failed.
#[must_use]
pub fn read_failed(error: &StoreError) -> ApiError {
    ApiError::server("InternalServiceFault", error.to_string()).with_query_code("InternalServiceError")
}

/// The key of an alarm.
#[must_use]
pub fn alarm_key(scope: Scope, name: &str) -> Vec<u8> {
    [CONFIG, b"a", &scope.key(), name.as_bytes()].concat()
}

/// The key of a metric's name.
#[must_use]
pub fn metric_key(scope: Scope, number: u64) -> Vec<u8> {
    [CONFIG, b"m", scope.key().as_slice(), &number.to_be_bytes()].concat()
}

/// The key of a stretch of a metric's data. Instants before 1970 do not occur: what is put is at most two weeks old.
#[must_use]
pub fn cell_key(number: u64, at: Timestamp) -> Vec<u8> {
    let secs = u64::try_from(at.secs()).unwrap_or(0);
    [b"d".as_slice(), &number.to_be_bytes(), &secs.to_be_bytes()].concat()
}

/// When the stretch of a key begins.
#[must_use]
pub fn cell_time(key: &[u8]) -> Option<Timestamp> {
    let secs = u64::from_be_bytes(key.get(9..17)?.try_into().ok()?);
    Some(Timestamp::from_secs(i64::try_from(secs).ok()?))
}

/// The keys of a metric's data from `from` up to but without `to`.
#[must_use]
pub fn cells(number: u64, from: Timestamp, to: Timestamp) -> KeyRange {
    KeyRange::between(cell_key(number, from), cell_key(number, to))
}

/// The stretches of a metric from `from` up to but without `to`.
///
/// # Errors
/// If the machine fails the store.
pub fn read_cells(
    source: &dyn Source,
    number: u64,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Timestamp, Cell)>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let entries = source.entries(&cells(number, from, to))?;
    entries.iter().map(|(key, value)| decode_entry(key, value)).collect()
}

/// A key of a stretch and its value, read.
///
/// # Errors
/// If they are not what was written.
pub fn decode_entry(key: &[u8], value: &[u8]) -> Result<(Timestamp, Cell), StoreError> {
    let read = cell_time(key).zip(decode_cell(value));
    read.ok_or_else(|| StoreError::new("the data of a metric are not what was written"))
}

/// The start of the keys of a scope's alarm history.
#[must_use]
pub fn history_prefix(scope: Scope) -> Vec<u8> {
    [b"h".as_slice(), &scope.key()].concat()
}

/// The key of a history item.
#[must_use]
pub fn history_key(scope: Scope, at: Timestamp, number: u32) -> Vec<u8> {
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    [history_prefix(scope).as_slice(), &millis.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// The instant and number of a history item, from the end of its key.
#[must_use]
pub fn history_place(key: &[u8]) -> Option<(Timestamp, u32)> {
    let tail = &key[key.len().checked_sub(12)?..];
    let millis = u64::from_be_bytes(tail[..8].try_into().ok()?);
    let number = u32::from_be_bytes(tail[8..].try_into().ok()?);
    Some((Timestamp::from_millis(i64::try_from(millis).ok()?), number))
}

/// The keys of a scope's history from `from` up to and with `to`.
#[must_use]
pub fn history_range(scope: Scope, from: Timestamp, to: Timestamp) -> KeyRange {
    KeyRange {
        start: Bound::Included(history_key(scope, from, 0)),
        end: Bound::Included(history_key(scope, to, u32::MAX)),
    }
}

pub use pontoon_core::records::to_json;

/// Values alone follow; count, sum, minimum and maximum are theirs.
const EXACT: u8 = 0;
/// Count, sum, minimum and maximum stand before the values.
const SUMMED: u8 = 1;
/// The same, and statistic sets are among it.
const WITH_SETS: u8 = 2;

/// A stretch's stored form: for each unit its number, how it is written, how many values, and those with their counts.
#[must_use]
pub fn encode_cell(cell: &Cell) -> Bytes {
    let mut bytes = Vec::with_capacity(20 * cell.len());
    let mut write = |unit: &Unit, aggregate: &Aggregate| {
        let kind = match () {
            () if aggregate.has_sets => WITH_SETS,
            () if aggregate.is_exact() => EXACT,
            () => SUMMED,
        };
        let len = aggregate.values.len() as u16;
        bytes.extend_from_slice(&[unit.number(), kind]);
        bytes.extend_from_slice(&len.to_be_bytes());
        if kind != EXACT {
            for part in [aggregate.count, aggregate.sum, aggregate.minimum, aggregate.maximum] {
                bytes.extend_from_slice(&part.to_be_bytes());
            }
        }
        for (value, count) in &aggregate.values {
            bytes.extend_from_slice(&value.to_be_bytes());
            bytes.extend_from_slice(&count.to_be_bytes());
        }
    };
    cell.iter().for_each(|(unit, aggregate)| write(unit, aggregate));
    bytes.into()
}

/// Reads what [`encode_cell`] wrote; `None` if it is something else.
#[must_use]
pub fn decode_cell(bytes: &[u8]) -> Option<Cell> {
    let mut cell = Cell::new();
    let mut rest = bytes;
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let [unit, kind, len @ ..] = *head;
        rest = tail;
        let mut number = || {
            let (bytes, tail) = rest.split_first_chunk::<8>()?;
            rest = tail;
            Some(f64::from_be_bytes(*bytes))
        };
        let mut aggregate = Aggregate::default();
        let summary = if kind == EXACT { None } else { Some((number()?, number()?, number()?, number()?)) };
        for _ in 0..u16::from_be_bytes(len) {
            let (value, count) = (number()?, number()?);
            match kind {
                EXACT => aggregate.add(value, count),
                SUMMED | WITH_SETS => aggregate.values.push((value, count)),
                _ => return None,
            }
        }
        if let Some((count, sum, minimum, maximum)) = summary {
            aggregate = Aggregate { count, sum, minimum, maximum, has_sets: kind == WITH_SETS, ..aggregate };
        }
        cell.insert(Unit::from_number(unit)?, aggregate);
    }
    rest.is_empty().then_some(cell)
}

/// What the configuration space holds.
#[derive(Default)]
pub struct Loaded {
    /// Alarms.
    pub alarms: Vec<(Scope, Alarm)>,
    /// Metrics with their numbers.
    pub metrics: Vec<(Scope, u64, MetricRecord)>,
}

/// Reads alarms and the names of metrics.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    records::load(store, ServiceId::CloudWatch, |key, value| read_record(&mut loaded, key, value))?;
    Ok(loaded)
}

fn read_record(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    let (kind, rest) = key.split_first().ok_or("its key is too short")?;
    let (scope, rest) = Scope::split_key(rest).ok_or("its key names no scope")?;
    match kind {
        b'a' => {
            loaded.alarms.push((scope, records::of_json(value)?));
        }
        b'm' => {
            let number = u64::from_be_bytes(rest.try_into().map_err(|_| "its key has no number")?);
            loaded.metrics.push((scope, number, records::of_json(value)?));
        }
        _ => return Err("it is of no known kind".to_owned()),
    }
    Ok(())
}

/// The first or the last stretch of a metric that has data.
///
/// # Errors
/// If the machine fails the store.
pub fn end_of_data(
    store: &dyn StoreRead,
    number: u64,
    direction: Direction,
) -> Result<Option<Timestamp>, StoreError> {
    let mut end = None;
    let range = KeyRange::prefix(&[b"d".as_slice(), &number.to_be_bytes()].concat());
    store.scan(Space::Metric, &range, direction, &mut |key, _| {
        end = cell_time(key);
        ControlFlow::Break(())
    })?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn aggregate() -> impl Strategy<Value = Aggregate> {
        let values = prop::collection::vec((-1e9..1e9_f64, 1.0..9.0_f64), 0..200);
        (values, proptest::option::of((1.0..9.0_f64, -1e3..1e3_f64))).prop_map(|(values, set)| {
            let mut aggregate = Aggregate::default();
            values.iter().for_each(|(value, count)| aggregate.add(*value, *count));
            if let Some((count, minimum)) = set {
                aggregate.add_set(count, minimum * count, minimum, minimum + 1.0);
            }
            aggregate.compact();
            aggregate
        })
    }

    proptest! {
        #[test]
        fn a_stretch_reads_back_as_it_was_written(a in aggregate(), b in aggregate()) {
            let [x, y] = [3, 20].map(|number| Unit::from_number(number).unwrap());
            let cell = Cell::from([(x, a), (y, b)]);
            prop_assert_eq!(decode_cell(&encode_cell(&cell)), Some(cell));
        }

        #[test]
        fn damaged_stretches_are_told_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode_cell(&bytes);
        }
    }

    #[test]
    fn one_value_takes_twenty_bytes() {
        let mut aggregate = Aggregate::default();
        aggregate.add(1.0, 3.0);
        let bytes = encode_cell(&Cell::from([(Unit::NONE, aggregate)]));
        assert_eq!(bytes.len(), 20);
        assert_eq!(decode_cell(&bytes[..19]), None);
    }

    #[test]
    fn keys_tell_their_instants() {
        let at = Timestamp::from_secs(1_769_862_840);
        assert_eq!(cell_time(&cell_key(7, at)), Some(at));
        let at = Timestamp::from_millis(1_769_862_840_123);
        assert_eq!(history_place(&history_key(Scope::default(), at, 9)), Some((at, 9)));
    }
}
