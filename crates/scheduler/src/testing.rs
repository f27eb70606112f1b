//! A bench for Scheduler alone: its steps run as the engine runs them, and the services behind its targets answer as a test says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::{events, lambda, scheduler, sns, sqs};
use pontoon_core::policy::{Document, IdentityPolicies, ServiceRole, ServiceRoles};
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Hop, Ids, Output, PolicyMode, Principal, Reply, Request, Scope, Service,
    Settled, Step, Store, Ticket, Timestamp, TraceRecord,
};
use serde_json::Value;

use crate::Scheduler;
use crate::state::document::DocumentReader;

/// What a service answers to a hop; `None` lets it succeed.
pub type Failures = Box<dyn FnMut(&Sent) -> Option<ApiError>>;

/// A hop that left Scheduler.
#[derive(Debug, Clone)]
pub struct Sent {
    pub what: &'static str,
    pub resource: String,
    pub principal: Principal,
    pub attempt: u32,
    pub at: Timestamp,
    pub content: String,
    pub attributes: Vec<(String, String)>,
}

pub struct Bench {
    pub scheduler: Scheduler,
    pub store: Arc<dyn Store>,
    pub now: Timestamp,
    pub caller: Caller,
    pub settings: Settings,
    pub sent: Vec<Sent>,
    pub notes: Vec<TraceRecord>,
    pub metrics: Vec<(Scope, Datum)>,
    pub failures: Failures,
    ids: Ids,
    next_park: u64,
}

/// A role that Scheduler may assume for the default group.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/schedules";
/// A role that only functions may assume.
pub const OTHER_ROLE: &str = "arn:aws:iam::000000000000:role/functions";

fn roles() -> ServiceRoles {
    let trust = |service: &str, condition: &str| {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"sts:AssumeRole"{condition}}}]}}"#
        );
        Document::parse_trust(&json).unwrap()
    };
    let of_group = r#","Condition":{"StringEquals":{"aws:SourceArn":"arn:aws:scheduler:us-east-1:000000000000:schedule-group/default"}}"#;
    let known =
        [(ROLE, trust("scheduler.amazonaws.com", of_group)), (OTHER_ROLE, trust("lambda.amazonaws.com", ""))];
    Arc::new(move |arn| {
        let (_, trust) = known.iter().find(|(known, _)| *known == arn)?;
        Some(ServiceRole { policies: Arc::new(IdentityPolicies::default()), trust: Arc::new(trust.clone()) })
    })
}

impl Bench {
    pub fn new() -> Self {
        let endpoint: Arc<str> = "http://127.0.0.1:4566".into();
        Self {
            scheduler: Scheduler::new(roles()),
            store: pontoon_store::memory(),
            now: Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap(),
            caller: Caller::of_account(Scope::default().account, "r", Arc::clone(&endpoint)),
            settings: Settings { policies: PolicyMode::Enforce, endpoint },
            sent: Vec::new(),
            notes: Vec::new(),
            metrics: Vec::new(),
            failures: Box::new(|_| None),
            ids: Ids::from_seed(1),
            next_park: 0,
        }
    }

    /// The same after a restart: only what the store holds is left.
    pub fn restart(&mut self) {
        self.scheduler = Scheduler::new(roles());
        self.scheduler.load(self.store.as_ref()).unwrap();
    }

    /// Applies an operation, whose input is read from JSON, in the default scope.
    pub fn call<T: 'static>(&mut self, operation: &str, input: Value) -> Result<T, ApiError> {
        let schema = scheduler::OPERATIONS.iter().find(|schema| schema.name == operation).unwrap();
        let (request, violations) = (schema.decode)(&mut DocumentReader(&input)).unwrap();
        if !violations.is_empty() {
            return Err(self.scheduler.invalid(schema, &violations).unwrap());
        }
        let (mut answer, caller) = (None, self.caller.clone());
        self.command(&caller, |scheduler, step| answer = Some(scheduler.call(step, request)));
        match answer.unwrap()? {
            Reply::Ready(output) => Ok(*output.into_any().downcast::<T>().unwrap()),
            Reply::Parked(_) | Reply::Read(_) => panic!("every operation answers at once"),
        }
    }

    /// Does everything that is due, in order, up to `by` from now.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(due) = self.scheduler.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let caller = self.caller.clone();
            self.command(&caller, |scheduler, step| scheduler.run_due(step));
        }
        self.now = end;
    }

    /// Nothing runs for a while; then it starts again and does what is due.
    pub fn sleep(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.restart();
        self.advance(Duration::ZERO);
    }

    fn command(&mut self, caller: &Caller, run: impl FnOnce(&mut Scheduler, &mut Step<'_>)) {
        let mut batch = Batch::new();
        let mut hops = VecDeque::new();
        let effects = self.step(&mut batch, Scope::default(), caller, run);
        self.take_up(effects, &mut hops);
        while let Some(hop) = hops.pop_front() {
            self.hop(hop, &mut batch, &mut hops);
        }
        self.store.apply(batch).unwrap();
    }

    fn step(
        &mut self,
        batch: &mut Batch,
        scope: Scope,
        caller: &Caller,
        run: impl FnOnce(&mut Scheduler, &mut Step<'_>),
    ) -> Effects {
        let ground = Ground { store: self.store.as_ref(), pending: batch, settings: &self.settings };
        let mut step = Step::new(self.now, scope, caller, &mut self.ids, &mut self.next_park, &ground);
        run(&mut self.scheduler, &mut step);
        let (written, effects) = step.finish();
        batch.append(written);
        effects
    }

    fn take_up(&mut self, effects: Effects, hops: &mut VecDeque<Hop>) {
        hops.extend(effects.hops);
        self.metrics.extend(effects.metrics);
        self.notes.extend(effects.notes.into_iter().map(|note| note.record));
    }

    fn hop(&mut self, hop: Hop, batch: &mut Batch, hops: &mut VecDeque<Hop>) {
        let Hop { caller, request, resource, attempt, ticket, .. } = hop;
        let (content, attributes) = content_of(request.as_ref());
        let sent = Sent {
            what: request.operation().name,
            resource: resource.to_string(),
            principal: caller.principal.clone(),
            attempt,
            at: self.now,
            content,
            attributes,
        };
        self.sent.push(sent.clone());
        let output: Box<dyn Output> = Box::new(sqs::SendMessageOutput::default());
        let settled: Settled = (self.failures)(&sent).map_or(Ok(output), Err);
        if let Some(Ticket { scope, token, .. }) = ticket {
            let caller = self.caller.clone();
            let effects =
                self.step(batch, scope, &caller, |scheduler, step| scheduler.settled(step, token, settled));
            self.take_up(effects, hops);
        }
    }

    /// The sum of a metric over what has been published, for the group (`None`: without dimensions).
    pub fn metric(&self, name: &str, group: Option<&str>) -> f64 {
        let is_of = |datum: &Datum| {
            datum.name == name && datum.dimensions.first().map(|(_, value)| value.as_str()) == group
        };
        let data = self.metrics.iter().map(|(_, datum)| datum).filter(|datum| is_of(datum));
        data.flat_map(|datum| &datum.values).map(|(value, count)| value * count).sum()
    }

    /// What was sent, each as its instant and its content.
    pub fn contents(&self) -> Vec<String> {
        self.sent.iter().map(|sent| format!("{} {}", sent.at.iso_secs(), sent.content)).collect()
    }
}

/// What a request carries, and its message attributes.
fn content_of(request: &(dyn Request + 'static)) -> (String, Vec<(String, String)>) {
    let any: &dyn std::any::Any = request;
    if let Some(sqs::Request::SendMessage(input)) = any.downcast_ref() {
        let own = input.message_attributes.iter().flatten();
        let own = own.map(|(name, value)| (name.clone(), value.string_value.clone().unwrap_or_default()));
        return (input.message_body.clone(), own.collect());
    }
    let content = if let Some(sns::Request::Publish(input)) = any.downcast_ref() {
        input.message.clone()
    } else if let Some(lambda::Request::Invoke(input)) = any.downcast_ref() {
        let payload = input.payload.clone().unwrap_or_default();
        let kind = input.invocation_type.as_deref().unwrap_or_default();
        format!("{} {kind} {}", input.function_name, String::from_utf8_lossy(&payload))
    } else if let Some(events::Request::PutEvents(input)) = any.downcast_ref() {
        let entry = &input.entries[0];
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{} {} {}", part(&entry.source), part(&entry.detail_type), part(&entry.detail))
    } else {
        String::new()
    };
    (content, Vec::new())
}
