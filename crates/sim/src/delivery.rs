//! Delivery to a web server that fails, hangs and recovers, held against a reference model: every event that was accepted arrives or becomes a dead
//! letter, attempts keep to the retry policy and its waits, and no rule sees what came before it. From one seed, with crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pontoon_core::work::HttpResult;
use pontoon_core::{Seq, Timestamp, Work, WorkOutcome};
use serde_json::{Value, json};

use crate::system::{arn, url};
use crate::world::{Called, Down, World};

/// When every run begins.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
/// Attempts after the first that the target's policy allows.
const RETRIES_MAX: u32 = 4;
/// Requests a second that the destination takes.
const RATE: u32 = 20;
/// Requests that EventBridge has under way at once, of all destinations.
const UNDER_WAY_MAX: usize = 256;
/// How many commands apart crashes lie, on average.
const STEPS_PER_CRASH: u32 = 60;
/// How many commands apart syncs lie, on average.
const STEPS_PER_SYNC: u32 = 4;

/// What the web server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// It takes everything.
    Well,
    /// It answers 500, which may pass.
    Failing,
    /// It answers 400, which does not.
    Refusing,
    /// It does not answer.
    Hanging,
}

/// An event that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Delivery {
    /// It is on its way: how many attempts have failed, and when the next may be made, if that is known.
    Waiting { failed: u32, window: Option<(Timestamp, Timestamp)> },
    /// The server took it.
    Arrived,
    /// It was given up.
    Dead,
}

/// What should be.
#[derive(Clone, Debug, Default)]
struct Model {
    events: BTreeMap<String, Delivery>,
    /// The events that came after the second rule, if it is there.
    late: Option<BTreeSet<String>>,
}

/// A run.
pub struct DeliveryRun {
    world: World,
    model: Model,
    history: Vec<(Seq, Model)>,
    random: fastrand::Rng,
    server: Server,
    next_key: u32,
    crashes: u32,
    /// Requests that were made for each event, and the instants of the latest.
    made: BTreeMap<String, u32>,
    instants: Vec<Timestamp>,
    /// Keys of requests under way.
    under_way: BTreeSet<String>,
    /// When as many were under way as may be.
    was_full: Option<Timestamp>,
}

impl DeliveryRun {
    /// A run from `seed`, with its system in place and durable.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut run = Self {
            world: World::new(START, random.u64(..)),
            model: Model::default(),
            history: Vec::new(),
            random,
            server: Server::Well,
            next_key: 0,
            crashes: 0,
            made: BTreeMap::new(),
            instants: Vec::new(),
            under_way: BTreeSet::new(),
            was_full: None,
        };
        run.create();
        assert!(run.sync().is_ok(), "no fault is injected");
        run
    }

    /// Makes `steps` random commands, lets the server recover, and looks at everything that is left. Returns how many events arrived at the server, and
    /// how many became dead letters.
    pub fn run(&mut self, steps: u32) -> (usize, usize) {
        for _ in 0..steps {
            let stepped = self.step();
            assert!(stepped.is_ok(), "no fault is injected");
        }
        let finished = self.finish();
        assert!(finished.is_ok(), "no fault is injected");
        let count = |state: &Delivery| self.model.events.values().filter(|of| *of == state).count();
        (count(&Delivery::Arrived), count(&Delivery::Dead))
    }

    /// How often it crashed.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.crashes
    }

    fn ok(&mut self, service: &str, operation: &str, input: &Value) -> Value {
        match self.world.call(service, operation, input) {
            Ok(Called::Done(Ok(output))) => output,
            other => panic!("{operation} {input}: {other:?}"),
        }
    }

    fn create(&mut self) {
        for name in ["arrived", "lost", "late"] {
            self.ok("sqs", "CreateQueue", &json!({ "QueueName": name }));
        }
        let auth = json!({ "BasicAuthParameters": { "Username": "u", "Password": "p" } });
        let connection = json!({ "Name": "c", "AuthorizationType": "BASIC", "AuthParameters": auth });
        let connection = self.ok("events", "CreateConnection", &connection)["ConnectionArn"].clone();
        let destination = json!({
            "Name": "d", "ConnectionArn": connection, "HttpMethod": "POST", "InvocationEndpoint": "http://server/",
            "InvocationRateLimitPerSecond": RATE,
        });
        let destination =
            self.ok("events", "CreateApiDestination", &destination)["ApiDestinationArn"].clone();
        let web = json!({
            "Id": "web", "Arn": destination, "RoleArn": "arn:aws:iam::000000000000:role/r",
            "RetryPolicy": { "MaximumRetryAttempts": RETRIES_MAX, "MaximumEventAgeInSeconds": 86400 },
            "DeadLetterConfig": { "Arn": arn("sqs", "lost") },
        });
        let queue = json!({ "Id": "queue", "Arn": arn("sqs", "arrived") });
        self.rule("first", &json!([web, queue]));
    }

    fn rule(&mut self, name: &str, targets: &Value) {
        let pattern = json!({ "source": ["simulation"] }).to_string();
        self.ok("events", "PutRule", &json!({ "Name": name, "EventPattern": pattern }));
        self.ok("events", "PutTargets", &json!({ "Rule": name, "Targets": targets }));
    }

    fn step(&mut self) -> Result<(), Down> {
        match self.random.u32(..100) {
            0..30 => self.publish(),
            30..34 => {
                let states = [Server::Well, Server::Failing, Server::Refusing, Server::Hanging];
                self.server = self.random.choice(states).unwrap_or(Server::Well);
            }
            34..35 if self.model.late.is_none() && self.next_key > 20 => {
                self.rule("second", &json!([{ "Id": "t", "Arn": arn("sqs", "late") }]));
                self.model.late = Some(BTreeSet::new());
            }
            35..80 => self.answer()?,
            _ => {
                let until = self.world.now().after(Duration::from_millis(self.random.u64(..5_000)));
                self.world.pass_until(until);
            }
        }
        self.settle()?;
        if self.random.u32(..STEPS_PER_SYNC) == 0 {
            self.sync()?;
        }
        if self.random.u32(..STEPS_PER_CRASH) == 0 {
            self.crash()?;
        }
        Ok(())
    }

    fn publish(&mut self) {
        let mut entries = Vec::new();
        for _ in 0..self.random.u8(1..6) {
            self.next_key += 1;
            let key = format!("k{}", self.next_key);
            let detail = json!({ "key": key }).to_string();
            entries.push(json!({ "Source": "simulation", "DetailType": "t", "Detail": detail }));
            let now = self.world.now();
            self.model.events.insert(key.clone(), Delivery::Waiting { failed: 0, window: Some((now, now)) });
            if let Some(late) = &mut self.model.late {
                late.insert(key);
            }
        }
        let output = self.ok("events", "PutEvents", &json!({ "Entries": entries }));
        assert_eq!(output["FailedEntryCount"], 0, "{output}");
    }

    /// Does what is due, and looks at the requests that leave.
    fn settle(&mut self) -> Result<(), Down> {
        self.note();
        while self.world.run_due()? {}
        let now = self.world.now();
        let keys: Vec<String> = self.world.work().map(|(work, _)| key_of(work)).collect();
        for key in keys {
            if self.under_way.insert(key.clone()) {
                if self.under_way.len() >= UNDER_WAY_MAX {
                    self.was_full = Some(now);
                }
                self.left(&key, now);
            }
        }
        self.note();
        Ok(())
    }

    /// A request for an event has left: it must be one that waits, in its window, unless it had to wait for a turn of the destination or for
    /// another request to end.
    fn left(&mut self, key: &str, now: Timestamp) {
        let Some(Delivery::Waiting { failed, window }) = self.model.events.get(key) else {
            panic!("{key} is requested at {now:?}, though it is {:?}", self.model.events.get(key))
        };
        assert!(*failed <= RETRIES_MAX, "{key} is requested after {failed} failures");
        if let Some((from, until)) = window {
            assert!(now >= *from, "{key} is requested at {now:?}, before {from:?}");
            let second = self.instants.iter().filter(|at| at.after(Duration::from_secs(1)) > *until).count();
            let was_free = second < RATE as usize;
            let was_free = was_free && self.was_full.is_none_or(|at| at < *from);
            assert!(now <= *until || !was_free, "{key} is requested at {now:?}, after {until:?}");
        }
        let made = self.made.entry(key.to_owned()).or_default();
        *made += 1;
        assert!(*made <= RETRIES_MAX + 1 + self.crashes, "{key} was requested {made} times");
        self.instants.push(now);
    }

    /// The server answers some request that has left.
    fn answer(&mut self) -> Result<(), Down> {
        if self.server == Server::Hanging && self.random.u8(..4) != 0 {
            return Ok(());
        }
        let begun: Vec<(usize, String)> = self
            .world
            .work()
            .enumerate()
            .filter(|(_, (_, begun))| *begun)
            .map(|(at, (work, _))| (at, key_of(work)))
            .collect();
        if begun.is_empty() {
            return Ok(());
        }
        let (at, key) = begun[self.random.usize(..begun.len())].clone();
        let (answer, may_pass) = match self.server {
            Server::Well => (Ok((200, "".into())), true),
            Server::Failing => (Ok((500, "down".into())), true),
            Server::Refusing => (Ok((400, "no".into())), false),
            Server::Hanging => (Err("no answer within 5 s".to_owned()), true),
        };
        self.under_way.remove(&key);
        let now = self.world.now();
        let is_well = self.server == Server::Well;
        let Some(delivery) = self.model.events.get_mut(&key) else { panic!("{key} is not known") };
        let Delivery::Waiting { failed, .. } = *delivery else { panic!("{key} is {delivery:?}") };
        *delivery = if is_well {
            Delivery::Arrived
        } else if !may_pass || failed == RETRIES_MAX {
            Delivery::Dead
        } else {
            let wait = 1_000 << failed;
            let (from, until) = (Duration::from_millis(wait / 2), Duration::from_millis(wait));
            Delivery::Waiting { failed: failed + 1, window: Some((now.after(from), now.after(until))) }
        };
        let result = HttpResult { answer, is_whole: true, retry_after: None, duration_ms: 1.0 };
        self.world.end_work(at, WorkOutcome::Http(Box::new(result)))
    }

    fn note(&mut self) {
        let seq = self.world.seq();
        self.history.pop_if(|(last, _)| *last == seq);
        self.history.push((seq, self.model.clone()));
    }

    fn sync(&mut self) -> Result<(), Down> {
        self.world.sync()?;
        self.history.clear();
        self.note();
        Ok(())
    }

    fn crash(&mut self) -> Result<(), Down> {
        let at = self.random.usize(..self.history.len());
        let (seq, model) = self.history.swap_remove(at);
        let downtime = Duration::from_millis(self.random.u64(..20_000));
        // A seed that is no multiple of four: what cannot be loaded is another run's subject.
        self.world.crash(seq, downtime, self.random.u64(..) | 1);
        self.model = model;
        for delivery in self.model.events.values_mut() {
            if let Delivery::Waiting { window, .. } = delivery {
                *window = None;
            }
        }
        self.under_way.clear();
        self.crashes += 1;
        self.history.clear();
        self.settle()
    }

    /// The server is well again; in the end everything has arrived or is a dead letter.
    fn finish(&mut self) -> Result<(), Down> {
        self.server = Server::Well;
        for _ in 0..100_000 {
            self.sync()?;
            if self.world.work().next().is_some() {
                self.answer()?;
            } else {
                let is_waiting = |delivery: &Delivery| matches!(delivery, Delivery::Waiting { .. });
                if !self.model.events.values().any(is_waiting) {
                    break;
                }
                self.world.pass_until(self.world.now().after(Duration::from_secs(3600)));
            }
            self.settle()?;
        }
        let keys = |model: &Model, wanted: &dyn Fn(&Delivery) -> bool| -> Vec<String> {
            let found = model.events.iter().filter(|(_, delivery)| wanted(delivery));
            found.map(|(key, _)| key.clone()).collect()
        };
        let (all, dead) = (keys(&self.model, &|_| true), keys(&self.model, &|of| *of == Delivery::Dead));
        assert!(keys(&self.model, &|of| matches!(of, Delivery::Waiting { .. })).is_empty(), "lost");
        assert_eq!(self.held("arrived"), all, "each event is in its queue once");
        assert_eq!(self.held("lost"), dead, "what did not arrive is in the dead-letter queue");
        let late: Vec<String> = self.model.late.iter().flatten().cloned().collect();
        assert_eq!(self.held("late"), late, "a rule gets what comes after it, and all of that");
        Ok(())
    }

    /// The keys of everything in a queue, in order.
    fn held(&mut self, queue: &str) -> Vec<String> {
        let mut keys = Vec::new();
        loop {
            let asked =
                json!({ "QueueUrl": url(queue), "MaxNumberOfMessages": 10, "VisibilityTimeout": 43200 });
            let output = self.ok("sqs", "ReceiveMessage", &asked);
            let messages = output["Messages"].as_array().map_or(&[][..], Vec::as_slice);
            if messages.is_empty() {
                break;
            }
            keys.extend(messages.iter().filter_map(|message| key_in(message["Body"].as_str()?)));
        }
        keys.sort();
        keys
    }
}

/// The key in an event's detail. Looked for rather than parsed, as it is asked of every request after every command.
fn key_in(event: &str) -> Option<String> {
    let (_, rest) = event.split_once(r#""detail":{"key":""#)?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// The key of the event that a request carries.
fn key_of(work: &Work) -> String {
    let Work::Http(call) = work else { panic!("there are no functions") };
    let key = std::str::from_utf8(&call.body).ok().and_then(key_in);
    key.unwrap_or_else(|| panic!("{} carries no event", call.url))
}
