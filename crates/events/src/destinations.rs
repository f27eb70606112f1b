//! API destinations at work: connections are authorized, requests take their turns, answers decide what comes next.
//!
//! Deliveries to API destinations are in the outbox from the first attempt on, as their outcome comes from outside.

use std::collections::{BTreeMap, HashSet, VecDeque};

use bytes::Bytes;
use pontoon_core::trace::one;
use pontoon_core::work::{HttpCall, HttpResult};
use pontoon_core::{
    Access, ApiError, Arn, Destination, Dispatch, HashMap, PolicyMode, Scope, ServiceId, Space, Step,
    Timestamp, TraceId, TraceNote, TraceOutcome, TraceRecord, Work,
};

use crate::deliver::Delivery;
use crate::journal::Attempt;
use crate::metrics::{Count, Measure};
use crate::state::api_destination::{self, ApiDestinationRecord, HttpTarget, Turns};
use crate::state::connection::{Authorization, ConnectionRecord, ConnectionState, Token};
use crate::state::log::Told;
use crate::{Events, records};

/// Requests that are under way at once; further ones wait for one of them to end.
const UNDER_WAY_MAX: usize = 256;
/// How much of an answer's body a reason quotes, characters.
const QUOTED_CHARS_MAX: usize = 200;
/// Marks the work of token requests; the numbers of deliveries and invocations never come so far.
const TOKEN_WORK: u64 = 1 << 63;
/// Marks the work of invocations.
const INVOCATION_WORK: u64 = 1 << 62;

/// On whose behalf an API destination is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// A delivery in the outbox, by its number.
    Delivery(u64),
    /// Another service, by the number of its invocation.
    Invocation(u64),
}

impl Asker {
    fn work(self) -> u64 {
        match self {
            Self::Delivery(id) => id,
            Self::Invocation(id) => INVOCATION_WORK | id,
        }
    }

    fn of_work(work: u64) -> Self {
        match work & INVOCATION_WORK {
            0 => Self::Delivery(work),
            _ => Self::Invocation(work ^ INVOCATION_WORK),
        }
    }
}

/// When a request is made.
#[derive(Debug)]
pub(crate) enum Readiness {
    /// Now.
    Now(HttpCall),
    /// When its turn comes.
    At(Timestamp),
    /// When there is a token, or fewer requests are under way; its asker is called again then.
    Later,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What is persisted.
    pub record: ConnectionRecord,
    token: Option<Token>,
    /// The work that asks for a token, if one is being asked for.
    asking: Option<u64>,
    /// Who waits for the token.
    waiting: Vec<Asker>,
}

/// An API destination.
#[derive(Debug)]
pub(crate) struct ApiDestination {
    /// What is persisted.
    pub record: ApiDestinationRecord,
    turns: Turns,
}

/// Connections and API destinations of all accounts and regions, and their requests.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    connections: HashMap<Scope, BTreeMap<String, Connection>>,
    destinations: HashMap<Scope, BTreeMap<String, ApiDestination>>,
    under_way: usize,
    /// Who waits until fewer requests are under way.
    waiting: VecDeque<Asker>,
    /// Whose turn at their destination has come, or comes when they are due.
    has_turn: HashSet<Asker>,
    /// Token requests under way, by their number.
    asked: HashMap<u64, (Scope, String)>,
    next_ask: u64,
}

/// A name and the last part of an ARN: of `connection/NAME/ID`, `api-destination/NAME/ID`.
pub(crate) fn named<'a>(arn: &'a str, kind: &str) -> Option<(Scope, &'a str, &'a str)> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "events")?;
    let (name, id) = arn.resource.strip_prefix(kind)?.strip_prefix('/')?.split_once('/')?;
    Some((arn.scope()?, name, id))
}

impl Connection {
    fn new(record: ConnectionRecord) -> Self {
        Self { record, token: None, asking: None, waiting: Vec::new() }
    }
}

impl Destinations {
    pub(crate) fn load(
        connections: Vec<(Scope, String, ConnectionRecord)>,
        destinations: Vec<(Scope, String, ApiDestinationRecord)>,
    ) -> Self {
        let mut loaded = Self::default();
        for (scope, name, record) in connections {
            loaded.connections.entry(scope).or_default().insert(name, Connection::new(record));
        }
        for (scope, name, record) in destinations {
            let destination = ApiDestination { record, turns: Turns::default() };
            loaded.destinations.entry(scope).or_default().insert(name, destination);
        }
        loaded
    }

    pub(crate) fn connection(&self, scope: Scope, name: &str) -> Option<&ConnectionRecord> {
        Some(&self.connections.get(&scope)?.get(name)?.record)
    }

    /// The connection with this ARN.
    pub(crate) fn connection_by_arn(&self, arn: &str) -> Option<&ConnectionRecord> {
        let (scope, name, id) = named(arn, "connection")?;
        self.connection(scope, name).filter(|record| record.id == id)
    }

    /// The connections of an account in a region, by name.
    pub(crate) fn connections(&self, scope: Scope) -> impl Iterator<Item = (&String, &ConnectionRecord)> {
        let connections = self.connections.get(&scope).into_iter().flatten();
        connections.map(|(name, connection)| (name, &connection.record))
    }

    pub(crate) fn destination(&self, scope: Scope, name: &str) -> Option<&ApiDestinationRecord> {
        Some(&self.destinations.get(&scope)?.get(name)?.record)
    }

    /// The API destinations of an account in a region, by name.
    pub(crate) fn destinations(
        &self,
        scope: Scope,
    ) -> impl Iterator<Item = (&String, &ApiDestinationRecord)> {
        let destinations = self.destinations.get(&scope).into_iter().flatten();
        destinations.map(|(name, destination)| (name, &destination.record))
    }

    /// Puts a connection, in place of what is there under its name, and writes it. A token of before is forgotten. Gives those who waited for
    /// one and need none now.
    pub(crate) fn put_connection(
        &mut self,
        step: &mut Step<'_>,
        name: &str,
        record: ConnectionRecord,
    ) -> Vec<Asker> {
        let scope = step.scope;
        step.put(Space::Config, records::connection_key(scope, name), records::to_json(&record));
        let connections = self.connections.entry(scope).or_default();
        let needs_token = matches!(record.authorization, Some(Authorization::OAuth(_)));
        let before = connections.insert(name.to_owned(), Connection::new(record));
        let waiting = before.map(|before| before.waiting).unwrap_or_default();
        if !needs_token {
            return waiting;
        }
        if let Some(connection) = connections.get_mut(name) {
            connection.waiting = waiting;
        }
        self.ask_for_token(step, scope, name);
        Vec::new()
    }

    pub(crate) fn remove_connection(&mut self, step: &mut Step<'_>, name: &str) -> Vec<Asker> {
        step.delete(Space::Config, records::connection_key(step.scope, name));
        let removed = self.connections.get_mut(&step.scope).and_then(|connections| connections.remove(name));
        removed.map(|connection| connection.waiting).unwrap_or_default()
    }

    /// Puts an API destination, in place of what is there under its name, and writes it.
    pub(crate) fn put_destination(&mut self, step: &mut Step<'_>, name: &str, record: ApiDestinationRecord) {
        step.put(Space::Config, records::destination_key(step.scope, name), records::to_json(&record));
        let turns = Turns::default();
        let destinations = self.destinations.entry(step.scope).or_default();
        destinations.insert(name.to_owned(), ApiDestination { record, turns });
    }

    pub(crate) fn remove_destination(&mut self, step: &mut Step<'_>, name: &str) {
        step.delete(Space::Config, records::destination_key(step.scope, name));
        self.destinations.entry(step.scope).or_default().remove(name);
    }

    /// How many connections and API destinations there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let connections = self.connections.values().map(BTreeMap::len).sum();
        (connections, self.destinations.values().map(BTreeMap::len).sum())
    }

    /// Asks again for the tokens that were being asked for when the server stopped.
    pub(crate) fn start(&mut self, step: &mut Step<'_>) {
        let authorizing = self.connections.iter().flat_map(|(scope, connections)| {
            let of_scope = connections.iter();
            let asking = of_scope.filter(|(_, one)| one.record.state == ConnectionState::Authorizing);
            asking.map(|(name, _)| (*scope, name.clone()))
        });
        let mut authorizing: Vec<(Scope, String)> = authorizing.collect();
        authorizing.sort();
        for (scope, name) in authorizing {
            step.scope = scope;
            self.ask_for_token(step, scope, &name);
        }
    }

    /// Has a token asked for, if the connection needs one and none is being asked for.
    fn ask_for_token(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        let Some(connection) = self.connections.get_mut(&scope).and_then(|all| all.get_mut(name)) else {
            return;
        };
        let Some(Authorization::OAuth(oauth)) = &connection.record.authorization else { return };
        if connection.asking.is_some() {
            return;
        }
        self.next_ask += 1;
        let token = TOKEN_WORK | self.next_ask;
        connection.asking = Some(token);
        let work = Work::Http(Box::new(api_destination::token_request(oauth)));
        self.asked.insert(token, (scope, name.to_owned()));
        step.dispatch(Dispatch { owner: ServiceId::Events, scope, token, work });
    }

    /// Takes up the answer to a token request: who waited for the token, and why there is none if there is none.
    fn token_answered(
        &mut self,
        step: &mut Step<'_>,
        work: u64,
        result: &HttpResult,
    ) -> (Vec<Asker>, Option<String>) {
        let none = (Vec::new(), None);
        let Some((scope, name)) = self.asked.remove(&work) else { return none };
        step.scope = scope;
        let Some(connection) = self.connections.get_mut(&scope).and_then(|all| all.get_mut(&name)) else {
            return none;
        };
        // A connection that was changed meanwhile has asked again.
        if connection.asking != Some(work) {
            return none;
        }
        connection.asking = None;
        let token = match &result.answer {
            Ok((200..=299, body)) => Token::parse(body, step.now),
            Ok((status, _)) => Err(format!("the authorization endpoint answered with status {status}")),
            Err(reason) => Err(format!("the authorization endpoint cannot be reached: {reason}")),
        };
        let (token, fault) = match token {
            Ok(token) => (Some(token), None),
            Err(fault) => (None, Some(fault)),
        };
        connection.token = token;
        let record = &mut connection.record;
        if record.state == ConnectionState::Authorizing {
            record.state =
                if fault.is_none() { ConnectionState::Authorized } else { ConnectionState::Deauthorized };
            record.state_reason.clone_from(&fault);
            record.authorized_millis = step.now.millis();
            step.put(Space::Config, records::connection_key(scope, &name), records::to_json(record));
        }
        (std::mem::take(&mut connection.waiting), fault)
    }
}

impl Destinations {
    /// The request that takes `body` to an API destination, if it can be made now. `until` is when its turn must have come.
    ///
    /// # Errors
    /// If the destination or its connection is not there or not authorized, or the turn comes too late.
    pub(crate) fn prepare(
        &mut self,
        step: &mut Step<'_>,
        asker: Asker,
        arn: &str,
        (target, body): (&HttpTarget, &str),
        until: Option<Timestamp>,
    ) -> Result<Readiness, ApiError> {
        let missing = |what: String| ApiError::client("ResourceNotFoundException", what);
        let found = named(arn, "api-destination").and_then(|(scope, name, own_id)| {
            let found = self.destinations.get_mut(&scope)?.get_mut(name)?;
            (found.record.id == own_id).then_some(found)
        });
        let Some(destination) = found else {
            return Err(missing(format!("{arn} does not exist.")));
        };
        let arn = &destination.record.connection_arn;
        let found = named(arn, "connection").and_then(|(scope, name, own_id)| {
            let connection = self.connections.get_mut(&scope)?.get_mut(name)?;
            (connection.record.id == own_id).then(|| (scope, name.to_owned(), connection))
        });
        let Some((scope, name, connection)) = found else {
            return Err(missing(format!("The connection {arn} does not exist.")));
        };
        if connection.record.state == ConnectionState::Deauthorized {
            return Err(ApiError::client(
                "NotAuthorized",
                format!("The connection {name} is not authorized."),
            ));
        }
        if !self.has_turn.remove(&asker) {
            let mut turns = destination.turns;
            let turn = turns.take(step.now, destination.record.rate);
            if until.is_some_and(|until| turn > until) {
                let message = "The rate of the API destination is exceeded by too much.";
                return Err(ApiError::client("ThrottlingException", message).with_status(429));
            }
            destination.turns = turns;
            if turn > step.now {
                self.has_turn.insert(asker);
                return Ok(Readiness::At(turn));
            }
        }
        let needs_token = matches!(connection.record.authorization, Some(Authorization::OAuth(_)));
        if needs_token && !connection.token.as_ref().is_some_and(|token| token.is_valid(step.now)) {
            connection.waiting.push(asker);
            self.has_turn.insert(asker);
            self.ask_for_token(step, scope, &name);
            return Ok(Readiness::Later);
        }
        if self.under_way >= UNDER_WAY_MAX {
            self.waiting.push_back(asker);
            self.has_turn.insert(asker);
            return Ok(Readiness::Later);
        }
        let record = &connection.record;
        Ok(Readiness::Now(api_destination::request(
            &destination.record,
            (record.authorization.as_ref(), connection.token.as_ref()),
            record.invocation.as_ref(),
            target,
            body,
        )))
    }

    /// Has a request made, in the step's scope.
    pub(crate) fn send(&mut self, step: &mut Step<'_>, asker: Asker, call: HttpCall) {
        self.under_way += 1;
        let work = Work::Http(Box::new(call));
        step.dispatch(Dispatch { owner: ServiceId::Events, scope: step.scope, token: asker.work(), work });
    }

    /// Whoever waits longest until fewer requests are under way, if they are fewer now.
    fn next_waiting(&mut self) -> Option<Asker> {
        if self.under_way >= UNDER_WAY_MAX {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Someone does not ask any more.
    pub(crate) fn forget(&mut self, asker: Asker) {
        self.has_turn.remove(&asker);
    }

    /// The token of an API destination's connection is not accepted any more.
    pub(crate) fn forget_token(&mut self, arn: &str) {
        let Some((scope, name, _)) = named(arn, "api-destination") else { return };
        let Some(destination) = self.destinations.get(&scope).and_then(|of| of.get(name)) else { return };
        let Some((scope, name, _)) = named(&destination.record.connection_arn, "connection") else { return };
        if let Some(connection) = self.connections.get_mut(&scope).and_then(|of| of.get_mut(name)) {
            connection.token = None;
        }
    }
}

impl Events {
    /// Makes an attempt of a delivery that is in the outbox and was taken from it, or has it wait for its turn.
    pub(crate) fn call_destination(&mut self, step: &mut Step<'_>, id: u64, delivery: &Delivery) {
        step.scope = delivery.scope();
        match self.prepared(step, id, delivery) {
            Ok(Readiness::Now(call)) => {
                let retries = self.outbox.progress(id).map_or(0, |progress| progress.attempts);
                let counts: &[Count] = match retries {
                    0 => &[Count::Attempts],
                    _ => &[Count::Attempts, Count::RetryAttempts],
                };
                self.metrics.count(step.now, &delivery.series(), counts);
                if retries == 0 {
                    self.took(step.now, delivery, &[Measure::Start]);
                }
                let attempt = Attempt { count: retries + 1, ..Attempt::default() };
                self.tell(step.now, delivery, Told::AttemptStart, &attempt);
                self.destinations.send(step, Asker::Delivery(id), call);
            }
            Ok(Readiness::At(turn)) => {
                let failed = self.outbox.progress(id).map_or(0, |progress| progress.attempts);
                let attempt = Attempt { count: failed + 1, ..Attempt::default() };
                self.tell(step.now, delivery, Told::InvocationThrottleStart, &attempt);
                self.outbox.postpone(id, turn);
            }
            Ok(Readiness::Later) => {}
            Err(error) => self.attempt_failed(step, id, &error, None),
        }
    }

    fn prepared(&mut self, step: &mut Step<'_>, id: u64, delivery: &Delivery) -> Result<Readiness, ApiError> {
        self.may_invoke(step, id, delivery)?;
        let is_old = self.outbox.progress(id).is_some_and(|progress| {
            let age = step.now.since(Timestamp::from_millis(progress.created_millis));
            age.as_millis() > u128::from(progress.policy.age_max_ms)
        });
        if is_old {
            return Err(ApiError::server("TooOld", "The event became too old while it waited for its turn."));
        }
        let target = delivery.target.http.as_ref().map(|target| target.of_event(&delivery.event));
        let content = (&target.unwrap_or_default(), delivery.input());
        self.destinations.prepare(step, Asker::Delivery(id), &delivery.target.arn, content, None)
    }

    /// Checks that the target's role may invoke the API destination.
    fn may_invoke(&self, step: &mut Step<'_>, id: u64, delivery: &Delivery) -> Result<(), ApiError> {
        let Ok(destination) = Destination::of(&delivery.target.arn) else { return Ok(()) };
        let caller = delivery.caller(step, delivery.acting(&self.roles, &destination));
        let resource = delivery.target.arn.as_str();
        let access = Access { action: "events:InvokeApiDestination", resource, policy: None, context: &[] };
        let Some(denial) = access.denied(&caller, step.scope, step.now) else { return Ok(()) };
        if step.settings().policies == PolicyMode::Enforce {
            return Err(ApiError::client("AccessDeniedException", denial.message));
        }
        if self.outbox.progress(id).is_some_and(|progress| progress.attempts == 0) {
            let reason = format!("AWS would have denied this: {}", denial.message);
            let mut record =
                TraceRecord::delivered(step.now, "InvokeApiDestination", delivery.rule_arn.clone(), resource);
            record.reason = Some(reason);
            step.note(TraceNote { traces: one(TraceId(delivery.event_id)), record });
        }
        Ok(())
    }

    /// A request ended: that of a delivery or an invocation, or one for a token.
    pub(crate) fn http_ended(&mut self, step: &mut Step<'_>, work: u64, result: &HttpResult) {
        if work & TOKEN_WORK != 0 {
            let (waiting, fault) = self.destinations.token_answered(step, work, result);
            self.token_came(step, waiting, fault);
            return;
        }
        self.destinations.under_way = self.destinations.under_way.saturating_sub(1);
        match Asker::of_work(work) {
            Asker::Delivery(id) => self.destination_answered(step, id, result),
            Asker::Invocation(id) => self.invocation_answered(step, id, result),
        }
        while let Some(asker) = self.destinations.next_waiting() {
            self.call_again(step, asker);
        }
    }

    /// Takes up those who waited for a token.
    pub(crate) fn token_came(&mut self, step: &mut Step<'_>, waiting: Vec<Asker>, fault: Option<String>) {
        for asker in waiting {
            let Some(fault) = &fault else {
                self.call_again(step, asker);
                continue;
            };
            self.destinations.forget(asker);
            let error = ApiError::server("ConnectionFailure", format!("No token: {fault}."));
            match asker {
                Asker::Delivery(id) => self.attempt_failed(step, id, &error, None),
                Asker::Invocation(id) => self.end_invocation(step, id, Err(error)),
            }
        }
    }

    fn call_again(&mut self, step: &mut Step<'_>, asker: Asker) {
        match asker {
            Asker::Delivery(id) => {
                if let Some(delivery) = self.outbox.content(step, id) {
                    self.call_destination(step, id, &delivery);
                }
            }
            Asker::Invocation(id) => self.invoke_now(step, id),
        }
    }

    fn destination_answered(&mut self, step: &mut Step<'_>, id: u64, result: &HttpResult) {
        let Some(delivery) = self.outbox.content(step, id) else { return };
        step.scope = delivery.scope();
        let attempt = self.outbox.progress(id).map_or(1, |progress| progress.attempts + 1);
        if attempt == 1 {
            self.took(step.now, &delivery, &[Measure::Complete]);
        }
        let error = failure_of(result);
        let mut record = TraceRecord::delivered(
            step.now,
            "InvokeApiDestination",
            delivery.rule_arn.clone(),
            &*delivery.target.arn,
        );
        record.attempt = attempt;
        record.duration_ms = Some(result.duration_ms);
        if let Some(error) = &error {
            record = record.with_outcome(TraceOutcome::Failed, &*error.message);
        }
        step.note(TraceNote { traces: one(TraceId(delivery.event_id)), record });
        let Some(error) = error else {
            self.outbox.done(step, id);
            self.delivered(step, &delivery, (attempt, Some(result)));
            return;
        };
        if matches!(result.answer, Ok((401 | 407, _))) {
            self.destinations.forget_token(&delivery.target.arn);
        }
        self.attempt_failed(step, id, &error, Some(result));
    }
}

/// Why a request did not bring its event. Which statuses are tried again is in the user guide, "API destination error codes".
pub(crate) fn failure_of(result: &HttpResult) -> Option<ApiError> {
    let prefix = "Unable to invoke ApiDestination endpoint:";
    match &result.answer {
        Ok((200..=299, _)) => None,
        Ok((status, body)) => {
            let message = format!("{prefix} {}", answered(*status, body));
            Some(match status {
                429 => ApiError::client("ThrottlingException", message).with_status(429),
                401 | 407 => ApiError::server("NotAuthorized", message),
                409 | 500.. => ApiError::server("ErrorFromTarget", message),
                _ => ApiError::client("SdkClientError", message),
            })
        }
        Err(reason) if reason.starts_with("no answer within") => {
            Some(ApiError::server("Timeout", format!("{prefix} {reason}")))
        }
        Err(reason) => Some(ApiError::server("ConnectionFailure", format!("{prefix} {reason}"))),
    }
}

fn answered(status: u16, body: &Bytes) -> String {
    let text = String::from_utf8_lossy(body);
    let shown: String = text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect();
    if shown.is_empty() { format!("status {status}") } else { format!("status {status}: {shown}") }
}
