//! Events told to the topics that a stack names, and to the default event bus.

use std::fmt::Write as _;

use pontoon_api::events::{self, PutEventsInput, PutEventsRequestEntry};
use pontoon_core::step::Step;
use pontoon_core::{Arn, Hop, Scope};
use serde_json::json;

use super::hop_caller;
use crate::records::Event;
use crate::resources::Call;
use crate::state::Stack;
use crate::template::{Map, Value};

/// Publishes an event to every topic of the stack, in the form of text that CloudFormation sends: a line
/// for each member, values in single quotes ("Setting stack notifications" in the user guide).
pub(super) fn publish(step: &mut Step<'_>, stack: &Stack, event: &Event) {
    for arn in &stack.settings.notification_arns {
        let Some(to) = Arn::parse(arn).and_then(|parsed| topic_scope(&parsed)) else { continue };
        let input = Map::from_iter([
            ("TopicArn".to_owned(), Value::from(arn.as_str())),
            ("Subject".to_owned(), "AWS CloudFormation Notification".into()),
            ("Message".to_owned(), message(step.scope, stack, event).into()),
        ]);
        // The topic's own policy decides; a refusal concerns nobody but its owner, as on AWS.
        if let Ok(request) = Call::new(&pontoon_api::sns::SERVICE, "Publish", Value::Map(input)).request() {
            let caller = hop_caller(step, stack);
            step.hop(Hop {
                to,
                caller,
                request,
                resource: arn.as_str().into(),
                attempt: 1,
                traced: false,
                ticket: None,
            });
        }
    }
}

/// Puts an event on the default bus of the stack's account and region ("Managing events using Amazon EventBridge" in the user guide): one of the stack,
/// or one of a resource.
pub(super) fn tell_bus(step: &mut Step<'_>, stack: &Stack, event: &Event) {
    let status =
        json!({ "status": event.status, "status-reason": event.reason.as_deref().unwrap_or_default() });
    let mut detail = json!({ "stack-id": stack.id, "status-details": status });
    let is_of_stack = event.physical_id == stack.id;
    let detail_type = if is_of_stack {
        "CloudFormation Stack Status Change"
    } else {
        detail["logical-resource-id"] = event.logical.as_str().into();
        detail["physical-resource-id"] = event.physical_id.as_str().into();
        detail["resource-type"] = event.kind.as_str().into();
        "CloudFormation Resource Status Change"
    };
    detail["client-request-token"] = event.token.as_deref().unwrap_or_default().into();
    let entry = PutEventsRequestEntry {
        time: Some(event.at),
        source: Some("aws.cloudformation".to_owned()),
        resources: Some(vec![stack.id.clone()]),
        detail_type: Some(detail_type.to_owned()),
        detail: Some(detail.to_string()),
        ..Default::default()
    };
    let input = PutEventsInput { entries: vec![entry], endpoint_id: None };
    let caller = step.hop_caller("cloudformation.amazonaws.com", &stack.id, None);
    step.hop(Hop {
        to: step.scope,
        caller,
        request: Box::new(events::Request::PutEvents(input)),
        resource: step.scope.arn("events", "event-bus/default").into(),
        attempt: 1,
        traced: false,
        ticket: None,
    });
}

fn topic_scope(arn: &Arn<'_>) -> Option<Scope> {
    Some(Scope { account: arn.account.parse().ok()?, region: arn.region.parse().ok()? })
}

fn message(scope: Scope, stack: &Stack, event: &Event) -> String {
    let properties =
        event.properties.clone().map_or_else(|| "null".to_owned(), |map| Value::Map(map).to_json());
    let members = [
        ("StackId", stack.id.as_str()),
        ("Timestamp", &event.at.iso_millis()),
        ("EventId", &event.id),
        ("LogicalResourceId", &event.logical),
        ("Namespace", scope.account.as_str()),
        ("PhysicalResourceId", &event.physical_id),
        ("ResourceProperties", &properties),
        ("ResourceStatus", &event.status),
        ("ResourceStatusReason", event.reason.as_deref().unwrap_or_default()),
        ("ResourceType", &event.kind),
        ("StackName", &stack.name),
        ("ClientRequestToken", event.token.as_deref().unwrap_or("null")),
    ];
    let mut text = String::new();
    for (name, value) in members {
        let _ = writeln!(text, "{name}='{value}'");
    }
    text
}
