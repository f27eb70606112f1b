//! SQS under load: senders and consumers, and what must be true of every message after any number of crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, Lost, delete_of};
use crate::{Load, Writer};

const SENDERS: usize = 3;
const CONSUMERS: usize = 2;
/// The queue's visibility timeout. Short, so that messages reappear under load too.
const VISIBILITY: Duration = Duration::from_secs(3);
/// Instants are kept in whole milliseconds, cut.
const CLOCK_GRAIN: Duration = Duration::from_millis(2);

#[derive(Default)]
struct Ledger {
    /// Sends that were begun, by body; whether they were acknowledged.
    sent: BTreeMap<String, bool>,
    /// Acknowledged deletes of messages that were in flight for sure, and when the answer came.
    deleted: BTreeMap<String, Instant>,
    /// Deletes that nobody knows the outcome of: not answered, or so late that the message may have been visible again.
    doubtful: BTreeSet<String>,
    /// Answered receives of each body by the count that they told: when they were asked for and when answered.
    received: BTreeMap<String, BTreeMap<u32, (Instant, Instant)>>,
    /// Receives without an answer: each may have counted for any message.
    receives_lost: u32,
    next: u64,
    acknowledged: usize,
}

/// The queue and what is known of it.
#[derive(Default)]
pub struct Messages {
    ledger: Mutex<Ledger>,
}

fn url() -> Value {
    json!("http://127.0.0.1/000000000000/messages")
}

impl Load for Messages {
    fn create(&self, client: &mut Client) {
        let attributes = json!({"VisibilityTimeout": VISIBILITY.as_secs().to_string()});
        client.ok("AmazonSQS.CreateQueue", json!({"QueueName": "messages", "Attributes": attributes}));
    }

    fn writers(&self) -> Vec<Writer<'_>> {
        let senders = (0..SENDERS).map(|_| Box::new(|client: &mut Client| self.send(client)) as Writer<'_>);
        let consumers =
            (0..CONSUMERS).map(|_| Box::new(|client: &mut Client| self.consume(client)) as Writer<'_>);
        senders.chain(consumers).collect()
    }

    /// Lets every message in flight become visible, and takes out all there are: exactly those that must be there, and at most those that may.
    fn audit(&self, client: &mut Client) {
        client.advance(VISIBILITY);
        let mut found = BTreeSet::new();
        loop {
            let asked_at = Instant::now();
            let messages = client.receive(&url()).unwrap();
            if messages.is_empty() {
                break;
            }
            for message in messages {
                let body = self.ledger.lock().unwrap().check_known(&message, asked_at);
                client.ok("AmazonSQS.DeleteMessage", delete_of(&url(), &message));
                assert!(found.insert(body), "{message} was there twice");
            }
        }
        let mut ledger = self.ledger.lock().unwrap();
        let gone = |body: &String| ledger.deleted.contains_key(body) || ledger.doubtful.contains(body);
        let expected = ledger.sent.iter().filter(|(body, acknowledged)| **acknowledged && !gone(body));
        let missing: Vec<&String> =
            expected.map(|(body, _)| body).filter(|body| !found.contains(*body)).collect();
        assert!(missing.is_empty(), "acknowledged, never deleted, and gone: {missing:?}");
        ledger
            .received
            .iter()
            .for_each(|(body, receives)| check_receives(body, receives, ledger.receives_lost));
        // What was sent and not found is gone for good; what was found has been deleted just now.
        let all: Vec<String> = ledger.sent.keys().cloned().collect();
        ledger.deleted.extend(all.into_iter().map(|body| (body, Instant::now())));
        ledger.doubtful.clear();
        ledger.received.clear();
        ledger.receives_lost = 0;
    }

    fn report(&self) -> String {
        let ledger = self.ledger.lock().unwrap();
        format!("{} sends acknowledged of {}", ledger.acknowledged, ledger.sent.len())
    }
}

impl Messages {
    fn send(&self, client: &mut Client) -> Result<(), Lost> {
        let body = {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.next += 1;
            // Of many lengths, some of them longer than a page.
            let body = format!("m{}-{}", ledger.next, "x".repeat((ledger.next % 97 * 71) as usize));
            ledger.sent.insert(body.clone(), false);
            body
        };
        let answer =
            client.call("AmazonSQS.SendMessage", &json!({"QueueUrl": url(), "MessageBody": body}))?;
        answer.unwrap();
        let mut ledger = self.ledger.lock().unwrap();
        ledger.sent.insert(body, true);
        ledger.acknowledged += 1;
        Ok(())
    }

    /// Receives, and deletes most of what it got; the rest stays in flight.
    fn consume(&self, client: &mut Client) -> Result<(), Lost> {
        let asked_at = Instant::now();
        let messages =
            client.receive(&url()).inspect_err(|Lost| self.ledger.lock().unwrap().receives_lost += 1)?;
        {
            let mut ledger = self.ledger.lock().unwrap();
            for message in &messages {
                let body = ledger.check_known(message, asked_at);
                let count =
                    message["Attributes"]["ApproximateReceiveCount"].as_str().unwrap().parse().unwrap();
                let again =
                    ledger.received.entry(body).or_default().insert(count, (asked_at, Instant::now()));
                assert!(again.is_none(), "two receives were each number {count} of {message}");
            }
        }
        for (at, message) in messages.iter().enumerate() {
            if at % 4 == 3 {
                continue;
            }
            let body = message["Body"].as_str().unwrap().to_owned();
            self.ledger.lock().unwrap().doubtful.insert(body.clone());
            client.call("AmazonSQS.DeleteMessage", &delete_of(&url(), message))?.unwrap();
            if asked_at.elapsed() < VISIBILITY {
                let mut ledger = self.ledger.lock().unwrap();
                ledger.doubtful.remove(&body);
                ledger.deleted.insert(body, Instant::now());
            }
        }
        Ok(())
    }
}

impl Ledger {
    /// Gives a received message's body, which somebody must have sent and nobody deleted before the receive was asked for.
    fn check_known(&self, message: &Value, asked_at: Instant) -> String {
        let body = message["Body"].as_str().unwrap().to_owned();
        assert!(self.sent.contains_key(&body), "nobody sent {message}");
        let deleted_at = self.deleted.get(&body);
        assert!(deleted_at.is_none_or(|at| *at > asked_at), "{message} was deleted and is back");
        body
    }
}

/// The receives of a message are apart by its visibility timeout, and each counted once, as may those that were lost.
fn check_receives(body: &str, receives: &BTreeMap<u32, (Instant, Instant)>, lost: u32) {
    for ((_, (earlier, _)), (count, (_, later))) in receives.iter().zip(receives.iter().skip(1)) {
        let apart = *later - *earlier;
        assert!(
            apart + CLOCK_GRAIN >= VISIBILITY,
            "receive {count} of {body} came {apart:?} after the one before"
        );
    }
    let (counted, answered) = (receives.keys().last().copied().unwrap_or(0), receives.len() as u32);
    assert!(
        (answered..=answered + lost).contains(&counted),
        "{body} counts {counted} receives; {answered} were answered and {lost} lost"
    );
}
