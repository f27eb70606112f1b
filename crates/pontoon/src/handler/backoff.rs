//! How long a failed event waits.

use std::time::Duration;

/// The delays between attempts: each twice the one before, up to a maximum, each shortened at random by up to half so that events that failed
/// together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use pontoon::handler::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
/// assert!((1..=2).contains(&backoff.delay(1).as_secs()));
/// assert!((8..=16).contains(&backoff.delay(4).as_secs()));
/// assert!((30..=60).contains(&backoff.delay(1000).as_secs()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Delays of up to `first` after the first attempt, and never more than `max`.
    ///
    /// ```
    /// use std::time::Duration;
    /// let backoff = pontoon::handler::Backoff::new(Duration::from_secs(1), Duration::from_secs(900));
    /// ```
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// How long to wait after the attempt of this number, from one.
    ///
    /// ```
    /// assert!(pontoon::handler::Backoff::default().delay(1).as_secs() <= 5);
    /// ```
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let doubled =
            2_u32.checked_pow(attempt.saturating_sub(1)).and_then(|factor| self.first.checked_mul(factor));
        let full = doubled.unwrap_or(self.max).min(self.max);
        full.mul_f64(0.5 + 0.5 * fastrand::f64())
    }
}

/// From five seconds to fifteen minutes.
impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_secs(5), Duration::from_secs(15 * 60))
    }
}
