//! The Lambda Runtime API (version 2018-06-01), served to one process on a loopback port of its own.
//!
//! `AWS_LAMBDA_RUNTIME_API` holds only host and port, so the port is what tells processes apart.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::RESPONSE_BYTES_MAX;

/// How many connections a runtime may hold open: one for `next`, one for answers, and a few for odd clients.
const CONNECTIONS_MAX: usize = 16;

/// What a runtime is given to work on.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) request_id: String,
    /// The instant at which the invocation is cut off, in milliseconds since the epoch on the machine's clock, which is the
    /// clock that the function compares it with.
    pub(super) deadline_ms: u128,
    pub(super) invoked_arn: String,
    pub(super) trace_header: String,
    pub(super) client_context: Option<String>,
    pub(super) payload: Bytes,
}

/// What a runtime told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It asks for work; the first time, this ends its initialization.
    Ready,
    /// The invocation in hand succeeded.
    Response(Bytes),
    /// The response is larger than [`RESPONSE_BYTES_MAX`].
    ResponseTooLarge,
    /// The invocation in hand failed, with the error document and its type.
    Error { document: Bytes, error_type: String },
    /// The runtime could not start.
    InitError { document: Bytes, error_type: String },
}

/// One process's end of the Runtime API. Dropping it closes the port and every connection.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    assignments: mpsc::Sender<Assignment>,
    events: mpsc::Receiver<Event>,
    server: AbortHandle,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (assignments, waiting) = mpsc::channel(1);
        let (told, events) = mpsc::channel(4);
        let shared =
            Arc::new(Shared { waiting: tokio::sync::Mutex::new(waiting), in_hand: Mutex::new(None), told });
        let server = tokio::spawn(serve(listener, shared)).abort_handle();
        Ok(Self { address, assignments, events, server })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out work. The runtime must have said that it is ready, and be without work.
    pub(super) fn assign(&self, assignment: Assignment) {
        let sent = self.assignments.try_send(assignment);
        assert!(
            !matches!(sent, Err(mpsc::error::TrySendError::Full(_))),
            "a process has one invocation at a time"
        );
    }

    /// What the runtime tells next. Cancel-safe.
    pub(super) async fn event(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            // The server task holds the sender and ends with this value only.
            None => std::future::pending().await,
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Assignment>>,
    in_hand: Mutex<Option<String>>,
    told: mpsc::Sender<Event>,
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // A connection that breaks is the process's affair; its exit is noticed elsewhere.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Reply = Response<Full<Bytes>>;

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    let Some(route) = path.strip_prefix("/2018-06-01/runtime/") else {
        return Ok(failure(StatusCode::NOT_FOUND, "NotFound", "No such resource of the Runtime API"));
    };
    let parts: Vec<&str> = route.split('/').collect();
    Ok(match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => shared.next().await,
        (&Method::POST, ["invocation", id, "response"]) => shared.response(id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => shared.error(id, request).await,
        (&Method::POST, ["init", "error"]) => shared.init_error(request).await,
        _ => failure(StatusCode::NOT_FOUND, "NotFound", "No such resource of the Runtime API"),
    })
}

impl Shared {
    async fn next(&self) -> Reply {
        if self.in_hand.lock().is_some() {
            return failure(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                "The invocation in hand has no response yet",
            );
        }
        self.tell(Event::Ready).await;
        let assignment = self.waiting.lock().await.recv().await;
        match assignment {
            Some(assignment) => {
                *self.in_hand.lock() = Some(assignment.request_id.clone());
                handed_out(assignment)
            }
            None => failure(StatusCode::GONE, "Shutdown", "The execution environment is shut down"),
        }
    }

    async fn response(&self, id: &str, request: Request<Incoming>) -> Reply {
        if !self.is_in_hand(id) {
            return invalid_request_id();
        }
        let body = match Limited::new(request.into_body(), RESPONSE_BYTES_MAX).collect().await {
            Ok(body) => body,
            Err(error) if error.is::<LengthLimitError>() => return self.too_large(id).await,
            // The connection broke midway: the runtime may try again, or its process is ending.
            Err(_) => {
                return failure(StatusCode::BAD_REQUEST, "InvalidRequest", "The response could not be read");
            }
        };
        // A streamed response reports an error that came midway in its trailers.
        let failed =
            body.trailers().and_then(|trailers| header(trailers, "lambda-runtime-function-error-type"));
        let event = match failed {
            Some(error_type) => {
                Event::Error { document: streamed_error(body.trailers(), &error_type), error_type }
            }
            None => Event::Response(body.to_bytes()),
        };
        self.finish(id, event).await
    }

    async fn too_large(&self, id: &str) -> Reply {
        self.finish(id, Event::ResponseTooLarge).await;
        let message = format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).");
        failure(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
    }

    async fn error(&self, id: &str, request: Request<Incoming>) -> Reply {
        if !self.is_in_hand(id) {
            return invalid_request_id();
        }
        let (document, error_type) = error_document(request).await;
        self.finish(id, Event::Error { document, error_type }).await
    }

    async fn init_error(&self, request: Request<Incoming>) -> Reply {
        let (document, error_type) = error_document(request).await;
        self.tell(Event::InitError { document, error_type }).await;
        accepted()
    }

    fn is_in_hand(&self, id: &str) -> bool {
        self.in_hand.lock().as_deref() == Some(id)
    }

    /// Ends the invocation in hand; of two answers to one invocation the first counts.
    async fn finish(&self, id: &str, event: Event) -> Reply {
        {
            let mut in_hand = self.in_hand.lock();
            if in_hand.as_deref() != Some(id) {
                return invalid_request_id();
            }
            *in_hand = None;
        }
        self.tell(event).await;
        accepted()
    }

    async fn tell(&self, event: Event) {
        // Nobody listens any more when the process is being ended.
        let _ = self.told.send(event).await;
    }
}

/// Reads the error document that a runtime posts; one that is absent or too large is replaced.
async fn error_document(request: Request<Incoming>) -> (Bytes, String) {
    let named = header(request.headers(), "lambda-runtime-function-error-type");
    let body =
        Limited::new(request.into_body(), RESPONSE_BYTES_MAX).collect().await.map(|body| body.to_bytes());
    let document = body.ok().filter(|body| !body.is_empty());
    let in_document = document
        .as_ref()
        .and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok())
        .and_then(|value| value.get("errorType")?.as_str().map(str::to_owned));
    let error_type = in_document.or(named).unwrap_or_else(|| "Runtime.Unknown".to_owned());
    (
        document.unwrap_or_else(|| {
            super::process::error_payload(&error_type, "Unknown application error occurred")
        }),
        error_type,
    )
}

/// The error document of a streamed response: the trailer's, which is base64 of JSON, or one made from the type.
fn streamed_error(trailers: Option<&HeaderMap>, error_type: &str) -> Bytes {
    use base64::Engine;
    trailers
        .and_then(|trailers| trailers.get("lambda-runtime-function-error-body"))
        .and_then(|value| base64::engine::general_purpose::STANDARD.decode(value.as_bytes()).ok())
        .map_or_else(|| super::process::error_payload(error_type, "The response stream failed"), Bytes::from)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn handed_out(assignment: Assignment) -> Reply {
    let mut reply = Response::new(Full::new(assignment.payload));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut set = |name: &'static str, value: &str| {
        // A value that cannot be a header (a client context with raw control characters) is left out rather than cut.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("lambda-runtime-aws-request-id", &assignment.request_id);
    set("lambda-runtime-deadline-ms", &assignment.deadline_ms.to_string());
    set("lambda-runtime-invoked-function-arn", &assignment.invoked_arn);
    set("lambda-runtime-trace-id", &assignment.trace_header);
    if let Some(context) = &assignment.client_context {
        set("lambda-runtime-client-context", context);
    }
    reply
}

fn accepted() -> Reply {
    json(StatusCode::ACCEPTED, &serde_json::json!({ "status": "OK" }))
}

fn invalid_request_id() -> Reply {
    failure(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn failure(status: StatusCode, error_type: &str, message: &str) -> Reply {
    json(status, &serde_json::json!({ "errorMessage": message, "errorType": error_type }))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
