//! Delivery sources: which type of which resource's logs is delivered.

use std::collections::BTreeMap;

use pontoon_api::logs::*;
use pontoon_api::vended::AllowLogDeliveryInput;
use pontoon_core::{
    Access, ApiError, Arn, Caller, Hop, ParkId, Reply, Scope, ServiceId, Settled, Space, Step, Ticket,
};

use super::{Answer, access, page, tags};
use crate::deliveries::{Deliveries, source_arn};
use crate::parts::Part;
use crate::records::SourceRecord;
use crate::service::Token;
use crate::state::delivery::LogSource;
use crate::{Error, Logs};

/// Sources of an account in a region. AWS does not publish a quota.
const SOURCES_MAX: usize = 1_000;

/// A source about which its service is asked.
pub(crate) struct Asked {
    park: ParkId,
    name: String,
    record: SourceRecord,
}

/// Puts a source once the resource's service has said that it exists and that the caller may have its logs delivered.
pub fn put(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: PutDeliverySourceInput,
) -> Answer<PutDeliverySourceOutput> {
    let PutDeliverySourceInput { name, resource_arn, log_type, tags, delivery_source_configuration, .. } =
        input;
    let context = [("logs:LogGeneratingResourceArns", resource_arn.as_str())];
    let resource = source_arn(step.scope, &name);
    let access =
        Access { action: "logs:PutDeliverySource", resource: &resource, policy: None, context: &context };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))?;
    if delivery_source_configuration.is_some_and(|given| !given.is_empty()) {
        return Err(Error::Unsupported("configurations of delivery sources"));
    }
    check_resource(step.scope, &resource_arn, &log_type)?;
    let tags = tags::checked(tags)?;
    let record = SourceRecord { resource_arn, log_type, tags };
    let deliveries = &logs.regions.entry(step.scope).or_default().deliveries;
    check_others(deliveries, &name, &record)?;
    let (scope, park) = (step.scope, step.park());
    let caller = Caller { traces: None, depth: step.caller.depth.saturating_add(1), ..step.caller.clone() };
    let resource_arn = record.resource_arn.clone();
    let token = Token::Asked(Box::new(Asked { park, name, record }));
    step.hop(Hop {
        to: scope,
        caller,
        resource: resource_arn.as_str().into(),
        request: Box::new(AllowLogDeliveryInput { resource_arn }),
        attempt: 1,
        traced: false,
        ticket: Some(Ticket { owner: ServiceId::Logs, scope, token: Box::new(token) }),
    });
    Ok(Reply::Parked(park))
}

/// Checks that a resource of this account and region has logs of this type. The messages are those that AWS's clients report.
fn check_resource(scope: Scope, resource_arn: &str, log_type: &str) -> Result<(), Error> {
    let invalid = |message: &str| Error::Validation(message.to_owned());
    let arn = Arn::parse(resource_arn).ok_or_else(|| invalid("Invalid ARN provided."))?;
    if !arn.region.is_empty() && arn.region != scope.region.as_str() {
        return Err(invalid("Cross-region Delivery Source is not supported. Please use a different region."));
    }
    if !arn.account.is_empty() && arn.account != scope.account.as_str() {
        return Err(invalid("Account id from identity does not match the resourceArn."));
    }
    let source = LogSource::of(&arn).filter(|_| arn.scope().is_some()).ok_or(Error::NoLogs)?;
    if !source.log_types.contains(&log_type) {
        return Err(invalid(" This service is not allowed for this LogSource."));
    }
    Ok(())
}

/// Checks a source against those that there are.
fn check_others(deliveries: &Deliveries, name: &str, record: &SourceRecord) -> Result<(), Error> {
    match deliveries.sources.get(name) {
        Some(_) if !record.tags.is_empty() => return Err(tags::ON_UPDATE),
        Some(before) if before.resource_arn != record.resource_arn => {
            return Err(Error::Conflict(
                "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source instead.",
            ));
        }
        None if deliveries.sources.len() >= SOURCES_MAX => {
            return Err(Error::QuotaExceeded(SourceRecord::NOUN));
        }
        _ => {}
    }
    let same = |other: &SourceRecord| {
        (&other.resource_arn, &other.log_type) == (&record.resource_arn, &record.log_type)
    };
    if deliveries.sources.iter().any(|(other, source)| other != name && same(source)) {
        return Err(Error::Conflict(
            "This ResourceId has already been used in another Delivery Source in this account.",
        ));
    }
    Ok(())
}

impl Logs {
    /// The service has answered whether the logs of a source's resource may be delivered.
    pub(crate) fn source_answered(&mut self, step: &mut Step<'_>, asked: Asked, outcome: Settled) {
        let Asked { park, name, record } = asked;
        let put = match outcome {
            Ok(_) => self.put_source(step, &name, record).map_err(ApiError::from),
            Err(error) => Err(error),
        };
        step.unpark(park, put.map(|output| Box::new(output) as _));
    }

    fn put_source(
        &mut self,
        step: &mut Step<'_>,
        name: &str,
        mut record: SourceRecord,
    ) -> Result<PutDeliverySourceOutput, Error> {
        let scope = step.scope;
        let deliveries = &mut self.regions.entry(scope).or_default().deliveries;
        check_others(deliveries, name, &record)?;
        if let Some(before) = deliveries.sources.get(name) {
            record.tags.clone_from(&before.tags);
        }
        record.write(step, name);
        let told = description(scope, name, &record);
        deliveries.sources.insert(name.to_owned(), record);
        deliveries.join();
        Ok(PutDeliverySourceOutput { delivery_source: Some(told) })
    }
}

pub fn get(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &GetDeliverySourceInput,
) -> Answer<GetDeliverySourceOutput> {
    let name = &input.name;
    access::authorize_on(logs, step, "logs:GetDeliverySource", &source_arn(step.scope, name))?;
    let told = description(step.scope, name, logs.part(step.scope, name)?);
    Ok(GetDeliverySourceOutput { delivery_source: Some(told) }.into())
}

pub fn describe(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DescribeDeliverySourcesInput,
) -> Answer<DescribeDeliverySourcesOutput> {
    access::authorize_on(logs, step, "logs:DescribeDeliverySources", "*")?;
    let none = BTreeMap::new();
    let sources = logs.regions.get(&step.scope).map_or(&none, |region| &region.deliveries.sources);
    let (found, next_token) = page::of_deliveries(sources, input.next_token.as_deref(), input.limit)?;
    let told = found.into_iter().map(|(name, source)| description(step.scope, name, source)).collect();
    Ok(DescribeDeliverySourcesOutput { delivery_sources: Some(told), next_token }.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteDeliverySourceInput,
) -> Answer<DeleteDeliverySourceOutput> {
    let (scope, name) = (step.scope, &input.name);
    access::authorize_on(logs, step, "logs:DeleteDeliverySource", &source_arn(scope, name))?;
    let deliveries = &mut logs.regions.entry(scope).or_default().deliveries;
    if !deliveries.sources.contains_key(name) {
        // Two full stops, as recorded (`test_delete_delivery_source`).
        return Err(Error::NoDelivery(SourceRecord::NOUN, ".."));
    }
    if deliveries.deliveries.values().any(|delivery| delivery.source == *name) {
        return Err(Error::Conflict("The Delivery Source has a Delivery. Please delete the Delivery first."));
    }
    deliveries.sources.remove(name);
    step.delete(Space::Config, SourceRecord::key(scope, name));
    Ok(DeleteDeliverySourceOutput {}.into())
}

fn description(scope: Scope, name: &str, record: &SourceRecord) -> DeliverySource {
    let service = Arn::parse(&record.resource_arn).map(|arn| arn.service.to_owned());
    DeliverySource {
        name: Some(name.to_owned()),
        arn: Some(source_arn(scope, name)),
        resource_arns: Some(vec![record.resource_arn.clone()]),
        service,
        log_type: Some(record.log_type.clone()),
        tags: tags::told(&record.tags),
        ..DeliverySource::default()
    }
}
