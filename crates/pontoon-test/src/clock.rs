//! Spans of time as tests say them.

use std::time::Duration;

/// Whole numbers as spans of time: `15.minutes()`.
///
/// ```
/// use std::time::Duration;
/// use pontoon_test::Span as _;
///
/// assert_eq!(15.minutes(), Duration::from_secs(900));
/// assert_eq!(2.days() + 1.hours(), Duration::from_secs(49 * 3600));
/// ```
pub trait Span: Sized {
    /// This many milliseconds.
    fn millis(self) -> Duration;

    /// This many seconds.
    fn seconds(self) -> Duration {
        self.millis() * 1000
    }

    /// This many minutes.
    fn minutes(self) -> Duration {
        self.seconds() * 60
    }

    /// This many hours.
    fn hours(self) -> Duration {
        self.minutes() * 60
    }

    /// This many days of 24 hours.
    fn days(self) -> Duration {
        self.hours() * 24
    }
}

impl Span for u32 {
    fn millis(self) -> Duration {
        Duration::from_millis(self.into())
    }
}
