//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod access;
mod deliveries;
mod delivery_destinations;
mod delivery_sources;
mod filter;
mod get;
mod groups;
mod page;
mod policies;
mod put;
mod retention;
mod streams;
mod tags;
#[cfg(test)]
mod tests;

use pontoon_api::logs::*;
use pontoon_core::shape::{Violation, Violations};
use pontoon_core::{ApiError, Arn, OperationSchema, Reply, Scope, Step, StoreError};

use crate::{Error, Logs};

pub(crate) use self::delivery_sources::Asked;
pub(crate) use self::put::{BYTES_MAX, EVENTS_MAX};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// The name of the log group that a request means by name or by identifier (a name, or an ARN of this account and region with or without `:*`).
///
/// # Errors
/// If both or neither are given, or the ARN is of no log group here.
fn group_name(scope: Scope, name: Option<String>, identifier: Option<String>) -> Result<String, Error> {
    match (name, identifier) {
        (Some(_), Some(_)) => Err(Error::Validation(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.".to_owned(),
        )),
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) if identifier.starts_with("arn:") => {
            group_of_arn(scope, &identifier).map(str::to_owned)
        }
        (None, Some(identifier)) => Ok(identifier),
        (None, None) => Err(Error::Validation(
            "Either the LogGroup name or the LogGroup identifier must be specified.".to_owned(),
        )),
    }
}

/// The name of the log group in an ARN of this account and region.
fn group_of_arn(scope: Scope, arn: &str) -> Result<&str, Error> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "logs").ok_or_else(|| {
        Error::InvalidParameter(format!("The specified ARN {arn} is not that of a log group."))
    })?;
    if parsed.scope() != Some(scope) {
        return Err(Error::GroupNotFound);
    }
    let name = parsed.resource.strip_prefix("log-group:").ok_or(Error::GroupNotFound)?;
    Ok(name.strip_suffix(":*").unwrap_or(name))
}

/// What a client hears of a read that the machine failed.
fn unavailable(_: StoreError) -> ApiError {
    ApiError::server("ServiceUnavailableException", "The service cannot complete the request.")
}

impl Handler for Logs {
    type Error = Error;

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        // Recorded for `CreateLogGroup` and `DeleteMetricFilter`.
        let too_long = violations.found().iter().any(|violated| {
            matches!(violated.violation, Violation::TooLong(512))
                && matches!(violated.path.as_str(), "logGroupName" | "logStreamName")
        });
        if too_long {
            return Some(Error::NameTooLong.into());
        }
        // The family of deliveries has another code (`test_put_delivery_destination_invalid_format`).
        let declares = |code| operation.errors.iter().any(|error| error.shape == code);
        let is_older = declares("InvalidParameterException") || !declares("ValidationException");
        let code = if is_older { "InvalidParameterException" } else { "ValidationException" };
        Some(ApiError::client(code, violations.message()))
    }

    fn create_log_group(
        &mut self,
        step: &mut Step<'_>,
        input: CreateLogGroupInput,
    ) -> Answer<CreateLogGroupOutput> {
        groups::create(self, step, input)
    }

    fn create_log_stream(
        &mut self,
        step: &mut Step<'_>,
        input: CreateLogStreamInput,
    ) -> Answer<CreateLogStreamOutput> {
        streams::create(self, step, &input)
    }

    fn delete_log_group(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteLogGroupInput,
    ) -> Answer<DeleteLogGroupOutput> {
        groups::delete(self, step, &input)
    }

    fn delete_log_stream(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteLogStreamInput,
    ) -> Answer<DeleteLogStreamOutput> {
        streams::delete(self, step, &input)
    }

    fn delete_resource_policy(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteResourcePolicyInput,
    ) -> Answer<DeleteResourcePolicyOutput> {
        policies::delete(self, step, &input)
    }

    fn delete_retention_policy(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteRetentionPolicyInput,
    ) -> Answer<DeleteRetentionPolicyOutput> {
        retention::delete(self, step, &input)
    }

    fn describe_log_groups(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeLogGroupsInput,
    ) -> Answer<DescribeLogGroupsOutput> {
        groups::describe(self, step, &input)
    }

    fn describe_log_streams(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeLogStreamsInput,
    ) -> Answer<DescribeLogStreamsOutput> {
        streams::describe(self, step, input)
    }

    fn describe_resource_policies(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeResourcePoliciesInput,
    ) -> Answer<DescribeResourcePoliciesOutput> {
        policies::describe(self, step, &input)
    }

    fn filter_log_events(
        &mut self,
        step: &mut Step<'_>,
        input: FilterLogEventsInput,
    ) -> Answer<FilterLogEventsOutput> {
        filter::filter(self, step, input)
    }

    fn get_log_events(
        &mut self,
        step: &mut Step<'_>,
        input: GetLogEventsInput,
    ) -> Answer<GetLogEventsOutput> {
        get::get(self, step, input)
    }

    fn list_tags_for_resource(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsForResourceInput,
    ) -> Answer<ListTagsForResourceOutput> {
        tags::list_for_resource(self, step, &input)
    }

    fn list_tags_log_group(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsLogGroupInput,
    ) -> Answer<ListTagsLogGroupOutput> {
        tags::list(self, step, &input)
    }

    fn put_log_events(
        &mut self,
        step: &mut Step<'_>,
        input: PutLogEventsInput,
    ) -> Answer<PutLogEventsOutput> {
        put::put(self, step, input)
    }

    fn put_log_group_deletion_protection(
        &mut self,
        step: &mut Step<'_>,
        input: PutLogGroupDeletionProtectionInput,
    ) -> Answer<PutLogGroupDeletionProtectionOutput> {
        groups::protect(self, step, input)
    }

    fn put_resource_policy(
        &mut self,
        step: &mut Step<'_>,
        input: PutResourcePolicyInput,
    ) -> Answer<PutResourcePolicyOutput> {
        policies::put(self, step, input)
    }

    fn put_retention_policy(
        &mut self,
        step: &mut Step<'_>,
        input: PutRetentionPolicyInput,
    ) -> Answer<PutRetentionPolicyOutput> {
        retention::put(self, step, &input)
    }

    fn tag_log_group(&mut self, step: &mut Step<'_>, input: TagLogGroupInput) -> Answer<TagLogGroupOutput> {
        tags::tag(self, step, input)
    }

    fn tag_resource(&mut self, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
        tags::tag_resource(self, step, input)
    }

    fn untag_log_group(
        &mut self,
        step: &mut Step<'_>,
        input: UntagLogGroupInput,
    ) -> Answer<UntagLogGroupOutput> {
        tags::untag(self, step, &input)
    }

    fn untag_resource(
        &mut self,
        step: &mut Step<'_>,
        input: UntagResourceInput,
    ) -> Answer<UntagResourceOutput> {
        tags::untag_resource(self, step, &input)
    }

    fn create_delivery(
        &mut self,
        step: &mut Step<'_>,
        input: CreateDeliveryInput,
    ) -> Answer<CreateDeliveryOutput> {
        deliveries::create(self, step, input)
    }

    fn delete_delivery(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteDeliveryInput,
    ) -> Answer<DeleteDeliveryOutput> {
        deliveries::delete(self, step, &input)
    }

    fn delete_delivery_destination(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteDeliveryDestinationInput,
    ) -> Answer<DeleteDeliveryDestinationOutput> {
        delivery_destinations::delete(self, step, &input)
    }

    fn delete_delivery_destination_policy(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteDeliveryDestinationPolicyInput,
    ) -> Answer<DeleteDeliveryDestinationPolicyOutput> {
        delivery_destinations::delete_policy(self, step, &input)
    }

    fn delete_delivery_source(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteDeliverySourceInput,
    ) -> Answer<DeleteDeliverySourceOutput> {
        delivery_sources::delete(self, step, &input)
    }

    fn describe_configuration_templates(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeConfigurationTemplatesInput,
    ) -> Answer<DescribeConfigurationTemplatesOutput> {
        deliveries::templates(self, step, &input)
    }

    fn describe_deliveries(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeDeliveriesInput,
    ) -> Answer<DescribeDeliveriesOutput> {
        deliveries::describe(self, step, &input)
    }

    fn describe_delivery_destinations(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeDeliveryDestinationsInput,
    ) -> Answer<DescribeDeliveryDestinationsOutput> {
        delivery_destinations::describe(self, step, &input)
    }

    fn describe_delivery_sources(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeDeliverySourcesInput,
    ) -> Answer<DescribeDeliverySourcesOutput> {
        delivery_sources::describe(self, step, &input)
    }

    fn get_delivery(&mut self, step: &mut Step<'_>, input: GetDeliveryInput) -> Answer<GetDeliveryOutput> {
        deliveries::get(self, step, &input)
    }

    fn get_delivery_destination(
        &mut self,
        step: &mut Step<'_>,
        input: GetDeliveryDestinationInput,
    ) -> Answer<GetDeliveryDestinationOutput> {
        delivery_destinations::get(self, step, &input)
    }

    fn get_delivery_destination_policy(
        &mut self,
        step: &mut Step<'_>,
        input: GetDeliveryDestinationPolicyInput,
    ) -> Answer<GetDeliveryDestinationPolicyOutput> {
        delivery_destinations::get_policy(self, step, &input)
    }

    fn get_delivery_source(
        &mut self,
        step: &mut Step<'_>,
        input: GetDeliverySourceInput,
    ) -> Answer<GetDeliverySourceOutput> {
        delivery_sources::get(self, step, &input)
    }

    fn put_delivery_destination(
        &mut self,
        step: &mut Step<'_>,
        input: PutDeliveryDestinationInput,
    ) -> Answer<PutDeliveryDestinationOutput> {
        delivery_destinations::put(self, step, input)
    }

    fn put_delivery_destination_policy(
        &mut self,
        step: &mut Step<'_>,
        input: PutDeliveryDestinationPolicyInput,
    ) -> Answer<PutDeliveryDestinationPolicyOutput> {
        delivery_destinations::put_policy(self, step, input)
    }

    fn put_delivery_source(
        &mut self,
        step: &mut Step<'_>,
        input: PutDeliverySourceInput,
    ) -> Answer<PutDeliverySourceOutput> {
        delivery_sources::put(self, step, input)
    }

    fn update_delivery_configuration(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateDeliveryConfigurationInput,
    ) -> Answer<UpdateDeliveryConfigurationOutput> {
        deliveries::update(self, step, input)
    }
}
