//! The functions of metric math.

use std::collections::BTreeMap;

use pontoon_core::Timestamp;

use super::eval::{Env, Value};
use super::parse::Expr;
use crate::state::series::Series;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Absolute values.
    Abs,
    /// Mean.
    Avg,
    /// Rounded up.
    Ceil,
    /// How many data points.
    DatapointCount,
    /// The day of the month of each instant.
    Date,
    /// The day of the week of each instant, from 1 on Monday.
    Day,
    /// Difference from the value before.
    Diff,
    /// Seconds since the value before.
    DiffTime,
    /// Each instant in seconds since 1970.
    Epoch,
    /// Missing values filled.
    Fill,
    /// The first series of an array.
    First,
    /// Rounded down.
    Floor,
    /// The hour of each instant.
    Hour,
    /// One value or another.
    If,
    /// The last series of an array.
    Last,
    /// Natural logarithm.
    Log,
    /// Decimal logarithm.
    Log10,
    /// Largest.
    Max,
    /// How many series an array has.
    MetricCount,
    /// The metrics of the request.
    Metrics,
    /// Smallest.
    Min,
    /// The minute of each instant.
    Minute,
    /// The month of each instant.
    Month,
    /// Seconds of the period.
    Period,
    /// Change per second.
    Rate,
    /// An array without series that have no data.
    RemoveEmpty,
    /// Sums so far.
    RunningSum,
    /// Some series of an array.
    Slice,
    /// An array in an order.
    Sort,
    /// Standard deviation.
    Stddev,
    /// Sum.
    Sum,
    /// A number as a series.
    TimeSeries,
    /// The year of each instant.
    Year,
}

/// What AWS has too and Pontoon does not.
const UNSUPPORTED: [&str; 6] = [
    "ANOMALY_DETECTION_BAND",
    "DB_PERF_INSIGHTS",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "SEARCH",
    "SERVICE_QUOTA",
];

impl Function {
    /// The function of this name.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "ABS" => Self::Abs,
            "AVG" => Self::Avg,
            "CEIL" => Self::Ceil,
            "DATAPOINT_COUNT" => Self::DatapointCount,
            "DATE" => Self::Date,
            "DAY" => Self::Day,
            "DIFF" => Self::Diff,
            "DIFF_TIME" => Self::DiffTime,
            "EPOCH" => Self::Epoch,
            "FILL" => Self::Fill,
            "FIRST" => Self::First,
            "FLOOR" => Self::Floor,
            "HOUR" => Self::Hour,
            "IF" => Self::If,
            "LAST" => Self::Last,
            "LOG" => Self::Log,
            "LOG10" => Self::Log10,
            "MAX" => Self::Max,
            "METRIC_COUNT" => Self::MetricCount,
            "METRICS" => Self::Metrics,
            "MIN" => Self::Min,
            "MINUTE" => Self::Minute,
            "MONTH" => Self::Month,
            "PERIOD" => Self::Period,
            "RATE" => Self::Rate,
            "REMOVE_EMPTY" => Self::RemoveEmpty,
            "RUNNING_SUM" => Self::RunningSum,
            "SLICE" => Self::Slice,
            "SORT" => Self::Sort,
            "STDDEV" => Self::Stddev,
            "SUM" => Self::Sum,
            "TIME_SERIES" => Self::TimeSeries,
            "YEAR" => Self::Year,
            _ if UNSUPPORTED.contains(&name) => {
                return Err(format!("Pontoon does not support the function {name}"));
            }
            _ => return Err(format!("{name} is not a function")),
        })
    }

    /// What it makes of its arguments.
    pub(super) fn call(self, args: &[Expr], env: &Env<'_>) -> Result<Value, String> {
        match self {
            Self::Metrics => metrics(args, env),
            Self::Fill => fill(args, env),
            Self::If => choose(args, env),
            Self::Slice => slice(args, env),
            Self::Sort => sort(args, env),
            _ => {
                let [arg] = args else {
                    return Err(format!("{self:?} takes one argument, not {}", args.len()));
                };
                self.of_one(super::evaluate(arg, env)?, env)
            }
        }
    }

    fn of_one(self, arg: Value, env: &Env<'_>) -> Result<Value, String> {
        match self {
            Self::Sum | Self::Avg | Self::Min | Self::Max | Self::Stddev | Self::DatapointCount => {
                self.reduce(arg)
            }
            Self::Abs => arg.map_values(f64::abs),
            Self::Ceil => arg.map_values(f64::ceil),
            Self::Floor => arg.map_values(f64::floor),
            Self::Log => arg.map_values(f64::ln),
            Self::Log10 => arg.map_values(f64::log10),
            Self::Diff => arg.map_series(|series| Ok(changes(series, |change, _| change))),
            Self::DiffTime => arg.map_series(|series| Ok(changes(series, |_, secs| secs))),
            Self::Rate => arg.map_series(|series| Ok(changes(series, |change, secs| change / secs))),
            Self::RunningSum => arg.map_series(|series| Ok(running_sum(series))),
            Self::Date | Self::Day | Self::Epoch | Self::Hour | Self::Minute | Self::Month | Self::Year => {
                arg.into_series(self)?;
                Ok(Value::Series(env.window.starts().map(|at| (at, self.of_instant(at))).collect()))
            }
            Self::Period => {
                arg.into_series(self)?;
                Ok(Value::Scalar(env.window.period.as_secs_f64()))
            }
            Self::TimeSeries => match arg {
                Value::Scalar(value) if value.is_finite() => {
                    Ok(Value::Series(env.window.starts().map(|at| (at, value)).collect()))
                }
                Value::Scalar(_) => Ok(Value::Series(Series::new())),
                _ => Err("TIME_SERIES takes a number".to_owned()),
            },
            Self::RemoveEmpty => {
                let mut array = arg.into_array(self)?;
                array.retain(|(_, series)| !series.is_empty());
                Ok(Value::Array(array))
            }
            Self::MetricCount => Ok(Value::Scalar(arg.into_array(self)?.len() as f64)),
            Self::First => Ok(Value::Series(arg.into_array(self)?.into_iter().next().unwrap_or_default().1)),
            Self::Last => {
                Ok(Value::Series(arg.into_array(self)?.into_iter().next_back().unwrap_or_default().1))
            }
            Self::Metrics | Self::Fill | Self::If | Self::Slice | Self::Sort => {
                unreachable!("these take their arguments unevaluated")
            }
        }
    }

    /// What a function of the calendar is of an instant.
    fn of_instant(self, at: Timestamp) -> f64 {
        let zoned = at.zoned();
        match self {
            Self::Minute => f64::from(zoned.minute()),
            Self::Hour => f64::from(zoned.hour()),
            Self::Day => f64::from(zoned.weekday().to_monday_one_offset()),
            Self::Date => f64::from(zoned.day()),
            Self::Month => f64::from(zoned.month()),
            Self::Year => f64::from(zoned.year()),
            _ => at.secs() as f64,
        }
    }

    /// A series becomes a number; an array becomes a series of what it is at each instant that any of its series has a value for.
    fn reduce(self, arg: Value) -> Result<Value, String> {
        match arg {
            Value::Scalar(_) => Err(format!("{self:?} takes a time series or an array of them")),
            Value::Series(series) => {
                let values: Vec<f64> = series.into_values().collect();
                Ok(Value::Scalar(self.of_values(&values, values.len())))
            }
            Value::Array(array) => {
                let mut instants: BTreeMap<Timestamp, Vec<f64>> = BTreeMap::new();
                for (at, value) in array.iter().flat_map(|(_, series)| series) {
                    instants.entry(*at).or_default().push(*value);
                }
                // In the mean of an array what is missing counts as zero.
                let reduced =
                    instants.into_iter().map(|(at, values)| (at, self.of_values(&values, array.len())));
                Ok(Value::Series(reduced.collect()))
            }
        }
    }

    /// What it is of values out of `count`. Of nothing that is not a number, and what is made of it has no value.
    fn of_values(self, values: &[f64], count: usize) -> f64 {
        if self == Self::DatapointCount {
            return values.len() as f64;
        }
        if values.is_empty() {
            return f64::NAN;
        }
        let sum = values.iter().sum::<f64>();
        match self {
            Self::Sum => sum,
            Self::Avg => sum / count as f64,
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            _ => {
                let mean = sum / values.len() as f64;
                let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
                (squares / values.len() as f64).sqrt()
            }
        }
    }
}

fn running_sum(series: &Series) -> Series {
    let mut sum = 0.0;
    let summed = |(at, value): (&Timestamp, &f64)| {
        sum += value;
        (*at, sum)
    };
    series.iter().map(summed).collect()
}

/// What `change` makes of each difference from the value before, and the seconds since.
fn changes(series: &Series, change: impl Fn(f64, f64) -> f64) -> Series {
    let pairs = series.iter().zip(series.iter().skip(1));
    pairs.map(|((before, a), (at, b))| (*at, change(b - a, at.since(*before).as_secs_f64()))).collect()
}

/// `METRICS()`, `METRICS("id")`: the request's metrics, those whose id contains the text.
fn metrics(args: &[Expr], env: &Env<'_>) -> Result<Value, String> {
    let part = match args {
        [] => "",
        [Expr::Text(text)] => text,
        _ => return Err("METRICS takes at most one text in quotes".to_owned()),
    };
    let chosen = env.metrics.iter().filter(|(id, _)| id.contains(part));
    Ok(Value::Array(chosen.map(|(id, series)| ((*id).to_owned(), (*series).clone())).collect()))
}

/// `FILL(m, 0)`, `FILL(m, REPEAT)`, `FILL(m, LINEAR)`, `FILL(m, other)`.
fn fill(args: &[Expr], env: &Env<'_>) -> Result<Value, String> {
    let [of, with] = args else { return Err("FILL takes two arguments".to_owned()) };
    let of = super::evaluate(of, env)?;
    if matches!(of, Value::Scalar(_)) {
        return Err("FILL takes a time series or an array of them".to_owned());
    }
    if let Expr::Name(name) = with {
        match name.as_str() {
            "REPEAT" => return of.map_series(|series| Ok(repeated(series, env))),
            "LINEAR" => return of.map_series(|series| Ok(interpolated(series, env))),
            _ => {}
        }
    }
    let with = super::evaluate(with, env)?;
    of.map_series(|series| {
        let value = |at: Timestamp| match &with {
            Value::Scalar(value) => Ok(Some(*value)),
            Value::Series(other) => Ok(other.get(&at).copied()),
            Value::Array(_) => Err("FILL fills with a number or a time series".to_owned()),
        };
        let mut filled = series.clone();
        for at in env.window.starts() {
            if !filled.contains_key(&at)
                && let Some(value) = value(at)?
            {
                filled.insert(at, value);
            }
        }
        Ok(filled)
    })
}

/// Each missing value is that before it; what is missing before the first stays so.
fn repeated(series: &Series, env: &Env<'_>) -> Series {
    let mut last = None;
    let value = |at| {
        last = series.get(&at).copied().or(last);
        Some((at, last?))
    };
    env.window.starts().filter_map(value).collect()
}

/// Each missing value lies on the line between its neighbours; what is missing at the ends stays so.
fn interpolated(series: &Series, env: &Env<'_>) -> Series {
    let value = |at: Timestamp| {
        if let Some(value) = series.get(&at) {
            return Some((at, *value));
        }
        let (before, a) = series.range(..at).next_back()?;
        let (after, b) = series.range(at..).next()?;
        let share = at.since(*before).as_secs_f64() / after.since(*before).as_secs_f64();
        Some((at, a + (b - a) * share))
    };
    env.window.starts().filter_map(value).collect()
}

/// `IF(condition, then)`, `IF(condition, then, otherwise)`: value by value if the condition is a series.
fn choose(args: &[Expr], env: &Env<'_>) -> Result<Value, String> {
    let (condition, then, otherwise) = match args {
        [condition, then] => (condition, then, None),
        [condition, then, otherwise] => (condition, then, Some(otherwise)),
        _ => return Err("IF takes two or three arguments".to_owned()),
    };
    let condition = super::evaluate(condition, env)?;
    let then = super::evaluate(then, env)?;
    let otherwise = otherwise.map(|expr| super::evaluate(expr, env)).transpose()?;
    let branches = [Some(&then), otherwise.as_ref()];
    if branches.into_iter().flatten().any(|branch| matches!(branch, Value::Array(_))) {
        return Err("IF takes numbers and time series, not arrays".to_owned());
    }
    let value = |branch: &Value, at: &Timestamp| match branch {
        Value::Scalar(value) => Some(*value),
        Value::Series(series) => series.get(at).copied(),
        Value::Array(_) => None,
    };
    match condition {
        Value::Array(_) => Err("the condition of IF is a number or a time series".to_owned()),
        Value::Scalar(holds) if holds != 0.0 && !holds.is_nan() => Ok(then),
        Value::Scalar(_) => Ok(otherwise.unwrap_or_else(|| Value::Series(Series::new()))),
        Value::Series(condition) => {
            // Where the condition holds, a missing value is zero; where it does not, there is none.
            let chosen = condition.iter().filter_map(|(at, holds)| {
                let chosen = if *holds != 0.0 {
                    value(&then, at).or(Some(0.0))
                } else {
                    otherwise.as_ref().and_then(|otherwise| value(otherwise, at))
                };
                Some((*at, chosen?))
            });
            Ok(Value::Series(chosen.collect()))
        }
    }
}

/// `SLICE(array, start)`, `SLICE(array, start, end)`: counted from zero, without the end.
fn slice(args: &[Expr], env: &Env<'_>) -> Result<Value, String> {
    let (array, start, end) = match args {
        [array, start] => (array, start, None),
        [array, start, end] => (array, start, Some(end)),
        _ => return Err("SLICE takes two or three arguments".to_owned()),
    };
    let array = super::evaluate(array, env)?.into_array(Function::Slice)?;
    let start = position(start, Function::Slice, env)?;
    let end = end.map(|end| position(end, Function::Slice, env)).transpose()?.unwrap_or(usize::MAX);
    Ok(Value::Array(array.into_iter().take(end).skip(start).collect()))
}

/// `SORT(array, AVG, DESC)`, `SORT(array, AVG, DESC, 10)`.
fn sort(args: &[Expr], env: &Env<'_>) -> Result<Value, String> {
    let (array, by, order, limit) = match args {
        [array, Expr::Name(by), Expr::Name(order)] => (array, by, order, None),
        [array, Expr::Name(by), Expr::Name(order), limit] => (array, by, order, Some(limit)),
        _ => return Err("SORT takes an array, a function, an order, and a limit if wanted".to_owned()),
    };
    let by = match by.as_str() {
        "AVG" => Function::Avg,
        "MIN" => Function::Min,
        "MAX" => Function::Max,
        "SUM" => Function::Sum,
        _ => return Err(format!("SORT sorts by AVG, MIN, MAX or SUM, not by {by}")),
    };
    let descending = match order.as_str() {
        "ASC" => false,
        "DESC" => true,
        _ => return Err(format!("SORT sorts ASC or DESC, not {order}")),
    };
    let limit = limit.map(|limit| position(limit, Function::Sort, env)).transpose()?.unwrap_or(usize::MAX);
    let array = super::evaluate(array, env)?.into_array(Function::Sort)?;
    let key = |series: &Series| {
        let values: Vec<f64> = series.values().copied().collect();
        by.of_values(&values, values.len())
    };
    let mut keyed: Vec<_> = array.into_iter().map(|entry| (key(&entry.1), entry)).collect();
    // Series without data have no place among the others: they come last.
    keyed.sort_by(|(a, _), (b, _)| {
        let order = if descending { b.total_cmp(a) } else { a.total_cmp(b) };
        a.is_nan().cmp(&b.is_nan()).then(order)
    });
    Ok(Value::Array(keyed.into_iter().take(limit).map(|(_, entry)| entry).collect()))
}

/// A place in an array.
fn position(expr: &Expr, function: Function, env: &Env<'_>) -> Result<usize, String> {
    match super::evaluate(expr, env)? {
        Value::Scalar(value) if value >= 0.0 => Ok(value as usize),
        _ => Err(format!("{function:?} takes a number from zero on")),
    }
}
