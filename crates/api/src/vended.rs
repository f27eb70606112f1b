//! Operations between Pontoon's own services for vended logs: those that a service tells of its resources, and CloudWatch Logs delivers to where the
//! account's deliveries lead. How AWS's services hand over theirs is not public; only the permission that it takes has a name.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html>

use std::sync::Arc;

use crate::{events, logs};

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendedRecord {
    /// The log type that it belongs to: that of a delivery source (`INFO_LOGS`).
    pub log_type: &'static str,
    /// When it was told, milliseconds since the epoch.
    pub at_millis: i64,
    /// The record: a JSON object.
    pub json: String,
}

/// Input of `DeliverLogs`, which CloudWatch Logs serves: what a resource tells, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverLogsInput {
    /// ARN of the resource that tells it.
    pub resource_arn: Arc<str>,
    /// The log stream for it, where it goes to a log group.
    pub log_stream: &'static str,
    /// The records; none are longer than an event of a log group may be.
    pub records: Vec<VendedRecord>,
}

/// Output of `DeliverLogs`. Delivery is best effort: what a destination refuses is lost, and its trace says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliverLogsOutput {}

crate::internal::operation!(logs::SERVICE, "DeliverLogs", DeliverLogsInput, DeliverLogsOutput);

/// Input of `AllowVendedLogDeliveryForResource`, which EventBridge serves: whether the caller may have the logs of a resource delivered
/// (`events:AllowVendedLogDeliveryForResource`), and whether that resource exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowLogDeliveryInput {
    /// ARN of an event bus.
    pub resource_arn: String,
}

/// Output of `AllowVendedLogDeliveryForResource`: it exists, and the caller may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllowLogDeliveryOutput {}

crate::internal::operation!(
    events::SERVICE,
    "AllowVendedLogDeliveryForResource",
    AllowLogDeliveryInput,
    AllowLogDeliveryOutput
);
