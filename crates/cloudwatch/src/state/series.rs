//! Values over time.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_core::Timestamp;

use super::aggregate::Aggregate;
use super::statistic::Statistic;
use super::unit::Unit;

/// One value for some of the periods from a start; instants ascend.
pub type Series = BTreeMap<Timestamp, f64>;

/// What is stored of one stretch of one metric: an aggregate for each unit.
pub type Cell = BTreeMap<Unit, Aggregate>;

/// A window of whole periods: from `start`, up to but without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where the first period begins.
    pub start: Timestamp,
    /// Where the data end; the last period may be cut by it.
    pub end: Timestamp,
    /// How long a period is; at least a second.
    pub period: Duration,
}

impl Window {
    /// How many periods it has.
    #[must_use]
    pub fn periods(&self) -> u64 {
        let (span, period) = (self.end.since(self.start).as_millis(), self.period.as_millis().max(1));
        u64::try_from(span.div_ceil(period)).unwrap_or(u64::MAX)
    }

    /// The start of the period that holds `at`.
    #[must_use]
    pub fn period_of(&self, at: Timestamp) -> Timestamp {
        let whole = Timestamp::from_millis(at.millis() - self.start.millis()).floor(self.period);
        Timestamp::from_millis(self.start.millis() + whole.millis())
    }

    /// The starts of its periods, ascending.
    pub fn starts(&self) -> impl DoubleEndedIterator<Item = Timestamp> + use<> {
        let (start, period) = (self.start, self.period.as_millis());
        (0..self.periods()).map(move |n| {
            let offset = u128::from(n) * period;
            Timestamp::from_millis(start.millis() + i64::try_from(offset).unwrap_or(i64::MAX))
        })
    }
}

/// A metric's data by unit and period.
#[derive(Debug, Default)]
pub struct Grid {
    /// For each unit that occurs, each period that has data.
    pub units: BTreeMap<Unit, BTreeMap<Timestamp, Aggregate>>,
}

impl Grid {
    /// Sorts stored stretches into the periods of a window.
    #[must_use]
    pub fn gather(window: &Window, cells: impl IntoIterator<Item = (Timestamp, Cell)>) -> Self {
        let mut grid = Self::default();
        for (at, cell) in cells {
            if at < window.start || at >= window.end {
                continue;
            }
            let period = window.period_of(at);
            for (unit, aggregate) in cell {
                grid.units.entry(unit).or_default().entry(period).or_default().merge(&aggregate);
            }
        }
        grid
    }

    /// The data of the unit asked for; of the first in the alphabet if none was (recorded: `get_metric_data_different_units_no_unit_in_query`).
    #[must_use]
    pub fn of_unit(&self, unit: Option<Unit>) -> Option<&BTreeMap<Timestamp, Aggregate>> {
        match unit {
            Some(unit) => self.units.get(&unit),
            None => self.units.first_key_value().map(|(_, periods)| periods),
        }
    }
}

/// A statistic of each period.
#[must_use]
pub fn statistic(periods: &BTreeMap<Timestamp, Aggregate>, statistic: &Statistic) -> Series {
    periods.iter().filter_map(|(at, aggregate)| Some((*at, statistic.of(aggregate)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell(unit: Unit, value: f64) -> Cell {
        let mut aggregate = Aggregate::default();
        aggregate.add(value, 1.0);
        Cell::from([(unit, aggregate)])
    }

    #[test]
    fn periods_count_from_the_start_not_from_the_epoch() {
        let window = Window {
            start: Timestamp::from_secs(90),
            end: Timestamp::from_secs(400),
            period: Duration::from_secs(120),
        };
        let starts: Vec<i64> = window.starts().map(Timestamp::secs).collect();
        assert_eq!(starts, [90, 210, 330]);
        assert_eq!(window.period_of(Timestamp::from_secs(209)).secs(), 90);
        assert_eq!(window.period_of(Timestamp::from_secs(210)).secs(), 210);
    }

    #[test]
    fn units_are_kept_apart_and_the_first_one_counts() {
        let window = Window {
            start: Timestamp::EPOCH,
            end: Timestamp::from_secs(60),
            period: Duration::from_secs(60),
        };
        let [seconds, millis] = ["Seconds", "Milliseconds"].map(|name| Unit::parse(name).unwrap());
        let at = Timestamp::EPOCH;
        let grid = Grid::gather(&window, [(at, cell(seconds, 60.0)), (at, cell(millis, 60_000.0))]);
        let sum = |unit| statistic(grid.of_unit(unit).unwrap(), &Statistic::Sum)[&at];
        assert_eq!((sum(None), sum(Some(seconds))), (60_000.0, 60.0));
        assert!(grid.of_unit(Some(Unit::NONE)).is_none());
    }

    proptest! {
        #[test]
        fn sums_by_period_are_those_of_a_naive_model(
            data in prop::collection::vec((0..1000_i64, -100..100_i32), 0..80),
            start in 0..500_i64,
            span in 1..600_i64,
            period in 1..200_i64,
        ) {
            let window = Window {
                start: Timestamp::from_secs(start),
                end: Timestamp::from_secs(start + span),
                period: Duration::from_secs(period as u64),
            };
            let cells = data.iter().map(|(at, value)| (Timestamp::from_secs(*at), cell(Unit::NONE, f64::from(*value))));
            let grid = Grid::gather(&window, cells);
            let sums = grid.of_unit(None).map(|periods| statistic(periods, &Statistic::Sum)).unwrap_or_default();
            let mut naive = BTreeMap::new();
            for (at, value) in data.iter().filter(|(at, _)| (start..start + span).contains(at)) {
                *naive.entry(Timestamp::from_secs((at - start) / period * period + start)).or_insert(0.0) += f64::from(*value);
            }
            prop_assert_eq!(sums, naive);
        }
    }
}
