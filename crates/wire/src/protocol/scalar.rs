//! Values that travel as one piece of text: in headers, query parameters, paths and XML attributes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, Encode, Fill, FillEntries, ListSchema, MapSchema, Reader, StructSchema,
    StructWriter, TimestampFormat, Visit, Writer,
};

use crate::protocol::text;

/// Reads a value from one or more texts: a scalar from the first, a list from all.
#[derive(Debug)]
pub struct ScalarReader<'t> {
    texts: Vec<Cow<'t, str>>,
    default_timestamp: TimestampFormat,
    comma_separated: bool,
}

impl<'t> ScalarReader<'t> {
    /// A reader of these texts, of which there is at least one; instants of no particular format are in `default_timestamp`.
    #[must_use]
    pub fn new(texts: Vec<Cow<'t, str>>, default_timestamp: TimestampFormat) -> Self {
        Self { texts, default_timestamp, comma_separated: false }
    }

    /// A reader of the values of a header, of which there is at least one. Lists in headers are separated by commas, over any number of values.
    #[must_use]
    pub fn of_header(values: Vec<Cow<'t, str>>) -> Self {
        Self { texts: values, default_timestamp: TimestampFormat::HttpDate, comma_separated: true }
    }

    fn text(&self) -> &str {
        self.texts.first().map_or("", |text| text)
    }

    fn parse<T>(&self, parse: impl FnOnce(&str) -> Option<T>, kind: &str) -> Result<T, DecodeError> {
        parse(self.text())
            .ok_or_else(|| DecodeError::new(format!("STRING_VALUE cannot be converted to {kind}")))
    }
}

impl Reader for ScalarReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        // S3's clients send `True` too (boto3, from Python's spelling).
        self.parse(
            |text| match text {
                _ if text.eq_ignore_ascii_case("true") => Some(true),
                _ if text.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
            "Boolean",
        )
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.parse(|text| text.parse().ok(), "Integer")
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.parse(text::double, "Double")
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        Ok(self.text().to_owned())
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        self.parse(|text| STANDARD.decode(text).ok().map(Bytes::from), "Blob")
    }

    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        let format = if format == TimestampFormat::Default { self.default_timestamp } else { format };
        self.parse(|text| text::timestamp(text, format), "Date")
    }

    fn structure(&mut self, _: &'static StructSchema, _: &mut Visit<'_>) -> Result<(), DecodeError> {
        Err(DecodeError::new("STRING_VALUE cannot be converted to a structure"))
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, each: &mut Each<'_>) -> Result<(), DecodeError> {
        for text in &self.texts {
            let pieces = if self.comma_separated {
                text.split(',').map(str::trim).collect()
            } else {
                vec![text.as_ref()]
            };
            for piece in pieces {
                each(&mut ScalarReader::new(vec![Cow::Borrowed(piece)], self.default_timestamp))?;
            }
        }
        Ok(())
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, _: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        Err(DecodeError::new("STRING_VALUE cannot be converted to a map"))
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        serde_json::from_str(self.text()).map_err(|_| DecodeError::new("Invalid JSON"))
    }
}

/// Writes a scalar, or a list of scalars, as texts.
#[derive(Debug, Default)]
pub struct ScalarWriter {
    /// What was written: one text for a scalar, one for each element of a list.
    pub texts: Vec<String>,
    /// Key and value of each entry, if a map was written.
    pub entries: Vec<(String, String)>,
    /// Instants of no particular format are spelled as in headers.
    pub in_header: bool,
}

impl ScalarWriter {
    /// The texts with commas between, as a header carries a list.
    #[must_use]
    pub fn joined(mut self) -> String {
        if self.texts.len() == 1 { self.texts.swap_remove(0) } else { self.texts.join(",") }
    }

    fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.texts.push(String::from_utf8_lossy(&out).into_owned());
    }
}

impl Writer for ScalarWriter {
    fn null(&mut self) {}

    fn bool(&mut self, value: bool) {
        self.texts.push(value.to_string());
    }

    fn integer(&mut self, value: i64) {
        self.texts.push(value.to_string());
    }

    fn double(&mut self, value: f64) {
        if value.is_finite() {
            self.push_with(|out| text::push_double(out, value));
        } else {
            self.texts.push(text::not_finite_name(value).to_owned());
        }
    }

    fn string(&mut self, value: &str) {
        self.texts.push(value.to_owned());
    }

    fn blob(&mut self, value: &[u8]) {
        self.push_with(|out| text::push_base64(out, value));
    }

    fn timestamp(&mut self, value: Timestamp, format: TimestampFormat) {
        let format = match format {
            TimestampFormat::Default if self.in_header => TimestampFormat::HttpDate,
            other => other,
        };
        self.texts.push(text::timestamp_text(value, format));
    }

    fn structure(&mut self, _: &'static StructSchema, _: &mut dyn FnMut(&mut dyn StructWriter)) {}

    fn list(&mut self, _: &'static ListSchema, _: bool, _: usize, fill: &mut Fill<'_>) {
        fill(&mut |value: &dyn Encode| value.encode(self));
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, _: usize, fill: &mut FillEntries<'_>) {
        fill(&mut |key, value| {
            let mut text = Self { in_header: self.in_header, ..Self::default() };
            value.encode(&mut text);
            self.entries.push((key.to_owned(), text.joined()));
        });
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.texts.push(value.to_string());
    }
}
