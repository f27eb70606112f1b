//! Any bytes whatever: nothing panics, and all ways to match agree. `fuzz/` looks further; this is the part that always runs.

use pontoon_pattern::{Event, Pattern, RuleSet};

/// A generator of numbers that are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

const SEEDS: [&str; 8] = [
    r#"{"source":["shop",{"prefix":"a"},{"suffix":{"equals-ignore-case":"é"}}],"detail":{"n":[{"numeric":[">",1,"<=",5e3]}]}}"#,
    r#"{"$or":[{"a":[{"anything-but":{"wildcard":["*x*","y\\*"]}}]},{"b":[{"cidr":"10.0.0.0/8"},{"exists":false}]}]}"#,
    r#"{"a":[null,true,1.50,"\ud83d\ude00"],"b":{"c":[{"wildcard":"a*b*c"}]}}"#,
    r#"{"source":"shop","detail":{"n":-12.5e+1,"list":[{"a":1,"b":[true,null]},[[]],"x"]}}"#,
    r#"{"a":"10.1.2.3","b":{"c":"aXbYc","d":"\u00e9\n"},"a":[1,{"k":{}}]}"#,
    r#"{"a.b":{"":[1]},"":{"x":["y"]}}"#,
    "{\"a\" :\t[ 1 ,\r\n 2 ] }",
    r#"{"detail":{"items":[{"sku":"a","n":1},{"sku":"b","n":2}]}}"#,
];

const PIECES: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u",
    "null",
    "1e",
    "-",
    "*",
    "é",
    "{\"exists\":false}",
    "\u{0}",
];

/// A seed with some of its bytes changed, removed, repeated or replaced by pieces of syntax.
fn mutated(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = SEEDS[numbers.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(4) {
            0 if !bytes.is_empty() => bytes[at] = numbers.next() as u8,
            1 => bytes.truncate(at),
            2 => {
                let piece = PIECES[numbers.below(PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
            _ => {
                let end = (at + numbers.below(20)).min(bytes.len());
                let run = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, run);
            }
        }
    }
    bytes
}

/// Patterns that are kept at once; further ones replace them.
const PATTERNS_MAX: usize = 40;

#[test]
fn bytes_of_any_kind_are_refused_or_matched_and_nothing_panics() {
    let mut numbers = Numbers(5);
    let (mut patterns, mut set) = (Vec::new(), RuleSet::new());
    let (mut events, mut matches) = (0, 0);
    for round in 0..6_000_usize {
        let bytes = mutated(&mut numbers);
        if let Some(pattern) = std::str::from_utf8(&bytes).ok().and_then(|text| Pattern::parse(text).ok()) {
            let place =
                if patterns.len() < PATTERNS_MAX { patterns.len() } else { numbers.below(PATTERNS_MAX) };
            set.insert(place, &pattern);
            match patterns.get_mut(place) {
                Some(old) => *old = pattern,
                None => patterns.push(pattern),
            }
        }
        let of_text = set.matches_json(&bytes);
        let Ok(event) = Event::parse(&bytes) else {
            assert!(of_text.is_err(), "round {round}: {}", String::from_utf8_lossy(&bytes));
            continue;
        };
        events += 1;
        let mut found: Vec<usize> = set.matches(&event).into_iter().copied().collect();
        found.sort_unstable();
        let mut of_text: Vec<usize> = of_text.into_iter().flatten().copied().collect();
        of_text.sort_unstable();
        let explained = patterns.iter().map(|pattern| pattern.explain(&event).matched);
        let expected: Vec<usize> =
            explained.enumerate().filter(|(_, matched)| *matched).map(|(n, _)| n).collect();
        matches += found.len();
        assert_eq!(found, expected, "round {round}: {}", String::from_utf8_lossy(&bytes));
        assert_eq!(of_text, expected, "round {round}: {}", String::from_utf8_lossy(&bytes));
    }
    assert!(patterns.len() > 30 && events > 500 && matches > 100, "{} {events} {matches}", patterns.len());
}
