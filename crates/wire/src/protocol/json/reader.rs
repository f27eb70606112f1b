//! Reads JSON straight into the generated types: one pass over the bytes, no tree in between.
//!
//! The wording of errors is DynamoDB's for values of wrong types, as dynalite's tests against the real service have it; a document that is not JSON
//! at all has no message there, and so none here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, Location, MapSchema, Reader, StructSchema, TimestampFormat,
    Visit,
};

use crate::protocol::text;

/// How deep structures, lists and maps may stand in each other. DynamoDB's 32 levels of attributes need two each.
pub const DEPTH_MAX: u32 = 128;

/// A cursor over a JSON document.
#[derive(Debug)]
pub struct JsonReader<'b> {
    text: &'b str,
    at: usize,
    depth: u32,
    /// What comes before shapes' names in messages: the service's `error_prefix`.
    package: &'static str,
    /// Whether the value at the cursor is a structure's member, and not a list's element or a map's value.
    is_member: bool,
}

/// Receives the entries of an object: the key, and the reader at the value.
type EachKey<'e, 'b> = dyn FnMut(Cow<'b, str>, &mut JsonReader<'b>) -> Result<(), DecodeError> + 'e;

/// The kind of the value at the cursor, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    True,
    False,
    Number,
    String,
    Array,
    Object,
}

fn malformed() -> DecodeError {
    DecodeError::new("")
}

impl<'b> JsonReader<'b> {
    /// A reader at the start of `bytes`.
    ///
    /// # Errors
    /// If they are not UTF-8.
    pub fn new(bytes: &'b [u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        Ok(Self { text, at: 0, depth: 0, package: "", is_member: false })
    }

    /// The same reader, putting `package` before shapes' names in messages.
    #[must_use]
    pub fn of_package(self, package: &'static str) -> Self {
        Self { package, ..self }
    }

    /// Checks that only white space is left.
    ///
    /// # Errors
    /// If anything else follows the value that was read.
    pub fn finish(mut self) -> Result<(), DecodeError> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(malformed()) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space and says what kind of value follows.
    fn kind(&mut self) -> Result<Kind, DecodeError> {
        self.skip_space();
        match self.peek() {
            Some(b'n') => Ok(Kind::Null),
            Some(b't') => Ok(Kind::True),
            Some(b'f') => Ok(Kind::False),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'"') => Ok(Kind::String),
            Some(b'[') => Ok(Kind::Array),
            Some(b'{') => Ok(Kind::Object),
            _ => Err(malformed()),
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), DecodeError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(malformed())
        }
    }

    /// Skips white space and consumes `byte`, which must follow.
    fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.accept(byte) { Ok(()) } else { Err(malformed()) }
    }

    /// Skips white space and consumes `byte` if it follows.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn descend(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(DecodeError::new("Document nesting is too deep"));
        }
        Ok(())
    }

    /// The number at the cursor as its text, checked against JSON's grammar.
    fn number(&mut self) -> Result<&'b str, DecodeError> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        let digits = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            *at - from
        };
        let leading_zero = bytes.get(at) == Some(&b'0');
        let whole = digits(&mut at);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(malformed());
        }
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            if digits(&mut at) == 0 {
                return Err(malformed());
            }
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            if digits(&mut at) == 0 {
                return Err(malformed());
            }
        }
        self.at = at;
        self.text.get(start..at).ok_or_else(malformed)
    }

    /// The string at the cursor; borrowed when it has no escapes.
    fn quoted(&mut self) -> Result<Cow<'b, str>, DecodeError> {
        self.expect(b'"')?;
        let start = self.at;
        self.skip_plain();
        let plain = self.text.get(start..self.at).ok_or_else(malformed)?;
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Cow::Borrowed(plain))
            }
            Some(b'\\') => self.quoted_with_escapes(plain).map(Cow::Owned),
            _ => Err(malformed()),
        }
    }

    /// Moves to the next quote, backslash, control character or the end.
    fn skip_plain(&mut self) {
        self.at += text::plain_json_len(&self.text.as_bytes()[self.at..]);
    }

    fn quoted_with_escapes(&mut self, begun: &str) -> Result<String, DecodeError> {
        let mut value = String::with_capacity(begun.len() + 32);
        value.push_str(begun);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.at += 1;
                    value.push(self.escape()?);
                }
                _ => return Err(malformed()),
            }
            let start = self.at;
            self.skip_plain();
            value.push_str(self.text.get(start..self.at).ok_or_else(malformed)?);
        }
    }

    /// The character after a backslash.
    fn escape(&mut self) -> Result<char, DecodeError> {
        let escape = self.peek().ok_or_else(malformed)?;
        self.at += 1;
        Ok(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(malformed()),
        })
    }

    /// The character of `XXXX` or of a surrogate pair `XXXX\uXXXX`. A lone surrogate is no character and cannot be carried.
    fn unicode_escape(&mut self) -> Result<char, DecodeError> {
        let first = self.four_hex_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(malformed);
        }
        self.literal("\\u")?;
        let second = self.four_hex_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(malformed());
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(malformed)
    }

    fn four_hex_digits(&mut self) -> Result<u32, DecodeError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or_else(malformed)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, digit| {
            char::from(*digit).to_digit(16).map(|d| value * 16 + d).ok_or_else(malformed)
        })
    }

    /// Passes over the value at the cursor, whatever it is.
    fn skip(&mut self) -> Result<(), DecodeError> {
        match self.kind()? {
            Kind::Null => self.literal("null"),
            Kind::True => self.literal("true"),
            Kind::False => self.literal("false"),
            Kind::Number => self.number().map(drop),
            Kind::String => self.quoted().map(drop),
            Kind::Array => self.elements(&mut |reader| reader.skip()),
            Kind::Object => self.entries(&mut |_, reader| reader.skip()),
        }
    }

    /// Calls `each` at every element of the array at the cursor.
    fn elements(
        &mut self,
        each: &mut dyn FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.descend()?;
        self.expect(b'[')?;
        if !self.accept(b']') {
            loop {
                each(self)?;
                if !self.accept(b',') {
                    break;
                }
            }
            self.expect(b']')?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Calls `each` with the key and at the value of every entry of the object at the cursor.
    fn entries(&mut self, each: &mut EachKey<'_, 'b>) -> Result<(), DecodeError> {
        self.descend()?;
        self.expect(b'{')?;
        if !self.accept(b'}') {
            loop {
                let key = self.quoted()?;
                self.expect(b':')?;
                each(key, self)?;
                if !self.accept(b',') {
                    break;
                }
            }
            self.expect(b'}')?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Consumes the value and says that it is of a wrong type, in DynamoDB's words; `wanted` is the Java class it names.
    fn wrong(&mut self, kind: Kind, wanted: &str) -> DecodeError {
        let token = match kind {
            Kind::Null => "NULL_VALUE",
            Kind::True => "TRUE_VALUE",
            Kind::False => "FALSE_VALUE",
            Kind::String => "STRING_VALUE",
            Kind::Number => match self.number() {
                Ok(number) if number.contains(['.', 'e', 'E']) => "DECIMAL_VALUE",
                Ok(_) => "NUMBER_VALUE",
                Err(error) => return error,
            },
            Kind::Array => {
                return DecodeError::new(format!("Unrecognized collection type class java.lang.{wanted}"));
            }
            Kind::Object => return DecodeError::new("Start of structure or map found where not expected"),
        };
        DecodeError::new(format!("{token} cannot be converted to {wanted}"))
    }

    /// Reads a structure of which only the members at `location` are in this document; all of them if it is `None`.
    ///
    /// # Errors
    /// If the value is not an object, or whatever `visit` fails with.
    pub fn structure_in(
        &mut self,
        schema: &'static StructSchema,
        location: Option<Location>,
        visit: &mut Visit<'_>,
    ) -> Result<(), DecodeError> {
        match self.kind()? {
            Kind::Object => {}
            Kind::Array => {
                let (package, name) = (self.package, schema.name);
                let dot = if package.is_empty() { "" } else { "." };
                return Err(DecodeError::new(format!(
                    "Unrecognized collection type class {package}{dot}{name}"
                )));
            }
            _ if self.is_member => return Err(DecodeError::new("Unexpected field type")),
            _ => return Err(DecodeError::new("Unexpected value type in payload")),
        }
        let mut members = Members::of(schema);
        self.entries(&mut |key, reader| {
            let wanted = members
                .find(&key)
                .filter(|index| location.is_none_or(|location| schema.members[*index].location == location));
            match wanted {
                Some(index) if reader.kind()? != Kind::Null => {
                    members.seen(index);
                    reader.is_member = true;
                    visit(index, reader)
                }
                _ => reader.skip(),
            }
        })
    }
}

/// Finds members by wire name, each once. Clients mostly send them in the model's order, so the search begins where the last one ended.
struct Members {
    schema: &'static StructSchema,
    next: usize,
    seen: u128,
}

impl Members {
    fn of(schema: &'static StructSchema) -> Self {
        Self { schema, next: 0, seen: 0 }
    }

    /// The index of the member with this wire name, unless it came before.
    fn find(&mut self, wire: &str) -> Option<usize> {
        let members = self.schema.members;
        let (before, after) = members.split_at(self.next.min(members.len()));
        let found = after.iter().position(|m| m.wire == wire).map(|i| i + before.len());
        let index = found.or_else(|| before.iter().position(|m| m.wire == wire))?;
        self.next = index + 1;
        let came_before = index < 128 && self.seen & (1 << index) != 0;
        (!came_before).then_some(index)
    }

    fn seen(&mut self, index: usize) {
        if index < 128 {
            self.seen |= 1 << index;
        }
    }
}

impl Reader for JsonReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        if self.kind()? != Kind::Null {
            return Ok(false);
        }
        self.literal("null")?;
        Ok(true)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.kind()? {
            Kind::True => self.literal("true").map(|()| true),
            Kind::False => self.literal("false").map(|()| false),
            Kind::String => {
                let value = self.quoted()?;
                let word = |word: &str| value.eq_ignore_ascii_case(word);
                if word("true") || word("false") {
                    return Ok(word("true"));
                }
                Err(DecodeError::new("Unexpected token received from parser"))
            }
            kind => Err(self.wrong(kind, "Boolean")),
        }
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        match self.kind()? {
            Kind::Number => text::integer(self.number()?)
                .ok_or_else(|| DecodeError::new("NUMBER_VALUE cannot be converted to Long")),
            kind => Err(self.wrong(kind, "Long")),
        }
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        match self.kind()? {
            Kind::Number => self.number()?.parse().map_err(|_| malformed()),
            Kind::String => {
                let value = self.quoted()?;
                text::not_finite(&value)
                    .ok_or_else(|| DecodeError::new("STRING_VALUE cannot be converted to Double"))
            }
            kind => Err(self.wrong(kind, "Double")),
        }
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        match self.kind()? {
            Kind::String => self.quoted().map(Cow::into_owned),
            kind => Err(self.wrong(kind, "String")),
        }
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        match self.kind()? {
            Kind::String => {
                let value = self.quoted()?;
                STANDARD.decode(value.as_bytes()).map(Bytes::from).map_err(|_| base64_error(&value))
            }
            Kind::Array => Err(DecodeError::new("Unrecognized collection type class java.nio.ByteBuffer")),
            Kind::Object => Err(DecodeError::new("Start of structure or map found where not expected")),
            _ => Err(DecodeError::new("only base-64-encoded strings are convertible to bytes")),
        }
    }

    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        match self.kind()? {
            Kind::Number => {
                text::epoch_secs(self.number()?).ok_or_else(|| DecodeError::new("Invalid timestamp"))
            }
            Kind::String => {
                let value = self.quoted()?;
                text::timestamp(&value, format).ok_or_else(|| {
                    DecodeError::new("STRING_VALUE cannot be converted to milliseconds since epoch")
                })
            }
            kind => Err(self.wrong(kind, "Date")),
        }
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        self.structure_in(schema, None, visit)
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, each: &mut Each<'_>) -> Result<(), DecodeError> {
        match self.kind()? {
            Kind::Array => self.elements(&mut |reader| {
                reader.is_member = false;
                each(reader)
            }),
            Kind::Object => Err(DecodeError::new("Start of structure or map found where not expected")),
            _ => Err(DecodeError::new("Unexpected field type")),
        }
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, each: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        match self.kind()? {
            Kind::Object => self.entries(&mut |key, reader| {
                reader.is_member = false;
                each(key.into_owned(), reader)
            }),
            Kind::Array => Err(DecodeError::new("Unrecognized collection type java.util.Map")),
            _ => Err(DecodeError::new("Unexpected field type")),
        }
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        self.skip_space();
        let start = self.at;
        self.skip()?;
        serde_json::from_str(self.text.get(start..self.at).ok_or_else(malformed)?).map_err(|_| malformed())
    }
}

/// DynamoDB's two complaints about base64.
fn base64_error(value: &str) -> DecodeError {
    if !value.len().is_multiple_of(4) {
        return DecodeError::new(format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
            value.len()
        ));
    }
    match value.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '=')) {
        Some(other) => DecodeError::new(format!("Invalid Base64 character: '{other}'")),
        None => DecodeError::new("Invalid last non-pad Base64 character dectected"),
    }
}
