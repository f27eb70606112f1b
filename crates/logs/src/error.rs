//! The errors of CloudWatch Logs, in AWS's words.

use pontoon_core::ApiError;

/// Each variant is an AWS code, or one message of it; messages are those of the recordings in `logs/`, or of AWS's own clients' reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A parameter's value is malformed or out of its range; the whole message.
    InvalidParameter(String),
    /// Parameters exclude one another, or the resource is protected; the whole message.
    Validation(String),
    /// A name is longer than 512 characters.
    NameTooLong,
    /// A page token that was not given out for this.
    InvalidNextToken,
    /// No log group of that name.
    GroupNotFound,
    /// No log stream of that name.
    StreamNotFound,
    /// No resource policy of that name.
    PolicyNotFound(String),
    /// No delivery, delivery source or delivery destination of that name; the noun in AWS's words, and what ends its sentence.
    NoDelivery(&'static str, &'static str),
    /// The resource of a delivery source has no logs.
    NoLogs,
    /// Something that exists stands in the way of a delivery; the whole message.
    Conflict(&'static str),
    /// As many of a delivery's parts exist as there may be; the noun.
    QuotaExceeded(&'static str),
    /// A log group of that name exists.
    GroupExists,
    /// A log stream of that name exists.
    StreamExists,
    /// As many resources of the kind exist as there may be.
    LimitExceeded,
    /// A log group would have more than 50 tags; its ARN.
    TooManyTags(String),
    /// The policies deny it; the whole message.
    AccessDenied(String),
    /// Pontoon does not support this.
    Unsupported(&'static str),
}

impl Error {
    /// Code and message.
    fn parts(self) -> (&'static str, String) {
        const INVALID: &str = "InvalidParameterException";
        const NOT_FOUND: &str = "ResourceNotFoundException";
        const EXISTS: &str = "ResourceAlreadyExistsException";
        match self {
            Self::InvalidParameter(message) => (INVALID, message),
            Self::Validation(message) => ("ValidationException", message),
            Self::NameTooLong => (
                INVALID,
                "Invalid LogGroup or LogStream, both must have length less than or equal to 512.".into(),
            ),
            Self::InvalidNextToken => (INVALID, "The specified nextToken is invalid.".into()),
            Self::GroupNotFound => (NOT_FOUND, "The specified log group does not exist.".into()),
            Self::StreamNotFound => (NOT_FOUND, "The specified log stream does not exist.".into()),
            Self::PolicyNotFound(name) => (NOT_FOUND, format!("Policy with name [{name}] does not exist.")),
            Self::NoDelivery(noun, end) => {
                (NOT_FOUND, format!("Requested {noun} does not exist in this account{end}"))
            }
            Self::NoLogs => (NOT_FOUND, "Cannot access provided service.".into()),
            Self::Conflict(message) => ("ConflictException", message.into()),
            Self::QuotaExceeded(noun) => (
                "ServiceQuotaExceededException",
                format!("The account has as many resources of the kind {noun} as it may have in a region."),
            ),
            Self::GroupExists => (EXISTS, "The specified log group already exists".into()),
            Self::StreamExists => (EXISTS, "The specified log stream already exists".into()),
            Self::LimitExceeded => ("LimitExceededException", "Resource limit exceeded.".into()),
            Self::TooManyTags(arn) => {
                ("TooManyTagsException", format!("Resource {arn} can have at most 50 tags."))
            }
            Self::AccessDenied(message) => ("AccessDeniedException", message),
            Self::Unsupported(what) => ("NotSupportedByPontoon", format!("Pontoon does not support {what}.")),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unsupported(what) => Self::unsupported(what),
            Error::TooManyTags(arn) => {
                let detail = pontoon_api::logs::TooManyTagsException { resource_name: Some(arn.clone()) };
                let (code, message) = Error::TooManyTags(arn).parts();
                Self::client(code, message).with_detail(detail)
            }
            error => {
                let (code, message) = error.parts();
                Self::client(code, message)
            }
        }
    }
}
