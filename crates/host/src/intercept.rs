//! Operations that fail before they are applied: how tests inject faults, on calls from outside and on hops alike.

use std::sync::Arc;

use pontoon_core::{ApiError, Caller, OperationSchema};

/// A call or hop that is about to be applied, as an [`Intercept`] sees it.
pub struct Attempt<'a> {
    /// The operation.
    pub operation: &'static OperationSchema,
    /// Who calls.
    pub caller: &'a Caller,
    /// ARN or name of the resource that a hop goes to; `None` for calls from outside.
    pub target: Option<&'a str>,
}

/// Decides whether an operation fails before it is applied, and with which error: how tests inject faults. It must be as deterministic as the engine.
pub type Intercept = Arc<dyn Fn(&Attempt<'_>) -> Option<ApiError> + Send + Sync>;
