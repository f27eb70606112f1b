//! Lambda as the engine sees it: loading, operations, timers, and the outcomes of hops and invocations.

use std::any::Any;

use pontoon_api::lambda as api;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Outbox, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp, WorkOutcome,
};
use pontoon_source::{Filters, Poller};

use crate::run::Token;
use crate::{Lambda, Mapping, records};

impl Service for Lambda {
    fn id(&self) -> ServiceId {
        ServiceId::Lambda
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        static SCHEMAS: [&ServiceSchema; 1] = [&api::SERVICE];
        &SCHEMAS
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { functions, mappings } = records::load(store)?;
        for (scope, function) in functions {
            if let Some(count) = function.reserved_concurrency {
                self.reserved.entry(scope).or_default().insert(function.name.clone(), count);
            }
            self.functions.insert((scope, function.name.clone()), function);
        }
        for (scope, config) in mappings {
            let filters = Filters::parse(config.filters.as_deref().unwrap_or_default());
            let filters = filters.map_err(|_| {
                LoadError::new(format!("a filter of event source mapping {} cannot be read", config.uuid))
            })?;
            let mapping = Mapping { filters, poller: Poller::default(), timer: None, config };
            self.mappings.insert((scope, mapping.config.uuid.clone()), mapping);
        }
        self.outbox = Outbox::load(ServiceId::Lambda, store)?;
        Ok(())
    }

    fn start(&mut self, step: &mut Step<'_>) {
        let mappings: Vec<_> = self.mappings.keys().cloned().collect();
        for key in mappings {
            self.advance_mapping(step, &key);
        }
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        api::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        api::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(at, _)| *at);
        [self.outbox.next_due(), self.throttled.next_expiry(), timer, self.book.due()]
            .into_iter()
            .flatten()
            .min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let now = step.now;
        if self.book.due().is_some_and(|at| at <= now) {
            self.publish_metrics(step);
        } else if let Some(id) = self.outbox.take_due(now) {
            self.attempt(step, id);
        } else if let Some(id) = self.throttled.take_expired(now) {
            self.expire(step, id);
        } else if self.timers.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, key)) = self.timers.pop_first()
        {
            if let Some(mapping) = self.mappings.get_mut(&key) {
                mapping.timer = None;
            }
            step.scope = key.0;
            self.advance_mapping(step, &key);
        }
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        let token = token.downcast::<Token>();
        assert!(token.is_ok(), "hops come back with the tokens that this service made");
        if let Ok(token) = token {
            self.hop_ended(step, *token, outcome);
        }
    }

    fn worked(&mut self, step: &mut Step<'_>, token: u64, outcome: WorkOutcome) {
        if let WorkOutcome::Function(result) = outcome {
            self.invocation_ended(step, token, *result);
        }
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Wiring => Some(self.wiring(scope)),
            Inspect::Package { token, now } => Some(serde_json::json!(self.downloads.find(*now, token)?)),
            Inspect::Counts => Some(serde_json::json!({
                "functions": self.functions.len(),
                "eventSourceMappings": self.mappings.len(),
                "asynchronousInvocations": self.outbox.len(),
            })),
            _ => None,
        }
    }
}
