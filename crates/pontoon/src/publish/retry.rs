//! When to try again.

use std::time::Duration;

/// How failed events are tried again: after a random part of a delay that doubles with every attempt, so that clients that failed together do not
/// come back together.
///
/// ```
/// use std::time::Duration;
/// use pontoon::publish::RetryPolicy;
/// let patient = RetryPolicy { give_up_after: Duration::from_secs(300), ..RetryPolicy::default() };
/// assert!(patient.delay(1) <= Duration::from_millis(50));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most that is waited before the second attempt. 50 milliseconds by default.
    pub first_delay: Duration,
    /// The most that is waited before any. 5 seconds by default.
    pub delay_max: Duration,
    /// How long one call of the publisher tries in all. 30 seconds by default.
    pub give_up_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(50),
            delay_max: Duration::from_secs(5),
            give_up_after: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// How long to wait after so many attempts that failed, from one: a random time up to the delay of that attempt.
    ///
    /// ```
    /// use std::time::Duration;
    /// assert!(pontoon::publish::RetryPolicy::default().delay(40) <= Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn delay(&self, attempts: u32) -> Duration {
        let doubled = self.first_delay.saturating_mul(1 << attempts.saturating_sub(1).min(31));
        doubled.min(self.delay_max).mul_f64(fastrand::f64())
    }
}
