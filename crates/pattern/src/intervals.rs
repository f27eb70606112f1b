//! Which of many intervals hold a value, without looking at the others.
//!
//! An interval tree over a fixed universe: each interval waits at the longest run of leading bits that all its
//! values share. A value passes at most 129 such stations, and at each only intervals that hold it are touched.

use std::collections::BTreeSet;

use crate::hash::{self, HashedMap};

#[derive(Debug, Clone, Default)]
pub(crate) struct Intervals {
    /// By the hash of that run. Where hashes clash, intervals of another run may be found too.
    stations: HashedMap<Station>,
    /// The lengths of the runs at which intervals wait, ascending.
    lengths: Vec<u32>,
    count: usize,
}

/// Intervals that agree in their leading bits and differ in the next one, so that all hold its turning point.
#[derive(Debug, Clone, Default)]
struct Station {
    by_lowest: BTreeSet<(u128, u32)>,
    by_highest: BTreeSet<(u128, u32)>,
}

impl Intervals {
    /// Adds an interval, both ends included.
    pub(crate) fn insert(&mut self, lowest: u128, highest: u128, id: u32) {
        let length = (lowest ^ highest).leading_zeros();
        if let Err(at) = self.lengths.binary_search(&length) {
            self.lengths.insert(at, length);
        }
        let station = self.stations.entry(key(lowest, length)).or_default();
        station.by_lowest.insert((lowest, id));
        station.by_highest.insert((highest, id));
        self.count += 1;
    }

    /// Appends the intervals that hold `value`.
    pub(crate) fn collect(&self, value: u128, found: &mut Vec<u32>) {
        for &length in &self.lengths {
            let Some(station) = self.stations.get(&key(value, length)) else { continue };
            let below_turning_point = length == u128::BITS || value >> (u128::BITS - 1 - length) & 1 == 0;
            if below_turning_point {
                found.extend(station.by_lowest.range(..=(value, u32::MAX)).map(|&(_, id)| id));
            } else {
                found.extend(station.by_highest.range((value, 0)..).map(|&(_, id)| id));
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

/// The hash of a value's first bits.
fn key(value: u128, length: u32) -> u64 {
    let leading = leading(value, length);
    hash::mix(hash::mix(leading as u64, (leading >> 64) as u64), u64::from(length))
}

fn leading(value: u128, length: u32) -> u128 {
    value & !u128::MAX.checked_shr(length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Intervals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_exactly_the_intervals_that_hold_the_value(
            ends in prop::collection::vec((0u128..64, 0u128..64, any::<bool>()), 0..40),
            value in 0u128..64,
            high in any::<bool>(),
        ) {
            let place = |value: u128, high: bool| if high { u128::MAX - value } else { value };
            let mut intervals = Intervals::default();
            let mut expected = Vec::new();
            let value = place(value, high);
            for (id, (a, b, high)) in ends.into_iter().enumerate() {
                let (a, b) = (place(a, false), place(b, high));
                let (lowest, highest) = (a.min(b), a.max(b));
                intervals.insert(lowest, highest, id as u32);
                if (lowest..=highest).contains(&value) {
                    expected.push(id as u32);
                }
            }
            let mut found = Vec::new();
            intervals.collect(value, &mut found);
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
