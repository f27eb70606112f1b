//! Scheduler as the engine sees it: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::scheduler;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Outbox, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::state::schedule::Schedule;
use crate::{Scheduler, records};

impl Service for Scheduler {
    fn id(&self) -> ServiceId {
        ServiceId::Scheduler
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&scheduler::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { groups, schedules, deletions } = records::load(store)?;
        for (scope, name, group) in groups {
            if group.deleting {
                self.emptying.insert((scope, name.clone()));
            }
            self.groups.insert((scope, name), group);
        }
        for (key, record) in schedules {
            let schedule = Schedule::new(record).map_err(|why| {
                LoadError::new(format!("the schedule {} cannot be read: {why:?} is not valid", key.arn()))
            })?;
            self.insert(&key, schedule);
        }
        for (scope, token, deletion) in deletions {
            let at = Timestamp::from_millis(deletion.at_millis);
            self.tokens.add(at, scope, &token, deletion.deleted);
        }
        self.outbox = Outbox::load(ServiceId::Scheduler, store)?;
        Ok(())
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        scheduler::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        scheduler::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let fires = self.due.first().map(|(at, _)| *at);
        // What is being emptied goes on at once.
        let emptying = (!self.emptying.is_empty()).then_some(Timestamp::from_millis(i64::MIN));
        [self.outbox.next_due(), fires, self.book.due(), emptying].into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let next = self.next_due();
        if let Some((scope, group)) = self.emptying.first().cloned() {
            self.empty(step, scope, &group);
        } else if self.book.due() == next {
            // A minute's counts are taken before anything else happens at its end.
            for (scope, datum) in self.book.close() {
                step.scope = scope;
                step.metric(datum);
            }
        } else if self.outbox.next_due() == next {
            self.attempt_due(step);
        } else {
            self.fire(step);
        }
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        self.hop_settled(step, token, outcome);
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => Some(serde_json::json!({
                "schedules": self.schedules.len(),
                "schedule groups": self.groups.len(),
                "invocations waiting": self.outbox.len(),
            })),
            Inspect::Wiring => Some(self.wiring(scope)),
            _ => None,
        }
    }
}
