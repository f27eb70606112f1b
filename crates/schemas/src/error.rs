//! The errors of the schema registry.

use pontoon_api::schemas as api;
use pontoon_core::ApiError;

/// Each variant is an AWS code. Messages follow those that clients report ("Schema with name X already exists."); where none is known they say what is
/// wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Status 400: a parameter or a content cannot be taken.
    BadRequest(String),
    /// Status 403: the policies deny it, the registry belongs to AWS, or a quota is reached.
    Forbidden(String),
    /// Status 404.
    NotFound(String),
    /// Status 409: it exists.
    Conflict(String),
    /// Status 412: the policy has another revision.
    PreconditionFailed(String),
}

impl Error {
    pub(crate) fn no_registry(name: &str) -> Self {
        Self::NotFound(format!("Registry with name {name} does not exist."))
    }

    pub(crate) fn no_schema(name: &str) -> Self {
        Self::NotFound(format!("Schema with name {name} does not exist."))
    }

    pub(crate) fn quota(what: &str, most: usize) -> Self {
        Self::Forbidden(format!("The quota of {most} {what} is reached."))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        // Every error of this API carries its code in the body too.
        match error {
            Error::BadRequest(message) => {
                let code = "BadRequestException";
                let detail = api::BadRequestException { code: code.to_owned() };
                Self::client(code, message).with_detail(detail)
            }
            Error::Forbidden(message) => {
                let code = "ForbiddenException";
                let detail = api::ForbiddenException { code: code.to_owned() };
                Self::client(code, message).with_status(403).with_detail(detail)
            }
            Error::NotFound(message) => {
                let code = "NotFoundException";
                let detail = api::NotFoundException { code: code.to_owned() };
                Self::client(code, message).with_status(404).with_detail(detail)
            }
            Error::Conflict(message) => {
                let code = "ConflictException";
                let detail = api::ConflictException { code: code.to_owned() };
                Self::client(code, message).with_status(409).with_detail(detail)
            }
            Error::PreconditionFailed(message) => {
                let code = "PreconditionFailedException";
                let detail = api::PreconditionFailedException { code: code.to_owned() };
                Self::client(code, message).with_status(412).with_detail(detail)
            }
        }
    }
}
