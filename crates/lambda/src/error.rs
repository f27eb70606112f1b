//! Lambda's errors, in AWS's words (recordings `lambda_/test_lambda_api`, `lambda_/test_lambda`).

use pontoon_api::lambda as api;
use pontoon_core::{ApiError, Denial};

/// Why an invocation is throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// The function has as many invocations under way as are reserved for it.
    Reserved,
    /// The account's unreserved concurrency is used up.
    Account,
}

/// Everything that an operation of Lambda can answer beside a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// `ValidationException` where the model does not find it.
    Validation(String),
    /// `InvalidParameterValueException` with its message.
    InvalidParameter(String),
    /// The same without the member `Type`, as some checks answer (recordings `test_function_concurrency_limits`,
    /// `test_notfound_and_invalid_routingconfigs`).
    InvalidParameterUntyped(String),
    /// `ResourceNotFoundException` with its message.
    NotFound(String),
    /// `ResourceConflictException` with its message.
    Conflict(String),
    /// `PreconditionFailedException`: the revision id given is not the latest. The text names the operation that tells it.
    StaleRevision(&'static str),
    /// `InvalidRequestContentException`: the payload is not JSON, and where.
    PayloadNotJson(String),
    /// `RequestEntityTooLargeException` with its message.
    TooLarge(String),
    /// `TooManyRequestsException`.
    Throttled(Throttle),
    /// `PolicyLengthExceededException`.
    PolicyTooLong(usize),
    /// `CodeStorageExceededException`.
    CodeStorageExceeded,
    /// `AccessDeniedException` with its message.
    AccessDenied(String),
    /// Something that Pontoon does not support, named.
    Unsupported(String),
}

impl Error {
    /// `Function not found: ARN`.
    pub(crate) fn function_not_found(arn: &str) -> Self {
        Self::NotFound(format!("Function not found: {arn}"))
    }

    /// An option that Pontoon does not honour, and so refuses.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::AccessDenied(denial.message)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Validation(message) => Self::client("ValidationException", message),
            Error::InvalidParameter(message) => user("InvalidParameterValueException", 400, message),
            Error::InvalidParameterUntyped(message) => {
                Self::client("InvalidParameterValueException", message)
            }
            Error::NotFound(message) => user("ResourceNotFoundException", 404, message),
            Error::Conflict(message) => user("ResourceConflictException", 409, message),
            Error::StaleRevision(operation) => user(
                "PreconditionFailedException",
                412,
                format!(
                    "The Revision Id provided does not match the latest Revision Id. Call the {operation} API to retrieve the latest Revision Id"
                ),
            ),
            Error::PayloadNotJson(problem) => user(
                "InvalidRequestContentException",
                400,
                format!(
                    "Could not parse request body into json: Could not parse payload into json: {problem}"
                ),
            ),
            Error::TooLarge(message) => {
                Self::client("RequestEntityTooLargeException", message).with_status(413)
            }
            Error::Throttled(why) => throttled(why),
            Error::PolicyTooLong(bytes) => user(
                "PolicyLengthExceededException",
                400,
                format!(
                    "The final policy size ({bytes}) is bigger than the limit ({}).",
                    crate::state::POLICY_BYTES_MAX
                ),
            ),
            Error::CodeStorageExceeded => {
                user("CodeStorageExceededException", 400, "Code storage limit exceeded.".to_owned())
            }
            Error::AccessDenied(message) => Self::client("AccessDeniedException", message).with_status(403),
            Error::Unsupported(what) => Self::unsupported(what),
        }
    }
}

fn user(code: &'static str, status: u16, message: String) -> ApiError {
    // Every error shape of Lambda's has the member Type; one of them can write it for all.
    let detail = api::InvalidParameterValueException { r#type: Some("User".to_owned()) };
    ApiError::client(code, message).with_status(status).with_detail(detail)
}

/// Recording `test_reserved_concurrency`.
fn throttled(why: Throttle) -> ApiError {
    let reason = match why {
        Throttle::Reserved => "ReservedFunctionConcurrentInvocationLimitExceeded",
        Throttle::Account => "ConcurrentInvocationLimitExceeded",
    };
    let detail = api::TooManyRequestsException {
        retry_after_seconds: None,
        r#type: Some("User".to_owned()),
        reason: Some(reason.to_owned()),
    };
    ApiError::client("TooManyRequestsException", "Rate Exceeded.").with_status(429).with_detail(detail)
}
