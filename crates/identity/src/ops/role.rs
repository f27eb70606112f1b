//! Roles and their tags.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_api::iam::*;
use pontoon_core::policy::Document;
use pontoon_core::{Account, Arn, Step};

use super::page::page;
use super::{allow, encoded, policy_text, set_tags, some_tags, tags_out, whole_seconds};
use crate::error::Error;
use crate::state::AccountState;
use crate::state::name::{self, Kind, Name};
use crate::state::role::{PolicyText, Role};
use crate::{Identity, aws_managed, records};

pub fn create_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: CreateRoleInput,
) -> Result<CreateRoleOutput, Error> {
    let account = step.scope.account;
    let role_name = Name::new(input.path, input.role_name);
    let arn = role_name.arn(Kind::Role, account);
    allow(step, "iam:CreateRole", &arn)?;
    let tags = set_tags(&[], input.tags.unwrap_or_default(), "TagsPerRole")?;
    let trust = trust_policy(input.assume_role_policy_document)?;
    let state = identity.state.account(account);
    if let Some(boundary) = &input.permissions_boundary {
        boundary_exists(state, account, boundary)?;
    }
    if let Some(state) = state {
        if state.roles.contains_key(&name::key(&role_name.name)) {
            return Err(Error::RoleExists(role_name.name));
        }
        if state.roles.len() >= AccountState::ROLES_MAX {
            return Err(Error::Quota("RolesPerAccount", AccountState::ROLES_MAX));
        }
    }
    let session_secs_max = input.max_session_duration.and_then(|secs| u32::try_from(secs).ok());
    let role = Role {
        name: role_name,
        id: Kind::Role.unique_id(step.ids),
        created: whole_seconds(step.now),
        trust,
        description: input.description,
        session_secs_max: session_secs_max.unwrap_or(Role::SESSION_SECS_DEFAULT),
        boundary: input.permissions_boundary,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        tags,
    };
    // The answer to CreateRole leaves out what GetRole tells of sessions (recording iam/test_iam, test_create_describe_role).
    let shown = pontoon_api::iam::Role {
        max_session_duration: None,
        tags: some_tags(&role.tags),
        ..shown(&role, account)
    };
    identity.keep_role(step, role);
    Ok(CreateRoleOutput { role: shown })
}

pub fn get_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: GetRoleInput,
) -> Result<GetRoleOutput, Error> {
    let account = step.scope.account;
    let role = identity.role(step, "iam:GetRole", &input.role_name)?;
    let shown = pontoon_api::iam::Role {
        tags: some_tags(&role.tags),
        role_last_used: Some(RoleLastUsed::default()),
        ..shown(role, account)
    };
    Ok(GetRoleOutput { role: shown })
}

pub fn list_roles(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListRolesInput,
) -> Result<ListRolesOutput, Error> {
    let account = step.scope.account;
    allow(step, "iam:ListRoles", &name::arn(Kind::Role, account, ""))?;
    let roles = identity.state.account(account).into_iter().flat_map(|state| &state.roles);
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let roles = roles
        .filter(|(_, role)| role.name.path.starts_with(prefix))
        .map(|(key, role)| (key.as_str(), shown(role, account)));
    let page = page(roles, input.marker.as_deref(), input.max_items)?;
    Ok(ListRolesOutput { is_truncated: page.is_truncated(), roles: page.items, marker: page.marker })
}

pub fn delete_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: DeleteRoleInput,
) -> Result<DeleteRoleOutput, Error> {
    let account = step.scope.account;
    let role = identity.role(step, "iam:DeleteRole", &input.role_name)?;
    if !role.attached.is_empty() {
        return Err(Error::DeleteConflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(Error::DeleteConflict("Cannot delete entity, must delete policies first."));
    }
    let arn = role.name.arn(Kind::Role, account);
    records::delete_role(step, &input.role_name);
    identity.state.account_mut(account).roles.remove(&name::key(&input.role_name));
    identity.state.directory.remove_role(&arn);
    Ok(DeleteRoleOutput {})
}

pub fn update_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: UpdateRoleInput,
) -> Result<UpdateRoleOutput, Error> {
    let mut role = identity.role(step, "iam:UpdateRole", &input.role_name)?.clone();
    if let Some(description) = input.description {
        role.description = Some(description);
    }
    if let Some(secs) = input.max_session_duration.and_then(|secs| u32::try_from(secs).ok()) {
        role.session_secs_max = secs;
    }
    identity.keep_role(step, role);
    Ok(UpdateRoleOutput {})
}

pub fn update_assume_role_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: UpdateAssumeRolePolicyInput,
) -> Result<UpdateAssumeRolePolicyOutput, Error> {
    let mut role = identity.role(step, "iam:UpdateAssumeRolePolicy", &input.role_name)?.clone();
    role.trust = trust_policy(input.policy_document)?;
    identity.keep_role(step, role);
    Ok(UpdateAssumeRolePolicyOutput {})
}

pub fn tag_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: TagRoleInput,
) -> Result<TagRoleOutput, Error> {
    let mut role = identity.role(step, "iam:TagRole", &input.role_name)?.clone();
    role.tags = set_tags(&role.tags, input.tags, "TagsPerRole")?;
    identity.keep_role(step, role);
    Ok(TagRoleOutput {})
}

pub fn untag_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: UntagRoleInput,
) -> Result<UntagRoleOutput, Error> {
    let mut role = identity.role(step, "iam:UntagRole", &input.role_name)?.clone();
    name::remove_tags(&mut role.tags, &input.tag_keys);
    identity.keep_role(step, role);
    Ok(UntagRoleOutput {})
}

pub fn list_role_tags(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListRoleTagsInput,
) -> Result<ListRoleTagsOutput, Error> {
    let role = identity.role(step, "iam:ListRoleTags", &input.role_name)?;
    let mut tags = tags_out(&role.tags);
    tags.sort_by(|a, b| a.key.cmp(&b.key));
    let entries = tags.iter().map(|tag| (tag.key.as_str(), tag.clone()));
    let page = page(entries, input.marker.as_deref(), input.max_items)?;
    Ok(ListRoleTagsOutput { is_truncated: page.is_truncated(), tags: page.items, marker: page.marker })
}

/// There are no instance profiles, so no role is in one; tools ask before they delete a role.
pub fn list_instance_profiles_for_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListInstanceProfilesForRoleInput,
) -> Result<ListInstanceProfilesForRoleOutput, Error> {
    identity.role(step, "iam:ListInstanceProfilesForRole", &input.role_name)?;
    Ok(ListInstanceProfilesForRoleOutput {
        instance_profiles: Vec::new(),
        is_truncated: Some(false),
        marker: None,
    })
}

fn trust_policy(json: String) -> Result<PolicyText, Error> {
    let trust = policy_text(json, Document::parse_trust)?;
    if trust.quota_chars() > Role::TRUST_CHARS_MAX {
        return Err(Error::Quota("ACLSizePerRole", Role::TRUST_CHARS_MAX));
    }
    Ok(trust)
}

/// Whether a policy of this ARN can bound a role.
pub(super) fn boundary_exists(
    state: Option<&AccountState>,
    account: Account,
    arn: &str,
) -> Result<(), Error> {
    if Arn::parse(arn).is_none() {
        return Err(Error::Validation("Invalid ARN:  Could not be parsed!".into()));
    }
    let exists = match state {
        Some(state) => state.document(account, arn).is_some(),
        None => aws_managed::find(arn).is_some(),
    };
    if exists { Ok(()) } else { Err(Error::NoSuchBoundary(arn.to_owned())) }
}

/// A role as lists show it.
fn shown(role: &Role, account: Account) -> pontoon_api::iam::Role {
    let boundary = role.boundary.as_ref().map(|arn| AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".into()),
        permissions_boundary_arn: Some(arn.clone()),
    });
    pontoon_api::iam::Role {
        path: role.name.path.clone(),
        role_name: role.name.name.clone(),
        role_id: role.id.clone(),
        arn: role.name.arn(Kind::Role, account),
        create_date: role.created,
        assume_role_policy_document: Some(encoded(&role.trust.json)),
        description: role.description.clone(),
        max_session_duration: Some(role.session_secs_max as i32),
        permissions_boundary: boundary,
        tags: None,
        role_last_used: None,
    }
}
