//! Tags of alarms.

use std::collections::BTreeMap;

use pontoon_api::cloudwatch::*;
use pontoon_core::tags::{self, Refused, TAGS_MAX};
use pontoon_core::{Arn, Scope, Step};

use super::Answer;
use crate::{CloudWatch, Error, allow};

/// The tags that there were and those given, checked.
pub(super) fn checked(
    before: &BTreeMap<String, String>,
    given: Vec<Tag>,
) -> Result<BTreeMap<String, String>, Error> {
    let given = given.into_iter().map(|Tag { key, value }| (key, value));
    tags::merged(before.clone(), given).map_err(|refused| {
        Error::InvalidParameterValue(match refused {
            Refused::Reserved(key) => {
                format!("The tag key {key} begins with aws:, which is reserved for AWS.")
            }
            Refused::TooMany => format!("A resource can have at most {TAGS_MAX} tags."),
        })
    })
}

/// The alarm that an ARN names: its scope and name.
///
/// # Errors
/// If it is no ARN of an alarm.
fn alarm_of(arn: &str) -> Result<(Scope, &str), Error> {
    let invalid =
        || Error::InvalidParameterValue(format!("The value {arn} for parameter ResourceARN is invalid."));
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "cloudwatch").ok_or_else(invalid)?;
    let name = parsed.resource.strip_prefix("alarm:").ok_or_else(invalid)?;
    Ok((parsed.scope().ok_or_else(invalid)?, name))
}

fn change(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    arn: &str,
    change: impl FnOnce(&BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error>,
) -> Result<(), Error> {
    let (scope, name) = alarm_of(arn)?;
    let not_found = || Error::TaggedResourceNotFound { arn: arn.to_owned() };
    // Another account's or region's alarm is not there for this one.
    let alarm = cloudwatch.alarm_mut(scope, name).filter(|_| scope == step.scope).ok_or_else(not_found)?;
    alarm.tags = change(&alarm.tags)?;
    cloudwatch.write_alarm(step, scope, name);
    Ok(())
}

pub(super) fn tag(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: TagResourceInput,
) -> Answer<TagResourceOutput> {
    allow(step, "cloudwatch:TagResource", &input.resource_arn)?;
    change(cloudwatch, step, &input.resource_arn, |before| checked(before, input.tags))?;
    Ok(TagResourceOutput {}.into())
}

pub(super) fn untag(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &UntagResourceInput,
) -> Answer<UntagResourceOutput> {
    allow(step, "cloudwatch:UntagResource", &input.resource_arn)?;
    change(cloudwatch, step, &input.resource_arn, |before| {
        let kept = before.iter().filter(|(key, _)| !input.tag_keys.contains(key));
        Ok(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
    })?;
    Ok(UntagResourceOutput {}.into())
}

/// The tags of an alarm; none if there is no such alarm (recorded: `tagging_metric_alarm`).
pub(super) fn list(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &ListTagsForResourceInput,
) -> Answer<ListTagsForResourceOutput> {
    allow(step, "cloudwatch:ListTagsForResource", &input.resource_arn)?;
    let (scope, name) = alarm_of(&input.resource_arn)?;
    let alarm = cloudwatch.alarm(scope, name).filter(|_| scope == step.scope);
    let tags = alarm.into_iter().flat_map(|alarm| &alarm.tags);
    let tags = tags.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    Ok(ListTagsForResourceOutput { tags: Some(tags) }.into())
}
