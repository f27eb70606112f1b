//! An operation between Pontoon's own services that AWS has not: EventBridge asks the schema registry whether events keep to their schemas.

use std::sync::Arc;

use crate::schemas::SERVICE;

/// Input of `ValidateEvents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidateEventsInput {
    /// The name of the registry.
    pub registry: String,
    /// The bus that the events are put on.
    pub bus_arn: Arc<str>,
    /// Whole events, JSON.
    pub events: Vec<Arc<str>>,
}

/// Output of `ValidateEvents`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidateEventsOutput {
    /// For each event the schema, and the path and rule that it breaks, in words. None of one that keeps to its schema, or has none.
    pub violations: Vec<Option<String>>,
}

crate::internal::operation!(SERVICE, "ValidateEvents", ValidateEventsInput, ValidateEventsOutput);
