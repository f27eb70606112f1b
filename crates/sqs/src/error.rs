//! The errors of SQS, in AWS's words.

use pontoon_core::ApiError;

/// Each variant is an AWS code; messages are those of the recordings in `sqs/test_sqs`, or of the API reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A required parameter was left out or empty.
    MissingParameter(&'static str),
    /// A parameter's value is out of its range or malformed; the whole message.
    InvalidParameterValue(String),
    /// An attribute that queues of this type do not have; the whole message.
    InvalidAttributeName(String),
    /// An attribute's value is out of its range; the whole message.
    InvalidAttributeValue(String),
    /// The queue URL is not one.
    InvalidAddress(String),
    /// No queue of that name or URL.
    QueueDoesNotExist,
    /// A queue of that name exists with another value of this attribute.
    QueueNameExists(String),
    /// A queue of that name was deleted less than 60 seconds ago.
    QueueDeletedRecently,
    /// The queue was purged less than 60 seconds ago.
    PurgeQueueInProgress(String),
    /// The text is not a receipt handle.
    ReceiptHandleIsInvalid(String),
    /// The message is not in flight.
    MessageNotInflight,
    /// As many messages are in flight as there may be.
    OverLimit,
    /// The message has characters that XML cannot carry.
    InvalidMessageContents,
    /// A batch without entries, with this entry type's name.
    EmptyBatchRequest(&'static str),
    /// A batch of this many entries, over ten.
    TooManyEntriesInBatchRequest(usize),
    /// An id that occurs twice in a batch.
    BatchEntryIdsNotDistinct(String),
    /// A batch entry's id has a wrong form.
    InvalidBatchEntryId,
    /// The entries of a batch are longer than a message may be; bytes sent.
    BatchRequestTooLong(usize),
    /// A move task or one of its queues does not exist; the whole message.
    ResourceNotFound(&'static str),
    /// The operation does not go with the state of its resource; the whole message.
    UnsupportedOperation(&'static str),
    /// The policy denies it; the whole message.
    AccessDenied(String),
    /// Pontoon does not support this.
    Unsupported(&'static str),
}

impl Error {
    /// JSON code, query code, message.
    fn parts(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::MissingParameter(name) => (
                "MissingRequiredParameterException",
                "MissingParameter",
                format!("The request must contain the parameter {name}."),
            ),
            Self::InvalidParameterValue(message) => {
                ("InvalidParameterValueException", "InvalidParameterValue", message.clone())
            }
            Self::InvalidAttributeName(message) => {
                ("InvalidAttributeName", "InvalidAttributeName", message.clone())
            }
            Self::InvalidAttributeValue(message) => {
                ("InvalidAttributeValue", "InvalidAttributeValue", message.clone())
            }
            Self::InvalidAddress(url) => (
                "InvalidAddress",
                "InvalidAddress",
                format!("The address {url} is not valid for this endpoint."),
            ),
            Self::QueueDoesNotExist => (
                "QueueDoesNotExist",
                "AWS.SimpleQueueService.NonExistentQueue",
                "The specified queue does not exist.".to_owned(),
            ),
            Self::QueueNameExists(attribute) => (
                "QueueNameExists",
                "QueueAlreadyExists",
                format!(
                    "A queue already exists with the same name and a different value for attribute {attribute}"
                ),
            ),
            Self::QueueDeletedRecently => (
                "QueueDeletedRecently",
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name."
                    .to_owned(),
            ),
            Self::PurgeQueueInProgress(name) => (
                "PurgeQueueInProgress",
                "AWS.SimpleQueueService.PurgeQueueInProgress",
                format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds."),
            ),
            Self::ReceiptHandleIsInvalid(handle) => (
                "ReceiptHandleIsInvalid",
                "ReceiptHandleIsInvalid",
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
            ),
            Self::MessageNotInflight => (
                "MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message referred to isn't in flight.".to_owned(),
            ),
            Self::OverLimit => (
                "OverLimit",
                "OverLimit",
                "The maximum number of in flight messages is reached.".to_owned(),
            ),
            _ => self.batch_and_other_parts(),
        }
    }

    fn batch_and_other_parts(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::EmptyBatchRequest(entry) => (
                "EmptyBatchRequest",
                "AWS.SimpleQueueService.EmptyBatchRequest",
                format!("There should be at least one {entry} in the request."),
            ),
            Self::TooManyEntriesInBatchRequest(count) => (
                "TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                format!("Maximum number of entries per request are 10. You have sent {count}."),
            ),
            Self::BatchEntryIdsNotDistinct(id) => (
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ),
            Self::InvalidBatchEntryId => (
                "InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                 It can be at most 80 letters long."
                    .to_owned(),
            ),
            Self::BatchRequestTooLong(bytes) => (
                "BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
                format!("Batch requests cannot be longer than 1048576 bytes. You have sent {bytes} bytes."),
            ),
            Self::InvalidMessageContents => (
                "InvalidMessageContents",
                "InvalidMessageContents",
                "Invalid characters found. Valid unicode characters are \
                 #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
                    .to_owned(),
            ),
            Self::ResourceNotFound(message) => {
                ("ResourceNotFoundException", "ResourceNotFoundException", (*message).to_owned())
            }
            Self::UnsupportedOperation(message) => {
                ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", (*message).to_owned())
            }
            Self::AccessDenied(message) => ("AccessDeniedException", "AccessDenied", message.clone()),
            Self::Unsupported(what) => {
                ("UnsupportedOperation", "UnsupportedOperation", format!("Pontoon does not support {what}."))
            }
            _ => unreachable!("every other variant has its words above"),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::PurgeQueueInProgress(_) | Self::AccessDenied(_) | Self::OverLimit => 403,
            Self::ReceiptHandleIsInvalid(_) | Self::InvalidAddress(_) | Self::ResourceNotFound(_) => 404,
            Self::Unsupported(_) => 501,
            _ => 400,
        }
    }

    /// The code that a failed batch entry carries.
    #[must_use]
    pub fn entry_code(&self) -> &'static str {
        self.parts().1
    }

    /// The message alone.
    #[must_use]
    pub fn message(&self) -> String {
        self.parts().2
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (code, query, message) = error.parts();
        Self::client(code, message).with_query_code(query).with_status(error.status())
    }
}
