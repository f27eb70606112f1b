//! A bench for Pipes alone: its steps run as the engine runs them. Polls park until a test delivers messages; other services answer as it says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::invocation::InvokeApiDestinationInput;
use pontoon_api::{events, lambda, logs, pipes, sns, sqs};
use pontoon_core::policy::{Document, IdentityPolicies, ServiceRole, ServiceRoles};
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Hop, Ids, PolicyMode, Principal, Reply, Scope, Service, Settled, Step,
    Store, Ticket, Timestamp,
};

use crate::Pipes;

/// What a service answers to a hop; `None` for a success that says nothing.
pub type Answers = Box<dyn FnMut(&Sent) -> Option<Settled>>;

/// A hop that left Pipes, but for polls.
#[derive(Debug, Clone)]
pub struct Sent {
    pub what: &'static str,
    pub principal: Principal,
    pub contents: Vec<String>,
}

pub struct Bench {
    pub pipes: Pipes,
    pub store: Arc<dyn Store>,
    pub now: Timestamp,
    pub settings: Settings,
    pub sent: Vec<Sent>,
    pub metrics: Vec<Datum>,
    pub answers: Answers,
    /// Polls that wait, with how many messages each takes.
    pub polls: VecDeque<(usize, Ticket)>,
    /// Hops whose answers a test gives later.
    pub parked: VecDeque<Ticket>,
    pub parks: &'static str,
    caller: Caller,
    ids: Ids,
    next_park: u64,
    messages: usize,
}

pub const ROLE: &str = "arn:aws:iam::000000000000:role/pipes";

fn roles() -> ServiceRoles {
    let json = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"pipes.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let trust = Arc::new(Document::parse_trust(json).unwrap());
    Arc::new(move |arn| {
        let policies = Arc::new(IdentityPolicies::default());
        (arn == ROLE).then(|| ServiceRole { policies, trust: Arc::clone(&trust) })
    })
}

impl Bench {
    pub fn new() -> Self {
        let endpoint: Arc<str> = "http://127.0.0.1:4566".into();
        Self {
            pipes: Pipes::new(roles()),
            store: pontoon_store::memory(),
            now: Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap(),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: Arc::clone(&endpoint) },
            sent: Vec::new(),
            metrics: Vec::new(),
            answers: Box::new(|_| None),
            polls: VecDeque::new(),
            parked: VecDeque::new(),
            parks: "",
            caller: Caller::of_account(Scope::default().account, "r", endpoint),
            ids: Ids::from_seed(1),
            next_park: 0,
            messages: 0,
        }
    }

    /// The same after a restart: only what the store holds is left.
    pub fn restart(&mut self) {
        self.polls.clear();
        self.parked.clear();
        self.pipes = Pipes::new(roles());
        self.pipes.load(self.store.as_ref()).unwrap();
        self.command(|pipes, step| pipes.start(step));
        self.advance(Duration::ZERO);
    }

    /// Applies an operation, and then does what is due.
    pub fn call<T: 'static>(&mut self, request: pipes::Request) -> Result<T, ApiError> {
        let mut answer = None;
        self.command(|pipes, step| answer = Some(pipes.call(step, Box::new(request))));
        match answer.unwrap()? {
            Reply::Ready(output) => Ok(*output.into_any().downcast::<T>().unwrap()),
            Reply::Parked(_) | Reply::Read(_) => panic!("every operation answers at once"),
        }
    }

    /// Does everything that is due, in order, up to `by` from now.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(due) = self.pipes.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.command(|pipes, step| pipes.run_due(step));
        }
        self.now = end;
    }

    /// Answers the poll that waits with messages of these bodies, named `m1`, `m2` and so on.
    pub fn deliver(&mut self, bodies: &[&str]) {
        let (room, ticket) = self.polls.pop_front().expect("a poll waits");
        assert!(bodies.len() <= room, "the poll takes {room}");
        let messages = bodies.iter().map(|body| {
            self.messages += 1;
            sqs::Message {
                message_id: Some(format!("m{}", self.messages)),
                receipt_handle: Some(format!("h{}", self.messages)),
                body: Some((*body).to_owned()),
                ..Default::default()
            }
        });
        let output = sqs::ReceiveMessageOutput { messages: Some(messages.collect()) };
        self.settle(ticket, Ok(Box::new(output)));
        self.advance(Duration::ZERO);
    }

    pub fn settle(&mut self, ticket: Ticket, outcome: Settled) {
        self.command(|pipes, step| pipes.settled(step, ticket.token, outcome));
    }

    fn command(&mut self, run: impl FnOnce(&mut Pipes, &mut Step<'_>)) {
        let mut batch = Batch::new();
        let mut hops = VecDeque::new();
        let effects = self.step(&mut batch, run);
        self.take_up(effects, &mut hops);
        while let Some(hop) = hops.pop_front() {
            self.hop(hop, &mut batch, &mut hops);
        }
        self.store.apply(batch).unwrap();
    }

    fn step(&mut self, batch: &mut Batch, run: impl FnOnce(&mut Pipes, &mut Step<'_>)) -> Effects {
        let ground = Ground { store: self.store.as_ref(), pending: batch, settings: &self.settings };
        let (ids, park) = (&mut self.ids, &mut self.next_park);
        let mut step = Step::new(self.now, Scope::default(), &self.caller, ids, park, &ground);
        run(&mut self.pipes, &mut step);
        let (written, effects) = step.finish();
        batch.append(written);
        effects
    }

    fn take_up(&mut self, effects: Effects, hops: &mut VecDeque<Hop>) {
        for withdrawal in effects.withdrawals {
            self.polls.retain(|(_, ticket)| !(withdrawal.is_meant)(ticket.token.as_ref()));
        }
        hops.extend(effects.hops);
        self.metrics.extend(effects.metrics.into_iter().map(|(_, datum)| datum));
    }

    fn hop(&mut self, hop: Hop, batch: &mut Batch, hops: &mut VecDeque<Hop>) {
        let Hop { caller, request, ticket, .. } = hop;
        let any: &dyn std::any::Any = request.as_ref();
        if let Some(sqs::Request::ReceiveMessage(input)) = any.downcast_ref() {
            self.polls.push_back((input.max_number_of_messages.unwrap() as usize, ticket.unwrap()));
            return;
        }
        let what = request.operation().name;
        let sent = Sent { what, principal: caller.principal.clone(), contents: contents_of(any) };
        self.sent.push(sent.clone());
        let Some(ticket) = ticket else { return };
        if what == self.parks {
            self.parked.push_back(ticket);
            return;
        }
        let settled =
            (self.answers)(&sent).unwrap_or_else(|| Ok(Box::new(sqs::SendMessageOutput::default())));
        let effects = self.step(batch, |pipes, step| pipes.settled(step, ticket.token, settled));
        self.take_up(effects, hops);
    }

    /// What was sent: operations with their contents, but for checks.
    pub fn told(&mut self) -> Vec<String> {
        let told = |sent: Sent| format!("{} {}", sent.what, sent.contents.join(" | ")).trim_end().to_owned();
        std::mem::take(&mut self.sent)
            .into_iter()
            .filter(|sent| sent.what != "GetQueueAttributes")
            .map(told)
            .collect()
    }

    /// The sum of a metric of the pipe `p`.
    pub fn metric(&self, name: &str) -> f64 {
        let data = self.metrics.iter().filter(|datum| datum.name == name);
        data.flat_map(|datum| &datum.values).map(|(value, count)| value * count).sum()
    }
}

fn contents_of(request: &dyn std::any::Any) -> Vec<String> {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let text = |payload: &Option<_>| {
        let payload: bytes::Bytes = Option::clone(payload).unwrap_or_default();
        String::from_utf8_lossy(&payload).into_owned()
    };
    if let Some(request) = request.downcast_ref::<sqs::Request>() {
        return match request {
            sqs::Request::SendMessageBatch(input) => {
                let entry = |entry: &sqs::SendMessageBatchRequestEntry| {
                    let (group, id) = (part(&entry.message_group_id), part(&entry.message_deduplication_id));
                    format!("{} {group} {id}", entry.message_body).trim_end().to_owned()
                };
                input.entries.iter().map(entry).collect()
            }
            sqs::Request::DeleteMessageBatch(input) => {
                input.entries.iter().map(|entry| entry.receipt_handle.clone()).collect()
            }
            sqs::Request::ChangeMessageVisibilityBatch(input) => {
                input.entries.iter().map(|entry| entry.receipt_handle.clone()).collect()
            }
            _ => Vec::new(),
        };
    }
    if let Some(InvokeApiDestinationInput { arn, parameters, body }) = request.downcast_ref() {
        let path = parameters.path_parameter_values.iter().flatten().map(String::as_str);
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        let headers: Vec<String> = parameters.header_parameters.iter().flatten().map(pair).collect();
        let query: Vec<String> = parameters.query_string_parameters.iter().flatten().map(pair).collect();
        let name = arn.rsplit('/').nth(1).unwrap_or_default();
        let path = path.collect::<Vec<_>>().join("/");
        return vec![format!("{name}/{path}?{} {} {body}", query.join("&"), headers.join(","))];
    }
    if let Some(lambda::Request::Invoke(input)) = request.downcast_ref() {
        return vec![format!(
            "{} {} {}",
            input.function_name,
            part(&input.invocation_type),
            text(&input.payload)
        )];
    }
    if let Some(sns::Request::PublishBatch(input)) = request.downcast_ref() {
        return input.publish_batch_request_entries.iter().map(|entry| entry.message.clone()).collect();
    }
    if let Some(events::Request::PutEvents(input)) = request.downcast_ref() {
        let entry = |entry: &events::PutEventsRequestEntry| {
            let resources = entry.resources.clone().unwrap_or_default().join(",");
            let time = entry.time.map(|time| time.iso_secs()).unwrap_or_default();
            let (source, kind, detail) = (part(&entry.source), part(&entry.detail_type), part(&entry.detail));
            format!("{source}/{kind}/{resources}/{time} {detail}")
        };
        return input.entries.iter().map(entry).collect();
    }
    if let Some(logs::Request::PutLogEvents(input)) = request.downcast_ref() {
        let event = |event: &logs::InputLogEvent| format!("{} {}", event.timestamp, event.message);
        return [input.log_stream_name.clone()]
            .into_iter()
            .chain(input.log_events.iter().map(event))
            .collect();
    }
    Vec::new()
}
