//! Reads the generated types from CBOR (RFC 8949): definite and indefinite lengths, floats of every width, instants under tag 1.

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, MapSchema, Reader, StructSchema, TimestampFormat, Visit,
};

use crate::protocol::text;

/// How deep items may stand in each other.
const DEPTH_MAX: u32 = 128;

const BREAK: u8 = 0xff;
const TAG_EPOCH: u64 = 1;

/// A cursor over CBOR items.
#[derive(Debug)]
pub struct CborReader<'b> {
    rest: &'b [u8],
    depth: u32,
}

/// An item's head, decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Head {
    Unsigned(u64),
    /// The value is `-1 - n`.
    Negative(u64),
    /// `None` for indefinite length, in these four.
    Bytes(Option<u64>),
    Text(Option<u64>),
    Array(Option<u64>),
    Map(Option<u64>),
    Tag(u64),
    Bool(bool),
    Null,
    Float(f64),
    Break,
}

fn malformed() -> DecodeError {
    DecodeError::new("The request body is not valid CBOR.")
}

fn wrong(wanted: &str) -> DecodeError {
    DecodeError::new(format!("The request body holds a value of another type where {wanted} is expected."))
}

impl<'b> CborReader<'b> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// Checks that nothing follows the item that was read.
    ///
    /// # Errors
    /// If something does.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed()) }
    }

    fn take(&mut self, len: u64) -> Result<&'b [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| malformed())?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian unsigned number of `len` bytes, at most eight.
    fn number(&mut self, len: u64) -> Result<u64, DecodeError> {
        Ok(self.take(len)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn head(&mut self) -> Result<Head, DecodeError> {
        let first = self.number(1)? as u8;
        let (major, low) = (first >> 5, first & 31);
        if major == 7 {
            return self.simple(low);
        }
        let argument = match low {
            0..=23 => Some(u64::from(low)),
            24..=27 => Some(self.number(1 << (low - 24))?),
            31 => None,
            _ => return Err(malformed()),
        };
        Ok(match (major, argument) {
            (0, Some(n)) => Head::Unsigned(n),
            (1, Some(n)) => Head::Negative(n),
            (2, len) => Head::Bytes(len),
            (3, len) => Head::Text(len),
            (4, len) => Head::Array(len),
            (5, len) => Head::Map(len),
            (6, Some(tag)) => Head::Tag(tag),
            _ => return Err(malformed()),
        })
    }

    fn simple(&mut self, low: u8) -> Result<Head, DecodeError> {
        Ok(match low {
            20 => Head::Bool(false),
            21 => Head::Bool(true),
            22 | 23 => Head::Null,
            25 => Head::Float(half(self.number(2)? as u16)),
            26 => Head::Float(f64::from(f32::from_bits(self.number(4)? as u32))),
            27 => Head::Float(f64::from_bits(self.number(8)?)),
            31 => Head::Break,
            _ => return Err(malformed()),
        })
    }

    fn descend(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(malformed()) } else { Ok(()) }
    }

    /// Calls `each` at every item of an array or entry of a map whose head has been read.
    fn items(
        &mut self,
        len: Option<u64>,
        each: &mut dyn FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.descend()?;
        let mut left = len;
        while left != Some(0) {
            if left.is_none() && self.rest.first() == Some(&BREAK) {
                self.take(1)?;
                break;
            }
            // An item takes at least a byte, so a length that lies ends with the input.
            each(self)?;
            left = left.map(|n| n - 1);
        }
        self.depth -= 1;
        Ok(())
    }

    /// The bytes of a string whose head has been read; an indefinite one is the sum of its chunks.
    fn string_bytes(
        &mut self,
        len: Option<u64>,
        is_chunk: fn(Head) -> Option<u64>,
    ) -> Result<Vec<u8>, DecodeError> {
        if let Some(len) = len {
            return self.take(len).map(<[u8]>::to_vec);
        }
        let mut whole = Vec::new();
        loop {
            match self.head()? {
                Head::Break => return Ok(whole),
                head => whole.extend_from_slice(self.take(is_chunk(head).ok_or_else(malformed)?)?),
            }
        }
    }

    fn text_after(&mut self, len: Option<u64>) -> Result<String, DecodeError> {
        let bytes = self.string_bytes(len, |head| match head {
            Head::Text(len) => len,
            _ => None,
        })?;
        String::from_utf8(bytes).map_err(|_| malformed())
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        match self.head()? {
            Head::Text(len) => self.text_after(len),
            _ => Err(wrong("a string")),
        }
    }

    fn bytes_after(&mut self, len: Option<u64>) -> Result<Vec<u8>, DecodeError> {
        self.string_bytes(len, |head| match head {
            Head::Bytes(len) => len,
            _ => None,
        })
    }

    /// Passes over one item.
    fn skip(&mut self) -> Result<(), DecodeError> {
        match self.head()? {
            Head::Bytes(len) => self.bytes_after(len).map(drop),
            Head::Text(len) => self.text_after(len).map(drop),
            Head::Array(len) => self.items(len, &mut |reader| reader.skip()),
            Head::Map(len) => self.items(len, &mut |reader| reader.skip().and_then(|()| reader.skip())),
            Head::Tag(_) => {
                self.descend()?;
                self.skip()?;
                self.depth -= 1;
                Ok(())
            }
            Head::Break => Err(malformed()),
            _ => Ok(()),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.rest.first(), Some(0xf6 | 0xf7))
    }

    fn value(&mut self, head: Head) -> Result<serde_json::Value, DecodeError> {
        Ok(match head {
            Head::Unsigned(n) => n.into(),
            Head::Negative(n) => i64::try_from(n).map(|n| -1 - n).map_err(|_| wrong("a number"))?.into(),
            Head::Text(len) => self.text_after(len)?.into(),
            Head::Bool(value) => value.into(),
            Head::Null => serde_json::Value::Null,
            Head::Float(value) => value.into(),
            Head::Array(len) => {
                let mut values = Vec::new();
                self.items(len, &mut |reader| {
                    values.push(reader.document()?);
                    Ok(())
                })?;
                values.into()
            }
            Head::Map(len) => {
                let mut entries = serde_json::Map::new();
                self.items(len, &mut |reader| {
                    let key = reader.text()?;
                    entries.insert(key, reader.document()?);
                    Ok(())
                })?;
                entries.into()
            }
            Head::Bytes(_) | Head::Tag(_) | Head::Break => return Err(wrong("a document")),
        })
    }
}

/// The value of a half-precision float.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2f64.powi(exponent - 15),
    }
}

impl Reader for CborReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        let is_null = self.is_null();
        if is_null {
            self.take(1)?;
        }
        Ok(is_null)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.head()? {
            Head::Bool(value) => Ok(value),
            _ => Err(wrong("a boolean")),
        }
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        match self.head()? {
            Head::Unsigned(n) => i64::try_from(n).map_err(|_| wrong("an integer")),
            Head::Negative(n) => i64::try_from(n).map(|n| -1 - n).map_err(|_| wrong("an integer")),
            // Clients in languages without integers may send whole floats.
            Head::Float(value) => text::integer(&format!("{value:?}")).ok_or_else(|| wrong("an integer")),
            _ => Err(wrong("an integer")),
        }
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        match self.head()? {
            Head::Float(value) => Ok(value),
            Head::Unsigned(n) => Ok(n as f64),
            Head::Negative(n) => Ok(-1.0 - n as f64),
            _ => Err(wrong("a number")),
        }
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.text()
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        match self.head()? {
            Head::Bytes(len) => self.bytes_after(len).map(Bytes::from),
            _ => Err(wrong("a byte string")),
        }
    }

    fn timestamp(&mut self, _: TimestampFormat) -> Result<Timestamp, DecodeError> {
        if self.head()? != Head::Tag(TAG_EPOCH) {
            return Err(wrong("a timestamp"));
        }
        text::epoch_secs_f64(self.double()?).ok_or_else(|| wrong("a timestamp"))
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        let Head::Map(len) = self.head()? else { return Err(wrong("a structure")) };
        let mut seen = vec![false; schema.members.len()];
        self.items(len, &mut |reader| {
            let key = reader.text()?;
            let member = schema.members.iter().position(|member| member.wire == key);
            match member.filter(|index| !seen[*index] && !reader.is_null()) {
                Some(index) => {
                    seen[index] = true;
                    visit(index, reader)
                }
                None => reader.skip(),
            }
        })
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, each: &mut Each<'_>) -> Result<(), DecodeError> {
        let Head::Array(len) = self.head()? else { return Err(wrong("a list")) };
        self.items(len, &mut |reader| each(reader))
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, each: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        let Head::Map(len) = self.head()? else { return Err(wrong("a map")) };
        self.items(len, &mut |reader| {
            let key = reader.text()?;
            each(key, reader)
        })
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        let head = self.head()?;
        self.value(head)
    }
}
