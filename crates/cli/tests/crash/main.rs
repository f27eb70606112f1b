//! The real server on a real disk is killed under load at random instants, again and again on the same directory, and everything that it had
//! acknowledged is there afterwards, nothing that nobody asked for is, and what was under way goes on.
//!
//! `PONTOON_CRASHES=200 cargo test -p pontoon-cli --test crash -- --nocapture` for a long run, `PONTOON_SEED` for other instants.

#![allow(clippy::unwrap_used, reason = "in a test a failure to unwrap is the failure")]

mod bus;
mod client;
mod fifo;
mod pending;
mod queue;
mod table;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, Lost, Server};

/// How often the server is killed, unless `PONTOON_CRASHES` says otherwise.
const CRASHES: u64 = 6;
/// How many crashes lie between two looks at everything.
const CRASHES_PER_AUDIT: u64 = 3;
/// How long a server lives under load, at most, milliseconds.
const LIFE_MAX_MS: u64 = 700;

/// Makes one request after another; ends with the server.
type Writer<'l> = Box<dyn FnMut(&mut Client) -> Result<(), Lost> + Send + 'l>;

/// One kind of load, and what must be true of it.
trait Load: Sync {
    /// Creates its resources.
    fn create(&self, client: &mut Client);
    /// Its writers; each is run over and over on a thread of its own, and notes what was acknowledged.
    fn writers(&self) -> Vec<Writer<'_>>;
    /// Looks at everything while nobody writes.
    fn audit(&self, client: &mut Client);
    /// How much was acknowledged.
    fn report(&self) -> String;
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Lets all writers write until the server, killed after `life`, answers no more.
fn run_and_kill(data: &Path, loads: &[Box<dyn Load>], life: Duration) {
    let server = Server::start(data);
    thread::scope(|scope| {
        for mut writer in loads.iter().flat_map(|load| load.writers()) {
            let mut client = server.client();
            scope.spawn(move || while writer(&mut client).is_ok() {});
        }
        // The instant of death is what the test is about; it cannot wait for anything.
        thread::sleep(life);
        server.kill();
    });
}

#[test]
fn whatever_was_acknowledged_survives_kills_under_load() {
    let (crashes, seed) = (setting("PONTOON_CRASHES", CRASHES), setting("PONTOON_SEED", 1));
    let mut random = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let loads: [Box<dyn Load>; 4] = [
        Box::<queue::Messages>::default(),
        Box::<fifo::Ordered>::default(),
        Box::<bus::Published>::default(),
        Box::<table::Items>::default(),
    ];
    let first = Server::start(dir.path());
    loads.iter().for_each(|load| load.create(&mut first.client()));
    first.kill();
    let began = Instant::now();
    for crash in 1..=crashes {
        run_and_kill(dir.path(), &loads, Duration::from_millis(random.u64(20..LIFE_MAX_MS)));
        if random.u8(..4) == 0 {
            // Recovery itself is cut short now and then.
            let server = Server::spawn(dir.path());
            thread::sleep(Duration::from_millis(random.u64(..60)));
            server.kill();
        }
        if crash % CRASHES_PER_AUDIT == 0 || crash == crashes {
            let server = Server::start(dir.path());
            loads.iter().for_each(|load| load.audit(&mut server.client()));
            server.kill();
        }
    }
    println!("{crashes} kills under load in {:.0} s (PONTOON_SEED={seed})", began.elapsed().as_secs_f64());
    loads.iter().for_each(|load| println!("  {}", load.report()));
}
