//! AWS's wire protocols: each reads inputs, writes outputs and shapes errors.

pub mod cbor;
pub mod json;
pub mod query;
pub mod rest;
pub mod scalar;
mod text;
pub mod xml;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts};
use pontoon_core::ApiError;
use pontoon_core::shape::{Decoded, ErrorSchema, OperationSchema, Output, Protocol, ServiceSchema};

use crate::routing::Routed;
use query::form::Pair;

/// An answer but for the headers that all have in common.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer with a body of this type.
    #[must_use]
    pub fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            body,
        }
    }

    /// Adds a header; a value that cannot be one is left out.
    pub fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// What the protocols read an input from.
#[derive(Debug)]
pub struct Source<'r> {
    /// The request's head.
    pub head: &'r Parts,
    /// Its body, decompressed and freed of chunk signatures.
    pub body: &'r Bytes,
    /// The form, where there is one.
    pub form: &'r [Pair<'r>],
}

/// Reads the input of the operation.
///
/// # Errors
/// If it is malformed or of wrong types.
pub fn decode(routed: &Routed, source: &Source<'_>) -> Decoded {
    match routed.protocol {
        Protocol::Json10 | Protocol::Json11 => json::decode(routed.operation, source.body),
        Protocol::Query => query::decode(routed.operation, source.form),
        Protocol::RestJson | Protocol::RestXml => rest::decode(routed, source),
        Protocol::Cbor => cbor::decode(routed.operation, source.body),
    }
}

/// Writes the output of the operation.
#[must_use]
pub fn encode(
    protocol: Protocol,
    operation: &'static OperationSchema,
    output: &dyn Output,
    request_id: &str,
) -> Answer {
    match protocol {
        Protocol::Json10 | Protocol::Json11 => json::encode(protocol, operation, output),
        Protocol::Query => query::encode(operation, output, request_id),
        Protocol::RestJson => rest::encode(protocol, operation, output),
        Protocol::RestXml => {
            let mut answer = rest::encode(protocol, operation, output);
            add_s3_ids(&mut answer, request_id);
            answer
        }
        Protocol::Cbor => cbor::encode(operation, output),
    }
}

/// S3 tells the request's id in headers of its own.
fn add_s3_ids(answer: &mut Answer, request_id: &str) {
    answer.header("x-amz-request-id", request_id);
    answer.header("x-amz-id-2", request_id);
}

/// What is known of a request that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'r> {
    /// The protocol to answer in.
    pub protocol: Protocol,
    /// The service that was meant, if known.
    pub service: Option<&'static ServiceSchema>,
    /// The operation that was meant, if known.
    pub operation: Option<&'static OperationSchema>,
    /// The request's id.
    pub request_id: &'r str,
    /// The request's path, which S3's errors name.
    pub resource: &'r str,
}

impl Failed<'_> {
    /// The schema of the error with this code, if the operation or its service declares one.
    #[must_use]
    pub fn declared(&self, code: &str) -> Option<&'static ErrorSchema> {
        let find = |operation: &'static OperationSchema| {
            operation.errors.iter().find(|error| error.shape == code || error.code == code)
        };
        self.operation
            .and_then(find)
            .or_else(|| self.service?.operations.iter().find_map(|operation| find(operation)))
    }

    /// The code that the query protocol and `x-amzn-query-error` give this error.
    fn query_code<'e>(&self, error: &'e ApiError) -> &'e str {
        error
            .query_code
            .or_else(|| self.declared(&error.code).map(|declared| declared.code))
            .unwrap_or(&error.code)
    }

    fn is_dynamodb(&self) -> bool {
        self.service.is_some_and(|service| service.id == "dynamodb")
    }

    /// How the member is spelt that holds the error's message.
    fn message_key(&self, error: &ApiError) -> &'static str {
        match self.declared(&error.code) {
            // Whatever their shapes say, DynamoDB's errors that carry an item or reasons have a capital letter
            // (recording `test_return_values_on_conditions_check_failure`).
            Some(_) if self.is_dynamodb() && error.detail.is_some() => "Message",
            Some(declared) if !declared.message.is_empty() => declared.message,
            // The framework's own error for what it cannot read has a capital letter, unlike everything else of its.
            None if error.code == "SerializationException" => "Message",
            _ => "message",
        }
    }

    /// The answer that tells of `error`.
    #[must_use]
    pub fn answer(&self, error: &ApiError) -> Answer {
        let mut answer = match self.protocol {
            Protocol::Json10 | Protocol::Json11 => json::error(self, error),
            Protocol::Query => query::error(self, error),
            Protocol::RestJson => rest::json_error(self, error),
            Protocol::RestXml => {
                let mut answer = rest::xml_error(self, error);
                add_s3_ids(&mut answer, self.request_id);
                answer
            }
            Protocol::Cbor => cbor::error(self, error),
        };
        let query_compatible = self.service.is_some_and(|s| s.protocols.contains(&Protocol::Query));
        if query_compatible && matches!(self.protocol, Protocol::Json10 | Protocol::Json11 | Protocol::Cbor) {
            let fault = if is_senders(error) { "Sender" } else { "Receiver" };
            answer.header("x-amzn-query-error", &format!("{};{fault}", self.query_code(error)));
        }
        answer
    }
}

fn is_senders(error: &ApiError) -> bool {
    error.fault == pontoon_core::Fault::Client
}
