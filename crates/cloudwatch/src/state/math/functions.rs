//! The functions of metric math.

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
    /// Difference from the value before.
    Diff,
    /// Missing values filled.
    Fill,
    /// The first series of an array.
    First,
    /// Rounded down.
    Floor,
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
    /// The metrics of the request.
    Metrics,
    /// Smallest.
    Min,
    /// Seconds of the period.
    Period,
    /// Change per second.
    Rate,
    /// An array without series that have no data.
    RemoveEmpty,
    /// Sums so far.
    RunningSum,
    /// Standard deviation.
    Stddev,
    /// Sum.
    Sum,
    /// A number as a series.
    TimeSeries,
}

/// What AWS has too and Pontoon does not.
const UNSUPPORTED: [&str; 17] = [
    "ANOMALY_DETECTION_BAND",
    "DATE",
    "DAY",
    "DB_PERF_INSIGHTS",
    "DIFF_TIME",
    "EPOCH",
    "HOUR",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "MINUTE",
    "MONTH",
    "SEARCH",
    "SERVICE_QUOTA",
    "SLICE",
    "SORT",
    "TIME_SERIES_FORECAST",
    "YEAR",
];

impl Function {
    /// The function of this name.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "ABS" => Self::Abs,
            "AVG" => Self::Avg,
            "CEIL" => Self::Ceil,
            "DATAPOINT_COUNT" => Self::DatapointCount,
            "DIFF" => Self::Diff,
            "FILL" => Self::Fill,
            "FIRST" => Self::First,
            "FLOOR" => Self::Floor,
            "IF" => Self::If,
            "LAST" => Self::Last,
            "LOG" => Self::Log,
            "LOG10" => Self::Log10,
            "MAX" => Self::Max,
            "METRICS" => Self::Metrics,
            "MIN" => Self::Min,
            "PERIOD" => Self::Period,
            "RATE" => Self::Rate,
            "REMOVE_EMPTY" => Self::RemoveEmpty,
            "RUNNING_SUM" => Self::RunningSum,
            "STDDEV" => Self::Stddev,
            "SUM" => Self::Sum,
            "TIME_SERIES" => Self::TimeSeries,
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
            Self::Sum | Self::Avg | Self::Min | Self::Max | Self::Stddev => self.reduce(arg),
            Self::Abs => arg.map_values(f64::abs),
            Self::Ceil => arg.map_values(f64::ceil),
            Self::Floor => arg.map_values(f64::floor),
            Self::Log => arg.map_values(f64::ln),
            Self::Log10 => arg.map_values(f64::log10),
            Self::Diff => arg.map_series(|series| Ok(changes(series, |change, _| change))),
            Self::Rate => arg.map_series(|series| Ok(changes(series, |change, secs| change / secs))),
            Self::RunningSum => arg.map_series(|series| {
                let mut sum = 0.0;
                let summed = |(at, value): (&Timestamp, &f64)| {
                    sum += value;
                    (*at, sum)
                };
                Ok(series.iter().map(summed).collect())
            }),
            Self::Period => match arg {
                Value::Series(_) => Ok(Value::Scalar(env.window.period.as_secs_f64())),
                _ => Err("PERIOD takes a time series".to_owned()),
            },
            Self::DatapointCount => match arg {
                Value::Series(series) => Ok(Value::Scalar(series.len() as f64)),
                _ => Err("DATAPOINT_COUNT takes a time series".to_owned()),
            },
            Self::TimeSeries => match arg {
                Value::Scalar(value) if value.is_finite() => {
                    Ok(Value::Series(env.window.starts().map(|at| (at, value)).collect()))
                }
                Value::Scalar(_) => Ok(Value::Series(Series::new())),
                _ => Err("TIME_SERIES takes a number".to_owned()),
            },
            Self::RemoveEmpty => Ok(Value::Array(
                arg.into_array("REMOVE_EMPTY")?
                    .into_iter()
                    .filter(|(_, series)| !series.is_empty())
                    .collect(),
            )),
            Self::First | Self::Last => {
                let array = arg.into_array(if self == Self::First { "FIRST" } else { "LAST" })?;
                let one = if self == Self::First {
                    array.into_iter().next()
                } else {
                    array.into_iter().next_back()
                };
                Ok(Value::Series(one.map(|(_, series)| series).unwrap_or_default()))
            }
            Self::Metrics | Self::Fill | Self::If => unreachable!("these take their arguments unevaluated"),
        }
    }

    /// A series becomes a number; an array becomes a series of what it is at each instant.
    fn reduce(self, arg: Value) -> Result<Value, String> {
        match arg {
            Value::Scalar(_) => Err(format!("{self:?} takes a time series or an array of them")),
            Value::Series(series) => {
                let values: Vec<f64> = series.into_values().collect();
                // Nothing has no value; what is made of it later has none either.
                Ok(Value::Scalar(self.of_values(&values).unwrap_or(f64::NAN)))
            }
            Value::Array(array) => {
                let mut instants: std::collections::BTreeMap<Timestamp, Vec<f64>> = Default::default();
                for (at, value) in array.iter().flat_map(|(_, series)| series) {
                    instants.entry(*at).or_default().push(*value);
                }
                let reduced =
                    instants.into_iter().filter_map(|(at, values)| Some((at, self.of_values(&values)?)));
                Ok(Value::Series(reduced.collect()))
            }
        }
    }

    fn of_values(self, values: &[f64]) -> Option<f64> {
        if values.is_empty() {
            return None;
        }
        let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
        Some(match self {
            Self::Sum => sum,
            Self::Avg => sum / count,
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            _ => (values.iter().map(|value| (value - sum / count).powi(2)).sum::<f64>() / count).sqrt(),
        })
    }
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
    let value = |branch: Option<&Value>, at: Timestamp| match branch? {
        Value::Scalar(value) => Some(*value),
        Value::Series(series) => series.get(&at).copied(),
        Value::Array(_) => None,
    };
    match condition {
        Value::Array(_) => Err("the condition of IF is a number or a time series".to_owned()),
        Value::Scalar(holds) if holds != 0.0 && !holds.is_nan() => Ok(then),
        Value::Scalar(_) => Ok(otherwise.unwrap_or_else(|| Value::Series(Series::new()))),
        Value::Series(condition) => {
            let chosen = condition.iter().filter_map(|(at, holds)| {
                let branch = if *holds != 0.0 { Some(&then) } else { otherwise.as_ref() };
                Some((*at, value(branch, *at)?))
            });
            Ok(Value::Series(chosen.collect()))
        }
    }
}
