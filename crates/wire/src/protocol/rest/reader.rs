//! Reads an input from path, query, headers and body.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, Location, MapSchema, Member, Protocol, Reader, StructSchema,
    TimestampFormat, Visit,
};

use crate::protocol::Source;
use crate::protocol::json::reader::JsonReader;
use crate::protocol::query::form::{self, Pair};
use crate::protocol::scalar::ScalarReader;
use crate::protocol::xml::reader::XmlTree;
use crate::protocol::xml::writer::Naming;
use crate::routing::Routed;

/// Reads the input structure as a whole.
#[derive(Debug)]
pub(super) struct RestReader<'r> {
    protocol: Protocol,
    labels: &'r [(&'static str, String)],
    headers: &'r HeaderMap,
    query: Vec<Pair<'r>>,
    body: &'r Bytes,
}

fn not_a_structure() -> DecodeError {
    DecodeError::new("Unexpected value type in payload")
}

impl<'r> RestReader<'r> {
    pub(super) fn new(routed: &'r Routed, source: &Source<'r>) -> Result<Self, DecodeError> {
        let query = form::parse(source.head.uri.query().unwrap_or_default().as_bytes())
            .map_err(|_| DecodeError::new("Couldn't parse the specified URI."))?;
        Ok(Self {
            protocol: routed.protocol,
            labels: &routed.labels,
            headers: &source.head.headers,
            query,
            body: source.body,
        })
    }

    /// The texts of a member outside the body; none if it is absent.
    fn texts(&self, member: &Member) -> Result<Vec<Cow<'_, str>>, DecodeError> {
        Ok(match member.location {
            Location::Path => {
                let label = self.labels.iter().find(|(name, _)| *name == member.wire);
                label.map(|(_, value)| Cow::Borrowed(value.as_str())).into_iter().collect()
            }
            Location::Query => {
                let named = self.query.iter().filter(|(name, _)| name == member.wire);
                named.map(|(_, value)| Cow::Borrowed(value.as_ref())).collect()
            }
            Location::Header => {
                let values = self.headers.get_all(member.wire).iter();
                values.map(|value| header_text(value.as_bytes())).collect::<Result<_, _>>()?
            }
            _ => Vec::new(),
        })
    }

    /// The headers that begin with the member's wire name, by the rest of theirs.
    fn prefixed(&self, member: &Member) -> Result<BTreeMap<String, String>, DecodeError> {
        let prefix = member.wire.to_ascii_lowercase();
        let mut found = BTreeMap::new();
        for (name, value) in self.headers {
            if let Some(rest) = name.as_str().strip_prefix(&prefix) {
                found.insert(rest.to_owned(), header_text(value.as_bytes())?.into_owned());
            }
        }
        Ok(found)
    }

    fn read_body(&self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        if self.protocol == Protocol::RestXml {
            let tree = XmlTree::parse(self.body)?;
            return tree.reader(Naming::Rest).structure_in(schema, Some(Location::Body), visit);
        }
        let mut reader = JsonReader::new(self.body)?;
        reader.structure_in(schema, Some(Location::Body), visit)?;
        reader.finish()
    }
}

/// A header's value as text: UTF-8 if it is that, and otherwise Latin-1, which is what HTTP once said.
fn header_text(value: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    Ok(match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.iter().map(|byte| char::from(*byte)).collect()),
    })
}

impl Reader for RestReader<'_> {
    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        for (index, member) in schema.members.iter().enumerate() {
            match member.location {
                Location::Headers => {
                    let entries = self.prefixed(member)?;
                    if !entries.is_empty() {
                        visit(index, &mut HeadersReader(entries))?;
                    }
                }
                Location::Payload => {
                    if !self.body.is_empty() {
                        visit(index, &mut PayloadReader { protocol: self.protocol, body: self.body })?;
                    }
                }
                Location::Body | Location::Status => {}
                Location::Path | Location::Query | Location::Header => {
                    let texts = self.texts(member)?;
                    if texts.is_empty() {
                        continue;
                    }
                    let mut reader = match member.location {
                        Location::Header => ScalarReader::of_header(texts),
                        _ => ScalarReader::new(texts, TimestampFormat::Default),
                    };
                    visit(index, &mut reader)?;
                }
            }
        }
        if schema.members.iter().any(|member| member.location == Location::Body) {
            self.read_body(schema, visit)?;
        }
        Ok(())
    }

    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        Err(not_a_structure())
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        Err(not_a_structure())
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        Err(not_a_structure())
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        Err(not_a_structure())
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        Err(not_a_structure())
    }

    fn timestamp(&mut self, _: TimestampFormat) -> Result<Timestamp, DecodeError> {
        Err(not_a_structure())
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, _: &mut Each<'_>) -> Result<(), DecodeError> {
        Err(not_a_structure())
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, _: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        Err(not_a_structure())
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        Err(not_a_structure())
    }
}

/// Reads the payload: as it is where bytes or text are wanted, and otherwise as a document of the protocol.
struct PayloadReader<'r> {
    protocol: Protocol,
    body: &'r Bytes,
}

impl PayloadReader<'_> {
    fn in_document<T>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.protocol == Protocol::RestXml {
            let tree = XmlTree::parse(self.body)?;
            return read(&mut tree.reader(Naming::Rest));
        }
        let mut reader = JsonReader::new(self.body)?;
        let value = read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

impl Reader for PayloadReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.in_document(|reader| reader.bool())
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.in_document(|reader| reader.integer())
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.in_document(|reader| reader.double())
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        String::from_utf8(self.body.to_vec()).map_err(|_| DecodeError::new("The body is not UTF-8."))
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        Ok(self.body.clone())
    }

    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        self.in_document(|reader| reader.timestamp(format))
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        self.in_document(|reader| reader.structure(schema, visit))
    }

    fn list(
        &mut self,
        schema: &'static ListSchema,
        flat: bool,
        each: &mut Each<'_>,
    ) -> Result<(), DecodeError> {
        self.in_document(|reader| reader.list(schema, flat, each))
    }

    fn map(
        &mut self,
        schema: &'static MapSchema,
        flat: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        self.in_document(|reader| reader.map(schema, flat, each))
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        self.in_document(|reader| reader.document())
    }
}

/// Reads a map of headers (`x-amz-meta-…`).
struct HeadersReader(BTreeMap<String, String>);

impl Reader for HeadersReader {
    fn map(&mut self, _: &'static MapSchema, _: bool, each: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        for (name, value) in std::mem::take(&mut self.0) {
            each(name, &mut ScalarReader::new(vec![Cow::Owned(value)], TimestampFormat::HttpDate))?;
        }
        Ok(())
    }

    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        Err(not_a_structure())
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        Err(not_a_structure())
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        Err(not_a_structure())
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        Err(not_a_structure())
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        Err(not_a_structure())
    }

    fn timestamp(&mut self, _: TimestampFormat) -> Result<Timestamp, DecodeError> {
        Err(not_a_structure())
    }

    fn structure(&mut self, _: &'static StructSchema, _: &mut Visit<'_>) -> Result<(), DecodeError> {
        Err(not_a_structure())
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, _: &mut Each<'_>) -> Result<(), DecodeError> {
        Err(not_a_structure())
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        Err(not_a_structure())
    }
}
