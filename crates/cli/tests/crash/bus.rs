//! EventBridge under load: publishers, a rule that leads every event into a queue and to a web server that is not there, and an archive.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

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
    /// Events that were found in the queue so far.
    found: u64,
    /// Events that became dead letters so far.
    lost: BTreeSet<(u64, u64)>,
}

/// The bus and what is known of its events.
#[derive(Default)]
pub struct Published {
    ledger: Mutex<Ledger>,
}

fn url(queue: &str) -> Value {
    json!(format!("http://127.0.0.1/000000000000/{queue}"))
}

/// An API destination where nobody answers, whose events all become dead letters.
fn gone(client: &mut Client) -> Value {
    client.ok("AmazonSQS.CreateQueue", json!({"QueueName": "lost"}));
    let auth = json!({"BasicAuthParameters": {"Username": "u", "Password": "p"}});
    let connection = json!({"Name": "c", "AuthorizationType": "BASIC", "AuthParameters": auth});
    let connection = client.ok("AWSEvents.CreateConnection", connection)["ConnectionArn"].take();
    // The port of the reserved service tcpmux, which no machine runs.
    let destination = json!({
        "Name": "gone", "ConnectionArn": connection, "HttpMethod": "POST", "InvocationEndpoint": "http://127.0.0.1:1/",
        "InvocationRateLimitPerSecond": 1_000_000,
    });
    let destination = client.ok("AWSEvents.CreateApiDestination", destination)["ApiDestinationArn"].take();
    json!({
        "Id": "gone", "Arn": destination, "RoleArn": "arn:aws:iam::000000000000:role/r",
        "RetryPolicy": {"MaximumRetryAttempts": 0},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:lost"},
    })
}

/// Takes some messages out of a queue: the request and entry of each event.
fn take(client: &mut Client, queue: &str) -> Vec<(u64, u64)> {
    let asked = json!({"QueueUrl": url(queue), "MaxNumberOfMessages": 10});
    let messages = client.ok("AmazonSQS.ReceiveMessage", asked)["Messages"].take();
    let Value::Array(messages) = messages else { return Vec::new() };
    let of_message = |message: Value| {
        let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        let number = |name: &str| event["detail"][name].as_u64().unwrap();
        let delete = json!({"QueueUrl": url(queue), "ReceiptHandle": message["ReceiptHandle"]});
        client.ok("AmazonSQS.DeleteMessage", delete);
        (number("request"), number("entry"))
    };
    messages.into_iter().map(of_message).collect()
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
        let targets = json!({"Rule": "all", "EventBusName": "orders", "Targets": [target, gone(client)]});
        client.ok("AWSEvents.PutTargets", targets);
        let bus = "arn:aws:events:us-east-1:000000000000:event-bus/orders";
        client.ok("AWSEvents.CreateArchive", json!({"ArchiveName": "orders", "EventSourceArn": bus}));
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

    /// Takes out the queue: every acknowledged event once, and of the other requests all events or none. The archive has as many, and what cannot be
    /// posted is in the dead-letter queue.
    fn audit(&self, client: &mut Client) {
        let mut found = BTreeSet::new();
        loop {
            let taken = take(client, "orders");
            if taken.is_empty() {
                break;
            }
            for place in taken {
                assert!(found.insert(place), "event {place:?} is in the queue twice");
            }
        }
        let mut ledger = self.ledger.lock().unwrap();
        ledger.found += found.len() as u64;
        let archive = client.ok("AWSEvents.DescribeArchive", json!({"ArchiveName": "orders"}));
        assert_eq!(archive["EventCount"], ledger.found, "the archive holds what the queue got");
        // Requests go out to a server that is not there; each ends as a dead letter, at least once.
        let deadline = Instant::now() + Duration::from_secs(30);
        while found.iter().any(|place| !ledger.lost.contains(place)) {
            assert!(Instant::now() < deadline, "events of {:?} are no dead letters", ledger.requests);
            let taken = take(client, "lost");
            ledger.lost.extend(taken);
        }
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
