//! Which events of one `PutLogEvents` are taken, by their timestamps alone.
//!
//! Follows "PutLogEvents" of the API reference and `logs/test_logs_events` in the recordings.

use std::ops::Range;
use std::time::Duration;

use pontoon_core::Timestamp;

use super::retention::{AGE_MAX, AHEAD_MAX, DAY};

/// What is taken and why the rest is not. Events are in order of time, so each reason concerns one end of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The indexes of the events that are taken.
    pub accepted: Range<usize>,
    /// One past the last event that is older than 14 days, if any is.
    pub too_old_end: Option<usize>,
    /// One past the last event that the log group would no longer keep, if there are more of these than of those that are too old.
    pub expired_end: Option<usize>,
    /// The first event that is more than two hours ahead, if any is.
    pub too_new_start: Option<usize>,
}

/// Why a whole batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An event is older than the one before it.
    Disordered,
    /// The events that could be taken are more than 24 hours apart.
    SpansMoreThanADay,
}

impl Verdict {
    /// Judges a batch by its timestamps, milliseconds.
    ///
    /// # Errors
    /// Why nothing of it is taken.
    pub fn of(timestamps: &[i64], now: Timestamp, retention: Option<Duration>) -> Result<Self, Refused> {
        if timestamps.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(Refused::Disordered);
        }
        let before = |instant: Timestamp| timestamps.partition_point(|at| *at < instant.millis());
        let too_old = before(now.before(AGE_MAX));
        let expired = retention.map_or(0, |retention| before(now.before(retention)));
        let ahead = timestamps.partition_point(|at| *at <= now.after(AHEAD_MAX).millis());
        let accepted = too_old.max(expired)..ahead.max(too_old.max(expired));
        if let (Some(first), Some(last)) =
            (timestamps.get(accepted.start), timestamps[accepted.clone()].last())
            && Timestamp::from_millis(*last).since(Timestamp::from_millis(*first)) > DAY
        {
            return Err(Refused::SpansMoreThanADay);
        }
        Ok(Self {
            accepted,
            too_old_end: (too_old > 0).then_some(too_old),
            expired_end: (expired > too_old).then_some(expired),
            too_new_start: (ahead < timestamps.len()).then_some(ahead),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn check(hours_from_now: &[i64], retention_days: Option<u32>) -> Result<Verdict, Refused> {
        let now = Timestamp::from_secs(1_800_000_000);
        let at: Vec<i64> = hours_from_now.iter().map(|hours| now.millis() + hours * HOUR).collect();
        Verdict::of(&at, now, retention_days.map(|days| DAY * days))
    }

    fn taken(accepted: Range<usize>) -> Verdict {
        Verdict { accepted, too_old_end: None, expired_end: None, too_new_start: None }
    }

    #[test]
    fn events_are_taken_from_fourteen_days_back_to_two_hours_ahead() {
        assert_eq!(check(&[-20, -1, 0, 2], None), Ok(taken(0..4)));
        assert_eq!(check(&[-14 * 24], None), Ok(taken(0..1)));
        assert_eq!(
            check(&[-400, -337, -1, 2, 3, 4], None),
            Ok(Verdict { too_old_end: Some(2), too_new_start: Some(4), ..taken(2..4) })
        );
        assert_eq!(check(&[-400, -400], None), Ok(Verdict { too_old_end: Some(2), ..taken(2..2) }));
        assert_eq!(check(&[3], None), Ok(Verdict { too_new_start: Some(0), ..taken(0..0) }));
    }

    #[test]
    fn a_shorter_retention_refuses_what_it_would_not_keep() {
        assert_eq!(
            check(&[-400, -25, -1], Some(1)),
            Ok(Verdict { too_old_end: Some(1), expired_end: Some(2), ..taken(2..3) })
        );
        assert_eq!(check(&[-400, -1], Some(30)), Ok(Verdict { too_old_end: Some(1), ..taken(1..2) }));
    }

    #[test]
    fn a_batch_is_in_order_and_spans_a_day_of_what_could_be_taken() {
        assert_eq!(check(&[0, -1], None), Err(Refused::Disordered));
        assert_eq!(check(&[-25, 0], None), Err(Refused::SpansMoreThanADay));
        assert_eq!(check(&[-24, 0], None), Ok(taken(0..2)));
        assert_eq!(check(&[-400, -24, 0], None), Ok(Verdict { too_old_end: Some(1), ..taken(1..3) }));
    }
}
