//! Random operations on the service and, beside it, on a model as plain as can be: a list of messages that is looked through from the start.

use std::time::Duration;

use pontoon_core::Timestamp;
use pontoon_core::step::ParkId;
use pontoon_sqs::Limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Answered, Queues, redrive};

/// The end of retention in both queues, seconds; short, so that it is met.
const RETENTION: u64 = 60;

#[derive(Clone, Debug)]
enum Op {
    Send {
        delay_secs: u64,
    },
    /// From the dead-letter queue if `dead`.
    Receive {
        dead: bool,
        max: usize,
        visibility_secs: u64,
    },
    Poll {
        wait_secs: u64,
    },
    /// With the receipt of this number, modulo how many there are.
    Delete {
        receipt: usize,
    },
    Change {
        receipt: usize,
        secs: u64,
    },
    Redrive {
        receives_max: Option<u32>,
    },
    Purge {
        dead: bool,
    },
    Pass {
        millis: u64,
    },
    Restart,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..4_u64).prop_map(|delay_secs| Op::Send { delay_secs }),
        6 => (any::<bool>(), 1..4_usize, 0..4_u64)
            .prop_map(|(dead, max, visibility_secs)| Op::Receive { dead, max, visibility_secs }),
        2 => (1..5_u64).prop_map(|wait_secs| Op::Poll { wait_secs }),
        2 => any::<usize>().prop_map(|receipt| Op::Delete { receipt }),
        3 => (any::<usize>(), 0..5_u64).prop_map(|(receipt, secs)| Op::Change { receipt, secs }),
        1 => prop::option::of(1..4_u32).prop_map(|receives_max| Op::Redrive { receives_max }),
        1 => any::<bool>().prop_map(|dead| Op::Purge { dead }),
        5 => prop_oneof![Just(1), Just(999), Just(1_000), 0..3_000_u64, Just(25_000)]
            .prop_map(|millis| Op::Pass { millis }),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 1..60)
}

#[derive(Clone, Debug)]
struct Message {
    body: String,
    /// Which queue: 0 the source, 1 the dead-letter queue.
    queue: usize,
    /// Unlike that of any other message, and of itself in the other queue.
    number: u32,
    sent_at: Timestamp,
    due: Timestamp,
    in_flight: bool,
    receives: u32,
    receives_elsewhere: u32,
}

#[derive(Clone, Debug)]
struct Receipt {
    handle: Value,
    queue: usize,
    number: u32,
    receive: u32,
}

struct Waiter {
    park: ParkId,
    deadline: Timestamp,
}

/// A received message: body and receive count.
type Got = Vec<(String, u32)>;

#[derive(Default)]
struct Model {
    /// In the order in which they came into their queues.
    messages: Vec<Message>,
    next_number: u32,
    waiters: Vec<Waiter>,
    /// Polls that ended, with what they got.
    ended: Vec<(ParkId, Got)>,
    /// Receipts that the ended polls were given name these messages.
    given: Vec<(u32, u32)>,
    receives_max: Option<u32>,
}

impl Model {
    fn add(&mut self, mut message: Message) {
        self.next_number += 1;
        message.number = self.next_number;
        self.messages.push(message);
    }

    fn take(&mut self, now: Timestamp, queue: usize, max: usize, visibility: Duration) -> Got {
        let mut got = Vec::new();
        let mut dead = Vec::new();
        let receives_max = self.receives_max.filter(|_| queue == 0);
        for message in &mut self.messages {
            if got.len() == max || message.queue != queue || message.due > now {
                continue;
            }
            if receives_max.is_some_and(|most| message.receives - message.receives_elsewhere >= most) {
                dead.push(message.number);
                continue;
            }
            message.receives += 1;
            message.due = now.after(visibility);
            message.in_flight = true;
            got.push((message.body.clone(), message.receives));
            self.given.push((message.number, message.receives));
        }
        for number in dead {
            let at = self.messages.iter().position(|message| message.number == number).unwrap();
            let message = self.messages.remove(at);
            let receives_elsewhere = message.receives;
            self.add(Message { queue: 1, due: now, in_flight: false, receives_elsewhere, ..message });
        }
        got
    }

    /// Serves who waits at the source.
    fn serve(&mut self, now: Timestamp) {
        while !self.waiters.is_empty() {
            let got = self.take(now, 0, 10, Duration::from_secs(2));
            if got.is_empty() {
                break;
            }
            let waiter = self.waiters.remove(0);
            self.ended.push((waiter.park, got));
        }
    }

    fn pass(&mut self, from: Timestamp, to: Timestamp) {
        let retention = Duration::from_secs(RETENTION);
        let mut now = from;
        loop {
            self.messages.retain(|message| message.sent_at.after(retention) > now);
            self.serve(now);
            let mut over: Vec<(Timestamp, ParkId)> = Vec::new();
            self.waiters.retain(|waiter| {
                let ends = waiter.deadline <= now;
                over.extend(ends.then_some((waiter.deadline, waiter.park)));
                !ends
            });
            over.sort();
            self.ended.extend(over.into_iter().map(|(_, park)| (park, Got::new())));
            let dues = self.messages.iter().flat_map(|m| [m.due, m.sent_at.after(retention)]);
            let deadlines = self.waiters.iter().map(|waiter| waiter.deadline);
            match dues.chain(deadlines).filter(|at| *at > now && *at <= to).min() {
                Some(next) => now = next,
                None => break,
            }
        }
    }

    fn counts(&self, queue: usize, now: Timestamp) -> [usize; 3] {
        let mut counts = [0; 3];
        for message in self.messages.iter().filter(|message| message.queue == queue) {
            let place = match (message.due <= now, message.in_flight) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => 2,
            };
            counts[place] += 1;
        }
        counts
    }
}

struct Pair {
    real: Queues,
    model: Model,
    urls: [String; 2],
    receipts: Vec<Receipt>,
    sent: u32,
    purged: [Option<Timestamp>; 2],
}

fn got(output: &Value) -> Got {
    let messages = output["Messages"].as_array().cloned().unwrap_or_default();
    let one = |message: &Value| {
        let count = message["Attributes"]["ApproximateReceiveCount"].as_str().unwrap().parse().unwrap();
        (message["Body"].as_str().unwrap().to_owned(), count)
    };
    messages.iter().map(one).collect()
}

impl Pair {
    fn new(limits: Limits) -> Self {
        let mut real = Queues::with_limits(limits);
        let attributes = json!({"MessageRetentionPeriod": RETENTION.to_string(), "VisibilityTimeout": "2"});
        let (source, dead) = real.create_pair(2, attributes);
        let model = Model { receives_max: Some(2), ..Model::default() };
        Self { real, model, urls: [source, dead], receipts: Vec::new(), sent: 0, purged: [None; 2] }
    }

    /// Keeps the receipts of received messages, which the model has noted in the same order.
    fn keep_receipts(&mut self, queue: usize, output: &Value) {
        for message in output["Messages"].as_array().into_iter().flatten() {
            let (number, receive) = self.model.given.remove(0);
            let handle = message["ReceiptHandle"].clone();
            self.receipts.push(Receipt { handle, queue, number, receive });
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Send { delay_secs } => self.send(delay_secs),
            Op::Receive { dead, max, visibility_secs } => {
                self.receive(usize::from(dead), max, visibility_secs)
            }
            Op::Poll { wait_secs } => self.poll(wait_secs),
            Op::Delete { receipt } => self.delete(receipt),
            Op::Change { receipt, secs } => self.change(receipt, secs),
            Op::Redrive { receives_max } => {
                let text = receives_max.map(redrive).unwrap_or_default();
                let input = json!({"QueueUrl": self.urls[0], "Attributes": {"RedrivePolicy": text}});
                self.real.ok("SetQueueAttributes", input);
                self.model.receives_max = receives_max;
                self.model.serve(self.real.now);
            }
            Op::Purge { dead } => self.purge(usize::from(dead)),
            Op::Pass { millis } => {
                let from = self.real.now;
                self.real.pass(Duration::from_millis(millis));
                self.model.pass(from, self.real.now);
            }
            Op::Restart => {
                self.real.restart();
                self.model.waiters.clear();
            }
        }
    }

    fn send(&mut self, delay_secs: u64) {
        self.sent += 1;
        let body = self.sent.to_string();
        let input = json!({"QueueUrl": self.urls[0], "MessageBody": body, "DelaySeconds": delay_secs});
        self.real.ok("SendMessage", input);
        let now = self.real.now;
        self.model.add(Message {
            body,
            queue: 0,
            number: 0,
            sent_at: now,
            due: now.after(Duration::from_secs(delay_secs)),
            in_flight: false,
            receives: 0,
            receives_elsewhere: 0,
        });
        self.model.serve(now);
    }

    fn receive(&mut self, queue: usize, max: usize, visibility_secs: u64) {
        let output = self.real.ok(
            "ReceiveMessage",
            json!({
                "QueueUrl": self.urls[queue], "MaxNumberOfMessages": max,
                "VisibilityTimeout": visibility_secs, "AttributeNames": ["All"],
            }),
        );
        let expected = self.model.take(self.real.now, queue, max, Duration::from_secs(visibility_secs));
        assert_eq!(got(&output), expected);
        self.keep_receipts(queue, &output);
        self.model.serve(self.real.now);
    }

    fn poll(&mut self, wait_secs: u64) {
        let input = json!({
            "QueueUrl": self.urls[0], "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_secs,
            "AttributeNames": ["All"],
        });
        let answered = self.real.call("ReceiveMessage", &input).unwrap();
        let expected = self.model.take(self.real.now, 0, 10, Duration::from_secs(2));
        match answered {
            Answered::Now(output) => {
                assert_eq!(got(&output), expected);
                self.keep_receipts(0, &output);
            }
            Answered::Later(park) => {
                assert!(expected.is_empty(), "it waits, though there is {expected:?}");
                let deadline = self.real.now.after(Duration::from_secs(wait_secs));
                self.model.waiters.push(Waiter { park, deadline });
            }
        }
    }

    fn receipt(&self, receipt: usize) -> Option<Receipt> {
        self.receipts.get(receipt.checked_rem(self.receipts.len())?).cloned()
    }

    fn delete(&mut self, receipt: usize) {
        let Some(Receipt { handle, queue, number, receive }) = self.receipt(receipt) else { return };
        self.real.ok("DeleteMessage", json!({"QueueUrl": self.urls[queue], "ReceiptHandle": handle}));
        self.model.messages.retain(|message| (message.number, message.receives) != (number, receive));
    }

    fn change(&mut self, receipt: usize, secs: u64) {
        let Some(Receipt { handle, queue, number, .. }) = self.receipt(receipt) else { return };
        let input = json!({"QueueUrl": self.urls[queue], "ReceiptHandle": handle, "VisibilityTimeout": secs});
        let now = self.real.now;
        let answered = self.real.call("ChangeMessageVisibility", &input).err().map(|error| error.code);
        let named = self.model.messages.iter_mut().find(|message| message.number == number);
        let expected = match named {
            None => Some("InvalidParameterValueException"),
            Some(message) => {
                if message.due > now {
                    message.due = now.after(Duration::from_secs(secs));
                }
                None
            }
        };
        assert_eq!(answered.as_deref(), expected);
        self.model.serve(now);
    }

    fn purge(&mut self, queue: usize) {
        let now = self.real.now;
        let refused = self.purged[queue].is_some_and(|at| now.since(at) < Duration::from_secs(60));
        let answered = self.real.call("PurgeQueue", &json!({"QueueUrl": self.urls[queue]}));
        assert_eq!(answered.is_err(), refused);
        if !refused {
            self.purged[queue] = Some(now);
            self.model.messages.retain(|message| message.queue != queue);
        }
    }

    fn compare(&mut self) {
        let ended = std::mem::take(&mut self.real.ended);
        let shown: Vec<(ParkId, Got)> = ended.iter().map(|(park, output)| (*park, got(output))).collect();
        assert_eq!(shown, std::mem::take(&mut self.model.ended));
        for (_, output) in &ended {
            self.keep_receipts(0, output);
        }
        assert!(self.model.given.is_empty());
        for (queue, url) in self.urls.clone().iter().enumerate() {
            assert_eq!(self.real.counts(url), self.model.counts(queue, self.real.now), "of queue {queue}");
        }
    }
}

/// How many runs a model's test makes: `PONTOON_MODEL_STEPS` operations' worth, each run having up to `ops_max`; 96 runs if it is not set.
pub fn cases(ops_max: usize) -> ProptestConfig {
    let steps = std::env::var("PONTOON_MODEL_STEPS").ok().and_then(|steps| steps.parse::<usize>().ok());
    // A run has half as many on average.
    let cases = steps.map_or(96, |steps| steps.div_ceil(ops_max / 2));
    ProptestConfig { cases: u32::try_from(cases).unwrap_or(u32::MAX), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_service_does_what_the_model_does(ops in ops(), held in prop::option::of(0..4_usize)) {
        // Now and then memory has room for next to nothing.
        let tight = |held| Limits { content_bytes: 10 * held, messages: held, page_messages: 2 };
        let mut pair = Pair::new(held.map_or_else(Limits::default, tight));
        for op in &ops {
            pair.apply(op);
            pair.compare();
        }
        // In the end, past every retention, nothing of the messages is left in the store.
        pair.real.restart();
        pair.model.waiters.clear();
        pair.compare();
        pair.apply(&Op::Pass { millis: RETENTION * 1_000 });
        pair.compare();
        prop_assert_eq!(pair.real.keys_stored(), 0);
    }
}
