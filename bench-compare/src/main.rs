//! Pontoon's rule set beside `quamina`, by the same events and rules, in turns on one core.
//!
//! `cargo run --release --manifest-path bench-compare/Cargo.toml`; names of kinds of rules may follow. Where both take a
//! pattern they must find the same number of matches, so that a wrong answer is not a fast one. The registry's `event-ruler` is not here: it is an empty
//! crate, version 0.1.0 with nothing but a template's test.

#[allow(dead_code, reason = "memory is measured where only one matcher is")]
#[path = "../../crates/pattern/benches/matching/measure.rs"]
mod measure;
#[path = "../../crates/pattern/benches/matching/workload.rs"]
mod workload;

use std::hint::black_box;
use std::panic::AssertUnwindSafe;

use pontoon_pattern::{Pattern, RuleSet};
use quamina::Quamina;
use workload::{Rules, Size};

const COUNTS: [usize; 5] = [1, 100, 1_000, 10_000, 100_000];

/// Seconds that a matcher may take to compile a set.
const COMPILING_SECS_MAX: u64 = 60;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    for size in [Size::Small, Size::Large] {
        println!("\n{size:?} events: events/s by the number of rules, quamina's behind the stroke\n");
        print!("| rules |");
        COUNTS.iter().for_each(|count| print!(" {count} |"));
        println!("\n| --- |{}", " --- |".repeat(COUNTS.len()));
        for rules in Rules::ALL {
            if asked.is_empty() || asked.iter().any(|name| name == rules.name()) {
                print!("| {} |", rules.name());
                COUNTS.iter().for_each(|&count| print!(" {} |", cell(rules, size, count)));
                println!();
            }
        }
    }
}

fn cell(rules: Rules, size: Size, count: usize) -> String {
    let events = workload::events(rules, size, count);
    let mut set = RuleSet::new();
    for number in 0..count {
        set.insert(
            number as u32,
            &Pattern::parse(&rules.pattern(number)).expect("the workload's patterns are good"),
        );
    }
    let ours = measure::per_second(true, &events, |event| {
        black_box(set.matches_json(event.as_bytes()).expect("the workload's events are JSON").len());
    });
    // Some sets of rules make it panic.
    let theirs = std::panic::catch_unwind(AssertUnwindSafe(|| theirs(rules, &events, count, &set)));
    let theirs = theirs.unwrap_or_else(|_| "panics".to_owned());
    format!("{ours:.0} / {theirs}")
}

fn theirs(rules: Rules, events: &[String], count: usize, set: &RuleSet<u32>) -> String {
    let other = match other(rules, count) {
        Err(why) => return why,
        Ok(other) => other,
    };
    let differs = |event: &&String| {
        let found = other.matches_for_event(event.as_bytes()).map_or(usize::MAX, |found| found.len());
        set.matches_json(event.as_bytes()).map_or(0, |found| found.len()) != found
    };
    match events.iter().filter(differs).count() {
        0 => {
            let rate = measure::per_second(true, events, |event| {
                black_box(other.matches_for_event(event.as_bytes()).map_or(0, |found| found.len()));
            });
            format!("{rate:.0}")
        }
        wrong => format!("{wrong} of {} verdicts differ", events.len()),
    }
}

fn other(rules: Rules, count: usize) -> Result<Quamina<u32>, String> {
    let mut other = Quamina::new();
    let began = measure::cpu_time();
    for number in 0..count {
        let added = other.add_pattern(number as u32, &rules.pattern(number));
        if let Err(error) = added {
            eprintln!("{}: {error}", rules.name());
            return Err(format!("refuses rule {}", number + 1));
        }
        if (measure::cpu_time() - began).as_secs() > COMPILING_SECS_MAX {
            return Err(format!("no end of compiling after {COMPILING_SECS_MAX} s"));
        }
    }
    Ok(other)
}
