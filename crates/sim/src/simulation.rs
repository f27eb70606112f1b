//! One run: random commands, time, faults and crashes, from one seed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use pontoon_api::lambda;
use pontoon_core::work::FunctionResult;
use pontoon_core::{ParkId, Seq, Timestamp, Work, WorkOutcome};
use pontoon_store::Fault;
use serde_json::{Value, json};

use crate::model::{Model, Receipt};
use crate::queues::{Received, Waiter};
use crate::system::{self, CONSUMER, FAILURES, FUNCTION, MAPPED, QUEUES, TABLE, TICKS};
use crate::world::{Called, Down, World};

/// When every run begins.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
/// How many commands apart crashes lie, on average.
const STEPS_PER_CRASH: u32 = 40;
/// How many commands apart syncs lie, on average.
const STEPS_PER_SYNC: u32 = 4;

/// What a function that runs was given.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Running {
    /// An event, by its key.
    Event(String),
    /// Messages from the mapped queue.
    Batch(Received),
}

/// The model as of the engine's last batch at some time.
struct Past {
    seq: Seq,
    model: Model,
    /// Whether everything due had been done. Else it is done at the next start, at the same instant if there is no downtime.
    is_settled: bool,
}

/// A run.
pub struct Simulation {
    world: World,
    model: Model,
    /// The model after each command since the last sync, and at it.
    history: Vec<Past>,
    random: fastrand::Rng,
    next_key: u64,
    /// The batches that the mapping should have handed to its function, and that have not ended.
    batches: Vec<Received>,
    waiting: BTreeMap<ParkId, &'static str>,
    crashes: usize,
}

impl Simulation {
    /// A run from `seed`, with its system in place and durable.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new(START, random.u64(..));
        let mut run = Self {
            world,
            model: Model::default(),
            history: Vec::new(),
            random,
            next_key: 0,
            batches: Vec::new(),
            waiting: BTreeMap::new(),
            crashes: 0,
        };
        system::create(&mut run.world, &mut run.model);
        assert!(run.sync().is_ok(), "no fault was injected yet");
        run
    }

    /// Makes `steps` random commands, then ends everything that is under way and looks at everything that is left. Returns a hash of what the store
    /// then holds.
    pub fn run(&mut self, steps: u32) -> u64 {
        for _ in 0..steps {
            if self.step().is_err() {
                self.crash();
            }
        }
        // A fault that is still to come ends with this crash.
        self.crash();
        assert!(self.finish().is_ok(), "a crash ends all faults");
        self.world.fingerprint()
    }

    /// How often it crashed.
    #[must_use]
    pub fn crashes(&self) -> usize {
        self.crashes
    }

    fn step(&mut self) -> Result<(), Down> {
        match self.random.u32(..100) {
            0..20 => self.send()?,
            20..36 => self.receive()?,
            36..50 => self.delete()?,
            50..52 => self.change_visibility()?,
            52 => self.clear_out()?,
            53..60 => self.publish()?,
            60..62 => self.announce()?,
            62..77 => self.write_item()?,
            77..80 => self.invoke()?,
            80..86 => self.end_work()?,
            86..90 => self.look()?,
            _ => self.pass()?,
        }
        self.settle()?;
        if self.random.u32(..STEPS_PER_SYNC) == 0 {
            self.sync()?;
        }
        if self.random.u32(..STEPS_PER_CRASH) == 0 {
            match self.random.u8(..4) {
                0 => self.world.fail_next(Fault::Read),
                1 => self.world.fail_next(Fault::Write),
                2 => self.world.fail_next(Fault::Sync),
                _ => self.crash(),
            }
        }
        Ok(())
    }

    fn key(&mut self) -> String {
        self.next_key += 1;
        format!("k{}", self.next_key)
    }

    fn some_queue(&mut self) -> &'static str {
        QUEUES[self.random.usize(..QUEUES.len())].name
    }

    /// Calls an operation that must succeed.
    fn ok(&mut self, service: &str, operation: &str, input: &Value) -> Result<Value, Down> {
        match self.world.call(service, operation, input)? {
            Called::Done(Ok(output)) => Ok(output),
            other => panic!("{operation} {input}: {other:?}"),
        }
    }

    /// Does what is due now, and holds what the engine answered against what the model answers.
    fn settle(&mut self) -> Result<(), Down> {
        // What a long poll was given is lost with it, what is due is not: only without the one can the other be told after a crash.
        if !self.model.queues.has_served() {
            self.note(false);
        }
        while self.world.run_due()? {}
        let now = self.world.now();
        self.model.tick(now, TICKS);
        let mut expected: BTreeMap<ParkId, Received> = self.model.queues.take_answers().into_iter().collect();
        for (park, answer) in self.world.take_replies() {
            let output = answer.unwrap_or_else(|error| panic!("a long poll failed: {error}"));
            let queue = self.waiting.remove(&park).unwrap_or_default();
            let Some(expected) = expected.remove(&park) else {
                panic!("the long poll of {queue} was answered at {now} though it waits: {output}");
            };
            self.take_receipts(queue, &output, &expected);
        }
        assert!(expected.is_empty(), "at {now} these long polls should have been answered: {expected:?}");
        self.check_work();
        self.note(true);
        Ok(())
    }

    /// Remembers the model as of the engine's last batch.
    fn note(&mut self, is_settled: bool) {
        let seq = self.world.seq();
        self.history.pop_if(|last| last.seq == seq);
        self.history.push(Past { seq, model: self.model.clone(), is_settled });
    }

    fn sync(&mut self) -> Result<(), Down> {
        self.world.sync()?;
        self.history.clear();
        self.note(true);
        Ok(())
    }

    /// Loses everything behind some command since the last sync, and starts again.
    fn crash(&mut self) {
        let at = self.random.usize(..self.history.len());
        let Past { seq, model, is_settled } = self.history.swap_remove(at);
        let downtime = u64::from(is_settled) * self.random.u64(..3) * self.random.u64(..20_000);
        self.world.crash(seq, Duration::from_millis(downtime), self.random.u64(..));
        self.model = model;
        self.model.queues.forget_waiters();
        self.batches.clear();
        self.waiting.clear();
        self.history.clear();
        self.crashes += 1;
        self.note(true);
        let settled = self.settle().and_then(|()| self.look_at_everything());
        assert!(settled.is_ok(), "a crash ends all faults");
    }

    /// What runs, and whether it may have begun.
    fn running(&self) -> Vec<(Running, bool)> {
        self.world.work().map(|(work, begun)| (running(work), begun)).collect()
    }

    /// Holds the functions that run against the invocations that have not ended, and against what the mapping should have been given.
    fn check_work(&mut self) {
        self.batches.extend(self.model.queues.take_batches());
        let (mut events, mut batches) = (Vec::new(), Vec::new());
        for (running, _) in self.running() {
            match running {
                Running::Event(key) => events.push(key),
                Running::Batch(batch) => batches.push(batch),
            }
        }
        assert_eq!(batches, self.batches, "batches of {MAPPED} at {}", self.world.now());
        for (at, key) in events.iter().enumerate() {
            let known = self.model.invocations.contains_key(key);
            assert!(known, "{key} runs, though nobody invoked it or it has ended");
            assert!(!events[..at].contains(key), "{key} runs twice at once");
        }
    }

    fn send(&mut self) -> Result<(), Down> {
        let (queue, now) = (self.some_queue(), self.world.now());
        let entries = if self.random.bool() { 1 } else { self.random.u64(1..4) };
        let (mut asked, mut sent) = (Vec::new(), Vec::new());
        for id in 0..entries {
            let (body, delay) =
                (self.key(), if self.random.u8(..4) == 0 { self.random.u64(1..60) } else { 0 });
            asked.push(json!({"Id": id.to_string(), "MessageBody": body, "DelaySeconds": delay}));
            sent.push((body, Duration::from_secs(delay)));
        }
        self.ok("sqs", "SendMessageBatch", &json!({"QueueUrl": system::url(queue), "Entries": asked}))?;
        self.model.queues.send_batch(queue, sent, now);
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Down> {
        let (queue, now) = (self.some_queue(), self.world.now());
        if queue == MAPPED {
            return Ok(());
        }
        let max = self.random.usize(1..=10);
        let wait_secs = if self.random.u8(..4) == 0 { self.random.u64(1..=20) } else { 0 };
        let asked = json!({
            "QueueUrl": system::url(queue), "MaxNumberOfMessages": max, "WaitTimeSeconds": wait_secs,
            "MessageSystemAttributeNames": ["All"],
        });
        let called = self.world.call("sqs", "ReceiveMessage", &asked)?;
        let expected = self.model.queues.receive(queue, now, max);
        match called {
            Called::Done(output) => {
                let output = output.unwrap_or_else(|error| panic!("{asked}: {error}"));
                self.take_receipts(queue, &output, &expected);
            }
            Called::Parked(park) => {
                assert!(
                    expected.is_empty() && wait_secs > 0,
                    "{queue} holds {expected:?}, and the receive waits"
                );
                self.waiting.insert(park, queue);
                let deadline = now.after(Duration::from_secs(wait_secs));
                self.model.queues.wait(queue, Waiter { park, deadline, max });
            }
        }
        Ok(())
    }

    fn take_receipts(&mut self, queue: &'static str, output: &Value, expected: &Received) {
        let messages = output["Messages"].as_array().map_or(&[][..], Vec::as_slice);
        let received: Received = messages
            .iter()
            .map(|message| {
                let count =
                    message["Attributes"]["ApproximateReceiveCount"].as_str().and_then(|n| n.parse().ok());
                (system::key_of_body(text(&message["Body"])), count.unwrap_or(0))
            })
            .collect();
        assert_eq!(&received, expected, "received from {queue} at {}", self.world.now());
        for (message, (key, receives)) in messages.iter().zip(received) {
            let handle = text(&message["ReceiptHandle"]).to_owned();
            self.model.learn(Receipt { queue, key, receives, handle });
        }
    }

    /// Any receipt handle that a client ever got, a late one more often.
    fn some_receipt(&mut self) -> Option<Receipt> {
        let known = self.model.receipts.len();
        let from = if self.random.u8(..4) == 0 { 0 } else { known.saturating_sub(8) };
        (known > 0).then(|| self.model.receipts[self.random.usize(from..known)].clone())
    }

    fn delete(&mut self) -> Result<(), Down> {
        let Some(Receipt { queue, key, receives, handle }) = self.some_receipt() else { return Ok(()) };
        self.ok("sqs", "DeleteMessage", &json!({"QueueUrl": system::url(queue), "ReceiptHandle": handle}))?;
        self.model.queues.delete(queue, &key, receives);
        Ok(())
    }

    fn change_visibility(&mut self) -> Result<(), Down> {
        let Some(Receipt { queue, key, handle, .. }) = self.some_receipt() else { return Ok(()) };
        let (secs, now) = (self.random.u64(..100), self.world.now());
        let asked =
            json!({"QueueUrl": system::url(queue), "ReceiptHandle": handle, "VisibilityTimeout": secs});
        let Called::Done(answer) = self.world.call("sqs", "ChangeMessageVisibility", &asked)? else {
            panic!("ChangeMessageVisibility waits")
        };
        let changed = self.model.queues.change_visibility(queue, &key, now, Duration::from_secs(secs));
        assert_eq!(answer.is_ok(), changed.is_some(), "{asked} of {key}: {answer:?}");
        Ok(())
    }

    /// Purges a queue, or moves the dead letters to another queue.
    fn clear_out(&mut self) -> Result<(), Down> {
        if self.random.bool() {
            let asked = json!({"QueueUrl": system::url("forwarded")});
            // A queue that was purged less than a minute ago refuses.
            if let Called::Done(Ok(_)) = self.world.call("sqs", "PurgeQueue", &asked)? {
                self.model.queues.purge("forwarded");
            }
            return Ok(());
        }
        let (source, destination) = (system::arn("sqs", "dead"), system::arn("sqs", "short"));
        let asked = json!({"SourceArn": source, "DestinationArn": destination});
        self.ok("sqs", "StartMessageMoveTask", &asked)?;
        self.model.queues.move_all("dead", "short", self.world.now());
        Ok(())
    }

    /// Events of several kinds in one request; each kind goes another way.
    fn publish(&mut self) -> Result<(), Down> {
        let now = self.world.now();
        let (mut entries, mut published) = (Vec::new(), Vec::new());
        for _ in 0..self.random.u8(1..4) {
            let (key, kind) = (self.key(), self.random.choice(system::KINDS).copied().unwrap_or_default());
            let detail = json!({"key": key, "kind": kind}).to_string();
            entries.push(json!({
                "EventBusName": system::BUS, "Source": "simulation", "DetailType": "Order", "Detail": detail,
            }));
            published.push((kind, key));
        }
        let output = self.ok("events", "PutEvents", &json!({"Entries": entries}))?;
        assert_eq!(output["FailedEntryCount"], 0, "{output}");
        published.into_iter().for_each(|(kind, key)| system::publish(&mut self.model, kind, key, now));
        Ok(())
    }

    fn write_item(&mut self) -> Result<(), Down> {
        let name = |random: &mut fastrand::Rng| format!("item{}", random.u8(..12));
        let (key, other, number) = (name(&mut self.random), name(&mut self.random), self.random.i64(-9..10));
        let wire_key = |key: &str| json!({"k": {"S": key}});
        let wire_item = |key: &str| json!({"k": {"S": key}, "n": {"N": number.to_string()}});
        let items = &self.model.items;
        let (operation, input, holds) = match self.random.u8(..4) {
            0 => ("PutItem", json!({"TableName": TABLE, "Item": wire_item(&key)}), true),
            1 => {
                let update = json!({
                    "TableName": TABLE, "Key": wire_key(&key), "UpdateExpression": "ADD n :n",
                    "ConditionExpression": "attribute_exists(k)",
                    "ExpressionAttributeValues": {":n": {"N": number.to_string()}},
                });
                ("UpdateItem", update, items.contains_key(&key))
            }
            2 => {
                let delete = json!({
                    "TableName": TABLE, "Key": wire_key(&key), "ConditionExpression": "n < :n",
                    "ExpressionAttributeValues": {":n": {"N": number.to_string()}},
                });
                ("DeleteItem", delete, items.get(&key).is_some_and(|kept| *kept < number))
            }
            _ if key == other => return Ok(()),
            _ => {
                let third = "checked";
                let transaction = json!({"TransactItems": [
                    {"Put": {"TableName": TABLE, "Item": wire_item(&key)}},
                    {"Delete": {"TableName": TABLE, "Key": wire_key(&other), "ConditionExpression": "attribute_exists(k)"}},
                    {"ConditionCheck": {"TableName": TABLE, "Key": wire_key(third), "ConditionExpression": "attribute_not_exists(k)"}},
                ]});
                ("TransactWriteItems", transaction, items.contains_key(&other))
            }
        };
        let Called::Done(answer) = self.world.call("dynamodb", operation, &input)? else {
            panic!("{operation} waits")
        };
        assert_eq!(answer.is_ok(), holds, "{operation} {input}: {answer:?}");
        if !holds {
            return Ok(());
        }
        match operation {
            "UpdateItem" => *self.model.items.entry(key).or_default() += number,
            "DeleteItem" => drop(self.model.items.remove(&key)),
            "PutItem" => drop(self.model.items.insert(key, number)),
            _ => {
                self.model.items.insert(key, number);
                self.model.items.remove(&other);
            }
        }
        Ok(())
    }

    fn invoke(&mut self) -> Result<(), Down> {
        let key = self.key();
        let request = lambda::Request::Invoke(lambda::InvokeInput {
            function_name: FUNCTION.to_owned(),
            invocation_type: Some("Event".to_owned()),
            payload: Some(json!({"detail": {"key": key}}).to_string().into()),
            ..Default::default()
        });
        let called = self.world.request(Box::new(request))?;
        assert!(matches!(called, Called::Done(Ok(_))), "Invoke {key}: {called:?}");
        self.model.invoke(key, self.world.now());
        Ok(())
    }

    /// A message for all subscriptions, or for those without a filter.
    fn announce(&mut self) -> Result<(), Down> {
        let (key, loud) = (self.key(), self.random.bool());
        let volume = if loud { "loud" } else { "low" };
        let message = json!({
            "TopicArn": system::topic(), "Message": key,
            "MessageAttributes": {"volume": {"DataType": "String", "StringValue": volume}},
        });
        self.ok("sns", "Publish", &message)?;
        system::announce(&mut self.model, key, loud, self.world.now());
        Ok(())
    }

    /// A function that runs succeeds or fails.
    fn end_work(&mut self) -> Result<(), Down> {
        let running = self.running();
        let begun: Vec<usize> = (0..running.len()).filter(|at| running[*at].1).collect();
        let fails = self.random.bool();
        match self.random.choice(begun) {
            Some(at) => self.end(at, running[at].0.clone(), fails),
            None => Ok(()),
        }
    }

    fn end(&mut self, at: usize, running: Running, fails: bool) -> Result<(), Down> {
        let result = FunctionResult {
            payload: Bytes::from_static(if fails { br#"{"errorMessage":"simulated"}"# } else { b"null" }),
            function_error: fails.then_some("Unhandled"),
            log_stream: "simulated".to_owned(),
            duration_ms: 1.0,
            ..Default::default()
        };
        self.world.end_work(at, WorkOutcome::Function(Box::new(result)))?;
        match running {
            Running::Event(key) => self.model.attempted(&key, !fails, FAILURES, self.world.now()),
            Running::Batch(batch) => {
                let ended = self.batches.iter().position(|running| *running == batch);
                ended.map(|ended| self.batches.remove(ended));
                self.model.queues.batch_ended(MAPPED, &batch, !fails, self.world.now());
            }
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<(), Down> {
        let millis = match self.random.u8(..20) {
            0 => self.random.u64(..8 * 3_600_000),
            1..5 => self.random.u64(..300_000),
            _ => self.random.u64(..20_000),
        };
        self.pass_by(Duration::from_millis(millis))
    }

    fn pass_by(&mut self, by: Duration) -> Result<(), Down> {
        let until = self.world.now().after(by);
        while self.world.now() < until {
            self.world.pass_until(until);
            self.settle()?;
        }
        Ok(())
    }

    /// Looks at one thing.
    fn look(&mut self) -> Result<(), Down> {
        if self.random.bool() {
            return self.look_at_table();
        }
        let queue = self.some_queue();
        self.look_at_queue(queue)
    }

    fn look_at_everything(&mut self) -> Result<(), Down> {
        self.look_at_table()?;
        QUEUES.iter().try_for_each(|queue| self.look_at_queue(queue.name))
    }

    fn look_at_table(&mut self) -> Result<(), Down> {
        let output = self.ok("dynamodb", "Scan", &json!({"TableName": TABLE, "ConsistentRead": true}))?;
        let items = output["Items"].as_array().map_or(&[][..], Vec::as_slice);
        let found: BTreeMap<String, i64> = items
            .iter()
            .map(|item| (text(&item["k"]["S"]).to_owned(), text(&item["n"]["N"]).parse().unwrap_or(i64::MIN)))
            .collect();
        assert_eq!(found, self.model.items, "the table's items");
        Ok(())
    }

    fn look_at_queue(&mut self, queue: &'static str) -> Result<(), Down> {
        let asked = json!({"QueueUrl": system::url(queue), "AttributeNames": ["All"]});
        let output = self.ok("sqs", "GetQueueAttributes", &asked)?;
        let count = |name: &str| text(&output["Attributes"][name]).parse::<usize>().unwrap_or(usize::MAX);
        let hidden =
            count("ApproximateNumberOfMessagesNotVisible") + count("ApproximateNumberOfMessagesDelayed");
        let counts = (count("ApproximateNumberOfMessages"), hidden);
        let now = self.world.now();
        assert_eq!(
            counts,
            self.model.queues.counts(queue, now),
            "messages of {queue} visible and hidden at {now}"
        );
        Ok(())
    }

    /// Ends every invocation, and takes out every queue what the model says is in it.
    fn finish(&mut self) -> Result<(), Down> {
        loop {
            self.settle()?;
            self.sync()?;
            if let Some((running, _)) = self.running().first() {
                self.end(0, running.clone(), false)?;
            } else if self.model.invocations.is_empty()
                && self.model.queues.counts(MAPPED, self.world.now()) == (0, 0)
            {
                break;
            } else {
                self.pass_by(Duration::from_secs(60))?;
            }
        }
        self.pass_by(Duration::from_secs(200))?;
        for queue in QUEUES.iter().map(|queue| queue.name) {
            loop {
                let (now, asked) = (
                    self.world.now(),
                    json!({"QueueUrl": system::url(queue), "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]}),
                );
                let output = self.ok("sqs", "ReceiveMessage", &asked)?;
                let expected = self.model.queues.receive(queue, now, 10);
                self.take_receipts(queue, &output, &expected);
                if expected.is_empty() {
                    break;
                }
            }
            self.look_at_queue(queue)?;
        }
        self.look_at_table()?;
        self.sync()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn running(work: &Work) -> Running {
    let call = match work {
        Work::Function(call) => call,
        Work::Http(call) => panic!("nothing in the system calls {}", call.url),
    };
    let event: Value = serde_json::from_slice(&call.payload).unwrap_or_default();
    if call.spec.name != CONSUMER {
        return Running::Event(text(&event["detail"]["key"]).to_owned());
    }
    let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
    let message = |record: &Value| {
        let count = text(&record["attributes"]["ApproximateReceiveCount"]).parse().unwrap_or(0);
        (system::key_of_body(text(&record["body"])), count)
    };
    Running::Batch(records.iter().map(message).collect())
}
