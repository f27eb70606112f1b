//! Schedules: made, changed, shown, deleted.

use pontoon_api::scheduler::*;
use pontoon_core::{Scope, Step, Timestamp};

use super::{Answer, authorize, check, list};
use crate::state::schedule::Schedule;
use crate::state::target::TargetRecord;
use crate::{DEFAULT, Error, Key, Scheduler};

/// Schedules of an account in a region (AWS's quota).
const SCHEDULES_MAX: usize = 1_000_000;

fn key(scope: Scope, group: Option<&str>, name: &str) -> Key {
    Key { scope, group: group.unwrap_or(DEFAULT).into(), name: name.into() }
}

impl Scheduler {
    fn schedule(&self, key: &Key) -> Result<&Schedule, Error> {
        self.group(key.scope, &key.group)?;
        self.schedules.get(key).ok_or_else(|| Error::NoSchedule(key.name.to_string()))
    }
}

pub fn create(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: CreateScheduleInput,
) -> Answer<CreateScheduleOutput> {
    let key = key(step.scope, input.group_name.as_deref(), &input.name);
    let schedule_arn = key.arn();
    authorize(step, "scheduler:CreateSchedule", &schedule_arn)?;
    let token = input.client_token.clone();
    if let Some(present) = scheduler.schedules.get(&key)
        && token.is_some()
        && present.record.token == token
    {
        return Ok(CreateScheduleOutput { schedule_arn }.into());
    }
    if scheduler.group(key.scope, &key.group)?.deleting {
        return Err(Error::GroupGoes(key.group.to_string()));
    }
    let name = input.name.clone();
    let mut schedule = check::schedule(input, scheduler, step, &key)?;
    if scheduler.schedules.contains_key(&key) {
        return Err(Error::ScheduleExists(name));
    }
    if scheduler.counts.get(&key.scope).is_some_and(|count| *count >= SCHEDULES_MAX) {
        return Err(Error::QuotaExceeded("schedules"));
    }
    schedule.record.token = token;
    schedule.begin(step.now, step.ids);
    scheduler.keep(step, &key, schedule);
    Ok(CreateScheduleOutput { schedule_arn }.into())
}

/// Replaces everything but the name; what is not given becomes what it is by default. As long as it is due at the same times it keeps its rhythm.
pub fn update(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: UpdateScheduleInput,
) -> Answer<UpdateScheduleOutput> {
    let key = key(step.scope, input.group_name.as_deref(), &input.name);
    let schedule_arn = key.arn();
    authorize(step, "scheduler:UpdateSchedule", &schedule_arn)?;
    let before = scheduler.schedule(&key)?.clone();
    // The two operations say the same of a schedule.
    let wanted = CreateScheduleInput {
        name: input.name,
        group_name: input.group_name,
        client_token: input.client_token,
        action_after_completion: input.action_after_completion,
        description: input.description,
        end_date: input.end_date,
        flexible_time_window: input.flexible_time_window,
        kms_key_arn: input.kms_key_arn,
        schedule_expression: input.schedule_expression,
        schedule_expression_timezone: input.schedule_expression_timezone,
        start_date: input.start_date,
        state: input.state,
        target: input.target,
    };
    let mut schedule = check::schedule(wanted, scheduler, step, &key)?;
    let record = &mut schedule.record;
    record.created_millis = before.record.created_millis;
    record.token = before.record.token.clone();
    record.serial = before.record.serial;
    record.under_way = before.record.under_way;
    if schedule.has_rhythm_of(&before) {
        schedule.record.anchor_millis = before.record.anchor_millis;
        schedule.record.due = before.record.due;
    } else {
        schedule.begin(step.now, step.ids);
    }
    scheduler.keep(step, &key, schedule);
    Ok(UpdateScheduleOutput { schedule_arn }.into())
}

pub fn get(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: GetScheduleInput,
) -> Answer<GetScheduleOutput> {
    let key = key(step.scope, input.group_name.as_deref(), &input.name);
    authorize(step, "scheduler:GetSchedule", &key.arn())?;
    let schedule = scheduler.schedule(&key)?;
    let record = &schedule.record;
    let date = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    let action = if record.delete_after_completion { "DELETE" } else { "NONE" };
    let output = GetScheduleOutput {
        action_after_completion: Some(action.to_owned()),
        arn: Some(key.arn()),
        creation_date: date(Some(record.created_millis)),
        description: record.description.clone(),
        end_date: date(record.end_millis),
        flexible_time_window: Some(FlexibleTimeWindow {
            maximum_window_in_minutes: record.window_minutes.and_then(|minutes| i32::try_from(minutes).ok()),
            mode: if record.window_minutes.is_some() { "FLEXIBLE" } else { "OFF" }.to_owned(),
        }),
        group_name: Some(key.group.to_string()),
        kms_key_arn: None,
        last_modification_date: date(Some(record.modified_millis)),
        name: Some(key.name.to_string()),
        schedule_expression: Some(record.expression.clone()),
        schedule_expression_timezone: Some(record.zone.clone()),
        start_date: date(record.start_millis),
        state: Some(list::state(schedule).to_owned()),
        target: Some(shown(&record.target)),
    };
    Ok(output.into())
}

/// A target as it is shown: with the retry policy that it has, given or not (recording test_schedule_and_group).
fn shown(target: &TargetRecord) -> Target {
    let number = |value: u32| i32::try_from(value).ok();
    Target {
        arn: target.arn.clone(),
        dead_letter_config: target.dead_letter.clone().map(|arn| DeadLetterConfig { arn: Some(arn) }),
        event_bridge_parameters: target
            .event
            .clone()
            .map(|(detail_type, source)| EventBridgeParameters { detail_type, source }),
        input: target.input.clone(),
        retry_policy: Some(RetryPolicy {
            maximum_event_age_in_seconds: number(target.age_secs_max),
            maximum_retry_attempts: number(target.retries_max),
        }),
        role_arn: target.role_arn.clone(),
        sqs_parameters: target
            .has_queue_parameters
            .then(|| SqsParameters { message_group_id: target.message_group.clone() }),
        ..Target::default()
    }
}

pub fn delete(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: DeleteScheduleInput,
) -> Answer<DeleteScheduleOutput> {
    let key = key(step.scope, input.group_name.as_deref(), &input.name);
    authorize(step, "scheduler:DeleteSchedule", &key.arn())?;
    let (token, what) = (input.client_token.as_deref(), format!("{}/{}", key.group, key.name));
    if let Err(error) = scheduler.schedule(&key) {
        return match scheduler.tokens.has(step.now, key.scope, token, &what) {
            true => Ok(DeleteScheduleOutput {}.into()),
            false => Err(error),
        };
    }
    scheduler.remove(step, &key);
    scheduler.remember_deletion(step, token, what);
    Ok(DeleteScheduleOutput {}.into())
}
