//! Event buses.

use std::collections::BTreeMap;

use pontoon_api::events::*;
use pontoon_api::vended::{AllowLogDeliveryInput, AllowLogDeliveryOutput};
use pontoon_core::{LogLevel, Space, Step, Timestamp};

use super::page::page;
use super::targets::check_dead_letter;
use super::{Answer, authorize, tags};
use crate::records::{self, BusRecord};
use crate::state::bus::{Bus, DEFAULT};
use crate::state::log;
use crate::{Error, Events};

/// Buses of an account in a region; AWS's own quota of 100 can be raised to it.
const BUSES_MAX: usize = 10_000;

pub fn create(
    events: &mut Events,
    step: &mut Step<'_>,
    input: CreateEventBusInput,
) -> Answer<CreateEventBusOutput> {
    let CreateEventBusInput {
        name,
        event_source_name,
        description,
        kms_key_identifier,
        dead_letter_config,
        log_config,
        tags: given,
    } = input;
    let arn = step.scope.arn("events", format_args!("event-bus/{name}"));
    authorize(step, "events:CreateEventBus", &arn)?;
    if event_source_name.is_some() || name.starts_with("aws.partner/") {
        return Err(Error::Unsupported("partner event sources".into()));
    }
    if name.contains('/') {
        return Err(Error::parameter("Name", "The name of a custom event bus cannot contain '/'."));
    }
    refuse_key(kms_key_identifier)?;
    let dead_letter = dead_letter_config.and_then(|config| config.arn).filter(|arn| !arn.is_empty());
    check_dead_letter(dead_letter.as_deref())?;
    if events.bus_mut(step.now, step.scope, &name).is_some() {
        return Err(Error::BusExists(name));
    }
    let buses = events.buses.entry(step.scope).or_default();
    if buses.len() >= BUSES_MAX {
        return Err(Error::LimitExceeded);
    }
    let mut record = BusRecord::new(step.now);
    record.description.clone_from(&description);
    record.dead_letter.clone_from(&dead_letter);
    record.log = log_config.map(log_of);
    let log_config = record.log.map(log_told);
    tags::add(&mut record.tags, given.unwrap_or_default())?;
    buses.insert(name.clone(), Bus::new(step.scope, &name, record));
    events.write_bus(step, step.scope, &name);
    Ok(CreateEventBusOutput {
        event_bus_arn: Some(arn),
        description,
        dead_letter_config: dead_letter.map(|arn| DeadLetterConfig { arn: Some(arn) }),
        log_config,
        ..Default::default()
    }
    .into())
}

/// Encryption with own keys is not there to be configured. A dead-letter queue is: it gets what a bus cannot decrypt with such a key (user guide,
/// "Using dead-letter queues to capture encrypted event errors"), which is nothing.
fn refuse_key(kms_key: Option<String>) -> Result<(), Error> {
    if kms_key.is_some_and(|key| !key.is_empty()) {
        return Err(Error::Unsupported("KmsKeyIdentifier of an event bus".into()));
    }
    Ok(())
}

/// What a bus is to tell. The model knows no other names; what is not given is AWS's default, which is nothing (`Level` of the API reference).
fn log_of(given: LogConfig) -> log::LogConfig {
    log::LogConfig {
        level: given.level.as_deref().and_then(LogLevel::of).unwrap_or(LogLevel::Off),
        has_detail: given.include_detail.as_deref() == Some("FULL"),
    }
}

fn log_told(config: log::LogConfig) -> LogConfig {
    LogConfig {
        include_detail: Some(if config.has_detail { "FULL" } else { "NONE" }.to_owned()),
        level: Some(config.level.name().to_owned()),
    }
}

pub fn delete(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DeleteEventBusInput,
) -> Answer<DeleteEventBusOutput> {
    if input.name == DEFAULT {
        return Err(Error::Validation(format!("Cannot delete event bus {DEFAULT}.")));
    }
    let (scope, name, bus) = events.open(step, Some(&input.name), "events:DeleteEventBus")?;
    if !bus.rules.is_empty() {
        return Err(Error::Validation(format!("Event bus {name} can't be deleted since it has rules.")));
    }
    events.buses.entry(scope).or_default().remove(&name);
    step.delete(Space::Config, records::bus_key(scope, &name));
    Ok(DeleteEventBusOutput {}.into())
}

pub fn describe(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DescribeEventBusInput,
) -> Answer<DescribeEventBusOutput> {
    let (_, name, bus) = events.open(step, input.name.as_deref(), "events:DescribeEventBus")?;
    let record = &bus.record;
    Ok(DescribeEventBusOutput {
        name: Some(name),
        arn: Some(bus.arn.to_string()),
        description: record.description.clone(),
        policy: record.policy.clone(),
        dead_letter_config: record.dead_letter.clone().map(|arn| DeadLetterConfig { arn: Some(arn) }),
        log_config: record.log.map(log_told),
        creation_time: Some(Timestamp::from_millis(record.created_millis)),
        last_modified_time: Some(Timestamp::from_millis(record.modified_millis)),
        ..Default::default()
    }
    .into())
}

/// CloudWatch Logs asks whether the logs of a bus may be delivered.
pub fn allow_log_delivery(
    events: &mut Events,
    step: &mut Step<'_>,
    input: &AllowLogDeliveryInput,
) -> Result<AllowLogDeliveryOutput, Error> {
    events.open(step, Some(&input.resource_arn), "events:AllowVendedLogDeliveryForResource")?;
    Ok(AllowLogDeliveryOutput {})
}

pub fn update(
    events: &mut Events,
    step: &mut Step<'_>,
    input: UpdateEventBusInput,
) -> Answer<UpdateEventBusOutput> {
    let UpdateEventBusInput { name, kms_key_identifier, description, dead_letter_config, log_config } = input;
    let now = step.now;
    let (scope, name, bus) = events.open(step, name.as_deref(), "events:UpdateEventBus")?;
    refuse_key(kms_key_identifier)?;
    if let Some(config) = dead_letter_config {
        let dead_letter = config.arn.filter(|arn| !arn.is_empty());
        check_dead_letter(dead_letter.as_deref())?;
        bus.record.dead_letter = dead_letter;
    }
    let arn = bus.arn.to_string();
    // What is not given stays as it is.
    if description.is_some() {
        bus.record.description = description;
    }
    let description = bus.record.description.clone();
    if log_config.is_some() {
        bus.record.log = log_config.map(log_of);
    }
    let log_config = bus.record.log.map(log_told);
    let dead_letter = bus.record.dead_letter.clone();
    bus.record.modified_millis = now.millis();
    events.write_bus(step, scope, &name);
    Ok(UpdateEventBusOutput {
        arn: Some(arn),
        name: Some(name),
        description,
        dead_letter_config: dead_letter.map(|arn| DeadLetterConfig { arn: Some(arn) }),
        log_config,
        ..Default::default()
    }
    .into())
}

pub fn list(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListEventBusesInput,
) -> Answer<ListEventBusesOutput> {
    authorize(step, "events:ListEventBuses", "*")?;
    // The default bus comes to be when it is first looked at.
    events.bus_mut(step.now, step.scope, DEFAULT);
    let none = BTreeMap::new();
    let prefix = input.name_prefix.unwrap_or_default();
    let buses = events.buses.get(&step.scope).unwrap_or(&none).iter();
    let matching = buses.filter(|(name, _)| name.starts_with(&prefix));
    let (found, next_token) =
        page(matching, |(name, _)| (*name).clone(), input.next_token.as_deref(), input.limit)?;
    let event_buses = found
        .into_iter()
        .map(|(name, bus)| EventBus {
            name: Some(name.clone()),
            arn: Some(bus.arn.to_string()),
            description: bus.record.description.clone(),
            policy: bus.record.policy.clone(),
            creation_time: Some(Timestamp::from_millis(bus.record.created_millis)),
            last_modified_time: Some(Timestamp::from_millis(bus.record.modified_millis)),
        })
        .collect();
    Ok(ListEventBusesOutput { event_buses: Some(event_buses), next_token }.into())
}
