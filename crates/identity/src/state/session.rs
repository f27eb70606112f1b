//! Sessions: the temporary credentials that assuming a role gives.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use pontoon_core::policy::Document;
use pontoon_core::{Account, Principal, Timestamp};

/// Temporary credentials, and in whose name they act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `ASIA…`
    pub access_key: Arc<str>,
    /// Signs its requests.
    pub secret: Arc<str>,
    /// Must come along with them.
    pub token: Arc<str>,
    /// The role's account.
    pub account: Account,
    /// The role's ARN.
    pub role: Arc<str>,
    /// The role's unique id: a role that was deleted and made again does not revive its sessions.
    pub role_id: Arc<str>,
    /// The session's name.
    pub name: Arc<str>,
    /// When the credentials end.
    pub expires: Timestamp,
    /// The policies that limit it further, if any were handed over, as JSON.
    pub policies: Option<Arc<[String]>>,
    /// The same, parsed.
    pub documents: Option<Vec<Document>>,
}

impl Session {
    /// In whose name its requests are made.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::Role { arn: Arc::clone(&self.role), session: Arc::clone(&self.name) }
    }
}

/// The sessions of all accounts that have not ended.
#[derive(Debug, Default)]
pub struct Sessions {
    by_key: HashMap<Arc<str>, Arc<Session>>,
    by_expiry: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Sessions {
    /// Most sessions at a time. AWS has no such number; without one a loop of AssumeRole would fill the memory.
    pub const MAX: usize = 100_000;

    /// Whether there is no room for another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.by_key.len() >= Self::MAX
    }

    /// Adds a session.
    pub fn insert(&mut self, session: Arc<Session>) {
        self.by_expiry.insert((session.expires, Arc::clone(&session.access_key)));
        self.by_key.insert(Arc::clone(&session.access_key), session);
    }

    /// When the next one ends.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest session that has ended.
    pub fn expire(&mut self, now: Timestamp) -> Option<Arc<Session>> {
        if self.next_expiry()? > now {
            return None;
        }
        let (_, key) = self.by_expiry.pop_first()?;
        self.by_key.remove(&key)
    }
}
