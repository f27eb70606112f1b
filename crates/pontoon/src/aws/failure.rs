//! What an AWS service answered instead of doing it, and whether to try again; and what the services pass on.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::publish::Refusal;

/// Of a call that failed as a whole.
pub(crate) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(failure) => {
            let metadata = failure.err().meta();
            let code = metadata.code().unwrap_or("Unknown");
            let status = failure.raw().status().as_u16();
            Refusal {
                code: code.to_owned(),
                message: metadata.message().unwrap_or("the service gave no reason").to_owned(),
                is_transient: status >= 500 || is_transient(code),
            }
        }
        SdkError::TimeoutError(_) => unanswered("Timeout", error, true),
        SdkError::ResponseError(_) => unanswered("UnreadableResponse", error, true),
        SdkError::DispatchFailure(failure) => {
            unanswered("NotSent", error, failure.is_io() || failure.is_timeout())
        }
        _ => unanswered("NotSent", error, false),
    }
}

/// A failed call in words: the service's code and message, or why no answer came.
pub(crate) fn words<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Refusal { code, message, .. } = refusal(error);
    format!("{code}: {message}")
}

/// Codes of throttling and of faults on the service's side, which AWS's SDKs try again.
pub(crate) fn is_transient(code: &str) -> bool {
    let code = code.rsplit('.').next().unwrap_or(code);
    let named = matches!(
        code,
        "InternalError"
            | "InternalException"
            | "InternalFailure"
            | "InternalServerError"
            | "InternalErrorException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
            | "OverLimit"
            | "TooManyRequestsException"
            | "TransactionInProgressException"
            | "ProvisionedThroughputExceededException"
    );
    named
        || code.starts_with("Throttl")
        || code.ends_with("Throttled")
        || code.ends_with("ThrottlingException")
}

/// The trace, if it is an X-Ray header, which the services themselves pass on.
pub(crate) fn x_ray_header(trace: Option<&str>) -> Option<String> {
    trace.filter(|trace| trace.starts_with("Root=")).map(str::to_owned)
}

/// A call of which no answer came, or none that could be read.
fn unanswered<E>(code: &str, error: &SdkError<E, HttpResponse>, is_transient: bool) -> Refusal
where
    E: std::error::Error + 'static,
{
    // The error's own text only names its kind; what happened is in its sources.
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    Refusal { code: code.to_owned(), message, is_transient }
}

#[cfg(test)]
mod tests {
    use super::is_transient;

    #[test]
    fn throttling_and_faults_of_the_service_can_pass() {
        for (code, expected) in [
            ("ThrottlingException", true),
            ("Throttling", true),
            ("AWS.SimpleQueueService.ServiceUnavailable", true),
            ("KMS.ThrottlingException", true),
            ("KmsThrottled", true),
            ("InternalFailure", true),
            ("InvalidArgument", false),
            ("MalformedDetail", false),
            ("AccessDeniedException", false),
            ("", false),
        ] {
            assert_eq!(is_transient(code), expected, "{code}");
        }
    }
}
