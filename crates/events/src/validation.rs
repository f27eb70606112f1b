//! Events held to the schemas of a registry: an extension that AWS lacks, which a bus asks for by its tags (`docs/schemas.md`).
//!
//! `report` tells of bad events in their traces and in metrics, and delivers them. `reject` refuses them: PutEvents waits for what the schema registry
//! says, then puts the good ones. Both ask by a hop, within the command.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use pontoon_api::events::{
    PutEventsInput, PutEventsOutput, PutEventsRequestEntry, PutEventsResultEntry, Request,
};
use pontoon_api::validation::{ValidateEventsInput, ValidateEventsOutput};
use pontoon_core::trace::one;
use pontoon_core::{
    ApiError, Caller, Hop, Output, ParkId, Scope, ServiceId, Settled, Step, Ticket, Timestamp, TraceId,
    TraceIds,
};

use crate::journal::Teller;
use crate::metrics::{Count, Series};
use crate::publish::Published;
use crate::state::bus::VALIDATE_TAG;
use crate::state::envelope::Envelope;
use crate::{Error, Events, PRINCIPAL};
use pontoon_core::json;

/// The tag that names the registry, if it is not that of discovered schemas.
const REGISTRY: &str = "pontoon:registry";
const REGISTRY_DEFAULT: &str = "discovered-schemas";
/// What a refused entry's `ErrorCode` is.
const REFUSED: &str = "SchemaViolation";

/// Refuses a tag that asks for a validation that there is not, which would otherwise be none at all.
///
/// # Errors
/// If it is [`VALIDATE_TAG`] with another value.
pub(crate) fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    if key != VALIDATE_TAG || matches!(value, "report" | "reject") {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "The tag {VALIDATE_TAG} of an event bus is report or reject, not {value}."
    )))
}

/// Entries of one bus that are to be held to one registry.
#[derive(Debug)]
struct Question {
    scope: Scope,
    bus_arn: Arc<str>,
    registry: String,
    /// Places of the entries in the request, and their events.
    events: Vec<(usize, Arc<str>)>,
}

/// A PutEvents that waits.
#[derive(Debug)]
pub(crate) struct Held {
    park: ParkId,
    input: PutEventsInput,
    /// Scope and bus of each entry.
    places: Vec<(Scope, String)>,
    caller: Caller,
    questions: VecDeque<Question>,
    /// The places of the question that was asked last.
    asked: Vec<usize>,
    violations: Vec<Option<String>>,
    /// Whether the good entries have been put.
    is_put: bool,
}

impl Events {
    /// How a bus wants events validated: whether bad ones are refused, and against which registry.
    fn validation(&mut self, now: Timestamp, scope: Scope, bus: &str) -> Option<(bool, String, Arc<str>)> {
        let found = self.bus_mut(now, scope, bus)?;
        let tags = &found.record.tags;
        let rejects = match tags.get(VALIDATE_TAG)?.as_str() {
            "report" => false,
            "reject" => true,
            _ => return None,
        };
        let registry = tags.get(REGISTRY).map_or(REGISTRY_DEFAULT, String::as_str);
        Some((rejects, registry.to_owned(), Arc::clone(&found.arn)))
    }

    /// Has an accepted event reported on, if its bus wants that.
    pub(crate) fn report_violations(
        &mut self,
        step: &mut Step<'_>,
        (scope, bus): (Scope, &str),
        event: &Published,
    ) {
        let Some((false, registry, bus_arn)) = self.validation(step.now, scope, bus) else { return };
        let input = ValidateEventsInput { registry, bus_arn, events: vec![Arc::clone(&event.event)] };
        ask(step, scope, input, one(TraceId(event.id)), None);
    }

    /// Holds a request back until its events have been validated, if a bus refuses bad ones.
    pub(crate) fn hold_back(
        &mut self,
        step: &mut Step<'_>,
        input: &PutEventsInput,
        places: &[(Scope, String)],
    ) -> Option<ParkId> {
        let wanted = |(at, (scope, bus)): (usize, &(Scope, String))| {
            // The entries of a request are for one bus as a rule, and few buses validate.
            (at == 0 || places[at - 1] != places[at])
                && self.bus_mut(step.now, *scope, bus).is_some_and(|bus| bus.validates())
        };
        if !places.iter().enumerate().any(wanted) || self.passing.remove(&step.caller.request_id) {
            return None;
        }
        let mut questions: VecDeque<Question> = VecDeque::new();
        for (place, (entry, (scope, bus))) in input.entries.iter().zip(places).enumerate() {
            let Some((true, registry, bus_arn)) = self.validation(step.now, *scope, bus) else { continue };
            // One that is malformed is refused for that.
            let Some(event) = event_of(step, entry) else { continue };
            match questions.iter_mut().find(|question| question.bus_arn == bus_arn) {
                Some(question) => question.events.push((place, event)),
                None => {
                    questions.push_back(Question {
                        scope: *scope,
                        bus_arn,
                        registry,
                        events: vec![(place, event)],
                    });
                }
            }
        }
        if questions.is_empty() {
            return None;
        }
        let park = step.park();
        let held = Held {
            park,
            violations: vec![None; input.entries.len()],
            input: input.clone(),
            places: places.to_vec(),
            caller: step.caller.clone(),
            questions,
            asked: Vec::new(),
            is_put: false,
        };
        self.go_on(step, held);
        Some(park)
    }

    /// Asks the next question, or puts what is good.
    fn go_on(&mut self, step: &mut Step<'_>, mut held: Held) {
        if let Some(question) = held.questions.pop_front() {
            let Question { scope, bus_arn, registry, events } = question;
            let (asked, events) = events.into_iter().unzip();
            held.asked = asked;
            let (traces, ticket) = (held.caller.traces.clone(), ticket(step, held));
            return ask(step, scope, ValidateEventsInput { registry, bus_arn, events }, traces, Some(ticket));
        }
        for (((scope, bus), violation), entry) in
            held.places.iter().zip(&held.violations).zip(&held.input.entries)
        {
            if let Some(message) = violation {
                let found = self.bus_mut(step.now, *scope, bus);
                if let Some(teller) = found.and_then(|bus| Teller::of(*scope, bus)) {
                    self.tell_refusal(step.now, &held.caller, &teller, (entry, message));
                }
                self.metrics.count(
                    step.now,
                    &Series::bus(*scope, bus),
                    &[Count::Entries, Count::FailedEntries],
                );
            }
        }
        let good =
            held.input.entries.iter().zip(&held.violations).filter(|(_, violation)| violation.is_none());
        let entries: Vec<PutEventsRequestEntry> = good.map(|(entry, _)| entry.clone()).collect();
        if entries.is_empty() {
            self.metrics.count(
                step.now,
                &Series::account(step.scope),
                &[Count::Calls, Count::SuccessfulCalls],
            );
            return answer(step, &held, PutEventsOutput::default());
        }
        held.is_put = true;
        self.passing.insert(Arc::clone(&held.caller.request_id));
        let input = PutEventsInput { entries, endpoint_id: None };
        let (caller, to) = (held.caller.clone(), step.scope);
        let resource = held.places.first().map(|(_, bus)| Arc::from(bus.as_str())).unwrap_or_default();
        let ticket = Some(ticket(step, held));
        let request = Box::new(Request::PutEvents(input));
        step.hop(Hop { to, caller, request, resource, attempt: 1, traced: true, ticket });
    }

    /// Takes up what the schema registry said, or what became of the good entries. `Err` is a token of another kind.
    pub(crate) fn validated(
        &mut self,
        step: &mut Step<'_>,
        token: Box<dyn Any + Send>,
        outcome: Settled,
    ) -> Result<(), (Box<dyn Any + Send>, Settled)> {
        let mut held = match token.downcast::<Held>() {
            Ok(held) => *held,
            Err(token) => return Err((token, outcome)),
        };
        let output = match outcome {
            Ok(output) => output.into_any(),
            Err(error) => {
                self.passing.remove(&held.caller.request_id);
                step.unpark(held.park, Err(error));
                return Ok(());
            }
        };
        if held.is_put {
            answer(step, &held, output.downcast().map(|output| *output).unwrap_or_default());
            return Ok(());
        }
        let found: ValidateEventsOutput = output.downcast().map(|output| *output).unwrap_or_default();
        for (place, violation) in std::mem::take(&mut held.asked).into_iter().zip(found.violations) {
            held.violations[place] = violation;
        }
        self.go_on(step, held);
        Ok(())
    }
}

/// The event that an entry stands for; none if it lacks something.
fn event_of(step: &Step<'_>, entry: &PutEventsRequestEntry) -> Option<Arc<str>> {
    let detail = entry.detail.as_deref()?;
    if !json::is_valid(detail) {
        return None;
    }
    let envelope = Envelope {
        id: [0; 16],
        detail_type: entry.detail_type.as_deref()?,
        source: entry.source.as_deref()?,
        origin: step.scope,
        time: entry.time.unwrap_or(step.now),
        resources: entry.resources.as_deref().unwrap_or_default(),
    };
    Some(envelope.to_json(&json::compact(detail)).into())
}

fn ask(
    step: &mut Step<'_>,
    scope: Scope,
    input: ValidateEventsInput,
    traces: TraceIds,
    ticket: Option<Ticket>,
) {
    let caller = step.hop_caller(PRINCIPAL, &input.bus_arn, traces);
    let resource = scope.arn("schemas", format_args!("registry/{}", input.registry)).into();
    step.hop(Hop {
        to: scope,
        caller,
        request: Box::new(input),
        resource,
        attempt: 1,
        traced: false,
        ticket,
    });
}

fn ticket(step: &Step<'_>, held: Held) -> Ticket {
    Ticket { owner: ServiceId::Events, scope: step.scope, token: Box::new(held) }
}

/// Answers the request: `put` is what became of the good entries.
fn answer(step: &mut Step<'_>, held: &Held, put: PutEventsOutput) {
    let mut accepted = put.entries.unwrap_or_default().into_iter();
    let refused = held.violations.iter().flatten().count();
    let entries = held.violations.iter().map(|violation| match violation {
        Some(message) => PutEventsResultEntry {
            error_code: Some(REFUSED.to_owned()),
            error_message: Some(message.clone()),
            ..Default::default()
        },
        None => accepted.next().unwrap_or_default(),
    });
    let failed = put.failed_entry_count.unwrap_or(0) + i32::try_from(refused).unwrap_or(i32::MAX);
    let output: Box<dyn Output> =
        Box::new(PutEventsOutput { entries: Some(entries.collect()), failed_entry_count: Some(failed) });
    let outcome: Result<_, ApiError> = Ok(output);
    step.unpark(held.park, outcome);
}
