//! Standard queues: every visible message in the order in which it was sent, and dead letters moved when they would next be received.

use std::time::Duration;

use pontoon_core::Timestamp;
use pontoon_sqs::Limits;
use proptest::prelude::*;
use serde_json::json;

use super::{
    Got, Lists, Message, Model, OPS_MAX, Pair, RETENTION, Receipt, VISIBILITY, cases, limits, millis,
};
use crate::harness::{Queues, redrive};

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
        5 => millis().prop_map(|millis| Op::Pass { millis }),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 1..OPS_MAX)
}

#[derive(Default)]
struct Standard {
    lists: Lists,
    receives_max: Option<u32>,
}

impl Model for Standard {
    fn lists(&mut self) -> &mut Lists {
        &mut self.lists
    }

    fn take(&mut self, now: Timestamp, queue: usize, max: usize, visibility: Duration) -> Got {
        let mut got = Vec::new();
        let mut dead = Vec::new();
        let receives_max = self.receives_max.filter(|_| queue == 0);
        for message in &mut self.lists.messages {
            if got.len() == max || message.queue != queue || message.due > now {
                continue;
            }
            if receives_max.is_some_and(|most| message.receives - message.receives_elsewhere >= most) {
                dead.push(message.number);
                continue;
            }
            message.receives += 1;
            message.due = now.after(visibility);
            message.delayed = false;
            got.push((message.body.clone(), message.receives));
            self.lists.given.push((message.number, message.receives));
        }
        for number in dead {
            let message = self.remove(number).unwrap();
            let receives_elsewhere = message.receives;
            self.lists.push(Message { queue: 1, due: now, delayed: false, receives_elsewhere, ..message });
        }
        got
    }
}

impl Pair<Standard> {
    fn standard(limits: Limits) -> Self {
        let mut real = Queues::with_limits(limits);
        let attributes = json!({
            "MessageRetentionPeriod": RETENTION.to_string(), "VisibilityTimeout": VISIBILITY.as_secs().to_string(),
        });
        let (source, dead) = real.create_pair(2, attributes);
        let mut pair = Self::new(real, [source, dead]);
        pair.model.receives_max = Some(2);
        pair
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Send { delay_secs } => self.send(delay_secs),
            Op::Receive { dead, max, visibility_secs } => {
                let queue = usize::from(dead);
                self.receive(queue, (max, visibility_secs), json!({}), |model, now| {
                    model.take(now, queue, max, Duration::from_secs(visibility_secs))
                });
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
            Op::Pass { millis } => self.pass(millis),
            Op::Restart => self.restart(),
        }
    }

    fn send(&mut self, delay_secs: u64) {
        let body = self.next_body();
        let input = json!({"QueueUrl": self.urls[0], "MessageBody": body, "DelaySeconds": delay_secs});
        self.real.ok("SendMessage", input);
        let now = self.real.now;
        let message = self.model.lists.new_message(body, 0, now, delay_secs);
        self.model.lists.push(message);
        self.model.serve(now);
    }

    fn delete(&mut self, receipt: usize) {
        let Some(Receipt { handle, queue, number, receive }) = self.receipt(receipt) else { return };
        self.real.ok("DeleteMessage", json!({"QueueUrl": self.urls[queue], "ReceiptHandle": handle}));
        self.model.lists.messages.retain(|message| (message.number, message.receives) != (number, receive));
        self.model.serve(self.real.now);
    }

    fn change(&mut self, receipt: usize, secs: u64) {
        let Some(Receipt { handle, queue, number, .. }) = self.receipt(receipt) else { return };
        let input = json!({"QueueUrl": self.urls[queue], "ReceiptHandle": handle, "VisibilityTimeout": secs});
        let now = self.real.now;
        let answered = self.real.call("ChangeMessageVisibility", &input).err().map(|error| error.code);
        let expected = match self.model.lists.find(number) {
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
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_service_does_what_the_model_does(ops in ops(), limits in limits()) {
        let mut pair = Pair::standard(limits);
        for op in &ops {
            pair.apply(op);
            pair.compare();
        }
        pair.end(RETENTION);
    }
}
