//! The least of a host that the service needs: a store, a clock, parked replies, and both of SQS's protocols at the door.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::shape::Decoded;
use pontoon_core::step::{Effects, Ground, ParkId, Settings};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Direction, Ids, KeyRange, OperationSchema, Output, PolicyMode, Reply,
    Scope, Service, Settled, Space, Step, Store, StoreError, StoreRead, Timestamp,
};
use pontoon_sqs::{Limits, Sqs};
use pontoon_wire::protocol::json::{self, writer::JsonWriter};
use pontoon_wire::protocol::{Failed, query};
use serde_json::{Value, json};

/// 2023-11-14T22:13:20Z
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The service, running.
pub struct Queues {
    service: Sqs,
    limits: Limits,
    store: Arc<dyn Store>,
    ids: Ids,
    next_park: u64,
    /// Who calls: at first the account itself.
    pub caller: Caller,
    settings: Settings,
    /// What the service sees as the present.
    pub now: Timestamp,
    /// The `X-Amzn-Trace-Id` header of the client's requests.
    pub trace_header: Option<&'static str>,
    /// What was published so far.
    pub metrics: Vec<Datum>,
    /// The long polls that ended, in order.
    pub ended: Vec<(ParkId, Value)>,
}

/// A store that measures what is read of it.
struct Measured<'a> {
    store: &'a dyn Store,
    bytes: AtomicUsize,
}

impl StoreRead for Measured<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.store.get(space, key)?;
        self.bytes.fetch_add(value.as_ref().map_or(0, Bytes::len), Ordering::Relaxed);
        Ok(value)
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store.scan(space, range, direction, &mut |key, value| {
            self.bytes.fetch_add(key.len() + value.len(), Ordering::Relaxed);
            visit(key, value)
        })
    }
}

/// What an operation answered at once.
pub enum Answered {
    Now(Value),
    Later(ParkId),
}

pub fn scope() -> Scope {
    Scope { account: "111111111111".parse().unwrap(), ..Scope::default() }
}

impl Queues {
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A service that holds no more in memory than this.
    pub fn with_limits(limits: Limits) -> Self {
        let endpoint: Arc<str> = "http://127.0.0.1:4566".into();
        Self {
            service: Sqs::with_limits(limits),
            limits,
            store: pontoon_store::memory(),
            ids: Ids::from_seed(7),
            next_park: 0,
            caller: Caller::of_account(scope().account, "request", Arc::clone(&endpoint)),
            settings: Settings { policies: PolicyMode::Enforce, endpoint },
            now: START,
            trace_header: None,
            metrics: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Creates a queue and gives its URL.
    pub fn create(&mut self, name: &str, attributes: Value) -> String {
        let created = self.ok("CreateQueue", json!({"QueueName": name, "Attributes": attributes}));
        created["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// Creates `dlq`, and `source` that dead-letters into it after so many receives; gives the URLs of `source` and `dlq`.
    pub fn create_pair(&mut self, receives_max: u32, attributes: Value) -> (String, String) {
        let dead = self.create("dlq", attributes.clone());
        let mut attributes = attributes;
        attributes["RedrivePolicy"] = json!(redrive(receives_max));
        (self.create("source", attributes), dead)
    }

    pub fn send(&mut self, url: &str, body: &str) -> Value {
        self.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": body}))
    }

    /// Receives up to ten messages with every attribute, without waiting.
    pub fn receive(&mut self, url: &str) -> Vec<Value> {
        let input = json!({
            "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
            "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        self.ok("ReceiveMessage", input)["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// One attribute of a queue; null if it has none.
    pub fn attribute(&mut self, url: &str, name: &str) -> Value {
        let input = json!({"QueueUrl": url, "AttributeNames": [name]});
        self.ok("GetQueueAttributes", input)["Attributes"][name].clone()
    }

    /// How many messages are visible, in flight and delayed.
    pub fn counts(&mut self, url: &str) -> [usize; 3] {
        ["", "NotVisible", "Delayed"].map(|which| {
            let name = format!("ApproximateNumberOfMessages{which}");
            self.attribute(url, &name).as_str().unwrap().parse().unwrap()
        })
    }

    /// The output of an operation that must succeed at once.
    #[track_caller]
    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        match self.call(operation, &input) {
            Ok(Answered::Now(output)) => output,
            Ok(Answered::Later(_)) => panic!("{operation} {input} waits"),
            Err(error) => panic!("{operation} {input} failed: {error:?}"),
        }
    }

    /// Begins a long poll that finds nothing yet.
    #[track_caller]
    pub fn poll(&mut self, url: &str, seconds: u32) -> ParkId {
        let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": seconds});
        match self.call("ReceiveMessage", &input) {
            Ok(Answered::Later(park)) => park,
            Ok(Answered::Now(output)) => panic!("it did not wait but got {output}"),
            Err(error) => panic!("it failed: {error:?}"),
        }
    }

    /// The error of an operation that must fail.
    #[track_caller]
    pub fn error(&mut self, operation: &str, input: Value) -> ApiError {
        match self.call(operation, &input) {
            Ok(_) => panic!("{operation} {input} succeeded"),
            Err(error) => error,
        }
    }

    /// The query code and the message of an operation that must fail.
    #[track_caller]
    pub fn fails(&mut self, operation: &str, input: Value) -> (String, String) {
        let error = self.error(operation, input);
        (error.query_code.unwrap_or(&error.code).to_owned(), error.message)
    }

    /// What the recordings hold of an operation: its output, or its error as the AWS SDK shows it.
    pub fn recorded(&mut self, operation: &str, input: Value) -> Value {
        match self.call(operation, &input) {
            Ok(Answered::Now(mut output)) => {
                output["ResponseMetadata"] = json!({"HTTPStatusCode": 200});
                output
            }
            Ok(Answered::Later(_)) => panic!("{operation} {input} waits"),
            Err(error) => json!({
                "Error": {
                    "Code": error.query_code.unwrap_or(&error.code),
                    "QueryErrorCode": error.code,
                    "Message": error.message,
                    "Type": "Sender",
                },
                "ResponseMetadata": {"HTTPStatusCode": error.status},
            }),
        }
    }

    /// Calls an operation with JSON.
    pub fn call(&mut self, operation: &str, input: &Value) -> Result<Answered, ApiError> {
        let schema = self.schema(operation);
        let decoded = json::decode(schema, input.to_string().as_bytes());
        match self.apply(schema, decoded)? {
            Reply::Ready(output) => Ok(Answered::Now(written(&*output))),
            Reply::Parked(park) => Ok(Answered::Later(park)),
            Reply::Read(_) => panic!("no operation reads off the engine"),
        }
    }

    /// Calls an operation with a form, and gives the XML of the answer.
    pub fn query(&mut self, operation: &str, form: &str) -> String {
        let schema = self.schema(operation);
        let pairs = query::form::parse(form.as_bytes()).unwrap();
        let answer = match self.apply(schema, query::decode(schema, &pairs)) {
            Ok(Reply::Ready(output)) => query::encode(schema, &*output, "request"),
            Ok(_) => panic!("{operation} waits"),
            Err(error) => {
                let failed = Failed {
                    protocol: pontoon_core::shape::Protocol::Query,
                    service: Some(schema.service),
                    operation: Some(schema),
                    request_id: "request",
                    resource: "/",
                };
                failed.answer(&error)
            }
        };
        String::from_utf8(answer.body).unwrap()
    }

    fn schema(&self, operation: &str) -> &'static OperationSchema {
        self.service.schemas()[0].operations.iter().find(|schema| schema.name == operation).unwrap()
    }

    fn apply(
        &mut self,
        schema: &'static OperationSchema,
        decoded: Decoded,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        let (request, violations) = decoded
            .map_err(|error| ApiError::client("SerializationException", error.message.into_owned()))?;
        if !violations.is_empty()
            && let Some(error) = self.service.invalid(schema, &violations)
        {
            return Err(error);
        }
        let request = match self.trace_header {
            Some(header) => pontoon_sqs::with_trace_header(request, header),
            None => request,
        };
        let answered = self.step(|service, step| service.call(step, request));
        self.settle();
        answered
    }

    fn step<T>(
        &mut self,
        act: impl FnOnce(&mut Sqs, &mut Step<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let pending = Batch::new();
        let ground = Ground { store: &*self.store, pending: &pending, settings: &self.settings };
        let mut step =
            Step::new(self.now, scope(), &self.caller, &mut self.ids, &mut self.next_park, &ground);
        let result = act(&mut self.service, &mut step);
        let (batch, Effects { hops, dispatches, metrics, unparked, .. }) = step.finish();
        assert!(hops.is_empty() && dispatches.is_empty(), "the service calls nobody");
        if result.is_ok() {
            self.metrics.extend(metrics.into_iter().map(|(_, datum)| datum));
            self.ended.extend(unparked.into_iter().map(|(park, settled)| (park, shown(settled))));
            self.store.apply(batch).unwrap();
        }
        result
    }

    /// Does what is due now.
    pub fn settle(&mut self) {
        self.pass(Duration::ZERO);
    }

    /// Lets time pass, and everything happen that is due meanwhile, each when it is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        let mut steps = 0;
        while let Some(due) = self.service.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.step(|service, step| {
                service.run_due(step);
                Ok(())
            })
            .unwrap();
            steps += 1;
            assert!(steps < 100_000, "something is due for ever");
        }
        self.now = end;
    }

    /// Starts the service again on what the store holds; who waited is gone, and nothing that is due has happened yet.
    pub fn restart(&mut self) {
        self.restart_reading();
    }

    /// As [`Queues::restart`]; how many bytes were read from the store for it.
    pub fn restart_reading(&mut self) -> usize {
        let store = Measured { store: &*self.store, bytes: AtomicUsize::new(0) };
        self.service = Sqs::with_limits(self.limits);
        self.service.load(&store).unwrap();
        let bytes = store.bytes.into_inner();
        self.step(|service, step| {
            service.start(step);
            Ok(())
        })
        .unwrap();
        bytes
    }

    /// The client of a long poll hangs up.
    pub fn abandon(&mut self, park: ParkId) {
        self.step(|service, step| {
            service.abandoned(step, park);
            Ok(())
        })
        .unwrap();
    }

    /// A queue and its first messages as Pontoon's own API shows them.
    pub fn look(&self, name: &str, max: usize) -> Value {
        let question = pontoon_core::Inspect::Queue { name, max, now: self.now, store: &*self.store };
        self.service.inspect(scope(), &question).unwrap()
    }

    /// How many keys the store holds of messages.
    pub fn keys_stored(&self) -> usize {
        let mut keys = 0;
        self.store
            .scan(Space::Queue, &KeyRange::all(), Direction::Ascending, &mut |_, _| {
                keys += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        keys
    }
}

/// A redrive policy into `dlq`.
pub fn redrive(receives_max: u32) -> String {
    json!({"deadLetterTargetArn": arn("dlq"), "maxReceiveCount": receives_max}).to_string()
}

pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:111111111111:{name}")
}

/// The bodies of received messages.
pub fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

fn shown(settled: Settled) -> Value {
    settled.map_or_else(|error| json!({"code": error.code}), |output| written(&*output))
}

fn written(output: &dyn Output) -> Value {
    let mut body = Vec::new();
    output.encode(&mut JsonWriter::new(&mut body));
    serde_json::from_slice(&body).unwrap()
}
