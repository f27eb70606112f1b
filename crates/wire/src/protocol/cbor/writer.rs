//! Writes the generated types as CBOR (RFC 8949), as Smithy RPC v2 wants it.

use pontoon_core::Timestamp;
use pontoon_core::shape::{
    Encode, Fill, FillEntries, ListSchema, MapSchema, StructSchema, StructWriter, TimestampFormat, Writer,
};

/// Begins a map of indefinite length.
pub const MAP_START: u8 = 0xbf;
/// Ends anything of indefinite length.
pub const BREAK: u8 = 0xff;

const UNSIGNED: u8 = 0 << 5;
const NEGATIVE: u8 = 1 << 5;
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;
const TAG: u8 = 6 << 5;

/// Appends CBOR items to a buffer.
#[derive(Debug)]
pub struct CborWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> CborWriter<'o> {
    /// A writer that appends to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }
}

/// Appends an item's head: its major type and its argument in the fewest bytes.
fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends a text string.
pub fn write_text(out: &mut Vec<u8>, value: &str) {
    write_head(out, TEXT, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

fn write_double(out: &mut Vec<u8>, value: f64) {
    out.push(0xfb);
    out.extend_from_slice(&value.to_be_bytes());
}

impl Writer for CborWriter<'_> {
    fn null(&mut self) {
        self.out.push(0xf6);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(if value { 0xf5 } else { 0xf4 });
    }

    fn integer(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => write_head(self.out, UNSIGNED, value),
            Err(_) => write_head(self.out, NEGATIVE, value.unsigned_abs() - 1),
        }
    }

    fn double(&mut self, value: f64) {
        write_double(self.out, value);
    }

    fn string(&mut self, value: &str) {
        write_text(self.out, value);
    }

    fn blob(&mut self, value: &[u8]) {
        write_head(self.out, BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    fn timestamp(&mut self, value: Timestamp, _: TimestampFormat) {
        // Every instant is epoch seconds here, whatever format the model names for other protocols.
        write_head(self.out, TAG, 1);
        if value.millis() % 1000 == 0 {
            self.integer(value.secs());
        } else {
            write_double(self.out, value.secs_f64());
        }
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        self.out.push(MAP_START);
        fill(&mut Fields { out: self.out, schema });
        self.out.push(BREAK);
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, len: usize, fill: &mut Fill<'_>) {
        write_head(self.out, ARRAY, len as u64);
        fill(&mut |value| value.encode(self));
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, len: usize, fill: &mut FillEntries<'_>) {
        write_head(self.out, MAP, len as u64);
        fill(&mut |key, value| {
            write_text(self.out, key);
            value.encode(self);
        });
    }

    fn document(&mut self, value: &serde_json::Value) {
        match value {
            serde_json::Value::Null => self.null(),
            serde_json::Value::Bool(value) => self.bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => self.integer(value),
                None => self.double(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(value) => self.string(value),
            serde_json::Value::Array(values) => {
                write_head(self.out, ARRAY, values.len() as u64);
                values.iter().for_each(|value| self.document(value));
            }
            serde_json::Value::Object(entries) => {
                write_head(self.out, MAP, entries.len() as u64);
                for (key, value) in entries {
                    write_text(self.out, key);
                    self.document(value);
                }
            }
        }
    }
}

struct Fields<'o> {
    out: &'o mut Vec<u8>,
    schema: &'static StructSchema,
}

impl StructWriter for Fields<'_> {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        write_text(self.out, self.schema.members[index].wire);
        value.encode(&mut CborWriter::new(self.out));
    }
}
