//! Raw bytes to matching rules: events per second on one core, and what a rule costs to compile and to keep.
//!
//! `cargo bench -p pontoon-pattern` measures, and kinds of rules may be named behind `--`; memory is right for the first kind only, because what one leaves
//! free the next uses. In the test suite each measurement runs once with few rules, so that it cannot rot. Every measurement
//! checks its result against the patterns one by one, so that a wrong answer is not a fast one.

mod measure;
mod workload;

use std::hint::black_box;

use measure::{per_second, resident_bytes};

use pontoon_pattern::{Event, Pattern, RuleSet};
use workload::{Rules, Size};

/// The workload's events are.
const JSON: &str = "an event of the workload is JSON";

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let counts: &[usize] = if full { &[1, 100, 1_000, 10_000, 100_000] } else { &[1, 30] };
    for size in [Size::Small, Size::Large] {
        let bytes: usize =
            workload::events(Rules::Mix, size, 1000).iter().map(String::len).sum::<usize>() / 64;
        println!("\n{size:?} events, {bytes} bytes on average: events/s by the number of rules\n");
        print!("| rules |");
        counts.iter().for_each(|count| print!(" {count} |"));
        println!(" compiling a rule | memory of a rule | parsed first |");
        println!("| --- |{}", " --- |".repeat(counts.len() + 3));
        for rules in Rules::ALL {
            if asked.is_empty() || asked.iter().any(|name| name == rules.name()) {
                row(rules, size, counts, full);
            }
        }
    }
}

fn row(rules: Rules, size: Size, counts: &[usize], full: bool) {
    print!("| {} |", rules.name());
    let mut last = None;
    for &count in counts {
        let events = workload::events(rules, size, count);
        let before = resident_bytes();
        let began = measure::cpu_time();
        let mut set = RuleSet::new();
        for number in 0..count {
            set.insert(number as u32, &pattern(rules, number));
        }
        let compiling = (measure::cpu_time() - began) / count as u32;
        let memory = resident_bytes().saturating_sub(before) / count as u64;
        check(&set, rules, &events, count);
        let rate = per_second(full, &events, |event| {
            let mut matched = Vec::new();
            set.matches_json_into(event.as_bytes(), &mut matched).expect(JSON);
            black_box(matched.len());
        });
        print!(" {rate:.0} |");
        last = Some((set, events, compiling, memory));
    }
    let Some((set, events, compiling, memory)) = last else { return };
    let parsed_first = per_second(full, &events, |event| {
        let event = Event::parse(event.as_bytes()).expect(JSON);
        black_box(set.matches(&event).len());
    });
    println!(" {:.2} µs | {memory} bytes | {parsed_first:.0} |", compiling.as_secs_f64() * 1e6);
}

/// The set gives the verdicts of the patterns one by one.
fn check(set: &RuleSet<u32>, rules: Rules, events: &[String], count: usize) {
    let first = count.min(200);
    let patterns: Vec<Pattern> = (0..first).map(|number| pattern(rules, number)).collect();
    let mut matches = 0;
    for text in events {
        let event = Event::parse(text.as_bytes()).expect(JSON);
        let found = set.matches_json(text.as_bytes()).expect(JSON);
        matches += found.len();
        let found: Vec<usize> =
            found.into_iter().map(|&number| number as usize).filter(|&number| number < first).collect();
        let expected: Vec<usize> = (0..first).filter(|&number| patterns[number].matches(&event)).collect();
        assert_eq!(found, expected, "{} on {text}", rules.name());
    }
    assert!(matches > 0, "{}: no event matches", rules.name());
}

fn pattern(rules: Rules, number: usize) -> Pattern {
    Pattern::parse(&rules.pattern(number)).expect("a pattern of the workload is good")
}
