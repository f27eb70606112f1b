//! The event store on DynamoDB beside the same requests made by hand with the SDK, in turns, against one Pontoon in this process.
//!
//! `cargo bench -p pontoon --bench event_store` prints rates and ratios; without `--bench`, as in the test suite, it runs a few rounds of each
//! and only checks the answers.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run should say so and end")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, KeysAndAttributes, Put, ReturnValue, TransactWriteItem,
};
use pontoon::event_store::{Direction, DynamoDbEventStore, EventStore, Expected, Filter, Position, StreamId};
use pontoon::{DomainEvent, Envelope, RawPayload, aws};
use pontoon_host::server::{Config, Server, Storage};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

#[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "order-service")]
struct OrderCreated {
    order_id: String,
    customer: String,
    amount: f64,
    items: Vec<String>,
}

type Item = HashMap<String, AttributeValue>;

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    appends_a_round: u64,
    events: u64,
}

const FULL: Size = Size { rounds: 7, appends_a_round: 1600, events: 10_000 };
const SMALL: Size = Size { rounds: 1, appends_a_round: 32, events: 300 };

fn event() -> Envelope<RawPayload> {
    let items =
        (0..4).map(|number| format!("an article with a name of some length, number {number}")).collect();
    let (order_id, customer) = ("order-0000-1111-2222".to_owned(), "customer-7".to_owned());
    Envelope::new(OrderCreated { order_id, customer, amount: 99.99, items }).encode().unwrap()
}

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(stream: impl Into<String>, version: u64) -> Item {
    Item::from([("stream".to_owned(), s(stream)), ("version".to_owned(), n(version))])
}

/// What a program would do that knows the design and has no need of the crate: the same two requests.
async fn append_by_hand(client: &Client, stream: &str, version: u64, text: &str) {
    let counted = client
        .update_item()
        .table_name("by-hand")
        .set_key(Some(key("$slots", 0)))
        .update_expression("ADD #last :count")
        .expression_attribute_names("#last", "last")
        .expression_attribute_values(":count", n(1))
        .return_values(ReturnValue::UpdatedNew)
        .send()
        .await
        .unwrap();
    let slot: u64 = counted.attributes.unwrap()["last"].as_n().unwrap().parse().unwrap();
    let put = |item| {
        let put = Put::builder()
            .table_name("by-hand")
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#stream)")
            .expression_attribute_names("#stream", "stream");
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    };
    let mut entry = key(format!("$log/{}", slot / 256), slot);
    entry.insert("of".to_owned(), s(stream));
    entry.insert("first".to_owned(), n(version + 1));
    entry.insert("count".to_owned(), n(1));
    entry.insert("types".to_owned(), AttributeValue::Ss(vec!["OrderCreated".to_owned()]));
    entry.insert("at".to_owned(), n(1_700_000_000_000));
    let mut item = key(stream, version + 1);
    item.insert("position".to_owned(), n(slot * 128));
    item.insert("rest".to_owned(), n(0));
    item.insert("id".to_owned(), s("01890000-0000-7000-8000-000000000000"));
    item.insert("type".to_owned(), s("OrderCreated"));
    item.insert("event".to_owned(), s(text));
    let mut write = client.transact_write_items().transact_items(put(entry)).transact_items(put(item));
    if version > 0 {
        let check = ConditionCheck::builder()
            .table_name("by-hand")
            .set_key(Some(key(stream, version)))
            .condition_expression("#position < :position")
            .expression_attribute_names("#position", "position")
            .expression_attribute_values(":position", n(slot * 128));
        let check = TransactWriteItem::builder().condition_check(check.build().unwrap()).build();
        write = write.transact_items(check);
    }
    write.send().await.unwrap();
}

/// Reads a stream page by page; parses the events if asked.
async fn read_by_hand(client: &Client, table: &str, stream: &str, parse: bool) -> usize {
    let mut count = 0;
    let mut start = None;
    loop {
        let page = client
            .query()
            .table_name(table)
            .key_condition_expression("#stream = :stream")
            .expression_attribute_names("#stream", "stream")
            .expression_attribute_values(":stream", s(stream))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .send()
            .await
            .unwrap();
        for item in page.items.unwrap_or_default() {
            if parse {
                let text = item["event"].as_s().unwrap();
                let event: Envelope<RawPayload> = serde_json::from_str(text).unwrap();
                assert_eq!(event.event_type, "OrderCreated");
            }
            count += 1;
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return count;
        }
    }
}

/// Runs `writers` tasks that make `appends` appends in all, each to a stream of its own, and gives the time.
async fn appends<W, F>(writers: u64, appends: u64, round: usize, write: W) -> Duration
where
    W: Fn(StreamId, u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let write = write.clone();
        tasks.spawn(async move {
            let stream = StreamId::new(format!("order-{writers}-{round}-{writer}")).unwrap();
            for version in 0..appends / writers {
                write(stream.clone(), version).await;
            }
        });
    }
    tasks.join_all().await;
    start.elapsed()
}

/// The median of the ratios of `other` to `ours`, round by round, and the median rates.
fn report(what: &str, units: u64, ours: &[Duration], other: &[Duration]) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate =
        |times: &[Duration]| median(times.iter().map(|time| units as f64 / time.as_secs_f64()).collect());
    let ratios = ours.iter().zip(other).map(|(ours, other)| other.as_secs_f64() / ours.as_secs_f64());
    let ratio = median(ratios.collect());
    println!("{what:50} {:9.0} /s   by hand {:9.0} /s   ratio {ratio:.2}", rate(ours), rate(other));
}

async fn compare_appends(client: &Client, store: &DynamoDbEventStore, writers: u64, size: Size) {
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let store = store.clone();
        let with_store = move |stream: StreamId, version: u64| {
            let store = store.clone();
            async move {
                let appended = store.append(&stream, Expected::Exact(version), vec![event()]).await.unwrap();
                assert_eq!(appended.version, version + 1);
            }
        };
        let client = client.clone();
        let with_client = move |stream: StreamId, version: u64| {
            let client = client.clone();
            async move {
                let text = serde_json::to_string(&event()).unwrap();
                append_by_hand(&client, stream.as_str(), version, &text).await;
            }
        };
        ours.push(appends(writers, size.appends_a_round, round, with_store).await);
        by_hand.push(appends(writers, size.appends_a_round, round, with_client).await);
    }
    report(&format!("appends of one event, {writers} writers"), size.appends_a_round, &ours, &by_hand);
}

/// The events of many streams, of which each has a few.
const FEW: u64 = 4;

/// Reads all events of many streams, beside batches of keys that are known.
async fn compare_read_of_many_streams(client: &Client, store: &DynamoDbEventStore, size: Size) {
    let streams = size.events / FEW;
    let mut appends = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        appends.spawn(async move {
            for number in (writer..streams).step_by(8) {
                let stream = StreamId::new(format!("short-{number}")).unwrap();
                store.append(&stream, Expected::NoStream, (0..FEW).map(|_| event()).collect()).await.unwrap();
            }
        });
    }
    appends.join_all().await;
    let keys: Vec<Item> = (0..streams)
        .flat_map(|number| (1..=FEW).map(move |version| key(format!("short-{number}"), version)))
        .collect();
    let filter = Filter::all().stream_prefix("short");
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        let start = Instant::now();
        assert_eq!(read_all(store, &filter).await, streams * FEW);
        ours.push(start.elapsed());
        let start = Instant::now();
        let mut count = 0;
        for batch in keys.chunks(100) {
            let wanted = KeysAndAttributes::builder().set_keys(Some(batch.to_vec())).consistent_read(true);
            let get = client.batch_get_item().request_items("many-streams", wanted.build().unwrap());
            for item in get.send().await.unwrap().responses.unwrap().remove("many-streams").unwrap() {
                let event: Envelope<RawPayload> =
                    serde_json::from_str(item["event"].as_s().unwrap()).unwrap();
                assert_eq!(event.event_type, "OrderCreated");
                count += 1;
            }
        }
        assert_eq!(count, streams * FEW);
        by_hand.push(start.elapsed());
    }
    let what = format!("read of all events of {streams} streams, by known keys");
    report(&what, streams * FEW, &ours, &by_hand);
}

async fn read_all(store: &DynamoDbEventStore, filter: &Filter) -> u64 {
    let (mut position, mut count) = (Position::START, 0);
    loop {
        let page = store.read_all(position, filter, 1000).await.unwrap();
        (position, count) = (page.next, count + page.events.len() as u64);
        if page.is_end {
            return count;
        }
    }
}

async fn compare_reads(client: &Client, store: &DynamoDbEventStore, size: Size) {
    let stream = StreamId::new("long").unwrap();
    for _ in 0..size.events / 50 {
        store.append(&stream, Expected::Any, (0..50).map(|_| event()).collect()).await.unwrap();
    }
    let (mut ours, mut parsed, mut bare, mut all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        let start = Instant::now();
        let events = store.read(&stream, 1, Direction::Forward, usize::MAX).await.unwrap();
        ours.push(start.elapsed());
        assert_eq!(events.len() as u64, size.events);
        for (times, parse) in [(&mut parsed, true), (&mut bare, false)] {
            let start = Instant::now();
            assert_eq!(read_by_hand(client, "one-stream", "long", parse).await as u64, size.events);
            times.push(start.elapsed());
        }
        let start = Instant::now();
        assert_eq!(read_all(store, &Filter::all().stream_prefix("long")).await, size.events);
        all.push(start.elapsed());
    }
    let what = format!("read of a stream of {} events", size.events);
    report(&what, size.events, &ours, &parsed);
    report(&format!("{what}, by hand without parsing"), size.events, &ours, &bare);
    report("read of all events, of that stream alone", size.events, &all, &parsed);
}

/// A store on a new table.
async fn created(client: &Client, table: &str) -> DynamoDbEventStore {
    let store = DynamoDbEventStore::new(client.clone(), table);
    store.create_table().await.unwrap();
    store
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let size = if std::env::args().any(|argument| argument == "--bench") { FULL } else { SMALL };
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config { listen, storage: Storage::Memory, ..Config::default() };
    let server = Server::start(config).await.unwrap();
    let client = Client::new(&aws::config_for(server.endpoint()));
    let store = created(&client, "events").await;
    created(&client, "by-hand").await;
    for writers in [1, 16] {
        compare_appends(&client, &store, writers, size).await;
    }
    // Tables of their own: to read all events is to read the whole log.
    compare_reads(&client, &created(&client, "one-stream").await, size).await;
    compare_read_of_many_streams(&client, &created(&client, "many-streams").await, size).await;
    server.stop().await;
}
