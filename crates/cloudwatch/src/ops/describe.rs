//! `DescribeAlarms` and `DescribeAlarmsForMetric`.

use pontoon_api::cloudwatch::*;
use pontoon_core::{Scope, Step, Timestamp};

use super::{Answer, dimensions, to_dimensions, token};
use crate::state::alarm::{Alarm, Query, Source, Watch};
use crate::state::metric::MetricName;
use crate::{CloudWatch, Error, alarm_arn, allow};

/// How many alarms a page holds unless asked for another number.
const PAGE: usize = 50;

pub(super) fn describe(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &DescribeAlarmsInput,
) -> Answer<DescribeAlarmsOutput> {
    let scope = step.scope;
    allow(step, "cloudwatch:DescribeAlarms", &alarm_arn(scope, "*"))?;
    if input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some() {
        return Err(Error::Unsupported(
            "composite alarms (ChildrenOfAlarmName, ParentsOfAlarmName)".to_owned(),
        ));
    }
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(Error::Validation(
            "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both."
                .to_owned(),
        ));
    }
    let after = token::decode_text(input.next_token.as_deref())?;
    let max = input.max_records.map_or(PAGE, |max| max.unsigned_abs() as usize);
    // Without types metric alarms are meant, of which alone there are any.
    let of_type =
        input.alarm_types.as_ref().is_none_or(|types| types.iter().any(|kind| kind == "MetricAlarm"));
    let matches = |alarm: &Alarm| {
        let (definition, prefix) = (&alarm.definition, input.action_prefix.as_deref());
        let mut actions = definition
            .ok_actions
            .iter()
            .chain(&definition.alarm_actions)
            .chain(&definition.insufficient_data_actions);
        of_type
            && after.as_ref().is_none_or(|after| definition.name > *after)
            && input.alarm_names.as_ref().is_none_or(|names| names.contains(&definition.name))
            && input.alarm_name_prefix.as_ref().is_none_or(|prefix| definition.name.starts_with(prefix))
            && input.state_value.as_deref().is_none_or(|state| alarm.state.value.as_str() == state)
            && prefix.is_none_or(|prefix| actions.any(|action| action.starts_with(prefix)))
    };
    let mut found: Vec<&Alarm> =
        cloudwatch.alarms(scope).filter(|alarm| matches(alarm)).take(max + 1).collect();
    let more = found.len() > max;
    found.truncate(max);
    let last = found.last().filter(|_| more);
    let next_token = last.map(|alarm| token::encode(alarm.definition.name.as_bytes()));
    Ok(DescribeAlarmsOutput {
        composite_alarms: Some(Vec::new()),
        metric_alarms: Some(found.into_iter().map(|alarm| shown(scope, alarm)).collect()),
        next_token,
    }
    .into())
}

pub(super) fn for_metric(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &DescribeAlarmsForMetricInput,
) -> Answer<DescribeAlarmsForMetricOutput> {
    let scope = step.scope;
    allow(step, "cloudwatch:DescribeAlarmsForMetric", &alarm_arn(scope, "*"))?;
    let dimensions = dimensions(input.dimensions.as_deref(), "Dimensions")?;
    let wanted = MetricName::new(input.namespace.clone(), input.metric_name.clone(), dimensions);
    let period = input.period.map(i32::unsigned_abs);
    let matches = |alarm: &Alarm| match &alarm.definition.watch {
        Watch::Metric { query, extended, .. } => {
            let statistic = |wanted: &Option<String>, is_extended: bool| {
                wanted.as_ref().is_none_or(|wanted| is_extended == *extended && *wanted == query.statistic)
            };
            query.metric == wanted
                && statistic(&input.statistic, false)
                && statistic(&input.extended_statistic, true)
                && period.is_none_or(|period| period == query.period_secs)
                && input.unit.as_ref().is_none_or(|unit| query.unit.as_ref() == Some(unit))
        }
        // Alarms on expressions are found by any metric of theirs, which has no further parameters here.
        Watch::Math(queries) => queries.iter().any(|query| match &query.source {
            Source::Metric(metric) => metric.metric == wanted,
            Source::Expression { .. } => false,
        }),
    };
    let found = cloudwatch.alarms(scope).filter(|alarm| matches(alarm));
    let metric_alarms = Some(found.map(|alarm| shown(scope, alarm)).collect());
    Ok(DescribeAlarmsForMetricOutput { metric_alarms }.into())
}

/// An alarm as it is described: what was left out when it was put stays out.
fn shown(scope: Scope, alarm: &Alarm) -> MetricAlarm {
    let (definition, state) = (&alarm.definition, &alarm.state);
    let time = |millis| Some(Timestamp::from_millis(millis));
    let mut shown = MetricAlarm {
        alarm_name: Some(definition.name.clone()),
        alarm_arn: Some(alarm_arn(scope, &definition.name)),
        alarm_description: definition.description.clone(),
        alarm_configuration_updated_timestamp: time(alarm.configured_millis),
        actions_enabled: Some(definition.actions_enabled),
        ok_actions: Some(definition.ok_actions.clone()),
        alarm_actions: Some(definition.alarm_actions.clone()),
        insufficient_data_actions: Some(definition.insufficient_data_actions.clone()),
        state_value: Some(state.value.as_str().to_owned()),
        state_reason: Some(state.reason.clone()),
        state_reason_data: state.reason_data.clone(),
        state_updated_timestamp: time(state.updated_millis),
        state_transitioned_timestamp: time(state.transitioned_millis),
        evaluation_periods: Some(definition.evaluation_periods.cast_signed()),
        datapoints_to_alarm: definition.datapoints_to_alarm.map(u32::cast_signed),
        threshold: Some(definition.threshold),
        comparison_operator: Some(definition.comparison.as_str().to_owned()),
        treat_missing_data: definition.treat_missing_data.map(|missing| missing.as_str().to_owned()),
        evaluate_low_sample_count_percentile: definition.low_samples.map(|low| low.as_str().to_owned()),
        dimensions: Some(Vec::new()),
        ..Default::default()
    };
    match &definition.watch {
        Watch::Metric { query, extended, dimensions } => {
            shown.metric_name = Some(query.metric.name.clone());
            shown.namespace = Some(query.metric.namespace.clone());
            shown.statistic = (!extended).then(|| query.statistic.clone());
            shown.extended_statistic = extended.then(|| query.statistic.clone());
            shown.dimensions = Some(to_dimensions(dimensions));
            shown.period = Some(query.period_secs.cast_signed());
            shown.unit = query.unit.clone();
        }
        Watch::Math(queries) => shown.metrics = Some(queries.iter().map(shown_query).collect()),
    }
    shown
}

fn shown_query(query: &Query) -> MetricDataQuery {
    let mut shown = MetricDataQuery {
        id: query.id.clone(),
        label: query.label.clone(),
        return_data: Some(query.return_data),
        ..Default::default()
    };
    match &query.source {
        Source::Expression { text, period_secs } => {
            shown.expression = Some(text.clone());
            shown.period = period_secs.map(u32::cast_signed);
        }
        Source::Metric(metric) => {
            shown.metric_stat = Some(MetricStat {
                metric: Metric {
                    namespace: Some(metric.metric.namespace.clone()),
                    metric_name: Some(metric.metric.name.clone()),
                    dimensions: Some(to_dimensions(&metric.metric.dimensions)),
                },
                period: metric.period_secs.cast_signed(),
                stat: metric.statistic.clone(),
                unit: metric.unit.clone(),
            });
        }
    }
    shown
}
