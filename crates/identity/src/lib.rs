//! IAM and STS, as far as deploying and running event-driven stacks needs them: roles with their policies, customer managed policies, the AWS managed ones
//! that such stacks attach, users without credentials, and sessions.
//!
//! It is not a user management: there are no access keys, groups, instance profiles or federated users.
//!
//! IAM is global, so everything is kept by account, whatever the region. It publishes no metrics.
//!
//! Invariant: what a role may do, as [`Directory`] tells it, is what its inline, attached and bounding policies say after the last applied operation.
//!
//! Follows the [IAM](https://docs.aws.amazon.com/IAM/latest/APIReference/) and [STS](https://docs.aws.amazon.com/STS/latest/APIReference/) API references
//! and the recordings in `aws-recordings/iam` and `aws-recordings/sts`.

mod aws_managed;
pub mod directory;
pub mod error;
mod ops;
mod records;
mod state;
mod wiring;

use pontoon_api::{iam, sts};
use pontoon_core::shape::{OperationSchema, Output, Request, ServiceSchema, Violations};
use pontoon_core::{
    ApiError, Inspect, LoadError, Reply, Scope, Service, ServiceId, Step, StoreRead, Timestamp,
};

pub use crate::directory::{Directory, Identified};
pub use crate::error::Error;
use crate::state::State;

/// IAM and STS.
#[derive(Debug, Default)]
pub struct Identity {
    state: State,
}

impl Identity {
    /// IAM and STS that tell `directory` what others look up. Whatever the directory knew before is forgotten.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self { state: State::new(directory) }
    }

    /// The lookups that this service keeps up to date.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.state.directory.clone()
    }
}

impl Service for Identity {
    fn id(&self) -> ServiceId {
        ServiceId::Identity
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        static SCHEMAS: [&ServiceSchema; 2] = [&iam::SERVICE, &sts::SERVICE];
        &SCHEMAS
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        records::load(store, &mut self.state)?;
        self.state.publish_all();
        Ok(())
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        if request.operation().service.id == sts::SERVICE.id {
            sts::call(self, step, request.try_into()?)
        } else {
            iam::call(self, step, request.try_into()?)
        }
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        iam::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.state.sessions.next_expiry()
    }

    /// Forgets a session that has ended.
    fn run_due(&mut self, step: &mut Step<'_>) {
        if let Some(session) = self.state.sessions.expire(step.now) {
            records::delete_session(step, &session);
            self.state.directory.remove_session(&session.access_key);
        }
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => {
                let state = self.state.account(scope.account);
                let count = |of: fn(&state::AccountState) -> usize| state.map_or(0, of);
                Some(serde_json::json!({
                    "roles": count(|state| state.roles.len()),
                    "policies": count(|state| state.policies.len()),
                    "users": count(|state| state.users.len()),
                }))
            }
            Inspect::Wiring => Some(wiring::wiring(&self.state, scope.account)),
            _ => None,
        }
    }
}
