//! Compares the candidates for the embedded store under the engine's write patterns, with sync on.
//!
//! `cargo bench -p pontoon-store --bench candidates --features candidates [-- NAME]` prints one line for each candidate and pattern, and what a
//! crash costs at the next start. Rates are given as multiples of the disk's own syncs per second, measured just before in the same directory, so
//! that runs on different disks compare. Each candidate runs in a process of its own, which ends by aborting.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run should say so and end")]

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use pontoon_core::store::{Batch, Direction, KeyRange, Space, Store};
use pontoon_store::candidates::{CANDIDATES, open};
use pontoon_store::{GroupCommit, StoreConfig};

/// How many senders wait for their own batch before they send the next.
const SENDERS: u64 = 64;
const MESSAGE_BYTES: usize = 600;
const ITEM_BYTES: usize = 400;
const EVENT_BYTES: usize = 500;
/// Items in the table, and messages that nobody receives in the queue.
const ITEMS: u64 = 50_000;
const BACKLOG: u64 = 10_000;

/// How long each pattern runs; short in a smoke run.
fn duration() -> Duration {
    let millis = env::var("BENCH_MILLIS").ok().and_then(|millis| millis.parse().ok());
    Duration::from_millis(millis.unwrap_or(3_000))
}

fn main() {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", number, dir] => run(number.parse().unwrap(), Path::new(dir)),
        ["reopen", number, dir] => reopen(number.parse().unwrap(), Path::new(dir)),
        ref names => compare(names.first().copied().unwrap_or("")),
    }
}

fn compare(name: &str) {
    in_memory();
    for (number, candidate) in CANDIDATES.into_iter().enumerate() {
        if !format!("{candidate:?}").to_lowercase().contains(&name.to_lowercase()) {
            continue;
        }
        println!("\n{candidate:?}");
        let parent = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let dir = parent.path().join("data");
        for step in ["run", "reopen"] {
            let arguments = [step, &number.to_string(), dir.to_str().unwrap()];
            Command::new(env::current_exe().unwrap()).args(arguments).status().unwrap();
        }
    }
}

/// What the memory store takes for a batch of one write, with and without a snapshot to preserve.
fn in_memory() {
    let store = pontoon_store::memory();
    preload(&*store);
    let mut random = fastrand::Rng::with_seed(3);
    for snapshots in [false, true] {
        let mut applies: Vec<_> = (0..100_000)
            .map(|_| {
                let snapshot = snapshots.then(|| store.snapshot());
                let mut batch = Batch::new();
                batch.put(Space::Table, key(1, random.u64(..ITEMS)), vec![2; ITEM_BYTES]);
                let begin = Instant::now();
                store.apply(batch).unwrap();
                drop(snapshot);
                begin.elapsed()
            })
            .collect();
        println!(
            "memory, {} a fresh snapshot before each batch: apply p50 {:.2?}, p99 {:.2?}",
            if snapshots { "with" } else { "without" },
            percentile(&mut applies, 50),
            percentile(&mut applies, 99)
        );
    }
    let begin = Instant::now();
    (0..100_000).for_each(|_| drop(store.snapshot()));
    println!("memory, taking and dropping a snapshot: {:.2?}", begin.elapsed() / 100_000);
}

/// How often a second the disk makes a message durable that is appended to a file.
fn syncs_per_second(dir: &Path) -> f64 {
    let path = dir.with_extension("syncs");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let (begin, mut syncs) = (Instant::now(), 0);
    while begin.elapsed() < duration() / 3 {
        file.write_all(&[b'x'; MESSAGE_BYTES]).unwrap();
        file.sync_data().unwrap();
        syncs += 1;
    }
    fs::remove_file(path).unwrap();
    f64::from(syncs) / begin.elapsed().as_secs_f64()
}

/// The default, or with another write buffer for a look at what it changes.
fn config(dir: &Path) -> StoreConfig {
    let config = StoreConfig::new(dir);
    let buffer = env::var("BENCH_BUFFER_MIB").ok().and_then(|mib| mib.parse::<u64>().ok());
    StoreConfig { write_buffer_bytes: buffer.map_or(config.write_buffer_bytes, |mib| mib << 20), ..config }
}

fn run(number: usize, dir: &Path) {
    let begin = Instant::now();
    let store = open(CANDIDATES[number], &config(dir)).unwrap();
    println!("  created in {:.1?}, then {} MiB resident", begin.elapsed(), resident_mib());
    let begin = Instant::now();
    preload(&*store);
    println!("  {ITEMS} items and {BACKLOG} messages loaded in {:.1?}", begin.elapsed());
    let commits = GroupCommit::start(Arc::clone(&store), |error| panic!("{error}")).unwrap();
    pattern("queue churn", dir, &store, &commits, |random, sender, step| {
        let message = (random, (sender << 40) + step / 3);
        let mut batch = Batch::new();
        match step % 3 {
            0 | 1 => batch.put(Space::Queue, key(1, message.1), vec![step as u8; MESSAGE_BYTES]),
            _ => batch.delete(Space::Queue, key(1, message.1)),
        }
        batch
    });
    pattern("table updates", dir, &store, &commits, |random, _, step| {
        let mut batch = Batch::new();
        batch.put(Space::Table, key(1, random % ITEMS), vec![step as u8; ITEM_BYTES]);
        batch
    });
    pattern("event log", dir, &store, &commits, |_, sender, step| {
        let mut batch = Batch::new();
        for event in 0..10 {
            batch.put(Space::Event, key(sender, step * 10 + event), vec![event as u8; EVENT_BYTES]);
        }
        batch
    });
    reads(&*store);
    println!("  {} MiB resident, {} MiB on disk", resident_mib(), disk_bytes(dir) >> 20);
    std::process::abort();
}

fn preload(store: &dyn Store) {
    for chunk in 0..(ITEMS + BACKLOG) / 1_000 {
        let mut batch = Batch::new();
        for number in chunk * 1_000..(chunk + 1) * 1_000 {
            match number.checked_sub(ITEMS) {
                None => batch.put(Space::Table, key(1, number), vec![1; ITEM_BYTES]),
                Some(number) => batch.put(Space::Queue, key(0, number), vec![1; MESSAGE_BYTES]),
            }
        }
        store.apply(batch).unwrap();
        store.sync().unwrap();
    }
}

/// Runs the senders: one thread applies, as the engine does, what the senders whose last batch is durable send next.
fn pattern(
    name: &str,
    dir: &Path,
    store: &Arc<dyn Store>,
    commits: &GroupCommit,
    batch: impl Fn(u64, u64, u64) -> Batch,
) {
    let disk = syncs_per_second(dir);
    let mut random = fastrand::Rng::with_seed(1);
    let (ready, senders) = mpsc::channel();
    (0..SENDERS).for_each(|sender| ready.send((sender, 0, Instant::now())).unwrap());
    let (begin, syncs) = (Instant::now(), commits.syncs());
    let (mut applies, mut waits) = (Vec::new(), Vec::new());
    while begin.elapsed() < duration() {
        let (sender, step, sent): (u64, u64, Instant) = senders.recv().unwrap();
        if step > 0 {
            waits.push(sent.elapsed());
        }
        let batch = batch(random.u64(..), sender, step);
        let sent = Instant::now();
        let seq = store.apply(batch).unwrap();
        applies.push(sent.elapsed());
        let ready = ready.clone();
        commits.on_durable(seq, move |durable| {
            durable.unwrap();
            // Nobody listens any more when the time is up.
            let _ = ready.send((sender, step + 1, sent));
        });
    }
    let seconds = begin.elapsed().as_secs_f64();
    commits.wait_blocking(store.apply(Batch::new()).unwrap()).unwrap();
    // The disk's better hour, lest a bad one flatters the store.
    let disk = disk.max(syncs_per_second(dir));
    let rate = applies.len() as f64 / seconds;
    println!(
        "  {name:<14}{rate:>9.0}/s = {:>5.1} × {disk:.0} disk syncs/s; {:>5.1} a sync; until durable p50 {:.2?}, p99 {:.2?}; apply p50 {:.2?}, p99 {:.2?}, max {:.2?}",
        rate / disk,
        applies.len() as f64 / (commits.syncs() - syncs) as f64,
        percentile(&mut waits, 50),
        percentile(&mut waits, 99),
        percentile(&mut applies, 50),
        percentile(&mut applies, 99),
        percentile(&mut applies, 100),
    );
}

fn reads(store: &dyn Store) {
    let mut random = fastrand::Rng::with_seed(2);
    let mut gets: Vec<_> = (0..20_000)
        .map(|_| {
            let (key, begin) = (key(1, random.u64(..ITEMS)), Instant::now());
            assert!(store.get(Space::Table, &key).unwrap().is_some());
            begin.elapsed()
        })
        .collect();
    let first = |space, prefix: &[u8], count: u64| {
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let (mut left, begin) = (count, Instant::now());
                store
                    .scan(space, &KeyRange::prefix(prefix), Direction::Ascending, &mut |_, _| {
                        left -= 1;
                        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    })
                    .unwrap();
                begin.elapsed()
            })
            .collect();
        percentile(&mut times, 50)
    };
    println!(
        "  get p50 {:.2?}, p99 {:.2?}; first 100 items {:.2?}; all of a churned, empty queue {:.2?}",
        percentile(&mut gets, 50),
        percentile(&mut gets, 99),
        first(Space::Table, &1_u64.to_be_bytes(), 100),
        first(Space::Queue, &1_u64.to_be_bytes(), u64::MAX),
    );
}

fn reopen(number: usize, dir: &Path) {
    let begin = Instant::now();
    let store = open(CANDIDATES[number], &config(dir)).unwrap();
    assert!(store.get(Space::Table, &key(1, ITEMS - 1)).unwrap().is_some());
    println!(
        "  after an abort: open and first get in {:.1?}, {} MiB resident",
        begin.elapsed(),
        resident_mib()
    );
    drop(store);
    let begin = Instant::now();
    drop(open(CANDIDATES[number], &config(dir)).unwrap());
    println!(
        "  after that, opened and closed in {:.1?}, {} MiB on disk",
        begin.elapsed(),
        disk_bytes(dir) >> 20
    );
}

fn key(prefix: u64, number: u64) -> Vec<u8> {
    [prefix.to_be_bytes(), number.to_be_bytes()].concat()
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// How much memory this process has resident, where the system says so.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

/// How much disk space the files of a directory take (not how long they are).
fn disk_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
