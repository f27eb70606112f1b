//! Prints inputs by the model's names of their members, blobs in base64 and instants in seconds, as `generate.py` does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    Encode, Fill, FillEntries, ListSchema, MapSchema, StructSchema, StructWriter, TimestampFormat, Writer,
};
use serde_json::{Map, Value};

/// The value that `value` writes.
pub fn printed(value: &dyn Encode) -> Value {
    let mut printer = Printer(Value::Null);
    value.encode(&mut printer);
    printer.0
}

struct Printer(Value);

impl Writer for Printer {
    fn null(&mut self) {}

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
        self.0 = STANDARD.encode(value).into();
    }

    fn timestamp(&mut self, value: Timestamp, _format: TimestampFormat) {
        self.0 = value.secs_f64().into();
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        let mut members = Members { schema, printed: Map::new() };
        fill(&mut members);
        self.0 = Value::Object(members.printed);
    }

    fn list(&mut self, _: &'static ListSchema, _: bool, _: usize, fill: &mut Fill<'_>) {
        let mut array = Vec::new();
        fill(&mut |value| array.push(printed(value)));
        self.0 = array.into();
    }

    fn map(&mut self, _: &'static MapSchema, _: bool, _: usize, fill: &mut FillEntries<'_>) {
        let mut object = Map::new();
        fill(&mut |key, value| {
            object.insert(key.to_owned(), printed(value));
        });
        self.0 = object.into();
    }

    fn document(&mut self, value: &Value) {
        self.0 = value.clone();
    }
}

struct Members {
    schema: &'static StructSchema,
    printed: Map<String, Value>,
}

impl StructWriter for Members {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        self.printed.insert(self.schema.members[index].name.to_owned(), printed(value));
    }
}
