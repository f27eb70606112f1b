//! What others may look up: in whose name an access key acts, and what a role may do.
//!
//! The engine's thread writes it as operations are applied; the front's threads read it for every request, so reads take a shared lock and hand out
//! reference counts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pontoon_core::policy::{Document, IdentityPolicies, ServiceRole};
use pontoon_core::{Account, Principal, Timestamp};

use crate::state::session::Session;

/// A handle on the lookups; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    shared: Arc<RwLock<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    roles: HashMap<Arc<str>, Published>,
    sessions: HashMap<Arc<str>, Arc<Session>>,
}

#[derive(Debug)]
struct Published {
    id: Arc<str>,
    policies: Arc<IdentityPolicies>,
    trust: Arc<Document>,
}

/// In whose name requests with certain credentials are made.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The role, and the session's name.
    pub principal: Principal,
    /// The role's account.
    pub account: Account,
    /// What the role, and the session within it, may do.
    pub policies: Arc<IdentityPolicies>,
    /// The secret that signs the requests.
    pub secret: Arc<str>,
    /// The token that must come along.
    pub token: Arc<str>,
}

impl Directory {
    /// Whose temporary credentials these are; `None` if STS did not issue them, they have ended, or their role is gone.
    #[must_use]
    pub fn session(&self, access_key: &str, now: Timestamp) -> Option<Identified> {
        let shared = self.read();
        let session = shared.sessions.get(access_key).filter(|session| session.expires > now)?;
        let role = shared.roles.get(&session.role).filter(|role| role.id == session.role_id)?;
        let policies = match &session.documents {
            None => Arc::clone(&role.policies),
            Some(documents) => {
                Arc::new(IdentityPolicies { session: Some(documents.clone()), ..(*role.policies).clone() })
            }
        };
        Some(Identified {
            principal: session.principal(),
            account: session.account,
            policies,
            secret: Arc::clone(&session.secret),
            token: Arc::clone(&session.token),
        })
    }

    /// What a role may do, by its ARN; `None` if there is no such role.
    #[must_use]
    pub fn policies_of_role(&self, arn: &str) -> Option<Arc<IdentityPolicies>> {
        self.read().roles.get(arn).map(|role| Arc::clone(&role.policies))
    }

    /// What a role may do and who may assume it, by its ARN; `None` if there is no such role.
    #[must_use]
    pub fn service_role(&self, arn: &str) -> Option<ServiceRole> {
        let shared = self.read();
        let role = shared.roles.get(arn)?;
        Some(ServiceRole { policies: Arc::clone(&role.policies), trust: Arc::clone(&role.trust) })
    }

    pub(crate) fn set_role(&self, arn: &str, id: &str, policies: IdentityPolicies, trust: Document) {
        let published = Published { id: id.into(), policies: Arc::new(policies), trust: Arc::new(trust) };
        self.write().roles.insert(arn.into(), published);
    }

    pub(crate) fn remove_role(&self, arn: &str) {
        self.write().roles.remove(arn);
    }

    pub(crate) fn add_session(&self, session: Arc<Session>) {
        self.write().sessions.insert(Arc::clone(&session.access_key), session);
    }

    pub(crate) fn remove_session(&self, access_key: &str) {
        self.write().sessions.remove(access_key);
    }

    pub(crate) fn clear(&self) {
        *self.write() = Shared::default();
    }

    // Nothing that holds the lock can panic half-way through a change, so a poisoned lock guards sound data.
    fn read(&self) -> RwLockReadGuard<'_, Shared> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }
}
