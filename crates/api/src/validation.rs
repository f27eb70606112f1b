//! An operation between Pontoon's own services that AWS has not: EventBridge asks the schema registry whether events keep to their schemas. It travels as a
//! hop like any other, and never over the wire: it is in no table of operations.

use std::any::Any;
use std::sync::Arc;

use pontoon_core::shape::{Encode, OperationSchema, Output, Request, StructSchema, Writer};

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

static NO_MEMBERS: StructSchema =
    StructSchema { name: "ValidateEvents", members: &[], payload: None, xml_namespace: None };

static VALIDATE_EVENTS: OperationSchema = OperationSchema {
    service: &SERVICE,
    name: "ValidateEvents",
    method: "POST",
    path: "/",
    status: 200,
    input: &NO_MEMBERS,
    output: &NO_MEMBERS,
    result_wrapper: None,
    errors: &[],
    decode: |_| unreachable!("it is in no table by which requests are read"),
};

impl Request for ValidateEventsInput {
    fn operation(&self) -> &'static OperationSchema {
        &VALIDATE_EVENTS
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Output for ValidateEventsOutput {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Nobody reads it from a wire.
impl Encode for ValidateEventsOutput {
    fn encode(&self, to: &mut dyn Writer) {
        to.structure(&NO_MEMBERS, &mut |_| {});
    }
}
