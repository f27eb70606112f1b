//! An operation between Pontoon's own services: whoever leads somewhere by an API destination (Pipes) has EventBridge call it. AWS has the action
//! (`events:InvokeApiDestination`), but no operation that others could call.

use bytes::Bytes;

use crate::events::{HttpParameters, SERVICE};

/// How much of an answer is taken, bytes; a longer one is an error ("Amazon EventBridge Pipes event enrichment" in the user guide).
pub const ANSWER_BYTES_MAX: usize = 6 << 20;

/// Input of `InvokeApiDestination`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvokeApiDestinationInput {
    /// ARN of the API destination.
    pub arn: String,
    /// What is added to the request, as it is: nothing in it is looked up in an event any more.
    pub parameters: HttpParameters,
    /// The body.
    pub body: String,
}

/// Output of `InvokeApiDestination`: an answer of success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvokeApiDestinationOutput {
    /// 200 to 299.
    pub status: u16,
    /// The answer's body, up to [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

crate::internal::operation!(
    SERVICE,
    "InvokeApiDestination",
    InvokeApiDestinationInput,
    InvokeApiDestinationOutput
);
