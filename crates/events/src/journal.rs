//! What buses tell of the events on them: records are gathered while a step runs, and handed to CloudWatch Logs, which delivers them, when it ends.
//!
//! A bus that tells nothing costs a look at its configuration. A delivery is told from beginning to end or not at all: by what its bus was set to when
//! the event came, as far as its level then is.

use std::sync::Arc;

use pontoon_api::events::PutEventsRequestEntry;
use pontoon_api::vended::{DeliverLogsInput, VendedRecord};
use pontoon_core::ids::format_uuid;
use pontoon_core::json::quoted;
use pontoon_core::work::HttpResult;
use pontoon_core::{ApiError, Arn, Caller, Hop, Scope, Step, Timestamp, TraceId};
use serde_json::json;

use crate::deliver::{Delivery, error_code};
use crate::publish::Published;
use crate::state::bus::Bus;
use crate::state::log::{About, Fields, LogConfig, Told, event_details, record};
use crate::{Events, PRINCIPAL};

/// The log stream of buses' logs, as seen on AWS.
const STREAM: &str = "EventBridgeEventBusLogs";
/// How much of an error's message is told, characters.
const MESSAGE_CHARS_MAX: usize = 4_096;

/// Records that are not handed over yet.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    told: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    scope: Scope,
    bus_arn: Arc<str>,
    /// The event that it tells of, if that has an id.
    event: Option<TraceId>,
    record: VendedRecord,
}

/// A bus that tells what happens on it.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    scope: Scope,
    arn: Arc<str>,
    name: Arc<str>,
    config: LogConfig,
}

impl Teller {
    /// The bus, if it tells anything.
    pub(crate) fn of(scope: Scope, bus: &Bus) -> Option<Self> {
        let config = bus.record.tells()?;
        Some(Self { scope, arn: Arc::clone(&bus.arn), name: Arc::clone(&bus.name), config })
    }

    fn tells(&self, told: Told) -> bool {
        told.level() <= self.config.level
    }
}

/// A rule that an event matched, and its ways to the rule's targets.
#[derive(Debug)]
pub(crate) struct RuleMatch {
    rule_arn: Arc<str>,
    invocations: Vec<(String, [u8; 16])>,
}

impl RuleMatch {
    /// Gives the deliveries of a rule their ids.
    pub(crate) fn of(step: &mut Step<'_>, rule_arn: &Arc<str>, deliveries: &mut [Delivery]) -> Self {
        let give = |delivery: &mut Delivery| {
            let id = step.ids.uuid_bytes();
            delivery.invocation_id = Some(id);
            (delivery.target.arn.clone(), id)
        };
        Self { rule_arn: Arc::clone(rule_arn), invocations: deliveries.iter_mut().map(give).collect() }
    }

    fn details(&self) -> Fields {
        let list =
            |texts: &mut dyn Iterator<Item = String>| format!("[{}]", texts.collect::<Vec<_>>().join(","));
        let mut details = Fields::default();
        details.text("rule_arn", &self.rule_arn);
        details.json("target_arns", list(&mut self.invocations.iter().map(|(arn, _)| quoted(arn))));
        let ids = &mut self.invocations.iter().map(|(_, id)| quoted(&format_uuid(*id)));
        details.json("invocation_ids", list(ids));
        details
    }
}

/// How an attempt went, or after the last of them the whole way to a target.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attempt<'a> {
    /// The attempt's number, from one; of a way that ended how many there were.
    pub count: u32,
    /// Why it failed.
    pub error: Option<&'a ApiError>,
    /// What an API destination answered. Other targets answer within the command.
    pub answer: Option<&'a HttpResult>,
}

impl Attempt<'_> {
    /// Milliseconds that the target took, if that is known: what an API destination took is known with its answer.
    fn duration_ms(&self, delivery: &Delivery) -> Option<u64> {
        match self.answer {
            // A float cast saturates, and what took that long is not under way any more.
            Some(answer) => Some(answer.duration_ms.max(0.0).round() as u64),
            None => (!delivery.target.is_api_destination()).then_some(0),
        }
    }

    fn status(&self) -> &'static str {
        self.error.map_or("SUCCESS", error_code)
    }

    /// What the target answered: an API destination's body, or the error of an AWS service.
    fn body(&self, delivery: &Delivery) -> Option<String> {
        if let Some(answer) = self.answer {
            return answer.answer.as_ref().ok().map(|(_, body)| String::from_utf8_lossy(body).into_owned());
        }
        let error = self.error.filter(|_| !delivery.target.is_api_destination())?;
        Some(json!({ "errorCode": error.code, "errorMessage": error.message }).to_string())
    }
}

impl Events {
    fn journal(
        &mut self,
        teller: &Teller,
        now: Timestamp,
        about: &About<'_>,
        told: Told,
        (details, error): (Fields, Option<&Fields>),
    ) {
        let json = record(about, now, told, details, error);
        self.journal.told.push(Entry {
            scope: teller.scope,
            bus_arn: Arc::clone(&teller.arn),
            event: about.event_id.map(TraceId),
            record: VendedRecord { log_type: told.log_type(), at_millis: now.millis(), json },
        });
    }

    /// Tells that an event was put, and which rules it matched. Events of AWS's services are told of only if they matched one that AWS did not make.
    pub(crate) fn tell_event(
        &mut self,
        now: Timestamp,
        teller: &Teller,
        published: &Published,
        matches: &[RuleMatch],
    ) {
        if published.is_managed && matches.is_empty() {
            return;
        }
        let request_id = published.request_id.clone();
        let about = About {
            bus_arn: &teller.arn,
            bus: &teller.name,
            request_id: request_id.as_deref(),
            event_id: Some(published.id),
            invocation_id: None,
        };
        for told in [Told::EventReceipt, Told::EventIngestSuccess, Told::RuleMatchStart] {
            if teller.tells(told) {
                let account = published.caller_account.as_str();
                let details =
                    event_details(account, published.time, &published.event, teller.config.has_detail);
                self.journal(teller, now, &about, told, (details, None));
            }
        }
        if matches.is_empty() && teller.tells(Told::NoStandardRulesMatched) {
            self.journal(teller, now, &about, Told::NoStandardRulesMatched, (Fields::default(), None));
        }
        for matched in matches.iter().filter(|_| teller.tells(Told::RuleMatch)) {
            self.journal(teller, now, &about, Told::RuleMatch, (matched.details(), None));
        }
    }

    /// Tells that an entry of PutEvents was refused, and why.
    pub(crate) fn tell_refusal(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        teller: &Teller,
        (entry, message): (&PutEventsRequestEntry, &str),
    ) {
        if !teller.tells(Told::EventIngestFailure) {
            return;
        }
        let mut details = Fields::default();
        details.text("caller_account_id", caller.account.as_str());
        details.number("source_time_ms", entry.time.unwrap_or(now).millis());
        details.text_if("source", entry.source.as_deref());
        details.text_if("detail_type", entry.detail_type.as_deref());
        let resources: Vec<String> = entry.resources.iter().flatten().map(|arn| quoted(arn)).collect();
        details.json("resources", format!("[{}]", resources.join(",")));
        details.text_if("event_detail", entry.detail.as_deref().filter(|_| teller.config.has_detail));
        let mut error = Fields::default();
        error.text("error_message", &shown(message));
        error.text("aws_service", "events");
        let about = About {
            bus_arn: &teller.arn,
            bus: &teller.name,
            request_id: Some(&caller.request_id),
            event_id: None,
            invocation_id: None,
        };
        self.journal(teller, now, &about, Told::EventIngestFailure, (details, Some(&error)));
    }

    /// Tells a step on an event's way to a target.
    pub(crate) fn tell(&mut self, now: Timestamp, delivery: &Delivery, told: Told, attempt: &Attempt<'_>) {
        let Some(invocation_id) = delivery.invocation_id else { return };
        let scope = delivery.scope();
        let bus = self.buses.get(&scope).and_then(|buses| buses.get(&*delivery.bus));
        let Some(teller) = bus.and_then(|bus| Teller::of(scope, bus)).filter(|teller| teller.tells(told))
        else {
            return;
        };
        let about = About {
            bus_arn: &teller.arn,
            bus: &teller.name,
            request_id: None,
            event_id: Some(delivery.event_id),
            invocation_id: Some(invocation_id),
        };
        let details = details_of(now, delivery, told, attempt, teller.config.has_detail);
        let error = attempt.error.map(|error| error_of(delivery, error, attempt.answer));
        self.journal(&teller, now, &about, told, (details, error.as_ref()));
    }

    /// Tells how an attempt failed.
    pub(crate) fn tell_failure(
        &mut self,
        now: Timestamp,
        delivery: &Delivery,
        attempt: &Attempt<'_>,
        can_pass: bool,
    ) {
        let told = match attempt.status() {
            _ if !can_pass => Told::AttemptPermanentFailure,
            "THROTTLING" => Told::AttemptThrottle,
            _ => Told::AttemptRetryableFailure,
        };
        self.tell(now, delivery, told, attempt);
    }

    /// Hands over what was told.
    pub(crate) fn write_journal(&mut self, step: &mut Step<'_>) {
        if self.journal.told.is_empty() {
            return;
        }
        // A step is about few buses.
        let mut by_bus: Vec<(Scope, DeliverLogsInput, Vec<TraceId>)> = Vec::new();
        for Entry { scope, bus_arn, event, record } in std::mem::take(&mut self.journal.told) {
            let of_bus = by_bus.iter().position(|(_, input, _)| input.resource_arn == bus_arn);
            let at = of_bus.unwrap_or_else(|| {
                let input =
                    DeliverLogsInput { resource_arn: bus_arn, log_stream: STREAM, records: Vec::new() };
                by_bus.push((scope, input, Vec::new()));
                by_bus.len() - 1
            });
            let (_, input, events) = &mut by_bus[at];
            input.records.push(record);
            events.extend(event.filter(|event| events.last() != Some(event)));
        }
        let own = step.scope;
        for (scope, input, events) in by_bus {
            step.scope = scope;
            let traces = (!events.is_empty()).then(|| Arc::from(events));
            let mut caller = step.hop_caller(PRINCIPAL, &input.resource_arn, traces);
            // What is told leads on to no bus, and is told of an event's last hop too.
            caller.depth = 0;
            let resource = Arc::clone(&input.resource_arn);
            let request = Box::new(input);
            step.hop(Hop { to: scope, caller, request, resource, attempt: 1, traced: false, ticket: None });
        }
        step.scope = own;
    }
}

/// The details of a step on an event's way to a target: of its beginning, of an attempt, or of its end.
fn details_of(
    now: Timestamp,
    delivery: &Delivery,
    told: Told,
    attempt: &Attempt<'_>,
    has_detail: bool,
) -> Fields {
    let mut details = Fields::default();
    details.text("rule_arn", &delivery.rule_arn);
    details.text_if("role_arn", delivery.target.role_arn.as_deref());
    details.text("target_arn", &delivery.target.arn);
    let given = |details: &mut Fields| {
        if has_detail {
            details.text("target_input", delivery.input());
            details.text_if("target_properties", properties_of(delivery).as_deref());
        }
    };
    match told {
        Told::InvocationStart | Told::InvocationThrottleStart | Told::AttemptStart => {
            details.number("attempt_count", attempt.count);
            given(&mut details);
            return details;
        }
        Told::InvocationSuccess | Told::InvocationFailure | Told::InvocationDlq => {
            given(&mut details);
            details.number("total_attempts", attempt.count);
            details.text("final_invocation_status", attempt.status());
            let took = now.since(Timestamp::from_millis(delivery.accepted_millis)).as_millis();
            let took = u64::try_from(took).unwrap_or(u64::MAX);
            if let Some(target_took) = attempt.duration_ms(delivery).filter(|_| attempt.count == 1) {
                details.number("ingestion_to_start_latency_ms", took.saturating_sub(target_took));
                details.number("ingestion_to_complete_latency_ms", took);
            }
            if told == Told::InvocationSuccess {
                details.number("ingestion_to_success_latency_ms", took);
            }
        }
        _ => {
            details.text("attempt_type", if attempt.count <= 1 { "FIRST" } else { "RETRY" });
            details.number("attempt_count", attempt.count);
            details.text("invocation_status", attempt.status());
        }
    }
    if let Some(took) = attempt.duration_ms(delivery) {
        details.number("target_duration_ms", took);
    }
    details.text_if("target_response_body", attempt.body(delivery).as_deref());
    details
}

/// What a target is asked with beside its input, JSON, in the words of PutTargets: the guide names the field and not its content.
fn properties_of(delivery: &Delivery) -> Option<String> {
    let target = &delivery.target;
    if let Some(group) = &target.message_group {
        return Some(json!({ "MessageGroupId": group }).to_string());
    }
    let http = target.http.as_ref()?.of_event(&delivery.event);
    let properties = json!({
        "PathParameterValues": http.path,
        "HeaderParameters": http.headers,
        "QueryStringParameters": http.query,
    });
    Some(properties.to_string())
}

fn error_of(delivery: &Delivery, error: &ApiError, answer: Option<&HttpResult>) -> Fields {
    let service = Arn::parse(&delivery.target.arn).map_or("", |arn| arn.service);
    let status = match answer.map(|answer| &answer.answer) {
        Some(Ok((status, _))) => Some(*status),
        Some(Err(_)) => None,
        None => (!delivery.target.is_api_destination()).then_some(error.status),
    };
    let mut fields = Fields::default();
    if let Some(status) = status {
        fields.number("http_status_code", status);
    }
    fields.text("error_message", &shown(&error.message));
    fields.text("aws_service", service);
    fields
}

fn shown(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}
