//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod check;
mod groups;
mod list;
mod page;
mod schedules;
mod tags;

use pontoon_api::scheduler::*;
use pontoon_core::{Access, Reply, Step};

use crate::{Error, Scheduler};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// Checks the caller's right to an action. Neither schedules nor groups have policies of their own.
fn authorize(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    let access = Access { action, resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

pontoon_api::delegate! { Scheduler, Error:
    create_schedule(CreateScheduleInput) -> CreateScheduleOutput = schedules::create;
    create_schedule_group(CreateScheduleGroupInput) -> CreateScheduleGroupOutput = groups::create;
    delete_schedule(DeleteScheduleInput) -> DeleteScheduleOutput = schedules::delete;
    delete_schedule_group(DeleteScheduleGroupInput) -> DeleteScheduleGroupOutput = groups::delete;
    get_schedule(GetScheduleInput) -> GetScheduleOutput = schedules::get;
    get_schedule_group(GetScheduleGroupInput) -> GetScheduleGroupOutput = groups::get;
    list_schedule_groups(ListScheduleGroupsInput) -> ListScheduleGroupsOutput = list::groups;
    list_schedules(ListSchedulesInput) -> ListSchedulesOutput = list::schedules;
    list_tags_for_resource(ListTagsForResourceInput) -> ListTagsForResourceOutput = tags::list;
    tag_resource(TagResourceInput) -> TagResourceOutput = tags::tag;
    untag_resource(UntagResourceInput) -> UntagResourceOutput = tags::untag;
    update_schedule(UpdateScheduleInput) -> UpdateScheduleOutput = schedules::update;
}
