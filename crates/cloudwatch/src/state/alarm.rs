//! An alarm: what it watches, when it fires, and the state that it is in.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::metric::MetricName;

/// A query of metric math, or the one that an alarm on a single metric amounts to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Id, by which expressions refer to it.
    pub id: String,
    /// What it asks for.
    pub source: Source,
    /// Label.
    pub label: Option<String>,
    /// Whether its result is wanted, rather than only used by others.
    pub return_data: bool,
}

/// What a query asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// A statistic of a metric.
    Metric(MetricQuery),
    /// An expression over other queries.
    Expression {
        /// Its text.
        text: String,
        /// Seconds, if the client gave any.
        period_secs: Option<u32>,
    },
}

/// A statistic of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricQuery {
    /// Which metric.
    pub metric: MetricName,
    /// Seconds.
    pub period_secs: u32,
    /// Statistic by name.
    pub statistic: String,
    /// Unit by name; any if `None`.
    pub unit: Option<String>,
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Watch {
    /// A metric; `extended` says by which of the two parameters its statistic was given.
    Metric {
        /// The metric and its statistic.
        query: MetricQuery,
        /// Whether the statistic is an extended one.
        extended: bool,
        /// Dimensions in the order in which the client gave them.
        dimensions: Vec<(String, String)>,
    },
    /// The one query of these that returns data.
    Math(Vec<Query>),
}

/// How values are compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>=`
    GreaterThanOrEqualToThreshold,
    /// `>`
    GreaterThanThreshold,
    /// `<`
    LessThanThreshold,
    /// `<=`
    LessThanOrEqualToThreshold,
}

impl Comparison {
    /// The operator of this name; `None` for those of anomaly detection.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "GreaterThanOrEqualToThreshold" => Self::GreaterThanOrEqualToThreshold,
            "GreaterThanThreshold" => Self::GreaterThanThreshold,
            "LessThanThreshold" => Self::LessThanThreshold,
            "LessThanOrEqualToThreshold" => Self::LessThanOrEqualToThreshold,
            _ => return None,
        })
    }

    /// CloudWatch's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
        }
    }

    /// Whether a value breaches the threshold.
    #[must_use]
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::GreaterThanThreshold => value > threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }
}

/// What missing data points count as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// Nothing; without any data the alarm has insufficient data.
    Missing,
    /// Nothing; without any data the state stays.
    Ignore,
    /// Breaching.
    Breaching,
    /// Not breaching.
    NotBreaching,
}

impl Missing {
    /// The treatment of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "missing" => Self::Missing,
            "ignore" => Self::Ignore,
            "breaching" => Self::Breaching,
            "notBreaching" => Self::NotBreaching,
            _ => return None,
        })
    }

    /// CloudWatch's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }
}

/// Whether percentiles of few samples are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LowSamples {
    /// Yes.
    Evaluate,
    /// No: the state stays.
    Ignore,
}

impl LowSamples {
    /// CloudWatch's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Ignore => "ignore",
        }
    }
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateValue {
    /// Within the threshold.
    Ok,
    /// Beyond it.
    Alarm,
    /// It cannot be told.
    InsufficientData,
}

impl StateValue {
    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "OK" => Self::Ok,
            "ALARM" => Self::Alarm,
            "INSUFFICIENT_DATA" => Self::InsufficientData,
            _ => return None,
        })
    }

    /// CloudWatch's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// What `PutMetricAlarm` sets. Options that were left out stay so: `DescribeAlarms` does not show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Name, unique in its scope.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Whether changes of state cause actions.
    pub actions_enabled: bool,
    /// ARNs, at most five.
    pub ok_actions: Vec<String>,
    /// ARNs, at most five.
    pub alarm_actions: Vec<String>,
    /// ARNs, at most five.
    pub insufficient_data_actions: Vec<String>,
    /// What it watches.
    pub watch: Watch,
    /// N: how many periods are looked at; at least 1.
    pub evaluation_periods: u32,
    /// M: how many of them must breach; 1 to N, and N if left out.
    pub datapoints_to_alarm: Option<u32>,
    /// Threshold.
    pub threshold: f64,
    /// Comparison with it.
    pub comparison: Comparison,
    /// What missing data count as; [`Missing::Missing`] if left out.
    pub treat_missing_data: Option<Missing>,
    /// What is done with percentiles of few samples; they are evaluated if left out.
    pub low_samples: Option<LowSamples>,
}

impl Definition {
    /// The period of its data points. Validation sees to it that all metrics of a math alarm have the same.
    #[must_use]
    pub fn period(&self) -> Duration {
        let secs = match &self.watch {
            Watch::Metric { query, .. } => Some(query.period_secs),
            Watch::Math(queries) => queries.iter().find_map(|query| match &query.source {
                Source::Metric(metric) => Some(metric.period_secs),
                Source::Expression { .. } => None,
            }),
        };
        Duration::from_secs(u64::from(secs.unwrap_or(60).max(1)))
    }

    /// The actions on entering a state.
    #[must_use]
    pub fn actions(&self, state: StateValue) -> &[String] {
        match state {
            StateValue::Ok => &self.ok_actions,
            StateValue::Alarm => &self.alarm_actions,
            StateValue::InsufficientData => &self.insufficient_data_actions,
        }
    }

    /// What missing data count as. Alarms on DynamoDB's metrics ignore missing data whatever they say, as AWS documents.
    #[must_use]
    pub fn missing(&self) -> Missing {
        let of_dynamodb = |metric: &MetricName| metric.namespace == "AWS/DynamoDB";
        match &self.watch {
            Watch::Metric { query, .. } if of_dynamodb(&query.metric) => Missing::Ignore,
            _ => self.treat_missing_data.unwrap_or(Missing::Missing),
        }
    }

    /// How often it is evaluated: every minute; every ten seconds if its period is shorter than one; every hour if it looks back over more than a day.
    #[must_use]
    pub fn evaluated_every(&self) -> Duration {
        let period = self.period();
        if period < Duration::from_secs(60) {
            Duration::from_secs(10)
        } else if period.as_secs() * u64::from(self.evaluation_periods) > 86_400 {
            Duration::from_secs(3600)
        } else {
            Duration::from_secs(60)
        }
    }
}

/// The state that an alarm is in, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The state.
    pub value: StateValue,
    /// Why, in words.
    pub reason: String,
    /// Why, in JSON.
    pub reason_data: Option<String>,
    /// When it was last set, milliseconds.
    pub updated_millis: i64,
    /// When it last became another, milliseconds.
    pub transitioned_millis: i64,
}

/// An alarm with everything that is stored of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its configuration.
    pub definition: Definition,
    /// The id that events give its only metric.
    pub metric_id: String,
    /// When it was configured, milliseconds.
    pub configured_millis: i64,
    /// Its state.
    pub state: State,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Alarm {
    /// A new alarm, in the state that every alarm begins in.
    #[must_use]
    pub fn new(
        definition: Definition,
        metric_id: String,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Self {
        let state = State {
            value: StateValue::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            updated_millis: now.millis(),
            transitioned_millis: now.millis(),
        };
        Self { definition, metric_id, configured_millis: now.millis(), state, tags }
    }

    /// Puts it in a state, which may be the one that it is in; gives back the state before.
    pub fn set_state(
        &mut self,
        value: StateValue,
        reason: String,
        reason_data: Option<String>,
        now: Timestamp,
    ) -> State {
        let transitioned_millis =
            if value == self.state.value { self.state.transitioned_millis } else { now.millis() };
        let state = State { value, reason, reason_data, updated_millis: now.millis(), transitioned_millis };
        std::mem::replace(&mut self.state, state)
    }
}
