//! A bench for EventBridge alone: its steps run as the engine runs them, and the services behind its targets answer as a test says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::invocation::InvokeApiDestinationInput;
use pontoon_api::vended::{DeliverLogsInput, VendedRecord};
use pontoon_api::{events, lambda, logs, sns, sqs};
use pontoon_core::policy::{Document, IdentityPolicies};
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::work::{HttpCall, HttpResult};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Hop, Ids, Output, PolicyMode, Principal, Reply, Request, Scope, Service,
    Settled, Step, Store, Ticket, Timestamp, TraceId, TraceRecord, Work, WorkOutcome,
};

use crate::Events;

/// What a service answers to a hop; `None` lets it succeed.
pub type Failures = Box<dyn FnMut(&Sent) -> Option<ApiError>>;

/// A hop that left EventBridge.
#[derive(Debug, Clone)]
pub struct Sent {
    pub what: &'static str,
    pub resource: String,
    pub principal: Principal,
    pub has_identity: bool,
    pub source_arn: String,
    pub attempt: u32,
    pub at: Timestamp,
    pub content: String,
    pub attributes: Vec<(String, String)>,
}

pub struct Bench {
    pub events: Events,
    pub store: Arc<dyn Store>,
    pub now: Timestamp,
    pub caller: Caller,
    pub settings: Settings,
    pub sent: Vec<Sent>,
    /// What buses told, each record with its bus and its log type.
    pub told: Vec<(String, VendedRecord)>,
    pub notes: Vec<TraceRecord>,
    pub metrics: Vec<(Scope, Datum)>,
    pub failures: Failures,
    /// Requests that left EventBridge and have no answer yet.
    pub work: Vec<(Scope, u64, HttpCall)>,
    /// Answers to calls that were parked.
    pub unparked: Vec<Settled>,
    /// How many commands were applied, each as one batch.
    pub commands: usize,
    ids: Ids,
    next_park: u64,
}

pub fn scope() -> Scope {
    Scope::default()
}

/// EventBridge among three roles: `invoke` may do everything, `idle` nothing, and `other` is of another account.
fn fresh() -> Events {
    Events::new(Arc::new(|arn| {
        let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        match arn.rsplit('/').next() {
            Some("invoke" | "other") => {
                let documents = vec![Document::parse_identity(all).unwrap()];
                Some(Arc::new(IdentityPolicies { documents, ..Default::default() }))
            }
            Some("idle") => Some(Arc::default()),
            _ => None,
        }
    }))
}

impl Bench {
    pub fn new() -> Self {
        let endpoint: Arc<str> = "http://127.0.0.1:4566".into();
        Self {
            events: fresh(),
            store: pontoon_store::memory(),
            now: Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap(),
            caller: Caller::of_account(scope().account, "r", Arc::clone(&endpoint)),
            settings: Settings { policies: PolicyMode::Enforce, endpoint },
            sent: Vec::new(),
            told: Vec::new(),
            notes: Vec::new(),
            metrics: Vec::new(),
            failures: Box::new(|_| None),
            work: Vec::new(),
            unparked: Vec::new(),
            commands: 0,
            ids: Ids::from_seed(1),
            next_park: 0,
        }
    }

    /// The same after a restart: only what the store holds is left.
    pub fn restart(&mut self) {
        self.events = fresh();
        self.events.load(self.store.as_ref()).unwrap();
        self.work.clear();
        let caller = self.caller.clone();
        self.command(scope(), &caller, |events, step| events.start(step));
    }

    /// Answers the request that left first.
    pub fn answer(&mut self, status: u16, body: &str) -> HttpCall {
        self.answer_with(Ok((status, body.to_owned().into())), None)
    }

    pub fn answer_with(
        &mut self,
        answer: Result<(u16, bytes::Bytes), String>,
        retry_after: Option<&str>,
    ) -> HttpCall {
        let (scope, token, call) = self.work.remove(0);
        let retry_after = retry_after.map(str::to_owned);
        let outcome =
            WorkOutcome::Http(Box::new(HttpResult { answer, is_whole: true, retry_after, duration_ms: 1.0 }));
        let caller = self.caller.clone();
        self.command(scope, &caller, |events, step| events.worked(step, token, outcome));
        call
    }

    /// Applies an operation in the default scope.
    pub fn call(&mut self, request: events::Request) -> Result<Box<dyn Output>, ApiError> {
        let caller = self.caller.clone();
        self.call_as(scope(), &caller, request)
    }

    pub fn call_as(
        &mut self,
        scope: Scope,
        caller: &Caller,
        request: events::Request,
    ) -> Result<Box<dyn Output>, ApiError> {
        let mut answer = None;
        self.command(scope, caller, |events, step| answer = Some(events.call(step, Box::new(request))));
        match answer.unwrap()? {
            Reply::Ready(output) => Ok(output),
            Reply::Parked(_) | Reply::Read(_) => panic!("every operation answers at once"),
        }
    }

    /// Has an API destination invoked, as another service does; its answer is among [`Bench::unparked`] once it is there.
    pub fn invoke(&mut self, caller: &Caller, input: InvokeApiDestinationInput) -> Result<(), ApiError> {
        let mut answer = None;
        self.command(scope(), caller, |events, step| answer = Some(events.call(step, Box::new(input))));
        match answer.unwrap()? {
            Reply::Parked(_) => Ok(()),
            Reply::Ready(_) | Reply::Read(_) => panic!("an invocation answers later"),
        }
    }

    /// Lets time pass, doing everything that falls due on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(due) = self.events.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let caller = self.caller.clone();
            self.command(scope(), &caller, |events, step| events.run_due(step));
        }
        self.now = end;
    }

    fn command(&mut self, scope: Scope, caller: &Caller, run: impl FnOnce(&mut Events, &mut Step<'_>)) {
        let mut batch = Batch::new();
        let mut hops = VecDeque::new();
        let effects = self.step(&mut batch, scope, caller, run);
        self.take_up(effects, &mut hops);
        while let Some(hop) = hops.pop_front() {
            self.hop(hop, &mut batch, &mut hops);
        }
        self.store.apply(batch).unwrap();
        self.commands += 1;
    }

    fn step(
        &mut self,
        batch: &mut Batch,
        scope: Scope,
        caller: &Caller,
        run: impl FnOnce(&mut Events, &mut Step<'_>),
    ) -> Effects {
        let ground = Ground { store: self.store.as_ref(), pending: batch, settings: &self.settings };
        let mut step = Step::new(self.now, scope, caller, &mut self.ids, &mut self.next_park, &ground);
        run(&mut self.events, &mut step);
        let (written, effects) = step.finish();
        batch.append(written);
        effects
    }

    fn take_up(&mut self, effects: Effects, hops: &mut VecDeque<Hop>) {
        hops.extend(effects.hops);
        self.work.extend(effects.dispatches.into_iter().map(|dispatch| match dispatch.work {
            Work::Http(call) => (dispatch.scope, dispatch.token, *call),
            Work::Function(_) => panic!("EventBridge invokes functions by hops"),
        }));
        self.unparked.extend(effects.unparked.into_iter().map(|(_, outcome)| outcome));
        self.metrics.extend(effects.metrics);
        self.notes.extend(effects.notes.into_iter().map(|note| note.record));
    }

    fn hop(&mut self, hop: Hop, batch: &mut Batch, hops: &mut VecDeque<Hop>) {
        let Hop { to, caller, request, resource, attempt, ticket, .. } = hop;
        let what = request.operation().name;
        let any: &dyn std::any::Any = request.as_ref();
        if let Some(DeliverLogsInput { resource_arn, records, .. }) = any.downcast_ref() {
            assert!(
                ticket.is_none() && !caller.traces.as_deref().unwrap_or_default().contains(&TraceId([0; 16]))
            );
            self.told.extend(records.iter().map(|record| (resource_arn.to_string(), record.clone())));
            return;
        }
        let (content, attributes) = content_of(request.as_ref());
        let sent = Sent {
            what,
            resource: resource.to_string(),
            principal: caller.principal.clone(),
            has_identity: caller.identity.is_some(),
            source_arn: caller.source_arn.as_deref().unwrap_or_default().to_owned(),
            attempt,
            at: self.now,
            content,
            attributes,
        };
        self.sent.push(sent.clone());
        let settled: Settled = match (self.failures)(&sent) {
            Some(error) => Err(error),
            None if caller.depth > 32 => Err(ApiError::client("LoopDetected", "Stopped.")),
            None if what == "PutEvents" => {
                let mut answer = None;
                let effects =
                    self.step(batch, to, &caller, |events, step| answer = Some(events.call(step, request)));
                self.take_up(effects, hops);
                match answer.unwrap() {
                    Ok(Reply::Ready(output)) => Ok(output),
                    Ok(_) => panic!("PutEvents answers at once"),
                    Err(error) => Err(error),
                }
            }
            None => Ok(Box::new(sqs::SendMessageOutput::default())),
        };
        if let Some(Ticket { scope, token, .. }) = ticket {
            let caller = self.caller.clone();
            let effects =
                self.step(batch, scope, &caller, |events, step| events.settled(step, token, settled));
            self.take_up(effects, hops);
        }
    }

    /// The sum of a metric over what has been published, for the rule (empty: without dimensions).
    pub fn metric(&self, name: &str, rule: &str) -> f64 {
        let is_of = |datum: &Datum| {
            let of =
                datum.dimensions.iter().find(|(name, _)| name == "RuleName").map(|(_, value)| value.as_str());
            datum.name == name && of.unwrap_or_default() == rule
        };
        let data = self.metrics.iter().map(|(_, datum)| datum).filter(|datum| is_of(datum));
        data.flat_map(|datum| &datum.values).map(|(value, count)| value * count).sum()
    }
}

/// What a request carries, and its message attributes.
fn content_of(request: &(dyn Request + 'static)) -> (String, Vec<(String, String)>) {
    let any: &dyn std::any::Any = request;
    if let Some(sqs::Request::SendMessage(input)) = any.downcast_ref() {
        let own = input.message_attributes.iter().flatten();
        let own = own.map(|(name, value)| (name.clone(), value.string_value.clone().unwrap_or_default()));
        let system = input.message_system_attributes.iter().flatten();
        let system =
            system.map(|(name, value)| (name.clone(), value.string_value.clone().unwrap_or_default()));
        let group = input.message_group_id.iter().map(|group| ("MessageGroupId".to_owned(), group.clone()));
        return (input.message_body.clone(), own.chain(system).chain(group).collect());
    }
    let content = if let Some(sns::Request::Publish(input)) = any.downcast_ref() {
        input.message.clone()
    } else if let Some(lambda::Request::Invoke(input)) = any.downcast_ref() {
        let payload = input.payload.clone().unwrap_or_default();
        format!("{} {}", input.function_name, String::from_utf8_lossy(&payload))
    } else if let Some(logs::Request::PutLogEvents(input)) = any.downcast_ref() {
        format!("{} {}", input.log_stream_name, input.log_events[0].message)
    } else if let Some(events::Request::PutEvents(input)) = any.downcast_ref() {
        input.entries[0].detail.clone().unwrap_or_default()
    } else {
        String::new()
    };
    (content, Vec::new())
}
