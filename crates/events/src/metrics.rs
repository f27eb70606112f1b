//! What EventBridge tells CloudWatch, by the minute.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>. Metrics of the default bus's rules name the rule only, those of
//! other buses the bus too. What the running minute has counted is lost in a crash: metrics are observations, not acknowledged writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use pontoon_core::metric::Dimensions;
use pontoon_core::{Datum, HashMap, MetricBook, Scope, Timestamp, Unit};

use crate::state::bus::DEFAULT;

const NAMESPACE: &str = "AWS/Events";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Calls of PutEvents.
    Calls,
    /// Entries of PutEvents.
    Entries,
    /// Entries that were refused.
    FailedEntries,
    /// Events that matched a rule.
    Matched,
    /// Rules that an event triggered.
    Triggered,
    /// Deliveries that came to be.
    Created,
    /// Attempts at delivery.
    Attempts,
    /// Attempts after the first.
    RetryAttempts,
    /// Attempts that succeeded.
    SuccessfulAttempts,
    /// Deliveries that ended, well or not.
    Invocations,
    /// Deliveries that failed for good.
    Failed,
    /// Deliveries that were stopped because they went in a circle.
    Circles,
    /// Deliveries that went to their dead-letter queue.
    DeadLettered,
    /// Deliveries that their dead-letter queue did not take.
    NotDeadLettered,
}

impl Count {
    const ALL: [Self; 14] = [
        Self::Calls,
        Self::Entries,
        Self::FailedEntries,
        Self::Matched,
        Self::Triggered,
        Self::Created,
        Self::Attempts,
        Self::RetryAttempts,
        Self::SuccessfulAttempts,
        Self::Invocations,
        Self::Failed,
        Self::Circles,
        Self::DeadLettered,
        Self::NotDeadLettered,
    ];

    /// AWS's name, and whether it is also told of the account as a whole.
    const fn told(self) -> (&'static str, bool) {
        match self {
            Self::Calls => ("PutEventsApproximateCallCount", true),
            Self::Entries => ("PutEventsEntriesCount", true),
            Self::FailedEntries => ("PutEventsFailedEntriesCount", true),
            Self::Matched => ("MatchedEvents", true),
            Self::Triggered => ("TriggeredRules", true),
            Self::Created => ("InvocationsCreated", true),
            Self::Attempts => ("InvocationAttempts", true),
            Self::RetryAttempts => ("RetryInvocationAttempts", true),
            Self::SuccessfulAttempts => ("SuccessfulInvocationAttempts", true),
            Self::Invocations => ("Invocations", true),
            Self::Failed => ("FailedInvocations", false),
            Self::Circles => ("DeadLetterInvocations", false),
            Self::DeadLettered => ("InvocationsSentToDlq", false),
            Self::NotDeadLettered => ("InvocationsFailedToBeSentToDlq", false),
        }
    }
}

/// Whose metrics: a rule's, a bus's, or the account's in a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series {
    /// Account and region.
    pub scope: Scope,
    /// Bus; `None` for the account.
    pub bus: Option<Arc<str>>,
    /// Rule; `None` for the whole bus.
    pub rule: Option<Arc<str>>,
}

/// What a series has counted in the running minute.
#[derive(Debug, Default)]
struct Counted {
    /// By the place of each in [`Count::ALL`], which is its number.
    counts: [u64; Count::ALL.len()],
    latencies: BTreeMap<u64, u64>,
}

/// The running minute's metrics of all scopes.
#[derive(Debug, Default)]
pub struct Metrics {
    open: HashMap<Series, Counted>,
    minute: Timestamp,
}

impl Metrics {
    /// Distinct latencies of one series that a minute keeps apart; beyond it one counts as the longest seen before.
    const LATENCIES_MAX: usize = 100;

    /// Counts what happened to a series.
    pub fn count(&mut self, now: Timestamp, series: &Series, counts: &[Count]) {
        let counted = self.open(now, series);
        for count in counts {
            counted.counts[*count as usize] += 1;
        }
    }

    /// Notes how long after it was accepted an event was at its target, milliseconds.
    pub fn arrived(&mut self, now: Timestamp, series: &Series, millis: u64) {
        let latencies = &mut self.open(now, series).latencies;
        let longest = latencies.last_key_value().map(|(millis, _)| *millis);
        let full = latencies.len() >= Self::LATENCIES_MAX && !latencies.contains_key(&millis);
        *latencies.entry(longest.filter(|_| full).unwrap_or(millis)).or_default() += 1;
    }

    fn open(&mut self, now: Timestamp, series: &Series) -> &mut Counted {
        if self.open.is_empty() {
            self.minute = now.floor(MetricBook::MINUTE);
        }
        self.open.entry(series.clone()).or_default()
    }

    /// When the running minute ends, if anything was counted in it.
    pub fn due(&self) -> Option<Timestamp> {
        (!self.open.is_empty()).then(|| self.minute.after(MetricBook::MINUTE))
    }

    /// Closes the running minute and gives what it counted, in a fixed order, stamped with the minute's start.
    pub fn close(&mut self) -> Vec<(Scope, Datum)> {
        let mut account: BTreeMap<(Scope, Count), u64> = BTreeMap::new();
        let mut series: Vec<(Series, Counted)> = self.open.drain().collect();
        series.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut data = Vec::new();
        let at = self.minute;
        let datum = |name, dimensions, unit, values| Datum {
            namespace: NAMESPACE,
            name,
            dimensions,
            unit,
            at,
            values,
        };
        for (series, counted) in series {
            for (count, number) in
                Count::ALL.into_iter().zip(counted.counts).filter(|(_, number)| *number > 0)
            {
                let (name, of_account) = count.told();
                // Matched events are those of buses: an event that matches several rules is one.
                if of_account && (count != Count::Matched || series.rule.is_none()) {
                    *account.entry((series.scope, count)).or_default() += number;
                }
                if series.bus.is_some() {
                    let values = vec![(1.0, number as f64)];
                    data.push((series.scope, datum(name, series.dimensions(), Unit::Count, values)));
                }
            }
            if !counted.latencies.is_empty() {
                let values = counted.latencies.iter().map(|(millis, count)| (*millis as f64, *count as f64));
                let (name, unit) = ("IngestionToInvocationSuccessLatency", Unit::Milliseconds);
                data.push((series.scope, datum(name, series.dimensions(), unit, values.collect())));
            }
        }
        for ((scope, count), number) in account {
            data.push((scope, datum(count.told().0, Vec::new(), Unit::Count, vec![(1.0, number as f64)])));
        }
        data
    }
}

impl Series {
    /// The account's in a region.
    pub fn account(scope: Scope) -> Self {
        Self { scope, bus: None, rule: None }
    }

    /// A bus's.
    pub fn bus(scope: Scope, bus: &str) -> Self {
        Self { scope, bus: Some(bus.into()), rule: None }
    }

    fn dimensions(&self) -> Dimensions {
        let is_default = self.bus.as_deref() == Some(DEFAULT);
        let bus = self.bus.as_ref().filter(|_| self.rule.is_none() || !is_default);
        let bus = bus.map(|bus| ("EventBusName".into(), bus.to_string()));
        let rule = self.rule.as_ref().map(|rule| ("RuleName".into(), rule.to_string()));
        bus.into_iter().chain(rule).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn each_count_has_the_place_of_its_number() {
        assert!(Count::ALL.iter().enumerate().all(|(place, count)| place == *count as usize));
    }
}
