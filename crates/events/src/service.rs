//! EventBridge as the engine sees it: loading, and what happens of itself.

use std::any::Any;
use std::sync::Arc;

use pontoon_api::events;
use pontoon_api::invocation::InvokeApiDestinationInput;
use pontoon_api::vended::AllowLogDeliveryInput;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Outbox, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp, WorkOutcome,
};

use crate::Events;
use crate::archives::Archives;
use crate::destinations::Destinations;
use crate::ops::buses;
use crate::records::{self, BusRecord};
use crate::replays::Replays;
use crate::state::bus::{Bus, DEFAULT, Rule};
use crate::state::kept::Kept;

impl Service for Events {
    fn id(&self) -> ServiceId {
        ServiceId::Events
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&events::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { buses, rules, archives, replays, purges, connections, destinations } =
            records::load(store)?;
        for (scope, name, record) in buses {
            let bus = Bus::new(scope, &name, record);
            self.buses.entry(scope).or_default().insert(name, bus);
        }
        for (scope, key, record) in rules {
            let bad = |why: &str| LoadError::new(format!("the rule {key:?} cannot be read: {why}"));
            let (bus, name) = key.split_once('\0').ok_or_else(|| bad("bad key"))?;
            let created = Timestamp::from_millis(record.modified_millis);
            let rule = Rule::load(scope, bus, name, record).map_err(|why| bad(&why))?;
            let name: Arc<str> = Arc::from(name);
            self.schedules.extend(rule.next_fire().map(|at| (at, scope, Arc::clone(&name))));
            let buses = self.buses.entry(scope).or_default();
            if bus == DEFAULT {
                buses.entry(bus.to_owned()).or_insert_with(|| Bus::new(scope, bus, BusRecord::new(created)));
            }
            buses.get_mut(bus).ok_or_else(|| bad("its bus is not there"))?.put(&name, rule);
        }
        self.outbox = Outbox::load(ServiceId::Events, store)?;
        self.kept = Kept::load(store)?;
        self.archives = Archives::load(store, archives, purges)?;
        self.replays = Replays::load(replays);
        self.destinations = Destinations::load(connections, destinations);
        Ok(())
    }

    fn start(&mut self, step: &mut Step<'_>) {
        self.destinations.start(step);
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        let answer = self.operate(step, request);
        self.write_journal(step);
        answer
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        events::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let fires = self.schedules.first().map(|(at, ..)| *at);
        let all = [
            self.outbox.next_due(),
            fires,
            self.metrics.due(),
            self.replays.next_due(),
            self.archives.next_due(),
            self.invocations.next_due(),
        ];
        all.into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let next = self.next_due();
        // A minute's counts are taken before anything else happens at its end.
        if self.metrics.due() == next {
            for (scope, datum) in self.metrics.close() {
                step.scope = scope;
                step.metric(datum);
            }
        } else if self.outbox.next_due() == next {
            self.attempt_due(step);
        } else if self.replays.next_due() == next {
            self.replay_due(step);
        } else if self.archives.next_due() == next {
            self.archives.run_due(step);
        } else if self.invocations.next_due() == next {
            self.invoke_due(step);
        } else if let Some((at, scope, name)) = self.schedules.pop_first() {
            self.fire(step, at, scope, &name);
        }
        self.write_journal(step);
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        if let Err((token, outcome)) = self.validated(step, token, outcome) {
            self.hop_settled(step, token, outcome);
        }
        self.write_journal(step);
    }

    fn worked(&mut self, step: &mut Step<'_>, token: u64, outcome: WorkOutcome) {
        if let WorkOutcome::Http(result) = outcome {
            self.http_ended(step, token, &result);
        }
        self.write_journal(step);
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::ExplainEvent { id, store } => self.explain(*store, *id),
            Inspect::Wiring => Some(self.wiring(scope)),
            Inspect::Counts => {
                let buses = self.buses.values().flat_map(|buses| buses.values());
                let (mut buses_count, mut rules) = (0, 0);
                for bus in buses {
                    buses_count += 1;
                    rules += bus.rules.len();
                }
                let (connections, destinations) = self.destinations.counts();
                Some(serde_json::json!({
                    "event buses": buses_count,
                    "rules": rules,
                    "connections": connections,
                    "API destinations": destinations,
                    "deliveries waiting": self.outbox.len(),
                }))
            }
            _ => None,
        }
    }
}

impl Events {
    fn operate(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        let request = request.into_any();
        let request = match request.downcast::<InvokeApiDestinationInput>() {
            Ok(input) => return self.invoke_api_destination(step, *input).map(Reply::erase),
            Err(request) => request,
        };
        let request = match request.downcast::<AllowLogDeliveryInput>() {
            Ok(input) => return Ok(Reply::from(buses::allow_log_delivery(self, step, &input)?).erase()),
            Err(request) => request,
        };
        match request.downcast::<events::Request>() {
            Ok(request) => events::call(self, step, *request),
            Err(_) => unreachable!("the engine gives a service the requests of its own APIs"),
        }
    }
}
