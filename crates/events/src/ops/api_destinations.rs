//! API destinations.

use pontoon_api::events::*;
use pontoon_core::{Step, Timestamp};

use super::page::page;
use super::{Answer, authorize};
use crate::state::api_destination::{ApiDestinationRecord, RATE_DEFAULT, url_fault};
use crate::state::connection::ConnectionState;
use crate::{Error, Events};

/// API destinations of an account in a region (user guide, quotas).
const DESTINATIONS_MAX: usize = 3_000;

fn arn_of(step: &Step<'_>, name: &str, id: &str) -> String {
    step.scope.arn("events", format_args!("api-destination/{name}/{id}"))
}

/// It can be called as soon as its connection is authorized.
fn state_of(events: &Events, connection: &str) -> String {
    let found = events.destinations.connection_by_arn(connection);
    let is_active = found.is_some_and(|record| record.state == ConnectionState::Authorized);
    if is_active { "ACTIVE" } else { "INACTIVE" }.to_owned()
}

fn check(events: &Events, connection: &str, endpoint: &str) -> Result<(), Error> {
    if events.destinations.connection_by_arn(connection).is_none() {
        let name = connection.rsplit('/').nth(1).unwrap_or(connection);
        return Err(Error::NoConnection("describe", name.to_owned()));
    }
    match url_fault(endpoint) {
        Some(fault) => Err(Error::parameter("InvocationEndpoint", fault)),
        None => Ok(()),
    }
}

/// The model has held it to be one or more.
fn rate(given: Option<i32>) -> Option<u32> {
    given.and_then(|rate| u32::try_from(rate).ok())
}

pub fn create(
    events: &mut Events,
    step: &mut Step<'_>,
    input: CreateApiDestinationInput,
) -> Answer<CreateApiDestinationOutput> {
    let CreateApiDestinationInput {
        name,
        description,
        connection_arn,
        invocation_endpoint,
        http_method,
        invocation_rate_limit_per_second,
    } = input;
    let id = step.ids.uuid();
    let arn = arn_of(step, &name, &id);
    authorize(step, "events:CreateApiDestination", &arn)?;
    if events.destinations.destination(step.scope, &name).is_some() {
        return Err(Error::DestinationExists(name));
    }
    if events.destinations.destinations(step.scope).count() >= DESTINATIONS_MAX {
        return Err(Error::LimitExceeded);
    }
    check(events, &connection_arn, &invocation_endpoint)?;
    let state = state_of(events, &connection_arn);
    let record = ApiDestinationRecord {
        id,
        description,
        connection_arn,
        endpoint: invocation_endpoint,
        method: http_method,
        rate: rate(invocation_rate_limit_per_second).unwrap_or(RATE_DEFAULT),
        created_millis: step.now.millis(),
        modified_millis: step.now.millis(),
    };
    events.destinations.put_destination(step, &name, record);
    Ok(CreateApiDestinationOutput {
        api_destination_arn: Some(arn),
        api_destination_state: Some(state),
        creation_time: Some(step.now),
        last_modified_time: Some(step.now),
    }
    .into())
}

/// The API destination of a name, after the caller's right to `action` on it was checked.
fn open(
    events: &Events,
    step: &mut Step<'_>,
    name: &str,
    (action, verb): (&'static str, &'static str),
) -> Result<(String, ApiDestinationRecord), Error> {
    let found = events.destinations.destination(step.scope, name).cloned();
    let arn = arn_of(step, name, found.as_ref().map_or("*", |record| &record.id));
    authorize(step, action, &arn)?;
    Ok((arn, found.ok_or_else(|| Error::NoDestination(verb, name.to_owned()))?))
}

pub fn update(
    events: &mut Events,
    step: &mut Step<'_>,
    input: UpdateApiDestinationInput,
) -> Answer<UpdateApiDestinationOutput> {
    let (arn, mut record) = open(events, step, &input.name, ("events:UpdateApiDestination", "update"))?;
    // What is not given stays as it is.
    record.description = input.description.or(record.description);
    record.connection_arn = input.connection_arn.unwrap_or(record.connection_arn);
    record.endpoint = input.invocation_endpoint.unwrap_or(record.endpoint);
    record.method = input.http_method.unwrap_or(record.method);
    record.rate = rate(input.invocation_rate_limit_per_second).unwrap_or(record.rate);
    record.modified_millis = step.now.millis();
    check(events, &record.connection_arn, &record.endpoint)?;
    let state = state_of(events, &record.connection_arn);
    let creation_time = Some(Timestamp::from_millis(record.created_millis));
    events.destinations.put_destination(step, &input.name, record);
    Ok(UpdateApiDestinationOutput {
        api_destination_arn: Some(arn),
        api_destination_state: Some(state),
        creation_time,
        last_modified_time: Some(step.now),
    }
    .into())
}

pub fn delete(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DeleteApiDestinationInput,
) -> Answer<DeleteApiDestinationOutput> {
    open(events, step, &input.name, ("events:DeleteApiDestination", "delete"))?;
    events.destinations.remove_destination(step, &input.name);
    Ok(DeleteApiDestinationOutput {}.into())
}

pub fn describe(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DescribeApiDestinationInput,
) -> Answer<DescribeApiDestinationOutput> {
    let (arn, record) = open(events, step, &input.name, ("events:DescribeApiDestination", "describe"))?;
    Ok(DescribeApiDestinationOutput {
        api_destination_arn: Some(arn),
        name: Some(input.name),
        api_destination_state: Some(state_of(events, &record.connection_arn)),
        description: record.description,
        connection_arn: Some(record.connection_arn),
        invocation_endpoint: Some(record.endpoint),
        http_method: Some(record.method),
        invocation_rate_limit_per_second: i32::try_from(record.rate).ok(),
        creation_time: Some(Timestamp::from_millis(record.created_millis)),
        last_modified_time: Some(Timestamp::from_millis(record.modified_millis)),
    }
    .into())
}

pub fn list(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListApiDestinationsInput,
) -> Answer<ListApiDestinationsOutput> {
    authorize(step, "events:ListApiDestinations", "*")?;
    let ListApiDestinationsInput { name_prefix, connection_arn, next_token, limit } = input;
    let matching = events.destinations.destinations(step.scope).filter(|(name, record)| {
        name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && connection_arn.as_ref().is_none_or(|arn| *arn == record.connection_arn)
    });
    let (found, next_token) = page(matching, |(name, _)| (*name).clone(), next_token.as_deref(), limit)?;
    let shown = |(name, record): (&String, &ApiDestinationRecord)| ApiDestination {
        api_destination_arn: Some(arn_of(step, name, &record.id)),
        name: Some(name.clone()),
        api_destination_state: Some(state_of(events, &record.connection_arn)),
        connection_arn: Some(record.connection_arn.clone()),
        invocation_endpoint: Some(record.endpoint.clone()),
        http_method: Some(record.method.clone()),
        invocation_rate_limit_per_second: i32::try_from(record.rate).ok(),
        creation_time: Some(Timestamp::from_millis(record.created_millis)),
        last_modified_time: Some(Timestamp::from_millis(record.modified_millis)),
    };
    let api_destinations = Some(found.into_iter().map(shown).collect());
    Ok(ListApiDestinationsOutput { api_destinations, next_token }.into())
}
