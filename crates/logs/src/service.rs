//! CloudWatch Logs as the engine sees it: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::logs;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::background::Sweep;
use crate::records;
use crate::state::emf::Fault;
use crate::{Group, Logs};

impl Service for Logs {
    fn id(&self) -> ServiceId {
        ServiceId::Logs
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&logs::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { groups, policies, deleted } = records::load(store)?;
        for (scope, name, record) in groups {
            let mut group = Group::new(scope, name.as_str().into(), record);
            let number = group.record.number;
            for stream in records::load_streams(store, number)? {
                if stream.deleted {
                    self.sweeps.push_back(Sweep::Stream(number, stream.number));
                } else {
                    group.add_stream(stream);
                }
            }
            group.oldest = records::load_oldest(store, number)?;
            self.regions.entry(scope).or_default().groups.insert(group.name.clone(), group);
            self.reschedule(scope, &name);
        }
        for (scope, name, policy) in policies {
            self.regions.entry(scope).or_default().policies.insert(name, policy);
        }
        for region in self.regions.values_mut() {
            region.join_policies();
        }
        self.sweeps.extend(deleted.into_iter().map(|(scope, number)| Sweep::Group(scope, number)));
        Ok(())
    }

    fn start(&mut self, step: &mut Step<'_>) {
        self.sweep_at = (!self.sweeps.is_empty()).then_some(step.now);
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        logs::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        logs::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let expiry = self.expiries.first().map(|(at, _, _)| *at);
        [self.book.due(), self.sweep_at, expiry].into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let due = self.next_due();
        if due.is_none() {
            return;
        }
        if due == self.book.due() {
            self.end_minute(step);
        } else if due == self.sweep_at {
            self.run_sweep(step);
        } else {
            self.run_expiry(step);
        }
    }

    /// The metrics embedded in an event were taken or refused; the token is the log group's name.
    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        if let (Err(_), Ok(group)) = (outcome, token.downcast::<String>()) {
            self.count_emf_fault(step.now, step.scope, &group, Fault::Validation);
        }
    }

    fn inspect(&self, _scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => {
                let groups = self.regions.values().flat_map(|region| region.groups.values());
                let (groups, streams) =
                    groups.fold((0, 0), |(count, streams), group| (count + 1, streams + group.streams.len()));
                Some(serde_json::json!({ "logGroups": groups, "logStreams": streams }))
            }
            _ => None,
        }
    }
}
