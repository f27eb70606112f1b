//! Many writers at once, which crash at random and lose replies, and readers beside them: nothing is lost, doubled, skipped or out of order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pontoon::event_store::{
    Appended, Direction, EventStore, Expected, Filter, Position, Recorded, StoreError, StreamId,
};
use pontoon::{Envelope, EventId, RawPayload};
use tokio::task::JoinSet;

use super::deposit;
use super::proxy::LossyProxy;
use super::server::Server;

const WRITERS: u64 = 16;
const STREAMS: u64 = 24;
const END: &str = "the-end";

/// How much is appended, in all; `PONTOON_APPENDS` overrides it.
fn appends(usual: u64) -> u64 {
    std::env::var("PONTOON_APPENDS").map_or(usual, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    let seed = std::env::var("PONTOON_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    println!("PONTOON_SEED={seed}");
    seed
}

/// An append that returned.
struct Acknowledged {
    stream: StreamId,
    ids: Vec<EventId>,
    appended: Appended,
    /// Ticks of the clock that all writers share: before the first try, and after the last.
    began: u64,
    returned: u64,
}

struct Writer<S> {
    store: S,
    number: u64,
    rng: fastrand::Rng,
    clock: Arc<AtomicU64>,
    acknowledged: Vec<Acknowledged>,
    /// Appends whose outcome nobody knows.
    unknown: u64,
}

impl<S: EventStore> Writer<S> {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    async fn run(mut self, appends: u64) -> Self {
        for turn in 0..appends {
            let stream = StreamId::new(format!("account-{}", self.rng.u64(0..STREAMS))).unwrap();
            let events: Vec<_> = (0..self.rng.u64(1..4))
                .map(|index| Envelope {
                    id: EventId::from(format!("{}-{turn}-{index}", self.number)),
                    ..deposit(turn)
                })
                .collect();
            let began = self.tick();
            let appended = match self.rng.u8(0..5) {
                0 => self.append_anywhere(&stream, &events).await,
                _ => Some(self.append_through_crashes(&stream, &events).await),
            };
            let Some(appended) = appended else {
                self.unknown += 1;
                continue;
            };
            let ids = events.into_iter().map(|event| event.id).collect();
            let returned = self.tick();
            self.acknowledged.push(Acknowledged { stream, ids, appended, began, returned });
        }
        self
    }

    /// One append at any version, unless nobody can tell whether it happened.
    async fn append_anywhere(&self, stream: &StreamId, events: &[Envelope<RawPayload>]) -> Option<Appended> {
        match self.store.append(stream, Expected::Any, events.to_vec()).await {
            Ok(appended) => Some(appended),
            Err(error) if error.is_transient() => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Appends at an exact version. The process may die at any moment; the next one looks whether it is done, and otherwise tries again.
    async fn append_through_crashes(
        &mut self,
        stream: &StreamId,
        events: &[Envelope<RawPayload>],
    ) -> Appended {
        let before =
            self.look(stream, 0, events).await.unwrap_or_else(|done| panic!("{done:?} before it began"));
        let mut version = before;
        loop {
            let append = self.store.append(stream, Expected::Exact(version), events.to_vec());
            let result = match self.rng.u8(0..8) {
                0 => tokio::time::timeout(Duration::from_micros(self.rng.u64(0..4000)), append).await.ok(),
                _ => Some(append.await),
            };
            match result {
                Some(Ok(appended)) => return appended,
                None | Some(Err(StoreError::Conflict { .. } | StoreError::Unavailable { .. })) => {}
                Some(Err(error)) => panic!("{error}"),
            }
            match self.look(stream, before, events).await {
                Ok(current) => version = current,
                Err(done) => return done,
            }
        }
    }

    /// The version of the stream, or where the events are, which are behind the version `before` if anywhere.
    async fn look(
        &self,
        stream: &StreamId,
        before: u64,
        events: &[Envelope<RawPayload>],
    ) -> Result<u64, Appended> {
        loop {
            let new = self.store.read(stream, before + 1, Direction::Forward, usize::MAX).await;
            let Some(new) = tolerated(new) else { continue };
            let last = new.iter().find(|stored| stored.event.id == events[events.len() - 1].id);
            return match last {
                Some(last) => Err(Appended { version: last.version, position: last.position }),
                None => Ok(new.last().map_or(before, |last| last.version)),
            };
        }
    }
}

/// The result, unless its request was lost.
fn tolerated<T>(result: Result<T, StoreError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.is_transient() => None,
        Err(error) => panic!("{error}"),
    }
}

/// Follows all events to the one that ends the test, dying now and then.
async fn follow<S: EventStore>(store: S, mut rng: fastrand::Rng) -> Vec<Recorded> {
    let mut seen: Vec<Recorded> = Vec::new();
    let mut news = store.subscribe(Position::START, Filter::all());
    loop {
        // Most events are waited for, however long that takes; now and then the reader dies at some moment of its wait.
        let wait = match rng.u8(0..100) {
            0 => Duration::from_micros(rng.u64(0..5_000)),
            _ => Duration::MAX,
        };
        match tokio::time::timeout(wait, news.next()).await.map(tolerated) {
            Ok(Some(event)) if event.stream.as_str() == END => return seen,
            Ok(Some(event)) => seen.push(event),
            Ok(None) => {}
            Err(_) => {
                let position = seen.last().map_or(Position::START, |last| last.position);
                news = store.subscribe(position, Filter::all());
            }
        }
    }
}

/// What the store has in the end, and what everybody saw.
struct Outcome {
    all: Vec<Recorded>,
    followed: Vec<Vec<Recorded>>,
    acknowledged: Vec<Acknowledged>,
    unknown: u64,
}

async fn run<S: EventStore>(writers: Vec<S>, readers: Vec<S>, calm: &S, appends: u64, seed: u64) -> Outcome {
    let mut rng = fastrand::Rng::with_seed(seed);
    let clock = Arc::new(AtomicU64::new(0));
    let mut writing = JoinSet::new();
    for (number, store) in (0..).zip(writers) {
        let (rng, clock) = (rng.fork(), Arc::clone(&clock));
        let writer = Writer { store, number, rng, clock, acknowledged: Vec::new(), unknown: 0 };
        writing.spawn(writer.run(appends / WRITERS));
    }
    let mut reading = JoinSet::new();
    for store in readers {
        reading.spawn(follow(store, rng.fork()));
    }
    let mut outcome = Outcome { all: Vec::new(), followed: Vec::new(), acknowledged: Vec::new(), unknown: 0 };
    for writer in writing.join_all().await {
        outcome.acknowledged.extend(writer.acknowledged);
        outcome.unknown += writer.unknown;
    }
    let end = StreamId::new(END).unwrap();
    calm.append(&end, Expected::NoStream, vec![deposit(0)]).await.unwrap();
    outcome.followed = reading.join_all().await;
    let mut position = Position::START;
    loop {
        let page = calm.read_all(position, &Filter::all(), 1000).await.unwrap();
        position = page.next;
        outcome.all.extend(page.events);
        if page.is_end {
            let last = outcome.all.pop().unwrap();
            assert_eq!(last.stream, end, "nothing is written any more");
            return outcome;
        }
    }
}

async fn check<S: EventStore>(store: &S, mut outcome: Outcome, appends: u64) {
    let all = &outcome.all;
    // Nothing is doubled.
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, event) in all.iter().enumerate() {
        assert!(places.insert(event.event.id.as_str(), place).is_none(), "{} is there twice", event.event.id);
    }
    assert!(all.is_sorted_by(|before, after| before.position < after.position));
    // Nothing is skipped or reordered for anyone who followed.
    for followed in &outcome.followed {
        let ids = |events: &[Recorded]| events.iter().map(|event| event.event.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(followed), ids(all));
    }
    // Nothing acknowledged is lost, and it is where it was said to be, whole.
    for append in &outcome.acknowledged {
        let first = places[append.ids[0].as_str()];
        for (index, id) in append.ids.iter().enumerate() {
            let event = &all[first + index];
            assert_eq!((&event.event.id, &event.stream), (id, &append.stream));
            assert_eq!(event.version, append.appended.version + 1 + index as u64 - append.ids.len() as u64);
        }
        assert_eq!(all[first + append.ids.len() - 1].position, append.appended.position);
    }
    assert_eq!(outcome.acknowledged.len() as u64 + outcome.unknown, appends / WRITERS * WRITERS);
    check_streams(store, all).await;
    // The order agrees with time: what began after another returned comes after it.
    outcome.acknowledged.sort_by_key(|append| append.appended.position);
    let mut latest_beginning = 0;
    for append in &outcome.acknowledged {
        assert!(append.returned > latest_beginning, "{:?} is too late", append.appended);
        latest_beginning = latest_beginning.max(append.began);
    }
}

/// Each stream has the same events by itself, at versions without gaps, in the same order.
async fn check_streams<S: EventStore>(store: &S, all: &[Recorded]) {
    let mut streams: HashMap<&StreamId, Vec<&Recorded>> = HashMap::new();
    for event in all {
        streams.entry(&event.stream).or_default().push(event);
    }
    for (stream, events) in streams {
        let read = store.read(stream, 1, Direction::Forward, usize::MAX).await.unwrap();
        assert_eq!(read.len(), events.len());
        for (place, (read, event)) in read.iter().zip(events).enumerate() {
            assert_eq!((read.version, read.position), (place as u64 + 1, event.position));
            assert_eq!(event.version, read.version);
            assert_eq!(read.event, event.event);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_in_memory_lose_double_skip_and_reorder_nothing() {
    let (seed, appends) = (seed(), appends(10_000));
    let store = pontoon::event_store::MemoryEventStore::new();
    let writers = vec![store.clone(); WRITERS as usize];
    let outcome = run(writers, vec![store.clone(), store.clone()], &store, appends, seed).await;
    check(&store, outcome, appends).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_that_crash_and_lose_replies_lose_double_skip_and_reorder_nothing() {
    let (seed, appends) = (seed(), appends(480));
    let server = Server::start().await;
    let calm = server.store().await;
    let proxy = LossyProxy::start(server.endpoint(), 20, seed).await;
    // Eight processes of two writers. Half of them try a request once only, so that the store sees every loss.
    let processes =
        (0..WRITERS / 2).map(|number| server.store_at(&proxy.endpoint, 1 + (number % 2) as u32 * 2));
    let writers = processes.flat_map(|store| [store.clone(), store]).collect();
    let interval = Duration::from_millis(200);
    let readers = [server.store_at(&proxy.endpoint, 3), server.store_at(server.endpoint(), 3)];
    let readers = readers.map(|store| store.poll_interval(interval)).to_vec();
    let outcome = run(writers, readers, &calm, appends, seed).await;
    let losses = proxy.losses.load(Ordering::Relaxed);
    println!("{losses} losses, {} unknown outcomes, {} events", outcome.unknown, outcome.all.len());
    assert!(losses > appends / 50);
    check(&calm, outcome, appends).await;
    server.stop().await;
}
