//! What is measured.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::disk;
use crate::load::{Connection, Throughput, percentile, request, throughput};
use crate::report::Figure;
use crate::server::Server;

/// How to measure.
pub struct Settings {
    /// The `pontoon` binary.
    pub pontoon: PathBuf,
    /// How long each throughput is measured.
    pub duration: Duration,
    /// Connections of the throughput scenarios.
    pub connections: usize,
    /// Only scenarios whose name contains this.
    pub only: Option<String>,
}

/// Senders of the group commit scenario.
const DURABLE_SENDERS: usize = 64;
/// How many events the latency scenario sends.
const LATENCY_EVENTS: usize = 500;
/// About 600 bytes, as an order event's detail has.
pub fn order(number: u64) -> String {
    let padding = "x".repeat(380);
    format!(
        r#"{{"orderId":"{number:08x}-0000-4000-8000-000000000000","customerId":"c-{number}","status":"pending","amount":99.99,"note":"{padding}"}}"#
    )
}

impl Settings {
    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }
}

/// Runs the scenarios, saying on standard error what is under way.
///
/// # Errors
/// If a server fails or answers wrongly.
pub async fn run(settings: &Settings) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    eprintln!("constant server …");
    let limit = constant(settings, settings.connections).await?;
    figures.push(figure("constant answer", limit, None, ""));
    if settings.wants("start") {
        start(settings, &mut figures).await?;
    }
    let memory = Server::pontoon(&settings.pontoon, &["--memory"]).await?;
    eprintln!("in memory …");
    for (name, measured) in in_memory(settings, &memory).await? {
        figures.push(figure(
            name,
            measured,
            Some((measured.per_second / limit.per_second, "constant answers")),
            "",
        ));
    }
    if settings.wants("events") {
        events(settings, &memory, &mut figures).await?;
    }
    if settings.wants("latency") {
        let (p50, p99) = latency(&memory).await?;
        figures.push(Figure {
            name: "event to waiting receiver".to_owned(),
            value: p50,
            unit: "ms",
            ratio: None,
            note: format!("p99 {p99:.2} ms"),
        });
    }
    drop(memory);
    if settings.wants("durable") {
        durable(settings, limit, &mut figures).await?;
    }
    Ok(figures)
}

fn figure(name: &str, measured: Throughput, ratio: Option<(f64, &'static str)>, note: &str) -> Figure {
    let note = format!("p50 {:.2} ms, p99 {:.2} ms{note}", measured.p50_ms, measured.p99_ms);
    Figure { name: name.to_owned(), value: measured.per_second, unit: "/s", ratio, note }
}

/// What the constant server answers over so many connections.
///
/// # Errors
/// If it fails.
pub async fn constant(settings: &Settings, connections: usize) -> Result<Throughput, String> {
    let server = Server::constant().await?;
    let body = request(
        "AmazonSQS.SendMessage",
        &json!({ "QueueUrl": "/000000000000/q", "MessageBody": order(1) }).to_string(),
    );
    throughput(&server.address, connections, settings.duration, async |connection, _| {
        connection.call(&body).await.map(drop)
    })
    .await
}

async fn start(settings: &Settings, figures: &mut Vec<Figure>) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let mut first_answers = Vec::new();
    let mut resident = None;
    for _ in 0..5 {
        let begun = Instant::now();
        let server = Server::pontoon(&settings.pontoon, &["--data", &data]).await?;
        Connection::open(&server.address).await?.call(&request("AmazonSQS.ListQueues", "{}")).await?;
        first_answers.push(begun.elapsed());
        resident = server.resident_bytes().or(resident);
    }
    first_answers.sort_unstable();
    let megabytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    let plain = |name: &str, value: f64, unit, note: &str| Figure {
        name: name.to_owned(),
        value,
        unit,
        ratio: None,
        note: note.to_owned(),
    };
    figures.push(plain(
        "start to first answer",
        percentile(&first_answers, 0.5),
        "ms",
        "median of 5, durable",
    ));
    figures.extend(resident.map(|bytes| plain("idle memory", megabytes(bytes), "MiB", "resident, durable")));
    let size = std::fs::metadata(&settings.pontoon).map_err(|e| e.to_string())?.len();
    figures.push(plain("binary", size as f64 / 1e6, "MB", ""));
    Ok(())
}

async fn create_queue(connection: &mut Connection, name: &str) -> Result<String, String> {
    let answer =
        connection.call(&request("AmazonSQS.CreateQueue", &json!({ "QueueName": name }).to_string())).await?;
    let answer: Value = serde_json::from_slice(answer).map_err(|e| e.to_string())?;
    answer["QueueUrl"].as_str().map(str::to_owned).ok_or_else(|| format!("no queue URL in {answer}"))
}

/// Sends one message; the answer must carry its id.
async fn send(connection: &mut Connection, url: &str, number: u64) -> Result<(), String> {
    let body = json!({ "QueueUrl": url, "MessageBody": order(number) }).to_string();
    let answer = connection.call(&request("AmazonSQS.SendMessage", &body)).await?;
    has(answer, "MessageId")
}

/// Checks that an answer has `name` in it.
///
/// # Errors
/// The answer, if it has not.
pub fn has(answer: &[u8], name: &str) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    if text.contains(name) { Ok(()) } else { Err(format!("no {name} in {text}")) }
}

async fn cycle(connection: &mut Connection, url: &str, number: u64) -> Result<(), String> {
    send(connection, url, number).await?;
    let answer = connection
        .call(&request("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": url }).to_string()))
        .await?;
    let answer: Value = serde_json::from_slice(answer).map_err(|e| e.to_string())?;
    let handle = answer["Messages"][0]["ReceiptHandle"]
        .as_str()
        .ok_or_else(|| format!("nothing received: {answer}"))?;
    let delete = json!({ "QueueUrl": url, "ReceiptHandle": handle }).to_string();
    connection.call(&request("AmazonSQS.DeleteMessage", &delete)).await.map(drop)
}

async fn in_memory(settings: &Settings, server: &Server) -> Result<Vec<(&'static str, Throughput)>, String> {
    let mut measured = Vec::new();
    let (address, connections, duration) = (&server.address, settings.connections, settings.duration);
    let mut setup = Connection::open(address).await?;
    if settings.wants("sqs") {
        let url = create_queue(&mut setup, "sends").await?;
        let sends = throughput(address, connections, duration, async |c, n| send(c, &url, n).await).await?;
        measured.push(("sqs send", sends));
        let url = create_queue(&mut setup, "cycles").await?;
        let cycles = throughput(address, connections, duration, async |c, n| cycle(c, &url, n).await).await?;
        measured.push(("sqs send, receive, delete", cycles));
    }
    if settings.wants("dynamodb") {
        create_table(&mut setup).await?;
        for (name, operation) in [
            ("dynamodb put", put as fn(u64) -> (&'static str, String)),
            ("dynamodb get", get),
            ("dynamodb conditional update", update),
        ] {
            let run = throughput(address, connections, duration, async |c, n| {
                let (target, body) = operation(n);
                c.call(&request(target, &body)).await.map(drop)
            })
            .await?;
            measured.push((name, run));
        }
    }
    Ok(measured)
}

async fn create_table(connection: &mut Connection) -> Result<(), String> {
    let table = json!({
        "TableName": "orders",
        "KeySchema": [{ "AttributeName": "orderId", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "orderId", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    connection.call(&request("DynamoDB_20120810.CreateTable", &table.to_string())).await?;
    let describe = request("DynamoDB_20120810.DescribeTable", r#"{"TableName":"orders"}"#);
    for _ in 0..100 {
        if has(connection.call(&describe).await?, "ACTIVE").is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("the table did not become active within two seconds".to_owned())
}

fn put(number: u64) -> (&'static str, String) {
    let item = json!({ "orderId": { "S": format!("o-{}", number % 10_000) }, "status": { "S": "pending" }, "order": { "S": order(number) } });
    ("DynamoDB_20120810.PutItem", json!({ "TableName": "orders", "Item": item }).to_string())
}

fn get(number: u64) -> (&'static str, String) {
    let key = json!({ "orderId": { "S": format!("o-{}", number % 10_000) } });
    ("DynamoDB_20120810.GetItem", json!({ "TableName": "orders", "Key": key }).to_string())
}

fn update(number: u64) -> (&'static str, String) {
    let body = json!({
        "TableName": "orders",
        "Key": { "orderId": { "S": format!("u-{}", number % 10_000) } },
        "UpdateExpression": "SET #s = :s, version = if_not_exists(version, :zero) + :one",
        "ConditionExpression": "attribute_not_exists(#s) OR #s <> :done",
        "ExpressionAttributeNames": { "#s": "status" },
        "ExpressionAttributeValues": {
            ":s": { "S": "processing" }, ":done": { "S": "completed" }, ":zero": { "N": "0" }, ":one": { "N": "1" }
        },
    });
    ("DynamoDB_20120810.UpdateItem", body.to_string())
}

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

fn put_events(bus: &str, entries: usize, number: u64) -> Vec<u8> {
    let entry = json!({ "EventBusName": bus, "Source": "order-service", "DetailType": "OrderCreated", "Detail": order(number) });
    request("AWSEvents.PutEvents", &json!({ "Entries": vec![entry; entries] }).to_string())
}

async fn events(settings: &Settings, server: &Server, figures: &mut Vec<Figure>) -> Result<(), String> {
    let mut setup = Connection::open(&server.address).await?;
    let mut base = None;
    for rules in [1, 100, 1000] {
        eprintln!("PutEvents with {rules} rules …");
        let name = format!("bus-{rules}");
        bus(&mut setup, &name, rules).await?;
        let run = throughput(&server.address, settings.connections, settings.duration, async |c, n| {
            has(c.call(&put_events(&name, 10, n)).await?, r#""FailedEntryCount":0"#)
        })
        .await?;
        let events = run.per_second * 10.0;
        let ratio = base.map(|base: f64| (events / base, "one rule"));
        base.get_or_insert(events);
        figures.push(Figure {
            name: format!("events, {rules} rules, 10 an entry"),
            value: events,
            unit: "/s",
            ratio,
            note: format!("p50 {:.2} ms, p99 {:.2} ms a call", run.p50_ms, run.p99_ms),
        });
    }
    Ok(())
}

/// From before PutEvents to the answer of a ReceiveMessage that was waiting, one at a time.
async fn latency(server: &Server) -> Result<(f64, f64), String> {
    let mut sender = Connection::open(&server.address).await?;
    let mut receiver = Connection::open(&server.address).await?;
    let url = bus(&mut sender, "latency", 1).await?;
    let receive =
        request("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": url, "WaitTimeSeconds": 20 }).to_string());
    let mut times = Vec::with_capacity(LATENCY_EVENTS);
    for number in 0..LATENCY_EVENTS as u64 {
        let event = put_events("latency", 1, number);
        let waiting = async {
            has(receiver.call(&receive).await?, "ReceiptHandle")?;
            Ok::<_, String>(Instant::now())
        };
        let sending = async {
            // Long enough for the receiver to be parked.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let begun = Instant::now();
            sender.call(&event).await?;
            Ok::<_, String>(begun)
        };
        let (received, begun) = tokio::try_join!(waiting, sending)?;
        times.push(received.saturating_duration_since(begun));
    }
    times.sort_unstable();
    Ok((percentile(&times, 0.5), percentile(&times, 0.99)))
}

async fn durable(settings: &Settings, limit: Throughput, figures: &mut Vec<Figure>) -> Result<(), String> {
    eprintln!("on disk …");
    let dir = tempfile::tempdir_in(".").map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let before = disk::syncs_per_second(dir.path(), settings.duration / 2)?;
    let server = Server::pontoon(&settings.pontoon, &["--data", &data]).await?;
    let mut setup = Connection::open(&server.address).await?;
    let url = create_queue(&mut setup, "durable").await?;
    let sends =
        throughput(&server.address, DURABLE_SENDERS, settings.duration, async |c, n| send(c, &url, n).await)
            .await?;
    let url = create_queue(&mut setup, "durable-cycles").await?;
    let cycles =
        throughput(&server.address, DURABLE_SENDERS, settings.duration, async |c, n| cycle(c, &url, n).await)
            .await?;
    let lone =
        throughput(&server.address, 1, settings.duration / 2, async |c, n| send(c, &url, n).await).await?;
    let syncs = (before + disk::syncs_per_second(dir.path(), settings.duration / 2)?) / 2.0;
    let plain = Throughput { per_second: syncs, p50_ms: 1000.0 / syncs, p99_ms: f64::NAN };
    figures.push(Figure {
        note: "700-byte appends, before and after".to_owned(),
        ..figure("disk syncs", plain, None, "")
    });
    let ratio = |run: Throughput| Some((run.per_second / syncs, "disk syncs"));
    let of_limit = format!(", {:.2} x constant answers", sends.per_second / limit.per_second);
    figures.push(figure("durable sqs send, 64 senders", sends, ratio(sends), &of_limit));
    figures.push(figure("durable cycle, 64 clients", cycles, ratio(cycles), ""));
    figures.push(figure("durable sqs send, 1 sender", lone, ratio(lone), ""));
    Ok(())
}
