//! Taking in data: from the public API and from the other services.

use std::time::Duration;

use pontoon_core::{Datum, Scope, Space, Step, Timestamp};

use crate::records::{self, MetricRecord};
use crate::state::aggregate::Aggregate;
use crate::state::metric::{METRICS_MAX, MetricName};
use crate::state::period::{MINUTE, TIERS};
use crate::state::series::Cell;
use crate::state::unit::Unit;
use crate::{CloudWatch, Wake};

/// Values of one metric at one instant, ready to be kept.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) metric: MetricName,
    pub(crate) at: Timestamp,
    /// Whether it is kept by the second rather than by the minute.
    pub(crate) high_resolution: bool,
    pub(crate) unit: Unit,
    pub(crate) values: Aggregate,
}

impl CloudWatch {
    /// Keeps what a service has measured. Beyond [`METRICS_MAX`] metrics new ones are not begun: a service cannot be refused.
    pub(crate) fn keep_measured(&mut self, step: &mut Step<'_>, scope: Scope, datum: &Datum) {
        let dimensions = datum.dimensions.iter().map(|(name, value)| (name.to_string(), value.clone()));
        let metric = MetricName::new(datum.namespace.to_owned(), datum.name.to_owned(), dimensions.collect());
        if self.metrics.get(scope, &metric).is_none() && self.metrics.count() >= METRICS_MAX {
            return;
        }
        let mut values = Aggregate::default();
        datum.values.iter().for_each(|(value, count)| values.add(*value, *count));
        let unit = Unit::parse(datum.unit.as_str()).unwrap_or(Unit::NONE);
        self.keep(step, scope, Sample { metric, at: datum.at, high_resolution: false, unit, values });
    }

    /// Keeps a sample: adds it to the stretch that it belongs to.
    pub(crate) fn keep(&mut self, step: &mut Step<'_>, scope: Scope, sample: Sample) {
        let Sample { metric, at, high_resolution, unit, values } = sample;
        if values.count <= 0.0 {
            return;
        }
        // What is too old to be kept by the second is kept by the minute at once.
        let by_second = high_resolution && step.now.since(at) < TIERS[0].kept_for;
        let stretch = at.floor(if by_second { Duration::from_secs(1) } else { MINUTE });
        let (number, is_new) = self.metric_number(step, scope, metric, high_resolution, stretch);
        let key = records::cell_key(number, stretch);
        // A stretch after the last one with data cannot have any: what is measured minute by minute is written without a read.
        let stored = if is_new { None } else { step.get(Space::Metric, &key) };
        let mut cell = match stored {
            Some(bytes) => {
                let cell = records::decode_cell(&bytes);
                assert!(cell.is_some(), "a stretch of data is what was written");
                cell.unwrap_or_default()
            }
            None => Cell::new(),
        };
        let aggregate = cell.entry(unit).or_default();
        aggregate.merge(&values);
        aggregate.compact();
        step.put(Space::Metric, key, records::encode_cell(&cell));
    }

    /// The number of a metric, which is begun if there is none yet, noting that it has data at `stretch`; and whether it had none from then on.
    fn metric_number(
        &mut self,
        step: &mut Step<'_>,
        scope: Scope,
        name: MetricName,
        high_resolution: bool,
        stretch: Timestamp,
    ) -> (u64, bool) {
        if let Some(metric) = self.metrics.get_mut(scope, &name) {
            let is_new = stretch > metric.last_data;
            metric.last_data = metric.last_data.max(stretch);
            let number = metric.number;
            if high_resolution && !metric.high_resolution {
                metric.high_resolution = true;
                let rolls_at = stretch.after(TIERS[0].kept_for).min(metric.rolls_at);
                let record = MetricRecord { name, high_resolution };
                step.put(Space::Config, records::metric_key(scope, number), records::to_json(&record));
                self.roll_up_at(number, rolls_at);
            }
            return (number, is_new);
        }
        let record = MetricRecord { name: name.clone(), high_resolution };
        let number = self.metrics.create(scope, name.clone(), high_resolution);
        step.put(Space::Config, records::metric_key(scope, number), records::to_json(&record));
        if let Some(metric) = self.metrics.get_mut(scope, &name) {
            metric.last_data = stretch;
        }
        let tier = if high_resolution { TIERS[0] } else { TIERS[1] };
        self.roll_up_at(number, stretch.after(tier.kept_for));
        (number, true)
    }

    /// Sets when a metric's old data are next rolled up.
    pub(crate) fn roll_up_at(&mut self, number: u64, at: Timestamp) {
        let Some((scope, name)) = self.metrics.by_number(number) else { return };
        let Some(metric) = self.metrics.get_mut(scope, &name) else { return };
        self.due.remove(&(metric.rolls_at, Wake::RollUp(number)));
        metric.rolls_at = at;
        self.due.insert((at, Wake::RollUp(number)));
    }
}
