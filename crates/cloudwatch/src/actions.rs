//! What changes of alarms cause: history, an event on the default bus, and for those of state the alarm's actions. Each is the public operation of its service.

use pontoon_api::{events, lambda, sns};
use pontoon_core::{Arn, Hop, Request, Scope, ServiceId, Settled, Step, Ticket, Timestamp};

use crate::documents::{self, Change, Operation};
use crate::records::HistoryRecord;
use crate::state::alarm::{Alarm, StateValue};
use crate::{CloudWatch, alarm_arn};

/// In whose name topics are published to, and events are put.
const PRINCIPAL: &str = "cloudwatch.amazonaws.com";
/// In whose name functions are invoked.
const FUNCTION_PRINCIPAL: &str = "lambda.alarms.cloudwatch.amazonaws.com";

/// What an action's outcome is handed back with.
struct Acted {
    alarm: String,
    action: String,
    published: String,
    at: Timestamp,
}

/// A new state, why in words, and why in JSON.
pub(crate) type NewState = (StateValue, String, Option<String>);

impl CloudWatch {
    /// Puts an alarm in a state. If it is another one, that is remembered, told, and acted on.
    pub(crate) fn change_state(&mut self, step: &mut Step<'_>, scope: Scope, name: &str, new: NewState) {
        let (value, reason, reason_data) = new;
        let Some(alarm) = self.alarm_mut(scope, name) else { return };
        let before = alarm.set_state(value, reason, reason_data, step.now);
        let alarm = alarm.clone();
        self.write_alarm(step, scope, name);
        if before.value == value {
            return;
        }
        let change = Change { scope, alarm: &alarm, before: &before, at: step.now };
        let record = HistoryRecord {
            alarm: name.to_owned(),
            kind: "StateUpdate".to_owned(),
            summary: format!("Alarm updated from {} to {}", before.value.as_str(), value.as_str()),
            data: documents::state_update(&before, &alarm.state),
        };
        self.remember(step, scope, &record);
        let detail = documents::event_detail(&change);
        tell_bus(step, scope, name, "CloudWatch Alarm State Change", detail);
        if alarm.definition.actions_enabled {
            for action in alarm.definition.actions(value) {
                act(step, &change, action);
            }
        }
    }

    /// Remembers and tells that an alarm was created, updated (with what it was before) or deleted.
    pub(crate) fn configured(
        &mut self,
        step: &mut Step<'_>,
        scope: Scope,
        alarm: &Alarm,
        before: Option<&Alarm>,
        operation: Operation,
    ) {
        let name = &alarm.definition.name;
        let record = HistoryRecord {
            alarm: name.clone(),
            kind: "ConfigurationUpdate".to_owned(),
            summary: operation.summary(name),
            data: documents::configuration_update(scope, alarm, operation),
        };
        self.remember(step, scope, &record);
        let detail = documents::configuration_detail(alarm, before, operation);
        tell_bus(step, scope, name, "CloudWatch Alarm Configuration Change", detail);
    }

    /// Remembers how an action ended.
    pub(crate) fn acted(
        &mut self,
        step: &mut Step<'_>,
        token: Box<dyn std::any::Any + Send>,
        outcome: &Settled,
    ) {
        let token = token.downcast::<Acted>();
        assert!(token.is_ok(), "only actions have tickets");
        let Ok(acted) = token else { return };
        let error = outcome.as_ref().err().map(|error| error.message.as_str());
        let summary = match error {
            None => format!("Successfully executed action {}", acted.action),
            Some(message) => {
                format!("Failed to execute action {}. Received error: \"{message}\"", acted.action)
            }
        };
        let record = HistoryRecord {
            data: documents::action(&acted.action, &acted.published, acted.at, error),
            alarm: acted.alarm,
            kind: "Action".to_owned(),
            summary,
        };
        let scope = step.scope;
        self.remember(step, scope, &record);
    }
}

/// Puts an event on the default bus of the alarm's account and region. Nobody hears whether that worked, as nobody would in AWS.
fn tell_bus(step: &mut Step<'_>, scope: Scope, name: &str, detail_type: &str, detail: String) {
    let arn = alarm_arn(scope, name);
    let entry = events::PutEventsRequestEntry {
        time: Some(step.now),
        source: Some("aws.cloudwatch".to_owned()),
        resources: Some(vec![arn.clone()]),
        detail_type: Some(detail_type.to_owned()),
        detail: Some(detail),
        ..Default::default()
    };
    let input = events::PutEventsInput { entries: vec![entry], endpoint_id: None };
    let caller = step.hop_caller(PRINCIPAL, &arn, None);
    step.hop(Hop {
        to: scope,
        caller,
        request: Box::new(events::Request::PutEvents(input)),
        resource: scope.arn("events", "event-bus/default").into(),
        attempt: 1,
        traced: true,
        ticket: None,
    });
}

/// Carries out one action; validation has let only topics and functions through.
fn act(step: &mut Step<'_>, change: &Change<'_>, action: &str) {
    let Some(arn) = Arn::parse(action) else { return };
    let Some(to) = arn.scope() else { return };
    let (principal, request, published): (_, Box<dyn Request>, _) = if arn.service == "lambda" {
        let payload = documents::function_payload(change);
        let input = lambda::InvokeInput {
            function_name: action.to_owned(),
            invocation_type: Some("Event".to_owned()),
            payload: Some(payload.clone().into()),
            ..Default::default()
        };
        (FUNCTION_PRINCIPAL, Box::new(lambda::Request::Invoke(input)), payload)
    } else {
        let message = documents::notification(change);
        let input = sns::PublishInput {
            topic_arn: Some(action.to_owned()),
            message: message.clone(),
            subject: Some(documents::subject(change)),
            ..Default::default()
        };
        (PRINCIPAL, Box::new(sns::Request::Publish(input)), message)
    };
    let name = &change.alarm.definition.name;
    let caller = step.hop_caller(principal, &alarm_arn(change.scope, name), None);
    let token = Acted { alarm: name.clone(), action: action.to_owned(), published, at: change.at };
    step.hop(Hop {
        to,
        caller,
        request,
        resource: action.into(),
        attempt: 1,
        traced: true,
        ticket: Some(Ticket { owner: ServiceId::CloudWatch, scope: change.scope, token: Box::new(token) }),
    });
}
