//! Old data: rolled up into longer stretches as they age, and dropped in the end.
//!
//! A metric is rolled up once a day; once an hour if it has data by the second, which are kept for three hours only.

use std::time::Duration;

use pontoon_core::{Scope, Space, Step, Timestamp};

use crate::CloudWatch;
use crate::records;
use crate::state::metric::MetricName;
use crate::state::period::TIERS;
use crate::state::series::Cell;

/// How many stretches one step takes up at most, so that no step is long.
const STRETCHES_MAX: usize = 1000;
const DAILY: Duration = Duration::from_secs(24 * 3600);
const HOURLY: Duration = Duration::from_secs(3600);

impl CloudWatch {
    /// Rolls up what has become too old of a metric, or as much of it as a step may.
    pub(crate) fn roll_up(&mut self, step: &mut Step<'_>, number: u64) {
        let Some((scope, name)) = self.metrics.by_number(number) else { return };
        step.scope = scope;
        for tier in 0..TIERS.len() {
            if !self.roll_up_tier(step, scope, &name, tier) {
                self.roll_up_at(number, step.now);
                return;
            }
        }
        let Some(metric) = self.metrics.get(scope, &name) else { return };
        let every = if metric.high_resolution { HOURLY } else { DAILY };
        if step.now.since(metric.last_data) > TIERS[3].kept_for.saturating_add(DAILY) {
            step.delete(Space::Config, records::metric_key(scope, number));
            self.due.remove(&(metric.rolls_at, crate::Wake::RollUp(number)));
            self.metrics.remove(number);
        } else {
            self.roll_up_at(number, step.now.after(every));
        }
    }

    /// Rolls up what is too old for one tier; whether that was all.
    fn roll_up_tier(&mut self, step: &mut Step<'_>, scope: Scope, name: &MetricName, tier: usize) -> bool {
        let next = TIERS.get(tier + 1).map(|next| next.resolution);
        let Some(metric) = self.metrics.get_mut(scope, name) else { return true };
        let until = step.now.before(TIERS[tier].kept_for).floor(next.unwrap_or(HOURLY));
        let from = metric.rolled_until[tier];
        if from >= until || tier == 0 && !metric.high_resolution {
            return true;
        }
        let entries = step.range(Space::Metric, &records::cells(metric.number, from, until), STRETCHES_MAX);
        let whole = entries.len() < STRETCHES_MAX;
        let last = entries.last().and_then(|(key, _)| records::cell_time(key)).unwrap_or(until);
        // The last group may go on; it is taken up again as a whole.
        metric.rolled_until[tier] = if whole { until } else { last.floor(next.unwrap_or(HOURLY)) };
        let number = metric.number;
        match next {
            Some(resolution) => merge(step, number, resolution, &entries),
            None => entries.into_iter().for_each(|(key, _)| step.delete(Space::Metric, key)),
        }
        whole
    }
}

/// Merges stretches into those of a longer resolution.
fn merge(step: &mut Step<'_>, number: u64, resolution: Duration, entries: &[(Vec<u8>, bytes::Bytes)]) {
    let mut group: Option<(Timestamp, Cell)> = None;
    let write = |step: &mut Step<'_>, group: Option<(Timestamp, Cell)>| {
        if let Some((at, cell)) = group {
            step.put(Space::Metric, records::cell_key(number, at), records::encode_cell(&cell));
        }
    };
    for (key, value) in entries {
        let entry = records::decode_entry(key, value);
        assert!(entry.is_ok(), "a stretch of data is what was written");
        let Ok((at, cell)) = entry else { continue };
        let target = at.floor(resolution);
        if target != at {
            step.delete(Space::Metric, key.clone());
        }
        match &mut group {
            Some((open, merged)) if *open == target => {
                for (unit, aggregate) in &cell {
                    let merged = merged.entry(*unit).or_default();
                    merged.merge(aggregate);
                    merged.compact();
                }
            }
            _ => write(step, group.replace((target, cell))),
        }
    }
    write(step, group);
}
