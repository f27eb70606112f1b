use std::time::{Duration, Instant};

use pontoon_core::Timestamp;

use crate::{Expression, Zone};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_iso(text).unwrap()
}

/// The instants at which an expression is due after `after`, as many as are expected.
fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let (parsed, zone) = (Expression::of_schedule(expression).unwrap(), Zone::named(zone).unwrap());
    let mut last = at(after);
    let mut due = Vec::new();
    while due.len() < expected.len()
        && let Some(next) = parsed.next(&zone, at(after), last)
    {
        due.push(next.iso_secs());
        last = next;
    }
    assert_eq!(due, expected, "{expression} in {zone:?}");
}

#[test]
fn crons_are_due_at_the_minutes_that_their_fields_name() {
    for (expression, after, expected) in [
        ("cron(0 10 * * ? *)", "2026-01-31T10:00:00Z", "2026-02-01T10:00:00Z"),
        ("cron(15 12 * * ? *)", "2026-01-31T12:14:59Z", "2026-01-31T12:15:00Z"),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-30T18:00:00Z", "2026-02-02T18:00:00Z"),
        ("cron(0 8 1 * ? *)", "2026-01-31T00:00:00Z", "2026-02-01T08:00:00Z"),
        ("cron(0/15 * * * ? *)", "2026-01-31T23:50:00Z", "2026-02-01T00:00:00Z"),
        ("cron(5,35 14 * * ? *)", "2026-01-31T14:05:00Z", "2026-01-31T14:35:00Z"),
        ("cron(0 2 ? * SAT#3 *)", "2026-01-31T00:00:00Z", "2026-02-21T02:00:00Z"),
        ("cron(15 10 ? * 6L 2026)", "2026-01-01T00:00:00Z", "2026-01-30T10:15:00Z"),
        ("cron(0 9 L * ? *)", "2026-02-01T00:00:00Z", "2026-02-28T09:00:00Z"),
        ("cron(0 9 ? * L *)", "2026-02-01T00:00:00Z", "2026-02-07T09:00:00Z"),
        ("cron(0 9 LW * ? *)", "2026-01-01T00:00:00Z", "2026-01-30T09:00:00Z"),
        ("cron(0 9 1W * ? *)", "2026-07-31T12:00:00Z", "2026-08-03T09:00:00Z"),
        ("cron(0 9 31W * ? *)", "2026-01-01T00:00:00Z", "2026-01-30T09:00:00Z"),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("cron(0/30 22-2 ? * FRI-MON *)", "2026-02-02T02:30:00Z", "2026-02-02T22:00:00Z"),
        ("cron(0 0 1 jan ? 2030/5)", "2026-02-02T02:30:00Z", "2030-01-01T00:00:00Z"),
        // Accepted by Scheduler (recording test_create_schedule_with_valid_cron_expressions).
        ("cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)", "2026-02-01T00:00:00Z", "2026-02-02T08:00:00Z"),
        ("cron(30-30 13-13 ? * 2,4,6 *)", "2026-02-01T00:00:00Z", "2026-02-02T13:30:00Z"),
        ("cron(1-31/30 1-1 ? * 1,7 *)", "2026-02-01T01:01:00Z", "2026-02-01T01:31:00Z"),
        ("cron(*/15 * * * ? *)", "2026-02-01T00:00:00Z", "2026-02-01T00:15:00Z"),
        ("cron(0-59/10 0-23/2 ? * * *)", "2026-02-01T00:50:00Z", "2026-02-01T02:00:00Z"),
    ] {
        check(expression, "UTC", after, &[expected]);
    }
}

#[test]
fn times_that_clocks_skip_are_not_due_and_times_that_they_repeat_are_due_once() {
    // In Berlin clocks go from 2:00 to 3:00 on 29 March 2026 and from 3:00 to 2:00 on 25 October.
    check(
        "cron(30 2 * * ? *)",
        "Europe/Berlin",
        "2026-03-28T00:00:00Z",
        &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"],
    );
    check(
        "cron(30 2 * * ? *)",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    // From within the repeated hour.
    check("cron(0/30 * * * ? *)", "Europe/Berlin", "2026-10-25T01:10:00Z", &["2026-10-25T02:00:00Z"]);
    check(
        "cron(0 9 * * ? *)",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &["2026-10-31T13:00:00Z", "2026-11-01T14:00:00Z"],
    );
}

#[test]
fn an_instant_is_due_once_by_the_clocks_of_its_zone() {
    check("at(2026-11-20T13:00:05)", "UTC", "2026-01-01T00:00:00Z", &["2026-11-20T13:00:05Z"]);
    check("at(2026-11-20T13:00:00)", "asia/tokyo", "2026-01-01T00:00:00Z", &["2026-11-20T04:00:00Z"]);
    check("at(2026-03-29T02:30:00)", "Europe/Berlin", "2026-01-01T00:00:00Z", &["2026-03-29T01:30:00Z"]);
    check("at(2026-10-25T02:30:00)", "Europe/Berlin", "2026-01-01T00:00:00Z", &["2026-10-25T00:30:00Z"]);
    let past = Expression::of_schedule("at(2026-01-01T00:00:00)").unwrap();
    let instant = at("2026-01-01T00:00:00Z");
    assert_eq!(past.next(&Zone::UTC, instant, instant), None);
}

#[test]
fn rates_count_from_their_anchor_whatever_the_clocks_do() {
    let rate = Expression::of_rule("rate(5 minutes)").unwrap();
    let anchor = at("2026-01-01T00:00:30Z");
    let next = |after| rate.next(&Zone::UTC, anchor, after).unwrap().iso_secs();
    assert_eq!(next(at("2025-12-31T00:00:00Z")), "2026-01-01T00:00:30Z");
    assert_eq!(next(anchor), "2026-01-01T00:05:30Z");
    assert_eq!(next(at("2026-01-01T00:05:30Z")), "2026-01-01T00:10:30Z");
    assert_eq!(next(at("2026-01-01T01:02:00Z")), "2026-01-01T01:05:30Z");
    check("rate(1 days)", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-29T12:00:00Z"]);
}

#[test]
fn what_is_never_due_is_found_out_at_once() {
    let begun = Instant::now();
    for _ in 0..100 {
        for expression in [
            "cron(0 0 30 2 ? *)",
            "cron(0 0 31 2,4,6,9,11 ? *)",
            "cron(15 10 ? * 6L 2002-2005)",
            "cron(0/5 5 ? JAN 1-5 2022)",
            "cron(0 0 29 2 ? 2100)",
        ] {
            check(expression, "America/New_York", "2026-01-01T00:00:00Z", &[]);
            let parsed = Expression::of_rule(expression).unwrap();
            assert_eq!(parsed.next(&Zone::UTC, at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")), None);
        }
        check("cron(59 23 31 12 ? 2199)", "UTC", "1970-01-01T00:00:00Z", &["2199-12-31T23:59:00Z"]);
    }
    // Some milliseconds without optimization; seconds would mean that minutes are walked through.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn what_is_no_expression_is_refused() {
    // Recordings of Scheduler (tests_create_schedule_with_invalid_schedule_expression) and of rules (test_events_schedule), and more of their kinds.
    for expression in [
        "",
        "rate()",
        "rate(0 minutes)",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(-10 minutes)",
        "rate(+5 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate(5  minutes)",
        "rate(99999999999 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "at(2021-12-31T23:59:59.123)",
        "at(2021-02-30T00:00:00)",
        "at(2021-12-31 23:59:59)",
        "at(２021-12-31T23:59:5)",
        "cron()",
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
        "cron(0 1 ? * 3#1,6#3 *)",
        "cron(0 1 ? * 6L#1 *)",
        "cron(0 1 W * ? *)",
        "cron(0 1 32W * ? *)",
        "cron(0 1 * * ? 1969)",
        "cron(0 1 * * ? 2200)",
        "cron(0 1 * * ? 2030-2026)",
        "cron(, 1 * * ? *)",
        "cron(0 1 1- * ? *)",
    ] {
        assert_eq!(Expression::of_schedule(expression), None, "{expression}");
        assert_eq!(Expression::of_rule(expression), None, "{expression}");
    }
    // Rules are stricter.
    for expression in ["rate(1 minutes)", "rate(5 minute)", "at(2026-01-01T00:00:00)"] {
        assert!(Expression::of_schedule(expression).is_some(), "{expression}");
        assert_eq!(Expression::of_rule(expression), None, "{expression}");
    }
}

#[test]
fn zones_have_the_names_of_the_database() {
    for name in ["UTC", "Europe/Berlin", "US/Pacific", "Etc/GMT+5"] {
        assert!(Zone::named(name).is_some(), "{name}");
    }
    for name in ["", "Mars/Olympus", "../etc/passwd", "Europe/Berlin\0"] {
        assert_eq!(Zone::named(name), None, "{name}");
    }
}
