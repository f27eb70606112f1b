//! Resource policies of the account, by which AWS's services may write here.

use pontoon_api::logs::*;
use pontoon_core::policy::Document;
use pontoon_core::{Space, Step};

use super::{Answer, access, page};
use crate::records::{self, PolicyRecord};
use crate::{Error, Logs};

/// How many policies an account has in a region ("PutResourcePolicy" of the API reference).
pub const POLICIES_MAX: usize = 10;
/// Longest document of a policy of the account, characters ("PutResourcePolicy" of the API reference).
pub const DOCUMENT_CHARS_MAX: usize = 5_120;

pub fn put(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: PutResourcePolicyInput,
) -> Answer<PutResourcePolicyOutput> {
    access::authorize_on(logs, step, "logs:PutResourcePolicy", "*")?;
    refuse_resource(input.resource_arn.as_ref(), input.expected_revision_id.as_ref())?;
    let name = input.policy_name.ok_or_else(|| missing("policyName"))?;
    let document = input.policy_document.ok_or_else(|| missing("policyDocument"))?;
    if document.chars().count() > DOCUMENT_CHARS_MAX {
        return Err(Error::InvalidParameter(format!(
            "1 validation error detected: Value at 'policyDocument' failed to satisfy constraint: \
             Member must have length less than or equal to {DOCUMENT_CHARS_MAX}"
        )));
    }
    if Document::parse(&document).is_err() {
        return Err(Error::InvalidParameter("Could not convert to persistable policy.".to_owned()));
    }
    let scope = step.scope;
    let region = logs.regions.entry(scope).or_default();
    if !region.policies.contains_key(&name) && region.policies.len() >= POLICIES_MAX {
        return Err(Error::LimitExceeded);
    }
    let record = PolicyRecord { document, updated_millis: step.now.millis() };
    step.put(Space::Config, records::policy_key(scope, &name), records::to_json(&record));
    let told = description(&name, &record);
    region.policies.insert(name, record);
    region.join_policies();
    Ok(PutResourcePolicyOutput { resource_policy: Some(told), revision_id: None }.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteResourcePolicyInput,
) -> Answer<DeleteResourcePolicyOutput> {
    access::authorize_on(logs, step, "logs:DeleteResourcePolicy", "*")?;
    refuse_resource(input.resource_arn.as_ref(), input.expected_revision_id.as_ref())?;
    let name = input.policy_name.as_ref().ok_or_else(|| missing("policyName"))?;
    let region = logs.regions.entry(step.scope).or_default();
    if region.policies.remove(name).is_none() {
        return Err(Error::PolicyNotFound(name.clone()));
    }
    region.join_policies();
    step.delete(Space::Config, records::policy_key(step.scope, name));
    Ok(DeleteResourcePolicyOutput {}.into())
}

pub fn describe(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DescribeResourcePoliciesInput,
) -> Answer<DescribeResourcePoliciesOutput> {
    access::authorize_on(logs, step, "logs:DescribeResourcePolicies", "*")?;
    refuse_resource(input.resource_arn.as_ref(), None)?;
    let after = page::read_token(input.next_token.as_deref())?;
    let size = page::size(input.limit);
    let is_account = input.policy_scope.as_deref() != Some("RESOURCE");
    let policies = logs.regions.get(&step.scope).into_iter().flat_map(|region| &region.policies);
    let mut chosen: Vec<_> = policies
        .filter(|(name, _)| is_account && after.as_ref().is_none_or(|after| *name > after))
        .take(size + 1)
        .collect();
    let more = chosen.len() > size;
    chosen.truncate(size);
    let next_token = chosen.last().filter(|_| more).map(|(name, _)| page::token(name));
    let told = chosen.into_iter().map(|(name, record)| description(name, record)).collect();
    Ok(DescribeResourcePoliciesOutput { resource_policies: Some(told), next_token }.into())
}

/// Policies of single log groups are not kept.
fn refuse_resource(resource: Option<&String>, revision: Option<&String>) -> Result<(), Error> {
    if resource.is_some() || revision.is_some() {
        return Err(Error::Unsupported("resource policies of single log groups"));
    }
    Ok(())
}

fn missing(name: &str) -> Error {
    Error::InvalidParameter(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}

fn description(name: &str, record: &PolicyRecord) -> ResourcePolicy {
    ResourcePolicy {
        policy_name: Some(name.to_owned()),
        policy_document: Some(record.document.clone()),
        last_updated_time: Some(record.updated_millis),
        policy_scope: Some("ACCOUNT".to_owned()),
        ..ResourcePolicy::default()
    }
}
