//! The operations of IAM and STS.

mod assume;
mod managed;
mod page;
mod role;
mod role_policy;
#[cfg(test)]
mod tests;
mod user;

use pontoon_api::{iam, sts};
use pontoon_core::policy::{Access, Document};
use pontoon_core::shape::{OperationSchema, Violations};
use pontoon_core::{ApiError, Reply, Step, Timestamp};

use crate::Identity;
use crate::error::Error;
use crate::state::name::{self, Tag, TagsError};
use crate::state::role::{PolicyText, Role};

type Answer<T> = Result<Reply<T>, Error>;

/// Checks that the caller may.
fn allow(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    Ok(step.authorize(&Access { action, resource, policy: None, context: &[] })?)
}

/// The instant as IAM and STS keep it, in whole seconds.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_secs(now.secs())
}

/// Reads a policy that a client sent.
fn policy_text(json: String, parse: fn(&str) -> Result<Document, String>) -> Result<PolicyText, Error> {
    let document = parse(&json).map_err(Error::MalformedPolicy)?;
    Ok(PolicyText { json, document })
}

/// A policy as IAM's answers carry it: percent-encoded but for the unreserved characters of RFC 3986 ("PolicyDocument" of GetRolePolicy in the API
/// reference). SDKs decode it.
fn encoded(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    for byte in json.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Seventeen characters of `A-Z2-7` that depend on the text alone, for the unique ids of what is not kept.
pub(crate) fn stable_id(text: &str) -> String {
    // FNV-1a, which is enough for an id that only has to look the same tomorrow.
    let hash = |seed: u64| {
        text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    };
    let bits = u128::from(hash(0xcbf2_9ce4_8422_2325)) << 64 | u128::from(hash(0x8422_2325_cbf2_9ce4));
    let symbols = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    (0..17).map(|at| char::from(symbols[(bits >> (at * 5)) as usize & 31])).collect()
}

fn tags_in(tags: Vec<iam::Tag>) -> Vec<Tag> {
    tags.into_iter().map(|tag| Tag { key: tag.key, value: tag.value }).collect()
}

fn tags_out(tags: &[Tag]) -> Vec<iam::Tag> {
    tags.iter().map(|tag| iam::Tag { key: tag.key.clone(), value: tag.value.clone() }).collect()
}

/// The tags, unless there are none: answers then leave the member out.
fn some_tags(tags: &[Tag]) -> Option<Vec<iam::Tag>> {
    (!tags.is_empty()).then(|| tags_out(tags))
}

/// Sets tags among those that an entity of this quota's name has.
fn set_tags(tags: &[Tag], new: Vec<iam::Tag>, quota: &'static str) -> Result<Vec<Tag>, Error> {
    name::set_tags(tags, &tags_in(new)).map_err(|error| match error {
        TagsError::Reserved => Error::ReservedTag,
        TagsError::Duplicate => Error::DuplicateTags,
        TagsError::TooMany => Error::Quota(quota, name::TAGS_MAX),
    })
}

impl Identity {
    /// The role of this name in the step's account, once the caller may do `action` to it.
    fn role(&self, step: &mut Step<'_>, action: &'static str, name: &str) -> Result<&Role, Error> {
        let account = step.scope.account;
        let role = self.state.account(account).and_then(|state| state.roles.get(&name::key(name)));
        let arn = match role {
            Some(role) => role.name.arn(name::Kind::Role, account),
            None => name::arn(name::Kind::Role, account, name),
        };
        allow(step, action, &arn)?;
        role.ok_or_else(|| Error::NoSuchRole(name.to_owned()))
    }

    /// Writes a changed role, keeps it and publishes what it may do.
    fn keep_role(&mut self, step: &mut Step<'_>, role: Role) {
        let account = step.scope.account;
        crate::records::put_role(step, &role);
        let role_name = role.name.name.clone();
        self.state.account_mut(account).roles.insert(name::key(&role_name), role);
        self.state.publish(account, &role_name);
    }
}

/// Gives each operation to the method of the same name, by the module that has it.
macro_rules! delegate {
    ($api:ident: $($operation:ident($input:ident) -> $output:ident in $room:ident;)*) => {
        type Error = Error;

        fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
            Some(Error::Validation(violations.message()).into())
        }

        $(fn $operation(&mut self, step: &mut Step<'_>, input: $api::$input) -> Answer<$api::$output> {
            $room::$operation(self, step, input).map(Reply::Ready)
        })*
    };
}

impl iam::Handler for Identity {
    delegate! { iam:
        attach_role_policy(AttachRolePolicyInput) -> AttachRolePolicyOutput in role_policy;
        create_policy(CreatePolicyInput) -> CreatePolicyOutput in managed;
        create_policy_version(CreatePolicyVersionInput) -> CreatePolicyVersionOutput in managed;
        create_role(CreateRoleInput) -> CreateRoleOutput in role;
        create_user(CreateUserInput) -> CreateUserOutput in user;
        delete_policy(DeletePolicyInput) -> DeletePolicyOutput in managed;
        delete_policy_version(DeletePolicyVersionInput) -> DeletePolicyVersionOutput in managed;
        delete_role(DeleteRoleInput) -> DeleteRoleOutput in role;
        delete_role_policy(DeleteRolePolicyInput) -> DeleteRolePolicyOutput in role_policy;
        detach_role_policy(DetachRolePolicyInput) -> DetachRolePolicyOutput in role_policy;
        get_policy(GetPolicyInput) -> GetPolicyOutput in managed;
        get_policy_version(GetPolicyVersionInput) -> GetPolicyVersionOutput in managed;
        get_role(GetRoleInput) -> GetRoleOutput in role;
        get_role_policy(GetRolePolicyInput) -> GetRolePolicyOutput in role_policy;
        get_user(GetUserInput) -> GetUserOutput in user;
        list_attached_role_policies(ListAttachedRolePoliciesInput) -> ListAttachedRolePoliciesOutput in role_policy;
        list_instance_profiles_for_role(ListInstanceProfilesForRoleInput) -> ListInstanceProfilesForRoleOutput in role;
        list_policies(ListPoliciesInput) -> ListPoliciesOutput in managed;
        list_policy_versions(ListPolicyVersionsInput) -> ListPolicyVersionsOutput in managed;
        list_role_policies(ListRolePoliciesInput) -> ListRolePoliciesOutput in role_policy;
        list_role_tags(ListRoleTagsInput) -> ListRoleTagsOutput in role;
        list_roles(ListRolesInput) -> ListRolesOutput in role;
        put_role_policy(PutRolePolicyInput) -> PutRolePolicyOutput in role_policy;
        tag_role(TagRoleInput) -> TagRoleOutput in role;
        untag_role(UntagRoleInput) -> UntagRoleOutput in role;
        update_assume_role_policy(UpdateAssumeRolePolicyInput) -> UpdateAssumeRolePolicyOutput in role;
        update_role(UpdateRoleInput) -> UpdateRoleOutput in role;
    }
}

impl sts::Handler for Identity {
    delegate! { sts:
        assume_role(AssumeRoleInput) -> AssumeRoleOutput in assume;
        get_caller_identity(GetCallerIdentityInput) -> GetCallerIdentityOutput in assume;
    }
}
