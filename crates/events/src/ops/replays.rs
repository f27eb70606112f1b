//! Replays.

use pontoon_api::events::*;
use pontoon_core::{Arn, Step, Timestamp};

use super::archives::{bus_of, one_filter};
use super::page::page;
use super::{Answer, authorize};
use crate::replays::TURN;
use crate::state::replay::{ReplayRecord, ReplayState};
use crate::{Error, Events};

/// Replays of an account in a region that may be active at once (user guide, quotas).
const ACTIVE_MAX: usize = 10;

fn arn_of(step: &Step<'_>, name: &str) -> String {
    step.scope.arn("events", format_args!("replay/{name}"))
}

pub fn start(events: &mut Events, step: &mut Step<'_>, input: StartReplayInput) -> Answer<StartReplayOutput> {
    let StartReplayInput {
        replay_name: name,
        description,
        event_source_arn: archive_arn,
        event_start_time: from,
        event_end_time: until,
        destination,
    } = input;
    authorize(step, "events:StartReplay", &archive_arn)?;
    let bus = bus_of(events, step, "Destination.Arn", &destination.arn)?;
    let arn = Arn::parse(&archive_arn).filter(|arn| arn.service == "events");
    let archive = arn.as_ref().and_then(|arn| arn.resource.strip_prefix("archive/"));
    let (Some(scope), Some(archive)) = (arn.as_ref().and_then(Arn::scope), archive) else {
        return Err(Error::parameter("EventSourceArn", "Must contain an archive ARN."));
    };
    let found = events.archives.get(scope, archive).filter(|_| scope == step.scope);
    let found = found
        .ok_or_else(|| Error::parameter("EventSourceArn", &format!("Archive {archive} does not exist.")))?;
    if found.record.bus_arn != destination.arn {
        return Err(Error::parameter("Destination.Arn", "Cross event bus replay is not permitted."));
    }
    if until <= from {
        return Err(Error::parameter("EventEndTime", "EventStartTime must be before EventEndTime."));
    }
    refuse_other_rules(step, &bus, destination.filter_arns.as_deref())?;
    if events.replays.get(step.scope, &name).is_some() {
        return Err(Error::ReplayExists(name));
    }
    if events.replays.of(step.scope).filter(|(_, replay)| replay.state.is_active()).count() >= ACTIVE_MAX {
        return Err(Error::LimitExceeded);
    }
    let record = ReplayRecord {
        description,
        archive: archive.to_owned(),
        archive_id: found.record.id,
        archive_arn: archive_arn.clone(),
        bus_arn: destination.arn,
        filter_arns: destination.filter_arns,
        from_millis: from.millis(),
        until_millis: until.millis(),
        started_millis: step.now.millis(),
        ended_millis: None,
        state: ReplayState::Starting,
        state_reason: None,
        reached: None,
        due_millis: step.now.after(TURN).millis(),
    };
    events.replays.put(step, scope, &name, record);
    Ok(StartReplayOutput {
        replay_arn: Some(arn_of(step, &name)),
        state: Some(ReplayState::Starting.name().to_owned()),
        state_reason: None,
        replay_start_time: Some(step.now),
    }
    .into())
}

/// Only rules of the bus itself can be given its events.
fn refuse_other_rules(step: &Step<'_>, bus: &str, arns: Option<&[String]>) -> Result<(), Error> {
    let start = crate::state::bus::rule_arn(step.scope, bus, "");
    match arns.unwrap_or_default().iter().find(|arn| !arn.starts_with(&start)) {
        Some(_) => {
            Err(Error::parameter("Destination.FilterArns", "Must contain ARNs of rules of the event bus."))
        }
        None => Ok(()),
    }
}

pub fn cancel(
    events: &mut Events,
    step: &mut Step<'_>,
    input: CancelReplayInput,
) -> Answer<CancelReplayOutput> {
    let name = input.replay_name;
    let arn = arn_of(step, &name);
    authorize(step, "events:CancelReplay", &arn)?;
    let mut record = events.replays.get(step.scope, &name).cloned().ok_or(Error::NoReplay(name.clone()))?;
    if !record.state.is_active() {
        return Err(Error::ReplayEnded(name));
    }
    record.state = ReplayState::Cancelling;
    record.due_millis = step.now.after(TURN).millis();
    let scope = step.scope;
    events.replays.put(step, scope, &name, record);
    Ok(CancelReplayOutput {
        replay_arn: Some(arn),
        state: Some(ReplayState::Cancelling.name().to_owned()),
        state_reason: None,
    }
    .into())
}

fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

pub fn describe(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DescribeReplayInput,
) -> Answer<DescribeReplayOutput> {
    let name = input.replay_name;
    let arn = arn_of(step, &name);
    authorize(step, "events:DescribeReplay", &arn)?;
    let record = events.replays.get(step.scope, &name).cloned().ok_or(Error::NoReplay(name.clone()))?;
    Ok(DescribeReplayOutput {
        replay_name: Some(name),
        replay_arn: Some(arn),
        description: record.description,
        state: Some(record.state.name().to_owned()),
        state_reason: record.state_reason,
        event_source_arn: Some(record.archive_arn),
        destination: Some(ReplayDestination { arn: record.bus_arn, filter_arns: record.filter_arns }),
        event_start_time: time(Some(record.from_millis)),
        event_end_time: time(Some(record.until_millis)),
        event_last_replayed_time: time(record.reached.map(|place| place.at_millis)),
        replay_start_time: time(Some(record.started_millis)),
        replay_end_time: time(record.ended_millis),
    }
    .into())
}

pub fn list(events: &mut Events, step: &mut Step<'_>, input: ListReplaysInput) -> Answer<ListReplaysOutput> {
    authorize(step, "events:ListReplays", "*")?;
    let ListReplaysInput { name_prefix, state, event_source_arn, next_token, limit } = input;
    one_filter("ListReplays", [name_prefix.is_some(), event_source_arn.is_some(), state.is_some()])?;
    let matching = events.replays.of(step.scope).filter(|(name, replay)| {
        name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && event_source_arn.as_ref().is_none_or(|arn| *arn == replay.archive_arn)
            && state.as_ref().is_none_or(|state| state == replay.state.name())
    });
    let (found, next_token) = page(matching, |(name, _)| (*name).clone(), next_token.as_deref(), limit)?;
    let replays = found.into_iter().map(|(name, record)| shown(name, record)).collect();
    Ok(ListReplaysOutput { replays: Some(replays), next_token }.into())
}

fn shown(name: &str, record: &ReplayRecord) -> Replay {
    Replay {
        replay_name: Some(name.to_owned()),
        event_source_arn: Some(record.archive_arn.clone()),
        state: Some(record.state.name().to_owned()),
        state_reason: record.state_reason.clone(),
        event_start_time: time(Some(record.from_millis)),
        event_end_time: time(Some(record.until_millis)),
        event_last_replayed_time: time(record.reached.map(|place| place.at_millis)),
        replay_start_time: time(Some(record.started_millis)),
        replay_end_time: time(record.ended_millis),
    }
}
