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
    /// As many messages are in flight as there may be.
    OverLimit,
    /// The message has this character, which XML cannot carry.
    InvalidMessageContents(char),
    /// A message attribute of this operation has a list of values.
    UnsupportedListValues(&'static str),
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
    /// A message is longer than its queue takes; bytes, and whether it came in a batch, where AWS words it differently.
    MessageTooLong {
        /// The queue's `MaximumMessageSize`.
        limit: u32,
        /// Whether it is an entry of a batch.
        in_batch: bool,
    },
    /// A move task or one of its queues does not exist; the whole message.
    ResourceNotFound(&'static str),
    /// The policy denies it; the whole message.
    AccessDenied(String),
}

/// What tells an error's kind: the code that JSON sends, the one that query sends and batches list, and the HTTP status.
type Kind = (&'static str, &'static str, u16);

impl Error {
    fn kind(&self) -> Kind {
        match self {
            Self::MissingParameter(_) => ("MissingRequiredParameterException", "MissingParameter", 400),
            Self::InvalidParameterValue(_) | Self::MessageTooLong { .. } => {
                ("InvalidParameterValueException", "InvalidParameterValue", 400)
            }
            Self::InvalidAttributeName(_) => ("InvalidAttributeName", "InvalidAttributeName", 400),
            Self::InvalidAttributeValue(_) => ("InvalidAttributeValue", "InvalidAttributeValue", 400),
            Self::InvalidAddress(_) => ("InvalidAddress", "InvalidAddress", 404),
            Self::QueueDoesNotExist => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400),
            Self::QueueNameExists(_) => ("QueueNameExists", "QueueAlreadyExists", 400),
            Self::QueueDeletedRecently => {
                ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400)
            }
            Self::PurgeQueueInProgress(_) => {
                ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403)
            }
            Self::ReceiptHandleIsInvalid(_) => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
            Self::OverLimit => ("OverLimit", "OverLimit", 403),
            Self::InvalidMessageContents(_) => ("InvalidMessageContents", "InvalidMessageContents", 400),
            Self::UnsupportedListValues(_) => {
                ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400)
            }
            Self::EmptyBatchRequest(_) => {
                ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400)
            }
            Self::TooManyEntriesInBatchRequest(_) => {
                ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)
            }
            Self::BatchEntryIdsNotDistinct(_) => {
                ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400)
            }
            Self::InvalidBatchEntryId => {
                ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400)
            }
            Self::BatchRequestTooLong(_) => {
                ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400)
            }
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", "ResourceNotFoundException", 404),
            Self::AccessDenied(_) => ("AccessDeniedException", "AccessDenied", 403),
        }
    }

    /// The message, as AWS words it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::InvalidParameterValue(message)
            | Self::InvalidAttributeName(message)
            | Self::InvalidAttributeValue(message)
            | Self::AccessDenied(message) => message.clone(),
            Self::ResourceNotFound(message) => (*message).to_owned(),
            Self::MissingParameter(name) => format!("The request must contain the parameter {name}."),
            Self::InvalidAddress(url) => format!("The address {url} is not valid for this endpoint."),
            Self::QueueDoesNotExist => "The specified queue does not exist.".to_owned(),
            Self::QueueNameExists(attribute) => format!(
                "A queue already exists with the same name and a different value for attribute {attribute}"
            ),
            Self::QueueDeletedRecently => "You must wait 60 seconds after deleting a queue before you can \
                                           create another with the same name."
                .to_owned(),
            Self::PurgeQueueInProgress(name) => {
                format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds.")
            }
            Self::ReceiptHandleIsInvalid(handle) => {
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle.")
            }
            Self::OverLimit => "The maximum number of in flight messages is reached.".to_owned(),
            Self::InvalidMessageContents(found) => format!(
                "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].",
                u32::from(*found)
            ),
            Self::UnsupportedListValues(operation) => {
                format!("Message attribute list values in {operation} operation are not supported.")
            }
            Self::EmptyBatchRequest(entry) => {
                format!("There should be at least one {entry} in the request.")
            }
            Self::TooManyEntriesInBatchRequest(count) => {
                format!("Maximum number of entries per request are 10. You have sent {count}.")
            }
            Self::BatchEntryIdsNotDistinct(id) => format!("Id {id} repeated."),
            Self::InvalidBatchEntryId => "A batch entry id can only contain alphanumeric characters, \
                                          hyphens and underscores. It can be at most 80 letters long."
                .to_owned(),
            Self::BatchRequestTooLong(bytes) => {
                format!("Batch requests cannot be longer than 1048576 bytes. You have sent {bytes} bytes.")
            }
            Self::MessageTooLong { limit, in_batch } => {
                let verb = if *in_batch { "cannot be validated" } else { "are invalid" };
                format!("One or more parameters {verb}. Reason: Message must be shorter than {limit} bytes.")
            }
        }
    }

    /// The code that a failed batch entry carries.
    #[must_use]
    pub fn entry_code(&self) -> &'static str {
        self.kind().1
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (code, query, status) = error.kind();
        let told = Self::client(code, error.message()).with_query_code(query).with_status(status);
        match error {
            // sqs/test_sqs: test_non_existent_queue
            Error::QueueDoesNotExist => {
                told.with_query_message("The specified queue does not exist for this wsdl version.")
            }
            _ => told,
        }
    }
}
