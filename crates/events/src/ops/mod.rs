//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod buses;
mod page;
mod pattern;
mod permissions;
pub(crate) mod put_events;
mod rules;
mod tags;
mod targets;

use pontoon_api::events::*;
use pontoon_core::{Reply, Step};

use crate::{Error, Events};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

macro_rules! delegate {
    ($($operation:ident($input:ident) -> $output:ident = $to:path;)*) => {
        impl Handler for Events {
            type Error = Error;

            $(fn $operation(&mut self, step: &mut Step<'_>, input: $input) -> Answer<$output> {
                $to(self, step, input)
            })*
        }
    };
}

delegate! {
    create_event_bus(CreateEventBusInput) -> CreateEventBusOutput = buses::create;
    delete_event_bus(DeleteEventBusInput) -> DeleteEventBusOutput = buses::delete;
    delete_rule(DeleteRuleInput) -> DeleteRuleOutput = rules::delete;
    describe_event_bus(DescribeEventBusInput) -> DescribeEventBusOutput = buses::describe;
    describe_rule(DescribeRuleInput) -> DescribeRuleOutput = rules::describe;
    disable_rule(DisableRuleInput) -> DisableRuleOutput = rules::disable;
    enable_rule(EnableRuleInput) -> EnableRuleOutput = rules::enable;
    list_event_buses(ListEventBusesInput) -> ListEventBusesOutput = buses::list;
    list_rule_names_by_target(ListRuleNamesByTargetInput) -> ListRuleNamesByTargetOutput = rules::names_by_target;
    list_rules(ListRulesInput) -> ListRulesOutput = rules::list;
    list_tags_for_resource(ListTagsForResourceInput) -> ListTagsForResourceOutput = tags::list;
    list_targets_by_rule(ListTargetsByRuleInput) -> ListTargetsByRuleOutput = targets::list;
    put_events(PutEventsInput) -> PutEventsOutput = put_events::put;
    put_permission(PutPermissionInput) -> PutPermissionOutput = permissions::put;
    put_rule(PutRuleInput) -> PutRuleOutput = rules::put;
    put_targets(PutTargetsInput) -> PutTargetsOutput = targets::put;
    remove_permission(RemovePermissionInput) -> RemovePermissionOutput = permissions::remove;
    remove_targets(RemoveTargetsInput) -> RemoveTargetsOutput = targets::remove;
    tag_resource(TagResourceInput) -> TagResourceOutput = tags::tag;
    test_event_pattern(TestEventPatternInput) -> TestEventPatternOutput = pattern::test;
    untag_resource(UntagResourceInput) -> UntagResourceOutput = tags::untag;
    update_event_bus(UpdateEventBusInput) -> UpdateEventBusOutput = buses::update;
}
