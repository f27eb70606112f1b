//! The decision: which statements apply, and what they come to.
//!
//! Follows "Policy evaluation logic" of the IAM user guide: an explicit deny anywhere decides; within an account the resource's policy *or* the identity's may
//! allow; across accounts both must.

use super::IdentityPolicies;
use super::condition::Holds;
use super::context::Context;
use super::document::{Document, Patterns, PrincipalName, Principals, Statement};
use crate::step::Principal;

/// A policy's place, as denials name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyType {
    Resource,
    Identity,
    Boundary,
    Session,
}

/// Why an access is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A statement denies it, which no other can outweigh.
    Explicit(PolicyType),
    /// No statement of this type of policy allows it.
    Implicit(PolicyType),
}

/// How far a resource's policy goes in allowing, from nothing to the session itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grant {
    Nothing,
    /// The caller's account, whose own policies decide for its users and roles.
    Account,
    /// The user or role.
    Identity,
    /// The session by its own ARN, which boundaries and session policies do not limit.
    Session,
}

/// Why the access is refused; `None` if it is allowed.
pub(super) fn refusal(context: &Context<'_>) -> Option<Refusal> {
    let resource = context.access.policy;
    let identity = context.caller.identity.as_deref();
    if let Some(denier) = denier(context, resource, identity) {
        return Some(Refusal::Explicit(denier));
    }
    let grant = resource.map_or(Grant::Nothing, |policy| granted(policy, context));
    let same_account = context.caller.account == context.scope.account;
    // A role's trust policy must always allow; being of the same account is not enough.
    let needs_grant = context.access.action.starts_with("sts:AssumeRole");
    let lacks_grant = grant == Grant::Nothing && (needs_grant || !same_account);
    match &context.caller.principal {
        Principal::Service(_) => (grant == Grant::Nothing).then_some(Refusal::Implicit(PolicyType::Resource)),
        Principal::Account(_) => lacks_grant.then_some(Refusal::Implicit(PolicyType::Resource)),
        Principal::User(_) | Principal::Role { .. } => {
            if same_account && grant >= Grant::Identity {
                return limited(context, identity, grant);
            }
            if !identity.is_some_and(|policies| allowed_by(&policies.documents, context)) {
                return Some(Refusal::Implicit(PolicyType::Identity));
            }
            if lacks_grant {
                return Some(Refusal::Implicit(PolicyType::Resource));
            }
            limited(context, identity, Grant::Nothing)
        }
    }
}

/// The type of a policy that denies explicitly, if any does.
fn denier(
    context: &Context<'_>,
    resource: Option<&Document>,
    identity: Option<&IdentityPolicies>,
) -> Option<PolicyType> {
    let denies = |document: &Document| {
        document
            .statements
            .iter()
            .any(|statement| !statement.allows && applies(statement, context) != Holds::No)
    };
    if resource.is_some_and(denies) {
        return Some(PolicyType::Resource);
    }
    let identity = identity?;
    if identity.documents.iter().any(denies) {
        return Some(PolicyType::Identity);
    }
    if identity.boundary.as_ref().is_some_and(denies) {
        return Some(PolicyType::Boundary);
    }
    identity
        .session
        .as_ref()
        .is_some_and(|documents| documents.iter().any(denies))
        .then_some(PolicyType::Session)
}

/// Whether the permissions boundary and session policies leave standing what another policy allows. A resource's policy that names a session, or a user,
/// allows past them.
fn limited(context: &Context<'_>, identity: Option<&IdentityPolicies>, grant: Grant) -> Option<Refusal> {
    let is_user = matches!(context.caller.principal, Principal::User(_));
    if grant == Grant::Session || (is_user && grant == Grant::Identity) {
        return None;
    }
    let identity = identity?;
    if let Some(boundary) = &identity.boundary
        && !allowed_by(std::slice::from_ref(boundary), context)
    {
        return Some(Refusal::Implicit(PolicyType::Boundary));
    }
    match &identity.session {
        Some(session) if !allowed_by(session, context) => Some(Refusal::Implicit(PolicyType::Session)),
        _ => None,
    }
}

fn allowed_by(documents: &[Document], context: &Context<'_>) -> bool {
    let mut statements = documents.iter().flat_map(|document| &document.statements);
    statements.any(|statement| statement.allows && applies(statement, context) == Holds::Yes)
}

/// The furthest grant of a resource's policy to the caller.
fn granted(policy: &Document, context: &Context<'_>) -> Grant {
    let allowing = policy.statements.iter().filter(|s| s.allows && applies(s, context) == Holds::Yes);
    allowing
        .map(|statement| statement.principals.as_ref().map_or(Grant::Nothing, |p| p.grant(context)))
        .max()
        .unwrap_or(Grant::Nothing)
}

/// Whether a statement speaks of this access.
fn applies(statement: &Statement, context: &Context<'_>) -> Holds {
    let principals = statement.principals.as_ref().is_none_or(|principals| principals.hold(context));
    if !principals || statement.actions.hold(context.access.action, context) != Holds::Yes {
        return Holds::No;
    }
    let resources = statement.resources.as_ref();
    let mut holds =
        resources.map_or(Holds::Yes, |resources| resources.hold(context.access.resource, context));
    for condition in &statement.conditions {
        match (holds, condition.holds(context)) {
            (Holds::No, _) | (_, Holds::No) => return Holds::No,
            (_, Holds::Unknown) => holds = Holds::Unknown,
            (_, Holds::Yes) => {}
        }
    }
    holds
}

impl Patterns {
    fn hold(&self, text: &str, context: &Context<'_>) -> Holds {
        let mut holds = Holds::No;
        for pattern in &self.any_of {
            match pattern.matches(text, &|key| context.variable(key)) {
                Some(true) => return Holds::from(!self.negated),
                Some(false) => {}
                None => holds = Holds::Unknown,
            }
        }
        if holds == Holds::Unknown { holds } else { Holds::from(self.negated) }
    }
}

impl Principals {
    fn hold(&self, context: &Context<'_>) -> bool {
        if !self.negated {
            return self.any_of.iter().any(|name| name.grant(context) != Grant::Nothing);
        }
        // Excepting an account excepts the account itself, not its users and roles ("NotPrincipal" in the user guide).
        let is_account = matches!(context.caller.principal, Principal::Account(_));
        let excepted = if is_account { Grant::Account } else { Grant::Identity };
        self.any_of.iter().all(|name| name.grant(context) < excepted)
    }

    /// What naming the caller so comes to; a statement for everyone but some grants to the rest as one for everyone does.
    fn grant(&self, context: &Context<'_>) -> Grant {
        if self.negated {
            return Grant::Identity;
        }
        self.any_of.iter().map(|name| name.grant(context)).max().unwrap_or(Grant::Nothing)
    }
}

impl PrincipalName {
    fn grant(&self, context: &Context<'_>) -> Grant {
        let caller = context.caller;
        let is_service = matches!(caller.principal, Principal::Service(_));
        let when = |matches: bool, grant| if matches { grant } else { Grant::Nothing };
        match self {
            Self::Everyone => Grant::Identity,
            Self::AnyService => when(is_service, Grant::Identity),
            Self::Service(name) => {
                when(matches!(caller.principal, Principal::Service(own) if own == &**name), Grant::Identity)
            }
            Self::Account(account) => when(!is_service && caller.account == *account, Grant::Account),
            Self::Arn(named) => match &caller.principal {
                Principal::User(arn) => when(arn.as_bytes() == named.as_bytes(), Grant::Identity),
                Principal::Role { arn, .. } if arn.as_bytes() == named.as_bytes() => Grant::Identity,
                Principal::Role { arn, session } => when(is_session(named, arn, session), Grant::Session),
                Principal::Account(_) | Principal::Service(_) => Grant::Nothing,
            },
            Self::Nobody => Grant::Nothing,
        }
    }
}

/// Whether `named` is `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` of this session; the role's path is not part of it.
fn is_session(named: &str, role: &str, session: &str) -> bool {
    let Some((account, role_name)) = super::role_parts(role) else { return false };
    let Some(rest) = named.strip_prefix("arn:aws:sts::").and_then(|rest| rest.strip_prefix(account)) else {
        return false;
    };
    rest.strip_prefix(":assumed-role/").and_then(|rest| rest.split_once('/')) == Some((role_name, session))
}
