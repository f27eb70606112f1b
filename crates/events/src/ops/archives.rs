//! Archives.

use std::sync::Arc;

use pontoon_api::events::*;
use pontoon_core::{Arn, Scope, Space, Step, Timestamp};
use pontoon_pattern::Pattern;

use super::page::page;
use super::rules::RULES_MAX;
use super::{Answer, authorize};
use crate::records::{self, RuleRecord};
use crate::state::archive::{Archive as Kept, ArchiveRecord, rule_pattern};
use crate::state::bus::{Rule as BusRule, rule_arn};
use crate::{Error, Events};

/// What AWS names as the maker of the rules of archives.
const MANAGED_BY: &str = "prod.vhs.events.aws.internal";
/// An archive is ready as soon as it is there, and stays so.
const ENABLED: &str = "ENABLED";

fn arn_of(step: &Step<'_>, name: &str) -> String {
    step.scope.arn("events", format_args!("archive/{name}"))
}

/// The ARN of an archive, after the caller's right to `action` on it was checked, and that no key of one's own is asked for.
fn permitted(
    step: &mut Step<'_>,
    action: &'static str,
    name: &str,
    key: Option<String>,
) -> Result<String, Error> {
    let arn = arn_of(step, name);
    authorize(step, action, &arn)?;
    refuse_key(key)?;
    Ok(arn)
}

pub fn create(
    events: &mut Events,
    step: &mut Step<'_>,
    input: CreateArchiveInput,
) -> Answer<CreateArchiveOutput> {
    let name = input.archive_name;
    let arn = permitted(step, "events:CreateArchive", &name, input.kms_key_identifier)?;
    let bus = bus_of(events, step, "EventSourceArn", &input.event_source_arn)?;
    if events.archives.get(step.scope, &name).is_some() {
        return Err(Error::ArchiveExists(name));
    }
    let record = ArchiveRecord {
        id: step.ids.uuid_bytes(),
        bus_arn: input.event_source_arn,
        description: input.description,
        pattern: input.event_pattern,
        retention_days: days(input.retention_days),
        created_millis: step.now.millis(),
    };
    let rule = rule_of(step, &bus, &name, record.pattern.as_deref())?;
    let rule_name = Events::archive_rule(&name);
    let rules = &events.bus_mut(step.now, step.scope, &bus).ok_or(Error::NoBus(bus.clone()))?.rules;
    if rules.len() >= RULES_MAX || rules.contains_key(rule_name.as_str()) {
        return Err(Error::LimitExceeded);
    }
    events.put_rule(step, (step.scope, &bus), &Arc::from(rule_name), rule);
    step.put(Space::Config, records::archive_key(step.scope, &name), records::to_json(&record));
    events.archives.insert(step.scope, &name, Kept::new(step.scope, &name, record));
    Ok(CreateArchiveOutput {
        archive_arn: Some(arn),
        state: Some(ENABLED.to_owned()),
        creation_time: Some(step.now),
        ..Default::default()
    }
    .into())
}

fn refuse_key(key: Option<String>) -> Result<(), Error> {
    match key.filter(|key| !key.is_empty()) {
        Some(_) => Err(Error::Unsupported("KmsKeyIdentifier of an archive".into())),
        None => Ok(()),
    }
}

/// The model has held it to be zero or more.
fn days(given: Option<i32>) -> u32 {
    given.and_then(|days| u32::try_from(days).ok()).unwrap_or(0)
}

/// The name of a bus of the caller's own that an ARN names.
pub fn bus_of(events: &mut Events, step: &Step<'_>, parameter: &str, arn: &str) -> Result<String, Error> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "events");
    let name = parsed.as_ref().and_then(|arn| arn.resource.strip_prefix("event-bus/"));
    let (Some(scope), Some(name)) = (parsed.as_ref().and_then(Arn::scope), name) else {
        return Err(Error::parameter(parameter, "Must contain an event bus ARN."));
    };
    if scope != step.scope || events.bus_mut(step.now, scope, name).is_none() {
        return Err(Error::NoBus(name.to_owned()));
    }
    Ok(name.to_owned())
}

/// The rule that the events of an archive come through.
fn rule_of(step: &Step<'_>, bus: &str, archive: &str, pattern: Option<&str>) -> Result<BusRule, Error> {
    if let Some(pattern) = pattern {
        Pattern::parse(pattern).map_err(Error::InvalidEventPattern)?;
    }
    let text = rule_pattern(pattern);
    let pattern = Pattern::parse(&text).map_err(Error::InvalidEventPattern)?;
    let record = RuleRecord {
        pattern: Some(text),
        schedule: None,
        state: ENABLED.to_owned(),
        description: None,
        role_arn: None,
        created_by: step.scope.account.to_string(),
        tags: Default::default(),
        targets: Vec::new(),
        modified_millis: step.now.millis(),
        anchor_millis: step.now.millis(),
        fired_millis: None,
        managed_by: Some(MANAGED_BY.to_owned()),
        archive: Some(archive.to_owned()),
    };
    let arn = rule_arn(step.scope, bus, &Events::archive_rule(archive)).into();
    Ok(BusRule { arn, record, pattern: Some(pattern), schedule: None, targets: Vec::new() })
}

impl Events {
    /// The target that AWS shows of the rule of an archive.
    pub(crate) fn archive_target(&self, scope: Scope, archive: &str) -> Target {
        let found = self.archives.get(scope, archive);
        let named =
            found.map(|found| format!("{}:{}", found.arn, pontoon_core::ids::format_uuid(found.record.id)));
        let named = named.unwrap_or_default();
        Target {
            id: Self::archive_rule(archive),
            arn: format!("arn:aws:events:{}:::", scope.region),
            input_transformer: Some(InputTransformer {
                input_paths_map: None,
                input_template: format!(
                    r#"{{"archive-arn": "{named}", "event": <aws.events.event.json>, "ingestion-time": <aws.events.event.ingestion-time>}}"#
                ),
            }),
            ..Default::default()
        }
    }
}

pub fn update(
    events: &mut Events,
    step: &mut Step<'_>,
    input: UpdateArchiveInput,
) -> Answer<UpdateArchiveOutput> {
    let (name, retention_days) = (input.archive_name, input.retention_days);
    let arn = permitted(step, "events:UpdateArchive", &name, input.kms_key_identifier)?;
    // Recorded even for an archive that is not there (test_update_archive_error_unknown_archive).
    if input.description.is_none() && input.event_pattern.is_none() && retention_days.is_none() {
        let message = "At least one of EventPattern, RetentionDays or Description must be provided.";
        return Err(Error::Validation(message.into()));
    }
    let mut archive =
        events.archives.get(step.scope, &name).cloned().ok_or(Error::NoArchive(name.clone()))?;
    if let Some(pattern) = input.event_pattern {
        let bus = bus_name(&archive.record).to_owned();
        let rule = rule_of(step, &bus, &name, Some(&pattern))?;
        let rule_name = Events::archive_rule(&name);
        let bus_rules = events.bus_mut(step.now, step.scope, &bus).map(|bus| &bus.rules);
        // Whoever deleted the rule by force does not get it back.
        if bus_rules.is_some_and(|rules| rules.contains_key(rule_name.as_str())) {
            events.put_rule(step, (step.scope, &bus), &Arc::from(rule_name), rule);
        }
        archive.record.pattern = Some(pattern);
    }
    archive.record.description = input.description.or(archive.record.description);
    if retention_days.is_some() {
        archive.record.retention_days = days(retention_days);
    }
    let creation_time = Some(Timestamp::from_millis(archive.record.created_millis));
    step.put(Space::Config, records::archive_key(step.scope, &name), records::to_json(&archive.record));
    events.archives.insert(step.scope, &name, archive);
    Ok(UpdateArchiveOutput {
        archive_arn: Some(arn),
        state: Some(ENABLED.to_owned()),
        creation_time,
        ..Default::default()
    }
    .into())
}

fn bus_name(record: &ArchiveRecord) -> &str {
    record.bus_arn.rsplit_once("event-bus/").map_or("", |(_, name)| name)
}

pub fn delete(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DeleteArchiveInput,
) -> Answer<DeleteArchiveOutput> {
    let name = input.archive_name;
    let arn = arn_of(step, &name);
    authorize(step, "events:DeleteArchive", &arn)?;
    let found = events.archives.get(step.scope, &name).ok_or(Error::NoArchive(name.clone()))?;
    let bus = bus_name(&found.record).to_owned();
    events.remove_archive_rule(step, step.scope, (&bus, &name));
    let scope = step.scope;
    events.archives.delete(step, scope, &name);
    Ok(DeleteArchiveOutput {}.into())
}

pub fn describe(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DescribeArchiveInput,
) -> Answer<DescribeArchiveOutput> {
    let name = input.archive_name;
    let arn = arn_of(step, &name);
    authorize(step, "events:DescribeArchive", &arn)?;
    let found = events.archives.get(step.scope, &name).ok_or(Error::NoArchive(name.clone()))?;
    let record = found.record.clone();
    Ok(DescribeArchiveOutput {
        archive_arn: Some(arn),
        archive_name: Some(name),
        event_source_arn: Some(record.bus_arn),
        description: record.description,
        event_pattern: record.pattern,
        state: Some(ENABLED.to_owned()),
        retention_days: i32::try_from(record.retention_days).ok(),
        size_bytes: i64::try_from(found.tally.bytes).ok(),
        event_count: i64::try_from(found.tally.events).ok(),
        creation_time: Some(Timestamp::from_millis(record.created_millis)),
        ..Default::default()
    }
    .into())
}

pub fn list(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListArchivesInput,
) -> Answer<ListArchivesOutput> {
    authorize(step, "events:ListArchives", "*")?;
    let ListArchivesInput { name_prefix, event_source_arn, state, next_token, limit } = input;
    one_filter("ListArchives", [name_prefix.is_some(), event_source_arn.is_some(), state.is_some()])?;
    if let Some(arn) = &event_source_arn {
        bus_of(events, step, "EventSourceArn", arn)?;
    }
    let matching = events.archives.of(step.scope).filter(|(name, archive)| {
        name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && event_source_arn.as_ref().is_none_or(|arn| *arn == archive.record.bus_arn)
            && state.as_ref().is_none_or(|state| state == ENABLED)
    });
    let (found, next_token) = page(matching, |(name, _)| (*name).clone(), next_token.as_deref(), limit)?;
    let archives = found.into_iter().map(|(name, archive)| shown(name, archive)).collect();
    Ok(ListArchivesOutput { archives: Some(archives), next_token }.into())
}

fn shown(name: &str, archive: &Kept) -> Archive {
    Archive {
        archive_name: Some(name.to_owned()),
        event_source_arn: Some(archive.record.bus_arn.clone()),
        state: Some(ENABLED.to_owned()),
        state_reason: None,
        retention_days: i32::try_from(archive.record.retention_days).ok(),
        size_bytes: i64::try_from(archive.tally.bytes).ok(),
        event_count: i64::try_from(archive.tally.events).ok(),
        creation_time: Some(Timestamp::from_millis(archive.record.created_millis)),
    }
}

/// The filters of a list exclude one another.
pub fn one_filter(operation: &str, given: [bool; 3]) -> Result<(), Error> {
    if given.into_iter().filter(|given| *given).count() < 2 {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or NamePrefix."
    )))
}
