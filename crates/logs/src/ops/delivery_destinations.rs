//! Delivery destinations: where logs can be delivered, and which other accounts may deliver there.

use std::collections::BTreeMap;

use pontoon_api::logs::*;
use pontoon_core::policy::Document;
use pontoon_core::{Arn, Scope, Space, Step};

use super::{Answer, access, page, tags};
use crate::parts::Part;
use crate::records::DestinationRecord;
use crate::{Error, Logs};

/// Destinations of an account in a region. AWS does not publish a quota.
const DESTINATIONS_MAX: usize = 1_000;

/// ARN of a delivery destination.
pub fn destination_arn(scope: Scope, name: &str) -> String {
    scope.arn("logs", format_args!("delivery-destination:{name}"))
}

pub fn put(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: PutDeliveryDestinationInput,
) -> Answer<PutDeliveryDestinationOutput> {
    let PutDeliveryDestinationInput {
        name,
        output_format,
        delivery_destination_configuration: configuration,
        delivery_destination_type,
        tags,
        ..
    } = input;
    let scope = step.scope;
    access::authorize_on(logs, step, "logs:PutDeliveryDestination", &destination_arn(scope, &name))?;
    let resource_arn = configuration.map(|configuration| configuration.destination_resource_arn);
    let (kind, resource_arn) = kind_of(scope, resource_arn, delivery_destination_type.as_deref())?;
    if kind == "CWL" && output_format.as_deref().is_some_and(|format| format != "json") {
        return Err(Error::Unsupported("log groups as delivery destinations in other formats than json"));
    }
    let tags = tags::checked(tags)?;
    let destinations = &mut logs.regions.entry(scope).or_default().deliveries.destinations;
    let before = destinations.get(&name);
    let mut record =
        DestinationRecord { kind: kind.to_owned(), resource_arn, output_format, policy: None, tags };
    match before {
        None if destinations.len() >= DESTINATIONS_MAX => {
            return Err(Error::QuotaExceeded(DestinationRecord::NOUN));
        }
        None => {}
        Some(before) => {
            check_change(before, &record)?;
            record.tags.clone_from(&before.tags);
            record.policy.clone_from(&before.policy);
            record.output_format = record.output_format.or_else(|| before.output_format.clone());
        }
    }
    record.write(step, &name);
    let told = description(scope, &name, &record);
    destinations.insert(name, record);
    Ok(PutDeliveryDestinationOutput { delivery_destination: Some(told) }.into())
}

/// The kind of a destination, by its resource's ARN; a kind that is given too must be the same. The messages are those that AWS's clients report.
fn kind_of(
    scope: Scope,
    resource_arn: Option<String>,
    given: Option<&str>,
) -> Result<(&'static str, String), Error> {
    let invalid = |message: &str| Error::Validation(message.to_owned());
    if given == Some("XRAY") {
        return Err(Error::Unsupported("X-Ray as a delivery destination"));
    }
    let resource_arn = resource_arn.ok_or_else(|| {
        invalid("deliveryDestinationConfiguration is required for this type of Delivery Destination.")
    })?;
    let arn = Arn::parse(&resource_arn).ok_or_else(|| invalid("Invalid ARN provided."))?;
    let kind = match arn.service {
        "logs" if arn.log_group().is_some_and(|name| !name.is_empty()) => "CWL",
        "s3" if arn.region.is_empty() && arn.account.is_empty() => "S3",
        "firehose" => return Err(Error::Unsupported("Firehose as a delivery destination")),
        "logs" | "s3" => return Err(invalid("Invalid ARN provided.")),
        _ => return Err(invalid("Delivery Destination Resource ARN is of unsupported service.")),
    };
    if given.is_some_and(|given| given != kind) {
        return Err(invalid("deliveryDestinationType does not match the Destination Resource ARN."));
    }
    if kind == "CWL" && arn.region != scope.region.as_str() {
        return Err(invalid("Region from identity does not match the Destination Resource ARN."));
    }
    if kind == "CWL" && arn.account != scope.account.as_str() {
        return Err(invalid("Account id from identity does not match the Destination Resource ARN."));
    }
    Ok((kind, resource_arn))
}

/// Checks what a destination is to become against what it is.
fn check_change(before: &DestinationRecord, record: &DestinationRecord) -> Result<(), Error> {
    if !record.tags.is_empty() {
        return Err(tags::ON_UPDATE);
    }
    let is_fixed = record.output_format.is_some() && record.output_format != before.output_format;
    if is_fixed {
        return Err(Error::Validation(
            "Update to existing Delivery Destination with new Output Format is not allowed. Please create a new Delivery Destination instead."
                .to_owned(),
        ));
    }
    if record.kind != before.kind {
        return Err(Error::Validation("The type of a Delivery Destination cannot be changed.".to_owned()));
    }
    Ok(())
}

pub fn get(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &GetDeliveryDestinationInput,
) -> Answer<GetDeliveryDestinationOutput> {
    let (scope, name) = (step.scope, &input.name);
    access::authorize_on(logs, step, "logs:GetDeliveryDestination", &destination_arn(scope, name))?;
    let told = description(scope, name, logs.part(scope, name)?);
    Ok(GetDeliveryDestinationOutput { delivery_destination: Some(told) }.into())
}

pub fn describe(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DescribeDeliveryDestinationsInput,
) -> Answer<DescribeDeliveryDestinationsOutput> {
    access::authorize_on(logs, step, "logs:DescribeDeliveryDestinations", "*")?;
    let none = BTreeMap::new();
    let all = logs.regions.get(&step.scope).map_or(&none, |region| &region.deliveries.destinations);
    let (found, next_token) = page::of_deliveries(all, input.next_token.as_deref(), input.limit)?;
    let told = found.into_iter().map(|(name, record)| description(step.scope, name, record)).collect();
    Ok(DescribeDeliveryDestinationsOutput { delivery_destinations: Some(told), next_token }.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteDeliveryDestinationInput,
) -> Answer<DeleteDeliveryDestinationOutput> {
    let (scope, name) = (step.scope, &input.name);
    let arn = destination_arn(scope, name);
    access::authorize_on(logs, step, "logs:DeleteDeliveryDestination", &arn)?;
    logs.part::<DestinationRecord>(scope, name)?;
    // Other accounts' deliveries lead here too.
    let mut deliveries = logs.regions.values().flat_map(|region| region.deliveries.deliveries.values());
    if deliveries.any(|delivery| delivery.destination_arn == arn) {
        return Err(Error::Conflict(
            "The Delivery Destination has a Delivery. Please delete the Delivery first.",
        ));
    }
    logs.regions.entry(scope).or_default().deliveries.destinations.remove(name);
    step.delete(Space::Config, DestinationRecord::key(scope, name));
    Ok(DeleteDeliveryDestinationOutput {}.into())
}

pub fn put_policy(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: PutDeliveryDestinationPolicyInput,
) -> Answer<PutDeliveryDestinationPolicyOutput> {
    let PutDeliveryDestinationPolicyInput { delivery_destination_name: name, delivery_destination_policy } =
        input;
    let arn = destination_arn(step.scope, &name);
    access::authorize_on(logs, step, "logs:PutDeliveryDestinationPolicy", &arn)?;
    let destination: &mut DestinationRecord = logs.part_mut(step.scope, &name)?;
    if Document::parse(&delivery_destination_policy).is_err() {
        // Reported by users of AWS (hashicorp/terraform-provider-aws, issue 40885).
        return Err(Error::Validation(
            "Invalid Delivery Destination resource Policy is provided.".to_owned(),
        ));
    }
    destination.policy = Some(delivery_destination_policy);
    destination.write(step, &name);
    let policy = Policy { delivery_destination_policy: destination.policy.clone() };
    Ok(PutDeliveryDestinationPolicyOutput { policy: Some(policy) }.into())
}

pub fn get_policy(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &GetDeliveryDestinationPolicyInput,
) -> Answer<GetDeliveryDestinationPolicyOutput> {
    let name = &input.delivery_destination_name;
    let arn = destination_arn(step.scope, name);
    access::authorize_on(logs, step, "logs:GetDeliveryDestinationPolicy", &arn)?;
    let policy = logs.part::<DestinationRecord>(step.scope, name)?.policy.clone();
    let policy = Policy { delivery_destination_policy: policy };
    Ok(GetDeliveryDestinationPolicyOutput { policy: Some(policy) }.into())
}

pub fn delete_policy(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteDeliveryDestinationPolicyInput,
) -> Answer<DeleteDeliveryDestinationPolicyOutput> {
    let name = &input.delivery_destination_name;
    let arn = destination_arn(step.scope, name);
    access::authorize_on(logs, step, "logs:DeleteDeliveryDestinationPolicy", &arn)?;
    let destination: &mut DestinationRecord = logs.part_mut(step.scope, name)?;
    destination.policy = None;
    destination.write(step, name);
    Ok(DeleteDeliveryDestinationPolicyOutput {}.into())
}

fn description(scope: Scope, name: &str, record: &DestinationRecord) -> DeliveryDestination {
    let destination_resource_arn = record.resource_arn.clone();
    DeliveryDestination {
        name: Some(name.to_owned()),
        arn: Some(destination_arn(scope, name)),
        delivery_destination_type: Some(record.kind.clone()),
        output_format: record.output_format.clone(),
        delivery_destination_configuration: Some(DeliveryDestinationConfiguration {
            destination_resource_arn,
        }),
        tags: tags::told(&record.tags),
    }
}
