//! The errors of EventBridge, in AWS's words.

use pontoon_core::ApiError;
use pontoon_pattern::PatternError;

use crate::state::input::InputFault;

/// Each variant is an AWS code; messages are those of the recordings in `events/`, or of the API reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A parameter is malformed or does not go with another; the whole message.
    Validation(String),
    /// The event pattern is refused.
    InvalidEventPattern(PatternError),
    /// The policy is longer than it may be; the whole message.
    PolicyTooLong(String),
    /// No bus of that name.
    NoBus(String),
    /// No rule of that name on that bus.
    NoRule {
        /// Rule.
        rule: String,
        /// Bus.
        bus: String,
    },
    /// The bus's policy has no statement of that id.
    NoStatement,
    /// A bus of that name exists.
    BusExists(String),
    /// No archive of that name.
    NoArchive(String),
    /// An archive of that name exists.
    ArchiveExists(String),
    /// No replay of that name.
    NoReplay(String),
    /// A replay of that name exists.
    ReplayExists(String),
    /// The replay of that name has ended.
    ReplayEnded(String),
    /// No connection of that name: what was to be done with it, and the name.
    NoConnection(&'static str, String),
    /// A connection of that name exists.
    ConnectionExists(String),
    /// No API destination of that name: what was to be done with it, and the name.
    NoDestination(&'static str, String),
    /// An API destination of that name exists.
    DestinationExists(String),
    /// The rule of that name is a service's own.
    ManagedRule(String),
    /// More of something than there may be.
    LimitExceeded,
    /// The policy denies it; the whole message.
    AccessDenied(String),
    /// Pontoon does not support this.
    Unsupported(String),
}

impl Error {
    /// A parameter that is malformed, with the reason.
    pub fn parameter(name: &str, reason: &str) -> Self {
        Self::Validation(format!("Parameter {name} is not valid. Reason: {reason}"))
    }

    /// What is wrong with the input of the target `id`.
    pub fn input(id: &str, fault: InputFault) -> Self {
        Self::Validation(match fault {
            InputFault::Constant(place) => format!("JSON syntax error in input for target {id} : {place}"),
            InputFault::Path => format!("InputPath for target {id} is invalid."),
            InputFault::VariablePath(name) => {
                format!("InputPath {name} for target {id} is invalid.")
            }
            InputFault::ReservedVariable(name) => {
                format!("InputPathsMap for target {id} contains key {name}, which starts with AWS.")
            }
            InputFault::TooManyVariables => {
                format!("InputPathsMap for target {id} has more than the maximum allowed entries: 100.")
            }
            InputFault::Placeholder(name) => {
                format!("InputTemplate for target {id} contains invalid placeholder {name}.")
            }
            InputFault::Template(place) => format!("Invalid InputTemplate for target {id} : {place}."),
        })
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Validation(message) => Self::client("ValidationException", message),
            Error::InvalidEventPattern(error) => {
                Self::client("InvalidEventPatternException", error.to_string())
            }
            Error::PolicyTooLong(message) => Self::client("PolicyLengthExceededException", message),
            Error::NoBus(bus) => {
                Self::client("ResourceNotFoundException", format!("Event bus {bus} does not exist."))
            }
            Error::NoRule { rule, bus } => Self::client(
                "ResourceNotFoundException",
                format!("Rule {rule} does not exist on EventBus {bus}."),
            ),
            Error::NoStatement => {
                Self::client("ResourceNotFoundException", "Statement with the provided id does not exist.")
            }
            Error::BusExists(bus) => {
                Self::client("ResourceAlreadyExistsException", format!("Event bus {bus} already exists."))
            }
            Error::NoArchive(name) => {
                Self::client("ResourceNotFoundException", format!("Archive {name} does not exist."))
            }
            Error::ArchiveExists(name) => {
                Self::client("ResourceAlreadyExistsException", format!("Archive {name} already exists."))
            }
            Error::NoReplay(name) => {
                Self::client("ResourceNotFoundException", format!("Replay {name} does not exist."))
            }
            Error::ReplayExists(name) => {
                Self::client("ResourceAlreadyExistsException", format!("Replay {name} already exists."))
            }
            Error::ReplayEnded(name) => Self::client(
                "IllegalStatusException",
                format!("Replay {name} is not in a valid state for this operation."),
            ),
            Error::NoConnection(verb, name) => Self::client(
                "ResourceNotFoundException",
                format!("Failed to {verb} the connection(s). Connection '{name}' does not exist."),
            ),
            Error::ConnectionExists(name) => {
                Self::client("ResourceAlreadyExistsException", format!("Connection {name} already exists."))
            }
            Error::NoDestination(verb, name) => Self::client(
                "ResourceNotFoundException",
                format!(
                    "Failed to {verb} the api-destination(s). An api-destination '{name}' does not exist."
                ),
            ),
            Error::DestinationExists(name) => Self::client(
                "ResourceAlreadyExistsException",
                format!("An api-destination '{name}' already exists."),
            ),
            Error::ManagedRule(name) => Self::client(
                "ManagedRuleException",
                format!("{name} is a managed rule. Set 'force' parameter to true to override."),
            ),
            Error::LimitExceeded => Self::client(
                "LimitExceededException",
                "The requested resource exceeds the maximum number allowed.",
            ),
            Error::AccessDenied(message) => Self::client("AccessDeniedException", message),
            Error::Unsupported(what) => Self::unsupported(what),
        }
    }
}
