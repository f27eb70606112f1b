//! The JSON documents that CloudWatch sends and keeps: notifications, events, history.
//!
//! Member names and their order are those of the recordings and of the samples in the user guide.

use std::collections::BTreeMap;

use pontoon_core::{Scope, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::alarm_arn;
use crate::regions;
use crate::state::alarm::{Alarm, Definition, MetricQuery, Query, Source, State, Watch};
use crate::state::reason::json_time;
use crate::state::statistic::Statistic;

/// A change of state to be told.
pub(crate) struct Change<'a> {
    pub(crate) scope: Scope,
    pub(crate) alarm: &'a Alarm,
    pub(crate) before: &'a State,
    pub(crate) at: Timestamp,
}

/// What was done to an alarm's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

impl Operation {
    /// As events have it.
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// As history has it: its type, and the member that holds the alarm.
    const fn in_history(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("Create", "createdAlarm"),
            Self::Update => ("Update", "updatedAlarm"),
            Self::Delete => ("Delete", "deletedAlarm"),
        }
    }

    /// As history sums it up.
    pub(crate) fn summary(self, name: &str) -> String {
        format!("Alarm \"{name}\" {}d", self.verb())
    }
}

fn time(millis: i64) -> String {
    json_time(Timestamp::from_millis(millis))
}

fn text(document: &impl Serialize) -> String {
    let json = serde_json::to_string(document);
    assert!(json.is_ok(), "documents are structures of strings and numbers, which have a JSON form");
    json.unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Notification<'a> {
    alarm_name: &'a str,
    alarm_description: Option<&'a str>,
    #[serde(rename = "AWSAccountId")]
    account: &'a str,
    alarm_configuration_updated_timestamp: String,
    new_state_value: &'static str,
    new_state_reason: &'a str,
    state_change_time: String,
    region: &'a str,
    alarm_arn: String,
    old_state_value: &'static str,
    #[serde(rename = "OKActions")]
    ok_actions: &'a [String],
    alarm_actions: &'a [String],
    insufficient_data_actions: &'a [String],
    // Alarms cannot be muted here; recorded in 2026.
    action_executed_after_mute_window: bool,
    trigger: Trigger<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger<'a> {
    #[serde(flatten)]
    metric: Option<TriggerMetric<'a>>,
    period: u64,
    evaluation_periods: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<u32>,
    comparison_operator: &'static str,
    threshold: f64,
    treat_missing_data: &'static str,
    evaluate_low_sample_count_percentile: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TriggerMetric<'a> {
    metric_name: &'a str,
    namespace: &'a str,
    statistic_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_statistic: Option<&'a str>,
    unit: Option<&'a str>,
    dimensions: Vec<TriggerDimension<'a>>,
}

#[derive(Serialize)]
struct TriggerDimension<'a> {
    value: &'a str,
    name: &'a str,
}

/// The message that an SNS topic receives.
pub(crate) fn notification(change: &Change<'_>) -> String {
    let Change { scope, alarm, before, at } = change;
    let definition = &alarm.definition;
    text(&Notification {
        alarm_name: &definition.name,
        alarm_description: definition.description.as_deref(),
        account: scope.account.as_str(),
        alarm_configuration_updated_timestamp: time(alarm.configured_millis),
        new_state_value: alarm.state.value.as_str(),
        new_state_reason: &alarm.state.reason,
        state_change_time: json_time(*at),
        region: regions::name_of(scope.region.as_str()),
        alarm_arn: alarm_arn(*scope, &definition.name),
        old_state_value: before.value.as_str(),
        ok_actions: &definition.ok_actions,
        alarm_actions: &definition.alarm_actions,
        insufficient_data_actions: &definition.insufficient_data_actions,
        action_executed_after_mute_window: false,
        trigger: trigger(definition),
    })
}

/// How many characters a subject of SNS may have.
const SUBJECT_MAX: usize = 100;

/// The subject that an SNS topic receives: `ALARM: "name" in US East (N. Virginia)`. Subjects are short and ASCII; a name that is not is cut to fit.
pub(crate) fn subject(change: &Change<'_>) -> String {
    let (state, region) = (change.alarm.state.value.as_str(), regions::name_of(change.scope.region.as_str()));
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let mut name: String = change.alarm.definition.name.chars().map(plain).collect();
    let frame = format!("{state}: \"\" in {region}").len();
    let room = SUBJECT_MAX.saturating_sub(frame);
    if name.len() > room {
        name.truncate(room.saturating_sub(3));
        name.push_str("...");
    }
    format!("{state}: \"{name}\" in {region}")
}

fn trigger(definition: &Definition) -> Trigger<'_> {
    let (metric, metrics) = match &definition.watch {
        Watch::Metric { query, extended, dimensions } => {
            (Some(trigger_metric(query, *extended, dimensions)), None)
        }
        Watch::Math(queries) => (None, Some(queries.iter().map(trigger_query).collect())),
    };
    Trigger {
        metric,
        period: definition.period().as_secs(),
        evaluation_periods: definition.evaluation_periods,
        datapoints_to_alarm: definition.datapoints_to_alarm,
        comparison_operator: definition.comparison.as_str(),
        threshold: definition.threshold,
        treat_missing_data: definition.treat_missing_data.map_or("", |missing| missing.as_str()),
        evaluate_low_sample_count_percentile: definition.low_samples.map_or("", |low| low.as_str()),
        metrics,
    }
}

fn trigger_metric<'a>(
    query: &'a MetricQuery,
    extended: bool,
    dimensions: &'a [(String, String)],
) -> TriggerMetric<'a> {
    let statistic = match Statistic::parse_basic(&query.statistic) {
        Some(Statistic::SampleCount) => Some("SAMPLE_COUNT"),
        Some(Statistic::Average) => Some("AVERAGE"),
        Some(Statistic::Sum) => Some("SUM"),
        Some(Statistic::Minimum) => Some("MINIMUM"),
        Some(Statistic::Maximum) => Some("MAXIMUM"),
        _ => None,
    };
    TriggerMetric {
        metric_name: &query.metric.name,
        namespace: &query.metric.namespace,
        statistic_type: if extended { "ExtendedStatistic" } else { "Statistic" },
        statistic,
        extended_statistic: extended.then_some(query.statistic.as_str()),
        unit: query.unit.as_deref(),
        dimensions: dimensions.iter().map(|(name, value)| TriggerDimension { value, name }).collect(),
    }
}

fn trigger_query(query: &Query) -> Value {
    let mut json = match &query.source {
        Source::Expression { text, period_secs } => match period_secs {
            Some(period) => json!({ "Expression": text, "Id": query.id, "Period": period }),
            None => json!({ "Expression": text, "Id": query.id }),
        },
        Source::Metric(metric) => {
            let dimensions: Vec<Value> = metric
                .metric
                .dimensions
                .iter()
                .map(|(name, value)| json!({ "value": value, "name": name }))
                .collect();
            let mut stat = json!({
                "Metric": {
                    "Dimensions": dimensions,
                    "MetricName": metric.metric.name,
                    "Namespace": metric.metric.namespace,
                },
                "Period": metric.period_secs,
                "Stat": metric.statistic,
            });
            if let Some(unit) = &metric.unit {
                stat["Unit"] = json!(unit);
            }
            json!({ "Id": query.id, "MetricStat": stat })
        }
    };
    if let Some(label) = &query.label {
        json["Label"] = json!(label);
    }
    json["ReturnData"] = json!(query.return_data);
    json
}

fn event_state(state: &State) -> Value {
    let mut json = json!({
        "value": state.value.as_str(),
        "reason": state.reason,
        "timestamp": time(state.updated_millis),
    });
    if let Some(data) = &state.reason_data {
        json["reasonData"] = json!(data);
    }
    json
}

/// What events and functions are told of an alarm's configuration.
fn event_configuration(alarm: &Alarm) -> Value {
    let metric = |id: &str, query: &MetricQuery, label: Option<&str>, return_data: bool| {
        let dimensions: BTreeMap<&str, &str> =
            query.metric.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut stat = json!({
            "metric": {
                "namespace": query.metric.namespace,
                "name": query.metric.name,
                "dimensions": dimensions,
            },
            "period": query.period_secs,
            "stat": query.statistic,
        });
        if let Some(unit) = &query.unit {
            stat["unit"] = json!(unit);
        }
        let mut json = json!({ "id": id, "metricStat": stat, "returnData": return_data });
        if let Some(label) = label {
            json["label"] = json!(label);
        }
        json
    };
    let metrics: Vec<Value> = match &alarm.definition.watch {
        Watch::Metric { query, .. } => vec![metric(&alarm.metric_id, query, None, true)],
        Watch::Math(queries) => queries
            .iter()
            .map(|query| match &query.source {
                Source::Metric(stat) => metric(&query.id, stat, query.label.as_deref(), query.return_data),
                Source::Expression { text, period_secs } => {
                    let mut json =
                        json!({ "id": query.id, "expression": text, "returnData": query.return_data });
                    if let Some(label) = &query.label {
                        json["label"] = json!(label);
                    }
                    if let Some(period) = period_secs {
                        json["period"] = json!(period);
                    }
                    json
                }
            })
            .collect(),
    };
    let mut configuration = json!({ "metrics": metrics });
    if let Some(description) = &alarm.definition.description {
        configuration["description"] = json!(description);
    }
    configuration
}

/// The `detail` of the event `CloudWatch Alarm State Change`, and what a function receives as `alarmData`.
fn change_detail(change: &Change<'_>) -> Value {
    json!({
        "alarmName": change.alarm.definition.name,
        "state": event_state(&change.alarm.state),
        "previousState": event_state(change.before),
        "configuration": event_configuration(change.alarm),
    })
}

/// The `detail` of the event `CloudWatch Alarm State Change`.
pub(crate) fn event_detail(change: &Change<'_>) -> String {
    change_detail(change).to_string()
}

/// An alarm's whole configuration, as events of its changes show it.
fn whole_configuration(alarm: &Alarm) -> Value {
    let definition = &alarm.definition;
    let mut json = event_configuration(alarm);
    json["alarmName"] = json!(definition.name);
    json["timestamp"] = json!(time(alarm.configured_millis));
    json["evaluationPeriods"] = json!(definition.evaluation_periods);
    json["threshold"] = json!(definition.threshold);
    json["comparisonOperator"] = json!(definition.comparison.as_str());
    json["actionsEnabled"] = json!(definition.actions_enabled);
    json["okActions"] = json!(definition.ok_actions);
    json["alarmActions"] = json!(definition.alarm_actions);
    json["insufficientDataActions"] = json!(definition.insufficient_data_actions);
    if let Some(datapoints) = definition.datapoints_to_alarm {
        json["datapointsToAlarm"] = json!(datapoints);
    }
    if let Some(missing) = definition.treat_missing_data {
        json["treatMissingData"] = json!(missing.as_str());
    }
    if let Some(low) = definition.low_samples {
        json["evaluateLowSampleCountPercentile"] = json!(low.as_str());
    }
    json
}

/// The `detail` of the event `CloudWatch Alarm Configuration Change`.
pub(crate) fn configuration_detail(alarm: &Alarm, before: Option<&Alarm>, operation: Operation) -> String {
    let mut json = json!({
        "alarmName": alarm.definition.name,
        "operation": operation.verb(),
        "state": { "value": alarm.state.value.as_str(), "timestamp": time(alarm.state.updated_millis) },
        "configuration": whole_configuration(alarm),
    });
    if let Some(before) = before {
        json["previousConfiguration"] = whole_configuration(before);
    }
    json.to_string()
}

/// What a function receives (recorded: `alarm_lambda_target`).
pub(crate) fn function_payload(change: &Change<'_>) -> String {
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": alarm_arn(change.scope, &change.alarm.definition.name),
        "accountId": change.scope.account.as_str(),
        "time": json_time(change.at),
        "region": change.scope.region.as_str(),
        "alarmData": change_detail(change),
    })
    .to_string()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryState<'a> {
    state_value: &'static str,
    state_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason_data: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateUpdate<'a> {
    version: &'static str,
    old_state: HistoryState<'a>,
    new_state: HistoryState<'a>,
}

/// The data of a history item `StateUpdate`.
pub(crate) fn state_update(before: &State, after: &State) -> String {
    let state = |state: &'_ State| {
        let data = state.reason_data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        (state.value.as_str(), data)
    };
    let ((old_value, old_data), (new_value, new_data)) = (state(before), state(after));
    text(&StateUpdate {
        version: "1.0",
        old_state: HistoryState {
            state_value: old_value,
            state_reason: &before.reason,
            state_reason_data: old_data,
        },
        new_state: HistoryState {
            state_value: new_value,
            state_reason: &after.reason,
            state_reason_data: new_data,
        },
    })
}

/// The data of a history item `ConfigurationUpdate`.
pub(crate) fn configuration_update(scope: Scope, alarm: &Alarm, operation: Operation) -> String {
    let definition = &alarm.definition;
    let mut shown = json!({
        "alarmName": definition.name,
        "alarmArn": alarm_arn(scope, &definition.name),
        "alarmConfigurationUpdatedTimestamp": time(alarm.configured_millis),
        "threshold": definition.threshold,
        "comparisonOperator": definition.comparison.as_str(),
        "evaluationPeriods": definition.evaluation_periods,
        "stateValue": alarm.state.value.as_str(),
        "stateUpdatedTimestamp": time(alarm.state.updated_millis),
        "actionsEnabled": definition.actions_enabled,
        "alarmActions": definition.alarm_actions,
        "insufficientDataActions": definition.insufficient_data_actions,
        "okactions": definition.ok_actions,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shown[name] = value;
        }
    };
    set("alarmDescription", definition.description.as_ref().map(|description| json!(description)));
    set("datapointsToAlarm", definition.datapoints_to_alarm.map(|count| json!(count)));
    set("treatMissingData", definition.treat_missing_data.map(|missing| json!(missing.as_str())));
    set("evaluateLowSampleCountPercentile", definition.low_samples.map(|low| json!(low.as_str())));
    match &definition.watch {
        Watch::Metric { query, extended, dimensions } => {
            let list: Vec<Value> =
                dimensions.iter().map(|(name, value)| json!({ "value": value, "name": name })).collect();
            set("namespace", Some(json!(query.metric.namespace)));
            set("metricName", Some(json!(query.metric.name)));
            set(if *extended { "extendedStatistic" } else { "statistic" }, Some(json!(query.statistic)));
            set("period", Some(json!(query.period_secs)));
            set("unit", query.unit.as_ref().map(|unit| json!(unit)));
            set("dimensions", Some(json!(list)));
        }
        Watch::Math(queries) => set("metrics", Some(queries.iter().map(trigger_query).collect())),
    }
    let (kind, member) = operation.in_history();
    format!(r#"{{"version":"1.0","type":"{kind}","{member}":{shown}}}"#)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionData<'a> {
    action_state: &'static str,
    state_update_timestamp: i64,
    notification_resource: &'a str,
    published_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The data of a history item `Action`.
pub(crate) fn action(arn: &str, published: &str, at: Timestamp, error: Option<&str>) -> String {
    text(&ActionData {
        action_state: if error.is_none() { "Succeeded" } else { "Failed" },
        state_update_timestamp: at.millis(),
        notification_resource: arn,
        published_message: published,
        error,
    })
}
