//! SQS at scale: what grows with the number of messages, queues, polls and groups, and what must not.
//!
//! The sizes are those of `--scale N`: a backlog of `N` messages, a FIFO backlog of a fiftieth of that in one group and in a two-hundredth as many groups,
//! and a thousandth as many queues and long polls; ten million make 200,000, 50,000 and 10,000. All of it is on disk. Bodies are of about a hundred bytes, so
//! that ten million take three gigabytes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;

use crate::load::{Connection, NUMBER, SECOND, Template, percentile, request};
use crate::report::{Figure, Report};
use crate::scenarios::{Settings, has, send_template, string_field};
use crate::server::Server;

/// Connections that fill and drain queues.
const CONNECTIONS: usize = 16;
/// Messages of a batch.
const BATCH: u64 = 10;
/// What fills a body up.
const NOTE: &str = "as many words as a short body may well have";
/// The smallest backlog, which the others are compared with.
const SMALLEST: u64 = 1_000;
/// How often receiving from a backlog is timed, at most; a tenth of its messages if that is less.
const RECEIVES_MAX: u64 = 1_000;

/// What is measured, on a disk in the present directory.
///
/// # Errors
/// If the server fails or answers wrongly.
pub async fn run(settings: &Settings, messages: u64, report: Report) -> Result<(), String> {
    let dir = tempfile::tempdir_in(".").map_err(|e| e.to_string())?;
    let data = dir.path().join("data").display().to_string();
    let arguments = ["--data", data.as_str()];
    let server = Server::pontoon(&settings.pontoon, &arguments)?;
    backlog(&server, messages, report).await?;
    drop(server);
    let begun = Instant::now();
    let server = Server::pontoon(&settings.pontoon, &arguments)?;
    restart(&server, messages, begun, report).await?;
    fifo(&server, messages / 50, messages / 200, report).await?;
    let many = messages / 1_000;
    queues(&server, many, report).await?;
    polls(&server, many, report).await
}

fn figure(name: String, value: f64, unit: &'static str, note: String) -> Figure {
    Figure { name, value, unit, ratio: None, note }
}

fn resident(server: &Server, of: &str) -> Option<Figure> {
    let mebibytes = server.resident_bytes()? as f64 / 1_048_576.0;
    Some(figure(format!("resident memory, {of}"), mebibytes, "MiB", String::new()))
}

/// Receiving from one queue as its backlog grows tenfold again and again.
async fn backlog(server: &Server, messages: u64, report: Report) -> Result<(), String> {
    let url = create(&mut Connection::open(&server.address).await?, "backlog", false).await?;
    let (mut standing, mut size, mut smallest) = (0, SMALLEST.min(messages), None);
    loop {
        eprintln!("a backlog of {size} …");
        let begun = Instant::now();
        fill(server, &entries(&url, |_| json!({})), standing / BATCH..size / BATCH).await?;
        let rate = (size - standing) as f64 / begun.elapsed().as_secs_f64();
        standing = size;
        let times = receive_times(server, &url, RECEIVES_MAX.min(messages / 10)).await?;
        let (p50, p99) = (percentile(&times, 0.5), percentile(&times, 0.99));
        let ratio = smallest.map(|smallest: f64| (p50 / smallest, "the smallest backlog"));
        smallest.get_or_insert(p50);
        let note = format!("p99 {p99:.2} ms; sent at {rate:.0} messages/s in batches of 10");
        report.add(Figure { ratio, ..figure(format!("receive from {size} messages"), p50, "ms", note) })?;
        report.add_if_known(resident(server, &format!("{size} messages")))?;
        if size == messages {
            return Ok(());
        }
        size = (size * 10).min(messages);
    }
}

/// How long receiving one message takes; it is visible again at once. Over a connection of its own: the server closes one that has been idle for as
/// long as a large backlog takes to send.
async fn receive_times(server: &Server, url: &str, receives: u64) -> Result<Vec<Duration>, String> {
    let mut connection = Connection::open(&server.address).await?;
    let body = json!({ "QueueUrl": url, "VisibilityTimeout": 0 }).to_string();
    let receive = request("AmazonSQS.ReceiveMessage", &body);
    let mut times = Vec::new();
    for _ in 0..receives {
        let begun = Instant::now();
        has(connection.call(&receive).await?, "ReceiptHandle")?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// What a start on the backlog takes, and that it knows every message.
async fn restart(server: &Server, messages: u64, begun: Instant, report: Report) -> Result<(), String> {
    let mut connection = Connection::open(&server.address).await?;
    let url = create(&mut connection, "backlog", false).await?;
    let ask = json!({ "QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"] }).to_string();
    let answer = connection.call(&request("AmazonSQS.GetQueueAttributes", &ask)).await?;
    has(answer, &format!(r#""ApproximateNumberOfMessages":"{messages}""#))?;
    let seconds = begun.elapsed().as_secs_f64();
    report.add(figure(
        format!("start on {messages} messages"),
        seconds,
        "s",
        "to the first answer".to_owned(),
    ))?;
    report.add_if_known(resident(server, "after the start"))
}

/// A FIFO backlog in one group and in many, read to its end and deleted, beside a standard one.
async fn fifo(server: &Server, messages: u64, groups: u64, report: Report) -> Result<(), String> {
    // Each message of a batch is of another group.
    let groups = groups.max(BATCH);
    for connections in [1, CONNECTIONS] {
        let standard = drained(server, None, messages, connections).await?;
        let rate = standard.value;
        report.add(standard)?;
        // While a message of the only group is in flight the others wait: one reader reads as fast as many.
        let of = if connections == 1 { 1 } else { groups };
        let read = drained(server, Some(of), messages, connections).await?;
        report.add(Figure { ratio: Some((read.value / rate, "a standard queue")), ..read })?;
    }
    Ok(())
}

/// Fills a queue, and times how it is read by so many connections.
async fn drained(
    server: &Server,
    groups: Option<u64>,
    messages: u64,
    connections: usize,
) -> Result<Figure, String> {
    let mut connection = Connection::open(&server.address).await?;
    let name = match groups {
        None => format!("standard-{connections}"),
        Some(groups) => format!("fifo-{groups}"),
    };
    eprintln!("{messages} messages of {name} …");
    let url = create(&mut connection, &name, groups.is_some()).await?;
    let group = |at: u64| match groups {
        None => json!({}),
        Some(1) => json!({ "MessageGroupId": "only", "MessageDeduplicationId": format!("{NUMBER}-{at}") }),
        Some(_) => {
            let group = format!("{SECOND}-{at}");
            json!({ "MessageGroupId": group, "MessageDeduplicationId": format!("{NUMBER}-{at}") })
        }
    };
    let batches = entries(&url, group);
    let groups_of_batches = groups.unwrap_or(1).div_ceil(BATCH);
    fill_groups(server, &batches, 0..messages / BATCH, groups_of_batches).await?;
    let left = Cell::new(messages / BATCH * BATCH);
    let (begun, half) = (Instant::now(), Cell::new(Duration::ZERO));
    let reader = |_| async {
        let mut connection = Connection::open(&server.address).await?;
        while left.get() > 0 {
            let read = receive_and_delete(&mut connection, &url).await?;
            left.set(left.get().checked_sub(read).ok_or("more messages were read than were sent")?);
            if half.get().is_zero() && left.get() <= messages / 2 {
                half.set(begun.elapsed());
            }
        }
        Ok::<_, String>(())
    };
    try_join_all((0..connections).map(reader)).await?;
    let (whole, half) = (begun.elapsed().as_secs_f64(), half.get().as_secs_f64());
    let rate = messages as f64 / whole;
    let what = match groups {
        None => "a standard queue".to_owned(),
        Some(1) => "a FIFO queue of one group".to_owned(),
        Some(groups) => format!("a FIFO queue of {groups} groups"),
    };
    let note = format!("the second half at {:.2} of the first's speed", half / (whole - half));
    Ok(figure(format!("read and delete {messages} of {what}, {connections} x"), rate, "/s", note))
}

/// Receives up to ten messages and deletes them; how many.
async fn receive_and_delete(connection: &mut Connection, url: &str) -> Result<u64, String> {
    let receive = json!({ "QueueUrl": url, "MaxNumberOfMessages": BATCH }).to_string();
    let answer = connection.call(&request("AmazonSQS.ReceiveMessage", &receive)).await?;
    let mut handles = Vec::new();
    let mut rest = answer;
    const HANDLE: &str = r#""ReceiptHandle":""#;
    while let Some(at) = memchr::memmem::find(rest, HANDLE.as_bytes()) {
        rest = &rest[at..];
        handles.extend(string_field(rest, HANDLE).map(str::to_owned));
        rest = &rest[HANDLE.len()..];
    }
    if handles.is_empty() {
        return Ok(0);
    }
    let entry = |(at, handle): (usize, &String)| json!({ "Id": at.to_string(), "ReceiptHandle": handle });
    let entries: Vec<_> = handles.iter().enumerate().map(entry).collect();
    let delete = json!({ "QueueUrl": url, "Entries": entries }).to_string();
    let answer = connection.call(&request("AmazonSQS.DeleteMessageBatch", &delete)).await?;
    has(answer, &format!(r#""Id":"{}""#, handles.len() - 1))?;
    Ok(handles.len() as u64)
}

/// Sending to and receiving from one queue among many.
async fn queues(server: &Server, many: u64, report: Report) -> Result<(), String> {
    eprintln!("{many} queues …");
    let receives = RECEIVES_MAX.min(many * 50);
    let mut connection = Connection::open(&server.address).await?;
    let alone = [create(&mut connection, "alone", false).await?];
    let alone = cycle_times(&mut connection, &alone, receives).await?;
    let begun = Instant::now();
    let mut urls = Vec::with_capacity(usize::try_from(many).map_err(|e| e.to_string())?);
    for number in 0..many {
        urls.push(create(&mut connection, &format!("many-{number}"), false).await?);
    }
    let created = many as f64 / begun.elapsed().as_secs_f64();
    let among = cycle_times(&mut connection, &urls, receives).await?;
    let note = format!("created at {created:.0} queues/s by one connection");
    let ratio = Some((among / alone, "one queue"));
    let name = format!("send and receive, {many} queues");
    report.add(Figure { ratio, ..figure(name, among, "ms", note) })?;
    report.add_if_known(resident(server, &format!("{many} queues")))
}

/// The median of sending to and receiving from these queues in turn, milliseconds.
async fn cycle_times(connection: &mut Connection, urls: &[String], receives: u64) -> Result<f64, String> {
    let mut times = Vec::new();
    for (number, url) in (0..receives).zip(urls.iter().cycle()) {
        let send = send_template(url);
        let receive = request("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": url }).to_string());
        let begun = Instant::now();
        connection.send(&send, number).await?;
        has(connection.call(&receive).await?, "ReceiptHandle")?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(percentile(&times, 0.5))
}

/// Long polls, each at a queue of its own, woken one after another.
async fn polls(server: &Server, many: u64, report: Report) -> Result<(), String> {
    eprintln!("{many} long polls …");
    let mut sender = Connection::open(&server.address).await?;
    let mut waiting = Vec::new();
    for number in 0..many {
        let url = create(&mut sender, &format!("many-{number}"), false).await?;
        // Whatever the scenario before left is received first.
        sender.call(&request("AmazonSQS.PurgeQueue", &json!({ "QueueUrl": url }).to_string())).await?;
        let mut poll = Connection::open(&server.address).await?;
        let body = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 }).to_string();
        poll.post(&request("AmazonSQS.ReceiveMessage", &body)).await?;
        waiting.push((url, poll));
    }
    // Long enough for the last of them to be parked.
    tokio::time::sleep(Duration::from_millis(100)).await;
    report.add_if_known(resident(server, &format!("{many} long polls")))?;
    let mut times = Vec::with_capacity(waiting.len());
    for (number, (url, poll)) in (0..many).zip(&mut waiting) {
        let send = send_template(url);
        let begun = Instant::now();
        sender.send(&send, number).await?;
        has(poll.answer().await?, "ReceiptHandle")?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let (p50, p99) = (percentile(&times, 0.5), percentile(&times, 0.99));
    let name = format!("a send to the answer of one of {many} long polls");
    report.add(figure(name, p50, "ms", format!("p99 {p99:.2} ms")))
}

async fn create(connection: &mut Connection, name: &str, fifo: bool) -> Result<String, String> {
    let input = match fifo {
        true => json!({ "QueueName": format!("{name}.fifo"), "Attributes": { "FifoQueue": "true" } }),
        false => json!({ "QueueName": name }),
    };
    let answer = connection.call(&request("AmazonSQS.CreateQueue", &input.to_string())).await?;
    Ok(string_field(answer, r#""QueueUrl":""#).ok_or("no queue URL")?.to_owned())
}

/// A send of ten messages, each with `more` of its place in the batch.
fn entries(url: &str, more: impl Fn(u64) -> serde_json::Value) -> Template {
    let entry = |at: u64| {
        let mut entry = more(at);
        entry["Id"] = json!(at.to_string());
        entry["MessageBody"] =
            json!(format!(r#"{{"order":"{NUMBER}","line":{at},"status":"pending","note":"{NOTE}"}}"#));
        entry
    };
    let body = json!({ "QueueUrl": url, "Entries": (0..BATCH).map(entry).collect::<Vec<_>>() });
    Template::new("AmazonSQS.SendMessageBatch", &body.to_string())
}

async fn fill(server: &Server, batch: &Template, numbers: std::ops::Range<u64>) -> Result<(), String> {
    fill_groups(server, batch, numbers, 1).await
}

/// Sends the batches of these numbers, whose second number goes round by `groups`.
async fn fill_groups(
    server: &Server,
    batch: &Template,
    numbers: std::ops::Range<u64>,
    groups: u64,
) -> Result<(), String> {
    let next = Cell::new(numbers.start);
    let sender = |_| async {
        let mut connection = Connection::open(&server.address).await?;
        while next.get() < numbers.end {
            let number = next.replace(next.get() + 1);
            has(connection.send_both(batch, (number, number % groups)).await?, r#""Id":"9""#)?;
        }
        Ok::<_, String>(())
    };
    try_join_all((0..CONNECTIONS).map(sender)).await.map(drop)
}
