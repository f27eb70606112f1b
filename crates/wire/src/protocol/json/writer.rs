//! Writes the generated types as JSON into one buffer.

use std::io::Write as _;

use pontoon_core::Timestamp;
use pontoon_core::shape::{
    Encode, Fill, FillEntries, ListSchema, MapSchema, StructSchema, StructWriter, TimestampFormat, Writer,
};

use crate::protocol::text;

/// Appends JSON values to a buffer.
#[derive(Debug)]
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> JsonWriter<'o> {
    /// A writer that appends to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }
}

/// Appends `value` as a JSON string, quotes included.
pub fn write_string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let mut rest = value.as_bytes();
    loop {
        let (plain, special) = rest.split_at(text::plain_json_len(rest));
        out.extend_from_slice(plain);
        let [first, after @ ..] = special else { break };
        write_escape(out, *first);
        rest = after;
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

impl Writer for JsonWriter<'_> {
    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    fn bool(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn integer(&mut self, value: i64) {
        text::push_integer(self.out, value);
    }

    fn double(&mut self, value: f64) {
        if value.is_finite() {
            text::push_double(self.out, value);
        } else {
            write_string(self.out, text::not_finite_name(value));
        }
    }

    fn string(&mut self, value: &str) {
        write_string(self.out, value);
    }

    fn blob(&mut self, value: &[u8]) {
        self.out.push(b'"');
        text::push_base64(self.out, value);
        self.out.push(b'"');
    }

    fn timestamp(&mut self, value: Timestamp, format: TimestampFormat) {
        match format {
            TimestampFormat::Default | TimestampFormat::EpochSeconds => {
                text::push_epoch_secs(self.out, value)
            }
            TimestampFormat::DateTime | TimestampFormat::HttpDate => {
                write_string(self.out, &text::timestamp_text(value, format));
            }
        }
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        self.out.push(b'{');
        fill(&mut Fields { out: self.out, schema, first: true });
        self.out.push(b'}');
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, _: usize, fill: &mut Fill<'_>) {
        self.out.push(b'[');
        let mut first = true;
        fill(&mut |value| {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            value.encode(self);
        });
        self.out.push(b']');
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, _: usize, fill: &mut FillEntries<'_>) {
        self.out.push(b'{');
        let mut first = true;
        fill(&mut |key, value| {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            write_string(self.out, key);
            self.out.push(b':');
            value.encode(self);
        });
        self.out.push(b'}');
    }

    fn document(&mut self, value: &serde_json::Value) {
        // A Vec takes every write and a Value has string keys only, so there is nothing to fail.
        let written = write!(self.out, "{value}");
        debug_assert!(written.is_ok());
    }
}

/// Appends a structure's members, each as `"name":value` behind a comma where one is due.
pub(crate) struct Fields<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    pub(crate) schema: &'static StructSchema,
    pub(crate) first: bool,
}

impl StructWriter for Fields<'_> {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        // Wire names are letters, digits and dashes: nothing to escape.
        self.out.push(b'"');
        self.out.extend_from_slice(self.schema.members[index].wire.as_bytes());
        self.out.extend_from_slice(b"\":");
        value.encode(&mut JsonWriter::new(self.out));
    }
}
