//! What schedules are checked for beyond the model, in the order in which it is named here.
//!
//! The messages about expressions are recorded (`scheduler/`), those about roles, start dates and the input of universal targets are known from what
//! AWS answered to others; the rest is in own words.

use std::sync::Arc;
use std::time::Duration;

use pontoon_api::scheduler as api;
use pontoon_core::policy::Assuming;
use pontoon_core::shape::Violation;
use pontoon_core::{Destination as Named, OperationSchema, PolicyMode, Step, Timestamp};

use crate::deliver::group_arn;
use crate::state::document::{DocumentReader, capitalized};
use crate::state::input::Firing;
use crate::state::schedule::{Schedule, ScheduleRecord, Unreadable};
use crate::state::target::{AGE_SECS_DEFAULT, Destination, NoDestination, RETRIES_DEFAULT, TargetRecord};
use crate::{Error, Key, PRINCIPAL, Scheduler};

/// How long ago a schedule may start at most.
const START_AGO_MAX: Duration = Duration::from_secs(5 * 60);

/// The schedule that an input wants, as one that was made now and has not begun.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn schedule(
    wanted: api::CreateScheduleInput,
    scheduler: &Scheduler,
    step: &mut Step<'_>,
    key: &Key,
) -> Result<Schedule, Error> {
    if wanted.kms_key_arn.is_some() {
        return Err(Error::Unsupported("encryption of schedules with own keys (KmsKeyArn)".to_owned()));
    }
    let millis = |date: Option<Timestamp>| date.map(Timestamp::millis);
    let record = ScheduleRecord {
        serial: step.ids.u64(),
        expression: wanted.schedule_expression,
        zone: wanted.schedule_expression_timezone.unwrap_or_else(|| "UTC".to_owned()),
        start_millis: millis(wanted.start_date),
        end_millis: millis(wanted.end_date),
        window_minutes: window(&wanted.flexible_time_window)?,
        enabled: wanted.state.as_deref() != Some("DISABLED"),
        delete_after_completion: wanted.action_after_completion.as_deref() == Some("DELETE"),
        description: wanted.description,
        target: Arc::new(target(wanted.target)?),
        created_millis: step.now.millis(),
        modified_millis: step.now.millis(),
        token: None,
        anchor_millis: step.now.millis(),
        due: None,
        under_way: 0,
    };
    let (expression, zone) = (record.expression.clone(), record.zone.clone());
    let schedule = Schedule::new(record).map_err(|why| match why {
        Unreadable::Expression => Error::Validation(format!("Invalid Schedule Expression {expression}.")),
        Unreadable::Zone => Error::Validation(format!("Invalid Schedule Expression Timezone {zone}.")),
    })?;
    dates(&schedule, step.now)?;
    role(scheduler, step, key, &schedule.record.target.role_arn)?;
    Ok(schedule)
}

fn window(window: &api::FlexibleTimeWindow) -> Result<Option<u32>, Error> {
    match (window.mode.as_str(), window.maximum_window_in_minutes) {
        ("FLEXIBLE", Some(minutes)) => Ok(u32::try_from(minutes).ok()),
        ("FLEXIBLE", None) => Err(Error::Validation(
            "MaximumWindowInMinutes must be set when the Mode of FlexibleTimeWindow is FLEXIBLE.".into(),
        )),
        (_, Some(_)) => Err(Error::Validation(
            "MaximumWindowInMinutes must not be set when the Mode of FlexibleTimeWindow is OFF.".into(),
        )),
        (_, None) => Ok(None),
    }
}

/// Start and end of a schedule that recurs; those of a single instant are ignored.
fn dates(schedule: &Schedule, now: Timestamp) -> Result<(), Error> {
    if !schedule.is_recurring() {
        return Ok(());
    }
    let (start, end) = (schedule.record.start_millis, schedule.record.end_millis);
    if start.is_some_and(|start| start < now.before(START_AGO_MAX).millis()) {
        return Err(Error::Validation(
            "The StartDate you specify cannot be earlier than 5 minutes ago.".into(),
        ));
    }
    if end.is_some_and(|end| end < now.millis()) {
        return Err(Error::Validation("The EndDate you specify cannot be in the past.".into()));
    }
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        return Err(Error::Validation("The EndDate you specify must be after the StartDate.".into()));
    }
    Ok(())
}

/// The role must be there and let Scheduler assume it; only where policies are enforced, otherwise the trace of each firing says so.
fn role(scheduler: &Scheduler, step: &mut Step<'_>, key: &Key, arn: &str) -> Result<(), Error> {
    let group = group_arn(key.scope, &key.group);
    let (role, of) = ((scheduler.roles)(arn), key.arn());
    let assuming =
        Assuming { service: PRINCIPAL, role: arn, source_arn: &group, resource: &of, session: &key.name };
    let enforced = step.settings().policies == PolicyMode::Enforce;
    if enforced && assuming.denied(step, role.as_ref()).is_some() {
        return Err(Error::Validation(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.".into(),
        ));
    }
    Ok(())
}

fn target(target: api::Target) -> Result<TargetRecord, Error> {
    let others = [
        ("EcsParameters", target.ecs_parameters.is_some()),
        ("KinesisParameters", target.kinesis_parameters.is_some()),
        ("SageMakerPipelineParameters", target.sage_maker_pipeline_parameters.is_some()),
    ];
    if let Some((name, _)) = others.iter().find(|(_, given)| *given) {
        return Err(Error::Unsupported(format!("schedules' targets with {name}")));
    }
    let destination = destination(&target.arn)?;
    let is_bus = matches!(destination, Destination::Resource(Named::Bus(..)));
    let is_queue = matches!(destination, Destination::Resource(Named::Queue(..)));
    if target.event_bridge_parameters.is_some() != is_bus {
        let verb = if is_bus { "must" } else { "must not" };
        return Err(Error::Validation(format!(
            "EventBridgeParameters {verb} be set for target {}.",
            target.arn
        )));
    }
    if target.sqs_parameters.is_some() && !is_queue {
        return Err(Error::Validation(format!("SqsParameters must not be set for target {}.", target.arn)));
    }
    input(&destination, target.input.as_deref())?;
    let dead_letter = target.dead_letter_config.and_then(|config| config.arn);
    if dead_letter.as_deref().is_some_and(|arn| arn.ends_with(".fifo")) {
        return Err(Error::Validation("A FIFO queue cannot be the dead-letter queue of a schedule.".into()));
    }
    let retry = target.retry_policy.unwrap_or_default();
    let number =
        |value: Option<i32>, default| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
    Ok(TargetRecord {
        arn: target.arn,
        role_arn: target.role_arn,
        input: target.input,
        has_queue_parameters: target.sqs_parameters.is_some(),
        message_group: target.sqs_parameters.and_then(|parameters| parameters.message_group_id),
        event: target.event_bridge_parameters.map(|event| (event.detail_type, event.source)),
        dead_letter,
        retries_max: number(retry.maximum_retry_attempts, RETRIES_DEFAULT),
        age_secs_max: number(retry.maximum_event_age_in_seconds, AGE_SECS_DEFAULT),
    })
}

fn destination(arn: &str) -> Result<Destination, Error> {
    Destination::of(arn).map_err(|why| match why {
        NoDestination::Malformed => Error::Validation(format!("Provided Arn is not in correct format: {arn}")),
        NoDestination::Reads { service, action } => Error::Validation(format!(
            "The api '{action}' of the service '{service}' only reads, and cannot be the target of a schedule."
        )),
        NoDestination::Unknown { service, action } => {
            Error::Validation(format!("The api '{action}' is not an api of the service '{service}'."))
        }
        NoDestination::Unsupported(what) => Error::Unsupported(what),
    })
}

/// Inputs of functions, buses and universal targets are JSON. Their context attributes are filled in as at a firing before that is judged.
fn input(destination: &Destination, input: Option<&str>) -> Result<(), Error> {
    let sample = Firing {
        scope: pontoon_core::Scope::default(),
        arn: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/sample",
        scheduled: Timestamp::from_secs(0),
        id: [0; 16],
        attempt: 1,
    };
    let json = |text: &str| {
        serde_json::from_str::<serde_json::Value>(&sample.fill(text)).map_err(|error| {
            Error::Validation(format!("The input of the target is not well-formed JSON: {error}"))
        })
    };
    match (destination, input) {
        (Destination::Resource(Named::Queue(..) | Named::Topic(_)), _) => Ok(()),
        (Destination::Resource(_), input) => input.map(json).transpose().map(|_| ()),
        (Destination::Operation(operation), input) => requestjson(operation, &json(input.unwrap_or("{}"))?),
    }
}

/// What a universal target's operation is given must be its input. AWS was seen to name missing fields so; what else the model demands is checked when
/// the operation is called.
fn requestjson(operation: &'static OperationSchema, document: &serde_json::Value) -> Result<(), Error> {
    let refused = |why: &str| Error::Validation(format!("Invalid RequestJson provided. Reason {why}."));
    let (_, violations) =
        (operation.decode)(&mut DocumentReader(document)).map_err(|error| refused(&error.message))?;
    let missing =
        violations.found().iter().filter(|violated| matches!(violated.violation, Violation::Missing));
    let missing: Vec<String> = missing.map(|violated| capitalized(&violated.path)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(refused(&format!("Request payload is missing the following field(s): {}", missing.join(", "))))
}
