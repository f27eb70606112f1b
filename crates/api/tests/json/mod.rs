//! A reader and a writer over `serde_json::Value`, as plain as can be: the tests of the generated types need some protocol, and not the real one.

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, Encode, Fill, FillEntries, ListSchema, MapSchema, Reader, StructSchema,
    StructWriter, TimestampFormat, Visit, Writer,
};
use serde_json::{Map, Value};

/// Reads from a value. Blobs are plain text, instants are seconds.
pub struct JsonReader<'v>(pub &'v Value);

fn wrong(expected: &str, value: &Value) -> DecodeError {
    DecodeError::new(format!("expected {expected}, found {value}"))
}

impl Reader for JsonReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(self.0.is_null())
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.0.as_bool().ok_or_else(|| wrong("a boolean", self.0))
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.0.as_i64().ok_or_else(|| wrong("an integer", self.0))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.0.as_f64().ok_or_else(|| wrong("a number", self.0))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.0.as_str().map(str::to_owned).ok_or_else(|| wrong("a string", self.0))
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        self.string().map(Bytes::from)
    }

    fn timestamp(&mut self, _format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        self.double().map(Timestamp::from_secs_f64)
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        let object = self.0.as_object().ok_or_else(|| wrong("an object", self.0))?;
        for (name, value) in object {
            if let Some(index) = schema.members.iter().position(|member| member.wire == name)
                && !value.is_null()
            {
                visit(index, &mut JsonReader(value))?;
            }
        }
        Ok(())
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, each: &mut Each<'_>) -> Result<(), DecodeError> {
        let array = self.0.as_array().ok_or_else(|| wrong("an array", self.0))?;
        array.iter().try_for_each(|value| each(&mut JsonReader(value)))
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, each: &mut EachEntry<'_>) -> Result<(), DecodeError> {
        let object = self.0.as_object().ok_or_else(|| wrong("an object", self.0))?;
        object.iter().try_for_each(|(key, value)| each(key.clone(), &mut JsonReader(value)))
    }

    fn document(&mut self) -> Result<Value, DecodeError> {
        Ok(self.0.clone())
    }
}

/// The value that `value` writes.
pub fn written(value: &dyn Encode) -> Value {
    let mut writer = JsonWriter(Value::Null);
    value.encode(&mut writer);
    writer.0
}

struct JsonWriter(Value);

impl Writer for JsonWriter {
    fn null(&mut self) {
        self.0 = Value::Null;
    }

    fn bool(&mut self, value: bool) {
        self.0 = value.into();
    }

    fn integer(&mut self, value: i64) {
        self.0 = value.into();
    }

    fn double(&mut self, value: f64) {
        self.0 = value.into();
    }

    fn string(&mut self, value: &str) {
        self.0 = value.into();
    }

    fn blob(&mut self, value: &[u8]) {
        self.0 = String::from_utf8_lossy(value).into();
    }

    fn timestamp(&mut self, value: Timestamp, _format: TimestampFormat) {
        self.0 = value.secs_f64().into();
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        let mut members = Members { schema, written: Map::new() };
        fill(&mut members);
        self.0 = Value::Object(members.written);
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, len: usize, fill: &mut Fill<'_>) {
        let mut array = Vec::new();
        fill(&mut |value| array.push(written(value)));
        assert_eq!(array.len(), len);
        self.0 = array.into();
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, len: usize, fill: &mut FillEntries<'_>) {
        let mut object = Map::new();
        fill(&mut |key, value| {
            object.insert(key.to_owned(), written(value));
        });
        assert_eq!(object.len(), len);
        self.0 = object.into();
    }

    fn document(&mut self, value: &Value) {
        self.0 = value.clone();
    }
}

struct Members {
    schema: &'static StructSchema,
    written: Map<String, Value>,
}

impl StructWriter for Members {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        self.written.insert(self.schema.members[index].wire.to_owned(), written(value));
    }
}
