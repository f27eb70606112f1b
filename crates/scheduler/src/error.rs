//! The errors of Scheduler, in AWS's words.

use pontoon_core::ApiError;

/// Each variant is an AWS code; messages are those of the recordings in `scheduler/`, of what AWS was seen to answer, or of the API reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A parameter is malformed or does not go with another; the whole message.
    Validation(String),
    /// No schedule of that name in the group.
    NoSchedule(String),
    /// No group of that name.
    NoGroup(String),
    /// A schedule of that name is in the group.
    ScheduleExists(String),
    /// A group of that name is there.
    GroupExists(String),
    /// The group is being deleted.
    GroupGoes(String),
    /// More of something than there may be.
    QuotaExceeded(&'static str),
    /// The policy denies it; the whole message.
    AccessDenied(String),
    /// Pontoon does not support this.
    Unsupported(String),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let not_found = |message: String| Self::client("ResourceNotFoundException", message).with_status(404);
        let conflict = |message: String| Self::client("ConflictException", message).with_status(409);
        match error {
            Error::Validation(message) => Self::client("ValidationException", message),
            Error::NoSchedule(name) => not_found(format!("Schedule {name} does not exist.")),
            Error::NoGroup(name) => not_found(format!("Schedule group {name} does not exist.")),
            Error::ScheduleExists(name) => conflict(format!("Schedule {name} already exists.")),
            Error::GroupExists(name) => conflict(format!("Schedule group {name} already exists.")),
            Error::GroupGoes(name) => conflict(format!("Schedule group {name} is being deleted.")),
            Error::QuotaExceeded(what) => {
                let message = format!("The quota of {what} is exceeded.");
                Self::client("ServiceQuotaExceededException", message).with_status(402)
            }
            Error::AccessDenied(message) => Self::client("AccessDeniedException", message).with_status(403),
            Error::Unsupported(what) => Self::unsupported(what),
        }
    }
}
