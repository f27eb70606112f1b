//! Readers with checkpoints: projections and the outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pontoon::event_store::{
    Checkpoint, CheckpointStore, EventStore, Expected, Filter, MemoryEventStore, Position, Recorded, StreamId,
};
use pontoon::outbox::{EventSink, Outbox, OutboxError, SinkError};
use pontoon::projection::{Projection, Projector, ProjectorError};
use pontoon::publish::{EventBus, Publisher};
use pontoon::{Envelope, RawPayload, aws};

use super::deposit;
use super::server::Server;

async fn append(store: &impl EventStore, stream: u64, count: u64) -> Position {
    let stream = StreamId::new(format!("account-{stream}")).unwrap();
    store.append(&stream, Expected::Any, (0..count).map(deposit).collect()).await.unwrap().position
}

/// What outlives a projection's process.
#[derive(Debug, Default)]
struct Table {
    seen: Vec<(Position, String)>,
    cleared: u32,
}

/// Writes down every event that it is given. Fails at some.
#[derive(Clone, Debug, Default)]
struct Journal {
    table: Arc<Mutex<Table>>,
    /// Fails, once, at the event after so many.
    fails_after: Arc<Mutex<Option<usize>>>,
    fails_to_clear: Arc<Mutex<bool>>,
}

impl Journal {
    fn count(&self) -> usize {
        self.table.lock().unwrap().seen.len()
    }
}

impl Projection for Journal {
    type Error = &'static str;

    fn name(&self) -> &str {
        "journal"
    }

    fn is_transient(&self, error: &&'static str) -> bool {
        *error == "full"
    }

    async fn apply(&mut self, event: &Recorded) -> Result<(), &'static str> {
        tokio::task::yield_now().await;
        let mut table = self.table.lock().unwrap();
        let mut fails_after = self.fails_after.lock().unwrap();
        if fails_after.is_some_and(|count| table.seen.len() >= count) {
            *fails_after = None;
            return Err("full");
        }
        table.seen.push((event.position, event.event.id.to_string()));
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), &'static str> {
        if std::mem::take(&mut *self.fails_to_clear.lock().unwrap()) {
            return Err("cannot clear");
        }
        let mut table = self.table.lock().unwrap();
        table.seen.clear();
        table.cleared += 1;
        Ok(())
    }
}

#[tokio::test]
async fn a_projection_goes_on_where_it_stopped() {
    let store = MemoryEventStore::new();
    let journal = Journal::default();
    for round in 1..=3 {
        let last = append(&store, round, 98).await.max(append(&store, 9, 98).await);
        // A new process each time.
        let mut projector = Projector::new(store.clone(), store.clone(), journal.clone());
        assert!(projector.catch_up().await.unwrap() >= last);
        assert_eq!(journal.count(), round as usize * 196);
    }
    assert!(journal.table.lock().unwrap().seen.is_sorted());
}

#[tokio::test]
async fn a_projection_stops_at_an_event_that_it_cannot_take_and_begins_there_again() {
    let store = MemoryEventStore::new();
    append(&store, 1, 50).await;
    let journal = Journal { fails_after: Arc::new(Mutex::new(Some(20))), ..Journal::default() };
    let mut projector = Projector::new(store.clone(), store.clone(), journal.clone());
    assert!(matches!(projector.catch_up().await, Err(ProjectorError::Projection("full"))));
    assert_eq!(journal.count(), 20);
    let saved = store.load_checkpoint("journal").await.unwrap().unwrap();
    assert_eq!(saved.position, journal.table.lock().unwrap().seen[19].0);
    projector.catch_up().await.unwrap();
    // None was given twice, as the checkpoint behind the good ones was saved.
    assert_eq!(journal.count(), 50);
}

#[tokio::test]
async fn a_projection_that_dies_anywhere_misses_nothing() {
    let store = MemoryEventStore::new();
    let mut rng = fastrand::Rng::with_seed(7);
    let journal = Journal::default();
    for round in 0..40 {
        append(&store, round % 3, rng.u64(1..60)).await;
        let mut projector = Projector::new(store.clone(), store.clone(), journal.clone());
        // It dies after some turns of the executor.
        let task = tokio::spawn(async move { projector.catch_up().await });
        for _ in 0..rng.u32(0..80) {
            tokio::task::yield_now().await;
        }
        task.abort();
        // Its death is awaited, as an old process's is.
        let _ = task.await;
    }
    Projector::new(store.clone(), store.clone(), journal.clone()).catch_up().await.unwrap();
    let all = store.read_all(Position::START, &Filter::all(), usize::MAX).await.unwrap().events;
    let mut seen: Vec<Position> = journal.table.lock().unwrap().seen.iter().map(|(at, _)| *at).collect();
    // First occurrences are in order, so a projection that ignores what it has seen gets everything once.
    let mut first = Vec::new();
    for position in &seen {
        if first.last().is_none_or(|last| last < position) {
            first.push(*position);
        }
    }
    assert_eq!(first, all.iter().map(|event| event.position).collect::<Vec<_>>());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all.len());
}

#[tokio::test]
async fn a_rebuild_clears_and_begins_at_the_first_event_even_if_interrupted() {
    let store = MemoryEventStore::new();
    append(&store, 1, 60).await;
    let journal = Journal::default();
    let mut projector = Projector::new(store.clone(), store.clone(), journal.clone());
    projector.catch_up().await.unwrap();
    projector.rebuild().await.unwrap();
    assert_eq!((journal.count(), journal.table.lock().unwrap().cleared), (60, 1));

    *journal.fails_to_clear.lock().unwrap() = true;
    assert!(matches!(projector.rebuild().await, Err(ProjectorError::Projection("cannot clear"))));
    assert!(store.load_checkpoint("journal").await.unwrap().unwrap().is_resetting);
    // The next process finds the mark.
    let mut projector = Projector::new(store.clone(), store.clone(), journal.clone());
    projector.catch_up().await.unwrap();
    assert_eq!((journal.count(), journal.table.lock().unwrap().cleared), (60, 2));
    assert!(!store.load_checkpoint("journal").await.unwrap().unwrap().is_resetting);
}

#[tokio::test]
async fn of_two_projectors_under_one_name_one_finds_out() {
    let store = MemoryEventStore::new();
    let mut one = Projector::new(store.clone(), store.clone(), Journal::default());
    let mut two = Projector::new(store.clone(), store.clone(), Journal::default());
    for projector in [&mut one, &mut two] {
        append(&store, 1, 1).await;
        projector.catch_up().await.unwrap();
    }
    append(&store, 1, 1).await;
    two.catch_up().await.unwrap();
    assert!(matches!(one.catch_up().await, Err(ProjectorError::Moved(_))));
}

#[tokio::test]
async fn a_running_projection_follows_tries_again_and_ends_at_shutdown() {
    let server = Server::start().await;
    let store = server.store().await;
    append(&store, 1, 5).await;
    let journal = Journal { fails_after: Arc::new(Mutex::new(Some(3))), ..Journal::default() };
    let mut projector = Projector::new(store.clone(), store.clone(), journal.clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(async move { projector.run(shutdown).await });
    let last = append(&store, 2, 5).await;
    let caught_up = async {
        while journal.count() < 10 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), caught_up).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap().unwrap();
    assert!(store.load_checkpoint("journal").await.unwrap().unwrap().position >= last);
    assert_eq!(journal.count(), 10);
    server.stop().await;
}

/// A bus that accepts some of what it is sent, and of that says so for some.
#[derive(Clone)]
struct Bus {
    accepted: Arc<Mutex<Vec<Envelope<RawPayload>>>>,
    rng: Arc<Mutex<fastrand::Rng>>,
    /// Of a hundred, how many fail, and how many are accepted without a word.
    fail: u32,
    lose: u32,
    refused: Option<String>,
}

impl Bus {
    fn new(fail: u32, lose: u32) -> Self {
        let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(11)));
        Self { accepted: Arc::default(), rng, fail, lose, refused: None }
    }
}

impl EventSink for Bus {
    async fn send(&self, events: &[&Envelope<RawPayload>]) -> Vec<Result<(), SinkError>> {
        tokio::task::yield_now().await;
        let mut results = Vec::new();
        for event in events {
            if self.refused.as_deref() == Some(event.id.as_str()) {
                results.push(Err(SinkError::Refused("too large".into())));
                continue;
            }
            let luck = self.rng.lock().unwrap().u32(0..100);
            if luck >= self.fail {
                self.accepted.lock().unwrap().push((*event).clone());
            }
            results.push(match luck < self.fail + self.lose {
                true => Err(SinkError::Later("throttled".into())),
                false => Ok(()),
            });
        }
        tokio::task::yield_now().await;
        results
    }
}

/// Everything in the store went out, as it is there, and in each stream none before one that comes before it.
async fn check_published(store: &impl EventStore, accepted: &[Envelope<RawPayload>]) {
    let all = store.read_all(Position::START, &Filter::all(), usize::MAX).await.unwrap().events;
    let stored: HashMap<&str, &Recorded> = all.iter().map(|event| (event.event.id.as_str(), event)).collect();
    let mut reached: HashMap<&StreamId, u64> = HashMap::new();
    for event in accepted {
        let stored = stored[event.id.as_str()];
        assert_eq!(event, &*stored.event);
        let reached = reached.entry(&stored.stream).or_default();
        assert!(stored.version <= *reached + 1, "{} overtook", event.id);
        *reached = stored.version.max(*reached);
    }
    assert_eq!(reached.values().sum::<u64>(), all.len() as u64);
}

#[tokio::test]
async fn the_outbox_publishes_what_is_stored_in_order_per_stream() {
    let store = MemoryEventStore::new();
    for turn in 0..60 {
        append(&store, turn % 7, 1 + turn % 5).await;
    }
    let bus = Bus::new(0, 0);
    let mut outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone());
    outbox.publish_pending().await.unwrap();
    outbox.publish_pending().await.unwrap();
    let accepted = bus.accepted.lock().unwrap().clone();
    check_published(&store, &accepted).await;
    assert_eq!(accepted.len(), 180, "nothing goes out twice");
}

#[tokio::test]
async fn the_outbox_keeps_the_order_when_events_fail() {
    let store = MemoryEventStore::new();
    for turn in 0..60 {
        append(&store, turn % 7, 1 + turn % 5).await;
    }
    let bus = Bus::new(20, 0);
    let mut outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone());
    while let Err(error) = outbox.publish_pending().await {
        assert!(matches!(error, ProjectorError::Projection(OutboxError { source: SinkError::Later(_), .. })));
    }
    let accepted = bus.accepted.lock().unwrap().clone();
    check_published(&store, &accepted).await;
    assert_eq!(accepted.len(), 180, "what was accepted is remembered while the outbox lives");
}

#[tokio::test]
async fn the_outbox_resumes_after_crashes_and_lost_replies() {
    let store = MemoryEventStore::new();
    let bus = Bus::new(5, 5);
    let mut rng = fastrand::Rng::with_seed(3);
    let mut outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone());
    for turn in 0..120 {
        append(&store, turn % 5, rng.u64(1..30)).await;
        if rng.bool() {
            // A new process; the old one may have been anywhere.
            outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone());
        }
        // The call is dropped somewhere.
        tokio::select! {
            biased;
            _ = outbox.publish_pending() => {}
            () = yields(rng.u32(0..200)) => {}
        }
    }
    while outbox.publish_pending().await.is_err() {}
    let accepted = bus.accepted.lock().unwrap().clone();
    check_published(&store, &accepted).await;
}

async fn yields(turns: u32) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_outbox_stops_at_a_refused_event_or_hands_it_over() {
    let store = MemoryEventStore::new();
    append(&store, 1, 3).await;
    let all = store.read_all(Position::START, &Filter::all(), 10).await.unwrap().events;
    let refused = all[1].event.id.to_string();
    let bus = Bus { refused: Some(refused.clone()), ..Bus::new(0, 0) };

    let mut outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone());
    let shutdown = std::future::pending();
    match outbox.run(shutdown).await {
        Err(ProjectorError::Projection(error)) => {
            assert_eq!((error.event, error.position), (refused.clone(), all[1].position));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bus.accepted.lock().unwrap().len(), 1);

    let skipped = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&skipped);
    let mut outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone())
        .skip_refused(move |event, _| noted.lock().unwrap().push(event.event.id.to_string()));
    outbox.publish_pending().await.unwrap();
    assert_eq!(*skipped.lock().unwrap(), [refused]);
    assert_eq!(bus.accepted.lock().unwrap().last().unwrap(), &*all[2].event);
}

#[tokio::test]
async fn an_outbox_with_a_filter_publishes_only_that() {
    let server = Server::start().await;
    let store = server.store().await;
    for stream in 1..=3 {
        append(&store, stream, 2).await;
    }
    let bus = Bus::new(0, 0);
    let outbox = Outbox::new("bus", store.clone(), store.clone(), bus.clone());
    let end = outbox.filter(Filter::all().stream_prefix("account-2")).publish_pending().await.unwrap();
    assert_eq!(bus.accepted.lock().unwrap().len(), 2);
    let checkpoint = store.load_checkpoint("outbox/bus").await.unwrap();
    assert_eq!(checkpoint, Some(Checkpoint::at(end)));
    server.stop().await;
}

#[tokio::test]
async fn stored_events_go_over_a_bus_into_a_queue_as_they_are() {
    let server = Server::start().await;
    let config = aws::config_for(server.endpoint());
    let bus = aws_sdk_eventbridge::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let queue = sqs.create_queue().queue_name("ledger").send().await.unwrap().queue_url.unwrap();
    let rule = bus.put_rule().name("ledger").event_pattern(r#"{ "source": ["ledger"] }"#);
    let arn = rule.send().await.unwrap().rule_arn.unwrap().replace(":events:", ":sqs:").replace("rule/", "");
    let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build().unwrap();
    bus.put_targets().rule("ledger").targets(target).send().await.unwrap();

    let store = server.store().await;
    append(&store, 1, 12).await;
    append(&store, 2, 3).await;
    let publisher = Publisher::new(EventBus::new(bus, "default"));
    let mut outbox = Outbox::new("bus", store.clone(), store.clone(), publisher);
    outbox.publish_pending().await.unwrap();

    let mut received = Vec::new();
    while received.len() < 15 {
        let messages =
            sqs.receive_message().queue_url(&queue).max_number_of_messages(10).send().await.unwrap();
        let messages = messages.messages.unwrap();
        assert!(!messages.is_empty());
        let events = messages.iter().map(|it| Envelope::from_message(it.body().unwrap()).unwrap());
        received.extend(events);
    }
    check_published(&store, &received).await;
    server.stop().await;
}
