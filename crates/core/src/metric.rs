//! What services tell CloudWatch about themselves.

use std::borrow::Cow;
use std::time::Duration;

use crate::HashMap;
use crate::scope::Scope;
use crate::time::Timestamp;

/// Units that our services publish in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// No unit.
    None,
}

impl Unit {
    /// CloudWatch's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// Dimension names and values, sorted by name.
pub type Dimensions = Vec<(Cow<'static, str>, String)>;

/// Values of one metric at one instant: each distinct value with how often it occurred, so that percentiles stay exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// `AWS/SQS`, …
    pub namespace: &'static str,
    /// `NumberOfMessagesSent`, …
    pub name: &'static str,
    /// Whose.
    pub dimensions: Dimensions,
    /// Unit.
    pub unit: Unit,
    /// When.
    pub at: Timestamp,
    /// Values and their counts.
    pub values: Vec<(f64, f64)>,
}

/// Gathers a service's metrics by minute, so that a hot path costs an addition and CloudWatch hears once a minute.
///
/// What the running minute has gathered is lost in a crash: metrics are observations, not acknowledged writes.
#[derive(Debug, Default)]
pub struct MetricBook {
    open: HashMap<Key, Vec<(f64, f64)>>,
    minute: Timestamp,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    scope: Scope,
    namespace: &'static str,
    name: &'static str,
    dimensions: Dimensions,
    unit: Unit,
}

impl MetricBook {
    /// How many distinct values of one metric a minute keeps apart; beyond it the nearest are merged.
    pub const VALUES_MAX: usize = 150;

    /// One minute, the resolution of AWS's own metrics.
    pub const MINUTE: Duration = Duration::from_secs(60);

    /// Adds one observation.
    pub fn add(
        &mut self,
        now: Timestamp,
        scope: Scope,
        (namespace, name, unit): (&'static str, &'static str, Unit),
        dimensions: Dimensions,
        value: f64,
    ) {
        if self.open.is_empty() {
            self.minute = now.floor(Self::MINUTE);
        }
        let values = self.open.entry(Key { scope, namespace, name, dimensions, unit }).or_default();
        if let Some((_, count)) = values.iter_mut().find(|(seen, _)| *seen == value) {
            *count += 1.0;
        } else if values.len() < Self::VALUES_MAX {
            values.push((value, 1.0));
        } else {
            let distance = |seen: f64| (seen - value).abs();
            let nearest = values.iter_mut().min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)));
            if let Some((seen, count)) = nearest {
                *seen = (*seen * *count + value) / (*count + 1.0);
                *count += 1.0;
            }
        }
    }

    /// When the running minute ends, if anything was gathered in it.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        (!self.open.is_empty()).then(|| self.minute.after(Self::MINUTE))
    }

    /// Closes the running minute and gives what it gathered, in a fixed order, stamped with the minute's start.
    pub fn close(&mut self) -> Vec<(Scope, Datum)> {
        let at = self.minute;
        let mut closed: Vec<_> = self
            .open
            .drain()
            .map(|(key, values)| {
                let Key { scope, namespace, name, dimensions, unit } = key;
                (scope, Datum { namespace, name, dimensions, unit, at, values })
            })
            .collect();
        closed.sort_by(|(s1, a), (s2, b)| {
            (s1, a.namespace, a.name, &a.dimensions).cmp(&(s2, b.namespace, b.name, &b.dimensions))
        });
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_closes_with_each_value_and_its_count() {
        let mut book = MetricBook::default();
        let (now, scope) = (Timestamp::from_secs(90), Scope::default());
        for value in [1.0, 2.0, 1.0] {
            book.add(now, scope, ("AWS/SQS", "SentMessageSize", Unit::Bytes), vec![], value);
        }
        assert_eq!(book.due(), Some(Timestamp::from_secs(120)));
        let closed = book.close();
        assert_eq!(closed[0].1.at, Timestamp::from_secs(60));
        assert_eq!(closed[0].1.values, [(1.0, 2.0), (2.0, 1.0)]);
        assert_eq!(book.due(), None);
    }
}
