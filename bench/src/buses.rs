//! Events through a bus: throughput over the number of rules and of targets, and the time from an event to who waits for it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::load::{Connection, Template, percentile, request, throughput};
use crate::report::{Figure, Report};
use crate::scenarios::{Settings, create_queue, has, order};
use crate::server::Server;

/// Rules of the buses that events are put on; one of them matches.
const RULES: [usize; 4] = [1, 100, 1_000, 10_000];
/// Queues that one event goes to at once.
const FAN_OUT: usize = 100;
/// Targets that a rule may have (Service quotas, "Targets per rule").
const TARGETS_MAX: usize = 5;
/// How many events the latency scenario sends.
const LATENCY_EVENTS: usize = 500;

/// A bus with `rules` rules, of which one matches and sends to a queue; gives the queue's URL.
async fn bus(connection: &mut Connection, name: &str, rules: usize) -> Result<String, String> {
    let url = create_queue(connection, name).await?;
    connection.call(&request("AWSEvents.CreateEventBus", &json!({ "Name": name }).to_string())).await?;
    for rule in 0..rules {
        let source = if rule == 0 { "order-service".to_owned() } else { format!("service-{rule}") };
        let pattern = json!({ "source": [source], "detail-type": ["OrderCreated"] }).to_string();
        let put = json!({ "Name": format!("rule-{rule}"), "EventBusName": name, "EventPattern": pattern });
        connection.call(&request("AWSEvents.PutRule", &put.to_string())).await?;
    }
    let target = json!({ "Id": "queue", "Arn": format!("arn:aws:sqs:us-east-1:000000000000:{name}") });
    let put = json!({ "Rule": "rule-0", "EventBusName": name, "Targets": [target] });
    connection.call(&request("AWSEvents.PutTargets", &put.to_string())).await?;
    Ok(url)
}

fn put_events(bus: &str, entries: usize) -> Template {
    let entry = json!({ "EventBusName": bus, "Source": "order-service", "DetailType": "OrderCreated", "Detail": order() });
    Template::new("AWSEvents.PutEvents", &json!({ "Entries": vec![entry; entries] }).to_string())
}

/// Events per second by the number of rules, and with many targets.
///
/// # Errors
/// If an answer is wrong.
pub async fn throughputs(settings: &Settings, server: &Server, report: Report) -> Result<(), String> {
    let mut setup = Connection::open(&server.address).await?;
    let mut base = None;
    for rules in RULES {
        eprintln!("PutEvents with {rules} rules …");
        let name = format!("bus-{rules}");
        bus(&mut setup, &name, rules).await?;
        let put = put_events(&name, 10);
        let run = throughput(&server.address, settings.connections, settings.duration, async |c, n| {
            has(c.send(&put, n).await?, r#""FailedEntryCount":0"#)
        })
        .await?;
        let events = run.per_second * 10.0;
        let ratio = base.map(|base: f64| (events / base, "one rule"));
        base.get_or_insert(events);
        report.add(Figure {
            name: format!("events, {rules} rules, 10 an entry"),
            value: events,
            unit: "/s",
            ratio,
            note: format!("p50 {:.2} ms, p99 {:.2} ms a call", run.p50_ms, run.p99_ms),
        })?;
    }
    report.add(fan_out(settings, server).await?)
}

/// One event to many queues at once.
async fn fan_out(settings: &Settings, server: &Server) -> Result<Figure, String> {
    eprintln!("PutEvents to {FAN_OUT} queues …");
    let mut setup = Connection::open(&server.address).await?;
    setup.call(&request("AWSEvents.CreateEventBus", r#"{"Name":"wide"}"#)).await?;
    for rule in 0..FAN_OUT / TARGETS_MAX {
        let put = json!({ "Name": format!("rule-{rule}"), "EventBusName": "wide", "EventPattern": r#"{"source":["order-service"]}"# });
        setup.call(&request("AWSEvents.PutRule", &put.to_string())).await?;
        let mut targets = Vec::new();
        for target in 0..TARGETS_MAX {
            let name = format!("wide-{rule}-{target}");
            create_queue(&mut setup, &name).await?;
            targets.push(json!({ "Id": name, "Arn": format!("arn:aws:sqs:us-east-1:000000000000:{name}") }));
        }
        let put = json!({ "Rule": format!("rule-{rule}"), "EventBusName": "wide", "Targets": targets });
        setup.call(&request("AWSEvents.PutTargets", &put.to_string())).await?;
    }
    let put = put_events("wide", 1);
    // Briefly: every message stays in memory.
    let run = throughput(&server.address, settings.connections, settings.duration / 4, async |c, n| {
        has(c.send(&put, n).await?, r#""FailedEntryCount":0"#)
    })
    .await?;
    Ok(Figure {
        name: format!("messages, an event to {FAN_OUT} queues"),
        value: run.per_second * FAN_OUT as f64,
        unit: "/s",
        ratio: None,
        note: format!("p50 {:.2} ms, p99 {:.2} ms a call", run.p50_ms, run.p99_ms),
    })
}

/// From before PutEvents to the answer of a ReceiveMessage that was waiting, one at a time.
///
/// # Errors
/// If an answer is wrong.
pub async fn latency(server: &Server, name: &str) -> Result<Figure, String> {
    let mut sender = Connection::open(&server.address).await?;
    let mut receiver = Connection::open(&server.address).await?;
    let url = bus(&mut sender, "latency", 1).await?;
    let receive =
        request("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": url, "WaitTimeSeconds": 20 }).to_string());
    let event = put_events("latency", 1);
    let mut times = Vec::with_capacity(LATENCY_EVENTS);
    for number in 0..LATENCY_EVENTS as u64 {
        let waiting = async {
            has(receiver.call(&receive).await?, "ReceiptHandle")?;
            Ok::<_, String>(Instant::now())
        };
        let sending = async {
            // Long enough for the receiver to be parked.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let begun = Instant::now();
            sender.send(&event, number).await?;
            Ok::<_, String>(begun)
        };
        let (received, begun) = tokio::try_join!(waiting, sending)?;
        times.push(received.saturating_duration_since(begun));
    }
    times.sort_unstable();
    Ok(Figure {
        name: name.to_owned(),
        value: percentile(&times, 0.5),
        unit: "ms",
        ratio: None,
        note: format!("p99 {:.2} ms", percentile(&times, 0.99)),
    })
}
