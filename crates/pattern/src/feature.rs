//! By what a test is found without being tried.
//!
//! Every test that can be looked up has features: all values that satisfy it share the whole text, how it begins or ends, a few bytes inside it, or an
//! interval. What is found is a candidate only and is always held against its whole pattern afterwards, so that a feature may promise too much but
//! never too little; that is why a hash stands for it.

use crate::case;
use crate::hash::{self, Growing};
use crate::ip::{Block, Digits};
use crate::number::NumberKey;
use crate::operator::Test;
use crate::wildcard::Wildcard;

/// What a hashed feature is of. Features of different kinds do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// The text without regard to case.
    Folded,
    Number,
    /// `true`, `false`, `null`, or the spelling of a number that is none.
    Literal,
    /// An address, by its first digits: eight or all.
    Address,
    Prefix,
    Suffix,
    FoldedPrefix,
    FoldedSuffix,
    /// A few bytes somewhere in the text.
    Gram,
}

impl Kind {
    /// Its bit in a set of kinds.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A feature of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Hashed {
        kind: Kind,
        hash: u64,
        /// Bytes (of addresses, digits) that were hashed.
        length: usize,
    },
    Cidr(Block),
    Range(NumberKey, NumberKey),
    /// Any value at all.
    Present,
    /// No value.
    Absent,
}

/// Windows of a run among which the least crowded may be chosen.
const WINDOWS_MAX: usize = 32;

impl Feature {
    /// The features of a test, any one of which finds it.
    pub(crate) fn of(test: &Test) -> Vec<Self> {
        let one = |kind, (hash, length)| vec![Feature::Hashed { kind, hash, length }];
        match test {
            Test::Exists(false) => vec![Feature::Absent],
            Test::Exists(true) | Test::AnythingBut(_) => vec![Feature::Present],
            Test::Text(text) => one(Kind::Text, (of_text(text), text.len())),
            Test::Number { key, .. } => one(Kind::Number, (of_number(*key), 0)),
            Test::Literal(text) => one(Kind::Literal, (of_text(text), 0)),
            Test::Address { block, .. } => {
                one(Kind::Address, (of_digits(block.first, block.count), block.count as usize))
            }
            Test::Cidr { block, .. } => vec![Feature::Cidr(**block)],
            Test::Range { lowest, highest, .. } => vec![Feature::Range(*lowest, *highest)],
            Test::Prefix(text) if !text.is_empty() => one(Kind::Prefix, Growing::of(text.bytes())),
            Test::Suffix(text) if !text.is_empty() => one(Kind::Suffix, Growing::of(text.bytes().rev())),
            Test::EqualsIgnoreCase(text) if case::folds(text) => {
                one(Kind::Folded, Growing::of(case::folded(text)))
            }
            Test::PrefixIgnoreCase(text) if case::folds(text) && !text.is_empty() => {
                one(Kind::FoldedPrefix, Growing::of(case::folded(text)))
            }
            Test::SuffixIgnoreCase(text) if case::folds(text) && !text.is_empty() => {
                one(Kind::FoldedSuffix, Growing::of(case::folded_backwards(text)))
            }
            Test::Wildcard(wildcard) => Self::of_wildcard(wildcard),
            Test::Prefix(_)
            | Test::Suffix(_)
            | Test::EqualsIgnoreCase(_)
            | Test::PrefixIgnoreCase(_)
            | Test::SuffixIgnoreCase(_) => vec![Feature::Present],
        }
    }

    /// How it begins, how it ends, and windows of the runs between its stars.
    fn of_wildcard(wildcard: &Wildcard) -> Vec<Self> {
        let [first, middle @ .., last] = wildcard.runs() else {
            return wildcard.runs().iter().flat_map(|only| Self::of(&Test::Text(only.clone()))).collect();
        };
        let mut features = Vec::new();
        if !first.is_empty() {
            features.append(&mut Self::of(&Test::Prefix(first.clone())));
        }
        if !last.is_empty() {
            features.append(&mut Self::of(&Test::Suffix(last.clone())));
        }
        for run in middle {
            let length = gram_length(run.len());
            let windows = run.as_bytes().windows(length.max(1)).take(WINDOWS_MAX);
            features.extend(windows.map(|gram| Feature::Hashed {
                kind: Kind::Gram,
                hash: of_gram(gram),
                length,
            }));
        }
        if features.is_empty() { vec![Feature::Present] } else { features }
    }
}

/// How many bytes of a run are looked for: few different numbers, because each is one more pass over every text.
fn gram_length(run: usize) -> usize {
    match run {
        8.. => 8,
        4.. => 4,
        _ => run,
    }
}

pub(crate) fn of_text(text: &str) -> u64 {
    hash::bytes(0, text.as_bytes())
}

pub(crate) fn of_number(key: NumberKey) -> u64 {
    hash::mix(key, 0)
}

/// The hash of the first digits of an address.
pub(crate) fn of_digits(bits: u128, count: u32) -> u64 {
    let first = bits & !u128::MAX.checked_shr(4 * count).unwrap_or(0);
    hash::mix(first as u64, (first >> 64) as u64 ^ u64::from(count))
}

/// The counts of digits by which an address may be found.
pub(crate) fn address_lengths(digits: Digits) -> impl Iterator<Item = u32> {
    [8, 32].into_iter().filter(move |&count| count <= digits.count)
}

pub(crate) fn of_gram(gram: &[u8]) -> u64 {
    hash::bytes(gram.len() as u64, gram)
}
