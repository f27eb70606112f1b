//! Which of many intervals hold a value, without looking at the others.
//!
//! Most sets of intervals divide the values into parts. Intervals that do not overlap lie in one layer, where one search finds the one that may hold a
//! value. What finds no room in a few layers goes into an interval tree over a fixed universe: each interval waits at the longest run of leading bits that
//! all its values share. A value passes at most 129 such stations, and at each only intervals that hold it are touched.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::hash::{self, HashedMap};

#[derive(Debug, Clone, Default)]
pub(crate) struct Intervals {
    /// Intervals that do not overlap, by their lowest value, with the highest one.
    layers: Vec<BTreeMap<u128, (u128, u32)>>,
    /// By the hash of that run. Where hashes clash, intervals of another run may be found too.
    stations: HashedMap<Station>,
    /// The lengths of the runs at which intervals wait, ascending.
    lengths: Vec<u32>,
    count: usize,
}

/// Intervals that agree in their leading bits and differ in the next one, so that all hold its turning point.
#[derive(Debug, Clone)]
enum Station {
    /// So few that all are looked at.
    Few(Vec<Interval>),
    Many(Box<Sorted>),
}

#[derive(Debug, Clone, Copy)]
struct Interval {
    lowest: u128,
    highest: u128,
    id: u32,
}

/// Many intervals by their ends.
#[derive(Debug, Clone, Default)]
struct Sorted {
    by_lowest: BTreeSet<(u128, u32)>,
    by_highest: BTreeSet<(u128, u32)>,
}

/// How many layers there may be: each costs a search.
const LAYERS_MAX: usize = 2;

/// Intervals of a station that are looked at one by one.
const FEW_MAX: usize = 8;

impl Station {
    fn insert(&mut self, interval: Interval) {
        match self {
            Station::Few(few) if few.len() < FEW_MAX => few.push(interval),
            Station::Few(few) => {
                let mut sorted = Sorted::default();
                few.iter().for_each(|&interval| sorted.insert(interval));
                sorted.insert(interval);
                *self = Station::Many(Box::new(sorted));
            }
            Station::Many(sorted) => sorted.insert(interval),
        }
    }
}

impl Sorted {
    fn insert(&mut self, Interval { lowest, highest, id }: Interval) {
        self.by_lowest.insert((lowest, id));
        self.by_highest.insert((highest, id));
    }
}

impl Intervals {
    /// Adds an interval, both ends included.
    pub(crate) fn insert(&mut self, lowest: u128, highest: u128, id: u32) {
        self.count += 1;
        // Whatever lies before its end must end before its beginning.
        let has_room = |layer: &&mut BTreeMap<u128, (u128, u32)>| {
            layer.range(..=highest).next_back().is_none_or(|(_, &(end, _))| end < lowest)
        };
        if let Some(layer) = self.layers.iter_mut().find(has_room) {
            layer.insert(lowest, (highest, id));
        } else if self.layers.len() < LAYERS_MAX {
            self.layers.push(BTreeMap::from([(lowest, (highest, id))]));
        } else {
            self.station(lowest, highest, id);
        }
    }

    fn station(&mut self, lowest: u128, highest: u128, id: u32) {
        let length = (lowest ^ highest).leading_zeros();
        if let Err(at) = self.lengths.binary_search(&length) {
            self.lengths.insert(at, length);
        }
        let interval = Interval { lowest, highest, id };
        match self.stations.entry(key(lowest, length)) {
            Entry::Occupied(mut station) => station.get_mut().insert(interval),
            // Most stations have one.
            Entry::Vacant(vacant) => {
                vacant.insert(Station::Few(vec![interval]));
            }
        }
    }

    /// Hands on the intervals that hold `value`.
    pub(crate) fn collect(&self, value: u128, mut found: impl FnMut(u32)) {
        for layer in &self.layers {
            match layer.range(..=value).next_back() {
                Some((_, &(highest, id))) if highest >= value => found(id),
                _ => {}
            }
        }
        for &length in &self.lengths {
            match self.stations.get(&key(value, length)) {
                None => {}
                Some(Station::Few(few)) => few
                    .iter()
                    .filter(|interval| (interval.lowest..=interval.highest).contains(&value))
                    .for_each(|interval| found(interval.id)),
                Some(Station::Many(sorted)) => {
                    let below = length == u128::BITS || value >> (u128::BITS - 1 - length) & 1 == 0;
                    if below {
                        let holding = sorted.by_lowest.range(..=(value, u32::MAX));
                        holding.for_each(|&(_, id)| found(id));
                    } else {
                        let holding = sorted.by_highest.range((value, 0)..);
                        holding.for_each(|&(_, id)| found(id));
                    }
                }
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
            intervals.collect(value, |id| found.push(id));
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
