//! Values gathered until they are sent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Measurement, Unit};

/// How many series are gathered at most; values of further ones are dropped, and counted.
const SERIES_MAX: usize = 10_000;
/// How many distinct values a series gathers; beyond, values are rounded to three digits, which a percentile does not notice.
const DISTINCT_MAX: usize = 1_000;

/// What the values of a series have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) dimensions: Vec<(Cow<'static, str>, String)>,
    pub(super) name: Cow<'static, str>,
    pub(super) unit: Unit,
    /// The minute since the epoch that the values are of.
    pub(super) minute: i64,
}

/// Values and how often each came.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// By the value's bits.
    counts: BTreeMap<u64, f64>,
}

impl Values {
    fn add(&mut self, value: f64, count: f64) {
        let full = self.counts.len() >= DISTINCT_MAX && !self.counts.contains_key(&value.to_bits());
        let value = if full { rounded(value) } else { value };
        *self.counts.entry(value.to_bits()).or_default() += count;
    }

    /// Each value with its count.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, f64)> {
        self.counts.iter().map(|(bits, count)| (f64::from_bits(*bits), *count))
    }
}

/// The value to three significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// All that was recorded since it was last taken.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    series: BTreeMap<Key, Values>,
    dropped: u64,
}

impl Gathered {
    /// Adds a value that was recorded in this minute; `common` are dimensions that all have.
    pub(super) fn add(
        &mut self,
        measurement: Measurement,
        common: &[(Cow<'static, str>, String)],
        minute: i64,
    ) {
        let Measurement { name, value, unit, mut dimensions } = measurement;
        for (name, value) in common {
            if !dimensions.iter().any(|(known, _)| known == name) {
                dimensions.push((name.clone(), value.clone()));
            }
        }
        dimensions.sort();
        self.add_to(Key { dimensions, name, unit, minute }, value, 1.0);
    }

    fn add_to(&mut self, key: Key, value: f64, count: f64) {
        if self.series.len() >= SERIES_MAX && !self.series.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        self.series.entry(key).or_default().add(value, count);
    }

    /// Takes everything, and tells in the log of what was dropped.
    pub(super) fn take(&mut self) -> BTreeMap<Key, Values> {
        if self.dropped > 0 {
            tracing::warn!(
                values = self.dropped,
                series = SERIES_MAX,
                "too many metrics with different dimensions; values were dropped"
            );
            self.dropped = 0;
        }
        std::mem::take(&mut self.series)
    }

    /// Puts back what could not be sent.
    #[cfg(feature = "cloudwatch")]
    pub(super) fn put_back(&mut self, key: &Key, values: impl IntoIterator<Item = (f64, f64)>) {
        for (value, count) in values {
            self.add_to(key.clone(), value, count);
        }
    }
}

/// The present minute since the epoch.
pub(super) fn this_minute() -> i64 {
    jiff::Timestamp::now().as_second().div_euclid(60)
}
