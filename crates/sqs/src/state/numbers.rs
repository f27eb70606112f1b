//! Sets and maps of message numbers, made for numbers that lie close together, as those of a backlog do.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// What is known by message number.
pub type ByNumber<V> = HashMap<u64, V, BuildHasherDefault<NumberHasher>>;

/// How many numbers in a row lie beside each other in a [`ByNumber`].
const ROW: u64 = 64;

/// Leaves numbers in a row beside each other: they are added, received and removed one after another, and each would otherwise be a page of memory that the
/// caches do not have. Rows are spread, so that no pattern of numbers makes them meet.
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(number / ROW) * 0x9e37_79b9_7f4a_7c15;
        let row = (product >> 64) as u64 ^ product as u64;
        // The lowest bits choose the place; the highest seven tell those apart that are found there.
        self.0 = ((row >> 7) & !(ROW - 1)) | (number % ROW) | (number << 57);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How many numbers share a word.
const WORD: u64 = u64::BITS as u64;

/// A set of numbers: one bit for each, in words that are kept as long as any bit of theirs is set. A backlog of ten million takes five megabytes; a
/// number far from all others about thirty bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    words: BTreeMap<u64, u64>,
    len: usize,
}

impl Numbers {
    /// Adds a number; whether it is new.
    pub fn insert(&mut self, number: u64) -> bool {
        let word = self.words.entry(number / WORD).or_default();
        let new = *word & bit(number) == 0;
        *word |= bit(number);
        self.len += usize::from(new);
        new
    }

    /// Removes a number; whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some(word) = self.words.get_mut(&(number / WORD)) else { return false };
        let known = *word & bit(number) != 0;
        *word &= !bit(number);
        if *word == 0 {
            self.words.remove(&(number / WORD));
        }
        self.len -= usize::from(known);
        known
    }

    /// Whether a number is there.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.words.get(&(number / WORD)).is_some_and(|word| word & bit(number) != 0)
    }

    /// The smallest.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.words.first_key_value().map(|(at, word)| at * WORD + u64::from(word.trailing_zeros()))
    }

    /// All, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.words.iter().flat_map(|(at, word)| {
            (0..WORD).filter(move |low| word & (1 << low) != 0).map(move |low| at * WORD + low)
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

fn bit(number: u64) -> u64 {
    1 << (number % WORD)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(changes in prop::collection::vec((any::<bool>(), 0..300_u64, 0..3_u64), 0..200)) {
            let (mut numbers, mut plain) = (Numbers::default(), BTreeSet::new());
            for (add, low, high) in changes {
                let number = low + (high << 40);
                let changed = if add { numbers.insert(number) } else { numbers.remove(number) };
                prop_assert_eq!(changed, if add { plain.insert(number) } else { plain.remove(&number) });
                prop_assert_eq!(numbers.contains(number), add);
                prop_assert_eq!((numbers.first(), numbers.len()), (plain.first().copied(), plain.len()));
            }
            prop_assert!(numbers.iter().eq(plain.iter().copied()));
            prop_assert_eq!(numbers.is_empty(), plain.is_empty());
        }
    }

    #[test]
    fn numbers_in_a_row_lie_beside_each_other_and_rows_apart() {
        use std::hash::BuildHasher as _;
        let hash = |number| BuildHasherDefault::<NumberHasher>::default().hash_one::<u64>(number);
        assert!((0..63).all(|number| hash(number + 1) % (1 << 18) == hash(number) % (1 << 18) + 1));
        // Of one number in each row, whichever multiple of a power of two the rows are, none lies where more than a few others do.
        for distance in (6..40).map(|power| 1_u64 << power) {
            let mut places = BTreeMap::new();
            for number in (0..1_u64 << 12).map(|row| row * distance) {
                *places.entry(hash(number) % (1 << 18)).or_insert(0) += 1;
            }
            assert!(places.values().all(|numbers| *numbers < 16), "{distance}: {places:?}");
        }
    }

    #[test]
    fn the_last_number_there_is_can_be_held() {
        let mut numbers = Numbers::default();
        assert!(numbers.insert(u64::MAX));
        assert_eq!((numbers.first(), numbers.iter().collect::<Vec<_>>()), (Some(u64::MAX), vec![u64::MAX]));
        assert!(numbers.remove(u64::MAX));
        assert_eq!(numbers, Numbers::default());
    }
}
