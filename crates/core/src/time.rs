//! The one clock, and the instants it tells.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

/// An instant: whole milliseconds since 1970-01-01T00:00:00Z, the resolution of SQS, Logs and the engine's timers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant that AWS's timestamp formats and ours share.
    pub const EPOCH: Self = Self(0);

    /// The instant `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The instant `secs` seconds after the epoch; saturates.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// The instant of a fractional number of seconds, as JSON timestamps carry it; rounds to the millisecond.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * 1000.0).round() as i64)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds since the epoch with the millisecond part as fraction.
    #[must_use]
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The instant `duration` later; saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The instant `duration` earlier; saturates.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The start of the period of `period` length that holds this instant, counted from the epoch as CloudWatch does.
    ///
    /// # Panics
    /// If `period` is under a millisecond.
    #[must_use]
    pub fn floor(self, period: Duration) -> Self {
        let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
        assert!(period > 0, "a period has at least one millisecond");
        Self(self.0.div_euclid(period).saturating_mul(period))
    }

    /// `2026-01-31T12:34:56.789Z`.
    #[must_use]
    pub fn iso_millis(self) -> String {
        self.zoned().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    /// `2026-01-31T12:34:56Z`; the milliseconds are cut.
    #[must_use]
    pub fn iso_secs(self) -> String {
        self.zoned().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `Sat, 31 Jan 2026 12:34:56 GMT`, as the `Date` header and rest protocols have it.
    #[must_use]
    pub fn http_date(self) -> String {
        self.zoned().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Reads an RFC 3339 / ISO 8601 instant with an offset or `Z`; `None` if it is not one.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// Reads an RFC 7231 date (`Sat, 31 Jan 2026 12:34:56 GMT`); `None` if it is not one.
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }

    /// This instant as a calendar date and time in UTC; instants beyond the calendar are cut to its ends.
    #[must_use]
    pub fn zoned(self) -> jiff::Zoned {
        let bounded = self.0.clamp(
            jiff::Timestamp::MIN.as_millisecond() + 1000,
            jiff::Timestamp::MAX.as_millisecond() - 1000,
        );
        jiff::Timestamp::from_millisecond(bounded)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(TimeZone::UTC)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso_millis())
    }
}

/// Where the time comes from. The engine never reads it: the host does, and hands `now` to each step.
pub trait Clock: Send + Sync {
    /// The present instant. Never earlier than an instant it told before.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_the_ones_that_aws_uses() {
        let t = Timestamp::from_millis(1_769_862_896_789);
        assert_eq!(t.iso_millis(), "2026-01-31T12:34:56.789Z");
        assert_eq!(t.iso_secs(), "2026-01-31T12:34:56Z");
        assert_eq!(t.http_date(), "Sat, 31 Jan 2026 12:34:56 GMT");
        assert_eq!(Timestamp::parse_iso("2026-01-31T13:34:56.789+01:00"), Some(t));
        assert_eq!(
            Timestamp::parse_http_date("Sat, 31 Jan 2026 12:34:56 GMT"),
            Some(Timestamp::from_secs(t.secs()))
        );
        assert_eq!(Timestamp::from_millis(i64::MAX).iso_secs().len(), 20);
        assert_eq!(t.floor(Duration::from_secs(60)).iso_secs(), "2026-01-31T12:34:00Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).floor(Duration::from_secs(60)).millis(), i64::MIN);
    }
}
