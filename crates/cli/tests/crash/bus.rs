//! EventBridge under load: publishers, and a rule that leads every event into a queue.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::client::Client;
use crate::{Load, Writer};

const PUBLISHERS: usize = 3;
/// Each request carries as many events.
const ENTRIES: u64 = 3;

#[derive(Default)]
struct Ledger {
    /// Requests that were begun.
    requests: u64,
    /// Requests whose events were all accepted.
    acknowledged: BTreeSet<u64>,
    /// Requests up to this one have been audited.
    audited: u64,
}

/// The bus and what is known of its events.
#[derive(Default)]
pub struct Published {
    ledger: Mutex<Ledger>,
}

fn url() -> Value {
    json!("http://127.0.0.1/000000000000/orders")
}

impl Load for Published {
    fn create(&self, client: &mut Client) {
        client.ok("AmazonSQS.CreateQueue", json!({"QueueName": "orders"}));
        client.ok("AWSEvents.CreateEventBus", json!({"Name": "orders"}));
        let pattern =
            json!({"source": ["crash.test"], "detail": {"request": [{"numeric": [">", 0]}]}}).to_string();
        let rule = json!({"Name": "all", "EventBusName": "orders", "EventPattern": pattern});
        client.ok("AWSEvents.PutRule", rule);
        let target = json!({"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:000000000000:orders"});
        let targets = json!({"Rule": "all", "EventBusName": "orders", "Targets": [target]});
        client.ok("AWSEvents.PutTargets", targets);
    }

    fn writers(&self) -> Vec<Writer<'_>> {
        let publish = |client: &mut Client| {
            let request = {
                let mut ledger = self.ledger.lock().unwrap();
                ledger.requests += 1;
                ledger.requests
            };
            let entries: Vec<Value> = (0..ENTRIES).map(|entry| event(request, entry)).collect();
            let output = client.call("AWSEvents.PutEvents", &json!({"Entries": entries}))?.unwrap();
            assert_eq!(output["FailedEntryCount"], 0, "{output}");
            self.ledger.lock().unwrap().acknowledged.insert(request);
            Ok(())
        };
        (0..PUBLISHERS).map(|_| Box::new(publish) as Writer<'_>).collect()
    }

    /// Takes out the queue: every acknowledged event once, and of the other requests all events or none.
    fn audit(&self, client: &mut Client) {
        let mut found = BTreeSet::new();
        loop {
            let asked = json!({"QueueUrl": url(), "MaxNumberOfMessages": 10});
            let messages = client.ok("AmazonSQS.ReceiveMessage", asked)["Messages"].take();
            let Value::Array(messages) = messages else { break };
            for message in messages {
                let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                let number = |name: &str| event["detail"][name].as_u64().unwrap();
                let place = (number("request"), number("entry"));
                assert!(found.insert(place), "event {place:?} is in the queue twice");
                let delete = json!({"QueueUrl": url(), "ReceiptHandle": message["ReceiptHandle"]});
                client.ok("AmazonSQS.DeleteMessage", delete);
            }
        }
        let mut ledger = self.ledger.lock().unwrap();
        for request in ledger.audited + 1..=ledger.requests {
            let entries = (0..ENTRIES).filter(|entry| found.remove(&(request, *entry))).count() as u64;
            let is_whole = entries == ENTRIES || (entries == 0 && !ledger.acknowledged.contains(&request));
            assert!(is_whole, "{entries} of {ENTRIES} events of request {request} are in the queue");
        }
        assert!(found.is_empty(), "nobody put these, or they were deleted: {found:?}");
        ledger.audited = ledger.requests;
    }

    fn report(&self) -> String {
        let ledger = self.ledger.lock().unwrap();
        format!(
            "{} events acknowledged of {}",
            ledger.acknowledged.len() as u64 * ENTRIES,
            ledger.requests * ENTRIES
        )
    }
}

fn event(request: u64, entry: u64) -> Value {
    let detail = json!({"request": request, "entry": entry}).to_string();
    json!({"EventBusName": "orders", "Source": "crash.test", "DetailType": "Order", "Detail": detail})
}
