//! Events told to the topics that a stack names.

use std::fmt::Write as _;

use pontoon_core::step::Step;
use pontoon_core::{Arn, Hop, Scope};

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
