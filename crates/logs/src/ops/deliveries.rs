//! Deliveries: what leads from a source to a destination; and what each log source allows of them.

use std::collections::BTreeMap;

use pontoon_api::logs::*;
use pontoon_core::policy::{Document, PolicyMode};
use pontoon_core::{Access, Arn, Scope, Space, Step};
use serde_json::{Value, json};

use super::policies::{DOCUMENT_CHARS_MAX, POLICIES_MAX};
use super::{Answer, access, page, tags};
use crate::deliveries::{LogGroupPlace, PRINCIPAL, Way, source_arn};
use crate::parts::Part;
use crate::records::{self, DeliveryRecord, DestinationRecord, PolicyRecord, SourceRecord};
use crate::state::delivery::{LogSource, SOURCES};
use crate::{Error, Logs};

/// Characters of a delivery's id (recorded).
const ID_CHARS: usize = 16;
const ID_SET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The policy of the account, and its statement, by which AWS lets deliveries write to log groups ("Logs sent to CloudWatch Logs" in the user guide).
const GRANT: &str = "AWSLogDeliveryWrite20150319";
/// What the caller must be allowed for AWS to see to that policy itself.
const GRANTING: [&str; 3] =
    ["logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"];

/// Where AWS writes whether it may, when a delivery to a log group is made, and what.
const VALIDATION_STREAM: &str = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions";
const VALIDATION: &str = "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription.";

fn delivery_arn(scope: Scope, id: &str) -> String {
    scope.arn("logs", format_args!("delivery:{id}"))
}

pub fn create(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: CreateDeliveryInput,
) -> Answer<CreateDeliveryOutput> {
    let CreateDeliveryInput {
        delivery_source_name: source,
        delivery_destination_arn,
        record_fields,
        field_delimiter,
        s3_delivery_configuration,
        tags,
    } = input;
    let scope = step.scope;
    access::authorize_on(logs, step, "logs:CreateDelivery", &source_arn(scope, &source))?;
    let log_source = log_source(logs, scope, &source)?;
    let (kind, place) = destination(logs, step, &delivery_destination_arn)?;
    check_options(field_delimiter.as_deref(), s3_delivery_configuration.as_ref())?;
    let fields = fields_of(log_source, record_fields)?;
    let tags = tags::checked(tags)?;
    let deliveries = &logs.regions.entry(scope).or_default().deliveries.deliveries;
    for other in deliveries.values().filter(|other| other.source == source) {
        if other.destination_arn == delivery_destination_arn {
            return Err(Error::Conflict("The specified Delivery already exists"));
        }
        if other.kind == kind {
            return Err(Error::Conflict(
                "Delivery already exists for this Delivery Source with the same Delivery Destination Type.",
            ));
        }
    }
    logs.group(place.scope, &place.name)?;
    let grant = may_grant(logs, step, &place);
    check_access(logs, step, (&source, &place), grant.as_ref())?;
    if let Some(policy) = grant {
        put_grant(logs, step, policy);
    }
    validate(logs, step, &source, &place);
    let id: String =
        (0..ID_CHARS).map(|_| char::from(ID_SET[step.ids.below(ID_SET.len() as u64) as usize])).collect();
    let record = DeliveryRecord { source, destination_arn: delivery_destination_arn, kind, fields, tags };
    record.write(step, &id);
    let told = description(scope, &id, &record);
    let deliveries = &mut logs.regions.entry(scope).or_default().deliveries;
    deliveries.deliveries.insert(id, record);
    deliveries.join();
    Ok(CreateDeliveryOutput { delivery: Some(told) }.into())
}

/// The kind of a delivery source by name.
fn log_source(logs: &Logs, scope: Scope, name: &str) -> Result<&'static LogSource, Error> {
    let source: &SourceRecord = logs.part(scope, name)?;
    Arn::parse(&source.resource_arn).and_then(|arn| LogSource::of(&arn)).ok_or(Error::NoLogs)
}

/// The kind of a destination and its log group, if the caller may deliver there: to another account's if the destination's policy says so.
fn destination(logs: &Logs, step: &mut Step<'_>, arn: &str) -> Result<(String, LogGroupPlace), Error> {
    let invalid = |message: &str| Error::Validation(message.to_owned());
    let parsed = Arn::parse(arn).ok_or_else(|| invalid("Invalid ARN provided."))?;
    let name = parsed.resource.strip_prefix("delivery-destination:").filter(|_| parsed.service == "logs");
    let (Some(name), Some(scope)) = (name, parsed.scope()) else {
        return Err(invalid(
            "Action logs:CreateDelivery should have a valid resource ARN to authorize against.",
        ));
    };
    if scope.region != step.scope.region {
        return Err(invalid(
            "Cross-region Delivery Destination is not supported. Please use a different region.",
        ));
    }
    let found = logs.part::<DestinationRecord>(scope, name);
    let policy = found.as_ref().ok().and_then(|found| Document::parse(found.policy.as_deref()?).ok());
    let own = std::mem::replace(&mut step.scope, scope);
    let access =
        Access { action: "logs:CreateDelivery", resource: arn, policy: policy.as_ref(), context: &[] };
    let authorized = step.authorize(&access);
    step.scope = own;
    authorized.map_err(|denial| Error::AccessDenied(denial.message))?;
    let found = found?;
    match LogGroupPlace::of(&found.resource_arn) {
        Some(place) => Ok((found.kind.clone(), place)),
        None => Err(Error::Unsupported("deliveries of logs to Amazon S3")),
    }
}

/// What only other formats and destinations than are supported would use.
fn check_options(delimiter: Option<&str>, s3: Option<&S3DeliveryConfiguration>) -> Result<(), Error> {
    if delimiter.is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(Error::Unsupported("fieldDelimiter of a delivery, which records in JSON do not have"));
    }
    if s3.is_some() {
        return Err(Error::Unsupported("s3DeliveryConfiguration of a delivery to a log group"));
    }
    Ok(())
}

/// The fields of a delivery's records: those that are wanted, or all.
fn fields_of(source: &LogSource, wanted: Option<Vec<String>>) -> Result<Vec<String>, Error> {
    let all = || source.fields.iter().map(|field| (*field).to_owned()).collect();
    let fields = wanted.filter(|fields| !fields.is_empty()).unwrap_or_else(all);
    source.fault_of(&fields).map_or(Ok(fields), |fault| Err(Error::Validation(fault)))
}

/// The account's policy as it is to be for a delivery to write to a log group, if it does not let it yet and the caller may change it.
fn may_grant(logs: &Logs, step: &Step<'_>, place: &LogGroupPlace) -> Option<PolicyRecord> {
    let scope = step.scope;
    let may = |action| {
        let access = Access { action, resource: "*", policy: None, context: &[] };
        access.denied(step.caller, scope, step.now).is_none()
    };
    // The log groups of other accounts are theirs to open.
    if place.scope != scope || !GRANTING.into_iter().all(may) {
        return None;
    }
    let policies = logs.regions.get(&scope).map(|region| &region.policies)?;
    let before = policies.get(GRANT);
    if before.is_none() && policies.len() >= POLICIES_MAX {
        return None;
    }
    let document = granting(before.map(|before| before.document.as_str()), scope, &place.arn)?;
    let fits = document.chars().count() <= DOCUMENT_CHARS_MAX;
    fits.then(|| PolicyRecord { document, updated_millis: step.now.millis() })
}

/// A policy with what lets deliveries write to a log group; `None` if it does already.
fn granting(policy: Option<&str>, scope: Scope, group_arn: &str) -> Option<String> {
    let resource = Value::from(format!("{group_arn}:log-stream:*"));
    let policy: Option<Value> = policy.and_then(|policy| serde_json::from_str(policy).ok());
    let mut statements = match policy.map(|mut policy| policy["Statement"].take()) {
        Some(Value::Array(statements)) => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => Vec::new(),
    };
    match statements.iter_mut().find(|statement| statement["Sid"] == GRANT) {
        Some(statement) => {
            let mut resources = match statement["Resource"].take() {
                Value::Array(resources) => resources,
                one => vec![one],
            };
            if resources.contains(&resource) {
                return None;
            }
            resources.push(resource);
            statement["Resource"] = resources.into();
        }
        None => statements.push(json!({
            "Sid": GRANT,
            "Effect": "Allow",
            "Principal": { "Service": [PRINCIPAL] },
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [resource],
            "Condition": {
                "StringEquals": { "aws:SourceAccount": [scope.account.as_str()] },
                "ArnLike": { "aws:SourceArn": [scope.arn("logs", "*")] },
            },
        })),
    }
    Some(json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
}

fn put_grant(logs: &mut Logs, step: &mut Step<'_>, policy: PolicyRecord) {
    let region = logs.regions.entry(step.scope).or_default();
    step.put(Space::Config, records::policy_key(step.scope, GRANT), records::to_json(&policy));
    region.policies.insert(GRANT.to_owned(), policy);
    region.join_policies();
}

/// Checks that the delivery may write to the log group, by the policies of its account and the one that is to come.
fn check_access(
    logs: &Logs,
    step: &mut Step<'_>,
    (source, place): (&str, &LogGroupPlace),
    grant: Option<&PolicyRecord>,
) -> Result<(), Error> {
    let writer = step.hop_caller(PRINCIPAL, &source_arn(step.scope, source), None);
    let region = logs.regions.get(&place.scope);
    let now = region.map(|region| region.policy.clone());
    let to_come = grant.and_then(|grant| Document::parse(&grant.document).ok());
    let policy = Document::joined(now.into_iter().chain(to_come));
    let resource = format!("{}:log-stream:{VALIDATION_STREAM}", place.arn);
    for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
        let access = Access { action, resource: &resource, policy: Some(&policy), context: &[] };
        let Some(denial) = access.denied(&writer, place.scope, step.now) else { continue };
        let message = denial.message.clone();
        step.effects.denials.push(denial);
        if step.settings().policies == PolicyMode::Enforce {
            return Err(Error::AccessDenied(message));
        }
    }
    Ok(())
}

/// Writes to the log group that the delivery may.
fn validate(logs: &Logs, step: &mut Step<'_>, source: &str, place: &LogGroupPlace) {
    let event = InputLogEvent { timestamp: step.now.millis(), message: VALIDATION.to_owned() };
    let is_new = !logs.has_stream(place.scope, &place.name, VALIDATION_STREAM);
    let way = Way::new(&source_arn(step.scope, source), place);
    way.carry(step, None, (VALIDATION_STREAM, is_new), vec![event], None);
}

pub fn update(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: UpdateDeliveryConfigurationInput,
) -> Answer<UpdateDeliveryConfigurationOutput> {
    let UpdateDeliveryConfigurationInput { id, record_fields, field_delimiter, s3_delivery_configuration } =
        input;
    let scope = step.scope;
    access::authorize_on(logs, step, "logs:UpdateDeliveryConfiguration", &delivery_arn(scope, &id))?;
    let source = logs.part::<DeliveryRecord>(scope, &id)?.source.clone();
    check_options(field_delimiter.as_deref(), s3_delivery_configuration.as_ref())?;
    // What is not given stays as it is.
    if let Some(wanted) = record_fields {
        let fields = fields_of(log_source(logs, scope, &source)?, Some(wanted))?;
        let record: &mut DeliveryRecord = logs.part_mut(scope, &id)?;
        record.fields = fields;
        record.write(step, &id);
    }
    Ok(UpdateDeliveryConfigurationOutput {}.into())
}

pub fn get(logs: &mut Logs, step: &mut Step<'_>, input: &GetDeliveryInput) -> Answer<GetDeliveryOutput> {
    let (scope, id) = (step.scope, &input.id);
    access::authorize_on(logs, step, "logs:GetDelivery", &delivery_arn(scope, id))?;
    let told = description(scope, id, logs.part(scope, id)?);
    Ok(GetDeliveryOutput { delivery: Some(told) }.into())
}

pub fn describe(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DescribeDeliveriesInput,
) -> Answer<DescribeDeliveriesOutput> {
    access::authorize_on(logs, step, "logs:DescribeDeliveries", "*")?;
    let none = BTreeMap::new();
    let all = logs.regions.get(&step.scope).map_or(&none, |region| &region.deliveries.deliveries);
    let (found, next_token) = page::of_deliveries(all, input.next_token.as_deref(), input.limit)?;
    let told = found.into_iter().map(|(id, record)| description(step.scope, id, record)).collect();
    Ok(DescribeDeliveriesOutput { deliveries: Some(told), next_token }.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteDeliveryInput,
) -> Answer<DeleteDeliveryOutput> {
    let (scope, id) = (step.scope, &input.id);
    access::authorize_on(logs, step, "logs:DeleteDelivery", &delivery_arn(scope, id))?;
    let deliveries = &mut logs.regions.entry(scope).or_default().deliveries;
    deliveries.deliveries.remove(id).ok_or(DeliveryRecord::MISSING)?;
    deliveries.join();
    step.delete(Space::Config, DeliveryRecord::key(scope, id));
    Ok(DeleteDeliveryOutput {}.into())
}

/// What deliveries can be made of, for each log source and log type.
pub fn templates(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DescribeConfigurationTemplatesInput,
) -> Answer<DescribeConfigurationTemplatesOutput> {
    access::authorize_on(logs, step, "logs:DescribeConfigurationTemplates", "*")?;
    let wanted = |given: &Option<Vec<String>>, name: &str| {
        given.as_ref().is_none_or(|given| given.iter().any(|given| given == name))
    };
    let mut all = BTreeMap::new();
    for source in SOURCES.iter().filter(|source| input.service.as_deref().is_none_or(|s| s == source.service))
    {
        for log_type in source.log_types.iter().filter(|log_type| wanted(&input.log_types, log_type)) {
            if wanted(&input.resource_types, source.resource_type)
                && wanted(&input.delivery_destination_types, "CWL")
            {
                let name = format!("{}/{}/{log_type}", source.service, source.resource_type);
                all.insert(name, template(source, log_type));
            }
        }
    }
    let (found, next_token) = page::of_deliveries(&all, input.next_token.as_deref(), input.limit)?;
    let told = found.into_iter().map(|(_, template)| template.clone()).collect();
    Ok(DescribeConfigurationTemplatesOutput { configuration_templates: Some(told), next_token }.into())
}

fn template(source: &LogSource, log_type: &str) -> ConfigurationTemplate {
    let names = || source.fields.iter().map(|field| (*field).to_owned());
    let allowed = names().map(|name| RecordField { name: Some(name), mandatory: Some(false) });
    ConfigurationTemplate {
        service: Some(source.service.to_owned()),
        log_type: Some(log_type.to_owned()),
        resource_type: Some(source.resource_type.to_owned()),
        delivery_destination_type: Some("CWL".to_owned()),
        default_delivery_config_values: Some(ConfigurationTemplateDeliveryConfigValues {
            record_fields: Some(names().collect()),
            ..ConfigurationTemplateDeliveryConfigValues::default()
        }),
        allowed_fields: Some(allowed.collect()),
        allowed_output_formats: Some(vec!["json".to_owned()]),
        allowed_action_for_allow_vended_logs_delivery_for_resource: Some(source.allowing_action.to_owned()),
        allowed_field_delimiters: Some(Vec::new()),
        ..ConfigurationTemplate::default()
    }
}

fn description(scope: Scope, id: &str, record: &DeliveryRecord) -> Delivery {
    Delivery {
        id: Some(id.to_owned()),
        arn: Some(delivery_arn(scope, id)),
        delivery_source_name: Some(record.source.clone()),
        delivery_destination_arn: Some(record.destination_arn.clone()),
        delivery_destination_type: Some(record.kind.clone()),
        record_fields: Some(record.fields.clone()),
        tags: tags::told(&record.tags),
        ..Delivery::default()
    }
}
