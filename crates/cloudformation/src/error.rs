//! The errors of CloudFormation, in AWS's words.

use pontoon_core::ApiError;

use crate::template;

/// Each variant is an AWS code. Messages are those of the recordings under `cloudformation/`, and where
/// there are none, what users of the service quote in public issue trackers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Anything wrong with the request, the template or the stack's state; the whole message.
    Validation(String),
    /// A stack of this name exists.
    AlreadyExists(String),
    /// Capabilities that the template needs and the request does not acknowledge.
    InsufficientCapabilities(&'static str),
    /// No change set of this name or ARN.
    ChangeSetNotFound(String),
    /// The change set is not in a state for this; the whole message.
    InvalidChangeSetStatus(String),
    /// Pontoon does not support this.
    Unsupported(String),
}

impl Error {
    /// A validation error with this message.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    /// Something that Pontoon does not support.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    /// `Stack with id NAME does not exist`, as DescribeStacks and its kin say it.
    pub(crate) fn no_stack_with_id(name: &str) -> Self {
        Self::Validation(format!("Stack with id {name} does not exist"))
    }

    /// `Stack [NAME] does not exist`, as operations that change a stack say it.
    pub(crate) fn no_stack(name: &str) -> Self {
        Self::Validation(format!("Stack [{name}] does not exist"))
    }
}

impl From<template::Error> for Error {
    fn from(error: template::Error) -> Self {
        Self::Validation(error.message().to_owned())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Validation(message) => Self::client("ValidationError", message),
            Error::AlreadyExists(name) => {
                Self::client("AlreadyExistsException", format!("Stack [{name}] already exists"))
            }
            Error::InsufficientCapabilities(needed) => Self::client(
                "InsufficientCapabilitiesException",
                format!("Requires capabilities : [{needed}]"),
            ),
            Error::ChangeSetNotFound(name) => {
                Self::client("ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"))
                    .with_status(404)
            }
            Error::InvalidChangeSetStatus(message) => Self::client("InvalidChangeSetStatus", message),
            Error::Unsupported(what) => Self::unsupported(what),
        }
    }
}
