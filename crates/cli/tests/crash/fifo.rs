//! A FIFO queue under load: senders that repeat what was not acknowledged, consumers, and the order and singleness of every message after crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, Lost, delete_of};
use crate::{Load, Writer};

const SENDERS: usize = 3;
const CONSUMERS: usize = 2;
/// How many groups each sender sends to, one after another.
const GROUPS: usize = 8;
/// The queue's visibility timeout. Short, so that groups go on under load too.
const VISIBILITY: Duration = Duration::from_secs(2);

/// A message: its group, and its number in it, from one.
type Key = (usize, u64);

#[derive(Default)]
struct Ledger {
    /// The last number of each group whose send was begun, and the last that was acknowledged: all before are.
    begun: BTreeMap<usize, u64>,
    acknowledged: BTreeMap<usize, (u64, String)>,
    /// Acknowledged deletes, and when the answer came.
    deleted: BTreeMap<Key, Instant>,
    /// How many deletes of a message are under way, or were never answered.
    doubtful: BTreeMap<Key, u32>,
    received: usize,
}

/// The queue and what is known of it.
#[derive(Default)]
pub struct Ordered {
    ledger: Mutex<Ledger>,
}

fn url() -> Value {
    json!("http://127.0.0.1/000000000000/ordered.fifo")
}

impl Load for Ordered {
    fn create(&self, client: &mut Client) {
        let attributes = json!({"FifoQueue": "true", "VisibilityTimeout": VISIBILITY.as_secs().to_string()});
        client.ok("AmazonSQS.CreateQueue", json!({"QueueName": "ordered.fifo", "Attributes": attributes}));
    }

    fn writers(&self) -> Vec<Writer<'_>> {
        let senders = (0..SENDERS).map(|sender| {
            let mut turn = 0;
            Box::new(move |client: &mut Client| {
                turn += 1;
                self.send(client, sender * GROUPS + turn % GROUPS)
            }) as Writer<'_>
        });
        let consumers =
            (0..CONSUMERS).map(|_| Box::new(|client: &mut Client| self.consume(client)) as Writer<'_>);
        senders.chain(consumers).collect()
    }

    /// Lets every message in flight become visible, and takes out all there are, group by group in order.
    fn audit(&self, client: &mut Client) {
        client.advance(VISIBILITY);
        let mut found = BTreeSet::new();
        loop {
            let asked_at = Instant::now();
            let messages = client.receive(&url()).unwrap();
            if messages.is_empty() {
                break;
            }
            for key in self.ledger.lock().unwrap().check_received(&messages, asked_at) {
                assert!(found.insert(key), "{key:?} was there twice");
            }
            for message in &messages {
                client.ok("AmazonSQS.DeleteMessage", delete_of(&url(), message));
                self.ledger.lock().unwrap().deleted.insert(key_of(message), Instant::now());
            }
        }
        let mut ledger = self.ledger.lock().unwrap();
        for (group, (last, _)) in &ledger.acknowledged {
            for key in (1..=*last).map(|number| (*group, number)) {
                let gone = ledger.deleted.contains_key(&key) || ledger.doubtful.contains_key(&key);
                assert!(gone || found.contains(&key), "{key:?} was acknowledged, never deleted, and is gone");
            }
        }
        // What a delete without an answer was for is not there: it took effect.
        let settled: Vec<Key> = std::mem::take(&mut ledger.doubtful).into_keys().collect();
        ledger.deleted.extend(settled.into_iter().map(|key| (key, Instant::now())));
        let counts = json!({"QueueUrl": url(), "AttributeNames": ["All"]});
        let counts = client.ok("AmazonSQS.GetQueueAttributes", counts);
        for which in ["", "NotVisible", "Delayed"] {
            assert_eq!(counts["Attributes"][format!("ApproximateNumberOfMessages{which}")], "0");
        }
    }

    fn report(&self) -> String {
        let ledger = self.ledger.lock().unwrap();
        let sent: u64 = ledger.acknowledged.values().map(|(last, _)| last).sum();
        format!("{sent} FIFO sends acknowledged, {} receives in order", ledger.received)
    }
}

fn key_of(message: &Value) -> Key {
    let (group, number) = message["Body"].as_str().unwrap().split_once(' ').unwrap();
    (group.parse().unwrap(), number.parse().unwrap())
}

impl Ordered {
    /// Sends a group's next message: the one that was not acknowledged once more, under the same deduplication id.
    fn send(&self, client: &mut Client, group: usize) -> Result<(), Lost> {
        let number = {
            let mut ledger = self.ledger.lock().unwrap();
            let number = ledger.acknowledged.get(&group).map_or(1, |(last, _)| last + 1);
            ledger.begun.insert(group, number);
            number
        };
        let message = json!({
            "QueueUrl": url(), "MessageBody": format!("{group} {number}"),
            "MessageGroupId": group.to_string(), "MessageDeduplicationId": format!("{group}-{number}"),
        });
        let answer = client.call("AmazonSQS.SendMessage", &message)?.unwrap();
        let sequence = answer["SequenceNumber"].as_str().unwrap().to_owned();
        let mut ledger = self.ledger.lock().unwrap();
        let before = ledger.acknowledged.insert(group, (number, sequence.clone()));
        assert!(before.is_none_or(|(_, before)| before < sequence), "sequence numbers grow");
        Ok(())
    }

    /// Receives, and deletes most of what it got; the rest blocks its groups for a while.
    fn consume(&self, client: &mut Client) -> Result<(), Lost> {
        let asked_at = Instant::now();
        let messages = client.receive(&url())?;
        let keys = self.ledger.lock().unwrap().check_received(&messages, asked_at);
        for (message, key) in messages.iter().zip(keys) {
            if key.1 % 16 == 0 && asked_at.elapsed().as_nanos().is_multiple_of(2) {
                break;
            }
            *self.ledger.lock().unwrap().doubtful.entry(key).or_default() += 1;
            let deleted = client.call("AmazonSQS.DeleteMessage", &delete_of(&url(), message))?;
            let mut ledger = self.ledger.lock().unwrap();
            let under_way = ledger.doubtful.entry(key).or_default();
            *under_way -= 1;
            if *under_way == 0 {
                ledger.doubtful.remove(&key);
            }
            match deleted {
                Ok(_) => drop(ledger.deleted.insert(key, Instant::now())),
                // It was visible again before the delete came.
                Err(error) => assert!(error.contains("expired"), "{error}"),
            }
        }
        Ok(())
    }
}

impl Ledger {
    /// Every received message was sent, was not deleted before the receive was asked for, and all before it in its group are gone or came with it.
    fn check_received(&mut self, messages: &[Value], asked_at: Instant) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for message in messages {
            let (group, number) = key_of(message);
            assert!(self.begun.get(&group).is_some_and(|last| number <= *last), "nobody sent {message}");
            let deleted_at = self.deleted.get(&(group, number));
            assert!(deleted_at.is_none_or(|at| *at > asked_at), "{message} was deleted and is back");
            for earlier in (1..number).map(|number| (group, number)) {
                let gone = self.deleted.contains_key(&earlier) || self.doubtful.contains_key(&earlier);
                assert!(gone || keys.contains(&earlier), "{message} came before {earlier:?}");
            }
            keys.push((group, number));
        }
        self.received += keys.len();
        keys
    }
}
