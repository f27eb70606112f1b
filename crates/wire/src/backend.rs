//! What the front needs of the system behind it.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use pontoon_core::shape::{OperationSchema, Output, Request, ServiceSchema, Violations};
use pontoon_core::{Account, ApiError, Scope, Timestamp};

/// The system behind the front.
///
/// Its futures may be dropped at any await: a client that hangs up ends its request. A call that has reached the engine is applied all the same.
pub trait Backend: Send + Sync + 'static {
    /// The APIs that are served. Asked once, at start.
    fn services(&self) -> &'static [&'static ServiceSchema];

    /// The account and region of requests that name none.
    fn home(&self) -> Scope {
        Scope::default()
    }

    /// The present instant by the injected clock: `Date` headers and the age of signatures follow it.
    fn now(&self) -> Timestamp;

    /// What is known of an access key.
    fn credentials(&self, access_key: &str) -> Credentials;

    /// Whether requests without credentials, or with incomplete ones, are let in.
    fn anonymous(&self) -> bool;

    /// Whether requests for this operation are let in without a signature even where others are not: what whoever holds a token may do.
    fn needs_no_signature(&self, _operation: &'static OperationSchema) -> bool {
        false
    }

    /// Words what the model finds wrong with an input; `None` lets the operation see it all the same.
    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError>;

    /// Carries out an operation.
    fn call(&self, call: Call) -> impl Future<Output = Result<Box<dyn Output>, ApiError>> + Send;

    /// Whether requests to this path are none of AWS's, and go to [`Backend::plain`].
    fn is_plain(&self, path: &str) -> bool {
        path.starts_with("/_pontoon/")
    }

    /// Answers a request to a path for which [`Backend::is_plain`] holds.
    fn plain(&self, request: PlainRequest) -> impl Future<Output = PlainResponse> + Send;
}

/// What is known of an access key.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Signatures are not checked. The account is the access key if that is twelve digits, and otherwise the home account.
    Unchecked,
    /// Signatures are checked, and nobody has this key.
    Unknown,
    /// Signatures are checked, and the session of this key has ended.
    Expired,
    /// Signatures are checked against this.
    Known(Secret),
}

/// The secret half of a pair of credentials.
#[derive(Clone)]
pub struct Secret {
    /// The secret access key.
    pub key: Arc<str>,
    /// The session token that must come along, for temporary credentials.
    pub session_token: Option<Arc<str>>,
    /// The account that the key belongs to.
    pub account: Account,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret of {}", self.account)
    }
}

/// An operation to be carried out, decoded and found to agree with the model.
#[derive(Debug)]
pub struct Call {
    /// Which operation.
    pub operation: &'static OperationSchema,
    /// Its input.
    pub request: Box<dyn Request>,
    /// The caller's account, and the region that the request is addressed to.
    pub scope: Scope,
    /// The access key that the request was made with; `None` for an anonymous one.
    pub access_key: Option<Arc<str>>,
    /// The id that the answer carries.
    pub request_id: Arc<str>,
    /// Scheme and authority that the client used (`http://127.0.0.1:4566`), for URLs in answers.
    pub endpoint: Arc<str>,
    /// The `X-Amzn-Trace-Id` header.
    pub trace_header: Option<Arc<str>>,
    /// The `User-Agent` header.
    pub user_agent: Option<Arc<str>>,
    /// The address that the request came from.
    pub source_ip: IpAddr,
}

/// A request that is none of AWS's.
#[derive(Debug)]
pub struct PlainRequest {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Scheme and authority that the client used.
    pub endpoint: Arc<str>,
    /// The address that the request came from.
    pub source_ip: IpAddr,
    /// Whether the request carries a signature (for whatever service) by known credentials that holds.
    pub verified: bool,
}

/// The answer to a [`PlainRequest`].
#[derive(Debug)]
pub struct PlainResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, `content-length` and `date` aside.
    pub headers: HeaderMap,
    /// Its body.
    pub body: PlainBody,
}

/// A body, whole or in pieces as they come.
#[derive(Debug)]
pub enum PlainBody {
    /// The whole.
    Full(Bytes),
    /// Pieces until the sender is dropped; the receiver is dropped when the client hangs up.
    Stream(tokio::sync::mpsc::Receiver<Bytes>),
}

impl PlainResponse {
    /// An answer with a content type.
    #[must_use]
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        Self { status, headers, body: PlainBody::Full(body.into()) }
    }
}
