//! What IAM keeps of each account, and what can be said of it.
//!
//! Invariant: whatever changes a role's policies or trust is followed by [`State::publish`], so that the [`Directory`] never gives old ones.

pub mod name;
pub mod policy;
pub mod role;
pub mod session;

use std::collections::{BTreeMap, HashMap};

use pontoon_core::Account;
use pontoon_core::policy::{Document, IdentityPolicies};

use self::name::Kind;
use self::policy::ManagedPolicy;
use self::role::{Role, User};
use self::session::Sessions;
use crate::aws_managed;
use crate::directory::Directory;

/// The entities of one account, by name in lower case.
#[derive(Debug, Default)]
pub struct AccountState {
    /// Roles.
    pub roles: BTreeMap<String, Role>,
    /// Customer managed policies.
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// Users.
    pub users: BTreeMap<String, User>,
}

impl AccountState {
    /// Most roles of an account.
    pub const ROLES_MAX: usize = 1000;
    /// Most customer managed policies of an account.
    pub const POLICIES_MAX: usize = 1500;
    /// Most users of an account.
    pub const USERS_MAX: usize = 5000;

    /// How many roles a managed policy is attached to, and how many it bounds.
    #[must_use]
    pub fn uses_of(&self, policy_arn: &str) -> (usize, usize) {
        let attached = self.roles.values().filter(|role| role.attached.contains(policy_arn)).count();
        let bounds = self.roles.values().filter(|role| role.boundary.as_deref() == Some(policy_arn)).count();
        (attached, bounds)
    }

    /// The customer managed policy of this ARN.
    #[must_use]
    pub fn policy(&self, account: Account, arn: &str) -> Option<&ManagedPolicy> {
        let (owner, name) = name::of_arn(Kind::Policy, arn)?;
        let policy = self.policies.get(&name::key(name))?;
        (owner == account && policy.name.arn(Kind::Policy, account) == arn).then_some(policy)
    }

    /// What a managed policy of the account or of AWS says.
    #[must_use]
    pub fn document(&self, account: Account, arn: &str) -> Option<&Document> {
        match self.policy(account, arn) {
            Some(policy) => Some(policy.document()),
            None => aws_managed::find(arn).map(|policy| &policy.text.document),
        }
    }

    /// All that a role is allowed by its own policies, and its tags.
    #[must_use]
    pub fn policies_of(&self, account: Account, role: &Role) -> IdentityPolicies {
        let inline = role.inline.values().map(|policy| &policy.document);
        let attached = role.attached.iter().filter_map(|arn| self.document(account, arn));
        // A boundary that cannot be found bounds everything away.
        let boundary =
            role.boundary.as_deref().map(|arn| self.document(account, arn).cloned().unwrap_or_default());
        let tags = role.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        IdentityPolicies {
            documents: inline.chain(attached).cloned().collect(),
            boundary,
            session: None,
            tags,
        }
    }
}

/// Everything that IAM and STS keep.
#[derive(Debug, Default)]
pub struct State {
    accounts: HashMap<Account, AccountState>,
    /// Sessions of all accounts.
    pub sessions: Sessions,
    /// What others may look up.
    pub directory: Directory,
}

impl State {
    /// State that publishes to this directory, which is emptied.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        directory.clear();
        Self { directory, ..Self::default() }
    }

    /// An account's entities, to be changed.
    pub fn account_mut(&mut self, account: Account) -> &mut AccountState {
        self.accounts.entry(account).or_default()
    }

    /// An account's entities.
    #[must_use]
    pub fn account(&self, account: Account) -> Option<&AccountState> {
        self.accounts.get(&account)
    }

    /// The role of this ARN.
    #[must_use]
    pub fn role(&self, arn: &str) -> Option<(Account, &Role)> {
        let (account, name) = name::of_arn(Kind::Role, arn)?;
        let role = self.account(account)?.roles.get(&name::key(name))?;
        (role.name.arn(Kind::Role, account) == arn).then_some((account, role))
    }

    /// Tells the directory what a role may do now.
    pub fn publish(&self, account: Account, role_name: &str) {
        let Some(state) = self.account(account) else { return };
        let Some(role) = state.roles.get(&name::key(role_name)) else { return };
        let policies = state.policies_of(account, role);
        let trust = role.trust.document.clone();
        self.directory.set_role(&role.name.arn(Kind::Role, account), &role.id, policies, trust);
    }

    /// Tells the directory about every role that uses a managed policy.
    pub fn publish_users_of(&self, account: Account, policy_arn: &str) {
        let Some(state) = self.account(account) else { return };
        for role in state.roles.values() {
            if role.attached.contains(policy_arn) || role.boundary.as_deref() == Some(policy_arn) {
                self.publish(account, &role.name.name);
            }
        }
    }

    /// Tells the directory about everything: after loading.
    pub fn publish_all(&self) {
        for (account, state) in &self.accounts {
            for role in state.roles.values() {
                self.publish(*account, &role.name.name);
            }
        }
    }
}
