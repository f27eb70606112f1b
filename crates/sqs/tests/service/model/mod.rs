//! Random operations on the service and, beside it, on a model as plain as can be: lists that are looked through from the start. Every answer, the end
//! of every long poll, and the counts after every operation must be the model's.

mod fifo;
mod standard;

use std::time::Duration;

use pontoon_core::Timestamp;
use pontoon_core::step::ParkId;
use pontoon_sqs::Limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{Answered, Queues};

/// The end of retention in both queues, seconds; short, so that it is met.
const RETENTION: u64 = 60;
/// The queues' visibility timeout.
const VISIBILITY: Duration = Duration::from_secs(2);
/// How many operations a run has at most.
const OPS_MAX: usize = 60;

/// A message of the model, in the source (queue 0) or in its dead-letter queue (1).
#[derive(Clone, Debug)]
struct Message {
    body: String,
    group: u8,
    queue: usize,
    /// Unlike that of any other message, and of itself in the other queue.
    number: u32,
    sent_at: Timestamp,
    due: Timestamp,
    /// Whether it has become visible, where that is noted.
    visible: bool,
    delayed: bool,
    receives: u32,
    receives_elsewhere: u32,
}

/// Whom a receipt handle was given for what.
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

/// Received messages: body and receive count of each.
type Got = Vec<(String, u32)>;

/// What every model keeps.
#[derive(Default)]
struct Lists {
    /// In the order in which they came into their queues.
    messages: Vec<Message>,
    next_number: u32,
    waiters: Vec<Waiter>,
    /// Polls that ended, with what they got.
    ended: Vec<(ParkId, Got)>,
    /// Number and receive of every message that was received and whose receipt is yet to be kept.
    given: Vec<(u32, u32)>,
}

impl Lists {
    /// A message that is sent to the source now.
    fn new_message(&self, body: String, group: u8, now: Timestamp, delay_secs: u64) -> Message {
        Message {
            body,
            group,
            queue: 0,
            number: 0,
            sent_at: now,
            due: now.after(Duration::from_secs(delay_secs)),
            visible: delay_secs == 0,
            delayed: delay_secs > 0,
            receives: 0,
            receives_elsewhere: 0,
        }
    }

    fn push(&mut self, mut message: Message) {
        self.next_number += 1;
        message.number = self.next_number;
        self.messages.push(message);
    }

    fn find(&mut self, number: u32) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.number == number)
    }

    fn remove(&mut self, number: u32) -> Option<Message> {
        let at = self.messages.iter().position(|message| message.number == number)?;
        Some(self.messages.remove(at))
    }

    /// How many messages are visible, in flight and delayed.
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

trait Model: Default {
    fn lists(&mut self) -> &mut Lists;

    fn take(&mut self, now: Timestamp, queue: usize, max: usize, visibility: Duration) -> Got;

    /// Notes what has become visible.
    fn advance(&mut self, _now: Timestamp) {}

    fn remove(&mut self, number: u32) -> Option<Message> {
        self.lists().remove(number)
    }

    fn purge(&mut self, queue: usize) {
        self.lists().messages.retain(|message| message.queue != queue);
    }

    /// Nobody waits any more.
    fn restart(&mut self) {
        self.lists().waiters.clear();
    }

    /// Serves who waits at the source.
    fn serve(&mut self, now: Timestamp) {
        self.advance(now);
        while !self.lists().waiters.is_empty() {
            let got = self.take(now, 0, 10, VISIBILITY);
            if got.is_empty() {
                break;
            }
            let waiter = self.lists().waiters.remove(0);
            self.lists().ended.push((waiter.park, got));
        }
    }

    fn pass(&mut self, from: Timestamp, to: Timestamp) {
        let retention = Duration::from_secs(RETENTION);
        let mut now = from;
        loop {
            self.advance(now);
            let is_old = |message: &&Message| message.sent_at.after(retention) <= now;
            while let Some(number) = self.lists().messages.iter().find(is_old).map(|old| old.number) {
                self.remove(number);
            }
            self.serve(now);
            let lists = self.lists();
            let mut over: Vec<(Timestamp, ParkId)> = Vec::new();
            lists.waiters.retain(|waiter| {
                let ends = waiter.deadline <= now;
                over.extend(ends.then_some((waiter.deadline, waiter.park)));
                !ends
            });
            over.sort();
            lists.ended.extend(over.into_iter().map(|(_, park)| (park, Got::new())));
            let dues = lists.messages.iter().flat_map(|m| [m.due, m.sent_at.after(retention)]);
            let deadlines = lists.waiters.iter().map(|waiter| waiter.deadline);
            match dues.chain(deadlines).filter(|at| *at > now && *at <= to).min() {
                Some(next) => now = next,
                None => break,
            }
        }
    }
}

/// The service and a model of it.
struct Pair<M> {
    real: Queues,
    model: M,
    urls: [String; 2],
    receipts: Vec<Receipt>,
    sent: u32,
    purged: [Option<Timestamp>; 2],
}

impl<M: Model> Pair<M> {
    fn new(real: Queues, urls: [String; 2]) -> Self {
        Self { real, model: M::default(), urls, receipts: Vec::new(), sent: 0, purged: [None; 2] }
    }

    fn next_body(&mut self) -> String {
        self.sent += 1;
        self.sent.to_string()
    }

    /// Keeps the receipts of what was received, which the model has noted in the same order.
    fn keep_receipts(&mut self, queue: usize, output: &Value) {
        for message in output["Messages"].as_array().into_iter().flatten() {
            let (number, receive) = self.model.lists().given.remove(0);
            self.receipts.push(Receipt { handle: message["ReceiptHandle"].clone(), queue, number, receive });
        }
    }

    /// The receipt of this number, modulo how many there are.
    fn receipt(&self, receipt: usize) -> Option<Receipt> {
        self.receipts.get(receipt.checked_rem(self.receipts.len())?).cloned()
    }

    fn receive(
        &mut self,
        queue: usize,
        (max, visibility_secs): (usize, u64),
        more: Value,
        expected: impl FnOnce(&mut M, Timestamp) -> Got,
    ) {
        let mut input = more;
        input["QueueUrl"] = json!(self.urls[queue]);
        input["MaxNumberOfMessages"] = json!(max);
        input["VisibilityTimeout"] = json!(visibility_secs);
        input["AttributeNames"] = json!(["All"]);
        let output = self.real.ok("ReceiveMessage", input);
        assert_eq!(got(&output), expected(&mut self.model, self.real.now));
        self.keep_receipts(queue, &output);
        // What is received for no time at all is there for who waits.
        self.model.serve(self.real.now);
    }

    fn poll(&mut self, wait_secs: u64) {
        let input = json!({
            "QueueUrl": self.urls[0], "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_secs,
            "AttributeNames": ["All"],
        });
        let answered = self.real.call("ReceiveMessage", &input).unwrap();
        let expected = self.model.take(self.real.now, 0, 10, VISIBILITY);
        match answered {
            Answered::Now(output) => {
                assert_eq!(got(&output), expected);
                self.keep_receipts(0, &output);
            }
            Answered::Later(park) => {
                assert!(expected.is_empty(), "it waits, though there is {expected:?}");
                let deadline = self.real.now.after(Duration::from_secs(wait_secs));
                self.model.lists().waiters.push(Waiter { park, deadline });
            }
        }
    }

    fn purge(&mut self, queue: usize) {
        let now = self.real.now;
        let refused = self.purged[queue].is_some_and(|at| now.since(at) < Duration::from_secs(60));
        let answered = self.real.call("PurgeQueue", &json!({"QueueUrl": self.urls[queue]}));
        assert_eq!(answered.is_err(), refused);
        if !refused {
            self.purged[queue] = Some(now);
            self.model.purge(queue);
        }
    }

    fn pass(&mut self, millis: u64) {
        let from = self.real.now;
        self.real.pass(Duration::from_millis(millis));
        self.model.pass(from, self.real.now);
    }

    fn restart(&mut self) {
        self.real.restart();
        self.real.settle();
        self.model.restart();
    }

    fn compare(&mut self) {
        let ended = std::mem::take(&mut self.real.ended);
        let shown: Vec<(ParkId, Got)> = ended.iter().map(|(park, output)| (*park, got(output))).collect();
        assert_eq!(shown, std::mem::take(&mut self.model.lists().ended));
        for (_, output) in &ended {
            self.keep_receipts(0, output);
        }
        assert!(self.model.lists().given.is_empty());
        for (queue, url) in self.urls.clone().iter().enumerate() {
            let expected = self.model.lists().counts(queue, self.real.now);
            assert_eq!(self.real.counts(url), expected, "of queue {queue}");
        }
    }

    /// In the end, `secs` later and past everything that is kept, nothing is left in the store.
    fn end(mut self, secs: u64) {
        self.restart();
        self.compare();
        self.pass(secs * 1_000);
        self.compare();
        assert_eq!(self.real.keys_stored(), 0);
    }
}

fn got(output: &Value) -> Got {
    let messages = output["Messages"].as_array().cloned().unwrap_or_default();
    let one = |message: &Value| {
        let count = message["Attributes"]["ApproximateReceiveCount"].as_str().unwrap().parse().unwrap();
        (message["Body"].as_str().unwrap().to_owned(), count)
    };
    messages.iter().map(one).collect()
}

/// Now and then memory has room for next to nothing.
fn limits() -> impl Strategy<Value = Limits> {
    let tight =
        |held| Limits { content_bytes: 10 * held, messages: held, page_messages: 2, ..Limits::default() };
    prop::option::of(0..4_usize).prop_map(move |held| held.map_or_else(Limits::default, tight))
}

/// Spans of time that end where things happen, and just before, and anywhere else.
fn millis() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), Just(999), Just(1_000), 0..3_000_u64, Just(25_000), Just(299_000)]
}

/// How many runs a model's test makes: `PONTOON_MODEL_STEPS` operations' worth, or 96 if that is not set.
fn cases() -> ProptestConfig {
    let steps = std::env::var("PONTOON_MODEL_STEPS").ok().and_then(|steps| steps.parse::<usize>().ok());
    // A run has half as many on average.
    let cases = steps.map_or(96, |steps| steps.div_ceil(OPS_MAX / 2));
    ProptestConfig { cases: u32::try_from(cases).unwrap_or(u32::MAX), ..ProptestConfig::default() }
}
