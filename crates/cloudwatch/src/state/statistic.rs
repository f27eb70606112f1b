//! The statistics of a stretch of time.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>

use super::aggregate::Aggregate;

/// One end of the range of a trimmed statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A percentage of the values, 0 to 100.
    Percent(f64),
    /// A value.
    Value(f64),
}

/// From where to where values are taken; an end that is left out is that of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Exclusive lower end.
    pub low: Option<Bound>,
    /// Inclusive upper end.
    pub high: Option<Bound>,
}

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Number of values.
    SampleCount,
    /// Mean.
    Average,
    /// Sum.
    Sum,
    /// Smallest value.
    Minimum,
    /// Largest value.
    Maximum,
    /// `p99.9`: the smallest value that this percentage of the values do not exceed.
    Percentile(f64),
    /// `tm90`, `TM(10%:90%)`, `IQM`: the mean of the values in the range.
    TrimmedMean(Range),
    /// `wm90`: the mean, with values beyond the range replaced by its ends.
    WinsorizedMean(Range),
    /// `tc90`: the number of values in the range.
    TrimmedCount(Range),
    /// `ts90`: the sum of the values in the range.
    TrimmedSum(Range),
    /// `PR(10:20)`: the percentage of values in the range.
    PercentileRank(Range),
}

impl Statistic {
    /// The five that need no knowledge of single values.
    #[must_use]
    pub fn parse_basic(name: &str) -> Option<Self> {
        Some(match name {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => return None,
        })
    }

    /// Any statistic, by the name that `GetMetricData` and alarms take; `None` if there is none of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(basic) = Self::parse_basic(name) {
            return Some(basic);
        }
        if name == "IQM" {
            let quarter = |percent| Some(Bound::Percent(percent));
            return Some(Self::TrimmedMean(Range { low: quarter(25.0), high: quarter(75.0) }));
        }
        if let Some(percent) = name.strip_prefix('p') {
            return number(percent).filter(|p| (0.0..=100.0).contains(p)).map(Self::Percentile);
        }
        let (kind, rest) = name.split_at_checked(2)?;
        // Capitals take a range in parentheses, small letters a percentage alone.
        let range = match rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
            Some(inner) => Range::parse(inner)?,
            None => {
                let percent = number(rest).filter(|p| (0.0..=100.0).contains(p))?;
                Range { low: None, high: Some(Bound::Percent(percent)) }
            }
        };
        match (kind, rest.starts_with('(')) {
            ("TM", true) | ("tm", false) => Some(Self::TrimmedMean(range)),
            ("WM", true) | ("wm", false) => Some(Self::WinsorizedMean(range)),
            ("TC", true) | ("tc", false) => Some(Self::TrimmedCount(range)),
            ("TS", true) | ("ts", false) => Some(Self::TrimmedSum(range)),
            // A rank asks about values, and has no short form.
            ("PR", true) if range.is_of_values() => Some(Self::PercentileRank(range)),
            _ => None,
        }
    }

    /// What it is of these values; `None` if there are none, or if it needs to know each and statistic sets or negative values are among them.
    #[must_use]
    pub fn of(&self, aggregate: &Aggregate) -> Option<f64> {
        if aggregate.count <= 0.0 {
            return None;
        }
        match self {
            Self::SampleCount => return Some(aggregate.count),
            Self::Average => return Some(aggregate.sum / aggregate.count),
            Self::Sum => return Some(aggregate.sum),
            Self::Minimum => return Some(aggregate.minimum),
            Self::Maximum => return Some(aggregate.maximum),
            // As AWS: not of statistic sets, and not of data with negative values.
            _ if aggregate.has_sets || aggregate.minimum < 0.0 => return None,
            _ => {}
        }
        match self {
            Self::Percentile(percent) => percentile(aggregate, *percent),
            Self::TrimmedMean(range) => {
                let kept = kept(aggregate, range);
                (kept.count > 0.0).then(|| kept.sum / kept.count)
            }
            Self::WinsorizedMean(range) => winsorized(aggregate, range),
            Self::TrimmedCount(range) => Some(kept(aggregate, range).count),
            Self::TrimmedSum(range) => Some(kept(aggregate, range).sum),
            Self::PercentileRank(range) => Some(kept(aggregate, range).count / aggregate.count * 100.0),
            _ => unreachable!("the basic statistics were answered above"),
        }
    }
}

impl Range {
    /// `10%:90%`, `:500`, `0.5:`.
    fn parse(text: &str) -> Option<Self> {
        let bound = |text: &str| match text.trim() {
            "" => Some(None),
            text => match text.strip_suffix('%') {
                Some(percent) => {
                    number(percent).filter(|p| (0.0..=100.0).contains(p)).map(|p| Some(Bound::Percent(p)))
                }
                None => number(text).map(|value| Some(Bound::Value(value))),
            },
        };
        let (low, high) = text.split_once(':')?;
        let range = Self { low: bound(low)?, high: bound(high)? };
        (range.low.is_some() || range.high.is_some()).then_some(range)
    }

    fn is_of_values(&self) -> bool {
        !matches!(self.low, Some(Bound::Percent(_))) && !matches!(self.high, Some(Bound::Percent(_)))
    }
}

/// A plain decimal number; neither signs nor exponents, as in the names of statistics.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.len() <= 20;
    plain.then(|| text.parse().ok()).flatten()
}

fn percentile(aggregate: &Aggregate, percent: f64) -> Option<f64> {
    // Statistics are over known values here; their counts are what ranks are counted in.
    let rank = aggregate.count * percent / 100.0;
    let mut seen = 0.0;
    for (value, count) in &aggregate.values {
        seen += count;
        if seen >= rank {
            return Some(*value);
        }
    }
    aggregate.values.last().map(|(value, _)| *value)
}

struct Kept {
    count: f64,
    sum: f64,
}

/// The values in the range. A value whose rank straddles a percentage is taken in part, so that 90 % of the data are 90 % of the count.
fn kept(aggregate: &Aggregate, range: &Range) -> Kept {
    let rank = |percent: f64| aggregate.count * percent / 100.0;
    let mut kept = Kept { count: 0.0, sum: 0.0 };
    let mut before = 0.0;
    for (value, count) in &aggregate.values {
        let (mut from, mut to) = (before, before + count);
        before += count;
        match range.low {
            Some(Bound::Percent(percent)) => from = rank(percent).max(from),
            Some(Bound::Value(low)) if *value <= low => continue,
            _ => {}
        }
        match range.high {
            Some(Bound::Percent(percent)) => to = rank(percent).min(to),
            Some(Bound::Value(high)) if *value > high => continue,
            _ => {}
        }
        if to > from {
            kept.count += to - from;
            kept.sum += value * (to - from);
        }
    }
    kept
}

fn winsorized(aggregate: &Aggregate, range: &Range) -> Option<f64> {
    let end = |bound: Option<Bound>, default: f64| match bound {
        None => Some(default),
        Some(Bound::Value(value)) => Some(value),
        Some(Bound::Percent(percent)) => percentile(aggregate, percent),
    };
    let low = end(range.low, f64::NEG_INFINITY)?;
    let high = end(range.high, f64::INFINITY)?;
    let sum: f64 = aggregate.values.iter().map(|(value, count)| value.max(low).min(high) * count).sum();
    Some(sum / aggregate.count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Aggregate {
        let mut aggregate = Aggregate::default();
        values.into_iter().for_each(|value| aggregate.add(value, 1.0));
        aggregate
    }

    #[track_caller]
    fn check(name: &str, values: impl IntoIterator<Item = f64>, expected: Option<f64>) {
        assert_eq!(Statistic::parse(name).unwrap().of(&of(values)), expected, "{name}");
    }

    #[test]
    fn each_statistic_of_one_to_ten() {
        let ten = || (1..=10).map(f64::from);
        for (name, expected) in [
            ("SampleCount", 10.0),
            ("Average", 5.5),
            ("Sum", 55.0),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("p0", 1.0),
            ("p10", 1.0),
            ("p50", 5.0),
            ("p99.9", 10.0),
            ("p100", 10.0),
            ("tm90", 5.0),
            ("TM(10%:90%)", 5.5),
            ("TM(2:4)", 3.5),
            ("TM(:3)", 2.0),
            ("IQM", 5.5),
            ("tc90", 9.0),
            ("TC(5:)", 5.0),
            ("ts90", 45.0),
            ("TS(:3)", 6.0),
            ("wm90", 5.4),
            ("WM(:9)", 5.4),
            ("PR(:3)", 30.0),
            ("PR(2:4)", 20.0),
        ] {
            check(name, ten(), Some(expected));
        }
    }

    #[test]
    fn there_are_no_statistics_of_nothing() {
        check("Sum", [], None);
        check("p50", [], None);
        check("TM(20:30)", [1.0], None);
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in [
            "", "p", "p-1", "p101", "p1e1", "average", "tm", "tm101", "TM()", "TM(:)", "TM(1)", "PR(1%:2)",
            "pr90", "TM90", "tm(1:2)", "é9", "x90", "TM(1:2", "p1.2.3",
        ] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn statistic_sets_have_no_percentiles() {
        let mut aggregate = Aggregate::default();
        aggregate.add_set(2.0, 3.0, 1.0, 2.0);
        assert_eq!(Statistic::Average.of(&aggregate), Some(1.5));
        assert_eq!(Statistic::Percentile(50.0).of(&aggregate), None);
    }

    #[test]
    fn negative_values_have_no_percentiles() {
        check("p50", [-1.0, 1.0], None);
        check("tm90", [-1.0, 1.0], None);
        check("Minimum", [-1.0, 1.0], Some(-1.0));
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_nearest_rank(
            values in prop::collection::vec(0..1000_i32, 1..140),
            percent in 0..=1000_u32,
        ) {
            let mut sorted: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            sorted.sort_by(f64::total_cmp);
            let percent = f64::from(percent) / 10.0;
            let rank = (sorted.len() as f64 * percent / 100.0).ceil().max(1.0) as usize;
            prop_assert_eq!(percentile(&of(sorted.clone()), percent), Some(sorted[rank - 1]));
        }
    }
}
