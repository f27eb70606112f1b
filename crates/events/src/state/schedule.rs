//! `rate(…)` and `cron(…)`: when a scheduled rule fires next.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use pontoon_core::Timestamp;

/// A schedule expression of a rule. Times are UTC, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Every so often, counted from when the rule was put.
    Rate(Duration),
    /// At the minutes that the six fields name.
    Cron(Box<Cron>),
}

/// The fields of a cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    months: u64,
    days: Days,
    years: Vec<bool>,
}

/// Which days: by the month or by the week. The other field is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// Days of the month; `L` is the last, `W` the working day nearest to one.
    OfMonth { days: u64, last: bool, nearest: Vec<i8> },
    /// Days of the week from Sunday, one; `5L` is the last such day of a month, `3#2` its second.
    OfWeek { days: u64, last: u64, nth: Vec<(u32, u32)> },
}

const YEAR_MIN: i16 = 1970;
const YEAR_MAX: i16 = 2199;
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Reads a schedule expression; `None` if it is not valid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rate) = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) {
            let (value, unit) = rate.split_once(' ')?;
            let value: u32 = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok())??;
            let minutes = match (value, unit) {
                (0, _) => return None,
                (1, "minute") | (2.., "minutes") => 1,
                (1, "hour") | (2.., "hours") => 60,
                (1, "day") | (2.., "days") => 24 * 60,
                _ => return None,
            };
            return Some(Self::Rate(Duration::from_secs(u64::from(value) * minutes * 60)));
        }
        let fields = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')'))?;
        Cron::parse(fields).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// When it fires next after `after`. Rates count from `anchor`. `None` if never again.
    #[must_use]
    pub fn next(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate(every) => {
                let passed = after.since(anchor).as_millis() / every.as_millis();
                let rounds = u32::try_from(passed + 1).ok()?;
                Some(anchor.after(*every * rounds))
            }
            Self::Cron(cron) => cron.next(after),
        }
    }
}

impl Cron {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields[..] else { return None };
        let days = match (of_month, of_week) {
            ("?", "?") => return None,
            ("?", of_week) => parse_weekdays(of_week)?,
            (of_month, "?") => parse_month_days(of_month)?,
            _ => return None,
        };
        let mut year_set = vec![false; usize::from(YEAR_MAX.abs_diff(YEAR_MIN)) + 1];
        for (from, to, step) in ranges(years, (YEAR_MIN as u32, YEAR_MAX as u32), &[], 0)? {
            for year in (from..=to).step_by(step) {
                year_set[(year - YEAR_MIN as u32) as usize] = true;
            }
        }
        Some(Self {
            minutes: set(minutes, (0, 59), &[], 0)?,
            hours: set(hours, (0, 23), &[], 0)?,
            months: set(months, (1, 12), &MONTHS, 1)?,
            days,
            years: year_set,
        })
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        // The first minute that begins after the instant.
        let minute = Duration::from_secs(60);
        let from = after.floor(minute).after(minute).zoned().datetime();
        let mut date = from.date();
        while date.year() <= YEAR_MAX {
            if !self.years[usize::from(date.year().max(YEAR_MIN).abs_diff(YEAR_MIN))]
                || date.year() < YEAR_MIN
            {
                date = Date::new(date.year() + 1, 1, 1).ok()?;
                continue;
            }
            if self.months >> date.month() & 1 == 0 {
                date = date.first_of_month().checked_add(1.month()).ok()?;
                continue;
            }
            if self.days.hold(date)
                && let Some((hour, minute)) =
                    self.first_time(date == from.date(), (from.hour(), from.minute()))
            {
                let at = date.at(hour, minute, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
                return Some(Timestamp::from_millis(at.timestamp().as_millisecond()));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The first hour and minute of a day, not before `from` on the first day.
    fn first_time(&self, is_first_day: bool, from: (i8, i8)) -> Option<(i8, i8)> {
        let earliest = if is_first_day { from } else { (0, 0) };
        (0..24)
            .filter(|hour| self.hours >> hour & 1 == 1)
            .flat_map(|hour| {
                (0..60).filter(|minute| self.minutes >> minute & 1 == 1).map(move |minute| (hour, minute))
            })
            .find(|time| *time >= earliest)
    }
}

impl Days {
    fn hold(&self, date: Date) -> bool {
        match self {
            Self::OfMonth { days, last, nearest } => {
                days >> date.day() & 1 == 1
                    || (*last && date.day() == date.days_in_month())
                    || nearest.iter().any(|day| nearest_weekday(date, *day) == date.day())
            }
            Self::OfWeek { days, last, nth } => {
                let weekday = date.weekday().to_sunday_one_offset() as u32;
                days >> weekday & 1 == 1
                    || (last >> weekday & 1 == 1 && date.day() + 7 > date.days_in_month())
                    || nth.contains(&(weekday, (date.day() as u32 - 1) / 7 + 1))
            }
        }
    }
}

/// The working day nearest to a day of `date`'s month, within that month.
fn nearest_weekday(date: Date, day: i8) -> i8 {
    let last = date.days_in_month();
    let day = day.min(last);
    let Ok(wanted) = Date::new(date.year(), date.month(), day) else { return 0 };
    match wanted.weekday().to_sunday_one_offset() {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == last => day - 2,
        1 => day + 1,
        _ => day,
    }
}

fn parse_month_days(field: &str) -> Option<Days> {
    let (mut days, mut last, mut nearest) = (0, false, Vec::new());
    for part in field.split(',') {
        if part == "L" {
            last = true;
        } else if let Some(day) = part.strip_suffix('W') {
            let day: i8 = day.parse().ok()?;
            nearest.push((1..=31).contains(&day).then_some(day)?);
        } else {
            days |= set(part, (1, 31), &[], 0)?;
        }
    }
    Some(Days::OfMonth { days, last, nearest })
}

fn parse_weekdays(field: &str) -> Option<Days> {
    let (mut days, mut last, mut nth) = (0, 0, Vec::new());
    for part in field.split(',') {
        if part == "L" {
            days |= 1 << 7;
        } else if let Some(day) = part.strip_suffix('L') {
            last |= 1 << number(day, (1, 7), &WEEKDAYS, 1)?;
        } else if let Some((day, which)) = part.split_once('#') {
            let which: u32 = which.parse().ok()?;
            nth.push((number(day, (1, 7), &WEEKDAYS, 1)?, (1..=5).contains(&which).then_some(which)?));
        } else {
            days |= set(part, (1, 7), &WEEKDAYS, 1)?;
        }
    }
    Some(Days::OfWeek { days, last, nth })
}

fn set(field: &str, bounds: (u32, u32), names: &[&str], first: u32) -> Option<u64> {
    let mut set = 0;
    for (from, to, step) in ranges(field, bounds, names, first)? {
        for value in (from..=to).step_by(step) {
            set |= 1 << value;
        }
    }
    Some(set)
}

/// `*`, `5`, `5,35`, `8-17`, `0/15`, `*/5`, `MON-FRI`. A range that runs backwards wraps around.
fn ranges(field: &str, bounds: (u32, u32), names: &[&str], first: u32) -> Option<Vec<(u32, u32, usize)>> {
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = if range == "*" {
            bounds
        } else if let Some((from, to)) = range.split_once('-') {
            (number(from, bounds, names, first)?, number(to, bounds, names, first)?)
        } else {
            let from = number(range, bounds, names, first)?;
            (from, if step.is_some() { bounds.1 } else { from })
        };
        let step = step.unwrap_or(1);
        if from <= to {
            found.push((from, to, step));
        } else {
            found.push((from, bounds.1, step));
            found.push((bounds.0, to, step));
        }
    }
    Some(found)
}

fn number(text: &str, (min, max): (u32, u32), names: &[&str], first: u32) -> Option<u32> {
    if let Some(at) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return Some(at as u32 + first);
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| (min..=max).contains(value))
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use pontoon_core::Timestamp;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_iso(text).unwrap()
    }

    #[test]
    fn cron_fires_at_the_next_minute_that_its_fields_name() {
        for (expression, after, expected) in [
            ("cron(0 10 * * ? *)", "2026-01-31T10:00:00Z", Some("2026-02-01T10:00:00Z")),
            ("cron(15 12 * * ? *)", "2026-01-31T12:14:59Z", Some("2026-01-31T12:15:00Z")),
            ("cron(0 18 ? * MON-FRI *)", "2026-01-30T18:00:00Z", Some("2026-02-02T18:00:00Z")),
            ("cron(0 8 1 * ? *)", "2026-01-31T00:00:00Z", Some("2026-02-01T08:00:00Z")),
            ("cron(0/15 * * * ? *)", "2026-01-31T23:50:00Z", Some("2026-02-01T00:00:00Z")),
            ("cron(5,35 14 * * ? *)", "2026-01-31T14:05:00Z", Some("2026-01-31T14:35:00Z")),
            ("cron(0 2 ? * SAT#3 *)", "2026-01-31T00:00:00Z", Some("2026-02-21T02:00:00Z")),
            ("cron(15 10 ? * 6L 2026)", "2026-01-01T00:00:00Z", Some("2026-01-30T10:15:00Z")),
            ("cron(15 10 ? * 6L 2002-2005)", "2026-01-01T00:00:00Z", None),
            ("cron(0 9 L * ? *)", "2026-02-01T00:00:00Z", Some("2026-02-28T09:00:00Z")),
            ("cron(0 9 1W * ? *)", "2026-07-31T12:00:00Z", Some("2026-08-03T09:00:00Z")),
            ("cron(0 9 31W * ? *)", "2026-01-01T00:00:00Z", Some("2026-01-30T09:00:00Z")),
            ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", Some("2028-02-29T00:00:00Z")),
            ("cron(0/30 22-2 ? * FRI-MON *)", "2026-02-02T02:30:00Z", Some("2026-02-02T22:00:00Z")),
        ] {
            let schedule = Schedule::parse(expression).unwrap();
            assert_eq!(schedule.next(at(after), at(after)), expected.map(at), "{expression}");
        }
    }

    #[test]
    fn rates_count_from_their_anchor() {
        let schedule = Schedule::parse("rate(5 minutes)").unwrap();
        let anchor = at("2026-01-01T00:00:30Z");
        assert_eq!(schedule.next(anchor, anchor), Some(at("2026-01-01T00:05:30Z")));
        assert_eq!(schedule.next(anchor, at("2026-01-01T00:05:30Z")), Some(at("2026-01-01T00:10:30Z")));
        assert_eq!(schedule.next(anchor, at("2026-01-01T01:02:00Z")), Some(at("2026-01-01T01:05:30Z")));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for expression in [
            "",
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(5 seconds)",
            "rate(-5 minutes)",
            "rate(5)",
            "rate(+5 minutes)",
            "cron(INVALID)",
            "cron(0 dummy ? * MON-FRI *)",
            "cron(7 20 * * NOT *)",
            "cron(71 8 1 * ? *)",
            "cron(0 1 * * * *)",
            "cron(0 1 ? * ? *)",
            "cron(0 1 * * ?)",
            "cron(0 1 32 * ? *)",
            "cron(0/0 1 * * ? *)",
            "cron(0 1 ? * 8 *)",
            "cron(0 1 ? * MON#6 *)",
            "at(2026-01-01T00:00:00)",
        ] {
            assert_eq!(Schedule::parse(expression), None, "{expression}");
        }
    }
}
