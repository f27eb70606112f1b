//! CloudWatch as the engine sees it: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::cloudwatch;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Datum, Direction, Inspect, LoadError, OperationSchema, Output, Reply, Request, Scope, Service,
    ServiceId, ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::state::period::TIERS;
use crate::{CloudWatch, Wake, Watched, records};

impl Service for CloudWatch {
    fn id(&self) -> ServiceId {
        ServiceId::CloudWatch
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&cloudwatch::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let records::Loaded { alarms, metrics } = records::load(store)?;
        for (scope, alarm) in alarms {
            let name = alarm.definition.name.as_str().into();
            self.alarms.entry(scope).or_default().insert(name, Watched { alarm, due: Timestamp::EPOCH });
        }
        for (scope, number, record) in metrics {
            let tier = if record.high_resolution { TIERS[0] } else { TIERS[1] };
            self.metrics.restore(scope, record.name.clone(), number, record.high_resolution);
            if let Some(metric) = self.metrics.get_mut(scope, &record.name) {
                metric.last_data =
                    records::end_of_data(store, number, Direction::Descending)?.unwrap_or(Timestamp::EPOCH);
            }
            let first =
                records::end_of_data(store, number, Direction::Ascending)?.unwrap_or(Timestamp::EPOCH);
            self.roll_up_at(number, first.after(tier.kept_for));
        }
        Ok(())
    }

    fn start(&mut self, step: &mut Step<'_>) {
        let alarms: Vec<(Scope, std::sync::Arc<str>)> = self
            .alarms
            .iter()
            .flat_map(|(scope, alarms)| alarms.keys().map(|name| (*scope, name.clone())))
            .collect();
        for (scope, name) in alarms {
            self.schedule_soon(scope, &name, step.now);
        }
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        cloudwatch::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        cloudwatch::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        match self.due.pop_first() {
            Some((_, Wake::Alarm(scope, name))) => self.evaluate(step, scope, &name),
            Some((_, Wake::RollUp(number))) => self.roll_up(step, number),
            None => {}
        }
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        self.acted(step, token, &outcome);
    }

    fn measured(&mut self, step: &mut Step<'_>, scope: Scope, datum: &Datum) {
        self.keep_measured(step, scope, datum);
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Wiring => Some(self.wiring(scope)),
            Inspect::Counts => {
                let alarms: usize = self.alarms.values().map(std::collections::BTreeMap::len).sum();
                Some(serde_json::json!({ "alarms": alarms, "metrics": self.metrics.count() }))
            }
            _ => None,
        }
    }
}
