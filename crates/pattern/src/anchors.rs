//! For the values at one path: which tests they may satisfy, without trying each.
//!
//! Every test that can be looked up has an anchor, a feature that all values satisfying it share: the whole text,
//! how it begins or ends, a few bytes inside it, an interval. What is found is a candidate only and is always held
//! against its whole pattern afterwards, so that an anchor may promise too much but never too little.

use std::collections::HashMap;

use crate::event::Scalar;
use crate::index::{Bucket, Finds};
use crate::intervals::Intervals;
use crate::ip::{Block, Digits};
use crate::number::NumberKey;
use crate::operator::Test;
use crate::path::{HASH_START, extend_hash_by};
use crate::wildcard::Wildcard;

/// Cost of a condition that nearly every event with the field satisfies.
pub(crate) const UNSELECTIVE: usize = 1000;

/// A feature by which a test is found.
pub(crate) enum Anchor {
    Text(Box<str>),
    /// A text without regard to case, in lower case and of ASCII only.
    Folded(Box<str>),
    Number(NumberKey),
    Literal(Box<str>),
    Block(Block),
    Range(NumberKey, NumberKey),
    Prefix(Affix),
    Suffix(Affix),
    FoldedPrefix(Affix),
    FoldedSuffix(Affix),
    /// A run somewhere in the text, found by any few bytes of it.
    Infix(Vec<Gram>),
    /// Any value at all.
    Any,
}

impl Anchor {
    /// The anchor of a test, or `None` for the absence of the field.
    pub(crate) fn of(test: &Test) -> Option<Self> {
        Some(match test {
            Test::Exists(false) => return None,
            Test::Exists(true) | Test::AnythingBut(_) => Anchor::Any,
            Test::Text(text) => Anchor::Text(text.clone()),
            Test::Number { key, .. } => Anchor::Number(*key),
            Test::Literal(text) => Anchor::Literal(text.clone()),
            Test::Address { block, .. } | Test::Cidr { block, .. } => Anchor::Block(*block),
            Test::Range { lowest, highest, .. } => Anchor::Range(*lowest, *highest),
            Test::Prefix(text) if !text.is_empty() => Anchor::Prefix(Affix::prefix(text.bytes())),
            Test::Suffix(text) if !text.is_empty() => Anchor::Suffix(Affix::prefix(text.bytes().rev())),
            Test::Prefix(_) | Test::Suffix(_) => Anchor::Any,
            Test::EqualsIgnoreCase(text) if text.is_ascii() => {
                Anchor::Folded(text.to_ascii_lowercase().into())
            }
            Test::PrefixIgnoreCase(text) if text.is_ascii() && !text.is_empty() => {
                Anchor::FoldedPrefix(Affix::prefix(lower(text.bytes())))
            }
            Test::SuffixIgnoreCase(text) if text.is_ascii() && !text.is_empty() => {
                Anchor::FoldedSuffix(Affix::prefix(lower(text.bytes().rev())))
            }
            // A letter beyond ASCII may change its length with its case, so that no fixed bytes are common to all.
            Test::EqualsIgnoreCase(_) | Test::PrefixIgnoreCase(_) | Test::SuffixIgnoreCase(_) => Anchor::Any,
            Test::Wildcard(wildcard) => Self::of_wildcard(wildcard),
        })
    }

    /// The longest of a wildcard's literal runs.
    fn of_wildcard(wildcard: &Wildcard) -> Self {
        let [first, middle @ .., last] = wildcard.runs() else {
            return wildcard.runs().first().map_or(Anchor::Any, |only| Anchor::Text(only.clone()));
        };
        let longest = middle.iter().max_by_key(|run| run.len()).map_or("", |run| run);
        let most = first.len().max(last.len()).max(longest.len());
        match most {
            0 => Anchor::Any,
            _ if first.len() == most => Anchor::Prefix(Affix::prefix(first.bytes())),
            _ if last.len() == most => Anchor::Suffix(Affix::prefix(last.bytes().rev())),
            _ => Anchor::Infix(Gram::all_of(longest.as_bytes())),
        }
    }
}

fn lower(bytes: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
    bytes.map(|byte| byte.to_ascii_lowercase())
}

/// The beginning of a text (or, read backwards, its ending) as its length and its hash.
#[derive(Clone, Copy)]
pub(crate) struct Affix {
    length: usize,
    hash: u64,
}

impl Affix {
    fn prefix(bytes: impl Iterator<Item = u8>) -> Self {
        bytes.fold(Self { length: 0, hash: HASH_START }, |affix, byte| Self {
            length: affix.length + 1,
            hash: extend_hash_by(affix.hash, byte),
        })
    }
}

/// Up to eight bytes from inside a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Gram {
    length: usize,
    bytes: u64,
}

impl Gram {
    const BYTES_MAX: usize = 8;

    /// Windows among which the least crowded is chosen.
    const WINDOWS_MAX: usize = 64;

    /// The windows of a run, of as many bytes as there may be.
    fn all_of(run: &[u8]) -> Vec<Self> {
        run.windows(run.len().clamp(1, Self::BYTES_MAX)).take(Self::WINDOWS_MAX).map(Self::of).collect()
    }

    fn of(bytes: &[u8]) -> Self {
        let packed = bytes.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte));
        Self { length: bytes.len(), bytes: packed }
    }
}

/// Everything that is looked for at one path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anchors {
    texts: HashMap<Box<str>, Bucket>,
    folded: HashMap<Box<str>, Bucket>,
    numbers: HashMap<NumberKey, Bucket>,
    literals: HashMap<Box<str>, Bucket>,
    blocks: Intervals,
    ranges: Intervals,
    prefixes: Affixes,
    suffixes: Affixes,
    folded_prefixes: Affixes,
    folded_suffixes: Affixes,
    infixes: Infixes,
    any: Vec<u32>,
}

/// Where a conjunction is put for an anchor.
pub(crate) enum Place<'a> {
    Bucket(&'a mut Bucket),
    Done,
}

impl Anchors {
    /// How many candidates an event with this feature would be held against, roughly.
    pub(crate) fn cost(&self, anchor: &Anchor) -> usize {
        let weight = |bucket: Option<&Bucket>| bucket.map_or(0, Bucket::weight);
        match anchor {
            Anchor::Text(text) => weight(self.texts.get(text)),
            Anchor::Folded(text) => weight(self.folded.get(text)),
            Anchor::Number(key) => weight(self.numbers.get(key)),
            // `true`, `false` and `null` divide events into few parts.
            Anchor::Literal(text) => 4 + weight(self.literals.get(text)),
            Anchor::Block(_) => 4 + self.blocks.len() / 8,
            Anchor::Range(..) => 8 + self.ranges.len() / 4,
            Anchor::Prefix(affix) => 2 + weight(self.prefixes.get(affix)),
            Anchor::Suffix(affix) => 2 + weight(self.suffixes.get(affix)),
            Anchor::FoldedPrefix(affix) => 2 + weight(self.folded_prefixes.get(affix)),
            Anchor::FoldedSuffix(affix) => 2 + weight(self.folded_suffixes.get(affix)),
            Anchor::Infix(grams) => 4 + grams.iter().map(|gram| self.infixes.weight(gram)).min().unwrap_or(0),
            Anchor::Any => UNSELECTIVE + self.any.len(),
        }
    }

    pub(crate) fn place(&mut self, anchor: Anchor, id: u32) -> Place<'_> {
        Place::Bucket(match anchor {
            Anchor::Text(text) => self.texts.entry(text).or_default(),
            Anchor::Folded(text) => self.folded.entry(text).or_default(),
            Anchor::Number(key) => self.numbers.entry(key).or_default(),
            Anchor::Literal(text) => self.literals.entry(text).or_default(),
            Anchor::Prefix(affix) => self.prefixes.entry(affix),
            Anchor::Suffix(affix) => self.suffixes.entry(affix),
            Anchor::FoldedPrefix(affix) => self.folded_prefixes.entry(affix),
            Anchor::FoldedSuffix(affix) => self.folded_suffixes.entry(affix),
            Anchor::Infix(grams) => self.infixes.entry(&grams),
            Anchor::Block(block) => {
                self.blocks.insert(block.first, block.last, id);
                return Place::Done;
            }
            Anchor::Range(lowest, highest) => {
                self.ranges.insert(widened(lowest), widened(highest), id);
                return Place::Done;
            }
            Anchor::Any => {
                self.any.push(id);
                return Place::Done;
            }
        })
    }

    /// Appends what any of the values may satisfy.
    pub(crate) fn collect<'v, 'e: 'v>(
        &self,
        values: impl Iterator<Item = &'v Scalar<'e>>,
        finds: &mut Finds<'_, '_>,
    ) {
        let mut has_value = false;
        for value in values {
            has_value = true;
            match value {
                Scalar::Text(text) => self.collect_text(text, finds),
                Scalar::Number { text, key } => self.collect_number(text, *key, finds),
                Scalar::True => finds.open(self.literals.get("true")),
                Scalar::False => finds.open(self.literals.get("false")),
                Scalar::Null => finds.open(self.literals.get("null")),
            }
        }
        if has_value {
            finds.found.extend_from_slice(&self.any);
        }
    }

    fn collect_number(&self, text: &str, key: Option<NumberKey>, finds: &mut Finds<'_, '_>) {
        if let Some(key) = key {
            finds.open(self.numbers.get(&key));
            self.ranges.collect(widened(key), finds.found);
        }
        finds.open(self.literals.get(text));
        if self.blocks.len() > 0 {
            self.blocks.collect(Digits::of_number(text).bits, finds.found);
        }
    }

    fn collect_text(&self, text: &str, finds: &mut Finds<'_, '_>) {
        finds.open(self.texts.get(text));
        if !self.folded.is_empty() {
            finds.open(self.folded.get(text.to_ascii_lowercase().as_str()));
        }
        if self.blocks.len() > 0
            && let Some(digits) = Digits::of_address(text)
        {
            self.blocks.collect(digits.bits, finds.found);
        }
        self.prefixes.collect(text.bytes(), finds);
        self.suffixes.collect(text.bytes().rev(), finds);
        self.folded_prefixes.collect(lower(text.bytes()), finds);
        self.folded_suffixes.collect(lower(text.bytes().rev()), finds);
        self.infixes.collect(text.as_bytes(), finds);
    }
}

/// A number's place in the universe that it shares with addresses.
fn widened(key: NumberKey) -> u128 {
    u128::from(key)
}

#[derive(Debug, Clone, Default)]
struct Affixes {
    buckets: HashMap<u64, Bucket>,
    /// The lengths that occur, ascending.
    lengths: Vec<usize>,
}

impl Affixes {
    fn get(&self, affix: &Affix) -> Option<&Bucket> {
        self.buckets.get(&affix.hash)
    }

    fn entry(&mut self, affix: Affix) -> &mut Bucket {
        if let Err(at) = self.lengths.binary_search(&affix.length) {
            self.lengths.insert(at, affix.length);
        }
        self.buckets.entry(affix.hash).or_default()
    }

    /// One pass over the text finds all its beginnings, because each one's hash continues the one before.
    fn collect(&self, mut bytes: impl Iterator<Item = u8>, finds: &mut Finds<'_, '_>) {
        let mut affix = Affix { length: 0, hash: HASH_START };
        for &length in &self.lengths {
            while affix.length < length {
                let Some(byte) = bytes.next() else { return };
                affix = Affix { length: affix.length + 1, hash: extend_hash_by(affix.hash, byte) };
            }
            finds.open(self.buckets.get(&affix.hash));
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Infixes {
    grams: HashMap<Gram, Bucket>,
    lengths: Vec<usize>,
}

impl Infixes {
    fn weight(&self, gram: &Gram) -> usize {
        self.grams.get(gram).map_or(0, Bucket::weight)
    }

    /// The bucket of the gram that fewest share.
    fn entry(&mut self, grams: &[Gram]) -> &mut Bucket {
        let gram = grams.iter().min_by_key(|gram| self.weight(gram)).copied();
        let gram = gram.unwrap_or(Gram { length: 0, bytes: 0 });
        if gram.length > 0 && !self.lengths.contains(&gram.length) {
            self.lengths.push(gram.length);
        }
        self.grams.entry(gram).or_default()
    }

    fn collect(&self, text: &[u8], finds: &mut Finds<'_, '_>) {
        for &length in &self.lengths {
            for window in text.windows(length) {
                finds.open(self.grams.get(&Gram::of(window)));
            }
        }
    }
}
