//! Writes the generated types as XML, for the query protocol's answers and for S3.

use pontoon_core::Timestamp;
use pontoon_core::shape::{
    Encode, Fill, FillEntries, ListSchema, MapSchema, Member, StructSchema, StructWriter, TimestampFormat,
    Writer,
};

use crate::protocol::text;

/// Which of a member's names its element carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The query protocol's, which differ from the wire's where a service moved to JSON (SQS).
    Query,
    /// The wire's.
    Rest,
}

impl Naming {
    /// The name of `member`'s element or form key.
    #[must_use]
    pub fn of(self, member: &Member) -> &'static str {
        if self == Self::Query && !member.query.is_empty() { member.query } else { member.wire }
    }

    /// The name that each element of a flattened list carries, given the list's own: the element's name, if the model gives it one.
    #[must_use]
    pub fn of_flattened(self, list: &'static str, element: &Member) -> &'static str {
        let name = self.of(element);
        if name == "member" { list } else { name }
    }
}

/// Appends values as elements. Each call of [`Writer`] writes one whole element of the name that is due.
#[derive(Debug)]
pub struct XmlWriter<'o> {
    out: &'o mut Vec<u8>,
    name: &'static str,
    naming: Naming,
}

impl<'o> XmlWriter<'o> {
    /// A writer whose next value becomes an element `name` at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>, name: &'static str, naming: Naming) -> Self {
        Self { out, name, naming }
    }

    fn element(&mut self, content: impl FnOnce(&mut Vec<u8>)) {
        open(self.out, self.name);
        content(self.out);
        close(self.out, self.name);
    }
}

/// Appends `<name>`.
pub fn open(out: &mut Vec<u8>, name: &str) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// Appends `</name>`.
pub fn close(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"</");
    // A name may bring attributes along (`Grantee xmlns:xsi="…"`).
    out.extend_from_slice(name.split(' ').next().unwrap_or(name).as_bytes());
    out.push(b'>');
}

/// Appends `<name>value</name>`, the value escaped.
pub fn write_element(out: &mut Vec<u8>, name: &str, value: &str) {
    open(out, name);
    write_escaped(out, value);
    close(out, name);
}

/// Appends text with the characters that mean something in XML escaped; carriage returns, which a parser would turn into line feeds, and
/// characters that XML has not as references, as AWS sends them.
pub fn write_escaped(out: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    let mut plain_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let reference: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\r' => b"&#xD;",
            b'\t' | b'\n' | 0x20.. => continue,
            _ => &[],
        };
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1;
        if reference.is_empty() {
            out.extend_from_slice(format!("&#x{byte:X};").as_bytes());
        } else {
            out.extend_from_slice(reference);
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

impl Writer for XmlWriter<'_> {
    fn null(&mut self) {
        self.element(|_| {});
    }

    fn bool(&mut self, value: bool) {
        self.element(|out| out.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    fn integer(&mut self, value: i64) {
        self.element(|out| text::push_integer(out, value));
    }

    fn double(&mut self, value: f64) {
        self.element(|out| {
            if value.is_finite() {
                text::push_double(out, value);
            } else {
                out.extend_from_slice(text::not_finite_name(value).as_bytes());
            }
        });
    }

    fn string(&mut self, value: &str) {
        self.element(|out| write_escaped(out, value));
    }

    fn blob(&mut self, value: &[u8]) {
        self.element(|out| text::push_base64(out, value));
    }

    fn timestamp(&mut self, value: Timestamp, format: TimestampFormat) {
        // S3 always gives milliseconds (`2009-10-12T17:50:30.000Z`), the query services only where there are some.
        let spelled = match (self.naming, format) {
            (Naming::Rest, TimestampFormat::Default | TimestampFormat::DateTime) => value.iso_millis(),
            _ => text::timestamp_text(value, format),
        };
        self.element(|out| out.extend_from_slice(spelled.as_bytes()));
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        self.out.push(b'<');
        self.out.extend_from_slice(self.name.as_bytes());
        if schema.members.iter().any(|member| member.xml_attribute) {
            fill(&mut Attributes { out: self.out, schema, naming: self.naming });
        }
        self.out.push(b'>');
        fill(&mut Fields { out: self.out, schema, naming: self.naming });
        close(self.out, self.name);
    }

    fn list(&mut self, schema: &'static ListSchema, flattened: bool, _: usize, fill: &mut Fill<'_>) {
        let naming = self.naming;
        if flattened {
            let name = naming.of_flattened(self.name, &schema.member);
            fill(&mut |value| value.encode(&mut XmlWriter::new(self.out, name, naming)));
        } else {
            let name = naming.of(&schema.member);
            self.element(|out| fill(&mut |value| value.encode(&mut XmlWriter::new(out, name, naming))));
        }
    }

    fn map(&mut self, schema: &'static MapSchema, flattened: bool, _: usize, fill: &mut FillEntries<'_>) {
        let (naming, entry) = (self.naming, if flattened { self.name } else { "entry" });
        let mut entries = |out: &mut Vec<u8>| {
            fill(&mut |key, value| {
                open(out, entry);
                write_element(out, naming.of(&schema.key), key);
                value.encode(&mut XmlWriter::new(out, naming.of(&schema.value), naming));
                close(out, entry);
            });
        };
        if flattened {
            entries(self.out);
        } else {
            self.element(entries);
        }
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.element(|out| write_escaped(out, &value.to_string()));
    }
}

/// Appends a structure's members as elements.
pub(crate) struct Fields<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    pub(crate) schema: &'static StructSchema,
    pub(crate) naming: Naming,
}

impl StructWriter for Fields<'_> {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        let member = &self.schema.members[index];
        if !member.xml_attribute {
            value.encode(&mut XmlWriter::new(self.out, self.naming.of(member), self.naming));
        }
    }
}

/// Appends those of a structure's members that are attributes of its element.
struct Attributes<'o> {
    out: &'o mut Vec<u8>,
    schema: &'static StructSchema,
    naming: Naming,
}

impl StructWriter for Attributes<'_> {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        let member = &self.schema.members[index];
        if !member.xml_attribute {
            return;
        }
        let name = self.naming.of(member);
        if name.starts_with("xsi:") {
            self.out.extend_from_slice(b" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
        }
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        let mut text = crate::protocol::scalar::ScalarWriter::default();
        value.encode(&mut text);
        write_escaped(self.out, &text.joined());
        self.out.push(b'"');
    }
}
