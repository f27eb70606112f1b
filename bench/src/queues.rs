//! SQS: each kind of request over several numbers of connections, in memory and on disk.

use serde_json::json;

use crate::constant::ANSWER_BYTES;
use crate::load::{Connection, Template, Throughput, request, throughput, with_header};
use crate::report::{Figure, Report};
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
pub async fn run(settings: &Settings, report: Report) -> Result<(), String> {
    let dir = tempfile::tempdir_in(".").map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let memory = Server::pontoon(&settings.pontoon, &["--memory"])?;
    let durable = Server::pontoon(&settings.pontoon, &["--data", &data])?;
    for connections in CONNECTIONS {
        let kinds = Kind::ALL.into_iter().filter(|kind| settings.wants(&name(*kind, connections)));
        let kinds: Vec<Kind> = kinds.collect();
        if kinds.is_empty() {
            continue;
        }
        let limit = constant(settings, connections).await?.per_second;
        for kind in kinds {
            eprintln!("{} over {connections} …", kind.name());
            let in_memory = measure(settings, &memory, kind, connections).await?;
            let ratio = (in_memory.per_second * kind.requests() / limit, "constant requests");
            let mut in_memory_figure = figure(kind, connections, "memory", in_memory, ratio);
            if let Some(limit) = constant_of_same_bytes(settings, &memory, kind, connections).await? {
                let ratio = in_memory.per_second / limit.per_second;
                in_memory_figure.note += &format!(", {ratio:.2} x constant requests of as many bytes");
            }
            report.add(in_memory_figure)?;
            let on_disk = measure(settings, &durable, kind, connections).await?;
            let ratio = (on_disk.per_second / in_memory.per_second, "in memory");
            report.add(figure(kind, connections, "durable", on_disk, ratio))?;
        }
    }
    Ok(())
}

fn name(kind: Kind, connections: usize) -> String {
    format!("{}, {connections} x", kind.name())
}

fn figure(
    kind: Kind,
    connections: usize,
    store: &str,
    run: Throughput,
    ratio: (f64, &'static str),
) -> Figure {
    Figure {
        name: format!("{}, {store}", name(kind, connections)),
        value: run.per_second,
        unit: "/s",
        ratio: Some(ratio),
        note: format!("p50 {:.2} ms, p99 {:.2} ms", run.p50_ms, run.p99_ms),
    }
}

/// What the constant server answers to the very requests, with as many bytes: of kinds that move many more than a send does.
async fn constant_of_same_bytes(
    settings: &Settings,
    server: &Server,
    kind: Kind,
    connections: usize,
) -> Result<Option<Throughput>, String> {
    let of = |url: &str| match kind {
        Kind::SendBatch => Some(batch(url)),
        Kind::Receive => Some(receive(url)),
        Kind::Send | Kind::Cycle | Kind::FifoCycle(_) => None,
    };
    let Some(sample) = of(&prepare(server, kind, connections).await?) else { return Ok(None) };
    let answer_bytes = Connection::open(&server.address).await?.send(&sample, 0).await?.len();
    let asking = with_header(sample.bytes(), ANSWER_BYTES, &answer_bytes.to_string());
    let (constant, asking) = (Server::constant()?, Template::of(asking));
    let round = async |c: &mut Connection, n| match c.send(&asking, n).await?.len() {
        answered if answered == answer_bytes => Ok(()),
        answered => Err(format!("{answered} bytes instead of {answer_bytes}")),
    };
    throughput(&constant.address, connections, settings.duration, round).await.map(Some)
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
            let receive = receive(&url);
            let run = async |c: &mut Connection, n| has(c.send(&receive, n).await?, "ReceiptHandle");
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

/// A receive of up to ten messages, which are visible again at once.
fn receive(url: &str) -> Template {
    let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
    Template::new("AmazonSQS.ReceiveMessage", &body.to_string())
}

/// A send of ten orders.
fn batch(url: &str) -> Template {
    let entry = |id: u64| json!({ "Id": id.to_string(), "MessageBody": order() });
    let body = json!({ "QueueUrl": url, "Entries": (0..10).map(entry).collect::<Vec<_>>() });
    Template::new("AmazonSQS.SendMessageBatch", &body.to_string())
}
