//! A role's inline and attached policies.

use pontoon_api::iam::*;
use pontoon_core::Arn;
use pontoon_core::Step;
use pontoon_core::policy::Document;

use super::page::page;
use super::{encoded, policy_text};
use crate::error::Error;
use crate::state::role::Role;
use crate::{Identity, aws_managed};

pub fn put_role_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: PutRolePolicyInput,
) -> Result<PutRolePolicyOutput, Error> {
    let mut role = identity.role(step, "iam:PutRolePolicy", &input.role_name)?.clone();
    let policy = policy_text(input.policy_document, Document::parse_identity)?;
    if role.inline_chars_with(&input.policy_name, &policy) > Role::INLINE_CHARS_MAX {
        return Err(Error::InlineTooLarge(input.role_name));
    }
    role.inline.insert(input.policy_name, policy);
    identity.keep_role(step, role);
    Ok(PutRolePolicyOutput {})
}

pub fn get_role_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: GetRolePolicyInput,
) -> Result<GetRolePolicyOutput, Error> {
    let role = identity.role(step, "iam:GetRolePolicy", &input.role_name)?;
    let Some(policy) = role.inline.get(&input.policy_name) else {
        return Err(Error::NoSuchInlinePolicy(input.policy_name));
    };
    Ok(GetRolePolicyOutput {
        role_name: role.name.name.clone(),
        policy_document: encoded(&policy.json),
        policy_name: input.policy_name,
    })
}

pub fn delete_role_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: DeleteRolePolicyInput,
) -> Result<DeleteRolePolicyOutput, Error> {
    let mut role = identity.role(step, "iam:DeleteRolePolicy", &input.role_name)?.clone();
    if role.inline.remove(&input.policy_name).is_none() {
        return Err(Error::NoSuchInlinePolicy(input.policy_name));
    }
    identity.keep_role(step, role);
    Ok(DeleteRolePolicyOutput {})
}

pub fn list_role_policies(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListRolePoliciesInput,
) -> Result<ListRolePoliciesOutput, Error> {
    let role = identity.role(step, "iam:ListRolePolicies", &input.role_name)?;
    let names = role.inline.keys().map(|name| (name.as_str(), name.clone()));
    let page = page(names, input.marker.as_deref(), input.max_items)?;
    Ok(ListRolePoliciesOutput {
        is_truncated: page.is_truncated(),
        policy_names: page.items,
        marker: page.marker,
    })
}

pub fn attach_role_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: AttachRolePolicyInput,
) -> Result<AttachRolePolicyOutput, Error> {
    let account = step.scope.account;
    let mut role = identity.role(step, "iam:AttachRolePolicy", &input.role_name)?.clone();
    check_arn(&input.policy_arn)?;
    let state = identity.state.account(account);
    let exists = match state {
        Some(state) => state.document(account, &input.policy_arn).is_some(),
        None => aws_managed::find(&input.policy_arn).is_some(),
    };
    if !exists {
        return Err(Error::NotAttachable(input.policy_arn));
    }
    if role.attached.insert(input.policy_arn) && role.attached.len() > Role::ATTACHED_MAX {
        return Err(Error::Quota("PoliciesPerRole", Role::ATTACHED_MAX));
    }
    identity.keep_role(step, role);
    Ok(AttachRolePolicyOutput {})
}

pub fn detach_role_policy(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: DetachRolePolicyInput,
) -> Result<DetachRolePolicyOutput, Error> {
    let mut role = identity.role(step, "iam:DetachRolePolicy", &input.role_name)?.clone();
    check_arn(&input.policy_arn)?;
    if !role.attached.remove(&input.policy_arn) {
        return Err(Error::NoSuchPolicy(input.policy_arn));
    }
    identity.keep_role(step, role);
    Ok(DetachRolePolicyOutput {})
}

pub fn list_attached_role_policies(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: ListAttachedRolePoliciesInput,
) -> Result<ListAttachedRolePoliciesOutput, Error> {
    let role = identity.role(step, "iam:ListAttachedRolePolicies", &input.role_name)?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let attached = role.attached.iter().filter_map(|arn| {
        let (path, name) = path_and_name(arn)?;
        let policy = AttachedPolicy { policy_name: Some(name.to_owned()), policy_arn: Some(arn.clone()) };
        path.starts_with(prefix).then_some((arn.as_str(), policy))
    });
    let page = page(attached, input.marker.as_deref(), input.max_items)?;
    Ok(ListAttachedRolePoliciesOutput {
        is_truncated: page.is_truncated(),
        attached_policies: Some(page.items),
        marker: page.marker,
    })
}

/// `/path/` and `name` of a policy's ARN.
fn path_and_name(arn: &str) -> Option<(&str, &str)> {
    let (_, resource) = arn.split_once(":policy")?;
    let slash = resource.rfind('/')?;
    Some((&resource[..=slash], &resource[slash + 1..]))
}

/// A malformed ARN has an error of its own (recording iam/test_iam, test_role_attach_policy).
pub(super) fn check_arn(arn: &str) -> Result<(), Error> {
    match Arn::parse(arn) {
        Some(parsed) if parsed.service == "iam" => Ok(()),
        _ => Err(Error::Validation("Invalid ARN:  Could not be parsed!".into())),
    }
}
