//! Crons beside an evaluator that walks through time minute by minute and asks of each whether the fields name it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use pontoon_core::Timestamp;
use pontoon_schedule::{Expression, Zone};
use proptest::prelude::*;

/// A part of a field: `5`, `8-17`, `10/15`, `*/5`, `8-17/3`, `*`.
#[derive(Debug, Clone)]
enum Part {
    One(i64),
    Range(i64, i64),
    From(i64, i64),
    Stepped(i64, i64, i64),
    Every(i64),
    All,
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::One(value) => value.to_string(),
            Self::Range(from, to) => format!("{from}-{to}"),
            Self::From(from, step) => format!("{from}/{step}"),
            Self::Stepped(from, to, step) => format!("{from}-{to}/{step}"),
            Self::Every(step) => format!("*/{step}"),
            Self::All => "*".to_owned(),
        }
    }

    fn names(&self, value: i64, (min, max): (i64, i64)) -> bool {
        let between = |from: i64, to: i64, step: i64| {
            // Around the end, if it runs backwards.
            let len = max - min + 1;
            let behind = (value - from).rem_euclid(len);
            behind <= (to - from).rem_euclid(len) && behind % step == 0
        };
        match *self {
            Self::One(one) => value == one,
            Self::Range(from, to) => between(from, to, 1),
            Self::From(from, step) => value >= from && (value - from) % step == 0,
            Self::Stepped(from, to, step) => between(from, to, step),
            Self::Every(step) => (value - min) % step == 0,
            Self::All => true,
        }
    }
}

#[derive(Debug, Clone)]
enum Days {
    OfMonth(Vec<Part>),
    LastOfMonth,
    LastWorking,
    Nearest(i8),
    OfWeek(Vec<Part>),
    LastOfWeekday(i8),
    Nth(i8, i8),
}

#[derive(Debug, Clone)]
struct Cron {
    minutes: Vec<Part>,
    hours: Vec<Part>,
    days: Days,
    months: Vec<Part>,
}

fn parts_text(parts: &[Part]) -> String {
    parts.iter().map(Part::text).collect::<Vec<_>>().join(",")
}

fn any_names(parts: &[Part], value: i64, bounds: (i64, i64)) -> bool {
    parts.iter().any(|part| part.names(value, bounds))
}

/// Whether a day is a working day.
fn works(date: jiff::civil::Date) -> bool {
    date.weekday().to_monday_one_offset() < 6
}

impl Cron {
    fn text(&self) -> String {
        let (of_month, of_week) = match &self.days {
            Days::OfMonth(parts) => (parts_text(parts), "?".to_owned()),
            Days::LastOfMonth => ("L".to_owned(), "?".to_owned()),
            Days::LastWorking => ("LW".to_owned(), "?".to_owned()),
            Days::Nearest(day) => (format!("{day}W"), "?".to_owned()),
            Days::OfWeek(parts) => ("?".to_owned(), parts_text(parts)),
            Days::LastOfWeekday(day) => ("?".to_owned(), format!("{day}L")),
            Days::Nth(day, which) => ("?".to_owned(), format!("{day}#{which}")),
        };
        let [minutes, hours, months] =
            [&self.minutes, &self.hours, &self.months].map(|parts| parts_text(parts));
        format!("cron({minutes} {hours} {of_month} {months} {of_week} *)")
    }

    fn names_day(&self, date: jiff::civil::Date) -> bool {
        let mut month =
            (1..=date.days_in_month()).map(|day| jiff::civil::date(date.year(), date.month(), day));
        let weekday = i64::from(date.weekday().to_sunday_one_offset());
        match &self.days {
            Days::OfMonth(parts) => any_names(parts, date.day().into(), (1, 31)),
            Days::LastOfMonth => date == month.clone().next_back().unwrap(),
            Days::LastWorking => Some(date) == month.rfind(|day| works(*day)),
            Days::Nearest(wanted) => {
                let wanted = (*wanted).min(date.days_in_month());
                // The one before goes before the one behind: Saturdays lead to Fridays, Sundays to Mondays.
                let nearest = month.filter(|day| works(*day)).min_by_key(|day| (day.day() - wanted).abs());
                nearest == Some(date)
            }
            Days::OfWeek(parts) => any_names(parts, weekday, (1, 7)),
            Days::LastOfWeekday(day) => {
                weekday == i64::from(*day)
                    && month.rfind(|other| other.weekday() == date.weekday()) == Some(date)
            }
            Days::Nth(day, which) => {
                let before =
                    month.filter(|other| other.weekday() == date.weekday() && *other <= date).count();
                weekday == i64::from(*day) && before == *which as usize
            }
        }
    }

    fn names(&self, at: DateTime) -> bool {
        any_names(&self.minutes, at.minute().into(), (0, 59))
            && any_names(&self.hours, at.hour().into(), (0, 23))
            && any_names(&self.months, at.month().into(), (1, 12))
            && self.names_day(at.date())
    }
}

fn parts(min: i64, max: i64) -> impl Strategy<Value = Vec<Part>> {
    let step = || 1..=(max - min);
    let part = prop_oneof![
        3 => (min..=max).prop_map(Part::One),
        1 => (min..=max, min..=max).prop_map(|(from, to)| Part::Range(from, to)),
        1 => (min..=max, step()).prop_map(|(from, step)| Part::From(from, step)),
        1 => (min..=max, min..=max, step()).prop_map(|(from, to, step)| Part::Stepped(from, to, step)),
        1 => step().prop_map(Part::Every),
        2 => Just(Part::All),
    ];
    proptest::collection::vec(part, 1..3)
}

fn crons() -> impl Strategy<Value = Cron> {
    let days = prop_oneof![
        3 => parts(1, 31).prop_map(Days::OfMonth),
        1 => Just(Days::LastOfMonth),
        1 => Just(Days::LastWorking),
        1 => (1i8..=31).prop_map(Days::Nearest),
        3 => parts(1, 7).prop_map(Days::OfWeek),
        1 => (1i8..=7).prop_map(Days::LastOfWeekday),
        1 => (1i8..=7, 1i8..=5).prop_map(|(day, which)| Days::Nth(day, which)),
    ];
    (parts(0, 59), parts(0, 23), days, parts(1, 12)).prop_map(|(minutes, hours, days, months)| Cron {
        minutes,
        hours,
        days,
        months,
    })
}

/// Places and days with every kind of change: an hour, half an hour, a whole day, and none.
const STARTS: &[(&str, &str)] = &[
    ("UTC", "2026-02-26T00:00:00Z"),
    ("Europe/Berlin", "2026-03-28T00:00:00Z"),
    ("Europe/Berlin", "2026-10-24T00:00:00Z"),
    ("America/New_York", "2026-10-31T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("Pacific/Apia", "2011-12-29T00:00:00Z"),
    ("Asia/Kolkata", "2026-05-30T00:00:00Z"),
];

const MINUTE_MS: i64 = 60_000;

/// Every due minute of four days, by walking through them. A time that clocks show twice counts the first time.
fn walk(cron: &Cron, zone: &TimeZone, start: Timestamp) -> Vec<Timestamp> {
    let civil = |at: Timestamp| zone.to_datetime(jiff::Timestamp::from_millisecond(at.millis()).unwrap());
    let mut latest = civil(Timestamp::from_millis(start.millis() - 24 * 60 * MINUTE_MS));
    let mut due = Vec::new();
    for minute in -24 * 60..4 * 24 * 60 {
        let at = Timestamp::from_millis(start.millis() + minute * MINUTE_MS);
        let shown = civil(at);
        if shown > latest {
            latest = shown;
            if minute > 0 && cron.names(shown) {
                due.push(at);
            }
        }
    }
    due
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn crons_are_due_when_their_fields_name_the_minute(cron in crons(), at in 0..STARTS.len()) {
        let (name, start) = STARTS[at];
        let start = Timestamp::parse_iso(start).unwrap();
        let end = start.millis() + 4 * 24 * 60 * MINUTE_MS;
        let zone = Zone::named(name).unwrap();
        let text = cron.text();
        let expression = Expression::of_schedule(&text).unwrap();
        let mut found = Vec::new();
        let mut after = start;
        while let Some(next) = expression.next(&zone, start, after).filter(|next| next.millis() < end) {
            found.push(next);
            after = next;
        }
        let expected = walk(&cron, &TimeZoneDatabase::bundled().get(name).unwrap(), start);
        prop_assert_eq!(found, expected, "{} in {}", text, name);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", inner in "[0-9*?LW#/,A-Z -]{0,40}") {
        for text in [text, format!("cron({inner})"), format!("rate({inner})"), format!("at({inner})")] {
            if let Some(expression) = Expression::of_schedule(&text) {
                let _ = expression.next(&Zone::UTC, Timestamp::from_secs(0), Timestamp::from_millis(i64::MAX));
                let _ = expression.next(&Zone::UTC, Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
                let _ = expression.next(&Zone::UTC, Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN));
            }
        }
    }
}
