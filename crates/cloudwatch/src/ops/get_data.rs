//! `GetMetricData`.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_api::cloudwatch::*;
use pontoon_core::{Reply, Scope, Step, StoreRead, Timestamp};

use super::{Answer, dimensions, token};
use crate::query::{Outcome, Plan, Span};
use crate::records;
use crate::state::alarm::{MetricQuery, Query, Source};
use crate::state::math::Value;
use crate::state::metric::MetricName;
use crate::state::period;
use crate::state::series::Series;
use crate::state::statistic::Statistic;
use crate::state::unit::Unit;
use crate::{CloudWatch, Error, allow};

/// How many queries one request may hold.
const QUERIES_MAX: usize = 500;
/// How many data points an answer holds at most, and unless asked for fewer.
const DATAPOINTS_MAX: i32 = 100_800;

pub(super) fn get(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: GetMetricDataInput,
) -> Answer<GetMetricDataOutput> {
    allow(step, "cloudwatch:GetMetricData", "*")?;
    if input.label_options.is_some() {
        return Err(unsupported("the parameter LabelOptions"));
    }
    if input.start_time >= input.end_time {
        return Err(Error::Validation(
            "The parameter StartTime must be less than the parameter EndTime.".to_owned(),
        ));
    }
    if input.metric_data_queries.is_empty() {
        return Err(Error::MissingParameter("MetricDataQueries".to_owned()));
    }
    if input.metric_data_queries.len() > QUERIES_MAX {
        return Err(Error::Validation(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        )));
    }
    let max = input.max_datapoints.unwrap_or(DATAPOINTS_MAX);
    if max < 1 {
        return Err(Error::Validation(format!("The value {max} for parameter MaxDatapoints is invalid.")));
    }
    let from = match token::decode_text(input.next_token.as_deref())? {
        None => 0,
        Some(place) => place.parse::<usize>().map_err(|_| Error::InvalidNextToken)?,
    };
    let queries = read_queries(&input.metric_data_queries, step.scope, "MetricDataQueries")?;
    if queries.iter().all(|query| !query.return_data) {
        return Err(Error::Validation(
            "At least one element of the parameter MetricDataQueries must have ReturnData set to true."
                .to_owned(),
        ));
    }
    let span = Span { start: input.start_time, rounded: true, end: input.end_time, now: step.now };
    let plan = Plan::new(&queries, span, step.scope, &cloudwatch.metrics).map_err(Error::Validation)?;
    let page = Page {
        from,
        max: max.min(DATAPOINTS_MAX).unsigned_abs() as usize,
        ascending: input.scan_by.as_deref() == Some("TimestampAscending"),
    };
    Ok(Reply::Read(Box::new(move |store: &dyn StoreRead| {
        let outcomes = plan.run(&store).map_err(|error| records::read_failed(&error))?;
        let outcomes = outcomes.map_err(Error::Validation)?;
        let labels = labels(&queries);
        let mut rows = Vec::new();
        for (query, outcome) in queries.iter().zip(outcomes) {
            if query.return_data {
                rows.extend(rows_of(query, &labels, outcome)?);
            }
        }
        Ok(page.of(rows))
    })))
}

fn unsupported(what: &str) -> Error {
    Error::Validation(format!("Pontoon does not support {what}."))
}

/// Reads queries and checks each.
///
/// # Errors
/// `ValidationError`, with the query's path.
pub(super) fn read_queries(given: &[MetricDataQuery], scope: Scope, list: &str) -> Result<Vec<Query>, Error> {
    let mut ids = BTreeSet::new();
    let mut queries = Vec::with_capacity(given.len());
    for (n, query) in given.iter().enumerate() {
        let path = format!("{list}.member.{}", n + 1);
        check_id(&query.id, &path)?;
        if !ids.insert(query.id.as_str()) {
            return Err(Error::Validation(format!("The values for parameter id in {list} are not unique.")));
        }
        if query.account_id.as_deref().is_some_and(|account| account != scope.account.as_str()) {
            return Err(unsupported("metrics of other accounts (AccountId)"));
        }
        if query.label.as_deref().is_some_and(|label| label.contains("${")) {
            return Err(unsupported("dynamic labels (${...})"));
        }
        let source = match (&query.metric_stat, &query.expression) {
            (Some(stat), None) => Source::Metric(metric_query(stat, &path)?),
            (None, Some(text)) => {
                let period_secs = match query.period {
                    None => None,
                    Some(secs) if period::is_queryable(i64::from(secs)) => Some(secs.unsigned_abs()),
                    Some(secs) => return Err(invalid_period(secs, &path)),
                };
                Source::Expression { text: text.clone(), period_secs }
            }
            (Some(_), Some(_)) => {
                return Err(Error::Validation(format!(
                    "The parameters {path}.Expression and {path}.MetricStat are mutually exclusive and you have specified both."
                )));
            }
            (None, None) => {
                return Err(Error::Validation(format!(
                    "Either {path}.Expression or {path}.MetricStat must be specified."
                )));
            }
        };
        queries.push(Query {
            id: query.id.clone(),
            source,
            label: query.label.clone(),
            return_data: query.return_data.unwrap_or(true),
        });
    }
    Ok(queries)
}

fn check_id(id: &str, path: &str) -> Result<(), Error> {
    let mut chars = id.chars();
    let valid = chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && id.len() <= 255;
    if valid {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "The value {id} for parameter {path}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
    )))
}

fn invalid_period(secs: i32, path: &str) -> Error {
    Error::Validation(format!(
        "The value {secs} for parameter {path}.Period is invalid. It must be 1, 5, 10, 20, 30 or a multiple of 60."
    ))
}

fn metric_query(stat: &MetricStat, path: &str) -> Result<MetricQuery, Error> {
    let path = format!("{path}.MetricStat");
    if !period::is_queryable(i64::from(stat.period)) {
        return Err(invalid_period(stat.period, &path));
    }
    if Statistic::parse(&stat.stat).is_none() {
        return Err(Error::Validation(format!(
            "The value {} for parameter {path}.Stat is not supported.",
            stat.stat
        )));
    }
    if let Some(unit) = &stat.unit
        && Unit::parse(unit).is_none()
    {
        return Err(Error::Validation(format!("The value {unit} for parameter {path}.Unit is invalid.")));
    }
    let required = |value: &Option<String>, name: &str| match value {
        Some(value) if !value.is_empty() => Ok(value.clone()),
        _ => Err(Error::Validation(format!("The parameter {path}.Metric.{name} is required."))),
    };
    let namespace = required(&stat.metric.namespace, "Namespace")?;
    let name = required(&stat.metric.metric_name, "MetricName")?;
    let dimensions = dimensions(stat.metric.dimensions.as_deref(), &format!("{path}.Metric.Dimensions"))?;
    Ok(MetricQuery {
        metric: MetricName::new(namespace, name, dimensions),
        period_secs: stat.period.unsigned_abs(),
        statistic: stat.stat.clone(),
        unit: stat.unit.clone(),
    })
}

/// Labels of queries that were given none: the metric's name, with the statistic and the period as far as these differ among the metrics of the request
/// (recorded: `label_generation`); an expression's id.
fn labels(queries: &[Query]) -> BTreeMap<&str, String> {
    let metrics = || {
        queries.iter().filter_map(|query| match &query.source {
            Source::Metric(metric) => Some(metric),
            Source::Expression { .. } => None,
        })
    };
    let statistics: BTreeSet<&str> = metrics().map(|metric| metric.statistic.as_str()).collect();
    let periods: BTreeSet<u32> = metrics().map(|metric| metric.period_secs).collect();
    let label = |query: &Query| match (&query.label, &query.source) {
        (Some(label), _) => label.clone(),
        (None, Source::Expression { .. }) => query.id.clone(),
        (None, Source::Metric(metric)) => {
            let mut label = metric.metric.name.clone();
            if statistics.len() > 1 {
                label = format!("{label} {}", metric.statistic);
            }
            if periods.len() > 1 {
                label = format!("{label} {}", metric.period_secs);
            }
            label
        }
    };
    queries.iter().map(|query| (query.id.as_str(), label(query))).collect()
}

/// One result before it is cut into pages.
struct Row {
    id: String,
    label: String,
    series: Series,
    messages: Option<Vec<MessageData>>,
}

/// The results of one query. Those of an array are labelled with the expression's label and that of the metric which each was made of.
fn rows_of(query: &Query, labels: &BTreeMap<&str, String>, outcome: Outcome) -> Result<Vec<Row>, Error> {
    let units: Vec<&str> = outcome.units.iter().map(|unit| unit.as_str()).collect();
    let messages = (units.len() > 1).then(|| {
        vec![MessageData {
            code: Some("MultipleUnits".to_owned()),
            value: Some(format!("Multiple units returned: '[{}]'", units.join(", "))),
        }]
    });
    let id = query.id.clone();
    let label = labels.get(id.as_str()).cloned().unwrap_or_default();
    match outcome.value {
        Value::Series(series) => Ok(vec![Row { id, label, series, messages }]),
        Value::Array(array) => {
            let row = |(own, series): (String, Series)| {
                let parts = [label.as_str(), labels.get(own.as_str()).map_or("", String::as_str)];
                let label = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
                Row { id: id.clone(), label, series, messages: None }
            };
            Ok(array.into_iter().map(row).collect())
        }
        Value::Scalar(_) => Err(Error::Validation(format!(
            "Error in expression '{id}': it returns a number, and a time series is needed (TIME_SERIES makes one)"
        ))),
    }
}

/// Which of all data points an answer holds: `max` from the `from`-th on, counted over the results one after another.
struct Page {
    from: usize,
    max: usize,
    ascending: bool,
}

impl Page {
    fn of(&self, rows: Vec<Row>) -> GetMetricDataOutput {
        let until = self.from.saturating_add(self.max);
        let mut before = 0;
        let mut results = Vec::new();
        for row in rows {
            let (first, count) = (before, row.series.len());
            before += count;
            // A result without data belongs to the first page.
            let concerns = if count == 0 { self.from == 0 } else { first < until && before > self.from };
            if concerns {
                let skip = self.from.saturating_sub(first);
                results.push(self.result(row, skip, until.saturating_sub(first), before <= until));
            }
        }
        let next_token = (before > until).then(|| token::encode(until.to_string().as_bytes()));
        GetMetricDataOutput { metric_data_results: Some(results), next_token, messages: Some(Vec::new()) }
    }

    fn result(&self, row: Row, skip: usize, until: usize, complete: bool) -> MetricDataResult {
        let mut points: Vec<(Timestamp, f64)> = row.series.into_iter().collect();
        if !self.ascending {
            points.reverse();
        }
        let (timestamps, values) = points.into_iter().take(until).skip(skip).unzip();
        MetricDataResult {
            id: Some(row.id),
            label: Some(row.label),
            timestamps: Some(timestamps),
            values: Some(values),
            status_code: Some(if complete { "Complete" } else { "PartialData" }.to_owned()),
            messages: row.messages,
        }
    }
}
