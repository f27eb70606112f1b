//! Measuring: the best of several rounds, because what disturbs a round only ever makes it slower.

use std::future::Future;
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// To know how long it takes.
    Full,
    /// To know that it works.
    Small,
}

impl Size {
    /// Rounds of a measurement.
    pub fn rounds(self) -> u32 {
        if self == Self::Full { 7 } else { 1 }
    }

    /// Of so many times in full, how many.
    pub fn times(self, full: u32) -> u32 {
        if self == Self::Full { full } else { 3 }
    }
}

/// Prints how long one of `full` runs of `work` takes.
pub fn each<R>(size: Size, name: &str, full: u32, mut work: impl FnMut() -> R) {
    let times = size.times(full);
    let best = (0..size.rounds()).map(|_| {
        let began = Instant::now();
        for _ in 0..times {
            std::hint::black_box(work());
        }
        began.elapsed()
    });
    let best = best.min().unwrap_or_default();
    println!("{name:<52} {:>9.2} µs", best.as_secs_f64() * 1e6 / f64::from(times));
}

/// The best times of a round of two rivals, which take turns so that what disturbs one disturbs the other.
pub async fn rivals<A: Future<Output = ()>, B: Future<Output = ()>>(
    size: Size,
    mut first: impl FnMut() -> A,
    mut second: impl FnMut() -> B,
) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..size.rounds() {
        let began = Instant::now();
        first().await;
        best.0 = best.0.min(began.elapsed());
        let began = Instant::now();
        second().await;
        best.1 = best.1.min(began.elapsed());
    }
    best
}
