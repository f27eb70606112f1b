//! Customer managed policies and their versions.

use std::collections::BTreeMap;

use pontoon_core::Timestamp;
use pontoon_core::policy::Document;

use super::name::{Name, Tag};
use super::role::PolicyText;

/// A customer managed policy.
///
/// Invariant: it has a version `default_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Path and name.
    pub name: Name,
    /// `ANPA…`
    pub id: String,
    /// When it was created.
    pub created: Timestamp,
    /// When its versions last changed.
    pub updated: Timestamp,
    /// Free text.
    pub description: Option<String>,
    /// In the order in which they were set.
    pub tags: Vec<Tag>,
    /// By number; at most [`ManagedPolicy::VERSIONS_MAX`].
    pub versions: BTreeMap<u32, Version>,
    /// The version in force.
    pub default_version: u32,
    /// The number of the latest version ever made; numbers are not reused.
    pub last_version: u32,
}

/// A version of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The policy.
    pub text: PolicyText,
    /// When it was made.
    pub created: Timestamp,
}

impl ManagedPolicy {
    /// Most versions that a policy has at a time.
    pub const VERSIONS_MAX: usize = 5;
    /// Most characters of a version, white space aside.
    pub const CHARS_MAX: usize = 6144;

    /// What the version in force says.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.text().document
    }

    /// The version in force, as it was written.
    #[must_use]
    pub fn text(&self) -> &PolicyText {
        match self.versions.get(&self.default_version) {
            Some(version) => &version.text,
            None => panic!("the version in force is never removed, nor loaded without"),
        }
    }

    /// Adds a version, in force if so wanted, and gives its number.
    pub fn add_version(&mut self, text: PolicyText, in_force: bool, now: Timestamp) -> u32 {
        self.last_version += 1;
        self.versions.insert(self.last_version, Version { text, created: now });
        if in_force {
            self.default_version = self.last_version;
        }
        self.updated = now;
        self.last_version
    }
}

/// The number of a version id (`v12`); a suffix such as IAM once made (`v12.x`) names no version here.
#[must_use]
pub fn version_number(id: &str) -> Option<u32> {
    id.strip_prefix('v')?.parse().ok()
}
