//! `PutMetricAlarm`.

use std::collections::BTreeMap;

use pontoon_api::cloudwatch::*;
use pontoon_core::{Arn, Scope, Step, Timestamp};

use super::{Answer, dimensions, get_data, tags};
use crate::documents::Operation;
use crate::query::{Plan, Span};
use crate::state::alarm::{
    Alarm, Comparison, Definition, LowSamples, MetricQuery, Missing, Query, Source, Watch,
};
use crate::state::math::Value;
use crate::state::metric::{MetricName, Metrics};
use crate::state::period;
use crate::state::statistic::Statistic;
use crate::state::unit::Unit;
use crate::{ALARMS_MAX, CloudWatch, Error, alarm_arn, allow};

/// How many metrics an alarm on an expression may have.
const METRICS_MAX: usize = 10;
/// How many queries an alarm may have in all.
const QUERIES_MAX: usize = 20;

pub(super) fn put(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: PutMetricAlarmInput,
) -> Answer<PutMetricAlarmOutput> {
    allow(step, "cloudwatch:PutMetricAlarm", &alarm_arn(step.scope, &input.alarm_name))?;
    let scope = step.scope;
    let given_tags = input.tags.clone().unwrap_or_default();
    let definition = definition(input, scope, step.now)?;
    let name = definition.name.clone();
    let before = cloudwatch.alarm(scope, &name).cloned();
    let alarm = match &before {
        // Its state and tags stay: tags of an update are ignored, as AWS documents.
        Some(before) => Alarm {
            definition,
            metric_id: step.ids.uuid(),
            configured_millis: step.now.millis(),
            ..before.clone()
        },
        None => {
            let tags: BTreeMap<String, String> = tags::checked(&BTreeMap::new(), given_tags)?;
            if cloudwatch.alarms(scope).count() >= ALARMS_MAX {
                let message = format!("There are {ALARMS_MAX} alarms, the limit for an account.");
                return Err(Error::LimitExceeded(message));
            }
            Alarm::new(definition, step.ids.uuid(), tags, step.now)
        }
    };
    cloudwatch.put_alarm(step, scope, alarm.clone());
    let operation = if before.is_some() { Operation::Update } else { Operation::Create };
    cloudwatch.configured(step, scope, &alarm, before.as_ref(), operation);
    Ok(PutMetricAlarmOutput {}.into())
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Validation(message.into()))
}

fn required<T>(value: Option<T>, member: &str) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::Validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn definition(input: PutMetricAlarmInput, scope: Scope, now: Timestamp) -> Result<Definition, Error> {
    if input.alarm_name.chars().any(char::is_control) {
        return refuse("AlarmName must not contain control characters.");
    }
    if input.evaluation_criteria.is_some() || input.evaluation_interval.is_some() {
        return refuse("Pontoon does not support alarms on PromQL (EvaluationCriteria, EvaluationInterval).");
    }
    if input.threshold_metric_id.is_some() {
        return refuse("Pontoon does not support alarms on anomaly detection (ThresholdMetricId).");
    }
    let comparison = required(input.comparison_operator.as_deref(), "comparisonOperator")?;
    let Some(comparison) = Comparison::parse(comparison) else {
        return refuse(format!(
            "Pontoon does not support the ComparisonOperator {comparison}, which belongs to anomaly detection."
        ));
    };
    let periods = required(input.evaluation_periods, "evaluationPeriods")?;
    let threshold = required(input.threshold, "threshold")?;
    if !threshold.is_finite() {
        return refuse("Threshold must be a finite number.");
    }
    let watch = watch(&input, scope, now)?;
    let definition = Definition {
        name: input.alarm_name,
        description: input.alarm_description,
        actions_enabled: input.actions_enabled.unwrap_or(true),
        ok_actions: actions(input.ok_actions, scope)?,
        alarm_actions: actions(input.alarm_actions, scope)?,
        insufficient_data_actions: actions(input.insufficient_data_actions, scope)?,
        watch,
        evaluation_periods: u32::try_from(periods).unwrap_or(0),
        datapoints_to_alarm: input.datapoints_to_alarm.map(|count| u32::try_from(count).unwrap_or(0)),
        threshold,
        comparison,
        treat_missing_data: treat_missing_data(input.treat_missing_data.as_deref())?,
        low_samples: low_samples(input.evaluate_low_sample_count_percentile.as_deref())?,
    };
    check_periods(&definition)?;
    if definition.low_samples.is_some() && !watches_percentile(&definition.watch) {
        return refuse("EvaluateLowSampleCountPercentile can only be used for alarms on a percentile.");
    }
    Ok(definition)
}

/// The evaluation periods, which are bounded by a day, or by a week for periods of an hour and more.
fn check_periods(definition: &Definition) -> Result<(), Error> {
    let (count, period) = (u64::from(definition.evaluation_periods), definition.period().as_secs());
    if count == 0 {
        return refuse("EvaluationPeriods must be at least 1.");
    }
    if definition.datapoints_to_alarm == Some(0) {
        return refuse("DatapointsToAlarm must be at least 1.");
    }
    if definition.datapoints_to_alarm.is_some_and(|datapoints| u64::from(datapoints) > count) {
        return refuse("DatapointsToAlarm must be less than or equal to EvaluationPeriods.");
    }
    if period < 3600 && count * period > 86_400 {
        return refuse(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms \
             using period < 3600.",
        );
    }
    if count * period > 604_800 {
        return refuse(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms \
             using period >= 3600.",
        );
    }
    Ok(())
}

fn watch(input: &PutMetricAlarmInput, scope: Scope, now: Timestamp) -> Result<Watch, Error> {
    let queries = input.metrics.as_deref().unwrap_or_default();
    let of_metric = [
        ("MetricName", input.metric_name.is_some()),
        ("Namespace", input.namespace.is_some()),
        ("Dimensions", input.dimensions.as_ref().is_some_and(|dimensions| !dimensions.is_empty())),
        ("Period", input.period.is_some()),
        ("Unit", input.unit.is_some()),
        ("Statistic", input.statistic.is_some()),
        ("ExtendedStatistic", input.extended_statistic.is_some()),
    ];
    let given = of_metric.iter().find(|(_, given)| *given);
    match (given, queries.is_empty()) {
        (Some((name, _)), false) => refuse(format!(
            "The parameters Metrics and {name} are mutually exclusive and you have specified both."
        )),
        (None, false) => math(queries, scope, now).map(Watch::Math),
        (_, true) => single(input),
    }
}

/// An alarm on one metric.
fn single(input: &PutMetricAlarmInput) -> Result<Watch, Error> {
    let Some(name) = input.metric_name.clone() else {
        return refuse("Either MetricName or Metrics must be specified.");
    };
    let namespace = required(input.namespace.clone(), "namespace")?;
    let secs = required(input.period, "period")?;
    if !period::is_alarmable(i64::from(secs)) {
        return refuse("Period must be 10, 20, 30 or a multiple of 60");
    }
    let (statistic, extended) = match (&input.statistic, &input.extended_statistic) {
        (Some(basic), None) => (basic.clone(), false),
        (None, Some(extended)) => (extended.clone(), true),
        (Some(_), Some(_)) => {
            return refuse(
                "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.",
            );
        }
        (None, None) => return refuse("Either Statistic or ExtendedStatistic must be specified."),
    };
    if extended && (Statistic::parse(&statistic).is_none() || Statistic::parse_basic(&statistic).is_some()) {
        return refuse(format!("The value {statistic} for parameter ExtendedStatistic is not supported."));
    }
    if let Some(unit) = &input.unit
        && Unit::parse(unit).is_none()
    {
        return refuse(format!("The value {unit} for parameter Unit is invalid."));
    }
    let dimensions = dimensions(input.dimensions.as_deref(), "Dimensions").map_err(as_validation)?;
    let query = MetricQuery {
        metric: MetricName::new(namespace, name, dimensions.clone()),
        period_secs: secs.unsigned_abs(),
        statistic,
        unit: input.unit.clone(),
    };
    Ok(Watch::Metric { query, extended, dimensions })
}

/// `PutMetricAlarm` knows no other error for its parameters.
fn as_validation(error: Error) -> Error {
    match error {
        Error::InvalidParameterValue(message) | Error::InvalidParameterCombination(message) => {
            Error::Validation(message)
        }
        Error::MissingParameter(path) => Error::Validation(format!("The parameter {path} is required.")),
        other => other,
    }
}

/// An alarm on an expression: at most ten metrics of one period, one result, and that a time series.
fn math(given: &[MetricDataQuery], scope: Scope, now: Timestamp) -> Result<Vec<Query>, Error> {
    if given.len() > QUERIES_MAX {
        return refuse(format!("The collection Metrics must not have a size greater than {QUERIES_MAX}."));
    }
    let mut queries = get_data::read_queries(given, scope, "Metrics").map_err(as_validation)?;
    let metrics = || {
        queries.iter().filter_map(|query| match &query.source {
            Source::Metric(metric) => Some(metric),
            Source::Expression { .. } => None,
        })
    };
    let count = metrics().count();
    if count == 0 {
        return refuse("Pontoon does not support alarms on expressions without metrics.");
    }
    if count > METRICS_MAX {
        return refuse(format!("An alarm can have at most {METRICS_MAX} metrics."));
    }
    let periods: std::collections::BTreeSet<u32> = metrics().map(|metric| metric.period_secs).collect();
    if periods.len() > 1 {
        return refuse("All metrics of an alarm must have the same period.");
    }
    if !periods.iter().all(|secs| period::is_alarmable(i64::from(*secs))) {
        return refuse("Period must be 10, 20, 30 or a multiple of 60");
    }
    // A request with one query means that one, whatever it says.
    if let [only] = queries.as_mut_slice() {
        only.return_data = true;
    }
    let wanted: Vec<usize> =
        queries.iter().enumerate().filter(|(_, query)| query.return_data).map(|(at, _)| at).collect();
    let [wanted] = wanted.as_slice() else {
        return refuse("Exactly one element of the metrics list should return data.");
    };
    check_result(&queries, *wanted, scope, now)?;
    Ok(queries)
}

/// Whether the result is one time series: tried without data, which does not change its kind.
fn check_result(queries: &[Query], wanted: usize, scope: Scope, now: Timestamp) -> Result<(), Error> {
    let span =
        Span { start: now.before(std::time::Duration::from_secs(3600)), rounded: false, end: now, now };
    let plan = Plan::new(queries, span, scope, &Metrics::default()).map_err(Error::Validation)?;
    let outcomes = match plan.run(&Nothing) {
        Ok(outcomes) => outcomes.map_err(Error::Validation)?,
        Err(error) => unreachable!("nothing is read of metrics that do not exist: {error}"),
    };
    match outcomes.get(wanted).map(|outcome| &outcome.value) {
        Some(Value::Series(_)) => Ok(()),
        _ => refuse(format!(
            "Error in expression '{}': an alarm needs one time series as its result.",
            queries[wanted].id
        )),
    }
}

/// No data at all.
struct Nothing;

impl crate::records::Source for Nothing {
    fn entries(
        &self,
        _range: &pontoon_core::KeyRange,
    ) -> Result<Vec<(Vec<u8>, bytes::Bytes)>, pontoon_core::StoreError> {
        Ok(Vec::new())
    }
}

fn watches_percentile(watch: &Watch) -> bool {
    let Watch::Metric { query, .. } = watch else { return false };
    matches!(Statistic::parse(&query.statistic), Some(Statistic::Percentile(_)))
}

fn treat_missing_data(given: Option<&str>) -> Result<Option<Missing>, Error> {
    let Some(given) = given else { return Ok(None) };
    match Missing::parse(given) {
        Some(missing) => Ok(Some(missing)),
        None => refuse(format!(
            "The value {given} is not supported for TreatMissingData parameter. Supported values are [breaching, \
             notBreaching, ignore, missing]."
        )),
    }
}

fn low_samples(given: Option<&str>) -> Result<Option<LowSamples>, Error> {
    match given {
        None => Ok(None),
        Some("evaluate") => Ok(Some(LowSamples::Evaluate)),
        Some("ignore") => Ok(Some(LowSamples::Ignore)),
        Some(other) => refuse(format!(
            "The value {other} is not supported for EvaluateLowSampleCountPercentile parameter. Supported values are \
             [evaluate, ignore]."
        )),
    }
}

/// The actions of a state: topics and functions. AWS has others, which act on what Pontoon does not run.
fn actions(given: Option<Vec<String>>, scope: Scope) -> Result<Vec<String>, Error> {
    let given = given.unwrap_or_default();
    for action in &given {
        let Some(arn) = Arn::parse(action) else {
            return refuse(format!("Invalid arn syntax: {action}"));
        };
        let supported = match arn.service {
            "sns" => !arn.resource.contains(':'),
            "lambda" => arn.resource.starts_with("function:"),
            _ => false,
        };
        if !supported {
            return refuse(format!(
                "Pontoon does not support the alarm action {action}: only SNS topics and Lambda functions are."
            ));
        }
        let Some(home) = arn.scope() else {
            return refuse(format!("Invalid arn syntax: {action}"));
        };
        if home.region != scope.region {
            return refuse(format!(
                "Invalid region {} specified. Only {} is supported.",
                home.region, scope.region
            ));
        }
    }
    Ok(given)
}
