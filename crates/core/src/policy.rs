//! Resource and identity policies, evaluated at every hop as AWS does.

use crate::scope::Scope;
use crate::step::Caller;
use crate::time::Timestamp;

/// What a denial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyMode {
    /// It refuses, as AWS would.
    Enforce,
    /// The operation goes on, and the trace says what AWS would have denied and which statement would allow it.
    Warn,
}

/// A parsed policy document.
#[derive(Clone, Debug, Default)]
pub struct Document {}

impl Document {
    /// Reads a policy document in JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words; the service puts it into its own error.
    pub fn parse(_json: &str) -> Result<Self, String> {
        Ok(Self {})
    }
}

/// The policies attached to a user or role.
#[derive(Clone, Debug, Default)]
pub struct IdentityPolicies {
    /// Inline and attached documents.
    pub documents: Vec<Document>,
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
    /// Condition keys beyond the global ones (`sns:Protocol`), with their values.
    pub context: &'a [(&'a str, &'a str)],
}

/// A refused access: what AWS says, why, and what would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// `User: … is not authorized to perform: … on resource: … because …`.
    pub message: String,
    /// The statement that would allow it, JSON.
    pub allow: String,
}

impl Access<'_> {
    /// Why `caller` may not, or `None` if it may. `scope` is the resource's.
    #[must_use]
    pub fn denied(&self, _caller: &Caller, _scope: Scope, _now: Timestamp) -> Option<Denial> {
        None
    }
}
