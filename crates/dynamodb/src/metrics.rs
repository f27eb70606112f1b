//! What DynamoDB tells CloudWatch: every minute, for each table that was used in it.
//!
//! Follows the developer guide's page "DynamoDB metrics and dimensions". Latencies are not told: the engine does not
//! read a clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pontoon_core::{Datum, MetricBook, Step, Timestamp, Unit};

use crate::{DynamoDb, OpenTable};

const NAMESPACE: &str = "AWS/DynamoDB";
/// How many distinct values of one metric a minute keeps apart; beyond it a value counts as the largest one below.
const VALUES_MAX: usize = 100;

/// Values, with how often each occurred. Keyed by twice the value, because read units come in halves.
#[derive(Debug, Default)]
struct Distribution {
    counts: BTreeMap<u64, u64>,
}

impl Distribution {
    fn add(&mut self, value: f64) {
        let doubled = (value * 2.0) as u64;
        let full = self.counts.len() >= VALUES_MAX;
        let nearest = self.counts.range(..=doubled).next_back().map(|(key, _)| *key);
        let key = if full { nearest.unwrap_or(doubled) } else { doubled };
        *self.counts.entry(key).or_default() += 1;
    }

    fn take(&mut self) -> Vec<(f64, f64)> {
        let counts = std::mem::take(&mut self.counts);
        counts.into_iter().map(|(doubled, count)| (doubled as f64 / 2.0, count as f64)).collect()
    }
}

/// What a table's reads counted in the running minute. Reads end outside the engine, so this is shared.
#[derive(Debug, Default)]
pub(crate) struct ReadCounters {
    units: Distribution,
    query_items: Distribution,
    scan_items: Distribution,
}

/// What a table counted in the running minute.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    reads: Arc<Mutex<ReadCounters>>,
    write_units: Distribution,
    failed_conditions: u64,
    expired: u64,
}

/// A hand on a table's read counters that outlives the step.
#[derive(Clone, Debug)]
pub(crate) struct ReadMeter(Arc<Mutex<ReadCounters>>);

impl ReadMeter {
    fn counters(&self) -> MutexGuard<'_, ReadCounters> {
        // Counting cannot leave the counters in a state that is wrong.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A read of so many units.
    pub(crate) fn read(&self, units: f64) {
        self.counters().units.add(units);
    }

    /// A page of a query.
    pub(crate) fn queried(&self, units: f64, items: usize) {
        let mut counters = self.counters();
        counters.units.add(units);
        counters.query_items.add(items as f64);
    }

    /// A page of a scan.
    pub(crate) fn scanned(&self, units: f64, items: usize) {
        let mut counters = self.counters();
        counters.units.add(units);
        counters.scan_items.add(items as f64);
    }
}

impl Counters {
    /// For reads that end after the step.
    pub(crate) fn read_meter(&self) -> ReadMeter {
        ReadMeter(Arc::clone(&self.reads))
    }

    /// A write of so many units.
    pub(crate) fn wrote(&mut self, units: f64) {
        self.write_units.add(units);
    }

    /// A condition did not hold.
    pub(crate) fn condition_failed(&mut self) {
        self.failed_conditions += 1;
    }

    /// An item was deleted because its time to live had passed.
    pub(crate) fn expired(&mut self) {
        self.expired += 1;
    }
}

impl DynamoDb {
    /// Notes that something is counted, which starts the minutes of metrics.
    pub(crate) fn active(&mut self, now: Timestamp) {
        self.minute_ends.get_or_insert_with(|| now.floor(MetricBook::MINUTE).after(MetricBook::MINUTE));
    }

    /// Ends the minute: publishes what was counted in it.
    pub(crate) fn end_minute(&mut self, step: &mut Step<'_>) {
        let Some(ends) = self.minute_ends.take() else { return };
        let mut tables: Vec<&mut OpenTable> =
            self.regions.values_mut().flat_map(|tables| tables.values_mut()).collect();
        tables.sort_by(|a, b| a.id.cmp(&b.id));
        for open in tables {
            step.scope = open.id.scope;
            open.publish(step, ends.before(MetricBook::MINUTE));
        }
    }
}

impl OpenTable {
    fn publish(&mut self, step: &mut Step<'_>, at: Timestamp) {
        let (units, query_items, scan_items) = {
            let meter = self.counters.read_meter();
            let mut reads = meter.counters();
            (reads.units.take(), reads.query_items.take(), reads.scan_items.take())
        };
        let times = |count: u64| if count == 0 { Vec::new() } else { vec![(1.0, count as f64)] };
        let failed = times(std::mem::take(&mut self.counters.failed_conditions));
        let expired = times(std::mem::take(&mut self.counters.expired));
        let written = self.counters.write_units.take();
        let mut publish = |name, operation: Option<&str>, values: Vec<(f64, f64)>| {
            if values.is_empty() {
                return;
            }
            let mut dimensions = Vec::with_capacity(2);
            dimensions.extend(operation.map(|operation| ("Operation".into(), operation.to_owned())));
            dimensions.push(("TableName".into(), self.table.name.clone()));
            step.metric(Datum { namespace: NAMESPACE, name, dimensions, unit: Unit::Count, at, values });
        };
        publish("ConsumedReadCapacityUnits", None, units);
        publish("ConsumedWriteCapacityUnits", None, written);
        publish("ConditionalCheckFailedRequests", None, failed);
        publish("ReturnedItemCount", Some("Query"), query_items);
        publish("ReturnedItemCount", Some("Scan"), scan_items);
        publish("TimeToLiveDeletedItemCount", None, expired);
    }
}
