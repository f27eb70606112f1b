//! `PutMetricData`.

use std::time::Duration;

use pontoon_api::cloudwatch::*;
use pontoon_core::{Access, Step, Timestamp};

use super::{Answer, dimensions};
use crate::data::Sample;
use crate::state::aggregate::{Aggregate, VALUES_MAX};
use crate::state::metric::{METRICS_MAX, MetricName};
use crate::state::unit::Unit;
use crate::{CloudWatch, Error};

/// How many data one request may hold.
const DATA_MAX: usize = 1000;
/// How far back data may lie.
const PAST_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far ahead data may lie.
const FUTURE_MAX: Duration = Duration::from_secs(2 * 3600);

pub(super) fn put(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: PutMetricDataInput,
) -> Answer<PutMetricDataOutput> {
    let context = [("cloudwatch:namespace", input.namespace.as_str())];
    let access =
        Access { action: "cloudwatch:PutMetricData", resource: "*", policy: None, context: &context };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))?;
    if input.entity_metric_data.is_some() {
        return Err(Error::Unsupported("the parameter EntityMetricData of PutMetricData".to_owned()));
    }
    check_namespace(&input.namespace)?;
    let data = input.metric_data.unwrap_or_default();
    if data.is_empty() {
        return Err(Error::MissingParameter("MetricData".to_owned()));
    }
    if data.len() > DATA_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "The collection MetricData must not have a size greater than {DATA_MAX}."
        )));
    }
    let mut samples = Vec::with_capacity(data.len());
    for (n, datum) in data.into_iter().enumerate() {
        samples.push(sample(&input.namespace, datum, &format!("MetricData.member.{}", n + 1), step.now)?);
    }
    let scope = step.scope;
    let fresh =
        samples.iter().filter(|sample| cloudwatch.metrics.get(scope, &sample.metric).is_none()).count();
    if cloudwatch.metrics.count() + fresh > METRICS_MAX {
        return Err(Error::LimitExceeded(format!(
            "There are {METRICS_MAX} metrics, as many as Pontoon keeps."
        )));
    }
    for sample in samples {
        cloudwatch.keep(step, scope, sample);
    }
    Ok(PutMetricDataOutput {}.into())
}

fn check_namespace(namespace: &str) -> Result<(), Error> {
    if namespace.is_empty() {
        return Err(Error::MissingParameter("Namespace".to_owned()));
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#' | ':' | ' ');
    // AWS keeps its own namespaces to itself.
    if namespace.starts_with("AWS/")
        || namespace.starts_with(':')
        || namespace.len() > 255
        || !namespace.chars().all(valid)
        || namespace.trim().is_empty()
    {
        return Err(Error::InvalidParameterValue(format!(
            "The value {namespace} for parameter Namespace is invalid."
        )));
    }
    Ok(())
}

fn sample(namespace: &str, datum: MetricDatum, path: &str, now: Timestamp) -> Result<Sample, Error> {
    if datum.metric_name.is_empty() {
        return Err(Error::MissingParameter(format!("{path}.MetricName")));
    }
    let name = &datum.metric_name;
    if name.len() > 255 || !name.is_ascii() || name.chars().any(char::is_control) || name.trim().is_empty() {
        return Err(Error::InvalidParameterValue(format!(
            "The value {name} for parameter {path}.MetricName is invalid."
        )));
    }
    let dimensions = dimensions(datum.dimensions.as_deref(), &format!("{path}.Dimensions"))?;
    let unit = match datum.unit.as_deref() {
        None => Unit::NONE,
        Some(unit) => Unit::parse(unit).ok_or_else(|| {
            Error::InvalidParameterValue(format!("The value {unit} for parameter {path}.Unit is invalid."))
        })?,
    };
    let values = values(&datum, path)?;
    let at = check_time(datum.timestamp, now, path)?;
    let high_resolution = match datum.storage_resolution {
        None | Some(60) => false,
        Some(1) => true,
        Some(other) => {
            return Err(Error::InvalidParameterValue(format!(
                "The value {other} for parameter {path}.StorageResolution is invalid. It must be 1 or 60."
            )));
        }
    };
    let metric = MetricName::new(namespace.to_owned(), datum.metric_name, dimensions);
    Ok(Sample { metric, at, high_resolution, unit, values })
}

fn check_time(given: Option<Timestamp>, now: Timestamp, path: &str) -> Result<Timestamp, Error> {
    let at = given.unwrap_or(now);
    let refuse = |what: &str| {
        Err(Error::InvalidParameterValue(format!(
            "The parameter {path}.Timestamp must specify a time {what}."
        )))
    };
    if at < now.before(PAST_MAX) {
        return refuse("within the past two weeks");
    }
    if at > now.after(FUTURE_MAX) {
        return refuse("no more than two hours in the future");
    }
    Ok(at)
}

/// The values of a datum, which are given in one of three ways.
fn values(datum: &MetricDatum, path: &str) -> Result<Aggregate, Error> {
    let given: Vec<&str> = [
        (datum.value.is_some(), "Value"),
        (datum.values.is_some(), "Values"),
        (datum.statistic_values.is_some(), "StatisticValues"),
    ]
    .into_iter()
    .filter_map(|(given, name)| given.then_some(name))
    .collect();
    match given.as_slice() {
        [] => {
            return Err(Error::InvalidParameterCombination(format!(
                "At least one of the parameters {path}.Value, {path}.Values and {path}.StatisticValues must be specified."
            )));
        }
        [_] => {}
        [first, second, ..] => {
            return Err(Error::InvalidParameterCombination(format!(
                "The parameters {path}.{first} and {path}.{second} are mutually exclusive and you have specified both."
            )));
        }
    }
    let mut aggregate = Aggregate::default();
    if let Some(value) = datum.value {
        aggregate.add(check_number(value, path, "Value")?, 1.0);
    }
    if let Some(values) = &datum.values {
        add_values(&mut aggregate, values, datum.counts.as_deref(), path)?;
    }
    if let Some(set) = &datum.statistic_values {
        add_set(&mut aggregate, set, path)?;
    }
    Ok(aggregate)
}

fn add_values(
    aggregate: &mut Aggregate,
    values: &[f64],
    counts: Option<&[f64]>,
    path: &str,
) -> Result<(), Error> {
    if values.is_empty() {
        return Err(Error::MissingParameter(format!("{path}.Values")));
    }
    if values.len() > VALUES_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "The collection {path}.Values must not have a size greater than {VALUES_MAX}."
        )));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(Error::InvalidParameterValue(format!(
            "The parameters {path}.Values and {path}.Counts must be of the same size."
        )));
    }
    for (n, value) in values.iter().enumerate() {
        let value = check_number(*value, path, &format!("Values.member.{}", n + 1))?;
        let member = format!("Counts.member.{}", n + 1);
        let count = counts.map_or(Ok(1.0), |counts| check_number(counts[n], path, &member))?;
        if count < 0.0 {
            return Err(invalid_number(count, path, &member));
        }
        aggregate.add(value, count);
    }
    Ok(())
}

fn add_set(aggregate: &mut Aggregate, set: &StatisticSet, path: &str) -> Result<(), Error> {
    let number = |value: f64, name: &str| check_number(value, path, &format!("StatisticValues.{name}"));
    let count = number(set.sample_count, "SampleCount")?;
    let sum = number(set.sum, "Sum")?;
    let minimum = number(set.minimum, "Minimum")?;
    let maximum = number(set.maximum, "Maximum")?;
    if count < 0.0 {
        return Err(invalid_number(count, path, "StatisticValues.SampleCount"));
    }
    if minimum > maximum {
        return Err(Error::InvalidParameterValue(format!(
            "The parameter {path}.StatisticValues.Maximum must be greater than {path}.StatisticValues.Minimum."
        )));
    }
    aggregate.add_set(count, sum, minimum, maximum);
    Ok(())
}

/// Numbers are finite and between -2^360 and 2^360.
fn check_number(value: f64, path: &str, name: &str) -> Result<f64, Error> {
    if value.is_finite() && value.abs() <= 2.0_f64.powi(360) {
        // No negative zero, which would be another value than zero.
        Ok(value + 0.0)
    } else {
        Err(invalid_number(value, path, name))
    }
}

fn invalid_number(value: f64, path: &str, name: &str) -> Error {
    let value = match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => (if value > 0.0 { "Infinity" } else { "-Infinity" }).to_owned(),
        value => crate::state::reason::java_double(value),
    };
    Error::InvalidParameterValue(format!("The value {value} for parameter {path}.{name} is invalid."))
}
