//! Log groups: create, delete, protect, describe.

use std::sync::Arc;

use pontoon_api::logs::*;
use pontoon_core::{Arn, Step};

use super::{Answer, access, page};
use crate::background::Sweep;
use crate::records::{self, GroupRecord};
use crate::{Error, Group, Logs};

/// How many log groups an account may have in a region ("CreateLogGroup" of the API reference).
const GROUPS_MAX: usize = 1_000_000;

pub fn create(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: CreateLogGroupInput,
) -> Answer<CreateLogGroupOutput> {
    let CreateLogGroupInput { log_group_name: name, kms_key_id, tags, log_group_class, .. } = input;
    access::authorize(logs, step, "logs:CreateLogGroup", (&name, ""))?;
    if name.starts_with("aws/") {
        return Err(Error::InvalidParameter("Log groups starting with aws/ are reserved for AWS.".into()));
    }
    match log_group_class.as_deref() {
        None | Some("STANDARD") => {}
        Some("INFREQUENT_ACCESS") => return Err(Error::Unsupported("log groups of class INFREQUENT_ACCESS")),
        Some(_) => return Err(Error::Unsupported("log groups of class DELIVERY")),
    }
    let is_key = |arn: &String| Arn::parse(arn).is_some_and(|arn| arn.service == "kms");
    if kms_key_id.as_ref().is_some_and(|key| !is_key(key)) {
        return Err(Error::InvalidParameter("The specified KMS Key Id could not be found.".into()));
    }
    let tags = tags.unwrap_or_default();
    super::tags::check(&tags)?;
    let scope = step.scope;
    let region = logs.regions.entry(scope).or_default();
    if region.groups.contains_key(name.as_str()) {
        return Err(Error::GroupExists);
    }
    if region.groups.len() >= GROUPS_MAX {
        return Err(Error::LimitExceeded);
    }
    let record = GroupRecord {
        number: step.ids.u64(),
        created_millis: step.now.millis(),
        kms_key_id,
        deletion_protection: input.deletion_protection_enabled == Some(true),
        tags,
        ..GroupRecord::default()
    };
    let group = Group::new(scope, name.into(), record);
    group.write(step);
    region.groups.insert(Arc::clone(&group.name), group);
    Ok(CreateLogGroupOutput {}.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteLogGroupInput,
) -> Answer<DeleteLogGroupOutput> {
    let (scope, name) = (step.scope, input.log_group_name.as_str());
    access::authorize(logs, step, "logs:DeleteLogGroup", (name, ""))?;
    if logs.group(scope, name)?.record.deletion_protection {
        return Err(Error::Validation(
            "The log group cannot be deleted because deletion protection is enabled for it.".to_owned(),
        ));
    }
    let region = logs.regions.entry(scope).or_default();
    let Some(group) = region.groups.remove(name) else { return Err(Error::GroupNotFound) };
    step.delete(pontoon_core::Space::Config, records::group_key(scope, name));
    step.put(pontoon_core::Space::Config, records::deleted_key(scope, group.record.number), Vec::new());
    logs.unschedule(group.expiry, scope, group.name);
    logs.sweep(step.now, Sweep::Group(scope, group.record.number));
    Ok(DeleteLogGroupOutput {}.into())
}

pub fn protect(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: PutLogGroupDeletionProtectionInput,
) -> Answer<PutLogGroupDeletionProtectionOutput> {
    let name = super::group_name(step.scope, None, Some(input.log_group_identifier))?;
    access::authorize(logs, step, "logs:PutLogGroupDeletionProtection", (&name, ""))?;
    let group = logs.group_mut(step.scope, &name)?;
    group.record.deletion_protection = input.deletion_protection_enabled;
    group.write(step);
    Ok(PutLogGroupDeletionProtectionOutput {}.into())
}

pub fn describe(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DescribeLogGroupsInput,
) -> Answer<DescribeLogGroupsOutput> {
    access::authorize(logs, step, "logs:DescribeLogGroups", ("", ""))?;
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(Error::InvalidParameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.".to_owned(),
        ));
    }
    if input.include_linked_accounts == Some(true) || input.account_identifiers.is_some() {
        return Err(Error::Unsupported("log groups of linked accounts"));
    }
    let pattern = input.log_group_name_pattern.as_deref();
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let named = identified(step, input)?;
    let after = page::read_token(input.next_token.as_deref())?;
    let size = page::size(input.limit);
    let chosen = |group: &&Group| {
        group.name.starts_with(prefix)
            && pattern.is_none_or(|pattern| group.name.contains(pattern))
            && named.as_ref().is_none_or(|names| names.iter().any(|name| **name == *group.name))
            && after.as_deref().is_none_or(|after| *group.name > *after)
            && matches!(input.log_group_class.as_deref(), None | Some("STANDARD"))
    };
    let mut groups: Vec<&Group> = logs.groups(step.scope).filter(chosen).take(size + 1).collect();
    let more = groups.len() > size;
    groups.truncate(size);
    // A search by pattern gives a token with every page that found something (`test_describe_log_groups_with_pattern`).
    let more = more || pattern.is_some();
    let next_token = groups.last().filter(|_| more).map(|last| page::token(&last.name));
    let log_groups = groups.into_iter().map(|group| description(group, pattern.is_some())).collect();
    Ok(DescribeLogGroupsOutput { log_groups: Some(log_groups), next_token }.into())
}

/// The names that the request identifies groups by.
fn identified<'i>(step: &Step<'_>, input: &'i DescribeLogGroupsInput) -> Result<Option<Vec<&'i str>>, Error> {
    let Some(identifiers) = &input.log_group_identifiers else { return Ok(None) };
    if input.log_group_name_prefix.is_some() || input.log_group_name_pattern.is_some() {
        return Err(Error::InvalidParameter(
            "LogGroup identifiers cannot be combined with a LogGroup name prefix or pattern.".to_owned(),
        ));
    }
    let name = |identifier: &'i String| match identifier.starts_with("arn:") {
        true => super::group_of_arn(step.scope, identifier),
        false => Ok(identifier.as_str()),
    };
    identifiers.iter().map(name).collect::<Result<_, _>>().map(Some)
}

/// A group as it is told. A search by pattern tells less (`test_describe_log_groups_with_pattern`).
fn description(group: &Group, is_short: bool) -> LogGroup {
    LogGroup {
        log_group_name: Some(group.name.to_string()),
        creation_time: Some(group.record.created_millis),
        retention_in_days: group.record.retention_days.and_then(|days| i32::try_from(days).ok()),
        metric_filter_count: Some(0),
        arn: Some(format!("{}:*", group.arn())),
        stored_bytes: (!is_short).then(|| i64::try_from(group.stored_bytes()).unwrap_or(i64::MAX)),
        kms_key_id: group.record.kms_key_id.clone(),
        log_group_class: Some("STANDARD".to_owned()),
        log_group_arn: Some(group.arn()),
        deletion_protection_enabled: (!is_short).then_some(group.record.deletion_protection),
        ..LogGroup::default()
    }
}
