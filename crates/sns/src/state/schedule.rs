//! When a delivery that failed is tried again: phases of retries, each with waits of its own.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How waits grow between the shortest and the longest. AWS draws the curves and gives no formulas; these have their shapes and their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// By the same amount each time.
    #[default]
    Linear,
    /// By an amount that grows by the same amount each time.
    Arithmetic,
    /// By the same factor each time.
    Geometric,
    /// By an amount that doubles each time.
    Exponential,
}

/// The retries after a first attempt, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Retries at once.
    pub no_delay: u32,
    /// Retries that wait `wait_min_secs` each.
    pub min_delay: u32,
    /// Retries whose waits grow from `wait_min_secs` to `wait_max_secs`.
    pub backoff: u32,
    /// Retries that wait `wait_max_secs` each.
    pub max_delay: u32,
    /// Shortest wait.
    pub wait_min_secs: u32,
    /// Longest wait.
    pub wait_max_secs: u32,
    /// How waits grow.
    pub function: Backoff,
}

impl Schedule {
    /// For endpoints that AWS itself runs (SQS, Lambda): 100,015 retries over 23 days.
    pub const MANAGED: Self = Self {
        no_delay: 3,
        min_delay: 2,
        backoff: 10,
        max_delay: 100_000,
        wait_min_secs: 1,
        wait_max_secs: 20,
        function: Backoff::Exponential,
    };

    /// How many retries there are in all.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.no_delay
            .saturating_add(self.min_delay)
            .saturating_add(self.backoff)
            .saturating_add(self.max_delay)
    }

    /// The wait before retry number `retry`, from one; the longest beyond the last.
    #[must_use]
    pub fn wait(&self, retry: u32) -> Duration {
        let mut nth = retry.saturating_sub(1);
        let secs = |secs: u32| Duration::from_secs(u64::from(secs));
        if nth < self.no_delay {
            return Duration::ZERO;
        }
        nth -= self.no_delay;
        if nth < self.min_delay {
            return secs(self.wait_min_secs);
        }
        nth -= self.min_delay;
        if nth < self.backoff { self.growing(nth) } else { secs(self.wait_max_secs) }
    }

    /// The wait of the backoff phase's retry `nth`, from zero: the shortest at its first, the longest at its last.
    fn growing(&self, nth: u32) -> Duration {
        let (min, max) = (f64::from(self.wait_min_secs), f64::from(self.wait_max_secs));
        let last = f64::from(self.backoff.saturating_sub(1).max(1));
        let at = f64::from(nth);
        let part = match self.function {
            Backoff::Linear => at / last,
            Backoff::Arithmetic => at * (at + 1.0) / (last * (last + 1.0)),
            Backoff::Exponential => (2f64.powf(at) - 1.0) / (2f64.powf(last) - 1.0),
            Backoff::Geometric => {
                let secs = min.max(f64::EPSILON) * (max / min.max(f64::EPSILON)).powf(at / last);
                return Duration::from_millis((secs * 1000.0).round() as u64);
            }
        };
        Duration::from_millis(((min + (max - min) * part) * 1000.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(schedule: Schedule) -> Vec<u64> {
        (1..=schedule.retries()).map(|retry| schedule.wait(retry).as_millis() as u64).collect()
    }

    #[test]
    fn endpoints_of_aws_are_tried_for_23_days_in_four_phases() {
        let schedule = Schedule::MANAGED;
        assert_eq!(schedule.retries(), 100_015);
        assert_eq!((1..=6).map(|n| schedule.wait(n).as_secs()).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1]);
        assert_eq!(schedule.wait(15).as_secs(), 20);
        assert_eq!(schedule.wait(100_015).as_secs(), 20);
        let days = (1..=schedule.retries()).map(|n| schedule.wait(n)).sum::<Duration>().as_secs() / 86_400;
        assert_eq!(days, 23);
    }

    #[test]
    fn waits_grow_from_the_shortest_to_the_longest() {
        for function in [Backoff::Linear, Backoff::Arithmetic, Backoff::Geometric, Backoff::Exponential] {
            let schedule = Schedule {
                no_delay: 1,
                min_delay: 1,
                backoff: 5,
                max_delay: 1,
                wait_min_secs: 10,
                wait_max_secs: 160,
                function,
            };
            let waits = waits(schedule);
            assert_eq!((waits[0], waits[1], waits[2]), (0, 10_000, 10_000), "{function:?}");
            assert_eq!((waits[6], waits[7]), (160_000, 160_000), "{function:?}");
            assert!(waits.is_sorted(), "{function:?}: {waits:?}");
        }
        let geometric = Schedule {
            function: Backoff::Geometric,
            wait_min_secs: 10,
            wait_max_secs: 160,
            backoff: 5,
            no_delay: 0,
            min_delay: 0,
            max_delay: 0,
        };
        assert_eq!(waits(geometric), [10_000, 20_000, 40_000, 80_000, 160_000]);
    }

    #[test]
    fn one_growing_retry_waits_the_shortest() {
        for function in [Backoff::Linear, Backoff::Arithmetic, Backoff::Geometric, Backoff::Exponential] {
            let schedule = Schedule { backoff: 1, function, ..Schedule::MANAGED };
            assert_eq!(schedule.wait(6).as_secs(), 1, "{function:?}");
        }
    }
}
