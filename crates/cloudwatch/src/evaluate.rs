//! Evaluating alarms when they are due.
//!
//! As AWS's alarms show in their reasons, data points are periods that end at the last whole minute (ten seconds for periods under one), not periods
//! counted from the epoch; so an alarm with a period of five minutes looks at another five minutes every minute.

use std::time::Duration;

use pontoon_core::{Scope, Step, Timestamp};

use crate::query::{Outcome, Plan, Span};
use crate::state::alarm::{Alarm, Definition, LowSamples, Query, Source, StateValue, Watch};
use crate::state::evaluation::{self, EXTRA_PERIODS, Point, Rule, Verdict};
use crate::state::math::Value;
use crate::state::reason::{self, Asked};
use crate::state::series::Series;
use crate::state::statistic::Statistic;
use crate::{CloudWatch, EVALUATION_DELAY};

const MINUTE: Duration = Duration::from_secs(60);

/// The next instant after `now` at which something that is done `every` so often is due.
fn next(now: Timestamp, every: Duration) -> Timestamp {
    now.before(EVALUATION_DELAY).floor(every).after(every).after(EVALUATION_DELAY)
}

impl CloudWatch {
    /// Makes an alarm that was configured or loaded due at the next minute, whatever its period.
    pub(crate) fn schedule_soon(&mut self, scope: Scope, name: &str, now: Timestamp) {
        let every = self.alarm(scope, name).map(|alarm| alarm.definition.evaluated_every());
        if let Some(every) = every {
            self.schedule(scope, name, next(now, every.min(MINUTE)));
        }
    }

    /// Evaluates an alarm.
    pub(crate) fn evaluate(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        step.scope = scope;
        let Some(alarm) = self.alarm(scope, name) else { return };
        let every = alarm.definition.evaluated_every();
        let ends = step.now.floor(every.min(MINUTE));
        let changed = self.judge(step, scope, alarm, ends);
        self.schedule(scope, name, next(step.now, every));
        if let Some((state, words, data)) = changed {
            self.change_state(step, scope, name, (state, words, Some(data)));
        }
    }

    /// The state that an alarm's data put it in, with its reason, if that is another than it is in.
    fn judge(
        &self,
        step: &Step<'_>,
        scope: Scope,
        alarm: &Alarm,
        ends: Timestamp,
    ) -> Option<(StateValue, String, String)> {
        let definition = &alarm.definition;
        let points = self.points(step, scope, definition, ends);
        let rule = Rule::of(definition);
        let verdict = evaluation::judge(&points, &rule)?;
        if verdict.state == alarm.state.value || has_too_few_samples(definition, &verdict) {
            return None;
        }
        let (unit, statistic) = match &definition.watch {
            Watch::Metric { query, .. } => (query.unit.as_deref(), Some(query.statistic.as_str())),
            Watch::Math(_) => (None, None),
        };
        let asked = Asked { at: step.now, unit, statistic, period_secs: definition.period().as_secs() };
        let data = reason::data(&verdict, &points, &rule, asked);
        Some((verdict.state, reason::words(&verdict, &rule), data))
    }

    /// The points of the evaluation range, oldest first.
    fn points(&self, step: &Step<'_>, scope: Scope, definition: &Definition, ends: Timestamp) -> Vec<Point> {
        let period = definition.period();
        let count = definition.evaluation_periods + EXTRA_PERIODS;
        let start = ends.before(period * count);
        let outcome =
            self.watched(step, scope, definition, Span { start, rounded: false, end: ends, now: step.now });
        let (values, samples) = match outcome {
            Some(Outcome { value: Value::Series(values), samples, .. }) => (values, samples),
            // An expression that came to no series (an array without elements) has no data.
            _ => (Series::new(), Series::new()),
        };
        (0..count)
            .map(|n| {
                let at = start.after(period * n);
                Point { at, value: values.get(&at).copied(), samples: samples.get(&at).copied() }
            })
            .collect()
    }

    fn watched(&self, step: &Step<'_>, scope: Scope, definition: &Definition, span: Span) -> Option<Outcome> {
        let queries = queries(&definition.watch);
        let wanted = queries.iter().position(|query| query.return_data)?;
        let plan = Plan::new(&queries, span, scope, &self.metrics).ok()?;
        match plan.run(step) {
            Ok(outcomes) => outcomes.ok()?.into_iter().nth(wanted),
            Err(error) => panic!("the store failed, and nothing about it can be trusted any more: {error}"),
        }
    }
}

/// What an alarm watches, as queries.
pub(crate) fn queries(watch: &Watch) -> Vec<Query> {
    match watch {
        Watch::Metric { query, .. } => vec![Query {
            id: "m1".to_owned(),
            source: Source::Metric(query.clone()),
            label: None,
            return_data: true,
        }],
        Watch::Math(queries) => queries.clone(),
    }
}

/// Whether an alarm on a percentile is to wait for more samples: ten beyond the percentile, as the user guide has it.
fn has_too_few_samples(definition: &Definition, verdict: &Verdict) -> bool {
    let Watch::Metric { query, .. } = &definition.watch else { return false };
    let Some(Statistic::Percentile(percent)) = Statistic::parse(&query.statistic) else { return false };
    if definition.low_samples != Some(LowSamples::Ignore) || verdict.evaluated.is_empty() {
        return false;
    }
    let share = percent / 100.0;
    let beyond = if share >= 0.5 { 1.0 - share } else { share };
    let samples: f64 = verdict.evaluated.iter().filter_map(|point| point.samples).sum();
    beyond > 0.0 && samples < 10.0 / beyond
}
