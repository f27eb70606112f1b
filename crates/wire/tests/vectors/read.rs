//! Reads what `printed` prints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, MapSchema, Reader, StructSchema, TimestampFormat, Visit,
};
use serde_json::Value;

/// A reader of a printed value.
pub struct PrintedReader<'v>(pub &'v Value);

impl PrintedReader<'_> {
    fn wrong(&self) -> DecodeError {
        DecodeError::new(format!("not expected here: {}", self.0))
    }
}

impl Reader for PrintedReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(self.0.is_null())
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.0.as_bool().ok_or_else(|| self.wrong())
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.0.as_i64().ok_or_else(|| self.wrong())
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.0.as_f64().ok_or_else(|| self.wrong())
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.0.as_str().map(str::to_owned).ok_or_else(|| self.wrong())
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        let decoded = self.0.as_str().and_then(|text| STANDARD.decode(text).ok());
        decoded.map(Bytes::from).ok_or_else(|| self.wrong())
    }

    fn timestamp(&mut self, _: TimestampFormat) -> Result<Timestamp, DecodeError> {
        self.double().map(Timestamp::from_secs_f64)
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        for (name, value) in self.0.as_object().ok_or_else(|| self.wrong())? {
            let index = schema.members.iter().position(|member| member.name == name);
            visit(index.ok_or_else(|| self.wrong())?, &mut PrintedReader(value))?;
        }
        Ok(())
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, each: &mut Each<'_>) -> Result<(), DecodeError> {
        let array = self.0.as_array().ok_or_else(|| self.wrong())?;
        array.iter().try_for_each(|value| each(&mut PrintedReader(value)))
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, each: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        let object = self.0.as_object().ok_or_else(|| self.wrong())?;
        object.iter().try_for_each(|(key, value)| each(key.clone(), &mut PrintedReader(value)))
    }

    fn document(&mut self) -> Result<Value, DecodeError> {
        Ok(self.0.clone())
    }
}
