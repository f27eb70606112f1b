//! Managed policies and their versions.

use std::collections::BTreeMap;

use pontoon_api::iam::*;
use pontoon_core::policy::Document;
use pontoon_core::{Account, Step};

use super::page::page;
use super::role_policy::check_arn;
use super::{allow, encoded, policy_text, set_tags, some_tags, tags_out, whole_seconds};
use crate::aws_managed::{self, AwsManaged};
use crate::error::Error;
use crate::state::AccountState;
use crate::state::name::{self, Kind, Name};
use crate::state::policy::{ManagedPolicy, Version, version_number};
use crate::state::role::PolicyText;
use crate::{Identity, records};

pub fn create_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: CreatePolicyInput,
) -> Result<CreatePolicyOutput, Error> {
    let account = step.scope.account;
    let policy_name = Name::new(input.path, input.policy_name);
    let arn = policy_name.arn(Kind::Policy, account);
    allow(step, "iam:CreatePolicy", &arn)?;
    let tags = set_tags(&[], input.tags.unwrap_or_default(), "TagsPerPolicy")?;
    let text = managed_text(input.policy_document)?;
    if let Some(state) = identity.state.account(account) {
        if state.policies.contains_key(&name::key(&policy_name.name)) {
            return Err(Error::PolicyExists(policy_name.name));
        }
        if state.policies.len() >= AccountState::POLICIES_MAX {
            return Err(Error::Quota("PoliciesPerAccount", AccountState::POLICIES_MAX));
        }
    }
    let policy = ManagedPolicy {
        name: policy_name,
        id: Kind::Policy.unique_id(step.ids),
        created: whole_seconds(step.now),
        updated: whole_seconds(step.now),
        description: input.description,
        tags,
        versions: BTreeMap::from([(1, Version { text, created: whole_seconds(step.now) })]),
        default_version: 1,
        last_version: 1,
    };
    // Neither CreatePolicy nor ListPolicies gives the description ("Policy" in the API reference).
    let shown = Policy { tags: some_tags(&policy.tags), ..shown(&policy, account, (0, 0)) };
    keep(identity, step, policy);
    Ok(CreatePolicyOutput { policy: Some(shown) })
}

pub fn get_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: GetPolicyInput,
) -> Result<GetPolicyOutput, Error> {
    let account = step.scope.account;
    let policy = match find(identity, step, "iam:GetPolicy", &input.policy_arn)? {
        Found::Own(policy, state) => Policy {
            description: policy.description.clone(),
            tags: Some(tags_out(&policy.tags)),
            ..shown(policy, account, state.uses_of(&input.policy_arn))
        },
        Found::Aws(policy, state) => {
            let uses = state.map_or((0, 0), |state| state.uses_of(&input.policy_arn));
            Policy { tags: Some(Vec::new()), ..shown_aws(policy, &input.policy_arn, uses) }
        }
    };
    Ok(GetPolicyOutput { policy: Some(policy) })
}

pub fn list_policies(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListPoliciesInput,
) -> Result<ListPoliciesOutput, Error> {
    let account = step.scope.account;
    allow(step, "iam:ListPolicies", &name::arn(Kind::Policy, account, ""))?;
    let scope = input.scope.as_deref().unwrap_or("All");
    let state = identity.state.account(account);
    let uses = |arn: &str| state.map_or((0, 0), |state| state.uses_of(arn));
    let mut policies = BTreeMap::new();
    if scope != "AWS" {
        for policy in state.into_iter().flat_map(|state| state.policies.values()) {
            let arn = policy.name.arn(Kind::Policy, account);
            let shown = shown(policy, account, uses(&arn));
            policies.insert(arn, shown);
        }
    }
    if scope != "Local" {
        policies.extend(
            aws_managed::all().iter().map(|(arn, policy)| (arn.clone(), shown_aws(policy, arn, uses(arn)))),
        );
    }
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let listed = policies.iter().filter(|(_, policy)| {
        let attached = policy.attachment_count.unwrap_or(0);
        let bounds = policy.permissions_boundary_usage_count.unwrap_or(0);
        let used = match input.policy_usage_filter.as_deref() {
            Some("PermissionsPolicy") => attached,
            Some("PermissionsBoundary") => bounds,
            _ => attached + bounds,
        };
        let wanted = input.policy_usage_filter.is_none() && input.only_attached != Some(true) || used > 0;
        wanted && policy.path.as_deref().is_some_and(|path| path.starts_with(prefix))
    });
    let listed = listed.map(|(arn, policy)| (arn.as_str(), policy.clone()));
    let page = page(listed, input.marker.as_deref(), input.max_items)?;
    Ok(ListPoliciesOutput {
        is_truncated: page.is_truncated(),
        policies: Some(page.items),
        marker: page.marker,
    })
}

pub fn delete_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: DeletePolicyInput,
) -> Result<DeletePolicyOutput, Error> {
    let (policy, state) = own(identity, step, "iam:DeletePolicy", &input.policy_arn)?;
    if policy.versions.len() > 1 {
        return Err(Error::DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }
    if state.uses_of(&input.policy_arn) != (0, 0) {
        return Err(Error::DeleteConflict("Cannot delete a policy attached to entities."));
    }
    let policy_name = policy.name.name.clone();
    records::delete_policy(step, &policy_name);
    identity.state.account_mut(step.scope.account).policies.remove(&name::key(&policy_name));
    Ok(DeletePolicyOutput {})
}

pub fn create_policy_version(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: CreatePolicyVersionInput,
) -> Result<CreatePolicyVersionOutput, Error> {
    let (policy, _) = own(identity, step, "iam:CreatePolicyVersion", &input.policy_arn)?;
    let mut policy = policy.clone();
    let text = managed_text(input.policy_document)?;
    if policy.versions.len() >= ManagedPolicy::VERSIONS_MAX {
        return Err(Error::TooManyVersions);
    }
    let number = policy.add_version(text, input.set_as_default == Some(true), whole_seconds(step.now));
    let version = PolicyVersion {
        document: None,
        version_id: Some(format!("v{number}")),
        is_default_version: Some(policy.default_version == number),
        create_date: Some(policy.updated),
    };
    keep(identity, step, policy);
    Ok(CreatePolicyVersionOutput { policy_version: Some(version) })
}

pub fn get_policy_version(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: GetPolicyVersionInput,
) -> Result<GetPolicyVersionOutput, Error> {
    let number = version_number(&input.version_id);
    let found = match find(identity, step, "iam:GetPolicyVersion", &input.policy_arn)? {
        Found::Own(policy, _) => number
            .and_then(|number| Some((number, policy.versions.get(&number)?)))
            .map(|(number, version)| (&version.text.json, number == policy.default_version, version.created)),
        Found::Aws(policy, _) => {
            (number == Some(policy.version)).then_some((&policy.text.json, true, policy.created))
        }
    };
    let Some((json, is_default, created)) = found else {
        return Err(Error::NoSuchVersion(input.policy_arn, input.version_id));
    };
    let version = PolicyVersion {
        document: Some(encoded(json)),
        version_id: Some(input.version_id),
        is_default_version: Some(is_default),
        create_date: Some(created),
    };
    Ok(GetPolicyVersionOutput { policy_version: Some(version) })
}

pub fn list_policy_versions(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListPolicyVersionsInput,
) -> Result<ListPolicyVersionsOutput, Error> {
    let shown = |number: u32, default: u32, created| PolicyVersion {
        document: None,
        version_id: Some(format!("v{number}")),
        is_default_version: Some(number == default),
        create_date: Some(created),
    };
    let versions: Vec<PolicyVersion> =
        match find(identity, step, "iam:ListPolicyVersions", &input.policy_arn)? {
            Found::Own(policy, _) => {
                let newest_first = policy.versions.iter().rev();
                newest_first
                    .map(|(number, version)| shown(*number, policy.default_version, version.created))
                    .collect()
            }
            Found::Aws(policy, _) => vec![shown(policy.version, policy.version, policy.created)],
        };
    // The place in the list is the key of its page.
    let keys: Vec<String> = (0..versions.len()).map(|at| format!("{at:02}")).collect();
    let entries = keys.iter().map(String::as_str).zip(versions);
    let page = page(entries, input.marker.as_deref(), input.max_items)?;
    Ok(ListPolicyVersionsOutput {
        is_truncated: page.is_truncated(),
        versions: Some(page.items),
        marker: page.marker,
    })
}

pub fn delete_policy_version(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: DeletePolicyVersionInput,
) -> Result<DeletePolicyVersionOutput, Error> {
    let (policy, _) = own(identity, step, "iam:DeletePolicyVersion", &input.policy_arn)?;
    let mut policy = policy.clone();
    let number = version_number(&input.version_id);
    if number == Some(policy.default_version) {
        return Err(Error::DeleteConflict("Cannot delete the default version of a policy."));
    }
    if number.and_then(|number| policy.versions.remove(&number)).is_none() {
        return Err(Error::NoSuchVersion(input.policy_arn, input.version_id));
    }
    policy.updated = whole_seconds(step.now);
    keep(identity, step, policy);
    Ok(DeletePolicyVersionOutput {})
}

enum Found<'a> {
    Own(&'a ManagedPolicy, &'a AccountState),
    Aws(&'static AwsManaged, Option<&'a AccountState>),
}

/// The policy of this ARN, the account's or AWS's.
fn find<'a>(
    identity: &'a Identity,
    step: &mut Step<'_>,
    action: &'static str,
    arn: &str,
) -> Result<Found<'a>, Error> {
    allow(step, action, arn)?;
    check_arn(arn)?;
    let account = step.scope.account;
    let state = identity.state.account(account);
    if let Some(state) = state
        && let Some(policy) = state.policy(account, arn)
    {
        return Ok(Found::Own(policy, state));
    }
    let aws = aws_managed::find(arn).ok_or_else(|| Error::NoSuchPolicy(arn.to_owned()))?;
    Ok(Found::Aws(aws, state))
}

/// The account's own policy of this ARN; those of AWS cannot be changed.
fn own<'a>(
    identity: &'a Identity,
    step: &mut Step<'_>,
    action: &'static str,
    arn: &str,
) -> Result<(&'a ManagedPolicy, &'a AccountState), Error> {
    match find(identity, step, action, arn)? {
        Found::Own(policy, state) => Ok((policy, state)),
        Found::Aws(..) => {
            let message = format!(
                "User: {} is not authorized to perform: {action} on resource: {arn} because no identity-based policy \
                 allows the {action} action",
                super::assume::caller_arn(step.caller)
            );
            Err(Error::AccessDenied(message))
        }
    }
}

/// Writes a changed policy, keeps it and publishes what its users may do now.
fn keep(identity: &mut Identity, step: &mut Step<'_>, policy: ManagedPolicy) {
    let account = step.scope.account;
    records::put_policy(step, &policy);
    let arn = policy.name.arn(Kind::Policy, account);
    identity.state.account_mut(account).policies.insert(name::key(&policy.name.name), policy);
    identity.state.publish_users_of(account, &arn);
}

fn managed_text(json: String) -> Result<PolicyText, Error> {
    let text = policy_text(json, Document::parse_identity)?;
    if !text.document.is_current_version() {
        return Err(Error::MalformedPolicy("Policy document must be version 2012-10-17 or greater.".into()));
    }
    if text.quota_chars() > ManagedPolicy::CHARS_MAX {
        return Err(Error::Quota("PolicySize", ManagedPolicy::CHARS_MAX));
    }
    Ok(text)
}

/// A policy as lists show it.
fn shown(policy: &ManagedPolicy, account: Account, (attached, bounds): (usize, usize)) -> Policy {
    Policy {
        policy_name: Some(policy.name.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(policy.name.arn(Kind::Policy, account)),
        path: Some(policy.name.path.clone()),
        default_version_id: Some(format!("v{}", policy.default_version)),
        attachment_count: i32::try_from(attached).ok(),
        permissions_boundary_usage_count: i32::try_from(bounds).ok(),
        is_attachable: Some(true),
        description: None,
        create_date: Some(policy.created),
        update_date: Some(policy.updated),
        tags: None,
    }
}

fn shown_aws(policy: &AwsManaged, arn: &str, (attached, bounds): (usize, usize)) -> Policy {
    Policy {
        policy_name: Some(policy.name.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(arn.to_owned()),
        path: Some(policy.name.path.clone()),
        default_version_id: Some(format!("v{}", policy.version)),
        attachment_count: i32::try_from(attached).ok(),
        permissions_boundary_usage_count: i32::try_from(bounds).ok(),
        is_attachable: Some(true),
        description: None,
        create_date: Some(policy.created),
        update_date: Some(policy.created),
        tags: None,
    }
}
