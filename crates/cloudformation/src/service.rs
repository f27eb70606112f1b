//! CloudFormation as the engine sees it: loading, and what happens of itself.

use std::any::Any;

use pontoon_api::cloudformation::{self, SERVICE};
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Inspect, LoadError, OperationSchema, Output, Reply, Request, Scope, Service, ServiceId,
    ServiceSchema, Settled, Step, StoreRead, Timestamp,
};

use crate::deploy::{TASKS_PER_COMMAND, Token};
use crate::ops::source::Fetch;
use crate::state::StackStatus;
use crate::{Active, CloudFormation, records};

impl Service for CloudFormation {
    fn id(&self) -> ServiceId {
        ServiceId::CloudFormation
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        self.state = records::load(store)?;
        for (scope, stacks) in self.state.iter() {
            for stack in stacks.iter().filter(|stack| stack.operation.is_some()) {
                self.active.insert(stack.id.clone(), Active { scope, ..Active::default() });
            }
        }
        Ok(())
    }

    fn start(&mut self, step: &mut Step<'_>) {
        let under_way: Vec<(String, Scope)> =
            self.active.iter().map(|(id, active)| (id.clone(), active.scope)).collect();
        for (id, scope) in under_way {
            step.scope = scope;
            if let Some(stack) = self.state.stacks(scope).by_id(&id) {
                let role = stack.operation.as_ref().map(|operation| operation.requester.principal.clone());
                if let Some(crate::state::operation::RequesterPrincipal::Role(arn, _)) = role {
                    let identity = self.policies_of(&arn);
                    self.active.entry(id.clone()).or_default().identity = identity;
                }
            }
            self.deploy(step, &id, |deployment| deployment.resume());
        }
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        cloudformation::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        cloudformation::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.active.values().filter_map(|active| active.due).min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let due = |active: &Active| active.due.filter(|due| *due <= step.now);
        let earliest = self.active.iter().filter_map(|(id, active)| Some((due(active)?, id))).min();
        let Some((_, id)) = earliest else { return };
        let id = id.clone();
        let Some(active) = self.active.get_mut(&id) else { return };
        active.due = None;
        active.budget = TASKS_PER_COMMAND;
        step.scope = active.scope;
        self.deploy(step, &id, |deployment| deployment.retry_due());
    }

    fn settled(&mut self, step: &mut Step<'_>, token: Box<dyn Any + Send>, outcome: Settled) {
        match token.downcast::<Token>() {
            Ok(token) => {
                let id = token.stack.clone();
                self.deploy(step, &id, |deployment| deployment.settled(&token, &outcome));
            }
            Err(token) => {
                if let Ok(fetch) = token.downcast::<Fetch>() {
                    self.fetched(step, *fetch, outcome);
                }
            }
        }
    }

    fn inspect(&self, _scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => {
                let stacks = self.state.iter().flat_map(|(_, stacks)| stacks.iter());
                let live = stacks.filter(|stack| stack.status != StackStatus::DeleteComplete).count();
                Some(serde_json::json!({ "stacks": live }))
            }
            _ => None,
        }
    }
}
