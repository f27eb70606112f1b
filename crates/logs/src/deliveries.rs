//! Deliveries of vended logs: where each resource's logs lead, and the logs on their way there.
//!
//! A record is in its log group within the command in which its service told it. AWS writes there as `delivery.logs.amazonaws.com` on behalf of the
//! delivery source, which the log group's resource policy must allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pontoon_api::logs::{CreateLogStreamInput, InputLogEvent, PutLogEventsInput, Request};
use pontoon_api::vended::{DeliverLogsInput, DeliverLogsOutput, VendedRecord};
use pontoon_core::trace::TraceIds;
use pontoon_core::{Arn, Hop, Scope, ServiceId, Settled, Step, Ticket, TraceNote, TraceOutcome, TraceRecord};

use crate::Logs;
use crate::ops::{BYTES_MAX, EVENTS_MAX};
use crate::records::{DeliveryRecord, DestinationRecord, EVENT_OVERHEAD_BYTES, SourceRecord};
use crate::service::Token;
use crate::state::delivery::{LogSource, selected};

/// The principal that writes vended logs.
pub(crate) const PRINCIPAL: &str = "delivery.logs.amazonaws.com";

/// What an account has set up in a region.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// Delivery sources by name.
    pub sources: BTreeMap<String, SourceRecord>,
    /// Delivery destinations by name.
    pub destinations: BTreeMap<String, DestinationRecord>,
    /// Deliveries by id.
    pub deliveries: BTreeMap<String, DeliveryRecord>,
    /// The ids of the deliveries of each resource's logs, by resource and log type.
    feeds: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// From a delivery source to a log group.
#[derive(Clone)]
pub(crate) struct Way {
    source_arn: Arc<str>,
    group_arn: Arc<str>,
    to: Scope,
    group: String,
}

/// Events that go one way, in one request.
struct Run {
    way: Way,
    events: Vec<InputLogEvent>,
    bytes: usize,
}

/// A request that carried vended logs.
pub(crate) struct Carried {
    /// The traces of the events that it told of.
    traces: TraceIds,
    way: Way,
}

impl Deliveries {
    /// Brings `feeds` up to date with the rest.
    pub(crate) fn join(&mut self) {
        self.feeds.clear();
        for (id, delivery) in &self.deliveries {
            let Some(source) = self.sources.get(&delivery.source) else { continue };
            let of_resource = self.feeds.entry(source.resource_arn.clone()).or_default();
            of_resource.entry(source.log_type.clone()).or_default().push(id.clone());
        }
    }

    /// The deliveries of one type of a resource's logs.
    fn feeds(&self, resource_arn: &str, log_type: &str) -> impl Iterator<Item = &DeliveryRecord> {
        let ids = self.feeds.get(resource_arn).and_then(|types| types.get(log_type));
        ids.into_iter().flatten().filter_map(|id| self.deliveries.get(id))
    }
}

impl Logs {
    /// Takes what a resource tells to where its deliveries lead.
    pub(crate) fn deliver(&self, step: &mut Step<'_>, input: DeliverLogsInput) -> DeliverLogsOutput {
        let DeliverLogsInput { resource_arn, log_stream, records } = input;
        let mut runs: Vec<Run> = Vec::new();
        for record in &records {
            self.put_in_run(&mut runs, step.scope, (&resource_arn, record));
        }
        let mut streams = BTreeSet::new();
        for Run { way, events, .. } in runs {
            let is_new = !self.has_stream(way.to, &way.group, log_stream)
                && streams.insert((way.to, way.group.clone()));
            let traces = step.caller.traces.clone();
            let token = Token::Carried(Carried { traces: traces.clone(), way: way.clone() });
            way.carry(step, traces, (log_stream, is_new), events, Some(token));
        }
        DeliverLogsOutput {}
    }

    /// Adds a record to the last of the runs to each of its destinations, or begins one. Log types share a destination as a rule, and keep their order
    /// there; but each is written on behalf of its own source.
    fn put_in_run(&self, runs: &mut Vec<Run>, scope: Scope, (resource_arn, record): (&str, &VendedRecord)) {
        let Some(region) = self.regions.get(&scope) else { return };
        let all =
            Arn::parse(resource_arn).and_then(|arn| LogSource::of(&arn)).map_or(&[][..], |of| of.fields);
        for delivery in region.deliveries.feeds(resource_arn, record.log_type) {
            let Some(place) = self.log_group_of(&delivery.destination_arn) else { continue };
            let event = InputLogEvent {
                timestamp: record.at_millis,
                message: selected(&record.json, &delivery.fields, all).into_owned(),
            };
            let bytes = event.message.len() + EVENT_OVERHEAD_BYTES;
            let source_arn = source_arn(scope, &delivery.source);
            let last = runs.iter_mut().rfind(|run| *run.way.group_arn == *place.arn);
            match last.filter(|run| *run.way.source_arn == *source_arn && run.has_room_for(bytes)) {
                Some(run) => {
                    run.events.push(event);
                    run.bytes += bytes;
                }
                None => {
                    runs.push(Run { way: Way::new(&source_arn, &place), events: vec![event], bytes });
                }
            }
        }
    }

    /// Where a delivery destination leads, if it is there and a log group's.
    pub(crate) fn log_group_of(&self, destination_arn: &str) -> Option<LogGroupPlace> {
        let arn = Arn::parse(destination_arn)?;
        let name = arn.resource.strip_prefix("delivery-destination:")?;
        let destination = self.regions.get(&arn.scope()?)?.deliveries.destinations.get(name)?;
        LogGroupPlace::of(&destination.resource_arn)
    }

    pub(crate) fn has_stream(&self, scope: Scope, group: &str, stream: &str) -> bool {
        self.group(scope, group).is_ok_and(|group| group.stream(stream).is_ok())
    }

    /// Vended logs are in their log group, or lost.
    pub(crate) fn carried(step: &mut Step<'_>, carried: Carried, outcome: Settled) {
        let Err(error) = outcome else { return };
        let Carried { traces, way: Way { source_arn, group_arn, .. } } = carried;
        let lost = TraceRecord::delivered(step.now, "log delivery", source_arn, group_arn)
            .with_outcome(TraceOutcome::Failed, format!("The log records are lost: {error}"));
        step.note(TraceNote { traces, record: lost });
    }
}

impl Way {
    /// From the source of this ARN to the log group.
    pub(crate) fn new(source_arn: &str, to: &LogGroupPlace) -> Self {
        let (source_arn, group_arn) = (source_arn.into(), to.arn.as_str().into());
        Self { source_arn, group_arn, to: to.scope, group: to.name.clone() }
    }

    /// Writes events to a stream of the log group, which is made if it `is_new`, in the name of the delivery. The token comes back with the outcome.
    pub(crate) fn carry(
        &self,
        step: &mut Step<'_>,
        traces: TraceIds,
        (stream, is_new): (&str, bool),
        events: Vec<InputLogEvent>,
        token: Option<Token>,
    ) {
        let (group, stream) = (self.group.clone(), stream.to_owned());
        if is_new {
            let create =
                CreateLogStreamInput { log_group_name: group.clone(), log_stream_name: stream.clone() };
            self.ask(step, traces.clone(), Request::CreateLogStream(create), None);
        }
        let put = PutLogEventsInput {
            log_group_name: group,
            log_stream_name: stream,
            log_events: events,
            ..PutLogEventsInput::default()
        };
        self.ask(step, traces, Request::PutLogEvents(put), token);
    }

    /// Makes a request of the log group.
    fn ask(&self, step: &mut Step<'_>, traces: TraceIds, request: Request, token: Option<Token>) {
        let caller = step.hop_caller(PRINCIPAL, &self.source_arn, traces);
        let scope = step.scope;
        let ticket = token.map(|token| Ticket { owner: ServiceId::Logs, scope, token: Box::new(token) });
        step.hop(Hop {
            to: self.to,
            caller,
            request: Box::new(request),
            resource: Arc::clone(&self.group_arn),
            attempt: 1,
            traced: false,
            ticket,
        });
    }
}

/// A log group by its ARN.
pub(crate) struct LogGroupPlace {
    /// Account and region.
    pub scope: Scope,
    /// Name.
    pub name: String,
    /// ARN, without `:*`.
    pub arn: String,
}

impl LogGroupPlace {
    /// The log group that an ARN names, with or without `:*`.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let parsed = Arn::parse(arn)?;
        let (scope, name) = (parsed.scope()?, parsed.log_group()?.to_owned());
        Some(Self { scope, arn: scope.arn("logs", format_args!("log-group:{name}")), name })
    }
}

impl Run {
    /// Whether the request takes an event of so many bytes more ("PutLogEvents" of the API reference).
    fn has_room_for(&self, bytes: usize) -> bool {
        self.events.len() < EVENTS_MAX && self.bytes + bytes <= BYTES_MAX
    }
}

/// ARN of a delivery source.
pub(crate) fn source_arn(scope: Scope, name: &str) -> String {
    scope.arn("logs", format_args!("delivery-source:{name}"))
}
