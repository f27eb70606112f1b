//! Roles that services act in.

use std::sync::Arc;

use super::{Access, Denial, Document, IdentityPolicies};
use crate::step::{Caller, Principal, Step};
use crate::trace::TraceIds;

/// What IAM has of a role that a service is to act in.
#[derive(Clone, Debug)]
pub struct ServiceRole {
    /// What it may do.
    pub policies: Arc<IdentityPolicies>,
    /// Who may assume it.
    pub trust: Arc<Document>,
}

/// Tells of a role by its ARN; `None` if there is no such role.
pub type ServiceRoles = Arc<dyn Fn(&str) -> Option<ServiceRole> + Send + Sync>;

/// A service that acts in a role on behalf of a resource (a schedule, a pipe).
#[derive(Clone, Copy, Debug)]
pub struct Assuming<'a> {
    /// `scheduler.amazonaws.com`
    pub service: &'static str,
    /// ARN of the role.
    pub role: &'a str,
    /// `aws:SourceArn` of the assumption, which trust policies are conditioned on.
    pub source_arn: &'a str,
    /// ARN of the resource on whose behalf the role then acts.
    pub resource: &'a str,
    /// Name of the session.
    pub session: &'a str,
}

impl Assuming<'_> {
    /// Why the role cannot be assumed: it is not there, or its trust policy does not let the service.
    #[must_use]
    pub fn denied(&self, step: &mut Step<'_>, role: Option<&ServiceRole>) -> Option<Denial> {
        let Some(role) = role else {
            return Some(Denial {
                message: format!(
                    "The role {} does not exist, so {} cannot assume it",
                    self.role, self.service
                ),
                allow: String::new(),
            });
        };
        let (scope, now) = (step.scope, step.now);
        let caller = step.hop_caller(self.service, self.source_arn, None);
        let access =
            Access { action: "sts:AssumeRole", resource: self.role, policy: Some(&role.trust), context: &[] };
        access.denied(&caller, scope, now)
    }

    /// Who calls in the role, continuing `traces`. A role that is not there may do nothing.
    #[must_use]
    pub fn caller(&self, step: &mut Step<'_>, role: Option<&ServiceRole>, traces: TraceIds) -> Caller {
        Caller {
            principal: Principal::Role { arn: self.role.into(), session: self.session.into() },
            identity: role.map(|role| Arc::clone(&role.policies)),
            ..step.hop_caller(self.service, self.resource, traces)
        }
    }
}
