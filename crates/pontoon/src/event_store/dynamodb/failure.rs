//! What the SDK's errors mean for the store.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{BuildError, DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::event_store::StoreError;

/// Codes of the service that a later try may not meet again. Others of the service's refusals stay.
const TRANSIENT: [&str; 9] = [
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "LimitExceededException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// A failed request. Unlike [`StoreError`] it can be told to all who waited for the same request.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    operation: &'static str,
    reason: String,
    pub(super) is_transient: bool,
}

impl Failed {
    pub(super) fn transient(operation: &'static str, reason: impl Into<String>) -> Self {
        Self { operation, reason: reason.into(), is_transient: true }
    }

    pub(super) fn permanent(operation: &'static str, reason: impl Into<String>) -> Self {
        Self { operation, reason: reason.into(), is_transient: false }
    }
}

impl From<Failed> for StoreError {
    fn from(Failed { operation, reason, is_transient }: Failed) -> Self {
        match is_transient {
            true => Self::Unavailable { operation, source: reason.into() },
            false => Self::Refused { operation, source: reason.into() },
        }
    }
}

/// What a request's error says.
pub(super) fn failed<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Failed
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let said = context.err().meta();
            let code = said.code().unwrap_or("unknown error");
            let reason = format!("{code}: {}", said.message().unwrap_or("without a message"));
            let is_transient = TRANSIENT.contains(&code) || context.raw().status().as_u16() >= 500;
            Failed { operation, reason, is_transient }
        }
        // The request could not even be made: a wrong endpoint or no credentials.
        SdkError::ConstructionFailure(_) => {
            Failed::permanent(operation, DisplayErrorContext(error).to_string())
        }
        _ => Failed::transient(operation, DisplayErrorContext(error).to_string()),
    }
}

/// A request that lacks something, which is a mistake in the store.
pub(super) fn unbuilt(error: BuildError) -> Failed {
    Failed::permanent("building the request", error.to_string())
}
