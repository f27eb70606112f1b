//! Roles and users: who may act, and with which policies.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_core::Timestamp;
use pontoon_core::policy::Document;

use super::name::{Name, Tag};

/// A policy as it was written, and as it is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    /// JSON, byte for byte as the client sent it.
    pub json: String,
    /// What it says.
    pub document: Document,
}

impl PolicyText {
    /// Its size as IAM's quotas count it: characters that are not white space.
    #[must_use]
    pub fn quota_chars(&self) -> usize {
        self.json.chars().filter(|c| !c.is_whitespace()).count()
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Path and name.
    pub name: Name,
    /// `AROA…`
    pub id: String,
    /// When it was created.
    pub created: Timestamp,
    /// Who may assume it.
    pub trust: PolicyText,
    /// Free text.
    pub description: Option<String>,
    /// Longest session, 3600 to 43200 seconds.
    pub session_secs_max: u32,
    /// ARN of the policy that bounds its permissions.
    pub boundary: Option<String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, PolicyText>,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// In the order in which they were set.
    pub tags: Vec<Tag>,
}

impl Role {
    /// Longest session of a role that does not say, seconds.
    pub const SESSION_SECS_DEFAULT: u32 = 3600;
    /// Most characters of a trust policy, white space aside.
    pub const TRUST_CHARS_MAX: usize = 2048;
    /// Most characters of all inline policies together, white space aside.
    pub const INLINE_CHARS_MAX: usize = 10_240;
    /// Most managed policies attached to a role.
    pub const ATTACHED_MAX: usize = 10;

    /// The size of the inline policies if `name` were `policy`, in characters that are not white space.
    #[must_use]
    pub fn inline_chars_with(&self, name: &str, policy: &PolicyText) -> usize {
        let others = self.inline.iter().filter(|(other, _)| *other != name);
        others.map(|(_, other)| other.quota_chars()).sum::<usize>() + policy.quota_chars()
    }
}

/// A user. Users have no credentials or policies of their own here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Path and name.
    pub name: Name,
    /// `AIDA…`
    pub id: String,
    /// When it was created.
    pub created: Timestamp,
    /// In the order in which they were set.
    pub tags: Vec<Tag>,
}
