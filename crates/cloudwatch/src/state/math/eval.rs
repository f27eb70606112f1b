//! What expressions come to.

use std::collections::BTreeMap;

use super::functions::Function;
use super::parse::{Expr, Operator};
use crate::state::series::{Series, Window};

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// Values over time.
    Series(Series),
    /// Several of them, each with a label.
    Array(Vec<(String, Series)>),
}

/// What expressions may refer to.
pub struct Env<'e> {
    /// The results of other queries by id.
    pub results: BTreeMap<&'e str, Value>,
    /// The queries that ask for metrics, in the order of the request.
    pub metrics: Vec<(&'e str, &'e Series)>,
    /// The periods asked for.
    pub window: Window,
}

impl Value {
    /// The same with each value changed; what is no finite number then is dropped from a series.
    pub(super) fn map_values(self, change: impl Fn(f64) -> f64) -> Result<Self, String> {
        if let Self::Scalar(value) = self {
            return Ok(Self::Scalar(change(value)));
        }
        self.map_series(|series| Ok(series.iter().map(|(at, value)| (*at, change(*value))).collect()))
    }

    /// The same with each series changed.
    pub(super) fn map_series(
        self,
        mut change: impl FnMut(&Series) -> Result<Series, String>,
    ) -> Result<Self, String> {
        let mut finite = |series: &Series| {
            let mut changed = change(series)?;
            changed.retain(|_, value| value.is_finite());
            Ok(changed)
        };
        match self {
            Self::Scalar(_) => Err("a time series is needed, and this is a number".to_owned()),
            Self::Series(series) => finite(&series).map(Self::Series),
            Self::Array(array) => {
                let changed = array.into_iter().map(|(label, series)| Ok((label, finite(&series)?)));
                changed.collect::<Result<_, String>>().map(Self::Array)
            }
        }
    }

    pub(super) fn into_array(self, function: Function) -> Result<Vec<(String, Series)>, String> {
        match self {
            Self::Array(array) => Ok(array),
            _ => Err(format!("{function:?} takes an array of time series")),
        }
    }

    pub(super) fn into_series(self, function: Function) -> Result<Series, String> {
        match self {
            Self::Series(series) => Ok(series),
            _ => Err(format!("{function:?} takes a time series")),
        }
    }
}

/// What an expression comes to.
///
/// # Errors
/// What is wrong with it: an id that is not defined, a function of the wrong kind of value.
pub fn evaluate(expr: &Expr, env: &Env<'_>) -> Result<Value, String> {
    match expr {
        Expr::Number(number) => Ok(Value::Scalar(*number)),
        Expr::Text(text) => Err(format!("the text \"{text}\" is no value")),
        Expr::Name(name) => {
            env.results.get(name.as_str()).cloned().ok_or_else(|| format!("the id {name} is not defined"))
        }
        Expr::Negate(inner) => evaluate(inner, env)?.map_values(|value| -value),
        Expr::Array(parts) => array(parts, env),
        Expr::Binary(..) => in_a_row(expr, env),
        Expr::Call(function, args) => function.call(args, env),
    }
}

fn array(parts: &[Expr], env: &Env<'_>) -> Result<Value, String> {
    let mut array = Vec::new();
    for part in parts {
        let label = if let Expr::Name(name) = part { name.clone() } else { String::new() };
        match evaluate(part, env)? {
            Value::Series(series) => array.push((label, series)),
            Value::Array(inner) => array.extend(inner),
            Value::Scalar(_) => return Err("an array holds time series, not numbers".to_owned()),
        }
    }
    Ok(Value::Array(array))
}

/// Operators in a row, from the left: without recursion, for a row may be as long as the expression.
fn in_a_row(expr: &Expr, env: &Env<'_>) -> Result<Value, String> {
    let (mut first, mut rest) = (expr, Vec::new());
    while let Expr::Binary(operator, a, b) = first {
        rest.push((*operator, b));
        first = a;
    }
    let first = evaluate(first, env)?;
    rest.into_iter().rev().try_fold(first, |value, (operator, b)| binary(operator, value, evaluate(b, env)?))
}

/// Two series as one: at every instant that either has a value for, a missing one counts as zero (the user guide says so).
fn joined(a: &Series, b: &Series, by: impl Fn(f64, f64) -> f64) -> Series {
    let value = |series: &Series, at| series.get(at).copied().unwrap_or_default();
    a.keys().chain(b.keys()).map(|at| (*at, by(value(a, at), value(b, at)))).collect()
}

fn binary(operator: Operator, a: Value, b: Value) -> Result<Value, String> {
    let by = |x: f64, y: f64| operator.apply(x, y);
    match (a, b) {
        (Value::Scalar(x), Value::Scalar(y)) => Ok(Value::Scalar(by(x, y))),
        (series, Value::Scalar(y)) => series.map_values(|x| by(x, y)),
        (Value::Scalar(x), series) => series.map_values(|y| by(x, y)),
        (Value::Array(_), Value::Array(_)) => {
            Err(format!("the operator {operator:?} does not take two arrays"))
        }
        (a, Value::Series(b)) => a.map_series(|a| Ok(joined(a, &b, by))),
        (Value::Series(a), b) => b.map_series(|b| Ok(joined(&a, b, by))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pontoon_core::Timestamp;

    use super::super::parse;
    use super::*;

    fn series(values: &[Option<f64>]) -> Series {
        let at = |n: usize| Timestamp::from_secs(n as i64 * 60);
        values.iter().enumerate().filter_map(|(n, value)| Some((at(n), (*value)?))).collect()
    }

    /// `m1` is 1 2 - 8, `m2` is 10 0 5 2, `m3` has no data.
    fn eval(text: &str) -> Result<Value, String> {
        let m1 = series(&[Some(1.0), Some(2.0), None, Some(8.0)]);
        let m2 = series(&[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
        let m3 = Series::new();
        let results = BTreeMap::from([
            ("m1", Value::Series(m1.clone())),
            ("m2", Value::Series(m2.clone())),
            ("m3", Value::Series(m3.clone())),
        ]);
        let window = Window {
            start: Timestamp::EPOCH,
            end: Timestamp::from_secs(240),
            period: Duration::from_secs(60),
        };
        let env = Env { results, metrics: vec![("m1", &m1), ("m2", &m2), ("m3", &m3)], window };
        evaluate(&parse(text)?, &env)
    }

    #[track_caller]
    fn check(text: &str, expected: &[Option<f64>]) {
        assert_eq!(eval(text), Ok(Value::Series(series(expected))), "{text}");
    }

    #[test]
    fn a_missing_value_is_zero_beside_another() {
        check("m1 + m2", &[Some(11.0), Some(2.0), Some(5.0), Some(10.0)]);
        check("100 * m1 / m2", &[Some(10.0), None, Some(0.0), Some(400.0)]);
        check("-m1 ^ 2", &[Some(1.0), Some(4.0), None, Some(64.0)]);
        check("m1 > 1 AND m2 >= 2", &[Some(0.0), Some(0.0), Some(0.0), Some(1.0)]);
        check("m1 + m3", &[Some(1.0), Some(2.0), None, Some(8.0)]);
        check("m3 * m3", &[]);
    }

    #[test]
    fn functions_of_series() {
        assert_eq!(eval("SUM(m1)"), Ok(Value::Scalar(11.0)));
        assert_eq!(eval("MAX(m2) - MIN(m2) + AVG(m2) * 4"), Ok(Value::Scalar(27.0)));
        assert_eq!(eval("PERIOD(m1) + DATAPOINT_COUNT(m1)"), Ok(Value::Scalar(63.0)));
        check("DIFF(m2)", &[None, Some(-10.0), Some(5.0), Some(-3.0)]);
        check("RATE(m1)", &[None, Some(1.0 / 60.0), None, Some(0.05)]);
        check("RUNNING_SUM(m2)", &[Some(10.0), Some(10.0), Some(15.0), Some(17.0)]);
        check("CEIL(m2 / 4)", &[Some(3.0), Some(0.0), Some(2.0), Some(1.0)]);
        check("TIME_SERIES(7)", &[Some(7.0); 4]);
        check("DIFF_TIME(m1)", &[None, Some(60.0), None, Some(120.0)]);
        check("LOG10(m2)", &[Some(1.0), None, Some(5.0_f64.log10()), Some(2.0_f64.log10())]);
    }

    #[test]
    fn functions_of_arrays() {
        check("SUM([m1, m2])", &[Some(11.0), Some(2.0), Some(5.0), Some(10.0)]);
        check("MAX(METRICS())", &[Some(10.0), Some(2.0), Some(5.0), Some(8.0)]);
        check("AVG([m1, m2])", &[Some(5.5), Some(1.0), Some(2.5), Some(5.0)]);
        check("DATAPOINT_COUNT(METRICS())", &[Some(2.0), Some(2.0), Some(1.0), Some(2.0)]);
        check("m2 / METRIC_COUNT(METRICS()) * 3", &[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
        check("FIRST(SORT(METRICS(), SUM, DESC))", &[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
        check("FIRST(SORT(METRICS(), AVG, ASC))", &[Some(1.0), Some(2.0), None, Some(8.0)]);
        check("LAST(SORT(METRICS(), MAX, DESC, 2))", &[Some(1.0), Some(2.0), None, Some(8.0)]);
        check("SUM(SLICE(METRICS(), 1))", &[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
        check("SUM(SLICE(METRICS(), 0, 1))", &[Some(1.0), Some(2.0), None, Some(8.0)]);
        check("SUM(SLICE(METRICS(), 9))", &[]);
        check("AVG(METRICS('m2'))", &[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
        check("SUM(METRICS() * 2)", &[Some(22.0), Some(4.0), Some(10.0), Some(20.0)]);
        check("LAST(REMOVE_EMPTY(METRICS()))", &[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
        check("STDDEV([m2])", &[Some(0.0); 4]);
    }

    #[test]
    fn missing_values_are_filled_as_asked() {
        check("FILL(m1, 0)", &[Some(1.0), Some(2.0), Some(0.0), Some(8.0)]);
        check("FILL(m1, REPEAT)", &[Some(1.0), Some(2.0), Some(2.0), Some(8.0)]);
        check("FILL(m1, LINEAR)", &[Some(1.0), Some(2.0), Some(5.0), Some(8.0)]);
        check("FILL(m1, m2)", &[Some(1.0), Some(2.0), Some(5.0), Some(8.0)]);
        check("FILL(m3, 1)", &[Some(1.0); 4]);
        check("FILL(m3, REPEAT)", &[]);
    }

    #[test]
    fn instants_have_values_too() {
        // 1970-01-01 was a Thursday.
        for (function, expected) in [
            ("MINUTE", [0.0, 1.0, 2.0, 3.0]),
            ("HOUR", [0.0; 4]),
            ("DAY", [4.0; 4]),
            ("DATE", [1.0; 4]),
            ("MONTH", [1.0; 4]),
            ("YEAR", [1970.0; 4]),
            ("EPOCH", [0.0, 60.0, 120.0, 180.0]),
        ] {
            check(&format!("{function}(m1)"), &expected.map(Some));
        }
    }

    /// Evaluates over `metric1` and so on, as the tables of the user guide name them.
    #[track_caller]
    fn check_table(metrics: &[&[Option<f64>]], text: &str, expected: &[Option<f64>]) {
        let names = ["metric1", "metric2", "metric3"];
        let results =
            names.into_iter().zip(metrics).map(|(name, values)| (name, Value::Series(series(values))));
        let end = Timestamp::from_secs(expected.len() as i64 * 60);
        let window = Window { start: Timestamp::EPOCH, end, period: Duration::from_secs(60) };
        let env = Env { results: results.collect(), metrics: Vec::new(), window };
        assert_eq!(evaluate(&parse(text).unwrap(), &env), Ok(Value::Series(series(expected))), "{text}");
    }

    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions>
    #[test]
    fn conditions_are_as_in_the_tables() {
        let metrics: [&[Option<f64>]; 3] = [
            &[Some(1.0), Some(1.0), Some(0.0), Some(0.0), None],
            &[Some(30.0), None, Some(0.0), Some(0.0), Some(30.0)],
            &[Some(0.0), Some(0.0), Some(20.0), None, Some(20.0)],
        ];
        check_table(
            &metrics,
            "IF(metric1, metric2, metric3)",
            &[Some(30.0), Some(0.0), Some(20.0), None, None],
        );
        check_table(&metrics, "IF(metric1, 5, metric3)", &[Some(5.0), Some(5.0), Some(20.0), None, None]);
        check_table(
            &metrics,
            "IF(metric1, metric2, 5)",
            &[Some(30.0), Some(0.0), Some(5.0), Some(5.0), None],
        );
    }

    #[test]
    fn comparisons_are_as_in_the_table() {
        let metrics: [&[Option<f64>]; 2] =
            [&[Some(30.0), Some(20.0), Some(0.0), Some(0.0)], &[Some(20.0), None, Some(20.0), None]];
        check_table(&metrics, "(metric1 < metric2)", &[0.0, 0.0, 1.0, 0.0].map(Some));
        check_table(&metrics, "(metric1 >= 30)", &[1.0, 0.0, 0.0, 0.0].map(Some));
        check_table(&metrics, "(metric1 > 15 AND metric2 > 15)", &[1.0, 0.0, 0.0, 0.0].map(Some));
    }

    #[test]
    fn conditions_choose_value_by_value() {
        check("IF(m2 > 4, m1, 0)", &[Some(1.0), Some(0.0), Some(0.0), Some(0.0)]);
        check("IF(m2 > 4, 1)", &[Some(1.0), None, Some(1.0), None]);
        check("IF(SUM(m1) > 10, m2, m1)", &[Some(10.0), Some(0.0), Some(5.0), Some(2.0)]);
    }

    #[test]
    fn a_row_of_operators_may_be_as_long_as_an_expression() {
        let text = format!("1{}", "-1".repeat(1023));
        assert_eq!(eval(&text), Ok(Value::Scalar(-1022.0)));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (text, part) in [
            ("m9", "m9 is not defined"),
            ("SUM(1)", "time series"),
            ("SUM(m1, m2)", "one argument"),
            ("METRICS() + METRICS()", "two arrays"),
            ("[1]", "not numbers"),
            ("IF(m1)", "two or three"),
            ("FILL(1, 2)", "FILL"),
            ("METRICS(m1)", "text"),
            ("SORT(METRICS(), STDDEV, ASC)", "AVG, MIN, MAX or SUM"),
            ("SORT(METRICS(), AVG, UP)", "ASC or DESC"),
            ("SLICE(METRICS(), m1)", "number"),
            ("SLICE(METRICS(), -1)", "number"),
            ("METRIC_COUNT(m1)", "array"),
            ("HOUR(1)", "time series"),
        ] {
            assert!(eval(text).unwrap_err().contains(part), "{text}");
        }
    }
}
