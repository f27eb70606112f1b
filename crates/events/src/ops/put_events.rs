//! PutEvents: each entry is accepted or refused by itself.

use std::sync::Arc;

use pontoon_api::events::*;
use pontoon_core::ids::{format_uuid, parse_uuid};
use pontoon_core::{Access, Arn, Caller, Principal, Reply, Scope, Step, Timestamp};

use super::Answer;
use crate::deliver::Delivery;
use crate::journal::Teller;
use crate::metrics::{Count, Measure, Series};
use crate::publish::Published;
use crate::state::archive;
use crate::state::bus::DEFAULT;
use crate::state::envelope::Envelope;
use crate::{Error, Events};
use pontoon_core::json::{self, JsonPath};

/// Bytes of all entries together (since January 2026; the recording of the error is older and of 256 KB).
const REQUEST_BYTES_MAX: usize = 1_048_576;

/// An entry that is refused: code and message, as recorded.
type Refused = (&'static str, String);

pub fn put(events: &mut Events, step: &mut Step<'_>, input: PutEventsInput) -> Answer<PutEventsOutput> {
    let size: usize = input.entries.iter().map(entry_bytes).sum();
    let answer = put_entries(events, step, input, size);
    // What is held back is put again, and counts then.
    if matches!(answer, Ok(Reply::Parked(_))) {
        return answer;
    }
    let ended = if answer.is_ok() { Count::SuccessfulCalls } else { Count::FailedCalls };
    let account = Series::account(step.scope);
    events.metrics.count(step.now, &account, &[Count::Calls, ended]);
    events.metrics.measure(step.now, &account, &[Measure::RequestSize], size as u64);
    answer
}

fn put_entries(
    events: &mut Events,
    step: &mut Step<'_>,
    input: PutEventsInput,
    size: usize,
) -> Answer<PutEventsOutput> {
    if input.endpoint_id.is_some() {
        return Err(Error::Unsupported("global endpoints".into()));
    }
    if size > REQUEST_BYTES_MAX {
        return Err(Error::Validation("Total size of the entries in the request is over the limit.".into()));
    }
    let mut places = Vec::with_capacity(input.entries.len());
    for entry in &input.entries {
        let place = Events::locate(step, entry.event_bus_name.as_deref())?;
        if !places.contains(&place) {
            authorize(events, step, &place)?;
        }
        places.push(place);
    }
    if let Some(park) = events.hold_back(step, &input, &places) {
        return Ok(Reply::Parked(park));
    }
    let (now, count) = (step.now, input.entries.len());
    let mut failed = 0;
    let mut results = Vec::with_capacity(count);
    for (entry, (scope, bus)) in input.entries.into_iter().zip(places) {
        // A bus that does not exist has no metrics of its own.
        let found = events.bus_mut(now, scope, &bus);
        let teller = found.as_ref().and_then(|bus| Teller::of(scope, bus));
        let (is_known, validates) = (found.is_some(), found.is_some_and(|bus| bus.validates()));
        let told = teller.map(|teller| (teller, entry.clone()));
        let series = if is_known { Series::bus(scope, &bus) } else { Series::account(scope) };
        events.metrics.count(now, &series, &[Count::Entries]);
        results.push(match accept(events, step, (scope, &bus, validates), entry) {
            Ok(id) => PutEventsResultEntry { event_id: Some(format_uuid(id)), ..Default::default() },
            Err((code, message)) => {
                failed += 1;
                if let Some((teller, entry)) = told {
                    events.tell_refusal(now, step.caller, &teller, (&entry, &message));
                }
                events.metrics.count(now, &series, &[Count::FailedEntries]);
                PutEventsResultEntry {
                    error_code: Some(code.to_owned()),
                    error_message: Some(message),
                    ..Default::default()
                }
            }
        });
    }
    Ok(PutEventsOutput { failed_entry_count: Some(failed), entries: Some(results) }.into())
}

/// AWS's way to count an entry's size (user guide, "Calculating PutEvents event entry size").
fn entry_bytes(entry: &PutEventsRequestEntry) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let resources: usize = entry.resources.iter().flatten().map(String::len).sum();
    let time = if entry.time.is_some() { 14 } else { 0 };
    time + text(&entry.source) + text(&entry.detail_type) + text(&entry.detail) + resources
}

fn authorize(events: &mut Events, step: &mut Step<'_>, (scope, bus): &(Scope, String)) -> Result<(), Error> {
    // AWS's services put their events on the default bus of the account that they concern, whatever its policy.
    let is_service = matches!(step.caller.principal, Principal::Service(_));
    if is_service && bus == DEFAULT && step.caller.account == scope.account {
        return Ok(());
    }
    // Events for a bus that does not exist are accepted, and go nowhere.
    let Some(bus) = events.bus_mut(step.now, *scope, bus) else { return Ok(()) };
    let access =
        Access { action: "events:PutEvents", resource: &bus.arn, policy: bus.policy.as_ref(), context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

/// Accepts an entry and publishes it; gives its id.
fn accept(
    events: &mut Events,
    step: &mut Step<'_>,
    (scope, bus, validates): (Scope, &str, bool),
    entry: PutEventsRequestEntry,
) -> Result<[u8; 16], Refused> {
    let relayed = Relayed::read(step.caller, entry.trace_header.as_deref());
    let required = |value: &Option<String>, name: &str| match value {
        Some(value) if !value.is_empty() => Ok(value.clone()),
        _ => {
            let reason = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            Err(("InvalidArgument", reason))
        }
    };
    let source = required(&entry.source, "Source")?;
    let detail_type = required(&entry.detail_type, "DetailType")?;
    let detail = required(&entry.detail, "Detail")?;
    let from_service = matches!(step.caller.principal, Principal::Service(_)) || relayed.is_some();
    if source.starts_with("aws.") && !from_service {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    let malformed = || ("MalformedDetail", "Detail is malformed.".to_owned());
    if !detail.trim_start().starts_with('{') || !json::is_valid(&detail) {
        return Err(malformed());
    }
    let envelope = Envelope {
        id: relayed.as_ref().and_then(|relayed| relayed.id).unwrap_or_else(|| step.ids.uuid_bytes()),
        detail_type: &detail_type,
        source: &source,
        origin: relayed.as_ref().map_or(step.scope, |relayed| relayed.origin),
        time: entry.time.unwrap_or(step.now),
        resources: entry.resources.as_deref().unwrap_or_default(),
    };
    let text = envelope.to_json(&json::compact(&detail));
    let text = match relayed.as_ref().and_then(|relayed| relayed.replay.as_deref()) {
        Some(replay) => archive::replayed(&text, replay),
        None => text,
    };
    let published = Published {
        id: envelope.id,
        time: envelope.time,
        event: text.into(),
        from: origin_of(step, &source),
        depth: step.caller.depth,
        trace_header: match &relayed {
            Some(relayed) => relayed.trace_header.as_deref().map(Arc::from),
            None => entry.trace_header.as_deref().map(Arc::from),
        },
        is_relayed: relayed.is_some_and(|relayed| relayed.id.is_some()),
        is_managed: matches!(step.caller.principal, Principal::Service(_)),
        only: None,
        caller_account: step.caller.account,
        request_id: Some(Arc::clone(&step.caller.request_id)),
    };
    let caller_scope = std::mem::replace(&mut step.scope, scope);
    let is_event = events.publish(step, (scope, bus), &published).is_ok();
    if is_event && validates {
        events.report_violations(step, (scope, bus), &published);
    }
    step.scope = caller_scope;
    if !is_event {
        return Err(malformed());
    }
    Ok(envelope.id)
}

/// What the trace names as an event's origin: the resource on whose behalf it was put, else its source.
fn origin_of(step: &Step<'_>, source: &str) -> Arc<str> {
    step.caller.source_arn.as_ref().map_or_else(|| source.into(), Arc::clone)
}

/// What an event keeps on its way from bus to bus: its id, where it was first put, and the name of its replay.
///
/// It travels in the trace header of the entry and is believed only of callers inside the engine.
pub(crate) struct Relayed {
    /// `None` where it gets a new one.
    id: Option<[u8; 16]>,
    origin: Scope,
    /// Name of the replay that it came from.
    replay: Option<String>,
    trace_header: Option<String>,
}

impl Relayed {
    const MARK: &'static str = "pontoon:relayed";

    /// The entry that sends a delivery's event on to a bus in `to`.
    pub(crate) fn entry(delivery: &Delivery, to: Scope) -> PutEventsRequestEntry {
        let part = |name: &str| {
            let path = JsonPath::parse(&format!("$.{name}")).ok();
            path.and_then(|path| path.value(&delivery.event)).unwrap_or_default()
        };
        let text = |name: &str| json::unquoted(&part(name));
        let resources: Option<Vec<String>> = serde_json::from_str(&part("resources")).ok();
        let account = text("account").unwrap_or_default();
        let region = text("region").unwrap_or_default();
        let replay = text("replay-name").unwrap_or_default();
        let trace_header = delivery.trace_header.as_deref().unwrap_or_default();
        // Between regions an event gets a new id (test_events_cross_account_region).
        let id =
            if to.region == delivery.scope().region { format_uuid(delivery.event_id) } else { "new".into() };
        PutEventsRequestEntry {
            time: text("time").and_then(|time| Timestamp::parse_iso(&time)),
            source: text("source"),
            resources,
            detail_type: text("detail-type"),
            detail: Some(part("detail")),
            event_bus_name: Some(delivery.target.arn.clone()),
            trace_header: Some(format!("{};{id};{account};{region};{replay};{trace_header}", Self::MARK)),
        }
    }

    fn read(caller: &Caller, header: Option<&str>) -> Option<Self> {
        // Only hops within the engine have a depth and act for a resource.
        if caller.depth == 0 {
            return None;
        }
        let source = Arn::parse(caller.source_arn.as_deref()?).filter(|arn| arn.service == "events")?;
        let mut parts = header?.splitn(6, ';');
        if parts.next() != Some(Self::MARK) {
            return None;
        }
        let id = parse_uuid(parts.next()?);
        let origin = match (parts.next()?.parse(), parts.next()?.parse()) {
            (Ok(account), Ok(region)) => Scope { account, region },
            _ => source.scope()?,
        };
        let mut text = || parts.next().filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self { id, origin, replay: text(), trace_header: text() })
    }
}
