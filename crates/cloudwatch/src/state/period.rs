//! Periods, and how far back data of each resolution reaches.

use std::time::Duration;

use pontoon_core::Timestamp;

/// One minute: the resolution of standard metrics.
pub const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long data are kept at which resolution, finest first: seconds for 3 hours, minutes for 15 days, five minutes for 63, hours for 455.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention>
pub const TIERS: [Tier; 4] = [
    Tier { resolution: Duration::from_secs(1), kept_for: Duration::from_secs(3 * 3600) },
    Tier { resolution: MINUTE, kept_for: Duration::from_secs(15 * 24 * 3600) },
    Tier { resolution: Duration::from_secs(300), kept_for: Duration::from_secs(63 * 24 * 3600) },
    Tier { resolution: HOUR, kept_for: KEPT_FOR },
];

/// How long data are kept in all.
pub const KEPT_FOR: Duration = Duration::from_secs(455 * 24 * 3600);

/// One resolution and its retention.
#[derive(Clone, Copy, Debug)]
pub struct Tier {
    /// How long a stored stretch is.
    pub resolution: Duration,
    /// How old it may become before it is rolled up into the next tier's, or dropped.
    pub kept_for: Duration,
}

/// Whether data may be asked for by this many seconds: 1, 5, 10, 20, 30 or a multiple of 60.
#[must_use]
pub fn is_queryable(secs: i64) -> bool {
    matches!(secs, 1 | 5 | 10 | 20 | 30) || secs > 0 && secs % 60 == 0
}

/// Whether an alarm may have this period: 10, 20, 30 or a multiple of 60.
#[must_use]
pub fn is_alarmable(secs: i64) -> bool {
    matches!(secs, 10 | 20 | 30) || secs > 0 && secs % 60 == 0
}

/// The start of a query as CloudWatch rounds it: to the whole minute, to five minutes when it is over 15 days ago, to the hour when over 63; to the
/// period itself when that is shorter than a minute.
#[must_use]
pub fn rounded_start(start: Timestamp, period: Duration, now: Timestamp) -> Timestamp {
    let age = now.since(start);
    let to = if period < MINUTE {
        period
    } else if age <= 15 * DAY {
        MINUTE
    } else if age <= 63 * DAY {
        Duration::from_secs(300)
    } else {
        HOUR
    };
    start.floor(to)
}

/// The earliest instant whose data are still there at this period.
#[must_use]
pub fn horizon(period: Duration, now: Timestamp) -> Timestamp {
    let tier = TIERS
        .iter()
        .rev()
        .find(|tier| period >= tier.resolution && period.as_secs().is_multiple_of(tier.resolution.as_secs()));
    now.before(tier.map_or(DAY, |tier| tier.kept_for))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_rounded_by_age_and_period() {
        let now = Timestamp::parse_iso("2026-06-30T12:00:00Z").unwrap();
        for (start, period, expected) in [
            ("2026-06-30T11:32:34Z", 60, "2026-06-30T11:32:00Z"),
            ("2026-06-30T11:32:34Z", 5, "2026-06-30T11:32:30Z"),
            ("2026-06-01T12:32:34Z", 300, "2026-06-01T12:30:00Z"),
            ("2026-04-01T12:32:34Z", 3600, "2026-04-01T12:00:00Z"),
        ] {
            let start = Timestamp::parse_iso(start).unwrap();
            assert_eq!(rounded_start(start, Duration::from_secs(period), now).iso_secs(), expected);
        }
    }

    #[test]
    fn the_horizon_depends_on_the_period() {
        let now = Timestamp::from_secs(1_000_000_000);
        let days = |period| now.since(horizon(Duration::from_secs(period), now)).as_secs() / 86_400;
        assert_eq!((days(60), days(120), days(300), days(3600), days(86_400)), (15, 15, 63, 455, 455));
        assert_eq!(now.since(horizon(Duration::from_secs(10), now)), 3 * HOUR);
    }

    #[test]
    fn periods_are_what_aws_allows() {
        assert!([1, 5, 10, 20, 30, 60, 120, 86_400].into_iter().all(is_queryable));
        assert!(![0, -60, 2, 15, 45, 61].into_iter().any(is_queryable));
        assert!(is_alarmable(20) && !is_alarmable(5) && !is_alarmable(0));
    }
}
