//! The REST protocols: members travel in path, query, headers and body, the body being JSON (Lambda) or XML (S3).

mod reader;
mod writer;

use http::StatusCode;
use pontoon_core::ApiError;
use pontoon_core::shape::{Decoded, OperationSchema, Output, Protocol};

use super::json::write_message_and_detail;
use super::xml::writer::{Naming, close, open, write_element};
use super::{Answer, Failed, Source};
use crate::routing::Routed;
use writer::RestWriter;

/// Reads an input from wherever its members are.
///
/// # Errors
/// If a member is malformed or of a wrong type.
pub fn decode(routed: &Routed, source: &Source<'_>) -> Decoded {
    let mut reader = reader::RestReader::new(routed, source)?;
    (routed.operation.decode)(&mut reader)
}

/// Writes an output to status, headers and body.
#[must_use]
pub fn encode(protocol: Protocol, operation: &'static OperationSchema, output: &dyn Output) -> Answer {
    let mut writer = RestWriter::new(protocol, operation);
    output.encode(&mut writer);
    writer.finish()
}

/// Shapes an error of a REST service with JSON: the code in `x-amzn-errortype`, the message in the body, whose case varies. What else the error's shape has
/// (Lambda's `Type`, which some of its errors lack: recording `test_function_concurrency_limits`) is the service's to give.
#[must_use]
pub fn json_error(failed: &Failed<'_>, error: &ApiError) -> Answer {
    let mut members = Vec::with_capacity(256);
    write_message_and_detail(&mut members, failed.message_key(error), error);
    let members = members.strip_prefix(b",").unwrap_or(&members);
    let body = [b"{", members].concat();
    let mut answer = Answer::new(error.status, "application/json", body);
    answer.header("x-amzn-errortype", &error.code);
    answer
}

/// Shapes an error of S3: no wrapper, no namespace, and the resource named. Answers to HEAD and 304 have no body; the front sees to HEAD.
#[must_use]
pub fn xml_error(failed: &Failed<'_>, error: &ApiError) -> Answer {
    let code = failed.query_code(error);
    let mut body = Vec::with_capacity(512);
    if error.status != StatusCode::NOT_MODIFIED.as_u16() {
        body.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        open(&mut body, "Error");
        write_element(&mut body, "Code", code);
        write_element(&mut body, "Message", &error.message);
        if let Some(detail) = &error.detail {
            super::xml::write_members(&mut body, detail.as_ref(), Naming::Rest);
        }
        let (member, subject) = subject(code, failed.resource);
        write_element(&mut body, member, subject);
        write_element(&mut body, "RequestId", failed.request_id);
        write_element(&mut body, "HostId", failed.request_id);
        close(&mut body, "Error");
    }
    Answer::new(error.status, "application/xml", body)
}

/// What an error of S3's names: the bucket, where it is about one (recordings `test_bucketpolicy` and `test_cfn_handle_s3_notification_configuration`), else the
/// request's path.
fn subject<'r>(code: &str, path: &'r str) -> (&'static str, &'r str) {
    let of_bucket = code.contains("Bucket") || code == "NoSuchTagSet";
    let bucket = path.trim_start_matches('/').split('/').next().filter(|bucket| !bucket.is_empty());
    match bucket {
        Some(bucket) if of_bucket => ("BucketName", bucket),
        _ => ("Resource", path),
    }
}
