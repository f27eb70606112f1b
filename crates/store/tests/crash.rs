//! A process that writes is killed at random instants, again and again on the same directory: whatever it had acknowledged is there afterwards, and
//! what is there is a prefix of what it wrote, each batch whole.
//!
//! `PONTOON_CRASHES=500 cargo test -p pontoon-store --test crash` for a long run.

#![allow(clippy::unwrap_used, reason = "in a test a failure to unwrap is the failure")]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};

use pontoon_core::store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreRead};
use pontoon_store::{GroupCommit, StoreConfig};

/// Tells the writing process its directory.
const DIRECTORY: &str = "PONTOON_CRASH_DIRECTORY";
/// What the writing process prints in front of the number of a batch that is durable.
const ACKNOWLEDGED: &str = "acknowledged ";
/// Messages live for as many batches.
const LIFETIME: u64 = 50;
/// Counters that the batches write in turn.
const COUNTERS: u64 = 97;
/// How many batches may wait for their sync.
const IN_FLIGHT: usize = 64;

/// So small that checkpoints run nearly all the time.
fn open(dir: &Path) -> Arc<dyn Store> {
    pontoon_store::open(&StoreConfig { write_buffer_bytes: 48 << 10, ..StoreConfig::new(dir) }).unwrap()
}

/// Batch `number` touches three spaces: it adds a message, removes an old one, sets a counter, and says which it is.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(Space::Queue, number.to_be_bytes(), body(number));
    if let Some(old) = number.checked_sub(LIFETIME) {
        batch.delete(Space::Queue, old.to_be_bytes());
    }
    batch.put(Space::Table, (number % COUNTERS).to_be_bytes(), number.to_be_bytes().to_vec());
    batch.put(Space::Meta, *b"last", number.to_be_bytes().to_vec());
    batch
}

/// Mostly a few hundred bytes, now and then more than a log's page or the write buffer.
fn body(number: u64) -> Vec<u8> {
    let bytes = if number % 101 == 7 { 60_000 } else { 100 + number % 900 };
    vec![number as u8; bytes as usize]
}

fn last(store: &dyn StoreRead) -> u64 {
    let last = store.get(Space::Meta, b"last").unwrap();
    last.map_or(0, |last| u64::from_be_bytes(last.as_ref().try_into().unwrap()))
}

fn all(store: &dyn StoreRead, space: Space) -> BTreeMap<u64, Vec<u8>> {
    let mut found = BTreeMap::new();
    store
        .scan(space, &KeyRange::all(), Direction::Ascending, &mut |key, value| {
            found.insert(u64::from_be_bytes(key.try_into().unwrap()), value.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

/// Checks that the store holds exactly what the batches up to its last one leave, and returns that one's number.
fn assert_prefix(store: &dyn StoreRead) -> u64 {
    let last = last(store);
    let messages: BTreeMap<_, _> =
        (last.saturating_sub(LIFETIME) + 1..=last).map(|number| (number, body(number))).collect();
    assert_eq!(all(store, Space::Queue).keys().collect::<Vec<_>>(), messages.keys().collect::<Vec<_>>());
    assert!(all(store, Space::Queue) == messages, "a message has another's body");
    let counters: BTreeMap<_, _> =
        (1..=last).map(|number| (number % COUNTERS, number.to_be_bytes().to_vec())).collect();
    assert_eq!(all(store, Space::Table), counters);
    last
}

/// Writes batches until `count` of them are durable, and reports each that is to `acknowledge`.
fn write(dir: &Path, count: u64, acknowledge: impl Fn(u64) + Clone + Send + 'static) {
    let store = open(dir);
    let commits = GroupCommit::start(Arc::clone(&store), |error| panic!("{error}")).unwrap();
    let (done, in_flight) = mpsc::sync_channel(IN_FLIGHT);
    let first = last(&*store) + 1;
    for number in first..first + count {
        let seq: Seq = store.apply(batch(number)).unwrap();
        if number >= first + IN_FLIGHT as u64 {
            in_flight.recv().unwrap();
        }
        let (acknowledge, done) = (acknowledge.clone(), done.clone());
        commits.on_durable(seq, move |durable| {
            durable.unwrap();
            acknowledge(number);
            // At the end nobody waits for it.
            let _ = done.send(());
        });
    }
    drop(commits);
}

/// What the killed process runs. Run by itself it writes a little, to a directory of its own, and is not killed.
#[test]
fn the_writer_acknowledges_every_batch_once() {
    if let Some(dir) = env::var_os(DIRECTORY) {
        write(Path::new(&dir), u64::MAX / 2, |number| {
            let mut stdout = std::io::stdout().lock();
            // The reader may be gone, as this process soon will be.
            let _ = stdout.write_all(format!("{ACKNOWLEDGED}{number}\n").as_bytes());
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    write(dir.path(), 300, move |number| tell.send(number).unwrap());
    let mut acknowledged: Vec<u64> = told.iter().collect();
    acknowledged.sort_unstable();
    assert_eq!(acknowledged, (1..=300).collect::<Vec<_>>());
    assert_eq!(assert_prefix(&*open(dir.path())), 300);
}

/// Lets a process write until it has acknowledged some batches, kills it, and returns the last one that it acknowledged.
fn write_and_kill(dir: &Path, acknowledgements: usize) -> u64 {
    let mut writer = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_writer_acknowledges_every_batch_once", "--nocapture"])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    let mut line = String::new();
    let mut killed = acknowledgements == 0;
    if killed {
        // While it starts and recovers.
        writer.kill().unwrap();
    }
    while lines.read_line(&mut line).unwrap() > 0 {
        // The last line may have been torn by the kill, like anything else.
        if let Some(number) = line.strip_suffix('\n').and_then(|line| line.strip_prefix(ACKNOWLEDGED)) {
            acknowledged.push(number.parse().unwrap());
        }
        if acknowledged.len() == acknowledgements && !killed {
            writer.kill().unwrap();
            killed = true;
        }
        line.clear();
    }
    assert!(killed, "the writer ended by itself");
    writer.wait().unwrap();
    acknowledged.into_iter().max().unwrap_or(0)
}

#[test]
fn nothing_acknowledged_is_lost_and_no_batch_is_torn_by_kills_at_random_instants() {
    let crashes = env::var("PONTOON_CRASHES").map_or(20, |crashes| crashes.parse().unwrap());
    let seed = env::var("PONTOON_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("PONTOON_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut survived = 0;
    for crash in 1..=crashes {
        let acknowledgements = if random.u8(..6) == 0 { 0 } else { random.usize(1..1_500) };
        let acknowledged = write_and_kill(dir.path(), acknowledgements).max(survived);
        survived = assert_prefix(&*open(dir.path()));
        assert!(
            survived >= acknowledged,
            "crash {crash}: batch {acknowledged} was acknowledged, but {survived} is the last"
        );
    }
    assert!(survived > 0);
}
