//! Schedules and their groups.

use pontoon_api::scheduler::SERVICE;

use super::{Call, Context, Expectation, Lifecycle, Value, object, tags, text, without};
use crate::state::Instance;
use crate::template::Map;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// `AWS::Scheduler::Schedule`.
pub(super) struct Schedule;

impl Schedule {
    /// The API takes the properties as they are.
    fn settings(context: &Context<'_>) -> Map {
        let mut input = without(&context.instance.properties, &["Name"]);
        input.insert("Name".to_owned(), context.name().into());
        input
    }

    fn group(instance: &Instance) -> &str {
        instance.text("GroupName").unwrap_or("default")
    }
}

impl Lifecycle for Schedule {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let input = Value::Map(Self::settings(context));
        Ok(vec![Call::new(&SERVICE, "CreateSchedule", input).named(context.name())])
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        Ok(vec![Call::new(&SERVICE, "UpdateSchedule", Value::Map(Self::settings(context)))])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([
            ("Name", text(context.physical_id())),
            ("GroupName", text(Self::group(context.instance))),
        ]);
        vec![Call::new(&SERVICE, "DeleteSchedule", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        let place = format!("schedule/{}/{}", Self::group(context.instance), context.name());
        (name == "Arn").then(|| context.scope.arn("scheduler", place).into())
    }
}

/// `AWS::Scheduler::ScheduleGroup`.
pub(super) struct ScheduleGroup;

impl ScheduleGroup {
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("scheduler", format_args!("schedule-group/{}", context.name()))
    }
}

impl Lifecycle for ScheduleGroup {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let input = object([("Name", text(context.name())), ("Tags", tags::list(context))]);
        Ok(vec![Call::new(&SERVICE, "CreateScheduleGroup", input).named(context.name())])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let (set, gone) = tags::changes(context, old);
        let arn = || ("ResourceArn", text(Self::arn(context)));
        let mut calls = Vec::new();
        if let Some(set) = tags::pairs(&set, "Key", "Value") {
            calls.push(Call::new(&SERVICE, "TagResource", object([arn(), ("Tags", Some(set))])));
        }
        if !gone.is_empty() {
            let input = object([arn(), ("TagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagResource", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let named = || object([("Name", text(context.physical_id()))]);
        vec![
            Call::new(&SERVICE, "DeleteScheduleGroup", named()).or(ABSENT),
            Call::new(&SERVICE, "GetScheduleGroup", named()).expect(Expectation::Gone(ABSENT)),
        ]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "Arn" => text(Self::arn(context)),
            "State" => text("ACTIVE"),
            _ => None,
        }
    }
}
