//! Schedules that are due: each due time becomes a delivery, once.
//!
//! AWS never sleeps, Pontoon may: due times that were missed while it was down fire when it is back, in order, as late as an event may be old by the
//! schedule's retry policy. What is older is passed over, and the trace says so.

use std::sync::Arc;

use pontoon_core::trace::one;
use pontoon_core::{Step, Timestamp, TraceId, TraceNote, TraceOutcome, TraceRecord};

use crate::deliver::Delivery;
use crate::state::schedule::Due;
use crate::{Key, Scheduler};

impl Key {
    /// The schedule's ARN.
    pub(crate) fn arn(&self) -> String {
        self.scope.arn("scheduler", format_args!("schedule/{}/{}", self.group, self.name))
    }
}

impl Scheduler {
    /// Fires the schedule that is due first.
    pub(crate) fn fire(&mut self, step: &mut Step<'_>) {
        let Some((_, key)) = self.due.pop_first() else { return };
        let Some(mut schedule) = self.schedules.get(&key).cloned() else { return };
        step.scope = key.scope;
        let Some((due, passed_over)) = schedule.take_due(step.now, step.ids) else { return };
        schedule.record.under_way += 1;
        let delivery = delivery(step, &key, schedule.record.serial, &schedule.record.target, due);
        self.keep(step, &key, schedule);
        if let Some((first, until)) = passed_over {
            let why = format!(
                "Due times from {} until {} were missed and are older than the schedule's MaximumEventAgeInSeconds.",
                first.iso_secs(),
                until.iso_secs()
            );
            let record = TraceRecord::delivered(step.now, "schedule", "aws.scheduler", &*delivery.arn)
                .with_outcome(TraceOutcome::Skipped, why);
            step.note(TraceNote { traces: one(TraceId(delivery.id)), record });
        }
        let record = TraceRecord::delivered(step.now, "schedule", "aws.scheduler", &*delivery.arn);
        step.note(TraceNote { traces: one(TraceId(delivery.id)), record });
        self.accept(step, delivery);
    }
}

fn delivery(
    step: &mut Step<'_>,
    key: &Key,
    serial: u64,
    target: &Arc<crate::state::target::TargetRecord>,
    due: Due,
) -> Delivery {
    Delivery {
        group: Arc::clone(&key.group),
        name: Arc::clone(&key.name),
        serial,
        arn: key.arn().into(),
        target: Arc::clone(target),
        id: step.ids.uuid_bytes(),
        scheduled_millis: due.scheduled_millis,
        late_millis: step.now.since(Timestamp::from_millis(due.fires_millis)).as_millis() as u64,
    }
}
