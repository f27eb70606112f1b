//! What a thread can do with a core of its own: by its own processor time, so that others on the machine disturb it less.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Rounds of which the best counts, because what disturbs a round only ever makes it slower.
const ROUNDS: usize = 5;

/// How long a round takes, roughly.
const ROUND: Duration = Duration::from_millis(60);

/// Processor time that this thread has had.
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// How many events a second can be matched; nothing unless it is measured in `full`.
pub fn per_second(full: bool, events: &[String], mut match_one: impl FnMut(&str)) -> f64 {
    if !full {
        match_one(&events[0]);
        return 0.0;
    }
    let mut best = 0.0_f64;
    for _ in 0..ROUNDS {
        let (began, mut done) = (cpu_time(), 0);
        loop {
            events.iter().for_each(|event| match_one(event));
            done += events.len();
            let took = cpu_time() - began;
            if took >= ROUND {
                best = best.max(done as f64 / took.as_secs_f64());
                break;
            }
        }
    }
    best
}

/// Memory of this process, where the system tells.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
