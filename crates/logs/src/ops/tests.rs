//! Operations over a memory store, and the recordings of the real AWS.

mod deliveries;
mod events;
mod policies;
mod resources;

use std::sync::Arc;
use std::time::Duration;

use pontoon_api::logs::*;
use pontoon_core::policy::PolicyMode;
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::{
    Account, ApiError, Batch, Caller, Ids, Principal, Reply, Scope, Service, Step, Store, Timestamp,
};

use crate::Logs;

/// A service over a store, without an engine.
struct Bench {
    logs: Logs,
    store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    parks: u64,
    now: Timestamp,
    caller: Caller,
    /// What the last step asked for.
    effects: Effects,
}

impl Bench {
    fn new() -> Self {
        let caller = Caller::of_account(Account::DEFAULT, "r", "http://127.0.0.1:4566");
        Self {
            logs: Logs::default(),
            store: pontoon_store::memory(),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() },
            ids: Ids::from_seed(1),
            parks: 0,
            now: Timestamp::from_secs(1_800_000_000),
            caller,
            effects: Effects::default(),
        }
    }

    /// With the log group `g` and its stream `s`.
    fn with_stream() -> Self {
        let mut bench = Self::new();
        bench.create_group("g").unwrap();
        bench.create_stream("g", "s").unwrap();
        bench
    }

    fn step<T>(&mut self, act: impl FnOnce(&mut Logs, &mut Step<'_>) -> T) -> T {
        let pending = Batch::new();
        let ground = Ground { store: self.store.as_ref(), pending: &pending, settings: &self.settings };
        let mut step =
            Step::new(self.now, Scope::default(), &self.caller, &mut self.ids, &mut self.parks, &ground);
        let outcome = act(&mut self.logs, &mut step);
        let (batch, effects) = step.finish();
        self.store.apply(batch).unwrap();
        self.effects = effects;
        outcome
    }

    fn call<T: 'static>(&mut self, request: Request) -> Result<T, ApiError> {
        let output = match self.step(|logs, step| logs.call(step, Box::new(request)))? {
            Reply::Ready(output) => output,
            Reply::Read(read) => read(self.store.snapshot().as_ref())?,
            Reply::Parked(_) => panic!("nothing is parked"),
        };
        Ok(*output.into_any().downcast().unwrap())
    }

    /// Lets time pass, and happen what falls due on the way.
    fn advance(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(due) = self.logs.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.step(|logs, step| logs.run_due(step));
        }
        self.now = end;
    }

    /// The same store under a service that has just started.
    fn restart(&mut self) {
        self.logs = Logs::default();
        self.logs.load(self.store.as_ref()).unwrap();
        self.step(|logs, step| logs.start(step));
    }

    fn create_group(&mut self, name: &str) -> Result<CreateLogGroupOutput, ApiError> {
        let input = CreateLogGroupInput { log_group_name: name.into(), ..Default::default() };
        self.call(Request::CreateLogGroup(input))
    }

    fn create_stream(&mut self, group: &str, name: &str) -> Result<CreateLogStreamOutput, ApiError> {
        let input = CreateLogStreamInput { log_group_name: group.into(), log_stream_name: name.into() };
        self.call(Request::CreateLogStream(input))
    }

    /// Puts messages into a stream of `g`, by milliseconds from now.
    fn put(&mut self, stream: &str, events: &[(i64, &str)]) -> Result<PutLogEventsOutput, ApiError> {
        let input = PutLogEventsInput {
            log_group_name: "g".into(),
            log_stream_name: stream.into(),
            log_events: events
                .iter()
                .map(|(at, message)| InputLogEvent {
                    timestamp: self.now.millis() + at,
                    message: (*message).into(),
                })
                .collect(),
            ..Default::default()
        };
        self.call(Request::PutLogEvents(input))
    }

    fn get(&mut self, input: GetLogEventsInput) -> Result<GetLogEventsOutput, ApiError> {
        let defaults = GetLogEventsInput {
            log_group_name: Some("g".into()),
            log_stream_name: if input.log_stream_name.is_empty() {
                "s".into()
            } else {
                input.log_stream_name.clone()
            },
            ..input
        };
        self.call(Request::GetLogEvents(defaults))
    }

    fn filter(&mut self, input: FilterLogEventsInput) -> Result<FilterLogEventsOutput, ApiError> {
        let input = FilterLogEventsInput { log_group_name: Some("g".into()), ..input };
        self.call(Request::FilterLogEvents(input))
    }

    /// The messages that a pattern finds, from all pages.
    fn search(&mut self, pattern: &str) -> Vec<String> {
        let mut input = FilterLogEventsInput { filter_pattern: Some(pattern.into()), ..Default::default() };
        let mut messages = Vec::new();
        loop {
            let page = self.filter(input.clone()).unwrap();
            messages.extend(page.events.unwrap().into_iter().map(|event| event.message.unwrap()));
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                return messages;
            }
        }
    }

    fn groups(&mut self, input: DescribeLogGroupsInput) -> DescribeLogGroupsOutput {
        self.call(Request::DescribeLogGroups(input)).unwrap()
    }

    fn streams(&mut self, input: DescribeLogStreamsInput) -> Result<DescribeLogStreamsOutput, ApiError> {
        let input = DescribeLogStreamsInput { log_group_name: Some("g".into()), ..input };
        self.call(Request::DescribeLogStreams(input))
    }
}

/// Code and message of an error.
fn refused<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> (String, String) {
    let error = outcome.unwrap_err();
    (error.code.into_owned(), error.message)
}

fn messages(page: &GetLogEventsOutput) -> Vec<&str> {
    let events = page.events.as_ref().unwrap();
    events.iter().map(|event| event.message.as_deref().unwrap()).collect()
}
