//! What is wrong with a template or its parameters.

use std::fmt;

/// A reason to refuse a template, in CloudFormation's words. The API answers it as `ValidationError`,
/// status 400; the engine reports it as the reason of a failed stack.
///
/// The messages follow the recordings under `cloudformation/` and, where none shows them, what users
/// of the service report verbatim in the issue trackers of `cfn-lint`, `aws-cli` and CDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
}

impl Error {
    /// An error with this whole message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// A template that does not have the shape of one.
    pub fn format(message: impl fmt::Display) -> Self {
        Self::new(format!("Template format error: {message}"))
    }

    /// A function used in a way that it cannot be.
    pub fn function(message: impl fmt::Display) -> Self {
        Self::new(format!("Template error: {message}"))
    }

    /// The message that the client reads.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The result of reading or resolving a template.
pub type Result<T> = std::result::Result<T, Error>;
