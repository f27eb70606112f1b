//! IAM's and STS's errors, in the words of `aws-recordings/iam` and `aws-recordings/sts` where they have them.

use pontoon_core::policy::Denial;
use pontoon_core::{ApiError, tags};

/// What IAM and STS refuse, in the order in which they check.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// A parameter breaks a rule.
    Validation(String),
    /// Something of the input that Pontoon does not honour.
    Unsupported(String),
    /// The caller may not.
    AccessDenied(String),
    /// A policy that cannot be read, with the reason.
    MalformedPolicy(String),
    /// A tag's key that is AWS's to set.
    ReservedTag,
    /// Two tags of the same key.
    DuplicateTags,
    /// A combination of tag parameters that STS refuses.
    SessionTags(&'static str),
    /// No such role.
    NoSuchRole(String),
    /// No such user.
    NoSuchUser(String),
    /// No such inline policy.
    NoSuchInlinePolicy(String),
    /// No managed policy of this ARN.
    NoSuchPolicy(String),
    /// No managed policy of this ARN that could be attached.
    NotAttachable(String),
    /// No such version of a policy.
    NoSuchVersion(String, String),
    /// The boundary names no policy.
    NoSuchBoundary(String),
    /// The role's name is taken.
    RoleExists(String),
    /// The user's name is taken.
    UserExists(String),
    /// The policy's name is taken.
    PolicyExists(String),
    /// Something is still attached.
    DeleteConflict(&'static str),
    /// A quota, by its name and size.
    Quota(&'static str, usize),
    /// A policy has all the versions that it can have.
    TooManyVersions,
    /// The inline policies of an entity together are too large.
    InlineTooLarge(String),
    /// The session's policies together are too large.
    PackedPolicyTooLarge(usize),
    /// More sessions than can be kept.
    TooManySessions,
}

impl Error {
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::Validation(_) => ("ValidationError", 400),
            Self::Unsupported(_) => ("NotSupportedByPontoon", 501),
            Self::AccessDenied(_) => ("AccessDenied", 403),
            Self::MalformedPolicy(_) => ("MalformedPolicyDocument", 400),
            Self::ReservedTag | Self::DuplicateTags => ("InvalidInput", 400),
            Self::SessionTags(_) => ("InvalidParameterValue", 400),
            Self::NoSuchRole(_)
            | Self::NoSuchUser(_)
            | Self::NoSuchInlinePolicy(_)
            | Self::NoSuchPolicy(_)
            | Self::NotAttachable(_)
            | Self::NoSuchVersion(..)
            | Self::NoSuchBoundary(_) => ("NoSuchEntity", 404),
            Self::RoleExists(_) | Self::UserExists(_) | Self::PolicyExists(_) => ("EntityAlreadyExists", 409),
            Self::DeleteConflict(_) => ("DeleteConflict", 409),
            Self::Quota(..) | Self::TooManyVersions | Self::InlineTooLarge(_) => ("LimitExceeded", 409),
            Self::PackedPolicyTooLarge(_) => ("PackedPolicyTooLarge", 400),
            Self::TooManySessions => ("Throttling", 400),
        }
    }

    fn message(self) -> String {
        match self {
            Self::Validation(message)
            | Self::Unsupported(message)
            | Self::AccessDenied(message)
            | Self::MalformedPolicy(message) => message,
            Self::ReservedTag => tags::RESERVED.into(),
            Self::DuplicateTags => {
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".into()
            }
            Self::SessionTags(message) | Self::DeleteConflict(message) => message.into(),
            Self::NoSuchRole(name) => format!("The role with name {name} cannot be found."),
            Self::NoSuchUser(name) => format!("The user with name {name} cannot be found."),
            Self::NoSuchInlinePolicy(name) => format!("The role policy with name {name} cannot be found."),
            Self::NoSuchPolicy(arn) => format!("Policy {arn} was not found."),
            Self::NotAttachable(arn) => format!("Policy {arn} does not exist or is not attachable."),
            Self::NoSuchVersion(arn, id) => {
                format!("Policy {arn} version {id} does not exist or is not attachable.")
            }
            Self::NoSuchBoundary(arn) => format!("Scope ARN: {arn} does not exist or is not attachable."),
            Self::RoleExists(name) => format!("Role with name {name} already exists."),
            Self::UserExists(name) => format!("User with name {name} already exists."),
            Self::PolicyExists(name) => {
                format!("A policy called {name} already exists. Duplicate names are not allowed.")
            }
            Self::Quota(name, size) => format!("Cannot exceed quota for {name}: {size}"),
            Self::TooManyVersions => {
                "A managed policy can have up to 5 versions. Before you create a new version, you \
                                      must delete an existing version."
                    .into()
            }
            Self::InlineTooLarge(role) => {
                format!("Maximum policy size of 10240 bytes exceeded for role {role}")
            }
            Self::PackedPolicyTooLarge(percent) => {
                format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.")
            }
            Self::TooManySessions => "Rate exceeded".into(),
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::AccessDenied(denial.message)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        if let Error::Unsupported(what) = &error {
            return Self::unsupported(what);
        }
        let (code, status) = error.code();
        Self::client(code, error.message()).with_status(status)
    }
}
