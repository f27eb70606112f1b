//! The query protocol: a form in, XML out.

pub mod form;
pub mod reader;

use pontoon_core::ApiError;
use pontoon_core::shape::{Decoded, OperationSchema, Output};

use super::xml::writer::{Naming, XmlWriter, close, open, write_element};
use super::{Answer, Failed, is_senders};
use form::Pair;
use reader::FormTree;

/// Reads an input from a form.
///
/// # Errors
/// If a value is of a wrong type or a map's entry lacks a half.
pub fn decode(operation: &'static OperationSchema, pairs: &[Pair<'_>]) -> Decoded {
    let tree = FormTree::new(pairs)?;
    (operation.decode)(&mut tree.reader())
}

/// The beginning of an answer; SQS alone declares that it is XML.
fn begin(service: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    if service == "sqs" {
        body.extend_from_slice(b"<?xml version=\"1.0\"?>");
    }
    body
}

/// Writes an output: `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`.
#[must_use]
pub fn encode(operation: &'static OperationSchema, output: &dyn Output, request_id: &str) -> Answer {
    let mut body = begin(operation.service.id);
    let response = format!("{}Response", operation.name);
    open(&mut body, &format!("{response} xmlns=\"{}\"", operation.service.xml_namespace));
    if let Some(wrapper) = operation.result_wrapper {
        output.encode(&mut XmlWriter::new(&mut body, wrapper, Naming::Query));
    }
    open(&mut body, "ResponseMetadata");
    write_element(&mut body, "RequestId", request_id);
    close(&mut body, "ResponseMetadata");
    close(&mut body, &response);
    Answer::new(operation.status, "text/xml", body)
}

/// Shapes an error: `<ErrorResponse><Error><Type>…`.
#[must_use]
pub fn error(failed: &Failed<'_>, error: &ApiError) -> Answer {
    let service = failed.service.map_or("", |service| service.id);
    let mut body = begin(service);
    let namespace = failed.service.map_or("", |service| service.xml_namespace);
    open(&mut body, &format!("ErrorResponse xmlns=\"{namespace}\""));
    open(&mut body, "Error");
    write_element(&mut body, "Type", if is_senders(error) { "Sender" } else { "Receiver" });
    write_element(&mut body, "Code", failed.query_code(error));
    // CloudWatch has errors without a message (recorded: `set_alarm_invalid_input`).
    let message = error.query_message.unwrap_or(&error.message);
    if !message.is_empty() {
        write_element(&mut body, "Message", message);
    }
    if let Some(detail) = &error.detail {
        super::xml::write_members(&mut body, detail.as_ref(), Naming::Query);
    }
    if service == "sqs" {
        body.extend_from_slice(b"<Detail/>");
    }
    close(&mut body, "Error");
    write_element(&mut body, "RequestId", failed.request_id);
    close(&mut body, "ErrorResponse");
    let status = failed.declared(&error.code).map_or(error.status, |declared| declared.status);
    Answer::new(status, "text/xml", body)
}
