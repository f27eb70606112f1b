//! SNS as the engine sees it: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::sns;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Outbox, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp, WorkOutcome,
};

use crate::deliver::Awaited;
use crate::records::{self, Loaded};
use crate::{Sns, Subscription, Topic};

impl Service for Sns {
    fn id(&self) -> ServiceId {
        ServiceId::Sns
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&sns::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let Loaded { topics, subscriptions, key } = records::load(store)?;
        for (scope, name, record) in topics {
            let topic = Topic::new(scope, &name, record);
            self.topics.entry(scope).or_default().insert(name, topic);
        }
        for (scope, resource, record) in subscriptions {
            let refused = |fault| {
                LoadError::new(format!(
                    "the filter policy of subscription {resource} is refused now: {fault:?}"
                ))
            };
            let filter = record.settings.compile().map_err(refused)?;
            let subscription = Subscription::new(scope, &resource, record, filter);
            self.index(scope, &resource, subscription);
        }
        if let Some(key) = key {
            let unreadable = |why| LoadError::new(format!("the signing key of SNS cannot be read: {why}"));
            self.signing.load(&key).map_err(unreadable)?;
        }
        self.outbox = Outbox::load(ServiceId::Sns, store)?;
        Ok(())
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        sns::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        sns::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let expiry = self.expiries.first().map(|(at, ..)| *at);
        [self.metrics.due(), expiry, self.next_delivery()].into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        // A minute's counts are taken before anything else happens at its end.
        if self.metrics.due().is_some_and(|at| at <= step.now) {
            self.end_minute(step);
            return;
        }
        if self.next_delivery().is_some_and(|at| at <= step.now) {
            self.try_next(step);
            return;
        }
        let expired = self.expiries.first().filter(|(at, ..)| *at <= step.now).cloned();
        if let Some((_, scope, resource)) = expired {
            step.scope = scope;
            self.forget(step, scope, &resource);
        }
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        let awaited = token.downcast::<Awaited>();
        assert!(awaited.is_ok(), "hops of SNS carry no other token");
        if let Ok(awaited) = awaited {
            self.hop_ended(step, *awaited, outcome.err());
        }
    }

    fn worked(&mut self, step: &mut Step<'_>, token: u64, outcome: WorkOutcome) {
        self.http_under_way = self.http_under_way.saturating_sub(1);
        let WorkOutcome::Http(result) = outcome else { return };
        self.http_ended(step, token, &result);
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Wiring => Some(self.wiring(scope)),
            Inspect::Counts => {
                let topics: usize = self.topics.values().map(std::collections::BTreeMap::len).sum();
                let subscriptions: usize =
                    self.subscriptions.values().map(std::collections::BTreeMap::len).sum();
                Some(
                    serde_json::json!({ "topics": topics, "subscriptions": subscriptions, "deliveries": self.outbox.len() }),
                )
            }
            _ => None,
        }
    }
}
