//! Random operations on FIFO queues and, beside them, on a model as plain as can be: lists of messages and of groups that are looked through.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_core::Timestamp;
use pontoon_core::step::ParkId;
use pontoon_sqs::Limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Answered, Queues, arn};
use crate::model::cases;

/// The end of retention in both queues, seconds; short, so that it is met.
const RETENTION: u64 = 60;
/// For how long sends and attempts are remembered, seconds.
const REMEMBERED: u64 = 300;

#[derive(Clone, Debug)]
enum Op {
    Send {
        group: u8,
        id: u8,
    },
    /// From the dead-letter queue if `dead`.
    Receive {
        dead: bool,
        max: usize,
        visibility_secs: u64,
        attempt: Option<u8>,
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
    /// Moves what is visible in the dead-letter queue back to the source.
    Redrive,
    Delay {
        secs: u64,
    },
    Purge,
    Pass {
        millis: u64,
    },
    Restart,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..3_u8, 0..12_u8).prop_map(|(group, id)| Op::Send { group, id }),
        6 => (prop::bool::weighted(0.25), 1..5_usize, 0..4_u64, prop::option::weighted(0.3, 0..3_u8))
            .prop_map(|(dead, max, visibility_secs, attempt)| Op::Receive { dead, max, visibility_secs, attempt }),
        2 => (1..5_u64).prop_map(|wait_secs| Op::Poll { wait_secs }),
        3 => any::<usize>().prop_map(|receipt| Op::Delete { receipt }),
        3 => (any::<usize>(), 0..5_u64).prop_map(|(receipt, secs)| Op::Change { receipt, secs }),
        1 => Just(Op::Redrive),
        1 => (0..3_u64).prop_map(|secs| Op::Delay { secs }),
        1 => Just(Op::Purge),
        5 => prop_oneof![Just(1), Just(999), Just(1_000), 0..3_000_u64, Just(25_000), Just(299_000)]
            .prop_map(|millis| Op::Pass { millis }),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 1..60)
}

#[derive(Clone, Debug)]
struct Message {
    body: String,
    group: u8,
    /// Which queue: 0 the source, 1 the dead-letter queue.
    queue: usize,
    /// Unlike that of any other message, and of itself in the other queue.
    number: u32,
    sent_at: Timestamp,
    due: Timestamp,
    visible: bool,
    delayed: bool,
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

struct Attempt {
    at: Timestamp,
    due: Timestamp,
    messages: Vec<(u32, u32)>,
}

/// A received message: body and receive count.
type Got = Vec<(String, u32)>;

#[derive(Default)]
struct Model {
    /// In the order in which they came into their queues.
    messages: Vec<Message>,
    /// The groups of each queue whose first message is visible, in the order in which that came to be.
    lines: [Vec<u8>; 2],
    next_number: u32,
    waiters: Vec<Waiter>,
    /// Polls that ended, with what they got.
    ended: Vec<(ParkId, Got)>,
    /// What the receipts that were given name.
    given: Vec<(u32, u32)>,
    /// By scope and id, when it was sent.
    sent: BTreeMap<(Option<u8>, u8), Timestamp>,
    attempts: BTreeMap<u8, Attempt>,
    delay_secs: u64,
}

impl Model {
    fn first(&self, queue: usize, group: u8) -> Option<&Message> {
        self.messages.iter().find(|message| (message.queue, message.group) == (queue, group))
    }

    /// Brings a queue's line up to date after one change.
    fn line_up(&mut self, queue: usize) {
        let ready = |model: &Self, group| model.first(queue, group).is_some_and(|message| message.visible);
        let mut line = std::mem::take(&mut self.lines[queue]);
        line.retain(|group| ready(self, *group));
        let newly: Vec<u8> = (0..3).filter(|group| !line.contains(group) && ready(self, *group)).collect();
        line.extend(newly);
        self.lines[queue] = line;
    }

    fn add(&mut self, mut message: Message) {
        self.next_number += 1;
        message.number = self.next_number;
        let queue = message.queue;
        self.messages.push(message);
        self.line_up(queue);
    }

    fn remove(&mut self, number: u32) -> Option<Message> {
        let at = self.messages.iter().position(|message| message.number == number)?;
        let message = self.messages.remove(at);
        self.line_up(message.queue);
        Some(message)
    }

    /// Makes visible what has become so.
    fn advance(&mut self, now: Timestamp) {
        loop {
            let hidden = self.messages.iter_mut().filter(|message| !message.visible && message.due <= now);
            let Some(next) = hidden.min_by_key(|message| (message.due, message.number)) else { break };
            (next.visible, next.delayed) = (true, false);
            let queue = next.queue;
            self.line_up(queue);
        }
    }

    fn take(&mut self, now: Timestamp, queue: usize, max: usize, visibility: Duration) -> Got {
        self.advance(now);
        let mut got = Got::new();
        let mut last: Option<(u8, u32)> = None;
        while got.len() < max {
            let following = last.and_then(|(group, number)| {
                let rest = |m: &&Message| (m.queue, m.group) == (queue, group) && m.number > number;
                self.messages.iter().find(rest).filter(|message| message.visible)
            });
            let Some(next) =
                following.or_else(|| self.lines[queue].first().and_then(|group| self.first(queue, *group)))
            else {
                break;
            };
            let number = next.number;
            if queue == 0 && next.receives - next.receives_elsewhere >= 2 {
                let dead = self.remove(number).unwrap();
                let receives_elsewhere = dead.receives;
                self.add(Message { queue: 1, due: now, sent_at: now, receives_elsewhere, ..dead });
                continue;
            }
            let next = self.messages.iter_mut().find(|message| message.number == number).unwrap();
            next.receives += 1;
            (next.due, next.visible) = (now.after(visibility), false);
            got.push((next.body.clone(), next.receives));
            self.given.push((next.number, next.receives));
            last = Some((next.group, next.number));
            self.line_up(queue);
        }
        got
    }

    /// Receives under an attempt's id.
    fn attempt(&mut self, now: Timestamp, id: u8, max: usize, visibility: Duration) -> Got {
        self.advance(now);
        let due = now.after(visibility);
        if let Some(attempt) = self.attempts.get_mut(&id)
            && now.since(attempt.at) < Duration::from_secs(REMEMBERED)
        {
            let as_then = |message: &&mut Message| {
                attempt.messages.contains(&(message.number, message.receives))
                    && (message.visible, message.due) == (false, attempt.due)
            };
            let mut same: Vec<&mut Message> = self.messages.iter_mut().filter(as_then).collect();
            if same.len() == attempt.messages.len() {
                same.iter_mut().for_each(|message| message.due = due);
                attempt.due = due;
                self.given.extend(&attempt.messages);
                let given = attempt.messages.iter();
                let one = |(number, receives): &(u32, u32)| {
                    let message = same.iter().find(|message| message.number == *number).unwrap();
                    (message.body.clone(), *receives)
                };
                return given.map(one).collect();
            }
        }
        let got = self.take(now, 0, max, visibility);
        if !got.is_empty() {
            self.attempts.insert(id, Attempt { at: now, due, messages: self.given.clone() });
        }
        got
    }

    /// Serves who waits at the source.
    fn serve(&mut self, now: Timestamp) {
        self.advance(now);
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
            self.advance(now);
            while let Some(old) = self.messages.iter().find(|m| m.sent_at.after(retention) <= now) {
                self.remove(old.number);
            }
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

    /// After a restart groups line up by when their first message became visible.
    fn restart(&mut self) {
        self.waiters.clear();
        self.messages.iter_mut().for_each(|message| message.visible = false);
        self.lines = [vec![], vec![]];
    }

    fn redrive(&mut self, now: Timestamp) {
        self.advance(now);
        while let Some(group) = self.lines[1].first().copied() {
            let number = self.first(1, group).unwrap().number;
            let moved = self.remove(number).unwrap();
            self.add(Message {
                queue: 0,
                due: now,
                sent_at: now,
                receives: 0,
                receives_elsewhere: 0,
                ..moved
            });
        }
        self.serve(now);
    }

    fn counts(&self, queue: usize, now: Timestamp) -> [usize; 3] {
        let mut counts = [0; 3];
        for message in self.messages.iter().filter(|message| message.queue == queue) {
            let place = match (message.due <= now, message.delayed) {
                (true, _) => 0,
                (false, false) => 1,
                (false, true) => 2,
            };
            counts[place] += 1;
        }
        counts
    }
}

struct Pair {
    real: Queues,
    model: Model,
    per_group: bool,
    urls: [String; 2],
    receipts: Vec<Receipt>,
    sent: u32,
    purged: Option<Timestamp>,
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
    fn new(per_group: bool, limits: Limits) -> Self {
        let mut real = Queues::with_limits(limits);
        let mut attributes = json!({
            "FifoQueue": "true", "MessageRetentionPeriod": RETENTION.to_string(), "VisibilityTimeout": "2",
            "DeduplicationScope": if per_group { "messageGroup" } else { "queue" },
        });
        let dead = real.create("dlq.fifo", attributes.clone());
        let redrive = json!({"deadLetterTargetArn": arn("dlq.fifo"), "maxReceiveCount": 2});
        attributes["RedrivePolicy"] = json!(redrive.to_string());
        let urls = [real.create("source.fifo", attributes), dead];
        let (model, receipts) = (Model::default(), Vec::new());
        Self { real, model, per_group, urls, receipts, sent: 0, purged: None }
    }

    /// Keeps the receipts of what was received.
    fn keep_receipts(&mut self, queue: usize, output: &Value) {
        for message in output["Messages"].as_array().into_iter().flatten() {
            let (number, receive) = self.model.given.remove(0);
            self.receipts.push(Receipt { handle: message["ReceiptHandle"].clone(), queue, number, receive });
        }
    }

    fn apply(&mut self, op: &Op) {
        let now = self.real.now;
        match *op {
            Op::Send { group, id } => self.send(group, id),
            Op::Receive { dead, max, visibility_secs, attempt } => {
                let attempt = attempt.filter(|_| !dead);
                self.receive(usize::from(dead), max, visibility_secs, attempt);
            }
            Op::Poll { wait_secs } => self.poll(wait_secs),
            Op::Delete { receipt } => self.delete(receipt),
            Op::Change { receipt, secs } => self.change(receipt, secs),
            Op::Redrive => {
                self.real.ok("StartMessageMoveTask", json!({"SourceArn": arn("dlq.fifo")}));
                self.real.settle();
                // A dead letter that was moved there from nowhere cannot be; every one has a source.
                self.model.redrive(now);
            }
            Op::Delay { secs } => {
                let attributes = json!({"DelaySeconds": secs.to_string()});
                self.real
                    .ok("SetQueueAttributes", json!({"QueueUrl": self.urls[0], "Attributes": attributes}));
                self.model.delay_secs = secs;
                self.model.serve(now);
            }
            Op::Purge => self.purge(),
            Op::Pass { millis } => {
                self.real.pass(Duration::from_millis(millis));
                self.model.pass(now, self.real.now);
            }
            Op::Restart => {
                self.real.restart();
                self.real.settle();
                self.model.restart();
            }
        }
    }

    fn send(&mut self, group: u8, id: u8) {
        self.sent += 1;
        let body = self.sent.to_string();
        let input = json!({
            "QueueUrl": self.urls[0], "MessageBody": body,
            "MessageGroupId": group.to_string(), "MessageDeduplicationId": id.to_string(),
        });
        self.real.ok("SendMessage", input);
        let now = self.real.now;
        let key = (self.per_group.then_some(group), id);
        let remembered = |at: &Timestamp| now.since(*at) < Duration::from_secs(REMEMBERED);
        if self.model.sent.get(&key).is_some_and(remembered) {
            self.model.serve(now);
            return;
        }
        self.model.sent.insert(key, now);
        self.model.advance(now);
        let delayed = self.model.delay_secs > 0;
        self.model.add(Message {
            body,
            group,
            queue: 0,
            number: 0,
            sent_at: now,
            due: now.after(Duration::from_secs(self.model.delay_secs)),
            visible: !delayed,
            delayed,
            receives: 0,
            receives_elsewhere: 0,
        });
        self.model.serve(now);
    }

    fn receive(&mut self, queue: usize, max: usize, visibility_secs: u64, attempt: Option<u8>) {
        let mut input = json!({
            "QueueUrl": self.urls[queue], "MaxNumberOfMessages": max,
            "VisibilityTimeout": visibility_secs, "AttributeNames": ["All"],
        });
        if let Some(id) = attempt {
            input["ReceiveRequestAttemptId"] = json!(id.to_string());
        }
        let output = self.real.ok("ReceiveMessage", input);
        let (now, visibility) = (self.real.now, Duration::from_secs(visibility_secs));
        let expected = match attempt {
            None => self.model.take(now, queue, max, visibility),
            Some(id) => self.model.attempt(now, id, max, visibility),
        };
        assert_eq!(got(&output), expected);
        self.keep_receipts(queue, &output);
        // What is received for no time at all is there for who waits.
        self.model.serve(now);
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

    /// What comes of using a receipt: `None` if its message is gone, and whether it is still in flight by it.
    fn in_flight(&mut self, receipt: &Receipt) -> Option<bool> {
        self.model.advance(self.real.now);
        let named = self.model.messages.iter().find(|message| message.number == receipt.number)?;
        Some(named.receives == receipt.receive && !named.visible)
    }

    fn delete(&mut self, receipt: usize) {
        let Some(receipt) = self.receipt(receipt) else { return };
        let input = json!({"QueueUrl": self.urls[receipt.queue], "ReceiptHandle": receipt.handle});
        let answered = self.real.call("DeleteMessage", &input).err().map(|error| error.code);
        let in_flight = self.in_flight(&receipt);
        assert_eq!(answered.is_some(), in_flight == Some(false));
        if in_flight == Some(true) {
            self.model.remove(receipt.number);
        }
        self.model.serve(self.real.now);
    }

    fn change(&mut self, receipt: usize, secs: u64) {
        let Some(receipt) = self.receipt(receipt) else { return };
        let url = &self.urls[receipt.queue];
        let input = json!({"QueueUrl": url, "ReceiptHandle": receipt.handle, "VisibilityTimeout": secs});
        let answered = self.real.call("ChangeMessageVisibility", &input).err().map(|error| error.code);
        let in_flight = self.in_flight(&receipt);
        assert_eq!(answered.is_none(), in_flight == Some(true));
        let now = self.real.now;
        if in_flight == Some(true) {
            let mut messages = self.model.messages.iter_mut();
            let named = messages.find(|message| message.number == receipt.number).unwrap();
            named.due = now.after(Duration::from_secs(secs));
        }
        self.model.serve(now);
    }

    fn purge(&mut self) {
        let now = self.real.now;
        let refused = self.purged.is_some_and(|at| now.since(at) < Duration::from_secs(60));
        let answered = self.real.call("PurgeQueue", &json!({"QueueUrl": self.urls[0]}));
        assert_eq!(answered.is_err(), refused);
        if !refused {
            self.purged = Some(now);
            self.model.messages.retain(|message| message.queue != 0);
            self.model.line_up(0);
            self.model.sent.clear();
            self.model.attempts.clear();
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

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_fifo_queue_does_what_the_model_does(ops in ops(), per_group in any::<bool>(), held in prop::option::of(0..4_usize)) {
        let tight = |held| Limits { content_bytes: 10 * held, messages: held, page_messages: 2 };
        let mut pair = Pair::new(per_group, held.map_or_else(Limits::default, tight));
        for op in &ops {
            pair.apply(op);
            pair.compare();
        }
        // In the end, past everything that is remembered, nothing is left in the store.
        pair.apply(&Op::Restart);
        pair.compare();
        pair.apply(&Op::Pass { millis: (REMEMBERED + 10) * 1_000 });
        pair.compare();
        prop_assert_eq!(pair.real.keys_stored(), 0);
    }
}
