//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod api_destinations;
mod archives;
pub(crate) mod buses;
mod connections;
mod page;
mod pattern;
mod permissions;
pub(crate) mod put_events;
mod replays;
mod rules;
mod tags;
mod targets;

use pontoon_api::events::*;
use pontoon_core::{Access, Reply, Step};

use crate::{Error, Events};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// Checks the caller's right to an action on what has no policy of its own.
pub(crate) fn authorize(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    let access = Access { action, resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

pontoon_api::delegate! { Events, Error:
    cancel_replay(CancelReplayInput) -> CancelReplayOutput = replays::cancel;
    create_api_destination(CreateApiDestinationInput) -> CreateApiDestinationOutput = api_destinations::create;
    create_archive(CreateArchiveInput) -> CreateArchiveOutput = archives::create;
    create_connection(CreateConnectionInput) -> CreateConnectionOutput = connections::create;
    create_event_bus(CreateEventBusInput) -> CreateEventBusOutput = buses::create;
    deauthorize_connection(DeauthorizeConnectionInput) -> DeauthorizeConnectionOutput = connections::deauthorize;
    delete_api_destination(DeleteApiDestinationInput) -> DeleteApiDestinationOutput = api_destinations::delete;
    delete_archive(DeleteArchiveInput) -> DeleteArchiveOutput = archives::delete;
    delete_connection(DeleteConnectionInput) -> DeleteConnectionOutput = connections::delete;
    delete_event_bus(DeleteEventBusInput) -> DeleteEventBusOutput = buses::delete;
    delete_rule(DeleteRuleInput) -> DeleteRuleOutput = rules::delete;
    describe_api_destination(DescribeApiDestinationInput) -> DescribeApiDestinationOutput = api_destinations::describe;
    describe_archive(DescribeArchiveInput) -> DescribeArchiveOutput = archives::describe;
    describe_connection(DescribeConnectionInput) -> DescribeConnectionOutput = connections::describe;
    describe_event_bus(DescribeEventBusInput) -> DescribeEventBusOutput = buses::describe;
    describe_replay(DescribeReplayInput) -> DescribeReplayOutput = replays::describe;
    describe_rule(DescribeRuleInput) -> DescribeRuleOutput = rules::describe;
    disable_rule(DisableRuleInput) -> DisableRuleOutput = rules::disable;
    enable_rule(EnableRuleInput) -> EnableRuleOutput = rules::enable;
    list_api_destinations(ListApiDestinationsInput) -> ListApiDestinationsOutput = api_destinations::list;
    list_archives(ListArchivesInput) -> ListArchivesOutput = archives::list;
    list_connections(ListConnectionsInput) -> ListConnectionsOutput = connections::list;
    list_event_buses(ListEventBusesInput) -> ListEventBusesOutput = buses::list;
    list_replays(ListReplaysInput) -> ListReplaysOutput = replays::list;
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
    start_replay(StartReplayInput) -> StartReplayOutput = replays::start;
    tag_resource(TagResourceInput) -> TagResourceOutput = tags::tag;
    test_event_pattern(TestEventPatternInput) -> TestEventPatternOutput = pattern::test;
    untag_resource(UntagResourceInput) -> UntagResourceOutput = tags::untag;
    update_api_destination(UpdateApiDestinationInput) -> UpdateApiDestinationOutput = api_destinations::update;
    update_archive(UpdateArchiveInput) -> UpdateArchiveOutput = archives::update;
    update_connection(UpdateConnectionInput) -> UpdateConnectionOutput = connections::update;
    update_event_bus(UpdateEventBusInput) -> UpdateEventBusOutput = buses::update;
}
