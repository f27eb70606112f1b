//! A bench for SNS alone: its steps run as the engine runs them, and the services and web servers behind its subscriptions answer as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::{lambda, sns, sqs};
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::work::{HttpCall, HttpResult};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Hop, Ids, Output, PolicyMode, Principal, Reply, Request, Scope, Service,
    ServiceId, Settled, Step, Store, Ticket, Timestamp, TraceRecord, Work, WorkOutcome,
};

use crate::{Certificates, Sns};

/// What a service answers to a hop; `None` lets it succeed.
pub type Failures = Box<dyn FnMut(&Sent) -> Option<ApiError>>;

/// What a web server answers.
pub type Endpoint = Box<dyn FnMut(&HttpCall) -> Result<u16, String>>;

/// A hop that left SNS.
#[derive(Debug, Clone)]
pub struct Sent {
    pub what: &'static str,
    pub resource: String,
    pub principal: Principal,
    pub source_arn: String,
    pub attempt: u32,
    pub at: Timestamp,
    pub content: String,
    /// Name and text or `binary` of each message attribute.
    pub attributes: Vec<(String, String)>,
    pub group: Option<String>,
    /// `AWSTraceHeader`.
    pub trace_header: Option<String>,
}

pub struct Bench {
    pub sns: Sns,
    pub certificates: Certificates,
    pub store: Arc<dyn Store>,
    pub now: Timestamp,
    pub caller: Caller,
    pub settings: Settings,
    pub sent: Vec<Sent>,
    pub posted: Vec<(Timestamp, HttpCall)>,
    pub notes: Vec<TraceRecord>,
    pub metrics: Vec<(Scope, Datum)>,
    pub failures: Failures,
    pub endpoint: Endpoint,
    /// Work that is under way while `holds_work`.
    pub held: Vec<u64>,
    pub holds_work: bool,
    ids: Ids,
    next_park: u64,
}

pub fn scope() -> Scope {
    Scope::default()
}

pub fn strings(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Bench {
    pub fn new() -> Self {
        let endpoint: Arc<str> = "http://127.0.0.1:4566".into();
        let certificates = Certificates::default();
        Self {
            sns: Sns::new(certificates.clone()),
            certificates,
            store: pontoon_store::memory(),
            now: Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap(),
            caller: Caller::of_account(scope().account, "r", Arc::clone(&endpoint)),
            settings: Settings { policies: PolicyMode::Enforce, endpoint },
            sent: Vec::new(),
            posted: Vec::new(),
            notes: Vec::new(),
            metrics: Vec::new(),
            failures: Box::new(|_| None),
            endpoint: Box::new(|_| Ok(200)),
            held: Vec::new(),
            holds_work: false,
            ids: Ids::from_seed(1),
            next_park: 0,
        }
    }

    /// The same after a restart: only what the store holds is left.
    pub fn restart(&mut self) {
        self.sns = Sns::new(self.certificates.clone());
        self.sns.load(self.store.as_ref()).unwrap();
        self.held.clear();
    }

    /// Applies an operation in the default scope and gives its output.
    pub fn call<T: 'static>(&mut self, request: sns::Request) -> Result<T, ApiError> {
        self.call_in(scope(), request)
    }

    pub fn call_in<T: 'static>(&mut self, scope: Scope, request: sns::Request) -> Result<T, ApiError> {
        let caller = self.caller.clone();
        let mut answer = None;
        self.command(scope, &caller, |sns, step| answer = Some(sns.call(step, Box::new(request))));
        match answer.unwrap()? {
            Reply::Ready(output) => Ok(*output.into_any().downcast().unwrap()),
            Reply::Parked(_) | Reply::Read(_) => panic!("every operation answers at once"),
        }
    }

    /// Does everything that is due now.
    pub fn settle(&mut self) {
        self.advance(Duration::ZERO);
    }

    /// Lets time pass, doing everything that falls due on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(due) = self.sns.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let caller = self.caller.clone();
            self.command(scope(), &caller, |sns, step| sns.run_due(step));
        }
        self.now = end;
    }

    fn command(&mut self, scope: Scope, caller: &Caller, run: impl FnOnce(&mut Sns, &mut Step<'_>)) {
        let mut batch = Batch::new();
        let mut hops = VecDeque::new();
        let mut work = Vec::new();
        let effects = self.step(&mut batch, scope, caller, run);
        self.take_up(effects, &mut hops, &mut work);
        while let Some(hop) = hops.pop_front() {
            let Hop { ticket, request, caller, resource, attempt, .. } = hop;
            let sent = Sent::of(request, &caller, resource.to_string(), attempt, self.now);
            let settled: Settled = match (self.failures)(&sent) {
                Some(error) => Err(error),
                None => Ok(Box::new(sqs::SendMessageOutput::default()) as Box<dyn Output>),
            };
            self.sent.push(sent);
            if let Some(Ticket { scope, token, .. }) = ticket {
                let caller = self.caller.clone();
                let effects =
                    self.step(&mut batch, scope, &caller, |sns, step| sns.settled(step, token, settled));
                self.take_up(effects, &mut hops, &mut work);
            }
        }
        self.store.apply(batch).unwrap();
        for (scope, token, call) in work {
            if self.holds_work {
                self.posted.push((self.now, call));
                self.held.push(token);
                continue;
            }
            let status = (self.endpoint)(&call);
            self.posted.push((self.now, call));
            self.worked(scope, token, status);
        }
    }

    pub fn worked(&mut self, scope: Scope, token: u64, status: Result<u16, String>) {
        let result = HttpResult {
            answer: status.map(|status| (status, "answer".into())),
            is_whole: true,
            retry_after: None,
            duration_ms: 1.0,
        };
        let caller = self.caller.clone();
        self.command(scope, &caller, |sns, step| {
            sns.worked(step, token, WorkOutcome::Http(Box::new(result)))
        });
    }

    fn step(
        &mut self,
        batch: &mut Batch,
        scope: Scope,
        caller: &Caller,
        run: impl FnOnce(&mut Sns, &mut Step<'_>),
    ) -> Effects {
        let ground = Ground { store: self.store.as_ref(), pending: batch, settings: &self.settings };
        let mut step = Step::new(self.now, scope, caller, &mut self.ids, &mut self.next_park, &ground);
        run(&mut self.sns, &mut step);
        let (written, effects) = step.finish();
        batch.append(written);
        effects
    }

    fn take_up(
        &mut self,
        effects: Effects,
        hops: &mut VecDeque<Hop>,
        work: &mut Vec<(Scope, u64, HttpCall)>,
    ) {
        hops.extend(effects.hops);
        self.notes.extend(effects.notes.into_iter().map(|note| note.record));
        self.metrics.extend(effects.metrics);
        for dispatch in effects.dispatches {
            assert_eq!(dispatch.owner, ServiceId::Sns);
            let Work::Http(call) = dispatch.work else { panic!("SNS runs no functions itself") };
            work.push((dispatch.scope, dispatch.token, *call));
        }
    }

    pub fn create(&mut self, name: &str) -> String {
        let input = sns::CreateTopicInput { name: name.to_owned(), ..Default::default() };
        self.call::<sns::CreateTopicOutput>(sns::Request::CreateTopic(input)).unwrap().topic_arn.unwrap()
    }

    pub fn subscribe(
        &mut self,
        topic: &str,
        (protocol, endpoint): (&str, &str),
        attributes: &[(&str, &str)],
    ) -> Result<String, ApiError> {
        let input = sns::SubscribeInput {
            topic_arn: topic.to_owned(),
            protocol: protocol.to_owned(),
            endpoint: Some(endpoint.to_owned()),
            attributes: (!attributes.is_empty()).then(|| strings(attributes)),
            return_subscription_arn: Some(true),
        };
        let output: sns::SubscribeOutput = self.call(sns::Request::Subscribe(input))?;
        Ok(output.subscription_arn.unwrap())
    }

    pub fn publish(&mut self, topic: &str, message: &str) -> String {
        self.publish_input(sns::PublishInput {
            topic_arn: Some(topic.to_owned()),
            message: message.to_owned(),
            ..Default::default()
        })
        .unwrap()
    }

    pub fn publish_input(&mut self, input: sns::PublishInput) -> Result<String, ApiError> {
        let output: sns::PublishOutput = self.call(sns::Request::Publish(input))?;
        Ok(output.message_id.unwrap())
    }

    pub fn subscription_attributes(&mut self, arn: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let input = sns::GetSubscriptionAttributesInput { subscription_arn: arn.to_owned() };
        let output: sns::GetSubscriptionAttributesOutput =
            self.call(sns::Request::GetSubscriptionAttributes(input))?;
        Ok(output.attributes.unwrap())
    }

    pub fn topic_attributes(&mut self, arn: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let input = sns::GetTopicAttributesInput { topic_arn: arn.to_owned() };
        let output: sns::GetTopicAttributesOutput = self.call(sns::Request::GetTopicAttributes(input))?;
        Ok(output.attributes.unwrap())
    }

    /// How often a metric was counted since the bench began, its minutes closed.
    pub fn counted(&mut self, name: &str) -> f64 {
        self.advance(Duration::from_secs(60));
        let data = self.metrics.iter().filter(|(_, datum)| datum.name == name);
        data.flat_map(|(_, datum)| &datum.values).map(|(value, count)| value * count).sum()
    }
}

impl Sent {
    fn of(request: Box<dyn Request>, caller: &Caller, resource: String, attempt: u32, at: Timestamp) -> Self {
        let what = request.operation().name;
        let mut sent = Self {
            what,
            resource,
            principal: caller.principal.clone(),
            source_arn: caller.source_arn.as_deref().unwrap_or_default().to_owned(),
            attempt,
            at,
            content: String::new(),
            attributes: Vec::new(),
            group: None,
            trace_header: None,
        };
        let any = request.into_any();
        match any.downcast::<sqs::Request>() {
            Ok(request) => {
                let sqs::Request::SendMessage(input) = *request else { panic!("SNS only sends to queues") };
                sent.content = input.message_body;
                sent.group = input.message_group_id;
                let system = input.message_system_attributes.unwrap_or_default();
                sent.trace_header = system.get("AWSTraceHeader").and_then(|value| value.string_value.clone());
                let attributes = input.message_attributes.into_iter().flatten();
                sent.attributes = attributes
                    .map(|(name, value)| (name, value.string_value.unwrap_or_else(|| "binary".to_owned())))
                    .collect();
            }
            Err(any) => {
                let request = any.downcast::<lambda::Request>().unwrap();
                let lambda::Request::Invoke(input) = *request else { panic!("SNS only invokes functions") };
                assert_eq!(input.invocation_type.as_deref(), Some("Event"));
                sent.content = String::from_utf8(input.payload.unwrap().to_vec()).unwrap();
            }
        }
        sent
    }
}
