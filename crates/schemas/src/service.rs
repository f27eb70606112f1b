//! The schema registry as the engine sees it: loading, and what happens of itself.

use std::any::Any;
use std::sync::Arc;

use pontoon_api::schemas;
use pontoon_api::validation::ValidateEventsInput;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::Schemas;
use crate::records::{self, Loaded};
use crate::state::registry::Registry;

impl Service for Schemas {
    fn id(&self) -> ServiceId {
        ServiceId::Schemas
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&schemas::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        let Loaded { registries, schemas, discoverers } = records::load(store)?;
        for (scope, name, record) in registries {
            self.region_mut(scope).registries.insert(Arc::from(name), Registry::new(record));
        }
        for (scope, registry, name, record) in schemas {
            let found = self.region_mut(scope).registries.get_mut(registry.as_str());
            let Some(found) = found else {
                return Err(LoadError::new(format!("the schema {name} is in no registry")));
            };
            found.schemas.insert(name, record);
        }
        for (scope, id, record) in discoverers {
            self.region_mut(scope).discoverers.insert(id, record);
        }
        Ok(())
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        let request = request.into_any();
        match request.downcast::<ValidateEventsInput>() {
            Ok(input) => Ok(Reply::from(self.validate_events(step, &input)).erase()),
            Err(request) => match request.downcast::<schemas::Request>() {
                Ok(request) => schemas::call(self, step, *request),
                Err(_) => unreachable!("the engine gives a service the requests of its own APIs"),
            },
        }
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        schemas::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.book.due()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        self.end_minute(step);
    }

    /// A discoverer's rule was laid, or could not be.
    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        self.discoverer_settled(step, token, outcome);
    }

    fn inspect(&self, _scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => {
                let registries = self.regions.values().flat_map(|region| region.registries.values());
                let schemas: usize = registries.map(|registry| registry.schemas.len()).sum();
                let discoverers: usize = self.regions.values().map(|region| region.discoverers.len()).sum();
                Some(serde_json::json!({ "schemas": schemas, "discoverers": discoverers }))
            }
            _ => None,
        }
    }
}
