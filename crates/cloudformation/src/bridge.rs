//! Between the values of templates and the typed inputs and outputs of the services.
//!
//! A resource's properties are JSON whose members are, in the main, those of the API that makes the
//! resource. They become the API's typed input through the same generated decoder that reads requests
//! off the wire, so a property is checked and refused exactly as the API would.

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, Encode, Fill, FillEntries, ListSchema, MapSchema, Reader, StructSchema,
    StructWriter, TimestampFormat, Visit, Writer,
};

use base64::Engine as _;

use crate::template::{Map, Value};

/// Reads a typed input out of a [`Value`]. Members are looked up by the names of the model, and one that
/// the model does not have is an error: nothing that a template says is dropped.
#[derive(Debug)]
pub struct ValueReader<'v> {
    value: &'v Value,
}

impl<'v> ValueReader<'v> {
    /// A reader at `value`.
    #[must_use]
    pub fn new(value: &'v Value) -> Self {
        Self { value }
    }

    fn text(&self) -> Result<String, DecodeError> {
        self.value.scalar_text().ok_or_else(|| self.mismatch("a string"))
    }

    fn mismatch(&self, wanted: &str) -> DecodeError {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        };
        DecodeError::new(format!("expected {wanted}, found {found}"))
    }
}

impl Reader for ValueReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(*self.value == Value::Null)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.text()?.to_ascii_lowercase().parse().map_err(|_| self.mismatch("a boolean"))
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.text()?.parse().map_err(|_| self.mismatch("an integer"))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.text()?.parse().map_err(|_| self.mismatch("a number"))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.text()
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(self.text()?);
        bytes.map(Bytes::from).map_err(|_| self.mismatch("base64"))
    }

    fn timestamp(&mut self, _format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        let text = self.text()?;
        let seconds = text.parse().ok().map(Timestamp::from_secs_f64);
        seconds.or_else(|| Timestamp::parse_iso(&text)).ok_or_else(|| self.mismatch("an instant"))
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        let map = self.value.as_map().ok_or_else(|| self.mismatch("an object"))?;
        let known = |name: &str| schema.members.iter().any(|member| member.name == name);
        if let Some(unknown) = map.keys().find(|name| !known(name)) {
            return Err(DecodeError::new(format!("{} has no member {unknown}", schema.name)));
        }
        for (index, member) in schema.members.iter().enumerate() {
            match map.get(member.name) {
                None | Some(Value::Null) => {}
                Some(value) => visit(index, &mut ValueReader::new(value))?,
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
        let items = self.value.as_list().ok_or_else(|| self.mismatch("a list"))?;
        items.iter().try_for_each(|item| each(&mut ValueReader::new(item)))
    }

    fn map(
        &mut self,
        _schema: &'static MapSchema,
        _flattened: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        let map = self.value.as_map().ok_or_else(|| self.mismatch("an object"))?;
        map.iter().try_for_each(|(key, value)| each(key.clone(), &mut ValueReader::new(value)))
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        serde_json::to_value(self.value).map_err(|error| DecodeError::new(error.to_string()))
    }
}

/// An output as a [`Value`], members under the names of the model.
#[must_use]
pub fn to_value(output: &dyn Encode) -> Value {
    let mut writer = ValueWriter::default();
    output.encode(&mut writer);
    writer.value
}

#[derive(Default)]
struct ValueWriter {
    value: Value,
}

impl Writer for ValueWriter {
    fn null(&mut self) {
        self.value = Value::Null;
    }

    fn bool(&mut self, value: bool) {
        self.value = Value::Bool(value);
    }

    fn integer(&mut self, value: i64) {
        self.value = Value::Number(value.to_string());
    }

    fn double(&mut self, value: f64) {
        self.value = Value::Number(value.to_string());
    }

    fn string(&mut self, value: &str) {
        self.value = value.into();
    }

    fn blob(&mut self, value: &[u8]) {
        self.value = base64::engine::general_purpose::STANDARD.encode(value).into();
    }

    fn timestamp(&mut self, value: Timestamp, _format: TimestampFormat) {
        self.value = Value::Number(value.secs_f64().to_string());
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        let mut members = MemberWriter { schema, members: Map::new() };
        fill(&mut members);
        self.value = Value::Map(members.members);
    }

    fn list(&mut self, _schema: &'static ListSchema, _flattened: bool, len: usize, fill: &mut Fill<'_>) {
        let mut items = Vec::with_capacity(len);
        fill(&mut |item| items.push(to_value(item)));
        self.value = Value::List(items);
    }

    fn map(&mut self, _schema: &'static MapSchema, _flattened: bool, len: usize, fill: &mut FillEntries<'_>) {
        let mut map = Map::with_capacity(len);
        fill(&mut |key, value| {
            map.insert(key.to_owned(), to_value(value));
        });
        self.value = Value::Map(map);
    }

    fn document(&mut self, value: &serde_json::Value) {
        self.value = serde_json::from_value(value.clone()).unwrap_or_default();
    }
}

struct MemberWriter {
    schema: &'static StructSchema,
    members: Map,
}

impl StructWriter for MemberWriter {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        let value = to_value(value);
        if value != Value::Null {
            self.members.insert(self.schema.members[index].name.to_owned(), value);
        }
    }
}
