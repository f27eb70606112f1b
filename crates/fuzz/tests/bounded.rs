//! Every target over its corpus and over mutations of that: a bounded run of what `fuzz/` does without end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use pontoon_fuzz::TARGETS;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs that a target begins with.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fuzz().join("corpus").join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no corpus");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// One change of an input, at a place given as a part of its length.
#[derive(Clone, Debug)]
enum Change {
    Cut(f64),
    Remove(f64, usize),
    Flip(f64, u8),
    Insert(f64, Vec<u8>),
    /// Writes a part of the input once more, so many times.
    Repeat(f64, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    // What the formats give a meaning to, and the edges of numbers.
    let words: [&[u8]; 16] = [
        b"{",
        b"[",
        b"\"",
        b"\\u0000",
        b"null",
        b"-1",
        b"1e999",
        b"99999999999999999999",
        b"&",
        b"%",
        b"=",
        b"<a>",
        b"<!DOCTYPE",
        b"\xff\xff\xff\xff",
        b"\x9f",
        b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    ];
    let inserted = prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 1..8),
    ];
    let at = || 0.0..1.0_f64;
    prop_oneof![
        at().prop_map(Change::Cut),
        (at(), 1..16_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (at(), inserted).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1..32_usize, 1..400_usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
    ]
}

fn apply(input: &mut Vec<u8>, change: &Change) {
    let place = |at: f64| (input.len() as f64 * at) as usize;
    match change {
        Change::Cut(at) => input.truncate(place(*at)),
        Change::Remove(at, count) => {
            let at = place(*at);
            input.drain(at..input.len().min(at + count));
        }
        Change::Flip(at, bits) => {
            let at = place(*at);
            if let Some(byte) = input.get_mut(at) {
                *byte ^= bits;
            }
        }
        Change::Insert(at, bytes) => {
            let at = place(*at);
            input.splice(at..at, bytes.iter().copied());
        }
        Change::Repeat(at, length, times) => {
            let at = place(*at);
            let part = input[at..input.len().min(at + length)].repeat(*times);
            input.splice(at..at, part);
        }
    }
}

#[test]
fn no_target_breaks_over_its_corpus_and_mutations_of_it() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        corpus.iter().for_each(|input| target(input));
        let mutated = (prop::sample::select(corpus), prop::collection::vec(change(), 1..6));
        let run = TestRunner::default().run(&mutated, |(mut input, changes)| {
            changes.iter().for_each(|change| apply(&mut input, change));
            target(&input);
            Ok(())
        });
        assert!(run.is_ok(), "{name}: {}", run.unwrap_err());
    }
}

#[test]
fn every_target_is_handed_to_the_fuzzer() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let file = fuzz().join("fuzz_targets").join(name).with_extension("rs");
        let source = std::fs::read_to_string(&file).unwrap();
        assert!(source.contains(&format!("pontoon_fuzz::{name}(data)")), "{} hands on to it", file.display());
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")));
    }
    let files = std::fs::read_dir(fuzz().join("fuzz_targets")).unwrap();
    assert_eq!(files.count(), TARGETS.len(), "every file is of a target");
}
