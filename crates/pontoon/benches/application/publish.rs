//! Publishing through the crate against a bare SDK client: the same events in the same calls, to a server in the same process.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use pontoon::aws;
use pontoon::publish::{Buffered, EventBus, Publisher};
use pontoon_host::server::{Config, Server};

use crate::envelope::{OrderCreated, order};
use crate::measure::{Size, rivals};

/// Measures and prints.
pub fn run(size: Size) {
    // One thread serves, one publishes: the client's cost shows in full.
    let serving = runtime();
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server = serving.block_on(Server::start(config)).expect("a server");
    let client = Client::new(&aws::config_for(server.endpoint()));
    runtime().block_on(measure(size, &client));
    serving.block_on(server.stop());
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

async fn measure(size: Size, client: &Client) {
    let number = AtomicU32::new(0);
    let next = || order(number.fetch_add(1, Ordering::Relaxed));
    let publisher = Publisher::new(EventBus::new(client.clone(), "default")).calls_at_once(1);

    println!("Publishing, one event a call, one call after another:");
    let calls = size.times(500);
    let one_by_one = || async {
        for _ in 0..calls {
            put(client, vec![next()]).await;
        }
    };
    let published = || async {
        for _ in 0..calls {
            publisher.publish(next()).await.expect("published");
        }
    };
    compare(calls, rivals(size, one_by_one, published).await);

    let events = size.times(500) * 10;
    let by_ten = || async {
        for _ in 0..events / 10 {
            put(client, (0..10).map(|_| next()).collect()).await;
        }
    };
    println!("Publishing, ten events a call, one call after another:");
    let published = || async {
        let outcomes = publisher.publish_all((0..events).map(|_| next())).await;
        assert!(outcomes.iter().all(Result::is_ok), "published");
    };
    compare(events, rivals(size, by_ten, published).await);

    println!("Publishing one by one into a buffer, the bare client ten events a call:");
    let buffered = || async {
        let buffer = Buffered::new(publisher.clone(), 1000, Duration::from_millis(1));
        for _ in 0..events {
            drop(buffer.publish(next()).await.expect("room"));
        }
        buffer.shutdown().await;
    };
    compare(events, rivals(size, by_ten, buffered).await);
}

/// What one writes without the crate: the payload alone, and no look at what failed but their count.
async fn put(client: &Client, events: Vec<OrderCreated>) {
    let entries = events.iter().map(|event| {
        PutEventsRequestEntry::builder()
            .event_bus_name("default")
            .source("order-service")
            .detail_type("OrderCreated")
            .detail(serde_json::to_string(event).expect("JSON"))
            .build()
    });
    let output = client.put_events().set_entries(Some(entries.collect())).send().await.expect("an answer");
    assert_eq!(output.failed_entry_count(), 0);
}

fn compare(events: u32, (bare, ours): (Duration, Duration)) {
    let per_second = |took: Duration| f64::from(events) / took.as_secs_f64();
    let more = (ours.as_secs_f64() / bare.as_secs_f64() - 1.0) * 100.0;
    println!(
        "{:<24} {:>9.0} events/s\n{:<24} {:>9.0} events/s, {more:+.1} % time",
        "  bare SDK client",
        per_second(bare),
        "  Publisher",
        per_second(ours)
    );
}
