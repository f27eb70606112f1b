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
    /// Those that were answered with an error.
    FailedCalls,
    /// Those that were not.
    SuccessfulCalls,
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

/// What is measured, each time with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// From when an event was accepted to when its target was first called, milliseconds.
    Start,
    /// To the end of that first attempt.
    Complete,
    /// To when its target took it.
    Success,
    /// Bytes of the entries of a call of PutEvents.
    RequestSize,
}

/// Whose metrics AWS has: the account's in a region, a bus's, a rule's.
#[derive(Debug, Clone, Copy)]
struct Told {
    name: &'static str,
    account: bool,
    bus: bool,
    rule: bool,
}

const fn told(name: &'static str, account: bool, bus: bool, rule: bool) -> Told {
    Told { name, account, bus, rule }
}

impl Count {
    const ALL: [Self; 16] = [
        Self::Calls,
        Self::FailedCalls,
        Self::SuccessfulCalls,
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

    const fn told(self) -> Told {
        match self {
            Self::Calls => told("PutEventsApproximateCallCount", true, false, false),
            Self::FailedCalls => told("PutEventsApproximateFailedCount", true, false, false),
            Self::SuccessfulCalls => told("PutEventsApproximateSuccessCount", true, false, false),
            Self::Entries => told("PutEventsEntriesCount", true, false, false),
            Self::FailedEntries => told("PutEventsFailedEntriesCount", true, false, false),
            Self::Matched => told("MatchedEvents", true, true, true),
            Self::Triggered => told("TriggeredRules", true, true, true),
            Self::Created => told("InvocationsCreated", true, false, false),
            Self::Attempts => told("InvocationAttempts", true, true, true),
            Self::RetryAttempts => told("RetryInvocationAttempts", true, true, true),
            Self::SuccessfulAttempts => told("SuccessfulInvocationAttempts", true, true, true),
            Self::Invocations => told("Invocations", true, false, true),
            Self::Failed => told("FailedInvocations", false, false, true),
            Self::Circles => told("DeadLetterInvocations", false, false, true),
            Self::DeadLettered => told("InvocationsSentToDlq", false, false, true),
            Self::NotDeadLettered => told("InvocationsFailedToBeSentToDlq", false, false, true),
        }
    }

    /// Whether the rules' counts add up to the bus's: an event that matches several rules is one.
    const fn adds_up(self) -> bool {
        !matches!(self, Self::Matched)
    }
}

impl Measure {
    const ALL: [Self; 4] = [Self::Start, Self::Complete, Self::Success, Self::RequestSize];

    const fn told(self) -> (Told, Unit) {
        match self {
            // AWS spells the first two with a small letter.
            Self::Start => (told("IngestiontoInvocationStartLatency", true, true, true), Unit::Milliseconds),
            Self::Complete => {
                (told("IngestiontoInvocationCompleteLatency", true, true, true), Unit::Milliseconds)
            }
            Self::Success => {
                (told("IngestionToInvocationSuccessLatency", true, true, true), Unit::Milliseconds)
            }
            Self::RequestSize => (told("PutEventsRequestSize", true, false, false), Unit::Bytes),
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

/// Values and how often each was seen.
type Values = BTreeMap<u64, u64>;

/// What a series has counted in the running minute, by the numbers of [`Count`] and [`Measure`].
#[derive(Debug, Default)]
struct Counted {
    counts: [u64; Count::ALL.len()],
    measured: [Values; Measure::ALL.len()],
}

/// The running minute's metrics of all scopes.
#[derive(Debug, Default)]
pub struct Metrics {
    open: HashMap<Series, Counted>,
    minute: Timestamp,
}

/// Distinct values of one measure that a minute keeps apart; beyond it one counts as the largest seen before.
const VALUES_MAX: usize = 100;

fn add(values: &mut Values, value: u64, times: u64) {
    let largest = values.last_key_value().map(|(value, _)| *value);
    let full = values.len() >= VALUES_MAX && !values.contains_key(&value);
    *values.entry(largest.filter(|_| full).unwrap_or(value)).or_default() += times;
}

impl Metrics {
    /// Counts what happened to a series.
    pub fn count(&mut self, now: Timestamp, series: &Series, counts: &[Count]) {
        let counted = self.open(now, series);
        for count in counts {
            counted.counts[*count as usize] += 1;
        }
    }

    /// Notes a value of a series, for each of these measures.
    pub fn measure(&mut self, now: Timestamp, series: &Series, measures: &[Measure], value: u64) {
        let counted = self.open(now, series);
        for measure in measures {
            add(&mut counted.measured[*measure as usize], value, 1);
        }
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
        let mut all: BTreeMap<Series, Counted> = BTreeMap::new();
        for (series, counted) in self.open.drain() {
            all.entry(series.account_of()).or_default().take_up(&counted, series.rule.is_some());
            if series.bus.is_some() {
                all.entry(series.bus_of()).or_default().take_up(&counted, series.rule.is_some());
            }
            if series.rule.is_some() {
                all.insert(series, counted);
            }
        }
        let mut data = Vec::new();
        for (series, counted) in &all {
            counted.tell(series, self.minute, &mut data);
        }
        data
    }
}

impl Counted {
    /// Adds what a series counted to that of the whole that it belongs to.
    fn take_up(&mut self, part: &Self, is_of_rule: bool) {
        for count in Count::ALL {
            if count.adds_up() || !is_of_rule {
                self.counts[count as usize] += part.counts[count as usize];
            }
        }
        for (whole, part) in self.measured.iter_mut().zip(&part.measured) {
            part.iter().for_each(|(value, times)| add(whole, *value, *times));
        }
    }

    fn tell(&self, series: &Series, at: Timestamp, data: &mut Vec<(Scope, Datum)>) {
        let is_told = |told: Told| match (&series.bus, &series.rule) {
            (None, _) => told.account,
            (Some(_), None) => told.bus,
            (Some(_), Some(_)) => told.rule,
        };
        let mut push = |name, unit, values| {
            let dimensions = series.dimensions();
            data.push((series.scope, Datum { namespace: NAMESPACE, name, dimensions, unit, at, values }));
        };
        for (count, number) in Count::ALL.into_iter().zip(self.counts) {
            if number > 0 && is_told(count.told()) {
                push(count.told().name, Unit::Count, vec![(1.0, number as f64)]);
            }
        }
        for (measure, values) in Measure::ALL.into_iter().zip(&self.measured) {
            let (told, unit) = measure.told();
            if !values.is_empty() && is_told(told) {
                let values = values.iter().map(|(value, times)| (*value as f64, *times as f64));
                push(told.name, unit, values.collect());
            }
        }
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

    fn account_of(&self) -> Self {
        Self::account(self.scope)
    }

    fn bus_of(&self) -> Self {
        Self { rule: None, ..self.clone() }
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
    use super::*;

    #[test]
    fn each_count_and_measure_has_the_place_of_its_number() {
        assert!(Count::ALL.iter().enumerate().all(|(place, count)| place == *count as usize));
        assert!(Measure::ALL.iter().enumerate().all(|(place, measure)| place == *measure as usize));
    }

    #[test]
    fn what_rules_count_adds_up_to_bus_and_account_and_is_told_of_whom_aws_tells() {
        let (scope, now) = (Scope::default(), Timestamp::from_secs(90));
        let mut metrics = Metrics::default();
        let rule = |name: &str| Series { rule: Some(name.into()), ..Series::bus(scope, "b") };
        metrics.count(now, &Series::bus(scope, "b"), &[Count::Matched, Count::Entries]);
        for name in ["r1", "r2"] {
            metrics.count(now, &rule(name), &[Count::Matched, Count::Attempts, Count::Failed]);
            metrics.measure(now, &rule(name), &[Measure::Start], 5);
        }
        metrics.measure(now, &Series::account(scope), &[Measure::RequestSize], 100);
        assert_eq!(metrics.due(), Some(Timestamp::from_secs(120)));
        let told: Vec<String> = metrics
            .close()
            .into_iter()
            .map(|(_, datum)| {
                let of: Vec<String> = datum.dimensions.iter().map(|(_, value)| value.clone()).collect();
                format!("{} [{}] {:?}", datum.name, of.join(" "), datum.values)
            })
            .collect();
        let expected = [
            "PutEventsEntriesCount [] [(1.0, 1.0)]",
            "MatchedEvents [] [(1.0, 1.0)]",
            "InvocationAttempts [] [(1.0, 2.0)]",
            "IngestiontoInvocationStartLatency [] [(5.0, 2.0)]",
            "PutEventsRequestSize [] [(100.0, 1.0)]",
            "MatchedEvents [b] [(1.0, 1.0)]",
            "InvocationAttempts [b] [(1.0, 2.0)]",
            "IngestiontoInvocationStartLatency [b] [(5.0, 2.0)]",
            "MatchedEvents [b r1] [(1.0, 1.0)]",
            "InvocationAttempts [b r1] [(1.0, 1.0)]",
            "FailedInvocations [b r1] [(1.0, 1.0)]",
            "IngestiontoInvocationStartLatency [b r1] [(5.0, 1.0)]",
            "MatchedEvents [b r2] [(1.0, 1.0)]",
            "InvocationAttempts [b r2] [(1.0, 1.0)]",
            "FailedInvocations [b r2] [(1.0, 1.0)]",
            "IngestiontoInvocationStartLatency [b r2] [(5.0, 1.0)]",
        ];
        assert_eq!(told, expected);
        assert_eq!(metrics.due(), None);
    }

    #[test]
    fn a_minute_keeps_a_bounded_number_of_values() {
        let (series, now) = (Series::account(Scope::default()), Timestamp::EPOCH);
        let mut metrics = Metrics::default();
        (0..1000).for_each(|value| metrics.measure(now, &series, &[Measure::RequestSize], value));
        let (_, datum) = metrics.close().remove(0);
        assert_eq!(datum.values.len(), VALUES_MAX);
        assert_eq!(datum.values.iter().map(|(_, times)| times).sum::<f64>(), 1000.0);
    }
}
