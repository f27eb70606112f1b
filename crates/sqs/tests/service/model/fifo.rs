//! FIFO queues: order and blocking within groups, their turns, deduplication, repeated receives, expiring handles, dead letters and redrive.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_core::Timestamp;
use pontoon_sqs::Limits;
use proptest::prelude::*;
use serde_json::json;

use super::{
    Got, Lists, Message, Model, OPS_MAX, Pair, RETENTION, Receipt, VISIBILITY, cases, limits, millis,
};
use crate::harness::{Queues, arn};

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
        5 => millis().prop_map(|millis| Op::Pass { millis }),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 1..OPS_MAX)
}

struct Attempt {
    at: Timestamp,
    due: Timestamp,
    messages: Vec<(u32, u32)>,
}

#[derive(Default)]
struct Fifo {
    lists: Lists,
    /// The groups of each queue whose first message is visible, in the order in which that came to be.
    lines: [Vec<u8>; 2],
    /// By scope and id, when it was sent.
    sent: BTreeMap<(Option<u8>, u8), Timestamp>,
    attempts: BTreeMap<u8, Attempt>,
    delay_secs: u64,
    per_group: bool,
}

impl Model for Fifo {
    fn lists(&mut self) -> &mut Lists {
        &mut self.lists
    }

    /// Makes visible what has become so.
    fn advance(&mut self, now: Timestamp) {
        loop {
            let hidden =
                self.lists.messages.iter_mut().filter(|message| !message.visible && message.due <= now);
            let Some(next) = hidden.min_by_key(|message| (message.due, message.number)) else { break };
            (next.visible, next.delayed) = (true, false);
            let queue = next.queue;
            self.line_up(queue);
        }
    }

    fn remove(&mut self, number: u32) -> Option<Message> {
        let message = self.lists.remove(number)?;
        self.line_up(message.queue);
        Some(message)
    }

    fn purge(&mut self, queue: usize) {
        self.lists.messages.retain(|message| message.queue != queue);
        self.line_up(queue);
        self.sent.clear();
        self.attempts.clear();
    }

    /// After a restart groups line up by when their first message became visible.
    fn restart(&mut self) {
        self.lists.waiters.clear();
        self.lists.messages.iter_mut().for_each(|message| message.visible = false);
        self.lines = [vec![], vec![]];
    }

    fn take(&mut self, now: Timestamp, queue: usize, max: usize, visibility: Duration) -> Got {
        self.advance(now);
        let mut got = Got::new();
        let mut last: Option<(u8, u32)> = None;
        while got.len() < max {
            let following = last.and_then(|(group, number)| {
                let rest = |m: &&Message| (m.queue, m.group) == (queue, group) && m.number > number;
                self.lists.messages.iter().find(rest).filter(|message| message.visible)
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
            let next = self.lists.messages.iter_mut().find(|message| message.number == number).unwrap();
            next.receives += 1;
            (next.due, next.visible) = (now.after(visibility), false);
            got.push((next.body.clone(), next.receives));
            self.lists.given.push((next.number, next.receives));
            last = Some((next.group, next.number));
            self.line_up(queue);
        }
        got
    }
}

impl Fifo {
    fn first(&self, queue: usize, group: u8) -> Option<&Message> {
        self.lists.messages.iter().find(|message| (message.queue, message.group) == (queue, group))
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

    fn add(&mut self, message: Message) {
        let queue = message.queue;
        self.lists.push(message);
        self.line_up(queue);
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
            let mut same: Vec<&mut Message> = self.lists.messages.iter_mut().filter(as_then).collect();
            if same.len() == attempt.messages.len() {
                same.iter_mut().for_each(|message| message.due = due);
                attempt.due = due;
                self.lists.given.extend(&attempt.messages);
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
            self.attempts.insert(id, Attempt { at: now, due, messages: self.lists.given.clone() });
        }
        got
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
}

impl Pair<Fifo> {
    fn fifo(per_group: bool, limits: Limits) -> Self {
        let mut real = Queues::with_limits(limits);
        let mut attributes = json!({
            "FifoQueue": "true", "MessageRetentionPeriod": RETENTION.to_string(),
            "VisibilityTimeout": VISIBILITY.as_secs().to_string(),
            "DeduplicationScope": if per_group { "messageGroup" } else { "queue" },
        });
        let dead = real.create("dlq.fifo", attributes.clone());
        let redrive = json!({"deadLetterTargetArn": arn("dlq.fifo"), "maxReceiveCount": 2});
        attributes["RedrivePolicy"] = json!(redrive.to_string());
        let source = real.create("source.fifo", attributes);
        let mut pair = Self::new(real, [source, dead]);
        pair.model.per_group = per_group;
        pair
    }

    fn apply(&mut self, op: &Op) {
        let now = self.real.now;
        match *op {
            Op::Send { group, id } => self.send(group, id),
            Op::Receive { dead, max, visibility_secs, attempt } => {
                let attempt = attempt.filter(|_| !dead);
                let (queue, visibility) = (usize::from(dead), Duration::from_secs(visibility_secs));
                let more = attempt.map_or(json!({}), |id| json!({"ReceiveRequestAttemptId": id.to_string()}));
                self.receive(queue, (max, visibility_secs), more, |model, now| match attempt {
                    None => model.take(now, queue, max, visibility),
                    Some(id) => model.attempt(now, id, max, visibility),
                });
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
            Op::Purge => self.purge(0),
            Op::Pass { millis } => self.pass(millis),
            Op::Restart => self.restart(),
        }
    }

    fn send(&mut self, group: u8, id: u8) {
        let body = self.next_body();
        let input = json!({
            "QueueUrl": self.urls[0], "MessageBody": body,
            "MessageGroupId": group.to_string(), "MessageDeduplicationId": id.to_string(),
        });
        self.real.ok("SendMessage", input);
        let (now, model) = (self.real.now, &mut self.model);
        let key = (model.per_group.then_some(group), id);
        let remembered = |at: &Timestamp| now.since(*at) < Duration::from_secs(REMEMBERED);
        if !model.sent.get(&key).is_some_and(remembered) {
            model.sent.insert(key, now);
            model.advance(now);
            model.add(model.lists.new_message(body, group, now, model.delay_secs));
        }
        model.serve(now);
    }

    /// What comes of using a receipt: `None` if its message is gone, and whether it is still in flight by it.
    fn in_flight(&mut self, receipt: &Receipt) -> Option<bool> {
        self.model.advance(self.real.now);
        let named = self.model.lists.find(receipt.number)?;
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
            self.model.lists.find(receipt.number).unwrap().due = now.after(Duration::from_secs(secs));
        }
        self.model.serve(now);
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_fifo_queue_does_what_the_model_does(ops in ops(), per_group in any::<bool>(), limits in limits()) {
        let mut pair = Pair::fifo(per_group, limits);
        for op in &ops {
            pair.apply(op);
            pair.compare();
        }
        pair.end(REMEMBERED + 10);
    }
}
