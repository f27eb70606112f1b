//! ListSchedules and ListScheduleGroups: in the order of names, groups first.

use pontoon_api::scheduler::*;
use pontoon_core::{Step, Timestamp};

use super::page::{after, page};
use super::{Answer, authorize};
use crate::deliver::group_arn;
use crate::state::group::Group;
use crate::state::schedule::Schedule;
use crate::{DEFAULT, Key, Scheduler};

pub fn schedules(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: ListSchedulesInput,
) -> Answer<ListSchedulesOutput> {
    let scope = step.scope;
    authorize(step, "scheduler:ListSchedules", &scope.arn("scheduler", "schedule/*/*"))?;
    if let Some(group) = &input.group_name {
        scheduler.group(scope, group)?;
    }
    let mut from =
        Key { scope, group: input.group_name.as_deref().unwrap_or_default().into(), name: "".into() };
    let last = after(input.next_token.as_deref())?;
    if let Some((group, name)) = last.as_deref().and_then(|last| last.split_once('/')) {
        from = from.max(Key { scope, group: group.into(), name: name.into() });
    }
    let begins = |name: &str| input.name_prefix.as_deref().is_none_or(|prefix| name.starts_with(prefix));
    let found = scheduler
        .schedules
        .range(from..)
        .take_while(|(key, _)| {
            key.scope == scope && input.group_name.as_deref().is_none_or(|group| group == &*key.group)
        })
        .filter(|(key, _)| last.as_deref() != Some(&place(key)))
        .filter(|(key, schedule)| {
            begins(&key.name) && input.state.as_deref().is_none_or(|wanted| wanted == state(schedule))
        });
    let (found, next_token) = page(found, |(key, _)| place(key), input.max_results);
    let schedules = found.into_iter().map(|(key, schedule)| summary(key, schedule)).collect();
    Ok(ListSchedulesOutput { next_token, schedules }.into())
}

pub fn groups(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: ListScheduleGroupsInput,
) -> Answer<ListScheduleGroupsOutput> {
    let scope = step.scope;
    authorize(step, "scheduler:ListScheduleGroups", &group_arn(scope, "*"))?;
    let last = after(input.next_token.as_deref())?;
    let made = scheduler.groups.range((scope, String::new())..).take_while(|((of, _), _)| *of == scope);
    let mut names: Vec<&str> = made.map(|((_, name), _)| name.as_str()).collect();
    if let Err(at) = names.binary_search(&DEFAULT) {
        names.insert(at, DEFAULT);
    }
    let begins = |name: &str| input.name_prefix.as_deref().is_none_or(|prefix| name.starts_with(prefix));
    let wanted =
        names.into_iter().filter(|name| begins(name) && last.as_deref().is_none_or(|last| *name > last));
    let (found, next_token) = page(wanted, |name| (*name).to_owned(), input.max_results);
    let shown = |name: &str| {
        let group = scheduler.group(scope, name)?;
        Ok(ScheduleGroupSummary {
            arn: Some(group_arn(scope, name)),
            creation_date: date(&group, group.created_millis),
            last_modification_date: date(&group, group.modified_millis),
            name: Some(name.to_owned()),
            state: Some(group.state().to_owned()),
        })
    };
    let schedule_groups: Result<_, crate::Error> = found.into_iter().map(shown).collect();
    Ok(ListScheduleGroupsOutput { next_token, schedule_groups: schedule_groups? }.into())
}

/// A date of a group; the default group that nothing was done to has none.
pub(super) fn date(group: &Group, millis: i64) -> Option<Timestamp> {
    (group.created_millis != 0).then(|| Timestamp::from_millis(millis))
}

pub(super) fn state(schedule: &Schedule) -> &'static str {
    if schedule.record.enabled { "ENABLED" } else { "DISABLED" }
}

fn place(key: &Key) -> String {
    format!("{}/{}", key.group, key.name)
}

fn summary(key: &Key, schedule: &Schedule) -> ScheduleSummary {
    let record = &schedule.record;
    ScheduleSummary {
        arn: Some(key.arn()),
        creation_date: Some(Timestamp::from_millis(record.created_millis)),
        group_name: Some(key.group.to_string()),
        last_modification_date: Some(Timestamp::from_millis(record.modified_millis)),
        name: Some(key.name.to_string()),
        state: Some(state(schedule).to_owned()),
        target: Some(TargetSummary { arn: record.target.arn.clone() }),
    }
}
