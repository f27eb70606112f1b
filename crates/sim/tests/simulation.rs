//! Runs of the simulation from many seeds.
//!
//! `PONTOON_SEED=7 PONTOON_STEPS=100000 cargo test -p pontoon-sim` for a long run from one seed.

use std::panic::{self, AssertUnwindSafe};

use pontoon_sim::Simulation;

/// Seeds of the runs, unless `PONTOON_SEED` names one.
const SEEDS: std::ops::Range<u64> = 0..4;
/// Commands of each run, unless `PONTOON_STEPS` says otherwise.
const STEPS: u32 = 400;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// Keeps the panics of injected faults, which are part of a run, out of the output.
fn quiet_faults() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if !message.starts_with("the store failed") {
            usual(info);
        }
    }));
}

fn run(seed: u64, steps: u32) -> (u64, usize) {
    let mut simulation = Simulation::new(seed);
    match panic::catch_unwind(AssertUnwindSafe(|| simulation.run(steps))) {
        Ok(fingerprint) => (fingerprint, simulation.crashes()),
        Err(failure) => {
            eprintln!("again with PONTOON_SEED={seed} PONTOON_STEPS={steps}");
            panic::resume_unwind(failure)
        }
    }
}

#[test]
fn the_engine_does_what_the_model_does_through_faults_and_crashes_and_the_same_for_the_same_seed() {
    quiet_faults();
    let steps = setting("PONTOON_STEPS").unwrap_or(STEPS);
    let seeds = setting("PONTOON_SEED").map_or(SEEDS, |seed| seed..seed + 1);
    let mut crashes = 0;
    for seed in seeds {
        let (fingerprint, crashed) = run(seed, steps);
        assert_eq!(run(seed, steps).0, fingerprint, "the second run from seed {seed} ended differently");
        crashes += crashed;
    }
    assert!(crashes > 0, "{steps} steps are too few for a crash");
}
