//! CloudWatch Logs as the engine sees it: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::logs;
use pontoon_api::vended::DeliverLogsInput;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::background::Sweep;
use crate::deliveries::Carried;
use crate::ops::Asked;
use crate::records;
use crate::state::emf::Fault;
use crate::{Group, Logs};

/// What a hop's outcome is handed back with.
pub(crate) enum Token {
    /// The metrics embedded in an event; the log group's name.
    Metrics(String),
    /// Vended logs.
    Carried(Carried),
    /// Whether a resource's logs may be delivered.
    Asked(Box<Asked>),
}

impl Service for Logs {
    fn id(&self) -> ServiceId {
        ServiceId::Logs
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&logs::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { groups, policies, sources, destinations, deliveries, deleted } =
            records::load(store)?;
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
        for (scope, name, source) in sources {
            self.regions.entry(scope).or_default().deliveries.sources.insert(name, source);
        }
        for (scope, name, destination) in destinations {
            self.regions.entry(scope).or_default().deliveries.destinations.insert(name, destination);
        }
        for (scope, id, delivery) in deliveries {
            self.regions.entry(scope).or_default().deliveries.deliveries.insert(id, delivery);
        }
        for region in self.regions.values_mut() {
            region.join_policies();
            region.deliveries.join();
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
        match request.into_any().downcast::<DeliverLogsInput>() {
            Ok(input) => Ok(Reply::from(self.deliver(step, *input)).erase()),
            Err(request) => match request.downcast::<logs::Request>() {
                Ok(request) => logs::call(self, step, *request),
                Err(_) => unreachable!("the engine gives a service the requests of its own APIs"),
            },
        }
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

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        let Ok(token) = token.downcast::<Token>() else {
            unreachable!("the host hands back the tokens that it was given");
        };
        match *token {
            Token::Metrics(group) => {
                if outcome.is_err() {
                    self.count_emf_fault(step.now, step.scope, &group, Fault::Validation);
                }
            }
            Token::Carried(carried) => Self::carried(step, carried, outcome),
            Token::Asked(asked) => self.source_answered(step, *asked, outcome),
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
