//! What is measured.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::buses;
use crate::disk;
use crate::load::{Connection, NUMBER, SECOND, Template, Throughput, percentile, request, throughput};
use crate::report::{Figure, Report};
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
/// About 600 bytes, as an order event's detail has.
pub fn order() -> String {
    let padding = "x".repeat(380);
    format!(
        r#"{{"orderId":"00000000-0000-4000-8000-{NUMBER}","customerId":"c-{NUMBER}","status":"pending","amount":99.99,"note":"{padding}"}}"#
    )
}

/// Items that the table scenarios write and read.
const ITEMS: u64 = 10_000;

/// One in-memory scenario.
struct Measured {
    name: &'static str,
    /// How many requests a round is: the constant server answers as many.
    requests: f64,
    run: Throughput,
}

impl Settings {
    /// Whether the scenario of this name is to be run.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }
}

/// Runs the scenarios, saying on standard error what is under way.
///
/// # Errors
/// If a server fails or answers wrongly.
pub async fn run(settings: &Settings, report: Report) -> Result<(), String> {
    eprintln!("constant server …");
    let limit = constant(settings, settings.connections).await?;
    report.add(figure("constant answer", limit, None, ""))?;
    if settings.wants("start") {
        start(settings, report).await?;
    }
    let memory = Server::pontoon(&settings.pontoon, &["--memory"])?;
    eprintln!("in memory …");
    for Measured { name, requests, run } in in_memory(settings, &memory).await? {
        let ratio = run.per_second * requests / limit.per_second;
        report.add(figure(name, run, Some((ratio, "constant answers")), ""))?;
    }
    if settings.wants("events") {
        buses::throughputs(settings, &memory, report).await?;
    }
    if settings.wants("latency") {
        report.add(buses::latency(&memory, "event to waiting receiver").await?)?;
    }
    drop(memory);
    if settings.wants("latency") {
        let dir = tempfile::tempdir_in(".").map_err(|e| e.to_string())?;
        let data = dir.path().join("data").display().to_string();
        let durable = Server::pontoon(&settings.pontoon, &["--data", &data])?;
        report.add(buses::latency(&durable, "the same, durable").await?)?;
    }
    if settings.wants("durable") {
        durable(settings, limit, report).await?;
    }
    Ok(())
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
    let server = Server::constant()?;
    let send = send_template("/000000000000/q");
    throughput(&server.address, connections, settings.duration, async |c, n| {
        has(c.send(&send, n).await?, "MessageId")
    })
    .await
}

async fn start(settings: &Settings, report: Report) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let mut first_answers = Vec::new();
    let mut resident = None;
    for _ in 0..5 {
        let begun = Instant::now();
        let server = Server::pontoon(&settings.pontoon, &["--data", &data])?;
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
    report.add(plain(
        "start to first answer",
        percentile(&first_answers, 0.5),
        "ms",
        "median of 5, durable",
    ))?;
    let resident = resident.map(|bytes| plain("idle memory", megabytes(bytes), "MiB", "resident, durable"));
    report.add_if_known(resident)?;
    let size = std::fs::metadata(&settings.pontoon).map_err(|e| e.to_string())?.len();
    report.add(plain("binary", size as f64 / 1e6, "MB", ""))
}

/// Creates a queue; its URL.
///
/// # Errors
/// If it is not created.
pub async fn create_queue(connection: &mut Connection, name: &str) -> Result<String, String> {
    let answer =
        connection.call(&request("AmazonSQS.CreateQueue", &json!({ "QueueName": name }).to_string())).await?;
    let answer: Value = serde_json::from_slice(answer).map_err(|e| e.to_string())?;
    answer["QueueUrl"].as_str().map(str::to_owned).ok_or_else(|| format!("no queue URL in {answer}"))
}

/// A send of one order.
pub fn send_template(url: &str) -> Template {
    Template::new("AmazonSQS.SendMessage", &json!({ "QueueUrl": url, "MessageBody": order() }).to_string())
}

/// Checks that an answer has `name` in it.
///
/// # Errors
/// The answer, if it has not.
pub fn has(answer: &[u8], name: &str) -> Result<(), String> {
    if memchr::memmem::find(answer, name.as_bytes()).is_some() {
        return Ok(());
    }
    Err(format!("no {name} in {}", String::from_utf8_lossy(answer)))
}

/// Sends a message, receives one and deletes it.
pub struct Cycle {
    url: String,
    send: Template,
    receive: Vec<u8>,
}

impl Cycle {
    /// How many requests a cycle is.
    pub const REQUESTS: f64 = 3.0;

    /// On a standard queue: who has sent a message always finds one.
    pub fn new(url: String) -> Self {
        let receive = request("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": url }).to_string());
        Self { send: send_template(&url), receive, url }
    }

    /// On a FIFO queue, the second number being the group: who finds all groups blocked waits.
    pub fn fifo(url: String) -> Self {
        let send = json!({
            "QueueUrl": url, "MessageBody": order(), "MessageGroupId": SECOND, "MessageDeduplicationId": NUMBER,
        });
        let receive = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
        let send = Template::new("AmazonSQS.SendMessage", &send.to_string());
        Self { send, receive: request("AmazonSQS.ReceiveMessage", &receive.to_string()), url }
    }

    /// One cycle.
    ///
    /// # Errors
    /// If an answer is wrong, or nothing is received.
    pub async fn run(&self, connection: &mut Connection, numbers: (u64, u64)) -> Result<(), String> {
        has(connection.send_both(&self.send, numbers).await?, "MessageId")?;
        let answer = connection.call(&self.receive).await?;
        let handle = string_field(answer, r#""ReceiptHandle":""#)
            .ok_or_else(|| format!("nothing received: {}", String::from_utf8_lossy(answer)))?;
        let delete = format!(r#"{{"QueueUrl":"{}","ReceiptHandle":"{handle}"}}"#, self.url);
        connection.call(&request("AmazonSQS.DeleteMessage", &delete)).await.map(drop)
    }
}

/// The text between `begin` and the next quote: enough for strings that need no escapes, as receipt handles.
pub fn string_field<'a>(answer: &'a [u8], begin: &str) -> Option<&'a str> {
    let rest = &answer[memchr::memmem::find(answer, begin.as_bytes())? + begin.len()..];
    std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()
}

async fn in_memory(settings: &Settings, server: &Server) -> Result<Vec<Measured>, String> {
    let mut measured = Vec::new();
    let (address, connections, duration) = (&server.address, settings.connections, settings.duration);
    let mut setup = Connection::open(address).await?;
    if settings.wants("sqs") {
        let url = create_queue(&mut setup, "sends").await?;
        let send = send_template(&url);
        let sends = throughput(address, connections, duration, async |c, n| {
            has(c.send(&send, n).await?, "MessageId")
        })
        .await?;
        measured.push(Measured { name: "sqs send", requests: 1.0, run: sends });
        let url = create_queue(&mut setup, "cycles").await?;
        let cycle = Cycle::new(url);
        let cycles =
            throughput(address, connections, duration, async |c, n| cycle.run(c, (n, 0)).await).await?;
        measured.push(Measured { name: "sqs send, receive, delete", requests: Cycle::REQUESTS, run: cycles });
    }
    if settings.wants("dynamodb") {
        create_table(&mut setup).await?;
        for (name, operation) in
            [("dynamodb put", put()), ("dynamodb get", get()), ("dynamodb conditional update", update())]
        {
            let run = throughput(address, connections, duration, async |c, n| {
                c.send(&operation, n % ITEMS).await.map(drop)
            })
            .await?;
            measured.push(Measured { name, requests: 1.0, run });
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

fn put() -> Template {
    let item = json!({ "orderId": { "S": NUMBER }, "status": { "S": "pending" }, "order": { "S": order() } });
    Template::new("DynamoDB_20120810.PutItem", &json!({ "TableName": "orders", "Item": item }).to_string())
}

fn get() -> Template {
    let key = json!({ "orderId": { "S": NUMBER } });
    Template::new("DynamoDB_20120810.GetItem", &json!({ "TableName": "orders", "Key": key }).to_string())
}

fn update() -> Template {
    let body = json!({
        "TableName": "orders",
        "Key": { "orderId": { "S": format!("u-{NUMBER}") } },
        "UpdateExpression": "SET #s = :s, version = if_not_exists(version, :zero) + :one",
        "ConditionExpression": "attribute_not_exists(#s) OR #s <> :done",
        "ExpressionAttributeNames": { "#s": "status" },
        "ExpressionAttributeValues": {
            ":s": { "S": "processing" }, ":done": { "S": "completed" }, ":zero": { "N": "0" }, ":one": { "N": "1" }
        },
    });
    Template::new("DynamoDB_20120810.UpdateItem", &body.to_string())
}

async fn durable(settings: &Settings, limit: Throughput, report: Report) -> Result<(), String> {
    eprintln!("on disk …");
    let dir = tempfile::tempdir_in(".").map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let before = disk::syncs_per_second(dir.path(), settings.duration / 2)?;
    let server = Server::pontoon(&settings.pontoon, &["--data", &data])?;
    let mut setup = Connection::open(&server.address).await?;
    let url = create_queue(&mut setup, "durable").await?;
    let send = send_template(&url);
    let send = async |c: &mut Connection, n| has(c.send(&send, n).await?, "MessageId");
    let sends = throughput(&server.address, DURABLE_SENDERS, settings.duration, send).await?;
    let cycle = Cycle::new(create_queue(&mut setup, "durable-cycles").await?);
    let run = async |c: &mut Connection, n| cycle.run(c, (n, 0)).await;
    let cycles = throughput(&server.address, DURABLE_SENDERS, settings.duration, run).await?;
    let lone = throughput(&server.address, 1, settings.duration / 2, send).await?;
    let syncs = (before + disk::syncs_per_second(dir.path(), settings.duration / 2)?) / 2.0;
    let plain = Throughput { per_second: syncs, p50_ms: 1000.0 / syncs, p99_ms: f64::NAN };
    report.add(Figure {
        note: "700-byte appends, before and after".to_owned(),
        ..figure("disk syncs", plain, None, "")
    })?;
    let ratio = |run: Throughput| Some((run.per_second / syncs, "disk syncs"));
    let of_limit = format!(", {:.2} x constant answers", sends.per_second / limit.per_second);
    report.add(figure("durable sqs send, 64 senders", sends, ratio(sends), &of_limit))?;
    report.add(figure("durable cycle, 64 clients", cycles, ratio(cycles), ""))?;
    report.add(figure("durable sqs send, 1 sender", lone, ratio(lone), ""))
}
