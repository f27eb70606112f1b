//! `DeleteAlarms`, `EnableAlarmActions`, `DisableAlarmActions`, `SetAlarmState`.

use pontoon_api::cloudwatch::*;
use pontoon_core::Step;

use super::Answer;
use crate::documents::Operation;
use crate::state::alarm::StateValue;
use crate::{CloudWatch, Error, alarm_arn, allow};

/// Deletes the alarms that there are. AWS documents that wrong names do not keep right ones from being deleted, so they are no error.
pub(super) fn delete(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &DeleteAlarmsInput,
) -> Answer<DeleteAlarmsOutput> {
    let scope = step.scope;
    for name in &input.alarm_names {
        allow(step, "cloudwatch:DeleteAlarms", &alarm_arn(scope, name))?;
    }
    for name in &input.alarm_names {
        if let Some(alarm) = cloudwatch.remove_alarm(step, scope, name) {
            cloudwatch.configured(step, scope, &alarm, None, Operation::Delete);
        }
    }
    Ok(DeleteAlarmsOutput {}.into())
}

/// Enables or disables actions of the alarms that there are.
pub(super) fn enable(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    names: &[String],
    enabled: bool,
) -> Result<(), Error> {
    let scope = step.scope;
    let action = if enabled { "cloudwatch:EnableAlarmActions" } else { "cloudwatch:DisableAlarmActions" };
    for name in names {
        allow(step, action, &alarm_arn(scope, name))?;
    }
    for name in names {
        if let Some(alarm) = cloudwatch.alarm_mut(scope, name) {
            alarm.definition.actions_enabled = enabled;
            cloudwatch.write_alarm(step, scope, name);
        }
    }
    Ok(())
}

pub(super) fn set_state(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: SetAlarmStateInput,
) -> Answer<SetAlarmStateOutput> {
    let scope = step.scope;
    allow(step, "cloudwatch:SetAlarmState", &alarm_arn(scope, &input.alarm_name))?;
    let Some(value) = StateValue::parse(&input.state_value) else {
        return Err(Error::Validation(format!("The value {} is no state of an alarm.", input.state_value)));
    };
    if cloudwatch.alarm(scope, &input.alarm_name).is_none() {
        return Err(Error::ResourceNotFound);
    }
    if let Some(data) = &input.state_reason_data
        && serde_json::from_str::<serde::de::IgnoredAny>(data).is_err()
    {
        return Err(Error::InvalidFormat("StateReasonData was not valid JSON".to_owned()));
    }
    let new = (value, input.state_reason, input.state_reason_data);
    cloudwatch.change_state(step, scope, &input.alarm_name, new);
    Ok(SetAlarmStateOutput {}.into())
}
