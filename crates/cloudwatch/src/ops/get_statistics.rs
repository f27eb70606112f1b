//! `GetMetricStatistics`.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_api::cloudwatch::*;
use pontoon_core::{Reply, Step, StoreRead, Timestamp};

use super::{Answer, dimensions};
use crate::query::Span;
use crate::records;
use crate::state::aggregate::Aggregate;
use crate::state::metric::MetricName;
use crate::state::period;
use crate::state::series::{Grid, Window};
use crate::state::statistic::Statistic;
use crate::state::unit::Unit;
use crate::{CloudWatch, Error, allow};

/// How many data points one request may ask for.
const DATAPOINTS_MAX: u64 = 1440;

/// What is asked of each period.
struct Wanted {
    basic: Vec<Statistic>,
    extended: Vec<(String, Statistic)>,
}

pub(super) fn get(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &GetMetricStatisticsInput,
) -> Answer<GetMetricStatisticsOutput> {
    allow(step, "cloudwatch:GetMetricStatistics", "*")?;
    let dimensions = dimensions(input.dimensions.as_deref(), "Dimensions")?;
    if input.start_time >= input.end_time {
        return Err(Error::InvalidParameterValue(
            "The parameter StartTime must be less than the parameter EndTime.".to_owned(),
        ));
    }
    if !period::is_queryable(i64::from(input.period)) {
        return Err(Error::InvalidParameterValue(
            "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.".to_owned(),
        ));
    }
    let wanted = wanted(input)?;
    let asked = Window {
        start: input.start_time,
        end: input.end_time,
        period: Duration::from_secs(u64::from(input.period.unsigned_abs())),
    };
    if asked.periods() > DATAPOINTS_MAX {
        return Err(Error::InvalidParameterCombination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of {DATAPOINTS_MAX}. You may reduce the \
             datapoints requested by increasing Period, or decreasing the time range.",
            asked.periods()
        )));
    }
    let unit = match input.unit.as_deref() {
        None => None,
        Some(unit) => Some(Unit::parse(unit).ok_or_else(|| {
            Error::InvalidParameterValue(format!("The value {unit} for parameter Unit is invalid."))
        })?),
    };
    let metric = MetricName::new(input.namespace.clone(), input.metric_name.clone(), dimensions);
    let number = cloudwatch.metrics.get(step.scope, &metric).map(|metric| metric.number);
    let window = Span { start: input.start_time, rounded: true, end: input.end_time, now: step.now }
        .window(asked.period);
    let label = input.metric_name.clone();
    Ok(Reply::Read(Box::new(move |store: &dyn StoreRead| {
        let cells = match number {
            Some(number) => records::read_cells(&store, number, window.start, window.end)
                .map_err(|error| records::read_failed(&error))?,
            None => Vec::new(),
        };
        let grid = Grid::gather(&window, cells);
        let datapoints = grid
            .units
            .iter()
            .filter(|(own, _)| unit.is_none_or(|unit| unit == **own))
            .flat_map(|(unit, periods)| {
                periods.iter().map(|(at, values)| datapoint(*at, *unit, values, &wanted))
            })
            .collect();
        Ok(GetMetricStatisticsOutput { label: Some(label), datapoints: Some(datapoints) })
    })))
}

fn wanted(input: &GetMetricStatisticsInput) -> Result<Wanted, Error> {
    let basic = input.statistics.as_deref().unwrap_or_default();
    let extended = input.extended_statistics.as_deref().unwrap_or_default();
    match (basic.is_empty(), extended.is_empty()) {
        (true, true) => {
            return Err(Error::InvalidParameterCombination(
                "At least one of the parameters Statistics and ExtendedStatistics must be specified."
                    .to_owned(),
            ));
        }
        (false, false) => {
            return Err(Error::InvalidParameterCombination(
                "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both."
                    .to_owned(),
            ));
        }
        _ => {}
    }
    let invalid = |name: &String, path: &str, n: usize| {
        Error::InvalidParameterValue(format!(
            "The value {name} for parameter {path}.member.{} is invalid.",
            n + 1
        ))
    };
    let parse = |(n, name): (usize, &String)| {
        Statistic::parse_basic(name).ok_or_else(|| invalid(name, "Statistics", n))
    };
    let parse_extended = |(n, name): (usize, &String)| {
        let statistic = Statistic::parse(name).filter(|_| Statistic::parse_basic(name).is_none());
        Ok((name.clone(), statistic.ok_or_else(|| invalid(name, "ExtendedStatistics", n))?))
    };
    Ok(Wanted {
        basic: basic.iter().enumerate().map(parse).collect::<Result<_, Error>>()?,
        extended: extended.iter().enumerate().map(parse_extended).collect::<Result<_, Error>>()?,
    })
}

fn datapoint(at: Timestamp, unit: Unit, values: &Aggregate, wanted: &Wanted) -> Datapoint {
    let of = |statistic: Statistic| wanted.basic.contains(&statistic).then(|| statistic.of(values)).flatten();
    let extended: BTreeMap<String, f64> = wanted
        .extended
        .iter()
        .filter_map(|(name, statistic)| Some((name.clone(), statistic.of(values)?)))
        .collect();
    Datapoint {
        timestamp: Some(at),
        sample_count: of(Statistic::SampleCount),
        average: of(Statistic::Average),
        sum: of(Statistic::Sum),
        minimum: of(Statistic::Minimum),
        maximum: of(Statistic::Maximum),
        unit: Some(unit.as_str().to_owned()),
        extended_statistics: (!extended.is_empty()).then_some(extended),
    }
}
