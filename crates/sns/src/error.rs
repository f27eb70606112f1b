//! The errors of SNS, in AWS's words.

use pontoon_core::ApiError;

/// Each variant is an AWS code; messages are those of the recordings in `sns/test_sns`, or of the API reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A parameter is missing, malformed or out of its range; the whole message.
    InvalidParameter(String),
    /// A message attribute is not as it must be; the whole message.
    ParameterValueInvalid(String),
    /// There is no such topic or subscription; the whole message.
    NotFound(&'static str),
    /// The resource whose tags are meant does not exist.
    ResourceNotFound,
    /// The policy denies it; the whole message.
    AuthorizationError(String),
    /// A topic would have more tags than it may.
    TagLimitExceeded,
    /// The account would have more topics than it may.
    TopicLimitExceeded,
    /// The topic would have more subscriptions than it may.
    SubscriptionLimitExceeded,
    /// The topic would have more filter policies than it may.
    FilterPolicyLimitExceeded,
    /// A batch without entries.
    EmptyBatchRequest,
    /// A batch of more than ten entries.
    TooManyEntriesInBatchRequest,
    /// An id that occurs twice in a batch.
    BatchEntryIdsNotDistinct,
    /// A batch entry's id has a wrong form; the whole message.
    InvalidBatchEntryId(String),
    /// The entries of a batch are longer than a message may be.
    BatchRequestTooLong,
    /// Pontoon does not support this.
    Unsupported(String),
}

impl Error {
    /// `Invalid parameter: …`.
    pub(crate) fn invalid(what: impl std::fmt::Display) -> Self {
        Self::InvalidParameter(format!("Invalid parameter: {what}"))
    }

    /// The topic is not there (test_unknown_topic_publish).
    pub(crate) const NO_TOPIC: Self = Self::NotFound("Topic does not exist");

    /// The subscription is not there (test_not_found_error_on_set_subscription_attributes).
    pub(crate) const NO_SUBSCRIPTION: Self = Self::NotFound("Subscription does not exist");

    /// Code, status, message.
    fn parts(self) -> (&'static str, u16, String) {
        match self {
            Self::InvalidParameter(message) => ("InvalidParameter", 400, message),
            Self::ParameterValueInvalid(message) => ("ParameterValueInvalid", 400, message),
            Self::NotFound(message) => ("NotFound", 404, message.to_owned()),
            Self::ResourceNotFound => ("ResourceNotFound", 404, "Resource does not exist".to_owned()),
            Self::AuthorizationError(message) => ("AuthorizationError", 403, message),
            Self::TagLimitExceeded => (
                "TagLimitExceeded",
                400,
                "Could not complete request: tag quota of per resource exceeded".to_owned(),
            ),
            Self::TopicLimitExceeded => ("TopicLimitExceeded", 403, "Topic limit exceeded".to_owned()),
            Self::SubscriptionLimitExceeded => {
                ("SubscriptionLimitExceeded", 403, "Subscription limit exceeded".to_owned())
            }
            Self::FilterPolicyLimitExceeded => {
                ("FilterPolicyLimitExceeded", 403, "Filter policy limit exceeded".to_owned())
            }
            Self::EmptyBatchRequest => {
                ("EmptyBatchRequest", 400, "The batch request doesn't contain any entries.".to_owned())
            }
            Self::TooManyEntriesInBatchRequest => (
                "TooManyEntriesInBatchRequest",
                400,
                "The batch request contains more entries than permissible.".to_owned(),
            ),
            Self::BatchEntryIdsNotDistinct => (
                "BatchEntryIdsNotDistinct",
                400,
                "Two or more batch entries in the request have the same Id.".to_owned(),
            ),
            Self::InvalidBatchEntryId(message) => ("InvalidBatchEntryId", 400, message),
            Self::BatchRequestTooLong => (
                "BatchRequestTooLong",
                400,
                "The length of all the messages put together is more than the limit.".to_owned(),
            ),
            Self::Unsupported(what) => {
                ("NotSupportedByPontoon", 501, format!("Pontoon does not support {what}."))
            }
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (code, status, message) = error.parts();
        Self::client(code, message).with_status(status)
    }
}
