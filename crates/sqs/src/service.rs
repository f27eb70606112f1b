//! SQS as the engine sees it: loading, and what happens of itself.

use std::sync::Arc;

use pontoon_api::sqs;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Output, ParkId, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Step, StoreRead, Timestamp,
};

use crate::records;
use crate::{Queue, Sqs, Wake};

impl Service for Sqs {
    fn id(&self) -> ServiceId {
        ServiceId::Sqs
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&sqs::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { queues, tasks, deleted, sweeps } = records::load(store)?;
        self.due.extend(sweeps.keys().map(|queue| (Timestamp::EPOCH, Wake::Sweep(*queue))));
        self.sweeps = sweeps;
        for (scope, name, record) in queues {
            let mut queue = Queue::new(scope, &name, record, self.budget.clone());
            queue.messages.skip_numbers(queue.record.numbers_below);
            let from = self.sweeps.get(&queue.record.number).copied().unwrap_or(0);
            records::load_messages(store, queue.record.number, from, &mut queue.messages)?;
            if let Some(recent) = &mut queue.recent {
                records::load_recent(store, queue.record.number, from, recent)?;
            }
            self.regions.entry(scope).or_default().insert(name.clone(), queue);
            self.reschedule(scope, &name);
        }
        for (scope, task) in tasks {
            self.due.extend(task.due().map(|at| (at, Wake::Task(scope, task.id.clone()))));
            self.tasks.entry(scope).or_default().push(task);
        }
        for tasks in self.tasks.values_mut() {
            tasks.sort_by_key(|task| task.started_millis);
        }
        self.deleted.extend(deleted.into_iter().map(|(scope, name, at)| ((scope, name), at)));
        Ok(())
    }

    fn start(&mut self, step: &mut Step<'_>) {
        let full: Vec<(Scope, Arc<str>)> = self
            .regions
            .values()
            .flat_map(|queues| queues.values())
            .filter(|queue| queue.messages.oldest().is_some())
            .map(|queue| (queue.scope, Arc::clone(&queue.name)))
            .collect();
        for (scope, name) in full {
            // Retention went on while nothing ran; nobody receives what it ended.
            self.wake(step, scope, &name);
            self.active(step.now, (scope, &name));
        }
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        sqs::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        sqs::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.minute_ends].into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let due = self.due.first().map(|(at, _)| *at);
        // A minute's counts are taken before anything else happens at its end.
        if self.minute_ends.is_some_and(|ends| due.is_none_or(|at| ends <= at)) {
            self.end_minute(step);
            return;
        }
        match self.due.pop_first() {
            Some((_, Wake::Queue(scope, name))) => {
                step.scope = scope;
                if let Some(queue) = self.queue_mut(scope, &name) {
                    queue.due = None;
                }
                self.wake(step, scope, &name);
            }
            Some((_, Wake::Sweep(queue))) => self.sweep_on(step, queue),
            Some((_, Wake::Task(scope, id))) => {
                step.scope = scope;
                self.move_on(step, scope, &id);
            }
            None => {}
        }
    }

    fn abandoned(&mut self, _step: &mut Step<'_>, id: ParkId) {
        let Some((scope, name)) = self.parked.remove(&id) else { return };
        if let Some(queue) = self.queue_mut(scope, &name) {
            queue.waiters.abandon(id);
        }
        self.reschedule(scope, &name);
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Wiring => Some(self.wiring(scope)),
            Inspect::Queues { now, store } => Some(self.show_queues(scope, *now, *store)),
            Inspect::Queue { name, max, now, store } => self.queue(scope, name)?.show(*now, *max, *store),
            Inspect::Counts => {
                let queues: usize = self.regions.values().map(std::collections::HashMap::len).sum();
                Some(serde_json::json!({ "queues": queues }))
            }
            Inspect::ExplainEvent { .. } | Inspect::Package { .. } => None,
        }
    }
}
