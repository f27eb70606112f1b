//! Schedule expressions: `rate(…)`, `cron(…)` and `at(…)`, and when they are due, in any time zone.
//!
//! EventBridge's rules and EventBridge Scheduler share it: rules know rates and crons in UTC, Scheduler all three in a time zone. It keeps no state and
//! reads no clock; whoever asks says from when on.
//!
//! Invariant: what is due is due once: [`Expression::next`] gives instants that ascend strictly, whatever the time zone's clocks do.
//! Invariant: an expression that is never due again is found to be so in microseconds.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

mod cron;
mod zone;

use std::time::Duration;

use jiff::civil::DateTime;
use pontoon_core::Timestamp;

pub use cron::{Cron, YEAR_MAX, YEAR_MIN};
pub use zone::Zone;

/// A schedule expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// `rate(5 minutes)`: every so often. A day is 24 hours, whatever the clocks do.
    Rate(Duration),
    /// `cron(0 10 * * ? *)`: at the minutes that the six fields name, by the clocks of a time zone.
    Cron(Box<Cron>),
    /// `at(2026-11-20T13:00:00)`: once, by the clocks of a time zone.
    At(DateTime),
}

impl Expression {
    /// Reads the expression of a rule: a rate, whose unit is singular for one and plural for more, or a cron. `None` if it is neither.
    #[must_use]
    pub fn of_rule(text: &str) -> Option<Self> {
        let rate = |inner: &str| {
            let (value, unit) = positive(inner)?;
            ((value == 1) != unit.ends_with('s')).then_some(())?;
            every(value, unit)
        };
        match parts(text)? {
            ("rate", inner) => rate(inner).map(Self::Rate),
            ("cron", inner) => Cron::parse(inner).map(|cron| Self::Cron(Box::new(cron))),
            _ => None,
        }
    }

    /// Reads the expression of a schedule: a rate with either form of its unit, a cron, or a single instant to the second. `None` if it is none.
    #[must_use]
    pub fn of_schedule(text: &str) -> Option<Self> {
        let rate = |inner: &str| {
            let (value, unit) = positive(inner)?;
            every(value, unit)
        };
        match parts(text)? {
            ("rate", inner) => rate(inner).map(Self::Rate),
            ("at", inner) => instant(inner).map(Self::At),
            ("cron", inner) => Cron::parse(inner).map(|cron| Self::Cron(Box::new(cron))),
            _ => None,
        }
    }

    /// When it is due next after `after`; `None` if never again.
    ///
    /// Rates are due at `anchor` and every so often after it. What a cron names and the clocks of `zone` skip is not due; what they show twice is due
    /// the first time. An `at` that the clocks skip is due as much later as they were put forward.
    #[must_use]
    pub fn next(&self, zone: &Zone, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate(every) => next_of_rate(*every, anchor, after),
            Self::Cron(cron) => next_of_cron(cron, zone, after),
            Self::At(time) => zone.instant(*time).filter(|at| *at > after),
        }
    }
}

/// Splits `name(inner)`.
fn parts(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(')')?.split_once('(')
}

/// A positive number, one space, and what is behind it.
fn positive(text: &str) -> Option<(u32, &str)> {
    let (value, unit) = text.split_once(' ')?;
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 = is_number.then(|| value.parse().ok())??;
    (value > 0).then_some((value, unit))
}

fn every(value: u32, unit: &str) -> Option<Duration> {
    let minutes = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(u64::from(value) * minutes * 60))
}

/// `2026-11-20T13:00:00`, exactly: no zone, no fraction.
fn instant(text: &str) -> Option<DateTime> {
    let has_form = text.len() == 19
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    has_form.then(|| text.parse().ok())?
}

fn next_of_rate(every: Duration, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
    if after < anchor {
        return Some(anchor);
    }
    let every = i64::try_from(every.as_millis()).ok()?;
    let rounds = after.millis().checked_sub(anchor.millis())? / every + 1;
    anchor.millis().checked_add(rounds.checked_mul(every)?).map(Timestamp::from_millis)
}

fn next_of_cron(cron: &Cron, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
    let minute = jiff::Span::new().minutes(1);
    let seen = zone.civil(after);
    let mut from = seen.date().at(seen.hour(), seen.minute(), 0, 0).checked_add(minute).ok()?;
    // Goes around more than once only where clocks are changed, and then for the minutes that they skip or repeat.
    loop {
        let due = cron.at_or_after(from)?;
        match zone.instant_of_existing(due) {
            Some(at) if at > after => return Some(at),
            _ => from = due.checked_add(minute).ok()?,
        }
    }
}

#[cfg(test)]
mod tests;
