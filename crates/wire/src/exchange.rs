//! One request and its answer: route, receive, check, decode, call, encode.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use hyper::body::Incoming;
use pontoon_core::ids::format_uuid;
use pontoon_core::shape::{DecodeError, OperationSchema, Protocol, ServiceSchema};
use pontoon_core::{ApiError, Timestamp};

use crate::admission::{Admitted, admit};
use crate::backend::{Backend, Call, PlainBody, PlainRequest, PlainResponse};
use crate::body::{self, Body, BodyError, Room, Taken};
use crate::limits::Limits;
use crate::protocol::query::form::{self, Pair};
use crate::protocol::query::reader::with_implied_queue_url;
use crate::protocol::{self, Answer, Failed, Source};
use crate::routing::{Refusal, Route, Routed, Router};
use crate::sigv4::Family;
use crate::sigv4::scope::CredentialScope;
use crate::upload;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Everything that answers requests; one for all connections.
#[derive(Debug)]
pub(crate) struct Front<B> {
    backend: Arc<B>,
    router: Router,
    pub(crate) limits: Limits,
    room: Arc<Room>,
}

/// What is known of a request before its operation is.
struct Exchange<'r> {
    head: &'r Parts,
    request_id: Arc<str>,
    /// What the request's signature, if it has one, claims to be for. Nothing of it is believed yet.
    signed: Option<CredentialScope>,
    source_ip: IpAddr,
}

/// An error, and how to tell it.
struct Failure {
    protocol: Protocol,
    service: Option<&'static ServiceSchema>,
    operation: Option<&'static OperationSchema>,
    error: ApiError,
    /// The body was not read to its end, so that nothing can follow on this connection.
    closes: bool,
}

impl Failure {
    fn of(routed: &Routed, error: ApiError) -> Self {
        let operation = routed.operation;
        let service = Some(operation.service);
        Self { protocol: routed.protocol, service, operation: Some(operation), error, closes: false }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { protocol, service, error } = refusal;
        Self { protocol, service, operation: None, error, closes: false }
    }
}

/// Host and port that the client addressed: HTTP/2's `:authority` or HTTP/1.1's `Host`.
pub(crate) fn authority(head: &Parts) -> Option<&str> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.as_str());
    }
    head.headers.get(HOST)?.to_str().ok()
}

fn endpoint(head: &Parts) -> Arc<str> {
    format!("http://{}", authority(head).unwrap_or("localhost")).into()
}

impl<B: Backend> Front<B> {
    pub(crate) fn new(backend: Arc<B>, limits: Limits) -> Self {
        let router = Router::new(backend.services());
        Self { backend, router, limits, room: Arc::default() }
    }

    /// Answers a request, whatever it is.
    pub(crate) async fn answer(&self, request: Request<Incoming>, source_ip: IpAddr) -> Response<Body> {
        let (head, body) = request.into_parts();
        if self.backend.is_plain(head.uri.path()) {
            return self.answer_plain(head, body, source_ip).await;
        }
        let exchange = Exchange {
            head: &head,
            request_id: format_uuid(random_uuid()).into(),
            signed: CredentialScope::of(&head),
            source_ip,
        };
        let answer = match self.carry_out(&exchange, body).await {
            Ok(answer) => answer,
            Err(failure) => exchange.tell(&failure),
        };
        self.finish(&exchange, answer)
    }

    /// Adds what all answers have in common.
    fn finish(&self, exchange: &Exchange<'_>, answer: Answer) -> Response<Body> {
        let Answer { status, mut headers, body } = answer;
        if let Ok(id) = HeaderValue::from_str(&exchange.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(DATE, date_header(self.backend.now()));
        let is_head = exchange.head.method == Method::HEAD;
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || (is_head && !status.is_success());
        let body = if bodiless { Bytes::new() } else { body.into() };
        // Only an answer to HEAD may state the length of what is not there; elsewhere hyper knows it better than a service could.
        if !is_head || bodiless {
            headers.remove(CONTENT_LENGTH);
        }
        if bodiless {
            headers.remove(CONTENT_TYPE);
        }
        let mut response = Response::new(Body::Full(Some(body)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// Routes a request, receives its body and carries it out.
    async fn carry_out(&self, exchange: &Exchange<'_>, body: Incoming) -> Result<Answer, Failure> {
        let signed_for = exchange.signed.as_ref().map(|scope| scope.service.as_str());
        let mut taken = Taken::none(&self.room);
        match self.router.by_head(exchange.head, signed_for) {
            Ok(Route::Operation(routed)) => {
                let service = routed.operation.service.id;
                let body = self.receive(exchange, body, service, &mut taken).await;
                let body =
                    body.map_err(|error| body_failure(error, &routed, self.limits.body_bytes_max(service)))?;
                self.call(exchange, &routed, &body, &[]).await
            }
            Ok(Route::Form) => self.carry_out_form(exchange, body, signed_for, &mut taken).await,
            Err(refusal) => {
                // The body is of no interest, but a small one is taken in so that the connection can go on.
                let drained = self.receive(exchange, body, "", &mut taken).await;
                Err(Failure { closes: drained.is_err(), ..refusal.into() })
            }
        }
    }

    /// The same for a request whose body tells where it goes.
    async fn carry_out_form(
        &self,
        exchange: &Exchange<'_>,
        body: Incoming,
        signed_for: Option<&str>,
        taken: &mut Taken,
    ) -> Result<Answer, Failure> {
        let malformed = |error: ApiError| Failure {
            protocol: Protocol::Query,
            service: signed_for.and_then(|name| self.router.service(name)),
            operation: None,
            error,
            closes: false,
        };
        let body = self.receive(exchange, body, signed_for.unwrap_or_default(), taken).await;
        let bytes_max = self.limits.body_bytes_max(signed_for.unwrap_or_default());
        let body =
            body.map_err(|error| Failure { closes: true, ..malformed(body_error(error, bytes_max)) })?;
        let inflated = body::inflate(&exchange.head.headers, body.clone(), bytes_max)
            .map_err(|error| malformed(body_error(error, bytes_max)))?;
        let in_query = form::parse(exchange.head.uri.query().unwrap_or_default().as_bytes());
        let pairs = in_query.and_then(|mut pairs| {
            pairs.extend(form::parse(&inflated)?);
            Ok(pairs)
        });
        let mut pairs = pairs.map_err(|_| {
            malformed(ApiError::client("MalformedQueryString", "The query string contains a syntax error"))
        })?;
        let routed = self.router.by_form(&pairs, signed_for)?;
        if routed.operation.service.id == "sqs" && exchange.head.uri.path().len() > 1 {
            let (head, endpoint) = (exchange.head, endpoint(exchange.head));
            with_implied_queue_url(&mut pairs, || format!("{endpoint}{}", head.uri.path()));
        }
        self.call(exchange, &routed, &body, &pairs).await
    }

    /// Receives a request's body as it is sent to this service.
    async fn receive(
        &self,
        exchange: &Exchange<'_>,
        body: Incoming,
        service: &str,
        taken: &mut Taken,
    ) -> Result<Bytes, BodyError> {
        let (headers, bytes_max) = (&exchange.head.headers, self.limits.body_bytes_max(service));
        body::receive(headers, body, bytes_max, &self.limits, taken).await
    }

    /// Checks, decodes and carries out an operation.
    async fn call(
        &self,
        exchange: &Exchange<'_>,
        routed: &Routed,
        received: &Bytes,
        form: &[Pair<'_>],
    ) -> Result<Answer, Failure> {
        let operation = routed.operation;
        let fail = |error| Failure::of(routed, error);
        let admitted = admit(
            self.backend.as_ref(),
            exchange.head,
            exchange.signed.as_ref(),
            Some(operation.service.id),
            received,
            self.backend.anonymous() || self.backend.needs_no_signature(operation),
        );
        let family = Family::of(operation.service, routed.protocol);
        let admitted = admitted.map_err(|error| fail(error.told(family)))?;
        let unwrapped = self.unwrap(exchange.head, routed, received, &admitted).map_err(fail)?;
        let (head, body) = unwrapped.as_ref().map_or((exchange.head, received), |(head, body)| (head, body));
        let (request, violations) = protocol::decode(routed, &Source { head, body, form })
            .map_err(|error| fail(decode_failure(routed, &error)))?;
        if !violations.is_empty()
            && let Some(error) = self.backend.invalid(operation, &violations)
        {
            return Err(fail(error));
        }
        let call = Call {
            operation,
            request,
            scope: admitted.scope,
            access_key: admitted.access_key,
            request_id: Arc::clone(&exchange.request_id),
            endpoint: endpoint(exchange.head),
            trace_header: exchange.header("x-amzn-trace-id").map(Arc::from),
            user_agent: exchange.header("user-agent").map(Arc::from),
            source_ip: exchange.source_ip,
        };
        let output = self.backend.call(call).await.map_err(fail)?;
        Ok(protocol::encode(routed.protocol, operation, output.as_ref(), &exchange.request_id))
    }

    /// Undoes what is wrapped around a body; `None` if nothing is. S3 keeps a content encoding as the object's own, everywhere else it is
    /// the transfer's.
    fn unwrap(
        &self,
        head: &Parts,
        routed: &Routed,
        received: &Bytes,
        admitted: &Admitted,
    ) -> Result<Option<(Parts, Bytes)>, ApiError> {
        let service = routed.operation.service.id;
        if service == "s3" && routed.operation.input.payload.is_some() {
            let mut head = head.clone();
            let body = upload::unwrap(&mut head, received.clone(), admitted)?;
            return Ok(Some((head, body)));
        }
        // A form was inflated when it was routed.
        let is_form = routed.protocol == Protocol::Query;
        if service == "s3" || is_form || !head.headers.contains_key(CONTENT_ENCODING) {
            return Ok(None);
        }
        let bytes_max = self.limits.body_bytes_max(service);
        let body = body::inflate(&head.headers, received.clone(), bytes_max);
        Ok(Some((head.clone(), body.map_err(|error| body_error(error, bytes_max))?)))
    }

    async fn answer_plain(&self, head: Parts, body: Incoming, source_ip: IpAddr) -> Response<Body> {
        let mut taken = Taken::none(&self.room);
        let bytes_max = self.limits.body_bytes_max("");
        let received = body::receive(&head.headers, body, bytes_max, &self.limits, &mut taken).await;
        let answer = match received {
            Ok(body) => {
                let endpoint = endpoint(&head);
                let signed = CredentialScope::of(&head);
                let admitted = admit(self.backend.as_ref(), &head, signed.as_ref(), None, &body, false);
                let verified = admitted.is_ok_and(|admitted| admitted.verified);
                let Parts { method, uri, headers, .. } = head;
                let request = PlainRequest { method, uri, headers, body, endpoint, source_ip, verified };
                self.backend.plain(request).await
            }
            Err(error) => {
                let error = body_error(error, bytes_max);
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                let mut answer = PlainResponse::new(status, "text/plain", error.message + "\n");
                answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
                answer
            }
        };
        let mut response = Response::new(match answer.body {
            PlainBody::Full(bytes) => Body::Full(Some(bytes)),
            PlainBody::Stream(pieces) => Body::Stream(pieces),
        });
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response.headers_mut().insert(DATE, date_header(self.backend.now()));
        response
    }
}

impl Exchange<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    fn tell(&self, failure: &Failure) -> Answer {
        let failed = Failed {
            protocol: failure.protocol,
            service: failure.service,
            operation: failure.operation,
            request_id: &self.request_id,
            resource: self.head.uri.path(),
        };
        let mut answer = failed.answer(&failure.error);
        if failure.closes {
            answer.header("connection", "close");
        }
        answer
    }
}

/// The error for a body that could not be read as the operation's input, which each family of services words its own way.
fn decode_failure(routed: &Routed, error: &DecodeError) -> ApiError {
    let message = error.message.clone();
    match routed.protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => {
            ApiError::client("SerializationException", message)
        }
        Protocol::Query => ApiError::client("MalformedInput", message),
        Protocol::RestJson => ApiError::client(
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {message}"),
        ),
        Protocol::RestXml => ApiError::client("MalformedXML", message),
    }
}

fn body_failure(error: BodyError, routed: &Routed, bytes_max: usize) -> Failure {
    let operation = routed.operation;
    let told = match (error, operation.service.id) {
        (BodyError::TooLarge, "lambda") => {
            let name = if operation.name == "Invoke" { "InvokeFunction" } else { operation.name };
            let message = format!("Request must be smaller than {bytes_max} bytes for the {name} operation");
            ApiError::client("RequestEntityTooLargeException", message).with_status(413)
        }
        (BodyError::TooLarge, "s3") => {
            ApiError::client("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        }
        _ => body_error(error, bytes_max),
    };
    Failure { closes: true, ..Failure::of(routed, told) }
}

fn body_error(error: BodyError, bytes_max: usize) -> ApiError {
    match error {
        BodyError::TooLarge => ApiError::client(
            "RequestEntityTooLarge",
            format!("The request body is larger than the {bytes_max} bytes that are accepted."),
        )
        .with_status(413),
        BodyError::TimedOut => ApiError::client(
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        )
        .with_status(408),
        BodyError::Broken => {
            ApiError::client("IncompleteBody", "The request body ended before it was complete.")
        }
        BodyError::Busy => ApiError::server(
            "ServiceUnavailable",
            "Too many request bodies are being received at once. Reduce your request rate.",
        )
        .with_status(503),
        BodyError::NotDecodable => {
            ApiError::client("SerializationException", "The request body is not valid gzip.")
        }
        BodyError::UnknownEncoding => ApiError::client(
            "UnsupportedMediaTypeException",
            "The request's Content-Encoding is not supported: only gzip is.",
        )
        .with_status(415),
    }
}

fn random_uuid() -> [u8; 16] {
    let mut bytes = fastrand::u128(..).to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// The `Date` header of this second, kept until the next.
fn date_header(now: Timestamp) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<(i64, HeaderValue)> = const { RefCell::new((i64::MIN, HeaderValue::from_static(""))) };
    }
    LAST.with_borrow_mut(|(secs, value)| {
        if *secs != now.secs() {
            *secs = now.secs();
            *value = HeaderValue::from_str(&now.http_date()).unwrap_or_else(|_| HeaderValue::from_static(""));
        }
        value.clone()
    })
}
