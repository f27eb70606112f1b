//! SQS: each kind of request over several numbers of connections, in memory and on disk.

use serde_json::{Value, json};

use crate::load::{Connection, Throughput, request, throughput};
use crate::report::Figure;
use crate::scenarios::{Settings, constant, has, order};
use crate::server::Server;

/// How many connections each kind of request is made over.
const CONNECTIONS: [usize; 3] = [1, 32, 256];
/// How many messages stand in the queue that is only received from.
const STANDING: u64 = 1_000;

/// One kind of request.
#[derive(Clone, Copy)]
enum Kind {
    Send,
    /// Ten messages.
    SendBatch,
    /// Up to ten messages, which are visible again at once.
    Receive,
    /// Send, receive, delete.
    Cycle,
    /// The same over this many groups of a FIFO queue; who finds all blocked waits.
    FifoCycle(u64),
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Send,
        Self::SendBatch,
        Self::Receive,
        Self::Cycle,
        Self::FifoCycle(1),
        Self::FifoCycle(100),
        Self::FifoCycle(10_000),
    ];

    fn name(self) -> String {
        match self {
            Self::Send => "send".to_owned(),
            Self::SendBatch => "send batch of 10".to_owned(),
            Self::Receive => "receive 10".to_owned(),
            Self::Cycle => "send, receive, delete".to_owned(),
            Self::FifoCycle(1) => "FIFO cycle, 1 group".to_owned(),
            Self::FifoCycle(groups) => format!("FIFO cycle, {groups} groups"),
        }
    }

    /// How many requests a round makes.
    fn requests(self) -> f64 {
        if matches!(self, Self::Cycle | Self::FifoCycle(_)) { 3.0 } else { 1.0 }
    }
}

/// Runs every kind over every number of connections, against the constant server over as many, and on disk against the same in memory.
///
/// # Errors
/// If a server fails or answers wrongly.
pub async fn run(settings: &Settings) -> Result<Vec<Figure>, String> {
    let dir = tempfile::tempdir_in(".").map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let memory = Server::pontoon(&settings.pontoon, &["--memory"]).await?;
    let durable = Server::pontoon(&settings.pontoon, &["--data", &data]).await?;
    let mut figures = Vec::new();
    for connections in CONNECTIONS {
        let limit = constant(settings, connections).await?.per_second;
        for kind in Kind::ALL {
            eprintln!("{} over {connections} …", kind.name());
            let in_memory = measure(settings, &memory, kind, connections).await?;
            let ratio = (in_memory.per_second * kind.requests() / limit, "constant requests");
            figures.push(figure(kind, connections, "memory", in_memory, ratio));
            let on_disk = measure(settings, &durable, kind, connections).await?;
            let ratio = (on_disk.per_second / in_memory.per_second, "in memory");
            figures.push(figure(kind, connections, "durable", on_disk, ratio));
        }
    }
    Ok(figures)
}

fn figure(
    kind: Kind,
    connections: usize,
    store: &str,
    run: Throughput,
    ratio: (f64, &'static str),
) -> Figure {
    Figure {
        name: format!("{}, {connections} x, {store}", kind.name()),
        value: run.per_second,
        unit: "/s",
        ratio: Some(ratio),
        note: format!("p50 {:.2} ms, p99 {:.2} ms", run.p50_ms, run.p99_ms),
    }
}

async fn call(connection: &mut Connection, operation: &str, input: &Value) -> Result<Value, String> {
    let answer = connection.call(&request(&format!("AmazonSQS.{operation}"), &input.to_string())).await?;
    // Deletions answer with nothing.
    if answer.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(answer).map_err(|e| e.to_string())
    }
}

/// A queue of its own for each run, so that no run finds what another left.
async fn prepare(server: &Server, kind: Kind, connections: usize) -> Result<String, String> {
    let mut setup = Connection::open(&server.address).await?;
    let name = format!("{}-{connections}", kind.name().replace([' ', ','], "-"));
    let fifo = matches!(kind, Kind::FifoCycle(_));
    let input = if fifo {
        json!({ "QueueName": format!("{name}.fifo"), "Attributes": { "FifoQueue": "true" } })
    } else {
        json!({ "QueueName": name })
    };
    let url = call(&mut setup, "CreateQueue", &input).await?["QueueUrl"].as_str().map(str::to_owned);
    let url = url.ok_or("no queue URL")?;
    if matches!(kind, Kind::Receive) {
        for number in 0..STANDING / 10 {
            call(&mut setup, "SendMessageBatch", &batch(&url, number)).await?;
        }
    }
    Ok(url)
}

async fn measure(
    settings: &Settings,
    server: &Server,
    kind: Kind,
    connections: usize,
) -> Result<Throughput, String> {
    let url = prepare(server, kind, connections).await?;
    let url = url.as_str();
    let run = async |connection: &mut Connection, number: u64| match kind {
        Kind::Send => {
            let body = json!({ "QueueUrl": url, "MessageBody": order(number) }).to_string();
            has(connection.call(&request("AmazonSQS.SendMessage", &body)).await?, "MessageId")
        }
        Kind::SendBatch => {
            let body = request("AmazonSQS.SendMessageBatch", &batch(url, number).to_string());
            has(connection.call(&body).await?, r#""Id":"9""#)
        }
        Kind::Receive => {
            let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
            has(
                connection.call(&request("AmazonSQS.ReceiveMessage", &body.to_string())).await?,
                "ReceiptHandle",
            )
        }
        Kind::Cycle => cycle(connection, json!({ "QueueUrl": url, "MessageBody": order(number) })).await,
        Kind::FifoCycle(groups) => {
            // Numbers differ in their high bits between connections, and in their low ones within.
            let group = (number ^ (number >> 40)) % groups;
            let message = json!({
                "QueueUrl": url, "MessageBody": order(number),
                "MessageGroupId": group.to_string(), "MessageDeduplicationId": number.to_string(),
            });
            cycle(connection, message).await
        }
    };
    throughput(&server.address, connections, settings.duration, run).await
}

fn batch(url: &str, number: u64) -> Value {
    let entry = |id: u64| json!({ "Id": id.to_string(), "MessageBody": order(number * 10 + id) });
    json!({ "QueueUrl": url, "Entries": (0..10).map(entry).collect::<Vec<_>>() })
}

/// Sends a message, and receives and deletes one: there is always one for who has sent one.
async fn cycle(connection: &mut Connection, message: Value) -> Result<(), String> {
    let url = message["QueueUrl"].clone();
    call(connection, "SendMessage", &message).await?;
    let received =
        call(connection, "ReceiveMessage", &json!({ "QueueUrl": url, "WaitTimeSeconds": 20 })).await?;
    let handle = &received["Messages"][0]["ReceiptHandle"];
    if handle.is_null() {
        return Err(format!("nothing received: {received}"));
    }
    call(connection, "DeleteMessage", &json!({ "QueueUrl": url, "ReceiptHandle": handle })).await.map(drop)
}
