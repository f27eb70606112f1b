//! SQS: each kind of request over several numbers of connections, in memory and on disk.

use serde_json::json;

use crate::load::{Connection, Template, Throughput, request, throughput};
use crate::report::Figure;
use crate::scenarios::{Cycle, Settings, constant, has, order, send_template, string_field};
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
    let answer = setup.call(&request("AmazonSQS.CreateQueue", &input.to_string())).await?;
    let url = string_field(answer, r#""QueueUrl":""#).ok_or("no queue URL")?.to_owned();
    if matches!(kind, Kind::Receive) {
        let send = batch(&url);
        for number in 0..STANDING / 10 {
            setup.send(&send, number).await?;
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
    let (address, duration) = (server.address.as_str(), settings.duration);
    match kind {
        Kind::Send => {
            let send = send_template(&url);
            let run = async |c: &mut Connection, n| has(c.send(&send, n).await?, "MessageId");
            throughput(address, connections, duration, run).await
        }
        Kind::SendBatch => {
            let send = batch(&url);
            let run = async |c: &mut Connection, n| has(c.send(&send, n).await?, r#""Id":"9""#);
            throughput(address, connections, duration, run).await
        }
        Kind::Receive => {
            let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
            let receive = request("AmazonSQS.ReceiveMessage", &body.to_string());
            let run = async |c: &mut Connection, _| has(c.call(&receive).await?, "ReceiptHandle");
            throughput(address, connections, duration, run).await
        }
        Kind::Cycle => {
            let cycle = Cycle::new(url);
            throughput(address, connections, duration, async |c, n| cycle.run(c, (n, 0)).await).await
        }
        Kind::FifoCycle(groups) => {
            let cycle = Cycle::fifo(url);
            // Numbers differ in their high bits between connections, and in their low ones within.
            let run = async |c: &mut Connection, n: u64| cycle.run(c, (n, (n ^ (n >> 40)) % groups)).await;
            throughput(address, connections, duration, run).await
        }
    }
}

/// A send of ten orders.
fn batch(url: &str) -> Template {
    let entry = |id: u64| json!({ "Id": id.to_string(), "MessageBody": order() });
    let body = json!({ "QueueUrl": url, "Entries": (0..10).map(entry).collect::<Vec<_>>() });
    Template::new("AmazonSQS.SendMessageBatch", &body.to_string())
}
