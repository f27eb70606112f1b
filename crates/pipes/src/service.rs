//! Pipes as the engine sees them: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::pipes;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::run::Token;
use crate::state::pipe::Pipe;
use crate::{Key, Pipes, records};

impl Service for Pipes {
    fn id(&self) -> ServiceId {
        ServiceId::Pipes
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&pipes::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        for (key, record) in records::load(store)? {
            let pipe = Pipe::new(record).map_err(|why| {
                LoadError::new(format!("the pipe {} cannot be read: {why:?} is not valid", Self::arn(&key)))
            })?;
            self.pipes.insert(key.clone(), pipe);
            self.set_timer(&key);
        }
        Ok(())
    }

    /// Polls go on; what was on its way shows up again in its queue.
    fn start(&mut self, step: &mut Step<'_>) {
        let keys: Vec<Key> = self.pipes.keys().cloned().collect();
        keys.iter().for_each(|key| self.advance(step, key));
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        pipes::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        pipes::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(at, _)| *at);
        [timer, self.book.due()].into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        if self.book.due() == self.next_due() {
            // A minute's counts are taken before anything else happens at its end.
            for (scope, datum) in self.book.close() {
                step.scope = scope;
                step.metric(datum);
            }
        } else if let Some((_, key)) = self.timers.pop_first() {
            if let Some(pipe) = self.pipes.get_mut(&key) {
                pipe.timer = None;
            }
            step.scope = key.0;
            self.go_on(step, &key);
        }
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        let Ok(token) = token.downcast::<Token>() else {
            unreachable!("the host hands back the tokens that it was given");
        };
        self.hop_ended(step, *token, outcome);
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => Some(serde_json::json!({
                "pipes": self.pipes.len(),
                "batches in pipes": self.executions.len(),
            })),
            Inspect::Wiring => Some(self.wiring(scope)),
            _ => None,
        }
    }
}
