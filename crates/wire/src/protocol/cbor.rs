//! Smithy RPC v2 with CBOR: service and operation in the path, one CBOR map in the body.

pub mod reader;
pub mod writer;

use pontoon_core::ApiError;
use pontoon_core::shape::{Decoded, OperationSchema, Output};

use super::{Answer, Failed};
use reader::CborReader;
use writer::{CborWriter, write_text};

/// Reads an input from a body; an empty one is an input without members.
///
/// # Errors
/// If the body is not CBOR, or a member is of a wrong type.
pub fn decode(operation: &'static OperationSchema, body: &[u8]) -> Decoded {
    const EMPTY_MAP: &[u8] = &[0xa0];
    let mut reader = CborReader::new(if body.is_empty() { EMPTY_MAP } else { body });
    let decoded = (operation.decode)(&mut reader)?;
    reader.finish()?;
    Ok(decoded)
}

fn answer(status: u16, body: Vec<u8>) -> Answer {
    let mut answer = Answer::new(status, "application/cbor", body);
    answer.header("smithy-protocol", "rpc-v2-cbor");
    answer
}

/// Writes an output.
#[must_use]
pub fn encode(operation: &'static OperationSchema, output: &dyn Output) -> Answer {
    let mut body = Vec::with_capacity(512);
    output.encode(&mut CborWriter::new(&mut body));
    answer(operation.status, body)
}

/// Shapes an error: a map with `__type`, named as in JSON, and `message` unless that is empty.
#[must_use]
pub fn error(failed: &Failed<'_>, error: &ApiError) -> Answer {
    let mut body = vec![writer::MAP_START];
    write_text(&mut body, "__type");
    write_text(&mut body, &super::json::error_type(failed, error));
    if !error.message.is_empty() {
        write_text(&mut body, "message");
        write_text(&mut body, &error.message);
    }
    if let Some(detail) = &error.detail {
        let mut members = Vec::new();
        detail.encode(&mut CborWriter::new(&mut members));
        // Structures are written with indefinite length: their members stand between two bytes.
        if let Some(inner) = members.get(1..members.len().saturating_sub(1)) {
            body.extend_from_slice(inner);
        }
    }
    body.push(writer::BREAK);
    answer(error.status, body)
}
