//! Writes an output to status, headers and body.

use http::{HeaderName, HeaderValue};
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    Encode, Fill, FillEntries, ListSchema, Location, MapSchema, Member, OperationSchema, Protocol,
    StructSchema, StructWriter, TimestampFormat, Writer,
};

use crate::protocol::Answer;
use crate::protocol::json::writer::JsonWriter;
use crate::protocol::scalar::ScalarWriter;
use crate::protocol::xml::writer::{Naming, XmlWriter, close, open};

/// Takes an output structure apart.
pub(super) struct RestWriter {
    protocol: Protocol,
    operation: &'static OperationSchema,
    answer: Answer,
    /// Whether a body document is open, with a member in it or not.
    members_written: bool,
}

impl RestWriter {
    pub(super) fn new(protocol: Protocol, operation: &'static OperationSchema) -> Self {
        let content_type = if protocol == Protocol::RestXml { "application/xml" } else { "application/json" };
        let answer = Answer::new(operation.status, content_type, Vec::new());
        Self { protocol, operation, answer, members_written: false }
    }

    pub(super) fn finish(self) -> Answer {
        self.answer
    }

    fn header(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        // Values may hold any UTF-8 (`x-amz-meta-…`), which HTTP carries as opaque bytes.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            self.answer.headers.insert(name, value);
        }
    }

    fn scalar(value: &dyn Encode) -> ScalarWriter {
        let mut scalar = ScalarWriter { in_header: true, ..ScalarWriter::default() };
        value.encode(&mut scalar);
        scalar
    }

    fn member(&mut self, member: &'static Member, value: &dyn Encode) {
        match member.location {
            Location::Header => {
                let text = Self::scalar(value).joined();
                self.header(member.wire, &text);
                // Only an answer with a part of what it is about says which part (RFC 9110); the model leaves the status out.
                if member.wire.eq_ignore_ascii_case("content-range") {
                    self.answer.status = http::StatusCode::PARTIAL_CONTENT;
                }
            }
            Location::Headers => {
                for (name, text) in Self::scalar(value).entries {
                    self.header(&format!("{}{name}", member.wire), &text);
                }
            }
            Location::Status => {
                let status = Self::scalar(value).joined().parse().ok();
                if let Some(status) = status.and_then(|status: u16| http::StatusCode::from_u16(status).ok()) {
                    self.answer.status = status;
                }
            }
            Location::Payload => self.payload(member, value),
            // In an output only the locations of answers mean anything; beside a payload there is no other body.
            Location::Body | Location::Query | Location::Path if self.operation.output.payload.is_none() => {
                self.body_member(member, value);
            }
            Location::Body | Location::Query | Location::Path => {}
        }
    }

    fn payload(&mut self, member: &'static Member, value: &dyn Encode) {
        let mut payload = PayloadWriter {
            protocol: self.protocol,
            root: member.wire,
            namespace: self.operation.service.xml_namespace,
            out: &mut self.answer.body,
            is_raw: false,
        };
        value.encode(&mut payload);
        if payload.is_raw {
            // The payload's type is its own to say (Lambda's functions answer with whatever they like); without one it is bytes.
            self.answer
                .headers
                .entry(http::header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("binary/octet-stream"));
        }
    }

    fn body_member(&mut self, member: &'static Member, value: &dyn Encode) {
        let first = !std::mem::replace(&mut self.members_written, true);
        let out = &mut self.answer.body;
        if self.protocol == Protocol::RestXml {
            value.encode(&mut XmlWriter::new(out, member.wire, Naming::Rest));
            return;
        }
        if !first {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(member.wire.as_bytes());
        out.extend_from_slice(b"\":");
        value.encode(&mut JsonWriter::new(out));
    }

    fn has_body(&self, schema: &StructSchema) -> bool {
        schema.payload.is_none() && schema.members.iter().any(|member| member.location == Location::Body)
    }
}

impl Writer for RestWriter {
    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        let has_body = self.has_body(schema);
        if has_body && self.protocol == Protocol::RestXml {
            let root = self.operation.result_wrapper.unwrap_or(self.operation.output.name);
            let namespace = self.operation.service.xml_namespace;
            begin_document(&mut self.answer.body, root, namespace);
            // GetBucketLocation alone wraps its one member in nothing but itself.
            if self.operation.name == "GetBucketLocation" {
                let text = &mut ScalarWriter::default();
                fill(&mut Sink(text));
                let text = std::mem::take(text).joined();
                crate::protocol::xml::writer::write_escaped(&mut self.answer.body, &text);
            } else {
                fill(&mut Members { writer: self, schema });
            }
            close(&mut self.answer.body, root);
        } else if has_body {
            self.answer.body.push(b'{');
            fill(&mut Members { writer: self, schema });
            self.answer.body.push(b'}');
        } else {
            self.answer.headers.remove(http::header::CONTENT_TYPE);
            fill(&mut Members { writer: self, schema });
            let structured = matches!(self.answer.body.first(), Some(b'{' | b'<'));
            if structured
                && schema.payload.is_some()
                && !self.answer.headers.contains_key(http::header::CONTENT_TYPE)
            {
                let content_type =
                    if self.protocol == Protocol::RestXml { "application/xml" } else { "application/json" };
                self.answer
                    .headers
                    .insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            }
        }
    }

    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn integer(&mut self, _: i64) {}
    fn double(&mut self, _: f64) {}
    fn string(&mut self, _: &str) {}
    fn blob(&mut self, _: &[u8]) {}
    fn timestamp(&mut self, _: Timestamp, _: TimestampFormat) {}
    fn list(&mut self, _: &'static ListSchema, _: bool, _: usize, _: &mut Fill<'_>) {}
    fn map(&mut self, _: &'static MapSchema, _: bool, _: usize, _: &mut FillEntries<'_>) {}
    fn document(&mut self, _: &serde_json::Value) {}
}

fn begin_document(out: &mut Vec<u8>, root: &str, namespace: &str) {
    out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    open(out, &format!("{root} xmlns=\"{namespace}\""));
}

struct Members<'w> {
    writer: &'w mut RestWriter,
    schema: &'static StructSchema,
}

impl StructWriter for Members<'_> {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        self.writer.member(&self.schema.members[index], value);
    }
}

/// Writes every member as bare text.
struct Sink<'s>(&'s mut ScalarWriter);

impl StructWriter for Sink<'_> {
    fn member(&mut self, _: usize, value: &dyn Encode) {
        value.encode(self.0);
    }
}

/// Writes the payload: bytes and text as they are, anything else as a document.
struct PayloadWriter<'o> {
    protocol: Protocol,
    root: &'static str,
    namespace: &'static str,
    out: &'o mut Vec<u8>,
    is_raw: bool,
}

impl PayloadWriter<'_> {
    fn document_of(&mut self, write: impl FnOnce(&mut dyn Writer)) {
        if self.protocol != Protocol::RestXml {
            return write(&mut JsonWriter::new(self.out));
        }
        self.out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let start = self.out.len();
        write(&mut XmlWriter::new(self.out, self.root, Naming::Rest));
        // The namespace stands behind the name of the element that was just opened.
        let at = start + 1 + self.root.len();
        self.out.splice(at..at, format!(" xmlns=\"{}\"", self.namespace).into_bytes());
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.is_raw = true;
    }
}

impl Writer for PayloadWriter<'_> {
    fn string(&mut self, value: &str) {
        self.raw(value.as_bytes());
    }

    fn blob(&mut self, value: &[u8]) {
        self.raw(value);
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        self.document_of(|writer| writer.structure(schema, fill));
    }

    fn list(&mut self, schema: &'static ListSchema, flattened: bool, len: usize, fill: &mut Fill<'_>) {
        self.document_of(|writer| writer.list(schema, flattened, len, fill));
    }

    fn map(&mut self, schema: &'static MapSchema, flattened: bool, len: usize, fill: &mut FillEntries<'_>) {
        self.document_of(|writer| writer.map(schema, flattened, len, fill));
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.document_of(|writer| writer.document(value));
    }

    fn null(&mut self) {}

    fn bool(&mut self, value: bool) {
        self.document_of(|writer| writer.bool(value));
    }

    fn integer(&mut self, value: i64) {
        self.document_of(|writer| writer.integer(value));
    }

    fn double(&mut self, value: f64) {
        self.document_of(|writer| writer.double(value));
    }

    fn timestamp(&mut self, value: Timestamp, format: TimestampFormat) {
        self.document_of(|writer| writer.timestamp(value, format));
    }
}
