//! Questions about data, as `GetMetricData` and alarms ask them: planned where the names of metrics are known, run where the data are read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pontoon_core::{Scope, StoreError, Timestamp};

use crate::records::{Source, read_cells};
use crate::state::alarm::{MetricQuery, Query, Source as QuerySource};
use crate::state::math::{self, Env, Expr, Value};
use crate::state::metric::Metrics;
use crate::state::period;
use crate::state::series::{self, Grid, Series, Window};
use crate::state::statistic::Statistic;
use crate::state::unit::Unit;

/// How many data points the expressions of one request may refer to in all.
pub const EXPRESSION_POINTS_MAX: u64 = 20_000_000;

/// From when to when is asked.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// From when, inclusive.
    pub start: Timestamp,
    /// Whether the start is rounded, as CloudWatch does for clients; alarms mean what they say.
    pub rounded: bool,
    /// Until when, exclusive.
    pub end: Timestamp,
    /// The present.
    pub now: Timestamp,
}

impl Span {
    /// The periods of the span, as far as there can be data: nothing is kept for ever, and nothing may be put far ahead. That also bounds the work
    /// that a question can cause.
    #[must_use]
    pub fn window(&self, period: Duration) -> Window {
        // Far beyond any data it does not matter where periods begin.
        let (earliest, latest) = (self.now.before(2 * period::KEPT_FOR), self.now.after(period::KEPT_FOR));
        let start = self.start.clamp(earliest, latest);
        let start = if self.rounded { period::rounded_start(start, period, self.now) } else { start };
        let missing = period::horizon(period, self.now).since(start).as_millis();
        let skipped = missing.div_ceil(period.as_millis().max(1)) * period.as_millis();
        let start = Timestamp::from_millis(start.millis() + i64::try_from(skipped).unwrap_or(i64::MAX / 4));
        Window { start, end: self.end.min(self.now.after(Duration::from_secs(3 * 3600))), period }
    }
}

/// What came of one query.
#[derive(Debug)]
pub struct Outcome {
    /// Its result.
    pub value: Value,
    /// The units that its metric has data of, if it asked for none: alphabetical. The first is the one that was taken.
    pub units: Vec<Unit>,
    /// How many samples each period has, for metrics.
    pub samples: Series,
}

/// A question that is ready to be answered.
#[derive(Debug)]
pub struct Plan {
    /// Queries in the order of the request.
    steps: Vec<Step>,
    /// In which order they are answered: each after those that it refers to.
    order: Vec<usize>,
}

#[derive(Debug)]
struct Step {
    id: String,
    kind: Kind,
    window: Window,
}

#[derive(Debug)]
enum Kind {
    Metric { number: Option<u64>, statistic: Statistic, unit: Option<Unit> },
    Expression(Expr),
}

impl Plan {
    /// Plans queries whose ids differ.
    ///
    /// # Errors
    /// What is wrong with an expression or a statistic, worded for a `ValidationError`.
    pub fn new(queries: &[Query], span: Span, scope: Scope, metrics: &Metrics) -> Result<Self, String> {
        let mut steps = Vec::with_capacity(queries.len());
        for query in queries {
            let step = match &query.source {
                QuerySource::Metric(metric) => metric_step(&query.id, metric, span, scope, metrics)?,
                QuerySource::Expression { text, period_secs } => {
                    let expr = math::parse(text).map_err(|why| in_expression(&query.id, &why))?;
                    // Its real window follows from the metrics that it refers to.
                    let period = Duration::from_secs(u64::from(period_secs.unwrap_or(0)));
                    let window = Window { start: span.start, end: span.end, period };
                    Step { id: query.id.clone(), kind: Kind::Expression(expr), window }
                }
            };
            steps.push(step);
        }
        let order = order(&steps)?;
        let mut plan = Self { steps, order };
        plan.give_windows(span)?;
        plan.check_work()?;
        Ok(plan)
    }

    /// Bounds what expressions that refer to many metrics over a long time could cost.
    fn check_work(&self) -> Result<(), String> {
        let work = |step: &Step| match &step.kind {
            Kind::Metric { .. } => 0,
            Kind::Expression(expr) => {
                step.window.periods().saturating_mul(references(expr, &self.steps).len() as u64)
            }
        };
        let points = self.steps.iter().map(work).fold(0_u64, u64::saturating_add);
        if points > EXPRESSION_POINTS_MAX {
            return Err(format!(
                "The expressions refer to {points} data points, and Pontoon supports {EXPRESSION_POINTS_MAX} in a request."
            ));
        }
        Ok(())
    }

    /// Answers: outcomes in the order of the queries.
    ///
    /// # Errors
    /// If the machine fails the store, or an expression turns out to make no sense (worded for a `ValidationError`).
    pub fn run(&self, source: &dyn Source) -> Result<Result<Vec<Outcome>, String>, StoreError> {
        let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
        for &at in &self.order {
            let step = &self.steps[at];
            let outcome = match &step.kind {
                Kind::Metric { number, statistic, unit } => {
                    read_metric(source, *number, statistic, *unit, &step.window)?
                }
                Kind::Expression(expr) => match self.evaluate(expr, step, &outcomes) {
                    Ok(value) => Outcome { value, units: Vec::new(), samples: Series::new() },
                    Err(why) => return Ok(Err(in_expression(&step.id, &why))),
                },
            };
            outcomes.insert(at, outcome);
        }
        Ok(Ok(outcomes.into_values().collect()))
    }

    fn evaluate(
        &self,
        expr: &Expr,
        step: &Step,
        outcomes: &BTreeMap<usize, Outcome>,
    ) -> Result<Value, String> {
        let names = expr.names();
        let mut env = Env { results: BTreeMap::new(), metrics: Vec::new(), window: step.window };
        let asks_for_metrics = expr.asks_for_metrics();
        for (at, outcome) in outcomes {
            let other = &self.steps[*at];
            if names.contains(other.id.as_str()) {
                env.results.insert(&other.id, outcome.value.clone());
            }
            if let (true, Kind::Metric { .. }, Value::Series(series)) =
                (asks_for_metrics, &other.kind, &outcome.value)
            {
                env.metrics.push((&other.id, series));
            }
        }
        math::evaluate(expr, &env)
    }

    /// Gives each expression the periods of what it refers to.
    fn give_windows(&mut self, span: Span) -> Result<(), String> {
        for at in self.order.clone() {
            let Kind::Expression(expr) = &self.steps[at].kind else { continue };
            let mut periods = BTreeSet::new();
            for other in references(expr, &self.steps) {
                periods.insert(self.steps[other].window.period);
            }
            let own = self.steps[at].window.period;
            let period = match (periods.first(), periods.len()) {
                (Some(period), 1) => *period,
                (None, _) if !own.is_zero() => own,
                (None, _) => Duration::from_secs(60),
                (Some(_), _) => {
                    let why = "Pontoon does not support metrics of different periods in one expression";
                    return Err(in_expression(&self.steps[at].id, why));
                }
            };
            self.steps[at].window = span.window(period);
        }
        Ok(())
    }
}

fn metric_step(
    id: &str,
    query: &MetricQuery,
    span: Span,
    scope: Scope,
    metrics: &Metrics,
) -> Result<Step, String> {
    let statistic = Statistic::parse(&query.statistic)
        .ok_or_else(|| format!("The value {} for the statistic of {id} is not valid.", query.statistic))?;
    let number = metrics.get(scope, &query.metric).map(|metric| metric.number);
    let unit = query.unit.as_deref().and_then(Unit::parse);
    let window = span.window(Duration::from_secs(u64::from(query.period_secs.max(1))));
    Ok(Step { id: id.to_owned(), kind: Kind::Metric { number, statistic, unit }, window })
}

fn read_metric(
    source: &dyn Source,
    number: Option<u64>,
    statistic: &Statistic,
    unit: Option<Unit>,
    window: &Window,
) -> Result<Outcome, StoreError> {
    let cells = match number {
        Some(number) => read_cells(source, number, window.start, window.end)?,
        None => Vec::new(),
    };
    let grid = Grid::gather(window, cells);
    let units = if unit.is_none() { grid.units.keys().copied().collect() } else { Vec::new() };
    let periods = grid.of_unit(unit);
    let of = |statistic: &Statistic| {
        periods.map(|periods| series::statistic(periods, statistic)).unwrap_or_default()
    };
    Ok(Outcome { value: Value::Series(of(statistic)), units, samples: of(&Statistic::SampleCount) })
}

fn in_expression(id: &str, why: &str) -> String {
    format!("Error in expression '{id}': {why}")
}

/// Which queries an expression refers to.
fn references(expr: &Expr, steps: &[Step]) -> Vec<usize> {
    let names = expr.names();
    let all = expr.asks_for_metrics();
    let referred =
        |step: &Step| names.contains(step.id.as_str()) || all && matches!(step.kind, Kind::Metric { .. });
    steps.iter().enumerate().filter(|(_, step)| referred(step)).map(|(at, _)| at).collect()
}

/// An order in which every query comes after those that it refers to.
fn order(steps: &[Step]) -> Result<Vec<usize>, String> {
    let needs: Vec<Vec<usize>> = steps
        .iter()
        .map(|step| match &step.kind {
            Kind::Metric { .. } => Vec::new(),
            Kind::Expression(expr) => references(expr, steps),
        })
        .collect();
    let mut done = vec![false; steps.len()];
    let mut order = Vec::with_capacity(steps.len());
    // At most one round for each level of expressions upon expressions.
    while order.len() < steps.len() {
        let before = order.len();
        for at in 0..steps.len() {
            if !done[at] && needs[at].iter().all(|need| done[*need]) {
                done[at] = true;
                order.push(at);
            }
        }
        if order.len() == before {
            let stuck = done.iter().position(|done| !done).map_or("", |at| steps[at].id.as_str());
            return Err(in_expression(stuck, "it refers to itself"));
        }
    }
    Ok(order)
}
