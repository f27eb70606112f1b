//! The six fields of a cron expression: `minutes hours day-of-month month day-of-week year`.

use jiff::civil::{Date, DateTime};

/// The first year that the last field may name.
pub const YEAR_MIN: i16 = 1970;
/// The last year that the last field may name.
pub const YEAR_MAX: i16 = 2199;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const MINUTES_FIELD: Field = Field { min: 0, max: 59, names: &[], wraps: true };
const HOURS_FIELD: Field = Field { min: 0, max: 23, names: &[], wraps: true };
const DAYS_FIELD: Field = Field { min: 1, max: 31, names: &[], wraps: true };
const MONTHS_FIELD: Field = Field { min: 1, max: 12, names: &MONTHS, wraps: true };
const WEEKDAYS_FIELD: Field = Field { min: 1, max: 7, names: &WEEKDAYS, wraps: true };
const YEARS_FIELD: Field = Field { min: YEAR_MIN as u32, max: YEAR_MAX as u32, names: &[], wraps: false };

/// A cron expression, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// Bit N for minute N, and likewise below.
    minutes: u64,
    hours: u64,
    months: u64,
    days: Days,
    /// By year from [`YEAR_MIN`].
    years: Vec<bool>,
}

/// Which days: by the month or by the week. The other field is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// Days of the month; `L` is the last, `15W` the working day nearest to one, `LW` the last working day.
    OfMonth { days: u64, last: bool, last_working: bool, nearest: Vec<i8> },
    /// Days of the week from Sunday, one; `5L` is the last such day of a month, `3#2` its second.
    OfWeek { days: u64, last: u64, nth: Option<(u32, u32)> },
}

impl Cron {
    /// Reads the six fields, with any white space between them; `None` if they are not valid.
    ///
    /// One of the two fields for days must be `?`. A range that runs backwards goes around (`22-2`), but for years.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields[..] else { return None };
        let days = match (of_month, of_week) {
            ("?", "?") => return None,
            ("?", of_week) => Days::of_week(of_week)?,
            (of_month, "?") => Days::of_month(of_month)?,
            _ => return None,
        };
        let mut year_set = vec![false; usize::from(YEAR_MAX.abs_diff(YEAR_MIN)) + 1];
        for year in YEARS_FIELD.values(years)? {
            year_set[(year - YEARS_FIELD.min) as usize] = true;
        }
        Some(Self {
            minutes: MINUTES_FIELD.set(minutes)?,
            hours: HOURS_FIELD.set(hours)?,
            months: MONTHS_FIELD.set(months)?,
            days,
            years: year_set,
        })
    }

    /// The first minute at `from` or after it that the fields name; `None` if there is none up to [`YEAR_MAX`].
    ///
    /// Looks at each month once at most, so that what is never due (30 February) costs no more than some thousand months.
    #[must_use]
    pub fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        for year in from.year().max(YEAR_MIN)..=YEAR_MAX {
            if !self.years[usize::from(year.abs_diff(YEAR_MIN))] {
                continue;
            }
            let is_first_year = year == from.year();
            let first_month = if is_first_year { from.month() } else { 1 };
            for month in (first_month..=12).filter(|month| holds(self.months, *month)) {
                let is_first_month = is_first_year && month == from.month();
                let first_day = if is_first_month { from.day() } else { 1 };
                let days = self.days.in_month(year, month);
                for day in (first_day..=31).filter(|day| holds(days, *day)) {
                    let is_first_day = is_first_month && day == from.day();
                    let earliest = if is_first_day { (from.hour(), from.minute()) } else { (0, 0) };
                    if let Some((hour, minute)) = self.time_at_or_after(earliest) {
                        return Some(Date::new(year, month, day).ok()?.at(hour, minute, 0, 0));
                    }
                }
            }
        }
        None
    }

    fn time_at_or_after(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        if holds(self.hours, hour)
            && let Some(minute) = first(self.minutes, minute)
        {
            return Some((hour, minute));
        }
        Some((first(self.hours, hour + 1)?, first(self.minutes, 0)?))
    }
}

/// Whether a set of bits holds a number.
fn holds(set: u64, number: i8) -> bool {
    set >> number & 1 == 1
}

/// The first number at `from` or above it that a set of bits holds.
fn first(set: u64, from: i8) -> Option<i8> {
    let above = set >> from << from;
    (above != 0).then(|| above.trailing_zeros() as i8)
}

impl Days {
    /// `*`, `1,15`, `10-20`, `1/7`, `L`, `LW`, `15W`, and lists of these.
    fn of_month(field: &str) -> Option<Self> {
        let (mut days, mut last, mut last_working, mut nearest) = (0, false, false, Vec::new());
        for part in field.split(',') {
            if part.eq_ignore_ascii_case("L") {
                last = true;
            } else if part.eq_ignore_ascii_case("LW") {
                last_working = true;
            } else if let Some(day) = part.strip_suffix(['W', 'w']) {
                nearest.push(i8::try_from(DAYS_FIELD.number(day)?).ok()?);
            } else {
                days |= DAYS_FIELD.set(part)?;
            }
        }
        Some(Self::OfMonth { days, last, last_working, nearest })
    }

    /// `*`, `MON-FRI`, `1,7`, `L` (Saturday, the last of a week), `6L`, and lists of these; or one `3#2`, which stands alone.
    fn of_week(field: &str) -> Option<Self> {
        if let Some((day, which)) = field.split_once('#') {
            let which: u32 = which.parse().ok().filter(|which| (1..=5).contains(which))?;
            return Some(Self::OfWeek { days: 0, last: 0, nth: Some((WEEKDAYS_FIELD.number(day)?, which)) });
        }
        let (mut days, mut last) = (0, 0);
        for part in field.split(',') {
            if part.eq_ignore_ascii_case("L") {
                days |= 1 << WEEKDAYS_FIELD.max;
            } else if let Some(day) = part.strip_suffix(['L', 'l']) {
                last |= 1 << WEEKDAYS_FIELD.number(day)?;
            } else {
                days |= WEEKDAYS_FIELD.set(part)?;
            }
        }
        Some(Self::OfWeek { days, last, nth: None })
    }

    /// The days of a month, bit N for the Nth.
    fn in_month(&self, year: i16, month: i8) -> u64 {
        let Ok(begin) = Date::new(year, month, 1) else { return 0 };
        let len = begin.days_in_month();
        let within = (1 << (len + 1)) - 2;
        match self {
            Self::OfMonth { days, last, last_working, nearest } => {
                let last = if *last { 1 << len } else { 0 };
                let nearest = nearest.iter().copied().chain(last_working.then_some(len));
                let nearest = nearest.fold(0, |set, day| set | 1 << nearest_working_day(begin, day));
                (days & within) | last | nearest
            }
            Self::OfWeek { days, last, nth } => {
                let weekday_of = |day: i8| {
                    let from_sunday = begin.weekday().to_sunday_zero_offset() as u32;
                    (from_sunday + day as u32 - 1) % 7 + 1
                };
                let holds = |day: &i8| {
                    let weekday = weekday_of(*day);
                    let which = (*day as u32 - 1) / 7 + 1;
                    days >> weekday & 1 == 1
                        || (last >> weekday & 1 == 1 && day + 7 > len)
                        || *nth == Some((weekday, which))
                };
                (1..=len).filter(holds).fold(0, |set, day| set | 1 << day)
            }
        }
    }
}

/// The working day nearest to a day of the month that begins at `begin`, within that month; days behind its end count as its last.
fn nearest_working_day(begin: Date, day: i8) -> i8 {
    let len = begin.days_in_month();
    let day = day.min(len);
    let from_sunday = (begin.weekday().to_sunday_zero_offset() + day - 1) % 7;
    match from_sunday {
        6 if day == 1 => 3,
        6 => day - 1,
        0 if day == len => day - 2,
        0 => day + 1,
        _ => day,
    }
}

/// What values a field has.
struct Field {
    min: u32,
    max: u32,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
    /// Whether a range may run backwards, around the end.
    wraps: bool,
}

impl Field {
    /// `*`, `5`, `5,35`, `8-17`, `0/15`, `*/5`, `0-30/10`, `MON-FRI`, and lists of these.
    fn values(&self, field: &str) -> Option<Vec<u32>> {
        let mut values = Vec::new();
        for part in field.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(digits(step).filter(|step| *step > 0)?)),
                None => (part, None),
            };
            let (from, to) = if range == "*" {
                (self.min, self.max)
            } else if let Some((from, to)) = range.split_once('-') {
                (self.number(from)?, self.number(to)?)
            } else {
                let from = self.number(range)?;
                (from, if step.is_some() { self.max } else { from })
            };
            let step = step.unwrap_or(1) as usize;
            if from <= to {
                values.extend((from..=to).step_by(step));
            } else {
                self.wraps.then_some(())?;
                values.extend((from..=self.max).chain(self.min..=to).step_by(step));
            }
        }
        Some(values)
    }

    /// The values as bits; the field has none above 63.
    fn set(&self, field: &str) -> Option<u64> {
        self.values(field).map(|values| values.iter().fold(0, |set, value| set | 1 << value))
    }

    /// One value, by number or name.
    fn number(&self, text: &str) -> Option<u32> {
        if let Some(at) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Some(at as u32 + self.min);
        }
        digits(text).filter(|number| (self.min..=self.max).contains(number))
    }
}

fn digits(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}
