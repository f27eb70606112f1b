//! The errors of CloudWatch, in AWS's words.

use pontoon_core::ApiError;

/// Each variant is an AWS code; messages are those of the recordings in `cloudwatch/test_cloudwatch`, or of the API reference. The query protocol has a
/// code of its own for most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A parameter that was left out or empty, by its path.
    MissingParameter(String),
    /// Parameters that do not go together; the whole message.
    InvalidParameterCombination(String),
    /// A parameter's value is wrong; the whole message.
    InvalidParameterValue(String),
    /// An input that `PutMetricAlarm`, `GetMetricData` and the operations on alarms refuse; the whole message.
    Validation(String),
    /// No alarm of this name. AWS sends no message (recorded: `set_alarm_invalid_input`).
    ResourceNotFound,
    /// No resource of this ARN that could have tags.
    TaggedResourceNotFound {
        /// The ARN.
        arn: String,
    },
    /// The state reason's data are not JSON.
    InvalidFormat(String),
    /// A token that was not given out.
    InvalidNextToken,
    /// As many as there may be.
    LimitExceeded(String),
    /// A policy denies it; the whole message.
    AccessDenied(String),
    /// Pontoon does not support this.
    Unsupported(String),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::MissingParameter(path) => Self::client(
                "MissingRequiredParameterException",
                format!("The parameter {path} is required."),
            )
            .with_query_code("MissingParameter"),
            Error::InvalidParameterCombination(message) => {
                Self::client("InvalidParameterCombinationException", message)
                    .with_query_code("InvalidParameterCombination")
            }
            Error::InvalidParameterValue(message) => Self::client("InvalidParameterValueException", message)
                .with_query_code("InvalidParameterValue"),
            Error::Validation(message) => {
                Self::client("ValidationException", message).with_query_code("ValidationError")
            }
            Error::ResourceNotFound => Self::client("ResourceNotFound", "").with_status(404),
            Error::TaggedResourceNotFound { arn } => {
                let detail = pontoon_api::cloudwatch::ResourceNotFoundException {
                    resource_type: Some("alarm".to_owned()),
                    resource_id: Some(arn.clone()),
                };
                let message = format!("No alarm found with the ARN {arn}.");
                Self::client("ResourceNotFoundException", message).with_status(404).with_detail(detail)
            }
            Error::InvalidFormat(message) => {
                Self::client("InvalidFormatFault", message).with_query_code("InvalidFormat")
            }
            Error::InvalidNextToken => {
                Self::client("InvalidNextToken", "Request parameter NextToken is invalid")
            }
            Error::LimitExceeded(message) => {
                Self::client("LimitExceededFault", message).with_query_code("LimitExceeded")
            }
            Error::AccessDenied(message) => Self::client("AccessDeniedException", message)
                .with_query_code("AccessDenied")
                .with_status(403),
            Error::Unsupported(what) => Self::unsupported(what),
        }
    }
}
