//! The errors of Pipes. AWS publishes their codes; where its messages are not known they are in own words.

use pontoon_api::pipes::{ConflictException, ServiceQuotaExceededException};
use pontoon_core::ApiError;

/// Each variant is an AWS code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A parameter is malformed or does not go with another; the whole message.
    Validation(String),
    /// No pipe of that name.
    NotFound(String),
    /// A pipe of that name is there.
    Exists(String),
    /// The pipe is in a state in which that cannot be done.
    State {
        /// Pipe.
        name: String,
        /// Its state.
        state: &'static str,
    },
    /// More pipes than there may be.
    QuotaExceeded(String),
    /// The policy denies it; the whole message.
    AccessDenied(String),
    /// Pontoon does not support this.
    Unsupported(String),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let conflict = |message: String, name: String| {
            let detail = ConflictException { resource_id: name, resource_type: "pipe".to_owned() };
            Self::client("ConflictException", message).with_status(409).with_detail(detail)
        };
        match error {
            Error::Validation(message) => Self::client("ValidationException", message),
            Error::NotFound(name) => {
                Self::client("NotFoundException", format!("Pipe {name} does not exist.")).with_status(404)
            }
            Error::Exists(name) => conflict(format!("Pipe {name} already exists."), name),
            Error::State { name, state } => conflict(format!("Pipe {name} is in the state {state}."), name),
            Error::QuotaExceeded(name) => {
                let detail = ServiceQuotaExceededException {
                    resource_id: name,
                    resource_type: "pipe".to_owned(),
                    service_code: "pipes".to_owned(),
                    quota_code: "pipes".to_owned(),
                };
                let error = Self::client("ServiceQuotaExceededException", "The quota of pipes is exceeded.");
                error.with_status(402).with_detail(detail)
            }
            Error::AccessDenied(message) => Self::client("AccessDeniedException", message).with_status(403),
            Error::Unsupported(what) => Self::unsupported(what),
        }
    }
}
