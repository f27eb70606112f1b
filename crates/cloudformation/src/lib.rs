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

use pontoon_core::policy::{Assuming, IdentityPolicies, ServiceRoles};
use pontoon_core::{Caller, Scope, Step, Timestamp};

use deploy::{Compiled, Deployment};
pub use error::Error;
use state::operation::{Phase, RequesterPrincipal};
use state::{Stack, State};

/// The session's name when CloudFormation acts in a role.
const SESSION: &str = "AWSCloudFormation";

/// The stacks of all accounts and regions.
#[derive(Default)]
pub struct CloudFormation {
    state: State,
    /// The stacks with an operation under way, by id.
    active: HashMap<String, Active>,
    /// The roles that stacks are given; without it every role may be given, and is allowed nothing where policies are enforced.
    roles: Option<ServiceRoles>,
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
    /// No stacks; `load` brings them. `roles` tells of the roles that stacks are given: without it every
    /// role is taken to exist, and to be allowed nothing where policies are enforced.
    #[must_use]
    pub fn new(roles: Option<ServiceRoles>) -> Self {
        Self { roles, ..Self::default() }
    }

    /// What a role may do; `None` if nothing is known of it.
    fn policies_of(&self, role: &str) -> Option<Arc<IdentityPolicies>> {
        self.roles.as_ref().and_then(|roles| roles(role)).map(|role| role.policies)
    }

    /// Refuses a role that a stack's operation is to act in, if there is no such role or its trust policy
    /// does not let CloudFormation assume it: with policies that only warn as well (recording
    /// `test_update_with_role_without_permissions`), since nothing would tell of it later.
    fn check_role(&self, step: &mut Step<'_>, stack_id: &str, role: Option<&str>) -> Result<(), Error> {
        let (Some(arn), Some(roles)) = (role, &self.roles) else { return Ok(()) };
        let assuming = Assuming {
            service: "cloudformation.amazonaws.com",
            role: arn,
            source_arn: stack_id,
            resource: stack_id,
            session: SESSION,
        };
        match assuming.denied(step, roles(arn).as_ref()) {
            Some(_) => Err(Error::validation(format!("Role {arn} is invalid or cannot be assumed"))),
            None => Ok(()),
        }
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
            (Some(RequesterPrincipal::Role(arn, _)), Some(given)) if arn == given => self.policies_of(arn),
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
