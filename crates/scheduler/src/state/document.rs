//! The input of a universal target: JSON as the typed input of an operation, through the generated decoder that reads requests off the wire.
//!
//! Members have the model's names with a capital first letter, whatever the protocol (AWS refuses others: "Request payload is missing the following
//! field(s)"). Blobs are text.

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, MapSchema, Reader, StructSchema, TimestampFormat, Visit,
};
use serde_json::Value;

/// A name with a capital first letter.
#[must_use]
pub fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// Reads a typed input out of JSON. A member that the model does not have is an error.
#[derive(Debug)]
pub struct DocumentReader<'v>(pub &'v Value);

impl DocumentReader<'_> {
    fn mismatch(&self, wanted: &str) -> DecodeError {
        let found = match self.0 {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        DecodeError::new(format!("expected {wanted}, found {found}"))
    }
}

impl Reader for DocumentReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(self.0.is_null())
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.0.as_bool().ok_or_else(|| self.mismatch("a boolean"))
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.0.as_i64().ok_or_else(|| self.mismatch("an integer"))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.0.as_f64().ok_or_else(|| self.mismatch("a number"))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.0.as_str().map(str::to_owned).ok_or_else(|| self.mismatch("a string"))
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        self.string().map(Bytes::from)
    }

    fn timestamp(&mut self, _format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        let text = self.0.as_str().and_then(Timestamp::parse_iso);
        text.or_else(|| self.0.as_f64().map(Timestamp::from_secs_f64))
            .ok_or_else(|| self.mismatch("an instant"))
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        let members = self.0.as_object().ok_or_else(|| self.mismatch("an object"))?;
        let known = |name: &str| schema.members.iter().any(|member| capitalized(member.name) == name);
        if let Some(unknown) = members.keys().find(|name| !known(name)) {
            return Err(DecodeError::new(format!("The field '{unknown}' is not supported")));
        }
        for (index, member) in schema.members.iter().enumerate() {
            match members.get(&capitalized(member.name)) {
                None | Some(Value::Null) => {}
                Some(value) => visit(index, &mut DocumentReader(value))?,
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        _schema: &'static ListSchema,
        _flattened: bool,
        each: &mut Each<'_>,
    ) -> Result<(), DecodeError> {
        let items = self.0.as_array().ok_or_else(|| self.mismatch("a list"))?;
        items.iter().try_for_each(|item| each(&mut DocumentReader(item)))
    }

    fn map(
        &mut self,
        _schema: &'static MapSchema,
        _flattened: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        let map = self.0.as_object().ok_or_else(|| self.mismatch("an object"))?;
        map.iter().try_for_each(|(key, value)| each(key.clone(), &mut DocumentReader(value)))
    }

    fn document(&mut self) -> Result<Value, DecodeError> {
        Ok(self.0.clone())
    }
}
