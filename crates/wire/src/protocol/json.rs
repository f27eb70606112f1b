//! AWS JSON 1.0 and 1.1: the operation in `X-Amz-Target`, everything else in the body.

pub mod reader;
pub mod writer;

use pontoon_core::ApiError;
use pontoon_core::shape::{Decoded, OperationSchema, Output, Protocol};

use super::{Answer, Failed};
use reader::JsonReader;
use writer::{JsonWriter, write_string};

/// Reads an input from a body.
///
/// # Errors
/// If the body is not JSON, or a member is of a wrong type.
pub fn decode(operation: &'static OperationSchema, body: &[u8]) -> Decoded {
    let mut reader = JsonReader::new(body)?.of_package(operation.service.error_prefix);
    let decoded = (operation.decode)(&mut reader)?;
    reader.finish()?;
    Ok(decoded)
}

fn content_type(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Json11 { "application/x-amz-json-1.1" } else { "application/x-amz-json-1.0" }
}

/// Writes an output.
#[must_use]
pub fn encode(protocol: Protocol, operation: &'static OperationSchema, output: &dyn Output) -> Answer {
    let mut body = Vec::with_capacity(512);
    output.encode(&mut JsonWriter::new(&mut body));
    let mut answer = Answer::new(operation.status, content_type(protocol), body);
    if operation.service.id == "dynamodb" {
        add_crc32(&mut answer);
    }
    answer
}

/// DynamoDB's checksum of the body, which its SDKs verify.
fn add_crc32(answer: &mut Answer) {
    let checksum = crc32fast::hash(&answer.body);
    answer.header("x-amz-crc32", &checksum.to_string());
}

/// Shapes an error: code in `__type`, and the message under `message`.
#[must_use]
pub fn error(failed: &Failed<'_>, error: &ApiError) -> Answer {
    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(b"{\"__type\":");
    write_string(&mut body, &error_type(failed, error));
    write_message_and_detail(&mut body, failed.message_key(error), error);
    let mut answer = Answer::new(error.status, content_type(failed.protocol), body);
    if failed.is_dynamodb() {
        add_crc32(&mut answer);
    }
    answer
}

/// Appends the message and the further members of the error to an object that is open and not empty, and closes it.
pub(super) fn write_message_and_detail(body: &mut Vec<u8>, message_key: &str, error: &ApiError) {
    if !error.message.is_empty() {
        body.extend_from_slice(b",\"");
        body.extend_from_slice(message_key.as_bytes());
        body.extend_from_slice(b"\":");
        write_string(body, &error.message);
    }
    if let Some(detail) = &error.detail {
        let mut members = Vec::new();
        detail.encode(&mut JsonWriter::new(&mut members));
        if let Some(inner) =
            members.strip_prefix(b"{").and_then(|m| m.strip_suffix(b"}")).filter(|m| !m.is_empty())
        {
            body.push(b',');
            body.extend_from_slice(inner);
        }
    }
    body.push(b'}');
}

/// `com.amazonaws.sqs#QueueDoesNotExist`: errors that the service does not declare come from the framework it is built on, whose prefix they have.
pub(super) fn error_type(failed: &Failed<'_>, error: &ApiError) -> String {
    let prefix = failed.service.map_or("com.amazon.coral.service", |service| service.error_prefix);
    let code = &error.code;
    if prefix.is_empty() {
        return code.to_string();
    }
    if failed.declared(code).is_some() {
        return format!("{prefix}#{code}");
    }
    match code.as_ref() {
        "ValidationException" => format!("com.amazon.coral.validate#{code}"),
        _ => format!("com.amazon.coral.service#{code}"),
    }
}
