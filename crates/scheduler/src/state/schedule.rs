//! A schedule, and when it is due.

use std::sync::Arc;
use std::time::Duration;

use pontoon_core::{Ids, Timestamp};
use pontoon_schedule::{Expression, Zone};
use serde::{Deserialize, Serialize};

use super::target::TargetRecord;

/// A due time that has not fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// When the expression is due, milliseconds.
    pub scheduled_millis: i64,
    /// When it fires: then, or later within the flexible window, milliseconds.
    pub fires_millis: i64,
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRecord {
    /// Tells apart schedules that had the same name one after the other.
    pub serial: u64,
    /// Expression, as it was given.
    pub expression: String,
    /// Time zone, as it was given.
    pub zone: String,
    /// Not due before, milliseconds.
    pub start_millis: Option<i64>,
    /// Not due from then on, milliseconds.
    pub end_millis: Option<i64>,
    /// Length of the flexible window, minutes; `None` for none.
    pub window_minutes: Option<u32>,
    /// Whether it fires.
    pub enabled: bool,
    /// Whether it is deleted once it is never due again and all that it fired has ended.
    pub delete_after_completion: bool,
    /// Description.
    pub description: Option<String>,
    /// What it calls.
    pub target: Arc<TargetRecord>,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Changed, milliseconds.
    pub modified_millis: i64,
    /// The token of the request that made it.
    pub token: Option<String>,
    /// What rates count from, milliseconds: the start, or when the schedule was last set to fire.
    pub anchor_millis: i64,
    /// When it is due next; `None` if never again, or if it is disabled.
    pub due: Option<Due>,
    /// How many of its firings have not ended.
    pub under_way: u32,
}

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// As it is kept.
    pub record: ScheduleRecord,
    expression: Expression,
    zone: Zone,
}

/// Why a record is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The expression is none.
    Expression,
    /// There is no such time zone.
    Zone,
}

impl Schedule {
    /// The schedule of a record.
    ///
    /// # Errors
    /// If its expression or its time zone is none.
    pub fn new(record: ScheduleRecord) -> Result<Self, Unreadable> {
        let expression = Expression::of_schedule(&record.expression).ok_or(Unreadable::Expression)?;
        let zone = Zone::named(&record.zone).ok_or(Unreadable::Zone)?;
        Ok(Self { record, expression, zone })
    }

    /// When it fires next.
    #[must_use]
    pub fn fires(&self) -> Option<Timestamp> {
        self.record.due.map(|due| Timestamp::from_millis(due.fires_millis))
    }

    /// Whether start and end bound it: those of a single instant are ignored.
    #[must_use]
    pub fn is_recurring(&self) -> bool {
        !matches!(self.expression, Expression::At(_))
    }

    /// Whether it is due at the same times as `other`.
    #[must_use]
    pub fn has_rhythm_of(&self, other: &Self) -> bool {
        let rhythm = |of: &Self| {
            (of.record.start_millis, of.record.end_millis, of.record.window_minutes, of.record.enabled)
        };
        self.expression == other.expression && self.zone == other.zone && rhythm(self) == rhythm(other)
    }

    /// Begins anew at `now`: rates count from the start if there is one, and else from now, when they are due for the first time.
    pub fn begin(&mut self, now: Timestamp, ids: &mut Ids) {
        let start = self.record.start_millis.filter(|_| self.is_recurring());
        self.record.anchor_millis = start.unwrap_or(now.millis());
        self.record.due = None;
        if self.record.enabled {
            self.plan(Timestamp::from_millis(now.millis() - 1), now, ids);
        }
    }

    /// Takes what is due, and plans what is due after it. Due times that were missed for longer than an event may be old are passed over; the second
    /// value tells from when to when there were any.
    pub fn take_due(
        &mut self,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Option<(Due, Option<(Timestamp, Timestamp)>)> {
        let due = self.record.due.take()?;
        let last = Timestamp::from_millis(due.scheduled_millis);
        let oldest = now.before(Duration::from_secs(u64::from(self.record.target.age_secs_max)));
        let passed_over = self.next(last).filter(|next| *next < oldest).map(|first| (first, oldest));
        let after = if passed_over.is_some() { Timestamp::from_millis(oldest.millis() - 1) } else { last };
        self.plan(after, now, ids);
        Some((due, passed_over))
    }

    /// Plans the first due time after `after`.
    fn plan(&mut self, after: Timestamp, now: Timestamp, ids: &mut Ids) {
        let window_ms = u64::from(self.record.window_minutes.unwrap_or(0)) * 60_000;
        self.record.due = self.next(after).map(|scheduled| {
            let offset = Duration::from_millis(ids.below(window_ms));
            // Times that a long window has brought close together fire one after the other, each within its own window.
            let fires =
                scheduled.after(offset).max(now.min(scheduled.after(Duration::from_millis(window_ms))));
            Due { scheduled_millis: scheduled.millis(), fires_millis: fires.millis() }
        });
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let recurring = self.is_recurring();
        let bound = |millis: Option<i64>| millis.filter(|_| recurring);
        let after = bound(self.record.start_millis)
            .map_or(after, |start| after.max(Timestamp::from_millis(start.saturating_sub(1))));
        let next =
            self.expression.next(&self.zone, Timestamp::from_millis(self.record.anchor_millis), after)?;
        bound(self.record.end_millis).is_none_or(|end| next.millis() < end).then_some(next)
    }
}
