//! Retention policies.

use pontoon_api::logs::*;
use pontoon_core::{Step, Timestamp};

use super::{Answer, access};
use crate::state::retention::DAYS;
use crate::{Error, Logs};

pub fn put(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &PutRetentionPolicyInput,
) -> Answer<PutRetentionPolicyOutput> {
    access::authorize(logs, step, "logs:PutRetentionPolicy", (&input.log_group_name, ""))?;
    let days = input.retention_in_days;
    if !DAYS.contains(&days) {
        let values: Vec<String> = DAYS.iter().map(ToString::to_string).collect();
        return Err(Error::InvalidParameter(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
             Member must satisfy enum value set: [{}]",
            values.join(", ")
        )));
    }
    set(logs, step, &input.log_group_name, u32::try_from(days).ok())?;
    Ok(PutRetentionPolicyOutput {}.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteRetentionPolicyInput,
) -> Answer<DeleteRetentionPolicyOutput> {
    access::authorize(logs, step, "logs:DeleteRetentionPolicy", (&input.log_group_name, ""))?;
    set(logs, step, &input.log_group_name, None)?;
    Ok(DeleteRetentionPolicyOutput {}.into())
}

fn set(logs: &mut Logs, step: &mut Step<'_>, name: &str, days: Option<u32>) -> Result<(), Error> {
    let scope = step.scope;
    let group = logs.group_mut(scope, name)?;
    group.record.retention_days = days;
    group.expiry_pause = Timestamp::EPOCH;
    group.write(step);
    logs.reschedule(scope, name);
    Ok(())
}
