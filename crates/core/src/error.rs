//! The errors that reach a client.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::shape::Output;

/// Whose fault an error is: what query's `<Type>` says, and whether SDKs retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request cannot succeed as it stands.
    Client,
    /// The same request may succeed later.
    Server,
}

/// An error as AWS gives it. Services have an enum of their own that turns into this.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The code that JSON protocols send (`QueueDoesNotExist`).
    pub code: Cow<'static, str>,
    /// The code that query and XML send, and JSON puts in `x-amzn-query-error`, where it differs (`AWS.SimpleQueueService.NonExistentQueue`).
    pub query_code: Option<&'static str>,
    /// The message in the query protocol, where AWS words it differently there.
    pub query_message: Option<&'static str>,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Whose fault it is.
    pub fault: Fault,
    /// The message, exactly as AWS words it.
    pub message: String,
    /// Further members of the modelled error shape (cancellation reasons, for one), written beside code and message.
    pub detail: Option<Arc<dyn Output>>,
}

impl ApiError {
    /// A client's error with status 400.
    pub fn client(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            query_code: None,
            query_message: None,
            status: 400,
            fault: Fault::Client,
            message: message.into(),
            detail: None,
        }
    }

    /// A server's error with status 500.
    pub fn server(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: 500, fault: Fault::Server, ..Self::client(code, message) }
    }

    /// The same error with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same error with a code of its own in the query protocol.
    #[must_use]
    pub fn with_query_code(self, code: &'static str) -> Self {
        Self { query_code: Some(code), ..self }
    }

    /// The same error with a message of its own in the query protocol.
    #[must_use]
    pub fn with_query_message(self, message: &'static str) -> Self {
        Self { query_message: Some(message), ..self }
    }

    /// The same error with the further members of its shape.
    #[must_use]
    pub fn with_detail(self, detail: impl Output) -> Self {
        Self { detail: Some(Arc::new(detail)), ..self }
    }

    /// The refusal of something that Pontoon does not support: named, never ignored.
    #[must_use]
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::client("NotSupportedByPontoon", format!("Pontoon does not support {what}.")).with_status(501)
    }

    /// Whether AWS's own callers (EventBridge, SNS, Lambda) would try again: server faults and throttling.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.fault == Fault::Server
            || self.status == 429
            || self.code.contains("Throttl")
            || self.code.contains("TooManyRequests")
            || self.code == "ProvisionedThroughputExceededException"
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
