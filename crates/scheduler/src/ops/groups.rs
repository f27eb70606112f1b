//! Groups of schedules. The default group is always there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pontoon_api::scheduler::*;
use pontoon_core::{Scope, Step};

use super::{Answer, authorize, list, tags};
use crate::deliver::group_arn;
use crate::records::{self, DeletionRecord};
use crate::state::group::Group;
use crate::{DEFAULT, Error, Key, Scheduler};

/// Groups of an account in a region (AWS's quota).
const GROUPS_MAX: usize = 500;
/// Schedules that one command deletes, so that none takes long.
const EMPTIED_AT_ONCE: usize = 1_000;

impl Scheduler {
    /// A group that is there; the default group always is.
    pub(super) fn group(&self, scope: Scope, name: &str) -> Result<Cow<'_, Group>, Error> {
        match self.groups.get(&(scope, name.to_owned())) {
            Some(group) => Ok(Cow::Borrowed(group)),
            None if name == DEFAULT => Ok(Cow::Owned(Group {
                created_millis: 0,
                modified_millis: 0,
                tags: BTreeMap::new(),
                token: None,
                deleting: false,
            })),
            None => Err(Error::NoGroup(name.to_owned())),
        }
    }

    /// Keeps a group as it is to be.
    pub(super) fn keep_group(&mut self, step: &mut Step<'_>, scope: Scope, name: &str, group: Group) {
        records::put_group(step, scope, name, &group);
        self.groups.insert((scope, name.to_owned()), group);
    }

    /// Deletes schedules of a group that is to go, and the group when none is left.
    pub(crate) fn empty(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        let keys: Vec<Key> =
            self.of_group(scope, name).map(|(key, _)| key.clone()).take(EMPTIED_AT_ONCE).collect();
        for key in &keys {
            self.remove(step, key);
        }
        if keys.len() < EMPTIED_AT_ONCE {
            self.emptying.remove(&(scope, name.to_owned()));
            self.groups.remove(&(scope, name.to_owned()));
            records::delete_group(step, scope, name);
        }
    }

    /// Remembers that something was deleted with a client token.
    pub(super) fn remember_deletion(&mut self, step: &mut Step<'_>, token: Option<&str>, deleted: String) {
        let Some(token) = token else { return };
        let (scope, now) = (step.scope, step.now);
        let record = DeletionRecord { deleted: deleted.clone(), at_millis: now.millis() };
        records::put_deletion(step, scope, token, &record);
        for (scope, forgotten) in self.tokens.add(now, scope, token, deleted) {
            records::delete_deletion(step, scope, &forgotten);
        }
    }
}

pub fn create(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: CreateScheduleGroupInput,
) -> Answer<CreateScheduleGroupOutput> {
    let (scope, name) = (step.scope, input.name);
    let arn = group_arn(scope, &name);
    authorize(step, "scheduler:CreateScheduleGroup", &arn)?;
    if let Ok(group) = scheduler.group(scope, &name) {
        let is_same_request = input.client_token.is_some() && group.token == input.client_token;
        return match is_same_request {
            true => Ok(CreateScheduleGroupOutput { schedule_group_arn: arn }.into()),
            false => Err(Error::GroupExists(name)),
        };
    }
    let count =
        scheduler.groups.range((scope, String::new())..).take_while(|((of, _), _)| *of == scope).count();
    if count >= GROUPS_MAX {
        return Err(Error::QuotaExceeded("schedule groups"));
    }
    let group = Group {
        created_millis: step.now.millis(),
        modified_millis: step.now.millis(),
        tags: tags::merged(BTreeMap::new(), input.tags.unwrap_or_default())?,
        token: input.client_token,
        deleting: false,
    };
    scheduler.keep_group(step, scope, &name, group);
    Ok(CreateScheduleGroupOutput { schedule_group_arn: arn }.into())
}

pub fn get(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: GetScheduleGroupInput,
) -> Answer<GetScheduleGroupOutput> {
    let (scope, name) = (step.scope, input.name);
    let arn = group_arn(scope, &name);
    authorize(step, "scheduler:GetScheduleGroup", &arn)?;
    let group = scheduler.group(scope, &name)?;
    let output = GetScheduleGroupOutput {
        arn: Some(arn),
        creation_date: list::date(&group, group.created_millis),
        last_modification_date: list::date(&group, group.modified_millis),
        name: Some(name),
        state: Some(group.state().to_owned()),
    };
    Ok(output.into())
}

pub fn delete(
    scheduler: &mut Scheduler,
    step: &mut Step<'_>,
    input: DeleteScheduleGroupInput,
) -> Answer<DeleteScheduleGroupOutput> {
    let (scope, name) = (step.scope, input.name);
    authorize(step, "scheduler:DeleteScheduleGroup", &group_arn(scope, &name))?;
    if name == DEFAULT {
        return Err(Error::Validation("The default schedule group cannot be deleted.".into()));
    }
    let token = input.client_token.as_deref();
    let mut group = match scheduler.group(scope, &name) {
        Ok(group) => group.into_owned(),
        Err(_) if scheduler.tokens.has(step.now, scope, token, &name) => {
            return Ok(DeleteScheduleGroupOutput {}.into());
        }
        Err(error) => return Err(error),
    };
    group.deleting = true;
    scheduler.keep_group(step, scope, &name, group);
    scheduler.emptying.insert((scope, name.clone()));
    scheduler.empty(step, scope, &name);
    scheduler.remember_deletion(step, token, name);
    Ok(DeleteScheduleGroupOutput {}.into())
}
