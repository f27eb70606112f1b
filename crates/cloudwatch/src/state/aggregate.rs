//! What is known of the values of one metric in one stretch of time.

/// How many distinct values one stored stretch keeps apart; beyond it the two that lie closest together are merged.
pub const VALUES_MAX: usize = 150;

/// Values with their counts, and what remains of statistic sets, whose values are not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// How many values.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
    /// Distinct values in ascending order, each with its count. Exact as long as nothing was merged.
    pub values: Vec<(f64, f64)>,
    /// Whether statistic sets of unlike values are in it: there are no percentiles then, as in AWS.
    pub has_sets: bool,
}

impl Default for Aggregate {
    fn default() -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            values: Vec::new(),
            has_sets: false,
        }
    }
}

impl Aggregate {
    /// Adds `value`, seen `count` times.
    pub fn add(&mut self, value: f64, count: f64) {
        // A count of nothing would make a minimum out of no value.
        if count <= 0.0 {
            return;
        }
        self.count += count;
        self.sum += value * count;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        match self.values.binary_search_by(|(seen, _)| seen.total_cmp(&value)) {
            Ok(at) => self.values[at].1 += count,
            Err(at) => self.values.insert(at, (value, count)),
        }
    }

    /// Adds a statistic set: `count` values between `minimum` and `maximum` that sum to `sum`. When they are all alike they are known.
    pub fn add_set(&mut self, count: f64, sum: f64, minimum: f64, maximum: f64) {
        if count <= 0.0 {
            return;
        }
        if minimum == maximum && sum == minimum * count {
            self.add(minimum, count);
            return;
        }
        self.count += count;
        self.sum += sum;
        self.minimum = self.minimum.min(minimum);
        self.maximum = self.maximum.max(maximum);
        self.has_sets = true;
    }

    /// Adds everything that another aggregate holds.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.has_sets |= other.has_sets;
        let mut merged = Vec::with_capacity(self.values.len() + other.values.len());
        let (mut own, mut added) = (self.values.iter().peekable(), other.values.iter().peekable());
        while let (Some((a, n)), Some((b, m))) = (own.peek(), added.peek()) {
            let pair = match a.total_cmp(b) {
                std::cmp::Ordering::Less => (*a, *n),
                std::cmp::Ordering::Greater => (*b, *m),
                std::cmp::Ordering::Equal => (*a, n + m),
            };
            if a.total_cmp(b).is_le() {
                own.next();
            }
            if pair.0.total_cmp(b).is_eq() {
                added.next();
            }
            merged.push(pair);
        }
        merged.extend(own);
        merged.extend(added);
        self.values = merged;
    }

    /// Merges the closest neighbours until at most [`VALUES_MAX`] distinct values are left. Count and sum stay as they are.
    pub fn compact(&mut self) {
        while self.values.len() > VALUES_MAX {
            let gap = |pair: &[(f64, f64)]| pair[1].0 - pair[0].0;
            let closest = self.values.windows(2).enumerate().min_by(|a, b| gap(a.1).total_cmp(&gap(b.1)));
            let Some((at, _)) = closest else { return };
            let (high, m) = self.values.remove(at + 1);
            let (low, n) = self.values[at];
            self.values[at] = ((low * n + high * m) / (n + m), n + m);
        }
    }

    /// Whether count, sum, minimum and maximum follow from the values exactly, so that these alone need storing.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let mut of_values = Self::default();
        for (value, count) in &self.values {
            of_values.add(*value, *count);
        }
        of_values == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Aggregate {
        let mut aggregate = Aggregate::default();
        values.iter().for_each(|value| aggregate.add(*value, 1.0));
        aggregate
    }

    #[test]
    fn equal_values_are_counted_together() {
        let aggregate = of(&[2.0, 1.0, 2.0]);
        assert_eq!(aggregate.values, [(1.0, 1.0), (2.0, 2.0)]);
        assert_eq!(
            (aggregate.count, aggregate.sum, aggregate.minimum, aggregate.maximum),
            (3.0, 5.0, 1.0, 2.0)
        );
        assert!(aggregate.is_exact());
    }

    #[test]
    fn a_set_of_like_values_is_known_and_another_is_not() {
        let mut like = Aggregate::default();
        like.add_set(3.0, 6.0, 2.0, 2.0);
        assert_eq!((like.values.as_slice(), like.has_sets), (&[(2.0, 3.0)][..], false));
        let mut unlike = Aggregate::default();
        unlike.add_set(3.0, 6.0, 1.0, 3.0);
        assert!(unlike.has_sets && unlike.values.is_empty() && !unlike.is_exact());
    }

    proptest! {
        #[test]
        fn merging_is_adding_one_by_one(
            a in prop::collection::vec(-50..50_i32, 0..40),
            b in prop::collection::vec(-50..50_i32, 0..40),
        ) {
            let floats = |values: &[i32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let (a, b) = (floats(&a), floats(&b));
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn compacting_keeps_count_sum_and_order(values in prop::collection::vec(-1e6..1e6_f64, 0..400)) {
            let mut aggregate = of(&values);
            let (count, sum) = (aggregate.count, aggregate.sum);
            aggregate.compact();
            prop_assert!(aggregate.values.len() <= VALUES_MAX);
            prop_assert_eq!((aggregate.count, aggregate.sum), (count, sum));
            prop_assert!(aggregate.values.is_sorted_by(|a, b| a.0 < b.0));
            let mass: f64 = aggregate.values.iter().map(|(value, count)| value * count).sum();
            prop_assert!((mass - sum).abs() <= 1e-6 * sum.abs().max(1e6));
        }
    }
}
