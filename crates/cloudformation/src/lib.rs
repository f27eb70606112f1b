//! CloudFormation, as Pontoon runs it: stacks of resources, created, updated and deleted as their
//! templates say.
//!
//! What it is: templates in JSON and YAML with every intrinsic function; stacks and change sets; and an
//! engine that makes each resource by the public API of its service, in the order of their
//! dependencies, and undoes what it has done when something fails. What it is not: nested stacks,
//! transforms and macros, drift detection, imports of existing resources, stack policies and rollback
//! triggers are refused by name. It publishes no metrics.
//!
//! Invariant: what a stack's records say of its resources and what the other services hold is written in
//! the same batch, so a restart goes on exactly where it was.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference, the user guide and the template reference of AWS CloudFormation, and the
//! recordings under `cloudformation/`.

pub mod bridge;
mod deploy;
mod error;
mod ops;
mod records;
pub mod resources;
pub mod schema;
mod service;
pub mod state;
pub mod template;

use std::collections::HashMap;
use std::sync::Arc;

use pontoon_core::policy::IdentityPolicies;
use pontoon_core::{Caller, Scope, Step, Timestamp};

use deploy::{Compiled, Deployment};
pub use error::Error;
use state::operation::{Phase, RequesterPrincipal};
use state::{Stack, State};

/// What a role may do, by its ARN; `None` if there is no such role.
pub type RolePolicies = Arc<dyn Fn(&str) -> Option<Arc<IdentityPolicies>> + Send + Sync>;

/// The stacks of all accounts and regions.
#[derive(Default)]
pub struct CloudFormation {
    state: State,
    /// The stacks with an operation under way, by id.
    active: HashMap<String, Active>,
    role_policies: Option<RolePolicies>,
    /// In whose name a request is handled whose template had to be fetched first.
    acting_for: Option<Caller>,
}

/// What is held in memory about an operation under way.
#[derive(Default)]
struct Active {
    scope: Scope,
    due: Option<Timestamp>,
    compiled: Option<Arc<Compiled>>,
    identity: Option<Arc<IdentityPolicies>>,
    /// How many more tasks may begin within the command at hand.
    budget: usize,
}

impl std::fmt::Debug for CloudFormation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CloudFormation").field("state", &self.state).finish_non_exhaustive()
    }
}

impl CloudFormation {
    /// No stacks; `load` brings them. `role_policies` looks up the roles that stacks are given: without
    /// it every role is taken to exist, and to be allowed nothing where policies are enforced.
    #[must_use]
    pub fn new(role_policies: Option<RolePolicies>) -> Self {
        Self { role_policies, ..Self::default() }
    }

    /// Whether a role can be given to a stack.
    fn has_role(&self, arn: &str) -> bool {
        self.role_policies.as_ref().is_none_or(|look_up| look_up(arn).is_some())
    }

    /// Who makes the request at hand.
    fn caller(&self, step: &Step<'_>) -> Caller {
        self.acting_for.as_ref().unwrap_or(step.caller).clone()
    }

    /// Adds or replaces a stack on which an operation has begun in the caller's name. It is taken up as
    /// soon as the request has been answered.
    fn activate(&mut self, step: &Step<'_>, caller: &Caller, stack: Stack) {
        let requester = stack.operation.as_ref().map(|operation| &operation.requester.principal);
        let identity = match (requester, &stack.settings.role_arn) {
            (Some(RequesterPrincipal::Role(arn, _)), Some(given)) if arn == given => {
                self.role_policies.as_ref().and_then(|look_up| look_up(arn))
            }
            _ => caller.identity.clone(),
        };
        let active = Active { scope: step.scope, due: Some(step.now), identity, ..Active::default() };
        self.active.insert(stack.id.clone(), active);
        self.state.stacks(step.scope).insert(stack);
    }

    /// Lets a deployment act, and go on as far as it can.
    fn deploy(&mut self, step: &mut Step<'_>, id: &str, act: impl FnOnce(&mut Deployment<'_, '_>)) {
        let scope = step.scope;
        let stacks = self.state.stacks(scope);
        let Some(mut stack) = stacks.take(id) else { return };
        let active = self.active.entry(id.to_owned()).or_default();
        if stack.operation.is_some() {
            let compiled = active.compiled.clone().unwrap_or_else(|| {
                let compiled = Compiled::of(step, &stack).unwrap_or_else(|error| {
                    // Written by a version that read more templates: nothing more is made of it, but what
                    // exists can still be deleted and changed back.
                    if let Some(operation) =
                        stack.operation.as_mut().filter(|operation| operation.phase == Phase::Forward)
                    {
                        operation.abort = Some(error.message().to_owned());
                    }
                    Compiled {
                        template: template::Template::default(),
                        pseudo: deploy::pseudo(scope, &stack),
                    }
                });
                Arc::new(compiled)
            });
            active.compiled = Some(Arc::clone(&compiled));
            let (identity, budget) = (active.identity.clone(), &mut active.budget);
            let mut deployment =
                Deployment { step, stack: &mut stack, others: stacks, compiled, identity, budget };
            act(&mut deployment);
            deployment.run();
        }
        match &stack.operation {
            Some(_) => {
                active.scope = scope;
                active.due = deploy::next_due(&stack, step.now);
            }
            None => {
                self.active.remove(id);
            }
        }
        stacks.insert(stack);
    }
}
