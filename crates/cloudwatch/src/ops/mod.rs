//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod alarms;
mod describe;
mod get_data;
mod get_statistics;
mod history;
mod list_metrics;
mod put_alarm;
mod put_data;
mod tags;
mod token;

use pontoon_api::cloudwatch::*;
use pontoon_core::shape::{Violation, Violations};
use pontoon_core::{ApiError, OperationSchema, Reply, Step};

use crate::{CloudWatch, Error};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// Dimensions as names and values, checked: at most 30, each with a name that occurs once, and a value.
fn dimensions(given: Option<&[Dimension]>, path: &str) -> Result<Vec<(String, String)>, Error> {
    let given = given.unwrap_or_default();
    if given.len() > DIMENSIONS_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "The collection {path} must not have a size greater than {DIMENSIONS_MAX}."
        )));
    }
    for (n, dimension) in given.iter().enumerate() {
        for (member, text, max) in [("Name", &dimension.name, 255), ("Value", &dimension.value, 1024)] {
            let path = format!("{path}.member.{}.{member}", n + 1);
            if text.is_empty() {
                return Err(Error::MissingParameter(path));
            }
            let valid = text.is_ascii() && text.chars().any(|c| !c.is_whitespace());
            if !valid || text.len() > max || member == "Name" && text.starts_with(':') {
                return Err(Error::InvalidParameterValue(format!(
                    "The value {text} for parameter {path} is invalid."
                )));
            }
        }
    }
    Ok(given.iter().map(|dimension| (dimension.name.clone(), dimension.value.clone())).collect())
}

/// How many dimensions a metric may have.
const DIMENSIONS_MAX: usize = 30;

/// The error for a parameter that was left out, by its path in the query protocol.
fn missing(violations: &Violations) -> Option<Error> {
    let violated =
        violations.found().iter().find(|violated| matches!(violated.violation, Violation::Missing))?;
    let parts = violated.path.split('.').map(|part| {
        let mut chars = part.chars();
        match chars.next() {
            // Elements are counted from one, and keep their lower case.
            Some(first) if part != "member" => format!("{}{}", first.to_ascii_uppercase(), chars.as_str()),
            _ => part.to_owned(),
        }
    });
    Some(Error::MissingParameter(parts.collect::<Vec<_>>().join(".")))
}

fn to_dimensions(dimensions: &[(String, String)]) -> Vec<Dimension> {
    dimensions.iter().map(|(name, value)| Dimension { name: name.clone(), value: value.clone() }).collect()
}

impl Handler for CloudWatch {
    type Error = Error;

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        // These name what is missing as the query protocol does.
        if matches!(operation.name, "PutMetricData" | "GetMetricStatistics")
            && let Some(error) = missing(violations)
        {
            return Some(error.into());
        }
        Some(Error::Validation(violations.message()).into())
    }

    fn delete_alarms(&mut self, step: &mut Step<'_>, input: DeleteAlarmsInput) -> Answer<DeleteAlarmsOutput> {
        alarms::delete(self, step, &input)
    }

    fn describe_alarm_history(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeAlarmHistoryInput,
    ) -> Answer<DescribeAlarmHistoryOutput> {
        history::describe(step, input)
    }

    fn describe_alarms(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeAlarmsInput,
    ) -> Answer<DescribeAlarmsOutput> {
        describe::describe(self, step, &input)
    }

    fn describe_alarms_for_metric(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeAlarmsForMetricInput,
    ) -> Answer<DescribeAlarmsForMetricOutput> {
        describe::for_metric(self, step, &input)
    }

    fn disable_alarm_actions(
        &mut self,
        step: &mut Step<'_>,
        input: DisableAlarmActionsInput,
    ) -> Answer<DisableAlarmActionsOutput> {
        alarms::enable(self, step, &input.alarm_names, false)?;
        Ok(DisableAlarmActionsOutput {}.into())
    }

    fn enable_alarm_actions(
        &mut self,
        step: &mut Step<'_>,
        input: EnableAlarmActionsInput,
    ) -> Answer<EnableAlarmActionsOutput> {
        alarms::enable(self, step, &input.alarm_names, true)?;
        Ok(EnableAlarmActionsOutput {}.into())
    }

    fn get_metric_data(
        &mut self,
        step: &mut Step<'_>,
        input: GetMetricDataInput,
    ) -> Answer<GetMetricDataOutput> {
        get_data::get(self, step, input)
    }

    fn get_metric_statistics(
        &mut self,
        step: &mut Step<'_>,
        input: GetMetricStatisticsInput,
    ) -> Answer<GetMetricStatisticsOutput> {
        get_statistics::get(self, step, &input)
    }

    fn list_metrics(&mut self, step: &mut Step<'_>, input: ListMetricsInput) -> Answer<ListMetricsOutput> {
        list_metrics::list(self, step, &input)
    }

    fn list_tags_for_resource(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsForResourceInput,
    ) -> Answer<ListTagsForResourceOutput> {
        tags::list(self, step, &input)
    }

    fn put_metric_alarm(
        &mut self,
        step: &mut Step<'_>,
        input: PutMetricAlarmInput,
    ) -> Answer<PutMetricAlarmOutput> {
        put_alarm::put(self, step, input)
    }

    fn put_metric_data(
        &mut self,
        step: &mut Step<'_>,
        input: PutMetricDataInput,
    ) -> Answer<PutMetricDataOutput> {
        put_data::put(self, step, input)
    }

    fn set_alarm_state(
        &mut self,
        step: &mut Step<'_>,
        input: SetAlarmStateInput,
    ) -> Answer<SetAlarmStateOutput> {
        alarms::set_state(self, step, input)
    }

    fn tag_resource(&mut self, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
        tags::tag(self, step, input)
    }

    fn untag_resource(
        &mut self,
        step: &mut Step<'_>,
        input: UntagResourceInput,
    ) -> Answer<UntagResourceOutput> {
        tags::untag(self, step, &input)
    }
}
