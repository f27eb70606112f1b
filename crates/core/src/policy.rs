//! Resource and identity policies, evaluated at every hop as AWS does.
//!
//! Invariant: what cannot be judged (a condition key whose value AWS would know and we do not) never allows, and never spares from a denial.

mod condition;
mod context;
mod denial;
mod document;
mod evaluate;
mod role;
#[cfg(test)]
mod tests;
mod wildcard;

use crate::scope::Scope;
use crate::step::{Caller, Principal};
use crate::time::Timestamp;

pub use self::denial::Denial;
pub use self::document::{DOCUMENT_BYTES_MAX, Document};
pub use self::role::{Assuming, ServiceRole, ServiceRoles};

/// What a denial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyMode {
    /// It refuses, as AWS would.
    Enforce,
    /// The operation goes on, and the trace says what AWS would have denied and which statement would allow it.
    Warn,
}

/// What IAM has of a user or role: the policies attached to it, and its tags. The default allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityPolicies {
    /// Inline and attached documents, of which one must allow.
    pub documents: Vec<Document>,
    /// The permissions boundary, which must allow too if there is one.
    pub boundary: Option<Document>,
    /// The policies handed over when the role was assumed, of which one must allow too if there are any.
    pub session: Option<Vec<Document>>,
    /// The tags of the user or role, by key, which conditions know as `aws:PrincipalTag/KEY`.
    pub tags: Vec<(String, String)>,
}

impl IdentityPolicies {
    /// The value of the tag with this key, whose case does not matter.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        let mut tags = self.tags.iter();
        tags.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| &**value)
    }
}

/// An access that a policy may allow or deny.
#[derive(Debug)]
pub struct Access<'a> {
    /// `sqs:SendMessage`.
    pub action: &'static str,
    /// ARN of the resource.
    pub resource: &'a str,
    /// The resource's own policy, if it has one.
    pub policy: Option<&'a Document>,
    /// Condition keys beyond the global ones (`sns:Protocol`), with their values; a key of several values stands here several times.
    pub context: &'a [(&'a str, &'a str)],
}

impl Access<'_> {
    /// Why `caller` may not, or `None` if it may. `scope` is the resource's.
    ///
    /// The owning account itself may do everything that the resource's policy does not explicitly deny, so an owner's access to a resource without a policy is
    /// decided at once.
    #[must_use]
    pub fn denied(&self, caller: &Caller, scope: Scope, now: Timestamp) -> Option<Denial> {
        if self.policy.is_none()
            && let Principal::Account(account) = caller.principal
            && account == scope.account
        {
            return None;
        }
        let context = context::Context { access: self, caller, scope: &scope, now };
        evaluate::refusal(&context).map(|refusal| Denial::new(refusal, &context))
    }
}

/// Account and name (without its path) of `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
fn role_parts(arn: &str) -> Option<(&str, &str)> {
    let (account, role) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    Some((account, role.rsplit_once('/').map_or(role, |(_, name)| name)))
}
